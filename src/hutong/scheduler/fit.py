"""Fit: how many tasks each node of a pool holds, which node is the tightest, where a gang goes.

Everything here reads a `Room`: what is free on the nodes of one pool at one time, now or later.
Within a cycle room only shrinks, which the streams of nodes rely on: a node that was too full for
a task stays too full for it until the next cycle.
"""

from collections.abc import Callable
from heapq import heapify, heappop, heapreplace
from typing import Protocol

import numpy as np

from hutong.scheduler.columns import AMOUNT_MAX, Ints, Mask, Need, PoolColumns, Rows, Small
from hutong.scheduler.shapes import WHOLE_MILLI

_ROW_BITS = 20
_ROW_MASK = (1 << _ROW_BITS) - 1
_CPU_BITS = 21
_CPU_MAX = (1 << _CPU_BITS) - 1
_CPU_STEP = 10
_CHUNK = 256

Share = tuple[int, int]
"""A row, and how many tasks go there."""


class Room:
    """What is free on the nodes of a pool at one time. `usable` excludes nodes not ready."""

    __slots__ = ("chips", "closed", "cpu", "debt", "mem", "shares", "usable", "whole")

    def __init__(self, columns: PoolColumns) -> None:
        self.cpu: Ints = columns.free_cpu
        self.mem: Ints = columns.free_mem
        self.whole: Ints = columns.whole
        self.chips: Small = columns.chips
        self.shares: Ints = columns.shares
        self.closed: Ints = columns.closed
        self.debt: Ints = columns.debt
        self.usable: Mask = columns.ready


class Reserved:
    """What reservations keep of a pool's nodes, in columns. `closed` are nodes kept whole."""

    __slots__ = ("closed", "cpu", "mem", "nodes", "whole")

    def __init__(self, count: int) -> None:
        self.cpu = np.zeros(count, np.int64)
        self.mem = np.zeros(count, np.int64)
        self.whole = np.zeros(count, np.int64)
        self.nodes = np.zeros(count, np.int64)
        self.closed = np.zeros(count, np.bool_)

    def add(self, rows: Rows, tasks: Ints, need: Need) -> None:
        """Keep room for tasks on some rows. A fraction of a chip keeps a whole one per task."""
        self.cpu[rows] += need.cpu * tasks
        self.mem[rows] += need.mem * tasks
        self.whole[rows] += chips_kept(need) * tasks
        self.nodes[rows] += 1
        self.closed[rows] |= need.exclusive


def chips_kept(need: Need) -> int:
    """Whole chips that a reservation keeps for one task: a fraction could need a fresh chip."""
    return need.chips or (1 if need.milli else 0)


