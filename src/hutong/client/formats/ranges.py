"""Array ranges as sbatch writes them: `0-99`, `0-98:2`, `1,3,5`, `0-99%10`."""

import re

from hutong.client.formats.words import BadWord
from hutong.model import limits
from hutong.model.job import ArraySpec

_PART = re.compile(r"([0-9]{1,10})(?:-([0-9]{1,10})(?::([0-9]{1,10}))?)?")
_WANTED = "Write for example `0-99`, `0-98:2` or `0-99%10`."


def array_of_word(word: str) -> ArraySpec:
    """Read the numbers of an array. A list is taken where its steps are all the same."""
    numbers, percent, most = word.replace(" ", "").partition("%")
    max_parallel = 0
    if percent:
        if re.fullmatch(r"[0-9]{1,10}", most) is None or not 1 <= int(most) <= 10**9:
            raise BadWord("behind `%` stands how many may run at once", _WANTED)
        max_parallel = min(int(most), limits.ARRAY_ELEMENTS)
    joined: ArraySpec | None = None
    for part in numbers.split(","):
        piece = _range(part)
        joined = piece if joined is None else _join(joined, piece)
    assert joined is not None
    return ArraySpec(joined.count, joined.first, joined.step, max_parallel)


def _range(part: str) -> ArraySpec:
    match = _PART.fullmatch(part)
    if match is None:
        raise BadWord(f"`{part}` is not a range of numbers", _WANTED)
    first = int(match[1])
    last = first if match[2] is None else int(match[2])
    step = int(match[3] or 1)
    if last < first:
        raise BadWord(f"`{part}` runs backwards", _WANTED)
    if step == 0:
        raise BadWord("its step is zero", _WANTED)
    if last > limits.ARRAY_NUMBER:
        raise BadWord(f"the largest number is {limits.ARRAY_NUMBER}", _WANTED)
    count = (last - first) // step + 1
    if count > limits.ARRAY_ELEMENTS:
        raise BadWord(f"it has {count} elements, and {limits.ARRAY_ELEMENTS} is the limit", _WANTED)
    return ArraySpec(count, first, step if count > 1 else 1)


def _join(one: ArraySpec, other: ArraySpec) -> ArraySpec:
    """Join two ranges that follow each other by one step."""
    last = one.task_number(one.count - 1)
    gap = other.first - last
    steps = [step for array, step in ((one, one.step), (other, other.step)) if array.count > 1] + [
        gap
    ]
    if gap <= 0:
        raise BadWord("its numbers do not rise", "Name each number once, the smallest first.")
    if len(dict.fromkeys(steps)) > 1:
        raise BadWord(
            "its numbers are not evenly spaced, and an array here has one step",
            "Hand in one job for each evenly spaced part.",
        )
    count = one.count + other.count
    if count > limits.ARRAY_ELEMENTS:
        raise BadWord(f"it has {count} elements, and {limits.ARRAY_ELEMENTS} is the limit", _WANTED)
    return ArraySpec(count, one.first, gap)
