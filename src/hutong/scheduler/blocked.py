"""Groups that cannot go on: what is reserved or evicted for them, and why they wait."""

from functools import partial
from typing import TYPE_CHECKING

import msgspec

from hutong.model.classes import bound_of, weaker_from
from hutong.model.ids import JobId
from hutong.model.reasons import WaitReason, WaitsForBetter
from hutong.scheduler.allowance import Allowance
from hutong.scheduler.demand import Entry
from hutong.scheduler.estimate import (
    UNKNOWN_MS,
    Start,
    lower_bound_ms,
    note_ahead,
    spacing_ms,
)
from hutong.scheduler.explain import nowhere, waiting_outcome, waits_for
from hutong.scheduler.look import Look
from hutong.scheduler.offers import LOOKED_AT, Want, has_offers
from hutong.scheduler.option import Option
from hutong.scheduler.order import Cursor, Head
from hutong.scheduler.plan import Bound, Explanation, Preemption, Reservation
from hutong.scheduler.preempt.bound import next_free_ms, promise, protected, vacated_ms
from hutong.scheduler.preempt.choose import Eviction, cheapest_eviction
from hutong.scheduler.reclaim import Reclaims
from hutong.scheduler.reserve import Found
from hutong.scheduler.shapes import NEVER_MS
from hutong.scheduler.tenants import Entity

if TYPE_CHECKING:
    from hutong.scheduler.cycle import Cycle


LOOKED_AHEAD = 64
"""Under a horizon so many blocked groups are asked whether they start before it."""


