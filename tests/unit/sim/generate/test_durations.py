from math import erf, log

import numpy as np
import pytest

from hutong.sim.generate.durations import BoundedPareto, Exponential, Fixed, LogNormal
from hutong.sim.generate.streams import stream
from tests.unit.sim.generate.laws import Floats, bound, distance

COUNT = 20_000


def drawn(runs: Fixed | Exponential | LogNormal | BoundedPareto, count: int = COUNT) -> Floats:
    return runs.draw(stream(5, "runs"), count)


def test_fixed_runs_are_all_the_same() -> None:
    assert set(drawn(Fixed(run_ms=7.0), 10).tolist()) == {7.0}


def test_exponential_runs_follow_their_law() -> None:
    runs = drawn(Exponential(mean_run_ms=5_000))
    assert distance(runs, lambda x: 1 - np.exp(-x / 5_000)) < bound(COUNT)


def test_lognormal_runs_follow_their_law() -> None:
    runs = LogNormal(median_ms=60_000, sigma=1.5)
    law = np.vectorize(lambda x: 0.5 * (1 + erf(log(x / 60_000) / 1.5 / 2**0.5)))
    assert distance(drawn(runs), law) < bound(COUNT)


def test_lognormal_runs_are_cut_at_the_longest() -> None:
    runs = drawn(LogNormal(median_ms=60_000, sigma=3, most_ms=3_600_000))
    assert runs.max() <= 3_600_000
    assert np.median(runs) < 60_000


@pytest.mark.parametrize("alpha", [0.7, 1.0, 1.5])
def test_pareto_runs_follow_their_law_and_mean(alpha: float) -> None:
    runs = BoundedPareto(least_ms=1_000, most_ms=1_000_000, alpha=alpha)
    cut = 1 - 1_000.0**-alpha
    sample = drawn(runs)
    assert distance(sample, lambda x: (1 - (1_000 / x) ** alpha) / cut) < bound(COUNT)
    assert drawn(runs, 400_000).mean() == pytest.approx(runs.mean_ms(), rel=0.03)


def test_a_few_pareto_jobs_hold_most_of_the_work() -> None:
    runs = np.sort(drawn(BoundedPareto(), 100_000))
    assert runs[-1_000:].sum() > 0.4 * runs.sum()
