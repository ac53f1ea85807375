from datetime import timedelta, timezone

import pytest

from hutong.client.formats import times
from hutong.client.formats.words import BadWord
from hutong.model import limits
from tests.unit.client.formats.support import NOW_MS

CHINA = timezone(timedelta(hours=8))
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


@pytest.mark.parametrize(
    ("word", "ms"),
    [
        ("90s", 90_000), ("45m", 45 * 60_000), ("2h30m", 150 * 60_000), ("1.5h", 90 * 60_000),
        ("3d", 3 * DAY_MS), ("1w2d", 9 * DAY_MS), ("500ms", 500), ("1h1ms", HOUR_MS + 1),
        ("366d", 366 * DAY_MS),
    ],
)  # fmt: skip
def test_durations_are_exact(word: str, ms: int) -> None:
    assert times.duration_ms(word) == ms


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("90", "the unit is missing"),
        ("0s", "it is zero"),
        ("-5m", "it is negative"),
        ("2:30:00", "hours and minutes are written with their letters here"),
        ("30m2h", "its units are not in order, each once"),
        ("1h1h", "its units are not in order, each once"),
        ("367d", "the limit is 366 days"),
        ("0.0001s", "it is finer than a millisecond"),
        ("soon", "it is not a duration"),
        ("1y", "it is not a duration"),
        ("9" * 30 + "h", "it is not a duration"),
    ],
)
def test_a_duration_says_what_is_wrong(word: str, problem: str) -> None:
    with pytest.raises(BadWord) as caught:
        times.duration_ms(word)
    assert caught.value.problem == problem
    assert "2h30m" in caught.value.advice


def test_a_grace_may_be_nothing() -> None:
    assert times.duration_or_zero_ms("0s") == 0
    assert times.duration_or_zero_ms("0") == 0
    assert times.duration_or_zero_ms("30s") == 30_000


@pytest.mark.parametrize(
    ("word", "seconds"),
    [
        ("90", 90 * 60), ("90:30", 90 * 60 + 30), ("1:30:15", 5415), ("2-0", 2 * 86_400),
        ("1-12:30", 86_400 + 45_000), ("1-02:03:04", 86_400 + 7384), ("UNLIMITED", 0),
        ("infinite", 0), ("-1", 0), ("0", 0), ("100:00:00", 360_000),
    ],
)  # fmt: skip
def test_all_of_slurms_forms_of_a_limit_are_read(word: str, seconds: int) -> None:
    assert times.slurm_duration_ms(word) == seconds * 1000


@pytest.mark.parametrize("word", ["2h", "1-2-3", "1:2:3:4", "", "soon", "1 day", "1:-5"])
def test_other_forms_of_a_limit_are_refused(word: str) -> None:
    with pytest.raises(BadWord, match="none of Slurm's forms"):
        times.slurm_duration_ms(word)


def test_a_limit_of_slurm_beyond_a_year_is_refused() -> None:
    with pytest.raises(BadWord, match="366 days"):
        times.slurm_duration_ms("400-0")


@pytest.mark.parametrize(
    ("word", "ms"),
    [
        ("2026-11-22T08:00:00Z", NOW_MS),
        ("2026-11-22T16:00:00+08:00", NOW_MS),
        ("2026-11-22 16:00+08:00", NOW_MS),
        ("2026-11-22t08:00:00.250z", NOW_MS + 250),
        ("+6h", NOW_MS + 6 * HOUR_MS),
        ("+1h30m", NOW_MS + 90 * 60_000),
    ],
)
def test_points_in_time_are_exact(word: str, ms: int) -> None:
    assert times.instant_ms(word, NOW_MS) == ms


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("2026-11-22T08:00:00", "its offset from UTC is missing"),
        ("2026-11-22", "it is not a point in time"),
        ("2026-13-22T08:00:00Z", "there is no such time"),
        ("2026-11-22T25:00:00Z", "there is no such time"),
        ("2026-11-22T08:00:00+99:99", "there is no such time"),
        ("1969-12-31T00:00:00Z", "it lies outside the years 1970 to 2099"),
        ("2100-01-02T00:00:00Z", "it lies outside the years 1970 to 2099"),
        ("0001-01-01T00:00:00+23:00", "it lies outside the years 1970 to 2099"),
        ("+6", "the unit is missing"),
        ("tomorrow", "it is not a point in time"),
    ],
)
def test_a_point_in_time_says_what_is_wrong(word: str, problem: str) -> None:
    with pytest.raises(BadWord) as caught:
        times.instant_ms(word, NOW_MS)
    assert caught.value.problem == problem


