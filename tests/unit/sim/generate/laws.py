"""Tests of samples against their laws, by hand."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def distance(sample: Floats, law: Callable[[Floats], Floats]) -> float:
    """The largest distance of the sample's distribution function from the law's (K-S)."""
    ordered = np.sort(sample)
    expected = law(ordered)
    steps = np.arange(len(ordered) + 1) / len(ordered)
    return float(max(np.abs(steps[1:] - expected).max(), np.abs(steps[:-1] - expected).max()))


def bound(count: int) -> float:
    """Samples of the law are farther off than this once in a thousand times (1.95 / sqrt n)."""
    return 1.95 / count**0.5
