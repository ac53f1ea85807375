"""Urgent work evicts whole attempts of lower classes, on one pool, at the least loss."""

import pytest

from hutong.model.classes import BEST_EFFORT, HIGH, LOW, NORMAL, URGENT
from hutong.model.reasons import BusyPools
from tests.unit.scheduler.worlds import (
    HOUR_MS,
    MINUTE_MS,
    ArraySpec,
    NodeCondition,
    World,
    chips,
    deferral_of,
    profile,
    started,
)


def victims(world: World) -> list[str]:
    """The victims of one cycle that is not applied."""
    return [preemption.victim for preemption in world.cycle().preemptions]


def test_the_victim_is_the_one_that_loses_least() -> None:
    world = World().pool("bj/gpu", nodes=2, chips=8)
    world.runs("bj/gpu-0", chips=8)
    world.pass_time(10 * MINUTE_MS)
    young = world.runs("bj/gpu-1", chips=8)
    world.pass_time(10 * MINUTE_MS)
    urgent = world.job(chips(4), priority=URGENT)
    (preemption,) = world.cycle().preemptions
    assert (preemption.victim, preemption.job) == (young, urgent)
    assert preemption.lost_accelerator_milli_ms == 8_000 * 10 * MINUTE_MS


def test_only_what_is_needed_is_evicted() -> None:
    world = World().pool("bj/gpu", chips=8)
    attempts = [world.runs("bj/gpu-0", chips=2, cpu=1 + at) for at in range(4)]
    world.pass_time(MINUTE_MS)
    world.job(chips(3), priority=URGENT)
    assert victims(world) == attempts[:2]


def test_a_dear_victim_is_spared_when_a_cheaper_pair_makes_as_much_room() -> None:
    world = World().pool("bj/gpu", chips=8)
    world.runs("bj/gpu-0", chips=4)
    world.pass_time(10 * MINUTE_MS)
    pair = [world.runs("bj/gpu-0", chips=2), world.runs("bj/gpu-0", chips=2)]
    world.pass_time(MINUTE_MS)
    world.job(chips(4), priority=URGENT)
    assert sorted(victims(world)) == sorted(pair)


def test_victims_are_on_one_pool_only() -> None:
    world = World().pool("bj/gpu", nodes=2, chips=8).pool("tj/gpu", nodes=2, chips=8)
    old = [world.runs(f"bj/gpu-{at}", chips=8) for at in range(2)]
    cheap = world.runs("tj/gpu-0", chips=8)
    protected = world.runs("tj/gpu-1", chips=8, preemptible=False)
    world.pass_time(MINUTE_MS)
    world.job(chips(8), tasks=2, priority=URGENT)
    assert sorted(victims(world)) == sorted(old)
    assert {cheap, protected}.isdisjoint(victims(world))


def test_a_gang_is_evicted_whole_and_frees_all_its_nodes() -> None:
    world = World().pool("bj/gpu", nodes=2, chips=8)
    gang = world.job(chips(8), tasks=2)
    world.step()
    attempt = next(iter(world.live))
    world.pass_time(MINUTE_MS)
    world.job(chips(8), tasks=2, priority=URGENT)
    (preemption,) = world.cycle().preemptions
    assert preemption.victim == attempt
    assert preemption.lost_accelerator_milli_ms == 16_000 * MINUTE_MS
    assert gang not in started(world.cycle())


@pytest.mark.parametrize(
    ("head", "victim", "evicts"),
    [
        (URGENT, HIGH, True),
        (URGENT, URGENT, False),
        (HIGH, NORMAL, False),
        (HIGH, LOW, True),
        (HIGH, BEST_EFFORT, True),
        (NORMAL, BEST_EFFORT, False),
    ],
)
def test_who_may_evict_whom(head: str, victim: str, *, evicts: bool) -> None:
    world = World().pool("bj/gpu", chips=8)
    world.runs("bj/gpu-0", chips=8, priority=victim)
    world.job(chips(8), priority=head)
    assert bool(victims(world)) is evicts


def test_nobody_is_evicted_before_the_guaranteed_minimum_run() -> None:
    world = World().pool("bj/gpu", chips=8)
    attempt = world.runs("bj/gpu-0", chips=8, min_run_ms=10 * MINUTE_MS)
    world.job(chips(8), priority=URGENT)
    world.pass_time(10 * MINUTE_MS - 1)
    assert victims(world) == []
    world.pass_time(1)
    assert victims(world) == [attempt]


def test_what_is_not_preemptible_stays() -> None:
    world = World().pool("bj/gpu", chips=8)
    world.runs("bj/gpu-0", chips=8, preemptible=False)
    job = world.job(chips(8), priority=URGENT)
    plan = world.cycle()
    assert plan.preemptions == ()
    assert deferral_of(plan, job).reasons == (BusyPools(1, 1, 0),)


