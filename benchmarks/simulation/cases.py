"""The cases: which workload is played in which world, and the bounds of the figures."""

import gc
import gzip
import heapq
import os
import resource
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from random import Random

import msgspec

from benchmarks.figure import Figure, Report
from benchmarks.simulation import peers
from hutong.model.ids import NodeId, PoolId, RegionId, SiteId
from hutong.model.resources import AcceleratorNeed, Amount
from hutong.model.supply import Inventory, Node, Pool, Site
from hutong.scheduler.profile import PROFILES
from hutong.sim.outcome import Outcome
from hutong.sim.replay import replay
from hutong.sim.setup import Mode, Setup
from hutong.sim.trace import TraceOptions, open_trace
from hutong.sim.workload import TraceJob, Workload, WorkloadInfo
from hutong.sim.world import SimSite, World

TRACES = Path(os.environ.get("TRACES", "../shared/traces"))
EASY = msgspec.structs.replace(PROFILES["easy"], reservations_count=1)


def gate(report: Report) -> None:
    """EASY and conservative on the first 5,000 jobs of SDSC-SP2, against what pyss makes of it.

    One node with all processors: pyss counts processors and knows no nodes.
    """
    jobs = peers.read(str(TRACES / "swf" / "SDSC-SP2-5K_sample.swf.gz"))
    where = _cpus(nodes=1, cpus=128)
    wait, slowdown = _means(jobs, where, "easy")
    report.add(Figure("SDSC-SP2, EASY: mean wait less 60.72", abs(wait - 60.72), "min", 0.005))
    name = "SDSC-SP2, EASY: bounded slowdown less 17.72"
    report.add(Figure(name, abs(slowdown - 17.72), "", 0.005))
    wait, slowdown = peers.means(jobs, peers.conservative(jobs, 128, anew=False))
    name = "pyss' conservative rules, written anew: wait less 64.14"
    report.add(Figure(name, abs(wait - 64.14), "min", 0.005))
    name = "the same: bounded slowdown less 17.29"
    report.add(Figure(name, abs(slowdown - 17.29), "", 0.005))
    theirs = peers.means(jobs, peers.conservative(jobs, 128, anew=True))
    ours = _means(jobs, where, "conservative")
    report.add(Figure("conservative: mean wait", ours[0], "min"))
    report.add(Figure("conservative: bounded slowdown", ours[1], ""))
    name = "conservative less those rules, reservations made anew"
    report.add(Figure(name, abs(ours[0] - theirs[0]), "min", 0.005))
    report.add(Figure("the same: bounded slowdown", abs(ours[1] - theirs[1]), "", 0.005))


