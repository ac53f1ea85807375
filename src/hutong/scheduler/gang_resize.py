"""Elastic gangs that run: who goes on smaller so that another can start, who larger.

A gang that is resized is stopped with its grace and starts again at the new size, before anybody
else is looked at, on room that is kept for it meanwhile. That costs what it did since its last
checkpoint. Its work is taken to be divided evenly: with twice the tasks it takes half the time.

It shrinks where it would be evicted whole and what is left then still holds a part of it. It grows
onto room that no waiting job could use, by a quarter at least and not all the time, and only if it
is then expected to end clearly earlier.
"""

from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from hutong.model.ids import JobId
from hutong.scheduler.columns import Ints, PoolColumns
from hutong.scheduler.demand import Entry, Group
from hutong.scheduler.fit import Room, Share, capacity
from hutong.scheduler.gang_layout import fitting, lay, laying_of
from hutong.scheduler.gang_room import room_beside
from hutong.scheduler.match import Option
from hutong.scheduler.outlook import ends_of, room_without
from hutong.scheduler.plan import Preemption, Resize
from hutong.scheduler.preempt.loss import began_ms, lost_ms
from hutong.scheduler.records import Resumption, RunningAttempt
from hutong.scheduler.reserve import found
from hutong.scheduler.shapes import WHOLE_MILLI, Shape, shape_of, sized
from hutong.scheduler.supply import Running

if TYPE_CHECKING:
    from hutong.scheduler.cycle import Cycle

GROW_MILLI = 1_250
"""It grows to this many thousandths of its tasks at least."""
GAIN_MS = 60_000
"""So much earlier it has to end, and by a tenth of what is left of its run."""


class Named(NamedTuple):
    """A job and its group, whose turn it is."""

    job: JobId
    group: Group


