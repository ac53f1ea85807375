"""Bad news about the world, told between cycles: none ends a cycle, and the reasons say what is.

Times are CPU seconds of this process, compared with each other inside one run.
"""

import time
from collections.abc import Callable

import pytest

from hutong.model.ids import NodeId, PoolId, SiteId, TenantId
from hutong.model.reasons import NoPoolMatches, OverQuota
from hutong.model.resources import Amount
from hutong.model.supply import Inventory, Node, Pool
from hutong.scheduler.plan import Plan
from hutong.scheduler.profile import PROFILES
from tests.unit.scheduler.worlds import (
    ASCEND,
    HOUR_MS,
    MINUTE_MS,
    ArraySpec,
    NodeCondition,
    SiteStatus,
    World,
    chips,
    codes,
    deferral_of,
    started,
)


def cpu_s(call: Callable[[], object]) -> float:
    """CPU seconds of one call, the least of three."""
    times = []
    for _ in range(3):
        began = time.process_time()
        call()
        times.append(time.process_time() - began)
    return min(times)


# Capacity


@pytest.mark.parametrize("cpu", [0, -4])
def test_a_pool_without_capacity_says_that_no_node_is_large_enough(cpu: int) -> None:
    world = World().pool("bj/odd", nodes=3, cpu=cpu, mem_gib=8)
    job = world.job(cpu=1, mem_gib=1)
    (reason,) = deferral_of(world.step(), job).reasons
    assert isinstance(reason, NoPoolMatches)
    assert reason.filtered == {"node_size": 3}


def test_capacity_below_zero_makes_nobodys_share_negative_or_infinite() -> None:
    world = World().pool("bj/odd", cpu=-8, mem_gib=-8).pool("tj/good", cpu=8, mem_gib=8)
    for tenant in ("a", "b"):
        world.job(tenant=tenant, array=ArraySpec(3))
    plan = world.step()
    assert started(plan) == ["j1", "j2", "j1", "j2", "j1", "j2"]
    assert all(0 < share <= 1000 for share in plan.shares_milli.values())


# A node that shrinks under running work


def shrunk() -> tuple[World, str]:
    """Work of eight cores and eight chips on a node that now has two of each."""
    world = World().pool("bj/gpu", nodes=2, cpu=8, mem_gib=64, chips=8)
    running = world.runs("bj/gpu-0", chips=8, cpu=8, mem_gib=8, ends_in_ms=30 * MINUTE_MS)
    world.pool("bj/gpu", nodes=2, cpu=2, mem_gib=64, chips=2)
    return world, running


def test_a_node_that_shrank_takes_nothing_until_what_runs_there_is_gone() -> None:
    world, running = shrunk()
    first = world.job(chips(2), cpu=1)
    second = world.job(chips(2), cpu=1)
    plan = world.step()
    assert [(p.job, p.nodes[0].node) for p in plan.placements] == [(first, "bj/gpu-1")]
    assert codes(deferral_of(plan, second)) == ["waiting.busy"]
    world.end(running)
    assert [(p.job, p.nodes[0].node) for p in world.step().placements] == [(second, "bj/gpu-0")]


def test_a_node_that_shrank_and_grew_back_has_what_it_had() -> None:
    world, running = shrunk()
    world.pool("bj/gpu", nodes=2, cpu=8, mem_gib=64, chips=8)
    jobs = [world.job(chips(8), cpu=8) for _ in range(2)]
    assert [(p.job, p.nodes[0].node) for p in world.step().placements] == [(jobs[0], "bj/gpu-1")]
    world.end(running)
    assert [(p.job, p.nodes[0].node) for p in world.step().placements] == [(jobs[1], "bj/gpu-0")]


def test_a_node_that_shrank_below_a_reservation_moves_it_to_where_the_job_fits() -> None:
    world = World().pool("bj/gpu", nodes=1, chips=8).pool("tj/gpu", nodes=1, chips=8)
    world.runs("bj/gpu-0", chips=8, ends_in_ms=10 * MINUTE_MS)
    world.runs("tj/gpu-0", chips=8, ends_in_ms=50 * MINUTE_MS)
    job = world.job(chips(8))
    assert [r.pool for r in world.step().reservations] == ["bj/gpu"]
    world.pool("bj/gpu", nodes=1, chips=4)
    assert [(r.job, r.pool) for r in world.step().reservations] == [(job, "tj/gpu")]


# Weights, trees, quotas


def test_tenants_of_weight_zero_share_alike() -> None:
    world = World().pool("bj/cpu", cpu=6, mem_gib=64)
    for tenant in ("a", "b", "c"):
        world.tenant(tenant, weight=0)
        world.job(tenant=tenant, array=ArraySpec(9))
    assert sorted(started(world.step())) == ["j1", "j1", "j2", "j2", "j3", "j3"]


