"""One round: who is stopped for whom, who may not be, who moves, and when the next one is due."""

from typing import Any

import msgspec
import pytest

from hutong.model.classes import ClassRule
from hutong.model.ids import JobId
from hutong.model.tenant import QuotaResource, QuotaRule
from hutong.scheduler.plan import Plan
from hutong.scheduler.profile import PROFILES, Profile
from tests.unit.scheduler.worlds import A100, H100, HOUR_MS, MINUTE_MS, World, chips, started

ROUND_MS = 5 * MINUTE_MS


def rounds(order: str = "srpt", **settings: Any) -> Profile:
    """A profile with rounds."""
    return msgspec.structs.replace(PROFILES[order], **settings)


def full(profile: Profile | str = "srpt", *, hours: float = 10, **fields: Any) -> tuple[World, str]:
    """A node of eight chips that a job of so many hours has held for half an hour."""
    world = World(profile).site("bj").pool("bj/gpu", nodes=1, chips=8)
    job = world.job(chips(8), estimate_ms=round(hours * HOUR_MS), **fields)
    world.step()
    world.now_ms += HOUR_MS // 2
    return world, job


def stopped(plan: Plan) -> list[tuple[str, str]]:
    """Whose attempts a plan stops, each with the job for which."""
    return [(line.victim.split("-")[1], line.job) for line in plan.preemptions]


def test_a_shorter_job_has_a_longer_one_stopped() -> None:
    world, long = full()
    short = world.job(chips(8), estimate_ms=HOUR_MS)
    assert stopped(world.cycle()) == [(long, short)]


def test_once_room_is_there_the_one_it_was_made_for_starts() -> None:
    world, _ = full()
    short = world.job(chips(8), estimate_ms=HOUR_MS)
    world.step()
    assert started(world.cycle()) == []
    world.stop(next(iter(world.live)))
    assert started(world.cycle()) == [short]


def test_nobody_else_takes_room_that_is_being_made() -> None:
    world, _ = full()
    short = world.job(chips(8), estimate_ms=HOUR_MS)
    world.step()
    later = world.job(chips(2), estimate_ms=8 * HOUR_MS)
    assert started(world.cycle()) == []
    world.stop(next(iter(world.live)))
    plan = world.step()
    assert started(plan) == [short]
    assert later in world.jobs


@pytest.mark.parametrize(("hours", "stops"), [(7.8, True), (8.2, False)])
def test_who_runs_is_worth_a_fifth_more_than_who_waits(hours: float, stops: bool) -> None:
    world, _ = full(hours=10)  # 9.5 hours are left, which count as 7.9
    world.job(chips(8), estimate_ms=round(hours * HOUR_MS))
    assert bool(world.cycle().preemptions) is stops


def test_who_asks_for_fewer_chips_comes_first_by_the_service_he_needs() -> None:
    world = World("srpt").site("bj").pool("bj/gpu", nodes=1, chips=8)
    world.job(chips(8), estimate_ms=HOUR_MS)
    narrow = world.job(chips(1), estimate_ms=7 * HOUR_MS)
    assert started(world.cycle()) == [narrow]


def test_nobody_is_stopped_before_his_round_is_over() -> None:
    world = World("srpt").site("bj").pool("bj/gpu", nodes=1, chips=8)
    long = world.job(chips(8), estimate_ms=10 * HOUR_MS)
    world.step()
    short = world.job(chips(8), estimate_ms=HOUR_MS)
    world.now_ms += ROUND_MS - 1
    plan = world.cycle()
    assert not plan.preemptions
    assert plan.look_again_ms == world.now_ms + 1_000
    world.now_ms += 1_000
    assert stopped(world.cycle()) == [(long, short)]


def test_nobody_is_stopped_before_his_guaranteed_time_is_over() -> None:
    world, _ = full(min_run_ms=2 * HOUR_MS)
    world.job(chips(8), estimate_ms=HOUR_MS)
    plan = world.cycle()
    assert not plan.preemptions
    assert plan.look_again_ms == world.now_ms + HOUR_MS + HOUR_MS // 2


def test_who_may_not_be_stopped_is_not() -> None:
    world, _ = full(preemptible=False)
    world.job(chips(8), estimate_ms=MINUTE_MS)
    assert not world.cycle().preemptions


def test_who_may_not_be_stopped_may_have_others_stopped() -> None:
    world, long = full()
    firm = world.job(chips(8), estimate_ms=HOUR_MS, preemptible=False)
    assert stopped(world.cycle()) == [(long, firm)]


