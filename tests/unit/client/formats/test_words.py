from fractions import Fraction

import pytest

from hutong.client.formats import words
from hutong.client.formats.words import BadWord
from hutong.model.resources import FrameworkNeed


@pytest.mark.parametrize(
    ("word", "mib"),
    [
        ("8GiB", 8192), ("8Gi", 8192), ("8G", 8192), ("512MiB", 512), ("512 MiB", 512),
        ("1TiB", 1024**2), ("64GB", 61036), ("1KiB", 1), ("0.5GiB", 512), ("1.5MiB", 2),
        ("1MB", 1), ("2000000KB", 1908),
    ],
)  # fmt: skip
def test_memory_is_exact_and_rounds_up_to_a_mib(word: str, mib: int) -> None:
    assert words.memory_mib(word) == mib


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("8", "the unit is missing"),
        ("8.5", "the unit is missing"),
        ("0GiB", "it is zero"),
        ("-8GiB", "it is negative"),
        ("nan", "it is not a number"),
        (".inf", "it is not a number"),
        ("8 GiB x", "it is not a plain number"),
        ("8gb", "`gb` is no unit of memory"),
        ("65TiB", "the limit is 64 TiB"),
        ("99999999999999999999GiB", "the number is too large"),
        ("1..5GiB", "it is not a plain number"),
    ],
)
def test_memory_says_what_is_wrong(word: str, problem: str) -> None:
    with pytest.raises(BadWord) as caught:
        words.memory_mib(word)
    assert caught.value.problem == problem
    assert "8GiB" in caught.value.advice


def test_a_unit_in_the_wrong_case_is_answered_with_the_right_one() -> None:
    with pytest.raises(BadWord) as caught:
        words.memory_mib("8gib")
    assert caught.value.advice.endswith("Did you mean `8GiB`?")


@pytest.mark.parametrize(
    ("word", "milli"), [("4", 4000), ("0.5", 500), ("0.001", 1), ("1024", 1024000)]
)
def test_cpus_are_thousandths(word: str, milli: int) -> None:
    assert words.cpu_milli(word) == milli


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("0", "it is zero"), ("0.0005", "it is finer than a thousandth"), ("-1", "it is negative"),
        ("1025", "the limit is 1024"), ("four", "it is not a plain number"),
        ("1e3", "it is not a plain number"), ("0x10", "it is not a plain number"),
        ("+1", "it is not a plain number"), ("", "it is not a plain number"),
        ("NaN", "it is not a number"), ("-inf", "it is not a number"),
        ("9" * 5000, "the number is too large"), ("４", "it is not a plain number"),
    ],
)  # fmt: skip
def test_cpus_say_what_is_wrong(word: str, problem: str) -> None:
    with pytest.raises(BadWord) as caught:
        words.cpu_milli(word)
    assert caught.value.problem == problem


def test_money_is_exact_in_millionths_of_a_yuan() -> None:
    assert words.money_microcny("120 CNY") == 120_000_000
    assert words.money_microcny("0.1 CNY") == 100_000
    assert words.money_microcny("0.000001CNY") == 1
    assert words.money_microcny("99元") == 99_000_000


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("120", "the currency is missing"),
        ("120 USD", "`USD` is not the currency of the hub, which counts in yuan"),
        ("0 CNY", "it is zero"),
        ("-5 CNY", "it is negative"),
        ("0.0000001 CNY", "it is finer than a millionth of a yuan"),
        ("9999999999 CNY", "the limit is 1000000000 CNY"),
        ("lots", "it is not a plain number"),
    ],
)
def test_money_says_what_is_wrong(word: str, problem: str) -> None:
    with pytest.raises(BadWord) as caught:
        words.money_microcny(word)
    assert caught.value.problem == problem


def test_a_framework_may_have_a_least_version() -> None:
    assert words.framework("torch>=2.1") == FrameworkNeed("torch", "2.1")
    assert words.framework("CUDA >= 12") == FrameworkNeed("cuda", "12")
    assert words.framework("cann") == FrameworkNeed("cann")


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("torch==2.1", "only `>=` can be asked for, not `==`"),
        ("torch<3", "only `>=` can be asked for, not `<`"),
        ("torch>=two", "`two` is not a version"),
        ("torch>=2.1,<3", "`2.1,<3` is not a version"),
        ("torch 2.1", "it is not a framework with a version"),
        ("", "it is not a framework with a version"),
    ],
)
def test_a_framework_says_what_is_wrong(word: str, problem: str) -> None:
    with pytest.raises(BadWord) as caught:
        words.framework(word)
    assert caught.value.problem == problem


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("1.5", "it is not a whole number"), ("0", "it is less than 1"), ("11", "the limit is 10"),
        ("-3", "it is negative"), ("x", "it is not a plain number"),
        ("9" * 5000, "the number is too large"),
    ],
)  # fmt: skip
def test_a_whole_number_says_what_is_wrong(word: str, problem: str) -> None:
    with pytest.raises(BadWord) as caught:
        words.whole(word, low=1, high=10)
    assert caught.value.problem == problem
    assert caught.value.advice == "Write a whole number from 1 to 10."


def test_the_nearest_word_is_found_in_any_case_and_none_far_away() -> None:
    assert words.nearest("RESOURCE", ("resources", "retry")) == "resources"
    assert words.nearest("xyzzy", ("resources", "retry")) == ""


def test_bytes_round_up() -> None:
    assert words.mib_of_bytes(Fraction(1), "x") == 1
    assert words.mib_of_bytes(Fraction(2**20), "x") == 1
    assert words.mib_of_bytes(Fraction(2**20 + 1), "x") == 2


def test_words_are_listed_for_a_sentence() -> None:
    assert words.listed(["a"]) == "`a`"
    assert words.listed(["a", "b", "c"]) == "`a`, `b` or `c`"
