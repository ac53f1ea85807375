"""Commercial capacity: when it is started, for whom, how much of it, and when it goes back."""

import msgspec

from hutong.model.job import Commercial, Objective, Terms
from hutong.model.reasons import NodesStarting
from hutong.model.supply import NodeCondition
from hutong.scheduler.plan import Plan
from hutong.scheduler.state import SiteStatus
from tests.unit.scheduler.markets import AT_ONCE, Market
from tests.unit.scheduler.worlds import (
    ASCEND,
    HOUR_MS,
    MINUTE_MS,
    ArraySpec,
    chips,
    codes,
    deferral_of,
    placed,
    profile,
)

ONE_HOUR = {"estimate_ms": HOUR_MS}


def scaled(plan: Plan) -> list[tuple[str, int]]:
    """Pools of a plan's scalings and how many nodes they should have."""
    return [(scaling.pool, scaling.nodes) for scaling in plan.scalings]


def busy(nodes_max: int = 4, boot_s: int = 60) -> Market:
    """A full pool of one node with 8 chips, free in two hours, and an offer of such nodes."""
    market = Market()
    market.pool("own/gpu", chips=8)
    market.offer("cloud/gpu", nodes_max=nodes_max, boot_s=boot_s, chips=8, price=10)
    market.runs("own/gpu-0", chips=8, ends_in_ms=2 * HOUR_MS)
    return market


def test_a_job_that_would_wait_too_long_has_nodes_started() -> None:
    market = busy()
    job = market.job(chips(8), **ONE_HOUR)
    plan = market.cycle()
    assert scaled(plan) == [("cloud/gpu", 1)]
    assert plan.scalings[0].job == job


def test_a_job_that_waits_no_longer_than_allowed_has_none_started() -> None:
    market = Market(profile(commercial_after_ms=3 * HOUR_MS))
    market.pool("own/gpu", chips=8).runs("own/gpu-0", chips=8, ends_in_ms=2 * HOUR_MS)
    market.offer("cloud/gpu", chips=8)
    market.job(chips(8), **ONE_HOUR)
    plan = market.cycle()
    assert scaled(plan) == []
    assert plan.look_again_ms == market.now_ms + 3 * HOUR_MS + 1


def test_what_the_job_allows_goes_before_the_profile() -> None:
    market = busy()
    market.job(chips(8), commercial=Commercial(after_ms=3 * HOUR_MS), **ONE_HOUR)
    assert scaled(market.cycle()) == []


def test_waiting_already_counts() -> None:
    market = busy()
    market.job(chips(8), commercial=Commercial(after_ms=150 * MINUTE_MS), **ONE_HOUR)
    assert scaled(market.step(31 * MINUTE_MS)) == []
    market.runs("own/gpu-0", chips=0, ends_in_ms=HOUR_MS)
    for attempt in list(market.live):  # it runs on, beyond what was expected of it
        running = market.live[attempt]
        late = msgspec.structs.replace(running, expected_end_ms=market.now_ms + 2 * HOUR_MS)
        market.live[attempt] = late
        market.state.start(late)
    assert scaled(market.cycle()) == [("cloud/gpu", 1)]


def test_nothing_is_started_where_waiting_ends_sooner() -> None:
    market = busy(boot_s=3 * 3600)
    market.job(chips(8), **ONE_HOUR)
    assert scaled(market.cycle()) == []


def test_jobs_at_the_end_of_a_queue_have_nodes_started_though_the_first_starts_soon() -> None:
    market = Market()
    market.pool("own/gpu", chips=8).runs("own/gpu-0", chips=8, ends_in_ms=MINUTE_MS)
    market.offer("cloud/gpu", nodes_max=9, boot_s=600, chips=8)
    market.job(chips(8), array=ArraySpec(4), estimate_ms=10 * MINUTE_MS)
    # They would start after 1, 11, 21 and 31 minutes: two of them wait for more than 15.
    assert scaled(market.cycle()) == [("cloud/gpu", 2)]


def test_nothing_is_started_for_a_job_that_may_not_use_it() -> None:
    market = busy()
    market.job(chips(8), commercial=Commercial(allowed=False), **ONE_HOUR)
    plan = market.cycle()
    assert scaled(plan) == []
    assert deferral_of(plan, plan.deferrals[0].head).explanation.filtered == {"terms": 4}


def test_terms_that_the_job_does_not_take_are_left_out() -> None:
    market = busy()
    market.offer("cloud/spot", chips=8, price=1, terms=Terms.SPOT)
    market.job(chips(8), commercial=Commercial(terms=(Terms.SPOT,)), **ONE_HOUR)
    assert scaled(market.cycle()) == [("cloud/spot", 1)]


def test_filters_hold_for_offers_as_for_pools() -> None:
    market = busy()
    market.job(chips(8, ASCEND), **ONE_HOUR)
    assert scaled(market.cycle()) == []


