"""The fair share: dominant resources, weights, the tree, and use that is slowly forgotten.

The numbers of the first tests are the worked example of Ghodsi et al., Dominant Resource Fairness
(NSDI 2011): 9 CPU and 18 GB, one user whose tasks take 1 CPU and 4 GB, one with 3 CPU and 1 GB.
"""

import pytest

from hutong.model.ids import JobId, TenantId
from hutong.model.resources import Amount
from hutong.scheduler.claim import Claim
from hutong.scheduler.plan import Plan
from hutong.scheduler.tenants import Ledger
from hutong.scheduler.use import Use
from tests.unit.scheduler.worlds import HOUR_MS, ArraySpec, World, chips, started

MANY = ArraySpec(100)


def paper(weight_a: int = 1, weight_b: int = 1) -> World:
    world = World().pool("bj/cpu", cpu=9, mem_gib=18)
    return world.tenant("a", weight=weight_a).tenant("b", weight=weight_b)


def by_tenant(world: World, plan: Plan) -> list[str]:
    return [world.jobs[JobId(job)][0].spec.tenant for job in started(plan)]


def test_the_papers_example_gives_both_two_thirds_of_what_they_need_most() -> None:
    world = paper()
    world.job(tenant="b", cpu=3, mem_gib=1, array=MANY)
    world.job(tenant="a", cpu=1, mem_gib=4, array=MANY)
    plan = world.cycle()
    assert by_tenant(world, plan).count("a") == 3
    assert by_tenant(world, plan).count("b") == 2
    assert plan.shares_milli == {"a": 666, "b": 666}


def test_the_papers_table_is_followed_step_by_step() -> None:
    world = paper()
    world.job(tenant="b", cpu=3, mem_gib=1, array=MANY)
    world.job(tenant="a", cpu=1, mem_gib=4, array=MANY)
    assert by_tenant(world, world.cycle()) == ["b", "a", "a", "b", "a"]


def test_a_weight_of_two_gives_twice_the_dominant_share() -> None:
    world = World().pool("bj/cpu", cpu=90, mem_gib=180).tenant("a", weight=2).tenant("b")
    world.job(tenant="a", cpu=1, mem_gib=1, array=MANY)
    world.job(tenant="b", cpu=1, mem_gib=1, array=MANY)
    names = by_tenant(world, world.cycle())
    assert (names.count("a"), names.count("b")) == (60, 30)


@pytest.mark.parametrize("weight", [0, -3])
def test_a_weight_of_nothing_counts_as_one(weight: int) -> None:
    world = World().pool("bj/cpu", cpu=10, mem_gib=180).tenant("a", weight=weight).tenant("b")
    world.job(tenant="a", array=MANY)
    world.job(tenant="b", array=MANY)
    names = by_tenant(world, world.cycle())
    assert (names.count("a"), names.count("b")) == (5, 5)


def test_organisations_share_first_and_departments_share_what_theirs_gets() -> None:
    world = World().pool("bj/cpu", cpu=12, mem_gib=180)
    for tenant in ("one/x", "one/y", "one/z", "two"):
        world.job(tenant=tenant, array=MANY)
    names = by_tenant(world, world.cycle())
    assert [names.count(name) for name in ("one/x", "one/y", "one/z", "two")] == [2, 2, 2, 6]


def test_ids_are_paths_so_that_the_tree_has_no_loop() -> None:
    world = World().pool("bj/cpu", cpu=8)
    for odd in ("a/a", "a", "a/a/a", "b/a", "a/b/a"):
        world.tenant(odd, weight=2)
        world.job(tenant=odd, array=ArraySpec(2))
    names = by_tenant(world, world.cycle())
    assert len(names) == 8
    chain = world.state.snapshot(0).tenants.find(TenantId("a/b/a")).chain
    assert [entity.id for entity in chain] == ["a/b/a", "a/b", "a"]


# Use that is forgotten


def remembering(half_life_ms: int = 4 * HOUR_MS) -> tuple[World, dict[TenantId, Use]]:
    world = World().pool("bj/gpu", chips=8)
    uses: dict[TenantId, Use] = {}
    world.state.remember_use(uses, {}, half_life_ms)
    return world, uses


def hold_for(world: World, tenant: str, hours: float, count: float = 8) -> None:
    attempt = world.runs("bj/gpu-0", chips=count, tenant=tenant)
    world.now_ms += round(hours * HOUR_MS)
    world.end(attempt)


def morning(world: World) -> list[str]:
    world.job(chips(1), tenant="night", array=ArraySpec(8))
    world.job(chips(1), tenant="day", array=ArraySpec(8))
    return by_tenant(world, world.cycle())


def test_who_used_everything_overnight_goes_behind_in_the_morning() -> None:
    world, _ = remembering()
    hold_for(world, "night", 8)
    names = morning(world)
    assert names[:6] == ["day"] * 6
    assert names.count("day") == 7


def test_who_used_much_catches_up_as_it_is_forgotten() -> None:
    world, _ = remembering()
    hold_for(world, "night", 8)
    world.now_ms += 4 * HOUR_MS
    assert morning(world).count("day") == 5
    world, _ = remembering()
    hold_for(world, "night", 8)
    world.now_ms += 80 * HOUR_MS
    assert morning(world).count("day") == 4


