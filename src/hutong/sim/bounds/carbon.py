"""The least carbon that jobs can cause at a bounded mean wait, if the curves are known beforehand.

Each job begins at some time after it was handed in, in one of the zones, and is not interrupted.
Zones have room for all: they stand for clouds. So jobs meet only in the mean of their waits, and a
price on waiting takes that apart (Lagrange): at a price each job alone picks the zone and the time
that are best for it. What all pick, less the price times the allowed waits, is a lower bound at any
price (weak duality); the highest of them is met where the mean wait is what is allowed. As one job
of many weighs little, what the jobs pick there is nearly as good, so the bound is nearly reached.
With room for fewer no schedule does better: a relaxation of any world with a capacity.

Intensity is constant over an hour, so that a run's carbon is piecewise linear in its begin: only
begins and ends at full hours, and the time of handing in, need be looked at.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hutong.sim.bounds.compiled import fast

Floats = NDArray[np.float64]
_STEPS = 40
LONGEST_WAIT_HOURS = 30 * 24


class CarbonJobs(NamedTuple):
    """Columns: when handed in and how long (hours), and the kW drawn, in the order of coming."""

    submit_h: Floats
    length_h: Floats
    power_kw: Floats


class CarbonOptimum(NamedTuple):
    """`bound_g` is what no schedule can be below, `reached_g` what one with a mean wait of
    `wait_h` reaches; `at_once_g` what comes of beginning at once where one is, on average over
    the zones. `price_g_per_h` is the price of waiting."""

    bound_g: float
    reached_g: float
    wait_h: float
    at_once_g: float
    price_g_per_h: float


def sums_of(curves: Floats) -> Floats:
    """Sums of `curves[zone, hour]` (g a kWh), beginning anew after their end for forty days."""
    longer = np.concatenate([curves, curves[:, : 40 * 24]], axis=1)
    return np.concatenate([np.zeros((len(curves), 1)), np.cumsum(longer, axis=1)], axis=1)


def at_once_g(curves: Floats, jobs: CarbonJobs) -> float:
    """The carbon where each job begins at once, on average over the zones."""
    sums = sums_of(curves)
    runs = _at(sums, jobs.submit_h + jobs.length_h) - _at(sums, jobs.submit_h)
    return float((runs * jobs.power_kw).sum(axis=1).mean())


def _at(sums: Floats, at_h: Floats) -> Floats:
    hour = at_h.astype(np.int64)
    found: Floats = sums[:, hour] + (at_h - hour) * (sums[:, hour + 1] - sums[:, hour])
    return found


def optimum(curves: Floats, jobs: CarbonJobs, mean_wait_h: float) -> CarbonOptimum:
    """The least carbon at such a mean wait. No job waits for longer than thirty days."""
    sums = sums_of(curves)
    least = curves.min()
    count = len(jobs.submit_h)
    bound, reached, wait, price = 0.0, np.inf, 0.0, 0.0
    low, high = 1e-6, 1e6
    for _ in range(_STEPS):
        middle = (low * high) ** 0.5
        waited, carbon = fast(_pick)(sums, least, *jobs, middle)
        bound = max(bound, carbon + middle * (waited - mean_wait_h * count))
        if waited > mean_wait_h * count:
            low = middle
        else:
            high = middle
            if carbon < reached:
                reached, wait, price = carbon, waited / count, middle
    return CarbonOptimum(bound, reached, wait, at_once_g(curves, jobs), price)


def _pick(
    sums: Floats, least: float, submit: Floats, length: Floats, power: Floats, price: float
) -> tuple[float, float]:
    """The sums of waits and of carbon where each job picks for itself."""
    zones = len(sums)
    waited, carbon = 0.0, 0.0
    for job in range(len(submit)):
        begin, span, kw = submit[job], length[job], power[job]
        floor = kw * span * least
        best, best_wait = np.inf, 0.0
        wait = 0.0
        hour = np.floor(begin) + 1
        end = np.floor(begin + span) + 1 - span
        while wait <= LONGEST_WAIT_HOURS and best - floor > price * wait:
            for zone in range(zones):
                a, b = begin + wait, begin + wait + span
                i, j = int(a), int(b)
                from_a = sums[zone, i] + (a - i) * (sums[zone, i + 1] - sums[zone, i])
                to_b = sums[zone, j] + (b - j) * (sums[zone, j + 1] - sums[zone, j])
                total = kw * (to_b - from_a) + price * wait
                if total < best:
                    best, best_wait = total, wait
            if hour <= end:
                wait = hour - begin
                hour += 1
            else:
                wait = end - begin
                end += 1
        waited += best_wait
        carbon += best - price * best_wait
    return waited, carbon
