"""By when a blocked job of a class with a bound is placed, or what keeps it from that."""

from hutong.model.classes import DEFAULT_CLASSES
from hutong.model.ids import JobId
from hutong.model.reasons import BehindOthers, MakingRoom, NoPoolMatches, NoRoomToMake, OverQuota
from hutong.scheduler.plan import Bound, Plan
from tests.unit.scheduler.worlds import HOUR_MS, MINUTE_MS, ArraySpec, World, chips, profile

BOUND_MS = DEFAULT_CLASSES[0].bound_ms


def bound_of(plan: Plan, job: JobId) -> Bound:
    """What a plan states of a job."""
    return next(bound for bound in plan.bounds if bound.job == job)


def test_the_last_victims_grace_is_when_the_room_is_there() -> None:
    world = World().pool("bj/gpu", chips=8, boot_ms=5_000)
    world.runs("bj/gpu-0", chips=4, grace_ms=20_000)
    world.runs("bj/gpu-0", chips=4, grace_ms=30_000)
    urgent = world.job(chips(8), priority="urgent")
    bound = bound_of(world.cycle(), urgent)
    now_ms = world.now_ms
    assert (bound.by_ms, bound.promised_ms) == (now_ms + BOUND_MS, now_ms + 30_000)
    assert bound.ready_ms == now_ms + 35_000
    assert bound.is_kept
    assert bound.reason == MakingRoom(2, 30_000)


def test_the_promise_stands_while_the_room_is_being_made() -> None:
    world = World().pool("bj/gpu", chips=8)
    world.runs("bj/gpu-0", chips=8, grace_ms=30_000)
    urgent = world.job(chips(8), priority="urgent")
    first = bound_of(world.step(), urgent)
    world.now_ms += 10_000
    again = bound_of(world.step(), urgent)
    assert (again.by_ms, again.promised_ms) == (first.by_ms, first.promised_ms)
    assert again.reason == MakingRoom(1, 20_000)
    world.now_ms += 25_000
    late = bound_of(world.step(), urgent)
    assert late.promised_ms == world.now_ms
    assert late.reason == MakingRoom(1, 0)


def test_a_grace_longer_than_the_bound_is_said() -> None:
    world = World().pool("bj/gpu", chips=8)
    world.runs("bj/gpu-0", chips=8, grace_ms=10 * MINUTE_MS)
    urgent = world.job(chips(8), priority="urgent")
    bound = bound_of(world.cycle(), urgent)
    assert not bound.is_kept
    assert bound.reason == MakingRoom(1, 10 * MINUTE_MS)
    assert "600 s" in bound.reason.sentence()


def test_who_protects_whom_is_counted() -> None:
    world = World().pool("bj/gpu", nodes=4, chips=8)
    world.runs("bj/gpu-0", chips=8, priority="urgent")
    world.runs("bj/gpu-1", chips=8, preemptible=False)
    world.runs("bj/gpu-2", chips=8, min_run_ms=HOUR_MS)
    world.runs("bj/gpu-3", chips=8)
    urgent = world.job(chips(8), tasks=2, priority="urgent")
    bound = bound_of(world.cycle(), urgent)
    assert bound.promised_ms == 0
    assert bound.reason == NoRoomToMake(1, 1, 1, 1)
    sentence = bound.reason.sentence()
    assert "1 not preemptible, 1 within their guaranteed time" in sentence


def test_a_quota_in_the_way_is_the_reason() -> None:
    world = World().pool("bj/gpu", nodes=2, chips=8).tenant("a", accelerator_milli=8_000)
    world.runs("bj/gpu-0", chips=8, tenant="a")
    world.runs("bj/gpu-1", chips=8, tenant="b")
    urgent = world.job(chips(8), tenant="a", priority="urgent")
    assert isinstance(bound_of(world.cycle(), urgent).reason, OverQuota)


def test_a_job_that_nothing_can_run_is_told_so() -> None:
    world = World().pool("bj/gpu", chips=4)
    urgent = world.job(chips(8), priority="urgent")
    assert isinstance(bound_of(world.cycle(), urgent).reason, NoPoolMatches)


def test_what_ends_by_its_limit_in_time_is_a_promise_too() -> None:
    world = World(profile(preemption=False)).pool("bj/gpu", chips=8)
    world.job(chips(8), time_limit_ms=MINUTE_MS)
    world.step()
    world.now_ms += MINUTE_MS // 2
    urgent = world.job(chips(8), priority="urgent")
    bound = bound_of(world.cycle(), urgent)
    assert bound.promised_ms == world.now_ms + MINUTE_MS // 2
    assert bound.is_kept


def test_nobody_is_stopped_when_room_comes_for_certain_within_the_grace() -> None:
    world = World().pool("bj/gpu", chips=8)
    world.job(chips(8), time_limit_ms=MINUTE_MS, grace_ms=10_000)
    world.step()
    world.now_ms += MINUTE_MS - 9_000
    world.job(chips(8), priority="urgent")
    assert world.cycle().preemptions == ()
    world.now_ms -= 5_000
    assert len(world.cycle().preemptions) == 1


def test_why_tells_of_each_job_of_a_group() -> None:
    world = World().pool("bj/gpu", nodes=2, chips=8)
    world.runs("bj/gpu-0", chips=8)
    world.runs("bj/gpu-1", chips=8, preemptible=False)
    first = world.job(chips(8), priority="urgent")
    world.now_ms += 1_000
    second = world.job(chips(8), priority="urgent")
    world.step()
    told = world.why(first).bound
    assert told is not None
    assert told.is_kept
    behind = world.why(second).bound
    assert behind is not None
    assert behind.by_ms == world.now_ms + BOUND_MS
    assert (behind.promised_ms, behind.reason) == (0, BehindOthers(1))


def test_a_class_without_a_bound_has_none() -> None:
    world = World().pool("bj/gpu", chips=8)
    world.runs("bj/gpu-0", chips=8)
    job = world.job(chips(8))
    assert world.step().bounds == ()
    assert world.why(job).bound is None


def test_the_bound_counts_from_when_the_job_could_start() -> None:
    world = World().pool("bj/gpu", chips=8)
    world.runs("bj/gpu-0", chips=8, preemptible=False)
    job = world.job(chips(8), priority="urgent", array=ArraySpec(2))
    asked_ms = world.now_ms + 7 * MINUTE_MS
    world.state.note_asked(job, asked_ms)
    world.now_ms = asked_ms + 1
    assert bound_of(world.cycle(), job).by_ms == asked_ms + BOUND_MS


def test_the_next_cycle_comes_when_a_guaranteed_time_is_over() -> None:
    world = World().pool("bj/gpu", nodes=2, chips=8)
    world.runs("bj/gpu-0", chips=8, min_run_ms=10 * MINUTE_MS + 1)
    world.runs("bj/gpu-1", chips=8, min_run_ms=5 * MINUTE_MS, priority="urgent")
    world.job(chips(8), priority="urgent")
    plan = world.cycle()
    assert plan.look_again_ms == world.now_ms + 10 * MINUTE_MS + 1_000
    world.now_ms = plan.look_again_ms
    assert len(world.cycle().preemptions) == 1
