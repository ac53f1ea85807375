"""Which rows a job may use for the jobs near them, and which it would rather use."""

from typing import Any

import pytest

from hutong.model.ids import PoolId, TenantId
from hutong.model.job import Affinity, Level
from hutong.model.reasons import NeighboursBar
from hutong.scheduler.affinity import Neighbours, reason_of
from hutong.scheduler.columns import PoolColumns
from hutong.scheduler.shapes import shape_of
from tests.unit.scheduler.worlds import World, spec_of

WEB = (("app", "web"),)
RACKS = ["s1.r1", "s1.r1", "s1.r2", "s2.r3"]
TENANT = TenantId("a")


def racks() -> World:
    """Four nodes in three racks below two spines, and two nodes of which no domain is named."""
    world = World().pool("bj/gpu", racks=RACKS, cpu=8)
    return world.pool("tj/cpu", nodes=2, cpu=8)


def columns_of(world: World, pool: str) -> PoolColumns:
    return world.state.snapshot(world.now_ms).supply.pools[PoolId(pool)]


def neighbours(world: World) -> Neighbours:
    return Neighbours(world.state.snapshot(world.now_ms).supply)


def allowed(world: World, pool: str, *affinity: Affinity, tenant: str = "a") -> list[int] | None:
    """The rows of a pool that the affinities allow; None for all of them."""
    shape = shape_of(spec_of(affinity=affinity))
    rows = neighbours(world).allowed_rows(shape, TenantId(tenant), columns_of(world, pool))
    return None if rows is None else rows.nonzero()[0].tolist()


def runs(world: World, node: str, **labels: str) -> Any:
    return world.runs(node, tenant="a", labels=labels)


@pytest.mark.parametrize(
    ("level", "near"),
    [
        (Level.NODE, [0]),
        (Level.RACK, [0, 1]),
        (Level.SPINE, [0, 1, 2]),
        (Level.SITE, [0, 1, 2, 3]),
    ],
)
def test_together_takes_the_places_where_such_a_job_runs_and_apart_all_others(
    level: Level, near: list[int]
) -> None:
    world = racks()
    runs(world, "bj/gpu-0", app="web", tier="front")
    assert allowed(world, "bj/gpu", Affinity(WEB, level)) == near
    others = [row for row in range(4) if row not in near]
    assert allowed(world, "bj/gpu", Affinity(WEB, level, apart=True)) == others
    assert allowed(world, "tj/cpu", Affinity(WEB, level)) == []
    assert allowed(world, "tj/cpu", Affinity(WEB, level, apart=True)) == [0, 1]


@pytest.mark.parametrize("level", [Level.RACK, Level.SPINE])
def test_a_node_of_which_no_domain_is_named_is_a_place_of_its_own(level: Level) -> None:
    world = racks()
    runs(world, "tj/cpu-1", app="web")
    assert allowed(world, "tj/cpu", Affinity(WEB, level)) == [1]
    assert allowed(world, "tj/cpu", Affinity(WEB, level, apart=True)) == [0]


def test_where_one_domain_is_named_it_is_rack_and_spine() -> None:
    world = World().pool("bj/gpu", racks=["r1", "r1", "r2"], cpu=8)
    runs(world, "bj/gpu-0", app="web")
    for level in (Level.RACK, Level.SPINE):
        assert allowed(world, "bj/gpu", Affinity(WEB, level)) == [0, 1]


def test_a_rack_is_one_place_for_all_pools_of_its_site_that_have_nodes_in_it() -> None:
    world = World().pool("bj/gpu", racks=["s1.r1", "s1.r2"]).pool("bj/cpu", racks=["s1.r2"])
    world.pool("tj/cpu", racks=["s1.r2"])
    runs(world, "bj/cpu-0", app="web")
    assert allowed(world, "bj/gpu", Affinity(WEB, Level.RACK)) == [1]
    assert allowed(world, "tj/cpu", Affinity(WEB, Level.RACK)) == []


def test_every_label_has_to_be_there_and_of_the_same_tenant() -> None:
    world = racks()
    runs(world, "bj/gpu-0", app="web")
    runs(world, "bj/gpu-2", app="web", tier="front")
    both = (("app", "web"), ("tier", "front"))
    assert allowed(world, "bj/gpu", Affinity(both)) == [2]
    assert allowed(world, "bj/gpu", Affinity(WEB), tenant="b") == []
    assert allowed(world, "bj/gpu", Affinity(WEB), tenant="a/x") == []


