"""How plans and events of attempts are folded in, and what the meter counts."""

from hutong.lifecycle import events as ev
from hutong.lifecycle import offers
from hutong.lifecycle.ground import Ground
from hutong.lifecycle.records import Attempt, Job
from hutong.lifecycle.use import note_spent
from hutong.model.reasons import PartEnded, Preempted, Reclaimed, Resized
from hutong.model.states import JOB_MOVES, AttemptState, JobState
from hutong.model.tenant import Usage
from hutong.scheduler.records import Resumption

_JOB_STATE_OF = {
    AttemptState.STAGING: JobState.STAGING,
    AttemptState.STARTING: JobState.STARTING,
    AttemptState.RUNNING: JobState.RUNNING,
}


def plan_decided(ground: Ground, event: ev.PlanDecided, entry: ev.Entry) -> None:
    """Attempts begin and victims are told to stop."""
    ground.state.cycle = event.cycle
    for placed in event.placements:
        _place(ground, placed, entry)
    for preempted in event.preemptions:
        attempt = ground.state.attempts[preempted.attempt]
        job = ground.state.jobs[attempt.job]
        why: Preempted | Reclaimed = Preempted(preempted.by)
        if preempted.tenant:
            why = Reclaimed(preempted.by, preempted.tenant)
        ground.stop_element(job, attempt.element, why)
    for resized in event.resizes:
        _resize(ground, resized)


def _resize(ground: Ground, resized: ev.AttemptResized) -> None:
    attempt = ground.state.attempts[resized.attempt]
    job = ground.state.jobs[attempt.job]
    before = sum([share.tasks for share in attempt.nodes if not share.group])
    ground.stop(attempt.id, Resized(before, resized.tasks, resized.by or ""))
    job.resume = Resumption(attempt.pool, resized.tasks, resized.left_milli)
    ground.show_resumption(job)


def _place(ground: Ground, placed: ev.AttemptPlaced, entry: ev.Entry) -> None:
    state = ground.state
    job = state.jobs[placed.job]
    element = placed.element or 0
    if placed.part == 0:
        job.elements.take(element, placed.attempt)
    if placed.parts > 1:
        job.parts.setdefault(element, []).append(placed.attempt)
    ground.end_resumption(job)
    state.next_token = max(state.next_token, placed.token + 1)
    attempt = Attempt(
        placed.attempt,
        job.id,
        element,
        job.is_array,
        job.spec.tenant,
        job.spec.priority,
        placed.number,
        placed.token,
        placed.site,
        placed.pool,
        placed.nodes,
        placed.needs,
        placed.accelerator,
        placed.rate_microcny_per_hour,
        entry.at_ms,
        placed.expected_end_ms,
        placed.reason,
        placed.explanation,
        placed.end_basis,
        groups=placed.groups,
        part=placed.part,
        parts=placed.parts,
        rank_first=placed.rank_first,
        tasks_total=placed.tasks_total,
        left_milli=placed.left_milli,
        speed_milli=placed.speed_milli,
    )
    state.attempts[attempt.id] = attempt
    record = state.sites[attempt.site]
    record.attempts[attempt.id] = True
    record.unsent[attempt.id] = True
    job.unsettled += 1
    job.attempts += 1
    job.site, job.accelerator = placed.site, placed.accelerator
    if job.is_array:
        ground.show_array_state(job)
    else:
        ground.move_job(job, JobState.PLACED)
    job.note(entry.at_ms, f"placed on {placed.pool} as {placed.attempt}")
    ground.run(attempt, job)
    ground.refresh(job)
    ground.changes.attempt(attempt)
    ground.changes.job(job)


def attempt_moved(ground: Ground, event: ev.AttemptMoved, entry: ev.Entry) -> None:
    """A site was seen to get on with an attempt."""
    attempt = ground.state.attempts[event.attempt]
    job = ground.state.jobs[attempt.job]
    attempt.known_at = attempt.known_at or entry.position
    ground.state.sites[attempt.site].unsent.pop(attempt.id, None)
    attempt.started_ms = attempt.started_ms or event.started_ms
    if event.started_ms and not attempt.began_ms:
        attempt.began_ms = max(attempt.placed_ms, min(event.started_ms, entry.at_ms))
        ground.show_progress(attempt)
        ground.note_inputs(attempt, job)
    if event.started_ms and not job.started_ms:
        job.started_ms = event.started_ms
    if attempt.state is not AttemptState.STOPPING:
        ground.move_attempt(attempt, event.state)
        if job.is_array:
            ground.show_array_state(job)
        elif attempt.parts > 1:
            _show_slowest_part(ground, job)
        else:
            ground.move_job(job, _JOB_STATE_OF[event.state])
    ground.changes.attempt(attempt)
    ground.changes.job(job)


def _show_slowest_part(ground: Ground, job: Job) -> None:
    """A gang in parts is where the part is that got least far. It never goes back."""
    states = [ground.state.attempts[part].state for part in job.parts[0]]
    slowest = min(states, key=list(AttemptState).index)
    after = _JOB_STATE_OF.get(slowest, job.state)
    if after in JOB_MOVES[job.state]:
        ground.move_job(job, after)


