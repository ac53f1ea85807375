"""Expected starts against true ones, on a queue with exact, wrong and missing estimates."""

import pytest

from hutong.scheduler.outlook import OVERDUE_MS
from tests.unit.scheduler.queueing import Queueing, median_ratio, within
from tests.unit.scheduler.worlds import HOUR_MS, MINUTE_MS, World, chips, profile

FIGURES = {
    # profile, wrong by: least and greatest median of told over true waits, least part within 3x
    ("easy", 1.0): (0.5, 2.0, 0.6),
    ("conservative", 1.0): (0.99, 1.01, 0.95),
    ("fair", 1.0): (0.4, 2.5, 0.4),
    ("fair", 3.0): (0.15, 5.0, 0.2),
}


@pytest.mark.parametrize(("name", "wrong_by"), list(FIGURES))
def test_told_waits_are_near_true_ones(name: str, wrong_by: float) -> None:
    told = Queueing(name, seed=7, wrong_by=wrong_by).play(110, load=1.4).told
    low, high, part = FIGURES[name, wrong_by]
    assert len(told) > 25
    assert low <= median_ratio(told) <= high
    assert within(told, 3) >= part


@pytest.mark.parametrize("wrong_by", [100.0, None])
def test_wrong_and_missing_estimates_give_every_waiting_job_a_start_that_is_not_past(
    wrong_by: float | None,
) -> None:
    played = Queueing("fair", seed=3, wrong_by=wrong_by).play(60, load=1.4)
    assert played.starts


def test_an_expected_start_moves_with_an_attempt_that_is_late_and_never_into_the_past() -> None:
    world = World().pool("bj/gpu", chips=8)
    world.runs("bj/gpu-0", chips=8, ends_in_ms=10 * MINUTE_MS)
    job = world.job(chips(8))
    before = 0
    for minutes in range(0, 2_000, 40):
        world.now_ms += minutes * MINUTE_MS
        world.step()
        start = world.why(job).start_ms
        assert start >= world.now_ms
        assert start >= before
        late = max(world.now_ms - (HOUR_MS + 10 * MINUTE_MS), 0)
        assert start <= world.now_ms + max(OVERDUE_MS, late // 8, 10 * MINUTE_MS)
        before = start


def test_a_job_behind_its_head_is_spaced_by_the_pools_turnover() -> None:
    world = World(profile(reservations_count=1)).pool("bj/gpu", nodes=2, chips=8)
    for node in range(2):
        world.runs(f"bj/gpu-{node}", chips=8, ends_in_ms=HOUR_MS)
    jobs = [world.job(chips(8), estimate_ms=HOUR_MS) for _ in range(5)]
    world.step()
    starts = [world.why(job).start_ms - world.now_ms for job in jobs]
    assert starts == [HOUR_MS + at * HOUR_MS // 2 for at in range(5)]