def test_a_class_comes_before_any_index() -> None:
    classes = (ClassRule("gold"), ClassRule("normal"))
    world, _ = full(rounds(classes=classes), priority="gold")
    world.job(chips(8), estimate_ms=MINUTE_MS)
    assert not world.cycle().preemptions


def test_those_stopped_are_worth_least() -> None:
    world = World("srpt").site("bj").pool("bj/gpu", nodes=2, chips=8)
    world.job(chips(8), estimate_ms=9 * HOUR_MS)
    longest = world.job(chips(8), estimate_ms=20 * HOUR_MS)
    world.step()
    world.now_ms += HOUR_MS
    short = world.job(chips(8), estimate_ms=HOUR_MS)
    assert stopped(world.cycle()) == [(longest, short)]


def test_no_more_are_stopped_than_are_in_the_way() -> None:
    world = World("srpt").site("bj").pool("bj/gpu", nodes=1, chips=8)
    for hours in (20, 21, 22, 23):
        world.job(chips(2), estimate_ms=hours * HOUR_MS)
    world.step()
    world.now_ms += HOUR_MS
    short = world.job(chips(4), estimate_ms=HOUR_MS)
    assert stopped(world.cycle()) == [("j3", short), ("j4", short)]


def test_a_gang_over_nodes_has_room_made_on_several() -> None:
    world = World("srpt").site("bj").pool("bj/gpu", nodes=2, chips=8)
    for _ in range(2):
        world.job(chips(8), estimate_ms=20 * HOUR_MS)
    world.step()
    world.now_ms += HOUR_MS
    gang = world.job(chips(8), tasks=2, estimate_ms=HOUR_MS)
    assert stopped(world.cycle()) == [("j1", gang), ("j2", gang)]
    for attempt in list(world.live):
        world.stop(attempt)
    assert started(world.cycle()) == [gang]


def test_a_job_that_fits_nowhere_stops_nobody() -> None:
    world, _ = full()
    world.job(chips(16), estimate_ms=MINUTE_MS)
    world.job(chips(8), tasks=2, estimate_ms=MINUTE_MS)
    assert not world.cycle().preemptions


def test_a_job_over_its_quota_stops_nobody() -> None:
    world, _ = full()
    world.tenant("small", accelerator_milli=4_000)
    world.job(chips(8), tenant="small", estimate_ms=MINUTE_MS)
    assert not world.cycle().preemptions


def guaranteed(chips_count: int) -> dict[str, Any]:
    """A quota that guarantees so many chips."""
    rule = QuotaRule(QuotaResource.ACCELERATORS, guaranteed=chips_count * 1000)
    return {"rules": (rule,)}


def test_who_is_within_his_tenants_guarantee_is_not_stopped_for_another() -> None:
    world = World("srpt").site("bj").pool("bj/gpu", nodes=1, chips=8)
    world.tenant("a", **guaranteed(8)).tenant("b")
    world.job(chips(8), tenant="a", estimate_ms=20 * HOUR_MS)
    world.step()
    world.now_ms += HOUR_MS
    world.job(chips(8), tenant="b", estimate_ms=MINUTE_MS)
    assert not world.cycle().preemptions


def test_what_was_lent_comes_back_whatever_the_index_says() -> None:
    world = World("srpt").site("bj").pool("bj/gpu", nodes=1, chips=8)
    world.tenant("a", **guaranteed(8)).tenant("b")
    lent = world.job(chips(8), tenant="b", estimate_ms=HOUR_MS)
    world.step()
    world.now_ms += ROUND_MS
    owner = world.job(chips(8), tenant="a", estimate_ms=20 * HOUR_MS)
    assert stopped(world.cycle()) == [(lent, owner)]


def test_within_a_guarantee_the_tenants_best_comes_first() -> None:
    world = World("srpt").site("bj").pool("bj/gpu", nodes=1, chips=8)
    world.tenant("a", **guaranteed(8))
    long = world.job(chips(8), tenant="a", estimate_ms=20 * HOUR_MS)
    world.step()
    world.now_ms += HOUR_MS
    short = world.job(chips(8), tenant="a", estimate_ms=HOUR_MS)
    assert stopped(world.cycle()) == [(long, short)]


