from random import Random

import pytest

from hutong.sim.predict.runs import RunTimes


def brute(runs: tuple[int, ...], ran: int) -> float:
    left = [run - ran for run in runs if run > ran]
    return min(
        sum(min(run, horizon) for run in left) / sum(run <= horizon for run in left)
        for horizon in left
    )


def test_quantiles_are_runs_of_the_sample() -> None:
    known = RunTimes((10, 20, 30, 40), "all")
    assert [known.quantile_ms(share) for share in (0, 250, 251, 500, 999, 1000)] == [
        10, 10, 20, 20, 40, 40,
    ]  # fmt: skip


def test_what_is_left_goes_by_those_that_ran_longer() -> None:
    known = RunTimes((10, 20, 60), "all")
    assert known.mean_left_ms(0) == 30
    assert known.mean_left_ms(10) == 30
    assert known.mean_left_ms(60) is None


def test_work_to_finish_is_the_best_over_all_horizons() -> None:
    random = Random("gittins")
    for _ in range(50):
        runs = tuple(sorted(random.randrange(1, 1_000) for _ in range(random.randrange(1, 30))))
        ran = random.randrange(0, runs[-1])
        assert RunTimes(runs, "all").work_to_finish_ms(ran) == pytest.approx(
            brute(runs, ran), abs=1
        )


def test_work_to_finish_is_none_where_none_ran_longer() -> None:
    assert RunTimes((5,), "all").work_to_finish_ms(5) is None


def test_a_job_of_a_kind_that_often_ends_at_once_is_worth_a_try() -> None:
    either = RunTimes((1, 1, 1, 1_000), "all")
    assert either.work_to_finish_ms(0) == 1
    assert either.work_to_finish_ms(1) == 999


def test_a_job_of_one_known_length_has_its_remainder_as_index() -> None:
    known = RunTimes((100,) * 9, "all")
    assert known.work_to_finish_ms(0) == 100
    assert known.work_to_finish_ms(60) == 40
