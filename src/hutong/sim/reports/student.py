"""Student's t: how likely a difference of means is by chance alone, for few seeds a side.

Gosset, Biometrika 6 (1908), for pairs; Welch, Biometrika 34 (1947), for sides of their own spread.
Both take the means as normal, which few seeds cannot show; they say how far apart means are in
units of what seeds scatter.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

PAIRED = "Student's t, paired by seed"
WELCH = "Welch's t"
_TINY = 1e-300


class Test(NamedTuple):
    """`p` is two-sided. The difference is second less first, its 95 % interval `low` to `high`."""

    name: str
    difference: float
    p: float
    low: float
    high: float


def paired(first: Sequence[float], second: Sequence[float]) -> Test:
    """Compare pair by pair; at least two pairs."""
    gaps = [b - a for a, b in zip(first, second, strict=True)]
    mean = math.fsum(gaps) / len(gaps)
    error = math.sqrt(_variance(gaps, mean) / len(gaps))
    return _judge(PAIRED, mean, error, len(gaps) - 1, _scale(first, second))


def welch(first: Sequence[float], second: Sequence[float]) -> Test:
    """Compare two sides without pairs; at least two on each."""
    means = [math.fsum(side) / len(side) for side in (first, second)]
    parts = [
        _variance(side, mean) / len(side) for side, mean in zip((first, second), means, strict=True)
    ]
    error = math.sqrt(sum(parts))
    below = sum(
        part * part / (len(side) - 1) for part, side in zip(parts, (first, second), strict=True)
    )
    freedom = sum(parts) ** 2 / below if below else float(len(first) + len(second) - 2)
    return _judge(WELCH, means[1] - means[0], error, freedom, _scale(first, second))


def deviation(values: Sequence[float]) -> float:
    """The standard deviation of a sample; 0 for a single value."""
    if len(values) < 2:
        return 0.0
    return math.sqrt(_variance(values, math.fsum(values) / len(values)))


def two_sided(t: float, freedom: float) -> float:
    """The probability of a |t| at least as large, with so many degrees of freedom."""
    if math.isinf(t):
        return 0.0
    return _beta(freedom / (freedom + t * t), freedom / 2, 0.5)


def critical(p: float, freedom: float) -> float:
    """The t whose two-sided probability is `p`."""
    low, high = 0.0, 1.0
    while two_sided(high, freedom) > p:
        high *= 2
    for _ in range(100):
        middle = (low + high) / 2
        if two_sided(middle, freedom) > p:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def holm(ps: Sequence[float]) -> list[float]:
    """p values held against as many looks as were taken (Holm, Scand. J. Statist. 6, 1979)."""
    order = sorted(range(len(ps)), key=ps.__getitem__)
    adjusted, most = [0.0] * len(ps), 0.0
    for place, at in enumerate(order):
        most = max(most, min(ps[at] * (len(ps) - place), 1.0))
        adjusted[at] = most
    return adjusted


def _judge(name: str, mean: float, error: float, freedom: float, scale: float) -> Test:
    # What is left of equal numbers after floats were subtracted is no spread, and no difference.
    if abs(mean) <= scale * 1e-12:
        mean = 0.0
    if error <= scale * 1e-12:
        return Test(name, mean, 0.0 if mean else 1.0, mean, mean)
    reach = critical(0.05, freedom) * error
    return Test(name, mean, two_sided(mean / error, freedom), mean - reach, mean + reach)


def _scale(first: Sequence[float], second: Sequence[float]) -> float:
    return max(abs(value) for value in (*first, *second))


def _variance(values: Sequence[float], mean: float) -> float:
    return math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)


def _beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function, by its continued fraction (DLMF 8.17.22)."""
    if x <= 0.0 or x >= 1.0:
        return 0.0 if x <= 0.0 else 1.0
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(x, a, b) / a
    return 1.0 - front * _fraction(1.0 - x, b, a) / b


def _fraction(x: float, a: float, b: float) -> float:
    """Evaluate the fraction by Lentz's method; it settles within some tens of steps."""
    c, d = 1.0, 1.0 / _away(1.0 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, 500):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1.0 / _away(1.0 + term * d)
            c = _away(1.0 + term / c)
            value *= c * d
        if abs(c * d - 1.0) < 1e-15:
            break
    return value


def _away(value: float) -> float:
    """Keep a denominator from being nothing."""
    return value if abs(value) > _TINY else _TINY
