"""Numbers as people read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hutong.cli import human
from hutong.model.resources import Amount

S, M, H, D = 1_000, 60_000, 3_600_000, 86_400_000


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (-5, "0ms"), (0, "0ms"), (850, "850ms"), (1_000, "1s"), (3_240, "3.2s"), (9_949, "9.9s"),
        (9_950, "10s"), (42 * S, "42s"), (59_499, "59s"), (59_500, "1m"), (133 * S, "2m13s"),
        (5 * M, "5m"), (3 * H + 5 * M + 9 * S, "3h5m"), (3 * H + 9 * S, "3h"),
        (2 * D + 4 * H, "2d4h"),
        (9 * D + H, "9d1h"), (12 * D + 3 * H, "12d"), (400 * D, "400d"),
    ],
)  # fmt: skip
def test_a_duration_has_two_units_at_most(ms: int, text: str) -> None:
    assert human.duration(ms) == text


@given(st.integers(0, 10**14))
def test_a_duration_is_short(ms: int) -> None:
    assert len(human.duration(ms)) <= 8


@pytest.mark.parametrize(
    ("microcny", "text"),
    [
        (0, "0"), (42, "<0.0001"), (50, "0.0001"), (4_200, "0.0042"), (999_949, "0.9999"),
        (999_950, "1.0000"), (1_000_000, "1.00"), (1_005_000, "1.01"), (12_345_678, "12.35"),
        (1_234_500_000, "1,234.50"), (-4_200, "-0.0042"), (-1_500_000, "-1.50"),
    ],
)  # fmt: skip
def test_money_shows_two_to_four_decimals(microcny: int, text: str) -> None:
    assert human.money(microcny) == text


@pytest.mark.parametrize(
    ("mib", "text"),
    [(0, "0 GiB"), (512, "512 MiB"), (1_024, "1 GiB"), (1_536, "1.5 GiB"), (2**20, "1,024 GiB")],
)
def test_memory_is_in_gib(mib: int, text: str) -> None:
    assert human.memory(mib) == text


@pytest.mark.parametrize(
    ("milli", "text"),
    [(0, "0"), (250, "0.25"), (1_000, "1"), (1_500, "1.5"), (2_000_001, "2,000.001")],
)
def test_thousandths_become_units(milli: int, text: str) -> None:
    assert human.count(milli) == text


def test_what_there_is_none_of_is_a_dash() -> None:
    assert human.used_of(0, 0) == "-"
    assert human.used_of(250, 8_000) == "0.25/8"


def test_an_amount_names_its_chip() -> None:
    assert human.amount(Amount(500, 512)) == "0.5 CPU, 512 MiB"
    assert human.amount(Amount(8_000, 65_536, 2_000), "A100") == "8 CPU, 64 GiB, 2 A100"


@pytest.mark.parametrize(("ahead", "text"), [(-5, "now"), (999, "now"), (7 * M, "in 7m")])
def test_what_is_due_is_now(ahead: int, text: str) -> None:
    assert human.until(10**12 + ahead, 10**12) == text


def test_a_moment_shows_its_date_when_it_is_another_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    now = 1_790_000_000_000
    assert human.clock(now - H, now) == "13:13:20"
    assert human.clock(now - 2 * D, now) == "09-19 14:13"
    assert human.clock(now - 300 * D, now) == "2025-11-25"
    assert human.clock(0, now) == "-"


def test_long_lists_are_counted() -> None:
    assert human.listed(["a", "b"]) == "a, b"
    assert human.listed(list("abcdefg"), 2) == "a, b and 5 more"
    assert human.counted(1, "job") == "1 job"
    assert human.counted(2_000, "job") == "2,000 jobs"
