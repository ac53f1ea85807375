"""Whatever comes in, no exception leaves a cycle and no plan breaks a promise."""

from typing import Any

import pytest

from hutong.model.classes import URGENT
from hutong.model.ids import NodeId, PoolId, RegionId, SiteId, TenantId
from hutong.model.reasons import NoPoolMatches
from hutong.model.resources import AcceleratorNeed, Amount, FrameworkNeed
from hutong.model.supply import Inventory, Node, Pool, Site
from hutong.scheduler.profile import Profile
from tests.unit.scheduler.worlds import (
    A100,
    HOUR_MS,
    ArraySpec,
    World,
    chips,
    deferral_of,
    profile,
    started,
)

HUGE = 10**30


@pytest.mark.parametrize("cpu_milli", [0, -1, -HUGE, HUGE])
@pytest.mark.parametrize("memory_mib", [0, -1, HUGE])
@pytest.mark.parametrize("accelerator_milli", [0, -1, 1, 1_500, HUGE])
def test_any_capacity_is_survived(cpu_milli: int, memory_mib: int, accelerator_milli: int) -> None:
    world = World()
    size = Amount(cpu_milli, memory_mib, accelerator_milli)
    pool = Pool(PoolId("bj/odd"), SiteId("bj"), size, A100)
    world.site("bj")
    world.state.put_inventory(SiteId("bj"), Inventory((pool,), (Node(NodeId("bj/n"), pool.id),)))
    for alternatives in ((), (chips(1),), (chips(0.5),)):
        world.job(*alternatives)
    world.job(exclusive=True, priority=URGENT)
    plan = world.step()
    if min(cpu_milli, memory_mib) <= 0:
        assert started(plan) == []
    world.preview(chips(1))
    world.cycle()


@pytest.mark.parametrize(
    "needs",
    [
        {"cpu": 0, "mem_gib": 0},
        {"cpu": -5, "mem_gib": -5},
        {"cpu": HUGE},
        {"tasks": 0},
        {"tasks": -3},
        {"tasks": 10**9},
        {"estimate_ms": -1},
        {"estimate_ms": 0, "time_limit_ms": -1},
        {"estimate_ms": HUGE},
        {"time_limit_ms": HUGE},
        {"deadline_ms": -1},
        {"deadline_ms": HUGE, "estimate_ms": HUGE},
        {"budget_microcny": -1},
        {"budget_microcny": HUGE, "estimate_ms": HUGE},
    ],
)
def test_any_need_is_survived(needs: dict[str, Any]) -> None:
    world = World().pool("bj/gpu", nodes=2, chips=8)
    world.runs("bj/gpu-0", chips=8)
    world.job(**needs)
    world.job(chips(8), tasks=2, **{k: v for k, v in needs.items() if k != "tasks"})
    plan = world.step()
    assert len(plan.placements) + len(plan.deferrals) >= 2
    world.cycle()
    world.preview(**needs)


@pytest.mark.parametrize(
    "need",
    [
        AcceleratorNeed(A100, 0),
        AcceleratorNeed(A100, -1),
        AcceleratorNeed(A100, 1_001),
        AcceleratorNeed(A100, HUGE),
        AcceleratorNeed(A100, 1_000, 0),
        AcceleratorNeed(A100, 1_000, -7),
        AcceleratorNeed(A100, 1_000, HUGE),
        AcceleratorNeed("", 1_000),
        AcceleratorNeed("\x00", 1_000),
    ],
)
def test_any_alternative_is_survived(need: AcceleratorNeed) -> None:
    world = World().pool("bj/gpu", nodes=2, chips=8)
    world.job(need, chips(1), estimate_ms=HOUR_MS, array=ArraySpec(3))
    assert len(world.step().placements) == 3


def test_a_clock_that_steps_back_is_survived() -> None:
    world = World().pool("bj/gpu", chips=8)
    world.runs("bj/gpu-0", chips=8)
    world.job(chips(8))
    world.job(chips(4), priority=URGENT)
    world.step()
    for now_ms in (0, -HOUR_MS, 10 * HOUR_MS, 5):
        world.now_ms = now_ms
        plan = world.cycle()
        assert plan.placements == ()
        assert all(r.start_ms >= now_ms for r in plan.reservations)


