"""Outlook: what running attempts will give back on a pool, and when.

Ends are expected ones. What was told to stop counts as free at once, for whoever it is meant for;
an attempt past its expected end is given a minute, or an eighth of the time it is late if longer.

Theory of operation. A pool's slots are kept in the order of their ends from cycle to cycle
(`Sorted`): what changed in between is taken out and merged in again, so that nothing is sorted
twice. An `Outlook` is that order at a time, with what is late or stopping moved to where it is
expected, what the cycle itself has placed put in, and running sums of what comes free.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hutong.scheduler.added import Added
from hutong.scheduler.columns import Ints, Mask, PoolColumns, Rows, Slots, Small
from hutong.scheduler.fit import Room
from hutong.scheduler.kernels import layout
from hutong.scheduler.shapes import NEVER_MS, WHOLE_MILLI
from hutong.scheduler.supply import BASES

Bases = NDArray[np.int8]

OVERDUE_MS = 60_000
"""How much longer an attempt past its expected end is expected to go on, at least."""

_SORTED = "sorted ends"
_NO_SLOTS = np.zeros(0, np.int64)


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

    def and_(self, other: "Ends") -> "Ends":
        """These, then the others."""
        names = self._fields
        return Ends._make(np.concatenate([getattr(self, n), getattr(other, n)]) for n in names)


def _ends_of_added(added: Added) -> Ends:
    """What shares placed in the cycle give back."""
    table = added.table
    return Ends(
        table[:, layout.ADDED_ROW], table[:, layout.ADDED_CPU], table[:, layout.ADDED_MEM],
        table[:, layout.ADDED_MILLI], table[:, layout.ADDED_WHOLE],
        table[:, layout.ADDED_FRACTION] > 0, table[:, layout.ADDED_EXCLUSIVE] > 0, added.chips,
    )  # fmt: skip


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


class Sorted:
    """A pool's slots in the order of their ends as its accounts give them, at one version."""

    __slots__ = ("_attempt", "_end", "_live", "order", "times", "version")

    def __init__(self, columns: PoolColumns, before: "Sorted | None" = None) -> None:
        slots, size = columns.slots, columns.slots.size
        self.version = columns.version
        self._live = slots.row[:size] >= 0
        self._attempt = slots.attempt[:size].copy()
        self._end = slots.end[:size].copy()
        if before is None:
            fresh, kept = np.flatnonzero(self._live), _NO_SLOTS
        else:
            changed = self._changed_since(before)
            fresh = np.flatnonzero(changed & self._live)
            kept = before.order[~changed[before.order]]
        fresh = fresh[np.argsort(self._end[fresh], kind="stable")]
        self.order: Rows = _merge(kept, self._end[kept], fresh, self._end[fresh])
        self.times: Ints = self._end[self.order]

    def _changed_since(self, before: "Sorted") -> Mask:
        known = len(before._live)
        changed = np.ones(len(self._live), np.bool_)
        changed[:known] = self._live[:known] != before._live
        changed[:known] |= self._attempt[:known] != before._attempt
        changed[:known] |= self._end[:known] != before._end
        return changed


def _sorted_ends(columns: PoolColumns) -> Sorted:
    """The slots of a pool in order, from what an earlier cycle kept where that is known."""
    before: Sorted | None = columns.memo.get(_SORTED)
    if before is not None and before.version == columns.version:
        return before
    kept = columns.memo[_SORTED] = Sorted(columns, before)
    return kept


