"""The machines that a trace was taken from, and what goes with them."""

from pathlib import Path

import pytest

from hutong.model.errors import HutongError
from hutong.model.tenant import QuotaResource
from hutong.sim.trace import world_of
from hutong.sim.trace.worlds import acme_world, openb_world, swf_world, tenants_of
from hutong.sim.workload import WorkloadInfo
from hutong.sim.world import World
from tests.unit.sim.trace.traces import FOLDER, opened, text_of, written


def shapes(world: World) -> dict[str, tuple[str, int, int, int]]:
    """By pool: its chip, nodes, CPUs and chips of a node."""
    found = {}
    for site in world.sites:
        for pool in site.inventory.pools:
            nodes = sum(node.pool == pool.id for node in site.inventory.nodes)
            amount = pool.node
            counts = (nodes, amount.cpu_milli // 1000, amount.accelerator_milli // 1000)
            found[str(pool.id)] = (pool.accelerator, *counts)
    return found


def test_log_is_replayed_on_one_machine_or_on_its_nodes() -> None:
    info = opened("small.swf").info
    assert shapes(world_of(opened("small.swf"))) == {"swf/all": ("", 1, 16, 0)}
    assert shapes(swf_world(info, by_node=True)) == {"swf/all": ("", 4, 4, 0)}


def test_log_that_does_not_tell_its_machine_has_no_world() -> None:
    with pytest.raises(HutongError, match=r"trace\.no_world"):
        swf_world(WorkloadInfo("x"))


def test_openb_nodes_are_pools_by_shape() -> None:
    workload = opened("openb_pods.csv")
    world = world_of(workload, companion=str(FOLDER / "openb_nodes.csv"))
    assert shapes(world) == {
        "openb/p100-2": ("P100-16GB", 1, 64, 2),
        "openb/g2-8": ("Undisclosed-G2", 2, 96, 8),
        "openb/cpu": ("", 1, 32, 0),
        "openb/p100-2-2": ("P100-16GB", 1, 96, 2),
    }


def test_undisclosed_chips_draw_what_the_chip_draws_that_they_are_taken_for() -> None:
    workload = opened("openb_pods.csv")
    world = world_of(workload, companion=str(FOLDER / "openb_nodes.csv"))
    watts = {pool.accelerator: pool.accelerator_watt for pool in world.sites[0].inventory.pools}
    assert watts["Undisclosed-G2"] == 150
    assert watts["P100-16GB"] == 0


def test_pai_machines_are_pools_by_shape() -> None:
    assert shapes(world_of(opened("pai_task_table.csv"))) == {
        "pai/t4-2": ("T4", 2, 96, 2),
        "pai/misc-8": ("Undisclosed-MISC", 1, 64, 8),
        "pai/cpu": ("", 1, 96, 0),
    }


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("node-9,64000,262144,-1,P100", "trace.bad_value"),
        ("node-9,64000,262144,1,", "trace.bad_value"),
        ("node-9,64000,262144,1,Abacus", "trace.unknown_chip"),
        ("node-9,64000", "trace.cut"),
    ],
)
def test_bad_node_of_a_list_is_refused(tmp_path: Path, row: str, code: str) -> None:
    path = written(tmp_path, "nodes.csv", [*text_of("openb_nodes.csv").split(), row])
    with pytest.raises(HutongError) as caught:
        openb_world(path)
    assert (caught.value.code, caught.value.facts["line"]) == (
        code,
        7 if code != "trace.cut" else 6,
    )


def test_world_without_the_list_of_its_machines_asks_for_it() -> None:
    with pytest.raises(HutongError, match=r"trace\.companion"):
        world_of(opened("openb_pods.csv"))


def test_virtual_clusters_are_pools_that_their_jobs_stay_in() -> None:
    world = world_of(opened("philly.csv"))
    assert [shape[1] for shape in shapes(world).values()] == [2, 1, 1]
    assert world.partitions["vc-a"] == ("philly/vc-a",)
    (pool,) = world.partitions["Vc A"]
    assert pool in shapes(world)
    assert "none" not in world.partitions


def test_pooled_virtual_clusters_are_guaranteed_what_they_own() -> None:
    world = world_of(opened("philly.csv"), pooled=True)
    assert world.partitions == {}
    guaranteed = {
        tenant.id: rule.guaranteed
        for tenant in world.tenants
        for rule in tenant.quota.rules
        if rule.resource is QuotaResource.ACCELERATORS
    }
    assert (guaranteed["vc-a"], guaranteed["vc-b"]) == (16_000, 8_000)


def test_helios_virtual_clusters_have_the_most_that_they_had_on_a_day() -> None:
    assert [shape[1] for shape in shapes(world_of(opened("helios.csv"))).values()] == [3, 1]


def test_gavel_has_three_kinds_of_chips_with_their_throughputs() -> None:
    world = world_of(opened("gavel.trace"))
    assert [chip for chip, *_ in shapes(world).values()] == ["V100-16GB", "P100-16GB", "K80"]
    assert sum(nodes * chips for _, nodes, _, chips in shapes(world).values()) == 108
    table = world.throughput
    assert table is not None
    assert table.rate("Reader (batch size 4)", 1, "V100-16GB") == 10.0
    assert table.rate("Writer (batch size 8)", 2, "K80") == 0.0
    assert table.rate("Writer (batch size 8)", 2, "T4") is None


def test_muri_and_acme_have_nodes_of_eight() -> None:
    assert list(shapes(world_of(opened("muri.csv"))).values()) == [("V100-32GB", 8, 96, 8)]
    assert list(shapes(world_of(opened("acme_kalos.csv"))).values()) == [("A100-80GB", 302, 128, 8)]
    assert list(shapes(acme_world()).values()) == [("A100-80GB", 286, 128, 8)]


def test_trace_of_no_known_machines_has_no_world() -> None:
    with pytest.raises(HutongError, match=r"trace\.no_world"):
        world_of(opened("gaia_hours.csv"))


def test_tenants_of_jobs_are_those_they_name() -> None:
    assert [tenant.id for tenant in tenants_of(opened("small.swf").jobs)] == ["g2", "default"]
