"""Gangs over several sites: only where the job says so, in as few parts as hold them."""

import numpy as np

from hutong.model.ids import SiteId
from hutong.model.reasons import BusyPools
from hutong.scheduler.gang_split import Room, choose
from hutong.scheduler.plan import Plan
from tests.unit.scheduler.worlds import HOUR_MS, World, chips, codes, deferral_of, price


def parts(plan: Plan) -> list[tuple[str, int]]:
    """Site and tasks of each part of a plan, in order."""
    return [(p.site, sum(share.tasks for share in p.nodes)) for p in plan.placements]


def sites(**nodes: int) -> World:
    """Sites with so many nodes of eight chips."""
    world = World()
    regions = {"bj": "cn-beijing", "tj": "cn-tianjin", "gz": "cn-guizhou"}
    for name, count in nodes.items():
        world.site(name, region=regions.get(name, "cn-beijing"))
        world.pool(f"{name}/gpu", nodes=count, chips=8, price=price(chip=1))
    return world


def test_a_gang_that_one_site_holds_is_not_divided() -> None:
    world = sites(bj=2, tj=4)
    world.job(chips(8), tasks=4, split=True)
    plan = world.step()
    assert parts(plan) == [("tj", 4)]
    assert plan.placements[0].parts == 1


def test_a_gang_that_no_site_holds_starts_in_parts_if_the_job_says_so() -> None:
    world = sites(bj=2, tj=3)
    job = world.job(chips(8), tasks=5, split=True)
    plan = world.step()
    assert parts(plan) == [("tj", 3), ("bj", 2)]
    assert [(p.job, p.part, p.parts) for p in plan.placements] == [(job, 0, 2), (job, 1, 2)]


def test_a_gang_that_may_not_be_divided_is_not() -> None:
    world = sites(bj=2, tj=3)
    job = world.job(chips(8), tasks=5)
    assert codes(deferral_of(world.cycle(), job)) == ["waiting.no_pool"]


def test_a_gang_is_divided_while_the_site_that_would_hold_it_is_busy() -> None:
    world = sites(bj=2, tj=4)
    world.runs("tj/gpu-0", chips=8)
    world.job(chips(8), tasks=4, split=True)
    assert parts(world.step()) == [("tj", 3), ("bj", 1)]


def test_all_parts_start_in_one_plan_or_none() -> None:
    world = sites(bj=2, tj=3)
    running = world.runs("bj/gpu-0", chips=8, ends_in_ms=HOUR_MS)
    job = world.job(chips(8), tasks=5, split=True, estimate_ms=HOUR_MS)
    plan = world.step()
    assert not plan.placements
    assert deferral_of(plan, job).start_ms == world.now_ms + HOUR_MS
    assert deferral_of(plan, job).reasons == (BusyPools(2, 5, 4),)
    world.end(running)
    assert parts(world.step()) == [("tj", 3), ("bj", 2)]


def test_a_gang_that_only_fits_in_parts_keeps_room_at_every_site() -> None:
    world = sites(bj=2, tj=3)
    world.runs("bj/gpu-0", chips=8, ends_in_ms=HOUR_MS)
    gang = world.job(chips(8), tasks=5, split=True, estimate_ms=HOUR_MS)
    world.job(chips(8), estimate_ms=5 * HOUR_MS, sites=("tj",))
    world.job(chips(8), estimate_ms=5 * HOUR_MS, sites=("bj",))
    assert not world.step(HOUR_MS).placements
    assert [p.job for p in world.step().placements] == [gang, gang]


def test_parts_are_of_one_kind_of_chip() -> None:
    world = sites(bj=2).pool("tj/gpu", nodes=3, chips=8, model="H20")
    job = world.job(chips(8), chips(8, "H20"), tasks=5, split=True)
    assert codes(deferral_of(world.cycle(), job)) == ["waiting.no_pool"]


def test_a_quota_counts_all_parts() -> None:
    world = sites(bj=2, tj=3)
    world.tenant("default", accelerator_milli=39_000)
    job = world.job(chips(8), tasks=5, split=True)
    plan = world.cycle()
    assert not plan.placements
    assert deferral_of(plan, job).head == job


def rooms(**tasks: int) -> list[Room]:
    """Sites with room for so many tasks, the largest first."""
    found = [
        Room(SiteId(name), None, np.zeros(1, np.int64), count)  # type: ignore[arg-type]
        for name, count in tasks.items()
    ]
    return sorted(found, key=lambda room: -room.tasks)


def km(**at: int) -> object:
    """Latency between sites on a line."""
    return lambda one, other: abs(at[one] - at[other])


def names(chosen: list[Room]) -> list[str]:
    return sorted(room.site for room in chosen)


def test_the_fewest_parts_come_before_the_nearest() -> None:
    apart = km(a=0, b=1, c=2, far=900)
    chosen = choose(rooms(a=2, b=2, c=2, far=4), 6, apart)  # type: ignore[arg-type]
    assert len(chosen) == 2
    assert "far" in names(chosen)


def test_of_as_few_parts_the_sites_nearest_to_each_other() -> None:
    apart = km(a=0, b=100, c=110, d=500)
    chosen = choose(rooms(a=3, b=3, c=3, d=3), 6, apart)  # type: ignore[arg-type]
    assert names(chosen) == ["b", "c"]


def test_sites_that_together_hold_too_little_are_none() -> None:
    assert choose(rooms(a=1, b=1), 3, km(a=0, b=0)) == []  # type: ignore[arg-type]
