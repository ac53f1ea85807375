"""How good predictions were, counted while jobs end."""

from math import exp, log

from hutong.sim.outcome import Belief

BIN = log(1.01)
"""The width of a bin of told over true, as a logarithm: the median is right within a hundredth."""


class Score:
    """Counts what was told against what was true.

    The median comes from a histogram of the ratio in bins of a hundredth; a thousand of them are
    rarely filled, however many jobs end.
    """

    __slots__ = ("_bins", "_error_ms", "_source", "_told", "_within")

    def __init__(self, source: str) -> None:
        self._source = source
        self._told = 0
        self._within = 0
        self._error_ms = 0
        self._bins: dict[int, int] = {}

    def add(self, told_ms: int | None, run_ms: int) -> None:
        """Count a job that ended. One of which nothing was told counts for nothing."""
        if told_ms is None:
            return
        told_ms, run_ms = max(told_ms, 1), max(run_ms, 1)
        self._told += 1
        self._within += told_ms <= 2 * run_ms and run_ms <= 2 * told_ms
        self._error_ms += abs(told_ms - run_ms)
        at = round(log(told_ms / run_ms) / BIN)
        self._bins[at] = self._bins.get(at, 0) + 1

    def belief(self) -> Belief:
        """The score so far."""
        told = self._told
        if not told:
            return Belief(self._source)
        passed = 0
        middle = 0
        for middle in sorted(self._bins):
            passed += self._bins[middle]
            if 2 * passed >= told:
                break
        return Belief(
            self._source,
            told=told,
            within_2x_milli=self._within * 1000 // told,
            median_milli=round(exp(middle * BIN) * 1000),
            mean_error_ms=self._error_ms // told,
        )
