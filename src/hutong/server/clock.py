"""The hub's clock: Unix ms that never go back, and never jump while the hub runs.

Leases rest on it, so it measures time passing by the boot clock, as agents do, and lets the
machine's wall clock only draw it near: by a hundredth of the time that passes. Somebody who sets
that clock forward by an hour ends no lease by it, and one who sets it back stops nothing. A hub
that starts takes the wall clock as it is; it renews every lease then.
"""

import time
from collections.abc import Callable

SLEW = 100
"""Of so much time passed, the clock may gain or lose one part."""
_NS = 1_000_000


def _boot_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class Clock:
    """Time since the epoch; `wall_ns` and `boot_ns` read the machine's two clocks."""

    def __init__(
        self,
        at_least_ms: int = 0,
        *,
        wall_ns: Callable[[], int] = time.time_ns,
        boot_ns: Callable[[], int] = _boot_ns,
    ) -> None:
        self._wall_ns = wall_ns
        self._boot_ns = boot_ns
        self._seen_ns = boot_ns()
        self._now_ns = max(at_least_ms * _NS, wall_ns())

    def now_ms(self) -> int:
        """The time, never less than what was given before."""
        seen_ns = self._boot_ns()
        passed_ns = max(0, seen_ns - self._seen_ns)
        self._seen_ns = seen_ns
        off_ns = self._wall_ns() - (self._now_ns + passed_ns)
        most_ns = passed_ns // SLEW
        self._now_ns += passed_ns + max(-most_ns, min(off_ns, most_ns))
        return self._now_ns // _NS

    def not_before(self, at_ms: int) -> None:
        """Never again give a time before `at_ms`."""
        self._now_ns = max(self._now_ns, at_ms * _NS)
