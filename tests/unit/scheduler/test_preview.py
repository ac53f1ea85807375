"""A preview says what would happen to a job, and hands nothing in."""

import msgspec

from hutong.model.classes import HIGH, URGENT
from hutong.model.reasons import MakingRoom, NoPoolMatches
from hutong.model.tenant import QuotaResource, QuotaRule
from hutong.scheduler.plan import Candidate, Preview
from hutong.scheduler.profile import Profile
from tests.unit.scheduler.worlds import (
    A100,
    ASCEND,
    H100,
    HOUR_MS,
    MINUTE_MS,
    ArraySpec,
    SiteStatus,
    World,
    chips,
    price,
    started,
)


def test_a_preview_shows_every_pool_with_its_price_or_why_it_is_out() -> None:
    world = World().pool("bj/gpu", nodes=2, chips=8, price=price(chip=10))
    world.pool("tj/gpu", chips=8, price=price(chip=4)).pool("tj/cpu", nodes=5)
    world.pool("zjk/h100", chips=8, model=H100).pool("lf/gpu", nodes=3, chips=8)
    world.status("lf", SiteStatus.SILENT)
    seen = world.preview(chips(8), estimate_ms=HOUR_MS)
    assert [(p.pool, p.fell_to) for p in seen.places] == [
        ("bj/gpu", ""),
        ("tj/gpu", ""),
        ("lf/gpu", "site_silent"),
        ("tj/cpu", "accelerator"),
        ("zjk/h100", "accelerator"),
    ]
    assert [p.nodes_count for p in seen.places] == [2, 1, 3, 5, 1]
    assert (seen.cost_low_microcny, seen.cost_high_microcny) == (32_000_000, 80_000_000)
    assert (seen.starts_now, seen.start_ms, seen.pool) == (True, world.now_ms, "bj/gpu")
    candidate = seen.places[0].candidate
    assert candidate is not None
    assert candidate.finish_ms == world.now_ms + HOUR_MS


def test_a_preview_agrees_with_the_cycle_that_follows() -> None:
    world = World().pool("bj/gpu", chips=8)
    world.runs("bj/gpu-0", chips=6, ends_in_ms=20 * MINUTE_MS)
    world.job(chips(4))
    for alternatives, fields in (
        ((chips(1),), {"estimate_ms": MINUTE_MS}),
        ((chips(1),), {"estimate_ms": HOUR_MS}),
        ((chips(5),), {"estimate_ms": HOUR_MS}),
        ((chips(9),), {}),
    ):
        seen = world.preview(*alternatives, **fields)
        job = world.job(*alternatives, **fields)
        plan = world.step()
        assert seen.starts_now == (job in started(plan))
        if not seen.starts_now:
            assert seen.reasons == world.why(job).reasons
            assert seen.start_ms == world.why(job).start_ms
        world.state.dequeue(job)


def test_a_preview_leaves_no_trace() -> None:
    world = World().pool("bj/gpu", chips=8)
    world.job(chips(4), array=ArraySpec(3))
    before = world.cycle()
    world.preview(chips(1), tenant="new/tenant")
    world.preview(chips(4))
    world.state.validate()
    assert msgspec.json.encode(world.cycle()) == msgspec.json.encode(before)
    assert "new" not in world.state.snapshot(0).tenants.by_id


def test_a_preview_stands_behind_the_jobs_of_its_group() -> None:
    world = World().pool("bj/gpu", chips=8)
    world.runs("bj/gpu-0", chips=8, ends_in_ms=10 * MINUTE_MS)
    world.job(chips(8), array=ArraySpec(3), estimate_ms=HOUR_MS)
    world.job(priority=HIGH, cpu=999)
    seen = world.preview(chips(8), estimate_ms=HOUR_MS)
    assert seen.jobs_ahead == 4
    assert seen.start_ms == world.now_ms + 10 * MINUTE_MS + 3 * HOUR_MS
    assert seen.pool == "bj/gpu"


def test_a_preview_tells_the_reservation_the_job_would_hold() -> None:
    world = World().pool("bj/gpu", chips=8).pool("tj/npu", chips=8, model=ASCEND)
    world.runs("bj/gpu-0", chips=8, ends_in_ms=50 * MINUTE_MS)
    world.runs("tj/npu-0", chips=8, ends_in_ms=20 * MINUTE_MS)
    seen = world.preview(chips(8, A100), chips(8, ASCEND, 1000), estimate_ms=HOUR_MS)
    assert (seen.starts_now, seen.pool) == (False, "tj/npu")
    assert seen.start_ms == world.now_ms + 20 * MINUTE_MS


def test_a_preview_of_what_nobody_can_run_has_no_start_and_no_price() -> None:
    world = World().pool("bj/cpu", nodes=2)
    seen = world.preview(chips(1), deadline_ms=1)
    assert (seen.starts_now, seen.start_ms, seen.pool) == (False, 0, "")
    assert (seen.cost_low_microcny, seen.cost_high_microcny) == (0, 0)
    (reason,) = seen.reasons
    assert isinstance(reason, NoPoolMatches)


