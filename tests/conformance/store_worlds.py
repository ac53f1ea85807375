"""Batches as a hub's machine would make them, for the tests of stores."""

import msgspec

from hutong.lifecycle import events as ev
from hutong.lifecycle.rows import AttemptRow, ElementCounts, ElementRow, JobRow
from hutong.model.attempt import NodeShare
from hutong.model.ids import (
    AttemptId,
    HubId,
    JobId,
    NodeId,
    PoolId,
    SiteId,
    TenantId,
    attempt_id,
    job_id,
)
from hutong.model.job import ArraySpec, JobSpec, Program
from hutong.model.reasons import Completed, EndedReason, LeaseExpired, OnlyCandidate
from hutong.model.resources import Amount
from hutong.model.states import AttemptState, JobState
from hutong.model.supply import cost_microcny
from hutong.scheduler.plan import Explanation
from hutong.store.contract import Batch

HUB = HubId("abc123")
RATE = 3_600_000_000  # a thousand micro-CNY a millisecond


class World:
    """Makes events with the rows they change; `take()` gives what came since the last one.

    Every event takes a second of the world's time.
    """

    def __init__(self) -> None:
        self.position = 0
        self.jobs: dict[JobId, JobRow] = {}
        self.attempts: dict[AttemptId, AttemptRow] = {}
        self.entries: list[ev.Entry] = []
        self._batch = Batch([], {}, {}, [])

    @property
    def now_ms(self) -> int:
        return 1_700_000_000_000 + self.position * 1_000

    def take(self) -> Batch:
        batch, self._batch = self._batch, Batch([], {}, {}, [])
        return batch

    def emit(self, event: ev.AnyEvent) -> None:
        self.position += 1
        entry = ev.Entry(self.position, self.now_ms, f"cause-{self.position}", event)
        self.entries.append(entry)
        self._batch.entries.append(entry)

    def accept(
        self,
        tenant: str = "acme/vision",
        *,
        name: str = "train",
        key: str = "",
        script: str = "true",
        elements: int = 0,
    ) -> JobId:
        number = len(self.jobs) + 1
        job = job_id(number)
        array = ArraySpec(elements) if elements else None
        spec = JobSpec(name, Program(script=script), TenantId(tenant), array=array)
        self.emit(ev.JobAccepted(job, spec, key, "ada"))
        row = JobRow(
            job,
            number,
            spec.tenant,
            name,
            JobState.QUEUED,
            spec.priority,
            spec.tasks,
            spec.elements,
            ElementCounts(queued=spec.elements),
            self.now_ms,
            self.position,
            key=key,
            by="ada",
        )
        self._put_job(row)
        return job

    def place(
        self,
        *jobs: JobId,
        site: str = "bj",
        accelerator: str = "ascend-910b",
        element: int | None = None,
        tasks: int = 2,
        preempting: tuple[tuple[AttemptId, JobId], ...] = (),
    ) -> list[AttemptId]:
        """One plan; `preempting` are the attempts it stops, each with the job it stops for."""
        lines = [self._line(job, site, accelerator, element, tasks) for job in jobs]
        stops = tuple(ev.AttemptPreempted(victim, by) for victim, by in preempting)
        self.emit(ev.PlanDecided(self.position, tuple(lines), stops))
        for line in lines:
            job = self.jobs[line.job]
            self._put_attempt(
                AttemptRow(
                    line.attempt, line.job, line.element, line.number, job.tenant, line.site,
                    line.pool, line.nodes, line.needs, line.accelerator, AttemptState.PLACED,
                    self.now_ms, 0, 0, line.rate_microcny_per_hour, 0, line.reason,
                    explanation=line.explanation,
                )
            )  # fmt: skip
            attempts = job.attempts + 1
            self._change(line.job, state=JobState.PLACED, attempts=attempts, site=line.site)
        return [line.attempt for line in lines]

    def run(self, attempt: AttemptId, started_ms: int) -> None:
        self.emit(ev.AttemptMoved(attempt, AttemptState.RUNNING, started_ms))
        self._move(attempt, state=AttemptState.RUNNING, started_ms=started_ms)
        self._change(self.attempts[attempt].job, state=JobState.RUNNING)

    def end(self, attempt: AttemptId, ended_ms: int) -> None:
        started_ms = self.attempts[attempt].started_ms
        self.emit(ev.AttemptEnded(attempt, Completed(), started_ms, ended_ms))
        self._close(attempt, AttemptState.ENDED, ended_ms, Completed())

    def lose(self, attempt: AttemptId, ended_ms: int) -> None:
        reason = LeaseExpired("bj")
        self.emit(ev.AttemptLost(attempt, reason, ended_ms))
        self._close(attempt, AttemptState.LOST, ended_ms, reason)

    def settle(self, attempt: AttemptId, started_ms: int, ended_ms: int) -> None:
        self.emit(ev.AttemptSettled(attempt, Completed(), started_ms, ended_ms))
        self._move(attempt, started_ms=started_ms)
        self._close(attempt, AttemptState.LOST, ended_ms, Completed())

    def requeue(self, attempt: AttemptId) -> None:
        held = self.attempts[attempt]
        self.emit(ev.JobRequeued(held.job, attempt, held.reason or Completed(), held.element))
        self._change(held.job, state=JobState.QUEUED)

    def end_element(self, job: JobId, element: int) -> None:
        self.emit(ev.ElementEnded(job, element, JobState.SUCCEEDED, Completed()))
        row = ElementRow(job, element, JobState.SUCCEEDED, self.now_ms, Completed())
        self._batch.elements.append(row)

    def finish(self, job: JobId, state: JobState = JobState.SUCCEEDED) -> None:
        self.emit(ev.JobEnded(job, state, Completed()))
        self._change(job, state=state, ended_ms=self.now_ms)

    def accepted(self, count: int, **facts: str) -> Batch:
        """A batch of so many new jobs."""
        for _ in range(count):
            self.accept(**facts)  # type: ignore[arg-type]
        return self.take()

    def _line(
        self, job: JobId, site: str, accelerator: str, element: int | None, tasks: int
    ) -> ev.AttemptPlaced:
        earlier = [
            held
            for held in self.attempts.values()
            if held.job == job and held.element == element
        ]  # fmt: skip
        number = len(earlier) + 1
        return ev.AttemptPlaced(
            attempt_id(HUB, job, element, number),
            job,
            number,
            self.position,
            SiteId(site),
            PoolId(f"{site}/gpu"),
            (NodeShare(NodeId(f"{site}/n1"), tasks),),
            Amount(4_000, 8_192, 1_000),
            RATE,
            self.now_ms + 60_000,
            OnlyCandidate(),
            Explanation({"memory": 3}, (), 250),
            accelerator,
            element,
        )

    def _close(
        self, attempt: AttemptId, state: AttemptState, ended_ms: int, reason: EndedReason
    ) -> None:
        held = self.attempts[attempt]
        ran_ms = max(0, ended_ms - held.started_ms) if held.started_ms else 0
        cost = cost_microcny(held.rate_microcny_per_hour, ran_ms)
        self._move(attempt, state=state, ended_ms=ended_ms, reason=reason, cost_microcny=cost)

    def _move(self, attempt: AttemptId, **facts: object) -> None:
        self._put_attempt(msgspec.structs.replace(self.attempts[attempt], **facts))

    def _change(self, job: JobId, **facts: object) -> None:
        self._put_job(msgspec.structs.replace(self.jobs[job], **facts))

    def _put_job(self, row: JobRow) -> None:
        self.jobs[row.id] = self._batch.jobs[row.id] = row

    def _put_attempt(self, row: AttemptRow) -> None:
        self.attempts[row.id] = self._batch.attempts[row.id] = row
