"""Fit: how many tasks each node of a pool holds, which node is the tightest, where a gang goes.

What a cycle places now goes by an `Index`. A `Room` is what is free on the nodes of one pool at
one time, now or later.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hutong.scheduler.added import AddedShares
from hutong.scheduler.arena import Arena, Ground
from hutong.scheduler.columns import Ints, Mask, Need, PoolColumns, Rows, Small
from hutong.scheduler.kernels import active
from hutong.scheduler.shapes import WHOLE_MILLI

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

    def copy(self) -> "Reserved":
        """The same columns, which change on their own."""
        other: Reserved = object.__new__(Reserved)
        for name in self.__slots__:
            setattr(other, name, getattr(self, name).copy())
        return other

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


NO_MASK = np.zeros(0, np.bool_)


class Index:
    """A pool's columns with the index that finds the tightest node (see `kernels.nodes`).

    It is a cycle's own and follows what the cycle takes with `take`.
    """

    __slots__ = ("_count", "_held", "_out", "_rows", "_sums", "_tasks", "_where", "columns")

    def __init__(self, columns: PoolColumns, ground: Ground | None = None) -> None:
        """On a `ground` the columns are those that lie there."""
        alone = Ground(Arena([columns])) if ground is None else ground
        self.columns = columns
        self._where, self._count, self._held = alone.index_of(
            columns, 0 if ground is None else columns.index
        )
        self._rows = self._tasks = np.zeros(0, np.int64)
        self._out = np.zeros(2, np.int64)
        self._sums = np.zeros(columns.starts.shape, np.int64)
        active().nodes.build(
            columns.node, self._where, self._count, columns.codes, self._held, columns.cpu_total
        )

    def tightest(self, need: Ints, allowed: Mask) -> int:
        """The tightest row that holds all the tasks of a need, or -1."""
        columns = self.columns
        return int(
            active().nodes.tightest(
                columns.node, columns.chips, self._where, self._count, need, allowed
            )
        )

    def fitting(self, need: Ints) -> int:
        """How many tasks of a gang the rows hold together, at most all."""
        columns = self.columns
        return int(active().nodes.fitting(columns.node, columns.chips, self._where, need))

    def sweep(self, needs: Ints, numbers: NDArray[np.int32], maybe: Mask, out: Mask) -> None:
        """Set `maybe` at the number of every need that may fit, `out` at those that do not."""
        columns = self.columns
        active().nodes.sweep(
            columns.node, columns.chips, self._where, self._count, needs, numbers, maybe, out
        )

    def gather(self, need: Ints, allowed: Mask) -> tuple[Rows, Ints]:
        """Rows that hold a task and how many each holds, in no order; valid until asked again."""
        columns = self.columns
        self._make_work_space(0)
        found = active().nodes.gather(
            columns.node, columns.chips, self._where, need, allowed, self._rows, self._tasks
        )
        return self._rows[:found], self._tasks[:found]

    def spread(self, need: Ints, tasks: int, allowed: Mask) -> list[Share]:
        """Where a gang of whole chips goes that fits one topology domain; empty where none does."""
        columns = self.columns
        if not len(columns.codes):
            return []
        self._make_work_space(tasks)
        out = self._out
        found = active().gangs.spread(
            columns.node, columns.chips, self._where, columns.codes, self._held,
            columns.members, columns.starts, need, allowed, self._rows, self._tasks,
            self._sums, out,
        )  # fmt: skip
        return _shares(out, found)

    def _make_work_space(self, tasks: int) -> None:
        if not len(self._rows):
            self._rows, self._tasks = np.zeros((2, len(self.columns.ids)), np.int64)
        if len(self._out) < 2 * tasks + 2:
            self._out = np.zeros(2 * tasks + 2, np.int64)

    def place(
        self, need: Ints, shares: Sequence[Share], added: AddedShares, end_ms: int, basis: int
    ) -> None:
        """Take what shares of a gang hold, and add what each will give back, and when."""
        columns = self.columns
        columns.version += 1
        placed, freed, first = added.room_for(len(shares), (columns.index, end_ms, basis))
        flat = [place for share in shares for place in share]
        active().nodes.place(
            columns.node, columns.chips, self._where, self._count, columns.codes, self._held,
            need, np.array(flat, np.int64), placed, freed, first,
        )  # fmt: skip


def vector_for(need: Need, tasks: int, per_node: int, columns: PoolColumns) -> Ints:
    """A need as the kernels take it, for a gang on a pool; `per_node` fit on an empty node."""
    return np.array(
        (
            need.cpu, need.mem, need.chips, need.milli, tasks, int(need.exclusive),
            min(tasks, per_node), columns.cpu_total,
        ),
        np.int64,
    )  # fmt: skip


def pack(tasks_by_row: Ints, tasks: int, domains: Sequence[Rows]) -> list[Share]:
    """Choose nodes for a gang: on as few and as inner topology domains as hold it whole.

    `tasks_by_row` is how many tasks each node holds and `domains` the codes of its domains by
    level, outermost first. A single node that holds all is taken if there is one, that which holds
    least; else the rule is that of `kernels.gangs.pack`. Empty where the gang does not fit.
    """
    single = np.flatnonzero(tasks_by_row >= tasks)
    if len(single):
        return [(int(single[np.argmin(tasks_by_row[single])]), tasks)]
    holds = tasks_by_row
    rows = np.flatnonzero(holds)
    codes = np.array(domains, np.int64).reshape(len(domains), len(holds))
    return pack_rows(rows, holds[rows], tasks, codes)


def pack_rows(rows: Rows, holds: Ints, tasks: int, codes: Rows) -> list[Share]:
    """The same for the rows alone that hold something, each at most `tasks`; a code row a level."""
    out = np.empty(2 * min(len(rows), tasks) + 2, np.int64)
    width = int(codes.max(initial=-1)) + 1
    sums = np.empty((len(codes), width), np.int64)
    found = active().gangs.pack(rows.copy(), holds.copy(), len(rows), tasks, codes, sums, out)
    return _shares(out, found)


def _shares(out: Ints, found: int) -> list[Share]:
    flat: list[int] = out[: 2 * found].tolist()
    return list(zip(flat[::2], flat[1::2], strict=True))
