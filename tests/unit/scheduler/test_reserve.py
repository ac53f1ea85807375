"""Nobody starves: blocked heads hold reservations, later jobs fill the holes and no more."""

import msgspec

from hutong.model.job import Objective
from hutong.model.reasons import BehindOthers, BusyPools, WouldDelayReserved
from tests.unit.scheduler.worlds import (
    A100,
    ASCEND,
    HOUR_MS,
    MINUTE_MS,
    ArraySpec,
    World,
    chips,
    codes,
    deferral_of,
    price,
    profile,
    started,
)


def half_busy(**fields: object) -> World:
    """Eight chips on one node, four of them busy for half an hour."""
    world = World(**fields).pool("bj/gpu", chips=8)  # type: ignore[arg-type]
    world.runs("bj/gpu-0", chips=4, ends_in_ms=30 * MINUTE_MS)
    return world


def test_the_blocked_head_reserves_where_and_when_it_starts_first() -> None:
    world = half_busy()
    head = world.job(chips(8))
    (reservation,) = world.cycle().reservations
    assert reservation.job == head
    assert reservation.start_ms == world.now_ms + 30 * MINUTE_MS
    assert world.step().deferrals[0].start_ms == reservation.start_ms


def test_a_short_job_backfills_and_a_long_one_waits_for_the_reserved_head() -> None:
    world = half_busy()
    head = world.job(chips(8))
    long = world.job(chips(4), time_limit_ms=HOUR_MS)
    short = world.job(chips(4), time_limit_ms=30 * MINUTE_MS)
    plan = world.step()
    assert started(plan) == [short]
    (reason,) = world.why(long).reasons
    assert reason == WouldDelayReserved(head, world.now_ms + 30 * MINUTE_MS)


def test_backfill_goes_by_the_time_limit_and_not_by_a_hopeful_estimate() -> None:
    world = half_busy()
    world.job(chips(8))
    world.job(chips(4), estimate_ms=MINUTE_MS, time_limit_ms=HOUR_MS)
    assert started(world.cycle()) == []


def test_a_long_job_may_use_what_the_head_leaves() -> None:
    world = World().pool("bj/gpu", nodes=2, chips=8)
    world.runs("bj/gpu-0", chips=4, ends_in_ms=30 * MINUTE_MS)
    world.runs("bj/gpu-1", chips=2, ends_in_ms=90 * MINUTE_MS)
    world.job(chips(7))
    beside = world.job(chips(5), cpu=2, estimate_ms=10 * HOUR_MS)
    left = world.job(chips(1), cpu=3, estimate_ms=10 * HOUR_MS, array=ArraySpec(5))
    plan = world.cycle()
    assert started(plan) == [beside, left, left]
    nodes = [p.nodes[0].node for p in plan.placements]
    assert nodes == ["bj/gpu-1", "bj/gpu-1", "bj/gpu-0"]


def test_only_as_many_heads_reserve_as_the_profile_says() -> None:
    world = World(profile(reservations_count=2)).pool("bj/gpu", chips=8)
    world.runs("bj/gpu-0", chips=8)
    jobs = [world.job(chips(8), cpu=1 + at) for at in range(4)]
    assert [r.job for r in world.cycle().reservations] == jobs[:2]


def test_reservations_come_one_after_the_other_on_the_same_nodes() -> None:
    world = World().pool("bj/gpu", nodes=2, chips=8)
    world.runs("bj/gpu-0", chips=8, ends_in_ms=10 * MINUTE_MS)
    world.runs("bj/gpu-1", chips=8, ends_in_ms=20 * MINUTE_MS)
    first, second = world.job(chips(8), cpu=1), world.job(chips(8), cpu=2)
    starts = {r.job: r.start_ms - world.now_ms for r in world.cycle().reservations}
    assert starts == {first: 10 * MINUTE_MS, second: 20 * MINUTE_MS}