def test_a_preview_of_a_job_that_is_too_late_names_the_deadline() -> None:
    world = World().pool("bj/cpu", nodes=2)
    seen = world.preview(deadline_ms=world.now_ms + MINUTE_MS, estimate_ms=HOUR_MS)
    assert [p.fell_to for p in seen.places] == ["deadline"]


def test_a_preview_beyond_a_long_queue_goes_by_estimates() -> None:
    world = World().pool("bj/cpu", cpu=4_000)
    world.job(array=ArraySpec(3_000))
    seen = world.preview()
    assert (seen.starts_now, seen.jobs_ahead) == (False, 3_000)
    assert seen.reasons[0].code == "waiting.cycle_full"
    assert seen.start_ms > world.now_ms


def chosen(seen: Preview) -> Candidate:
    """The place at which a previewed job would start."""
    candidate = next(place.candidate for place in seen.places if place.pool == seen.pool)
    assert candidate is not None
    return candidate


def test_the_start_told_is_that_of_the_place_chosen() -> None:
    world = World().pool("bj/gpu", chips=8).pool("tj/gpu", chips=8)
    world.runs("bj/gpu-0", chips=8, ends_in_ms=20 * MINUTE_MS)
    world.runs("tj/gpu-0", chips=8, ends_in_ms=30 * MINUTE_MS)
    world.job(chips(8), estimate_ms=HOUR_MS, array=ArraySpec(3))
    for tenant in ("default", "other"):
        seen = world.preview(chips(8), estimate_ms=HOUR_MS, tenant=tenant)
        assert not seen.starts_now
        assert chosen(seen).start_ms == seen.start_ms > world.now_ms
        assert chosen(seen).finish_ms == seen.start_ms + HOUR_MS


def test_no_place_is_told_to_start_before_its_quota_lets_it() -> None:
    world = World().pool("bj/gpu", chips=8).pool("tj/gpu", chips=8)
    world.tenant("acme", rules=(QuotaRule(QuotaResource.ACCELERATORS, limit=4000),))
    world.runs("bj/gpu-0", chips=4, ends_in_ms=20 * MINUTE_MS, tenant="acme")
    seen = world.preview(chips(1), tenant="acme", estimate_ms=HOUR_MS)
    starts = [place.candidate.start_ms for place in seen.places if place.candidate is not None]
    assert starts == [world.now_ms + 20 * MINUTE_MS] * 2
    assert seen.start_ms == starts[0]
    never = world.preview(chips(5), tenant="acme", estimate_ms=HOUR_MS)
    assert never.start_ms == 0
    assert [p.candidate.start_ms for p in never.places if p.candidate is not None] == [0, 0]


def test_a_job_for_which_somebody_stops_is_told_to_start_once_they_are_gone() -> None:
    world = World().pool("bj/gpu", chips=8)
    world.runs("bj/gpu-0", chips=8, priority="low", grace_ms=25_000)
    seen = world.preview(chips(8), priority=URGENT)
    assert seen.reasons[-1] == MakingRoom(1, 25_000)
    assert seen.bound is not None
    assert seen.bound.by_ms == world.now_ms + MINUTE_MS
    assert seen.bound.promised_ms == seen.start_ms
    assert chosen(seen).start_ms == seen.start_ms == world.now_ms + 25_000
    job = world.job(chips(8), priority=URGENT)
    world.step()
    assert world.why(job).reasons == seen.reasons
    assert world.why(job).start_ms == seen.start_ms
    world.now_ms += 10_000
    assert world.why(job).reasons[-1] == MakingRoom(1, 15_000)
    assert world.why(job).start_ms == seen.start_ms


def test_the_scores_told_are_those_that_decided() -> None:
    """With the job itself counted, domestic chips have their share and their bonus is gone."""
    world = World(Profile(domestic_target_milli=500, domestic_bonus_milli=300))
    world.pool("bj/gpu", chips=8).pool("tj/npu", chips=8, model=ASCEND)
    seen = world.preview(chips(8), chips(8, ASCEND, 900), estimate_ms=HOUR_MS)
    assert (seen.starts_now, seen.pool) == (True, "tj/npu")
    assert [place.pool for place in seen.places] == ["tj/npu", "bj/gpu"]
    assert chosen(seen).domestic_milli == 300


def test_a_job_that_takes_what_others_leave_is_told_to_start_once_they_are_gone() -> None:
    world = World().pool("bj/gpu", nodes=2, chips=8)
    wide = world.runs("bj/gpu-0", chips=4, priority="low", grace_ms=25_000)
    world.runs("bj/gpu-1", chips=8, ends_in_ms=HOUR_MS)
    world.runs("bj/gpu-0", chips=4, ends_in_ms=HOUR_MS)
    first = world.job(chips(2), priority=URGENT, estimate_ms=HOUR_MS)
    assert [line.victim for line in world.step().preemptions] == [wide]
    second = world.job(chips(2), priority=URGENT, estimate_ms=HOUR_MS)
    seen = world.preview(chips(2), priority=URGENT, estimate_ms=2 * HOUR_MS)
    plan = world.step()
    assert not plan.preemptions
    for job in (first, second):
        told = world.why(job)
        assert told.start_ms == world.now_ms + 25_000
        assert told.explanation.candidates[0].start_ms == told.start_ms
    assert seen.start_ms > world.now_ms
    assert chosen(seen).start_ms == seen.start_ms
