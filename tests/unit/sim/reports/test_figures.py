"""Means and percentiles, whole and by group."""

import numpy as np
import pytest

from hutong.sim.reports.figures import figures_of, grouped, place, rank
from hutong.sim.reports.values import Figures


def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed() -> None:
    values = np.array([15.0, 20.0, 35.0, 40.0, 50.0])
    found = figures_of(values, np.ones(5, dtype=bool))
    assert found == Figures(5, 0, 32.0, 35.0, 50.0, 50.0, 50.0)


@pytest.mark.parametrize(
    ("count", "percent", "expected"),
    [(1, 50, 0), (2, 50, 0), (3, 50, 1), (20, 95, 18), (100, 99, 98), (101, 99, 99), (100, 95, 94)],
)
def test_places_are_exact_where_a_float_would_round(
    count: int, percent: int, expected: int
) -> None:
    assert place(count, percent) == expected


def test_rows_that_do_not_count_are_said_to_be_left_out() -> None:
    found = figures_of(np.array([1.0, 999.0, 3.0]), np.array([True, False, True]))
    assert (found.jobs, found.left_out, found.mean, found.most) == (2, 1, 2.0, 3.0)


def test_nothing_to_count_gives_no_figures_and_no_warning() -> None:
    assert figures_of(np.array([1.0]), np.array([False])) == Figures(left_out=1)
    assert figures_of(np.zeros(0), np.zeros(0, dtype=bool)) == Figures()


def test_groups_have_the_figures_that_each_would_have_alone() -> None:
    draw = np.random.default_rng(3)
    values, codes = draw.exponential(100, 5_000), draw.integers(0, 7, 5_000)
    counted = draw.random(5_000) < 0.8
    counted[codes == 5] = False
    sizes = np.bincount(codes, minlength=8)
    found = grouped(rank(values, counted), codes, sizes)
    for group in range(8):
        mine = codes == group
        assert _close(found[group], figures_of(values[mine], counted[mine]))
    assert found[5] == Figures(left_out=int(sizes[5]))
    assert found[7] == Figures()


def _close(one: Figures, other: Figures) -> bool:
    rest = ("jobs", "left_out", "p50", "p95", "p99", "most")
    same = all(getattr(one, name) == getattr(other, name) for name in rest)
    return same and one.mean == pytest.approx(other.mean)
