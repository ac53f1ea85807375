"""One cycle: a snapshot in, a plan with reasons out.

Theory of operation. Classes go one after the other; within a class `ClassOrder` says whose turn it
is. A group's next job starts where its shape fits best by its objective; when nothing fits any
more, the group is done with for this cycle and leaves a deferral. The first blocked heads reserve
(see `reserve`), urgent ones may evict (see `preempt`), and what comes later in the order fills the
holes that this leaves. So the work grows with placements and with groups and shapes looked at, not
with the number of jobs in a group.

Pure: the same snapshot and profile give the same plan, byte for byte, and the state is not changed.
"""

from collections.abc import Sequence
from functools import partial

from hutong.model.attempt import NodeShare
from hutong.model.classes import rank_of
from hutong.model.ids import JobId, TenantId
from hutong.model.reasons import PlaceReason, WaitReason
from hutong.scheduler.affinity import Neighbours
from hutong.scheduler.better import Better
from hutong.scheduler.blocked import Blocked
from hutong.scheduler.board import Board
from hutong.scheduler.columns import Mask
from hutong.scheduler.demand import Group, Queue, Shapes
from hutong.scheduler.estimate import Ending, Start
from hutong.scheduler.explain import explain_placement
from hutong.scheduler.fit import Share
from hutong.scheduler.flow import EXPLAINED, Flow
from hutong.scheduler.fragment import Fragments
from hutong.scheduler.gang import Gangs, Piece, Turn
from hutong.scheduler.gang_resize import Resizes
from hutong.scheduler.look import Look
from hutong.scheduler.match import Match, Option
from hutong.scheduler.offers import Verdict, Want, decide, has_offers, tell
from hutong.scheduler.order import ClassOrder, Cursor, Passed
from hutong.scheduler.plan import (
    Bound,
    Deferral,
    Explanation,
    Placement,
    Plan,
    Preemption,
    Reservation,
    Resize,
    earlier,
)
from hutong.scheduler.precedence import Precedence
from hutong.scheduler.profile import Profile
from hutong.scheduler.rounds.index import INDEXES
from hutong.scheduler.rounds.round import run_round
from hutong.scheduler.shapes import Shape, is_plain
from hutong.scheduler.snapshot import Snapshot
from hutong.scheduler.tenants import Entity, Ledger
from hutong.scheduler.typical import typical_of
from hutong.scheduler.vicinity import Vicinity

SWEEP_EVERY = 128
"""After so many shapes blocked one by one a sweep looks for others that are."""

DEFERRALS = 64
"""So many blocked groups are explained one by one, the first in the order (see `forecast`)."""


def run_cycle(snapshot: Snapshot, profile: Profile, *, explains: bool = True) -> Plan:
    """Decide what starts, what is stopped for whom, what is reserved, and why the rest waits.

    That last is left out unless it `explains`; nothing else depends on it."""
    again_ms = _wait_for_cleaner(snapshot, profile) if profile.cleaner_mean_wait_ms > 0 else 0
    cycle = Cycle(snapshot, profile)
    cycle.explains = explains
    cycle.look_again(again_ms)
    alone = False
    if profile.round_ms > 0 and profile.order in INDEXES:
        alone = run_round(cycle, snapshot.rounds)
    if not alone or snapshot.resuming or snapshot.supply.resizable:
        cycle.run()
    snapshot.demand.passed_over = cycle.passed_over()
    plan = cycle.plan()
    cycle.board.leave()
    return plan


def _wait_for_cleaner(snapshot: Snapshot, profile: Profile) -> int:
    """Hold jobs back for cleaner power; says when to look again."""
    matcher = snapshot.matcher
    match = partial(matcher.match, profile=profile, ambient=None)
    return snapshot.cleaner.decide(snapshot.demand, match, profile, snapshot.now_ms)


