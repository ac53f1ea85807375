import pytest

from hutong.model.errors import HutongError
from hutong.sim.predict import PREDICTORS, make_predictor
from hutong.sim.predict.contract import STEPS_MS
from hutong.sim.workload import TraceJob

HOUR_MS = 3_600_000


def job(user: str = "li", *, estimate_ms: int | None = HOUR_MS, limit_ms: int = 0) -> TraceJob:
    return TraceJob("j", 0, 1, user=user, estimate_ms=estimate_ms, limit_ms=limit_ms)


def test_user_says_what_the_user_said_and_never_what_is_true() -> None:
    said = make_predictor("user")
    said.learn(job(), 5)
    assert said.predict(job(estimate_ms=7)) == 7
    assert said.predict(job(estimate_ms=None, limit_ms=9)) is None


def test_limits_says_the_time_limit() -> None:
    limits = make_predictor("limits")
    assert limits.predict(job(limit_ms=9)) == 9
    assert limits.predict(job()) is None


def test_last_two_is_what_the_user_said_until_two_runs_are_known() -> None:
    last_two = make_predictor("last-two")
    last_two.learn(job(), 10)
    assert last_two.predict(job(estimate_ms=700)) == 700
    last_two.learn(job(), 30)
    assert last_two.predict(job(estimate_ms=700)) == 20
    last_two.learn(job(), 50)
    assert last_two.predict(job(estimate_ms=700)) == 40


def test_last_two_takes_one_run_where_the_user_says_nothing() -> None:
    last_two = make_predictor("last-two")
    assert last_two.predict(job(estimate_ms=None)) is None
    last_two.learn(job(), 10)
    assert last_two.predict(job(estimate_ms=None)) == 10


def test_last_two_stays_below_the_estimate_and_the_limit() -> None:
    last_two = make_predictor("last-two")
    for run_ms in (100, 200):
        last_two.learn(job(), run_ms)
    assert last_two.predict(job(estimate_ms=80)) == 80
    assert last_two.predict(job(estimate_ms=None, limit_ms=60)) == 60


def test_last_two_keeps_users_apart_and_jobs_without_one_by_partition() -> None:
    last_two = make_predictor("last-two")
    last_two.learn(TraceJob("a", 0, 1, partition="x"), 10)
    assert last_two.predict(TraceJob("b", 0, 1, partition="x")) == 10
    assert last_two.predict(TraceJob("b", 0, 1, partition="y")) is None
    assert last_two.predict(job("wang", estimate_ms=None)) is None


@pytest.mark.parametrize("name", PREDICTORS)
def test_a_correction_always_lies_beyond_what_has_run(name: str) -> None:
    predictor = make_predictor(name)
    for run_ms in (0, 1, 59_999, 10 * HOUR_MS, 10_000 * HOUR_MS):
        assert predictor.correct(job(), run_ms) > run_ms


@pytest.mark.parametrize("name", PREDICTORS)
def test_a_job_of_a_month_is_corrected_some_fifty_times_at_most(name: str) -> None:
    predictor, believed_ms, count = make_predictor(name), 1, 0
    while believed_ms < 30 * 24 * HOUR_MS:
        believed_ms, count = predictor.correct(job(), believed_ms), count + 1
    assert count <= 50


def test_corrections_begin_with_a_minute_and_end_at_the_limit() -> None:
    predictor = make_predictor("last-two")
    assert predictor.correct(job(), 1_000) == 1_000 + STEPS_MS[0]
    assert predictor.correct(job(limit_ms=30_000), 1_000) == 30_000
    assert predictor.correct(job(limit_ms=500), 1_000) == 1_000 + STEPS_MS[0]


def test_an_unknown_predictor_is_refused_with_the_known_ones() -> None:
    with pytest.raises(HutongError, match="delphi") as caught:
        make_predictor("oracle-of-delphi")
    assert caught.value.code == "predictor.unknown"
    assert "history" in caught.value.hint
