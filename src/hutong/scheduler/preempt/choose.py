"""Preemption: which attempts make room for an urgent job, at the least loss.

Whole attempts of lower classes, on one pool, that may be preempted and have run their guaranteed
time. Each node's victims are tried cheapest first; nodes give tasks in the order of the loss a task
costs there; what turns out not to be needed is spared. The choice is greedy, not exhaustive: for
one task it is the node with the cheapest prefix, for a gang the sum of such.
"""

from heapq import heapify, heappop, heappush
from typing import NamedTuple

import numpy as np

from hutong.model.ids import AttemptId
from hutong.scheduler.board import Board
from hutong.scheduler.columns import Ints, Rows
from hutong.scheduler.fit import Reserved, Room, capacity, pack
from hutong.scheduler.match import Option
from hutong.scheduler.outlook import ends_of, room_without
from hutong.scheduler.preempt.loss import lost_ms
from hutong.scheduler.reserve import Found, found
from hutong.scheduler.shapes import WHOLE_MILLI
from hutong.scheduler.supply import Running, Share

_NODES_MAX = 256
"""On a pool with more nodes that could give room only the most promising ones are tried."""

_CPU_PER_CHIP = 1_000
"""What a chip counts beside a CPU where nodes are compared."""

_NOTHING = Reserved(1)


class Victim(NamedTuple):
    """An attempt that would be stopped, and what is lost: what it held times how long it ran."""

    attempt: AttemptId
    number: int
    lost_accelerator_milli_ms: int
    lost_cpu_milli_ms: int

    @property
    def loss(self) -> tuple[int, int, str]:
        """Accelerator time counts first, CPU time where that ties."""
        return self.lost_accelerator_milli_ms, self.lost_cpu_milli_ms, self.attempt


class Eviction(NamedTuple):
    """Who has to stop on one pool, their slots there, and the reservation that this makes."""

    option: Option
    victims: tuple[Victim, ...]
    slots: Rows
    found: Found

    @property
    def loss(self) -> tuple[int, int, int]:
        """What decides between pools: accelerator time, CPU time, number of attempts."""
        return (
            sum(victim.lost_accelerator_milli_ms for victim in self.victims),
            sum(victim.lost_cpu_milli_ms for victim in self.victims),
            len(self.victims),
        )


def cheapest_eviction(
    board: Board, options: list[Option], tasks: int, *,
    weaker_rank: int, ranks: Ints, running: dict[int, Running],
) -> Eviction | None:  # fmt: skip
    """The eviction that loses least over the pools a job could use; None where none makes room.

    Victims are of ranks from `weaker_rank` on; `ranks` are those of the codes of classes. Ties go
    to the option that the job prefers.
    """
    best: Eviction | None = None
    for option in options:
        if board.lane(option.columns).closed_by is not None:
            continue
        eviction = _Choice(board, option, tasks, running).make(weaker_rank, ranks)
        if eviction is not None and (best is None or eviction.loss < best.loss):
            best = eviction
    return best


