"""A pool under eviction, seen as a whole: which nodes could give room, and what at least it costs.

Theory of operation. All candidates of a pool are looked at once, in columns: what each node would
hold with all of them gone, and a bound from below of what one more task there costs (what is
missing for it, at the best rate that any candidate on the node offers). The bounds tell which
nodes are worth an exact look and when to stop. Where one node has to give the room, a candidate
counts with all that its attempt loses; where several nodes do, with its share, so that an attempt
on many nodes is counted once over all of them.
"""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hutong.scheduler.board import Board, Lane
from hutong.scheduler.columns import Ints, Rows, Slots, Small
from hutong.scheduler.fit import Reserved, Room, capacity
from hutong.scheduler.match import Option
from hutong.scheduler.outlook import ends_of, room_without
from hutong.scheduler.preempt.loss import began_ms, lost_by_slot_ms, lost_ms
from hutong.scheduler.preempt.mandate import Mandate
from hutong.scheduler.preempt.node import Node, Piece, Victim
from hutong.scheduler.shapes import WHOLE_MILLI
from hutong.scheduler.share import Share
from hutong.scheduler.supply import Running

Floats = NDArray[np.float64]

_EXACT = 2.0**52
_SHORT = 1 - 2.0**-50
"""What a float may have rounded up is shortened by this, to stay a bound from below."""
_SAFE = 1 - 2.0**-46
"""The same for sums of many."""
_SCANS_MAX = 24
"""After so many looks at single nodes the candidates are sorted by node."""


