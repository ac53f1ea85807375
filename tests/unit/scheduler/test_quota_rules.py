"""Rules of quotas: what each counts, over what time, and what may be borrowed."""

from typing import Any

import pytest

from hutong.model.ids import TenantId
from hutong.model.reasons import BorrowLimit, OverQuota, QuotaWindowFull
from hutong.model.resources import Amount
from hutong.model.tenant import QuotaResource, QuotaRule, QuotaWindow, Spent, WindowSums
from hutong.model.window import window_of
from hutong.scheduler.claim import Claim
from hutong.scheduler.tenants import Ledger
from tests.unit.scheduler.worlds import (
    A100,
    ASCEND,
    H100,
    HOUR_MS,
    ArraySpec,
    World,
    chips,
    deferral_of,
    placed,
    started,
)

CPU, MEMORY, CHIPS = QuotaResource.CPU, QuotaResource.MEMORY, QuotaResource.ACCELERATORS
JOBS, TIME, MONEY = QuotaResource.JOBS, QuotaResource.ACCELERATOR_TIME, QuotaResource.MONEY
DAY, MONTH = QuotaWindow.DAY, QuotaWindow.MONTH


def rule(resource: QuotaResource, **fields: Any) -> QuotaRule:
    return QuotaRule(resource, **fields)


def sites() -> World:
    world = World().site("bj").site("tj", region="tianjin")
    world.pool("bj/gpu", nodes=2, chips=8).pool("tj/npu", nodes=2, chips=8, model=ASCEND)
    return world.pool("tj/gpu", nodes=2, chips=8)


def count_started(world: World, *rules: QuotaRule, tenant: str = "a") -> int:
    world.tenant(tenant, rules=rules)
    world.job(chips(1), cpu=1, mem_gib=1, tenant="a/x", array=ArraySpec(60))
    return len(started(world.step()))


@pytest.mark.parametrize(
    ("line", "count"),
    [
        (rule(CHIPS, limit=5_000), 5),
        (rule(CHIPS, limit=5_000, model=A100), 5),
        (rule(CHIPS, limit=5_000, model=ASCEND), 32),
        (rule(CHIPS, limit=5_000, site="tj"), 21),
        (rule(CHIPS, limit=5_000, region="tianjin"), 21),
        (rule(CHIPS, limit=5_000, region="nowhere"), 32),
        (rule(CPU, limit=7_500), 7),
        (rule(MEMORY, limit=3 * 1024), 3),
        (rule(JOBS, limit=4), 4),
        (rule(JOBS, limit=4, site="bj", model=A100), 20),
        (rule(CHIPS, guaranteed=3_000, borrow=1_000), 4),
        (rule(CHIPS, borrow=2_000), 2),
        (rule(CHIPS, guaranteed=1_000), 32),
        (rule(CHIPS, guaranteed=9_000, borrow=9_000, limit=6_000), 6),
    ],
)
@pytest.mark.parametrize("tenant", ["a", "a/x"])
def test_a_rule_counts_what_it_names_and_nothing_else(
    line: QuotaRule, count: int, tenant: str
) -> None:
    assert count_started(sites(), line, tenant=tenant) == count


def test_a_family_name_counts_all_its_chips() -> None:
    world = World().pool("bj/a", chips=8).pool("bj/b", chips=8, model=H100)
    world.tenant("a", rules=(rule(CHIPS, limit=3_000, model="H100"),))
    world.job(chips(1, H100), tenant="a", array=ArraySpec(8))
    assert len(started(world.step())) == 3


