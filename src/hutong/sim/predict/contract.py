"""What every predictor does, and how a prediction that proved too short is made longer."""

from typing import Protocol

from hutong.sim.predict.runs import RunTimes
from hutong.sim.workload import TraceJob

MINUTE_MS = 60_000
STEPS_MS = tuple(minutes * MINUTE_MS for minutes in (1, 5, 15, 30, 60, 120, 300, 600, 1200, 3000))
"""The increments of Tsafrir, Etsion and Feitelson (TPDS 18(6), 2007), up to 50 hours."""


class Predictor(Protocol):
    """Says how long a job runs at speed 1000, from what it has been told of jobs that ended."""

    def predict(self, job: TraceJob) -> int | None:
        """The run time in ms, at least 1; None where nothing is known."""

    def correct(self, job: TraceJob, ran_ms: int) -> int:
        """A longer run time for a job that has run for `ran_ms` and not ended: above `ran_ms`."""

    def learn(self, job: TraceJob, run_ms: int) -> None:
        """Take in that a job ended after running for `run_ms`."""

    def distribution(self, job: TraceJob) -> RunTimes | None:
        """How long jobs like this one ran; None where there were none, or it is not kept."""


def step_beyond(job: TraceJob, ran_ms: int) -> int:
    """The next run time to believe in: the steps grow with what the job has run.

    A step is at least a quarter of the run so far, so that a job of any length is corrected some
    fifty times at most. A time limit that still lies ahead bounds it.
    """
    least_ms = ran_ms // 4
    step_ms = next((step for step in STEPS_MS if step >= least_ms), least_ms)
    return within_limit(job, ran_ms + step_ms, ran_ms)


def within_limit(job: TraceJob, run_ms: int, ran_ms: int = 0) -> int:
    """A run time that is no longer than the time limit, where that lies beyond `ran_ms`."""
    if ran_ms < job.limit_ms < run_ms:
        return job.limit_ms
    return run_ms