class _Choice:
    """The choice of victims on one pool. `_tasks_on` holds what each row fits as victims go."""

    def __init__(
        self, board: Board, option: Option, tasks: int, running: dict[int, Running]
    ) -> None:
        lane = board.lane(option.columns)
        self._now_ms = board.now_ms
        self._lane = lane
        self._option = option
        self._need = option.need
        self._tasks = tasks
        self._running = running
        self._slots = lane.live.slots
        stopping = self._slots.stopping[: self._slots.size].copy()
        stopping[lane.evicted] = True
        self._stopping = np.flatnonzero(stopping & (self._slots.row[: self._slots.size] >= 0))
        self._stopping_on: dict[int, list[int]] = {}
        for slot in self._stopping.tolist():
            self._stopping_on.setdefault(int(self._slots.row[slot]), []).append(slot)

    def make(self, weaker_rank: int, ranks: Ints) -> Eviction | None:
        """Choose victims of ranks from `weaker_rank` on."""
        candidates = self._candidates(weaker_rank, ranks)
        if not len(candidates):
            return None
        every = self._by_row(np.concatenate([self._stopping, candidates]))
        base = self._by_row(self._stopping)
        if int(every.sum()) < self._tasks or int(base.sum()) >= self._tasks:
            return None
        candidates = self._narrow(candidates, every - base)
        chosen = self._spare(self._gather(candidates, base), base)
        if not chosen:
            return None
        freed = self._slots_of(chosen)
        room = self._room(np.concatenate([self._stopping, freed]))
        reserved = self._lane.reserved
        by_row = capacity(room, self._need, self._tasks, reserved)
        shares = pack(by_row, self._tasks, self._option.columns.domains)
        ready = found(room, shares, reserved, start_ms=self._now_ms, basis="limits")
        return Eviction(self._option, tuple(chosen), freed, ready)

    def _candidates(self, weaker_rank: int, ranks: Ints) -> Rows:
        slots, size = self._slots, self._slots.size
        weaker = slots.row[:size] >= 0
        weaker &= ranks[slots.class_code[:size]] >= weaker_rank
        weaker &= slots.evictable[:size] <= self._now_ms
        weaker[self._stopping] = False
        return np.flatnonzero(weaker)

    def _narrow(self, candidates: Rows, gain: Ints) -> Rows:
        """On a large pool look only at the nodes that give a task at the least loss."""
        useful = np.flatnonzero(gain > 0)
        if len(useful) <= _NODES_MAX:
            return candidates[gain[self._slots.row[candidates]] > 0]
        slots = self._slots
        ran = (self._now_ms - slots.started[candidates]).clip(0)
        loss = np.zeros(len(gain), np.int64)
        weight = slots.milli[candidates] + slots.cpu[candidates] // _CPU_PER_CHIP
        np.add.at(loss, slots.row[candidates], ran * weight)
        best = useful[np.argsort(loss[useful] / gain[useful], kind="stable")]
        enough = int(np.searchsorted(np.cumsum(gain[best]), 4 * self._tasks)) + 1
        chosen = np.zeros(len(gain), np.bool_)
        chosen[best[: max(enough, _NODES_MAX)]] = True
        return candidates[chosen[slots.row[candidates]]]

    def _gather(self, candidates: Rows, base: Ints) -> list[Victim]:
        """Take victims node by node, the cheapest task first, until the gang fits."""
        by_row: dict[int, dict[int, Victim]] = {}
        for slot in candidates.tolist():
            number = int(self._slots.attempt[slot])
            victim = _victim(self._running[number], self._now_ms)
            by_row.setdefault(int(self._slots.row[slot]), {})[number] = victim
        members = {
            row: sorted(victims.values(), key=lambda victim: victim.loss)
            for row, victims in by_row.items()
        }
        queue = []
        for row, victims in members.items():
            step = self._next_task(row, victims, 0, int(base[row]))
            if step is not None:
                queue.append(step)
        heapify(queue)
        chosen: dict[int, Victim] = {}
        tasks_on = base.copy()
        missing = self._tasks - int(base.sum())
        while queue and missing > 0:
            _, row, upto = heappop(queue)
            fresh = [victim for victim in members[row][:upto] if victim.number not in chosen]
            chosen.update({victim.number: victim for victim in fresh})
            for other in self._rows_of(fresh):
                now = self._on_row(other, list(chosen.values()))
                missing -= now - int(tasks_on[other])
                tasks_on[other] = now
            step = self._next_task(row, members[row], upto, int(tasks_on[row]))
            if step is not None:
                heappush(queue, step)
        return list(chosen.values()) if missing <= 0 else []

    def _next_task(
        self, row: int, victims: list[Victim], start: int, before: int
    ) -> tuple[tuple[int, int, int], int, int] | None:
        """How many victims of a node past the first `start` one more task takes, and the loss."""
        for upto in range(start + 1, len(victims) + 1):
            if self._on_row(row, victims[:upto]) > before:
                step = victims[start:upto]
                loss = (
                    sum(victim.lost_accelerator_milli_ms for victim in step),
                    sum(victim.lost_cpu_milli_ms for victim in step),
                    len(step),
                )
                return loss, row, upto
        return None

    def _spare(self, chosen: list[Victim], base: Ints) -> list[Victim]:
        """Leave out, dearest first, every victim without whom there is room enough as well."""
        kept = {victim.number: victim for victim in sorted(chosen, key=lambda v: v.loss)}
        rows = self._rows_of(chosen)
        elsewhere = int(base.sum()) - int(base[rows].sum())
        for victim in sorted(chosen, key=lambda victim: victim.loss, reverse=True):
            fewer = [other for other in kept.values() if other is not victim]
            if elsewhere + sum(self._on_row(row, fewer) for row in rows) >= self._tasks:
                del kept[victim.number]
        return list(kept.values())

    def _shares_of(self, victims: list[Victim]) -> list[Share]:
        return [
            share
            for victim in victims
            for share in self._running[victim.number].shares
            if share.columns is self._lane.live
        ]

    def _slots_of(self, victims: list[Victim]) -> Rows:
        return np.array([share.slot for share in self._shares_of(victims)], np.int64)

    def _rows_of(self, victims: list[Victim]) -> list[int]:
        return list(dict.fromkeys(share.row for share in self._shares_of(victims)))

    def _room(self, slots: Rows) -> Room:
        fractions = self._need.milli > 0 and not self._need.chips
        ends = ends_of(self._slots, slots)
        return room_without(self._lane.columns, ends, fractions=fractions)

    def _by_row(self, slots: Rows) -> Ints:
        return capacity(self._room(slots), self._need, self._tasks, self._lane.reserved)

    def _on_row(self, row: int, victims: list[Victim]) -> int:
        """How many tasks one row holds once some victims, and what stops anyhow, are gone.

        The same as `capacity` at one row, without touching the others.
        """
        columns, slots, need = self._lane.columns, self._slots, self._need
        reserved = self._lane.reserved
        gone = [share.slot for share in self._shares_of(victims) if share.row == row]
        gone += self._stopping_on.get(row, [])
        kept = reserved if reserved is not None else _NOTHING
        at = row if reserved is not None else 0
        shares = int(columns.shares[row]) - len(gone)
        closed = int(columns.closed[row]) - int(slots.exclusive[gone].sum())
        if not columns.ready[row] or closed > 0 or kept.closed[at]:
            return 0
        if need.exclusive and (shares > 0 or kept.nodes[at] > 0):
            return 0
        tasks = self._tasks
        if need.cpu > 0:
            free = int(columns.free_cpu[row]) + int(slots.cpu[gone].sum()) - int(kept.cpu[at])
            tasks = min(tasks, free // need.cpu)
        if need.mem > 0:
            free = int(columns.free_mem[row]) + int(slots.mem[gone].sum()) - int(kept.mem[at])
            tasks = min(tasks, free // need.mem)
        if need.milli > 0:
            chips: list[int] = (columns.chips[row] + slots.chips[gone].sum(axis=0)).tolist()
            if columns.debt[row] > 0:
                return 0
            if need.chips:
                whole = chips.count(WHOLE_MILLI) - int(kept.whole[at])
                tasks = min(tasks, whole // need.chips)
            else:
                fractions = sum([max(chip, 0) // need.milli for chip in chips])
                fractions -= int(kept.whole[at]) * (WHOLE_MILLI // need.milli)
                tasks = min(tasks, fractions)
        return max(tasks, 0)


def _victim(running: Running, now_ms: int) -> Victim:
    attempt, held = running.attempt, running.held
    ran_ms = lost_ms(attempt, now_ms)
    return Victim(
        attempt.attempt, running.number, held.accelerator_milli * ran_ms, held.cpu_milli * ran_ms
    )
