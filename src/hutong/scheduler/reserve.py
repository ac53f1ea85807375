"""Reservations: where and when a blocked job starts first, and what that keeps from others.

A reservation keeps certain nodes from a time on. A job that is expected to be gone by then may use
them; one that is not may use what will be left beside the reserved tasks (EASY backfill, Lifka,
JSSPP 1995, node by node). "Expected to be gone" goes by a job's time limit where it has one, so
that a limit makes it certain.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from hutong.model.ids import JobId
from hutong.scheduler.columns import Ints, Need, PoolColumns, Rows
from hutong.scheduler.fit import Reserved, Room, Share, capacity, chips_kept, pack
from hutong.scheduler.outlook import Outlook
from hutong.scheduler.supply import worse


class Found(NamedTuple):
    """The earliest time a gang fits a pool, the rows it would take, and what is spare there then.

    The spare columns are by position in `rows`, with what other reservations keep taken off.
    """

    start_ms: int
    basis: str
    rows: Rows
    tasks: Ints
    cpu: Ints
    mem: Ints
    whole: Ints


class Holder(NamedTuple):
    """The job that a reservation is for, and when it starts (0 where that is not known)."""

    job: JobId
    start_ms: int


class Hold:
    """A reservation on a pool, with what is left on its rows for jobs that stay past its start.

    `end_ms` is when its holder is expected to be gone again.
    """

    __slots__ = (
        "_cpu", "_mem", "_position", "_whole", "basis", "end_ms", "holder", "need", "rows",
        "start_ms", "tasks",
    )  # fmt: skip

    def __init__(self, holder: JobId, found: Found, need: Need, *, run_ms: int) -> None:
        self.holder = Holder(holder, found.start_ms)
        self.start_ms = found.start_ms
        self.end_ms = found.start_ms + run_ms
        self.basis = found.basis
        self.need = need
        self.rows = found.rows
        self.tasks = found.tasks
        self._position = {row: at for at, row in enumerate(found.rows.tolist())}
        self._cpu: Ints = found.cpu - need.cpu * found.tasks
        self._mem: Ints = found.mem - need.mem * found.tasks
        self._whole: Ints = found.whole - chips_kept(need) * found.tasks

    def left(self, need: Need, most: int) -> Ints:
        """How many tasks that stay past the start each of the rows may take, at most `most`."""
        left = np.full(len(self.rows), most, np.int64)
        if self.need.exclusive or need.exclusive:
            return np.zeros_like(left)
        if need.cpu > 0:
            left = np.minimum(left, self._cpu // need.cpu)
        if need.mem > 0:
            left = np.minimum(left, self._mem // need.mem)
        if need.milli > 0:
            left = np.minimum(left, self._whole // chips_kept(need))
        return np.maximum(left, 0)

    def bars(self, row: int, need: Need, tasks: int) -> bool:
        """Whether `tasks` tasks that stay past the start would take what is reserved of a row."""
        at = self._position.get(row)
        if at is None:
            return False
        if self.need.exclusive or need.exclusive:
            return True
        return bool(
            (need.cpu > 0 and self._cpu[at] < need.cpu * tasks)
            or (need.mem > 0 and self._mem[at] < need.mem * tasks)
            or (need.milli > 0 and self._whole[at] < chips_kept(need) * tasks)
        )

    def use(self, row: int, need: Need, tasks: int) -> None:
        """Account tasks that stay past the start on a row."""
        at = self._position.get(row)
        if at is not None:
            self._cpu[at] -= need.cpu * tasks
            self._mem[at] -= need.mem * tasks
            self._whole[at] -= chips_kept(need) * tasks


def earliest(
    columns: PoolColumns, outlook: Outlook, need: Need, tasks: int, *,
    holds: Sequence[Hold], free: tuple[int, int, int], now_ms: int,
) -> Found | None:  # fmt: skip
    """The earliest time a gang fits beside what is reserved; None where it never will.

    What a reservation keeps counts as taken from now until its holder is expected to be gone, so
    that room only grows with time and the earliest time is found by bisection, from where the pool
    as a whole, of which `free` is free now, has enough.
    """
    fractions = need.milli > 0 and not need.chips
    times = outlook.times
    if holds:
        times = np.unique(np.append(times, [hold.end_ms for hold in holds]))

    def at(index: int) -> tuple[Room, Reserved | None, Ints]:
        time_ms = int(times[index - 1]) if index else now_ms
        count = outlook.ended_by(time_ms) if index else 0
        room = outlook.room_after(columns, count, fractions=fractions)
        kept = reserved_at(holds, len(columns.ids), time_ms)
        return room, kept, capacity(room, need, tasks, kept)

    wanted = (need.cpu * tasks, need.mem * tasks, need.milli * tasks)
    fewest, high = outlook.count_until(free, wanted), len(times)
    if fewest > len(outlook) or int(at(high)[2].sum()) < tasks:
        return None
    low = int(times.searchsorted(outlook.times[fewest - 1])) + 1 if fewest else 0
    while low < high:
        middle = (low + high) // 2
        if int(at(middle)[2].sum()) >= tasks:
            high = middle
        else:
            low = middle + 1
    room, kept, by_row = at(low)
    start_ms = max(now_ms, int(times[low - 1])) if low else now_ms
    basis = outlook.basis_of(outlook.ended_by(start_ms) if low else 0)
    for hold in holds:
        if hold.end_ms <= start_ms:
            basis = worse(basis, hold.basis)
    shares = pack(by_row, tasks, columns.domains)
    return found(room, shares, kept, start_ms=start_ms, basis=basis)


def reserved_at(holds: Sequence[Hold], count: int, time_ms: int) -> Reserved | None:
    """What reservations keep of the `count` nodes of a pool until after a time."""
    lasting = [hold for hold in holds if hold.end_ms > time_ms]
    if not lasting:
        return None
    kept = Reserved(count)
    for hold in lasting:
        kept.add(hold.rows, hold.tasks, hold.need)
    return kept


def found(
    room: Room, shares: list[Share], reserved: Reserved | None, *, start_ms: int, basis: str
) -> Found:
    """Put a start together with what is spare on its rows beside other reservations."""
    rows = np.array([row for row, _ in shares], np.int64)
    tasks = np.array([count for _, count in shares], np.int64)
    cpu, mem, whole = room.cpu[rows], room.mem[rows], room.whole[rows]
    if reserved is not None:
        cpu = cpu - reserved.cpu[rows]
        mem = mem - reserved.mem[rows]
        whole = whole - reserved.whole[rows]
    return Found(start_ms, basis, rows, tasks, cpu, mem, whole)
