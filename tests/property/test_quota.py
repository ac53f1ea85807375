"""Promise 3 with every kind of rule: no cycle takes a tenant past a limit or what it may borrow."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hutong.model.ids import TenantId
from hutong.model.tenant import QuotaResource, QuotaRule, QuotaWindow, WindowSums
from hutong.scheduler.tenants import Ledger
from tests.unit.scheduler.worlds import A100, ASCEND, HOUR_MS, ArraySpec, World, chips

TENANTS = ("a", "a/x", "a/x/p", "a/y", "b")
R = QuotaResource
HELD = st.builds(
    QuotaRule,
    st.sampled_from([R.CPU, R.ACCELERATORS]),
    guaranteed=st.none() | st.integers(0, 8_000),
    borrow=st.none() | st.integers(0, 8_000),
    limit=st.none() | st.integers(0, 12_000),
    model=st.sampled_from(["", "", A100, ASCEND]),
    site=st.sampled_from(["", "", "bj", "tj"]),
    region=st.sampled_from(["", "", "tianjin"]),
)
COUNTED = st.builds(
    QuotaRule, st.just(R.JOBS), limit=st.integers(0, 5), site=st.sampled_from(["", "bj"])
)
OVER_TIME = st.builds(
    QuotaRule, st.sampled_from([R.ACCELERATOR_TIME, R.MONEY]),
    limit=st.integers(0, 20_000 * HOUR_MS), window=st.sampled_from(list(QuotaWindow)),
)  # fmt: skip
QUOTAS = st.dictionaries(
    st.sampled_from(TENANTS), st.lists(st.one_of(HELD, COUNTED, OVER_TIME), max_size=4), max_size=4
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("submit"), st.sampled_from(TENANTS), st.integers(0, 3)),
        st.tuples(st.just("cycle"), st.integers(0, 90), st.just(0)),
        st.tuples(st.just("rules"), st.sampled_from(TENANTS), st.integers(0, 3)),
        st.tuples(st.just("move"), st.sampled_from(["tianjin", "hebei"]), st.just(0)),
    ),
    min_size=3, max_size=14,
)  # fmt: skip


def over(world: World) -> dict[tuple[str, str], int]:
    """By how much each rule is passed."""
    snapshot = world.state.snapshot(world.now_ms)
    ledger = Ledger(snapshot.tenants, snapshot.supply.total)
    found: dict[tuple[str, str], int] = {}
    for entity in snapshot.tenants.by_id.values():
        for rule in entity.rules:
            caps = [cap for cap in (rule.limit, rule.borrow_cap) if cap is not None]
            if caps:
                found[rule.tenant, repr(rule.of)] = max(ledger.used(rule) - min(caps), 0)
    return found


@settings(max_examples=60)
@given(QUOTAS, STEPS)
def test_no_cycle_takes_a_tenant_past_a_rule(
    quotas: dict[str, list[QuotaRule]], steps: list[tuple[Any, ...]]
) -> None:
    world = World().site("bj").site("tj", region="tianjin")
    world.pool("bj/gpu", nodes=2, chips=4, cpu=16).pool("tj/npu", chips=8, cpu=8, model=ASCEND)
    sums: dict[TenantId, WindowSums] = {}
    world.state.remember_use({}, sums, 4 * HOUR_MS)
    for tenant, rules in quotas.items():
        world.tenant(tenant, rules=tuple(rules))
    for what, one, count in steps:
        if what == "submit":
            world.job(
                chips(1 + count), chips(1, ASCEND, 500), tenant=one, array=ArraySpec(3),
                estimate_ms=(1 + count) * HOUR_MS,
            )  # fmt: skip
        elif what == "rules":
            world.tenant(one, rules=(QuotaRule(R.ACCELERATORS, limit=count * 1_000),))
        elif what == "move":
            world.site("tj", region=one)
        else:
            before = over(world)
            world.step()
            after = over(world)
            assert {rule for rule in after if after[rule] > before[rule]} == set()
            world.state.tell_time(world.now_ms)
            world.pass_time(one * HOUR_MS // 30)
        world.state.validate()