@pytest.mark.parametrize("expected_end_ms", [-1, 0, HUGE])
def test_any_expected_end_is_survived(expected_end_ms: int) -> None:
    world = World().pool("bj/gpu", chips=8)
    world.runs("bj/gpu-0", chips=8, ends_in_ms=expected_end_ms)
    job = world.job(chips(8))
    assert deferral_of(world.cycle(), job).start_ms > world.now_ms


def test_weights_and_quotas_of_zero_or_less_are_survived() -> None:
    world = World().pool("bj/cpu", cpu=8)
    world.tenant("a", weight=0).tenant("b", weight=-3).tenant("c", cpu_milli=-1)
    for tenant in ("a", "b", "c", "c/d"):
        world.job(tenant=tenant)
    plan = world.step()
    assert len(plan.placements) == 2
    assert {d.reasons[0].code for d in plan.deferrals} == {"waiting.quota"}


def test_a_tenant_path_of_any_form_is_survived() -> None:
    world = World().pool("bj/cpu", cpu=8)
    for tenant in ("", "/", "a//b", "a/" * 50):
        world.job(tenant=TenantId(tenant))
    assert len(world.step().placements) == 4


def test_nodes_that_name_unknown_pools_or_come_twice_are_left_out() -> None:
    world = World().site("bj")
    pool = Pool(PoolId("bj/cpu"), SiteId("bj"), Amount(1_000, 1_024))
    foreign = Pool(PoolId("tj/cpu"), SiteId("tj"), Amount(1_000, 1_024))
    nodes = (
        Node(NodeId("bj/a"), pool.id),
        Node(NodeId("bj/a"), pool.id),
        Node(NodeId("bj/b"), PoolId("bj/none")),
        Node(NodeId("bj/c"), foreign.id),
    )
    world.state.put_inventory(SiteId("bj"), Inventory((pool, pool, foreign), nodes))
    world.job(array=ArraySpec(5))
    assert [p.nodes[0].node for p in world.cycle().placements] == ["bj/a"]


def test_an_inventory_of_a_site_that_nobody_described_takes_no_work_until_it_is() -> None:
    world = World().site("tj")
    pool = Pool(PoolId("bj/cpu"), SiteId("bj"), Amount(1_000, 1_024))
    world.state.put_inventory(SiteId("bj"), Inventory((pool,), (Node(NodeId("bj/a"), pool.id),)))
    job = world.job()
    (reason,) = deferral_of(world.cycle(), job).reasons
    assert isinstance(reason, NoPoolMatches)
    assert reason.filtered == {"site_silent": 1}
    world.state.put_site(Site(SiteId("bj"), "city", RegionId("beijing"), "CN-BJ"))
    assert started(world.cycle()) == [job]


def test_empty_pools_and_sites_are_survived() -> None:
    world = World().site("bj").pool("tj/none", nodes=0, chips=8)
    job = world.job(chips(1), tasks=2)
    assert deferral_of(world.cycle(), job).reasons[0].code == "waiting.no_pool"


def test_names_of_software_without_a_version_are_survived() -> None:
    world = World().pool("bj/gpu", chips=8)
    job = world.job(chips(1), frameworks=(FrameworkNeed("", ""), FrameworkNeed("torch", "?")))
    assert deferral_of(world.cycle(), job).explanation.filtered == {"software": 1}


@pytest.mark.parametrize(
    "odd",
    [
        profile(placements_count=0),
        profile(candidates_count=0),
        profile(reservations_count=0),
        profile(default_run_ms=0),
        profile(default_run_ms=-5, cost_weight_milli=-5, hour_value_microcny=-5),
        profile(order="no such order", backfill="no such backfill"),
    ],
)
def test_any_profile_is_survived(odd: Profile) -> None:
    world = World(odd).pool("bj/gpu", nodes=2, chips=8)
    world.runs("bj/gpu-0", chips=8)
    jobs = [world.job(chips(8), tasks=2), world.job(chips(1))]
    plan = world.cycle()
    assert plan.truncated or {*started(plan), *(d.head for d in plan.deferrals)} == set(jobs)
    assert len(world.preview(chips(1)).places) == 1
