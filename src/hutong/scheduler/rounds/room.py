"""Room, as a round plays it through: what is free now, and what would be once some have gone.

Theory of operation. A pool has two tables, a row a node: `now` is what is free at this moment less
what was given away, `then` counts as free too what stops already or was taken from somebody in this
play. Whoever is given a seat takes it from both. Those who compete hold what they hold until
somebody who comes before them needs it: `holders` has them in the order of their turns, so that
what one may use is `then` and what all behind him hold. This only ever shrinks, unless somebody
moves away, and so a need that did not fit a pool is not tried there again.

Amounts are CPU, memory, whole chips and thousandths of chips. How fractions lie in chips is known
only of what is free before the play; `holds` says of the cycle's own columns whether somebody fits
after all, and who does not waits for the next cycle.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import accumulate

import numpy as np

from hutong.scheduler.columns import Ints, Need, PoolColumns
from hutong.scheduler.fit import Share
from hutong.scheduler.fit import pack as pack_by_domain
from hutong.scheduler.rounds.contest import Contest, Seat, amount_of
from hutong.scheduler.shapes import WHOLE_MILLI

CPU, MEM, WHOLE, MILLI = range(4)
_MOST = np.iinfo(np.int64).max


class Holders:
    """Who competes for a pool's nodes and holds some of them, in the order of their turns."""

    def __init__(self, held: Sequence[tuple[int, Contest, Seat]]) -> None:
        self._held = held
        self._positions = [position for position, _, _ in held]
        chips = [seat.chips for _, _, seat in held]
        self._chips_behind = [*accumulate(reversed(chips), initial=0)][::-1]
        self._there = [True] * len(held)
        self._by_row: dict[int, list[int]] | None = None
        self._table: tuple[Ints, Ints] | None = None

    def chips_behind(self, position: int) -> int:
        """How many whole chips those at a position of the turns or after it held at first."""
        return self._chips_behind[bisect_left(self._positions, position)]

    def add_behind(self, room: Ints, position: int) -> None:
        """Add to a room what those at a position or after it still hold."""
        if self._table is None:
            rows = np.array([seat.row for _, _, seat in self._held], np.int64)
            amounts = np.array([seat.amount for _, _, seat in self._held], np.int64)
            self._table = rows, amounts.reshape(len(self._held), 4)
        rows, amounts = self._table
        first = bisect_left(self._positions, position)
        there = np.array(self._there[first:], np.bool_)
        np.add.at(room, rows[first:][there], amounts[first:][there])

    def on(self, row: int, position: int) -> list[tuple[Contest, Ints]]:
        """The same on one row, with what they hold, the last first."""
        if self._by_row is None:
            self._by_row = {}
            for at, (_, _, seat) in enumerate(self._held):
                self._by_row.setdefault(seat.row, []).append(at)
        found = []
        for at in reversed(self._by_row.get(row, ())):
            at_position, contest, seat = self._held[at]
            if at_position >= position and self._there[at]:
                found.append((contest, seat.amount))
        return found

    def leave(self, contest: Contest) -> None:
        """Somebody holds nothing any more."""
        for at, (_, who, _) in enumerate(self._held):
            if who is contest:
                self._there[at] = False