def test_a_budget_that_does_not_cover_whole_nodes_forbids_it() -> None:
    # Eight chips at 10 CNY for 61 minutes come to 81.3 CNY.
    for budget, wanted in ((81, []), (82, [("cloud/gpu", 1)])):
        market = busy()
        market.job(chips(8), budget_microcny=budget * 1_000_000, **ONE_HOUR)
        assert scaled(market.cycle()) == wanted, budget


def test_the_cost_of_a_node_is_shared_by_the_jobs_on_it() -> None:
    # A chip alone costs 10.2 CNY; a node for one job would be 81.3.
    market = busy()
    array = ArraySpec(8)
    market.job(chips(1), array=array, budget_microcny=8 * 11_000_000, **ONE_HOUR)
    assert scaled(market.cycle()) == [("cloud/gpu", 1)]
    market = busy()
    market.job(chips(1), budget_microcny=11_000_000, **ONE_HOUR)
    assert scaled(market.cycle()) == []


def test_a_quota_forbids_it() -> None:
    market = busy()
    market.tenant("default", accelerator_milli=12_000)
    market.job(chips(8), **ONE_HOUR)
    plan = market.cycle()
    assert scaled(plan) == []
    assert "waiting.quota" in codes(plan.deferrals[0])


def test_a_quota_holds_for_all_that_is_started_together() -> None:
    market = busy()
    market.tenant("default", accelerator_milli=24_000)
    for _ in range(4):
        market.job(chips(8), **ONE_HOUR)
    assert scaled(market.cycle()) == [("cloud/gpu", 2)]


def test_no_more_nodes_than_the_offer_has() -> None:
    market = busy(nodes_max=3)
    market.job(chips(8), array=ArraySpec(50), **ONE_HOUR)
    assert scaled(market.cycle()) == [("cloud/gpu", 3)]


def test_a_gang_gets_nodes_for_all_its_tasks_or_none() -> None:
    market = busy(nodes_max=4)
    market.job(chips(8), tasks=3, **ONE_HOUR)
    assert scaled(market.cycle()) == [("cloud/gpu", 3)]
    market = busy(nodes_max=2)
    market.job(chips(8), tasks=3, **ONE_HOUR)
    assert scaled(market.cycle()) == []


def test_small_jobs_are_packed_on_nodes() -> None:
    market = busy(nodes_max=20)
    for _ in range(20):
        market.job(chips(2), **ONE_HOUR)
    assert scaled(market.cycle()) == [("cloud/gpu", 5)]


def test_fractions_of_chips_share_them() -> None:
    market = busy(nodes_max=20)
    market.job(chips(0.5), array=ArraySpec(32), **ONE_HOUR)
    assert scaled(market.cycle()) == [("cloud/gpu", 2)]


def test_short_jobs_use_a_room_in_turn() -> None:
    # Fifteen minutes may be waited, one goes by booting: three jobs of five minutes in a row.
    market = Market()
    market.offer("cloud/cpu", nodes_max=50, boot_s=60, cpu=8)
    market.job(cpu=8, array=ArraySpec(30), estimate_ms=5 * MINUTE_MS)
    plan = market.cycle()
    assert scaled(plan) == [("cloud/cpu", 10)]


def test_no_room_is_used_in_turn_by_jobs_that_do_not_wait() -> None:
    market = Market()
    market.offer("cloud/cpu", nodes_max=50, boot_s=60, cpu=8)
    market.job(cpu=8, array=ArraySpec(30), estimate_ms=5 * MINUTE_MS, commercial=AT_ONCE)
    assert scaled(market.cycle()) == [("cloud/cpu", 30)]


def test_the_objective_chooses_among_offers() -> None:
    for objective, wanted in ((Objective.TIME, "cloud/quick"), (Objective.COST, "cloud/cheap")):
        market = Market()
        market.offer("cloud/quick", boot_s=30, chips=8, price=20)
        market.offer("cloud/cheap", boot_s=600, chips=8, price=10)
        market.job(chips(8), objective=objective, **ONE_HOUR)
        assert scaled(market.cycle()) == [(wanted, 1)], objective


def test_whole_nodes_are_what_is_paid() -> None:
    market = Market()
    market.offer("cloud/large", boot_s=60, chips=8, price=9)
    market.offer("cloud/small", boot_s=60, chips=1, price=10)
    market.job(chips(1), objective=Objective.COST, **ONE_HOUR)
    assert scaled(market.cycle()) == [("cloud/small", 1)]


