"""What waits for the clock: earliest starts and deadlines of jobs, begins and ends of bookings."""

import heapq

from hutong.lifecycle.records import Job
from hutong.model.calendar import Booking
from hutong.model.ids import JobId, job_id
from hutong.model.states import TERMINAL_JOB_STATES


class Timers:
    """Due times, as heaps of (time, job number or booking). Entries of what is over are dropped
    when they come up."""

    def __init__(self) -> None:
        self._opening: list[tuple[int, int]] = []
        self._deadlines: list[tuple[int, int]] = []
        self._bookings: list[tuple[int, str]] = []

    def watch(self, job: Job) -> None:
        """Note the times of a job that was accepted."""
        if job.state in TERMINAL_JOB_STATES:
            return
        if job.spec.not_before_ms:
            heapq.heappush(self._opening, (job.spec.not_before_ms, job.number))
        if job.spec.deadline_ms:
            heapq.heappush(self._deadlines, (job.spec.deadline_ms, job.number))

    def watch_booking(self, booking: Booking) -> None:
        """Note when a booking begins and ends."""
        heapq.heappush(self._bookings, (booking.start_ms, booking.id))
        heapq.heappush(self._bookings, (booking.end_ms, booking.id))

    def bookings_due(self, now_ms: int) -> list[str]:
        """Names of bookings that begin or end, or would have before they were changed."""
        due: dict[str, None] = {}
        while self._bookings and self._bookings[0][0] <= now_ms:
            due[heapq.heappop(self._bookings)[1]] = None
        return list(due)

    def opened(self, now_ms: int) -> list[JobId]:
        """Jobs whose earliest start has come, each told once."""
        return _due(self._opening, now_ms)

    def past_deadline(self, now_ms: int) -> list[JobId]:
        """Jobs whose deadline has come, each told once."""
        return _due(self._deadlines, now_ms)

    def next_ms(self) -> int | None:
        """When the next one is due."""
        heads = [heap[0][0] for heap in (self._opening, self._deadlines) if heap]
        heads += [self._bookings[0][0]] if self._bookings else []
        return min(heads) if heads else None


def _due(heap: list[tuple[int, int]], now_ms: int) -> list[JobId]:
    due = []
    while heap and heap[0][0] <= now_ms:
        due.append(job_id(heapq.heappop(heap)[1]))
    return due
