"""Exact readings of durations and points in time, in Hutong's own words and in Slurm's."""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from fractions import Fraction

from hutong.client.formats.words import BadWord
from hutong.model import limits

_UNIT_MS = {"w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
_PART = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)(ms|[wdhms])")
_DURATION = re.compile(r"(?:[0-9]{1,12}(?:\.[0-9]{1,9})?(?:ms|[wdhms]))+")
_SLURM_CLOCK = re.compile(r"(?:([0-9]{1,9})-)?([0-9]{1,9})(?::([0-9]{1,9}))?(?::([0-9]{1,9}))?")
_RFC3339 = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?)"
    r"\s?([Zz]|[+-][0-9]{2}:[0-9]{2})?"
)
_SLURM_DATE = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T-]([0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?))?"
)
_SLURM_HOUR = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?\s*([AaPp][Mm])?")
_SLURM_LATER = re.compile(r"now(?:\s*\+\s*([0-9]{1,9})\s*([a-z]*))?", re.IGNORECASE)
_SLURM_UNITS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800}
_SLURM_HOURS = {"midnight": 0, "elevenses": 11, "noon": 12, "fika": 15, "teatime": 16}

_WANTED = "Write a duration such as 90s, 45m, 2h30m or 3d."
_WANTED_INSTANT = "Write a time such as 2026-12-31T18:00:00+08:00, or `+6h` for six hours from now."
_WANTED_SLURM = "Write `YYYY-MM-DDTHH:MM`, `HH:MM`, `now+2hours` or `tomorrow`."


def duration_ms(word: str) -> int:
    """Read a positive duration: `2h30m`, `45m`, `1.5h`, `500ms`."""
    if _DURATION.fullmatch(word) is None:
        raise BadWord(_problem_of_duration(word), _WANTED)
    total = Fraction(0)
    seen: list[str] = []
    for number, unit in _PART.findall(word):
        seen.append(unit)
        total += Fraction(number) * _UNIT_MS[unit]
    if seen != sorted(set(seen), key=list(_UNIT_MS).index):
        raise BadWord("its units are not in order, each once", _WANTED)
    if total.denominator != 1:
        raise BadWord("it is finer than a millisecond", _WANTED)
    if total <= 0:
        raise BadWord("it is zero", _WANTED)
    return _bounded_duration(int(total))


def duration_or_zero_ms(word: str) -> int:
    """Read a duration that may be nothing at all: `30s`, `0s`."""
    return 0 if re.fullmatch(r"0(ms|[wdhms])?", word) else duration_ms(word)


def grace_ms(word: str) -> int:
    """Read the time between SIGTERM and SIGKILL."""
    total_ms = duration_or_zero_ms(word)
    if total_ms > limits.GRACE_MS:
        raise BadWord(f"the limit is {limits.GRACE_MS // 3_600_000} hour", _WANTED)
    return total_ms


def _problem_of_duration(word: str) -> str:
    if word.startswith("-"):
        return "it is negative"
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", word):
        return "the unit is missing"
    if ":" in word:
        return "hours and minutes are written with their letters here"
    return "it is not a duration"


def _bounded_duration(total_ms: int) -> int:
    if total_ms > limits.DURATION_MS:
        raise BadWord(f"the limit is {limits.DURATION_MS // 86_400_000} days", _WANTED)
    return total_ms


def slurm_duration_ms(word: str) -> int:
    """Read a time limit in one of Slurm's forms; 0 is no limit.

    `M`, `M:S`, `H:M:S`, `D-H`, `D-H:M`, `D-H:M:S`, `UNLIMITED`, `INFINITE` or `-1`.
    """
    if word.upper() in {"UNLIMITED", "INFINITE", "-1"}:
        return 0
    match = _SLURM_CLOCK.fullmatch(word)
    if match is None:
        raise BadWord(
            "it is none of Slurm's forms of a time limit",
            "Write minutes, M:S, H:M:S, D-H, D-H:M or D-H:M:S.",
        )
    days = int(match[1] or 0)
    parts = [int(part) for part in match.groups()[1:] if part is not None]
    if match[1] is not None:
        hours, minutes, seconds = (*parts, 0, 0)[:3]
    elif len(parts) == 3:
        hours, minutes, seconds = parts
    else:
        hours, (minutes, seconds) = 0, (*parts, 0)[:2]
    total = ((days * 24 + hours) * 60 + minutes) * 60_000 + seconds * 1000
    return _bounded_duration(total)


