"""Every filter is reached, names itself and lets through what it should."""

from typing import Any

import pytest

from hutong.model.ids import PoolId, SiteId
from hutong.model.job import Commercial, DataInput, DomesticRule, Level, Terms
from hutong.model.reasons import NoPoolMatches, NoSites
from hutong.model.resources import AcceleratorNeed, FrameworkNeed
from hutong.model.supply import Inventory, Offer, SoftwareVersion
from hutong.scheduler.filters import FILTERS
from hutong.scheduler.shapes import shape_of
from hutong.scheduler.story import TELLERS
from tests.unit.scheduler.worlds import (
    A100,
    ASCEND,
    H100,
    HOUR_MS,
    NodeCondition,
    SiteStatus,
    World,
    chips,
    deferral_of,
    link,
    price,
    spec_of,
    started,
)

TORCH = (SoftwareVersion("cuda", "12.4"), SoftwareVersion("torch", "2.10.0"))

# filter -> a job that falls to it, and what has to be changed so that it passes
CASES: dict[str, tuple[tuple[AcceleratorNeed, ...], dict[str, Any], dict[str, Any]]] = {
    "accelerator": ((chips(1, H100),), {}, {"alternatives": (chips(1, A100),)}),
    "domestic": (
        (chips(1),),
        {"domestic": DomesticRule.ONLY},
        {"domestic": DomesticRule.PREFER},
    ),
    "software": (
        (chips(1),),
        {"frameworks": (FrameworkNeed("torch", "2.11"),)},
        {"frameworks": (FrameworkNeed("torch", "2.9"), FrameworkNeed("cuda", "12"))},
    ),
    "region": ((chips(1),), {"regions": ("tianjin",)}, {"regions": ("tianjin", "beijing")}),
    "jurisdiction": (
        (chips(1),),
        {"jurisdictions": ("CN-TJ",)},
        {"jurisdictions": ("CN-BJ",)},
    ),
    "owner": ((chips(1),), {"owners": ("other",)}, {"owners": ("city",)}),
    "site": ((chips(1),), {"sites": ("tj",)}, {"sites": ("bj", "tj")}),
    "pool": ((chips(1),), {"pools": ("bj/cpu",)}, {"pools": ("bj/gpu",)}),
    "terms": (
        (chips(1),),
        {"commercial": Commercial(allowed=False)},
        {"commercial": Commercial(terms=(Terms.ON_DEMAND,))},
    ),
    "node_size": ((chips(9),), {}, {"alternatives": (chips(8),)}),
    "gang_size": ((chips(8),), {"tasks": 5}, {"tasks": 4}),
    "link": (
        (chips(1),),
        {"inputs": (DataInput("images", 1024, ("cn-wuhu",)),)},
        {"inputs": (DataInput("images", 1024, ("cn-tianjin",)),)},
    ),
    "budget": (
        (chips(1),),
        {"budget_microcny": 9_999_999, "estimate_ms": HOUR_MS},
        {"budget_microcny": 10_000_000, "estimate_ms": HOUR_MS},
    ),
    "deadline": (
        (chips(1),),
        {"deadline_ms": 2 * HOUR_MS - 1, "estimate_ms": HOUR_MS},
        {"deadline_ms": 2 * HOUR_MS, "estimate_ms": HOUR_MS},
    ),
}


def one_pool(name: str = "") -> World:
    """A site in Beijing with four nodes of eight chips at 10 CNY an hour, cut off from Wuhu.

    For the case of terms they are nodes of an offer, as many as it has.
    """
    world = World().pool("bj/gpu", nodes=4, chips=8, software=TORCH, price=price(chip=10))
    whole = world.inventory("bj")
    offer = Offer(PoolId("bj/gpu"), Terms.ON_DEMAND, 4, 0, price(chip=10))
    offers = (offer,) if name == "terms" else ()
    world.state.put_inventory(SiteId("bj"), Inventory(whole.pools, whole.nodes, offers))
    world.state.put_link(link("cn-beijing", "cn-wuhu", mbit_per_s=0))
    return world


def test_every_filter_has_a_case() -> None:
    assert [name for name, _ in FILTERS] == [name for name in CASES if name != "deadline"]


@pytest.mark.parametrize("name", CASES)
def test_a_job_that_falls_to_a_filter_is_told_its_name(name: str) -> None:
    alternatives, fields, _ = CASES[name]
    world = one_pool(name)
    job = world.job(*alternatives, **fields)
    deferral = deferral_of(world.cycle(), job)
    (reason,) = deferral.reasons
    assert isinstance(reason, NoPoolMatches)
    assert reason.filtered == {name: 4}
    assert deferral.explanation.filtered == {name: 4}
    assert "4 by " + name in reason.sentence()


