"""The promises as checks over facts. Each raises `Violation` with what it saw."""

from hutong.lifecycle import events as ev
from hutong.lifecycle.hub import HubMachine
from hutong.lifecycle.records import Attempt
from hutong.lifecycle.state import decode_state, encode_state
from hutong.model.attempt import held_by
from hutong.model.classes import rank_of
from hutong.model.ids import AttemptId, JobId, SiteId, TenantId, split_attempt
from hutong.model.job import DependencyKind, JobSpec
from hutong.model.reasons import Completed, NotConsidered
from hutong.model.resources import Amount
from hutong.model.states import TERMINAL_JOB_STATES, JobState
from hutong.model.supply import cost_microcny
from hutong.model.tenant import Usage, ancestors
from hutong.scheduler.plan import Plan
from hutong.sim.machines.disk import Rows
from hutong.sim.machines.site import Run
from hutong.sim.machines.violation import ASKED, Violation, must
from hutong.sim.machines.wholeness import gangs_are_whole

# Promise 1


def job_is_known(job: JobId, machine: HubMachine, rows: Rows) -> None:
    """An accepted job is held by the machine, or over and in the tables."""
    row = rows.jobs.get(job)
    if row is None:
        raise Violation(1, f"{job} was accepted and is in no table", job)
    if job not in machine.state.jobs and row.state not in TERMINAL_JOB_STATES:
        raise Violation(1, f"{job} is {row.state.value} in the tables and unknown to the hub", job)


def rows_show_the_state(machine: HubMachine, rows: Rows) -> None:
    """The read tables are what the machine holds."""
    for job in machine.state.jobs.values():
        if rows.jobs.get(job.id) != job.row():
            problem = f"the table has {rows.jobs.get(job.id)}, the hub {job.row()}"
            raise Violation(1, problem, job.id)
    for attempt in machine.state.attempts.values():
        if rows.attempts.get(attempt.id) != attempt.row():
            problem = f"the table has {rows.attempts.get(attempt.id)}, the hub {attempt.row()}"
            raise Violation(1, problem, attempt.id)


# Promise 2


def successes_are_single(runs: dict[AttemptId, Run], rows: Rows) -> None:
    """Of one element one run counts; another success belongs to an attempt that was given up."""
    parts: dict[tuple[str, int], list[AttemptId]] = {}
    counted: dict[str, AttemptId] = {}
    for attempt, run in runs.items():
        row = rows.attempts[attempt]
        if not isinstance(run.reason, Completed) or not isinstance(row.reason, Completed):
            continue
        element, number, _ = split_attempt(attempt)
        succeeded = parts.setdefault((element, number), [])
        succeeded.append(attempt)
        if len(succeeded) < row.parts:
            continue
        if element in counted:
            raise Violation(2, f"{counted[element]} and {attempt} both count", row.job)
        counted[element] = attempt
    for job in rows.jobs.values():
        if job.state is JobState.SUCCEEDED and job.counts.succeeded != job.elements:
            problem = f"{job.id} succeeded with {job.counts.succeeded} of {job.elements} elements"
            raise Violation(2, problem, job.id)
        successes = sum(1 for attempt in counted.values() if rows.attempts[attempt].job == job.id)
        if job.counts.succeeded != successes:
            problem = f"{job.id} counts {job.counts.succeeded} successes of {successes}"
            raise Violation(2, problem, job.id)


# What was asked for


def wishes_are_kept(
    plan: ev.PlanDecided, at_ms: int, accepted: dict[JobId, JobSpec], ended: dict[JobId, JobState]
) -> None:
    """Nothing starts too early, too late, or before what it waits for has ended as it wanted."""
    for placed in plan.placements:
        spec = accepted[placed.job]
        for dependency in spec.depends_on:
            state = ended.get(dependency.job)
            succeeded = state is JobState.SUCCEEDED
            wanted = {
                DependencyKind.AFTER_OK: succeeded,
                DependencyKind.AFTER_NOT_OK: not succeeded,
                DependencyKind.AFTER_ANY: True,
            }
            if state is None or not wanted[dependency.kind]:
                problem = f"{placed.job} was placed {dependency.kind.value} {dependency.job}"
                raise Violation(ASKED, f"{problem}, which is {state or 'not over'}", placed.job)
        if at_ms < spec.not_before_ms or 0 < spec.deadline_ms < at_ms:
            limits = f"{spec.not_before_ms} and {spec.deadline_ms}"
            problem = f"{placed.job} was placed at {at_ms}, not between {limits}"
            raise Violation(ASKED, problem, placed.job)


