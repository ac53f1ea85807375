"""Moments and durations as options take them."""

from hutong.cli import human
from hutong.client.formats.times import duration_ms, instant_ms
from hutong.client.formats.words import BadWord
from hutong.model.errors import refuse


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


def _wrong(option: str, word: str, wrong: BadWord, command: str) -> Exception:
    advice = wrong.advice.rstrip(".")
    problem = f"{option} cannot be `{word}`: {wrong.problem}. {advice}"
    return refuse("cli.usage", problem=problem, command=command)
