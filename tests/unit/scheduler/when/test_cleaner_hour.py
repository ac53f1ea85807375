"""Cleaner hours: who begins where, who waits, and what the mean of the waits is kept at."""

import random

import numpy as np
import pytest

from hutong.scheduler.when.cleaner_hour import (
    LONGEST_WAIT_MS,
    MS_PER_HOUR,
    NO_PAST,
    WAIT,
    WaitPrice,
    begin_where,
    forecast,
    past_of,
    summed,
    worths,
)

HOUR = MS_PER_HOUR


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def places(curves: list[list[int]], worth: int, *, offset_ms: int = 0, length_ms: int = HOUR):
    sums = summed(curves)
    job = ints(offset_ms), ints(length_ms), ints(worth)
    limit = NO_PAST.limits(job[1], job[2])
    return int(begin_where(*job, limit, sums)[0])


def test_a_job_waits_for_a_cleaner_hour_only_if_it_saves_more_than_the_wait_is_worth() -> None:
    curve = [[100, 100, 100, 40] + [100] * 24]
    assert places(curve, 19) == WAIT
    assert places(curve, 21) == 0


def test_a_job_begins_in_the_cleanest_zone_of_those_it_may_go_to() -> None:
    assert places([[100] * 28, [30] * 28, [70] * 28], 1) == 1


def test_a_job_waits_so_that_it_ends_before_a_dirty_hour() -> None:
    # of 90 minutes: begun half past, it ends as the dirty hour begins
    curve = [[100, 40, 400] + [400] * 25]
    assert places(curve, 1, offset_ms=0, length_ms=HOUR * 3 // 2) == WAIT
    assert places(curve, 1, offset_ms=HOUR // 2, length_ms=HOUR * 3 // 2) == 0


def test_the_forecast_is_yesterday_moved_to_the_present_and_less_so_later() -> None:
    found = forecast([100] * 12 + [50] * 12, 200, 30)
    assert found[:3] == [200, 190, 181]
    assert 50 < found[23] < 75
    assert found[29] < found[5]
    assert forecast([500] + [10] * 23, 0, 3) == [0, 0, 0]


def test_without_a_past_there_is_no_limit_and_with_one_a_patient_job_waits_for_a_good_day() -> None:
    days = [[300] * 24, [300] * 24, [300] * 24, [60] * 24] * 7
    past = past_of(np.array(days, np.int64).reshape(1, -1))
    length, patient, hasty = ints(HOUR), ints(1), ints(200)
    assert past.limits(length, patient)[0] == 60
    assert past.limits(length, hasty)[0] == 300
    sums = summed([[300] * 30])
    for worth, expected in ((patient, WAIT), (hasty, 0)):
        assert begin_where(ints(0), length, worth, past.limits(length, worth), sums)[0] == expected
    assert past_of(np.array([[100] * 24])) is NO_PAST


def test_who_waited_for_four_weeks_begins_whatever_it_would_save() -> None:
    past = past_of(np.array([[300] * 300 + [10] * 10 + [300] * 100], np.int64))
    worth = worths(1, ints(1000, 1000), ints(0, LONGEST_WAIT_MS))
    length = ints(HOUR, HOUR)
    sums = summed([[300, 10] + [300] * 30])
    assert begin_where(ints(0, 0), length, worth, past.limits(length, worth), sums).tolist() == [
        WAIT, 0,
    ]  # fmt: skip


def test_a_job_that_draws_more_is_worth_more_waiting() -> None:
    assert worths(2000, ints(1000, 4000), ints(0, 0)).tolist() == [2000, 500]


@pytest.mark.parametrize("seed", range(5))
def test_the_account_bounds_the_mean_wait_whatever_comes(seed: int) -> None:
    luck = random.Random(f"price {seed}")
    allowed = luck.choice([1, 6, 24]) * HOUR
    price = WaitPrice(allowed, luck.randint(1, 10**9))
    jobs = waited = waiting = 0
    for _ in range(2000):
        if not price.afford(waiting):
            waiting = 0
        price.note_wait(waiting * HOUR)
        waited += waiting * HOUR
        came = luck.randint(0, 9)
        price.note_hour(came)
        jobs += came
        waiting = max(waiting + came - luck.randint(0, 9), 0)  # nobody looks at the price
        assert waited <= jobs * allowed
    assert waited > 0


def test_the_price_rises_while_more_wait_than_may_and_falls_where_nobody_does() -> None:
    busy, idle = WaitPrice(6 * HOUR, 10**6), WaitPrice(6 * HOUR, 10**6)
    for _ in range(500):
        for price, waiting in ((busy, 60), (idle, 0)):
            if price.afford(waiting):
                price.note_wait(waiting * HOUR)
            price.note_hour(10)
    assert idle.ug_per_hour < 10**6 < busy.ug_per_hour