def _parallel_is_bounded(machine: HubMachine, job_id: JobId) -> None:
    job = machine.state.jobs[job_id]
    array = job.spec.array
    if array and 0 < array.max_parallel < len(job.elements.live):
        problem = f"{len(job.elements.live)} elements of {job_id} are live"
        raise Violation(ASKED, f"{problem}, {array.max_parallel} may be", job_id)


# Promises 3 and 4


def plan_is_sound(machine: HubMachine, plan: ev.PlanDecided, now_ms: int) -> None:
    """What a plan placed fits, keeps every quota, is whole, explained, and evicts by the rules."""
    gangs_are_whole(machine, plan)
    for placed in plan.placements:
        _parallel_is_bounded(machine, placed.job)
        pools = [candidate.pool for candidate in placed.explanation.candidates]
        if not placed.reason.sentence() or placed.pool not in pools:
            problem = f"{placed.attempt} is on {placed.pool}, explained by {pools}"
            raise Violation(6, problem, placed.attempt)
    if plan.placements:
        _nodes_hold(machine, plan)
        _quotas_hold(machine, plan)
    for preempted in plan.preemptions:
        _victim_may_be_evicted(machine, preempted, now_ms)
    for resized in plan.resizes:
        _may_be_resized(machine, resized, now_ms)
    sites: dict[JobId, str] = {}
    for preempted in plan.preemptions:
        victim = machine.state.attempts[preempted.attempt]
        if machine.state.jobs[preempted.by].is_array:
            continue  # its elements may each make room somewhere else
        if sites.setdefault(preempted.by, victim.site) != victim.site:
            raise Violation(4, f"victims of {preempted.by} are on two sites", victim.id)


def _nodes_hold(machine: HubMachine, plan: ev.PlanDecided) -> None:
    held: dict[str, Amount] = {}
    alone: dict[str, AttemptId] = {}
    guests: dict[str, int] = {}
    for attempt in machine.state.attempts.values():
        if attempt.is_live:
            for share in attempt.nodes:
                guests[share.node] = guests.get(share.node, 0) + 1
                if machine.state.jobs[attempt.job].spec.exclusive:
                    alone[share.node] = attempt.id
                part = attempt.needs_of(share).times(share.tasks)
                held[share.node] = held.get(share.node, Amount()).plus(part)
    for placed in plan.placements:
        inventory = machine.state.sites[placed.site].inventory
        capacities = {pool.id: pool.node for pool in inventory.pools}
        homes = {node.id: node.pool for node in inventory.nodes}
        for share in placed.nodes:
            capacity = capacities[homes[share.node]]
            if not held[share.node].fits_in(capacity):
                problem = f"{share.node} has {capacity} and is to hold {held[share.node]}"
                raise Violation(3, problem, placed.attempt)
            if share.node in alone and guests[share.node] > 1:
                problem = f"{alone[share.node]} wants {share.node} for itself"
                raise Violation(3, problem, placed.attempt)


def _quotas_hold(machine: HubMachine, plan: ev.PlanDecided) -> None:
    """No tenant holds more than its quota of what the plan gave it more of."""
    state = machine.state
    touched: dict[TenantId, dict[str, AttemptId]] = {}
    for placed in plan.placements:
        attempt = state.attempts[placed.attempt]
        amount = attempt.held()
        taken = {"running_jobs": 1, attempt.accelerator: amount.accelerator_milli}
        taken |= {name: getattr(amount, name) for name in amount.__struct_fields__}
        for level in ancestors(attempt.tenant):
            blamed = touched.setdefault(level, {})
            blamed.update({name: attempt.id for name, much in taken.items() if much})
    for level, blamed in touched.items():
        tenant = state.tenants.get(level)
        if tenant is None:
            continue
        live = [a for a in state.attempts.values() if a.is_live and level in ancestors(a.tenant)]
        held = Amount()
        models: dict[str, int] = {}
        for each in live:
            held = held.plus(each.held())
            models[each.accelerator] = models.get(each.accelerator, 0) + _chips(each)
        quota = tenant.quota
        limits = {
            "cpu_milli": (held.cpu_milli, quota.cpu_milli),
            "memory_mib": (held.memory_mib, quota.memory_mib),
            "accelerator_milli": (held.accelerator_milli, quota.accelerator_milli),
            "running_jobs": (len(live), quota.running_jobs),
        }
        for model, limit in quota.accelerator_milli_by_model.items():
            limits[model] = (models.get(model, 0), limit)
        for name, (used, most) in limits.items():
            if most is not None and used > most and name in blamed:
                raise Violation(3, f"{level} is to hold {used} {name} of {most}", blamed[name])


