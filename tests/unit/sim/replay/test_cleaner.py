"""A replay whose profile lets jobs wait for cleaner power."""

import msgspec
import numpy as np
import pytest

from hutong.model.supply import Energy
from hutong.scheduler.profile import PROFILES
from hutong.sim.outcome import Ending, Outcome
from hutong.sim.replay.engine import replay
from hutong.sim.setup import Mode, Setup
from hutong.sim.world import Curve, SimSite
from tests.unit.sim.replay.worlds import HOUR_MS, job, setup, site, world

DAYS = 8
JOBS = DAYS * 24


def grid(name: str, clean_from_h: int) -> SimSite:
    """A site whose power is clean for six hours of each day."""
    made = site(name, nodes=50, cpus=10, energy=Energy())
    pool = msgspec.structs.replace(made.inventory.pools[0], node_watt=1000)
    inventory = msgspec.structs.replace(made.inventory, pools=(pool,))
    hours = [50 if clean_from_h <= hour % 24 < clean_from_h + 6 else 700 for hour in range(24)]
    turns = [at for at in range(24) if not at or hours[at] != hours[at - 1]]
    curve = Curve(
        tuple(at * HOUR_MS for at in turns), tuple(hours[at] for at in turns), 24 * HOUR_MS
    )  # fmt: skip
    return msgspec.structs.replace(made, inventory=inventory, carbon=curve)


def played(mean_wait_h: float, *sites: SimSite) -> Setup:
    """A job of an hour each hour, for some days."""
    jobs = [job(f"j{at}", at * 3600 + 60, 3600) for at in range(JOBS)]
    profile = msgspec.structs.replace(
        PROFILES["easy"], cleaner_mean_wait_ms=round(mean_wait_h * HOUR_MS)
    )
    return setup(jobs, world(*sites), profile, mode=Mode.ORACLE)


def mean_wait_h(outcome: Outcome) -> float:
    numbers = outcome.numbers
    return float((numbers["start_ms"] - numbers["submit_ms"]).mean()) / HOUR_MS


def test_jobs_cause_less_carbon_within_the_mean_wait() -> None:
    at_once, waited = (replay(played(hours, grid("a", 10))) for hours in (0, 4))
    assert (waited.numbers["ending"] == Ending.SUCCEEDED).all()
    assert mean_wait_h(at_once) == 0
    assert 1 < mean_wait_h(waited) <= 4
    assert waited.numbers["carbon_mg"].sum() < 0.8 * at_once.numbers["carbon_mg"].sum()


def test_they_go_where_power_is_clean() -> None:
    outcome = replay(played(0.5, grid("a", 0), grid("b", 6), grid("c", 12), grid("d", 18)))
    assert outcome.numbers["carbon_mg"].mean() == pytest.approx(100 * 50, rel=0.2)
    places = outcome.labels["site"]
    counts = np.bincount(places.codes, minlength=len(places.words))
    assert sorted(counts.tolist())[-4] > JOBS // 8
    assert mean_wait_h(outcome) <= 0.5


def test_the_same_comes_of_it_twice() -> None:
    one, other = (replay(played(3, grid("a", 10), grid("b", 4))) for _ in range(2))
    assert one.numbers["start_ms"].tolist() == other.numbers["start_ms"].tolist()
