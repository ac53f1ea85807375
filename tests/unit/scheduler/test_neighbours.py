"""Affinity in cycles: who starts beside whom, who keeps apart, and who waits for that."""

import pytest

from hutong.model.job import Affinity, ArraySpec, Elastic, Layout, Level, TaskGroup
from hutong.model.reasons import BusyPools, NeighboursBar
from hutong.model.resources import Amount, TaskNeeds
from hutong.scheduler.plan import Plan
from tests.unit.scheduler.worlds import (
    A100,
    HOUR_MS,
    MINUTE_MS,
    World,
    chips,
    codes,
    deferral_of,
    nodes_of,
    placed,
    profile,
    started,
)

WEB = (("app", "web"),)
IS_WEB = {"app": "web"}
APART = (Affinity(WEB, apart=True),)
NEAR = (Affinity(WEB),)


def where(plan: Plan) -> list[list[str]]:
    """The nodes of each placement."""
    return [list(nodes_of(placement)) for placement in plan.placements]


def test_jobs_that_keep_apart_never_share_a_node_in_one_cycle() -> None:
    world = World().pool("bj/cpu", nodes=3, cpu=8)
    last = [world.job(labels=IS_WEB, affinity=APART) for _ in range(4)][-1]
    plan = world.step()
    assert where(plan) == [["bj/cpu-0"], ["bj/cpu-1"], ["bj/cpu-2"]]
    deferral = deferral_of(plan, last)
    assert deferral.reasons == (NeighboursBar("app=web", "node", apart=True),)
    assert (deferral.start_ms, deferral.basis) == (0, "none")  # none of them runs yet
    told = deferral_of(world.cycle(), last)
    assert (told.start_ms, told.basis) == (2 * HOUR_MS, "none")


def test_elements_of_an_array_are_each_others_neighbours() -> None:
    world = World().pool("bj/cpu", nodes=2, cpu=8)
    world.job(labels=IS_WEB, affinity=APART, array=ArraySpec(5))
    assert where(world.step()) == [["bj/cpu-0"], ["bj/cpu-1"]]
    assert where(world.step()) == []
    world.pass_time(HOUR_MS)
    assert where(world.step()) == [["bj/cpu-0"], ["bj/cpu-1"]]


def test_a_gang_is_not_its_own_neighbour() -> None:
    world = World().pool("bj/cpu", nodes=2, cpu=4)
    world.job(labels=IS_WEB, affinity=APART, tasks=4, cpu=1)
    assert where(world.step()) == [["bj/cpu-0"]]


def test_a_job_starts_beside_what_an_earlier_turn_of_the_cycle_placed() -> None:
    world = World().pool("bj/cpu", nodes=3, cpu=8)
    world.runs("bj/cpu-0", cpu=6)  # the tightest node is another one
    world.job(labels=IS_WEB, cpu=4)
    world.job(affinity=NEAR, cpu=1)
    assert where(world.step()) == [["bj/cpu-1"], ["bj/cpu-1"]]


def test_a_job_becomes_placeable_by_a_neighbour_alone_without_any_room_having_come() -> None:
    world = World().pool("bj/cpu", nodes=2, cpu=8)
    waits = world.job(affinity=NEAR, tenant="a")
    plan = world.step()
    assert codes(deferral_of(plan, waits)) == ["waiting.affinity"]
    assert deferral_of(plan, waits).start_ms == 0
    assert not plan.reservations
    assert started(world.step()) == []
    web = world.job(labels=IS_WEB, tenant="a")
    assert started(world.step()) == [web]  # it came later
    assert started(world.step()) == [waits]


def test_labels_are_a_tenants_own_and_tenants_of_one_shape_are_looked_at_apart() -> None:
    world = World().pool("bj/cpu", nodes=2, cpu=8)
    world.runs("bj/cpu-1", tenant="a", labels=IS_WEB)
    other = world.job(affinity=NEAR, tenant="b")
    own = world.job(affinity=NEAR, tenant="a")
    plan = world.step()
    assert started(plan) == [own]
    assert where(plan) == [["bj/cpu-1"]]
    assert codes(deferral_of(plan, other)) == ["waiting.affinity"]