def test_limits_come_before_what_may_be_borrowed_and_ones_own_before_those_above() -> None:
    world = sites().tenant("a", rules=(rule(CHIPS, limit=4_000),))
    world.tenant("a/x", rules=(rule(CHIPS, guaranteed=1_000, borrow=1_000),))
    claim = Claim(Amount(0, 0, 5_000), A100, "bj", "beijing")
    snapshot = world.state.snapshot(world.now_ms)
    entity = snapshot.tenants.find(TenantId("a/x"))
    ledger = Ledger(snapshot.tenants, snapshot.supply.total)
    over = ledger.over_quota(entity, claim)
    assert type(over) is OverQuota
    assert (over.tenant, over.limit) == ("a", 4_000)
    small = Claim(Amount(0, 0, 1_500), A100, "bj", "beijing")
    assert ledger.over_quota(entity, small) is None
    ledger.charge(entity, small)
    bound = ledger.over_quota(entity, small)
    assert isinstance(bound, BorrowLimit)
    assert (bound.tenant, bound.used, bound.wanted, bound.limit) == ("a/x", 1_500, 1_500, 2_000)


def test_who_may_borrow_no_more_says_so_and_is_expected_when_enough_ends() -> None:
    world = sites().tenant("a", rules=(rule(CHIPS, guaranteed=2_000, borrow=1_000),))
    world.runs("bj/gpu-0", chips=2, tenant="a", ends_in_ms=2 * HOUR_MS)
    job = world.job(chips(2), tenant="a")
    deferral = deferral_of(world.cycle(), job)
    (reason,) = deferral.reasons
    assert isinstance(reason, BorrowLimit)
    assert (reason.used, reason.wanted, reason.limit) == (2_000, 2_000, 3_000)
    assert deferral.start_ms == world.now_ms + 2 * HOUR_MS


def test_a_rule_for_one_site_is_cleared_by_what_ends_there() -> None:
    world = sites().tenant("a", rules=(rule(CHIPS, limit=2_000, region="tianjin"),))
    world.runs("bj/gpu-0", chips=8, tenant="a", ends_in_ms=HOUR_MS)
    world.runs("tj/gpu-0", chips=2, tenant="a", ends_in_ms=3 * HOUR_MS)
    job = world.job(chips(2), tenant="a", sites=("tj",))
    assert deferral_of(world.cycle(), job).start_ms == world.now_ms + 3 * HOUR_MS


def test_accounts_follow_rules_that_change_and_sites_that_move() -> None:
    world = sites()
    attempt = world.runs("tj/gpu-0", chips=2, tenant="a/x")
    world.tenant("a", rules=(rule(CHIPS, limit=9_000, region="tianjin"), rule(JOBS, limit=3)))
    world.tenant("a/x", rules=(rule(TIME, limit=10**12, window=MONTH),))
    world.state.validate()
    used = {each.rule.resource: each.used for each in standing(world, "a")}
    assert used == {CHIPS: 2_000, JOBS: 1}
    world.site("tj", region="hebei")
    world.state.validate()
    assert [each.used for each in standing(world, "a")] == [0, 1]
    world.end(attempt)
    world.state.validate()
    assert [each.used for each in standing(world, "a")] == [0, 0]


def standing(world: World, tenant: str) -> Any:
    return world.state.tenant_share(TenantId(tenant), world.now_ms).rules


# Windows


def metering(*rules: QuotaRule, sums: WindowSums | None = None) -> World:
    """A world where `a/x`, which does nothing now, used so much."""
    world = sites().tenant("a", rules=rules)
    world.state.remember_use({}, {TenantId("a/x"): sums or WindowSums()}, 0)
    return world


def test_what_was_metered_what_runs_and_what_starts_count_against_a_month() -> None:
    begin_ms, end_ms = window_of(MONTH, HOUR_MS)
    sums = WindowSums(months={begin_ms: {f"bj {A100}": Spent(3_000 * HOUR_MS, 0)}})
    world = metering(rule(TIME, limit=10_000 * HOUR_MS, window=MONTH), sums=sums)
    world.runs("bj/gpu-0", chips=2, tenant="a/y", ends_in_ms=2 * HOUR_MS)
    job = world.job(chips(1), tenant="a", array=ArraySpec(9), estimate_ms=HOUR_MS)
    plan = world.step()
    assert len(started(plan)) == 3
    (reason,) = world.why(job).reasons
    assert isinstance(reason, QuotaWindowFull)
    assert (reason.used, reason.ends_ms) == (10_000 * HOUR_MS, end_ms)
    assert deferral_of(plan, job).start_ms == end_ms
    assert "this month" in reason.sentence()