class Blocked:
    """Deals with each group of a cycle once it is blocked."""

    def __init__(self, cycle: "Cycle") -> None:
        self._cycle = cycle
        self._board = cycle.board
        self._profile = cycle.profile
        self._reclaims = Reclaims(cycle.ledger, cycle.snapshot.supply)
        self._reserved_classes: dict[str, bool] = {}
        self._deferred: dict[int, bool] = {}
        self._held_back: list[JobId] = []
        self._looked = 0
        self.classes_left = 0
        """Less urgent classes with jobs: each has a claim to one reservation."""

    def defer(self, head: Head, look: Look) -> bool:
        """Make or keep room for a group's next jobs as far as they are entitled to, and say why
        it waits. Returns whether the job after the first is still to have its turn.
        """
        if self._profile.backfill != "conservative":
            self._defer(head, look)
            return False
        before = len(self._cycle.reservations)
        if head.group.name not in self._deferred:
            self._deferred[head.group.name] = True
            self._defer(head, look)
        else:
            self._reserve(head, look, self._allowance(head.group.entity, look).usable)
        return len(self._cycle.reservations) == before + 1

    def _defer(self, head: Head, look: Look) -> None:
        self._board.gate.watch(look.options)
        cycle, group, job = self._cycle, head.group, head.job
        share_milli = cycle.ledger.share_milli(group.entity)
        entry = head.entry
        if not look.options:
            reason = nowhere(look, sites=bool(cycle.snapshot.supply.sites))
            self._note_bound(head, entry, look, [], (reason,))
            cycle.defer(
                group, job, (reason,), explanation=Explanation(look.filtered, (), share_milli),
                start=Start(UNKNOWN_MS, "none"), spacing_ms=0,
            )  # fmt: skip
            return
        allowed = self._allowance(group.entity, look)
        usable, overs = allowed.usable, allowed.overs or cycle.gangs.overs_of(group)
        elements = head.count(LOOKED_AT) if has_offers(look) and not look.shape.affinity else 0
        held_by = look.held_by
        known = self._claim(head, look, usable) if usable else {}
        self._looked += 1
        if not elements and not cycle.explains:
            look.blocked_groups += bool(usable)
            return
        outcome = look.outcome
        if allowed.overs or known or outcome is None:
            outcome = waiting_outcome(look, known, self._board, self._profile, allowed)
        if not allowed.overs:
            look.outcome = outcome
        option = look.options[outcome.at]
        spacing = spacing_ms(option, look.match.jobs_count)
        start = outcome.start
        if usable and not known and start.start_ms != UNKNOWN_MS:
            start = Start(start.start_ms + spacing * look.blocked_groups, start.basis)
        reasons: tuple[WaitReason, ...]
        if usable:
            note_ahead(self._board, option, look.shape.tasks)
            ahead = look.blocked_groups
            reasons = waits_for(look, overs, held_by, ahead=ahead, outcome=outcome)
            reasons = reasons or cycle.gangs.busy(group, look)
            if elements:
                cycle.wants.append(
                    Want(
                        group.name, entry.job, group.entity, look, usable, outcome.at,
                        start.start_ms, spacing, elements, entry.submitted_ms or cycle.now_ms,
                        entry.served_ms,
                    )
                )  # fmt: skip
        else:
            reasons = tuple(overs)
        if look.vicinity is not None and not known:
            start = look.vicinity.start(look.options, start, cycle.now_ms)
        self._note_bound(head, entry, look, usable, reasons)
        cycle.defer(
            group, job, reasons,
            explanation=Explanation(look.filtered, outcome.candidates, share_milli),
            start=start, spacing_ms=spacing,
        )  # fmt: skip
        look.blocked_groups += bool(usable)

    def may_claim(self, cursor: Cursor, look: Look) -> bool:
        """Whether the next job of a queue, blocked, could still get room reserved or vacated.

        With a horizon only the first groups are asked where all pools are kept for somebody.
        """
        profile = self._profile
        if profile.backfill == "none" and not profile.preemption and not profile.reclaim:
            return False
        left = self._profile.reservations_count - len(self._cycle.reservations)
        if cursor.queue.priority not in self._reserved_classes:
            return left > 0
        if profile.reservation_horizon_ms and not profile.preemption and not profile.reclaim:
            first = self._looked < LOOKED_AHEAD
            return left > self.classes_left and (first or not all(map(self._is_kept, look.options)))
        return left > self.classes_left

    def may_reserve(self, head: Head) -> bool:
        """Whether the group's next job gets one of the profile's reservations.

        One is left for each class still to come, as long as this class has had its own.
        """
        if self._cycle.snapshot.supply.is_promised(head.job):
            return True
        left = self._profile.reservations_count - len(self._cycle.reservations)
        if head.group.priority in self._reserved_classes:
            return left > self.classes_left
        return left > 0

    def may_hold_back(self, head: Head) -> bool:
        """Whether a job may wait for a better pool: such jobs get half of the reservations."""
        most = self._profile.reservations_count // 2
        return len(self._held_back) < most and self.may_reserve(head)

    def may_hold_any_back(self) -> bool:
        """Whether any job may still wait for a better pool."""
        left = self._profile.reservations_count
        if len(self._held_back) >= left // 2:
            return False
        offers = self._cycle.snapshot.supply.offers
        return left > len(self._cycle.reservations) or any(o.promised for o in offers.values())

    def keep_for_better(
        self, head: Head, look: Look, free: int, better: tuple[int, Found], reason: WaitsForBetter
    ) -> None:
        """Keep room on an option for a job that waits for it though it could start on `free`."""
        at, found = better
        cycle, job, group = self._cycle, head.job, head.group
        start = self._hold(head, look, at, found)
        self._held_back.append(job)
        if self._held_back.count(job) > 1:
            return
        known = {at: start, free: Start(cycle.now_ms, "limits")}
        outcome = waiting_outcome(look, known, self._board, self._profile)
        share_milli = cycle.ledger.share_milli(group.entity)
        cycle.defer(
            group, job, (reason,), start=start,
            explanation=Explanation(look.filtered, outcome.candidates, share_milli),
            spacing_ms=spacing_ms(look.options[at], look.match.jobs_count),
        )  # fmt: skip

    def pass_over(self, look: Look, job: JobId) -> None:
        """Where nobody may overtake, close the pools that a blocked shape could use."""
        if self._profile.backfill == "none":
            for option in look.options:
                lane = self._board.lane(option.columns)
                lane.closed_by = lane.closed_by or job

    def _allowance(self, entity: Entity, look: Look) -> Allowance:
        """What quotas leave of a shape's options."""
        cycle = self._cycle
        return Allowance(cycle.ledger, entity, look.options, cycle.now_ms, cycle.started)

    def _claim(self, head: Head, look: Look, usable: list[int]) -> dict[int, Start]:
        """Evict or reserve for the group's next jobs; the start of the first where it is known."""
        start = self._make_room(head, look, usable)
        if start:
            return start
        if self._profile.backfill == "none":
            for at in usable:
                lane = self._board.lane(look.options[at].columns)
                lane.closed_by = lane.closed_by or head.job
            return {}
        return self._reserve(head, look, usable)

    def _reserve(self, head: Head, look: Look, usable: list[int]) -> dict[int, Start]:
        if not self.may_reserve(head):
            return {}
        best = self._best_start(look, usable, self._until_ms(head))
        if best is None:
            return {}
        at, found = best
        return {at: self._hold(head, look, at, found)}

    def _until_ms(self, head: Head) -> int:
        """By when a job has to start for a reservation on a pool that is kept for one already."""
        horizon_ms = self._profile.reservation_horizon_ms
        if not horizon_ms or head.group.priority not in self._reserved_classes:
            return NEVER_MS
        if self._cycle.snapshot.supply.is_promised(head.job):
            return NEVER_MS
        return self._cycle.now_ms + horizon_ms

    def _is_kept(self, option: Option) -> bool:
        """Whether something of a pool is reserved for a job that waits."""
        holds = self._board.lane(option.columns).holds
        return any(hold.holder.booking is None for hold in holds)

    def _make_room(self, head: Head, look: Look, usable: list[int]) -> dict[int, Start]:
        """Claim, job by job, what is being vacated already, and evict where that is not enough."""
        cycle, first = self._cycle, dict[int, Start]()
        weaker = None
        if self._profile.preemption:
            weaker = weaker_from(head.group.priority, self._profile.classes)
        lent = self._lent(head, look, usable)
        if weaker is None and not lent:
            return first
        while self.may_reserve(head):
            best = self._best_start(look, usable)
            if best is None or best[1].start_ms > cycle.now_ms:
                if cycle.snapshot.preempting.get(head.job):
                    break
                eviction = self._evict(head, look, usable, weaker)
                if eviction is None:
                    self._look_again(look, usable, None if lent else weaker)
                    break
                if best is None or not _comes_sooner(best[1], eviction, cycle.now_ms):
                    best = look.options.index(eviction.option), eviction.found
                    self._stop(eviction, head.job)
            at, found = best
            start = self._hold(head, look, at, found)
            self._reclaims.promise(head.group.entity, look.options[at].claim)
            first = first or {at: start}
            if not head.skip():
                break
        return first

    def _lent(self, head: Head, look: Look, usable: list[int]) -> bool:
        """Whether the group's next job may ask back what its tenant has lent."""
        if not self._profile.reclaim:
            return False
        entity, debtors = head.group.entity, self._reclaims.debtors
        return any(debtors(entity, look.options[at]) is not None for at in usable)

    def _evict(
        self, head: Head, look: Look, usable: list[int], weaker_rank: int | None
    ) -> Eviction | None:
        """The least that has to stop for the group's next job."""
        supply, entity = self._cycle.snapshot.supply, head.group.entity
        reclaim = self._profile.reclaim and bool(entity.limits)
        return cheapest_eviction(
            self._board, [look.options[at] for at in usable], look.shape.tasks,
            weaker_rank=weaker_rank, ranks=supply.class_ranks(self._profile.classes),
            running=supply.by_number,
            debtors=partial(self._reclaims.debtors, entity) if reclaim else None,
        )  # fmt: skip

    def _look_again(self, look: Look, usable: list[int], weaker_rank: int | None) -> None:
        """Have the next cycle come when somebody's guaranteed time is over."""
        ranks = self._cycle.snapshot.supply.class_ranks(self._profile.classes)
        options = [look.options[at] for at in usable]
        self._cycle.look_again(next_free_ms(self._board, options, weaker_rank, ranks))

    def _stop(self, eviction: Eviction, job: JobId) -> None:
        """Have the victims of an eviction stop for a job."""
        self._board.evict(eviction.option.columns, eviction.slots)
        for victim in eviction.victims:
            self._reclaims.leave(victim.running)
            tenant = eviction.owner if victim.reclaimed else ""
            lost = victim.lost_accelerator_milli_ms
            self._cycle.preemptions.append(Preemption(victim.attempt, job, lost, tenant))

    def _hold(self, head: Head, look: Look, at: int, found: Found) -> Start:
        """Keep the room of a reservation, and say when the whole gang is expected to start."""
        option, tasks = look.options[at], look.shape.tasks
        self._reserved_classes[head.group.priority] = True
        self._board.hold(option, tasks, head.job, found)
        self._cycle.reservations.append(
            Reservation(head.job, option.columns.pool.id, found.start_ms, tasks)
        )
        by_ms = self._by_ms(head, head.entry)
        if by_ms:
            self._cycle.bounds[head.job] = promise(
                self._board, option, found, job=head.job, by_ms=by_ms,
                running=self._cycle.snapshot.supply.by_number,
            )  # fmt: skip
        running = self._cycle.snapshot.supply.by_number
        start = Start(vacated_ms(self._board, option, found, running), found.basis)
        return self._cycle.gangs.hold_rest(head.group, look, option, head.job, start)

    def _by_ms(self, head: Head, entry: Entry) -> int:
        """By when a job should be placed as its class has it; 0 where that has no bound."""
        bound_ms = bound_of(head.group.priority, self._profile.classes)
        asked_ms = self._cycle.snapshot.demand.asked.get(entry.job, entry.submitted_ms)
        return (asked_ms or self._cycle.now_ms) + bound_ms if bound_ms else 0

    def _note_bound(
        self, head: Head, entry: Entry, look: Look, usable: list[int],
        reasons: tuple[WaitReason, ...],
    ) -> None:  # fmt: skip
        """Say of a group's first job by when it is placed, or why it is not in time."""
        by_ms = self._by_ms(head, entry)
        known = self._cycle.bounds.get(entry.job)
        if not by_ms or (known is not None and (known.is_kept or known.reason is not None)):
            return
        reason = reasons[0]
        weaker = weaker_from(head.group.priority, self._profile.classes)
        if usable and self._profile.preemption and weaker is not None:
            options = [look.options[at] for at in usable]
            ranks = self._cycle.snapshot.supply.class_ranks(self._profile.classes)
            reason = protected(self._board, options, weaker, ranks)
        known = known or Bound(entry.job, by_ms)
        self._cycle.bounds[entry.job] = msgspec.structs.replace(known, reason=reason)

    def _best_start(
        self, look: Look, usable: list[int], until_ms: int = NEVER_MS
    ) -> tuple[int, Found] | None:
        """The option whose earliest start the job's objective likes best, and that start.

        One that starts in time for the deadline goes before any that does not. Pools are tried in
        the order of a bound from below, until no later one can be better. What is kept for another
        already counts only if it starts by `until_ms`.
        """
        board, shape, profile = self._board, look.shape, self._profile
        bounds = []
        for at in usable:
            option = look.options[at]
            bound_ms = lower_bound_ms(board, option, shape.tasks)
            if bound_ms is not None and (bound_ms <= until_ms or not self._is_kept(option)):
                score = option.score_at(bound_ms - board.now_ms, shape, profile)
                bounds.append((bound_ms > option.latest_ms, score, bound_ms, at))
        bounds.sort()
        best: tuple[tuple[bool, int, int, int], Found] | None = None
        for bound in bounds:
            if best is not None and bound >= best[0]:
                break
            at = bound[3]
            option = look.options[at]
            latest_ms = until_ms if self._is_kept(option) else NEVER_MS
            found = board.earliest(option, shape.tasks, latest_ms)
            if found is not None and found.start_ms <= latest_ms:
                score = option.score_at(found.start_ms - board.now_ms, shape, profile)
                key = (found.start_ms > option.latest_ms, score, found.start_ms, at)
                if best is None or key < best[0]:
                    best = key, found
        return (best[0][3], best[1]) if best is not None else None


def _comes_sooner(found: Found, eviction: Eviction, now_ms: int) -> bool:
    """Whether room comes by itself, for certain, before an eviction could make any."""
    return found.basis == "limits" and found.start_ms <= now_ms + eviction.grace_ms