def test_many_tenants_with_one_shape_are_not_passed_over_for_each_other() -> None:
    world = World().pool("bj/cpu", nodes=1, cpu=200)
    for at in range(150):
        world.job(affinity=NEAR, tenant=f"t{at:03}")
    world.runs("bj/cpu-0", tenant="t149", labels=IS_WEB)
    assert len(world.cycle().placements) == 1


def test_a_level_of_site_chooses_the_site() -> None:
    world = World().pool("bj/cpu", cpu=8).pool("tj/cpu", cpu=8)
    world.runs("tj/cpu-0", labels=IS_WEB)
    near = world.job(affinity=(Affinity(WEB, Level.SITE),))
    apart = world.job(affinity=(Affinity(WEB, Level.SITE, apart=True),))
    assert placed(world.step()) == [(near, "tj/cpu"), (apart, "bj/cpu")]


def test_what_is_only_preferred_decides_between_nodes_and_equal_pools() -> None:
    wish = (Affinity(WEB, required=False),)
    world = World().pool("bj/cpu", nodes=2, cpu=8).pool("tj/cpu", nodes=2, cpu=8)
    world.runs("tj/cpu-1", labels=IS_WEB, cpu=1)
    world.runs("tj/cpu-0", cpu=5)
    for _ in range(8):
        world.job(affinity=wish)
    found = where(world.step())
    assert found[:7] == [["tj/cpu-1"]] * 7
    assert found[7] != ["tj/cpu-1"]


def test_a_preference_does_not_outweigh_a_pool_that_is_much_faster() -> None:
    wish = (Affinity(WEB, required=False),)
    world = World().pool("bj/old", chips=8).pool("tj/new", chips=8, model="H100-80GB")
    world.runs("bj/old-0", labels=IS_WEB)
    near_old = world.job(
        chips(1, A100), chips(1, "H100-80GB", 4000), affinity=wish, estimate_ms=HOUR_MS
    )
    assert placed(world.step()) == [(near_old, "tj/new")]


def test_a_gang_goes_whole_to_the_nodes_that_it_may_use() -> None:
    world = World().pool("bj/gpu", racks=["r1", "r1", "r2", "r2"], chips=8)
    world.runs("bj/gpu-3", labels=IS_WEB)
    gang = world.job(chips(8), tasks=2, affinity=(Affinity(WEB, Level.RACK),))
    plan = world.step()
    assert where(plan) == [["bj/gpu-2", "bj/gpu-3"]]
    assert started(plan) == [gang]


def test_a_gang_that_fits_only_where_it_may_not_go_waits_for_what_is_there() -> None:
    world = World().pool("bj/gpu", racks=["r1", "r1", "r2", "r2"], chips=8)
    world.runs("bj/gpu-3", labels=IS_WEB, ends_in_ms=3 * HOUR_MS)
    world.runs("bj/gpu-2", chips=8, ends_in_ms=HOUR_MS)
    gang = world.job(chips(8), tasks=2, affinity=(Affinity(WEB, Level.RACK),))
    plan = world.step()
    assert deferral_of(plan, gang).reasons == (BusyPools(1, 2, 1),)
    assert [held.start_ms for held in plan.reservations] == [world.now_ms + HOUR_MS]


def test_a_reservation_is_never_made_on_nodes_that_neighbours_forbid() -> None:
    world = World().pool("bj/gpu", nodes=2, chips=8)
    world.runs("bj/gpu-0", labels=IS_WEB, chips=8, ends_in_ms=MINUTE_MS)
    world.runs("bj/gpu-1", chips=8, ends_in_ms=HOUR_MS)
    world.job(chips(8), affinity=APART)
    plan = world.step()
    assert [held.start_ms for held in plan.reservations] == [world.now_ms + HOUR_MS]


def test_a_reservation_of_another_job_is_kept_by_one_with_affinity() -> None:
    world = World().pool("bj/gpu", nodes=2, chips=8)
    world.runs("bj/gpu-0", labels=IS_WEB)
    world.runs("bj/gpu-1", chips=8, ends_in_ms=10 * MINUTE_MS)
    head = world.job(chips(8), tasks=2, estimate_ms=HOUR_MS)
    long = world.job(chips(1), affinity=NEAR, estimate_ms=HOUR_MS)
    short = world.job(chips(1), affinity=NEAR, time_limit_ms=5 * MINUTE_MS)
    plan = world.step()
    assert started(plan) == [short]
    assert next(held.job for held in plan.reservations) == head
    assert codes(deferral_of(plan, long)) == ["waiting.reserved"]


