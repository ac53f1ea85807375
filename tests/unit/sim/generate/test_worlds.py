from collections import Counter

import pytest

from hutong.model.errors import HutongError
from hutong.sim.generate import make_world


def test_nodes_are_as_even_as_may_be_over_sites() -> None:
    made = make_world("made-world", {"nodes_count": 11, "sites_count": 3}, 1)
    assert [len(sim.inventory.nodes) for sim in made.sites] == [4, 4, 3]
    assert len({node.id for sim in made.sites for node in sim.inventory.nodes}) == 11


def test_regions_and_chips_come_in_turn() -> None:
    settings = {
        "sites_count": 4, "regions": ["cn-beijing", "own"], "accelerators": ["910B3", "H800", ""],
    }  # fmt: skip
    made = make_world("made-world", settings, 1)
    assert [sim.site.region for sim in made.sites] == ["cn-beijing", "own", "cn-beijing", "own"]
    assert [sim.site.jurisdiction for sim in made.sites] == ["CN-BJ", "", "CN-BJ", ""]
    pools = [sim.inventory.pools[0] for sim in made.sites]
    assert [pool.accelerator for pool in pools] == ["Ascend910B3", "H800", "", "Ascend910B3"]
    assert [pool.node.accelerator_milli for pool in pools] == [8000, 8000, 0, 8000]


def test_racks_and_spines_hold_as_many_as_was_set() -> None:
    settings = {"nodes_count": 20, "rack_nodes": 4, "spine_racks": 2}
    nodes = make_world("made-world", settings, 1).sites[0].inventory.nodes
    assert Counter(node.domains[1] for node in nodes) == {f"rack-{n}": 4 for n in range(5)}
    assert Counter(node.domains[0] for node in nodes) == {
        "spine-0": 8, "spine-1": 8, "spine-2": 4,
    }  # fmt: skip


def test_tenants_are_named_as_those_of_the_jobs() -> None:
    made = make_world("made-world", {"tenants_count": 2}, 1)
    assert [tenant.id for tenant in made.tenants] == ["t0", "t1"]


def test_more_sites_than_nodes_are_refused() -> None:
    with pytest.raises(HutongError, match="only 2 nodes"):
        make_world("made-world", {"nodes_count": 2, "sites_count": 3}, 1)
