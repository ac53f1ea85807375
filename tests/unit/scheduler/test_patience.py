"""The rule `worth`: who waits and who is bought for, by what waiting is worth and buying costs."""

import msgspec
import pytest

from hutong.model.job import Commercial, Objective
from hutong.scheduler.plan import Plan
from hutong.scheduler.profile import Profile
from tests.unit.scheduler.markets import AT_ONCE, Market
from tests.unit.scheduler.worlds import (
    HOUR_MS,
    MINUTE_MS,
    ArraySpec,
    chips,
    codes,
    deferral_of,
    placed,
    price,
    profile,
)

CNY = 1_000_000
ONE_HOUR = {"estimate_ms": HOUR_MS}


def worth(hour_cny: int, **fields: int) -> Profile:
    """A profile with the rule and so much for an hour."""
    return profile(commercial_rule="worth", hour_value_microcny=hour_cny * CNY, **fields)


def busy(rule: Profile, *, boot_s: int = 0, owned_cny: int = 0, hours: int = 2) -> Market:
    """A full node of 8 chips, free in some hours, and an offer of such nodes at 80 CNY an hour."""
    market = Market(rule)
    market.pool("own/gpu", chips=8, price=price(owned_cny))
    market.offer("cloud/gpu", nodes_max=9, boot_s=boot_s, chips=8, price=10)
    market.runs("own/gpu-0", chips=8, ends_in_ms=hours * HOUR_MS)
    return market


def bought(plan: Plan) -> int:
    """Nodes that should exist after a plan; 0 where it asks for none."""
    return sum(scaling.nodes for scaling in plan.scalings)


@pytest.mark.parametrize(("hour_cny", "nodes"), [(39, 0), (40, 0), (41, 1)])
def test_nodes_are_started_once_the_wait_is_worth_more_than_they_cost(
    hour_cny: int, nodes: int
) -> None:
    # Two hours of waiting against one hour of a node: 80 CNY.
    market = busy(worth(hour_cny))
    market.job(chips(8), **ONE_HOUR)
    assert bought(market.cycle()) == nodes


def test_a_short_job_is_bought_for_where_a_long_one_waits() -> None:
    market = busy(worth(40))
    short = market.job(chips(8), estimate_ms=30 * MINUTE_MS)
    long = market.job(chips(8), estimate_ms=10 * HOUR_MS)
    plan = market.cycle()
    assert [(one.nodes, one.job) for one in plan.scalings] == [(1, short)]
    assert "waiting.starting" not in codes(deferral_of(plan, long))


def test_the_boot_is_paid_for_and_counts() -> None:
    # With a boot of half an hour the node costs 120 CNY.
    for hour_cny, nodes in ((60, 0), (61, 1)):
        market = busy(worth(hour_cny), boot_s=1800)
        market.job(chips(8), **ONE_HOUR)
        assert bought(market.cycle()) == nodes, hour_cny


def test_only_what_buying_costs_more_than_waiting_counts() -> None:
    # A run on the pool that is there costs 64 CNY, on the offer 80: 16 more for two hours.
    for hour_cny, nodes in ((8, 0), (9, 1)):
        market = busy(worth(hour_cny), owned_cny=8)
        market.job(chips(8), objective=Objective.BALANCED, **ONE_HOUR)
        assert bought(market.cycle()) == nodes, hour_cny


def test_a_node_that_many_jobs_share_is_cheap_for_each() -> None:
    # A node for one chip alone is worth four hours, an eighth of it half an hour.
    market = busy(worth(20))
    market.job(chips(1), **ONE_HOUR)
    assert bought(market.cycle()) == 0
    market = busy(worth(20))
    market.job(chips(1), array=ArraySpec(8), **ONE_HOUR)
    assert bought(market.cycle()) == 1


def test_what_the_job_allows_goes_before_what_it_is_worth() -> None:
    market = busy(worth(1))
    market.job(chips(8), commercial=Commercial(after_ms=HOUR_MS), **ONE_HOUR)
    assert bought(market.cycle()) == 1
    market = busy(worth(1_000))
    market.job(chips(8), commercial=Commercial(after_ms=3 * HOUR_MS), **ONE_HOUR)
    assert bought(market.cycle()) == 0


