"""What is expected of jobs that a cycle passed over: why they wait, and when they start.

A cycle explains the first blocked groups one by one. The others share what is found out here, when
somebody asks: for each class what its waiting jobs want of each pool together, if every job takes
the pool it likes best. Classes are served one after the other and the queues of a class side by
side, so the job that has half of its queue before it starts when half of what its class wants, and
all that more urgent classes want, has been served.
"""

import numpy as np

from hutong.model.reasons import BehindOthers, WaitReason
from hutong.scheduler.allowance import Allowance
from hutong.scheduler.board import Board
from hutong.scheduler.columns import Ints
from hutong.scheduler.demand import Entry, count_elements
from hutong.scheduler.estimate import UNKNOWN_MS
from hutong.scheduler.explain import nowhere, waiting_outcome, waits_for
from hutong.scheduler.ledger import Ledger
from hutong.scheduler.look import Look
from hutong.scheduler.plan import Deferral, Explanation
from hutong.scheduler.profile import Profile
from hutong.scheduler.snapshot import Snapshot


class Forecast:
    """The demand on every pool by class, as of one snapshot.

    `_wanted[rank, pool]` is CPU, memory and thousandths of chips.
    """

    def __init__(self, snapshot: Snapshot, profile: Profile) -> None:
        self._snapshot = snapshot
        self._profile = profile
        self._board = Board(snapshot.now_ms, snapshot.calendar)
        ranks = snapshot.demand.by_rank(profile.classes)
        self._rank_of = {queue.index: rank for rank, all_ in enumerate(ranks) for queue in all_}
        self._wanted = np.zeros((len(ranks) + 1, len(snapshot.supply.order), 3), np.int64)
        shapes = snapshot.demand.shapes
        likes: dict[int, tuple[int, Ints] | None] = {}
        for rank, queues in enumerate(ranks):
            counts = np.zeros(len(shapes), np.int64)
            for queue in queues:
                count_elements(queue, counts)
            for number in np.flatnonzero(counts).tolist():
                if number not in likes:
                    likes[number] = self._liked(number)
                like = likes[number]
                if like is not None:
                    self._wanted[rank, like[0]] += like[1] * counts[number]

    def _liked(self, number: int) -> tuple[int, Ints] | None:
        """The pool that a shape likes best, and what one job of it takes there."""
        snapshot = self._snapshot
        shape = snapshot.demand.shapes.at[number]
        options = snapshot.matcher.match(shape, self._profile).options
        if not options:
            return None
        need, tasks = options[0].need, shape.tasks
        return options[0].columns.index, np.array((need.cpu, need.mem, need.milli)) * tasks

    def why(self, entry: Entry) -> Deferral:
        """Why a job waits, and when it is expected to start."""
        snapshot, profile, board = self._snapshot, self._profile, self._board
        queue = snapshot.demand.queues[entry.queue]
        group = snapshot.demand.group_of(entry)
        board.gate.let(group.entity.id)
        match = snapshot.matcher.match(group.shape, profile)
        look = Look(group.shape, match, snapshot.supply, board)
        ledger = Ledger(snapshot.tenants, snapshot.supply.total)
        share_milli = ledger.share_milli(group.entity)
        if not look.options:
            reason = nowhere(look, sites=bool(snapshot.supply.sites))
            explanation = Explanation(look.filtered, (), share_milli)
            return Deferral(group.name, entry.job, (reason,), UNKNOWN_MS, "none", explanation)
        allowed = Allowance(ledger, group.entity, look.options, snapshot.now_ms)
        rank = self._rank_of.get(queue.index, len(self._wanted) - 1)
        part = (queue.elements_before(entry), max(queue.elements, 1))
        self._set_ahead(rank, part, look)
        outcome = waiting_outcome(look, {}, board, profile, allowed)
        look.blocked = True
        overs = allowed.overs
        reasons: tuple[WaitReason, ...] = tuple(overs)
        if allowed.usable:
            reasons = waits_for(look, overs, None, ahead=0, outcome=outcome)
        if ahead := queue.before(entry):
            reasons = (*reasons, BehindOthers(ahead))
        explanation = Explanation(look.filtered, outcome.candidates, share_milli)
        start_ms, basis = outcome.start
        return Deferral(group.name, entry.job, reasons, start_ms, basis, explanation)

    def _set_ahead(self, rank: int, part: tuple[int, int], look: Look) -> None:
        """Say on the board what comes before a job on the pools that it could use."""
        before, of = part
        for option in look.options:
            index = option.columns.index
            ahead = self._wanted[:rank, index].sum(axis=0)
            ahead = ahead + self._wanted[rank, index] * before // of
            self._board.lane(option.columns).ahead = ahead.tolist()
