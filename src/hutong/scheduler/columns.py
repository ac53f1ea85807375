"""The nodes of one pool as columns, and what runs on them as slots.

Theory of operation. Row `r` of every node column is one node; the columns lie side by side in the
table `node`, which the kernels compute on (see `kernels.nodes`). `free_cpu` and `free_mem` are what
live attempts leave (they go below zero when a node shrank under running work). `chips[r, c]` is
what is left of chip `c` in thousandths, so that a fraction never spans two chips; `whole[r]` counts
the chips that are wholly free and is kept beside it because most decisions need nothing else. What
was taken when no chip could hold it is in `debt`. One slot is one attempt's share of one node: when
it is expected to end and what that gives back. What slots say lies in a table too, a row a thing
said, so that one call of a kernel accounts all shares of an attempt on a pool.

`version` changes with every change of the accounts, `growth` only where more may fit than before.
`memo` keeps what was worked out for a version or a growth; losing it changes no decision.

Which chip a task holds is the scheduler's own bookkeeping: whole chips are the first free ones,
fractions go to the used chip with the least room that still takes them.

Invariant: free + everything the slots hold = capacity, resource by resource, chip by chip.
"""

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from hutong.model.ids import NodeId
from hutong.model.limits import TASK_ACCELERATOR_MILLI
from hutong.model.resources import Amount
from hutong.model.supply import Node, NodeCondition, Offer, Pool
from hutong.scheduler.kernels import active, layout
from hutong.scheduler.shapes import WHOLE_MILLI

Ints = NDArray[np.int64]
Small = NDArray[np.int16]
Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]

AMOUNT_MAX = 2**50
"""Amounts beyond this (a pebibyte in MiB, and more) are cut, so that sums stay in 64 bits."""

_CHIPS_MAX = TASK_ACCELERATOR_MILLI // WHOLE_MILLI
_NEEDS_KEPT = 100_000
_vectors: dict["Need", Ints] = {}
_needs: dict[tuple[int, int, int, bool], "Need"] = {}


class Need(msgspec.Struct, frozen=True, gc=False):
    """What one task takes, as `need_of` makes it.

    `milli` is in thousandths of a chip, `chips` the same in whole chips, 0 for none or a fraction.
    """

    cpu: int
    mem: int
    milli: int = 0
    chips: int = 0
    exclusive: bool = False


def need_of(cpu_milli: int, memory_mib: int, accelerator_milli: int, *, exclusive: bool) -> Need:
    """What a task takes: nothing below zero, and above one chip whole chips only."""
    asked = cpu_milli, memory_mib, accelerator_milli, exclusive
    found = _needs.get(asked)
    if found is None:
        if len(_needs) >= _NEEDS_KEPT:
            _needs.clear()
        found = _needs[asked] = _need_of(*asked[:3], exclusive=exclusive)
    return found


