"""What counts against a quota over a day or a month: what was metered, and what runs.

Theory of operation. An account knows the spans of the attempts that run: from when to when, and at
what rate they use. Within the window at hand it keeps their sum up to their expected ends. Those
that run past it are moved, as time goes by, to a second sum that grows with the time; so asking
costs nothing while nothing ends. In a new window, and where a clock steps back, all of it is summed
again.
"""

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from hutong.model.tenant import QuotaWindow
from hutong.model.window import window_of


class Span(NamedTuple):
    """A running attempt: what it uses a millisecond, from when, and until when as expected."""

    rate: int
    start_ms: int
    end_ms: int


class WindowAccount:
    """The account of one rule. Rates are in parts of `per` of the unit that the rule counts."""

    __slots__ = (
        "_begin_ms", "_committed", "_end_ms", "_heap", "_metered", "_now_ms", "_over_rate",
        "_over_since", "_ripe", "_spans", "_stale", "_window", "per",
    )  # fmt: skip

    def __init__(self, window: QuotaWindow, per: int) -> None:
        self.per = per
        self._window = window
        self._spans: dict[int, Span] = {}
        self._stale = True
        self._begin_ms = self._end_ms = self._now_ms = 0
        self._metered = self._committed = self._over_rate = self._over_since = 0
        self._heap: list[tuple[int, int]] = []
        self._ripe: dict[int, bool] = {}

    def open(self, number: int, span: Span) -> None:
        """An attempt runs."""
        self._spans[number] = span
        if not self._stale:
            self._committed += self._part(span)
            heappush(self._heap, (span.end_ms, number))

    def close(self, number: int) -> None:
        """An attempt runs no more."""
        span = self._spans.pop(number)
        if self._stale:
            return
        self._committed -= self._part(span)
        if self._ripe.pop(number, False):
            self._over_rate -= span.rate
            self._over_since -= span.rate * max(span.end_ms, self._begin_ms)

    def meter(self, begin_ms: int, amount: int) -> None:
        """What an attempt really used in the window that begins then, or a correction of it."""
        if not self._stale and begin_ms == self._begin_ms:
            self._metered += amount

    def clear(self) -> None:
        """Forget what runs."""
        self._spans.clear()
        self._stale = True

    def forget(self) -> None:
        """Sum all of it again when next asked."""
        self._stale = True

    def used(self, now_ms: int, metered: Callable[[QuotaWindow, int], int]) -> int:
        """What counts in the window that holds `now_ms`; `metered` tells what it begins with."""
        if self._stale or not self._begin_ms <= now_ms < self._end_ms or now_ms < self._now_ms:
            self._renew(now_ms, metered)
        self._now_ms = now_ms
        while self._heap and self._heap[0][0] < now_ms:
            end_ms, number = heappop(self._heap)
            span = self._spans.get(number)
            if span is not None and number not in self._ripe:
                self._ripe[number] = True
                self._over_rate += span.rate
                self._over_since += span.rate * max(end_ms, self._begin_ms)
        overrun = self._over_rate * now_ms - self._over_since
        return self._metered + -(-(self._committed + overrun) // self.per)

    def ends_ms(self, now_ms: int) -> int:
        """When the window that holds `now_ms` ends."""
        return window_of(self._window, now_ms)[1]

    def validate(self, spans: dict[int, Span]) -> None:
        """Raise AssertionError with facts unless these are the spans, and the sums are theirs."""
        assert self._spans == spans, (self._spans, spans)
        if not self._stale:
            committed = sum([self._part(span) for span in spans.values()])
            assert self._committed == committed, (self._committed, committed)
            rate = sum([spans[number].rate for number in self._ripe])
            assert self._over_rate == rate, (self._over_rate, rate)

    def _renew(self, now_ms: int, metered: Callable[[QuotaWindow, int], int]) -> None:
        self._begin_ms, self._end_ms = window_of(self._window, now_ms)
        self._metered = metered(self._window, self._begin_ms)
        self._committed = sum([self._part(span) for span in self._spans.values()])
        self._heap = [(span.end_ms, number) for number, span in self._spans.items()]
        heapify(self._heap)
        self._ripe = {}
        self._over_rate = self._over_since = 0
        self._stale = False

    def _part(self, span: Span) -> int:
        """What a span is expected to use within the window."""
        end_ms = min(span.end_ms, self._end_ms)
        return span.rate * max(end_ms - max(span.start_ms, self._begin_ms), 0)
