from math import exp
from random import Random

import msgspec
import pytest

from hutong.sim.predict.history import LEVELS, RUNS_KEPT, History
from hutong.sim.workload import TraceJob

HOUR_MS = 3_600_000


def job(user: str = "li", **changed: object) -> TraceJob:
    return msgspec.structs.replace(TraceJob("train-17", 0, 1, user=user, tasks=4), **changed)


def taught(*lessons: tuple[TraceJob, int]) -> History:
    history = History()
    for lesson, run_ms in lessons:
        history.learn(lesson, run_ms)
    return history


def test_before_anything_is_learnt_the_users_word_counts_then_the_limit() -> None:
    history = History()
    assert history.predict(job(estimate_ms=70)) == 70
    assert history.predict(job(limit_ms=90)) == 90
    assert history.predict(job()) is None


def test_a_job_that_always_takes_the_same_is_predicted_to_take_it() -> None:
    history = taught(*[(job(), HOUR_MS)] * 8)
    assert history.predict(job(name="train-18")) == pytest.approx(HOUR_MS, rel=0.05)


def test_a_new_user_gets_what_jobs_of_the_same_shape_take() -> None:
    small, large = job("wang", tasks=1), job("wang", tasks=64)
    history = taught(*[(small, 60_000), (large, 10 * HOUR_MS)] * 20)
    new_small, new_large = (
        history.predict(job("zhao", tasks=1, name="x")),
        history.predict(job("zhao", tasks=64, name="x")),
    )
    assert new_small is not None
    assert new_large is not None
    assert 60_000 <= new_small < 120_000
    assert 5 * HOUR_MS < new_large <= 10 * HOUR_MS


def test_kinds_of_one_user_are_kept_apart() -> None:
    history = taught(*[(job(kind="train"), 8 * HOUR_MS), (job(kind="eval"), 60_000)] * 10)
    train, evaluate = history.predict(job(kind="train")), history.predict(job(kind="eval"))
    assert train is not None
    assert evaluate is not None
    assert train > 2 * HOUR_MS
    assert evaluate < 5 * 60_000


def test_names_are_taken_without_the_numbers_at_their_end() -> None:
    lessons = [(job(name=f"train-{n}"), 8 * HOUR_MS) for n in range(9)]
    history = taught(*lessons, *[(job(name=f"eval_{n}.2"), 60_000) for n in range(9)])
    train = history.predict(job(name="train-1000"))
    assert train is not None
    assert train > HOUR_MS


def test_kinds_that_are_new_with_every_job_do_not_hide_what_the_user_repeats() -> None:
    history = taught(*[(job(kind=f"binary {n}"), HOUR_MS + n) for n in range(600)])
    assert history.distribution(job(kind="binary 9999")).level == "like"  # type: ignore[union-attr]


def test_one_crash_moves_a_prediction_only_so_far() -> None:
    history = taught(*[(job(), HOUR_MS)] * 20)
    history.learn(job(), 1_000)
    predicted = history.predict(job())
    assert predicted is not None
    assert predicted > HOUR_MS / 2


def test_a_change_for_good_is_followed_within_a_few_runs() -> None:
    history = taught(*[(job(), HOUR_MS)] * 20, *[(job(), 6 * HOUR_MS)] * 6)
    predicted = history.predict(job())
    assert predicted is not None
    assert predicted > 4 * HOUR_MS


def test_a_time_limit_bounds_a_prediction() -> None:
    assert taught(*[(job(), HOUR_MS)] * 8).predict(job(limit_ms=1_000)) == 1_000


def test_estimates_that_tell_something_are_corrected_and_used() -> None:
    random, history = Random("estimates"), History()
    wrong = 0.0
    for count in range(400):
        run_ms = int(exp(random.uniform(9, 17)))
        lesson = job(estimate_ms=3 * run_ms)
        predicted = history.predict(lesson)
        history.learn(lesson, run_ms)
        if count >= 300:
            assert predicted is not None
            wrong += not run_ms / 2 <= predicted <= 2 * run_ms
    assert wrong <= 10


def test_estimates_that_tell_nothing_leave_the_history_in_charge() -> None:
    random, history = Random("noise"), History()
    wrong = 0
    for count in range(400):
        lesson = job(estimate_ms=int(exp(random.uniform(9, 17))))
        predicted = history.predict(lesson)
        history.learn(lesson, HOUR_MS)
        if count >= 300:
            assert predicted is not None
            wrong += not HOUR_MS / 2 <= predicted <= 2 * HOUR_MS
    assert wrong <= 10


def test_a_distribution_is_of_the_most_specific_jobs_that_are_enough() -> None:
    history = taught(*[(job(), HOUR_MS + n) for n in range(30)], (job("wang"), 5))
    mine, others = history.distribution(job()), history.distribution(job("zhao", tasks=2))
    assert mine is not None
    assert others is not None
    assert (mine.level, mine.runs_ms[0]) == ("like", HOUR_MS)
    assert (others.level, others.runs_ms[0]) == ("all", 5)
    assert History().distribution(job()) is None


def test_a_distribution_keeps_the_last_runs_and_no_more_than_twice_as_many() -> None:
    history = taught(*[(job(), 1 + n) for n in range(3 * RUNS_KEPT)])
    known = history.distribution(job())
    assert known is not None
    assert RUNS_KEPT <= len(known.runs_ms) <= 2 * RUNS_KEPT
    assert known.runs_ms[-1] == 3 * RUNS_KEPT


def test_a_job_that_outlived_its_prediction_is_expected_to_run_like_those_that_did() -> None:
    history = taught(*[(job(), 60_000)] * 30, *[(job(), 5 * HOUR_MS + n) for n in range(5)])
    assert history.correct(job(), 120_000) == 5 * HOUR_MS + 2
    assert history.correct(job(limit_ms=HOUR_MS), 120_000) == HOUR_MS


def test_what_is_remembered_is_bounded() -> None:
    history = History(lines_count=50)
    for number in range(2_000):
        history.learn(job(f"u{number}"), 1_000 + number)
    assert len(history._lines) <= 50
    assert history.predict(job("u1999")) is not None


def test_the_same_past_gives_the_same_predictions() -> None:
    def predictions() -> list[int | None]:
        random, history, out = Random("same"), History(), []
        for _ in range(300):
            lesson = job(f"u{random.randrange(5)}", tasks=random.randrange(1, 4))
            out.append(history.predict(lesson))
            history.learn(lesson, random.randrange(1, HOUR_MS))
        return out

    assert predictions() == predictions()


def test_predictions_that_differ_little_are_the_same() -> None:
    told = {taught((job(), HOUR_MS + 1_000 * n)).predict(job()) for n in range(60)}
    assert len(told) == 1


def test_levels_go_from_those_that_forget_slowly() -> None:
    assert [level.name for level in LEVELS] == ["all", "shape", "owner", "kind", "like"]
    assert LEVELS[0].memory == max(level.memory for level in LEVELS)
