"""Waiting for a better pool: who does, for how long at most, and who takes what there is."""

from typing import Any

from hutong.model.reasons import WaitsForBetter
from hutong.scheduler.plan import Plan
from hutong.scheduler.profile import PROFILES
from tests.unit.scheduler.worlds import (
    A100,
    H100,
    HOUR_MS,
    MINUTE_MS,
    ArraySpec,
    World,
    chips,
    codes,
    deferral_of,
    placed,
    price,
    profile,
    started,
)

EITHER = (chips(8, A100), chips(8, H100, 4000))
"""An H100 runs a job of 4 hours on A100 in one."""
FOUR_HOURS = {"estimate_ms": 4 * HOUR_MS}


def fast_and_slow(free_in_ms: int, kind: Any = "fair", **running: Any) -> World:
    """A fast pool that is free after some time and a slow one that is free now."""
    world = World(kind).pool("bj/slow", chips=8).pool("tj/fast", chips=8, model=H100)
    world.runs("tj/fast-0", chips=8, ends_in_ms=free_in_ms, **running)
    return world


def waits(plan: Plan) -> dict[str, WaitsForBetter]:
    """Who waits for something better, with what is told."""
    return {
        line.head: reason
        for line in plan.deferrals
        for reason in line.reasons
        if isinstance(reason, WaitsForBetter)
    }


def test_a_job_waits_for_a_fast_chip_that_is_free_soon() -> None:
    world = fast_and_slow(5 * MINUTE_MS)
    job = world.job(*EITHER, **FOUR_HOURS)
    plan = world.step(pass_ms=5 * MINUTE_MS)
    free_ms = HOUR_MS + 5 * MINUTE_MS
    reason = WaitsForBetter("tj/fast", free_ms, "bj/slow", 3 * HOUR_MS - 5 * MINUTE_MS, 0)
    assert waits(plan) == {job: reason}
    assert [(held.job, held.pool, held.start_ms) for held in plan.reservations] == [
        (job, "tj/fast", free_ms)
    ]
    assert (deferral_of(plan, job).start_ms, deferral_of(plan, job).basis) == (free_ms, "estimates")
    assert plan.look_again_ms == free_ms
    assert placed(world.step()) == [(job, "tj/fast")]


def test_it_does_not_wait_where_it_would_end_later_there() -> None:
    world = fast_and_slow(50 * MINUTE_MS)
    job = world.job(*EITHER, estimate_ms=HOUR_MS)
    assert placed(world.step()) == [(job, "bj/slow")]


def test_it_does_not_wait_longer_than_the_profile_allows() -> None:
    for free_in_ms, pool in ((HOUR_MS, ""), (HOUR_MS + 1, "bj/slow")):
        world = fast_and_slow(free_in_ms)
        job = world.job(*EITHER, **FOUR_HOURS)
        assert placed(world.step()) == ([(job, pool)] if pool else [])


def test_the_bound_counts_from_when_the_job_was_handed_in() -> None:
    world = fast_and_slow(10 * HOUR_MS)
    slow = world.runs("bj/slow-0", chips=8, ends_in_ms=10 * HOUR_MS)
    job = world.job(*EITHER, **FOUR_HOURS)
    world.step(pass_ms=55 * MINUTE_MS)
    world.end(slow)
    fast = next(a for a, live in world.live.items() if live.pool == "tj/fast")
    world.end(fast)
    world.runs("tj/fast-0", chips=8, ends_in_ms=6 * MINUTE_MS)
    assert placed(world.step()) == [(job, "bj/slow")]


def test_one_that_asks_again_after_a_stop_counts_from_then() -> None:
    world = fast_and_slow(5 * MINUTE_MS)
    job = world.job(*EITHER, **FOUR_HOURS)
    world.now_ms += 3 * HOUR_MS
    for attempt in list(world.live):
        world.end(attempt)
    world.runs("tj/fast-0", chips=8, ends_in_ms=5 * MINUTE_MS)
    assert placed(world.cycle()) == [(job, "bj/slow")]
    world.state.note_asked(job, world.now_ms)
    assert list(waits(world.cycle())) == [job]


def test_whoever_is_late_keeps_nobody_waiting_past_the_bound() -> None:
    world = fast_and_slow(5 * MINUTE_MS)
    late = next(iter(world.live))
    job = world.job(*EITHER, **FOUR_HOURS)
    minutes = 0
    while not (plan := world.cycle()).placements:
        world.apply(plan)
        world.now_ms += MINUTE_MS  # and what runs does not end
        minutes += 1
        assert minutes < 100
    assert placed(plan) == [(job, "bj/slow")]
    assert late in world.live
    assert minutes <= 60


def test_where_nobody_knows_when_the_fast_chip_is_free_it_takes_the_slow_one() -> None:
    world = World().pool("bj/slow", chips=8).pool("tj/fast", chips=8, model=H100)
    world.job(chips(8, H100))
    world.step()  # it says neither how long it takes nor how long it may
    job = world.job(*EITHER, **FOUR_HOURS)
    world.now_ms += HOUR_MS - 5 * MINUTE_MS
    world.state.note_asked(job, world.now_ms)
    assert placed(world.step()) == [(job, "bj/slow")]


