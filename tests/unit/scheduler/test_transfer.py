"""Where inputs lie, how long they take to come, what that costs, and who shares a link."""

import random
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from hutong.model.ids import AttemptId, RegionId, SiteId
from hutong.model.job import DataInput, Objective, Preferences
from hutong.model.limits import REPLICA_NAMES
from hutong.model.supply import Energy, Site
from hutong.scheduler.plan import Candidate, Plan
from hutong.scheduler.transfer import Transfers
from tests.unit.scheduler.worlds import (
    ASCEND,
    CATALOG,
    HOUR_MS,
    MINUTE_MS,
    ArraySpec,
    World,
    chips,
    deferral_of,
    link,
    price,
    profile,
    started,
)

GIB = 1024
TEN_GBIT_MS_PER_GIB = 859  # 8.59 Gbit over 10 Gbit/s


def three_sites(**pools: Any) -> World:
    """Sites in Beijing, Tianjin and Wuhu, with plain links of 10, 1 and 1 Gbit/s between them."""
    world = World()
    world.site("bj", region="cn-beijing").site("tj", region="cn-tianjin")
    world.site("wh", region="cn-wuhu")
    world.state.put_link(link("cn-beijing", "cn-tianjin", mbit_per_s=10_000, price_cny_per_gb=0.5))
    world.state.put_link(link("cn-beijing", "cn-wuhu", mbit_per_s=1_000, price_cny_per_gb=0.5))
    world.state.put_link(link("cn-tianjin", "cn-wuhu", mbit_per_s=1_000, price_cny_per_gb=0.5))
    for site in ("bj", "tj", "wh"):
        world.pool(f"{site}/gpu", nodes=2, chips=8, price=price(chip=10), **pools)
    return world


def images(size_gib: int = 100, *replicas: str) -> DataInput:
    """An input at some places, in Beijing unless said otherwise."""
    return DataInput("images", size_gib * GIB, replicas or ("cn-beijing",))


def by_pool(world: World) -> dict[str, Candidate]:
    """The candidates of the last placement of a cycle."""
    plan = world.cycle()
    return {str(c.pool): c for c in plan.placements[-1].explanation.candidates}


def test_data_that_has_to_come_costs_time_and_egress_where_it_is_not() -> None:
    world = three_sites()
    world.job(chips(1), estimate_ms=HOUR_MS, inputs=(images(100, "bj"),))
    found = by_pool(world)
    assert next(iter(found)) == "bj/gpu"
    assert (found["bj/gpu"].transfer_ms, found["bj/gpu"].egress_microcny) == (0, 0)
    assert found["tj/gpu"].transfer_ms == 85_900
    assert found["wh/gpu"].transfer_ms == 858_994
    assert found["tj/gpu"].egress_microcny == 53_687_091  # 107.374 GB at 0.50 CNY
    assert found["tj/gpu"].finish_ms == world.now_ms + 85_900 + HOUR_MS


def test_a_placement_ends_later_by_the_transfer() -> None:
    world = three_sites()
    world.job(chips(1), sites=("wh",), estimate_ms=HOUR_MS, inputs=(images(100, "bj"),))
    (placement,) = world.cycle().placements
    assert placement.expected_end_ms == world.now_ms + 858_994 + HOUR_MS


def test_a_replica_in_the_region_comes_over_the_machines_own_network_for_nothing() -> None:
    world = three_sites()
    world.job(chips(1), sites=("bj",), inputs=(images(100, "beijing"),))
    (found,) = by_pool(world).values()
    assert (found.transfer_ms, found.egress_microcny) == (8_590, 0)


def test_the_widest_link_to_a_replica_is_taken() -> None:
    world = three_sites()
    world.job(chips(1), sites=("tj",), inputs=(images(10, "wh", "bj"),))
    (found,) = by_pool(world).values()
    assert found.transfer_ms == 10 * TEN_GBIT_MS_PER_GIB


def test_inputs_over_one_link_add_up_and_over_different_links_run_together() -> None:
    world = three_sites()
    one = DataInput("a", 10 * GIB, ("bj",))
    two = DataInput("b", 20 * GIB, ("cn-beijing",))
    far = DataInput("c", GIB, ("wh",))
    world.job(chips(1), sites=("tj",), inputs=(one, two, far))
    (found,) = by_pool(world).values()
    assert found.transfer_ms == 8_590 + 17_180
    world = three_sites()
    world.job(chips(1), sites=("tj",), inputs=(one, DataInput("c", 10 * GIB, ("wh",))))
    (found,) = by_pool(world).values()
    assert found.transfer_ms == 85_900