def capacity(room: Room, need: Need, most: int, reserved: Reserved | None = None) -> Ints:
    """How many tasks each node holds, at most `most`, beside what is reserved."""
    tasks: Ints = np.full(len(room.cpu), most, np.int64)
    if need.cpu > 0:
        cpu = room.cpu - reserved.cpu if reserved else room.cpu
        tasks = np.minimum(tasks, cpu // need.cpu)
    if need.mem > 0:
        mem = room.mem - reserved.mem if reserved else room.mem
        tasks = np.minimum(tasks, mem // need.mem)
    if need.milli > 0:
        tasks = np.minimum(tasks, _chip_capacity(room, need, reserved))
        tasks[room.debt > 0] = 0
    blocked = ~room.usable | (room.closed > 0)
    if need.exclusive:
        blocked |= room.shares > 0
    if reserved is not None:
        blocked |= reserved.closed
        if need.exclusive:
            blocked |= reserved.nodes > 0
    tasks[blocked] = 0
    return np.maximum(tasks, 0)


def _chip_capacity(room: Room, need: Need, reserved: Reserved | None) -> Ints:
    if need.chips:
        whole = room.whole - reserved.whole if reserved else room.whole
        return whole // need.chips
    fractions: Ints = (room.chips // need.milli).clip(0).sum(axis=1, dtype=np.int64)
    if reserved is not None:
        fractions = fractions - reserved.whole * (WHOLE_MILLI // need.milli)
    return fractions


def feasible(room: Room, need: Need, tasks: int) -> Mask:
    """Which nodes hold `tasks` tasks. Cheaper than `capacity` where no division is needed."""
    found = room.usable & (room.closed <= 0)
    if need.cpu > 0:
        found &= room.cpu >= need.cpu * tasks
    if need.mem > 0:
        found &= room.mem >= need.mem * tasks
    if need.chips:
        found &= room.whole >= need.chips * tasks
    elif need.milli:
        rows = np.flatnonzero(found)
        found[rows] = (room.chips[rows] // need.milli).clip(0).sum(axis=1) >= tasks
    if need.milli:
        found &= room.debt <= 0
    if need.exclusive:
        found &= room.shares == 0
    return found


def tightness(room: Room, rows: Rows, need: Need) -> Ints:
    """Keys that order nodes tightest first; a key's low bits are its row.

    Fractions look first for the used chip with the least room that holds one. Then fewest whole
    chips left, then least CPU, so that large holes stay whole.
    """
    key: Ints = room.whole[rows] << _CPU_BITS
    key |= (room.cpu[rows] >> _CPU_STEP).clip(0, _CPU_MAX)
    if need.milli and not need.chips:
        chips = room.chips[rows]
        tightest = np.where(chips >= need.milli, chips, WHOLE_MILLI).min(
            axis=1, initial=WHOLE_MILLI
        )
        key |= tightest.astype(np.int64) << (_CPU_BITS + 11)
    return (key << _ROW_BITS) | rows


def tightness_of(columns: PoolColumns, row: int, need: Need) -> int:
    """The same key for one row."""
    cpu = min(max(int(columns.free_cpu[row]) >> _CPU_STEP, 0), _CPU_MAX)
    key = int(columns.whole[row]) << _CPU_BITS | cpu
    if need.milli and not need.chips:
        fitting = [chip for chip in columns.chips[row].tolist() if chip >= need.milli]
        key |= min(fitting, default=WHOLE_MILLI) << (_CPU_BITS + 11)
    return key << _ROW_BITS | row


def fits_on(columns: PoolColumns, row: int, need: Need, tasks: int) -> bool:
    """Whether one node holds `tasks` tasks now; the row is a ready one."""
    if need.cpu > 0 and columns.free_cpu[row] < need.cpu * tasks:
        return False
    if need.mem > 0 and columns.free_mem[row] < need.mem * tasks:
        return False
    if columns.closed[row] > 0 or (need.exclusive and columns.shares[row]):
        return False
    if not need.milli:
        return True
    if columns.debt[row] > 0:
        return False
    if need.chips:
        return int(columns.whole[row]) >= need.chips * tasks
    chips: list[int] = columns.chips[row].tolist()
    return sum([max(chip, 0) // need.milli for chip in chips]) >= tasks


class Fence(Protocol):
    """What reservations forbid one shape on one pool. It only ever forbids more in a cycle."""

    def barred_rows(self) -> Rows:
        """The rows that may not take the shape's tasks."""

    def bars(self, row: int) -> bool:
        """Whether one row may not."""


class Stream:
    """The nodes of a pool that hold `tasks` tasks of a need, tightest first, while a cycle fills.

    It takes the tightest few hundred at a time and checks each again when its turn comes, because
    other shapes use the same nodes. `fits` says whether any node had room at first, `fenced`
    whether a node with room was barred by a reservation.
    """

    __slots__ = ("_columns", "_drained", "_fence", "_heap", "_need", "_tasks", "fenced", "fits")

    def __init__(
        self, columns: Callable[[], PoolColumns], need: Need, tasks: int, fence: Fence
    ) -> None:
        self._columns = columns
        self._need = need
        self._tasks = tasks
        self._fence = fence
        self._heap: list[int] = []
        self._drained = False
        self.fenced = False
        self.fits = False
        self._refill()

    def row(self) -> int:
        """The tightest node that holds the tasks now, or -1."""
        heap, need, tasks, fence = self._heap, self._need, self._tasks, self._fence
        columns = self._columns()
        while heap:
            key = heap[0]
            row = key & _ROW_MASK
            if not fits_on(columns, row, need, tasks):
                heappop(heap)
            elif fence.bars(row):
                self.fenced = True
                heappop(heap)
            else:
                now = tightness_of(columns, row, need)
                if now <= key:
                    return row
                heapreplace(heap, now)
            if not heap and not self._drained:
                self._refill()
                heap = self._heap
        return -1

    def _refill(self) -> None:
        room = Room(self._columns())
        found = feasible(room, self._need, self._tasks)
        barred = self._fence.barred_rows()
        if len(barred):
            self.fits = self.fits or bool(found.any())
            self.fenced = self.fenced or bool(found[barred].any())
            found[barred] = False
        rows = np.flatnonzero(found)
        self.fits = self.fits or len(rows) > 0
        keys = tightness(room, rows, self._need)
        self._drained = len(rows) <= _CHUNK
        if not self._drained:
            keys = np.partition(keys, _CHUNK)[:_CHUNK]
        self._heap = keys.tolist()
        heapify(self._heap)


def pack(tasks_by_row: Ints, tasks: int, domains: tuple[Rows, ...]) -> list[Share]:
    """Choose nodes for a gang: on as few and as inner topology domains as hold it whole.

    `tasks_by_row` is how many tasks each node holds and `domains` the codes of its domains by
    level, outermost first. Among the domains of the innermost level that has one large enough the
    smallest such is taken, and within it the inner domains and nodes that hold most, so that the
    gang spreads least; the last piece goes where it leaves least. Empty where it does not fit.
    """
    holds = np.minimum(tasks_by_row, tasks)
    if int(holds.sum()) < tasks:
        return []
    rows = np.flatnonzero(holds)
    single = rows[holds[rows] >= tasks]
    if len(single):
        tightest = single[np.argmin(tasks_by_row[single])]
        return [(int(tightest), tasks)]
    for codes in reversed(domains):
        sums = np.bincount(codes[rows], weights=holds[rows])
        large = np.flatnonzero(sums >= tasks)
        if len(large):
            chosen = large[np.argmin(sums[large])]
            rows = rows[codes[rows] == chosen]
            break
    order: list[Ints] = [rows, -holds[rows]]
    for codes in reversed(domains):
        sums = np.bincount(codes[rows], weights=holds[rows]).astype(np.int64)
        order += [codes[rows], -sums[codes[rows]]]
    rows = rows[np.lexsort(order)]
    return _fill(rows, holds, tasks, domains[-1] if domains else np.zeros_like(holds))


def _fill(rows: Rows, holds: Ints, tasks: int, inner: Rows) -> list[Share]:
    """Take rows in their order; the last piece goes to the row of its domain that it fills best."""
    counts = holds[rows]
    taken = np.cumsum(counts)
    last = int(np.searchsorted(taken, tasks))
    left = tasks - int(taken[last - 1]) if last else tasks
    shares = list(zip(rows[:last].tolist(), counts[:last].tolist(), strict=True))
    tail = counts[last:]
    near = inner[rows[last:]] == inner[rows[last]]
    best = np.argmin(np.where((tail >= left) & near, tail, AMOUNT_MAX))
    return [*shares, (int(rows[last + best]), left)]
