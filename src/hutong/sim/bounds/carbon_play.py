"""A year of jobs played hour by hour through the scheduler's rule for cleaner hours.

The rule is `hutong.scheduler.when.cleaner_hour`. It knows each job's run time and power, and of the
intensities those of the present hour and before.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hutong.scheduler.when import cleaner_hour as rule
from hutong.sim.bounds.carbon import CarbonJobs, Floats

Ints = NDArray[np.int64]
_UG_PER_G = 1_000_000


class CarbonPlayed(NamedTuple):
    """What came of it: grams in all, the mean and the longest wait."""

    carbon_g: float
    wait_h: float
    longest_h: float


class Year(NamedTuple):
    """Curves in micrograms a kWh by zone and hour, and what the past said at the begin of each
    day. Made once for all bounds of the wait."""

    curves: Ints
    pasts: tuple[rule.Past, ...]


def year_of(curves: Floats) -> Year:
    """Prepare `curves[zone, hour]`, g a kWh, which begin anew after their end for forty days."""
    whole = np.rint(curves * _UG_PER_G).astype(np.int64)
    whole = np.concatenate([whole, whole[:, : 40 * 24]], axis=1)
    pasts = tuple(
        rule.past_of(whole[:, max(hour - rule.PAST_HOURS, 0) : hour])
        for hour in range(0, whole.shape[1], 24)
    )
    return Year(whole, pasts)


def play(year: Year, jobs: CarbonJobs, mean_wait_h: float) -> CarbonPlayed:
    """Play all jobs to their begin."""
    return _Run(year, jobs, mean_wait_h).run()


class _Run:
    """One play: who waits, and what came of those that began."""

    def __init__(self, year: Year, jobs: CarbonJobs, mean_wait_h: float) -> None:
        self._curves, self._pasts = year
        self._submit = np.rint(jobs.submit_h * rule.MS_PER_HOUR).astype(np.int64)
        self._length = np.maximum(np.rint(jobs.length_h * rule.MS_PER_HOUR).astype(np.int64), 1)
        self._watt = np.maximum(np.rint(jobs.power_kw * 1000).astype(np.int64), 1)
        self._begin = np.zeros(len(self._submit), np.int64)
        self._zone = np.zeros(len(self._submit), np.int64)
        self._ahead = rule.LOOK_AHEAD_HOURS + 3 + int(self._length.max() // rule.MS_PER_HOUR)
        self._price = rule.WaitPrice(
            round(mean_wait_h * rule.MS_PER_HOUR), self._first(jobs, mean_wait_h)
        )

    def _first(self, jobs: CarbonJobs, mean_wait_h: float) -> int:
        """A first price: a tenth of what a job causes, over the wait that is allowed."""
        energy = float((jobs.power_kw * jobs.length_h)[:100].mean())
        return int(energy * float(self._curves[:, :24].min(axis=0).mean()) / 10 / mean_wait_h)

    def run(self) -> CarbonPlayed:
        """Hour by hour until all have begun."""
        waiting = np.zeros(0, np.int64)
        arrived = 0
        hours = self._curves.shape[1]
        for hour in range(hours):
            now_ms = hour * rule.MS_PER_HOUR
            until = int(np.searchsorted(self._submit, now_ms + rule.MS_PER_HOUR))
            coming = np.arange(arrived, until)
            if not len(waiting) and not len(coming):
                if arrived == len(self._submit):
                    break
                continue
            sums = self._sums(hour)
            past = self._pasts[hour // 24]
            waiting = self._begin_some(waiting, hour, sums, past)
            new = self._begin_some(coming, hour, sums, past)
            # What they wait in this hour counts from their handing in.
            waited = len(waiting) * rule.MS_PER_HOUR + int(
                (now_ms + rule.MS_PER_HOUR - self._submit[new]).sum()
            )
            self._price.note_wait(waited)
            waiting = np.concatenate([waiting, new])
            self._price.note_hour(len(coming))
            arrived = until
        return self._outcome()

    def _sums(self, hour: int) -> Ints | None:
        """The forecast; None on the first day, of which there is no yesterday."""
        if hour < 24:
            return None
        curves = self._curves[:, hour - 24 : hour].tolist()
        now = self._curves[:, hour].tolist()
        return rule.summed(
            [rule.forecast(old, at, self._ahead) for old, at in zip(curves, now, strict=True)]
        )

    def _begin_some(self, jobs: Ints, hour: int, sums: Ints | None, past: rule.Past) -> Ints:
        """Let those begin that should; gives the others."""
        if not len(jobs):
            return jobs
        now_ms = hour * rule.MS_PER_HOUR
        at = np.maximum(self._submit[jobs], now_ms)
        if sums is None or not self._price.afford(len(jobs)):
            zone = np.full(len(jobs), int(self._curves[:, hour].argmin()))
        else:
            length = self._length[jobs]
            waited = at - self._submit[jobs]
            worth = rule.worths(self._price.ug_per_hour, self._watt[jobs], waited)
            limit = past.limits(length, worth)
            zone = rule.begin_where(at - now_ms, length, worth, limit, sums)
        goes = zone != rule.WAIT
        self._begin[jobs[goes]] = at[goes]
        self._zone[jobs[goes]] = zone[goes]
        waits: Ints = jobs[~goes]
        return waits

    def _outcome(self) -> CarbonPlayed:
        sums = np.concatenate(
            [np.zeros((len(self._curves), 1)), np.cumsum(self._curves / _UG_PER_G, axis=1)], axis=1
        )
        begin, end = (at / rule.MS_PER_HOUR for at in (self._begin, self._begin + self._length))
        run = _in_zone(sums, self._zone, end) - _in_zone(sums, self._zone, begin)
        waits = (self._begin - self._submit) / rule.MS_PER_HOUR
        return CarbonPlayed(
            float((run * self._watt / 1000).sum()), float(waits.mean()), float(waits.max())
        )


def _in_zone(sums: Floats, zone: Ints, at_h: Floats) -> Floats:
    hour = np.minimum(at_h.astype(np.int64), sums.shape[1] - 2)
    low = sums[zone, hour]
    found: Floats = low + (at_h - hour) * (sums[zone, hour + 1] - low)
    return found
