"""States of jobs and attempts, and the tables of the moves between them.

The tables are the only place that says which move is allowed; `hutong.lifecycle` refuses any other
and the states page of the reference is generated from them.
"""

from enum import StrEnum


class JobState(StrEnum):
    """Where a job (or one element of an array) is. Terminal states are final."""

    QUEUED = "queued"
    PLACED = "placed"
    STAGING = "staging"
    STARTING = "starting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class AttemptState(StrEnum):
    """Where one execution of a job is. `ENDED` and `LOST` are final for the lease.

    A lost attempt may still be settled later, when its site comes back and tells what became of
    it; that corrects the meter and nothing else.
    """

    PLACED = "placed"
    STAGING = "staging"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    ENDED = "ended"
    LOST = "lost"


class FailureClass(StrEnum):
    """Who is to blame for an attempt that did not succeed; the retry rules go by it."""

    NONE = "none"
    USER = "user"
    MACHINE = "machine"
    SITE = "site"
    PREEMPTED = "preempted"
    CANCELLED = "cancelled"


TERMINAL_JOB_STATES = (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)
FINAL_ATTEMPT_STATES = (AttemptState.ENDED, AttemptState.LOST)

_J = JobState
JOB_MOVES: dict[JobState, tuple[JobState, ...]] = {
    _J.QUEUED: (_J.PLACED, _J.CANCELLED, _J.FAILED),
    _J.PLACED: (
        _J.STAGING, _J.STARTING, _J.RUNNING, _J.QUEUED, _J.SUCCEEDED, _J.FAILED, _J.CANCELLED,
    ),
    _J.STAGING: (_J.STARTING, _J.RUNNING, _J.QUEUED, _J.SUCCEEDED, _J.FAILED, _J.CANCELLED),
    _J.STARTING: (_J.RUNNING, _J.QUEUED, _J.SUCCEEDED, _J.FAILED, _J.CANCELLED),
    _J.RUNNING: (_J.QUEUED, _J.SUCCEEDED, _J.FAILED, _J.CANCELLED),
    _J.SUCCEEDED: (),
    _J.FAILED: (),
    _J.CANCELLED: (),
}  # fmt: skip

_A = AttemptState
ATTEMPT_MOVES: dict[AttemptState, tuple[AttemptState, ...]] = {
    _A.PLACED: (_A.STAGING, _A.STARTING, _A.RUNNING, _A.STOPPING, _A.ENDED, _A.LOST),
    _A.STAGING: (_A.STARTING, _A.RUNNING, _A.STOPPING, _A.ENDED, _A.LOST),
    _A.STARTING: (_A.RUNNING, _A.STOPPING, _A.ENDED, _A.LOST),
    _A.RUNNING: (_A.STOPPING, _A.ENDED, _A.LOST),
    _A.STOPPING: (_A.ENDED, _A.LOST),
    _A.ENDED: (),
    _A.LOST: (),
}