def test_several_required_affinities_all_hold() -> None:
    world = racks()
    runs(world, "bj/gpu-0", app="web")
    runs(world, "bj/gpu-1", app="noise")
    near = Affinity(WEB, Level.RACK)
    quiet = Affinity((("app", "noise"),), Level.NODE, apart=True)
    assert allowed(world, "bj/gpu", near, quiet) == [0]


def test_without_a_required_affinity_every_row_is_allowed() -> None:
    world = racks()
    assert allowed(world, "bj/gpu") is None
    assert allowed(world, "bj/gpu", Affinity(WEB, required=False)) is None


def test_preferences_count_by_row_and_forbid_nothing() -> None:
    world = racks()
    runs(world, "bj/gpu-0", app="web")
    runs(world, "bj/gpu-1", app="noise")
    shape = shape_of(
        spec_of(
            affinity=(
                Affinity(WEB, Level.RACK, required=False),
                Affinity((("app", "noise"),), Level.NODE, apart=True, required=False),
            )
        )
    )
    near = neighbours(world)
    counts = near.preferred_rows(shape, TENANT, columns_of(world, "bj/gpu"))
    assert counts is not None
    assert counts.tolist() == [2, 1, 1, 1]
    plain = shape_of(spec_of(affinity=(Affinity(WEB),)))
    assert near.preferred_rows(plain, TENANT, columns_of(world, "bj/gpu")) is None


def test_what_ended_is_a_neighbour_no_more_and_what_stops_still_is() -> None:
    world = racks()
    first, second = runs(world, "bj/gpu-0", app="web"), runs(world, "bj/gpu-3", app="web")
    world.state.mark_stopping(first)
    assert allowed(world, "bj/gpu", Affinity(WEB)) == [0, 3]
    world.end(first)
    assert allowed(world, "bj/gpu", Affinity(WEB)) == [3]
    world.end(second)
    assert allowed(world, "bj/gpu", Affinity(WEB)) == []


def test_placements_of_the_cycle_are_neighbours_at_once_asked_before_or_after() -> None:
    world = racks()
    columns, near = columns_of(world, "bj/gpu"), neighbours(world)
    node = shape_of(spec_of(affinity=(Affinity(WEB, apart=True),)))
    rack = shape_of(spec_of(affinity=(Affinity(WEB, Level.RACK),)))
    before = near.allowed_rows(node, TENANT, columns)
    assert before is not None
    assert before.all()
    near.placed(TENANT, (("app", "web"), ("x", "y")), columns, (1,))
    near.placed(TENANT, (("app", "db"),), columns, (2,))
    near.placed(TenantId("b"), WEB, columns, (3,))
    near.placed(TENANT, (), columns, (0,))
    after, together = (near.allowed_rows(s, TENANT, columns) for s in (node, rack))
    assert after is not None
    assert together is not None
    assert after.tolist() == [True, False, True, True]
    assert together.tolist() == [True, True, False, False]
    assert before.all()  # what was given out does not change


def test_a_cycle_changes_nothing_that_the_next_one_sees() -> None:
    world = racks()
    neighbours(world).placed(TENANT, WEB, columns_of(world, "bj/gpu"), (1,))
    assert allowed(world, "bj/gpu", Affinity(WEB)) == []


def test_the_reason_names_the_affinity_that_is_in_the_way() -> None:
    world = racks()
    runs(world, "bj/gpu-0", app="web")
    near, pools = neighbours(world), [columns_of(world, name) for name in ("bj/gpu", "tj/cpu")]

    def reason(*affinity: Affinity) -> NeighboursBar | None:
        found = near.barred_by(shape_of(spec_of(affinity=affinity)), TENANT, pools)
        return reason_of(found) if found is not None else None

    far = Affinity((("app", "db"),), Level.RACK)
    assert reason(Affinity(WEB)) is None
    assert reason(Affinity(WEB), far) == NeighboursBar("app=db", "rack", apart=False)
    here = reason(Affinity(WEB), Affinity(WEB, Level.SITE, apart=True))
    assert here == NeighboursBar("app=web", "site", apart=True)
    assert reason() is None
    assert reason(Affinity(WEB, apart=True, required=False)) is None


def test_a_node_that_came_back_in_another_rack_counts_where_it_is() -> None:
    world = racks()
    runs(world, "bj/gpu-0", app="web")
    world.pool("bj/gpu", racks=["s2.r3", "s1.r1", "s1.r2", "s2.r3"], cpu=8)
    assert allowed(world, "bj/gpu", Affinity(WEB, Level.RACK)) == [0, 3]