def test_a_time_from_now_needs_a_clock() -> None:
    with pytest.raises(BadWord, match="without a clock"):
        times.instant_ms("+6h", None)
    with pytest.raises(BadWord, match="without a clock"):
        times.slurm_instant_ms("tomorrow", None, CHINA)
    assert times.slurm_instant_ms("2026-11-22T16:00", None, CHINA) == NOW_MS


@pytest.mark.parametrize(
    ("word", "ms"),
    [
        ("now", NOW_MS),
        ("now+60", NOW_MS + 60_000),
        ("now+1hour", NOW_MS + HOUR_MS),
        ("now + 2 days", NOW_MS + 2 * DAY_MS),
        ("now+3min", NOW_MS + 180_000),
        ("now+1week", NOW_MS + 7 * DAY_MS),
        ("2026-11-22T16:00:00", NOW_MS),
        ("2026-11-23", NOW_MS + 8 * HOUR_MS),
        ("17:00", NOW_MS + HOUR_MS),
        ("5:00pm", NOW_MS + HOUR_MS),
        ("12:00 AM", NOW_MS + 8 * HOUR_MS),
        ("15:00", NOW_MS + 23 * HOUR_MS),
        ("16:00", NOW_MS + DAY_MS),
        ("midnight", NOW_MS + 8 * HOUR_MS),
        ("noon", NOW_MS + 20 * HOUR_MS),
        ("elevenses", NOW_MS + 19 * HOUR_MS),
        ("fika", NOW_MS + 23 * HOUR_MS),
        ("teatime", NOW_MS + DAY_MS),
        ("today", NOW_MS),
        ("tomorrow", NOW_MS + DAY_MS),
    ],
)
def test_slurms_points_in_time_are_read_in_the_zone_of_who_hands_in(word: str, ms: int) -> None:
    assert times.slurm_instant_ms(word, NOW_MS, CHINA) == ms


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("now+3moons", "`moons` is no unit of time"),
        ("now-1hour", "it is none of Slurm's forms of a point in time"),
        ("112226", "it is none of Slurm's forms of a point in time"),
        ("25:00", "there is no such time"),
        ("13:00pm", "there is no such time"),
        ("2026-02-30", "there is no such time"),
        ("now+999999999weeks", "it lies outside the years 1970 to 2099"),
    ],
)
def test_a_slurm_point_in_time_says_what_is_wrong(word: str, problem: str) -> None:
    with pytest.raises(BadWord) as caught:
        times.slurm_instant_ms(word, NOW_MS, CHINA)
    assert caught.value.problem == problem


def test_without_a_zone_a_time_is_this_machines() -> None:
    there = times.slurm_instant_ms("2026-11-22T16:00", NOW_MS, None)
    assert abs(there - NOW_MS) <= 24 * HOUR_MS
    assert times.slurm_instant_ms("now", NOW_MS, None) == NOW_MS
    assert NOW_MS < times.slurm_instant_ms("17:00", NOW_MS, None) <= NOW_MS + DAY_MS


def test_no_point_in_time_goes_beyond_the_limit() -> None:
    assert times.instant_ms("2099-12-31T00:00:00Z", None) < limits.UNIX_TIME_MS