def test_a_need_is_answered_once_however_long_it_takes() -> None:
    for lag_ms, slow in ((0, 1), (90_000, 1), (0, 30), (90_000, 30)):
        market = Market(lag_ms=lag_ms, slow=slow)
        market.pool("own/gpu", chips=8).runs("own/gpu-0", chips=8, ends_in_ms=9 * HOUR_MS)
        market.offer("cloud/gpu", nodes_max=9, boot_s=60, chips=8)
        market.job(chips(8), tasks=2, **ONE_HOUR)
        for _ in range(60):
            market.step(30_000)
        assert market.started == [2], (lag_ms, slow)


def test_the_job_starts_on_its_nodes() -> None:
    market = busy()
    job = market.job(chips(8), **ONE_HOUR)
    market.step(MINUTE_MS)
    assert market.ready("cloud/gpu") == 1
    assert placed(market.cycle()) == [(job, "cloud/gpu")]


def test_others_use_what_is_left_on_nodes_that_boot() -> None:
    market = busy()
    market.job(chips(5), **ONE_HOUR)
    market.step(1_000)
    market.job(chips(3), **ONE_HOUR)
    assert scaled(market.cycle()) == []
    market.job(chips(4), **ONE_HOUR)
    assert scaled(market.cycle()) == [("cloud/gpu", 2)]


def test_nothing_is_placed_on_a_node_that_boots() -> None:
    market = busy()
    market.job(chips(8), **ONE_HOUR)
    market.step(30_000)
    assert market.count("cloud/gpu") == 1
    assert placed(market.cycle()) == []


def test_a_job_that_waits_for_nodes_says_so() -> None:
    market = busy()
    job = market.job(chips(8), **ONE_HOUR)
    deferral = deferral_of(market.step(), job)
    ready_ms = market.now_ms + MINUTE_MS
    assert NodesStarting("cloud/gpu", 1, ready_ms) in deferral.reasons
    assert deferral.start_ms == ready_ms
    market.tell()
    plan = market.cycle()
    assert deferral_of(plan, job).start_ms == ready_ms
    assert [(held.job, held.pool) for held in plan.reservations] == [(job, "cloud/gpu")]


def test_its_job_holds_a_reservation_beyond_the_profiles_number() -> None:
    market = Market(profile(reservations_count=0))
    market.offer("cloud/gpu", chips=8)
    gang = market.job(chips(8), tasks=2, **ONE_HOUR)
    market.step(1_000)
    plan = market.cycle()
    assert [(held.job, held.pool) for held in plan.reservations] == [(gang, "cloud/gpu")]


def test_a_site_that_is_silent_is_asked_for_nothing() -> None:
    market = busy()
    market.status("cloud", SiteStatus.SILENT)
    market.job(chips(8), **ONE_HOUR)
    assert scaled(market.cycle()) == []


# Given back


def idle() -> Market:
    """A node of an offer on which a job of an hour ran, which has just ended."""
    market = Market()
    market.offer("cloud/gpu", chips=8)
    market.job(chips(8), **ONE_HOUR)
    market.step(MINUTE_MS)
    market.step(HOUR_MS)
    assert (market.ready("cloud/gpu"), len(market.live)) == (1, 0)
    return market


def test_an_idle_node_goes_back_after_a_while() -> None:
    market = idle()
    plan = market.step(9 * MINUTE_MS)
    assert scaled(plan) == []
    assert plan.look_again_ms == market.now_ms + MINUTE_MS
    market.step(MINUTE_MS)
    plan = market.step()
    assert scaled(plan) == [("cloud/gpu", 0)]
    assert (len(plan.scalings[0].away), market.count("cloud/gpu")) == (1, 0)


def test_a_node_that_is_used_meanwhile_stays() -> None:
    market = idle()
    market.pass_time(9 * MINUTE_MS)
    job = market.job(chips(1), **ONE_HOUR)
    assert placed(market.step(2 * MINUTE_MS)) == [(job, "cloud/gpu")]
    assert scaled(market.step()) == []


def test_a_node_that_a_reservation_needs_stays() -> None:
    market = idle()
    market.offer("cloud/gpu", chips=8, nodes_max=4)
    market._put_inventory("cloud")  # type: ignore[arg-type]
    market.job(chips(8), tasks=9, **ONE_HOUR)  # fits nowhere: holds nothing
    market.job(chips(8), tasks=2, **ONE_HOUR)
    market.step(30_000)
    market.pass_time(11 * MINUTE_MS)
    assert all(not scaling.away for scaling in market.cycle().scalings)


def test_reserved_nodes_stay_until_the_operator_drains_them() -> None:
    market = Market()
    market.offer("cloud/gpu", chips=8, terms=Terms.RESERVED)
    market.job(chips(8), **ONE_HOUR)
    market.step(MINUTE_MS)
    market.step(3 * HOUR_MS)
    assert scaled(market.step()) == []
    name = next(iter(market.slots[market.offers["cloud/gpu"].pool]))  # type: ignore[index]
    market.node(name, NodeCondition.DRAINING)
    assert scaled(market.step()) == [("cloud/gpu", 0)]


