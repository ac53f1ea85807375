"""Choosing nodes by the fragments that they would leave (see `kernels.fragments`).

Theory of operation. What is typical is what waits and what runs: of each pool the 32 kinds of tasks
with chips of which most wait for it or run on it, each task counted. It is worked out once a cycle,
for the pools on which something is placed, and only under a profile that asks for it.

What a task raises on a node is worked out for a whole pool when a need first asks, and then only
for the nodes on which something was placed since.
"""

from collections.abc import Sequence

import numpy as np

from hutong.scheduler.added import AddedShares
from hutong.scheduler.arena import Ground
from hutong.scheduler.columns import Ints, Mask, Need, PoolColumns
from hutong.scheduler.fit import Index, Share
from hutong.scheduler.forecast import count_elements
from hutong.scheduler.kernels import active, layout
from hutong.scheduler.profile import Profile
from hutong.scheduler.snapshot import Snapshot

TYPICAL_MAX = 32
"""So many kinds of tasks are typical of a pool at most."""
SHAPES_MAX = 1_024
"""Of more shapes that wait only those count of which most tasks do."""
_NEEDS_KEPT = 64

Kinds = dict[Need, int]


class Typical:
    """What is typical of each pool, as of one snapshot."""

    def __init__(self, snapshot: Snapshot, profile: Profile) -> None:
        self._snapshot = snapshot
        self._profile = profile
        self._kinds: dict[int, Kinds] | None = None

    def on(self, columns: PoolColumns) -> tuple[Ints, Ints]:
        """The typical tasks of a pool as needs, and how many there are of each."""
        if self._kinds is None:
            self._kinds = {}
            self._count_running(self._kinds)
            self._count_waiting(self._kinds)
        kinds = self._kinds.get(columns.index, {})
        order = sorted(
            kinds, key=lambda n: (-kinds[n], n.milli, n.cpu, n.mem, n.chips, n.exclusive)
        )[:TYPICAL_MAX]
        needs = np.zeros((len(order), layout.NEED_PLACES), np.int64)
        for row, need in zip(needs, order, strict=True):
            row[layout.NEED_CPU], row[layout.NEED_MEM] = need.cpu, need.mem
            row[layout.NEED_CHIPS], row[layout.NEED_MILLI] = need.chips, need.milli
            row[layout.NEED_EXCLUSIVE] = need.exclusive
        return needs, np.array([kinds[need] for need in order], np.int64)

    def _count_running(self, kinds: dict[int, Kinds]) -> None:
        for running in self._snapshot.supply.running.values():
            for share in running.shares:
                if share.columns is not None and share.need.milli:
                    _count(kinds, share.columns, share.need, share.node.tasks)

    def _count_waiting(self, kinds: dict[int, Kinds]) -> None:
        demand, matcher = self._snapshot.demand, self._snapshot.matcher
        counts = np.zeros(len(demand.shapes), np.int64)
        for queue in demand.queues.values():
            count_elements(queue, counts)
        waiting = [
            (int(counts[number]) * demand.shapes.at[number].tasks, demand.shapes.at[number])
            for number in np.flatnonzero(counts).tolist()
        ]
        if len(waiting) > SHAPES_MAX:
            waiting.sort(key=lambda each: (-each[0], each[1].wanted(), repr(each[1])))
        for tasks, shape in waiting[:SHAPES_MAX]:
            for option in matcher.match(shape, self._profile).options:
                if option.need.milli:
                    _count(kinds, option.columns, option.need, tasks)


def _count(kinds: dict[int, Kinds], columns: PoolColumns, need: Need, tasks: int) -> None:
    own = kinds.setdefault(columns.index, {})
    own[need] = own.get(need, 0) + tasks


class _Rises:
    """What tasks of one need raise by row, and how far this follows what was placed."""

    __slots__ = ("by_row", "seen")

    def __init__(self, count: int) -> None:
        self.by_row: Ints = np.zeros(count, np.int64)
        self.seen = -1


class FragmentIndex(Index):
    """The index of a pool where nodes are chosen by the fragments that they would leave."""

    __slots__ = ("_left", "_placed", "_rises", "_typical", "_weights")

    def __init__(
        self, columns: PoolColumns, typical: Typical, ground: Ground | None = None
    ) -> None:
        super().__init__(columns, ground)
        self._typical, self._weights = typical.on(columns)
        self._left: Ints = np.zeros(len(columns.caps), np.int64)
        self._placed: list[int] = []
        self._rises: dict[bytes, _Rises] = {}

    def tightest(self, need: Ints, allowed: Mask) -> int:
        """The row whose fragmentation all the tasks of a need raise least, or -1."""
        columns, kernel = self.columns, active().fragments
        key = need.tobytes()
        rises = self._rises.get(key)
        if rises is None:
            if len(self._rises) >= _NEEDS_KEPT:
                self._rises.clear()
            rises = self._rises[key] = _Rises(len(columns.ids))
        if rises.seen < len(self._placed):
            first = rises.seen < 0
            rows = range(len(columns.ids)) if first else self._placed[rises.seen :]
            kernel.note_rises(
                columns.node, columns.chips, self._where, need, self._typical, self._weights,
                self._left, np.array(rows, np.int64), rises.by_row,
            )  # fmt: skip
            rises.seen = len(self._placed)
        return int(kernel.least(columns.node, self._where, need, allowed, rises.by_row))

    def place(
        self, need: Ints, shares: Sequence[Share], added: AddedShares, end_ms: int, basis: int
    ) -> None:
        """Take what shares of a gang hold; what their rows would leave is worked out again."""
        super().place(need, shares, added, end_ms, basis)
        self._placed += [row for row, _ in shares]
