"""Waiting for cleaner power: who is held back, for how long, and where it goes."""

import msgspec

from hutong.model.ids import RegionId, SiteId
from hutong.model.reasons import WaitsForCleanerHour
from hutong.model.supply import Energy, Site
from hutong.scheduler.plan import Plan
from tests.unit.scheduler.worlds import HOUR_MS, World, profile

DAY_H = 24
CLEAN, DIRTY = 50, 900


def told(world: World, name: str, grams: int) -> None:
    """A site tells the intensity of its power."""
    site = Site(SiteId(name), "grid", RegionId("cn-beijing"), "CN-BJ", energy=Energy(0, grams))
    world.state.tell_time(world.now_ms)
    world.state.put_site(site)


def solar(hour: int) -> int:
    """Clean from ten to four."""
    return CLEAN if 10 <= hour % DAY_H < 16 else DIRTY


def park(mean_wait_h: int = 12, sites: tuple[str, ...] = ("sun",)) -> World:
    """Sites that all have room, and a profile with a budget of waits."""
    world = World(profile(cleaner_mean_wait_ms=mean_wait_h * HOUR_MS, better_wait_ms=0))
    world.now_ms = 1_000 * DAY_H * HOUR_MS
    for name in sites:
        world.pool(f"{name}/p", nodes=4, cpu=50, node_watt=500)
        told(world, name, solar(0))
    return world


def hour(world: World, jobs: int = 1, *, runs_h: int = 1) -> Plan:
    """An hour in which so many jobs come, at its begin; what the cycle then says."""
    for _ in range(jobs):
        world.job(estimate_ms=runs_h * HOUR_MS)
    plan = world.step()
    world.pass_time(HOUR_MS)
    return plan


def live_hours(world: World, count: int, intensity: dict[str, int] | None = None) -> list[int]:
    """So many hours with one job each; how many began in each."""
    begun = []
    for _ in range(count):
        at = world.now_ms // HOUR_MS
        for name in world.state.snapshot(world.now_ms).supply.sites:
            told(world, name, solar(at + (intensity or {}).get(name, 0)))
        begun.append(len(hour(world).placements))
    return begun


def test_without_a_yesterday_nobody_waits() -> None:
    begun = live_hours(park(), DAY_H)
    assert begun == [1] * DAY_H


def test_jobs_of_the_night_begin_in_the_clean_hours_of_the_day() -> None:
    world = park()
    live_hours(world, 3 * DAY_H)
    begun = live_hours(world, DAY_H)
    assert sum(begun) == DAY_H
    assert sum(begun[10:16]) > DAY_H // 2
    assert begun[:8] == [0] * 8


def test_without_a_budget_everybody_begins_at_once() -> None:
    world = park(mean_wait_h=0)
    assert live_hours(world, 3 * DAY_H) == [1] * (3 * DAY_H)


def test_the_mean_wait_stays_within_the_budget() -> None:
    for budget_h in (1, 3):
        world = park(mean_wait_h=budget_h)
        waiting = 0
        begun = 0
        for _ in range(20 * DAY_H):
            begun += sum(live_hours(world, 1))
            waiting += world.state.queued_count()
        assert 0 < waiting <= budget_h * 20 * DAY_H
        assert begun + world.state.queued_count() == 20 * DAY_H


def test_a_job_goes_to_the_site_that_is_cleaner() -> None:
    world = park(sites=("sun", "moon"))
    for at in range(30):
        told(world, "sun", DIRTY)
        told(world, "moon", CLEAN)
        (placement,) = hour(world).placements
        assert placement.site == "moon", at


def test_who_is_held_says_until_when_and_what_it_saves() -> None:
    world = park()
    live_hours(world, 4 * DAY_H)
    told(world, "sun", DIRTY)
    job = world.job(estimate_ms=HOUR_MS)
    world.step()
    why = world.state.why(job, world.now_ms)
    (reason,) = why.reasons
    assert isinstance(reason, WaitsForCleanerHour)
    assert reason.site == "sun"
    assert reason.start_ms == why.start_ms == world.now_ms + 10 * HOUR_MS
    assert reason.saved_g == 10 * (DIRTY - CLEAN) // 1000
    assert "waits for cleaner power" in reason.sentence()


def test_jobs_that_may_not_wait_begin_at_once() -> None:
    world = park()
    live_hours(world, 4 * DAY_H)
    told(world, "sun", DIRTY)
    deadline_ms = world.now_ms + 40 * HOUR_MS
    urgent = world.job(estimate_ms=HOUR_MS, deadline_ms=deadline_ms)
    unknown = world.job()
    begun = [placement.job for placement in world.step().placements]
    assert sorted(begun) == sorted([urgent, unknown])


def test_a_site_that_tells_no_intensity_is_left_alone() -> None:
    world = World(profile(cleaner_mean_wait_ms=6 * HOUR_MS))
    world.pool("plain/p", nodes=4, cpu=64)
    assert [len(hour(world).placements) for _ in range(50)] == [1] * 50


def test_a_second_cycle_at_the_same_time_decides_the_same() -> None:
    world = park()
    live_hours(world, 4 * DAY_H)
    told(world, "sun", DIRTY)
    world.job(estimate_ms=HOUR_MS)
    first = world.cycle()
    assert msgspec.json.encode(world.cycle()) == msgspec.json.encode(first)
    assert first.look_again_ms == world.now_ms + HOUR_MS


def test_a_job_that_is_taken_back_is_forgotten() -> None:
    world = park()
    live_hours(world, 4 * DAY_H)
    told(world, "sun", DIRTY)
    job = world.job(estimate_ms=HOUR_MS)
    world.step()
    world.state.dequeue(job)
    before = world.state.queued_count()
    world.pass_time(HOUR_MS)
    world.step()
    assert job not in world.state.snapshot(world.now_ms).demand.entries
    assert world.state.queued_count() <= before
