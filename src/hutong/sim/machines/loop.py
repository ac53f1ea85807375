"""Virtual time: a heap of things to come, carried out one after the other."""

import heapq
from collections.abc import Callable

Action = Callable[..., None]


class Loop:
    """Actions in the order of their time; those of one moment in the order they were asked for.

    `now_ms` is true time (Unix ms), which nothing in the world can see but through a `Clock`.
    `steps` counts the actions carried out.
    """

    def __init__(self, start_ms: int) -> None:
        self.now_ms = start_ms
        self.steps = 0
        self._asked = 0
        self._heap: list[tuple[int, int, Action, tuple[object, ...]]] = []

    def at(self, at_ms: int, action: Action, *facts: object) -> None:
        """Carry an action out at a time; at once, after what is due already, if that is past."""
        self._asked += 1
        heapq.heappush(self._heap, (max(at_ms, self.now_ms), self._asked, action, facts))

    def after(self, delay_ms: int, action: Action, *facts: object) -> None:
        """Carry an action out after a delay."""
        self.at(self.now_ms + delay_ms, action, *facts)

    def step(self) -> bool:
        """Carry out the next action; False if there is none."""
        if not self._heap:
            return False
        self.now_ms, _, action, facts = heapq.heappop(self._heap)
        self.steps += 1
        action(*facts)
        return True