def test_a_deadline_that_only_the_free_pool_meets_forbids_waiting() -> None:
    world = fast_and_slow(30 * MINUTE_MS)
    half = (chips(8, A100), chips(8, H100, 1100))
    late = world.job(*half, estimate_ms=10 * HOUR_MS, deadline_ms=world.now_ms + 10 * HOUR_MS)
    assert waits(world.cycle())[late].sooner_ms > 0
    world.state.dequeue(late)
    tight = fast_and_slow(HOUR_MS)
    same = (chips(8, A100), chips(8, H100, 1010))
    deadline_ms = tight.now_ms + 60 * HOUR_MS + 1
    job = tight.job(*same, estimate_ms=60 * HOUR_MS, deadline_ms=deadline_ms, objective="cost")
    assert placed(tight.step()) == [(job, "bj/slow")]


def test_by_cost_it_waits_for_the_cheaper_pool_though_it_ends_later() -> None:
    world = World().pool("bj/dear", chips=8, price=price(chip=20))
    world.pool("tj/cheap", chips=8, price=price(chip=5))
    world.runs("tj/cheap-0", chips=8, ends_in_ms=30 * MINUTE_MS)
    fields = {"estimate_ms": HOUR_MS}
    cheap = world.job(chips(8), objective="cost", **fields)
    quick = world.job(chips(8), objective="time", **fields)
    plan = world.step()
    assert placed(plan) == [(quick, "bj/dear")]
    assert waits(plan)[cheap].cheaper_microcny == 120_000_000
    assert waits(plan)[cheap].sooner_ms == -30 * MINUTE_MS


def test_a_job_with_one_option_never_waits_while_that_has_room() -> None:
    world = fast_and_slow(5 * MINUTE_MS)
    job = world.job(chips(8, A100), **FOUR_HOURS)
    assert placed(world.step()) == [(job, "bj/slow")]


def test_only_those_wait_who_do_better_behind_each_other() -> None:
    world = World().pool("bj/slow", nodes=8, chips=8).pool("tj/fast", chips=8, model=H100)
    world.runs("tj/fast-0", chips=8, ends_in_ms=5 * MINUTE_MS)
    job = world.job(*EITHER, **FOUR_HOURS, array=ArraySpec(6))
    plan = world.step()
    assert placed(plan) == [(job, "bj/slow")] * 5
    assert [held.job for held in plan.reservations] == [job]
    assert list(waits(plan)) == [job]


def test_no_more_wait_so_than_half_of_the_reservations() -> None:
    world = (
        World().pool("bj/slow", nodes=40, chips=8).pool("tj/fast", nodes=40, chips=8, model=H100)
    )
    for node in range(40):
        world.runs(f"tj/fast-{node}", chips=8, ends_in_ms=5 * MINUTE_MS)
    for _ in range(12):
        world.job(*EITHER, **FOUR_HOURS)
    plan = world.step()
    assert (len(waits(plan)), len(plan.placements)) == (8, 4)
    alone = World(profile(reservations_count=1)).pool("bj/slow", chips=8)
    alone.pool("tj/fast", chips=8, model=H100)
    alone.runs("tj/fast-0", chips=8, ends_in_ms=5 * MINUTE_MS)
    assert placed(alone.step()) == []
    job = alone.job(*EITHER, **FOUR_HOURS)
    assert placed(alone.step()) == [(job, "bj/slow")]


def test_each_of_those_who_wait_is_told_so_and_the_blocked_behind_them_why_they_wait() -> None:
    world = fast_and_slow(5 * MINUTE_MS)
    first, second, third = (world.job(*EITHER, **FOUR_HOURS) for _ in range(3))
    plan = world.step()
    assert placed(plan) == [(second, "bj/slow")]
    assert codes(world.why(first)) == ["waiting.better"]
    assert "waiting.busy" in codes(world.why(third))
    assert "waiting.better" not in codes(world.why(third))


def test_what_is_kept_for_it_is_not_taken_by_later_jobs() -> None:
    world = fast_and_slow(5 * MINUTE_MS)
    job = world.job(*EITHER, **FOUR_HOURS)
    world.step(pass_ms=5 * MINUTE_MS)
    world.job(chips(8, H100), **FOUR_HOURS)
    assert placed(world.step()) == [(job, "tj/fast")]


def test_the_pool_that_it_does_not_take_is_free_for_others() -> None:
    world = fast_and_slow(5 * MINUTE_MS)
    job = world.job(*EITHER, **FOUR_HOURS)
    other = world.job(chips(8, A100), **FOUR_HOURS)
    plan = world.step()
    assert started(plan) == [other]
    assert list(waits(plan)) == [job]


def test_a_job_of_a_class_with_a_bound_takes_what_there_is() -> None:
    world = fast_and_slow(5 * MINUTE_MS, priority="urgent")
    job = world.job(*EITHER, priority="urgent", **FOUR_HOURS)
    assert placed(world.step()) == [(job, "bj/slow")]


def test_profiles_other_than_fair_never_hold_a_job_back() -> None:
    for name in PROFILES:
        world = fast_and_slow(5 * MINUTE_MS, name)
        world.job(*EITHER, **FOUR_HOURS)
        assert bool(waits(world.step())) == (name == "fair")


def test_a_preview_says_that_a_job_would_wait_for_a_better_pool() -> None:
    world = fast_and_slow(5 * MINUTE_MS)
    told = world.preview(*EITHER, **FOUR_HOURS)
    assert not told.starts_now
    assert (told.pool, told.start_ms) == ("tj/fast", world.now_ms + 5 * MINUTE_MS)
    assert [reason.code for reason in told.reasons] == ["waiting.better"]
    world.job(*EITHER, **FOUR_HOURS)
    assert world.preview(*EITHER, **FOUR_HOURS).pool == "bj/slow"