def test_a_gang_reserves_when_enough_nodes_are_free_together() -> None:
    world = World().pool("bj/gpu", nodes=3, chips=8)
    for at, minutes in enumerate((10, 30, 20)):
        world.runs(f"bj/gpu-{at}", chips=1, ends_in_ms=minutes * MINUTE_MS)
    world.job(chips(8), tasks=2)
    (reservation,) = world.cycle().reservations
    assert reservation.start_ms == world.now_ms + 20 * MINUTE_MS


def test_fractions_reserve_when_one_chip_has_room() -> None:
    world = World().pool("bj/gpu", chips=2)
    world.runs("bj/gpu-0", chips=0.6, ends_in_ms=40 * MINUTE_MS)
    world.runs("bj/gpu-0", chips=0.7, ends_in_ms=20 * MINUTE_MS)
    world.job(chips(0.5))
    (reservation,) = world.cycle().reservations
    assert reservation.start_ms == world.now_ms + 20 * MINUTE_MS


def test_an_exclusive_head_reserves_when_its_node_is_empty_and_bars_long_work_there() -> None:
    world = World().pool("bj/cpu", cpu=8)
    world.runs("bj/cpu-0", cpu=2, ends_in_ms=10 * MINUTE_MS)
    world.job(exclusive=True)
    long = world.job(estimate_ms=HOUR_MS)
    short = world.job(estimate_ms=MINUTE_MS)
    plan = world.cycle()
    assert started(plan) == [short]
    assert codes(deferral_of(plan, long)) == ["waiting.reserved"]


def test_what_started_in_this_cycle_counts_for_when_the_head_can_start() -> None:
    world = World().pool("bj/gpu", chips=8)
    world.job(chips(6), estimate_ms=20 * MINUTE_MS)
    world.job(chips(8))
    plan = world.cycle()
    assert len(plan.placements) == 1
    assert [r.start_ms for r in plan.reservations] == [world.now_ms + 20 * MINUTE_MS]


def test_the_head_reserves_on_the_pool_its_objective_likes_best() -> None:
    world = World().pool("bj/gpu", chips=8, price=price(chip=10))
    world.pool("tj/gpu", chips=8, price=price(chip=1))
    world.runs("bj/gpu-0", chips=8, ends_in_ms=10 * MINUTE_MS)
    world.runs("tj/gpu-0", chips=8, ends_in_ms=90 * MINUTE_MS)
    quick = world.job(chips(8), estimate_ms=HOUR_MS)
    cheap = world.job(chips(8), estimate_ms=HOUR_MS, objective=Objective.COST)
    pools = {r.job: r.pool for r in world.cycle().reservations}
    assert pools == {quick: "bj/gpu", cheap: "tj/gpu"}


def test_a_slower_chip_that_is_free_sooner_is_reserved_when_it_finishes_sooner() -> None:
    world = World().pool("bj/gpu", chips=8).pool("tj/npu", chips=8, model=ASCEND)
    world.runs("bj/gpu-0", chips=8, ends_in_ms=10 * HOUR_MS)
    world.runs("tj/npu-0", chips=8, ends_in_ms=HOUR_MS)
    job = world.job(chips(8, A100), chips(8, ASCEND, 500), estimate_ms=HOUR_MS)
    (reservation,) = world.cycle().reservations
    assert (reservation.pool, reservation.start_ms) == ("tj/npu", world.now_ms + HOUR_MS)
    (best, other) = deferral_of(world.cycle(), job).explanation.candidates
    assert best.finish_ms == world.now_ms + 3 * HOUR_MS
    assert other.finish_ms == world.now_ms + 11 * HOUR_MS


def test_an_overdue_attempt_is_given_a_little_more_time() -> None:
    world = half_busy()
    world.now_ms += 40 * MINUTE_MS
    world.job(chips(8))
    (reservation,) = world.cycle().reservations
    assert reservation.start_ms == world.now_ms + 10 * MINUTE_MS // 8


def test_what_was_told_to_stop_counts_as_free_at_once() -> None:
    world = World().pool("bj/gpu", chips=8)
    world.state.mark_stopping(world.runs("bj/gpu-0", chips=8))
    world.job(chips(8))
    other = world.job(chips(4), cpu=2, estimate_ms=1)
    plan = world.cycle()
    assert [r.start_ms for r in plan.reservations][:1] == [world.now_ms]
    assert started(plan) == []
    assert codes(deferral_of(plan, other)) == ["waiting.busy"]


