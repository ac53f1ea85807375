"""Queues of processors: a log of jobs played on one machine, and what is made of its waits."""

from collections.abc import Callable

import msgspec
import numpy as np
from numpy.typing import NDArray

from hutong.model.ids import NodeId, PoolId, RegionId, SiteId
from hutong.model.resources import Amount
from hutong.model.supply import Inventory, Node, Pool, Site
from hutong.scheduler.profile import PROFILES, Profile
from hutong.sim.outcome import Outcome
from hutong.sim.replay import replay
from hutong.sim.setup import Mode, Setup
from hutong.sim.workload import TraceJob, Workload, WorkloadInfo
from hutong.sim.world import SimSite, World

HOUR_MS = 3_600_000
SHORTEST_MS = 10_000
"""Slowdown is bounded: a shorter run counts as so long."""

EASY = msgspec.structs.replace(PROFILES["easy"], reservations_count=1)
"""EASY as in the papers, which keeps room for the first of the queue alone."""


class Waits:
    """What became of a log's jobs."""

    def __init__(self, outcome: Outcome) -> None:
        numbers = outcome.numbers
        run_ms = numbers["end_ms"] - numbers["start_ms"]
        self.wait_ms = numbers["start_ms"] - numbers["submit_ms"]
        lived = (self.wait_ms + run_ms) / np.maximum(run_ms, SHORTEST_MS)
        self.slowdown = float(np.maximum(lived, 1).mean())
        self.mean_min = float(self.wait_ms.mean()) / 60_000
        self.p99_h = p99_h(self.wait_ms)
        self.most_h = float(self.wait_ms.max()) / HOUR_MS
        self.cpu_s = outcome.facts.cpu_ms / 1000
        label = outcome.labels["tenant"]
        self._tenants, self._words = label.codes, label.words

    def p99_by_tenant(self) -> dict[str, float]:
        """Each tenant's 99th percentile of waits, in hours."""
        found = {}
        for code in np.unique(self._tenants).tolist():
            found[self._words[code]] = p99_h(self.wait_ms[self._tenants == code])
        return found

    def jobs_by_tenant(self) -> dict[str, int]:
        """How many jobs each tenant handed in."""
        counts = np.bincount(self._tenants, minlength=len(self._words)).tolist()
        return dict(zip(self._words, counts, strict=True))


def p99_h(wait_ms: NDArray[np.int64]) -> float:
    """The 99th percentile of waits in hours."""
    return float(np.percentile(wait_ms, 99)) / HOUR_MS


def play(
    jobs: list[TraceJob], where: World, profile: Profile, mode: Mode, predictor: str = ""
) -> Waits:
    """Play a log on a machine, with a cycle at every instant at which something happens."""
    workload = Workload(WorkloadInfo("log"), jobs)
    setup = Setup(where, workload, profile, mode, predictor, sample_ms=HOUR_MS)
    return Waits(replay(setup))


def processors(nodes: int, each: int) -> World:
    """A machine of nodes with so many processors each."""
    site = SiteId("s0")
    pool = Pool(PoolId("s0/all"), site, Amount(each * 1000))
    members = tuple(Node(NodeId(f"s0/n{at}"), pool.id) for at in range(nodes))
    described = Site(site, "city", RegionId("beijing"), "CN")
    return World("one machine", (SimSite(described, Inventory((pool,), members)),))


def longer(jobs: list[TraceJob], by: Callable[[int], float]) -> list[TraceJob]:
    """The same jobs with other run times, from their place in the log."""
    return [
        msgspec.structs.replace(job, run_ms=max(int(job.run_ms * by(at)), 1))
        for at, job in enumerate(jobs)
    ]