def _chips(attempt: Attempt) -> int:
    return attempt.held().accelerator_milli


def _victim_may_be_evicted(
    machine: HubMachine, preempted: ev.AttemptPreempted, now_ms: int
) -> None:
    state = machine.state
    victim, job = state.attempts[preempted.attempt], state.jobs[preempted.by]
    spec = state.jobs[victim.job].spec
    if not spec.preemptible:
        raise Violation(4, f"{victim.id} may not be preempted", victim.id)
    classes = machine.profile.classes
    comes_before = rank_of(victim.priority, classes) < rank_of(job.spec.priority, classes)
    if comes_before and not preempted.tenant:
        raise Violation(4, f"{victim.id} comes before {job.id}", victim.id)
    if now_ms - victim.placed_ms < spec.min_run_ms:
        raise Violation(4, f"{victim.id} had {spec.min_run_ms} ms to run", victim.id)


def _may_be_resized(machine: HubMachine, resized: ev.AttemptResized, now_ms: int) -> None:
    """Only who said so is stopped to go on at another size, and for a better cause than its own."""
    state = machine.state
    attempt = state.attempts[resized.attempt]
    spec = state.jobs[attempt.job].spec
    before = sum(share.tasks for share in attempt.nodes if not share.group)
    elastic = spec.elastic
    if elastic is None or not elastic.resize or spec.array is not None:
        raise Violation(4, f"{attempt.id} may not be resized", attempt.id)
    if not elastic.tasks_min <= resized.tasks <= spec.tasks or resized.tasks == before:
        problem = f"{attempt.id} goes from {before} to {resized.tasks} tasks"
        raise Violation(4, f"{problem}, of {elastic.tasks_min} to {spec.tasks}", attempt.id)
    if resized.by is None:
        if resized.tasks < before:
            raise Violation(4, f"{attempt.id} shrinks for nobody", attempt.id)
        return
    gains = state.jobs[resized.by].spec.priority
    classes = machine.profile.classes
    if not spec.preemptible or rank_of(spec.priority, classes) < rank_of(gains, classes):
        raise Violation(4, f"{attempt.id} may not make room for {resized.by}", attempt.id)
    if now_ms - attempt.placed_ms < spec.min_run_ms:
        raise Violation(4, f"{attempt.id} had {spec.min_run_ms} ms to run", attempt.id)


def offers_are_bounded(machine: HubMachine, event: ev.OfferScaled) -> None:
    """A provider is asked for no more nodes than it has, nor for more than there are tasks."""
    record = machine.state.sites[SiteId(event.pool.partition("/")[0])]
    offer = next(offer for offer in record.inventory.offers if offer.pool == event.pool)
    if event.started and event.nodes > offer.nodes_max:
        raise Violation(3, f"{event.pool} is asked for {event.nodes} of {offer.nodes_max} nodes")
    tasks = sum(
        job.spec.tasks * (job.elements.queued() + len(job.elements.live))
        for job in machine.state.jobs.values()
        if job.state not in TERMINAL_JOB_STATES
    )
    idle = sum(bool(node.seen) for node in record.offers[event.pool].nodes.values())
    if event.started and event.nodes - idle > tasks:
        problem = f"{event.nodes} nodes of {event.pool} are wanted for {tasks} tasks"
        raise Violation(3, problem)


# Promise 5


