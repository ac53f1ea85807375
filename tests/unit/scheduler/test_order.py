"""Whose turn it is: classes, weighted dominant-resource fairness over the tree, slack, age."""

from hutong.model.classes import BEST_EFFORT, LOW, URGENT
from tests.unit.scheduler.worlds import HOUR_MS, ArraySpec, World, chips, placed, started


def counts(world: World, tenants: dict[str, str]) -> dict[str, int]:
    """Placements of one cycle by tenant, from jobs to tenants."""
    found = dict.fromkeys(tenants.values(), 0)
    for job in started(world.cycle()):
        found[tenants[job]] += 1
    return found


def test_drf_divides_as_in_the_papers_worked_example() -> None:
    # Ghodsi et al., NSDI 2011, section 4.1: 9 CPU and 18 GB, <1 CPU, 4 GB> against <3 CPU, 1 GB>
    world = World().pool("bj/cpu", cpu=9, mem_gib=18)
    a = world.job(cpu=1, mem_gib=4, tenant="a", array=ArraySpec(20))
    b = world.job(cpu=3, mem_gib=1, tenant="b", array=ArraySpec(20))
    assert counts(world, {a: "a", b: "b"}) == {"a": 3, "b": 2}
    plan = world.step()
    assert plan.shares_milli == {"a": 666, "b": 666}
    assert world.state.tenant_share_milli("a") == 666


def test_weights_divide_dominant_shares() -> None:
    world = World().pool("bj/gpu", nodes=3, chips=8).tenant("a", weight=2)
    a = world.job(chips(1), tenant="a", array=ArraySpec(100))
    b = world.job(chips(1), tenant="b", array=ArraySpec(100))
    assert counts(world, {a: "a", b: "b"}) == {"a": 16, "b": 8}


def test_shares_are_fair_between_departments_before_they_are_fair_between_projects() -> None:
    world = World().pool("bj/gpu", nodes=4, chips=8)
    jobs = {
        world.job(chips(1), tenant=tenant, array=ArraySpec(100)): tenant
        for tenant in ("org/vision/a", "org/vision/b", "org/vision/c", "org/speech/d")
    }
    by_tenant = counts(world, jobs)
    assert by_tenant["org/speech/d"] == 16
    assert sum(by_tenant.values()) == 32
    assert max(by_tenant.values()) - 16 == 0
    assert sorted(by_tenant.values()) == [5, 5, 6, 16]


def test_a_tenants_own_jobs_stand_beside_its_children() -> None:
    world = World().pool("bj/gpu", nodes=3, chips=8)
    jobs = {
        world.job(chips(1), tenant=tenant, array=ArraySpec(100)): tenant
        for tenant in ("org", "org/a", "org/b")
    }
    assert counts(world, jobs) == {"org": 8, "org/a": 8, "org/b": 8}


def test_what_a_tenant_holds_at_another_site_counts() -> None:
    world = World().pool("bj/gpu", chips=8).pool("tj/gpu", chips=8)
    world.runs("tj/gpu-0", tasks=8, chips=1, tenant="a")
    a = world.job(chips(1), tenant="a", array=ArraySpec(100))
    b = world.job(chips(1), tenant="b", array=ArraySpec(100))
    assert counts(world, {a: "a", b: "b"}) == {"a": 0, "b": 8}


def test_the_dominant_resource_is_the_scarce_one_not_the_largest_number() -> None:
    world = World().pool("bj/gpu", nodes=1, chips=8, cpu=100)
    world.runs("bj/gpu-0", cpu=40, tenant="a")
    world.runs("bj/gpu-0", chips=4, cpu=1, tenant="b")
    a, b = world.job(tenant="a"), world.job(tenant="b")
    assert started(world.cycle())[0] == a
    assert {a, b} == set(started(world.cycle()))


def test_classes_go_before_shares() -> None:
    world = World().pool("bj/gpu", chips=2)
    low = world.job(chips(1), tenant="poor", priority=LOW)
    best_effort = world.job(chips(1), tenant="poor", priority=BEST_EFFORT)
    world.runs("bj/gpu-0", cpu=8, tenant="rich")
    urgent = world.job(chips(1), tenant="rich", priority=URGENT)
    assert started(world.cycle()) == [urgent, low]
    assert best_effort not in started(world.cycle())


def test_within_a_tenant_the_least_slack_goes_first_then_age() -> None:
    world = World().pool("bj/cpu", cpu=3)
    old = world.job()
    relaxed = world.job(deadline_ms=10 * HOUR_MS, estimate_ms=HOUR_MS)
    pressed = world.job(deadline_ms=10 * HOUR_MS, estimate_ms=8 * HOUR_MS)
    assert started(world.cycle()) == [pressed, relaxed, old]


def test_fifo_goes_by_age_alone_within_a_class() -> None:
    world = World("fifo").pool("bj/cpu", cpu=3)
    world.runs("bj/cpu-0", tenant="a")
    jobs = [world.job(tenant="a"), world.job(tenant="b", deadline_ms=9 * HOUR_MS)]
    assert started(world.cycle()) == jobs


def test_among_tenants_that_hold_nothing_the_older_job_goes_first() -> None:
    world = World().pool("bj/cpu", cpu=1)
    older = world.job(tenant="z")
    world.job(tenant="a")
    assert started(world.cycle()) == [older]


def test_a_requeued_job_takes_its_old_place() -> None:
    world = World().pool("bj/cpu", cpu=2)
    jobs = [world.job() for _ in range(4)]
    world.step()
    assert world.state.queued_count() == 2
    queued, _ = world.jobs[jobs[0]]
    world.state.enqueue(queued, 1)
    world.end(next(iter(world.live)))
    assert started(world.cycle()) == [jobs[0]]


def test_jobs_of_different_shapes_interleave_by_age() -> None:
    world = World().pool("bj/cpu", cpu=10)
    jobs = [world.job(cpu=1 + at % 2, tenant="a") for at in range(6)]
    assert started(world.cycle()) == jobs


def test_an_array_places_one_element_after_the_other_and_ahead_of_younger_jobs() -> None:
    world = World().pool("bj/cpu", cpu=3)
    array = world.job(array=ArraySpec(1_000_000))
    world.job()
    assert placed(world.cycle()) == [(array, "bj/cpu")] * 3