class Survey:
    """One option's pool with its candidates. `base` and `every` are tasks by row: before, after.

    `rows` are those where something is to be gained. `reserved` is what earlier reservations keep.
    """

    def __init__(self, board: Board, option: Option, tasks: int, mandate: Mandate) -> None:
        self.option = option
        self.mandate = mandate
        self.need = option.need
        self.tasks = tasks
        self.now_ms = board.now_ms
        self.lane: Lane = board.lane(option.columns)
        self.reserved: Reserved | None = self.lane.reserved
        slots = self.slots = self.lane.live.slots
        stopping = slots.stopping[: slots.size].copy()
        stopping[self.lane.evicted] = True
        alive = slots.row[: slots.size] >= 0
        self.stopping: Rows = np.flatnonzero(alive & stopping)
        found = mandate.candidates(slots, alive & ~stopping, self.now_ms)
        self.candidates: Rows = found
        self.room = self.room_after(np.zeros(0, np.int64))
        self.base: Ints = self.capacity(self.room)
        self.every: Ints = self.base
        self.rows: Rows = np.zeros(0, np.int64)
        if len(found):
            self.every = self.capacity(self._roomiest())
            self.rows = np.flatnonzero(self.every > self.base)
        self._victims: dict[int, Victim | None] = {}
        self._scans = 0
        self._sorted: tuple[Rows, Rows] | None = None

    def capacity(self, room: Room) -> Ints:
        """How many tasks each row holds, at most all."""
        by_row = capacity(room, self.need, self.tasks, self.reserved)
        return by_row if self.option.near is None else self.option.near.allow(by_row)

    def room_after(self, slots: Rows) -> Room:
        """What is free once some slots, and what stops anyhow, are gone."""
        gone = np.concatenate([self.stopping, slots])
        fractions = self.need.milli > 0 and not self.need.chips
        room = room_without(self.lane.columns, ends_of(self.slots, gone), fractions=fractions)
        return self._less_debt(room, gone)

    def bounds(self) -> Floats:
        """What one more task costs at least on each row of `rows`, all that is lost by it counted.

        In accelerator time (milli-ms), or in CPU time where no accelerator time would be lost.
        """
        slots = self.slots
        return self._floor(slots.weight if self._in_chips else slots.weight_cpu)[0]

    def spent(self, victims: Sequence[Victim]) -> int:
        """What victims lose together, in the unit of `bounds`: their shares of it alike."""
        if self._in_chips:
            return sum([victim.lost_accelerator_milli_ms for victim in victims])
        return sum([victim.lost_cpu_milli_ms for victim in victims])

    def prices(self) -> tuple[Floats, Floats]:
        """What a row's gain costs at least: the first task, and each one of them.

        Of what is lost the row's share counts; in the unit of `bounds`.
        """
        first, each = self._floor(self.slots.milli if self._in_chips else self.slots.cpu)
        gains = (self.every - self.base)[self.rows]
        return first, np.maximum(each, first / gains * _SHORT)

    def pieces(self, row: int, running: dict[int, Running]) -> list[Piece]:
        """What the candidates on a row would give back there."""
        slots, at = self.slots, self._slots_on(row)
        columns = [
            getattr(slots, name)[at].tolist()
            for name in ("attempt", "cpu", "mem", "whole", "exclusive", "milli", "fraction")
        ]
        chips = slots.chips[at].tolist() if self.need.milli else [()] * len(at)
        found: dict[int, Piece] = {}
        for number, cpu, mem, whole, exclusive, milli, fraction, held in zip(
            *columns, chips, strict=True
        ):
            victim = self.victim(running[number])
            if victim is None:
                continue
            debt = milli - sum(held) if self.need.milli else 0
            piece = Piece(victim, cpu, mem, tuple(held), whole, 1, int(exclusive), debt, fraction)
            found[number] = found[number].and_(piece) if number in found else piece
        return list(found.values())

    def victim(self, running: Running) -> Victim | None:
        """An attempt as a victim; None where it may not go, or would touch another site."""
        if running.number not in self._victims:
            self._victims[running.number] = self._as_victim(running)
        return self._victims[running.number]

    def allows(self, victims: Sequence[Victim]) -> bool:
        """Whether some victims may go together."""
        reclaimed = [victim.running for victim in victims if victim.reclaimed]
        debtors = self.mandate.debtors
        return not reclaimed or debtors is None or debtors.allows(reclaimed)

    def _as_victim(self, running: Running) -> Victim | None:
        site = self.option.columns.pool.site
        for share in running.shares:
            if share.columns is not None and share.columns.pool.site != site:
                return None
        ran, held = lost_ms(running.attempt, self.now_ms), running.held
        victim = Victim(
            running, held.accelerator_milli * ran, held.cpu_milli * ran,
            began_ms(running.attempt), reclaimed=self._is_reclaimed(running),
        )  # fmt: skip
        return victim if self.allows([victim]) else None

    def _is_reclaimed(self, running: Running) -> bool:
        if self.mandate.debtors is None:
            return False
        slots = [share.slot for share in running.shares if share.columns is self.lane.live]
        return not bool(self.mandate.is_weaker(self.slots, np.array(slots, np.int64)).all())

    def shares(self, running: Running) -> list[Share]:
        """An attempt's shares on this pool."""
        return [share for share in running.shares if share.columns is self.lane.live]

    def node(self, row: int) -> Node:
        """One row as an exact look needs it."""
        room, kept = self.room, self.reserved
        cpu, mem, shares = int(room.cpu[row]), int(room.mem[row]), int(room.shares[row])
        kept_whole = 0
        closed = int(room.closed[row]) + (not room.usable[row])
        if kept is not None:
            cpu, mem = cpu - int(kept.cpu[row]), mem - int(kept.mem[row])
            kept_whole, shares = int(kept.whole[row]), shares + int(kept.nodes[row])
            closed += int(kept.closed[row])
        chips = tuple(room.chips[row].tolist()) if self.need.milli else ()
        return Node(
            self.need, cpu, mem, chips, whole=int(room.whole[row]), kept_whole=kept_whole,
            shares=shares, closed=max(closed, 0), debt=int(room.debt[row]),
        )  # fmt: skip

    # Inside

    @cached_property
    def _in_chips(self) -> bool:
        """Whether accelerator time is at stake at all; else CPU time decides."""
        at, _, lost, _ = self._ground
        return bool((self.slots.weight[at[lost > 0]] > 0).any())

    def _roomiest(self) -> Room:
        """What would be free with every candidate gone."""
        slots, found, count = self.slots, self.candidates, len(self.base)
        rows = slots.row[found]
        room, before = Room(self.lane.columns), self.room
        room.cpu = before.cpu + _sums(rows, slots.cpu[found], count)
        room.mem = before.mem + _sums(rows, slots.mem[found], count)
        room.shares = before.shares - np.bincount(rows, minlength=count)
        room.whole, room.chips, room.closed = before.whole, before.chips, before.closed
        exclusive = rows[slots.exclusive[found]]
        if len(exclusive):
            room.closed = before.closed - np.bincount(exclusive, minlength=count)
        room.debt = before.debt
        if not self.need.milli:
            return room
        if bool(before.debt.any()):
            room.debt = before.debt - _sums(rows, _debts(slots, found), count)
        if self.need.chips and not bool(slots.fraction[found].any()):
            room.whole = before.whole + _sums(rows, slots.whole[found], count)
            return room
        width = before.chips.shape[1]
        places = (rows[:, None] * width + np.arange(width)).ravel()
        freed = _sums(places, slots.chips[found].ravel(), count * width)
        room.chips = (before.chips + freed.reshape(count, width)).astype(np.int16)
        room.whole = np.count_nonzero(room.chips == WHOLE_MILLI, axis=1).astype(np.int64)
        return room

    def _less_debt(self, room: Room, gone: Rows) -> Room:
        """Take off the debt of a row what belongs to slots that are gone."""
        if len(gone) and bool(room.debt.any()):
            debts = _sums(self.slots.row[gone], _debts(self.slots, gone), len(room.debt))
            room.debt = room.debt - debts
        return room

    def _gaps(self) -> list[tuple[Ints, Ints]]:
        """What is missing for one more task on each row of `rows`, with what slots give of it."""
        need, room, rows, kept = self.need, self.room, self.rows, self.reserved
        more = self.base[rows] + 1
        gaps = []
        if need.cpu > 0:
            cpu = room.cpu[rows] - (kept.cpu[rows] if kept else 0)
            gaps.append((need.cpu * more - cpu, self.slots.cpu))
        if need.mem > 0:
            mem = room.mem[rows] - (kept.mem[rows] if kept else 0)
            gaps.append((need.mem * more - mem, self.slots.mem))
        if need.milli > 0:
            chips = room.chips[rows]
            if need.chips and not bool(self.slots.fraction[: self.slots.size].any()):
                free = room.whole[rows] * WHOLE_MILLI
            else:
                free = chips.clip(0).sum(axis=1, dtype=np.int64)
            milli = need.milli * more - free
            if kept is not None:
                milli += kept.whole[rows] * (WHOLE_MILLI if need.chips else need.milli)
            elif not need.chips and chips.shape[1]:
                single = need.milli - chips.max(axis=1).astype(np.int64)
                milli = np.where(more == 1, np.maximum(milli, single), milli)
            gaps.append((milli, self.slots.milli))
        return gaps

    def _floor(self, weight: Ints) -> tuple[Floats, Floats]:
        """By row, what one more task costs at least, and what at least each further one does.

        `weight` is what each slot loses in a millisecond. Somebody has to go; what is missing
        comes no cheaper than at the best rate that anybody offers; and if all go but some, those
        give no more than what is beyond need, at the worst rate there is.
        """
        at, rows, lost_for, gaps = self._ground
        lost = lost_for * weight[at]
        count = len(self.rows)
        first = np.full(count, np.inf)
        np.minimum.at(first, rows, lost)
        first = np.where(first > _EXACT, first * _SHORT, first)
        each = np.zeros(count)
        for gap, amounts in gaps:
            given = amounts[at].astype(np.float64)
            gives = given > 0
            rate = np.zeros(len(lost))
            np.divide(lost, given, out=rate, where=gives)
            best, worst = np.full(count, np.inf), np.zeros(count)
            np.minimum.at(best, rows, np.where(gives, rate, np.inf))
            np.maximum.at(worst, rows, rate)
            beyond = np.bincount(rows, given, count) - gap
            every = np.bincount(rows, np.where(gives, lost, 0.0), count)
            priced = (gap > 0) & (best < np.inf)
            rated = np.where(priced, gap * np.where(priced, best, 0.0) * _SHORT, 0.0)
            spared = np.where(priced, every * _SAFE - worst * beyond / _SAFE, 0.0)
            first = np.maximum(first, np.ceil(np.maximum(rated, spared)))
            each = np.maximum(each, rated)
        return first, each

    @cached_property
    def _ground(self) -> tuple[Rows, Rows, Floats, list[tuple[Ints, Ints]]]:
        """The candidates that count, their positions in `rows`, the time lost, what is missing."""
        gains = np.zeros(len(self.base), np.bool_)
        gains[self.rows] = True
        at = self.candidates
        if len(self.rows) < len(gains):
            at = at[gains[self.slots.row[at]]]
        position = np.cumsum(gains) - 1
        lost = lost_by_slot_ms(self.slots, at, self.now_ms).astype(np.float64)
        gaps = [(gap, given) for gap, given in self._gaps() if bool((gap > 0).any())]
        return at, position[self.slots.row[at]], lost, gaps

    def _slots_on(self, row: int) -> Rows:
        if self._sorted is None and self._scans < _SCANS_MAX:
            self._scans += 1
            found: Rows = self.candidates[self.slots.row[self.candidates] == row]
            return found
        if self._sorted is None:
            order = self.candidates[np.argsort(self.slots.row[self.candidates], kind="stable")]
            self._sorted = order, self.slots.row[order]
        order, rows = self._sorted
        first, end = rows.searchsorted((row, row + 1)).tolist()
        return order[first:end]


def _sums(rows: Rows, amounts: Ints | Small, count: int) -> Ints:
    """Sums by row."""
    sums: Ints = np.zeros(count, np.int64)
    np.add.at(sums, rows, amounts.astype(np.int64, copy=False))
    return sums


def _debts(slots: Slots, at: Rows) -> Ints:
    """What each of some slots holds of chips that are not there."""
    held: Ints = slots.chips[at].sum(axis=1, dtype=np.int64)
    return slots.milli[at] - held
