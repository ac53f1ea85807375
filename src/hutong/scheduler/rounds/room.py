"""Room, as a round plays it through: what nodes would hold if all who may be stopped were gone.

Theory of operation. A pool has two tables, a row a node: `after` counts what attempts that compete
hold as free, and so what stops already; `now` is what is free at this moment. Whoever is given a
seat takes it from both, those who compete in the order of the index. So `after` only ever shrinks,
and a need that did not fit a pool does not fit it again; what still fits `now` can start at once.
`held` says what of `after` those still hold whose turn has not come.

Amounts are CPU, memory, whole chips and thousandths of chips. How fractions lie in chips is left to
the cycle, which starts nobody where he does not fit.
"""

from collections.abc import Sequence

import numpy as np

from hutong.scheduler.columns import Ints, Need, PoolColumns
from hutong.scheduler.fit import Share
from hutong.scheduler.fit import pack as pack_by_domain
from hutong.scheduler.shapes import WHOLE_MILLI

CPU, MEM, WHOLE, MILLI = range(4)
_MANY = 1 << 40


class PoolRoom:
    """One pool in a round. See the module."""

    __slots__ = ("after", "columns", "failed", "full_now", "now")

    def __init__(self, columns: PoolColumns) -> None:
        self.columns = columns
        count = len(columns.ids)
        self.now: Ints = np.empty((count, 4), np.int64)
        self.now[:, CPU] = columns.free_cpu
        self.now[:, MEM] = columns.free_mem
        self.now[:, WHOLE] = columns.whole
        self.now[:, MILLI] = columns.chips.sum(axis=1, dtype=np.int64)
        self.now[~columns.ready | (columns.debt > 0)] = 0
        np.maximum(self.now, 0, out=self.now)
        self.after = self.now.copy()
        self.failed: dict[tuple[Need, int], bool] = {}
        self.full_now: dict[tuple[Need, int], bool] = {}

    def close(self, rows: Ints) -> None:
        """Nobody new goes to some rows."""
        self.now[rows] = 0
        self.after[rows] = 0

    def free(self, need: Need, shares: Sequence[Share]) -> None:
        """Count what somebody holds as free once he has stopped."""
        taken = _taken(need)
        for row, tasks in shares:
            self.after[row] += taken * tasks

    def holds(self, need: Need, shares: Sequence[Share]) -> bool:
        """Whether a seat is still there."""
        taken = _taken(need)
        return all(bool((self.after[row] >= taken * tasks).all()) for row, tasks in shares)

    def take(self, need: Need, shares: Sequence[Share], *, held: bool) -> None:
        """Give a seat to somebody; one who `held` it already takes nothing that is free now."""
        taken = _taken(need)
        for row, tasks in shares:
            self.after[row] -= taken * tasks
            if not held:
                self.now[row] -= taken * tasks
        if not held:
            np.maximum(self.now, 0, out=self.now)

    def leave(self, need: Need, shares: Sequence[Share]) -> None:
        """Somebody goes from a seat that he was to keep."""
        self.free(need, shares)
        self.failed.clear()

    def seats_now(self, need: Need, tasks: int) -> Sequence[Share]:
        """Where a gang could start at once; empty where nowhere."""
        if (need, tasks) in self.full_now:
            return ()
        found = _pack(np.minimum(self.now, self.after), need, tasks, self.columns)
        if not found:
            self.full_now[need, tasks] = True
        return found

    def seats_after(
        self, need: Need, tasks: int, cheapest: "Cheapest"
    ) -> tuple[float, Sequence[Share]]:
        """Where a gang could start once some have stopped, at the least cost; else empty."""
        if (need, tasks) in self.failed:
            return 0.0, ()
        by_row = capacity(self.after, need, tasks)
        if int(by_row.sum()) < tasks:
            self.failed[need, tasks] = True
            return 0.0, ()
        return cheapest.choose(self, need, tasks, by_row)


class Cheapest:
    """Chooses the nodes for a gang on which those who would have to go are worth least."""

    def __init__(self) -> None:
        self._holders: dict[tuple[int, int], list[tuple[float, Ints]]] = {}
        self._done: dict[tuple[int, int], int] = {}

    def note(self, pool: int, row: int, worth: float, need: Need, tasks: int) -> None:
        """Somebody whose turn has not come holds so much of a row. The worthiest come first."""
        self._holders.setdefault((pool, row), []).append((worth, _taken(need) * tasks))

    def pass_turn(self, pool: int, row: int) -> None:
        """The first who holds something of a row, of those left, has had his turn."""
        self._done[pool, row] = self._done.get((pool, row), 0) + 1

    def choose(
        self, room: PoolRoom, need: Need, tasks: int, by_row: Ints
    ) -> tuple[float, Sequence[Share]]:
        """Rows for all the tasks, and what it costs: one that holds all, else the cheapest."""
        rows: list[int] = np.flatnonzero(by_row).tolist()
        holds: list[int] = by_row[rows].tolist()
        costs = [self._cost(room, row, need, count) for row, count in zip(rows, holds, strict=True)]
        whole = [at for at, count in enumerate(holds) if count >= tasks]
        if whole:
            best = min(whole, key=costs.__getitem__)
            return costs[best], ((rows[best], tasks),)
        order = sorted(range(len(rows)), key=lambda at: (costs[at] / holds[at], -holds[at], at))
        found, left, cost = [], tasks, 0.0
        for at in order:
            count = min(holds[at], left)
            found.append((rows[at], count))
            cost += costs[at]
            left -= count
            if not left:
                break
        return cost, tuple(sorted(found))

    def _cost(self, room: PoolRoom, row: int, need: Need, tasks: int) -> float:
        """What those are worth who would have to leave a row, the least worth first."""
        at = (room.columns.index, row)
        holders = self._holders.get(at, [])[self._done.get(at, 0) :]
        wanted = _taken(need) * tasks
        free = room.after[row].copy()
        for _, amount in holders:
            free -= amount
        cost = 0.0
        for worth, amount in reversed(holders):
            if (free >= wanted).all():
                break
            free += amount
            cost += worth
        return cost


def capacity(room: Ints, need: Need, most: int) -> Ints:
    """How many tasks each row holds, at most so many."""
    found: Ints = np.full(len(room), most, np.int64)
    for place, wanted in ((CPU, need.cpu), (MEM, need.mem), (WHOLE, need.chips)):
        if wanted:
            np.minimum(found, room[:, place] // wanted, out=found)
    if need.milli and not need.chips:
        np.minimum(found, room[:, MILLI] // need.milli, out=found)
    return np.maximum(found, 0)


def _pack(room: Ints, need: Need, tasks: int, columns: PoolColumns) -> Sequence[Share]:
    by_row = capacity(room, need, tasks)
    whole = by_row >= tasks
    if whole.any():
        left = np.where(whole, room[:, WHOLE] * _MANY + room[:, CPU], np.iinfo(np.int64).max)
        return ((int(left.argmin()), tasks),)
    if tasks == 1 or int(by_row.sum()) < tasks:
        return ()
    return tuple(pack_by_domain(by_row, tasks, columns.domains))


_TAKEN: dict[Need, Ints] = {}


def _taken(need: Need) -> Ints:
    """What one task takes of a row."""
    found = _TAKEN.get(need)
    if found is None:
        if len(_TAKEN) > 10_000:
            _TAKEN.clear()
        milli = need.chips * WHOLE_MILLI or need.milli
        found = _TAKEN[need] = np.array((need.cpu, need.mem, need.chips, milli), np.int64)
    return found
