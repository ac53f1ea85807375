"""Outlook: what running attempts will give back on a pool, and when.

Ends are expected ones. What was told to stop counts as free at once, for whoever it is meant for;
an attempt past its expected end is given a minute, or an eighth of the time it is late if longer.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from hutong.scheduler.columns import Ints, Mask, Need, PoolColumns, Rows, Slots, Small
from hutong.scheduler.fit import Room
from hutong.scheduler.shapes import NEVER_MS, WHOLE_MILLI
from hutong.scheduler.supply import BASES

OVERDUE_MS = 60_000
"""How much longer an attempt past its expected end is expected to go on, at least."""


class Ends(NamedTuple):
    """Slots that end, in columns: the rows they are on and what they give back there."""

    row: Rows
    cpu: Ints
    mem: Ints
    milli: Ints
    whole: Ints
    fraction: Mask
    exclusive: Mask
    chips: Small

    def first(self, count: int) -> "Ends":
        """The first `count` of them."""
        return Ends._make(column[:count] for column in self)

    def at(self, index: Rows) -> "Ends":
        """Those at some positions."""
        return Ends._make(column[index] for column in self)

    def and_(self, other: "Ends") -> "Ends":
        """These, then the others."""
        names = self._fields
        return Ends._make(np.concatenate([getattr(self, n), getattr(other, n)]) for n in names)


class Added(NamedTuple):
    """A share that was placed in the cycle: it has no slot yet."""

    end_ms: int
    basis: int
    row: int
    tasks: int
    need: Need
    parts: tuple[int, ...]


def _ends_of_added(columns: PoolColumns, added: Sequence[Added]) -> Ends:
    """What shares placed in the cycle give back."""
    return Ends(
        np.array([item.row for item in added], np.int64),
        np.array([item.need.cpu * item.tasks for item in added], np.int64),
        np.array([item.need.mem * item.tasks for item in added], np.int64),
        np.array([item.need.milli * item.tasks for item in added], np.int64),
        np.array([len(item.parts) if item.need.chips else 0 for item in added], np.int64),
        np.array([item.need.milli > 0 and not item.need.chips for item in added], np.bool_),
        np.array([item.need.exclusive for item in added], np.bool_),
        np.array([columns.chip_vector(item.parts) for item in added], np.int16),
    )


def ends_of(slots: Slots, index: Rows) -> Ends:
    """What some slots give back."""
    return Ends._make(getattr(slots, name)[index] for name in Ends._fields)


def room_without(columns: PoolColumns, ends: Ends, *, fractions: bool) -> Room:
    """What is free on a pool once some slots have ended.

    Chips are only worked out one by one where `fractions` asks for it or fractions end.
    """
    room = Room(columns)
    if not len(ends.row):
        return room
    rows = ends.row
    room.cpu = _plus(room.cpu, rows, ends.cpu)
    room.mem = _plus(room.mem, rows, ends.mem)
    room.shares = _plus(room.shares, rows, np.full(len(rows), -1, np.int64))
    exclusive = rows[ends.exclusive]
    if len(exclusive):
        room.closed = _plus(room.closed, exclusive, np.full(len(exclusive), -1, np.int64))
    if not len(columns.caps):
        return room
    if fractions or bool(ends.fraction.any()):
        chips = columns.chips.copy()
        np.add.at(chips, rows, ends.chips)
        room.chips = chips
        room.whole = np.count_nonzero(chips == WHOLE_MILLI, axis=1).astype(np.int64)
    else:
        room.whole = _plus(room.whole, rows, ends.whole)
    return room


class Outlook:
    """The slots of one pool in the order in which they end, with running sums.

    Until `valid_until_ms` it does not depend on the time at which it was made.
    """

    __slots__ = ("_basis", "_freed", "ends", "times", "valid_until_ms", "version")

    def __init__(
        self, columns: PoolColumns, now_ms: int, added: Sequence[Added], evicted: Rows | None
    ) -> None:
        slots = columns.slots
        live = slots.live()
        times = slots.end[live]
        stopping = slots.stopping[live]
        if evicted is not None and len(evicted):
            stopping = stopping | np.isin(live, evicted)
        first = int(times.min(initial=NEVER_MS))
        self.version = columns.version
        self.valid_until_ms = 0 if bool(stopping.any()) else first
        if first <= now_ms:
            times = _with_overdue(times, now_ms)
        times = np.where(stopping, now_ms, times)
        ends, basis = ends_of(slots, live), slots.basis[live]
        if added:
            times = np.concatenate([times, [item.end_ms for item in added]])
            basis = np.concatenate([basis, [item.basis for item in added]])
            ends = ends.and_(_ends_of_added(columns, added))
        order = np.argsort(times, kind="stable")
        self.times: Ints = times[order]
        self.ends = ends.at(order)
        self._basis = np.maximum.accumulate(basis[order])
        sums = (self.ends.cpu, self.ends.mem, self.ends.milli)
        self._freed = [np.cumsum(amount) for amount in sums]

    def __len__(self) -> int:
        return len(self.times)

    def room_after(self, columns: PoolColumns, count: int, *, fractions: bool) -> Room:
        """What is free once the first `count` slots have ended."""
        return room_without(columns, self.ends.first(count), fractions=fractions)

    def count_until(self, free: tuple[int, int, int], wanted: tuple[int, int, int]) -> int:
        """How many slots have to end before the pool as a whole has `wanted` free.

        Both are CPU, memory and thousandths of chips. A bound from below: what is free may lie
        scattered. More than `len(self)` where all of them are not enough.
        """
        (cpu, mem, milli), (free_cpu, free_mem, free_milli) = wanted, free
        count = 0
        if cpu > free_cpu and cpu > 0:
            count = int(self._freed[0].searchsorted(cpu - free_cpu)) + 1
        if mem > free_mem and mem > 0:
            count = max(count, int(self._freed[1].searchsorted(mem - free_mem)) + 1)
        if milli > free_milli and milli > 0:
            count = max(count, int(self._freed[2].searchsorted(milli - free_milli)) + 1)
        return count

    def freed_in_all(self) -> tuple[int, int, int]:
        """CPU, memory and thousandths of chips that all of them together give back."""
        if not len(self):
            return 0, 0, 0
        return int(self._freed[0][-1]), int(self._freed[1][-1]), int(self._freed[2][-1])

    def ended_by(self, time_ms: int) -> int:
        """How many slots have ended at a time, all that end at that very time included."""
        return int(self.times.searchsorted(time_ms, side="right"))

    def basis_of(self, count: int) -> str:
        """What the end of the first `count` slots rests on."""
        return BASES[int(self._basis[count - 1])] if count else BASES[0]


def _plus(column: Ints, rows: Rows, amounts: Ints) -> Ints:
    added = column.copy()
    np.add.at(added, rows, amounts)
    return added


def _with_overdue(ends: Ints, now_ms: int) -> Ints:
    """Give what is past its expected end some more time."""
    late: Ints = np.maximum(OVERDUE_MS, (now_ms - ends) // 8)
    return np.where(ends <= now_ms, now_ms + late, ends)