def two_chips(profile: Profile | str, hours: float) -> tuple[World, str]:
    """A job that has run half an hour on A100, four times as slow for it as the free H100."""
    world = World(profile).site("bj").pool("bj/a", nodes=1, chips=8)
    world.pool("bj/h", nodes=1, chips=8, model=H100)
    first = world.job(chips(8, H100), estimate_ms=HOUR_MS, preemptible=False)
    job = world.job(chips(8, A100, 1000), chips(8, H100, 4000), estimate_ms=round(hours * HOUR_MS))
    plan = world.step()
    assert {line.job: line.accelerator for line in plan.placements} == {first: H100, job: A100}
    world.end(next(name for name, one in world.live.items() if one.job == first))
    world.now_ms += HOUR_MS // 2
    return world, job


def test_who_gains_more_than_a_restart_moves_to_a_faster_chip_that_came_free() -> None:
    world, job = two_chips("srpt", hours=10)
    assert stopped(world.step()) == [(job, job)]
    world.state.release(next(iter(world.live)))
    running = world.live.popitem()[1]
    queued, _ = world.jobs[JobId(job)]
    moved = msgspec.structs.replace(queued, served_ms=HOUR_MS // 2, done_ms=HOUR_MS // 2)
    world.state.enqueue(moved, 1)
    plan = world.step()
    assert [(line.job, line.accelerator) for line in plan.placements] == [(running.job, H100)]
    assert not world.cycle().preemptions


def test_who_gains_less_than_a_restart_stays() -> None:
    world, _ = two_chips(rounds(restart_ms=HOUR_MS), hours=1.5)
    assert not world.cycle().preemptions


def test_what_a_job_has_left_is_less_once_it_was_served() -> None:
    world, long = full(hours=10)
    world.stop(next(iter(world.live)))
    queued, _ = world.jobs[JobId(long)]
    short = world.job(chips(8), estimate_ms=HOUR_MS)
    done_ms = round(9.5 * HOUR_MS)
    served = msgspec.structs.replace(queued, served_ms=done_ms, done_ms=done_ms)
    world.state.enqueue(served, 1)
    assert started(world.cycle()) == [long]
    assert short in world.jobs


def test_las_prefers_who_had_less() -> None:
    world, old = full("las", hours=10)
    young = world.job(chips(8), estimate_ms=20 * HOUR_MS)
    assert stopped(world.cycle()) == [(old, young)]


def test_las_comes_back_when_who_runs_has_had_the_queue_s_end() -> None:
    world = World("las").site("bj").pool("bj/gpu", nodes=1, chips=8)
    world.job(chips(8), estimate_ms=10 * HOUR_MS)
    world.step()
    begun_ms = world.now_ms
    world.job(chips(8), estimate_ms=10 * HOUR_MS)
    world.now_ms += 6 * MINUTE_MS  # both are within their first chip-hour, of which 8 chips make
    plan = world.cycle()  # seven and a half minutes
    assert not plan.preemptions
    assert plan.look_again_ms == begun_ms + HOUR_MS // 8 + 1
    world.now_ms = plan.look_again_ms
    assert stopped(world.cycle()) == [("j1", "j2")]


def test_gittins_has_who_runs_far_beyond_his_like_stopped() -> None:
    world, old = full("gittins", hours=10)
    for _ in range(200):
        world.state.note_service(world.jobs[JobId(old)][0].spec, 10 * MINUTE_MS)
    young = world.job(chips(8), estimate_ms=20 * HOUR_MS)
    assert stopped(world.cycle()) == [(old, young)]


def test_gittins_lets_who_is_about_to_end_by_all_that_is_known_end() -> None:
    world, old = full("gittins", hours=10)
    for _ in range(200):
        world.state.note_service(world.jobs[JobId(old)][0].spec, 40 * MINUTE_MS)
    world.job(chips(8), estimate_ms=MINUTE_MS)
    assert not world.cycle().preemptions


def test_jobs_that_rounds_do_not_govern_are_placed_in_the_room_that_is_left() -> None:
    world = World("srpt").site("bj").pool("bj/gpu", nodes=2, chips=8)
    alone = world.job(chips(4), estimate_ms=HOUR_MS, exclusive=True)
    plain = world.job(chips(8), estimate_ms=20 * HOUR_MS)
    assert sorted(started(world.cycle())) == [alone, plain]


def test_without_a_round_s_length_nobody_is_stopped() -> None:
    world, _ = full(rounds(round_ms=0))
    world.job(chips(8), estimate_ms=HOUR_MS)
    assert not world.cycle().preemptions


def test_a_round_says_why_its_jobs_wait() -> None:
    world, _ = full()
    later = world.job(chips(8), estimate_ms=20 * HOUR_MS)
    world.step()
    assert world.why(later).reasons
