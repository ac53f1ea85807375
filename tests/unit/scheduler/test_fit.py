"""Where tasks go on a pool: whole chips, fractions, gangs on topology, exclusive nodes."""

import numpy as np
import pytest

from hutong.scheduler.fit import pack
from tests.unit.scheduler.worlds import ArraySpec, World, chips, nodes_of, started


def landed(world: World) -> list[dict[str, int]]:
    """Nodes with tasks of each placement of a cycle that is applied."""
    return [nodes_of(placement) for placement in world.step().placements]


def test_whole_chips_go_to_the_node_with_fewest_left_that_still_fits() -> None:
    world = World().pool("bj/gpu", nodes=3, chips=8)
    world.runs("bj/gpu-0", chips=4)
    world.runs("bj/gpu-1", chips=6)
    world.job(chips(2))
    world.job(chips(3))
    assert landed(world) == [{"bj/gpu-1": 1}, {"bj/gpu-0": 1}]


def test_a_node_without_cpu_is_passed_over_however_tight_it_is() -> None:
    world = World().pool("bj/gpu", nodes=2, chips=8, cpu=8)
    world.runs("bj/gpu-1", chips=6, cpu=8)
    world.job(chips(2), cpu=1)
    assert landed(world) == [{"bj/gpu-0": 1}]


def test_fractions_fill_chips_in_use_before_fresh_ones() -> None:
    world = World().pool("bj/gpu", nodes=2, chips=2)
    world.runs("bj/gpu-1", chips=0.5)
    world.job(chips(0.5), array=ArraySpec(2))
    world.job(chips(2))
    assert landed(world) == [{"bj/gpu-1": 1}, {"bj/gpu-1": 1}, {"bj/gpu-0": 1}]


def test_a_fraction_fits_inside_one_chip_or_not_at_all() -> None:
    world = World().pool("bj/gpu", chips=2)
    world.runs("bj/gpu-0", chips=0.6)
    world.runs("bj/gpu-0", chips=0.6)
    job = world.job(chips(0.7))
    assert started(world.cycle()) == []
    small = world.job(chips(0.4), array=ArraySpec(3))
    assert started(world.cycle()) == [small, small]
    assert job not in started(world.cycle())


def test_three_halves_need_two_chips() -> None:
    world = World().pool("bj/gpu", chips=2)
    world.job(chips(0.5), array=ArraySpec(3))
    whole = world.job(chips(1))
    assert len(landed(world)) == 3
    assert world.why(whole).reasons[0].code == "waiting.busy"


def test_fractions_pick_the_chip_with_the_least_room_that_still_holds_them() -> None:
    world = World().pool("bj/gpu", chips=3)
    world.runs("bj/gpu-0", chips=0.3)
    world.runs("bj/gpu-0", chips=0.8)
    world.job(chips(0.2))
    world.job(chips(0.7))
    world.job(chips(1))
    assert len(landed(world)) == 3


def test_work_without_chips_keeps_off_pools_with_chips_while_others_fit() -> None:
    world = World().pool("bj/gpu", nodes=2, chips=8, cpu=4).pool("bj/cpu", cpu=2)
    world.job(array=ArraySpec(4))
    pools = [placement.pool for placement in world.step().placements]
    assert pools == ["bj/cpu", "bj/cpu", "bj/gpu", "bj/gpu"]


def test_work_without_chips_goes_to_the_node_with_fewest_chips_left() -> None:
    world = World().pool("bj/gpu", nodes=2, chips=8)
    world.runs("bj/gpu-1", chips=8)
    world.job()
    assert landed(world) == [{"bj/gpu-1": 1}]


def test_a_gang_is_not_split_when_one_task_does_not_fit() -> None:
    world = World().pool("bj/gpu", nodes=2, chips=8).pool("tj/gpu", nodes=2, chips=8)
    world.runs("bj/gpu-0", chips=1)
    world.runs("tj/gpu-0", chips=1)
    gang = world.job(chips(8), tasks=2)
    plan = world.step()
    assert started(plan) == []
    (reason,) = world.why(gang).reasons
    assert (reason.fitting_now, reason.tasks) == (1, 2)


def test_a_gang_that_fits_one_node_goes_to_the_tightest_such_node() -> None:
    world = World().pool("bj/gpu", nodes=3, chips=8)
    world.runs("bj/gpu-1", chips=4)
    world.runs("bj/gpu-2", chips=2)
    world.job(chips(2), tasks=2)
    assert landed(world) == [{"bj/gpu-1": 2}]


def test_a_gang_goes_to_the_innermost_domain_that_holds_it_and_there_to_the_smallest() -> None:
    racks = ["s1.r1"] * 4 + ["s1.r2"] * 2 + ["s2.r3"] * 3
    world = World().pool("bj/gpu", nodes=9, chips=8, racks=racks)
    world.job(chips(8), tasks=2)
    world.job(chips(8), tasks=3)
    world.job(chips(8), tasks=4)
    assert landed(world) == [
        {"bj/gpu-4": 1, "bj/gpu-5": 1},
        {"bj/gpu-6": 1, "bj/gpu-7": 1, "bj/gpu-8": 1},
        {"bj/gpu-0": 1, "bj/gpu-1": 1, "bj/gpu-2": 1, "bj/gpu-3": 1},
    ]


