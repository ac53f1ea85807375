"""A small queueing world with known arrivals and runs: how far told starts are from true ones.

Jobs arrive at random (Poisson) and run as long as drawn; what they say of it is that, or wrong by
some factor, or nothing. Each is told an expected start when it has to wait; when it starts, the two
waits are compared.
"""

import heapq
import random
from typing import NamedTuple

from hutong.model.ids import JobId
from tests.unit.scheduler.worlds import HOUR_MS, MINUTE_MS, World, chips

WAIT_LEAST_MS = MINUTE_MS
"""Waits below this are not compared: their ratio says nothing."""


class Told(NamedTuple):
    """One job that had to wait: what it was told when it came, and what became of it."""

    expected_ms: int
    waited_ms: int
    basis: str

    @property
    def ratio(self) -> float:
        """The wait that was told over the true one."""
        return self.expected_ms / max(self.waited_ms, 1)


class Queueing:
    """The world and what is known of its jobs."""

    def __init__(self, profile: str, *, seed: int, wrong_by: float | None) -> None:
        self.world = World(profile).pool("bj/gpu", nodes=16, chips=8)
        self.rng = random.Random(seed)
        self.wrong_by = wrong_by
        self.told: list[Told] = []
        self.starts: dict[JobId, list[int]] = {}
        self._true_ms: dict[JobId, int] = {}
        self._came: dict[JobId, tuple[int, int, str]] = {}
        self._ends: list[tuple[int, str]] = []

    def play(self, jobs_count: int, *, load: float = 0.95) -> "Queueing":
        """Let jobs come and go."""
        mean_run_ms, mean_chips = HOUR_MS, 4.6
        gap_ms = mean_run_ms * mean_chips / (16 * 8 * load)
        world, next_ms, left = self.world, world_now(self.world), jobs_count
        while left or self._ends or world.state.queued_count():
            end_ms = self._ends[0][0] if self._ends else next_ms
            if left and next_ms <= end_ms:
                world.now_ms = next_ms
                self._arrive()
                left -= 1
                next_ms += max(round(self.rng.expovariate(1 / gap_ms)), 1)
            else:
                world.now_ms = end_ms
                while self._ends and self._ends[0][0] <= end_ms:
                    attempt = heapq.heappop(self._ends)[1]
                    world.end(next(a for a in world.live if a == attempt))
            self._cycle()
        return self

    def _arrive(self) -> None:
        rng = self.rng
        true_ms = max(round(rng.expovariate(1 / HOUR_MS)), MINUTE_MS)
        size, tasks = rng.choice([(1, 1), (2, 1), (4, 1), (8, 1), (8, 1), (8, 2)][:6])
        told_ms: int | None = true_ms
        if self.wrong_by is None:
            told_ms = None
        elif self.wrong_by > 1:
            told_ms = max(round(true_ms * self.wrong_by ** rng.uniform(-1, 1)), 1)
        tenant = rng.choice(["a", "b", "c"])
        job = self.world.job(chips(size), tasks=tasks, estimate_ms=told_ms, tenant=tenant)
        self._true_ms[job] = true_ms

    def _cycle(self) -> None:
        world = self.world
        waiting = list(world.state.snapshot(world.now_ms).demand.entries)
        plan = world.cycle()
        before = dict.fromkeys(world.live)
        world.apply(plan)
        for attempt, running in world.live.items():
            if attempt in before:
                continue
            heapq.heappush(self._ends, (world.now_ms + self._true_ms[running.job], attempt))
            came = self._came.pop(running.job, None)
            if came is not None and world.now_ms - came[0] >= WAIT_LEAST_MS:
                told = Told(came[1] - came[0], world.now_ms - came[0], came[2])
                self.told.append(told)
        for job in waiting:
            if job in world.state.snapshot(world.now_ms).demand.entries:
                why = world.why(job)
                self.starts.setdefault(job, []).append(why.start_ms)
                assert why.start_ms >= world.now_ms, (job, why)
                if job not in self._came:
                    self._came[job] = (world.now_ms, why.start_ms, why.basis)


def world_now(world: World) -> int:
    """The world's time."""
    return world.now_ms


def median_ratio(told: list[Told]) -> float:
    """The median of told over true waits."""
    ratios = sorted(item.ratio for item in told)
    return ratios[len(ratios) // 2] if ratios else 1.0


def within(told: list[Told], factor: float) -> float:
    """The part of told waits that were right within a factor."""
    right = sum(1 / factor <= item.ratio <= factor for item in told)
    return right / max(len(told), 1)
