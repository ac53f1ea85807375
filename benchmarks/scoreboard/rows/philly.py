"""Mean completion of Philly's 82,247 jobs over its virtual clusters, pooled, where each is
guaranteed the nodes it has. The load is low, so the same trace on a fifth of each virtual cluster's
nodes stands beside it. Against the least remaining time of the same run, told the truth, and
against each virtual cluster alone on its own nodes.
"""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from benchmarks.scoreboard.figure import Figure
from benchmarks.scoreboard.traces import needed
from benchmarks.scoreboard.training import keeping, play
from hutong.scheduler.worth import take_up
from hutong.sim.outcome import Outcome
from hutong.sim.setup import Mode
from hutong.sim.trace import open_trace, philly
from hutong.sim.trace.worlds import philly_world
from hutong.sim.workload import Workload

MOST_OF_SRTF = 1.25
NO_WORSE = 1.001
"""So much longer than alone counts as no worse: completion is in whole ms of rounds of minutes."""
FEW_JOBS = 8_000


def figures(traces: Path) -> Iterator[Figure]:
    """Measure it."""
    take_up()
    workload = open_trace(needed(traces / "philly" / "philly_82247.csv.gz"))
    clusters = philly.read_vcs(needed(traces / "philly" / "philly_vc.csv"))
    yield from _of("all nodes", workload, clusters)
    few = Workload(workload.info, list(islice(workload.jobs, FEW_JOBS)))
    fifth = {name: max(count // 5, 1) for name, count in clusters.items()}
    yield from _of(f"the first {FEW_JOBS:,} jobs, a fifth of the nodes", few, fifth)


def _of(case: str, workload: Workload, clusters: dict[str, int]) -> Iterator[Figure]:
    pooled = keeping(philly_world(clusters, pooled=True))
    apart = keeping(philly_world(clusters))
    best = play(pooled, workload, "srpt", Mode.ORACLE)
    yield Figure(f"{case}: mean completion, srpt", best.mean_s, "s", told="oracle")
    for profile in ("gittins", "las"):
        run = play(pooled, workload, profile, Mode.NONE)
        alone = play(apart, workload, profile, Mode.NONE)
        yield Figure(
            f"{case}: mean completion, {profile}", run.mean_s, "s", best.mean_s * MOST_OF_SRTF,
            "at most", {"SRTF": best.mean_s}, "estimate",
        )  # fmt: skip
        yield Figure(
            f"{case}: the worst virtual cluster over alone, {profile}",
            _worst(run.outcome, alone.outcome), "times", NO_WORSE, "at most", told="estimate",
        )  # fmt: skip


def _worst(run: Outcome, alone: Outcome) -> float:
    """The highest mean completion of a tenant over that of the same jobs alone."""
    return max(here / there for here, there in zip(_means(run), _means(alone), strict=True))


def _means(outcome: Outcome) -> list[float]:
    label = outcome.labels["tenant"]
    lived = outcome.numbers["end_ms"] - outcome.numbers["submit_ms"]
    order = sorted(range(len(label.words)), key=lambda at: label.words[at])
    return [float(np.mean(lived[label.codes == at])) for at in order]
