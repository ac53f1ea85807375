"""Days and months of the hub's calendar, which is that of China."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from hutong.model.tenant import QuotaWindow
from hutong.model.window import window_of

BEIJING = timezone(timedelta(hours=8))


def ms(*when: int) -> int:
    return int(datetime(*when, tzinfo=BEIJING).timestamp() * 1000)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("at", "day", "month"),
    [
        ((2026, 11, 22, 13), ((2026, 11, 22), (2026, 11, 23)), ((2026, 11, 1), (2026, 12, 1))),
        ((2026, 12, 31, 23), ((2026, 12, 31), (2027, 1, 1)), ((2026, 12, 1), (2027, 1, 1))),
        ((2028, 2, 29), ((2028, 2, 29), (2028, 3, 1)), ((2028, 2, 1), (2028, 3, 1))),
    ],
)
def test_a_window_holds_its_time(
    at: tuple[int, ...],
    day: tuple[tuple[int, ...], tuple[int, ...]],
    month: tuple[tuple[int, ...], tuple[int, ...]],
) -> None:
    assert window_of(QuotaWindow.DAY, ms(*at)) == (ms(*day[0]), ms(*day[1]))
    assert window_of(QuotaWindow.MONTH, ms(*at)) == (ms(*month[0]), ms(*month[1]))


def test_a_day_begins_at_midnight_in_beijing() -> None:
    begin_ms, end_ms = window_of(QuotaWindow.DAY, ms(2026, 5, 3))
    assert datetime.fromtimestamp(begin_ms / 1000, UTC).hour == 16
    assert window_of(QuotaWindow.DAY, begin_ms - 1)[1] == begin_ms
    assert window_of(QuotaWindow.DAY, end_ms)[0] == end_ms


@pytest.mark.parametrize("at_ms", [0, -1, 2**62, -(2**62)])
def test_any_time_lies_in_some_window(at_ms: int) -> None:
    for window in QuotaWindow:
        begin_ms, end_ms = window_of(window, at_ms)
        assert begin_ms < end_ms
