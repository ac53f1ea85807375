"""When jobs are handed in: without memory, in bursts, or with gaps of heavy or light tails.

Every kind is a stream of blocks of rising times in ms, without an end. Over any of them lie the
tides of day and week (`tides`).
"""

from collections.abc import Callable, Iterator
from math import gamma
from typing import ClassVar

import numpy as np

from hutong.sim.generate.settings import YEAR_MS, Ranges, Settings
from hutong.sim.generate.streams import BLOCK, Floats, Stream

_PERIODS = 256


class Poisson(Settings, frozen=True, tag="poisson"):
    """Exponential gaps with a mean of `gap_ms`."""

    gap_ms: float = 60_000

    RANGES: ClassVar[Ranges] = {"gap_ms": (0.001, YEAR_MS)}

    def blocks(self, source: Stream) -> Iterator[Floats]:
        """Times in ms, block by block."""
        return _summed(lambda: source.exponential(self.gap_ms, BLOCK))

    def mean_gap_ms(self) -> float:
        """The mean time between two arrivals."""
        return self.gap_ms


class WeibullGaps(Settings, frozen=True, tag="weibull"):
    """Gaps of a Weibull distribution with a mean of `gap_ms`.

    A `shape` below 1 gives clusters with long pauses (0.5 is common in logs of clusters and grids:
    Iosup and others, HPDC 2008), 1 is `poisson`, above it gaps are more even.
    """

    gap_ms: float = 60_000
    shape: float = 0.5

    RANGES: ClassVar[Ranges] = {"gap_ms": (0.001, YEAR_MS), "shape": (0.1, 20)}

    def blocks(self, source: Stream) -> Iterator[Floats]:
        """Times in ms, block by block."""
        scale = self.gap_ms / gamma(1 + 1 / self.shape)
        return _summed(lambda: scale * source.weibull(self.shape, BLOCK))

    def mean_gap_ms(self) -> float:
        """The mean time between two arrivals."""
        return self.gap_ms


class Bursts(Settings, frozen=True, tag="bursts"):
    """Calm and burst take turns, each for an exponential time with mean `calm_ms` or `burst_ms`.

    In each of them gaps are exponential: a Markov-modulated Poisson process of two states (Fischer
    and Meier-Hellstern, Performance Evaluation 18, 1993).
    """

    calm_gap_ms: float = 120_000
    burst_gap_ms: float = 2_000
    calm_ms: float = 3_600_000
    burst_ms: float = 300_000

    RANGES: ClassVar[Ranges] = {
        "calm_gap_ms": (0.001, YEAR_MS),
        "burst_gap_ms": (0.001, YEAR_MS),
        "calm_ms": (1, YEAR_MS),
        "burst_ms": (1, YEAR_MS),
    }

    def blocks(self, source: Stream) -> Iterator[Floats]:
        """Times in ms, block by block."""
        begin = 0.0
        means = np.tile([self.calm_ms, self.burst_ms], _PERIODS)
        gaps = np.tile([self.calm_gap_ms, self.burst_gap_ms], _PERIODS)
        while True:
            lengths = source.exponential(means)
            starts = begin + np.concatenate(([0.0], np.cumsum(lengths)))
            # Given how many come in a period, each comes at any time of it alike.
            counts = source.poisson(lengths / gaps)
            times = np.repeat(starts[:-1], counts)
            times += np.repeat(lengths, counts) * source.random(len(times))
            begin = float(starts[-1])
            yield np.sort(times)

    def mean_gap_ms(self) -> float:
        """The mean time between two arrivals."""
        jobs = self.calm_ms / self.calm_gap_ms + self.burst_ms / self.burst_gap_ms
        return (self.calm_ms + self.burst_ms) / jobs


Arrivals = Poisson | WeibullGaps | Bursts


def _summed(draw: Callable[[], Floats]) -> Iterator[Floats]:
    begin = 0.0
    while True:
        times = begin + np.cumsum(draw())
        begin = float(times[-1])
        yield times
