"""What is wrong or odd with a profile: each finding is reached, and sound profiles have none."""

from typing import Any

import msgspec
import pytest

from hutong.model.classes import DEFAULT_CLASSES, ClassRule
from hutong.scheduler.profile import PROFILES, Profile
from hutong.scheduler.profile_check import RANGES, WORDS, check_profile, fails

WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"order": "lifo"}, "order", "there is no `lifo`"),
    ({"backfill": "all"}, "backfill", "there is no `all`"),
    ({"commercial_rule": "never"}, "commercial_rule", "there is no `never`"),
    ({"fit": "best"}, "fit", "there is no `best`"),
    ({"better_wait_ms": -1}, "better_wait_ms", "it is negative"),
    ({"placements_count": 0}, "placements_count", "it is less than 1"),
    ({"cost_weight_milli": 1001}, "cost_weight_milli", "the limit is 1000"),
    ({"classes": ()}, "classes", "there is no class"),
    ({"classes": tuple(ClassRule(f"c{n}") for n in range(65))}, "classes", "64 classes"),
    ({"classes": (ClassRule("A"),)}, "classes", "not the name of a class"),
    ({"classes": (ClassRule("a"), ClassRule("a"))}, "classes", "named twice"),
    ({"classes": (ClassRule("a"), ClassRule("b", "a"))}, "classes", "no class after it"),
    ({"classes": (ClassRule("a", bound_ms=-1),)}, "classes", "out of range"),
]
ODD: list[tuple[dict[str, Any], str, str]] = [
    (
        {"commercial_rule": "worth", "hour_value_microcny": 0},
        "commercial_rule",
        "an hour is worth nothing",
    ),
    (
        {"commercial_rule": "worth", "better_wait_ms": 0},
        "commercial_rule",
        "nobody waits for a better pool",
    ),
    ({"classes": (ClassRule("gold"),)}, "classes", "there is no class `normal`"),
    ({"classes": (ClassRule("normal", bound_ms=5_000),)}, "classes", "it may stop nobody"),
    ({"preemption": False}, "classes", "preemption is off"),
    (
        {"preemption": False, "classes": (ClassRule("gold", "normal"), ClassRule("normal"))},
        "preemption",
        "`gold` says whom it would stop",
    ),
    ({"share_half_life_ms": 0}, "share_half_life_ms", "only what a tenant holds now"),
    ({"reservations_count": 0}, "reservations_count", "backfill is `easy`"),
    ({"order": "sjf", "backfill": "none", "reclaim": False}, "order", "the shortest job"),
    ({"order": "quick", "overtake_ms": 0, "reclaim": False}, "overtake_ms", "it is 0"),
    (
        {"backfill": "conservative", "reservation_horizon_ms": 1},
        "reservation_horizon_ms",
        "backfill is `conservative`",
    ),
    ({"candidates_count": 0}, "candidates_count", "name no candidates"),
    ({"domestic_target_milli": 1, "domestic_bonus_milli": 0}, "domestic_target_milli", "no bonus"),
    ({"commercial_idle_ms": 59_999}, "commercial_idle_ms", "as soon as they are idle"),
    ({"order": "fifo"}, "reclaim", "the order is `fifo`"),
    ({"round_ms": 60_000}, "round_ms", "the order is `fair`"),
    ({"order": "las", "reclaim": False}, "order", "there are no rounds"),
]


@pytest.mark.parametrize(("changes", "setting", "problem"), WRONG, ids=lambda part: str(part)[:40])
def test_a_profile_that_cannot_be_used_says_why(
    changes: dict[str, Any], setting: str, problem: str
) -> None:
    found = check_profile(msgspec.structs.replace(Profile(), **changes))
    assert fails(found)
    assert any(one.setting == setting and problem in one.problem and one.advice for one in found)


@pytest.mark.parametrize(("changes", "setting", "problem"), ODD, ids=lambda part: str(part)[:40])
def test_an_odd_profile_can_be_used_and_is_told_of(
    changes: dict[str, Any], setting: str, problem: str
) -> None:
    found = check_profile(msgspec.structs.replace(Profile(), **changes))
    assert not fails(found)
    assert any(one.setting == setting and problem in one.problem and one.advice for one in found)


def test_the_default_profile_has_nothing_odd() -> None:
    assert check_profile(Profile()) == ()


@pytest.mark.parametrize("profile", PROFILES.values(), ids=list(PROFILES))
def test_no_profile_that_comes_with_hutong_fails(profile: Profile) -> None:
    assert not fails(check_profile(profile))


def test_every_number_and_every_word_of_a_profile_has_its_bounds() -> None:
    kinds = {field.name: type(field.default) for field in msgspec.structs.fields(Profile)}
    numbers = {name for name, kind in kinds.items() if kind is int}
    texts = {name for name, kind in kinds.items() if kind is str} - {"name"}
    assert (numbers, texts) == (set(RANGES), set(WORDS))
    assert DEFAULT_CLASSES
