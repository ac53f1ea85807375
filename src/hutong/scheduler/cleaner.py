"""Waiting for a cleaner hour: which jobs begin later, and where, to cause less carbon.

Theory of operation. The rule is `when.cleaner_hour`; this is what the state keeps for it. Sites
tell the intensity of their power as it is; each hour's value, that at its begin, is kept for four
weeks. A job that comes is put before the rule once, and each hour again as long as it is held back.
Who is to begin is bound to the site that was chosen until the hour is over, and takes its turn like
any other job; who is to wait is held, with the reason.

It governs jobs that can tell how long they run, have neither a deadline nor a bound of their class,
have not begun before, and could run at a site that declares its intensity. Only waits that it
decides count against the profile's mean; waiting for room is no saving.

All of it is memory: a hub that was restarted knows no yesterday, so nobody is held for a day, and
its account of waits begins with nothing in it. What it holds back it decides once an hour, so a
second cycle at the same time decides the same.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec
import numpy as np

from hutong.model.classes import bound_of
from hutong.model.ids import JobId, SiteId
from hutong.model.reasons import WaitsForCleanerHour
from hutong.model.supply import Site
from hutong.scheduler.demand import Demand
from hutong.scheduler.match import Match
from hutong.scheduler.profile import Profile
from hutong.scheduler.records import QueuedJob
from hutong.scheduler.shapes import Shape, is_plain, shape_of
from hutong.scheduler.when import cleaner_hour as rule

HOUR_MS = rule.MS_PER_HOUR
_UG_PER_G = 1_000_000
_DAY = 24
_PASSED_MOST = rule.PAST_HOURS
"""So many hours without a cycle are caught up with one by one; a longer silence counts as these."""

MatchOf = Callable[[Shape], Match]


class _Curve:
    """What a site told of its intensity, micrograms a kWh: `hours` ends with the hour before
    `next_hour`, and `now_ug` holds since it was told."""

    __slots__ = ("hours", "next_hour", "now_ug")

    def __init__(self, hour: int, now_ug: int) -> None:
        self.hours: list[int] = []
        self.next_hour = hour
        self.now_ug = now_ug

    def pass_to(self, hour: int) -> None:
        """Hours before `hour` are over. The value at an hour's begin stands for it."""
        if self.next_hour <= 0:  # told before anybody knew the time
            self.next_hour = hour
        missing = min(hour - self.next_hour, rule.PAST_HOURS)
        if missing > 0:
            self.hours += [self.now_ug] * missing
            del self.hours[: -rule.PAST_HOURS]
            self.next_hour = hour


class _Waiting(NamedTuple):
    """A job that is governed. `sites` are those where it could run, by name."""

    queued: QueuedJob
    sites: tuple[SiteId, ...]
    length_ms: int
    watt: int


class _View(NamedTuple):
    """The forecast for some sites, and what their past says."""

    sums: rule.Sums
    past: rule.Past
    hours: int


