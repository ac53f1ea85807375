"""Bounded slowdown (10 s) of the given part of RICC on 1,024 nodes of eight processors, by users'
own estimates, against EASY of the same run. `quick` places jobs by what a predictor learnt of jobs
that ended; reservations go by the estimates. A group of users counts as worse where its 99th
percentile of waits is longer; how many are so by chance is shown by EASY with run times that are
longer by up to a thousandth, drawn from a seed.
"""

from collections.abc import Iterator
from pathlib import Path
from random import Random

from benchmarks.scoreboard.figure import Figure
from benchmarks.scoreboard.queues import EASY, Waits, longer, play, processors
from benchmarks.scoreboard.traces import needed
from hutong.scheduler.profile import PROFILES
from hutong.scheduler.worth import take_up
from hutong.sim.setup import Mode
from hutong.sim.trace import TraceOptions, open_trace

MOST_CPU_S = 60
SECOND_H = 1 / 3600
FEW_JOBS = 100
"""A group of fewer jobs has no 99th percentile to speak of."""

CLEARLY = 1.05
AND_H = 1 / 6


def figures(traces: Path) -> Iterator[Figure]:
    """Measure it."""
    take_up()
    path = needed(traces / "swf" / "RICC-2010-2_head.swf.gz")
    jobs = list(open_trace(path, options=TraceOptions(sort=True)).jobs)
    where = processors(1_024, 8)
    easy = play(jobs, where, EASY, Mode.ESTIMATE)
    yield Figure("EASY: bounded slowdown", easy.slowdown, "", told="estimate")
    yield Figure("EASY: p99 of waits", easy.p99_h, "h", told="estimate")
    yield Figure("EASY: CPU seconds", easy.cpu_s, "s", MOST_CPU_S, "at most", told="estimate")
    quick = play(jobs, where, PROFILES["quick"], Mode.ESTIMATE, "history")
    yield Figure(
        "quick: bounded slowdown", quick.slowdown, "", easy.slowdown / 2, "at most",
        {"EASY": easy.slowdown}, "estimate",
    )  # fmt: skip
    yield Figure(
        "quick: p99 of waits", quick.p99_h, "h", easy.p99_h, "at most", {"EASY": easy.p99_h},
        "estimate",
    )  # fmt: skip
    yield Figure("quick: CPU seconds", quick.cpu_s, "s", told="estimate")
    draw = Random("RICC's run times")
    shaken = longer(jobs, lambda _: 1 + draw.random() / 1_000)
    again = play(shaken, where, EASY, Mode.ESTIMATE)
    name = "groups with a longer p99"
    yield Figure(
        f"quick: {name}", _worse(quick, easy), "groups", 0, "at most",
        {"EASY, runs a thousandth longer": _worse(again, easy)}, "estimate",
    )  # fmt: skip
    yield Figure(
        f"quick: {name} by over 5 % and 10 min, of {FEW_JOBS} jobs or more",
        _clearly_worse(quick, easy), "groups",
        theirs={"EASY, runs a thousandth longer": _clearly_worse(again, easy)}, told="estimate",
    )  # fmt: skip


def _worse(waits: Waits, base: Waits) -> int:
    before = base.p99_by_tenant()
    return sum(p99 > before[name] + SECOND_H for name, p99 in waits.p99_by_tenant().items())


def _clearly_worse(waits: Waits, base: Waits) -> int:
    before, jobs = base.p99_by_tenant(), base.jobs_by_tenant()
    return sum(
        jobs[name] >= FEW_JOBS and p99 > before[name] * CLEARLY + AND_H
        for name, p99 in waits.p99_by_tenant().items()
    )
