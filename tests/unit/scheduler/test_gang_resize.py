"""Elastic gangs: they start at what fits, and grow and shrink where they say that they can."""

from typing import Any

from hutong.model.ids import AttemptId, JobId
from hutong.model.job import Elastic, Level
from hutong.scheduler.plan import Placement
from tests.unit.scheduler.worlds import (
    HOUR_MS,
    MINUTE_MS,
    World,
    chips,
    codes,
    deferral_of,
    nodes_of,
    started,
)


def world_of(nodes: int) -> World:
    """One pool of so many nodes with eight chips."""
    return World().pool("bj/gpu", nodes=nodes, chips=8)


def elastic(
    world: World, *, low: int = 2, high: int = 8, resize: bool = True, **fields: Any
) -> JobId:
    """A gang of whole nodes that takes ten hours with all its tasks."""
    fields.setdefault("estimate_ms", 10 * HOUR_MS)
    fields.setdefault("checkpoint_ms", 10 * MINUTE_MS)
    return world.job(chips(8), tasks=high, elastic=Elastic(low, resize=resize), **fields)


def size(placement: Placement) -> int:
    return sum(nodes_of(placement).values())


def attempt_of(world: World, job: JobId) -> AttemptId:
    return next(attempt for attempt, running in world.live.items() if running.job == job)


def test_it_starts_with_as_many_tasks_as_fit() -> None:
    world = world_of(4)
    world.runs("bj/gpu-0", chips=8)
    elastic(world)
    (placement,) = world.step().placements
    assert size(placement) == 3


def test_it_takes_no_more_tasks_than_it_asked_for() -> None:
    world = world_of(12)
    elastic(world, high=8)
    (placement,) = world.step().placements
    assert size(placement) == 8


def test_it_waits_where_not_even_its_smallest_size_fits() -> None:
    world = world_of(2)
    world.runs("bj/gpu-0", chips=8)
    job = elastic(world)
    plan = world.cycle()
    assert codes(deferral_of(plan, job)) == ["waiting.busy"]
    assert [held.tasks for held in plan.reservations] == [2]


def test_half_the_tasks_take_twice_the_time() -> None:
    world = world_of(4)
    elastic(world, high=8)
    (placement,) = world.step().placements
    assert placement.expected_end_ms == world.now_ms + 20 * HOUR_MS


def test_of_two_pools_it_takes_the_one_where_it_ends_first() -> None:
    world = World().pool("bj/gpu", nodes=3, chips=8).pool("tj/gpu", nodes=6, chips=8)
    elastic(world)
    (placement,) = world.step().placements
    assert (placement.pool, size(placement)) == ("tj/gpu", 6)


def test_a_quota_bounds_its_size() -> None:
    world = world_of(8)
    world.tenant("default", accelerator_milli=40_000)
    elastic(world)
    (placement,) = world.step().placements
    assert size(placement) == 5


def test_its_tasks_stay_within_their_place() -> None:
    world = World().pool("bj/gpu", chips=8, racks=["s.a", "s.a", "s.a", "s.b", "s.b"])
    elastic(world, within=Level.RACK)
    (placement,) = world.step().placements
    assert nodes_of(placement) == {"bj/gpu-0": 1, "bj/gpu-1": 1, "bj/gpu-2": 1}


def grown(world: World) -> list[tuple[int, JobId | None]]:
    return [(resize.tasks, resize.job) for resize in world.step().resizes]


def small(world: World, job: JobId, *, after_ms: int = HOUR_MS) -> AttemptId:
    """The job runs on what is left beside one that then ends."""
    attempt = attempt_of(world, job)
    world.now_ms += after_ms
    return attempt


def test_it_grows_onto_room_that_nobody_else_can_use_and_starts_there_again() -> None:
    world = world_of(8)
    busy = [world.runs(f"bj/gpu-{at}", chips=8, ends_in_ms=99 * HOUR_MS) for at in range(4)]
    job = elastic(world)
    assert [size(p) for p in world.step().placements] == [4]
    attempt = small(world, job)
    for other in busy:
        world.end(other)
    plan = world.step()
    (resize,) = plan.resizes
    assert (resize.attempt, resize.tasks, resize.job) == (attempt, 8, None)
    assert 900 < resize.left_milli < 1000
    # Its room is kept from others while it stops, and it goes on before them.
    world.job(chips(8), tasks=4, estimate_ms=HOUR_MS, priority="high")
    assert not world.step().placements
    world.stop(attempt)
    (placement,) = world.step().placements
    assert (placement.job, size(placement)) == (job, 8)
    assert placement.left_milli == resize.left_milli
    expected_ms = 10 * HOUR_MS * resize.left_milli // 1000
    assert abs(placement.expected_end_ms - world.now_ms - expected_ms) <= 1_000


