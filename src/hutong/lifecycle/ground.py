"""What the fold stands on: the state, the columns derived from it, and the moves they share."""

from hutong.lifecycle.changes import Changes
from hutong.lifecycle.records import Attempt, Job, SiteRecord
from hutong.lifecycle.state import HubState
from hutong.lifecycle.timers import Timers
from hutong.model.errors import refuse
from hutong.model.ids import AttemptId, JobId
from hutong.model.limits import REPLICA_NAMES
from hutong.model.reasons import (
    ArrayLimit,
    AwaitsJobs,
    EndedReason,
    NotBefore,
    Preempted,
    Reclaimed,
    Resized,
)
from hutong.model.states import (
    ATTEMPT_MOVES,
    JOB_MOVES,
    TERMINAL_JOB_STATES,
    AttemptState,
    JobState,
)
from hutong.model.supply import NodeCondition
from hutong.scheduler.state import QueuedJob, RunningAttempt, SchedulerState, SiteStatus
from hutong.scheduler.wanted import models_of


class Ground:
    """The state and what is derived from it. `clock_ms` is the latest time seen."""

    def __init__(self, state: HubState, scheduler: SchedulerState) -> None:
        self.state = state
        self.scheduler = scheduler
        self.timers = Timers()
        self.changes = Changes()
        self.clock_ms = 0
        self.look_again_ms = 0
        """When a cycle could decide something new of offers, as the last one said; 0 for never."""

    def show_status(self, record: SiteRecord) -> None:
        """Tell the scheduler whether a site takes new work."""
        if record.silent:
            status = SiteStatus.SILENT
        elif record.draining:
            status = SiteStatus.DRAINING
        else:
            status = SiteStatus.READY
        self.scheduler.set_site_status(record.site.id, status)

    def show_node(self, record: SiteRecord, name: str) -> None:
        """Tell the scheduler whether a node takes new work."""
        for node in record.inventory.nodes:
            if node.id == name:
                leaving = any(
                    node.id in offer.nodes and offer.nodes[node.id].away
                    for offer in record.offers.values()
                )
                draining = leaving or name in record.drained_nodes
                draining = draining and node.condition is NodeCondition.READY
                condition = NodeCondition.DRAINING if draining else node.condition
                self.scheduler.set_node_condition(node.id, condition)

    def enter_queue(self, job: Job) -> None:
        """Put a job into the scheduler's queue, at the place its number gives it."""
        queued = QueuedJob(
            job.id, job.number, job.spec, job.submitted_ms, served_ms=job.served_ms,
            done_ms=job.done_ms,
        )  # fmt: skip
        self.scheduler.enqueue(queued, job.startable())
        if job.waits_on or job.spec.not_before_ms or job.spec.array or job.asked_ms:
            self.refresh(job)

    def refresh(self, job: Job) -> None:
        """Tell the scheduler what of a job could start now, and what holds it if nothing."""
        array = job.spec.array
        asked_ms = max(job.asked_ms, job.spec.not_before_ms)
        if asked_ms:
            self.scheduler.note_asked(job.id, asked_ms)
        if job.waits_on:
            self.scheduler.hold(job.id, AwaitsJobs(tuple(job.waits_on)))
        elif job.spec.not_before_ms > self.clock_ms:
            self.scheduler.hold(job.id, NotBefore(job.spec.not_before_ms))
        elif array and 0 < array.max_parallel <= len(job.elements.live):
            self.scheduler.hold(job.id, ArrayLimit(array.max_parallel))
        else:
            self.scheduler.hold(job.id, None)
        self.scheduler.set_available(job.id, job.startable())

    def show_array_state(self, job: Job) -> None:
        """Derive an array's state from its elements."""
        if job.state in TERMINAL_JOB_STATES:
            return
        if not job.elements.live:
            job.state = JobState.QUEUED
        else:
            job.state = JobState.RUNNING if job.started_ms else JobState.PLACED

    def move_job(self, job: Job, after: JobState) -> None:
        """Move a job as the table allows; raises `lifecycle.invalid_transition`."""
        if job.state is after:
            return
        if after not in JOB_MOVES[job.state]:
            raise refuse(
                "lifecycle.invalid_transition",
                what=f"job {job.id}",
                before=job.state.value,
                after=after.value,
                story="; ".join(line for _, line in job.story),
            )
        job.state = after

    def move_attempt(self, attempt: Attempt, after: AttemptState) -> None:
        """Move an attempt as the table allows; raises `lifecycle.invalid_transition`."""
        if attempt.state is after:
            return
        if after not in ATTEMPT_MOVES[attempt.state]:
            raise refuse(
                "lifecycle.invalid_transition",
                what=f"attempt {attempt.id}",
                before=attempt.state.value,
                after=after.value,
                story=f"placed at {attempt.placed_ms} on {attempt.pool}",
            )
        attempt.state = after

    def show_progress(self, attempt: Attempt) -> None:
        """Tell the scheduler since when an attempt runs and when it last wrote down its state."""
        self.scheduler.note_progress(attempt.id, attempt.began_ms, attempt.saved_ms)

    def note_inputs(self, attempt: Attempt, job: Job) -> None:
        """Remember that a job's inputs are at the site where it runs; the oldest names go first."""
        replicas = self.state.replicas
        for item in job.spec.inputs:
            replicas.setdefault(item.name, {})[attempt.site] = True
            if len(replicas) > REPLICA_NAMES:
                del replicas[next(iter(replicas))]

    def mark_stopping(self, attempt: Attempt) -> None:
        """Tell the scheduler that an attempt makes room."""
        why = attempt.stop
        by = why.by if isinstance(why, Preempted | Reclaimed | Resized) else ""
        job = JobId(by) if by else None
        grace_ms = self.state.jobs[attempt.job].spec.grace_ms
        self.scheduler.mark_stopping(attempt.id, job, attempt.stop_ms + grace_ms)

    def archive(self, job: Job) -> None:
        """A job that is over and settled leaves the memory; the store keeps its rows."""
        if job.state not in TERMINAL_JOB_STATES or job.unsettled:
            return
        del self.state.jobs[job.id]
        if job.key:
            keys = self.state.keys[job.spec.tenant]
            keys.pop(job.key, None)
            if not keys:
                del self.state.keys[job.spec.tenant]

    def run(self, attempt: Attempt, job: Job) -> None:
        """Account a live attempt in the scheduler's columns."""
        self.scheduler.start(
            RunningAttempt(
                attempt=attempt.id,
                job=job.id,
                seq=job.number,
                tenant=attempt.tenant,
                priority=attempt.priority,
                site=attempt.site,
                pool=attempt.pool,
                nodes=attempt.nodes,
                needs=attempt.needs,
                started_ms=attempt.placed_ms,
                expected_end_ms=attempt.expected_end_ms,
                preemptible=job.spec.preemptible,
                min_run_ms=job.spec.min_run_ms,
                exclusive=job.spec.exclusive,
                accelerator=attempt.accelerator,
                end_basis=attempt.end_basis,
                rate_microcny_per_hour=attempt.rate_microcny_per_hour,
                groups=attempt.groups,
                resizable=job.spec if _is_resizable(job) else None,
                left_milli=attempt.left_milli,
                grace_ms=job.spec.grace_ms,
                running_ms=attempt.began_ms,
                checkpoint_ms=job.spec.checkpoint_ms,
                checkpointed_ms=attempt.saved_ms,
                inputs=job.spec.inputs,
                labels=tuple(sorted(job.spec.labels.items())),
                parts=attempt.parts,
                models=models_of(job.spec.needs.accelerators),
                contends=job.spec if job.spec.preemptible else None,
                speed_milli=attempt.speed_milli,
                served_ms=job.served_ms,
                done_ms=job.done_ms,
            )
        )

    def show_resumption(self, job: Job) -> None:
        """Tell the scheduler how a job that is being resized goes on, if it is."""
        self.scheduler.resume(job.id, job.resume)

    def end_resumption(self, job: Job) -> None:
        """A job goes on, or does not: either way its place is held no longer."""
        if job.resume is not None:
            job.resume = None
            self.show_resumption(job)

    def stop_element(self, job: Job, element: int, why: EndedReason) -> None:
        """What lives of an element is to end, all parts of it."""
        for attempt in job.live_parts(element):
            self.stop(attempt, why)

    def stop(self, attempt_id: AttemptId | None, why: EndedReason) -> None:
        """A live attempt is to end, for the first cause given."""
        attempt = self.state.attempts.get(attempt_id) if attempt_id else None
        if attempt is None or attempt.stop is not None or not attempt.is_live:
            return
        attempt.stop, attempt.stop_ms = why, self.clock_ms
        self.move_attempt(attempt, AttemptState.STOPPING)
        record = self.state.sites[attempt.site]
        record.stopping[attempt.id] = True
        record.unsent.pop(attempt.id, None)
        self.mark_stopping(attempt)
        self.changes.attempt(attempt)


def _is_resizable(job: Job) -> bool:
    """Whether attempts of a job may be stopped to go on at another size."""
    elastic = job.spec.elastic
    return elastic is not None and elastic.resize and not job.is_array
