"""A bound as a value, and a reported figure held against it."""

from collections.abc import Iterable, Mapping

import msgspec

MEAN_COMPLETION_S = "mean_completion_s"
MEAN_WAIT_S = "mean_wait_s"
MEAN_SLOWDOWN = "mean_bounded_slowdown"
MAKESPAN_S = "makespan_s"
COST_MICROCNY = "cost_microcny"
CARBON_G = "carbon_g"


class Bound(msgspec.Struct, frozen=True):
    """What no schedule can be below.

    `figure` is the figure that it bounds (the names above), `method` how it was computed, `note`
    what it leaves out, in words. Times count from a job's handing in to its end.
    """

    name: str
    figure: str
    value: float
    unit: str
    method: str
    note: str = ""


class Beside(msgspec.Struct, frozen=True):
    """A figure, the highest bound for it, and what is left to win in percent of the figure.

    `holds` is False where the figure lies below the bound: then one of the two is wrong.
    """

    figure: str
    value: float
    bound: Bound
    left_percent: float
    holds: bool


_ROUNDING = 1e-6
"""A figure may be below its bound by so much of it: reports round, bounds are summed in floats."""


def tightest(bounds: Iterable[Bound]) -> dict[str, Bound]:
    """The highest bound for each figure."""
    best: dict[str, Bound] = {}
    for bound in bounds:
        known = best.get(bound.figure)
        if known is None or bound.value > known.value:
            best[bound.figure] = bound
    return best


def beside(figures: Mapping[str, float], bounds: Iterable[Bound]) -> tuple[Beside, ...]:
    """Hold each figure against the highest bound for it; figures without a bound are left out."""
    best = tightest(bounds)
    found = []
    for figure, value in figures.items():
        bound = best.get(figure)
        if bound is not None:
            left = 100 * (value - bound.value) / value if value else 0.0
            holds = value >= bound.value * (1 - _ROUNDING)
            found.append(Beside(figure, value, bound, left, holds))
    return tuple(found)
