"""Small pieces of Markdown, and figures as people read them."""

import inspect
import re
import typing
from collections.abc import Iterable, Sequence
from enum import EnumType

import msgspec

NOTE = "<!-- Written by `make docs` from the program. Change the program, not this page. -->"


def page(title: str, *parts: str) -> str:
    """A page: the note, a title, and paragraphs with a blank line between them."""
    return "\n\n".join([NOTE, f"# {title}", *(part.strip("\n") for part in parts if part)]) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table. A `|` in a cell is escaped, a line break becomes a blank."""
    lines = [_row(head), _row(["---"] * len(head))]
    lines.extend(_row(row) for row in rows)
    return "\n".join(lines)


def _row(cells: Sequence[object]) -> str:
    shown = [str(cell).replace("\n", " ").replace("|", "\\|") for cell in cells]
    return "| " + " | ".join(shown) + " |"


def code(word: object) -> str:
    """A word in code type; nothing stays nothing."""
    text = str(word)
    return f"`{text}`" if text else ""


def listed(words: Iterable[object]) -> str:
    """Words in code type with commas."""
    return ", ".join(code(word) for word in words)


def link(label: str, target: str) -> str:
    """A link with its label in code type."""
    return f"[`{label}`]({target})"


def slug(heading: str) -> str:
    """The anchor of a heading, as GitHub and most renderers make it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def doc(thing: object) -> str:
    """A docstring's text as one paragraph a paragraph, its names in code type as written."""
    text = inspect.cleandoc(getattr(thing, "__doc__", "") or "")
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def first_paragraph(thing: object) -> str:
    """A docstring's first paragraph, on one line."""
    return doc(thing).split("\n\n", 1)[0]


Named = typing.Callable[[type], str]


def plain_name(kind: type) -> str:
    """A type's own name."""
    return kind.__name__


def type_name(annotation: object, named: Named = plain_name) -> str:
    """A field's type in words that a reader without Python understands.

    `named` gives the words for a structure.
    """
    if annotation is type(None):
        return "null"
    if isinstance(annotation, EnumType):
        return " or ".join(code(member.value) for member in annotation)
    if isinstance(annotation, typing.NewType):
        return annotation.__name__
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return type_name(arguments[0], named)
    if origin in (tuple, list):
        return f"list of {type_name(arguments[0], named)}"
    if origin is dict:
        return f"{type_name(arguments[0], named)} to {type_name(arguments[1], named)}"
    if arguments:
        return _union(arguments, named)
    plain = {str: "text", int: "integer", bool: "true or false", bytes: "bytes", dict: "object",
             msgspec.Raw: "object"}  # fmt: skip
    kind = typing.cast("type", annotation)
    return plain.get(kind) or named(kind)


def _union(arguments: tuple[object, ...], named: Named) -> str:
    from hutong.model.reasons import Reason

    kinds = [part for part in arguments if part is not type(None)]
    if kinds and all(isinstance(part, type) and issubclass(part, Reason) for part in kinds):
        shown = ["[reason](reasons.md)"]
    else:
        shown = [type_name(part, named) for part in kinds]
    return " or ".join([*shown, "null"] if len(kinds) < len(arguments) else shown)


BYTES = ((1024**3, "GiB"), (1024**2, "MiB"), (1024, "KiB"))
TIMES = ((86_400_000, "day"), (3_600_000, "hour"), (60_000, "minute"), (1000, "second"))


def quantity(name: str, value: int) -> str:
    """A limit's value with the unit that its name holds."""
    words = name.split("_")
    match words:
        case ["UNIX", "TIME", "MS"]:
            return f"{value:,} (Unix ms)"
        case [*_, "MS"]:
            return _scaled(value, TIMES, "ms", plural="s")
        case [*_, "MIB"]:
            return _scaled(value * 1024**2, BYTES, "bytes")
        case [*_, "MILLI"]:
            return f"{value / 1000:,g}"
        case [*_, "MICROCNY"]:
            return f"{value // 1_000_000:,} CNY"
        case _ if "BYTES" in words:
            return _scaled(value, BYTES, "bytes")
        case _:
            return f"{value:,}"


def _scaled(value: int, units: tuple[tuple[int, str], ...], base: str, *, plural: str = "") -> str:
    for size, unit in units:
        if value >= size and value % size == 0:
            count = value // size
            return f"{count:,} {unit}{plural if count > 1 else ''}"
    return f"{value:,} {base}"
