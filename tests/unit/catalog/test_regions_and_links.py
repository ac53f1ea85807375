"""Regions, and what moves data between them."""

from itertools import combinations, product

import pytest

from hutong.catalog import load_catalog
from hutong.catalog.distance import fibre_latency_us, great_circle_km
from hutong.model.catalogue import HubNode, Region

CATALOG = load_catalog()
REGIONS = list(CATALOG.regions)
CLUSTERS = [region for region in CATALOG.regions.values() if region.cluster]
BEIJING_TIANJIN_HEBEI = [
    region.id
    for region in CATALOG.regions.values()
    if region.hub_node is HubNode.BEIJING_TIANJIN_HEBEI
]


def test_beijing_tianjin_hebei_has_its_eight_places() -> None:
    assert BEIJING_TIANJIN_HEBEI == [
        "cn-beijing",
        "cn-tianjin",
        "cn-zhangjiakou",
        "cn-langfang",
        "cn-shijiazhuang",
        "cn-xiongan",
        "cn-chengde",
        "cn-baoding",
    ]


def test_the_ten_national_clusters_lie_in_the_eight_hub_nodes() -> None:
    assert len(CLUSTERS) == len({region.cluster for region in CLUSTERS}) == 10
    assert {region.hub_node for region in CLUSTERS} == set(HubNode) - {HubNode.NONE}


def test_every_region_lies_in_china_and_has_its_jurisdiction() -> None:
    for region in CATALOG.regions.values():
        assert 18_000_000 < region.latitude_microdegree < 54_000_000, region.id
        assert 73_000_000 < region.longitude_microdegree < 136_000_000, region.id
        assert region.jurisdiction.startswith("CN-"), region.id
        assert len(region.jurisdiction) == 5, region.id
        assert region.id.startswith("cn-")


def test_grid_carbon_is_that_of_the_province() -> None:
    carbon = {region.id: region.grid_carbon_g_per_kwh for region in CATALOG.regions.values()}
    assert carbon["cn-tianjin"] == 704
    assert carbon["cn-zhangjiakou"] == carbon["cn-baoding"] == 725
    assert carbon["cn-chengdu"] == 140
    assert carbon["cn-hongkong"] == 0  # not published with the others
    assert max(carbon.values()) == 725


@pytest.mark.parametrize(
    ("a", "b", "km"),
    [
        ("cn-beijing", "cn-tianjin", 114),
        ("cn-beijing", "cn-shanghai", 1068),
        ("cn-shenzhen", "cn-hongkong", 27),
    ],
)
def test_distances_are_those_of_the_map(a: str, b: str, km: int) -> None:
    assert great_circle_km(CATALOG.regions[a], CATALOG.regions[b]) == pytest.approx(km, rel=0.02)


def test_a_link_is_the_same_in_both_directions() -> None:
    for a, b in product([*REGIONS, "lab"], repeat=2):
        assert CATALOG.link(a, b) == CATALOG.link(b, a)


def test_every_pair_of_beijing_tianjin_hebei_is_described() -> None:
    described = {frozenset((link.a, link.b)) for link in CATALOG.links}
    for a, b in combinations(BEIJING_TIANJIN_HEBEI, 2):
        assert frozenset((a, b)) in described
        assert CATALOG.link(a, b).latency_us < 5_000, (a, b)


def test_beijing_reaches_every_cluster_by_a_described_link() -> None:
    described = {frozenset((link.a, link.b)) for link in CATALOG.links}
    for region in CLUSTERS:
        assert frozenset(("cn-beijing", region.id)) in described


def test_every_link_has_positive_figures_and_a_source() -> None:
    for a, b in combinations([*REGIONS, "lab"], 2):
        link = CATALOG.link(a, b)
        assert {link.a, link.b} == {a, b}
        assert link.bandwidth_mbit_per_s > 0
        assert 0 < link.latency_us <= 24_000, (a, b)
        assert link.price_microcny_per_gb > 0
        assert link.source


def test_within_a_region_data_moves_fast_and_free() -> None:
    for region in [*REGIONS, "lab"]:
        link = CATALOG.link(region, region)
        assert link.price_microcny_per_gb == 0
        assert link.latency_us < 1_000
        assert link.bandwidth_mbit_per_s >= 100_000


def test_a_pair_nobody_described_is_derived_and_says_so() -> None:
    link = CATALOG.link("cn-guian", "cn-shaoguan")
    assert link.derived
    assert not link.declared
    assert link.source.startswith("Derived")
    assert link.bandwidth_mbit_per_s < CATALOG.link("cn-beijing", "cn-tianjin").bandwidth_mbit_per_s


def test_a_region_the_catalogue_does_not_know_is_as_far_as_hub_nodes_may_be() -> None:
    assert CATALOG.link("lab", "cn-beijing").latency_us == 20_000


def test_derived_latencies_agree_with_what_was_measured_between_the_clusters() -> None:
    # CAICT, first quarter of 2024, optical layer, one way: 9.7 ms on average, 17.1 ms at most.
    latencies = [_latency(a, b) for a, b in combinations(CLUSTERS, 2)]
    assert sum(latencies) / len(latencies) == pytest.approx(9_700, rel=0.03)
    assert max(latencies) < 17_100


def test_the_derived_latency_from_beijing_to_zhongwei_lies_in_what_the_city_measured() -> None:
    beijing, zhongwei = CATALOG.regions["cn-beijing"], CATALOG.regions["cn-zhongwei"]
    assert 8_000 <= fibre_latency_us(beijing, zhongwei) <= 10_000
    assert CATALOG.link("cn-beijing", "cn-zhongwei").latency_us == 9_000


def _latency(one: Region, other: Region) -> int:
    return CATALOG.link(one.id, other.id).latency_us
