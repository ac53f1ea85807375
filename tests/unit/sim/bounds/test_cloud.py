"""What has to be bought where nobody waits."""

import numpy as np
import pytest

from hutong.sim.bounds.cloud import bought_at_once_chip_h


def bought(rows: list[tuple[float, float, float]], capacity: float) -> float:
    submit, run, chips = (np.array(column, np.float64) for column in zip(*rows, strict=True))
    return bought_at_once_chip_h(submit, run, chips, capacity)


def test_only_the_demand_above_the_cluster_is_bought() -> None:
    hour = 3600.0
    assert bought([(0, hour, 4), (hour, hour, 4)], 4) == pytest.approx(0)
    assert bought([(0, hour, 4), (hour / 2, hour, 4)], 4) == pytest.approx(2)
    assert bought([(0, 2 * hour, 3)], 1) == pytest.approx(4)


def test_without_a_cluster_all_is_bought() -> None:
    rows = [(float(n), 100.0 * n, float(n)) for n in range(1, 20)]
    assert bought(rows, 0) == pytest.approx(sum(100.0 * n * n for n in range(1, 20)) / 3600)