@pytest.mark.parametrize("name", CASES)
def test_a_job_that_meets_a_filter_passes_it(name: str) -> None:
    alternatives, fields, passing = CASES[name]
    world = one_pool(name)
    changed = {**fields, **passing}
    job = world.job(*changed.pop("alternatives", alternatives), **changed)
    assert started(world.cycle()) == [job]


def test_an_excluded_site_falls_to_the_filter_of_sites() -> None:
    world = one_pool()
    job = world.job(chips(1), exclude_sites=("bj",))
    assert deferral_of(world.cycle(), job).explanation.filtered == {"site": 4}


def test_the_first_filter_that_a_pool_fails_names_why_it_is_out() -> None:
    world = one_pool().pool("tj/cpu", nodes=3)
    job = world.job(chips(9), regions=("shanghai",))
    filtered = deferral_of(world.cycle(), job).explanation.filtered
    assert filtered == {"region": 4, "accelerator": 3}


def test_of_several_alternatives_the_one_that_got_furthest_is_named() -> None:
    world = one_pool()
    job = world.job(chips(1, H100), chips(9, A100))
    assert deferral_of(world.cycle(), job).explanation.filtered == {"node_size": 4}


def test_a_family_allows_its_variants_and_an_alias_means_its_chip() -> None:
    world = one_pool().pool("tj/npu", chips=8, model=ASCEND)
    jobs = [world.job(chips(1, "A100")), world.job(chips(1, "ascend 910b3"))]
    plan = world.cycle()
    assert [(p.job, p.accelerator) for p in plan.placements] == [(jobs[0], A100), (jobs[1], ASCEND)]


def test_any_takes_whatever_chip_there_is_but_no_pool_without_chips() -> None:
    world = World().pool("bj/cpu", nodes=2)
    waits = world.job(chips(1, "any"))
    assert deferral_of(world.cycle(), waits).explanation.filtered == {"accelerator": 2}
    world.pool("tj/npu", chips=8, model=ASCEND)
    (placement,) = world.cycle().placements
    assert (placement.job, placement.accelerator) == (waits, ASCEND)


def test_a_chip_that_the_catalogue_does_not_know_matches_by_its_name() -> None:
    world = World().pool("bj/lab", chips=4, model="prototype-1")
    job = world.job(chips(1, "prototype-1"))
    assert started(world.cycle()) == [job]


def test_domestic_only_takes_a_domestic_chip() -> None:
    world = one_pool().pool("tj/npu", chips=8, model=ASCEND)
    world.job(chips(1, "any"), domestic=DomesticRule.ONLY)
    assert [p.pool for p in world.cycle().placements] == ["tj/npu"]


def test_a_fraction_that_no_chip_of_a_node_holds_falls_to_the_nodes_size() -> None:
    world = World().pool("bj/slice", chips=0.5)
    job = world.job(chips(0.75))
    assert deferral_of(world.cycle(), job).explanation.filtered == {"node_size": 1}


def test_an_arrays_budget_is_that_of_all_its_elements() -> None:
    from tests.unit.scheduler.worlds import ArraySpec

    world = one_pool()
    job = world.job(chips(1), array=ArraySpec(2), budget_microcny=19_999_999, estimate_ms=HOUR_MS)
    assert deferral_of(world.cycle(), job).explanation.filtered == {"budget": 4}


def test_a_budget_does_not_filter_what_nobody_knows_the_duration_of() -> None:
    world = one_pool()
    job = world.job(chips(1), budget_microcny=1)
    assert started(world.cycle()) == [job]


@pytest.mark.parametrize(
    ("status", "name"),
    [(SiteStatus.SILENT, "site_silent"), (SiteStatus.DRAINING, "site_draining")],
)
def test_a_site_that_takes_no_work_is_named_and_returns(status: SiteStatus, name: str) -> None:
    world = one_pool()
    job = world.job(chips(1))
    world.status("bj", status)
    assert deferral_of(world.cycle(), job).explanation.filtered == {name: 4}
    world.status("bj", SiteStatus.READY)
    assert started(world.cycle()) == [job]


@pytest.mark.parametrize(
    ("condition", "name"),
    [(NodeCondition.DOWN, "node_down"), (NodeCondition.DRAINING, "node_draining")],
)
def test_nodes_that_take_no_work_are_named_and_return(condition: NodeCondition, name: str) -> None:
    world = one_pool()
    gang = world.job(chips(8), tasks=4)
    world.node("bj/gpu-2", condition)
    assert deferral_of(world.cycle(), gang).explanation.filtered == {name: 1}
    single = world.job(chips(8), cpu=2)
    assert started(world.cycle()) == [single]
    world.node("bj/gpu-2", NodeCondition.READY)
    assert started(world.cycle())[0] == gang


