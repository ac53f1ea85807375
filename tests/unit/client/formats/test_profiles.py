"""Profile files: every key, what is refused with its line, and that writing reads back."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from hutong.client.formats.profiles import (
    KEYS,
    SETTINGS,
    load_profile,
    profile_to_yaml,
    read_profile,
)
from hutong.model.classes import ClassRule
from hutong.model.errors import HutongError
from hutong.scheduler.profile import PROFILES, Profile

HOUR_MS = 3_600_000

HONOURED: list[tuple[str, str, Any]] = [
    (
        "classes: [{name: gold, evicts_from: bronze, bound: 30s}, normal, bronze]",
        "classes",
        (ClassRule("gold", "bronze", 30_000), ClassRule("normal"), ClassRule("bronze")),
    ),
    ("order: fifo", "order", "fifo"),
    ("order: quick", "order", "quick"),
    ("quick_work: 5m", "quick_work_ms", 5 * 60_000),
    ("overtake: 100h", "overtake_ms", 100 * HOUR_MS),
    ("reservation_horizon: 30m", "reservation_horizon_ms", 30 * 60_000),
    ("share_half_life: 14d", "share_half_life_ms", 14 * 24 * HOUR_MS),
    ("share_half_life: 0s", "share_half_life_ms", 0),
    ("backfill: conservative", "backfill", "conservative"),
    ("fit: fragmentation", "fit", "fragmentation"),
    ("preemption: false", "preemption", False),
    ("reclaim: no", "reclaim", False),
    ("reservations: 4", "reservations_count", 4),
    ("placements: 500", "placements_count", 500),
    ("candidates: 9", "candidates_count", 9),
    ("default_run: 20m", "default_run_ms", 20 * 60_000),
    ("better_wait: 5m", "better_wait_ms", 5 * 60_000),
    ("cost_weight: 70%", "cost_weight_milli", 700),
    ("hour_value: 12.5 CNY", "hour_value_microcny", 12_500_000),
    ("preferred_bonus: 10%", "preferred_bonus_milli", 100),
    ("domestic_bonus: 0%", "domestic_bonus_milli", 0),
    ("domestic_target: 30%", "domestic_target_milli", 300),
    ("energy_weight: 100%", "energy_weight_milli", 1000),
    ("carbon_per_kg: 0.08 CNY", "carbon_microcny_per_kg", 80_000),
    ("carbon_per_kg: 0", "carbon_microcny_per_kg", 0),
    ("commercial_rule: worth", "commercial_rule", "worth"),
    ("commercial_after: 30m", "commercial_after_ms", 30 * 60_000),
    ("commercial_idle: 5m", "commercial_idle_ms", 5 * 60_000),
    ("grow_after: 90s", "grow_after_ms", 90_000),
    ("spot_retry: 10m", "spot_retry_ms", 10 * 60_000),
    ("cleaner_mean_wait: 6h", "cleaner_mean_wait_ms", 6 * HOUR_MS),
    ("order: gittins", "order", "gittins"),
    ("round: 6m", "round_ms", 6 * 60_000),
    ("round_gain: 50%", "round_gain_milli", 500),
    ("restart: 2m", "restart_ms", 2 * 60_000),
]


@pytest.mark.parametrize(("line", "setting", "value"), HONOURED, ids=lambda part: str(part)[:30])
def test_a_key_sets_its_setting(line: str, setting: str, value: Any) -> None:
    found = read_profile(line, "ours.yaml")
    assert getattr(found, setting) == value
    assert found == msgspec.structs.replace(Profile(), name="ours", **{setting: value})


def test_every_setting_of_a_profile_has_a_key_and_every_key_a_case() -> None:
    fields = {field.name for field in msgspec.structs.fields(Profile)}
    assert {*SETTINGS.values(), "name"} == fields
    reached = {line.partition(":")[0] for line, _, _ in HONOURED}
    assert reached | {"name", "base"} == set(KEYS.honoured)


def test_a_file_begins_with_its_base() -> None:
    found = read_profile("base: conservative\nname: night\nreservations: 3\n", "x.yaml")
    wanted = msgspec.structs.replace(PROFILES["conservative"], name="night", reservations_count=3)
    assert found == wanted


BAD: list[tuple[str, str, str]] = [
    ("base: fare", "file.bad_value", "Did you mean `fair`?"),
    ("reservation: 3", "file.unknown_key", "Did you mean `reservations`?"),
    ("reservations_count: 3", "file.unknown_key", "Here it is `reservations`."),
    ("half_life: 3d", "file.unknown_key", "Here it is `share_half_life`."),
    ("order: fast", "file.bad_value", "`quick`, `srpt`, `las` or `gittins`"),
    ("share_half_life: 7", "file.bad_value", "the unit is missing"),
    ("default_run: 0s", "file.bad_value", "it is less than 1"),
    ("cost_weight: 0.5", "file.bad_value", "the `%` is missing"),
    ("hour_value: 20", "file.bad_value", "the currency is missing"),
    ("placements: 0", "file.bad_value", "it is less than 1"),
    ("placements: 99999", "file.bad_value", "the limit is 2000"),
    ("preemption: maybe", "file.bad_value", "it is neither true nor false"),
    ("classes: []", "file.bad_value", "there is no class"),
    ("classes: [a, b, a]", "file.bad_value", "`a` is named twice"),
    ("classes: [A]", "file.bad_value", "names no priority class"),
    ("classes: [{evicts_from: a}]", "file.bad_value", "it has no `name`"),
    ("classes: [{name: a, preempts: b}]", "file.unknown_key", "Here it is `evicts_from`."),
    ("classes: [a, {name: b, evicts_from: a}]", "file.bad_value", "which is no class after it"),
    ("classes: [{name: b, evicts_from: b}]", "file.bad_value", "which is no class after it"),
    ("classes: [{name: b, evicts_from: c}]", "file.bad_value", "which is no class after it"),
    ("name: easy", "file.bad_value", "a profile that comes with Hutong has it"),
    ("- a", "file.bad_value", "a mapping is wanted"),
    ("order: fair\n---\norder: fair", "file.syntax", "it has two documents"),
    ("", "file.syntax", "it is empty"),
]


@pytest.mark.parametrize(("text", "code", "said"), BAD, ids=[text[:30] for text, _, _ in BAD])
def test_what_cannot_be_is_refused_with_its_line(text: str, code: str, said: str) -> None:
    with pytest.raises(HutongError) as caught:
        read_profile(text if "---" in text or not text else f"# ours\n{text}\n", "ours.yaml")
    error = caught.value
    assert error.code == code
    assert said in f"{error.message} {error.hint}"
    assert error.facts["line"] == (3 if "---" in text else 2 if text else 1)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=list(PROFILES))
def test_a_profile_reads_back_as_it_was_written(profile: Profile) -> None:
    text = profile_to_yaml(profile)
    assert read_profile(text, f"{profile.name}.yaml") == profile
    ours = msgspec.structs.replace(profile, name="ours")
    assert read_profile(profile_to_yaml(ours), "x.yaml") == ours


def test_a_profile_is_found_by_its_name_or_its_file(tmp_path: Path) -> None:
    file = tmp_path / "night"
    file.write_text("order: fifo\n")
    assert load_profile("easy") is PROFILES["easy"]
    assert load_profile(str(file)).name == "night"
    for missing, code in (("fiar", "hub.config"), (str(tmp_path / "no.yaml"), "file.unreadable")):
        with pytest.raises(HutongError) as caught:
            load_profile(missing)
        assert caught.value.code == code
