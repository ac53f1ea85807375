"""What is predicted decides who comes first; ends go by what users said."""

import msgspec
import pytest

from hutong.scheduler.profile import PROFILES
from hutong.sim.replay import replay
from hutong.sim.replay.beliefs import Beliefs
from hutong.sim.setup import Mode
from hutong.sim.workload import TraceJob
from tests.unit.sim.replay.worlds import EASY, HOUR_MS, SECOND_MS, job, setup

MINUTE_S = 60
QUICK = msgspec.structs.replace(PROFILES["quick"], overtake_ms=HOUR_MS)


def learnt() -> list[TraceJob]:
    """Two short runs of a user who says an hour each time, and jobs that fill the machine after."""
    return [
        careful("one", 0), careful("two", 10),
        job("all", 60, MINUTE_S, cpus=4, user="big"),
        job("long", 61, 50 * MINUTE_S, cpus=4, user="other"),
        careful("short", 62, cpus=4),
    ]  # fmt: skip


def careful(name: str, submit_s: int, *, cpus: int = 1) -> TraceJob:
    """A run of five seconds of a user who always says an hour."""
    return job(name, submit_s, 5, cpus=cpus, user="careful", estimate_ms=HOUR_MS)


def starts(predictor: str) -> dict[str, int]:
    """When each started, in seconds."""
    outcome = replay(setup(learnt(), profile=QUICK, predictor=predictor))
    start_s = (outcome.numbers["start_ms"] // SECOND_MS).tolist()
    return dict(zip(outcome.names, start_s, strict=True))


def test_a_prediction_lets_a_job_go_first_that_its_estimate_would_not() -> None:
    assert starts("")["long"] < starts("")["short"]
    predicted = starts("last-two")
    assert predicted["short"] == 120
    assert predicted["long"] == 125


@pytest.mark.parametrize(
    ("more", "estimate_ms", "corrects"),
    [
        ({"estimate_ms": 7_000}, 7_000, False),
        ({"estimate_ms": None, "limit_ms": 9_000}, None, False),
        ({"estimate_ms": None}, 3_000, True),
    ],
    ids=["estimate", "limit", "nothing said"],
)
def test_what_was_said_stays_what_the_end_goes_by(
    more: dict[str, int | None], estimate_ms: int | None, *, corrects: bool
) -> None:
    beliefs = Beliefs(setup([], predictor="last-two"))
    one = msgspec.structs.replace(job("one", 0, 5), **more)
    assert beliefs.estimate_of(one, 3_000) == estimate_ms
    assert beliefs.place_of(3_000) == 3_000
    assert beliefs.corrects(one) is corrects


def test_without_a_predictor_all_goes_by_what_is_told() -> None:
    beliefs = Beliefs(setup([], profile=EASY, mode=Mode.ORACLE))
    one = job("one", 0, 5, estimate_ms=HOUR_MS)
    assert beliefs.estimate_of(one, beliefs.of(one)) == 5_000
    assert beliefs.place_of(5_000) is None
    assert not beliefs.corrects(one)