def instant_ms(word: str, now_ms: int | None) -> int:
    """Read a point in time: RFC 3339 with its offset, or `+DURATION` from now."""
    if word.startswith("+"):
        return _bounded_instant(_known_now(now_ms) + duration_ms(word[1:]))
    match = _RFC3339.fullmatch(word)
    if match is None:
        raise BadWord("it is not a point in time", _WANTED_INSTANT)
    if match[3] is None:
        raise BadWord("its offset from UTC is missing", _WANTED_INSTANT)
    offset = "+00:00" if match[3] in "Zz" else match[3]
    clock, _, fraction = match[2].partition(".")
    try:
        moment = datetime.fromisoformat(f"{match[1]}T{clock}{offset}")
        seconds = int(moment.timestamp())
    except (ValueError, OverflowError):
        raise BadWord("there is no such time", _WANTED_INSTANT) from None
    return _bounded_instant(seconds * 1000 + int((fraction + "000")[:3]))


def slurm_instant_ms(word: str, now_ms: int | None, zone: tzinfo | None) -> int:
    """Read a point in time in one of Slurm's forms, in the time zone of who hands in.

    A bare hour that has passed today is tomorrow's; a date without an hour begins at midnight.
    """
    if match := _SLURM_LATER.fullmatch(word):
        return _bounded_instant(_known_now(now_ms) + _later_ms(match[1], match[2]))
    if match := _SLURM_DATE.fullmatch(word):
        return _moment_ms(f"{match[1]}T{(match[2] or '00:00').zfill(5)}", zone)
    now = datetime.fromtimestamp(_known_now(now_ms) / 1000, tz=zone or UTC)
    if zone is None:
        now = now.astimezone()
    today = now.date()
    lower = word.lower()
    if lower == "today":
        return _known_now(now_ms)
    if lower == "tomorrow":
        return _moment_ms(f"{today + timedelta(days=1)}T{now:%H:%M:%S}", zone)
    clock = _clock(lower)
    moment = _moment_ms(f"{today}T{clock}", zone)
    if moment <= _known_now(now_ms):
        moment = _moment_ms(f"{today + timedelta(days=1)}T{clock}", zone)
    return moment


def _later_ms(count: str | None, unit: str | None) -> int:
    if count is None:
        return 0
    name = (unit or "seconds").lower().removesuffix("s")
    for known, seconds in _SLURM_UNITS.items():
        if name in {known, known[:3]}:
            return int(count) * seconds * 1000
    raise BadWord(f"`{unit}` is no unit of time", _WANTED_SLURM)


def _clock(word: str) -> str:
    if word in _SLURM_HOURS:
        return f"{_SLURM_HOURS[word]:02}:00:00"
    match = _SLURM_HOUR.fullmatch(word)
    if match is None:
        raise BadWord("it is none of Slurm's forms of a point in time", _WANTED_SLURM)
    hour, half = int(match[1]), (match[4] or "").lower()
    if half and not 1 <= hour <= 12:
        raise BadWord("there is no such time", _WANTED_SLURM)
    if half:
        hour = hour % 12 + (12 if half == "pm" else 0)
    return f"{hour:02}:{match[2]}:{match[3] or '00'}"


def _moment_ms(text: str, zone: tzinfo | None) -> int:
    try:
        moment = datetime.fromisoformat(text)
        # Without a zone it is the one of this machine, which Python takes for a naive time.
        moment = moment.astimezone() if zone is None else moment.replace(tzinfo=zone)
        return _bounded_instant(int(moment.timestamp()) * 1000)
    except (ValueError, OverflowError):
        raise BadWord("there is no such time", _WANTED_SLURM) from None


def _known_now(now_ms: int | None) -> int:
    if now_ms is None:
        raise BadWord("a time from now means nothing without a clock", _WANTED_INSTANT)
    return now_ms


def _bounded_instant(moment_ms: int) -> int:
    if not 0 < moment_ms <= limits.UNIX_TIME_MS:
        raise BadWord("it lies outside the years 1970 to 2099", _WANTED_INSTANT)
    return moment_ms