class Cycle:
    """The working memory of one cycle."""

    def __init__(self, snapshot: Snapshot, profile: Profile, shapes: Shapes | None = None) -> None:
        """`shapes` stands in for those of the queue where a job is only imagined to wait."""
        snapshot.demand.sort_for(Precedence.of(profile))
        self.snapshot = snapshot
        self._shapes = shapes or snapshot.demand.shapes
        self._passed = Passed(self._shapes)
        self.profile = profile
        self.now_ms = snapshot.now_ms
        self.board = Board(
            snapshot.now_ms, snapshot.calendar, arena=snapshot.supply.arena(),
            in_order=profile.backfill == "conservative",
        )  # fmt: skip
        if profile.fit == "fragmentation":
            assert self.board.ground is not None
            typical = partial(typical_of, snapshot)
            self.board.fragments = Fragments(self.board.ground, self.board.added, typical)
        self.ledger = Ledger(snapshot.tenants, snapshot.supply.total)
        self.placements: list[Placement] = []
        self.preemptions: list[Preemption] = []
        self.reservations: list[Reservation] = []
        self.deferrals: list[Deferral] = []
        self.explains = True
        self.bounds: dict[JobId, Bound] = {}
        self.look_again_ms = 0
        """When time alone could change what is evicted; 0 for never."""
        self.started: list[tuple[Entity, Ending]] = []
        self.wants: list[Want] = []
        self._blocked_looks = 0
        self._swept: Mask | None = None
        self.truncated = False
        self.ambient = snapshot.matcher.ambient(snapshot.tenants, profile)
        self._looks_at: dict[tuple[int, tuple[str, ...]], Look] = {}
        self._looks: dict[tuple[Shape, tuple[str, ...], TenantId | None], Look] = {}
        self._neighbours = Neighbours(snapshot.supply)
        self._told: dict[Group, tuple[Option, PlaceReason, Explanation]] = {}
        self.blocked = Blocked(self)
        self._better = Better(self) if profile.better_wait_ms > 0 else None
        self._holds_back = False
        self.gangs = Gangs(self)
        self.resizes: list[Resize] = []
        self._resizing = Resizes(self)
        self._flow: Flow | None = None

    def run(self) -> None:
        """Go through all groups in order, until the plan is full."""
        self._resizing.resume()
        if len(self.snapshot.demand.passed_over) > SWEEP_EVERY:  # it was worth it last time
            self._sweep()
        ranks = self.snapshot.demand.by_rank(self.profile.classes)
        for rank, queues in enumerate(ranks):
            if queues:
                self.blocked.classes_left = sum([bool(later) for later in ranks[rank + 1 :]])
                self._run_class([self._cursor(queue) for queue in queues])
        self._resizing.shrink()
        if not self.truncated:
            self._resizing.grow()

    def run_for(self, extra: Queue, job: JobId) -> None:
        """The same until it is known what becomes of one job.

        `extra` is the job's queue with the job in it, and stands in for the queue in the demand.
        """
        self._resizing.resume()
        classes = self.profile.classes
        last = rank_of(extra.priority, classes)
        ranks = self.snapshot.demand.by_rank(classes)
        waits = [bool(queues) or rank == last for rank, queues in enumerate(ranks)]
        for rank, queues in enumerate(ranks[: last + 1]):
            self.blocked.classes_left = sum(waits[rank + 1 :])
            cursors = [self._cursor(queue) for queue in queues if queue.index != extra.index]
            if rank == last:
                cursors.append(self._cursor(extra))
            self._run_class(cursors, extra, job)

    def plan(self) -> Plan:
        """What was decided."""
        shares_milli = self.ledger.shares_milli() if self.explains else {}
        verdict = self.scale()
        return Plan(
            placements=tuple(self.placements),
            preemptions=tuple(self.preemptions),
            reservations=tuple(self.reservations),
            deferrals=tuple(self.deferrals),
            shares_milli=shares_milli,
            truncated=self.truncated,
            domestic_milli=self.ambient.domestic_milli,
            scalings=verdict.scalings,
            look_again_ms=earlier(verdict.look_again_ms, self.look_again_ms),
            passed_over=self._passed.count(),
            bounds=tuple(self.bounds.values()),
            resizes=tuple(self.resizes),
        )

    def passed_over(self) -> dict[int, Shape]:
        """The shapes that were passed over, by number."""
        return {number: self._shapes.at[number] for number in self._passed.numbers()}

    def pass_shapes(self, numbers: Sequence[int]) -> None:
        """Look at no jobs of some shapes: others decide about them."""
        for number in numbers:
            self._passed.add(number)

    def look_again(self, at_ms: int) -> None:
        """Have the next cycle come at a time, 0 for never, unless another one asked for sooner."""
        self.look_again_ms = earlier(self.look_again_ms, at_ms)

    def scale(self) -> Verdict:
        """Start nodes of offers for what is blocked. Comes last: it charges the ledger on paper."""
        verdict = decide(
            self.wants, self.snapshot.supply, self.board, self.ledger, self.profile,
            self._match,
        )  # fmt: skip
        self.preemptions += verdict.moves
        if self.profile.spot_retry_ms and self.placements and self.snapshot.supply.offers:
            self.look_again(self.now_ms + 1)  # who starts on a sure node may move from there
        if verdict.served:
            served = dict(verdict.served)
            self.deferrals = [tell(line, served.get(line.group)) for line in self.deferrals]
        return verdict

    def _match(self, shape: Shape) -> Match:
        return self.snapshot.matcher.match(shape, self.profile, self.ambient)

    def look_at(self, number: int) -> Look:
        """What this cycle knows of the shape with a number."""
        key = (number, self.board.gate.entry)
        found = self._known(self._looks_at.get(key))
        if found is None:
            shape = self._shapes.at[number]
            found = self.look(shape)
            if not shape.affinity:
                self._looks_at[key] = found
        return found

    def _known(self, look: Look | None) -> Look | None:
        """A look from before, where it is still true."""
        if look is None or look.blocked or look.match.holds(self.ambient):
            return look
        return None

    def look(self, shape: Shape) -> Look:
        """What this cycle knows of a shape."""
        gate = self.board.gate
        key = (shape, gate.entry, gate.tenant if shape.affinity else None)
        found = self._known(self._looks.get(key))
        if found is None:
            plain = is_plain(shape)
            seen = shape if plain else self.gangs.seen(shape)
            match = self.snapshot.matcher.match(seen, self.profile, self.ambient)
            vicinity = None
            if shape.affinity:
                vicinity = Vicinity(self._neighbours, seen, gate.tenant, self.profile)
            found = Look(seen, match, self.snapshot.supply, self.board, vicinity)
            self._looks[key] = found
            if not plain:
                self.gangs.prune(found)
        return found

    def defer(
        self, group: Group, head: JobId, reasons: Sequence[WaitReason], *,
        explanation: Explanation, start: Start, spacing_ms: int,
    ) -> None:  # fmt: skip
        """Note why a group waits."""
        start_ms, basis = start
        self.deferrals.append(
            Deferral(group.name, head, tuple(reasons), start_ms, basis, explanation, spacing_ms)
        )

    def _cursor(self, queue: Queue) -> Cursor:
        return Cursor(queue, self._shapes, self._passed)

    def _run_class(
        self, cursors: list[Cursor], extra: Queue | None = None, until: JobId | None = None
    ) -> None:
        """Go through one class, but not past `until`: its placement, or the deferral of its like.

        `extra` is the queue that it is in.
        """
        if not cursors:
            return
        asked = _shape_of(extra, until)
        order = ClassOrder(cursors, self.ledger, fair=self.profile.order == "fair")
        if extra is not None:
            order.ask_about(extra)
        if self._flow is None:
            self._flow = self._begin_flow()
        flow = self._flow
        flow.begin(order)
        while not self.truncated and (cursor := flow.turn(order)) is not None:
            self.board.gate.let(cursor.queue.entity.id)
            left, job, shape = self.placements_left, cursor.job, cursor.shape
            look = self.look_at(shape)
            if job in self._resizing.started:
                order.go_on(cursor)
            elif left <= 0 and self._has_room(cursor, look):
                self.truncated = True
            elif left > 0 and not look.blocked and self._place(cursor, look):
                flow.claims_changed |= self._holds_back
                self._holds_back = False
                order.go_on(cursor)
                if job == until:
                    return
            elif look.blocked and shape != asked and self._is_enough(cursor, look):
                flow.claims_changed |= self.profile.backfill == "none"
                self.blocked.pass_over(look, job)
                self._pass_over(shape, asked)
            else:
                flow.claims_changed = True
                if self.blocked.defer(cursor.head(), look):
                    if job == until:
                        return
                    order.go_on(cursor)
                else:
                    if cursor.queue is extra and shape == asked:
                        return
                    order.drop_shape(cursor)
            flow.note(shape)

    @property
    def placements_left(self) -> int:
        """How many placements there may still be."""
        return self.profile.placements_count - len(self.placements)

    @property
    def passes_over(self) -> bool:
        """Whether many shapes fit nowhere, as far as is known."""
        return self._blocked_looks > 0 or len(self.snapshot.demand.passed_over) > SWEEP_EVERY

    @property
    def may_wait(self) -> bool:
        """Whether a job may do better to wait than to take another than its first option."""
        return self._better is not None and self.blocked.may_hold_any_back()

    def _begin_flow(self) -> Flow:
        """See `flow`. It asks always where whose turn it is decides what there is for him."""
        profile, snapshot = self.profile, self.snapshot
        asks = bool(snapshot.calendar.bookings or self._resizing.started)
        asks |= profile.backfill == "conservative"
        return Flow(self, self._shapes, self._passed, asks_always=asks)

    def _pass_over(self, shape: int, asked: int) -> None:
        """Look no more at jobs of a blocked shape, nor of others that a sweep finds blocked.

        A sweep is worth it once many shapes were blocked one by one.
        """
        self._passed.add(shape)
        self._blocked_looks += 1
        if self._blocked_looks % SWEEP_EVERY == 1:
            self._sweep()
        if self._swept is not None:
            if asked >= 0:
                self._swept[asked] = False
            self._passed.add_all(self._swept)
            self._swept = None
            if self._flow is not None:
                self._flow.passed_more = True

    def _sweep(self) -> None:
        """Find out together which shapes fit nowhere, where there are many."""
        if len(self._shapes) > SWEEP_EVERY:
            snapshot, matcher = self.snapshot, self.snapshot.matcher
            self.board.sweep = matcher.sweep
            self._swept = matcher.sweep.blocked(
                self.board, snapshot.supply, self._shapes, matcher, self.profile,
                self._passed.array,
            )  # fmt: skip

    def _is_enough(self, cursor: Cursor, look: Look) -> bool:
        """Whether so many groups are explained that all jobs of a blocked shape are passed over.

        What could still claim room, or have nodes started for it, is not.
        """
        if len(self.deferrals) < DEFERRALS * self.explains or self.blocked.may_claim(cursor, look):
            return False
        if look.vicinity is not None or self.board.gate.parts(look.options):
            return False
        return not has_offers(look) or len(self.wants) >= DEFERRALS

    def _place(self, cursor: Cursor, look: Look) -> bool:
        """Start the group's next job where it fits best; says whether it fitted anywhere.

        It is held back instead where it does better to wait.
        """
        if not is_plain(cursor.group.shape):
            return self.gangs.place(cursor, look)
        found = self._find(cursor, look)
        if found is None:
            return False
        at, shares = found
        if self.holds_back(cursor, look, at):
            self._holds_back = True
        else:
            self.start(cursor, look, look.options[at], shares)
        return True

    def holds_back(self, cursor: Cursor, look: Look, at: int) -> bool:
        """Whether the next job of a queue waits for a better option than `at`; then it is noted."""
        return at > 0 and self._better is not None and self._better.waits(cursor, look, at)

    def _has_room(self, cursor: Cursor, look: Look) -> bool:
        """Whether the next job of a queue could start, if the plan were not full."""
        if look.blocked or not is_plain(cursor.group.shape):
            return not look.blocked
        return self._find(cursor, look) is not None

    def _find(self, cursor: Cursor, look: Look) -> tuple[int, Sequence[Share]] | None:
        """The first option with room that quotas allow, by its position, and where on it."""
        entity = cursor.group.entity
        best: tuple[int, int, Sequence[Share]] | None = None
        spread: tuple[int, Sequence[Share]] | None = None  # of several nodes: where one holds none
        for at in look.left():
            fitting, option = look.fitting(at), look.options[at]
            known = best[1] if best is not None else spread[0] if spread is not None else at
            if option.group != look.options[known].group:
                break
            if fitting.exhausted or (
                entity.limits and self.ledger.over_quota(entity, option.claim)
            ):
                continue
            shares = fitting.shares()
            if shares:
                key = self.board.key(option, shares)
                if key is None:
                    if self.profile.fit != "fragmentation":
                        return at, shares
                    spread = spread or (at, shares)
                elif best is None or key < best[0]:
                    best = key, at, shares
            else:
                look.note_exhausted(at)
        look.settle()
        return best[1:] if best is not None else spread

    def start(
        self, turn: Turn, look: Look, option: Option, shares: Sequence[Share],
        gang: Piece | None = None,
    ) -> None:  # fmt: skip
        """Start a group's next job on shares of a pool, or as the piece of a gang says."""
        share_milli = self.ledger.share_milli(turn.group.entity)
        reason, explanation = self.tell(turn.group, look, option, share_milli)
        columns = option.columns
        ids = columns.ids
        end_ms = self.now_ms + option.span_ms
        claim = gang.claim() if gang else option.claim
        self.placements.append(
            Placement(
                turn.job,
                columns.pool.site,
                columns.pool.id,
                gang.nodes() if gang else tuple([NodeShare(ids[row], n) for row, n in shares]),
                option.model,
                option.need.milli,
                option.speed_milli,
                gang.rate() if gang else option.rate,
                end_ms,
                reason,
                explanation,
                option.basis,
                gang.places() if gang else (),
                gang.part if gang else 0,
                gang.parts if gang else 1,
                gang.left_milli if gang else 1000,
            )
        )
        self.board.place(option, shares)
        self.ambient.placed(option, claim.held.accelerator_milli)
        for other, others in gang.groups if gang else ():
            self.board.place(other, others)
        if self.snapshot.demand.labels:
            groups = gang.groups if gang else ()
            for where, taken in ((option, shares), *groups):
                self.note_neighbour(turn.job, turn.group.entity, where, [row for row, _ in taken])
        entity = turn.group.entity
        self.ledger.charge(entity, claim)
        if entity.limits:
            self.started.append((entity, Ending(end_ms, option.basis, claim)))

    def note_neighbour(self, job: JobId, entity: Entity, option: Option, rows: list[int]) -> None:
        """Account for whom a job with labels is a neighbour from now on."""
        labels = self.snapshot.demand.labels.get(job)
        if labels:
            self._neighbours.placed(entity.id, labels, option.columns, rows)

    def tell(
        self, group: Group, look: Look, option: Option, share_milli: int
    ) -> tuple[PlaceReason, Explanation]:
        """Why a job starts there: worked out once for a group as long as it goes to one pool.

        `share_milli` is its tenant's share before.
        """
        told = self._told.get(group)
        if told is None or told[0] is not option:
            brief = len(self.placements) >= EXPLAINED
            known = look.told
            if known is None or known[0] is not option or not (brief or len(look.options) == 1):
                known = look.told = (
                    option, *explain_placement(look, option, self.board, self.profile, brief=brief)
                )  # fmt: skip
            explanation = Explanation(look.filtered, known[2], share_milli)
            told = self._told[group] = (option, known[1], explanation)
        return told[1], told[2]


def _shape_of(queue: Queue | None, job: JobId | None) -> int:
    """The number of the shape of one job of a queue; -1 for none."""
    return -1 if queue is None else next(entry.shape for entry in queue if entry.job == job)
