"""The least cost on spot capacity, against all ways of a short job tried one by one."""

import random
from itertools import product

import msgspec
import numpy as np
import pytest

from hutong.sim.bounds.spot import (
    Availability,
    SpotTask,
    availability_of,
    optimum,
    without_cold_starts,
)
from hutong.sim.bounds.spot_play import (
    greedy,
    hutong_policy,
    pasts,
    play,
    play_all,
    uniform_progress,
)

TICK = 60_000


def zones_of(*rows: str) -> Availability:
    up = np.array([[mark == "1" for mark in row] for row in rows], np.int8)
    return Availability(tuple(f"z{n}" for n in range(len(rows))), TICK, up)


def tried(zones: Availability, task: SpotTask) -> float:
    """The least cost over every sequence of places, tick by tick."""
    ticks = zones.ticks_of(task)
    best = float("inf")
    for places in product(range(-2, len(zones.names)), repeat=ticks):
        left, starting, paid, was = task.work_ms, 0, 0.0, -1
        for tick, place in enumerate(places):
            if place >= 0 and not zones.up[place, tick]:
                break
            if place != was:
                starting = task.cold_ms
            was = place
            if place == -1 or left <= 0:
                continue
            paid += TICK * (1.0 if place == -2 else task.spot_milli / 1000)
            begun = min(starting, TICK)
            starting -= begun
            left -= TICK - begun
        else:
            if left <= 0:
                best = min(best, paid / task.work_ms)
    return best


@pytest.mark.parametrize("seed", range(12))
def test_the_optimum_is_that_of_all_ways(seed: int) -> None:
    luck = random.Random(f"zones {seed}")
    ticks, count = (7, 2) if seed % 2 else (8, 1)
    zones = zones_of(*["".join(luck.choice("011") for _ in range(ticks)) for _ in range(count)])
    cold = luck.choice([0, 30_000, 60_000, 90_000])
    task = SpotTask(luck.randint(2, 4) * TICK, ticks * TICK, cold, 300)
    assert optimum(zones, 0, task) == pytest.approx(tried(zones, task), rel=1e-5)


def test_policies_cost_no_less_than_the_optimum_and_miss_nothing() -> None:
    luck = random.Random("long")
    rows = []
    for _ in range(3):
        row, up = "", "1"
        for _ in range(400):
            up = luck.choice("01") if luck.random() < 0.06 else up
            row += up
        rows.append(row)
    zones = zones_of(*rows)
    task = SpotTask(100 * TICK, 140 * TICK, 3 * TICK, 300)
    known = pasts(zones)
    for start in range(0, 260, 37):
        least = optimum(zones, start, task)
        for choose in (hutong_policy, greedy, uniform_progress):
            came = play(zones, start, task, choose, known)
            assert not came.missed
            assert came.cost >= least - 1e-5
    ours = play_all(zones, task, hutong_policy, 37 * TICK)
    assert ours.missed == 0
    assert ours.cost < play_all(zones.one(0), task, greedy, 37 * TICK).cost


def test_without_spot_the_work_costs_itself_and_one_cold_start() -> None:
    zones = zones_of("0" * 30)
    task = SpotTask(10 * TICK, 20 * TICK, 2 * TICK, 300)
    assert optimum(zones, 0, task) == pytest.approx(1.2)
    assert without_cold_starts(zones, 0, task) == 1.0
    for choose in (hutong_policy, greedy):
        assert play(zones, 0, task, choose, pasts(zones)).cost == pytest.approx(1.2)
    # who keeps to a pace goes back to waiting once it is caught up, and starts anew
    assert play(zones, 0, task, uniform_progress, pasts(zones)).cost > 1.3


def test_with_spot_all_the_time_only_its_price_is_paid() -> None:
    zones = zones_of("1" * 30)
    task = SpotTask(10 * TICK, 20 * TICK, 0, 300)
    assert optimum(zones, 0, task) == pytest.approx(0.3)
    assert without_cold_starts(zones, 0, task) == pytest.approx(0.3)


def test_traces_are_cut_to_the_shortest_and_ticks_must_agree() -> None:
    def file(gap: int, *data: int) -> bytes:
        return msgspec.json.encode({"metadata": {"gap_seconds": gap}, "data": data})

    zones = availability_of([("a", file(60, 1, 0, 3)), ("b", file(60, 0, 1))])
    assert (zones.tick_ms, zones.up.tolist()) == (60_000, [[1, 0], [0, 1]])
    with pytest.raises(ValueError, match="different length"):
        availability_of([("a", file(60, 1)), ("b", file(90, 0))])
    with pytest.raises(msgspec.DecodeError):
        availability_of([("a", b'{"metadata": {"gap_seconds": 60}, "da')])
