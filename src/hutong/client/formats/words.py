"""Exact readings of single words: amounts, money and lists, whatever format they stand in.

Each function takes the word as it stands in the file and gives whole units, or raises `BadWord`.
Nothing goes through a float: `0.1` of a CPU is 100 thousandths, not 100.00000000000001.
"""

import difflib
import re
from collections.abc import Iterable
from fractions import Fraction

from hutong.model import limits
from hutong.model.classes import is_class
from hutong.model.resources import FrameworkNeed

NEIGHBOUR_SETTINGS = ("labels", "level", "required")
"""Keys of `near` and `apart` in hutong YAML that are no labels."""

_DECIMAL = re.compile(r"([0-9]{1,18})(?:\.([0-9]{1,18}))?")
_WHOLE = re.compile(r"[0-9]{1,18}")
_MEMORY = re.compile(r"([0-9][0-9.]*)\s?([A-Za-z]+)")
_MEMORY_BYTES = {
    **dict.fromkeys(("KiB", "Ki"), 2**10), **dict.fromkeys(("MiB", "Mi"), 2**20),
    **dict.fromkeys(("GiB", "Gi", "G"), 2**30), **dict.fromkeys(("TiB", "Ti", "T"), 2**40),
    "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "M": 2**20,
}  # fmt: skip
_MIB = 2**20
_FRAMEWORK = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:(>=|==|~=|<=|!=|=|>|<)\s*(\S+))?")
_MONEY = re.compile(r"([0-9][0-9.]*)\s?([^\s0-9.]\S*)")


class BadWord(Exception):
    """A word that means nothing here. The reader knows file, line and key, and adds them."""

    def __init__(self, problem: str, advice: str) -> None:
        self.problem = problem
        self.advice = advice
        super().__init__(problem)


def nearest(word: str, known: Iterable[str]) -> str:
    """Give the known word most like `word`, or an empty string where none is like it."""
    by_lower = {name.lower(): name for name in known}
    found = difflib.get_close_matches(word.lower()[:64], list(by_lower), n=1, cutoff=0.6)
    return by_lower[found[0]] if found else ""


def listed(words: Iterable[str]) -> str:
    """Join words for a sentence: `a`, `b` or `c`."""
    quoted = [f"`{word}`" for word in words]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"


def exact(word: str, wanted: str) -> Fraction:
    """Read a plain decimal number; `wanted` is what the advice asks for."""
    match = _DECIMAL.fullmatch(word)
    if match is None:
        raise BadWord(_problem_of_number(word), f"Write {wanted}.")
    return Fraction(word)


def _problem_of_number(word: str) -> str:
    lower = word.lower().lstrip("+-.")
    if lower in {"nan", "inf", "infinity"}:
        return "it is not a number"
    if word.startswith("-"):
        return "it is negative"
    if _DECIMAL.fullmatch(word.lstrip("+")) is None and re.fullmatch(r"[0-9.]{19,}", word):
        return "the number is too large"
    return "it is not a plain number"


def whole(word: str, *, low: int, high: int) -> int:
    """Read a whole number from `low` to `high`."""
    wanted = f"Write a whole number from {low} to {high}."
    if _WHOLE.fullmatch(word) is None:
        if re.fullmatch(r"[0-9]+\.[0-9]+", word):
            raise BadWord("it is not a whole number", wanted)
        raise BadWord(_problem_of_number(word), wanted)
    number = int(word)
    if number > high:
        raise BadWord(f"the limit is {high}", wanted)
    if number < low:
        raise BadWord(f"it is less than {low}", wanted)
    return number


def milli(word: str, *, wanted: str, limit: int) -> int:
    """Read a positive decimal number in thousandths; `limit` is in whole units."""
    number = exact(word, wanted)
    if number <= 0:
        raise BadWord("it is zero", f"Write {wanted}.")
    if number > limit:
        raise BadWord(f"the limit is {limit}", f"Write {wanted}.")
    thousandths = number * 1000
    if thousandths.denominator != 1:
        raise BadWord("it is finer than a thousandth", f"Write {wanted}.")
    return int(thousandths)


def cpu_milli(word: str) -> int:
    """Read a number of CPUs: `4` or `0.5`."""
    return milli(
        word, wanted="a number of CPUs such as 4 or 0.5", limit=limits.TASK_CPU_MILLI // 1000
    )