def test_a_link_is_shared_with_what_moves_over_it_already() -> None:
    world = three_sites()
    for at in range(3):
        name = f"other{at}"
        world.runs("tj/gpu-0", chips=1, inputs=(DataInput(name, GIB, ("bj",)),))
    world.job(chips(1), sites=("tj",), inputs=(images(10, "bj"),))
    (found,) = by_pool(world).values()
    assert found.transfer_ms == 34_360  # a quarter of the link


def test_an_attempt_that_runs_or_is_gone_moves_nothing_any_more() -> None:
    world = three_sites()
    inputs = (DataInput("other", GIB, ("bj",)),)
    first = world.runs("tj/gpu-0", chips=1, inputs=inputs)
    other = world.runs("tj/gpu-0", chips=1, inputs=(DataInput("more", GIB, ("bj",)),))
    job = world.job(chips(1), sites=("tj",), inputs=(images(10, "bj"),))
    times = []
    for change in (None, first, other):
        if change is first:
            world.state.note_progress(first, world.now_ms, 0)
        elif change is other:
            world.end(other)
        times.append(by_pool(world)["tj/gpu"].transfer_ms)
    assert times == [25_770, 17_180, 8_590]
    assert started(world.cycle()) == [job]


def test_a_site_that_staged_an_input_once_has_it() -> None:
    world = three_sites()
    world.job(chips(1), sites=("wh",), estimate_ms=HOUR_MS, inputs=(images(),))
    world.step()
    (attempt,) = world.live
    world.state.note_progress(attempt, world.now_ms + 1, 0)
    world.job(chips(1), sites=("wh",), inputs=(images(),))
    (found,) = by_pool(world).values()
    assert (found.transfer_ms, found.egress_microcny) == (0, 0)
    world.state.forget_replica("images", SiteId("wh"))
    assert by_pool(world)["wh/gpu"].transfer_ms == 858_994


def test_a_replica_that_is_learnt_of_is_a_source_for_others() -> None:
    world = three_sites()
    world.state.put_link(link("cn-tianjin", "cn-wuhu", mbit_per_s=100_000))
    world.job(chips(1), sites=("wh",), inputs=(images(),))
    assert by_pool(world)["wh/gpu"].transfer_ms == 858_994
    world.state.note_replica("images", SiteId("tj"))
    assert by_pool(world)["wh/gpu"].transfer_ms == 8_590


def test_placements_of_one_cycle_share_the_link_and_what_is_coming_comes_once() -> None:
    world = three_sites()
    ours, theirs = images(10, "bj"), DataInput("texts", 10 * GIB, ("bj",))
    world.job(chips(1), sites=("tj",), tenant="a", inputs=(ours,), array=ArraySpec(2))
    world.job(chips(1), sites=("tj",), tenant="b", inputs=(theirs,))
    plan = world.cycle()
    parts = {}
    for placement in plan.placements:
        (found,) = placement.explanation.candidates
        parts.setdefault(placement.job, []).append((found.transfer_ms, found.egress_microcny))
    first, second = parts.values()
    assert first[0] == (8_590, 5_368_709)
    assert second == [(17_180, 5_368_709)]
    # the second element waits for the same copy, over a link that is now shared
    assert first[1] == (17_180, 0)


def test_a_busy_link_sends_the_next_job_elsewhere() -> None:
    world = three_sites()
    world.state.put_link(link("cn-beijing", "cn-wuhu", mbit_per_s=9_000))
    for site in ("tj", "wh"):
        world.pool(f"{site}/gpu", nodes=4, chips=8)
    for name in ("a", "b"):
        given = DataInput(name, 1000 * GIB, ("cn-beijing",))
        world.job(chips(1), sites=("tj", "wh"), estimate_ms=MINUTE_MS, inputs=(given,))
    assert [p.site for p in world.cycle().placements] == ["tj", "wh"]