def test_without_backfill_the_blocked_head_keeps_its_pools_to_itself() -> None:
    world = half_busy(profile="fifo").pool("tj/cpu", cpu=4)
    head = world.job(chips(8))
    blocked = world.job(chips(1), estimate_ms=1)
    elsewhere = world.job(cpu=2)
    plan = world.cycle()
    assert started(plan) == [elsewhere]
    assert plan.reservations == ()
    assert deferral_of(plan, blocked).reasons == (WouldDelayReserved(head, 0),)


def test_conservative_backfill_reserves_for_later_jobs_of_a_group_as_well() -> None:
    world = World(profile(backfill="conservative")).pool("bj/gpu", nodes=2, chips=8)
    world.runs("bj/gpu-0", chips=8, ends_in_ms=10 * MINUTE_MS)
    world.runs("bj/gpu-1", chips=8, ends_in_ms=20 * MINUTE_MS)
    jobs = [world.job(chips(8)) for _ in range(3)]
    reservations = world.cycle().reservations
    assert [r.job for r in reservations] == jobs
    starts = [r.start_ms - world.now_ms for r in reservations]
    assert starts == [10 * MINUTE_MS, 20 * MINUTE_MS, 10 * MINUTE_MS + HOUR_MS]


def test_a_shape_found_blocked_is_not_looked_at_again_and_says_who_is_ahead() -> None:
    world = World().pool("bj/gpu", chips=8)
    world.runs("bj/gpu-0", chips=8)
    first, second = world.job(chips(8), tenant="a"), world.job(chips(8), tenant="b")
    plan = world.cycle()
    assert deferral_of(plan, first).reasons == (BusyPools(1, 1, 0),)
    assert deferral_of(plan, second).reasons == (BusyPools(1, 1, 0), BehindOthers(1))


def test_the_basis_says_what_the_expected_start_rests_on() -> None:
    for basis in ("limits", "estimates", "none"):
        world = World().pool("bj/gpu", chips=8)
        attempt = world.runs("bj/gpu-0", chips=8)
        running = world.live[attempt]
        world.end(attempt)
        world.live[attempt] = msgspec.structs.replace(running, end_basis=basis)
        world.state.start(world.live[attempt])
        world.job(chips(8))
        assert world.cycle().deferrals[0].basis == basis


def test_groups_without_a_reservation_have_an_expected_start_after_those_ahead() -> None:
    world = World(profile(reservations_count=0)).pool("bj/gpu", nodes=2, chips=8)
    world.runs("bj/gpu-0", chips=8, ends_in_ms=10 * MINUTE_MS)
    world.runs("bj/gpu-1", chips=8, ends_in_ms=20 * MINUTE_MS)
    jobs = [world.job(chips(8), cpu=1 + at, estimate_ms=HOUR_MS) for at in range(3)]
    plan = world.cycle()
    starts = [deferral_of(plan, job).start_ms - world.now_ms for job in jobs]
    assert starts == [10 * MINUTE_MS, 20 * MINUTE_MS, 20 * MINUTE_MS + HOUR_MS]


def test_a_gang_that_stays_long_leaves_the_reserved_nodes_alone() -> None:
    world = World().pool("bj/gpu", nodes=4, chips=8)
    world.runs("bj/gpu-3", chips=8, ends_in_ms=30 * MINUTE_MS)
    head = world.job(chips(8), tasks=4)
    long = world.job(chips(8), tasks=2, time_limit_ms=HOUR_MS)
    short = world.job(chips(8), tasks=2, time_limit_ms=20 * MINUTE_MS)
    plan = world.cycle()
    assert started(plan) == [short]
    assert plan.reservations[0].job == head
    (reason,) = deferral_of(plan, long).reasons
    assert isinstance(reason, WouldDelayReserved)