# Spot


def test_the_risk_of_spot_counts_as_time_and_money() -> None:
    # At 0.5 an hour, a run of two hours is expected to lose as much again.
    for rate, wanted in ((500, "cloud/sure"), (50, "cloud/spot")):
        market = Market()
        market.offer("cloud/sure", chips=8, price=10)
        market.offer("cloud/spot", chips=8, price=8, terms=Terms.SPOT, revoked_milli_per_hour=rate)
        market.job(chips(8), estimate_ms=2 * HOUR_MS, objective=Objective.COST)
        assert scaled(market.cycle()) == [(wanted, 1)], rate


def test_checkpoints_make_spot_less_of_a_risk() -> None:
    for every_ms, wanted in ((0, "cloud/sure"), (10 * MINUTE_MS, "cloud/spot")):
        market = Market()
        market.offer("cloud/sure", chips=8, price=10)
        market.offer("cloud/spot", chips=8, price=8, terms=Terms.SPOT, revoked_milli_per_hour=500)
        market.job(
            chips(8), estimate_ms=2 * HOUR_MS, objective=Objective.COST, checkpoint_ms=every_ms
        )
        assert scaled(market.cycle()) == [(wanted, 1)], every_ms


def with_deadline(hours: float, **fields: object) -> Plan:
    market = Market()
    market.offer("cloud/sure", chips=8, price=10, boot_s=600)
    market.offer("cloud/spot", chips=8, price=1, boot_s=600, terms=Terms.SPOT)
    deadline_ms = market.now_ms + round(hours * HOUR_MS)
    market.job(chips(8), deadline_ms=deadline_ms, objective=Objective.COST, **ONE_HOUR, **fields)
    return market.cycle()


def test_spot_is_used_while_sure_nodes_can_still_make_the_deadline() -> None:
    # Booted and run on spot to its last moment, then all of it again on sure nodes: 140 minutes.
    assert scaled(with_deadline(2.4)) == [("cloud/spot", 1)]
    assert scaled(with_deadline(2.3)) == [("cloud/sure", 1)]


def test_a_job_that_writes_checkpoints_may_use_spot_for_longer() -> None:
    # To its last moment, then ten minutes of it again: 90 minutes. Taken back at once: 70.
    saves = {"checkpoint_ms": 10 * MINUTE_MS}
    assert scaled(with_deadline(1.55, **saves)) == [("cloud/spot", 1)]
    assert scaled(with_deadline(1.45, **saves)) == [("cloud/sure", 1)]


def test_a_deadline_that_nothing_else_meets_has_nodes_started_at_once() -> None:
    market = Market(profile(commercial_after_ms=9 * HOUR_MS))
    market.pool("own/gpu", chips=8).runs("own/gpu-0", chips=8, ends_in_ms=2 * HOUR_MS)
    market.offer("cloud/gpu", chips=8)
    market.job(chips(8), deadline_ms=market.now_ms + 4 * HOUR_MS, **ONE_HOUR)
    assert scaled(market.cycle()) == []
    market.job(chips(8), deadline_ms=market.now_ms + 150 * MINUTE_MS, **ONE_HOUR)
    assert scaled(market.cycle()) == [("cloud/gpu", 1)]


def test_after_a_revocation_a_deadline_is_kept_on_sure_nodes() -> None:
    market = Market()
    market.offer("cloud/sure", chips=8, price=10, boot_s=600)
    market.offer("cloud/spot", chips=8, price=1, boot_s=600, terms=Terms.SPOT)
    deadline_ms = market.now_ms + 150 * MINUTE_MS
    job = market.job(chips(8), deadline_ms=deadline_ms, objective=Objective.COST, **ONE_HOUR)
    assert scaled(market.step(10 * MINUTE_MS)) == [("cloud/spot", 1)]
    assert placed(market.step(59 * MINUTE_MS)) == [(job, "cloud/spot")]
    market.revoke("cloud/spot")
    assert scaled(market.step(10 * MINUTE_MS)) == [("cloud/sure", 1)]
    again = market.step()
    assert placed(again) == [(job, "cloud/sure")]
    assert again.placements[0].expected_end_ms <= deadline_ms


# Previews


def test_a_preview_names_offers_with_what_would_be_started() -> None:
    market = busy()
    seen = market.preview(chips(8), tasks=2, **ONE_HOUR)
    place = next(place for place in seen.places if place.pool == "cloud/gpu")
    assert place.candidate is not None
    assert place.candidate.nodes_started == 2
    assert place.candidate.start_ms == market.now_ms + MINUTE_MS
    assert place.candidate.cost_microcny == 162_666_667  # 16 chips at 10 CNY for 61 minutes
    assert (seen.pool, seen.start_ms) == ("cloud/gpu", market.now_ms + MINUTE_MS)
    assert not seen.starts_now