def _need_of(cpu_milli: int, memory_mib: int, accelerator_milli: int, *, exclusive: bool) -> Need:
    milli = clamp(max(accelerator_milli, 0))
    chips = -(-milli // WHOLE_MILLI) if milli >= WHOLE_MILLI else 0
    milli = chips * WHOLE_MILLI or milli
    return Need(clamp(max(cpu_milli, 0)), clamp(max(memory_mib, 0)), milli, chips, exclusive)


def vector_of(need: Need) -> Ints:
    """A need as the kernels take it, for one task; kept, and never to be written to."""
    found = _vectors.get(need)
    if found is None:
        if len(_vectors) >= _NEEDS_KEPT:
            _vectors.clear()
        places = (need.cpu, need.mem, need.chips, need.milli, 1, int(need.exclusive), 1, 0)
        found = _vectors[need] = np.array(places, np.int64)
    return found


def amount_of(need: Need) -> Amount:
    """What a task takes, as an amount."""
    return Amount(need.cpu, need.mem, need.milli)


def clamp(amount: int) -> int:
    """Cut an amount to what the columns hold."""
    return max(-AMOUNT_MAX, min(AMOUNT_MAX, amount))


class Slots:
    """What runs on a pool, one slot a share: when it ends and what it gives back then."""

    __slots__ = (
        "attempt", "basis", "chips", "class_code", "cpu", "end", "evictable", "exclusive",
        "fraction", "holes", "interval", "marks", "mem", "milli", "row", "saved", "size",
        "started", "stopping", "table", "tenant_code", "weight", "weight_cpu", "whole",
    )  # fmt: skip

    def __init__(self, chips_count: int, capacity: int = 8) -> None:
        self.size = 0
        self.holes: list[int] = []
        self.table = np.zeros((layout.SLOT_PLACES, capacity), np.int64)
        self.marks = np.zeros((layout.MARKS, capacity), np.int8)
        self.chips: Small = np.zeros((capacity, chips_count), np.int16)
        self.table[layout.SLOT_ROW] = -1
        self._look_into_table()

    def _look_into_table(self) -> None:
        """Name what the table and the marks say of the slots."""
        table = self.table
        self.end: Ints = table[layout.SLOT_END]
        self.class_code: Ints = table[layout.SLOT_CLASS]
        self.tenant_code: Ints = table[layout.SLOT_TENANT]
        self.attempt: Ints = table[layout.SLOT_ATTEMPT]
        self.started: Ints = table[layout.SLOT_STARTED]
        self.evictable: Ints = table[layout.SLOT_EVICTABLE]
        self.saved: Ints = table[layout.SLOT_SAVED]
        self.interval: Ints = table[layout.SLOT_INTERVAL]
        self.weight: Ints = table[layout.SLOT_WEIGHT]
        self.weight_cpu: Ints = table[layout.SLOT_WEIGHT_CPU]
        self.row: Ints = table[layout.SLOT_ROW]
        self.cpu: Ints = table[layout.SLOT_CPU]
        self.mem: Ints = table[layout.SLOT_MEM]
        self.milli: Ints = table[layout.SLOT_MILLI]
        self.whole: Ints = table[layout.SLOT_WHOLE]
        self.basis = self.marks[layout.MARK_BASIS]
        truths = self.marks.view(np.bool_)
        self.stopping: Mask = truths[layout.MARK_STOPPING]
        self.fraction: Mask = truths[layout.MARK_FRACTION]
        self.exclusive: Mask = truths[layout.MARK_EXCLUSIVE]

    def add(self) -> int:
        """Take a slot; its columns still hold what its last user left."""
        if self.holes:
            return self.holes.pop()
        if self.size == len(self.row):
            self._grow()
        self.size += 1
        return self.size - 1

    def remove(self, slots: list[int]) -> None:
        """Give slots back. A slot in use has a row of at least 0."""
        self.row[slots] = -1
        self.holes += slots

    def live(self) -> Rows:
        """The numbers of the slots in use."""
        return np.flatnonzero(self.row[: self.size] >= 0)

    def _grow(self) -> None:
        self.table = np.concatenate([self.table, np.zeros_like(self.table)], axis=1)
        self.marks = np.concatenate([self.marks, np.zeros_like(self.marks)], axis=1)
        self.chips = np.concatenate([self.chips, np.zeros_like(self.chips)])
        self._look_into_table()
        self.row[self.size :] = -1


class PoolColumns:
    """One pool: its nodes as columns and its slots. `copy()` gives a cycle its own node columns."""

    __slots__ = (
        "caps", "chips", "closed", "codes", "cpu_total", "debt", "domains", "down", "draining",
        "free_cpu", "free_mem", "growth", "ids", "index", "mem_total", "members", "memo", "node",
        "offer", "paths", "pool", "ready", "ready_count", "shares", "shrunk", "slots", "starts",
        "version", "whole",
    )  # fmt: skip

    def __init__(self, pool: Pool, nodes: list[Node]) -> None:
        count = len(nodes)
        chips_milli = min(max(pool.node.accelerator_milli, 0), _CHIPS_MAX * WHOLE_MILLI)
        parts, rest = divmod(chips_milli, WHOLE_MILLI)
        caps = [WHOLE_MILLI] * parts + ([rest] if rest else [])
        self.pool = pool
        self.offer: Offer | None = None
        self.index = 0
        self.version = 0
        self.growth = 0
        self.memo: dict[Any, Any] = {}
        self.cpu_total = clamp(pool.node.cpu_milli)
        self.mem_total = clamp(pool.node.memory_mib)
        self.caps = np.array(caps, np.int16)
        self.ids: list[NodeId] = [node.id for node in nodes]
        self.paths: list[tuple[str, ...]] = [node.domains for node in nodes]
        self.node = np.zeros((count, layout.COLUMNS), np.int64)
        self.node[:, layout.CPU] = self.cpu_total
        self.node[:, layout.MEM] = self.mem_total
        self.node[:, layout.WHOLE] = parts
        self.node[:, layout.PART] = rest
        self.chips = np.tile(self.caps, (count, 1))
        self._look_into_table()
        self.shrunk = np.zeros(count, np.bool_)
        self.codes = _domains(nodes)
        self.domains: tuple[Rows, ...] = tuple(self.codes)
        self.members, self.starts = _members(self.codes)
        self.slots = Slots(len(caps))
        self.set_conditions([node.condition for node in nodes])

    def copy(self) -> "PoolColumns":
        """The same pool with node columns of its own; the slots are shared and only read."""
        return self.beside(self.node.copy(), self.chips.copy())

    def beside(self, node: Ints, chips: Small) -> "PoolColumns":
        """The same pool with other node columns; the slots are shared and only read."""
        other: PoolColumns = object.__new__(PoolColumns)
        for name in self.__slots__:
            setattr(other, name, getattr(self, name))
        other.node, other.chips = node, chips
        other._look_into_table()
        return other

    def _look_into_table(self) -> None:
        """Name the columns of the table."""
        table = self.node
        self.free_cpu: Ints = table[:, layout.CPU]
        self.free_mem: Ints = table[:, layout.MEM]
        self.whole: Ints = table[:, layout.WHOLE]
        self.debt: Ints = table[:, layout.DEBT]
        self.shares: Ints = table[:, layout.SHARES]
        self.closed: Ints = table[:, layout.CLOSED]

    def set_conditions(self, conditions: list[NodeCondition]) -> None:
        """Say for every row whether new work may go there."""
        ready = [condition is NodeCondition.READY for condition in conditions]
        self.ready = np.array(ready, np.bool_)
        self.node[:, layout.READY] = self.ready
        self.draining = conditions.count(NodeCondition.DRAINING)
        self.down = conditions.count(NodeCondition.DOWN)
        self.ready_count = len(conditions) - self.draining - self.down
        self.version += 1
        self.growth += 1

    def set_condition(self, row: int, before: NodeCondition, after: NodeCondition) -> None:
        """Say of one row whether new work may go there."""
        self.draining += (after is NodeCondition.DRAINING) - (before is NodeCondition.DRAINING)
        self.down += (after is NodeCondition.DOWN) - (before is NodeCondition.DOWN)
        self.ready[row] = self.node[row, layout.READY] = after is NodeCondition.READY
        self.ready_count = len(self.ids) - self.draining - self.down
        self.version += 1
        self.growth += 1

    def take(self, row: int, need: Need, tasks: int) -> None:
        """Account `tasks` tasks on a node that have no slot: for columns of one's own.

        What no chip can hold becomes debt; nothing is refused here.
        """
        self.version += 1
        held = np.empty((1, len(self.caps)), np.int16)
        active().nodes.take(self.node, self.chips, vector_of(need), row, tasks, held, 0)

    def account(self, need: Need, shares: list[int], known: Small, same: Ints, basis: int) -> None:
        """Account shares with one need, each in its slot (see `kernels.accounts.account`)."""
        self.version += 1
        slots = self.slots
        active().accounts.account(
            self.node, self.chips, vector_of(need), np.array(shares, np.int64), known, same, basis,
            slots.table, slots.marks, slots.chips,
        )  # fmt: skip

    def give(self, slots: list[int]) -> None:
        """Account that what some slots hold is gone; the slots stay, for those who share them."""
        self.version += 1
        self.growth += 1
        of, at = self.slots, np.array(slots, np.int64)
        active().accounts.give(self.node, self.chips, of.table, of.marks, of.chips, at)

    def release(self, slots: list[int]) -> None:
        """Give back what some slots hold, and the slots."""
        self.give(slots)
        self.slots.remove(slots)

    def free_together(self) -> tuple[int, int, int]:
        """CPU, memory and thousandths of chips that are free on the ready nodes together."""
        ready = self.ready
        return (
            int(self.free_cpu[ready].clip(0).sum()),
            int(self.free_mem[ready].clip(0).sum()),
            int(self.chips[ready].sum(dtype=np.int64)),
        )


def _domains(nodes: list[Node]) -> Rows:
    """Codes of the topology domains, a row a level, outermost first.

    A domain is the path down to it; codes count up in the order of the domains' names. A node that
    names fewer levels than another is alone below its last one.
    """
    depth = max((len(node.domains) for node in nodes), default=0)
    levels = []
    for level in range(1, depth + 1):
        paths: list[tuple[Any, ...]] = [
            node.domains[:level] if len(node.domains) >= level else (*node.domains, "", node.id)
            for node in nodes
        ]
        codes = {path: code for code, path in enumerate(sorted(dict.fromkeys(paths)))}
        levels.append([codes[path] for path in paths])
    return np.array(levels, np.int64).reshape(depth, len(nodes))


def _members(codes: Rows) -> tuple[Rows, Rows]:
    """The rows by domain, level by level, and where each domain's begin among them."""
    levels, rows = codes.shape
    width = int(codes.max(initial=-1)) + 1
    members = np.zeros((levels, rows), np.int64)
    starts = np.full((levels, width + 1), rows, np.int64)
    for level in range(levels):
        members[level] = np.argsort(codes[level], kind="stable")
        counts = np.bincount(codes[level], minlength=width)
        starts[level, 0] = 0
        starts[level, 1:] = np.cumsum(counts)
    return members, starts