def test_a_path_that_repeats_itself_is_a_tree_and_no_loop() -> None:
    """A tenant is known by its path, so that a loop cannot be said: `a/b/a` lies below `a`."""
    world = World().pool("bj/cpu", cpu=9, mem_gib=64)
    world.tenant("a", running_jobs=2)
    for tenant in ("a", "a/b", "a/b/a", "a/b/a/b"):
        world.job(tenant=tenant, array=ArraySpec(2))
    plan = world.step()
    assert len(plan.placements) == 2
    over = [reason for d in plan.deferrals for reason in d.reasons if isinstance(reason, OverQuota)]
    assert {reason.tenant for reason in over} == {"a"}


def test_a_quota_below_what_runs_already_stops_new_work_alone() -> None:
    world = World().pool("bj/cpu", nodes=1, cpu=8, mem_gib=64)
    world.runs("bj/cpu-0", cpu=6, tenant="a")
    world.tenant("a", cpu_milli=1_000)
    job = world.job(tenant="a")
    (reason,) = deferral_of(world.step(), job).reasons
    assert isinstance(reason, OverQuota)
    assert (reason.used, reason.limit) == (6_000, 1_000)
    assert len(world.live) == 1


# Estimates


@pytest.mark.parametrize("profile", [*PROFILES])
@pytest.mark.parametrize("factor", [0.01, 100.0])
def test_estimates_wrong_by_a_hundred_times_end_no_cycle_and_starve_nobody(
    profile: str, factor: float
) -> None:
    """What runs ends a hundred times sooner or later than was expected of it."""
    world = World(profile).pool("bj/gpu", nodes=2, chips=8)
    for at in range(12):
        world.job(
            chips(1 + at % 8), tasks=1 + at % 2, estimate_ms=10 * MINUTE_MS, tenant=f"t{at % 3}"
        )
    ends: dict[str, int] = {}
    began_ms = world.now_ms
    for _ in range(100):
        plan = world.step()
        assert all(reservation.start_ms >= world.now_ms for reservation in plan.reservations)
        for name in world.live:
            ends.setdefault(name, world.now_ms + round(10 * MINUTE_MS * factor))
        if not world.live:
            break
        world.now_ms = min(ends[name] for name in world.live)
        for name in [name for name in world.live if ends[name] <= world.now_ms]:
            world.end(name)
    assert world.state.queued_count() == 0
    assert world.now_ms - began_ms <= 12 * 10 * MINUTE_MS * factor


def test_a_job_without_an_estimate_stands_on_no_basis_and_still_gets_a_start() -> None:
    world = World().pool("bj/gpu", chips=8)
    first, second = world.job(chips(8)), world.job(chips(8))
    plan = world.step()
    assert started(plan) == [first]
    waits = deferral_of(plan, second)
    assert waits.basis == "none"
    assert waits.start_ms == world.now_ms + world.profile.default_run_ms


# Clocks


@pytest.mark.parametrize("profile", [*PROFILES])
def test_a_clock_that_steps_back_starts_evicts_and_promises_as_the_time_says(profile: str) -> None:
    world = World(profile).pool("bj/gpu", nodes=2, chips=8)
    world.now_ms = 10 * HOUR_MS
    world.runs("bj/gpu-0", chips=8, priority="low", ends_in_ms=HOUR_MS)
    world.runs("bj/gpu-1", chips=8, priority="low", min_run_ms=HOUR_MS)
    world.job(chips(8), priority="urgent", tasks=2)
    world.job(chips(8))
    world.job(chips(4), deadline_ms=11 * HOUR_MS)
    for now_ms in (10 * HOUR_MS, HOUR_MS, 0, 10 * HOUR_MS, 9 * HOUR_MS):
        world.now_ms = now_ms
        plan = world.cycle()
        assert plan.placements == ()
        assert plan.preemptions == () or now_ms >= 11 * HOUR_MS
        assert all(r.start_ms >= now_ms for r in plan.reservations)
        assert all(d.start_ms == 0 or d.start_ms >= now_ms for d in plan.deferrals)
        assert all(d.reasons for d in plan.deferrals)


# Sheer size


def nowhere(count: int) -> World:
    """Jobs of `count` shapes that no pool could ever run, before one that starts."""
    world = World().pool("bj/gpu", nodes=4, chips=8).pool("tj/npu", nodes=4, chips=8, model=ASCEND)
    for at in range(count):
        world.job(chips(8), cpu=1_000 + at)
    world.job(chips(1), tenant="b")
    return world


def test_ten_thousand_shapes_that_fit_nowhere_cost_each_no_more_than_one_does() -> None:
    one, many = nowhere(1), nowhere(10_000)

    def steady(world: World) -> Plan:
        plan = one_cycle(world)
        assert len(plan.placements) == 1
        return plan

    plan = steady(many)
    assert len(plan.deferrals) in (1, 10_000)
    assert {codes(d)[0] for d in plan.deferrals} == {"waiting.no_pool"}
    job = next(iter(many.jobs))
    many.state.remember(plan)
    assert "waiting.no_pool" in codes(many.why(job))
    steady(one)
    assert cpu_s(lambda: steady(many)) < 10_000 * 3 * cpu_s(lambda: steady(one))
    assert cpu_s(lambda: steady(many)) < 2.0