def philly(report: Report) -> None:
    """82,247 jobs of Philly, first come first served, on 300 nodes of eight chips."""
    path = TRACES / "philly" / "philly_82247.csv.gz"
    jobs = list(open_trace(path).jobs)
    most = max(_chips(job) for job in jobs)
    where = _chips_world(nodes=max(300, -(-most // 8)))
    jobs = [_unbound(job) for job in jobs]
    outcome, seconds = _timed(_few(jobs, "philly"), where, "fifo", Mode.NONE)
    report.add(
        Figure("Philly, FIFO: jobs a CPU second", len(jobs) / seconds, "/s", 20_000, "at least")
    )
    _parts(report, outcome, seconds)
    report.add(Figure("the floor: parse, and push events through a heap", _floor(path, jobs), "/s"))


def ricc(report: Report) -> None:
    """The part of RICC that is given, EASY, on 1,024 nodes of eight processors."""
    path = TRACES / "swf" / "RICC-2010-2_head.swf.gz"
    jobs = list(open_trace(path, options=TraceOptions(sort=True)).jobs)
    where = _cpus(nodes=1_024, cpus=8)
    outcome, seconds = _timed(_few(jobs, "ricc"), where, "easy", Mode.ESTIMATE)
    report.add(Figure(f"RICC, EASY: {len(jobs):,} jobs", seconds, "CPU s", 60))
    _parts(report, outcome, seconds)
    report.add(Figure("the floor: parse, and push events through a heap", _floor(path, jobs), "/s"))


def million(report: Report) -> None:
    """1,000,000 jobs of some hundred shapes on 10,000 nodes of eight chips, fair.

    A cycle a minute, as on a busy hub: some fifty jobs come meanwhile, and as many end.
    """
    count = int(os.environ.get("JOBS", "1000000"))
    workload = Workload(WorkloadInfo("million"), _Drawn(count))
    where = _chips_world(nodes=10_000)
    outcome, seconds = _timed(workload, where, "fair", Mode.ESTIMATE, cycle_ms=60_000)
    name = f"{count:,} drawn jobs on 10,000 nodes"
    report.add(Figure(name, seconds, "CPU s", 120 * count / 1_000_000))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    report.add(Figure("memory of that process", peak, "GiB", 2))
    _parts(report, outcome, seconds)


CASES: dict[str, Callable[[Report], None]] = {
    "gate": gate,
    "philly": philly,
    "ricc": ricc,
    "million": million,
}


class _Drawn:
    """Jobs from one seed, made as they are read: 0.9 of 80,000 chips for as long as it takes."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __iter__(self) -> Iterator[TraceJob]:
        draw = Random("a million jobs")
        needs = {milli: (AcceleratorNeed("A100-80GB", milli),) for milli in (500, 1000, 4000, 8000)}
        at_ms = 0.0
        for number in range(self._count):
            tasks = draw.choice((1, 1, 1, 1, 2, 4, 8))
            milli = draw.choice((500, 1000, 1000, 4000, 8000)) if tasks == 1 else 8000
            minutes = draw.choice((5, 15, 30, 60, 60, 120, 480))
            run_ms = int(minutes * 60_000 * draw.uniform(0.4, 1))
            at_ms += draw.expovariate(1) * tasks * milli * run_ms / (0.9 * 80_000_000)
            yield TraceJob(
                f"d{number}", int(at_ms), run_ms, tasks=tasks, cpu_milli=milli * 12,
                memory_mib=milli * 64, accelerators=needs[milli], user=f"u{number % 500}",
                tenant=f"org{number % 10}/p{number % 40}", estimate_ms=minutes * 60_000,
            )  # fmt: skip


def _means(jobs: list[peers.Job], where: World, profile: str) -> tuple[float, float]:
    """The means that pyss would print of our schedule."""
    trace = [
        TraceJob(
            str(job.number), job.submit * 1000, job.run * 1000, tasks=job.processors,
            cpu_milli=1000, estimate_ms=job.told * 1000,
        )
        for job in jobs
    ]  # fmt: skip
    outcome, _ = _timed(_few(trace, "SDSC-SP2"), where, profile, Mode.ESTIMATE)
    return peers.means(jobs, (outcome.numbers["start_ms"] // 1000).tolist())


def _timed(
    workload: Workload, where: World, profile: str, mode: Mode, cycle_ms: int = 0
) -> tuple[Outcome, float]:
    """Play it; the CPU seconds of the process, reading included where it is a stream."""
    chosen = EASY if profile == "easy" else PROFILES[profile]
    setup = Setup(where, workload, chosen, mode, cycle_ms=cycle_ms)
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    begun = time.process_time()
    outcome = replay(setup)
    return outcome, time.process_time() - begun


def _parts(report: Report, outcome: Outcome, seconds: float) -> None:
    facts = outcome.facts
    deciding = facts.cpu_deciding_ms / 1000
    report.add(Figure("of which deciding", deciding, "CPU s"))
    report.add(Figure("all else, a job", (seconds - deciding) / facts.jobs * 1e6, "us"))
    report.add(Figure("a cycle (median)", facts.decide_us[0], "us"))
    report.add(Figure("cycles a job", facts.cycles / facts.jobs, ""))


def _floor(path: Path, jobs: list[TraceJob]) -> float:
    """Jobs a CPU second of splitting a file's lines and pushing two events a job through a heap."""
    begun = time.process_time()
    rows = 0
    with gzip.open(path, "rt") as lines:
        for line in lines:
            rows += len(line.replace(",", " ").split()) > 1
    heap: list[tuple[int, int]] = []
    for at, job in enumerate(jobs):
        while heap and heap[0][0] <= job.submit_ms:
            heapq.heappop(heap)
        heapq.heappush(heap, (job.submit_ms + job.run_ms, at))
    assert rows >= len(jobs)
    return len(jobs) / (time.process_time() - begun)


def _few(jobs: Iterable[TraceJob], name: str) -> Workload:
    return Workload(WorkloadInfo(name), list(jobs))


def _chips(job: TraceJob) -> int:
    need = job.accelerators[0].count_milli if job.accelerators else 0
    return -(-need * job.tasks // 1000)


_EIGHTS: dict[int, tuple[AcceleratorNeed, ...]] = {}


def _unbound(job: TraceJob) -> TraceJob:
    """A job that may go to all nodes, as tasks of up to eight chips."""
    chips = max(_chips(job), 1)
    each = min(chips, 8)
    needs = _EIGHTS.setdefault(each, (AcceleratorNeed("A100-80GB", each * 1000),))
    return msgspec.structs.replace(
        job, partition="", tenant="default", tasks=-(-chips // 8), accelerators=needs,
        cpu_milli=0, memory_mib=0,
    )  # fmt: skip


def _chips_world(*, nodes: int) -> World:
    return _world(nodes, Amount(128_000, 1_048_576, 8_000), "A100-80GB")


def _cpus(*, nodes: int, cpus: int) -> World:
    return _world(nodes, Amount(cpus * 1000), "")


def _world(nodes: int, each: Amount, chip: str) -> World:
    site = SiteId("s0")
    pool = Pool(PoolId("s0/all"), site, each, chip)
    members = tuple(Node(NodeId(f"s0/n{at}"), pool.id) for at in range(nodes))
    described = Site(site, "city", RegionId("beijing"), "CN")
    return World("one pool", (SimSite(described, Inventory((pool,), members)),))