class Cleaner:
    """The state's memory. See the module."""

    def __init__(self) -> None:
        self._curves: dict[SiteId, _Curve] = {}
        self._fresh: dict[JobId, QueuedJob] = {}
        self._held: dict[JobId, _Waiting] = {}
        self._bound: dict[JobId, _Waiting] = {}
        self._price: rule.WaitPrice | None = None
        self._mean_ms = 0
        self._hour = -1
        self._came = 0
        self._first: list[int] = []
        self._views: dict[tuple[SiteId, ...], _View] = {}
        self._pasts: dict[tuple[SiteId, ...], tuple[int, rule.Past]] = {}

    # What it is told

    def put_site(self, site: Site, now_ms: int) -> None:
        """A site tells the intensity of its power, or that it has none to tell."""
        if site.energy is None:
            self._curves.pop(site.id, None)
            return
        hour, now_ug = now_ms // HOUR_MS, site.energy.carbon_g_per_kwh * _UG_PER_G
        curve = self._curves.setdefault(site.id, _Curve(hour, now_ug))
        curve.pass_to(hour)
        if curve.now_ug != now_ug:
            curve.now_ug = now_ug
            self._views.clear()

    def enqueue(self, job: QueuedJob) -> None:
        """A job waits, or waits again."""
        self.dequeue(job.job)
        if self._curves and not job.served_ms:
            self._fresh[job.job] = job

    def dequeue(self, job: JobId) -> None:
        """A job waits no more."""
        self._fresh.pop(job, None)
        self._held.pop(job, None)
        self._bound.pop(job, None)

    # What it decides

    def decide(self, demand: Demand, match: MatchOf, profile: Profile, now_ms: int) -> int:
        """Hold jobs back and let them go. Says when to come again; 0 for no need."""
        if self._mean_ms != profile.cleaner_mean_wait_ms:
            self._mean_ms, self._price = profile.cleaner_mean_wait_ms, None
        hour = now_ms // HOUR_MS
        turned = hour > self._hour
        if turned:
            self._pass_to(hour)
        came = [self._govern(job, match, profile) for job in self._fresh.values()]
        fresh = {one.queued.job: one for one in came if one is not None}
        self._came += len(fresh)
        self._fresh.clear()
        if turned:
            waiting = {**self._held, **self._bound}
            self._held, self._bound = {}, {}
            self._put(waiting, demand, now_ms)
        self._put(fresh, demand, now_ms)
        return (hour + 1) * HOUR_MS if self._held else 0

    def _pass_to(self, hour: int) -> None:
        """Account the hours that are over."""
        if self._hour < 0:
            self._hour = hour
        for curve in self._curves.values():
            curve.pass_to(hour)
        self._views.clear()
        for at in range(max(self._hour, hour - _PASSED_MOST), hour):
            end_ms = (at + 1) * HOUR_MS
            if self._price is not None:
                since = [max(one.queued.submitted_ms, at * HOUR_MS) for one in self._held.values()]
                self._price.note_wait(sum([end_ms - since_ms for since_ms in since]))
                self._price.note_hour(self._came)
            elif self._first:
                self._begin_account()
            self._came = 0
        self._hour = hour

    def _begin_account(self) -> None:
        """The first price: a tenth of what a job causes, over the wait that is allowed."""
        least = [curve.now_ug for curve in self._curves.values()]
        energy = sum(self._first) // len(self._first)
        ug = energy * min(least, default=0) // 1000
        self._price = rule.WaitPrice(self._mean_ms, ug * HOUR_MS // (10 * self._mean_ms))
        self._price.note_hour(self._came)

    def _govern(self, job: QueuedJob, match: MatchOf, profile: Profile) -> _Waiting | None:
        """What the rule goes by for a job; None for one that it has no say about."""
        spec = job.spec
        if spec.deadline_ms > 0 or spec.array is not None or spec.affinity:
            return None
        if not spec.estimate_ms or bound_of(spec.priority, profile.classes):
            return None
        shape = shape_of(spec, job.spent_microcny)
        if not is_plain(shape):
            return None
        sites: dict[SiteId, None] = {}
        options = [o for o in match(shape).options if o.columns.pool.site in self._curves]
        if not options:
            return None
        for option in options:
            sites[option.columns.pool.site] = None
        first = options[0]
        watt = max(first.burden.drawn_mw // 1000, 1)
        if len(self._first) < 100:
            self._first.append(watt * first.run_ms // HOUR_MS)
        return _Waiting(job, tuple(sorted(sites)), max(first.span_ms, 1), watt)

    def _put(self, jobs: dict[JobId, _Waiting], demand: Demand, now_ms: int) -> None:
        """Have the rule decide about some jobs, those of the same sites together."""
        groups: dict[tuple[SiteId, ...], list[_Waiting]] = {}
        for name, one in jobs.items():
            entry = demand.entries.get(name)
            known = entry is not None and (
                entry.held is None or isinstance(entry.held, WaitsForCleanerHour)
            )
            if known and entry is not None and entry.available > 0:
                groups.setdefault(one.sites, []).append(one)
        for sites, members in groups.items():
            self._put_group(sites, members, demand, now_ms)

    def _put_group(
        self, sites: tuple[SiteId, ...], jobs: list[_Waiting], demand: Demand, now_ms: int
    ) -> None:
        curves = [self._curves[site] for site in sites if site in self._curves]
        offset_ms = now_ms % HOUR_MS
        length = np.array([one.length_ms for one in jobs], np.int64)
        knows = len(curves) == len(sites) and all(len(curve.hours) >= _DAY for curve in curves)
        price = self._price
        if not knows or price is None or not price.afford(len(jobs)):
            if len(curves) == len(sites):
                cleanest = min(range(len(sites)), key=lambda at: curves[at].now_ug)
                for one in jobs:
                    self._let(one, sites[cleanest], demand)
            return
        view = self._view(sites, curves, int(length.max()))
        watt = np.array([one.watt for one in jobs], np.int64)
        waited = np.array([now_ms - one.queued.submitted_ms for one in jobs], np.int64)
        worth = rule.worths(price.ug_per_hour, watt, waited)
        limit = view.past.limits(length, worth)
        offset = np.full(len(jobs), offset_ms, np.int64)
        zone = rule.begin_where(offset, length, worth, limit, view.sums)
        holds = np.flatnonzero(zone == rule.WAIT)
        if len(holds):
            best = rule.best_later(offset[holds], length[holds], worth[holds], view.sums)
            hour_ms = now_ms - offset_ms
            for at, begin_ms, place, saved in zip(holds.tolist(), *best, strict=True):
                grams = saved * jobs[at].watt // (1000 * HOUR_MS * _UG_PER_G)
                reason = WaitsForCleanerHour(sites[place], hour_ms + begin_ms, max(grams, 0))
                self._held[jobs[at].queued.job] = jobs[at]
                demand.hold(jobs[at].queued.job, reason)
        for at in np.flatnonzero(zone != rule.WAIT).tolist():
            self._let(jobs[at], sites[zone[at]], demand)

    def _let(self, one: _Waiting, site: SiteId, demand: Demand) -> None:
        """Let a job begin, at one site."""
        job = one.queued
        self._bound[job.job] = one
        constraints = msgspec.structs.replace(job.spec.constraints, sites=(site,))
        spec = msgspec.structs.replace(job.spec, constraints=constraints)
        entry = demand.entries[job.job]
        demand.add(msgspec.structs.replace(job, spec=spec), entry.available)

    def _view(self, sites: tuple[SiteId, ...], curves: list[_Curve], longest_ms: int) -> _View:
        """The forecast that reaches over the longest run."""
        hours = rule.LOOK_AHEAD_HOURS + 3 + longest_ms // HOUR_MS
        known = self._views.get(sites)
        if known is None or known.hours < hours:
            sums = rule.summed(
                [rule.forecast(curve.hours[-_DAY:], curve.now_ug, hours) for curve in curves]
            )
            known = self._views[sites] = _View(sums, self._past(sites, curves), hours)
        return known

    def _past(self, sites: tuple[SiteId, ...], curves: Iterable[_Curve]) -> rule.Past:
        """What limits would have done, worked out once a day."""
        day = self._hour // _DAY
        known = self._pasts.get(sites)
        if known is None or known[0] != day:
            hours = [curve.hours for curve in curves]
            least = min([len(row) for row in hours])
            past = rule.past_of(np.array([row[-least:] for row in hours], np.int64))
            known = self._pasts[sites] = (day, past)
        return known[1]
