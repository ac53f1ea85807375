"""Arrivals: the jobs of a workload one after the other, never all of them in memory.

The position in a workload is how many of its jobs were taken, so that a run which was put aside
goes on by skipping so many.
"""

from collections.abc import Iterator
from itertools import islice

from hutong.sim.workload import TraceJob, Workload

START_MS = 1_767_225_600_000
"""When a workload begins that does not say so: 2026-01-01T00:00:00Z."""


class Arrivals:
    """The stream of a workload with the next job looked at."""

    def __init__(self, workload: Workload, taken: int = 0) -> None:
        self._workload = workload
        self._jobs: Iterator[TraceJob] = islice(iter(workload.jobs), taken, None)
        self.taken = taken
        self.next: TraceJob | None = next(self._jobs, None)

    def __reduce__(self) -> tuple[type["Arrivals"], tuple[Workload, int]]:
        return Arrivals, (self._workload, self.taken)

    def take(self) -> TraceJob | None:
        """The next job, which is consumed; None at the end."""
        job = self.next
        if job is not None:
            self.taken += 1
            self.next = next(self._jobs, None)
        return job


class Followers:
    """Jobs that are handed in when an earlier one is over.

    Only names of jobs that are not over can be waited for; of the others `ended` tells when they
    ended, once the first follower has been seen.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, list[TraceJob]] = {}
        self._ended: dict[str, int] = {}
        self.any = False

    def begin(self, ended: dict[str, int]) -> None:
        """The first follower has been seen: from now on ends are noted."""
        self.any = True
        self._ended = ended

    def follow(self, job: TraceJob) -> int | None:
        """Have a job wait for the one it names; the time of that one's end if it is over."""
        ended_ms = self._ended.get(job.after)
        if ended_ms is None:
            self._waiting.setdefault(job.after, []).append(job)
        return ended_ms

    def note_end(self, name: str, at_ms: int) -> list[TraceJob]:
        """A job is over; gives those that waited for it."""
        self._ended[name] = at_ms
        return self._waiting.pop(name, [])

    def left(self) -> list[TraceJob]:
        """Those that still wait for another."""
        return [job for jobs in self._waiting.values() for job in jobs]
