"""Promises over time: nobody starves, nobody loses a place by waiting, nothing rests on memory."""

import random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hutong.model.ids import AttemptId
from hutong.scheduler.cycle import run_cycle
from hutong.scheduler.plan import Plan
from hutong.scheduler.profile import PROFILES
from hutong.scheduler.state import SchedulerState
from tests.reference.scheduler import decide
from tests.reference.told import Reference
from tests.reference.worlds import (
    CATALOG,
    Data,
    TwoWorlds,
    draw,
    play,
    put_pool,
    requeue,
    shown,
    submit,
)
from tests.unit.scheduler.worlds import HOUR_MS, MINUTE_MS, ArraySpec, World, chips

WORLDS = 100
BARE = {"cpu": 0, "mem_gib": 0}


class Untested(TwoWorlds):
    """A world that both hear of, where nothing is compared."""

    def cycle(self) -> Plan:
        return run_cycle(self.both.fast.snapshot(self.now_ms), self.profile)


def bounded(seed: int) -> tuple[Data, Untested]:
    """A random world to which nothing happens any more but that what runs ends when expected."""
    world = draw(random.Random(2_000_000 + seed))
    jobs = [dict(step["submit"]) for step in world["steps"] if "submit" in step]
    for job in jobs:
        job.pop("deadline_in_ms", None)
    world["steps"] = [{"submit": job} for job in jobs]
    return world, play(world, Untested)


def run_down(world: Untested) -> tuple[int, int, int]:
    """Run cycles until nothing runs or starts: cycles, attempts, time for which attempts ran."""
    cycles, attempts, ran_ms = 0, 0, 0
    while True:
        plan = world.step()
        cycles += 1
        attempts += len(plan.placements)
        for preemption in plan.preemptions:
            victim = world.live[AttemptId(preemption.victim)]
            ran_ms += world.now_ms - victim.started_ms
            requeue(world, victim.attempt)
        if plan.preemptions:
            continue
        if not world.live:
            assert not plan.placements
            return cycles, attempts, ran_ms
        next_ms = min(attempt.expected_end_ms for attempt in world.live.values())
        before = dict(world.live)
        world.pass_time(next_ms - world.now_ms)
        ran_ms += sum(
            a.expected_end_ms - a.started_ms for n, a in before.items() if n not in world.live
        )
        assert len(world.live) < len(before)
        assert cycles <= 10_000


def could_ever_start(world: Untested, job: str) -> bool:
    """Whether a job would start if it were alone with all the supply, by the reference."""
    told = world.both.slow
    alone = Reference(CATALOG)
    for site in told.sites.values():
        alone.put_site(site)
        alone.put_inventory(site.id, told.inventories[site.id])
    for tenant in told.tenants.values():
        alone.put_tenant(tenant)
    alone.enqueue(told.waiting[job].queued, 1)  # type: ignore[index]
    return bool(decide(alone, world.now_ms, world.profile).placements)


def test_everything_that_fits_somewhere_starts_and_the_supply_never_stands_idle_meanwhile() -> None:
    """Bounds: each cycle starts or ends something, and at any time something runs until all is
    done, so that the last end comes no later than if everything ran one after the other.
    """
    finished = 0
    for seed in range(WORLDS):
        data, world = bounded(seed)
        began_ms, told = world.now_ms, shown(data)
        cycles, attempts, ran_ms = run_down(world)
        assert cycles <= 2 * attempts + 1, f"{seed}\n{told}"
        assert world.now_ms - began_ms <= ran_ms, f"{seed}\n{told}"
        for job, waiting in world.both.slow.waiting.items():
            assert not waiting.available or not could_ever_start(world, job), (
                f"{seed} {job}\n{told}"
            )
        finished += attempts
    assert finished > 5 * WORLDS


@settings(max_examples=15)
@given(
    st.sampled_from(["fair", "easy", "conservative"]),
    st.integers(2, 4),
    st.integers(1, 8),
    st.lists(st.tuples(st.integers(1, 8), st.integers(1, 60)), min_size=1, max_size=8),
    st.sampled_from(["same", "other", "many"]),
)
def test_an_endless_stream_of_small_jobs_never_delays_a_large_one(
    name: str, tasks: int, size: int, stream: list[tuple[int, int]], whose: str
) -> None:
    """Each minute brings more small jobs than fit; the gang starts when it was first promised."""
    world = World(name).pool("bj/gpu", nodes=4, cpu=8, mem_gib=8, chips=8)
    for held, minutes in stream * 3:
        world.job(chips(held), tenant="b", time_limit_ms=minutes * MINUTE_MS, **BARE)
    world.step(pass_ms=MINUTE_MS)
    for job in list(world.jobs):
        world.state.dequeue(job)
    head = world.job(chips(size), tasks=tasks, tenant="a", time_limit_ms=HOUR_MS, **BARE)
    promised: int | None = None
    for minute in range(2 * 60):
        plan = world.step()
        if any(placement.job == head for placement in plan.placements):
            assert promised is None or world.now_ms <= promised
            return
        (start_ms,) = [r.start_ms for r in plan.reservations if r.job == head]
        assert promised is None or start_ms <= promised
        promised = start_ms
        held, minutes = stream[minute % len(stream)]
        tenant = {"same": "a", "other": "b", "many": f"t{minute % 7}"}[whose]
        world.job(
            chips(held), tenant=tenant, time_limit_ms=minutes * MINUTE_MS, array=ArraySpec(3),
            **BARE,
        )  # fmt: skip
        world.pass_time(MINUTE_MS)
    raise AssertionError("the gang never started")


