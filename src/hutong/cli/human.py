"""Numbers as people read them: durations, moments, money, sizes."""

import time
from collections.abc import Sequence

from hutong.model.resources import Amount

_STEPS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


def duration(ms: int) -> str:
    """Two units at most: `850ms`, `3.2s`, `42s`, `2m13s`, `3h5m`, `12d`."""
    if ms < 1_000:
        return f"{max(ms, 0)}ms"
    if ms < 9_950:
        return f"{ms / 1_000:.1f}s".replace(".0s", "s")
    seconds = (ms + 500) // 1_000
    for place, (unit, size) in enumerate(_STEPS):
        count, rest = divmod(seconds, size)
        if not count:
            continue
        if unit == "s" or (unit == "d" and count >= 10):
            return f"{count}{unit}"
        lower, lower_size = _STEPS[place + 1]
        below = rest // lower_size
        return f"{count}{unit}{below}{lower}" if below else f"{count}{unit}"
    return "0s"


def now_ms() -> int:
    """The time of this machine's clock."""
    return time.time_ns() // 1_000_000


def until(moment_ms: int, now: int) -> str:
    """`in 5m`, or `now` for what is due."""
    return f"in {duration(moment_ms - now)}" if moment_ms - now >= 1_000 else "now"


def clock(moment_ms: int, now: int) -> str:
    """Local time of day, with the date when it is another day: `14:03:22`, `06-12 14:03`."""
    if not moment_ms:
        return "-"
    then, today = time.localtime(moment_ms / 1000), time.localtime(now / 1000)
    if then[:3] == today[:3]:
        return time.strftime("%H:%M:%S", then)
    return time.strftime("%m-%d %H:%M" if then[0] == today[0] else "%Y-%m-%d", then)


def money(microcny: int) -> str:
    """Yuan, with four decimals below 1 and two above: `0.0042`, `1,234.50`. Rounds half up."""
    sign, size = ("-", -microcny) if microcny < 0 else ("", microcny)
    if size == 0:
        return "0"
    if size < 1_000_000:
        small = (size + 50) // 100
        return f"{sign}{small // 10_000}.{small % 10_000:04d}" if small else "<0.0001"
    cents = (size + 5_000) // 10_000
    return f"{sign}{cents // 100:,}.{cents % 100:02d}"


def percent(milli: int) -> str:
    """Thousandths as a percentage: `25%`, `12.5%`."""
    whole, tenth = divmod(milli, 10)
    return f"{whole}.{tenth}%" if tenth else f"{whole}%"


def memory(mib: int) -> str:
    """`512 MiB`, `1.5 GiB`, `32 GiB`."""
    return f"{mib} MiB" if 0 < mib < 1024 else f"{gib(mib)} GiB"


def gib(mib: int) -> str:
    """The number of GiB, with one decimal where it is not whole."""
    return f"{mib // 1024:,}" if mib % 1024 == 0 else f"{mib / 1024:,.1f}"


def count(milli: int) -> str:
    """Thousandths as units: `4`, `0.25`."""
    return f"{milli // 1000:,}" if milli % 1000 == 0 else f"{milli / 1000:,.3f}".rstrip("0")


def used_of(used: int, total: int) -> str:
    """Thousandths used of a total: `3/8`; `-` where there are none."""
    return f"{count(used)}/{count(total)}" if total else "-"


def amount(needs: Amount, accelerator: str = "") -> str:
    """`4 CPU, 16 GiB, 1 nvidia-a100`."""
    parts = [f"{count(needs.cpu_milli)} CPU", memory(needs.memory_mib)]
    if needs.accelerator_milli:
        parts.append(f"{count(needs.accelerator_milli)} {accelerator or 'accelerator'}")
    return ", ".join(parts)


def counted(number: int, word: str) -> str:
    """`1 job`, `3 jobs`."""
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def listed(words: Sequence[str], limit: int = 5) -> str:
    """`a, b, c and 4 more`."""
    shown = ", ".join(words[:limit])
    return shown if len(words) <= limit else f"{shown} and {len(words) - limit} more"
