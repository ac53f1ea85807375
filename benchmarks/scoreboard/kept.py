"""The figures that are kept with the repository, and the page made of them."""

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from benchmarks.scoreboard.figure import Figure, shown
from benchmarks.scoreboard.traces import ROOT

RESULTS = Path(__file__).with_name("results.json")
PAGE = ROOT / "docs" / "reference" / "scoreboard.md"

_INTRO = """\
# Scoreboard

<!-- Written by `make scoreboard ARGS=--page` from benchmarks/scoreboard/results.json. -->

Hutong's scheduler in the simulator, beside what others reached on the same input files. *Theirs* is
published or was measured by running them, as the row says. Times are CPU seconds of the process. A
figure that misses its bound says so.
"""


class KeptFigure(msgspec.Struct, frozen=True):
    """A figure as it is kept."""

    name: str
    value: float
    unit: str
    bound: float | None
    direction: str
    theirs: dict[str, float]
    told: str
    holds: bool


class KeptRow(msgspec.Struct, frozen=True):
    """A row with what made it: the command, the day, the load of the machine then."""

    about: str
    command: str
    date: str
    load: float
    figures: tuple[KeptFigure, ...]


def read() -> dict[str, KeptRow]:
    """The rows that are kept, by name."""
    if not RESULTS.exists():
        return {}
    return msgspec.json.decode(RESULTS.read_bytes(), type=dict[str, KeptRow])


def keep(row: str, about: str, figures: Iterable[Figure]) -> None:
    """Keep the figures of a row instead of those that were kept of it."""
    rows = read()
    rows[row] = KeptRow(
        about,
        f"make scoreboard ARGS={row}",
        datetime.now(UTC).date().isoformat(),
        round(os.getloadavg()[0], 1),
        tuple(
            KeptFigure(
                one.name, one.value, one.unit, one.bound, one.direction, dict(one.theirs),
                one.told, one.holds,
            )
            for one in figures
        ),
    )  # fmt: skip
    text = msgspec.json.format(msgspec.json.encode(dict(sorted(rows.items()))), indent=1)
    RESULTS.write_bytes(text + b"\n")


def page() -> str:
    """The page, from what is kept."""
    return "\n".join([_INTRO, *[_section(name, row) for name, row in read().items()]])


def _section(name: str, row: KeptRow) -> str:
    lines = [f"## {name}", "", row.about, ""]
    lines += ["| figure | ours | bound | theirs |", "| --- | --- | --- | --- |"]
    for told in ("", "oracle", "estimate"):
        for figure in row.figures:
            if figure.told == told:
                lines.append(_line(figure))
    lines += ["", f"`{row.command}`, {row.date}, load {row.load:g}.", ""]
    return "\n".join(lines)


def _line(figure: KeptFigure) -> str:
    name = f"{figure.name}, {figure.told}" if figure.told else figure.name
    bound = ""
    if figure.bound is not None:
        bound = f"{figure.direction} {shown(figure.bound)}"
        bound += "" if figure.holds else ", **missed**"
    theirs = ", ".join(f"{who} {shown(value)}" for who, value in figure.theirs.items())
    return f"| {name} | {shown(figure.value)} {figure.unit} | {bound} | {theirs} |"