def test_nobody_waits_longer_than_it_is_worth_though_the_end_is_always_near() -> None:
    # Four hours are worth the node. What runs is always expected to end in an hour.
    market = busy(worth(20), hours=1)
    market.job(chips(8), **ONE_HOUR)
    plan = market.cycle()
    assert plan.look_again_ms == market.now_ms + 4 * HOUR_MS + 1
    asked = [bought(plan)]
    for _ in range(4):
        run_on(market, 2 * HOUR_MS)
        market.pass_time(HOUR_MS)
        asked.append(bought(market.cycle()))
    assert asked == [0, 0, 0, 0, 1]


def idle(rule: Profile, hours: int) -> Market:
    """The same with a node of the offer that was started, and on which nothing runs any more."""
    market = busy(rule, boot_s=60, hours=hours)
    market.job(chips(8), commercial=AT_ONCE, estimate_ms=MINUTE_MS)
    market.step(MINUTE_MS)
    assert [place for _, place in placed(market.step())] == ["cloud/gpu"]
    market.end(next(at for at, one in market.live.items() if one.pool == "cloud/gpu"))
    return market


def run_on(market: Market, for_ms: int) -> None:
    """What runs goes on, beyond what was expected of it, for so long from now."""
    for attempt, running in list(market.live.items()):
        late = msgspec.structs.replace(running, expected_end_ms=market.now_ms + for_ms)
        market.live[attempt] = late
        market.state.start(late)


@pytest.mark.parametrize(("hour_cny", "starts"), [(20, False), (60, True)])
def test_a_job_takes_a_node_that_is_there_only_where_waiting_is_worth_less(
    hour_cny: int, starts: bool
) -> None:
    # The pool that is there is free in 119 minutes, the node's run costs 81.33 CNY.
    market = idle(worth(hour_cny, better_wait_ms=24 * HOUR_MS), hours=2)
    market.job(chips(8), objective=Objective.BALANCED, **ONE_HOUR)
    plan = market.cycle()
    assert bool(plan.placements) is starts
    assert [codes(line) for line in plan.deferrals] == ([] if starts else [["waiting.better"]])


def test_a_job_takes_a_node_that_is_there_once_it_waited_as_long_as_that_is_worth() -> None:
    # At 20 CNY an hour 81.33 CNY are worth 4.07 hours. What runs is expected to end two hours
    # after the begin, after 3.5 and after 5.
    rule = worth(20, better_wait_ms=99 * HOUR_MS, commercial_idle_ms=99 * HOUR_MS)
    market = idle(rule, hours=2)
    market.job(chips(8), objective=Objective.BALANCED, **ONE_HOUR)
    waits = []
    for _ in range(3):
        waits.append(not market.cycle().placements)
        run_on(market, 210 * MINUTE_MS)
        market.pass_time(90 * MINUTE_MS)
    assert waits == [True, True, False]


def test_the_operators_other_rule_is_as_it_was() -> None:
    market = busy(profile(commercial_after_ms=HOUR_MS))
    market.job(chips(8), estimate_ms=1_000 * HOUR_MS)
    assert bought(market.cycle()) == 1


def test_jobs_that_are_alike_are_held_to_their_own_times() -> None:
    # Two hours are worth the node. The first has waited an hour and would wait for 65 minutes
    # more; one that has just come waits for its turn.
    market = busy(worth(40), hours=1)
    market.job(chips(8), objective=Objective.BALANCED, **ONE_HOUR)
    run_on(market, 125 * MINUTE_MS)
    market.pass_time(HOUR_MS)
    later = market.job(chips(8), objective=Objective.BALANCED, **ONE_HOUR)
    plan = market.step()
    assert bought(plan) == 1
    market.pass_time(1)
    market.tell()
    plan = market.step()
    assert [place for _, place in placed(plan)] == ["cloud/gpu"]
    assert deferral_of(plan, later).start_ms == market.now_ms - 1 + 65 * MINUTE_MS
    assert bought(plan) == 0


@pytest.mark.parametrize(("hour_cny", "nodes"), [(35, 0), (45, 1)])
def test_a_job_that_minds_time_alone_is_bought_for_no_sooner(hour_cny: int, nodes: int) -> None:
    # It would run first on the bought node, in an hour. The owned one is free in two, and
    # another costs 80 CNY.
    market = busy(worth(hour_cny))
    market.job(chips(8), commercial=AT_ONCE, **ONE_HOUR)
    market.step(1)
    market.tell()
    assert placed(market.step()) != []
    market.job(chips(8), objective=Objective.TIME, **ONE_HOUR)
    assert bought(market.cycle()) == 2 * nodes