def one_cycle(world: World) -> Plan:
    """A cycle without the audits around it."""
    from hutong.scheduler.cycle import run_cycle

    return run_cycle(world.state.snapshot(world.now_ms), world.profile)


def test_an_array_of_a_million_elements_is_as_one_entry_to_a_cycle() -> None:
    def world_of(count: int) -> World:
        world = World().pool("bj/cpu", nodes=4, cpu=8, mem_gib=64)
        world.job(array=ArraySpec(count))
        return world

    small, large = world_of(100), world_of(1_000_000)
    assert len(one_cycle(large).placements) == len(one_cycle(small).placements) == 32
    (deferral,) = large.step().deferrals
    assert codes(deferral) == ["waiting.busy"]
    assert large.state.queued_elements() == 1_000_000 - 32
    assert cpu_s(lambda: one_cycle(large)) < 5 * cpu_s(lambda: one_cycle(small)) + 0.01


# Sites that fall silent


def test_links_that_vanish_and_come_back_move_the_queue_and_lose_nothing() -> None:
    """Three drops in an hour: while a site is silent its work stays accounted and nothing new goes
    there; what waits for it alone says so.
    """
    world = World().pool("bj/gpu", nodes=1, chips=8).pool("tj/gpu", nodes=1, chips=8)
    running = world.runs("tj/gpu-0", chips=4, ends_in_ms=3 * HOUR_MS)
    only = world.job(chips(4), sites=("tj",), array=ArraySpec(2))
    for drop in range(3):
        world.status("tj", SiteStatus.SILENT)
        anywhere = world.job(chips(2), time_limit_ms=15 * MINUTE_MS)
        plan = world.step()
        assert [(p.job, p.pool) for p in plan.placements] == [(anywhere, "bj/gpu")], drop
        reason = deferral_of(plan, only).reasons[0]
        assert isinstance(reason, NoPoolMatches)
        assert reason.filtered == {"site": 1, "site_silent": 1}
        world.now_ms += 10 * MINUTE_MS
        world.status("tj", SiteStatus.READY)
        if drop == 0:
            assert [p.pool for p in world.step().placements] == ["tj/gpu"]
            only_left = deferral_of(world.cycle(), only)
            assert codes(only_left) == ["waiting.busy"]
        assert running in world.live
        world.pass_time(10 * MINUTE_MS)


def test_every_site_silent_at_once_is_said_and_reserves_nothing() -> None:
    world = World().pool("bj/gpu", chips=8).pool("tj/gpu", chips=8)
    job = world.job(chips(8), priority="urgent")
    for site in ("bj", "tj"):
        world.status(site, SiteStatus.SILENT)
    plan = world.step()
    (reason,) = deferral_of(plan, job).reasons
    assert isinstance(reason, NoPoolMatches)
    assert reason.filtered == {"site_silent": 2}
    assert plan.reservations == ()


def test_a_reserved_node_that_goes_down_takes_the_reservation_with_it() -> None:
    world = World().pool("bj/gpu", nodes=2, chips=8)
    world.runs("bj/gpu-0", chips=8, ends_in_ms=10 * MINUTE_MS)
    world.runs("bj/gpu-1", chips=8, ends_in_ms=50 * MINUTE_MS)
    job = world.job(chips(8))
    assert deferral_of(world.step(), job).start_ms == world.now_ms + 10 * MINUTE_MS
    world.node("bj/gpu-0", NodeCondition.DOWN)
    assert deferral_of(world.step(), job).start_ms == world.now_ms + 50 * MINUTE_MS


def test_an_inventory_that_loses_its_pools_and_gets_them_back_goes_on_as_before() -> None:
    world = World().pool("bj/gpu", nodes=2, chips=8)
    running = world.runs("bj/gpu-0", chips=8)
    job = world.job(chips(8), tasks=2)
    pool = Pool(PoolId("bj/gpu"), SiteId("bj"), Amount(64_000, 512 * 1024, 8_000), "A100-80GB")
    nodes = tuple(Node(NodeId(f"bj/gpu-{at}"), pool.id) for at in range(2))
    before = deferral_of(world.step(), job)
    world.state.put_inventory(SiteId("bj"), Inventory((), ()))
    (reason,) = deferral_of(world.step(), job).reasons
    assert isinstance(reason, NoPoolMatches)
    world.state.put_inventory(SiteId("bj"), Inventory((pool,), nodes))
    assert deferral_of(world.step(), job) == before
    world.end(running)
    assert started(world.step()) == [job]


def test_a_tenant_that_nobody_described_holds_what_it_holds() -> None:
    world = World().pool("bj/cpu", cpu=4, mem_gib=64)
    world.job(tenant=TenantId("who/are/you"), array=ArraySpec(9))
    plan = world.step()
    assert len(plan.placements) == 4
    assert plan.shares_milli == {"who": 1000, "who/are": 1000, "who/are/you": 1000}
