"""What a kernel decides by itself is what the cycle decides job by job, plain and compiled."""

from collections.abc import Iterator
from random import Random
from typing import Any

import msgspec
import pytest

from hutong.model.job import ArraySpec
from hutong.scheduler import kernels
from hutong.scheduler.cycle import Cycle
from hutong.scheduler.flow import Flow
from hutong.scheduler.plan import Plan
from hutong.scheduler.profile import PROFILES, Profile
from tests.unit.scheduler.worlds import A100, ASCEND, H100, MINUTE_MS, World, chips

MODELS = (A100, H100, ASCEND)
TENANTS = ("a", "a/x", "a/y", "b", "c/z")


@pytest.fixture(autouse=True)
def plain_afterwards() -> Iterator[None]:
    yield
    kernels.unload()


def world_of(seed: int) -> tuple[World, Random]:
    """Up to five pools, some with racks, and tenants of different weights."""
    rng = Random(seed)
    profile: Profile = PROFILES[rng.choice(["fair", "fair", "easy", "fifo", "sjf"])]
    if rng.random() < 0.3:
        profile = msgspec.structs.replace(profile, placements_count=rng.randint(1, 300))
    world = World(profile)
    for at in range(rng.randint(1, 5)):
        nodes, width = rng.choice([1, 7, 40, 90]), rng.choice([0, 4, 16])
        world.pool(
            f"s{at}/p", nodes=nodes, cpu=rng.choice([8, 64]), mem_gib=64,
            chips=rng.choice([0, 4, 8, 8]), model=rng.choice(MODELS),
            racks=[f"r{node // width}" for node in range(nodes)] if width else None,
        )  # fmt: skip
    for tenant in TENANTS:
        world.tenant(tenant, weight=rng.randint(1, 3))
    return world, rng


def hand_in(world: World, rng: Random) -> None:
    """Some dozens of jobs, arrays, gangs and fractions among them."""
    for _ in range(rng.randint(1, 120)):
        wanted = [
            chips(rng.choice([0.25, 0.5, 1, 1, 2, 4]), rng.choice((*MODELS, "any")))
            for _ in range(rng.choice([0, 1, 1, 1, 2]))
        ]
        world.job(
            *wanted, cpu=rng.choice([0, 0.5, 2]), mem_gib=rng.choice([0, 1, 4]),
            tasks=rng.choice([1, 1, 1, 2, 3, 6, 20]), tenant=rng.choice(TENANTS),
            priority=rng.choice(["normal", "normal", "high", "low"]),
            exclusive=rng.random() < 0.05,
            estimate_ms=rng.choice([None, MINUTE_MS, 20 * MINUTE_MS]),
            array=ArraySpec(rng.choice([3, 40])) if rng.random() < 0.1 else None,
        )  # fmt: skip


def decide(world: World, *, asks_always: bool = False) -> Plan:
    """One cycle's plan; nothing is applied."""
    cycle = Cycle(world.state.snapshot(world.now_ms), world.profile)
    if asks_always:
        cycle._flow = Flow(cycle, cycle._shapes, cycle._passed, asks_always=True)
    cycle.run()
    return cycle.plan()


def history(seed: int) -> list[Any]:
    """The plans of a random history."""
    world, rng = world_of(seed)
    plans = []
    for _ in range(4):
        hand_in(world, rng)
        plans.append(msgspec.json.encode(world.step()))
        for attempt in rng.sample(list(world.live), rng.randint(0, len(world.live))):
            world.end(attempt)
        world.now_ms += MINUTE_MS
    return plans


@pytest.mark.parametrize("seed", range(12))
def test_a_flow_decides_what_is_decided_job_by_job(seed: int) -> None:
    world, rng = world_of(seed)
    for _ in range(4):
        hand_in(world, rng)
        plan = decide(world)
        assert msgspec.json.encode(plan) == msgspec.json.encode(decide(world, asks_always=True))
        world.step()
        for attempt in rng.sample(list(world.live), rng.randint(0, len(world.live))):
            world.end(attempt)
        world.now_ms += MINUTE_MS


def test_a_compiled_flow_decides_what_a_plain_one_does() -> None:
    plain = [history(seed) for seed in range(12)]
    kernels.load()
    for seed in range(12):
        assert history(seed) == plain[seed], seed


def test_most_placements_are_made_without_asking() -> None:
    world = World("easy")
    for at in range(2):
        world.pool(f"s{at}/p", nodes=100, chips=8)
    for _ in range(300):
        world.job(chips(1))
    asked = []
    cycle = Cycle(world.state.snapshot(world.now_ms), world.profile)
    place = Cycle._place

    class Asked(Cycle):
        def _place(self, *words: Any) -> bool:
            asked.append(words)
            return place(self, *words)

    cycle.__class__ = Asked
    cycle.run()
    assert len(cycle.plan().placements) == 300
    assert not asked
