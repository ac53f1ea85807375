from random import Random

from hutong.sim.outcome import Belief
from hutong.sim.predict import Score


def test_a_score_counts_within_two_the_median_and_the_error() -> None:
    score = Score("user")
    for told_ms, run_ms in ((200, 100), (100, 100), (201, 100), (49, 100), (50, 100)):
        score.add(told_ms, run_ms)
    assert score.belief() == Belief("user", 5, 600, 1000, (100 + 0 + 101 + 51 + 50) // 5)


def test_nothing_told_counts_for_nothing() -> None:
    score = Score("limits")
    score.add(None, 100)
    assert score.belief() == Belief("limits")


def test_a_run_of_no_time_counts_as_one_ms() -> None:
    score = Score("user")
    score.add(1, 0)
    assert score.belief().within_2x_milli == 1000


def test_the_median_is_right_within_a_hundredth() -> None:
    random, score, ratios = Random("ratios"), Score("history"), []
    for _ in range(2_001):
        told_ms, run_ms = random.randrange(1_000, 10**6), random.randrange(1_000, 10**6)
        score.add(told_ms, run_ms)
        ratios.append(told_ms / run_ms)
    middle = sorted(ratios)[1_000]
    assert abs(score.belief().median_milli / 1000 / middle - 1) < 0.01
