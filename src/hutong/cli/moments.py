"""Moments and durations as options take them."""

import re
from datetime import datetime

from hutong.cli import human
from hutong.client.formats.times import duration_ms, instant_ms
from hutong.client.formats.words import BadWord
from hutong.model.errors import refuse

_LOCAL = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?")


def duration(option: str, word: str, command: str) -> int:
    """Read a duration such as `90s` or `2h30m`, in ms."""
    try:
        return duration_ms(word)
    except BadWord as wrong:
        raise _wrong(option, word, wrong, command) from None


def moment(option: str, word: str, command: str) -> int:
    """Read a moment as Unix ms: RFC 3339 with its offset, or how long ago, such as `7d`."""
    now = human.now_ms()
    try:
        if word[:1].isdigit() and word[-1:].isalpha() and "T" not in word:
            return now - duration_ms(word)
        return instant_ms(word, now)
    except BadWord as wrong:
        raise _wrong(option, word, wrong, command) from None


def moment_to_come(option: str, word: str, command: str) -> int:
    """Read a moment as Unix ms: `now`, `+6h`, RFC 3339, or `YYYY-MM-DD HH:MM` on this machine's
    clock."""
    now = human.now_ms()
    if word == "now":
        return now
    if _LOCAL.fullmatch(word):
        try:
            local = datetime.fromisoformat(word.replace(" ", "T")).astimezone()
            word = local.isoformat(timespec="seconds")
        except (ValueError, OverflowError):
            pass  # what follows says what is wrong with it
    try:
        return instant_ms(word, now)
    except BadWord as wrong:
        raise _wrong(option, word, wrong, command) from None


def _wrong(option: str, word: str, wrong: BadWord, command: str) -> Exception:
    advice = wrong.advice.rstrip(".")
    problem = f"{option} cannot be `{word}`: {wrong.problem}. {advice}"
    return refuse("cli.usage", problem=problem, command=command)
