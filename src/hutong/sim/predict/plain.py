"""Predictors that need little or no memory: what was said, and the last two runs."""

from hutong.sim.predict.contract import step_beyond, within_limit
from hutong.sim.predict.runs import RunTimes
from hutong.sim.workload import TraceJob


class Said:
    """What the user said."""

    def predict(self, job: TraceJob) -> int | None:
        """The estimate; None where there is none."""
        return job.estimate_ms or None

    def correct(self, job: TraceJob, ran_ms: int) -> int:
        """One step more."""
        return step_beyond(job, ran_ms)

    def learn(self, job: TraceJob, run_ms: int) -> None:
        """Nothing is learnt."""

    def distribution(self, job: TraceJob) -> RunTimes | None:
        """Nothing is kept."""
        return None


class Limits(Said):
    """The time limit, as if every job ran until it is ended."""

    def predict(self, job: TraceJob) -> int | None:
        """The limit; None where there is none."""
        return job.limit_ms or None


class LastTwo(Said):
    """The mean of the last two run times of the same user, and no more than the user said.

    Until two are known it is the user's estimate, or where there is none the one known. Tsafrir,
    Etsion and Feitelson, "Backfilling Using System-Generated Predictions Rather than User Runtime
    Estimates", TPDS 18(6), 2007. Jobs without a user are taken together by tenant and partition.
    """

    def __init__(self) -> None:
        self._last: dict[tuple[str, str, str], tuple[int, int]] = {}

    def predict(self, job: TraceJob) -> int | None:
        """The mean of two, bounded by estimate and limit."""
        last_ms, before_ms = self._last.get(_owner(job), (0, 0))
        said_ms = job.estimate_ms
        if not before_ms and said_ms:
            return said_ms
        mean_ms = (last_ms + before_ms) // 2 if before_ms else last_ms
        if not mean_ms:
            return None
        return within_limit(job, min(mean_ms, said_ms) if said_ms else mean_ms)

    def learn(self, job: TraceJob, run_ms: int) -> None:
        """Shift the user's two."""
        owner = _owner(job)
        self._last[owner] = (max(run_ms, 1), self._last.get(owner, (0, 0))[0])


def _owner(job: TraceJob) -> tuple[str, str, str]:
    return (job.user, "", "") if job.user else ("", job.tenant, job.partition)
