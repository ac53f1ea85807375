"""A process that stands still: what comes to it waits, and is done in its order when it goes on."""

from hutong.sim.machines.loop import Action, Loop


class Stall:
    """Puts actions off for one process at a time; `clear` forgets them with a process that died."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._until_ms = 0
        self._waiting: list[tuple[Action, tuple[object, ...]]] = []

    def begin(self, for_ms: int) -> None:
        """Stand still for a while, or for longer."""
        self._until_ms = max(self._until_ms, self._loop.now_ms + for_ms)
        self._loop.at(self._until_ms, self._go_on)

    def holds(self, action: Action, *facts: object) -> bool:
        """Put an action off if the process stands still; False if it does not."""
        if self._loop.now_ms >= self._until_ms:
            return False
        self._waiting.append((action, facts))
        return True

    def end(self) -> None:
        """Go on at once."""
        self._until_ms = 0
        self._go_on()

    def clear(self) -> None:
        """The process died."""
        self._until_ms = 0
        self._waiting.clear()

    def _go_on(self) -> None:
        if self._loop.now_ms < self._until_ms:
            return
        waiting, self._waiting = self._waiting, []
        for action, facts in waiting:
            action(*facts)
