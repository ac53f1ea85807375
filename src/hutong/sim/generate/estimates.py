"""What users say of run times, and how wrong they are."""

from math import log
from typing import ClassVar

import numpy as np

from hutong.sim.generate.settings import YEAR_MS, Ranges, Settings
from hutong.sim.generate.streams import Floats, Ints, Stream, whole_ms

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS

NOTHING = 0
"""Stands for a user who says nothing."""


class Unsaid(Settings, frozen=True, tag="unsaid"):
    """Nobody says anything."""

    def draw(self, source: Stream, runs_ms: Ints) -> Ints:
        """Estimates in ms, `NOTHING` for none."""
        return np.zeros_like(runs_ms)


class Exact(Settings, frozen=True, tag="exact"):
    """Everybody is right."""

    def draw(self, source: Stream, runs_ms: Ints) -> Ints:
        """Estimates in ms, `NOTHING` for none."""
        return runs_ms


class Padded(Settings, frozen=True, tag="padded"):
    """The run time times a number between 1 and `most`, all alike: the f-model.

    Feitelson and Weil, IPPS 1998, with `most` = f + 1. Real estimates tell less than these.
    """

    most: float = 5.0

    RANGES: ClassVar[Ranges] = {"most": (1, 1000)}

    def draw(self, source: Stream, runs_ms: Ints) -> Ints:
        """Estimates in ms, `NOTHING` for none."""
        return whole_ms(runs_ms * source.uniform(1, self.most, len(runs_ms)))


class Noisy(Settings, frozen=True, tag="noisy"):
    """The run time times a log-normal number: often too long, and sometimes too short."""

    median: float = 1.5
    sigma: float = 0.8

    RANGES: ClassVar[Ranges] = {"median": (0.01, 1000), "sigma": (0, 5)}

    def draw(self, source: Stream, runs_ms: Ints) -> Ints:
        """Estimates in ms, `NOTHING` for none."""
        return whole_ms(runs_ms * source.lognormal(log(self.median), self.sigma, len(runs_ms)))


_MINUTES = (
    60, 240, 1440, 720, 120, 30, 480, 10, 15, 5, 360, 1080, 180, 1200, 20, 600, 960, 300, 40, 1,
)  # fmt: skip


class Rounded(Settings, frozen=True, tag="rounded"):
    """A few round numbers: users take one of those that are long enough, the popular ones more.

    `values_ms` are in the order of popularity, which falls by the factor exp(-`fall`) a rank. A
    share `most_share` of users takes the longest whatever they run. A run beyond the longest gets
    the next whole hour. After Tsafrir, Etsion and Feitelson, "Modeling User Runtime Estimates",
    JSSPP 2005: some twenty values make up nine tenths of all estimates, the longest that is allowed
    among the most popular, and none is shorter than the run, as it ends the job.
    """

    values_ms: tuple[int, ...] = tuple(minutes * MINUTE_MS for minutes in _MINUTES)
    fall: float = 0.18
    most_share: float = 0.1

    RANGES: ClassVar[Ranges] = {"values_ms": (1, YEAR_MS), "fall": (0, 10), "most_share": (0, 1)}

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.values_ms:
            raise self.refusal("values_ms", "there is none")
        if len(set(self.values_ms)) < len(self.values_ms):
            raise self.refusal("values_ms", "one is there twice")

    def draw(self, source: Stream, runs_ms: Ints) -> Ints:
        """Estimates in ms, `NOTHING` for none."""
        values, chances = self._by_length()
        below = np.concatenate(([0.0], np.cumsum(chances)))
        first = np.searchsorted(values, runs_ms)
        drawn, lazy = source.random((2, len(runs_ms)))
        taken = below[first] + drawn * (below[-1] - below[first])
        at = np.maximum(np.searchsorted(below, taken, side="right") - 1, first)
        at = np.where(lazy < self.most_share, len(values) - 1, np.minimum(at, len(values) - 1))
        hours = -(-runs_ms // HOUR_MS) * HOUR_MS
        return np.where(first < len(values), values[at], hours)

    def _by_length(self) -> tuple[Ints, Floats]:
        values = np.array(self.values_ms, dtype=np.int64)
        order = np.argsort(values)
        return values[order], np.exp(-self.fall * np.arange(len(values)))[order]


Estimates = Unsaid | Exact | Padded | Noisy | Rounded
