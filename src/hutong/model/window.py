"""Windows of the calendar, over which quotas count accelerator time and money."""

from datetime import date

from hutong.model.limits import CALENDAR_OFFSET_MS
from hutong.model.tenant import QuotaWindow

_DAY_MS = 24 * 3_600_000
_EPOCH = date(1970, 1, 1).toordinal()
_LAST = date.max.toordinal() - 31


def window_of(window: QuotaWindow, at_ms: int) -> tuple[int, int]:
    """Begin and end (Unix ms) of the day or month that holds a time."""
    day = min(max((at_ms + CALENDAR_OFFSET_MS) // _DAY_MS + _EPOCH, 1), _LAST)
    if window is QuotaWindow.DAY:
        return _begin_ms(day), _begin_ms(day + 1)
    first = date.fromordinal(day).replace(day=1)
    following = date.fromordinal(first.toordinal() + 31).replace(day=1)
    return _begin_ms(first.toordinal()), _begin_ms(following.toordinal())


def _begin_ms(day: int) -> int:
    return (day - _EPOCH) * _DAY_MS - CALENDAR_OFFSET_MS