def memory_mib(word: str) -> int:
    """Read an amount of memory with its unit; a part of a MiB counts as a whole one."""
    return size_mib(word, limits.TASK_MEMORY_MIB)


def size_mib(word: str, limit_mib: int) -> int:
    """Read an amount of memory or data with its unit, up to a limit."""
    wanted = "an amount with its unit, such as 8GiB, 512MiB or 64GB"
    match = _MEMORY.fullmatch(word)
    if match is None:
        if _DECIMAL.fullmatch(word):
            raise BadWord("the unit is missing", f"Write {wanted}.")
        raise BadWord(_problem_of_number(word), f"Write {wanted}.")
    unit = match[2]
    if unit not in _MEMORY_BYTES:
        like = nearest(unit, _MEMORY_BYTES)
        hint = f" Did you mean `{match[1]}{like}`?" if like else ""
        raise BadWord(f"`{unit}` is no unit of memory", f"Write {wanted}.{hint}")
    return mib_of_bytes(exact(match[1], wanted) * _MEMORY_BYTES[unit], wanted, limit_mib)


def mib_of_bytes(size: Fraction, wanted: str, limit_mib: int = limits.TASK_MEMORY_MIB) -> int:
    """Round bytes up to MiB, within a limit: that of a task's memory unless another is given."""
    if size <= 0:
        raise BadWord("it is zero", f"Write {wanted}.")
    mib = -(-size // _MIB)
    if mib > limit_mib:
        raise BadWord(f"the limit is {limit_mib // 2**20} TiB", f"Write {wanted}.")
    return int(mib)


def percent_milli(word: str) -> int:
    """Read a percentage from 0% to 100% in thousandths: `70%`, `12.5%`."""
    wanted = "a percentage such as 70%"
    if not word.endswith("%"):
        raise BadWord("the `%` is missing", f"Write {wanted}.")
    thousandths = exact(word.removesuffix("%").strip(), wanted) * 10
    if thousandths.denominator != 1:
        raise BadWord("it is finer than a tenth of a percent", f"Write {wanted}.")
    if thousandths > 1000:
        raise BadWord("it is more than 100%", f"Write {wanted}.")
    return int(thousandths)


def money_microcny(word: str) -> int:
    """Read an amount of money: `120 CNY`."""
    wanted = "Write for example `120 CNY`."
    match = _MONEY.fullmatch(word)
    if match is None:
        if _DECIMAL.fullmatch(word):
            raise BadWord("the currency is missing", wanted)
        raise BadWord(_problem_of_number(word), wanted)
    if match[2].upper() not in {"CNY", "RMB", "元"}:
        raise BadWord(f"`{match[2]}` is not the currency of the hub, which counts in yuan", wanted)
    amount = exact(match[1], "an amount such as `120 CNY`") * 1_000_000
    if amount <= 0:
        raise BadWord("it is zero", "Leave the key away for no cap.")
    if amount.denominator != 1:
        raise BadWord("it is finer than a millionth of a yuan", wanted)
    if amount > limits.MONEY_MICROCNY:
        raise BadWord(f"the limit is {limits.MONEY_MICROCNY // 1_000_000} CNY", wanted)
    return int(amount)


def framework(word: str) -> FrameworkNeed:
    """Read a framework or stack with the least version that will do: `torch>=2.1`."""
    wanted = "Write for example `torch` or `torch>=2.1`."
    match = _FRAMEWORK.fullmatch(word)
    if match is None:
        raise BadWord("it is not a framework with a version", wanted)
    name, relation, version = match[1].lower(), match[2], match[3] or ""
    if relation not in {None, ">="}:
        raise BadWord(f"only `>=` can be asked for, not `{relation}`", wanted)
    if version and re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9}){0,5}", version) is None:
        raise BadWord(f"`{version}` is not a version", wanted)
    return FrameworkNeed(name, version)


def priority_class(word: str) -> str:
    """Read the name of a priority class; whether the hub has it, the hub says."""
    if not is_class(word):
        raise BadWord(
            "that names no priority class",
            "A class has lower-case letters, digits, `-` and `.`, such as `normal`.",
        )
    return word