def test_an_urgent_job_evicts_only_where_it_may_go() -> None:
    world = World().pool("bj/gpu", nodes=2, chips=8)
    world.runs("bj/gpu-0", labels=IS_WEB, chips=8, priority="low")
    victim = world.runs("bj/gpu-1", chips=8, priority="low")
    world.job(chips(8), affinity=APART, priority="urgent")
    assert [line.victim for line in world.step().preemptions] == [victim]


@pytest.mark.parametrize("layout", list(Layout))
def test_gangs_with_a_layout_keep_to_their_nodes(layout: Layout) -> None:
    world = World().pool("bj/gpu", nodes=4, chips=8)
    world.runs("bj/gpu-0", labels=IS_WEB)
    world.job(chips(1), tasks=3, affinity=APART, layout=layout)
    (nodes,) = where(world.step())
    assert "bj/gpu-0" not in nodes
    assert len(nodes) == (3 if layout is Layout.SPREAD else 1)


def test_the_groups_of_a_gang_keep_apart_too_and_count_as_neighbours() -> None:
    head = TaskGroup("head", 1, TaskNeeds(1000, 1024))
    world = World().pool("bj/cpu", nodes=3, cpu=8)
    world.runs("bj/cpu-0", labels=IS_WEB, cpu=6)
    first = world.job(
        labels=IS_WEB, affinity=APART, groups=(head,), tasks=1, cpu=8, exclusive=False
    )
    second = world.job(labels=IS_WEB, affinity=APART, cpu=1)
    plan = world.step()
    assert started(plan) == [first]
    assert where(plan) == [["bj/cpu-1", "bj/cpu-2"]] or where(plan) == [["bj/cpu-2", "bj/cpu-1"]]
    assert codes(deferral_of(plan, second)) == ["waiting.affinity"]


def test_an_elastic_gang_takes_what_its_neighbours_leave() -> None:
    world = World().pool("bj/gpu", nodes=4, chips=1)
    world.runs("bj/gpu-2", labels=IS_WEB)
    world.job(chips(1), tasks=4, elastic=Elastic(2), affinity=APART, estimate_ms=HOUR_MS)
    assert where(world.step()) == [["bj/gpu-0", "bj/gpu-1", "bj/gpu-3"]]


def test_a_gang_in_parts_keeps_off_its_neighbours_at_every_site() -> None:
    world = World().pool("bj/gpu", nodes=2, chips=8).pool("tj/gpu", nodes=2, chips=8)
    world.runs("bj/gpu-0", labels=IS_WEB)
    world.job(chips(8), tasks=3, split=True, affinity=APART)
    assert sorted(sorted(nodes_of(p)) for p in world.step().placements) == [
        ["bj/gpu-1"],
        ["tj/gpu-0", "tj/gpu-1"],
    ]


def test_a_preview_knows_the_neighbours() -> None:
    world = World().pool("bj/cpu", nodes=2, cpu=8)
    world.runs("bj/cpu-0", labels=IS_WEB, tenant="a")
    assert world.preview(affinity=NEAR, tenant="a").starts_now
    told = world.preview(affinity=NEAR, tenant="b")
    assert not told.starts_now
    assert [reason.code for reason in told.reasons] == ["waiting.affinity"]


def test_the_bonus_of_a_preference_is_the_profiles() -> None:
    wish = (Affinity(WEB, required=False),)
    for bonus, pool in ((0, "bj/cpu"), (200, "tj/cpu")):
        world = World(profile(preferred_bonus_milli=bonus))
        world.pool("bj/cpu", cpu=8).pool("tj/cpu", cpu=8)
        world.runs("tj/cpu-0", labels=IS_WEB, cpu=1)
        job = world.job(affinity=wish)
        assert placed(world.step()) == [(job, pool)]


def test_amounts_of_neighbours_do_not_matter() -> None:
    world = World().pool("bj/cpu", nodes=2, cpu=8)
    world.runs("bj/cpu-0", labels=IS_WEB, cpu=0)
    world.job(affinity=APART)
    assert where(world.step()) == [["bj/cpu-1"]]
    assert world.inventory("bj").pools[0].node == Amount(8000, 512 * 1024)
