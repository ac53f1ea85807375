import numpy as np
import pytest

from hutong.sim.generate import make_curve
from hutong.sim.generate.curves import TARIFF
from hutong.sim.world import Curve

HOUR_MS = 3_600_000


def sampled(curve: Curve, hours: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array([curve.at(hour * HOUR_MS) for hour in range(hours)])


def test_a_tariff_is_a_week_that_begins_again() -> None:
    curve = make_curve("energy-price-curve", {}, 1)
    values = sampled(curve, 24 * 15)
    assert curve.period_ms == 7 * 24 * HOUR_MS
    assert values[:168].mean() == pytest.approx(700_000, rel=1e-4)
    assert (values[:24] == values[24 * 14 :]).all()
    assert values[10] / values[2] == pytest.approx(TARIFF[10] / TARIFF[2], rel=1e-4)


def test_equal_neighbours_are_one_step() -> None:
    curve = make_curve("energy-price-curve", {}, 1)
    assert len(curve.times_ms) == len(set(curve.times_ms)) <= 7 * 6 + 1
    assert all(a != b for a, b in zip(curve.values, curve.values[1:], strict=False))


def test_carbon_is_low_at_noon_high_in_the_evening_and_lower_on_sundays() -> None:
    values = sampled(make_curve("carbon-curve", {"sigma": 0}, 1), 168).reshape(7, 24)
    assert values[:, 12].mean() < 0.8 * values[:, 20].mean()
    assert values[6].mean() < values[2].mean()


def test_noise_has_its_deviation_its_memory_and_a_mean_of_one() -> None:
    settings = {"base": 10**6, "sigma": 0.3, "memory_ms": 12 * HOUR_MS, "span_ms": 10**6 * 40_000}
    logs = np.log(sampled(make_curve("price-curve", settings, 3), 11_000) / 10**6)
    assert np.exp(logs).mean() == pytest.approx(1, abs=0.05)
    assert logs.std() == pytest.approx(0.3, rel=0.1)
    assert np.corrcoef(logs[1:], logs[:-1])[0, 1] == pytest.approx(np.exp(-1 / 12), abs=0.02)


def test_a_curve_stays_within_its_bounds() -> None:
    settings = {"sigma": 1.0, "least": 5_000_000, "most": 7_000_000}
    values = make_curve("price-curve", settings, 1).values
    assert min(values) == 5_000_000
    assert max(values) == 7_000_000


def test_a_curve_begins_at_the_hour_of_the_week_that_was_set() -> None:
    plain = sampled(make_curve("energy-price-curve", {}, 1), 200)
    later = sampled(make_curve("energy-price-curve", {"begin_hour": 31}, 1), 100)
    assert (later == plain[31:131]).all()


def test_the_same_seed_gives_the_same_and_another_something_else() -> None:
    assert make_curve("price-curve", {}, 1) == make_curve("price-curve", {}, 1)
    assert make_curve("price-curve", {}, 1) != make_curve("price-curve", {}, 2)
