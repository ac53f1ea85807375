"""Submissions, cancels and changes by operators: what is refused, and what becomes an event."""

from hutong.lifecycle import events as ev
from hutong.lifecycle.commands import (
    Cancel,
    DrainNode,
    DrainSite,
    PutTenant,
    Submission,
    Submit,
)
from hutong.lifecycle.settle import broken_dependency, end_element, end_job
from hutong.lifecycle.turn import Turn
from hutong.model import limits
from hutong.model.errors import HutongError, refuse
from hutong.model.ids import JobId, TenantId, is_tenant, job_id, split_node
from hutong.model.job import JobSpec
from hutong.model.reasons import CancelledByUser
from hutong.model.states import TERMINAL_JOB_STATES, JobState
from hutong.model.tenant import ancestors


class Accepted:
    """The answer to one submission: the job that stands for it."""

    __slots__ = ("job", "repeated")

    def __init__(self, job: JobId, *, repeated: bool) -> None:
        self.job = job
        self.repeated = repeated


def submit(turn: Turn, command: Submit) -> list[Accepted | HutongError]:
    """Accept what can be accepted, in order; one answer a submission."""
    answers: list[Accepted | HutongError] = []
    for index, submission in enumerate(command.submissions):
        try:
            answers.append(_submit_one(turn, command, submission, index))
        except HutongError as error:
            answers.append(error)
    return answers


def _submit_one(turn: Turn, command: Submit, submission: Submission, index: int) -> Accepted:
    state, spec = turn.state, submission.spec
    if submission.key:
        earlier = _earlier(turn, command, spec.tenant, submission.key, index)
        if earlier is not None:
            known, known_spec = earlier
            if known_spec != spec:
                raise refuse("job.key_conflict", key=submission.key, job=known)
            return Accepted(known, repeated=True)
    _check_class(turn, spec)
    outcomes: dict[JobId, JobState] = {}
    for dependency in spec.depends_on:
        outcome = _outcome(turn, command, dependency.job)
        if outcome is not None:
            outcomes[dependency.job] = outcome
    if len(state.jobs) >= limits.QUEUED_JOBS:
        raise refuse("limit.reached", what="The queue", limit=limits.QUEUED_JOBS)
    _check_open_jobs(turn, spec.tenant)
    job = job_id(state.next_job)
    turn.emit(ev.JobAccepted(job, spec, submission.key, command.by))
    failed = broken_dependency(spec.depends_on, outcomes) if outcomes else None
    if failed is not None:
        end_job(turn, state.jobs[job], JobState.CANCELLED, failed)
    return Accepted(job, repeated=False)


def _earlier(
    turn: Turn, command: Submit, tenant: TenantId, key: str, index: int
) -> tuple[JobId, JobSpec] | None:
    job = turn.state.keys.get(tenant, {}).get(key)
    if job is not None:
        return job, turn.state.jobs[job].spec
    return command.keys.get(index)


def _outcome(turn: Turn, command: Submit, job: JobId) -> JobState | None:
    """The terminal state of a dependency, None while it is under way."""
    held = turn.state.jobs.get(job)
    if held is not None:
        return held.state if held.state in TERMINAL_JOB_STATES else None
    state = command.known.get(job)
    if state is None or state not in TERMINAL_JOB_STATES:
        raise refuse("job.dependency_unknown", job=job)
    return state


def _check_class(turn: Turn, spec: JobSpec) -> None:
    known = [rule.name for rule in turn.state.profile.classes]
    if spec.priority not in known:
        raise refuse(
            "job.invalid",
            field="priority",
            value=spec.priority,
            problem="the hub has no such priority class",
            advice=f"It has {', '.join(known)}.",
        )


def _check_open_jobs(turn: Turn, tenant: TenantId) -> None:
    for level in ancestors(tenant):
        held = turn.state.tenants.get(level)
        limit = held.quota.open_jobs if held else None
        open_jobs = turn.state.open_jobs.get(level, 0)
        if limit is not None and open_jobs >= limit:
            raise refuse(
                "quota.exceeded",
                tenant=level,
                limit=limit,
                resource="jobs that are not over",
                wanted=open_jobs + 1,
            )


def cancel(turn: Turn, command: Cancel) -> None:
    """End a job or an element: at once if it waits, with its grace if it runs."""
    job = turn.state.jobs.get(command.job)
    if job is None:
        raise refuse("job.not_found", job=command.job)
    if job.state in TERMINAL_JOB_STATES:
        raise refuse("job.finished", job=job.id, state=job.state.value)
    reason = CancelledByUser(command.by)
    if command.element is None:
        if job.cancelled_by:
            return
        turn.emit(ev.CancelRequested(job.id, command.by))
        if not job.elements.live:
            end_job(turn, job, JobState.CANCELLED, reason)
    else:
        element = command.element
        if not job.is_array or not 0 <= element < job.elements.count:
            raise refuse("job.not_found", job=f"{job.id}[{element}]")
        if job.elements.is_queued(element):
            end_element(turn, job, element, JobState.CANCELLED, reason)
        elif element in job.elements.live:
            if element not in job.cancelled_elements:
                turn.emit(ev.CancelRequested(job.id, command.by, element))
        else:
            raise refuse("job.finished", job=f"{job.id}[{element}]", state="over")
    for element in job.elements.live:
        for attempt in job.live_parts(element):
            turn.poke(turn.state.attempts[attempt].site)


def put_tenant(turn: Turn, command: PutTenant) -> None:
    """Make a tenant or change it; repeating it changes nothing."""
    tenant = command.tenant
    if not is_tenant(tenant.id):
        raise refuse(
            "tenant.invalid",
            tenant=tenant.id,
            problem="a tenant is one to eight names joined by `/`",
            advice="Names are lower-case letters, digits, `-` and `.`.",
        )
    if not 1 <= tenant.weight <= 1_000_000:
        raise refuse(
            "tenant.invalid",
            tenant=tenant.id,
            problem=f"a weight of {tenant.weight} is not between 1 and 1,000,000",
            advice="Weights are relative: 2 gets twice what 1 gets.",
        )
    if len(turn.state.tenants) >= limits.TENANTS and tenant.id not in turn.state.tenants:
        raise refuse("limit.reached", what="The tenant tree", limit=limits.TENANTS)
    if turn.state.tenants.get(tenant.id) != tenant:
        turn.emit(ev.TenantChanged(tenant))


def drain_site(turn: Turn, command: DrainSite) -> None:
    """Keep new work away from a site; what runs there ends in its own time."""
    record = turn.state.sites.get(command.site)
    if record is None:
        raise refuse("site.not_found", site=command.site)
    if record.draining is not command.draining:
        turn.emit(ev.SiteDrained(command.site, command.draining))


def drain_node(turn: Turn, command: DrainNode) -> None:
    """Keep new work away from a node; what runs there ends in its own time."""
    record = turn.state.sites.get(split_node(command.node)[0])
    drained = record is not None and command.node in record.drained_nodes  # it may be away
    if record is None or not (
        drained or any(node.id == command.node for node in record.inventory.nodes)
    ):
        raise refuse("node.not_found", node=command.node)
    if drained is not command.draining:
        turn.emit(ev.NodeDrained(command.node, command.draining))
