"""How long jobs run: fixed, without memory, or with tails that are heavy."""

from math import exp, log
from typing import ClassVar

import numpy as np

from hutong.sim.generate.settings import YEAR_MS, Ranges, Settings
from hutong.sim.generate.streams import Floats, Stream


class Fixed(Settings, frozen=True, tag="fixed"):
    """All the same."""

    run_ms: float = 3_600_000

    RANGES: ClassVar[Ranges] = {"run_ms": (1, YEAR_MS)}

    def draw(self, source: Stream, count: int) -> Floats:
        """Durations in ms."""
        return np.full(count, float(self.run_ms))

    def mean_ms(self) -> float:
        """The mean."""
        return self.run_ms


class Exponential(Settings, frozen=True, tag="exponential"):
    """Without memory: what a job has left does not depend on how long it ran."""

    mean_run_ms: float = 3_600_000

    RANGES: ClassVar[Ranges] = {"mean_run_ms": (1, YEAR_MS)}

    def draw(self, source: Stream, count: int) -> Floats:
        """Durations in ms."""
        return source.exponential(self.mean_run_ms, count)

    def mean_ms(self) -> float:
        """The mean."""
        return self.mean_run_ms


class LogNormal(Settings, frozen=True, tag="lognormal"):
    """The logarithm is normal with deviation `sigma`, cut at `most_ms` (drawn again above it).

    Jobs on chips spread over many orders of magnitude: a `sigma` of 2 and more is what the logs of
    such clusters show (Jeon and others, USENIX ATC 2019; Hu and others, SC 2021).
    """

    median_ms: float = 900_000
    sigma: float = 2.0
    most_ms: float = 60 * 24 * 3_600_000

    RANGES: ClassVar[Ranges] = {"median_ms": (1, YEAR_MS), "sigma": (0, 6), "most_ms": (1, YEAR_MS)}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.most_ms < self.median_ms:
            raise self.refusal("most_ms", "it is below the median")

    def draw(self, source: Stream, count: int) -> Floats:
        """Durations in ms."""
        drawn = source.lognormal(log(self.median_ms), self.sigma, count)
        while len(above := np.flatnonzero(drawn > self.most_ms)):
            drawn[above] = source.lognormal(log(self.median_ms), self.sigma, len(above))
        return drawn

    def mean_ms(self) -> float:
        """The mean without the cut; with it a little less."""
        return self.median_ms * exp(self.sigma**2 / 2)


class BoundedPareto(Settings, frozen=True, tag="pareto"):
    """P(X > x) falls as x^-alpha between `least_ms` and `most_ms`: few jobs hold most of the work.

    Harchol-Balter and Downey (TOCS 15(3), 1997) found an `alpha` near 1 for processes.
    """

    least_ms: float = 10_000
    most_ms: float = 30 * 24 * 3_600_000
    alpha: float = 1.1

    RANGES: ClassVar[Ranges] = {
        "least_ms": (1, YEAR_MS),
        "most_ms": (1, YEAR_MS),
        "alpha": (0.05, 10),
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.most_ms <= self.least_ms:
            raise self.refusal("most_ms", "it is not above least_ms")

    def draw(self, source: Stream, count: int) -> Floats:
        """Durations in ms, by the inverse of the distribution."""
        cut = 1 - (self.least_ms / self.most_ms) ** self.alpha
        drawn: Floats = self.least_ms * (1 - source.random(count) * cut) ** (-1 / self.alpha)
        return drawn

    def mean_ms(self) -> float:
        """The mean."""
        low, high, alpha = self.least_ms, self.most_ms, self.alpha
        cut: float = 1 - (low / high) ** alpha
        if alpha == 1:
            return low * log(high / low) / cut
        work: float = low - low**alpha * high ** (1 - alpha)
        return alpha / (alpha - 1) * work / cut


RunTimes = Fixed | Exponential | LogNormal | BoundedPareto