def test_a_gang_too_large_for_a_rack_stays_under_one_spine_on_few_racks() -> None:
    racks = ["s1.r1", "s1.r2", "s1.r2", "s1.r3", "s2.r4", "s2.r4", "s2.r5", "s2.r5"]
    world = World().pool("bj/gpu", nodes=8, chips=8, racks=racks)
    world.job(chips(8), tasks=4)
    world.job(chips(8), tasks=3)
    first, second = landed(world)
    assert set(first) == {f"bj/gpu-{at}" for at in (0, 1, 2, 3)}
    assert set(second) == {f"bj/gpu-{at}" for at in (4, 5, 6)}


def test_a_gang_larger_than_every_domain_spreads_over_the_fewest() -> None:
    racks = ["r1"] * 3 + ["r2"] * 3 + ["r3"] * 2
    world = World().pool("bj/gpu", nodes=8, chips=8, racks=racks)
    world.job(chips(8), tasks=5)
    (nodes,) = landed(world)
    assert set(nodes) == {f"bj/gpu-{at}" for at in range(5)}


def test_the_last_piece_of_a_gang_goes_where_it_leaves_least() -> None:
    world = World().pool("bj/gpu", nodes=3, chips=8)
    world.runs("bj/gpu-2", chips=4)
    world.job(chips(2), tasks=6)
    assert landed(world) == [{"bj/gpu-0": 4, "bj/gpu-2": 2}]


def test_an_exclusive_job_takes_only_empty_nodes_and_keeps_them_to_itself() -> None:
    world = World().pool("bj/cpu", nodes=2, cpu=8)
    world.runs("bj/cpu-0")
    alone = world.job(exclusive=True)
    other = world.job(array=ArraySpec(20))
    plan = world.step()
    assert [nodes_of(p) for p in plan.placements if p.job == alone] == [{"bj/cpu-1": 1}]
    assert started(plan).count(other) == 7


def test_an_exclusive_gang_fills_its_nodes() -> None:
    world = World().pool("bj/cpu", nodes=3, cpu=4)
    world.job(tasks=8, exclusive=True)
    assert landed(world) == [{"bj/cpu-0": 4, "bj/cpu-1": 4}]


def test_a_node_is_free_for_exclusive_work_again_once_it_is_empty() -> None:
    world = World().pool("bj/cpu", cpu=8)
    running = world.runs("bj/cpu-0")
    job = world.job(exclusive=True)
    assert started(world.cycle()) == []
    world.end(running)
    assert started(world.cycle()) == [job]


def test_a_task_that_needs_nothing_fits_a_full_node_but_no_exclusive_one() -> None:
    world = World().pool("bj/cpu", nodes=2, cpu=1, mem_gib=1)
    world.runs("bj/cpu-0", cpu=1, mem_gib=1)
    world.runs("bj/cpu-1", cpu=0, mem_gib=0, exclusive=True)
    job = world.job(cpu=0, mem_gib=0)
    (placement,) = world.cycle().placements
    assert (placement.job, nodes_of(placement)) == (job, {"bj/cpu-0": 1})


@pytest.mark.parametrize(
    ("free", "tasks", "expected"),
    [
        ([4, 4, 4], 12, {0: 4, 1: 4, 2: 4}),
        ([1, 5, 3], 3, {2: 3}),
        ([1, 5, 3], 6, {1: 5, 0: 1}),
        ([2, 2, 2], 7, {}),
        ([0, 0, 0], 1, {}),
    ],
)
def test_packing_without_domains(free: list[int], tasks: int, expected: dict[int, int]) -> None:
    assert dict(pack(np.array(free), tasks, ())) == expected


def test_packing_prefers_a_node_to_a_rack_and_a_rack_to_a_spine() -> None:
    spine, rack = np.array([0, 0, 0, 0, 1, 1]), np.array([0, 0, 1, 1, 2, 2])
    free = np.array([2, 2, 3, 1, 5, 1])
    assert dict(pack(free, 5, (spine, rack))) == {4: 5}
    assert dict(pack(free, 4, (spine, rack))) == {4: 4}
    free = np.array([2, 2, 3, 1, 3, 3])
    assert dict(pack(free, 4, (spine, rack))) == {0: 2, 1: 2}
    assert dict(pack(free, 7, (spine, rack))) == {0: 2, 1: 2, 2: 3}


def test_the_last_piece_stays_in_the_domain_that_the_gang_is_in() -> None:
    rack = np.array([0, 0, 1, 1, 2])
    free = np.array([5, 4, 4, 4, 2])
    assert dict(pack(free, 15, (rack,))) == {0: 5, 1: 4, 2: 4, 3: 2}
