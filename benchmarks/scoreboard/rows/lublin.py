"""Bounded slowdown (10 s) of 10,000 jobs by the model of Lublin and Feitelson on 256 processors,
their run times known, from `lublin_256`. The order `quick` is held against EASY with the shortest
job first in backfill, and may make the longest waits no longer than EASY of the same run. More
comes than the machine can do, so that all orders leave the same backlog at the end. Theirs: pyss.
"""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.scoreboard.figure import Figure
from benchmarks.scoreboard.queues import EASY, play, processors
from benchmarks.scoreboard.traces import needed
from hutong.scheduler.profile import PROFILES
from hutong.scheduler.worth import take_up
from hutong.sim.setup import Mode
from hutong.sim.trace import open_trace

PYSS = {"pyss EASY": 602.0, "pyss EASY-SJBF": 223.0}


def figures(traces: Path) -> Iterator[Figure]:
    """Measure it."""
    take_up()
    jobs = list(open_trace(needed(traces / "swf" / "lublin_256.swf.gz")).jobs)
    where = processors(1, 256)
    easy = play(jobs, where, EASY, Mode.ORACLE)
    yield Figure("EASY: bounded slowdown", easy.slowdown, "", theirs=PYSS, told="oracle")
    yield Figure("EASY: p99 of waits", easy.p99_h, "h", told="oracle")
    quick = play(jobs, where, PROFILES["quick"], Mode.ORACLE)
    yield Figure("quick: bounded slowdown", quick.slowdown, "", 223, "at most", PYSS, "oracle")
    yield Figure(
        "quick: p99 of waits", quick.p99_h, "h", easy.p99_h, "at most",
        {"EASY": easy.p99_h}, "oracle",
    )  # fmt: skip
    yield Figure(
        "quick: longest wait", quick.most_h, "h", theirs={"EASY": easy.most_h}, told="oracle"
    )
    yield Figure(
        "quick: mean wait", quick.mean_min, "min", theirs={"EASY": easy.mean_min}, told="oracle"
    )
    for name, waits in (("EASY", easy), ("quick", quick)):
        yield Figure(f"{name}: CPU seconds", waits.cpu_s, "s", told="oracle")
