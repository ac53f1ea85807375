"""Levels over time."""

import numpy as np
import pytest

from hutong.sim.reports import timeline


def ints(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def test_the_integral_is_that_of_steps_and_the_last_level_stays() -> None:
    at = np.array([5.0, 10.0, 15.0, 30.0, 50.0])
    found = timeline.integral(ints(10, 20, 40), ints(2, 5, 1), at)
    assert found.tolist() == [0.0, 0.0, 10.0, 70.0, 130.0]


def test_two_samples_at_one_time_leave_the_later() -> None:
    found = timeline.means(ints(0, 10, 10), ints(1, 99, 3), np.array([0.0, 20.0]))
    assert found.tolist() == [2.0]


def test_without_samples_every_level_is_nothing() -> None:
    assert timeline.integral(ints(), ints(), np.array([1.0])).tolist() == [0.0]


def test_a_window_without_length_has_no_steps() -> None:
    assert len(timeline.edges(7, 7, 10)) == 1
    nothing = timeline.held(ints(0), ints(1), ints(2), np.ones(1), timeline.edges(7, 7, 10), of=3)
    assert nothing.shape == (3, 0)


def test_what_is_held_is_spread_over_the_steps_it_touches() -> None:
    steps = timeline.edges(0, 40, 4)
    found = timeline.held(ints(0, 1), ints(5, 0), ints(25, 40), np.array([2.0, 1.0]), steps, of=2)
    assert found.tolist() == [[1.0, 2.0, 1.0, 0.0], [1.0, 1.0, 1.0, 1.0]]


def test_what_is_held_sums_up_to_rate_times_time() -> None:
    draw = np.random.default_rng(5)
    begins = draw.integers(0, 9_000, 400)
    ends = begins + draw.integers(0, 3_000, 400)
    rates, groups = draw.random(400), draw.integers(0, 5, 400)
    steps = timeline.edges(0, 12_000, 77)
    found = timeline.held(groups, begins, ends, rates, steps, of=5)
    for group in range(5):
        mine = groups == group
        expected = float(((ends - begins) * rates)[mine].sum())
        assert float(found[group].sum()) * 12_000 / 77 == pytest.approx(expected)


def test_how_many_were_there_counts_oneself_and_who_was_there_in_part() -> None:
    # The second is there for half of the first's time, the third for no time at all.
    found = timeline.active(ints(0, 10, 4), ints(20, 20, 4))
    assert found.tolist() == [1.5, 2.0, 1.0]


def test_nobody_there_is_no_error() -> None:
    assert timeline.active(ints(), ints()).tolist() == []
    assert timeline.active(ints(3), ints(3)).tolist() == [1.0]