def meter_adds_up(machine: HubMachine, rows: Rows, runs: dict[AttemptId, Run]) -> None:
    """What tenants are billed is what ran, by the sites' clocks."""
    for attempt in runs:
        if attempt not in rows.attempts:
            raise Violation(5, f"{attempt} ran and is in no table", attempt)
    totals: dict[TenantId, Usage] = {}
    costs: dict[JobId, int] = {}
    for row in rows.attempts.values():
        run = runs.get(row.id)
        true_ms = run.ended_ms - run.started_ms if run is not None and run.started_ms else 0
        true_ms = max(0, true_ms)
        billed_ms = max(0, row.ended_ms - row.started_ms) if row.started_ms else 0
        if billed_ms != true_ms:
            problem = f"{row.id} ran for {true_ms} ms and is billed for {billed_ms}"
            raise Violation(5, problem, row.id)
        held = held_by(row.nodes, row.needs, row.groups)
        cost = cost_microcny(row.rate_microcny_per_hour, true_ms)
        if row.cost_microcny != cost:
            raise Violation(5, f"{row.id} costs {cost} and is billed {row.cost_microcny}", row.id)
        used = Usage(
            1 if true_ms else 0,
            true_ms,
            held.cpu_milli * true_ms,
            held.accelerator_milli * true_ms,
            cost,
        )
        totals[row.tenant] = totals.get(row.tenant, Usage()).plus(used)
        costs[row.job] = costs.get(row.job, 0) + cost
    for tenant, total in totals.items():
        metered = machine.state.meter.get(tenant, Usage())
        must(metered == total, 5, f"{tenant} used {total}, the meter says {metered}")
    for job in rows.jobs.values():
        cost = costs.get(job.id, 0)
        if job.cost_microcny != cost:
            raise Violation(5, f"{job.id} cost {cost}, it says {job.cost_microcny}", job.id)


# Promise 6


def reasons_are_given(machine: HubMachine, plan: Plan) -> None:
    """After a cycle every waiting job says why it waits."""
    now_ms = machine.fold.clock_ms
    for job in machine.state.jobs.values():
        if job.state in TERMINAL_JOB_STATES or job.elements.queued() == 0:
            continue
        deferral = machine.why(job.id, now_ms)
        sentences = [reason.sentence() for reason in deferral.reasons]
        if not sentences or not all(sentences):
            raise Violation(6, f"{job.id} waits without a reason", job.id)
        ignored = any(isinstance(reason, NotConsidered) for reason in deferral.reasons)
        if ignored and not plan.truncated:
            raise Violation(6, f"{job.id} waits and a whole cycle did not look at it", job.id)


# Promise 8


def journal_state(machine: HubMachine) -> bytes:
    """A machine's state without what it only heard: times of syncs, sessions and leases."""
    state = decode_state(machine.dump())
    for record in state.sites.values():
        record.heard_ms = record.lease_until_ms = 0
        record.session, record.number = "", 0
    return encode_state(state)


def journal_and_snapshots_agree(machine: HubMachine, shadow: HubMachine) -> None:
    """A machine made from a snapshot and a tail is the fold of the whole journal."""
    mine, theirs = journal_state(machine), journal_state(shadow)
    if mine != theirs:
        raise Violation(8, f"the fold of the journal differs: {difference(mine, theirs)}")


def folds_are_equal(machine: HubMachine, replayed: HubMachine) -> None:
    """Right after its start a hub holds, byte for byte, what a replay of the journal holds."""
    mine, theirs = machine.dump(), replayed.dump()
    if mine != theirs:
        raise Violation(8, f"a replay of the journal differs: {difference(mine, theirs)}")


def difference(mine: bytes, theirs: bytes) -> str:
    """Say where two states differ, in a line."""
    one, other = decode_state(mine), decode_state(theirs)
    for name in one.__struct_fields__:
        left, right = getattr(one, name), getattr(other, name)
        if left == right:
            continue
        if isinstance(left, dict) and isinstance(right, dict):
            for key in dict.fromkeys([*left, *right]):
                if left.get(key) != right.get(key):
                    return f"{name}[{key}] is {left.get(key)} and {right.get(key)}"
        return f"{name} is {left} and {right}"
    return "only in the order of what it holds"
