"""The rules of the books on the first 5,000 jobs of SDSC-SP2, 128 processors: mean wait and bounded
slowdown (10 s) of EASY and of conservative backfill. Theirs: pyss. What it counts differs from what
is usual in four ways, each of which is taken back by itself below. Its conservative backfill lifts
and plans each reservation again by itself whenever a job ends; ours makes all of them anew in the
order of arrival. Its rule, written anew, stands beside both.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from benchmarks.scoreboard.figure import Figure
from benchmarks.scoreboard.queues import EASY, play, processors
from benchmarks.scoreboard.traces import needed
from benchmarks.simulation import peers
from hutong.scheduler.profile import PROFILES, Profile
from hutong.scheduler.worth import take_up
from hutong.sim.setup import Mode
from hutong.sim.trace import TraceOptions, open_trace
from hutong.sim.workload import TraceJob

PROCESSORS = 128
ROUNDING = 0.005
WAIT_MIN = 60.72
SLOWDOWN = 17.72
CONSERVATIVE_WAIT_MIN = 64.14
CONSERVATIVE_SLOWDOWN = 17.29


def figures(traces: Path) -> Iterator[Figure]:
    """Measure it."""
    take_up()
    path = needed(traces / "swf" / "SDSC-SP2-5K_sample.swf.gz")
    jobs = peers.read(str(path))
    starts = _starts(jobs, EASY)
    wait, slowdown = peers.means(jobs, starts)
    yield from _near("EASY: mean wait", wait, "min", WAIT_MIN)
    yield from _near("EASY: bounded slowdown", slowdown, "", SLOWDOWN)
    yield from _one_by_one(path, jobs, starts)
    told = peers.means(jobs, peers.conservative(jobs, PROCESSORS, anew=False))
    name = "conservative by pyss' rule, written anew"
    yield from _near(f"{name}: mean wait", told[0], "min", CONSERVATIVE_WAIT_MIN)
    yield from _near(f"{name}: bounded slowdown", told[1], "", CONSERVATIVE_SLOWDOWN)
    rule = peers.means(jobs, peers.conservative(jobs, PROCESSORS, anew=True))
    ours = peers.means(jobs, _starts(jobs, PROFILES["conservative"]))
    name = "the same, reservations made anew in the order of arrival"
    yield from _near("conservative: mean wait", ours[0], "min", rule[0], name)
    yield from _near("conservative: bounded slowdown", ours[1], "", rule[1], name)


def _one_by_one(path: Path, jobs: list[peers.Job], starts: Sequence[int]) -> Iterator[Figure]:
    """EASY's mean wait as it would be without each of the rules by which pyss counts."""
    pyss = {"with all four": WAIT_MIN}
    every = sum(start - job.submit for job, start in zip(jobs, starts, strict=True))
    name = "EASY: mean wait, the first hundredth and what ends after the last arrival counted too"
    yield Figure(name, every / len(jobs) / 60, "min", theirs=pyss)
    where = processors(1, PROCESSORS)
    for name, options in (
        ("jobs that never ran left out", TraceOptions(sort=True, cut_at_estimate=True)),
        ("runs not cut at what was asked", TraceOptions(sort=True, never_ran_ms=1000)),
    ):
        log = [_told(job) for job in open_trace(path, options=options).jobs]
        waits = play(log, where, EASY, Mode.ESTIMATE)
        yield Figure(f"EASY: mean wait of all, {name}", waits.mean_min, "min", theirs=pyss)
    options = TraceOptions(sort=True, never_ran_ms=1000, cut_at_estimate=True)
    waits = play(list(open_trace(path, options=options).jobs), where, EASY, Mode.ESTIMATE)
    name = "EASY: mean wait of all, estimates as they stand in the log"
    yield Figure(name, waits.mean_min, "min", theirs=pyss)


def _told(job: TraceJob) -> TraceJob:
    """A job of which the larger of what was asked and what it ran is believed."""
    told_ms = max(job.estimate_ms or 0, job.run_ms)
    return msgspec.structs.replace(job, estimate_ms=told_ms)


def _starts(jobs: list[peers.Job], profile: Profile) -> list[int]:
    """When each job starts, in seconds."""
    log = [
        TraceJob(
            str(job.number), job.submit * 1000, job.run * 1000, tasks=job.processors,
            cpu_milli=1000, estimate_ms=job.told * 1000,
        )
        for job in jobs
    ]  # fmt: skip
    waits = play(log, processors(1, PROCESSORS), profile, Mode.ESTIMATE)
    return [
        job.submit + wait // 1000 for job, wait in zip(jobs, waits.wait_ms.tolist(), strict=True)
    ]


def _near(name: str, value: float, unit: str, theirs: float, who: str = "pyss") -> Iterator[Figure]:
    """A figure, and how far it is from theirs, which may be rounding."""
    yield Figure(name, value, unit, theirs={who: theirs})
    yield Figure(f"{name}, off by", abs(value - theirs), unit, ROUNDING, "at most")
