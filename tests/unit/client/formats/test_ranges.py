import pytest

from hutong.client.formats.ranges import array_of_word
from hutong.client.formats.words import BadWord
from hutong.model.job import ArraySpec


@pytest.mark.parametrize(
    ("word", "array"),
    [
        ("0-99", ArraySpec(100)),
        ("0-99%10", ArraySpec(100, max_parallel=10)),
        ("1-10", ArraySpec(10, first=1)),
        ("0-15:4", ArraySpec(4, step=4)),
        ("0-16:4", ArraySpec(5, step=4)),
        ("7", ArraySpec(1, first=7)),
        ("1,3,5,7", ArraySpec(4, first=1, step=2)),
        ("0-3,4-7", ArraySpec(8)),
        ("0-4:2,6,8-10:2", ArraySpec(6, step=2)),
        ("5,10", ArraySpec(2, first=5, step=5)),
        ("0 - 9 % 2", ArraySpec(10, max_parallel=2)),
        ("0-999999", ArraySpec(1_000_000)),
    ],
)
def test_ranges_with_one_step_are_arrays(word: str, array: ArraySpec) -> None:
    assert array_of_word(word) == array


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("1,3,7", "its numbers are not evenly spaced, and an array here has one step"),
        ("0-10,20-30", "its numbers are not evenly spaced, and an array here has one step"),
        ("0-4:2,5", "its numbers are not evenly spaced, and an array here has one step"),
        ("5,3", "its numbers do not rise"),
        ("1,1", "its numbers do not rise"),
        ("9-1", "`9-1` runs backwards"),
        ("0-9:0", "its step is zero"),
        ("0-1000000", "it has 1000001 elements, and 1000000 is the limit"),
        ("0-999999,1000000", "it has 1000001 elements, and 1000000 is the limit"),
        ("0-4294967296", "the largest number is 2147483647"),
        ("0-9%0", "behind `%` stands how many may run at once"),
        ("0-9%x", "behind `%` stands how many may run at once"),
        ("a-b", "`a-b` is not a range of numbers"),
        ("", "`` is not a range of numbers"),
        ("-5", "`-5` is not a range of numbers"),
        ("0-9,", "`` is not a range of numbers"),
    ],
)
def test_other_ranges_say_what_is_wrong(word: str, problem: str) -> None:
    with pytest.raises(BadWord) as caught:
        array_of_word(word)
    assert caught.value.problem == problem
