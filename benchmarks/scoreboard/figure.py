"""A figure of the scoreboard: what was measured, beside what others reached on the same input."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

Direction = Literal["at least", "at most"]
Told = Literal["", "oracle", "estimate"]

NOBODY: Mapping[str, float] = MappingProxyType({})


class Figure(NamedTuple):
    """One value. `theirs` are the values of others, by who they are.

    `bound` is None where it is only shown. `told` says whether the scheduler knew true run times
    (`oracle`) or what was said or learnt of them (`estimate`); empty where they do not matter.
    """

    name: str
    value: float
    unit: str
    bound: float | None = None
    direction: Direction = "at least"
    theirs: Mapping[str, float] = NOBODY
    told: Told = ""

    @property
    def holds(self) -> bool:
        """Whether the bound is kept."""
        if self.bound is None:
            return True
        return (
            self.value >= self.bound if self.direction == "at least" else self.value <= self.bound
        )

    @property
    def label(self) -> str:
        """Its name, with what was known of run times."""
        return f"{self.name}, {self.told}" if self.told else self.name

    def as_json(self) -> dict[str, object]:
        """It as the scoreboard's lines of JSON have it."""
        return {
            "name": self.label,
            "value": rounded(self.value),
            "unit": self.unit,
            "bound": self.bound if self.bound is None else rounded(self.bound),
            "holds": self.holds,
            "theirs": {name: rounded(value) for name, value in self.theirs.items()} or None,
        }


def rounded(value: float) -> float:
    """As many places as a reader has use for."""
    if abs(value) >= 1_000:
        return round(value)
    return round(value, 2 if abs(value) >= 10 else 4)


def shown(value: float) -> str:
    """A value for people."""
    return f"{rounded(value):,}"
