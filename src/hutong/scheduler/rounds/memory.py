"""What the state keeps for rounds: who competes, what jobs had, how long jobs of each kind run."""

from hutong.model.ids import AttemptId, JobId
from hutong.scheduler.records import QueuedJob
from hutong.scheduler.rounds.contest import Contest, is_governed
from hutong.scheduler.rounds.learn import Like, Services
from hutong.scheduler.supply import Running


class RoundMemory:
    """See the module. `served_ms` and `done_ms` are of waiting jobs that have had some.

    `begun` are attempts that no round has seen. `fresh` are those of whom is not known yet whether
    a faster chip would take them, as of the supply at `seen`; `upward` those whom one would.
    """

    def __init__(self) -> None:
        self.begun: dict[AttemptId, Running] = {}
        self.contests: dict[AttemptId, Contest] = {}
        self.fresh: dict[AttemptId, Contest] = {}
        self.upward: dict[AttemptId, Contest] = {}
        self.seen = (-1, -1)
        self.served_ms: dict[JobId, int] = {}
        self.services = Services()

    @property
    def is_restless(self) -> bool:
        """Whether a faster chip would take somebody, or nobody knows."""
        return bool(self.begun or self.upward)

    def start(self, running: Running) -> None:
        """An attempt begins; it competes where its job is described."""
        attempt = running.attempt
        if attempt.contends is not None and not attempt.groups and attempt.parts == 1:
            self.begun[attempt.attempt] = running

    def admit(self, default_run_ms: int) -> None:
        """Have those who began since the last round compete.

        Who says nothing of his run time is thought to run so long.
        """
        for name, running in self.begun.items():
            contest = Contest(running, default_run_ms)
            if is_governed(contest.shape):
                self.contests[name] = self.fresh[name] = contest
        self.begun.clear()

    def release(self, attempt: AttemptId) -> None:
        """An attempt is gone."""
        if self.begun.pop(attempt, None) is None and self.contests.pop(attempt, None) is not None:
            self.fresh.pop(attempt, None)
            self.upward.pop(attempt, None)

    def enqueue(self, job: QueuedJob) -> None:
        """A job waits, or waits again."""
        if job.served_ms > 0:
            self.served_ms[job.job] = job.served_ms
        else:
            self.served_ms.pop(job.job, None)

    def dequeue(self, job: JobId) -> None:
        """A job waits no more."""
        self.served_ms.pop(job, None)

    def note_end(self, like: Like, service_ms: int) -> None:
        """A job ended by itself after so much work, in ms at speed 1000."""
        self.services.note_end(like, max(service_ms, 0))
