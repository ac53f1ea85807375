from math import gamma
from typing import Any

import numpy as np
import pytest

from hutong.model.catalogue import Link
from hutong.model.errors import HutongError
from hutong.model.ids import NodeId
from hutong.sim.generate import make_mishaps, make_world
from hutong.sim.generate.mishaps import spot_taken
from hutong.sim.world import Curve, Mishap, MishapKind, World
from tests.unit.sim.generate.laws import bound, distance

HOUR_MS = 3_600_000


def world(nodes_count: int = 30, sites_count: int = 3) -> World:
    settings = {"nodes_count": nodes_count, "sites_count": sites_count, "node_accelerators": 2}
    return make_world("made-world", settings, 1)


def fail(name: str, seed: int = 1, **settings: Any) -> tuple[Mishap, ...]:
    return make_mishaps(name, settings, seed, world())


def test_nodes_fail_at_the_rate_and_for_the_time_that_was_set() -> None:
    made = fail(
        "node-failures", up_ms=20 * HOUR_MS, shape=1.0, down_ms=HOUR_MS, span_ms=4_000 * HOUR_MS
    )
    assert {mishap.kind for mishap in made} == {MishapKind.NODE_DOWN}
    turn_ms = 20 * HOUR_MS + HOUR_MS * np.exp(0.5)
    assert len(made) == pytest.approx(30 * 4_000 * HOUR_MS / turn_ms, rel=0.05)
    assert np.median([mishap.for_ms for mishap in made]) == pytest.approx(HOUR_MS, rel=0.05)


@pytest.mark.parametrize("shape", [0.7, 1.0])
def test_times_until_a_failure_follow_their_law(shape: float) -> None:
    made = fail(
        "node-failures", up_ms=HOUR_MS, shape=shape, down_ms=1, down_sigma=0,
        span_ms=600 * HOUR_MS,
    )  # fmt: skip
    gaps = np.concatenate(
        [
            np.diff([mishap.at_ms for mishap in made if mishap.node == node])
            for node in {mishap.node for mishap in made}
        ]
    )
    scale = HOUR_MS / gamma(1 + 1 / shape)
    assert distance(gaps, lambda x: 1 - np.exp(-((x / scale) ** shape))) < bound(len(gaps)) + 0.003


def test_a_node_fails_again_only_once_it_is_back() -> None:
    made = fail("node-failures", up_ms=2 * HOUR_MS, down_ms=HOUR_MS, span_ms=500 * HOUR_MS)
    back: dict[str, int] = {}
    for mishap in made:
        assert mishap.at_ms >= back.get(mishap.node, 0)
        back[mishap.node] = mishap.at_ms + mishap.for_ms


def test_mishaps_come_by_time_and_within_the_span() -> None:
    times = [mishap.at_ms for mishap in fail("node-failures", up_ms=9 * HOUR_MS)]
    assert times == sorted(times)
    assert times[-1] < 30 * 24 * HOUR_MS


def test_another_node_changes_nothing_for_those_there_were() -> None:
    settings = {"up_ms": 20 * HOUR_MS}
    few = make_mishaps("node-failures", settings, 1, world(10, 1))
    more = make_mishaps("node-failures", settings, 1, world(11, 1))
    assert set(few) < set(more)


def test_sites_go_down_or_silent() -> None:
    down = fail("site-outages", up_ms=24 * HOUR_MS)
    silent = fail("site-outages", up_ms=24 * HOUR_MS, outage="silent")
    assert {mishap.kind for mishap in down} == {MishapKind.SITE_DOWN}
    assert {mishap.kind for mishap in silent} == {MishapKind.SITE_SILENT}
    assert {mishap.site for mishap in down} == {"s0", "s1", "s2"}
    assert all(mishap.node == "" for mishap in down)


def test_each_link_between_regions_drops_three_times_an_hour() -> None:
    made = fail("link-drops", span_ms=1_000 * HOUR_MS)
    pairs = {(mishap.site, mishap.other) for mishap in made}
    assert pairs == {("s0", "cn-tianjin"), ("s0", "cn-zhangjiakou"), ("s1", "cn-zhangjiakou")}
    assert len(made) / 3_000 == pytest.approx(3 / (1 + 3 * np.exp(0.5) / 60), rel=0.05)


def test_links_that_the_world_names_are_those_that_drop() -> None:
    link = Link(
        a="cn-tianjin", b="elsewhere", bandwidth_mbit_per_s=1, latency_us=1,
        price_microcny_per_gb=0, declared=True, derived=False, source="",
    )  # fmt: skip
    plain = world()
    with_links = World(plain.name, plain.sites, links=(link,))
    made = make_mishaps("link-drops", {}, 1, with_links)
    assert {(mishap.site, mishap.other) for mishap in made} == {("s1", "elsewhere")}


def test_spot_nodes_of_the_pools_named_are_taken() -> None:
    made = fail("spot-rate", pools=["s1/pool"], up_ms=4 * HOUR_MS)
    assert {mishap.site for mishap in made} == {"s1"}
    assert {mishap.kind for mishap in made} == {MishapKind.SPOT_TAKEN}
    assert fail("spot-rate") == ()


def test_a_curve_of_spot_nodes_takes_the_last_first_and_gives_them_again() -> None:
    nodes = [NodeId(f"s/n{number}") for number in range(3)]
    made = spot_taken(Curve((0, 100, 200, 300), (5, 1, 2, 0)), nodes, 1_000)
    assert [(m.at_ms, m.for_ms, m.node) for m in made] == [
        (100, 100, "s/n1"), (100, 900, "s/n2"), (300, 700, "s/n0"), (300, 700, "s/n1"),
    ]  # fmt: skip
    assert {mishap.site for mishap in made} == {"s"}


def test_as_many_spot_nodes_are_up_as_the_curve_says() -> None:
    nodes = [NodeId(f"s/n{number}") for number in range(6)]
    curve = Curve((0, 7, 20, 31), (4, 6, 0, 3), period_ms=40)
    made = spot_taken(curve, nodes, 200)
    for now_ms in range(200):
        down = sum(m.at_ms <= now_ms < m.at_ms + m.for_ms for m in made)
        assert 6 - down == curve.at(now_ms)


def test_sites_and_pools_that_the_world_has_not_are_refused() -> None:
    with pytest.raises(HutongError, match="no site 'x'"):
        fail("node-failures", sites=["x"])
    with pytest.raises(HutongError, match="no pool 'x'"):
        fail("spot-rate", pools=["x"])


def test_more_mishaps_than_may_be_are_refused_before_any_is_drawn() -> None:
    with pytest.raises(HutongError, match="at most 5,000,000"):
        fail("node-failures", up_ms=1000, down_ms=1, span_ms=10**9 * 3)


def test_the_same_seed_gives_the_same_and_another_something_else() -> None:
    assert fail("node-failures") == fail("node-failures")
    assert fail("node-failures") != fail("node-failures", seed=2)
