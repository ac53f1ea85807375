"""Offers on random worlds: never more nodes than there are, never twice for one need."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hutong.model.job import Commercial, Terms
from hutong.model.supply import NodeCondition
from tests.unit.scheduler.markets import Market
from tests.unit.scheduler.worlds import HOUR_MS, MINUTE_MS, ArraySpec, chips, profile

STEP_MS = 5 * MINUTE_MS

JOBS = st.fixed_dictionaries(
    {
        "count": st.sampled_from([0.5, 1, 2, 8]),
        "tasks": st.integers(1, 3),
        "elements": st.integers(1, 6),
        "minutes": st.sampled_from([1, 20, 90]),
        "after_ms": st.sampled_from([None, 0, HOUR_MS]),
        "budget": st.sampled_from([0, 50, 5_000]),
        "deadline_minutes": st.sampled_from([0, 0, 100, 300]),
        "exclusive": st.booleans(),
    }
)
OFFERS = st.fixed_dictionaries(
    {
        "nodes_max": st.integers(0, 4),
        "boot_s": st.sampled_from([0, 60, 1_200]),
        "chips": st.sampled_from([1, 8]),
        "price": st.integers(0, 20),
        "terms": st.sampled_from(list(Terms)),
        "revoked_milli_per_hour": st.sampled_from([0, 200, 5_000]),
    }
)
WORLDS = st.fixed_dictionaries(
    {
        "offers": st.lists(OFFERS, min_size=1, max_size=3),
        "jobs": st.lists(st.tuples(st.integers(0, 3), JOBS), min_size=1, max_size=8),
        "own": st.integers(0, 2),
        "lag_ms": st.sampled_from([0, STEP_MS, 4 * STEP_MS]),
        "slow": st.sampled_from([1, 10]),
        "backfill": st.sampled_from(["none", "easy", "conservative"]),
    }
)


def market_of(world: dict[str, Any]) -> Market:
    rules = profile(backfill=world["backfill"])
    market = Market(rules, lag_ms=world["lag_ms"], slow=world["slow"])
    market.site("own")
    if world["own"]:
        market.pool("own/gpu", nodes=world["own"], chips=8)
    for number, offer in enumerate(world["offers"]):
        market.offer(f"cloud/offer{number}", **offer)
    return market


def submit(market: Market, job: dict[str, Any]) -> None:
    deadline_ms = job["deadline_minutes"] * MINUTE_MS
    market.job(
        chips(job["count"]), tasks=job["tasks"], array=ArraySpec(job["elements"]),
        estimate_ms=job["minutes"] * MINUTE_MS, exclusive=job["exclusive"],
        commercial=Commercial(after_ms=job["after_ms"]),
        budget_microcny=job["budget"] * 1_000_000,
        deadline_ms=market.now_ms + deadline_ms if deadline_ms else 0,
    )  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(WORLDS)
def test_no_more_nodes_are_wanted_than_there_are_or_tasks_ask_for(world: dict[str, Any]) -> None:
    market = market_of(world)
    asked = 0
    for step in range(24):
        for at, job in world["jobs"]:
            if at == step:
                submit(market, job)
                asked += job["tasks"] * job["elements"]
        plan = market.cycle()
        for scaling in plan.scalings:
            assert 0 <= scaling.nodes <= market.offers[scaling.pool].nodes_max
        for placement in plan.placements:
            slots = market.slots.get(placement.pool, {})
            for share in placement.nodes if slots else ():
                assert slots[share.node].condition is NodeCondition.READY
        market.apply(plan)
        market.pass_time(STEP_MS)
    assert sum(market.started) <= asked


@settings(max_examples=60, deadline=None)
@given(OFFERS, JOBS, st.sampled_from([0, STEP_MS, 4 * STEP_MS]), st.sampled_from([1, 30]))
def test_while_nothing_changes_nothing_more_is_started(
    offer: dict[str, Any], job: dict[str, Any], lag_ms: int, slow: int
) -> None:
    market = Market(lag_ms=lag_ms, slow=slow)
    market.offer("cloud/offer0", **{**offer, "boot_s": 3_600})
    submit(market, {**job, "deadline_minutes": 0})
    for _ in range(12):
        market.step(STEP_MS)
        if market.ready("cloud/offer0"):
            break
    assert len(market.started) <= 1


@settings(max_examples=30, deadline=None)
@given(WORLDS)
def test_equal_worlds_are_scaled_alike(world: dict[str, Any]) -> None:
    plans = []
    for _ in range(2):
        market = market_of(world)
        for _, job in world["jobs"]:
            submit(market, job)
        plans.append([market.step(STEP_MS) for _ in range(4)])
    assert plans[0] == plans[1]


@settings(max_examples=30, deadline=None)
@given(WORLDS)
def test_all_but_reserved_nodes_go_back_when_nothing_is_left_to_do(world: dict[str, Any]) -> None:
    market = market_of({**world, "slow": 1})
    for _, job in world["jobs"]:
        submit(market, job)
    for _ in range(8):
        market.step(STEP_MS)
    for job in list(market.jobs):
        market.state.dequeue(job)
    for attempt in list(market.live):
        market.end(attempt)
    for _ in range(12):
        market.step(STEP_MS)
    for pool, slots in market.slots.items():
        assert not slots or market.offers[pool].terms is Terms.RESERVED
