"""Waiting for a cleaner hour, and for a cleaner place, at a bounded mean wait.

Carbon intensities are in micrograms a kWh and hold for an hour each. A job that draws P kW for a
while, begun at some time, causes P times the intensity summed over its run. What a wait of a job is
worth is a price in micrograms an hour, the same for all jobs, so that those wait which save most by
it; divided by P it is the job's `worth`. Jobs are not interrupted, and there is room in each zone.

**Two questions, each hour and for every job that waits.** Would it do better to begin at one of the
next hours, by the forecast, its wait counted at its worth? The forecast is yesterday's curve, moved
to what is true at present, less so the further off. And is what there is now good enough, by what
came in the past four weeks? Weather keeps no daily hours: a job worth days of waiting begins below
a limit, and the limit is the one by which jobs of its length would have done best in these weeks.

**The price.** By Little's law the waits of all jobs grow each hour by the number that wait; each
job handed in adds the allowed mean to an account. The price follows how many wait beside how many
may, and when the account is empty nobody waits: so the mean stays within what is allowed.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Sums = NDArray[np.int64]
"""`sums[zone, hour]`: intensities added up from the begin of the present hour on."""

MS_PER_HOUR = 3_600_000
WAIT = -1
LOOK_AHEAD_HOURS = 24
PAST_HOURS = 28 * 24
_HOLD_MILLI = 900
"""What is left after an hour of the difference between now and yesterday."""

_LIMITS = 24
_LENGTHS_HOURS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 48, 96)
_FAR = np.int64(2**62)
_WORTH_MOST = 10**10
"""Beyond this no wait is worth it: ten times the dirtiest coal an hour."""

LONGEST_WAIT_MS = 28 * 24 * MS_PER_HOUR
"""Who waited for so long begins."""
_FINE = 1_000_000
_AIM_HOURS = 15 * 24
_STEP_MICRO = 2_000
"""By how many millionths the price moves in an hour at most."""


def forecast(yesterday: Sequence[int], now: int, hours: int) -> list[int]:
    """Intensities of so many hours, the present one first. `yesterday` begins with the same hour of
    the day before and has 24."""
    apart, found = now - yesterday[0], []
    for ahead in range(hours):
        found.append(max(yesterday[ahead % 24] + apart, 0))
        apart = apart * _HOLD_MILLI // 1000
    return found


def summed(curves: Sequence[Sequence[int]]) -> Sums:
    """The sums that `begin_where` goes by."""
    return np.array([[0, *np.cumsum(curve).tolist()] for curve in curves], np.int64)


def begin_where(
    offset_ms: Ints, length_ms: Ints, worth: Ints, limit: Ints, sums: Sums
) -> NDArray[np.int64]:
    """For each job the zone to begin in now, or `WAIT`.

    `offset_ms` is how far the present hour has passed for the job, `worth` what an hour of its wait
    is worth over the kW that it draws, `limit` the mean intensity over its run above which it does
    not begin (see `Past.limits`).
    """
    now = _between(sums, offset_ms, length_ms)
    zone: NDArray[np.int64] = now.argmin(axis=0)
    best = now.min(axis=0)
    begin = _begins(offset_ms, length_ms)
    later = _between(sums, begin, length_ms).min(axis=0) + worth * (begin - offset_ms)
    wait = (later.min(axis=0) < best) | (best > limit * length_ms)
    return np.where(wait, WAIT, zone)


def best_later(
    offset_ms: Ints, length_ms: Ints, worth: Ints, sums: Sums
) -> tuple[list[int], list[int], list[int]]:
    """For each job that waits when it would do best to begin, by the forecast, counted in ms from
    the begin of the present hour; in which zone; and how much less than now, in intensity times ms.
    """
    begin = _begins(offset_ms, length_ms)
    runs = _between(sums, begin, length_ms)
    at = (runs.min(axis=0) + worth * (begin - offset_ms)).argmin(axis=0)
    jobs = np.arange(len(offset_ms))
    saved = _between(sums, offset_ms, length_ms).min(axis=0) - runs[:, at, jobs].min(axis=0)
    return begin[at, jobs].tolist(), runs[:, at, jobs].argmin(axis=0).tolist(), saved.tolist()


def _begins(offset_ms: Ints, length_ms: Ints) -> Ints:
    """The times at which a job could begin later: with an hour, or so that it ends with one."""
    hours = np.arange(1, LOOK_AHEAD_HOURS + 1)[:, None] * MS_PER_HOUR
    at_full = np.broadcast_to(hours, (LOOK_AHEAD_HOURS, len(offset_ms)))
    # where an hour begins that is dirtier
    to_full = -(-(offset_ms + length_ms) // MS_PER_HOUR) * MS_PER_HOUR - length_ms
    return np.concatenate([at_full, np.maximum(to_full + hours - MS_PER_HOUR, offset_ms)])


def _between(sums: Sums, begin_ms: Ints, length_ms: Ints) -> Ints:
    """Intensity times ms of runs, by zone. What lies past the sums goes on as their end."""
    return _until(sums, begin_ms + length_ms) - _until(sums, begin_ms)


def _until(sums: Sums, at_ms: Ints) -> Ints:
    hour = np.minimum(at_ms // MS_PER_HOUR, sums.shape[1] - 2)
    low = sums[:, hour]
    found: Ints = low * MS_PER_HOUR + (at_ms - hour * MS_PER_HOUR) * (sums[:, hour + 1] - low)
    return found


def worths(price_ug_per_hour: int, watt: Ints, waited_ms: Ints) -> Ints:
    """What an hour more of each job's wait is worth, over the kW that it draws."""
    found = np.minimum(price_ug_per_hour * 1000 // np.maximum(watt, 1), _WORTH_MOST)
    worth: Ints = np.where(waited_ms >= LONGEST_WAIT_MS, _WORTH_MOST, np.maximum(found, 1))
    return worth


class Past(NamedTuple):
    """What limits would have done in the past, by length of the run.

    `limit[k, q]` is the q-th mean intensity below which a run of length k begins, `mean[k, q]` what
    its mean intensity then was on average, `wait_hours_milli[k, q]` how long it waited for that.
    """

    limit: Ints
    mean: Ints
    wait_hours_milli: Ints

    def limits(self, length_ms: Ints, worth: Ints) -> Ints:
        """The limit for each job."""
        if not len(self.limit):
            return np.full(len(length_ms), _FAR // np.maximum(length_ms, 1))
        lengths = np.array(_LENGTHS_HOURS) * MS_PER_HOUR
        row = np.minimum(np.searchsorted(lengths, length_ms), len(self.limit) - 1)
        total = self.mean[row] * (length_ms[:, None] // 1000)
        total = total + worth[:, None] * (
            self.wait_hours_milli[row] * (MS_PER_HOUR // 1000) // 1000
        )
        best = total.argmin(axis=1)
        # Who may wait no more has no limit to come below.
        none = _FAR // np.maximum(length_ms, 1)
        found: Ints = np.where(worth >= _WORTH_MOST, none, self.limit[row, best])
        return found


NO_PAST = Past(*(np.zeros((0, _LIMITS), np.int64) for _ in range(3)))


def past_of(curves: NDArray[np.int64]) -> Past:
    """Work out the past of `curves[zone, hour]`, the last hour being the one before now."""
    hours = curves.shape[1]
    if hours < 4 * 24:
        return NO_PAST
    sums = np.concatenate([np.zeros((len(curves), 1), np.int64), np.cumsum(curves, axis=1)], axis=1)
    rows = []
    for length in _LENGTHS_HOURS:
        if hours - length >= 2 * 24:
            runs = (sums[:, length:] - sums[:, :-length]).min(axis=0) // length
            rows.append(_first_below(runs))
    return Past(*(np.array(part) for part in zip(*rows, strict=True)))


def _first_below(runs: Ints) -> tuple[Ints, Ints, Ints]:
    """Limits, and over all times at which a job may come what the first run below each was."""
    count = len(runs)
    places = (np.linspace(0, 1, _LIMITS) ** 2 * (count - 1)).astype(np.int64)
    limits = np.sort(runs)[places]
    twice = np.concatenate([runs, runs])
    at = np.where(twice[None, :] <= limits[:, None], np.arange(2 * count)[None, :], 2 * count)
    first = np.minimum.accumulate(at[:, ::-1], axis=1)[:, ::-1][:, :count]
    waits = first - np.arange(count)[None, :]
    return (
        limits,
        twice[first].mean(axis=1).astype(np.int64),
        (waits.mean(axis=1) * 1000).astype(np.int64),
    )


class WaitPrice:
    """The price of an hour's wait, kept so that the mean wait stays within what is allowed.

    The account is what may still be waited. It is kept at some days' worth: the price creeps up
    where there is less and down where there is more, for what jobs save by waiting changes with
    the seasons. On bad days many wait and draw on the account; the less is left, the dearer.
    """

    def __init__(self, mean_wait_ms: int, first_ug_per_hour: int) -> None:
        self._price = max(first_ug_per_hour, 1) * _FINE
        self._allowed_ms = mean_wait_ms
        self._account_ms = 0
        self._aim_ms = 1
        self._rate_milli = 0
        self._hours = 0

    @property
    def ug_per_hour(self) -> int:
        """The price now, in micrograms."""
        short = self._aim_ms * 1000 // max(self._account_ms, 1)
        return max(self._price * min(max(short, 500), 100_000) // (1000 * _FINE), 1)

    def afford(self, waiting: int) -> bool:
        """Whether so many may wait for another hour."""
        return self._account_ms >= waiting * MS_PER_HOUR

    def note_wait(self, waited_ms: int) -> None:
        """Waits of so much in all have passed."""
        self._account_ms -= waited_ms

    def note_hour(self, handed_in: int) -> None:
        """An hour is over, in which so many jobs came."""
        self._account_ms += handed_in * self._allowed_ms
        self._hours += 1
        # A mean over four weeks that begins as a plain one.
        weight = min(self._hours, PAST_HOURS)
        self._rate_milli += (handed_in * 1000 - self._rate_milli) // weight
        hours = min(self._hours // 4 + 1, _AIM_HOURS)
        self._aim_ms = max(hours * self._rate_milli * self._allowed_ms // 1000, 1)
        apart = (self._aim_ms - self._account_ms) * 1000 // self._aim_ms
        step = min(max(apart, -1000), 1000) * _STEP_MICRO // 1000
        self._price = max(self._price * (1_000_000 + step) // 1_000_000, _FINE)
