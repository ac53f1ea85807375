"""The hub's clock: Unix ms that never go back, not even over a restart."""

import time


class Clock:
    """Wall-clock time that stands still where the machine's clock was set back."""

    def __init__(self, at_least_ms: int = 0) -> None:
        self._last_ms = at_least_ms

    def now_ms(self) -> int:
        """The time, never less than what was given before."""
        self._last_ms = max(self._last_ms, time.time_ns() // 1_000_000)
        return self._last_ms

    def not_before(self, at_ms: int) -> None:
        """Never again give a time before `at_ms`."""
        self._last_ms = max(self._last_ms, at_ms)