def test_without_a_half_life_only_what_is_held_counts() -> None:
    world, uses = remembering(0)
    hold_for(world, "night", 8)
    assert morning(world).count("day") == 4
    assert uses == {}


def test_an_average_halves_in_one_half_life_and_fills_in_the_same_time() -> None:
    world, uses = remembering()
    hold_for(world, "a/x", 4)
    assert uses[TenantId("a/x")].acc == pytest.approx(4_000)
    assert uses[TenantId("a")].at(world.now_ms + 4 * HOUR_MS, 4 * HOUR_MS).acc == pytest.approx(2e3)


def test_many_changes_give_the_same_average_as_few() -> None:
    one, other = remembering(), remembering()
    hold_for(one[0], "a", 6)
    for _ in range(60):
        hold_for(other[0], "a", 0.1)
    a = TenantId("a")
    assert one[1][a].acc == pytest.approx(other[1][a].acc)
    assert one[1][a].at_ms == other[1][a].at_ms


def test_a_clock_that_steps_back_or_far_ahead_makes_no_average_above_what_was_held() -> None:
    world, uses = remembering()
    now_ms = world.now_ms
    for step_ms in (10 * HOUR_MS, -9 * HOUR_MS, 2**60, 5, 0, 7):
        world.now_ms = now_ms + step_ms
        attempt = world.runs("bj/gpu-0", chips=8, tenant="a")
        world.now_ms -= HOUR_MS
        world.end(attempt)
        assert 0 <= uses[TenantId("a")].acc <= 8_000
    assert world.state.tenant_share(TenantId("a"), 0).use_milli <= 1000


def test_what_a_cycle_places_counts_at_once() -> None:
    world, _ = remembering()
    hold_for(world, "a", 40)
    snapshot = world.state.snapshot(world.now_ms)
    ledger = Ledger(snapshot.tenants, snapshot.supply.total)
    a, b = snapshot.tenants.find(TenantId("a")), snapshot.tenants.find(TenantId("b"))
    assert ledger.share(a) == pytest.approx(0.5, abs=0.001)
    for _ in range(8):
        ledger.charge(b, Claim(Amount(0, 0, 1_000)))
    assert ledger.share(b) == pytest.approx(0.5)
    assert ledger.own_share(b) == pytest.approx(0.5)
    assert (ledger.share_milli(a), ledger.share_milli(b)) == (0, 1000)


def test_a_tenants_own_jobs_are_ordered_by_their_own_late_use() -> None:
    world, _ = remembering()
    hold_for(world, "a/child", 40)
    snapshot = world.state.snapshot(world.now_ms)
    ledger = Ledger(snapshot.tenants, snapshot.supply.total)
    assert ledger.own_share(snapshot.tenants.find(TenantId("a"))) == pytest.approx(0, abs=1e-9)
    assert ledger.share(snapshot.tenants.find(TenantId("a"))) == pytest.approx(0.5, abs=0.001)


def test_another_half_life_counts_from_when_it_is_set() -> None:
    world, uses = remembering()
    attempt = world.runs("bj/gpu-0", chips=8, tenant="a")
    world.now_ms += 4 * HOUR_MS
    world.state.tell_time(world.now_ms)
    world.state.set_half_life(HOUR_MS)
    world.now_ms += HOUR_MS
    world.end(attempt)
    assert uses[TenantId("a")].acc == pytest.approx(6_000)


def test_a_tenant_is_due_its_weight_among_its_siblings_down_the_tree() -> None:
    world = World().pool("bj/cpu", cpu=10, mem_gib=20)
    world.tenant("a", weight=3).tenant("b").tenant("a/x").tenant("a/y", weight=3)
    world.runs("bj/cpu-0", cpu=2, mem_gib=1, tenant="a/y")
    share = world.state.tenant_share(TenantId("a/y"), world.now_ms)
    assert (share.entitled_milli, share.share_milli, share.use_milli) == (562, 66, 0)
    assert world.state.tenant_share(TenantId("b"), world.now_ms).entitled_milli == 250


def test_a_tenant_that_only_waits_has_its_due_beside_its_siblings() -> None:
    world = World().pool("bj/cpu", cpu=10, mem_gib=20)
    world.runs("bj/cpu-0", cpu=10, mem_gib=1, tenant="a/x")

    def dues() -> list[int]:
        shares = world.state.tenant_shares([TenantId(n) for n in ("a/x", "a/y", "b")], world.now_ms)
        return [share.entitled_milli for share in shares.values()]

    assert dues() == [1000, 500, 500]  # of those that have nothing, what they would be due
    world.job(cpu=1, tenant="a/y")
    world.job(cpu=1, tenant="b")
    assert dues() == [250, 250, 500]


@pytest.mark.parametrize("count", [1, 3, 4, 7, 8, 15, 16, 17, 40])
def test_however_many_tenants_hold_something_the_share_of_each_is_told(count: int) -> None:
    world = World().pool("bj/cpu", cpu=100, mem_gib=200)
    names = [f"t{number:02}/x" for number in range(count)]
    for name in names:
        world.runs("bj/cpu-0", cpu=1, mem_gib=1, tenant=name)
    world.job(cpu=1, mem_gib=1, tenant="t00/x")
    shares = world.step().shares_milli
    assert shares == {
        level: 20 if level.startswith("t00") else 10
        for name in names
        for level in (name.partition("/")[0], name)
    }
