"""What was seen of an offer's nodes, as it is kept between changes and in a hub's store.

All that is known of a provider is what came of asking it: a node that was asked for and has not
gone says that it has some, one that went without being given back that it has none just then. In
between nobody knows. `ZonePast` makes of it how long a node is expected to last.
"""

import msgspec

from hutong.scheduler.when.spot_deadline import ZonePast


class SpotPast(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was seen up to `noted_ms`, and when a node was last refused or taken back (`none_ms`).

    `values` are those of `ZonePast`; `held` says that there were nodes at that time. Times are
    Unix ms, 0 for never.
    """

    values: tuple[int, int, int, int] = (0, 0, 0, 0)
    noted_ms: int = 0
    none_ms: int = 0
    held: bool = False

    def after(self, now_ms: int, *, held: bool, lost: bool) -> "SpotPast":
        """The same later: whether there are nodes from now on, and whether one was lost now."""
        past = self._up_to(now_ms)
        if lost:
            past.note(0, available=False)
        noted_ms = max(now_ms, self.noted_ms)
        return SpotPast(past.values, noted_ms, now_ms if lost else self.none_ms, held)

    def lasts_ms(self, now_ms: int) -> int:
        """How long a node is expected to last; for comparing offers."""
        return self._up_to(now_ms).lasts_ms

    def _up_to(self, now_ms: int) -> ZonePast:
        past = ZonePast(self.values)
        span_ms = max(now_ms - self.noted_ms, 0) if self.noted_ms else 0
        if self.held:
            past.note(span_ms, available=True)
        else:
            past.lapse(span_ms)
        return past


UNSEEN = SpotPast()
