"""What a tenant lent is taken back for its own jobs, and from nobody who has not borrowed it."""

from hutong.model.ids import TenantId
from hutong.model.tenant import QuotaResource, QuotaRule
from hutong.scheduler.plan import Plan
from tests.unit.scheduler.worlds import MINUTE_MS, ArraySpec, World, chips, profile, started

CHIPS = QuotaResource.ACCELERATORS
A, B, C = TenantId("a"), TenantId("b"), TenantId("c")


def house(nodes: int = 2, fields: World | None = None, **guaranteed: int) -> World:
    """Nodes of 8 chips, and tenants with so many chips guaranteed."""
    world = (fields or World()).pool("bj/gpu", nodes=nodes, chips=8)
    for tenant, count in guaranteed.items():
        rule = QuotaRule(CHIPS, guaranteed=count * 1000)
        world.tenant(tenant.replace("_", "/"), rules=(rule,))
    return world


def taken_back(plan: Plan) -> list[tuple[str, str]]:
    """Victims, and the tenant that asked."""
    return [(line.victim, line.tenant) for line in plan.preemptions]


def test_a_job_within_its_guarantee_takes_back_what_was_borrowed() -> None:
    world = house(a=8, b=8)
    world.runs("bj/gpu-0", chips=8, tenant=B)
    world.runs("bj/gpu-1", chips=8, tenant=B)
    world.pass_time(MINUTE_MS)
    job = world.job(chips(8), tenant=A)
    plan = world.step()
    _, tenant = taken_back(plan)[0]
    assert tenant == "a"
    assert len(plan.preemptions) == 1
    assert [line.job for line in plan.reservations] == [job]
    world.end(plan.preemptions[0].victim)  # type: ignore[arg-type]
    assert started(world.step()) == [job]


def test_of_what_was_borrowed_the_least_loss_goes() -> None:
    world = house(a=8, b=0)
    world.runs("bj/gpu-0", chips=8, tenant=B)
    world.pass_time(MINUTE_MS)
    young = world.runs("bj/gpu-1", chips=8, tenant=B)
    world.pass_time(MINUTE_MS)
    world.job(chips(8), tenant=A)
    assert taken_back(world.cycle()) == [(young, "a")]


def test_whatever_the_class_of_either() -> None:
    world = house(nodes=1, a=8, b=0)
    urgent = world.runs("bj/gpu-0", chips=8, tenant=B, priority="urgent")
    world.job(chips(8), tenant=A, priority="best-effort")
    assert taken_back(world.cycle()) == [(urgent, "a")]


def test_nobody_falls_below_its_own_guarantee() -> None:
    world = house(a=8, b=8)
    world.runs("bj/gpu-0", chips=8, tenant=B)
    world.runs("bj/gpu-1", chips=4, tenant=B)
    world.runs("bj/gpu-1", chips=4, tenant=C, preemptible=False)
    # 12 held, 8 guaranteed: 4 are borrowed, and 8 at once are more than that.
    world.job(chips(8), tenant=A)
    assert taken_back(world.cycle()) == []


def test_two_small_ones_go_together_only_as_far_as_they_were_borrowed() -> None:
    world = house(nodes=1, a=8, b=4)
    for _ in range(4):
        world.runs("bj/gpu-0", chips=2, tenant=B)
    world.job(chips(4), tenant=A)
    assert len(world.cycle().preemptions) == 2
    world.job(chips(6), tenant=C)
    other = house(nodes=1, a=8, b=4)
    for _ in range(4):
        other.runs("bj/gpu-0", chips=2, tenant=B)
    other.job(chips(6), tenant=A)
    assert other.cycle().preemptions == ()


def test_who_is_beyond_its_guarantee_waits() -> None:
    world = house(a=8, b=0)
    world.runs("bj/gpu-0", chips=4, tenant=A)
    world.runs("bj/gpu-0", chips=4, tenant=B)
    world.runs("bj/gpu-1", chips=8, tenant=B)
    world.job(chips(8), tenant=A)
    assert taken_back(world.cycle()) == []


def test_a_tenant_without_a_guarantee_takes_nothing_back() -> None:
    world = house(nodes=1, b=0)
    world.runs("bj/gpu-0", chips=8, tenant=B)
    world.job(chips(8), tenant=C)
    assert taken_back(world.cycle()) == []


def test_what_is_not_preemptible_or_has_its_minimum_run_to_go_stays() -> None:
    world = house(a=16, b=0)
    world.runs("bj/gpu-0", chips=8, tenant=B, preemptible=False)
    world.runs("bj/gpu-1", chips=8, tenant=B, min_run_ms=2 * MINUTE_MS)
    world.job(chips(8), tenant=A)
    world.pass_time(MINUTE_MS)
    assert taken_back(world.cycle()) == []
    world.pass_time(MINUTE_MS)
    assert len(taken_back(world.cycle())) == 1


def test_jobs_of_one_group_take_back_no_more_than_is_guaranteed_together() -> None:
    world = house(nodes=3, a=16, b=0)
    for node in range(3):
        world.runs(f"bj/gpu-{node}", chips=8, tenant=B)
    world.job(chips(8), tenant=A, array=ArraySpec(3))
    assert len(world.step().preemptions) == 2
    assert world.step().preemptions == ()


def test_what_stops_already_counts_as_gone_for_the_lender() -> None:
    world = house(nodes=3, a=8, c=8, b=8)
    for node in range(3):
        world.runs(f"bj/gpu-{node}", chips=8, tenant=B)
    world.job(chips(8), tenant=A)
    assert len(world.step().preemptions) == 1
    world.job(chips(8), tenant=C)
    assert len(world.step().preemptions) == 1
    world.job(chips(8), tenant=A)
    assert world.step().preemptions == ()


def test_a_sibling_that_borrows_inside_the_organisation_gives_back() -> None:
    world = house(org=16, org_a=8, org_b=8)
    victim = world.runs("bj/gpu-0", chips=8, tenant=TenantId("org/b"))
    for _ in range(2):
        world.runs("bj/gpu-1", chips=4, tenant=TenantId("org/b"))
    world.job(chips(8), tenant=TenantId("org/a"))
    assert taken_back(world.cycle()) == [(victim, "org/a")]


def test_an_urgent_job_takes_the_cheaper_of_weaker_and_borrowed() -> None:
    world = house(a=16, b=0, c=16)
    world.runs("bj/gpu-0", chips=8, tenant=C)
    world.pass_time(MINUTE_MS)
    borrowed = world.runs("bj/gpu-1", chips=8, tenant=B, priority="urgent")
    world.job(chips(8), tenant=A, priority="urgent")
    assert taken_back(world.cycle()) == [(borrowed, "a")]


def test_a_profile_without_reclaiming_takes_nothing_back() -> None:
    world = house(fields=World(profile(reclaim=False)), a=16, b=0)
    world.runs("bj/gpu-0", chips=8, tenant=B)
    world.runs("bj/gpu-1", chips=8, tenant=B)
    world.job(chips(8), tenant=A)
    assert taken_back(world.cycle()) == []
