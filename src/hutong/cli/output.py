"""What commands print: tables and lines for people, JSON for programs, notes on stderr."""

import os
import sys
from collections.abc import Sequence
from typing import TextIO

import msgspec

from hutong.cli.table import Cell, Column, printable, render, styled

STATE_STYLES = {
    "running": "green", "succeeded": "dim", "failed": "red", "cancelled": "dim", "queued": "yellow",
    "placed": "cyan", "staging": "cyan", "starting": "cyan", "stopping": "yellow", "lost": "red",
    "ended": "dim", "ready": "green", "draining": "yellow", "silent": "red", "down": "red",
}  # fmt: skip


def colour_on(stream: TextIO) -> bool:
    """Say whether a stream takes colours: `NO_COLOR` wins, then `FORCE_COLOR`, then a terminal."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def width_of(stream: TextIO) -> int:
    """The columns of a stream: `COLUMNS`, else the terminal's; 0, no bound, for a file or pipe."""
    said = os.environ.get("COLUMNS", "")
    if said.isdecimal() and int(said) > 0:
        return int(said)
    if not stream.isatty():
        return 0
    try:
        return os.get_terminal_size(stream.fileno()).columns
    except OSError:
        return 80


def line(text: str = "") -> None:
    """Print a line of words. Text from elsewhere goes through `safe` first."""
    sys.stdout.write(text + "\n")


def note(text: str) -> None:
    """Tell a person something that is no part of the answer."""
    sys.stdout.flush()
    sys.stderr.write(text + "\n")


def warn(text: str) -> None:
    """Tell a person of something to look at."""
    note(f"{styled('warning', 'yellow', colour=colour_on(sys.stderr))}: {printable(text)}")


def paint(text: str, style: str) -> str:
    """Style text for stdout, free of control characters."""
    return styled(printable(text), style, colour=colour_on(sys.stdout))


def state(name: str) -> Cell:
    """A state in its colour."""
    return Cell(name, STATE_STYLES.get(name, ""))


def heading(text: str) -> None:
    """Print the title of a part, with an empty line before it."""
    line()
    line(paint(text, "bold"))


def table(
    columns: Sequence[Column], rows: Sequence[Sequence[str | Cell]], *, indent: int = 0
) -> None:
    """Print a table."""
    width = width_of(sys.stdout)
    lines = render(
        columns, rows, width=max(width - indent, 1) if width else 0, colour=colour_on(sys.stdout)
    )
    sys.stdout.write("".join(f"{' ' * indent}{text}".rstrip() + "\n" for text in lines))


def fields(pairs: Sequence[tuple[str, str]]) -> None:
    """Print names and their values, those without a value left out; long values are wrapped."""
    import textwrap

    room = (width_of(sys.stdout) or 100_000) - 14
    for name, value in pairs:
        if not value:
            continue
        wrapped = textwrap.wrap(printable(value), max(room, 20)) or [""]
        line(f"  {paint(f'{name:<10}', 'dim')}  {wrapped[0]}")
        for more in wrapped[1:]:
            line(f"{'':14}{more}")


def sentence(text: str, *, mark: str = "-", style: str = "", indent: int = 2) -> None:
    """Print a sentence behind a mark, wrapped to the width; only the mark is styled."""
    import textwrap

    width = width_of(sys.stdout) or 100_000
    lead = indent + len(mark) + 1
    first, *more = textwrap.wrap(printable(text), max(width - lead, 24)) or [""]
    line(f"{' ' * indent}{paint(mark, style)} {first}")
    for rest in more:
        line(f"{' ' * lead}{rest}")


def document(value: object) -> None:
    """Print one JSON document."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def json_line(value: object) -> None:
    """Print one line of NDJSON, at once: somebody may be reading along."""
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    sys.stdout.flush()
