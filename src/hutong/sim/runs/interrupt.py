"""Ctrl-C that waits for the end of an instant, so that a run can be written down."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupt:
    """Whether somebody asked to stop. Asked twice it stops at once, wherever the run is."""

    def __init__(self) -> None:
        self._asked = False

    def check(self) -> None:
        """Raise KeyboardInterrupt if somebody asked."""
        if self._asked:
            raise KeyboardInterrupt

    def ask(self, _signal: int = 0, _frame: FrameType | None = None) -> None:
        """Ask, as the signal does."""
        self.check()
        self._asked = True


@contextmanager
def gentle_interrupts() -> Iterator[Interrupt]:
    """Take Ctrl-C and SIGTERM in a main thread; the handlers before come back afterwards."""
    interrupt = Interrupt()
    before = {
        number: signal.signal(number, interrupt.ask) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
