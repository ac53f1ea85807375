"""Where the tasks of a gang lie: spread or packed, inside the largest place that it may span."""

import numpy as np

from hutong.model.job import Layout, Level
from hutong.model.reasons import BusyPools
from hutong.scheduler.gang_layout import Laying, lay, most, places
from tests.unit.scheduler.worlds import HOUR_MS, World, chips, deferral_of, nodes_of, started

SPINE = np.array([0, 0, 0, 0, 1, 1, 1, 1])
RACK = np.array([0, 0, 1, 1, 2, 2, 3, 3])
DOMAINS = (SPINE, RACK)


def laid(by_row: list[int], tasks: int, layout: Layout, within: Level) -> list[tuple[int, int]]:
    """Rows and tasks on eight nodes in four racks of two spines."""
    return lay(np.array(by_row), tasks, DOMAINS, Laying(layout, within, laid=True))


def test_a_spread_gang_puts_one_task_in_each_rack_before_a_second_in_any() -> None:
    assert laid([4] * 8, 4, Layout.SPREAD, Level.SITE) == [(0, 1), (2, 1), (4, 1), (6, 1)]


def test_a_spread_gang_takes_spines_in_turn() -> None:
    assert laid([4] * 8, 2, Layout.SPREAD, Level.SITE) == [(0, 1), (4, 1)]


def test_a_spread_gang_fills_all_nodes_alike_before_it_doubles_up() -> None:
    shares = dict(laid([4] * 8, 10, Layout.SPREAD, Level.SITE))
    assert sorted(shares.values()) == [1] * 6 + [2] * 2
    assert [row // 4 for row, tasks in shares.items() if tasks == 2] == [0, 1]


def test_a_spread_gang_stays_within_its_place() -> None:
    assert laid([4] * 8, 4, Layout.SPREAD, Level.RACK) == [(0, 2), (1, 2)]
    assert laid([1, 1, 4, 4, 4, 4, 4, 4], 6, Layout.SPREAD, Level.RACK) == [(2, 3), (3, 3)]


def test_a_spread_gang_chooses_the_place_where_a_node_gets_the_fewest_tasks() -> None:
    assert laid([8, 0, 0, 0, 2, 2, 2, 2], 4, Layout.SPREAD, Level.SPINE) == [
        (4, 1), (5, 1), (6, 1), (7, 1),
    ]  # fmt: skip


def test_a_packed_gang_takes_one_rack_where_one_holds_it() -> None:
    assert laid([2, 1, 2, 2, 4, 4, 4, 4], 4, Layout.PACK, Level.RACK) in ([(4, 4)], [(5, 4)])
    assert laid([1, 1, 2, 2, 1, 1, 1, 1], 4, Layout.PACK, Level.RACK) == [(2, 2), (3, 2)]


def test_a_gang_that_no_place_holds_fits_nowhere_however_much_is_free() -> None:
    assert laid([1] * 8, 3, Layout.PACK, Level.RACK) == []
    assert laid([1] * 8, 2, Layout.SPREAD, Level.NODE) == []
    assert most(np.array([1] * 8), 3, RACK) == 2


def test_without_named_domains_only_a_node_is_a_rack() -> None:
    assert places((), Level.RACK, 3).tolist() == [0, 1, 2]
    assert lay(np.array([1, 2]), 3, (), Laying(Layout.PACK, Level.SPINE, laid=True)) == []


def test_one_named_level_is_the_rack_and_the_spine() -> None:
    for within in (Level.RACK, Level.SPINE):
        assert places((RACK,), within, 8).tolist() == RACK.tolist()


def racks(*taken: str) -> World:
    """Two racks of two nodes with eight chips, some of them taken."""
    world = World().pool("bj/gpu", chips=8, racks=["s.r1", "s.r1", "s.r2", "s.r2"])
    for node in taken:
        world.runs(node, chips=8)
    return world


def test_the_cycle_spreads_a_gang_over_racks() -> None:
    world = racks()
    world.job(chips(1), tasks=4, layout=Layout.SPREAD)
    (placement,) = world.step().placements
    assert nodes_of(placement) == {f"bj/gpu-{at}": 1 for at in range(4)}


def test_a_gang_within_a_rack_waits_and_says_so_while_other_racks_have_room() -> None:
    world = racks("bj/gpu-0", "bj/gpu-2")
    job = world.job(chips(8), tasks=2, within=Level.RACK)
    plan = world.cycle()
    assert not plan.placements
    reason = deferral_of(plan, job).reasons[0]
    assert reason == BusyPools(1, 2, 1, within="rack")
    assert "one rack" in reason.sentence()


def test_a_gang_within_a_rack_reserves_the_rack_that_is_free_first() -> None:
    world = World().pool("bj/gpu", chips=8, racks=["s.r1", "s.r1", "s.r2", "s.r2"])
    world.runs("bj/gpu-0", chips=8, ends_in_ms=HOUR_MS)
    world.runs("bj/gpu-2", chips=8, ends_in_ms=2 * HOUR_MS)
    job = world.job(chips(8), tasks=2, within=Level.RACK)
    plan = world.step()
    assert [held.start_ms for held in plan.reservations] == [world.now_ms + HOUR_MS]
    # What stays past then may go beside, but not into that rack.
    late = world.job(chips(8), estimate_ms=5 * HOUR_MS)
    plan = world.step()
    assert started(plan) == [late]
    assert nodes_of(plan.placements[0]) == {"bj/gpu-3": 1}
    world.pass_time(HOUR_MS)
    (placement,) = world.step().placements
    assert placement.job == job
    assert nodes_of(placement) == {"bj/gpu-0": 1, "bj/gpu-1": 1}