def test_nobody_is_evicted_while_there_is_room_elsewhere() -> None:
    world = World().pool("bj/gpu", chips=8).pool("tj/gpu", chips=8)
    world.runs("bj/gpu-0", chips=8)
    urgent = world.job(chips(8), priority=URGENT)
    plan = world.cycle()
    assert (started(plan), plan.preemptions) == ([urgent], ())


def test_the_room_being_made_is_kept_for_the_urgent_job() -> None:
    world = World().pool("bj/gpu", nodes=2, chips=8)
    world.runs("bj/gpu-0", chips=8)
    seven = world.runs("bj/gpu-1", chips=7)
    world.pass_time(MINUTE_MS)
    urgent = world.job(chips(8), priority=URGENT)
    world.job(chips(1), estimate_ms=1)
    plan = world.step()
    (reservation,) = plan.reservations[:1]
    assert (reservation.job, reservation.start_ms) == (urgent, world.now_ms)
    assert [p.victim for p in plan.preemptions] == [seven]
    assert started(plan) == []
    world.end(seven)
    assert started(world.step()) == [urgent]


def test_no_second_eviction_while_the_first_is_on_its_way() -> None:
    world = World().pool("bj/gpu", nodes=2, chips=8)
    world.runs("bj/gpu-0", chips=8)
    world.runs("bj/gpu-1", chips=8)
    urgent = world.job(chips(8), priority=URGENT)
    (preemption,) = world.step().preemptions
    plan = world.step()
    assert (plan.preemptions, started(plan)) == ((), [])
    assert [r.job for r in plan.reservations] == [urgent]
    world.end(preemption.victim)
    assert started(world.step()) == [urgent]


def test_no_second_eviction_for_a_job_even_when_its_room_was_lost() -> None:
    world = World().pool("bj/gpu", nodes=2, chips=8)
    world.runs("bj/gpu-0", chips=8)
    world.runs("bj/gpu-1", chips=8)
    world.job(chips(8), priority=URGENT)
    (preemption,) = world.step().preemptions
    node = world.live[preemption.victim].nodes[0].node
    world.node(node, NodeCondition.DOWN)
    assert victims(world) == []
    world.end(preemption.victim)
    assert len(victims(world)) == 1


def test_each_urgent_job_of_a_group_gets_room_of_its_own() -> None:
    world = World().pool("bj/gpu", nodes=3, chips=8)
    attempts = [world.runs(f"bj/gpu-{at}", chips=8) for at in range(3)]
    world.job(chips(8), priority=URGENT, array=ArraySpec(2))
    plan = world.step()
    assert len(plan.preemptions) == 2
    assert {p.victim for p in plan.preemptions} < set(attempts)
    assert world.step().preemptions == ()


def test_a_reserved_head_of_lower_class_does_not_stop_an_urgent_job() -> None:
    world = World().pool("bj/gpu", chips=8)
    world.runs("bj/gpu-0", chips=4)
    world.job(chips(8))
    urgent = world.job(chips(4), priority=URGENT, estimate_ms=10 * HOUR_MS)
    assert started(world.cycle()) == [urgent]


def test_a_profile_without_preemption_evicts_nobody() -> None:
    world = World(profile(preemption=False)).pool("bj/gpu", chips=8)
    world.runs("bj/gpu-0", chips=8)
    world.job(chips(8), priority=URGENT)
    assert victims(world) == []


def test_of_cpu_jobs_that_lose_no_chips_the_one_with_least_cpu_time_goes() -> None:
    world = World().pool("bj/cpu", nodes=2, cpu=8)
    world.runs("bj/cpu-0", cpu=8)
    world.pass_time(MINUTE_MS)
    young = world.runs("bj/cpu-1", cpu=8)
    world.pass_time(MINUTE_MS)
    world.job(cpu=2, priority=URGENT)
    assert victims(world) == [young]


def test_fractions_are_evicted_from_one_chip() -> None:
    world = World().pool("bj/gpu", chips=2)
    halves = [world.runs("bj/gpu-0", chips=0.5) for _ in range(4)]
    world.pass_time(MINUTE_MS)
    world.job(chips(1), priority=URGENT)
    assert sorted(victims(world)) in (sorted(halves[:2]), sorted(halves[2:]))


def test_an_exclusive_urgent_job_empties_one_node() -> None:
    world = World().pool("bj/cpu", nodes=2, cpu=8)
    world.runs("bj/cpu-0")
    world.runs("bj/cpu-0")
    only = world.runs("bj/cpu-1")
    world.pass_time(MINUTE_MS)
    world.job(priority=URGENT, exclusive=True)
    assert victims(world) == [only]


def test_a_large_pool_is_narrowed_to_its_cheapest_nodes() -> None:
    world = World().pool("bj/gpu", nodes=300, chips=8)
    for at in range(299):
        world.runs(f"bj/gpu-{at}", chips=8, ends_in_ms=10 * HOUR_MS)
    world.pass_time(MINUTE_MS)
    young = world.runs("bj/gpu-299", chips=8)
    world.job(chips(8), priority=URGENT)
    assert victims(world) == [young]
