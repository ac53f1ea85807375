"""Hard quotas of a tenant and of every tenant above it hold, inside one cycle as well."""

from typing import Any

import pytest

from hutong.model.reasons import OverQuota
from tests.unit.scheduler.worlds import (
    A100,
    ASCEND,
    HOUR_MS,
    MINUTE_MS,
    ArraySpec,
    World,
    chips,
    deferral_of,
    placed,
    started,
)


@pytest.mark.parametrize(
    ("quota", "resource"),
    [
        ({"cpu_milli": 6_500}, "cpu_milli"),
        ({"memory_mib": 3 * 1024}, "memory_mib"),
        ({"accelerator_milli": 3_900}, "accelerator_milli"),
        ({"accelerator_milli_by_model": {A100: 3_000}}, f"accelerator_milli of {A100}"),
        ({"running_jobs": 3}, "running jobs"),
    ],
)
@pytest.mark.parametrize("limited", ["org/team", "org"])
def test_a_quota_stops_a_cycle_where_it_is_reached(
    quota: dict[str, Any], resource: str, limited: str
) -> None:
    world = World().pool("bj/gpu", nodes=4, chips=8).tenant(limited, **quota)
    job = world.job(chips(1), cpu=2, mem_gib=1, tenant="org/team", array=ArraySpec(10))
    other = world.job(chips(1), tenant="else")
    plan = world.step()
    assert started(plan).count(job) == 3
    assert other in started(plan)
    (reason,) = world.why(job).reasons
    assert isinstance(reason, OverQuota)
    assert (reason.tenant, reason.resource) == (limited, resource)
    assert reason.used + reason.wanted > reason.limit
    assert started(world.cycle()) == []


def test_what_siblings_hold_counts_against_the_quota_above_them() -> None:
    world = World().pool("bj/gpu", nodes=4, chips=8).tenant("org", accelerator_milli=8_000)
    world.runs("bj/gpu-0", chips=6, tenant="org/a")
    job = world.job(chips(1), tenant="org/b", array=ArraySpec(5))
    assert started(world.cycle()) == [job, job]


def test_a_quota_on_one_chip_leaves_the_other_alternative() -> None:
    world = World().pool("bj/gpu", chips=8).pool("tj/npu", chips=8, model=ASCEND)
    world.tenant("a", accelerator_milli_by_model={A100: 2_000})
    world.job(chips(1), chips(1, ASCEND, 400), tenant="a", array=ArraySpec(4), estimate_ms=HOUR_MS)
    assert [pool for _, pool in placed(world.cycle())] == ["bj/gpu"] * 2 + ["tj/npu"] * 2


def test_a_job_over_quota_holds_no_reservation() -> None:
    world = World().pool("bj/gpu", chips=8).tenant("a", accelerator_milli=4_000)
    world.runs("bj/gpu-0", chips=4, tenant="a")
    world.job(chips(4), tenant="a")
    free = world.job(chips(4), tenant="b", estimate_ms=100 * HOUR_MS)
    plan = world.cycle()
    assert started(plan) == [free]
    assert plan.reservations == ()


def test_a_job_over_quota_is_expected_when_enough_of_its_tenants_attempts_end() -> None:
    world = World().pool("bj/gpu", chips=8).tenant("a", accelerator_milli=4_000)
    world.runs("bj/gpu-0", chips=2, tenant="a/x", ends_in_ms=10 * MINUTE_MS)
    world.runs("bj/gpu-0", chips=2, tenant="a/y", ends_in_ms=20 * MINUTE_MS)
    job = world.job(chips(3), tenant="a/x")
    deferral = deferral_of(world.cycle(), job)
    assert deferral.start_ms == world.now_ms + 20 * MINUTE_MS
    assert deferral.basis == "estimates"


def test_a_job_larger_than_its_quota_is_never_expected() -> None:
    world = World().pool("bj/gpu", chips=8).tenant("a", accelerator_milli=4_000)
    job = world.job(chips(5), tenant="a")
    deferral = deferral_of(world.cycle(), job)
    assert (deferral.start_ms, deferral.basis) == (0, "none")


def test_an_exclusive_job_is_charged_the_whole_node() -> None:
    world = World().pool("bj/gpu", nodes=2, chips=8).tenant("a", accelerator_milli=10_000)
    job = world.job(cpu=1, tenant="a", exclusive=True, array=ArraySpec(2))
    plan = world.step()
    assert started(plan) == [job]
    assert plan.shares_milli == {"a": 500}


def test_a_changed_quota_holds_from_the_next_cycle_on() -> None:
    world = World().pool("bj/cpu", cpu=8).tenant("a", cpu_milli=1_000)
    job = world.job(tenant="a/b", array=ArraySpec(4))
    assert started(world.step()) == [job]
    world.tenant("a", cpu_milli=3_000)
    assert started(world.step()) == [job, job]