def test_it_does_not_grow_while_a_waiting_job_could_use_the_room() -> None:
    world = world_of(8)
    busy = [world.runs(f"bj/gpu-{at}", chips=8, ends_in_ms=99 * HOUR_MS) for at in range(4)]
    job = elastic(world)
    world.step()
    small(world, job)
    for other in busy:
        world.end(other)
    waiting = world.job(chips(8), tasks=4)
    plan = world.step()
    assert started(plan) == [waiting]
    assert not plan.resizes


def test_it_does_not_grow_by_less_than_a_quarter() -> None:
    world = world_of(6)
    busy = world.runs("bj/gpu-0", chips=8, ends_in_ms=99 * HOUR_MS)
    job = elastic(world)
    assert [size(p) for p in world.step().placements] == [5]
    small(world, job)
    world.end(busy)
    assert not grown(world)


def test_it_does_not_grow_right_after_it_started() -> None:
    world = world_of(8)
    busy = [world.runs(f"bj/gpu-{at}", chips=8, ends_in_ms=99 * HOUR_MS) for at in range(4)]
    job = elastic(world)
    world.step()
    small(world, job, after_ms=5 * MINUTE_MS)
    for other in busy:
        world.end(other)
    assert not grown(world)


def test_the_next_cycle_comes_when_it_may_first_grow() -> None:
    world = world_of(8)
    busy = [world.runs(f"bj/gpu-{at}", chips=8, ends_in_ms=99 * HOUR_MS) for at in range(4)]
    elastic(world)
    world.step()
    may_ms = world.now_ms + world.profile.grow_after_ms
    for attempt in busy:
        world.end(attempt)
    assert world.step().look_again_ms == may_ms
    world.now_ms = may_ms
    assert grown(world) == [(8, None)]
    assert world.cycle().look_again_ms == 0


def test_it_does_not_grow_where_it_would_lose_more_than_it_gains() -> None:
    world = world_of(8)
    busy = [world.runs(f"bj/gpu-{at}", chips=8, ends_in_ms=99 * HOUR_MS) for at in range(4)]
    job = elastic(world, checkpoint_ms=0)
    world.step()
    small(world, job, after_ms=12 * HOUR_MS)
    for other in busy:
        world.end(other)
    assert not grown(world)


def test_one_that_cannot_be_resized_stays_as_it_is() -> None:
    world = world_of(8)
    busy = [world.runs(f"bj/gpu-{at}", chips=8, ends_in_ms=99 * HOUR_MS) for at in range(4)]
    job = elastic(world, resize=False)
    world.step()
    small(world, job)
    for other in busy:
        world.end(other)
    assert not grown(world)


def test_it_shrinks_so_that_an_urgent_job_can_start_and_goes_on_smaller() -> None:
    world = world_of(8)
    job = elastic(world, priority="low")
    assert [size(p) for p in world.step().placements] == [8]
    attempt = small(world, job)
    urgent = world.job(chips(8), tasks=3, priority="urgent", estimate_ms=HOUR_MS)
    plan = world.step()
    assert not plan.preemptions
    assert [(r.attempt, r.tasks, r.job) for r in plan.resizes] == [(attempt, 5, urgent)]
    assert not world.step().resizes
    world.stop(attempt)
    plan = world.step()
    assert {(p.job, size(p)) for p in plan.placements} == {(urgent, 3), (job, 5)}


def test_it_is_evicted_whole_where_too_little_would_be_left_of_it() -> None:
    world = world_of(8)
    job = elastic(world, low=6, priority="low")
    world.step()
    attempt = small(world, job)
    world.job(chips(8), tasks=3, priority="urgent", estimate_ms=HOUR_MS)
    plan = world.step()
    assert [line.victim for line in plan.preemptions] == [attempt]
    assert not plan.resizes


def test_a_gang_whose_room_is_gone_when_it_would_go_on_takes_what_fits() -> None:
    world = world_of(8)
    busy = [world.runs(f"bj/gpu-{at}", chips=8, ends_in_ms=99 * HOUR_MS) for at in range(4)]
    job = elastic(world)
    world.step()
    attempt = small(world, job)
    for other in busy:
        world.end(other)
    assert grown(world) == [(8, None)]
    world.stop(attempt)
    for at in range(3):
        world.runs(f"bj/gpu-{at}", chips=8)
    (placement,) = world.step().placements
    assert (placement.job, size(placement)) == (job, 5)
