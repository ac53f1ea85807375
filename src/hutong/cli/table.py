"""Tables of text that fit the terminal: columns that may be cut are cut, widest first, those that
can be spared go, and no line ever wraps. Text from elsewhere loses its control characters, so that
a job's name cannot move the cursor or set a colour."""

import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

GAP = 2
CODES = {
    "bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34",
    "magenta": "35", "cyan": "36",
}  # fmt: skip


class Column(NamedTuple):
    """A column. `least` is how far it may be cut, 0 for not at all; `right` aligns numbers. One
    with `spare` is left out where the others could not keep even their least width; the highest
    goes first. `tail` cuts at the front, for paths whose end tells more."""

    title: str
    least: int = 0
    right: bool = False
    spare: int = 0
    tail: bool = False


class Cell(NamedTuple):
    """Text with a style of `CODES`, or none."""

    text: str
    style: str = ""


def render(
    columns: Sequence[Column], rows: Sequence[Sequence[str | Cell]], *, width: int, colour: bool
) -> list[str]:
    """Give the lines of a table, its head first. `width` of 0 cuts nothing."""
    cells = [[_clean(cell) for cell in row] for row in rows]
    sizes = [
        max([columns_of(column.title), *(columns_of(row[place].text) for row in cells)])
        for place, column in enumerate(columns)
    ]
    if width:
        kept = _kept(columns, sizes, width)
        columns, sizes = [columns[place] for place in kept], [sizes[place] for place in kept]
        cells = [[row[place] for place in kept] for row in cells]
        _shrink(columns, sizes, width)
    head = [Cell(column.title, "bold") for column in columns]
    return [_line(columns, sizes, row, width, colour=colour) for row in (head, *cells)]


def _kept(columns: Sequence[Column], sizes: Sequence[int], width: int) -> list[int]:
    """Give the places of the columns that have room."""
    kept = list(range(len(columns)))
    for place in sorted(kept, key=lambda place: -columns[place].spare):
        least = sum(_least(columns[other], sizes[other]) + GAP for other in kept) - GAP
        if least <= width or not columns[place].spare:
            break
        kept.remove(place)
    return kept


def _least(column: Column, size: int) -> int:
    return min(size, max(column.least, columns_of(column.title))) if column.least else size


def _clean(cell: str | Cell) -> Cell:
    if isinstance(cell, Cell):
        return cell if cell.text.isprintable() else Cell(printable(cell.text), cell.style)
    return Cell(cell if cell.isprintable() else printable(cell))


def _shrink(columns: Sequence[Column], sizes: list[int], width: int) -> None:
    """Take columns of text away one by one, always from the widest that may still be cut."""
    over = sum(sizes) + GAP * (len(sizes) - 1) - width
    while over > 0:
        places = [
            place
            for place, column in enumerate(columns)
            if sizes[place] > _least(column, sizes[place])
        ]
        if not places:
            return
        sizes[max(places, key=sizes.__getitem__)] -= 1
        over -= 1


def _line(
    columns: Sequence[Column], sizes: list[int], row: Sequence[Cell], width: int, *, colour: bool
) -> str:
    parts: list[str] = []
    room = width or sum(sizes) + GAP * len(sizes)
    for place, cell in enumerate(row):
        if place:
            room -= GAP
            parts.append(" " * GAP)
        if room <= 0:
            break
        size = min(sizes[place], room)
        text = cut_front(cell.text, size) if columns[place].tail else cut(cell.text, size)
        blank = " " * (size - columns_of(text))
        shown = styled(text, cell.style, colour=colour)
        parts.append(blank + shown if columns[place].right else shown + blank)
        room -= size
    return "".join(parts).rstrip()


def styled(text: str, style: str, *, colour: bool) -> str:
    """Wrap text into the codes of a style."""
    return f"\x1b[{CODES[style]}m{text}\x1b[0m" if colour and style and text else text


def printable(text: str) -> str:
    """Replace what moves the cursor, rings the bell or cannot be seen."""
    return "".join(char if char.isprintable() else "?" for char in text)


def columns_of(text: str) -> int:
    """How many columns of a terminal a text takes: two for a wide character."""
    if text.isascii():
        return len(text)
    return sum(_columns(char) for char in text)


def cut(text: str, size: int) -> str:
    """Shorten a text to at most `size` columns, with an ellipsis at its end."""
    if columns_of(text) <= size:
        return text
    kept, room = [], size - 1
    for char in text:
        room -= _columns(char)
        if room < 0:
            break
        kept.append(char)
    return "".join(kept) + "…" if size > 0 else ""


def cut_front(text: str, size: int) -> str:
    """Shorten a text to at most `size` columns, with an ellipsis at its front."""
    if columns_of(text) <= size:
        return text
    return cut(text[::-1], size)[::-1]


def _columns(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
