"""A preview: what would happen to a job that was handed in now. Nothing is handed in.

It runs a cycle with the job at the end of its group, so that the answer is what the next cycle
would do, quotas, reservations and evictions included.
"""

import msgspec

from hutong.model.classes import rank_of
from hutong.model.ids import JobId, PoolId
from hutong.model.job import JobSpec
from hutong.model.reasons import CycleFull, WaitReason
from hutong.scheduler.allowance import Allowance
from hutong.scheduler.cycle import Cycle
from hutong.scheduler.demand import Entry, Group, Queue
from hutong.scheduler.estimate import UNKNOWN_MS, Start, spacing_ms
from hutong.scheduler.explain import candidate_now
from hutong.scheduler.filters import DEADLINE, FILTERS, PASSED, unavailable
from hutong.scheduler.look import Look
from hutong.scheduler.option import Option
from hutong.scheduler.plan import Candidate, Place, Preview
from hutong.scheduler.precedence import Precedence
from hutong.scheduler.preempt.bound import waiting_for
from hutong.scheduler.profile import Profile
from hutong.scheduler.shapes import NEVER_MS, shape_of
from hutong.scheduler.snapshot import Snapshot
from hutong.scheduler.tenants import Entity

PREVIEWED = JobId("j0")
"""The id that the job has in a preview; no real job has it."""

PLACEMENTS = 256
"""How many placements of jobs before it a preview plays through before it goes by estimates."""


def preview(snapshot: Snapshot, profile: Profile, spec: JobSpec) -> Preview:
    """Say where a job could run, at what price, and where and when it is expected to start.

    Where the plan would be full before the job's turn, it starts in a later cycle and the start is
    an estimate.
    """
    shape = shape_of(spec)
    demand = snapshot.demand
    demand.sort_for(Precedence.of(profile))
    shapes, number = demand.shapes.imagine(shape)
    queue = demand.find_queue(spec.priority, spec.tenant)
    if queue is None:
        queue = Queue(-1, spec.priority, snapshot.tenants.imagine(spec.tenant))
    slack = demand.precedence.slack_of(shape, submitted_ms=snapshot.now_ms)
    entry = Entry(PREVIEWED, NEVER_MS, slack, queue.index, number, spec.elements, 0)
    queue = queue.with_entry(entry)
    group, waiting = queue.group(number, shape), queue.before(entry)
    placements_count = min(profile.placements_count, PLACEMENTS)
    bounded = msgspec.structs.replace(profile, placements_count=placements_count)
    cycle = Cycle(snapshot, bounded, shapes)
    cycle.run_for(queue, PREVIEWED)
    cycle.scale()
    cycle.board.gate.let(queue.entity.id)
    look = cycle.look(shape)
    placed = next((p for p in cycle.placements if p.job == PREVIEWED), None)
    start_ms, basis, pool = snapshot.now_ms, "limits", placed.pool if placed else PoolId("")
    reasons: tuple[WaitReason, ...] = ()
    if placed is None:
        entries = [demand.entries.get(placement.job) for placement in cycle.placements]
        started = sum([e is not None and _alike(e, entry) for e in entries])
        behind = max(waiting - started, 0)
        start_ms, basis, pool, reasons = _wait(cycle, group, behind)
    pools = _places(cycle, look, queue.entity, pool if placed is None else None, start_ms)
    costs = [place.candidate.cost_microcny for place in pools if place.candidate is not None]
    return Preview(
        places=pools, starts_now=placed is not None, start_ms=start_ms, basis=basis, pool=pool,
        cost_low_microcny=min(costs, default=0), cost_high_microcny=max(costs, default=0),
        jobs_ahead=_jobs_ahead(snapshot, profile, group), reasons=reasons,
        bound=cycle.bounds.get(PREVIEWED),
    )  # fmt: skip


def _alike(one: Entry, other: Entry) -> bool:
    return one.queue == other.queue and one.shape == other.shape


def _wait(
    cycle: Cycle, group: Group, behind: int
) -> tuple[int, str, PoolId, tuple[WaitReason, ...]]:
    """Start, basis, pool and reasons of a job that does not start now."""
    own = [d for d in cycle.deferrals if d.group == group.name]
    if not own:
        return _after_full_plan(cycle, group, behind)
    deferral = next((d for d in own if d.head == PREVIEWED), own[-1])
    start_ms = deferral.start_ms
    if start_ms != UNKNOWN_MS:
        start_ms += behind * deferral.spacing_ms
    reserved = next((r for r in cycle.reservations if r.job == PREVIEWED), None)
    if reserved is not None and behind:
        start_ms = reserved.start_ms
    candidates = deferral.explanation.candidates
    pool = PoolId("")
    if reserved is not None:
        pool = reserved.pool
    elif candidates and start_ms != UNKNOWN_MS:
        same = [each.pool for each in candidates if each.start_ms == deferral.start_ms]
        pool = (same or [candidates[0].pool])[0]
    running = cycle.snapshot.supply.running
    stopped = [running[line.victim] for line in cycle.preemptions if line.job == PREVIEWED]
    told = msgspec.structs.replace(deferral, start_ms=start_ms)
    told = waiting_for(told, stopped, cycle.now_ms)
    return told.start_ms, told.basis, pool, told.reasons


