"""Which jobs an event concerns, and the part of it that is about one of them."""

import msgspec

from hutong.lifecycle.events import (
    AnyEvent,
    AttemptEnded,
    AttemptLost,
    AttemptMoved,
    AttemptSettled,
    CancelRequested,
    ElementEnded,
    JobAccepted,
    JobEnded,
    JobRequeued,
    PartFailed,
    PlanDecided,
)
from hutong.model.ids import AttemptId, JobId

OfJob = JobAccepted | CancelRequested | PartFailed | JobRequeued | ElementEnded | JobEnded
OfAttempt = AttemptMoved | AttemptEnded | AttemptLost | AttemptSettled


def job_of(attempt: AttemptId) -> JobId:
    """Give back the job inside an attempt's id (`<hub>-<job>-...`)."""
    return JobId(attempt.split("-", 2)[1])


def jobs_of(event: AnyEvent) -> tuple[JobId, ...]:
    """Name the jobs that an event concerns, each once, in the event's order.

    A preemption concerns both the job that stops and the job that it stops for. Checkpoints are no
    part of a job's story: they would be most of it.
    """
    if isinstance(event, OfJob):
        return (event.job,)
    if isinstance(event, OfAttempt):
        return (job_of(event.attempt),)
    if isinstance(event, PlanDecided):
        placed = [placement.job for placement in event.placements]
        stopped = [job_of(line.attempt) for line in event.preemptions]
        stopped_for = [line.by for line in event.preemptions]
        resized = [job_of(line.attempt) for line in event.resizes]
        resized_for = [line.by for line in event.resizes if line.by is not None]
        concerned = [*placed, *stopped, *stopped_for, *resized, *resized_for]
        return tuple(dict.fromkeys(concerned))
    return ()


def part_for(event: AnyEvent, job: JobId) -> AnyEvent:
    """Reduce a plan to its lines about one job; any other event is returned as it is."""
    if not isinstance(event, PlanDecided):
        return event
    return msgspec.structs.replace(
        event,
        placements=tuple(line for line in event.placements if line.job == job),
        preemptions=tuple(
            line for line in event.preemptions if job in (job_of(line.attempt), line.by)
        ),
        resizes=tuple(line for line in event.resizes if job in (job_of(line.attempt), line.by)),
    )