def test_without_any_site_that_is_the_reason() -> None:
    world = World()
    job = world.job()
    assert deferral_of(world.cycle(), job).reasons == (NoSites(),)


def test_a_new_inventory_is_seen_by_shapes_that_were_matched_before() -> None:
    world = one_pool()
    job = world.job(chips(1, H100))
    assert started(world.cycle()) == []
    world.pool("tj/gpu", chips=8, model=H100)
    assert started(world.cycle()) == [job]


# What a job is told when no pool is left


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        ("accelerator", "H100-80GB asked, pools have A100-80GB"),
        ("domestic", "domestic chips asked, pools have A100-80GB"),
        ("software", "torch 2.11 asked, pools have 2.10.0"),
        ("region", "tianjin asked, pools have beijing"),
        ("jurisdiction", "CN-TJ asked, pools have CN-BJ"),
        ("owner", "other asked, pools have city"),
        ("site", "tj asked, pools have bj"),
        ("pool", "bj/cpu asked, pools have bj/gpu"),
        ("node_size", "9 chips a task asked, nodes have up to 8"),
        ("gang_size", "5 tasks in one pool asked, the largest holds 4"),
        ("link", "no link brings images to bj"),
        ("budget", "10 CNY a run at most, all cost more"),
    ],
)
def test_a_filter_says_what_was_asked_and_what_there_is(name: str, detail: str) -> None:
    alternatives, fields, _ = CASES[name]
    world = one_pool()
    job = world.job(*alternatives, **fields)
    (reason,) = deferral_of(world.cycle(), job).reasons
    assert isinstance(reason, NoPoolMatches)
    assert reason.details == {name: detail}
    assert (reason.nearest, reason.fell_to) == ("bj/gpu", name)
    assert reason.sentence().endswith(f"Nearest is bj/gpu: {detail}.")


def test_every_static_filter_has_a_detail() -> None:
    assert list(TELLERS) == [name for name, _ in FILTERS]


def test_versions_are_told_from_the_oldest_to_the_newest_and_only_of_what_is_missing() -> None:
    world = World()
    for at, version in enumerate(("2.1.0", "1.13", "2.0.1")):
        software = (SoftwareVersion("torch", version), SoftwareVersion("cuda", "12.4"))
        world.pool(f"bj/gpu{at}", chips=8, software=software)
    wanted = (FrameworkNeed("torch", "2.5"), FrameworkNeed("cuda", "12"), FrameworkNeed("paddle"))
    job = world.job(chips(1), frameworks=wanted)
    (reason,) = deferral_of(world.cycle(), job).reasons
    assert isinstance(reason, NoPoolMatches)
    told = "torch 2.5 asked, pools have 1.13 to 2.1.0; paddle asked, no pool has it"
    assert reason.details == {"software": told}


def test_the_pool_that_got_furthest_is_named() -> None:
    world = one_pool().pool("tj/old", nodes=2, chips=8).pool("wh/cpu")
    job = world.job(chips(16), frameworks=(FrameworkNeed("torch", "2.9"),))
    (reason,) = deferral_of(world.cycle(), job).reasons
    assert isinstance(reason, NoPoolMatches)
    assert (reason.nearest, reason.fell_to) == ("bj/gpu", "node_size")
    assert list(reason.details) == ["accelerator", "software", "node_size"]


@pytest.mark.parametrize(
    ("within", "fits"),
    [(Level.NODE, 2), (Level.RACK, 4), (Level.SPINE, 6), (Level.SITE, 8)],
)
def test_a_gang_has_to_fit_the_largest_place_it_may_span(within: Level, fits: int) -> None:
    world = World().pool("bj/gpu", racks=["s1.r1", "s1.r1", "s1.r2", "s2.r3"], chips=8)
    for tasks, filtered in ((fits, {}), (fits + 1, {"gang_size": 4})):
        matcher = world.state.snapshot(world.now_ms).matcher
        shape = shape_of(spec_of(chips(4), tasks=tasks, within=within))
        assert matcher.match(shape, world.profile).filtered == filtered


def test_where_no_domain_is_named_a_rack_is_a_node() -> None:
    world = World().pool("bj/gpu", nodes=4, chips=8)
    job = world.job(chips(4), tasks=3, within=Level.RACK)
    deferral = deferral_of(world.cycle(), job)
    assert deferral.explanation.filtered == {"gang_size": 4}
    assert "3 tasks in one rack asked, the largest holds 2" in deferral.reasons[0].sentence()