def _after_full_plan(
    cycle: Cycle, group: Group, behind: int
) -> tuple[int, str, PoolId, tuple[WaitReason, ...]]:
    """The same where the plan was full before the job's turn: one of the next cycles starts it."""
    reasons = (CycleFull(cycle.profile.placements_count),)
    options = cycle.look(group.shape).options
    if not options:
        return UNKNOWN_MS, "none", PoolId(""), reasons
    spacing = spacing_ms(options[0], cycle.look(group.shape).match.jobs_count)
    return cycle.now_ms + behind * spacing, "none", options[0].columns.pool.id, reasons


def _places(
    cycle: Cycle, look: Look, entity: Entity, waits_at: PoolId | None, start_ms: int
) -> tuple[Place, ...]:
    """Every pool: the candidates by score, then the others by the filter they fell to.

    A job that waits is expected to start at `waits_at`, at `start_ms`, and on no other pool before
    its quotas let it; `waits_at` is None for one that starts now.
    """
    supply, best = cycle.snapshot.supply, dict[int, Candidate]()
    allowed = Allowance(cycle.ledger, entity, look.options, cycle.now_ms, cycle.started)
    told = _told(cycle)
    for at, option in enumerate(look.options):
        seen = told.get((option.columns.pool.id, option.model, option.need.milli))
        candidate = seen or candidate_now(look, option, cycle.board, cycle.profile)
        if waits_at is not None:
            let = allowed.start(at, Start(candidate.start_ms, "none")).start_ms
            if option.columns.pool.id == waits_at:
                let = start_ms
            if let != candidate.start_ms:
                candidate = _moved(candidate, look, option, cycle, let)
        index = option.columns.index
        if index not in best or candidate.score < best[index].score:
            best[index] = candidate
    late = {option.columns.index for option in look.match.available}
    found, out = [], []
    for columns in supply.order:
        index, pool = columns.index, columns.pool
        if index in best:
            found.append(Place(pool.id, pool.site, len(columns.ids), candidate=best[index]))
            continue
        fell = int(look.match.fell[index])
        if fell < PASSED:
            name = FILTERS[fell][0]
        elif index in late:
            name = DEADLINE
        else:
            name = next(iter(unavailable(supply, columns, len(columns.ids))))
        out.append(Place(pool.id, pool.site, len(columns.ids), fell_to=name))
    found.sort(key=lambda place: (*_score(place), place.pool))
    return (*found, *out)


def _told(cycle: Cycle) -> dict[tuple[str, str, int], Candidate]:
    """The candidates as deciding found them: what is placed may change others."""
    explanations = [line.explanation for line in cycle.placements if line.job == PREVIEWED]
    explanations += [line.explanation for line in cycle.deferrals if line.head == PREVIEWED]
    found = [one for explanation in explanations for one in explanation.candidates]
    return {(one.pool, one.accelerator, one.accelerator_milli): one for one in found}


def _moved(found: Candidate, look: Look, option: Option, cycle: Cycle, start_ms: int) -> Candidate:
    """A candidate that starts at another time, or nobody can tell when."""
    wait_ms = max(start_ms - cycle.now_ms, 0)
    score = option.score_at(wait_ms, look.shape, cycle.profile)
    moved = option.candidate(
        start_ms=start_ms, score=score, tasks_fitting=found.tasks_fitting, now_ms=cycle.now_ms
    )
    if not found.nodes_started:
        return moved
    cost = found.cost_microcny
    return msgspec.structs.replace(moved, nodes_started=found.nodes_started, cost_microcny=cost)


def _score(place: Place) -> tuple[int, int]:
    assert place.candidate is not None
    return place.candidate.score, place.candidate.finish_ms


def _jobs_ahead(snapshot: Snapshot, profile: Profile, group: Group) -> int:
    """Elements that surely come first: of more urgent classes, and of its tenant in its own class.

    Where order is by age alone, all of its own class.
    """
    ahead = 0
    last = rank_of(group.priority, profile.classes)
    slack = snapshot.demand.precedence.slack_of(group.shape, submitted_ms=snapshot.now_ms)
    for rank, queues in enumerate(snapshot.demand.by_rank(profile.classes)[: last + 1]):
        for queue in queues:
            if rank < last:
                ahead += queue.elements
            elif profile.order != "fair" or queue.entity.id == group.entity.id:
                ahead += queue.elements_until(slack)
    return ahead
