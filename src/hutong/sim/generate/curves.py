"""Prices and carbon intensity over time: by hour of the day, day of the week, and at random.

The value of a step is the base times the hour's and the day's weight (each with a mean of 1) times
e to a noise that forgets: an autoregressive one of order 1 with deviation `sigma`.
"""

from math import exp
from typing import ClassVar

import numpy as np

from hutong.sim.generate.settings import YEAR_MS, Ranges, Settings
from hutong.sim.generate.streams import Floats, stream
from hutong.sim.generate.tides import HOUR_MS, WEEK_HOURS, need_weights
from hutong.sim.world import Curve

FLAT_DAY = (1.0,) * 24
FLAT_WEEK = (1.0,) * 7
TARIFF = (
    0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 1.0, 1.0, 1.0, 1.5, 1.5,
    1.0, 1.0, 1.0, 1.0, 1.0, 1.5, 1.5, 1.5, 1.5, 1.5, 1.0, 0.5,
)  # fmt: skip
"""Valley, flat and peak hours, as tariffs for industry have them."""

SOLAR_DAY = (
    1.10, 1.09, 1.08, 1.08, 1.08, 1.09, 1.08, 1.03, 0.95, 0.86, 0.80, 0.76,
    0.75, 0.75, 0.77, 0.82, 0.91, 1.03, 1.12, 1.16, 1.17, 1.16, 1.14, 1.12,
)  # fmt: skip
"""Low at noon and high in the evening, as where much comes from the sun."""

POINTS_MAX = 2_000_000


class _Daily(Settings, frozen=True):
    """Steps of `step_ms` until `span_ms`, within `least` and `most`.

    Without noise the curve is a week that begins again. `begin_hour` is the hour of the week at
    which it begins, from Monday on. `memory_ms` is the time in which the noise forgets.
    """

    base: float = 1.0
    hours: tuple[float, ...] = FLAT_DAY
    days: tuple[float, ...] = FLAT_WEEK
    begin_hour: int = 0
    sigma: float = 0.0
    memory_ms: int = 12 * HOUR_MS
    step_ms: int = HOUR_MS
    span_ms: int = 90 * 24 * HOUR_MS
    least: int = 0
    most: int = 10**12

    RANGES: ClassVar[Ranges] = {
        "base": (0, 10**12),
        "hours": (0, 1e6),
        "days": (0, 1e6),
        "begin_hour": (0, WEEK_HOURS - 1),
        "sigma": (0, 3),
        "memory_ms": (1, YEAR_MS),
        "step_ms": (1000, WEEK_HOURS * HOUR_MS),
        "span_ms": (1, 10 * YEAR_MS),
        "least": (0, 10**12),
        "most": (0, 10**12),
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        need_weights(self, "hours", 24)
        need_weights(self, "days", 7)
        if self.most < self.least:
            raise self.refusal("most", "it is below least")
        if self.span_ms // self.step_ms > POINTS_MAX:
            raise self.refusal("step_ms", f"there would be more than {POINTS_MAX:,} steps")


class PriceCurve(_Daily, frozen=True, tag="price-curve"):
    """What a chip-hour costs, in micro-CNY, as a market for spare capacity has it."""

    base: float = 6_000_000
    sigma: float = 0.2


class EnergyPriceCurve(_Daily, frozen=True, tag="energy-price-curve"):
    """What a kilowatt-hour costs, in micro-CNY, by a tariff of peak and valley."""

    base: float = 700_000
    hours: tuple[float, ...] = TARIFF


class CarbonCurve(_Daily, frozen=True, tag="carbon-curve"):
    """How much carbon a kilowatt-hour brings, in g."""

    base: float = 550
    hours: tuple[float, ...] = SOLAR_DAY
    days: tuple[float, ...] = (1.02, 1.02, 1.02, 1.02, 1.02, 0.96, 0.94)
    sigma: float = 0.15


def daily_curve(settings: _Daily, seed: int) -> Curve:
    """The curve; equal neighbours are one step."""
    noisy = settings.sigma > 0
    span_ms = settings.span_ms if noisy else WEEK_HOURS * HOUR_MS
    times = np.arange(0, span_ms, settings.step_ms, dtype=np.int64)
    hours = times // HOUR_MS + settings.begin_hour
    values = settings.base * _normed(settings.hours)[hours % 24]
    values *= _normed(settings.days)[hours // 24 % 7]
    if noisy:
        values *= np.exp(_noise(settings, seed, len(times)))
    whole = np.clip(np.rint(values), settings.least, settings.most).astype(np.int64)
    changes = np.concatenate(([True], whole[1:] != whole[:-1]))
    return Curve(
        tuple(times[changes].tolist()), tuple(whole[changes].tolist()), 0 if noisy else span_ms
    )


def _normed(weights: tuple[float, ...]) -> Floats:
    table = np.array(weights, dtype=np.float64)
    normed: Floats = table / table.mean()
    return normed


def _noise(settings: _Daily, seed: int, count: int) -> Floats:
    """Noise with deviation `sigma` from the first step on, and with e^noise of mean 1."""
    drawn = stream(seed, settings.name()).standard_normal(count)
    kept = exp(-settings.step_ms / settings.memory_ms)
    fresh = (1 - kept**2) ** 0.5
    level = float(drawn[0])
    levels = [level]
    for step in drawn[1:].tolist():
        level = kept * level + fresh * step
        levels.append(level)
    return settings.sigma * np.array(levels) - settings.sigma**2 / 2