def test_a_link_without_bandwidth_cuts_a_pool_off() -> None:
    world = three_sites()
    world.state.put_link(link("cn-beijing", "cn-wuhu", mbit_per_s=0))
    job = world.job(chips(1), sites=("wh",), inputs=(images(100, "bj"),))
    deferral = deferral_of(world.cycle(), job)
    assert deferral.explanation.filtered == {"site": 4, "link": 2}
    assert "no link brings images to wh" in deferral.reasons[0].sentence()
    world.state.put_link(link("cn-beijing", "cn-wuhu", mbit_per_s=1))
    assert started(world.cycle()) == [job]


def test_a_link_that_vanishes_under_a_transfer_is_no_transfer_any_more() -> None:
    world = three_sites()
    world.runs("wh/gpu-0", chips=1, inputs=(images(100, "bj"),))
    world.state.put_link(link("cn-beijing", "cn-wuhu", mbit_per_s=0))
    world.cycle()
    job = world.job(chips(1), sites=("tj",), inputs=(images(10, "bj"),))
    assert started(world.cycle()) == [job]


def test_places_that_nobody_knows_are_joined_by_a_derived_link() -> None:
    world = World().site("lab", region="our-basement").pool("lab/gpu", chips=8)
    world.job(chips(1), inputs=(images(1, "another-basement"),))
    (found,) = by_pool(world).values()
    assert (found.transfer_ms, found.egress_microcny) == (8_590, 536_871)


def test_data_of_which_nobody_knows_where_it_is_weighs_nothing() -> None:
    world = three_sites()
    world.job(chips(1), inputs=(DataInput("unknown", 100 * GIB),))
    assert {c.transfer_ms for c in by_pool(world).values()} == {0}


def test_egress_is_part_of_the_cost_and_of_the_budget() -> None:
    world = three_sites()
    world.pool("tj/gpu", nodes=2, chips=8, price=price(chip=1))
    fields = {"estimate_ms": HOUR_MS, "inputs": (images(100, "bj"),), "sites": ("bj", "tj")}
    world.job(chips(1), objective=Objective.COST, **fields)
    best, other = by_pool(world).values()
    assert (best.pool, best.score) == ("bj/gpu", 10_000_000)
    assert (other.pool, other.score) == ("tj/gpu", 1_000_000 + 53_687_091)
    dear = world.job(chips(2), budget_microcny=50_000_000, **{**fields, "sites": ("tj",)})
    assert deferral_of(world.cycle(), dear).explanation.filtered["budget"] == 2


def test_egress_counts_against_a_budget_where_nobody_knows_how_long_it_runs() -> None:
    world = three_sites()
    job = world.job(chips(1), sites=("tj",), budget_microcny=53_687_090, inputs=(images(),))
    assert deferral_of(world.cycle(), job).explanation.filtered == {"site": 4, "budget": 2}


def test_a_deadline_allows_for_the_transfer() -> None:
    world = three_sites()
    fields = {"estimate_ms": HOUR_MS, "inputs": (images(100, "bj"),), "sites": ("tj",)}
    late = world.job(chips(1), deadline_ms=world.now_ms + HOUR_MS + 85_899, **fields)
    assert deferral_of(world.cycle(), late).explanation.filtered["deadline"] == 2
    world.job(chips(1), deadline_ms=world.now_ms + HOUR_MS + 85_900, **fields)
    assert len(world.cycle().placements) == 1


def test_names_that_are_known_longest_are_forgotten_first() -> None:
    transfers = Transfers({}, CATALOG)
    for at in range(REPLICA_NAMES + 1):
        transfers.note_replica(f"d{at}", SiteId("bj"))
    last = f"d{REPLICA_NAMES}"
    assert [transfers.is_known(n, SiteId("bj")) for n in ("d0", "d1", last)] == [False, True, True]


SITES = {
    SiteId(name): Site(SiteId(name), "o", RegionId(region), "CN")
    for name, region in (("bj", "cn-beijing"), ("tj", "cn-tianjin"), ("zz", "nowhere"))
}
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["stage", "leave", "arrive", "note", "forget", "link"]),
        st.integers(0, 3), st.sampled_from(list(SITES)), st.integers(0, 2),
    ),
    max_size=30,
)  # fmt: skip