class PoolRoom:
    """One pool in a round. See the module."""

    __slots__ = (
        "_chips_now", "_chips_then", "columns", "failed", "full_now", "holders", "now", "then",
    )  # fmt: skip

    def __init__(self, columns: PoolColumns, holders: Holders) -> None:
        self.columns = columns
        self.holders = holders
        now: Ints = np.empty((len(columns.ids), 4), np.int64)
        now[:, CPU] = columns.free_cpu
        now[:, MEM] = columns.free_mem
        now[:, WHOLE] = columns.whole
        now[:, MILLI] = columns.chips.sum(axis=1, dtype=np.int64)
        now[~columns.ready | (columns.debt > 0)] = 0
        self.now: Ints = np.maximum(now, 0, out=now)
        self.then = now.copy()
        self._chips_now = self._chips_then = int(now[:, WHOLE].sum())
        self.failed: dict[tuple[Need, int], bool] = {}
        self.full_now: dict[tuple[Need, int], bool] = {}

    def close(self, rows: Ints) -> None:
        """Nobody new goes to some rows."""
        self.now[rows] = 0
        self.then[rows] = 0

    def free(self, seat: Seat) -> None:
        """Count what somebody holds as free once he has gone."""
        if self.columns.ready[seat.row]:
            self.then[seat.row] += seat.amount
            self._chips_then += seat.chips

    def take(self, need: Need, shares: Sequence[Share]) -> None:
        """Give a seat to somebody."""
        taken = amount_of(need)
        for row, tasks in shares:
            before = int(self.now[row, WHOLE])
            self.then[row] -= taken * tasks
            self.now[row] = np.maximum(self.now[row] - taken * tasks, 0)
            self.now[row, WHOLE] = min(before, int(self.now[row, MILLI]) // WHOLE_MILLI)
            self._chips_then -= need.chips * tasks
            self._chips_now -= before - int(self.now[row, WHOLE])

    def seats_now(self, need: Need, tasks: int) -> Sequence[Share]:
        """Where a gang could start at once; empty where nowhere."""
        if need.chips * tasks > self._chips_now or (need, tasks) in self.full_now:
            return ()
        room = np.minimum(self.now, self.then)
        by_row = capacity(room, need, tasks)
        if need.milli and not need.chips:
            np.minimum(by_row, (self.columns.chips // need.milli).sum(axis=1), out=by_row)
        whole = by_row >= tasks
        if whole.any():
            left = np.where(whole, room[:, WHOLE], _MOST)
            return ((int(left.argmin()), tasks),)
        if tasks == 1 or int(by_row.sum()) < tasks:
            self.full_now[need, tasks] = True
            return ()
        return tuple(pack_by_domain(by_row, tasks, self.columns.domains))

    def seats_then(
        self, need: Need, tasks: int, position: int, worth: Callable[[Contest], float]
    ) -> tuple[float, Sequence[Share]]:
        """Where somebody with a turn at `position` could start once others behind him have gone,
        and what these are worth together; empty where nowhere.
        """
        if (need, tasks) in self.failed:
            return 0.0, ()
        if need.chips * tasks > self._chips_then + self.holders.chips_behind(position):
            return 0.0, ()
        room = self.then.copy()
        self.holders.add_behind(room, position)
        by_row = capacity(room, need, tasks)
        if int(by_row.sum()) < tasks:
            self.failed[need, tasks] = True
            return 0.0, ()
        return self._cheapest(need, tasks, by_row, position, worth)

    def in_the_way(self, need: Need, share: Share, position: int) -> list[Contest]:
        """Who on a row has to go for so many tasks: the last in the order, and nobody in vain."""
        row, tasks = share
        wanted = amount_of(need) * tasks
        free, gone = self.then[row].copy(), []
        for contest, amount in self.holders.on(row, position):
            if (free >= wanted).all():
                break
            free += amount
            gone.append((contest, amount))
        found = []
        for contest, amount in reversed(gone):
            if (free - amount >= wanted).all():
                free -= amount
            else:
                found.append(contest)
        return found

    def _cheapest(
        self, need: Need, tasks: int, by_row: Ints, position: int,
        worth: Callable[[Contest], float],
    ) -> tuple[float, Sequence[Share]]:  # fmt: skip
        """Rows for all the tasks, and what it costs: one that holds all, else the cheapest."""
        rows: list[int] = np.flatnonzero(by_row).tolist()
        holds: list[int] = by_row[rows].tolist()
        costs = [
            sum([worth(who) for who in self.in_the_way(need, (row, count), position)])
            for row, count in zip(rows, holds, strict=True)
        ]
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


def capacity(room: Ints, need: Need, most: int) -> Ints:
    """How many tasks each row holds, at most so many."""
    found: Ints = np.full(len(room), most, np.int64)
    for place, wanted in ((CPU, need.cpu), (MEM, need.mem), (WHOLE, need.chips)):
        if wanted:
            np.minimum(found, room[:, place] // wanted, out=found)
    if need.milli and not need.chips:
        np.minimum(found, room[:, MILLI] // need.milli, out=found)
    return np.maximum(found, 0, out=found)


def holds(columns: PoolColumns, need: Need, shares: Sequence[Share]) -> bool:
    """Whether the rows of a pool hold so many tasks each, by what is accounted there now."""
    for row, tasks in shares:
        if columns.free_cpu[row] < need.cpu * tasks or columns.free_mem[row] < need.mem * tasks:
            return False
        if need.chips:
            if columns.whole[row] < need.chips * tasks:
                return False
        elif need.milli and int((columns.chips[row] // need.milli).sum()) < tasks:
            return False
    return True
