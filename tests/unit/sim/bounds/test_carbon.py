"""The least carbon at a mean wait, and what the scheduler's rule reaches of it."""

from itertools import product

import numpy as np
import pytest

from hutong.sim.bounds.carbon import CarbonJobs, at_once_g, optimum
from hutong.sim.bounds.carbon_play import play, year_of


def tides(days: int, *, seed: int = 1) -> np.ndarray:
    """Two zones with a daily tide and weather, g a kWh."""
    dice = np.random.Generator(np.random.PCG64(seed))
    hours = np.arange(days * 24)
    rows = []
    for shift, level in ((0, 200.0), (6, 300.0)):
        weather = np.repeat(dice.uniform(0.5, 1.5, days), 24)
        rows.append(level * weather * (1 + 0.5 * np.sin((hours + shift) / 24 * 2 * np.pi)))
    return np.maximum(np.array(rows), 5.0)


def year_jobs(days: int, *, seed: int = 1) -> CarbonJobs:
    dice = np.random.Generator(np.random.PCG64(seed))
    count = days * 30
    submit = np.sort(dice.uniform(0, days * 24 - 1, count))
    return CarbonJobs(submit, dice.exponential(3.0, count) + 0.1, dice.choice([1.0, 4.0], count))


def test_no_choice_of_begins_is_below_the_bound() -> None:
    curves = np.array([[9.0, 5, 7, 1, 8, 8, 2, 9] * 6])
    jobs = CarbonJobs(np.array([0.0, 0.5, 2.0]), np.array([1.0, 1.5, 2.0]), np.array([1.0, 2, 1]))
    sums = np.concatenate([[0], np.cumsum(curves[0])])

    def grams(job: int, wait: float) -> float:
        a = jobs.submit_h[job] + wait
        ends = np.interp([a, a + jobs.length_h[job]], np.arange(len(sums)), sums)
        return float((ends[1] - ends[0]) * jobs.power_kw[job])

    for mean in (0.5, 1.0, 2.0):
        found = optimum(curves, jobs, mean)
        waits = np.arange(0, 7, 0.5)
        least = min(
            sum(grams(job, wait) for job, wait in enumerate(chosen))
            for chosen in product(waits, repeat=3)
            if sum(chosen) <= 3 * mean + 1e-9
        )
        assert found.bound_g <= least + 1e-6
        assert found.reached_g >= least - 1e-6
        assert found.wait_h <= mean


def test_more_waiting_saves_more_and_no_waiting_leaves_the_choice_of_zone() -> None:
    curves, jobs = tides(20), year_jobs(20)
    found = [optimum(curves, jobs, mean) for mean in (0.001, 1.0, 6.0, 24.0)]
    bounds = [one.bound_g for one in found]
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[0] < at_once_g(curves, jobs)
    assert all(one.reached_g <= one.bound_g * 1.02 for one in found)


@pytest.mark.parametrize("mean_wait_h", [1.0, 6.0, 24.0])
def test_the_rule_keeps_the_mean_wait_and_stays_above_the_bound(mean_wait_h: float) -> None:
    curves, jobs = tides(40), year_jobs(40)
    came = play(year_of(curves), jobs, mean_wait_h)
    found = optimum(curves, jobs, mean_wait_h)
    assert came.wait_h <= mean_wait_h
    assert found.bound_g <= came.carbon_g < found.at_once_g


def test_the_rule_gets_most_of_what_a_daily_tide_has_to_give() -> None:
    hours = np.arange(60 * 24)
    curves = (200 + 150 * np.sin(hours / 24 * 2 * np.pi))[None, :]
    jobs = year_jobs(60)
    came, found = play(year_of(curves), jobs, 6.0), optimum(curves, jobs, 6.0)
    saved, could = found.at_once_g - came.carbon_g, found.at_once_g - found.bound_g
    assert saved > 0.75 * could