@given(STEPS, st.randoms(use_true_random=False))
def test_flows_follow_from_what_is_staged_and_known_in_any_order(
    steps: list[tuple[str, int, SiteId, int]], chance: random.Random
) -> None:
    """An account that lived through it all and one that was told the end of it agree."""
    lived = Transfers(SITES, CATALOG)
    staging: dict[AttemptId, tuple[SiteId, tuple[DataInput, ...]]] = {}
    known: dict[tuple[str, SiteId], None] = {}
    links: dict[int, None] = {}
    for step, number, site, which in steps:
        attempt, name = AttemptId(f"a{number}"), f"d{which}"
        inputs = (DataInput(name, 10, ("bj", "cn-wuhu")), DataInput("d9", 5, ("tj",)))
        match step:
            case "stage":
                lived.stage(attempt, site, inputs)
                staging[attempt] = (site, inputs)
            case "leave":
                lived.leave(attempt)
                staging.pop(attempt, None)
            case "arrive":
                lived.arrive(attempt)
                at, had = staging.pop(attempt, (site, ()))
                known.update({(item.name, at): None for item in had})
            case "note":
                lived.note_replica(name, site)
                known[name, site] = None
            case "forget":
                lived.forget_replica(name, site)
                known.pop((name, site), None)
            case "link":
                lived.put_link(link("cn-beijing", "cn-wuhu", mbit_per_s=which))
                links = {which: None}
        lived.validate()
    told = Transfers(SITES, CATALOG)
    for mbit in links:
        told.put_link(link("cn-beijing", "cn-wuhu", mbit_per_s=mbit))
    facts: list[Any] = [*staging.items(), *known]
    chance.shuffle(facts)
    for fact in facts:
        if fact in known:
            told.note_replica(*fact)
        else:
            told.stage(fact[0], *fact[1])
    told.validate()
    assert told.flows_by_pair == lived.flows_by_pair


def test_plans_with_transfers_are_the_same_whatever_was_matched_before() -> None:
    def world() -> World:
        made = three_sites()
        made.runs("tj/gpu-0", chips=1, inputs=(DataInput("other", GIB, ("bj",)),))
        for at in range(6):
            made.job(chips(1 + at % 2), inputs=(images(10 + at % 3, "bj"),), tenant=f"t{at % 2}")
        return made

    warm, cold = world(), world()
    warm.preview(chips(1), inputs=(images(10, "bj"),))
    warm.cycle()
    assert msgspec.json.encode(warm.cycle()) == msgspec.json.encode(cold.cycle())


ODD = st.sampled_from([-(2**60), -1, 0, 1, 7, 10**6, 2**40, 2**60])


@given(size_mib=ODD, mbit=ODD, cny=ODD, watt=ODD, kwh=ODD, weight=ODD, hour=ODD)
def test_no_figure_however_odd_leaves_a_plan_that_cannot_be_written_down(
    *, size_mib: int, mbit: int, cny: int, watt: int, kwh: int, weight: int, hour: int
) -> None:
    odd = profile(
        hour_value_microcny=hour, energy_weight_milli=weight, carbon_microcny_per_kg=weight,
        preferred_bonus_milli=weight, domestic_bonus_milli=weight, domestic_target_milli=weight,
    )  # fmt: skip
    world = World(odd).site("tj", region="cn-tianjin", energy=Energy(kwh, kwh, weight))
    fields = {"accelerator_watt": watt, "node_watt": watt}
    world.pool("tj/gpu", chips=2, **fields).pool("tj/npu", chips=2, model=ASCEND, **fields)
    world.state.put_link(link("cn-beijing", "cn-tianjin", mbit_per_s=mbit, price_cny_per_gb=cny))
    inputs = (DataInput("d", size_mib, ("cn-beijing",)), DataInput("d", 1, ("cn-beijing",)))
    for at in range(5):
        world.job(
            chips(1, "any"), estimate_ms=HOUR_MS, inputs=inputs, cost_weight_milli=weight,
            preferences=Preferences(sites=("tj",)), tenant=f"t{at}",
        )  # fmt: skip
    plan = world.step()
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(plan), type=Plan) == plan
    assert len(plan.placements) == (4 if mbit > 0 else 0)
    for placement in plan.placements:
        first = placement.explanation.candidates[0]
        assert first.finish_ms - first.start_ms >= HOUR_MS
        assert min(first.score, first.egress_microcny, first.energy_microcny) >= 0
    world.cycle()
