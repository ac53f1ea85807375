"""What follows when something ends: retries, ended elements and jobs, and the jobs behind them."""

from collections import deque

from hutong.lifecycle import events as ev
from hutong.lifecycle.records import Attempt, Job
from hutong.lifecycle.retry import Case, judge
from hutong.lifecycle.turn import Turn
from hutong.model.ids import JobId
from hutong.model.job import Dependency, DependencyKind
from hutong.model.reasons import DeadlinePassed, DependencyFailed, EndedReason
from hutong.model.states import TERMINAL_JOB_STATES, FailureClass, JobState


def settle_attempt(turn: Turn, attempt: Attempt, reason: EndedReason) -> None:
    """After AttemptEnded or AttemptLost: retry the element, or end it and what hangs on it."""
    job = turn.state.jobs[attempt.job]
    element = attempt.element if job.is_array else None
    cancelling = bool(job.cancelled_by) or attempt.element in job.cancelled_elements
    if attempt.parts > 1 and job.parts.get(attempt.element):
        _settle_part(turn, job, attempt, reason)
        return
    reason = job.failed_part.get(attempt.element, reason)
    tries = job.elements.tries[attempt.element]
    verdict = judge(Case(job.spec.retry, tries, reason, cancelling))
    if verdict.state is None:
        turn.emit(ev.JobRequeued(job.id, attempt.id, reason, element))
    elif element is None:
        end_job(turn, job, verdict.state, reason)
    else:
        end_element(turn, job, element, verdict.state, reason)
    over = job.state in TERMINAL_JOB_STATES or bool(job.elements.live)
    if not over and _past_deadline(job, turn.now_ms):
        # The deadline came while elements ran; those that still wait can start no more.
        end_job(turn, job, JobState.CANCELLED, DeadlinePassed(job.spec.deadline_ms))


def _settle_part(turn: Turn, job: Job, attempt: Attempt, reason: EndedReason) -> None:
    """A part is over while others live: the first that fails takes the others with it."""
    element = attempt.element
    if reason.failure is FailureClass.NONE or element in job.failed_part:
        return
    named = element if job.is_array else None
    turn.emit(ev.PartFailed(job.id, attempt.id, reason, named))
    for other in job.live_parts(element):
        turn.poke(turn.state.attempts[other].site)


def end_element(turn: Turn, job: Job, element: int, state: JobState, reason: EndedReason) -> None:
    """End one element of an array, and the array with its last one."""
    turn.emit(ev.ElementEnded(job.id, element, state, reason))
    if job.elements.ended() == job.elements.count:
        end_job(turn, job, job.elements.outcome(), reason)


def end_job(turn: Turn, job: Job, state: JobState, reason: EndedReason) -> None:
    """End a job, and then every job whose dependency on it can never be satisfied."""
    ending = deque([(job.id, state, reason)])
    while ending:
        job_id, state, reason = ending.popleft()
        dependents = list(turn.state.dependents.get(job_id, ()))
        turn.emit(ev.JobEnded(job_id, state, reason))
        for waiting_id in dependents:
            waiting = turn.state.jobs.get(waiting_id)
            if waiting is None or waiting.state in TERMINAL_JOB_STATES:
                continue
            failed = broken_dependency(waiting.spec.depends_on, {job_id: state})
            if failed is not None and not any(waiting_id == queued[0] for queued in ending):
                ending.append((waiting_id, JobState.CANCELLED, failed))


def broken_dependency(
    dependencies: tuple[Dependency, ...], outcomes: dict[JobId, JobState]
) -> DependencyFailed | None:
    """The first dependency that these outcomes can never satisfy, or None."""
    for dependency in dependencies:
        state = outcomes.get(dependency.job)
        if state is not None and not _satisfied(dependency.kind, state):
            return DependencyFailed(dependency.job, dependency.kind.value, state.value)
    return None


def _satisfied(kind: DependencyKind, state: JobState) -> bool:
    match kind:
        case DependencyKind.AFTER_OK:
            return state is JobState.SUCCEEDED
        case DependencyKind.AFTER_NOT_OK:
            return state is not JobState.SUCCEEDED
        case DependencyKind.AFTER_ANY:
            return True


def _past_deadline(job: Job, now_ms: int) -> bool:
    return bool(job.spec.deadline_ms) and job.spec.deadline_ms <= now_ms
