"""Spot capacity before a deadline: it is never missed, and slack is spent as it should be."""

import random

import pytest

from hutong.scheduler.when.spot_deadline import (
    IDLE,
    SURE,
    SpotJob,
    Standing,
    ZonePast,
    next_place,
)

HOUR = 3_600_000
STEP = 180_000
JOB = SpotJob(0, 60 * HOUR, 48 * HOUR, 720_000, STEP)


def played(job: SpotJob, zones: int, luck: random.Random, up: float, *, cruel: bool) -> int:
    """Play against drawn or cruel zones; gives the work left at the deadline."""
    place, left, starting = IDLE, job.work_ms, 0
    pasts = [ZonePast() for _ in range(zones)]
    has = [False] * zones
    for now in range(job.begin_ms, job.deadline_ms - job.step_ms + 1, job.step_ms):
        has = [luck.random() < up if luck.random() < 0.2 else was for was in has]
        if cruel and place >= 0 and starting <= job.step_ms:
            has[place] = False  # taken back just when the cold start is over
        for past, is_up in zip(pasts, has, strict=True):
            past.note(job.step_ms, available=is_up)
        if place >= 0 and not has[place]:
            place, starting = IDLE, 0
        lasts = [past.lasts_ms for past in pasts]
        chosen = next_place(job, Standing(place, left, starting), now, has, lasts)
        if chosen != place:
            place, starting = chosen, job.cold_ms if chosen != IDLE else 0
        if place != IDLE:
            begun = min(starting, job.step_ms)
            starting -= begun
            left -= job.step_ms - begun
    return left


@pytest.mark.parametrize("seed", range(60))
def test_no_deadline_that_can_be_met_is_missed_whatever_the_zones_do(seed: int) -> None:
    luck = random.Random(f"spot {seed}")
    step = luck.choice([60_000, 180_000, 300_000])
    work = luck.randint(1, 10) * HOUR // step * step
    cold = luck.randint(0, 8) * step // 2
    slack = luck.choice([0, luck.randint(0, 4 * HOUR)]) // step * step
    deadline = work + -(-cold // step) * step + slack
    job = SpotJob(0, deadline, work, cold, step)
    assert job.feasible
    left = played(job, luck.randint(1, 4), luck, luck.random(), cruel=luck.random() < 0.5)
    assert left <= 0


def test_a_job_on_spot_stays_there_even_where_another_zone_would_last_longer() -> None:
    standing = Standing(0, JOB.work_ms)
    assert next_place(JOB, standing, 0, [True, True], [HOUR, 9 * HOUR]) == 0


def test_a_job_goes_to_the_zone_that_lasts_longest_of_those_with_a_node() -> None:
    lasts = [HOUR, 3 * HOUR, 9 * HOUR, 3 * HOUR]
    assert next_place(JOB, Standing(IDLE, JOB.work_ms), 0, [True, True, False, True], lasts) == 1


def test_with_slack_a_job_waits_and_behind_its_pace_it_goes_to_sure_capacity() -> None:
    none = [False]
    ahead, behind = Standing(IDLE, 24 * HOUR), Standing(IDLE, 40 * HOUR)
    assert next_place(JOB, ahead, 30 * HOUR, none, [HOUR]) == IDLE
    assert next_place(JOB, behind, 18 * HOUR, none, [HOUR]) == SURE


def test_a_job_leaves_sure_capacity_only_with_two_cold_starts_to_spare() -> None:
    left = 10 * HOUR
    tight = JOB.deadline_ms - left - 2 * (JOB.cold_ms + STEP)
    standing = Standing(SURE, left)
    assert next_place(JOB, standing, tight, [True], [HOUR]) == 0
    assert next_place(JOB, standing, tight + 1, [True], [HOUR]) == SURE
    assert next_place(JOB, standing, 0, [False], [HOUR]) == SURE


def test_work_that_is_done_needs_no_place() -> None:
    assert next_place(JOB, Standing(SURE, 0), HOUR, [True], [HOUR]) == IDLE


def test_a_zone_that_took_nodes_back_often_lasts_less_and_the_past_fades() -> None:
    steady, jumpy = ZonePast(), ZonePast()
    for hour in range(48):
        steady.note(HOUR, available=hour != 20)
        jumpy.note(HOUR, available=hour % 2 == 1)
    assert steady.lasts_ms > 5 * jumpy.lasts_ms
    before = jumpy.lasts_ms
    for _ in range(24 * 60):
        jumpy.note(HOUR, available=True)
    assert jumpy.lasts_ms > 20 * before
