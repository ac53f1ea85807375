"""How events of jobs and elements are folded in."""

from hutong.lifecycle import events as ev
from hutong.lifecycle.elements import Elements
from hutong.lifecycle.ground import Ground
from hutong.lifecycle.records import Job
from hutong.lifecycle.rows import ElementRow
from hutong.model.reasons import CancelledByUser, Resized
from hutong.model.states import TERMINAL_JOB_STATES, JobState
from hutong.model.tenant import ancestors


def job_accepted(ground: Ground, event: ev.JobAccepted, entry: ev.Entry) -> None:
    """A job joins the queue, behind the jobs it depends on."""
    state, spec = ground.state, event.spec
    job = Job(
        event.job,
        state.next_job,
        spec,
        entry.position,
        entry.at_ms,
        Elements(spec.elements),
        key=event.key,
        by=event.by,
    )
    state.next_job += 1
    state.jobs[job.id] = job
    if event.key:
        state.keys.setdefault(spec.tenant, {})[event.key] = job.id
    for dependency in spec.depends_on:
        other = state.jobs.get(dependency.job)
        if other is not None and other.state not in TERMINAL_JOB_STATES:
            job.waits_on[other.id] = True
            state.dependents.setdefault(other.id, []).append(job.id)
    for level in ancestors(spec.tenant):
        state.open_jobs[level] = state.open_jobs.get(level, 0) + 1
    job.note(entry.at_ms, "accepted")
    ground.enter_queue(job)
    ground.timers.watch(job)
    ground.changes.job(job)


def cancel_requested(ground: Ground, event: ev.CancelRequested, entry: ev.Entry) -> None:
    """What waits will not start, what runs is to stop."""
    job = ground.state.jobs[event.job]
    if event.element is not None:
        job.cancelled_elements[event.element] = event.by
        ground.stop_element(job, event.element, CancelledByUser(event.by))
    else:
        job.cancelled_by = event.by
        for element in job.elements.live:
            ground.stop_element(job, element, CancelledByUser(event.by))
        if job.is_array:
            job.elements.end_all_queued(JobState.CANCELLED)
    job.note(entry.at_ms, f"{event.by} asked to cancel it")
    ground.refresh(job)
    ground.changes.job(job)


def job_requeued(ground: Ground, event: ev.JobRequeued, entry: ev.Entry) -> None:
    """A job or element takes its place in the queue again."""
    job = ground.state.jobs[event.job]
    element = event.element or 0
    tries = job.elements.tries[element]
    tries.count(event.reason.failure)
    job.failed_part.pop(element, None)
    if isinstance(event.reason, Resized):
        tries.resized += 1
    else:
        ground.end_resumption(job)
    job.elements.give_back(element)
    if job.elements.queued() == 1:
        job.asked_ms = entry.at_ms
    job.reason = event.reason
    if job.is_array:
        ground.show_array_state(job)
    else:
        ground.move_job(job, JobState.QUEUED)
    job.note(entry.at_ms, f"back in the queue: {event.reason.sentence()}")
    if job.served_ms:
        ground.enter_queue(job)
    ground.refresh(job)
    ground.changes.job(job)


def element_ended(ground: Ground, event: ev.ElementEnded, entry: ev.Entry) -> None:
    """Count an element of an array as over."""
    job = ground.state.jobs[event.job]
    job.elements.end(event.element, event.state)
    job.cancelled_elements.pop(event.element, None)
    job.failed_part.pop(event.element, None)
    ground.show_array_state(job)
    ground.refresh(job)
    ground.changes.job(job)
    ground.changes.elements.append(
        ElementRow(job.id, event.element, event.state, entry.at_ms, event.reason)
    )


def job_ended(ground: Ground, event: ev.JobEnded, entry: ev.Entry) -> None:
    """A job is over: it leaves the queue, and those behind it move up."""
    state = ground.state
    job = state.jobs[event.job]
    if job.is_array:
        job.elements.end_all_queued(event.state)
        job.state = event.state
    else:
        job.elements.end(0, event.state)
        ground.move_job(job, event.state)
    job.reason = event.reason
    job.ended_ms = entry.at_ms
    job.failed_part.clear()
    ground.end_resumption(job)
    for level in ancestors(job.spec.tenant):
        state.open_jobs[level] -= 1
    ground.scheduler.dequeue(job.id)
    if event.state in (JobState.SUCCEEDED, JobState.FAILED) and job.served_ms:
        ground.scheduler.note_service(job.spec, job.served_ms)
    for other in job.waits_on:
        waiting = state.dependents.get(other, [])
        if job.id in waiting:
            waiting.remove(job.id)
    job.waits_on.clear()
    for waiting_id in state.dependents.pop(job.id, ()):
        waiting_job = state.jobs.get(waiting_id)
        if waiting_job is not None:
            waiting_job.waits_on.pop(job.id, None)
            if not waiting_job.waits_on:
                waiting_job.asked_ms = entry.at_ms
            ground.refresh(waiting_job)
    ground.changes.job(job)
    ground.archive(job)
