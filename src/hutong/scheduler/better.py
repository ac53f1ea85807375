"""Waiting for a better pool: jobs that could start now, but are expected to do better elsewhere.

Theory of operation. It is asked when a job's turn comes and the first option with room is not its
first. Of the options before it that have no room each is asked when the job would start there, by
the ends of what runs and beside what is reserved. If the job's own objective likes such a start
better than one now, the job gets a reservation for it, as a blocked head would, and waits; the next
job has its turn. So nobody waits on a hope: without a reservation to hold it takes what there is.

Nobody waits in this way for longer than the profile allows, counted from when the job was handed in
or, if later, could first start. That needs no memory, so a hub that was restarted decides the same.
"""

from typing import TYPE_CHECKING

from hutong.model.classes import bound_of
from hutong.model.reasons import WaitsForBetter
from hutong.scheduler.demand import Entry
from hutong.scheduler.estimate import lower_bound_ms
from hutong.scheduler.look import Look
from hutong.scheduler.option import Option
from hutong.scheduler.order import Cursor
from hutong.scheduler.patience import hired_ms
from hutong.scheduler.reserve import Found
from hutong.scheduler.shapes import NEVER_MS
from hutong.scheduler.tenants import Entity

if TYPE_CHECKING:
    from hutong.scheduler.cycle import Cycle


class Better:
    """Decides for one cycle who waits for a better pool than the one that has room."""

    def __init__(self, cycle: "Cycle") -> None:
        self._cycle = cycle
        self._profile = cycle.profile
        self._board = cycle.board

    def waits(self, cursor: Cursor, look: Look, at: int) -> bool:
        """Whether the next job waits although option `at` has room; then all is noted."""
        cycle, priority = self._cycle, cursor.queue.priority
        if look.none_better == at or self._profile.backfill == "none":
            return False
        if bound_of(priority, self._profile.classes):
            return False
        head = cursor.head()
        if not cycle.blocked.may_hold_back(head):
            return False
        best = self._best(look, at, cursor.queue.entity, self._since_ms(head.entry))
        if best is None:
            return False
        reason = _reason(look, at, *best, cycle.now_ms)
        cycle.blocked.keep_for_better(head, look, at, best, reason)
        cycle.look_again(best[1].start_ms)
        return True

    def _since_ms(self, entry: Entry) -> int:
        """Since when a job waits."""
        asked = self._cycle.snapshot.demand.asked
        return asked.get(entry.job, entry.submitted_ms) or self._cycle.now_ms

    def _worth_ms(self, look: Look, at: int, option: Option, since_ms: int) -> int:
        """Until when waiting for an option is worth it where taking `at` means paying for it."""
        free = look.options[at]
        if self._profile.commercial_rule != "worth" or free.columns.offer is None:
            return NEVER_MS
        return since_ms + hired_ms(free, option, look.shape.tasks, self._profile)

    def _best(self, look: Look, at: int, entity: Entity, since_ms: int) -> tuple[int, Found] | None:
        """The option before `at` whose start the objective likes best, if better than one now."""
        now_ms, limit = self._board.now_ms, look.options[at].score
        latest_ms = since_ms + self._profile.better_wait_ms
        best: tuple[tuple[int, int, int], Found] | None = None
        of_all = True
        hopeful: list[tuple[int, int, int]] = []
        for position in range(at):
            option = look.options[position]
            if not look.fitting(position).exhausted:
                of_all = False  # a quota of this tenant is in the way
                continue
            if option.score >= limit:
                continue
            last_ms = min(latest_ms, option.latest_ms, self._worth_ms(look, at, option, since_ms))
            bound_ms = lower_bound_ms(self._board, option, look.shape.tasks)
            if bound_ms is None or self._score(look, option, bound_ms) >= limit:
                continue
            if bound_ms > last_ms:
                of_all = False  # perhaps not too late for a younger job
                continue
            if entity.limits and self._cycle.ledger.over_quota(entity, option.claim):
                of_all = False
                continue
            hopeful.append((self._score(look, option, bound_ms), position, last_ms))
        hopeful.sort()
        for least, position, last_ms in hopeful:
            if best is not None and least > best[0][0]:
                break
            option = look.options[position]
            found = self._board.earliest(option, look.shape.tasks)
            if found is None or found.basis == "none" or found.start_ms <= now_ms:
                continue
            score = self._score(look, option, found.start_ms)
            if score >= limit:
                continue
            if found.start_ms > last_ms:
                of_all = False
                continue
            key = (score, found.start_ms, position)
            if best is None or key < best[0]:
                best = key, found
        if best is None:
            if of_all:
                look.none_better = at  # starts only move back within a cycle
            return None
        return best[0][2], best[1]

    def _score(self, look: Look, option: Option, start_ms: int) -> int:
        return option.score_at(start_ms - self._board.now_ms, look.shape, self._profile)


def _reason(look: Look, at: int, position: int, found: Found, now_ms: int) -> WaitsForBetter:
    free, better = look.options[at], look.options[position]
    return WaitsForBetter(
        better.columns.pool.id,
        found.start_ms,
        free.columns.pool.id,
        now_ms + free.span_ms - found.start_ms - better.span_ms,
        free.cost() - better.cost(),
    )
