"""Means and percentiles of many values, whole and by group, in one sort.

Percentiles are by nearest rank: of n values in order, the p-th percentile is the one at place
ceil(n p / 100). Nothing is interpolated, so each percentile is a value that occurred.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hutong.sim.reports.values import Figures

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]
PERCENTS = (50, 95, 99)


class Ranked(NamedTuple):
    """Rows in the order of their values, and the values so ordered. `rows_in_all` were asked."""

    rows: Rows
    values: Floats
    rows_in_all: int


def rank(values: Floats, counted: Mask) -> Ranked:
    """Order the values of the rows that are counted."""
    rows = np.flatnonzero(counted)
    kept = values[rows]
    order = np.argsort(kept)
    return Ranked(rows[order], kept[order], len(values))


def place(count: int, percent: int) -> int:
    """The place, from 0, of a percentile among so many values, by nearest rank."""
    return max(-(-count * percent // 100) - 1, 0)


def figures(ranked: Ranked) -> Figures:
    """The figures of all values."""
    values, count = ranked.values, len(ranked.values)
    if not count:
        return Figures(left_out=ranked.rows_in_all)
    p50, p95, p99 = (float(values[place(count, percent)]) for percent in PERCENTS)
    mean = float(values.mean())
    return Figures(count, ranked.rows_in_all - count, mean, p50, p95, p99, float(values[-1]))


def figures_of(values: Floats, counted: Mask) -> Figures:
    """The figures of the values of the rows that are counted."""
    return figures(rank(values, counted))


def grouped(ranked: Ranked, codes: NDArray[np.integer], sizes: Rows) -> list[Figures]:
    """The figures of each group. `codes` names the group of each row, `sizes` its rows in all."""
    groups = len(sizes)
    # Small codes are fetched from near memory and sorted by radix, several times as fast.
    mine = codes.astype(np.min_scalar_type(groups))[ranked.rows]
    # The sort is stable, so values stay in order within a group.
    values = ranked.values[np.argsort(mine, kind="stable")]
    counts = np.bincount(mine, minlength=groups)
    ends = np.cumsum(counts)
    found = []
    for group in range(groups):
        count = int(counts[group])
        if not count:
            found.append(Figures(left_out=int(sizes[group])))
            continue
        first = int(ends[group]) - count
        mean = float(values[first : first + count].mean())
        p50, p95, p99 = (float(values[first + place(count, percent)]) for percent in PERCENTS)
        left_out = int(sizes[group]) - count
        most = float(values[first + count - 1])
        found.append(Figures(count, left_out, mean, p50, p95, p99, most))
    return found
