"""The rows of the read tables that events changed since somebody last took them."""

from hutong.lifecycle.records import Attempt, Job
from hutong.lifecycle.rows import AttemptRow, ElementRow, JobRow
from hutong.model.ids import AttemptId, JobId


class Changes:
    """Changed objects by id; rows are made once, when they are taken.

    An object that leaves the machine in between is still referred to here.
    """

    def __init__(self) -> None:
        self._jobs: dict[JobId, Job] = {}
        self._attempts: dict[AttemptId, Attempt] = {}
        self.elements: list[ElementRow] = []

    def job(self, job: Job) -> None:
        """A job's row changed."""
        self._jobs[job.id] = job

    def attempt(self, attempt: Attempt) -> None:
        """An attempt's row changed."""
        self._attempts[attempt.id] = attempt

    def take(
        self,
    ) -> tuple[dict[JobId, JobRow], dict[AttemptId, AttemptRow], list[ElementRow]]:
        """The changed rows as they are now; the next call starts from nothing."""
        jobs = {job_id: job.row() for job_id, job in self._jobs.items()}
        attempts = {attempt_id: held.row() for attempt_id, held in self._attempts.items()}
        elements = self.elements
        self._jobs, self._attempts, self.elements = {}, {}, []
        return jobs, attempts, elements

    def clear(self) -> None:
        """Forget the changes: a replay wrote these rows long ago."""
        self._jobs, self._attempts, self.elements = {}, {}, []