class Resizes:
    """Resizes of one cycle."""

    def __init__(self, cycle: "Cycle") -> None:
        self._cycle = cycle
        self._board = cycle.board
        self._now_ms = cycle.now_ms
        self.started: dict[JobId, bool] = {}
        """Jobs that go on at their new size: their turn has been."""

    # Going on

    def resume(self) -> None:
        """Start what was stopped to be resized, and keep the room of what is still stopping."""
        demand = self._cycle.snapshot.demand
        for job, how in self._cycle.snapshot.resuming.items():
            entry = demand.entries.get(job)
            if entry is None:
                continue
            group = demand.group_of(entry)
            self._board.gate.let(group.entity.id)
            if entry.eligible:
                self._start(entry, group, how)
            elif entry.held is None:
                self._keep(entry, group, how)

    def _start(self, entry: Entry, group: Group, how: Resumption) -> None:
        """At its new size where it was, else anywhere at the size that fits, else in its turn."""
        cycle, gangs = self._cycle, self._cycle.gangs
        shape = sized(group.shape, how.tasks, how.left_milli)
        look = cycle.look(shape)
        pieces = gangs.find(shape, look, group.entity, how.pool)
        if not pieces:
            shape = scaled(group.shape, how.left_milli)
            look = cycle.look(shape)
            pieces = gangs.find(shape, look, group.entity)
        for piece in pieces:
            self.started[entry.job] = True
            less = piece._replace(left_milli=how.left_milli)
            gangs.start(Named(entry.job, group), look, shape, less)

    def _keep(self, entry: Entry, group: Group, how: Resumption) -> None:
        target = sized(group.shape, how.tasks, how.left_milli)
        look = self._cycle.look(target)
        for option in look.options:
            if option.columns.pool.id == how.pool:
                soonest = self._board.earliest(option, how.tasks)
                if soonest is not None:
                    self._board.hold(option, how.tasks, entry.job, soonest)
                return

    # Smaller

    def shrink(self) -> None:
        """Let victims that may go on smaller do so, where what is left holds enough of them."""
        cycle = self._cycle
        kept: list[Preemption] = []
        for line in cycle.preemptions:
            running = cycle.snapshot.supply.running.get(line.victim)
            smaller = self._smaller(running) if running is not None else None
            if running is None or smaller is None:
                kept.append(line)
                continue
            option, shares, room = smaller
            self._resize(running, option, shares, room, line.job)
        cycle.preemptions[:] = kept

    def _smaller(self, running: Running) -> tuple[Option, list[Share], Room] | None:
        spec = running.attempt.resizable
        columns = self._cycle.snapshot.supply.pools.get(running.attempt.pool)
        if spec is None or spec.elastic is None or columns is None or spec.affinity:
            return None
        before = _tasks(running.attempt)
        least = max(spec.elastic.tasks_min, 1)
        lane = self._board.lane(columns)
        slots = columns.slots
        stopping = slots.stopping[: slots.size].copy()
        stopping[lane.evicted] = True
        gone = np.flatnonzero(stopping & (slots.row[: slots.size] >= 0))
        fractions = running.need.milli > 0 and not running.need.chips
        room = room_without(lane.columns, ends_of(slots, gone), fractions=fractions)
        by_row = capacity(room, running.need, before, lane.reserved)
        return self._placed(running, by_row, room, most=before - 1, least=least)

    # Larger

    def grow(self) -> None:
        """Let gangs take room that nobody else could use."""
        for running in list(self._cycle.snapshot.supply.resizable.values()):
            if running.stopping or running.attempt.job in self._cycle.snapshot.resuming:
                continue
            larger = self._larger(running)
            if larger is not None:
                self._resize(running, *larger, None)

    def _larger(self, running: Running) -> tuple[Option, list[Share], Room] | None:
        attempt = running.attempt
        columns = self._cycle.snapshot.supply.pools.get(attempt.pool)
        spec, before = attempt.resizable, _tasks(attempt)
        if spec is None or columns is None or spec.affinity:
            return None
        least = max(-(-before * GROW_MILLI // 1000), before + 1)
        if least > spec.tasks or not self._is_worth(attempt, before, spec.tasks):
            return None
        may_ms = attempt.started_ms + self._cycle.profile.grow_after_ms
        if self._now_ms < may_ms:
            self._cycle.look_again(may_ms)
            return None
        lane = self._board.lane(columns)
        own = lane.columns.copy()
        own.give([share.slot for share in running.shares if share.columns is columns])
        end_ms = max(attempt.expected_end_ms, self._now_ms)
        how = laying_of(shape_of(spec))
        beside = room_beside(lane, own, running.need, spec.tasks, end_ms=end_ms, how=how)
        room = Room(own)
        placed = self._placed(running, beside.by_row, room, most=spec.tasks, least=least)
        if placed is None:
            return None
        tasks = sum([count for _, count in placed[1]])
        if not self._is_worth(attempt, before, tasks) or not self._is_allowed(running, placed[0]):
            return None
        return placed

    def _is_allowed(self, running: Running, option: Option) -> bool:
        """Whether quotas leave what it would hold more."""
        cycle = self._cycle
        entity = cycle.snapshot.tenants.find(running.attempt.tenant)
        if not entity.limits:
            return True
        more = option.claim.held.minus(running.held)
        claim = option.claim._replace(held=more, cost_microcny=0)
        return cycle.ledger.over_quota(entity, claim) is None

    def _is_worth(self, attempt: RunningAttempt, before: int, tasks: int) -> bool:
        """Whether it is expected to end clearly earlier with so many tasks."""
        left_ms = attempt.expected_end_ms - self._now_ms
        if left_ms <= 0 or attempt.end_basis == "none":
            return False
        work_ms = left_ms + lost_ms(attempt, self._now_ms)
        columns = self._cycle.snapshot.supply.pools[attempt.pool]
        again_ms = attempt.grace_ms + max(columns.pool.boot_ms, 0) + work_ms * before // tasks
        return again_ms + max(GAIN_MS, left_ms // 10) < left_ms

    # Both

    def _placed(
        self, running: Running, by_row: Ints, room: Room,
        *, most: int, least: int,
    ) -> tuple[Option, list[Share], Room] | None:  # fmt: skip
        """The largest size within bounds that has room, and where it goes."""
        attempt = running.attempt
        assert attempt.resizable is not None
        shape = shape_of(attempt.resizable)
        how = laying_of(shape)
        columns = self._cycle.snapshot.supply.pools[attempt.pool]
        tasks = min(fitting(by_row, most, columns.domains, how), most)
        if tasks < least:
            return None
        left_milli = self._left_milli(attempt)
        option = self._option(sized(shape, tasks, left_milli), columns, running)
        if option is None:
            return None
        return option, lay(by_row, tasks, columns.domains, how), room

    def _option(self, shape: Shape, columns: PoolColumns, running: Running) -> Option | None:
        for option in self._cycle.look(shape).options:
            if option.columns is columns and option.need == running.need:
                return option
        return None

    def _resize(
        self, running: Running, option: Option, shares: list[Share], room: Room,
        job: JobId | None,
    ) -> None:  # fmt: skip
        """Decide it, and keep the room."""
        attempt = running.attempt
        tasks = sum([count for _, count in shares])
        lane = self._board.lane(option.columns)
        kept = found(room, shares, lane.reserved, start_ms=self._now_ms, basis="limits")
        self._board.hold(option, tasks, attempt.job, kept)
        left_milli = self._left_milli(attempt)
        self._cycle.resizes.append(Resize(attempt.attempt, tasks, left_milli, job))

    def _left_milli(self, attempt: RunningAttempt) -> int:
        """How much of the job's work is left if it is stopped now, in thousandths."""
        began = began_ms(attempt)
        whole_ms = max(attempt.expected_end_ms - began, 1)
        done_ms = min(max(self._now_ms - lost_ms(attempt, self._now_ms) - began, 0), whole_ms)
        return max(attempt.left_milli * (whole_ms - done_ms) // whole_ms, 1)


def scaled(shape: Shape, left_milli: int) -> Shape:
    """A shape with so many thousandths of its work left to do; its sizes stay."""
    estimate = shape.estimate_ms
    if estimate is None or left_milli >= WHOLE_MILLI:
        return shape
    return msgspec.structs.replace(shape, estimate_ms=max(estimate * left_milli // 1000, 1))


def _tasks(attempt: RunningAttempt) -> int:
    """How many tasks the gang itself has, its groups apart."""
    return sum([share.tasks for share in attempt.nodes if not share.group])
