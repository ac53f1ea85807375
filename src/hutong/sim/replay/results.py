"""Results: rows of jobs, samples and cycles of a run, and the outcome that they make."""

from collections.abc import Iterable

from hutong.scheduler.supply import Supply
from hutong.sim.outcome import Ending, Facts, OfferUse, Outcome
from hutong.sim.replay.gauges import Gauges
from hutong.sim.replay.record import Cycles, Rows, Samples, belief
from hutong.sim.replay.running import Phase, SimJob
from hutong.sim.setup import Mode, Setup
from hutong.sim.workload import TraceEnd

ENDINGS = {
    TraceEnd.SUCCEEDED: Ending.SUCCEEDED,
    TraceEnd.FAILED: Ending.FAILED,
    TraceEnd.CANCELLED: Ending.CANCELLED,
}
"""What becomes of a job that ran to its end."""

_SOURCES = {Mode.ORACLE: "truth", Mode.ESTIMATE: "user", Mode.NONE: "nobody"}


class Results:
    """What is written down while a run goes on. Times that come in are Unix ms."""

    def __init__(self, setup: Setup, supply: Supply, begin_ms: int) -> None:
        self.setup = setup
        self.rows = Rows()
        self.cycles = Cycles()
        self.gauges = Gauges(supply, Samples(setup.sample_ms))
        self.over = 0
        self.cpu_ns = 0
        self._begin_ms = begin_ms

    def write(self, job: SimJob, ending: Ending, now_ms: int) -> None:
        """Fill in a job's row."""
        trace, told, begin_ms = job.trace, job.told, self._begin_ms
        up, down = told.best
        believed_ms = job.believed_ms
        words = self.rows.words
        tenant, priority, kind, partition = told.codes or self._code(job)
        self.rows.write(
            job.number,
            (
                job.submit_ms - begin_ms, job.first_ms - begin_ms if job.first_ms >= 0 else -1,
                now_ms - begin_ms if ending < Ending.WAITING else -1, trace.run_ms,
                -(-trace.run_ms * up // down), -1 if believed_ms is None else believed_ms,
                job.held_ms, trace.tasks, told.cpu_milli, told.memory_mib,
                job.milli * job.tasks or told.chips_milli, job.attempts, job.preemptions,
                job.lost_milli_ms, job.cost_microcny, job.energy_mwh, job.carbon_mg,
                trace.deadline_ms, ending,
            ),
            (
                tenant, words["user"].code(trace.user), priority, kind, partition,
                words["site"].code(job.site), words["pool"].code(job.pool),
                words["accelerator"].code(job.accelerator),
            ),
        )  # fmt: skip

    def _code(self, job: SimJob) -> tuple[int, int, int, int]:
        """The codes of what all jobs of one description have alike."""
        words, trace = self.rows.words, job.trace
        codes = job.told.codes = (
            words["tenant"].code(trace.tenant), words["priority"].code(trace.priority),
            words["kind"].code(trace.kind), words["partition"].code(trace.partition),
        )  # fmt: skip
        return codes

    def outcome(
        self, left: Iterable[SimJob], offers: tuple[OfferUse, ...], now_ms: int, *, finished: bool
    ) -> Outcome:
        """What came of it so far, with the jobs that are `left`."""
        for job in left:
            waits = job.phase is Phase.WAITING
            self.write(job, Ending.WAITING if waits else Ending.RUNNING, now_ms)
        setup, cycles, numbers = self.setup, self.cycles, self.rows.numbers()
        facts = Facts(
            scenario=setup.name or setup.world.name,
            workload=setup.workload.info.name,
            profile=setup.profile.name,
            mode=setup.mode.value,
            seed=setup.seed,
            begin_unix_ms=setup.workload.info.begin_unix_ms,
            jobs=len(self.rows.names),
            cycles=cycles.count,
            placements=cycles.placements,
            cpu_ms=self.cpu_ns // 1_000_000,
            cpu_deciding_ms=cycles.total_ms(),
            decide_us=cycles.percentiles_us(),
            simulated_ms=now_ms - self._begin_ms,
            finished=finished,
            belief=belief(setup.predictor or _SOURCES[setup.mode], numbers),
        )
        samples = self.gauges.samples.columns(self.gauges.values(now_ms - self._begin_ms))
        return Outcome(facts, tuple(self.rows.names), numbers, self.rows.labels(), samples, offers)