def test_hundreds_of_reserved_nodes_are_passed_over() -> None:
    world = World().pool("bj/gpu", nodes=400, chips=8)
    world.runs("bj/gpu-0", chips=8, ends_in_ms=30 * MINUTE_MS)
    world.job(chips(8), tasks=400)
    long = world.job(chips(1), time_limit_ms=HOUR_MS)
    plan = world.cycle()
    assert started(plan) == []
    assert codes(deferral_of(plan, long)) == ["waiting.reserved"]


def test_a_reservation_is_worked_out_again_when_what_runs_has_changed() -> None:
    world = World().pool("bj/gpu", nodes=2, chips=8)
    first = world.runs("bj/gpu-0", chips=8, ends_in_ms=10 * MINUTE_MS)
    world.runs("bj/gpu-1", chips=8, ends_in_ms=20 * MINUTE_MS)
    world.job(chips(8))
    assert world.cycle().reservations[0].start_ms == world.now_ms + 10 * MINUTE_MS
    world.end(first)
    world.runs("bj/gpu-0", chips=8, ends_in_ms=HOUR_MS)
    assert world.cycle().reservations[0].start_ms == world.now_ms + 20 * MINUTE_MS


def conservative_queue() -> tuple[World, list[str]]:
    """Three jobs of one shape and one of another between them, on two busy nodes."""
    world = World("conservative").pool("bj/gpu", nodes=2, chips=8)
    world.runs("bj/gpu-0", chips=8, ends_in_ms=10 * MINUTE_MS)
    world.runs("bj/gpu-1", chips=8, ends_in_ms=20 * MINUTE_MS)
    first = world.job(chips(8), time_limit_ms=HOUR_MS)
    between = world.job(chips(7), time_limit_ms=HOUR_MS)
    rest = [world.job(chips(8), time_limit_ms=HOUR_MS) for _ in range(2)]
    return world, [first, between, *rest]


def test_conservative_backfill_reserves_in_the_order_of_jobs_and_not_of_groups() -> None:
    world, jobs = conservative_queue()
    plan = world.step()
    assert [r.job for r in plan.reservations] == jobs
    starts = [r.start_ms - world.now_ms for r in plan.reservations]
    assert starts == [10 * MINUTE_MS, 20 * MINUTE_MS, 70 * MINUTE_MS, 80 * MINUTE_MS]
    assert [world.why(job).start_ms - world.now_ms for job in jobs] == starts


def test_a_preview_under_conservative_backfill_tells_the_jobs_own_reservation() -> None:
    world, _ = conservative_queue()
    seen = world.preview(chips(8), time_limit_ms=HOUR_MS)
    job = world.job(chips(8), time_limit_ms=HOUR_MS)
    world.step()
    assert seen.start_ms == world.why(job).start_ms == world.now_ms + 130 * MINUTE_MS


def test_each_class_has_its_heads_reservation_however_many_wait_before_it() -> None:
    world = World(profile(reservations_count=3, preemption=False)).pool("bj/gpu", chips=8)
    world.runs("bj/gpu-0", chips=8)
    for at in range(4):
        world.job(chips(8), cpu=1 + at, priority="high")
    normal = world.job(chips(8), priority="normal")
    low = world.job(chips(8), priority="low")
    reserved = [r.job for r in world.cycle().reservations]
    assert reserved == ["j2", normal, low]


def test_a_later_head_is_planned_into_the_hole_before_an_earlier_ones_start() -> None:
    world = World(profile(better_wait_ms=0)).pool("bj/gpu", nodes=2, chips=8)
    world.runs("bj/gpu-0", chips=8, ends_in_ms=10 * MINUTE_MS)
    world.runs("bj/gpu-1", chips=8, ends_in_ms=60 * MINUTE_MS)
    wide = world.job(chips(8), tasks=2, time_limit_ms=HOUR_MS)
    narrow = world.job(chips(8), time_limit_ms=50 * MINUTE_MS)
    starts = {r.job: r.start_ms - world.now_ms for r in world.cycle().reservations}
    assert starts == {wide: HOUR_MS, narrow: 10 * MINUTE_MS}