class Outlook:
    """The slots of one pool in the order in which they end, with running sums.

    Until `valid_until_ms` it does not depend on the time at which it was made. It reads the pool's
    slots, so it is of use for the version of them that it was made for.
    """

    __slots__ = (
        "_added", "_bases", "_freed", "_order", "_slots", "availability", "times",
        "valid_until_ms", "version",
    )  # fmt: skip

    def __init__(
        self, columns: PoolColumns, now_ms: int, added: Added | None, evicted: Rows | None
    ) -> None:
        known = _sorted_ends(columns)
        slots = columns.slots
        stopping = slots.stopping[known.order]
        if evicted is not None and len(evicted):
            stopping = stopping | np.isin(known.order, evicted)
        self.version = columns.version
        self.valid_until_ms = int(known.times[0]) if len(known.times) else NEVER_MS
        self._slots = slots
        order, times = known.order, known.times
        late = int(times.searchsorted(now_ms, side="right"))
        if late or bool(stopping.any()):
            if bool(stopping.any()):
                self.valid_until_ms = 0
            order, times = _moved(order, times, stopping, now_ms)
        self._added = _ends_of_added(added) if added else None
        if added:
            ends = added.table[:, layout.ADDED_END]
            by_end = np.argsort(ends, kind="stable")
            at = times.searchsorted(ends[by_end], side="right")
            order = np.insert(order, at, -1 - by_end)
            times = np.insert(times, at, ends[by_end])
        self._order: Rows = order
        self.times: Ints = times
        self._freed = [np.cumsum(self.column(name)) for name in ("cpu", "mem", "milli")]
        self._bases: Bases | None = None
        self.availability: object = None
        if added:
            own = added.table[:, layout.ADDED_BASIS].astype(np.int8)
            self._bases = np.maximum.accumulate(self._either(slots.basis, own))

    def __len__(self) -> int:
        return len(self.times)

    def column(self, name: str) -> NDArray[Any]:
        """One of the columns of `Ends`, in the order of the ends."""
        own = getattr(self._added, name) if self._added is not None else None
        return self._either(getattr(self._slots, name), own)

    def _either(self, column: NDArray[Any], own: NDArray[Any] | None) -> NDArray[Any]:
        if own is None:
            return column[self._order]
        order = self._order
        found: NDArray[Any] = column[order.clip(0)]
        mine = np.flatnonzero(order < 0)
        found[mine] = own[-1 - order[mine]]
        return found

    def room_after(self, columns: PoolColumns, count: int, *, fractions: bool) -> Room:
        """What is free once the first `count` slots have ended."""
        order = self._order[:count]
        if self._added is None:
            return room_without(columns, ends_of(self._slots, order), fractions=fractions)
        ends = ends_of(self._slots, order[order >= 0])
        own = -1 - order[order < 0]
        added = Ends._make(column[own] for column in self._added)
        return room_without(columns, ends.and_(added), fractions=fractions)

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

    @property
    def bases(self) -> Bases:
        """What the end of each slot and of all before it rests on, as positions in `BASES`."""
        if self._bases is None:
            self._bases = np.maximum.accumulate(self._slots.basis[self._order])
        return self._bases

    def basis_of(self, count: int) -> str:
        """What the end of the first `count` slots rests on."""
        return BASES[int(self.bases[count - 1])] if count else BASES[0]


def _merge(order: Rows, times: Ints, others: Rows, other_times: Ints) -> Rows:
    """Put sorted entries among other sorted ones; what is new goes last where times tie."""
    if not len(others):
        return order
    return np.insert(order, times.searchsorted(other_times, side="right"), others)


def _moved(order: Rows, times: Ints, stopping: Mask, now_ms: int) -> tuple[Rows, Ints]:
    """The order with what is late, or told to stop, where it is expected now."""
    moved = stopping | (times <= now_ms)
    ends = np.where(stopping, now_ms, _with_overdue(times, now_ms))[moved]
    by_end = np.argsort(ends, kind="stable")
    ends = ends[by_end]
    rest = times[~moved]
    at = rest.searchsorted(ends, side="right")
    return np.insert(order[~moved], at, order[moved][by_end]), np.insert(rest, at, ends)


def _plus(column: Ints, rows: Rows, amounts: Ints) -> Ints:
    added = column.copy()
    np.add.at(added, rows, amounts)
    return added


def _with_overdue(ends: Ints, now_ms: int) -> Ints:
    """Give what is past its expected end some more time."""
    late: Ints = np.maximum(OVERDUE_MS, (now_ms - ends) // 8)
    return np.where(ends <= now_ms, now_ms + late, ends)
