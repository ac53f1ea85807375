from itertools import islice
from math import gamma

import numpy as np
import pytest

from hutong.sim.generate.arrivals import Arrivals, Bursts, Poisson, WeibullGaps
from hutong.sim.generate.streams import stream
from hutong.sim.generate.tides import HOUR_MS, WEEK_HOURS, Tides, tidal
from tests.unit.sim.generate.laws import Floats, bound, distance

KINDS: tuple[Arrivals, ...] = (
    Poisson(gap_ms=1_000),
    WeibullGaps(gap_ms=1_000, shape=0.5),
    Bursts(calm_gap_ms=5_000, burst_gap_ms=500, calm_ms=60_000, burst_ms=10_000),
)


def times(arrivals: Arrivals, count: int, *, tides: Tides | None = None, seed: int = 3) -> Floats:
    blocks = tidal(arrivals.blocks(stream(seed, "arrivals")), tides, stream(seed, "tides"))
    kept: list[Floats] = []
    while sum(map(len, kept)) < count:
        kept.extend(islice(blocks, 1))
    return np.concatenate(kept)[:count]


@pytest.mark.parametrize("arrivals", KINDS)
def test_times_rise_over_the_edges_of_blocks(arrivals: Arrivals) -> None:
    assert (np.diff(times(arrivals, 50_000)) >= 0).all()


@pytest.mark.parametrize("arrivals", KINDS)
def test_the_mean_gap_is_what_it_says(arrivals: Arrivals) -> None:
    drawn = times(arrivals, 400_000)
    assert drawn[-1] / len(drawn) == pytest.approx(arrivals.mean_gap_ms(), rel=0.02)


def test_gaps_without_memory_are_exponential() -> None:
    gaps = np.diff(times(Poisson(gap_ms=1_000), 20_000))
    assert distance(gaps, lambda x: 1 - np.exp(-x / 1_000)) < bound(len(gaps))


def test_weibull_gaps_follow_their_law() -> None:
    gaps = np.diff(times(WeibullGaps(gap_ms=1_000, shape=0.5), 20_000))
    scale = 1_000 / gamma(3.0)
    assert distance(gaps, lambda x: 1 - np.exp(-((x / scale) ** 0.5))) < bound(len(gaps))


def test_bursts_spread_more_than_arrivals_without_memory() -> None:
    def dispersion(arrivals: Arrivals) -> float:
        counts = np.bincount((times(arrivals, 100_000) // 60_000).astype(int))
        return float(counts.var() / counts.mean())

    assert dispersion(Poisson(gap_ms=1_000)) == pytest.approx(1, abs=0.1)
    assert dispersion(KINDS[2]) > 3


def test_tides_keep_the_mean_gap() -> None:
    drawn = times(Poisson(gap_ms=10_000), 300_000, tides=Tides())
    assert drawn[-1] / len(drawn) == pytest.approx(10_000, rel=0.02)


def test_each_hour_of_the_week_gets_the_share_of_its_weight() -> None:
    tides = Tides(begin_hour=30)
    drawn = times(Poisson(gap_ms=10_000), 300_000, tides=tides)
    whole = drawn[drawn < drawn[-1] // (WEEK_HOURS * HOUR_MS) * WEEK_HOURS * HOUR_MS]
    counts = np.bincount((whole // HOUR_MS).astype(int) % WEEK_HOURS, minlength=WEEK_HOURS)
    expected = tides.week() / WEEK_HOURS * len(whole)
    assert ((counts - expected) ** 2 / expected).sum() < 232  # chi-square, 167 degrees, 0.999


def test_an_hour_without_weight_gets_nothing() -> None:
    tides = Tides(hours=(0.0,) * 12 + (1.0,) * 12)
    hours = times(Poisson(gap_ms=10_000), 20_000, tides=tides) // HOUR_MS % 24
    assert hours.min() == 12
