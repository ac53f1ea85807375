"""Spot offers at several sites for jobs with deadlines: who is asked, and when sure nodes are."""

import pytest

from hutong.model.job import Objective, Terms
from hutong.scheduler.plan import Plan
from tests.unit.scheduler.markets import AT_ONCE, Market
from tests.unit.scheduler.worlds import HOUR_MS, MINUTE_MS, chips, placed, profile

RETRY_MS = 10 * MINUTE_MS
JOB = {
    "estimate_ms": 10 * HOUR_MS, "checkpoint_ms": MINUTE_MS, "objective": Objective.COST,
    "commercial": AT_ONCE,
}  # fmt: skip


def asked(plan: Plan) -> list[str]:
    """The pools that a plan asks for nodes."""
    return [scaling.pool for scaling in plan.scalings if scaling.job is not None]


def zones(*names: str, retry_ms: int = RETRY_MS) -> Market:
    """Offers of spot nodes, one a zone, and a sure one that costs three times as much."""
    market = Market(profile(spot_retry_ms=retry_ms))
    for name in names:
        market.offer(f"{name}/gpu", nodes_max=1, boot_s=600, chips=8, price=5, terms=Terms.SPOT)
    market.offer("sure/gpu", nodes_max=4, boot_s=600, chips=8, price=15)
    return market


def refuse(market: Market, zone: str) -> None:
    """The provider says after a minute that it has no node."""
    market.pass_time(MINUTE_MS)
    market.revoke(f"{zone}/gpu")


def test_the_next_zone_is_asked_when_one_refuses() -> None:
    market = zones("a", "b")
    market.job(chips(8), deadline_ms=market.now_ms + 20 * HOUR_MS, **JOB)
    assert asked(market.step()) == ["a/gpu"]
    refuse(market, "a")
    assert asked(market.step()) == ["b/gpu"]


def test_a_zone_that_refused_is_asked_again_once_the_time_is_over() -> None:
    market = zones("a")
    market.job(chips(8), deadline_ms=market.now_ms + 20 * HOUR_MS, **JOB)
    market.step()
    refuse(market, "a")
    plan = market.step()
    assert asked(plan) == []
    assert plan.look_again_ms == market.now_ms + RETRY_MS
    market.pass_time(RETRY_MS)
    assert asked(market.step()) == ["a/gpu"]


def test_without_the_setting_it_is_asked_at_once_again() -> None:
    market = zones("a", retry_ms=0)
    market.job(chips(8), deadline_ms=market.now_ms + 20 * HOUR_MS, **JOB)
    market.step()
    refuse(market, "a")
    assert asked(market.step()) == ["a/gpu"]


def test_the_zone_whose_nodes_lasted_longer_is_asked_first() -> None:
    market = zones("a", "b")
    market.job(chips(8), deadline_ms=market.now_ms + 40 * HOUR_MS, **JOB)
    market.step()
    refuse(market, "a")
    market.step()
    market.pass_time(3 * HOUR_MS)
    market.step()
    market.revoke("b/gpu")
    market.pass_time(RETRY_MS)
    assert asked(market.step()) == ["b/gpu"]


def test_sure_nodes_are_started_while_they_can_still_make_the_deadline() -> None:
    market = zones("a")
    deadline_ms = market.now_ms + 12 * HOUR_MS
    market.job(chips(8), deadline_ms=deadline_ms, **JOB)
    market.step()
    for _ in range(40):
        if market.count("sure/gpu"):
            break
        if market.count("a/gpu"):
            refuse(market, "a")
        plan = market.step()
        if plan.look_again_ms > market.now_ms and not plan.scalings:
            market.pass_time(plan.look_again_ms - market.now_ms)
    assert market.count("sure/gpu") == 1
    assert market.now_ms + 10 * MINUTE_MS + 10 * HOUR_MS <= deadline_ms
    market.pass_time(10 * MINUTE_MS)
    assert [pool for _, pool in placed(market.step())] == ["sure/gpu"]


def test_a_job_whose_time_is_too_short_takes_sure_nodes_at_once() -> None:
    market = zones("a")
    market.job(chips(8), deadline_ms=market.now_ms + 10 * HOUR_MS + 30 * MINUTE_MS, **JOB)
    assert asked(market.step()) == ["sure/gpu"]


def test_a_job_that_wants_to_end_soon_does_not_wait_for_spot() -> None:
    market = zones("a")
    job = {**JOB, "objective": Objective.TIME}
    market.job(chips(8), deadline_ms=market.now_ms + 20 * HOUR_MS, **job)
    market.step()
    if market.count("a/gpu"):
        refuse(market, "a")
        market.step()
    assert market.count("sure/gpu") == 1


def on_sure(market: Market, deadline_ms: int) -> None:
    """A job of ten hours runs on a sure node, as zone a refused it."""
    market.job(chips(8), deadline_ms=deadline_ms, **JOB)
    for _ in range(60):
        if market.live:
            break
        if market.count("a/gpu"):
            refuse(market, "a")
        plan = market.step()
        wait_ms = plan.look_again_ms - market.now_ms
        if not market.live and not market.count("a/gpu"):
            market.pass_time(min(wait_ms, MINUTE_MS) if wait_ms > 0 else MINUTE_MS)
    (attempt,) = market.live
    market.state.note_progress(attempt, market.now_ms, 0)


def test_a_job_on_sure_nodes_goes_back_once_a_spot_node_is_there() -> None:
    market = zones("a")
    on_sure(market, market.now_ms + 12 * HOUR_MS)
    (attempt,) = market.live
    job = market.live[attempt].job
    market.pass_time(RETRY_MS)
    plan = market.step()
    assert (asked(plan), plan.preemptions) == (["a/gpu"], ())
    market.pass_time(5 * MINUTE_MS)
    assert not market.step().preemptions
    market.pass_time(5 * MINUTE_MS)
    (stop,) = market.step().preemptions
    assert (stop.victim, stop.job) == (attempt, job)
    queued, _ = market.jobs[job]
    market.end(attempt)
    market.state.enqueue(queued, 1)
    assert [pool for _, pool in placed(market.step())] == ["a/gpu"]


@pytest.mark.parametrize("spare_min", [25, 39])
def test_it_stays_where_a_move_could_cost_the_deadline(spare_min: int) -> None:
    market = zones("a")
    on_sure(market, market.now_ms + 10 * HOUR_MS + spare_min * MINUTE_MS)
    market.pass_time(RETRY_MS)
    plan = market.step()
    assert (asked(plan), plan.preemptions) == ([], ())


def test_a_refusal_leaves_who_runs_on_sure_nodes_alone() -> None:
    market = zones("a")
    on_sure(market, market.now_ms + 12 * HOUR_MS)
    market.pass_time(RETRY_MS)
    market.step()
    refuse(market, "a")
    plan = market.step()
    assert (asked(plan), plan.preemptions) == ([], ())
    assert plan.look_again_ms == market.now_ms + RETRY_MS