def part_failed(ground: Ground, event: ev.PartFailed, entry: ev.Entry) -> None:
    """The other parts of a gang are to stop, and what failed is remembered."""
    job = ground.state.jobs[event.job]
    element = event.element or 0
    job.failed_part[element] = event.reason
    ground.stop_element(job, element, PartEnded(event.attempt))
    job.note(entry.at_ms, f"{event.attempt} failed, its other parts stop")
    ground.changes.job(job)


def attempt_checkpointed(ground: Ground, event: ev.AttemptCheckpointed, entry: ev.Entry) -> None:
    """What an attempt would lose by being stopped counts from here on."""
    attempt = ground.state.attempts[event.attempt]
    attempt.checkpointed_ms = event.checkpointed_ms
    attempt.checkpoint_noted_ms = entry.at_ms
    ground.show_progress(attempt)


def attempt_ended(ground: Ground, event: ev.AttemptEnded, entry: ev.Entry) -> None:
    """Give back what it held and meter it."""
    attempt = ground.state.attempts[event.attempt]
    job = ground.state.jobs[attempt.job]
    ground.move_attempt(attempt, AttemptState.ENDED)
    attempt.started_ms = event.started_ms
    attempt.ended_ms = event.ended_ms
    attempt.reason = event.reason
    ground.scheduler.release(attempt.id)
    _note_service(job, attempt)
    _leave_parts(job, attempt)
    offers.note_end(ground, attempt, entry.at_ms)
    job.note(entry.at_ms, f"{attempt.id} ended: {event.reason.sentence()}")
    if event.started_ms and not job.started_ms:
        job.started_ms = event.started_ms
    _meter(ground, attempt, job, attempt.usage(), attempt.cost_microcny())
    note_spent(ground, attempt, entry)
    _leave(ground, attempt, job)
    ground.changes.attempt(attempt)
    ground.changes.job(job)


def attempt_lost(ground: Ground, event: ev.AttemptLost, entry: ev.Entry) -> None:
    """Give back what it held and meter it until its site was last heard."""
    attempt = ground.state.attempts[event.attempt]
    job = ground.state.jobs[attempt.job]
    ground.move_attempt(attempt, AttemptState.LOST)
    attempt.ended_ms = event.ended_ms
    attempt.reason = event.reason
    ground.scheduler.release(attempt.id)
    _note_service(job, attempt)
    _leave_parts(job, attempt)
    offers.note_end(ground, attempt, entry.at_ms)
    job.note(entry.at_ms, f"{attempt.id} was lost: {event.reason.sentence()}")
    record = ground.state.sites[attempt.site]
    record.unsent.pop(attempt.id, None)
    record.stopping[attempt.id] = True
    _meter(ground, attempt, job, attempt.usage(), attempt.cost_microcny())
    note_spent(ground, attempt, entry)
    ground.changes.attempt(attempt)
    ground.changes.job(job)


def attempt_settled(ground: Ground, event: ev.AttemptSettled, entry: ev.Entry) -> None:
    """Correct the meter by what the site told of a lost attempt."""
    attempt = ground.state.attempts[event.attempt]
    job = ground.state.jobs[attempt.job]
    before, cost_before = attempt.usage(), attempt.cost_microcny()
    note_spent(ground, attempt, entry, -1)
    attempt.started_ms = event.started_ms
    attempt.ended_ms = event.ended_ms
    note_spent(ground, attempt, entry)
    after = attempt.usage().plus(before, -1)
    _meter(ground, attempt, job, after, attempt.cost_microcny() - cost_before)
    _leave(ground, attempt, job)
    ground.changes.attempt(attempt)
    ground.changes.job(job)
    ground.archive(job)


def _note_service(job: Job, attempt: Attempt) -> None:
    """Account what an attempt worked, and what of it was written down."""
    if not job.is_array and attempt.parts == 1:
        job.served_ms += attempt.worked_ms(attempt.ended_ms)
        job.done_ms += attempt.worked_ms(min(attempt.saved_ms, attempt.ended_ms))


def _leave_parts(job: Job, attempt: Attempt) -> None:
    """A part is over; while others live, one of them stands for the element."""
    if attempt.parts == 1:
        return
    others = job.parts[attempt.element]
    others.remove(attempt.id)
    if not others:
        del job.parts[attempt.element]
    elif job.elements.live[attempt.element] == attempt.id:
        job.elements.live[attempt.element] = others[0]


def _meter(ground: Ground, attempt: Attempt, job: Job, usage: Usage, cost_microcny: int) -> None:
    before = ground.state.meter.get(attempt.tenant, Usage())
    ground.state.meter[attempt.tenant] = before.plus(usage)
    job.cost_microcny += cost_microcny


def _leave(ground: Ground, attempt: Attempt, job: Job) -> None:
    record = ground.state.sites[attempt.site]
    record.attempts.pop(attempt.id, None)
    record.unsent.pop(attempt.id, None)
    record.stopping.pop(attempt.id, None)
    del ground.state.attempts[attempt.id]
    job.unsettled -= 1
