"""What an order changes of the workload and the world that it names."""

from typing import Any

import pytest

from hutong.model.errors import HutongError
from hutong.model.ids import TenantId
from hutong.model.tenant import Tenant
from hutong.sim.generate import make_world
from hutong.sim.runs.build import build, build_workload, build_world
from hutong.sim.runs.order import Made, PoolChange, RunOrder, WorkloadOrder, WorldOrder
from hutong.sim.world import World

WORKLOAD = WorkloadOrder(made=Made("ai-jobs", {"jobs_count": 20}))
WORLD = WorldOrder(made=Made("made-world", {"sites_count": 2}))


def world_with(**changes: Any) -> World:
    workload = build_workload(WORKLOAD, 1)
    return build_world(WorldOrder(made=WORLD.made, **changes), workload, 1)


def test_twice_the_load_is_the_same_jobs_in_half_the_time() -> None:
    plain = list(build_workload(WORKLOAD, 1).jobs)
    twice = WorkloadOrder(made=WORKLOAD.made, load_milli=2000)
    squeezed = list(build_workload(twice, 1).jobs)
    assert [job.submit_ms for job in squeezed] == [job.submit_ms // 2 for job in plain]
    assert [job.run_ms for job in squeezed] == [job.run_ms for job in plain]


def test_pool_grows_and_shrinks_to_so_many_nodes() -> None:
    base = make_world("made-world", {"sites_count": 2}, 1)
    pool = base.sites[0].inventory.pools[0]
    had = sum(node.pool == pool.id for node in base.sites[0].inventory.nodes)
    for count in (0, had + 5):
        world = world_with(pools=(PoolChange(pool.id, nodes=count),))
        nodes = [node for node in world.sites[0].inventory.nodes if node.pool == pool.id]
        assert len(nodes) == count
        assert len({node.id for node in nodes}) == count


def test_price_changes_and_the_rest_of_the_pool_stays() -> None:
    base = make_world("made-world", {"sites_count": 2}, 1)
    pool = base.sites[1].inventory.pools[0]
    world = world_with(pools=(PoolChange(pool.id, price_microcny_per_hour=7),))
    changed = world.sites[1].inventory.pools[0]
    assert changed.price.accelerator_microcny_per_hour == 7
    assert (changed.node, changed.accelerator) == (pool.node, pool.accelerator)
    assert world.sites[0] == base.sites[0]


def test_site_is_left_out_and_tenants_are_replaced() -> None:
    base = make_world("made-world", {"sites_count": 2}, 1)
    gone = base.sites[0].site.id
    tenant = Tenant(TenantId("lab"), 5)
    world = world_with(without=(gone,), tenants=(tenant,))
    assert [site.site.id for site in world.sites] == [base.sites[1].site.id]
    assert tenant in world.tenants


@pytest.mark.parametrize("change", [{"without": ("mars",)}, {"pools": (PoolChange("mars"),)}])
def test_what_the_world_does_not_have_is_named(change: dict[str, Any]) -> None:
    with pytest.raises(HutongError) as caught:
        world_with(**change)
    assert caught.value.code == "scenario.unknown"
    assert "mars" in caught.value.message


def test_setup_has_everything_of_the_order() -> None:
    order = RunOrder("test", WORKLOAD, WORLD, seed=4, cycle_ms=500)
    setup = build(order)
    assert (setup.name, setup.seed, setup.cycle_ms) == ("test", 4, 500)
    assert len(list(setup.workload.jobs)) == 20