def test_what_runs_longer_than_expected_counts_on() -> None:
    world = metering(rule(TIME, limit=10**15, window=MONTH))
    world.runs("bj/gpu-0", chips=2, tenant="a", ends_in_ms=HOUR_MS)
    world.state.snapshot(world.now_ms)
    assert standing(world, "a")[0].used == 2_000 * HOUR_MS
    world.now_ms += 3 * HOUR_MS
    assert standing(world, "a")[0].used == 6_000 * HOUR_MS
    world.state.validate()
    world.now_ms -= 2 * HOUR_MS + HOUR_MS // 2
    assert standing(world, "a")[0].used == 2_000 * HOUR_MS
    world.now_ms += 9 * HOUR_MS
    assert standing(world, "a")[0].used == 19_000 * HOUR_MS
    world.end(next(iter(world.live)))
    assert standing(world, "a")[0].used == 0
    world.state.validate()


def test_a_new_window_begins_empty_but_for_what_runs_into_it() -> None:
    day_ms = window_of(DAY, HOUR_MS)[0]
    sums = WindowSums(
        days={day_ms: {f"bj {A100}": Spent(7_000, 0)}},
        months={window_of(MONTH, day_ms)[0]: {f"bj {A100}": Spent(9_000, 0)}},
    )
    lines = rule(TIME, limit=10**15, window=DAY), rule(TIME, limit=10**15)
    world = metering(*lines, sums=sums)
    assert [each.used for each in standing(world, "a")] == [7_000, 9_000]
    world.now_ms = window_of(DAY, world.now_ms)[1] - HOUR_MS
    world.runs("bj/gpu-0", chips=1, tenant="a", ends_in_ms=3 * HOUR_MS)
    assert standing(world, "a")[0].used == 7_000 + 1_000 * HOUR_MS
    world.now_ms += HOUR_MS
    assert standing(world, "a")[0].used == 2_000 * HOUR_MS


def test_what_is_metered_moves_from_what_runs_to_what_was_used() -> None:
    world = metering(rule(TIME, limit=10**15, site="bj"), rule(MONEY, limit=10**15))
    attempt = world.runs("bj/gpu-0", chips=1, tenant="a/x", ends_in_ms=HOUR_MS)
    assert standing(world, "a")[0].used == 1_000 * HOUR_MS
    world.end(attempt)
    begin_ms = window_of(MONTH, world.now_ms)[0]
    world.state.meter(TenantId("a/x"), f"bj {A100}", MONTH, (begin_ms, 5, 70))
    world.state.meter(TenantId("a/x"), f"tj {A100}", MONTH, (begin_ms, 5, 30))
    world.state.meter(TenantId("a/x"), f"bj {A100}", MONTH, (begin_ms - 1, 5, 30))
    world.state.meter(TenantId("b"), f"bj {A100}", MONTH, (begin_ms, 5, 30))
    assert [each.used for each in standing(world, "a")] == [5, 100]


def test_money_counts_at_the_rate_of_the_pool_and_a_run_only_within_its_month() -> None:
    world = metering(rule(MONEY, limit=5_000_000, window=MONTH))
    world.pool("bj/gpu", nodes=2, chips=8, price=price(1_000_000)).drop_pool("tj/gpu")
    job = world.job(chips(1), tenant="a", array=ArraySpec(9), estimate_ms=2 * HOUR_MS)
    assert len(started(world.cycle())) == 2
    world.now_ms = window_of(MONTH, world.now_ms)[1] - HOUR_MS
    assert [at for at, _ in placed(world.cycle())] == [job] * 5


def price(microcny: int) -> Any:
    from hutong.model.supply import PriceBook

    return PriceBook(accelerator_microcny_per_hour=microcny)
