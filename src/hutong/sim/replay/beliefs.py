"""Beliefs: the run times that the scheduler is told, where they come from, and their correction.

A predictor learns from jobs as they end. What a user said of a job stays what its end goes by: a
reservation that counts on a predicted end is put off whenever one proves too short, and users bound
their runs from above. What is predicted then decides about its place in the queue alone. Of a job
of which nobody said anything the prediction is all there is; where it outlives that, the scheduler
is told of a later end of its attempt.
"""

from typing import NamedTuple, Protocol

import msgspec

from hutong.scheduler.state import SchedulerState
from hutong.sim.predict import Predictor, make_predictor
from hutong.sim.replay.due import Due
from hutong.sim.replay.running import Phase, SimJob
from hutong.sim.setup import Mode, Setup
from hutong.sim.workload import TraceJob


class Correction(NamedTuple):
    """A prediction has proved too short, unless the job has another attempt by then."""

    job: SimJob
    attempts: int


class Clock(Protocol):
    """What is asked of the engine."""

    now_ms: int

    def plan_for(self, at_ms: int, kind: Due, what: object) -> int:
        """Have something happen at a time."""


class Beliefs:
    """What is believed of run times, by the mode of a setup."""

    def __init__(self, setup: Setup) -> None:
        self._mode = setup.mode
        self._predictor: Predictor | None = None
        if setup.predictor and setup.mode is Mode.ESTIMATE:
            self._predictor = make_predictor(setup.predictor)

    def corrects(self, trace: TraceJob) -> bool:
        """Whether the end that is expected of a job changes while it runs."""
        return self._predictor is not None and not _is_bounded(trace)

    def estimate_of(self, trace: TraceJob, believed_ms: int | None) -> int | None:
        """What the description of a job says of its run, whatever is believed of it."""
        if self._predictor is not None and _is_bounded(trace):
            return trace.estimate_ms
        return believed_ms

    def place_of(self, believed_ms: int | None) -> int | None:
        """The run time that decides about its place in the queue; None for its estimate."""
        return believed_ms if self._predictor is not None else None

    def of(self, trace: TraceJob) -> int | None:
        """The run time at speed 1000 that the scheduler is told."""
        match self._mode:
            case Mode.ORACLE:
                return trace.run_ms
            case Mode.ESTIMATE:
                if self._predictor is not None:
                    return self._predictor.predict(trace)
                return trace.estimate_ms
            case Mode.NONE:
                return None

    def learn(self, trace: TraceJob) -> None:
        """A job ran to its end."""
        if self._predictor is not None:
            self._predictor.learn(trace, trace.run_ms)

    def watch(self, job: SimJob, believed_ms: int | None, clock: Clock) -> None:
        """Have a belief corrected should it prove too short."""
        if believed_ms is None:
            return
        up, down = job.ratio
        at_ms = job.began_ms + job.overhead_ms + -(-believed_ms * up // down)
        if at_ms < job.end_ms:
            clock.plan_for(max(at_ms, clock.now_ms), Due.CORRECT, Correction(job, job.attempts))

    def correct(self, what: Correction, state: SchedulerState, clock: Clock) -> bool:
        """Believe in a later end of an attempt, if it still runs; says whether it does."""
        job = what.job
        if job.attempts != what.attempts or job.phase is not Phase.RUNNING:
            return False
        assert self._predictor is not None
        up, down = job.ratio
        ran_ms = (clock.now_ms - job.began_ms - job.overhead_ms) * down // up
        believed_ms = max(self._predictor.correct(job.trace, ran_ms), ran_ms + 1)
        end_ms = job.began_ms + job.overhead_ms + -(-believed_ms * up // down)
        running = state.snapshot(clock.now_ms).supply.running[job.attempt]
        state.start(msgspec.structs.replace(running.attempt, expected_end_ms=end_ms))
        self.watch(job, believed_ms, clock)
        return True


def _is_bounded(trace: TraceJob) -> bool:
    """Whether its user said how long it runs at most."""
    return bool(trace.estimate_ms or trace.limit_ms)
