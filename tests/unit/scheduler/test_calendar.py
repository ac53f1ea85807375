"""Bookings: who keeps off which nodes, who may use them, and what becomes of it in plans."""

import pytest

from hutong.model.ids import PoolId, TenantId
from hutong.model.reasons import Booked
from hutong.scheduler.calendar import Calendar
from hutong.scheduler.columns import PoolColumns
from tests.unit.scheduler.worlds import (
    HOUR_MS,
    MINUTE_MS,
    NodeCondition,
    World,
    chips,
    codes,
    deferral_of,
    nodes_of,
    profile,
    started,
)


def two_nodes(**fields: object) -> World:
    """Two nodes of eight chips, all free."""
    return World(**fields).pool("bj/gpu", nodes=2, chips=8)  # type: ignore[arg-type]


def of(world: World) -> tuple[Calendar, PoolColumns]:
    """The calendar and the pool."""
    snapshot = world.state.snapshot(world.now_ms)
    return snapshot.calendar, snapshot.supply.pools[PoolId("bj/gpu")]


def test_rows_are_barred_to_whom_a_booking_does_not_let_in_and_only_in_its_time() -> None:
    world = two_nodes()
    world.book("r", "bj/gpu", from_ms=HOUR_MS, for_ms=HOUR_MS, tenants=("acme",), count=1)
    calendar, columns = of(world)
    now, start, end = world.now_ms, world.now_ms + HOUR_MS, world.now_ms + 2 * HOUR_MS
    other, own = TenantId("bolt"), TenantId("acme/vision")
    assert calendar.barred(columns, other, now, start).tolist() == []
    assert calendar.barred(columns, other, now, start + 1).tolist() == [0]
    assert calendar.barred(columns, own, now, start + 1).tolist() == []
    assert calendar.barred(columns, other, end, end + HOUR_MS).tolist() == []
    assert calendar.bars(columns, 0, other, now_ms=start, end_ms=end)
    assert not calendar.bars(columns, 1, other, now_ms=start, end_ms=end)


@pytest.mark.parametrize("name", ["fair", "easy", "conservative"])
def test_short_work_goes_in_before_maintenance_and_long_work_waits_for_its_end(name: str) -> None:
    world = two_nodes(profile=name)
    booking = world.book("m", "bj", from_ms=HOUR_MS, for_ms=HOUR_MS)
    long = world.job(chips(8), time_limit_ms=HOUR_MS + 1, tenant="a")
    short = world.job(chips(8), time_limit_ms=HOUR_MS, tenant="b")
    plan = world.step()
    assert started(plan) == [short]
    assert [(r.job, r.start_ms) for r in plan.reservations] == [(long, booking.end_ms)]
    assert deferral_of(plan, long).start_ms == booking.end_ms
    reason = Booked("m", "maintenance", booking.start_ms, booking.end_ms)
    assert reason in deferral_of(plan, long).reasons
    world.pass_time(HOUR_MS)
    assert started(world.step()) == []
    world.pass_time(HOUR_MS)
    assert started(world.step()) == [long]


def test_without_backfill_all_wait_behind_whom_maintenance_keeps() -> None:
    world = two_nodes(profile="fifo")
    world.book("m", "bj", from_ms=HOUR_MS, for_ms=HOUR_MS)
    long = world.job(chips(8), time_limit_ms=HOUR_MS + 1)
    short = world.job(chips(8), time_limit_ms=HOUR_MS)
    assert started(world.step()) == []
    world.pass_time(2 * HOUR_MS)
    assert started(world.step()) == [long, short]


