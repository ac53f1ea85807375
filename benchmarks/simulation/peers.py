"""What pyss makes of a log: its published rules, written anew, to be compared with.

pyss (Python Scheduler Simulator, Hebrew University) counts processors. It takes a job that never
ran as one second on one processor, ends a job at what its user asked for, and believes in the
larger of the two; its means leave out those seconds, the first hundredth of jobs by their end, and
all that end after the last one was handed in. Its conservative backfill keeps the reservations that
it made, and on each end lifts them out one by one and puts each where it fits earliest beside all
others.
"""

import gzip
import heapq
from bisect import bisect_left, bisect_right
from itertools import count
from typing import NamedTuple


class Job(NamedTuple):
    """One row of a log, in seconds."""

    number: int
    submit: int
    run: int
    told: int
    processors: int


def read(path: str) -> list[Job]:
    """The jobs of a log, as pyss takes them."""
    jobs = []
    with gzip.open(path, "rt") as lines:
        for line in lines:
            if not line.strip() or line.startswith(";"):
                continue
            number, submit, _, run, allocated, _, _, _, asked = map(float, line.split()[:9])
            if run <= 0 or allocated <= 0:
                jobs.append(Job(int(number), max(int(submit), 1), 1, 1, max(1, int(allocated))))
                continue
            told, run = int(max(asked, run, 1)), int(max(min(asked, run), 1))
            jobs.append(Job(int(number), int(submit), run, told, int(allocated)))
    return jobs


def means(jobs: list[Job], starts: list[int]) -> tuple[float, float]:
    """Mean wait in minutes and mean bounded slowdown (10 s), over the jobs that pyss counts."""
    last = max(job.submit for job in jobs)
    size, seen = len(jobs), 0
    waits, slowdowns = [], []
    ended = sorted(zip(jobs, starts, strict=True), key=lambda one: one[1] + one[0].run)
    for job, start in ended:
        seen += 1
        if job.told == 1 and job.processors == 1:
            size -= 1
            continue
        if seen <= size // 100:
            continue
        if start + job.run > last:
            break
        wait = start - job.submit
        waits.append(wait)
        slowdowns.append(max(1.0, (wait + job.run) / max(job.run, 10)))
    return sum(waits) / len(waits) / 60, sum(slowdowns) / len(slowdowns)


class _Free:
    """Free processors over time, as steps."""

    def __init__(self, total: int) -> None:
        self._times, self._free = [0], [total]

    def take(self, begin: int, end: int, processors: int) -> None:
        """Take processors between two times; less than none gives them back."""
        if end > begin:
            first, last = self._cut(begin), self._cut(end)
            for at in range(first, last):
                self._free[at] -= processors

    def forget(self, now: int) -> None:
        """What was before is of no interest."""
        first = self._cut(now)
        times, free = [self._times[first]], [self._free[first]]
        for at, left in zip(self._times[first + 1 :], self._free[first + 1 :], strict=True):
            if left != free[-1]:
                times.append(at)
                free.append(left)
        self._times, self._free = times, free

    def earliest(self, now: int, processors: int, span: int) -> int:
        """When so many are free for so long."""
        start = -1
        for at in range(max(bisect_right(self._times, now) - 1, 0), len(self._times)):
            if self._free[at] < processors:
                start = -1
                continue
            start = max(self._times[at], now) if start < 0 else start
            if at + 1 == len(self._times) or self._times[at + 1] - start >= span:
                return start
        raise AssertionError("more than there are")

    def _cut(self, time: int) -> int:
        at = bisect_left(self._times, time)
        if at == len(self._times) or self._times[at] != time:
            self._times.insert(at, time)
            self._free.insert(at, self._free[at - 1])
        return at


def conservative(jobs: list[Job], total: int, *, anew: bool) -> list[int]:
    """Starts under conservative backfill.

    On an end pyss lifts each reservation out and puts it back; with `anew` all are lifted out
    first, and made again in the order of arrival.
    """
    free, numbers = _Free(total), count()
    heap = [(job.submit, 2, next(numbers), at) for at, job in enumerate(jobs)]
    heapq.heapify(heap)
    planned: dict[int, int] = {}
    starts = [0] * len(jobs)

    def plan(at: int, now: int) -> None:
        job = jobs[at]
        start = free.earliest(now, job.processors, job.told)
        free.take(start, start + job.told, job.processors)
        if planned.get(at) != start:
            planned[at] = start
            heapq.heappush(heap, (start, 1, next(numbers), at))

    def lift(at: int) -> None:
        free.take(planned[at], planned[at] + jobs[at].told, -jobs[at].processors)

    while heap:
        now, kind, _, at = heapq.heappop(heap)
        job = jobs[at]
        if kind == 1:
            if planned.get(at) == now:
                del planned[at]
                starts[at] = now
                heapq.heappush(heap, (now + job.run, 0, next(numbers), at))
            continue
        free.forget(now)
        if kind == 2:
            plan(at, now)
            continue
        free.take(now, starts[at] + job.told, -job.processors)
        waiting = [one for one, start in planned.items() if start > now]
        if anew:
            for one in waiting:
                lift(one)
        for one in waiting:
            if not anew:
                lift(one)
            plan(one, now)
    return starts
