"""The clocks of one computer: a wall clock that is set wrong, and a boot clock that runs wrong."""

PPM = 1_000_000


class Clock:
    """What a computer believes the time is. It is all that code at that computer may read.

    The wall clock is `skew_ms` ahead of true time when the world starts; both clocks gain
    `drift_ppm` millionths. The boot clock starts at 0 with each boot and never goes back.
    """

    def __init__(self, now_ms: int, *, skew_ms: int = 0, drift_ppm: int = 0) -> None:
        self._set_at_ms = now_ms
        self._booted_at_ms = now_ms
        self._skew_ms = skew_ms
        self._rate = PPM + drift_ppm

    def wall_ms(self, now_ms: int) -> int:
        """What the wall clock shows (Unix ms)."""
        return self._set_at_ms + self._skew_ms + (now_ms - self._set_at_ms) * self._rate // PPM

    def boot_ms(self, now_ms: int) -> int:
        """What the boot clock shows (ms since the boot)."""
        return (now_ms - self._booted_at_ms) * self._rate // PPM

    def when_boot(self, boot_ms: int) -> int:
        """The first true time at which the boot clock shows `boot_ms`."""
        return self._booted_at_ms + -(-boot_ms * PPM // self._rate)

    def reboot(self, now_ms: int) -> None:
        """Start the boot clock again."""
        self._booted_at_ms = now_ms

    def step_wall(self, now_ms: int, by_ms: int) -> None:
        """Set the wall clock forward, or back by a negative number."""
        shown_ms = self.wall_ms(now_ms)
        self._set_at_ms = now_ms
        self._skew_ms = shown_ms + by_ms - now_ms