def as_new(world: TwoWorlds) -> SchedulerState:
    """A state that was told at once what the world's state was told bit by bit."""
    told, state = world.both.slow, SchedulerState(CATALOG)
    for tenant in reversed(told.tenants.values()):
        state.put_tenant(tenant)
    for waiting in reversed(told.waiting.values()):
        state.enqueue(waiting.queued, waiting.available)
        state.hold(waiting.queued.job, waiting.held)  # type: ignore[arg-type]
    for site in reversed(told.sites.values()):
        state.put_site(site)
        state.put_inventory(site.id, told.inventories[site.id])
        state.set_site_status(site.id, told.statuses[site.id])
    for node, condition in told.conditions.items():
        state.set_node_condition(node, condition)
    for attempt in told.running.values():
        state.start(attempt)
    return state


def shares_chips(told: Reference) -> bool:
    """Whether parts of chips are held: which chip that is depends on what came and went before."""
    return any(attempt.needs.accelerator_milli % 1000 for attempt in told.running.values())


def test_a_state_that_is_told_everything_at_once_gives_the_same_bytes() -> None:
    compared = 0
    for seed in range(WORLDS):
        world = draw(random.Random(3_000_000 + seed))
        world["steps"] = [step for step in world["steps"] if "resize" not in step]
        world["half_life_ms"] = 0
        two = play(world, Untested)
        if shares_chips(two.both.slow) or two.both.slow.making_room:
            continue
        warm = msgspec.json.encode(two.cycle())
        cold = run_cycle(as_new(two).snapshot(two.now_ms), two.profile)
        assert msgspec.json.encode(cold) == warm, f"{seed}\n{shown(world)}"
        compared += 1
    assert compared > WORLDS // 3


def quiet(world: Untested) -> bool:
    """Apply plans until there is nothing more to do at this time; says whether that came."""
    for _ in range(20):
        plan = world.step()
        if not plan.placements and not plan.preemptions:
            return True
    return False


@pytest.mark.parametrize("profile", [*PROFILES])
def test_having_been_looked_at_a_hundred_times_changes_no_plan(profile: str) -> None:
    """Cycles over jobs that cannot start leave no trace: no backoff, no position lost."""
    compared = 0
    for seed in range(12):
        plans: list[Any] = []
        for looks in (0, 1, 100):
            world = draw(random.Random(4_000_000 + seed))
            world["profile"], world["settings"] = profile, {}
            two = play(world, Untested)
            if not quiet(two) or not two.live:
                break
            still = [two.step() for _ in range(looks)]
            if any(plan.placements or plan.preemptions for plan in still):
                break
            for attempt in list(two.live)[::2]:
                two.end(attempt)
            for job in world["steps"]:
                if "submit" in job:
                    submit(two, job["submit"])
            two.now_ms += 30 * MINUTE_MS
            plans.append(msgspec.json.encode(two.cycle()))
        if len(plans) == 3:
            assert plans[0] == plans[1] == plans[2], f"{seed}\n{shown(world)}"
            compared += 1
    assert compared > 2


def test_capacity_that_comes_back_is_used_in_the_order_in_which_jobs_wait() -> None:
    """A pool that shrinks to nothing and comes back: the queue goes on where it stood."""
    pool = {"nodes": 2, "cpu": 4, "mem_gib": 4, "chips": 0, "model": "", "racks": [], "price": 1}
    world = World("fifo")
    put_pool(world, "bj/cpu", {**pool, "cpu": 0})
    jobs = [world.job(cpu=1 + at % 3, mem_gib=1, estimate_ms=HOUR_MS) for at in range(9)]
    for _ in range(50):
        assert world.step(pass_ms=MINUTE_MS).placements == ()
    put_pool(world, "bj/cpu", pool)
    order: list[str] = []
    while len(order) < len(jobs):
        order += [placement.job for placement in world.step(pass_ms=HOUR_MS).placements]
    assert order == jobs
