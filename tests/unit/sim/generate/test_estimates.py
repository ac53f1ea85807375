from math import erf, log

import numpy as np
import pytest

from hutong.sim.generate.estimates import Exact, Noisy, Padded, Rounded, Unsaid
from hutong.sim.generate.streams import stream, whole_ms
from tests.unit.sim.generate.laws import bound, distance

COUNT = 20_000
RUNS = whole_ms(stream(1, "runs").lognormal(14, 1.5, COUNT))


def test_nobody_says_anything_or_everybody_is_right() -> None:
    assert not Unsaid().draw(stream(1, "e"), RUNS).any()
    assert (Exact().draw(stream(1, "e"), RUNS) == RUNS).all()


def test_padded_estimates_are_uniform_over_the_factor() -> None:
    ratios = Padded(most=5).draw(stream(1, "e"), RUNS * 1000) / (RUNS * 1000)
    assert distance(ratios, lambda x: (x - 1) / 4) < bound(COUNT)


def test_noisy_estimates_are_lognormal_around_their_median() -> None:
    ratios = Noisy(median=1.5, sigma=0.8).draw(stream(1, "e"), RUNS * 1000) / (RUNS * 1000)
    law = np.vectorize(lambda x: 0.5 * (1 + erf(log(x / 1.5) / 0.8 / 2**0.5)))
    assert distance(ratios, law) < bound(COUNT)


def test_rounded_estimates_are_a_few_values_that_never_end_a_job() -> None:
    rounded = Rounded()
    told = rounded.draw(stream(1, "e"), RUNS)
    assert (told >= RUNS).all()
    inside = told[max(rounded.values_ms) >= RUNS]
    assert set(inside.tolist()) <= set(rounded.values_ms)
    assert (told[max(rounded.values_ms) < RUNS] % 3_600_000 == 0).all()


def test_rounded_estimates_are_as_popular_as_their_rank_says() -> None:
    rounded = Rounded(values_ms=(60_000, 3_600_000, 600_000), fall=0.5, most_share=0.0)
    told = rounded.draw(stream(1, "e"), np.full(COUNT, 90_000))
    hours = np.mean(told == 3_600_000)
    assert set(told.tolist()) == {3_600_000, 600_000}
    assert hours == pytest.approx(1 / (1 + np.exp(-0.5)), abs=0.015)


def test_a_share_takes_the_longest_whatever_it_runs() -> None:
    rounded = Rounded(values_ms=(60_000, 3_600_000), fall=10, most_share=0.3)
    told = rounded.draw(stream(1, "e"), np.full(COUNT, 10_000))
    assert np.mean(told == 3_600_000) == pytest.approx(0.3, abs=0.015)
