"""A figure: what was measured, the bound it is held against, the load of the machine then."""

import json
import os
import sys
from collections.abc import Callable
from typing import Literal, NamedTuple

Direction = Literal["at most", "at least"]


class Figure(NamedTuple):
    """One measured value. `bound` is 0 where a figure is only an anchor for others."""

    name: str
    value: float
    unit: str
    bound: float = 0
    direction: Direction = "at most"

    @property
    def holds(self) -> bool:
        """Say whether the bound is kept."""
        if not self.bound:
            return True
        if self.direction == "at most":
            return self.value <= self.bound
        return self.value >= self.bound


class Report:
    """Prints figures as they come: a line of JSON each, or a row of a table for people."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.broken = 0

    def add(self, figure: Figure) -> None:
        """Print one figure."""
        self.broken += not figure.holds
        load = round(os.getloadavg()[0], 2)
        if self.as_json:
            row = {
                "name": figure.name,
                "value": _rounded(figure.value),
                "unit": figure.unit,
                "bound": figure.bound or None,
                "holds": figure.holds,
                "load": load,
            }
            print(json.dumps(row), flush=True)
            return
        bound = f"{figure.direction} {figure.bound:g}" if figure.bound else "-"
        holds = "" if figure.holds else "  BROKEN"
        value = f"{_rounded(figure.value):g}"
        print(f"{figure.name:<52} {value:>10} {figure.unit:<8} {bound:<16}{holds}", flush=True)

    def note(self, text: str) -> None:
        """Say what is going on, on stderr."""
        print(text, file=sys.stderr, flush=True)


Case = Callable[[Report], None]


def median(values: list[float]) -> float:
    """The middle value."""
    ordered = sorted(values)
    return ordered[len(ordered) // 2]


def _rounded(value: float) -> float:
    return round(value, 4 if abs(value) < 10 else 1)