def test_a_job_without_a_limit_goes_by_what_is_expected_of_it() -> None:
    world = two_nodes()
    world.book("m", "bj", from_ms=HOUR_MS, for_ms=HOUR_MS)
    world.job(chips(8), estimate_ms=2 * HOUR_MS)
    short = world.job(chips(8), estimate_ms=HOUR_MS // 2)
    assert started(world.cycle()) == [short]


def test_a_tenants_job_starts_in_its_reservation_and_need_not_end_by_it() -> None:
    world = two_nodes()
    booking = world.book("r", "bj/gpu", from_ms=0, for_ms=HOUR_MS, tenants=("acme",), count=1)
    other = world.job(chips(8), time_limit_ms=2 * HOUR_MS, tenant="bolt")
    own = world.job(chips(8), time_limit_ms=10 * HOUR_MS, tenant="acme/vision")
    late = world.job(chips(8), tasks=2, time_limit_ms=HOUR_MS, tenant="bolt")
    plan = world.cycle()
    nodes = {p.job: list(nodes_of(p)) for p in plan.placements}
    assert nodes == {other: ["bj/gpu-1"], own: ["bj/gpu-0"]}
    assert booking.nodes == ("bj/gpu-0",)
    assert deferral_of(plan, late).start_ms == world.now_ms + 10 * HOUR_MS


def test_the_same_shape_starts_for_one_tenant_where_another_is_kept_out() -> None:
    world = two_nodes()
    world.book("r", "bj/gpu", from_ms=0, for_ms=HOUR_MS, tenants=("acme",))
    kept_out = world.job(chips(4), tenant="bolt")
    let_in = world.job(chips(4), tenant="acme")
    plan = world.cycle()
    assert started(plan) == [let_in]
    assert codes(deferral_of(plan, kept_out)) == ["waiting.booked"]


def test_two_classes_share_a_reservation_and_the_more_urgent_goes_first() -> None:
    world = two_nodes()
    world.book("r", "bj/gpu", from_ms=0, for_ms=HOUR_MS, tenants=("acme",), count=1)
    world.runs("bj/gpu-1", chips=8)
    low = world.job(chips(8), tenant="acme", priority="low")
    high = world.job(chips(8), tenant="acme", priority="high")
    assert started(world.cycle()) == [high]
    assert low


@pytest.mark.parametrize(("limit_ms", "evicts"), [(3 * HOUR_MS, False), (MINUTE_MS, True)])
def test_nobody_is_evicted_for_room_that_is_booked(limit_ms: int, evicts: bool) -> None:
    world = World().pool("bj/gpu", chips=8)
    world.runs("bj/gpu-0", chips=8, priority="low")
    world.now_ms += MINUTE_MS
    world.book("m", "bj", from_ms=HOUR_MS, for_ms=HOUR_MS)
    world.job(chips(8), priority="urgent", time_limit_ms=limit_ms)
    assert bool(world.cycle().preemptions) is evicts


def test_a_preview_keeps_off_booked_nodes_as_the_cycle_does() -> None:
    world = two_nodes()
    booking = world.book("r", "bj/gpu", from_ms=0, for_ms=HOUR_MS, tenants=("acme",))
    assert world.preview(chips(4), tenant="acme").starts_now
    seen = world.preview(chips(4), tenant="bolt")
    assert not seen.starts_now
    assert seen.start_ms == booking.end_ms


def test_reservations_are_made_around_bookings() -> None:
    world = two_nodes(profile=profile(better_wait_ms=0))
    world.runs("bj/gpu-0", chips=8, ends_in_ms=10 * MINUTE_MS)
    world.runs("bj/gpu-1", chips=8, ends_in_ms=20 * MINUTE_MS)
    world.book("m", "bj/gpu", from_ms=30 * MINUTE_MS, for_ms=HOUR_MS, nodes=("bj/gpu-0",))
    job = world.job(chips(8), time_limit_ms=HOUR_MS)
    (reservation,) = world.cycle().reservations
    assert (reservation.job, reservation.start_ms) == (job, world.now_ms + 20 * MINUTE_MS)


def test_a_count_takes_ready_nodes_that_are_free_first() -> None:
    world = World().pool("bj/gpu", nodes=4, chips=8)
    world.runs("bj/gpu-0", chips=1, ends_in_ms=2 * HOUR_MS)
    world.runs("bj/gpu-1", chips=1, ends_in_ms=HOUR_MS)
    world.node("bj/gpu-2", NodeCondition.DOWN)
    one = world.book("r1", "bj/gpu", from_ms=HOUR_MS, for_ms=HOUR_MS, tenants=("a",), count=2)
    assert one.nodes == ("bj/gpu-1", "bj/gpu-3")
    two = world.book("r2", "bj/gpu", from_ms=HOUR_MS, for_ms=HOUR_MS, tenants=("b",), count=2)
    assert two.nodes == ("bj/gpu-0", "bj/gpu-2")


def test_nodes_that_go_and_come_back_are_still_booked() -> None:
    world = two_nodes()
    world.book("m", "bj/gpu", from_ms=0, for_ms=HOUR_MS, nodes=("bj/gpu-1",))
    world.pool("bj/gpu", nodes=1, chips=8)
    world.pool("bj/gpu", nodes=2, chips=8)
    job = world.job(chips(8), tasks=2)
    plan = world.cycle()
    assert started(plan) == []
    assert "waiting.booked" in codes(deferral_of(plan, job))
