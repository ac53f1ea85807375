"""How long jobs run, learnt: the index of known distributions, and what ends teach."""

import math

import numpy as np
import pytest

from hutong.model.ids import TenantId
from hutong.scheduler.rounds.learn import Like, Services, expected_times
from hutong.scheduler.rounds.steps import ENDS_MS, FIRST_MS, STEPS, end_ms, step_of

ONE = Like(1000, TenantId("a"))
EIGHT = Like(8000, TenantId("a"))
OTHER = Like(1000, TenantId("b"))
HOUR_MS = 3_600_000


def test_steps_are_doublings_of_a_minute() -> None:
    assert [step_of(at) for at in (0, FIRST_MS - 1, FIRST_MS, 2 * FIRST_MS, 4 * FIRST_MS)] == [
        0, 0, 1, 2, 3,
    ]  # fmt: skip
    assert step_of(10**18) == STEPS - 1
    assert [end_ms(step) for step in range(STEPS - 1)] == list(ENDS_MS)


def test_where_jobs_end_at_one_rate_the_index_is_its_inverse_at_every_age() -> None:
    found = expected_times(np.full(STEPS, 1 / HOUR_MS))
    assert found == pytest.approx([HOUR_MS] * STEPS)


def test_where_the_rate_falls_with_age_the_next_step_is_all_that_counts() -> None:
    # Its own rate is the best that a job of any age can hope for.
    rates = np.array([1 / (FIRST_MS << step) for step in range(STEPS)])
    found = expected_times(rates)
    assert found == sorted(found)
    assert found == pytest.approx([1 / rate for rate in rates])


def test_where_the_rate_rises_with_age_it_is_worth_waiting_for() -> None:
    rates = np.full(STEPS, 1e-12)
    rates[3:] = 1.0  # everybody ends within the fourth step, 4 minutes from the begin
    found = expected_times(rates)
    assert found[0] == pytest.approx(4 * FIRST_MS, rel=1e-3)
    assert found[1] == pytest.approx(3 * FIRST_MS, rel=1e-3)
    assert found[2] == pytest.approx(2 * FIRST_MS, rel=1e-3)


def test_two_point_sizes_have_gittins_textbook_index() -> None:
    # Half of the jobs take 1 minute, the others 1024. A new job costs (1 min) / (1/2) an end; one
    # that is older than a minute has the rest of 1024 before it.
    services = Services()
    for _ in range(4_000):
        services.note_end(ONE, FIRST_MS - 1)
        services.note_end(ONE, 1024 * FIRST_MS - 1)
    times = services.times(ONE)
    assert times[0] == pytest.approx(2 * FIRST_MS, rel=0.2)
    # Ends are spread over their step: the last one, from 512 to 1024, has them half way through.
    assert 300 * FIRST_MS < times[10] < 700 * FIRST_MS
    assert times[1] > 100 * times[0]


def test_nobody_known_yet_means_the_longer_served_the_longer_to_come() -> None:
    times = Services().times(ONE)
    assert times == sorted(times)
    assert times[0] == pytest.approx(FIRST_MS / -math.log(0.75))


def test_jobs_of_another_size_teach_less_than_ones_own() -> None:
    services = Services()
    for _ in range(50):
        services.note_end(ONE, FIRST_MS // 2)
        services.note_end(EIGHT, 600 * FIRST_MS)
    assert services.times(EIGHT)[0] > 20 * services.times(ONE)[0]


def test_a_tenant_without_a_past_is_judged_by_all_jobs_of_its_size() -> None:
    services = Services()
    for _ in range(50):
        services.note_end(ONE, 100 * FIRST_MS)
    assert services.times(OTHER) == services.times(OTHER)
    alone = Services().times(OTHER)[0]
    assert services.times(OTHER)[0] > 3 * alone


def test_those_who_have_not_ended_count_too() -> None:
    ended, beside = Services(), Services()
    for services in (ended, beside):
        for _ in range(10):
            services.note_end(ONE, FIRST_MS // 2)
    underway = [(ONE, 512.0 * FIRST_MS)] * 200
    assert beside.times(ONE, underway)[0] > 2 * ended.times(ONE)[0]


def test_a_table_is_made_anew_once_enough_has_ended() -> None:
    services = Services()
    services.note_end(ONE, FIRST_MS)
    first = services.times(ONE)
    assert services.times(ONE) is first
    for _ in range(10):
        services.note_end(ONE, FIRST_MS)
    assert services.times(ONE) is not first
