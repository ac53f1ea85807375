"""Spot capacity in several zones for a job with a deadline that it may not miss.

A job runs on spot nodes where there are any, and on sure capacity (on demand or reserved) where it
has to. Moving, starting and starting anew each cost a cold start, in which nothing is done. What is
known of a zone is whether it has a node now and what it had in the past.

**The deadline holds.** The slack is the time to the deadline less the work left and less what is
left of a cold start. Without being on sure capacity it never falls below one cold start and a step
(the time from one decision to the next): waiting costs a step, and going to spot, which may be
revoked just before its cold start is over, at most a cold start and a step. So a way to sure
capacity is always left. On spot whoever works keeps the slack, and on sure capacity everybody does.

**What it waits for.** Slack buys waiting, and cold starts on spot nodes to come. If all of it is
waited away at the first outage, the rest of the job is done on sure capacity although there may be
spot nodes again; so of the slack that the job came with a part is kept for the work that is left,
in proportion. This is the uniform progress of Wu et al., "Can't Be Late: Optimizing Spot Instance
Savings under Deadlines" (NSDI 2024), with less kept the more slack there was to begin with: a long
outage is likelier to end within it.

**Which zone.** The one whose node is expected to last longest: by how long its nodes lasted in the
past, and by how long it has had one without a break.
"""

from collections.abc import Sequence
from typing import NamedTuple

IDLE = -1
SURE = -2
"""Places beside the zones, which are numbered from 0."""

_PRIOR_MS = 3_600_000
"""What a node is expected to last in a zone of which nothing is known."""

_FADE_EVERY_MS = 30 * 3_600_000
_FADE_MILLI = 917
"""The past fades: every 30 hours to 0.917 of its weight, which halves it in ten days."""

_GONE_MS = 1_000 * _FADE_EVERY_MS
"""After so long nothing of it is left."""


class SpotJob(NamedTuple):
    """A job as it came: its work on one node, and what starting takes. `step_ms` is the longest
    time from one decision to the next."""

    begin_ms: int
    deadline_ms: int
    work_ms: int
    cold_ms: int
    step_ms: int

    @property
    def feasible(self) -> bool:
        """Whether the deadline can be promised whatever the zones do."""
        return self.deadline_ms - self.begin_ms >= self.work_ms + self.cold_ms


class Standing(NamedTuple):
    """Where a job is and how far: work left, and what is left of a cold start that is under way."""

    place: int
    left_ms: int
    starting_ms: int = 0


class ZonePast:
    """What was seen of a zone: for how long it had nodes, how often it took them back."""

    __slots__ = ("_age_ms", "_faded_ms", "_revoked_milli", "_up_ms")

    def __init__(self, kept: tuple[int, int, int, int] = (0, 0, 0, 0)) -> None:
        """`kept` is what another one had as `values`."""
        self._up_ms, self._revoked_milli, self._age_ms, self._faded_ms = kept

    @property
    def values(self) -> tuple[int, int, int, int]:
        """All that it knows, to be kept."""
        return self._up_ms, self._revoked_milli, self._age_ms, self._faded_ms

    def note(self, span_ms: int, *, available: bool) -> None:
        """It had a node for so long, or had none."""
        if available:
            self._up_ms += span_ms
            self._age_ms += span_ms
        else:
            if self._age_ms:
                self._revoked_milli += 1000
            self._age_ms = 0
        self._fade(span_ms)

    def lapse(self, span_ms: int) -> None:
        """For so long nobody asked it for a node."""
        if span_ms > 0:
            self._age_ms = 0
        self._fade(span_ms)

    @property
    def lasts_ms(self) -> int:
        """How long a node of it is expected to last; for comparing zones."""
        known = (self._up_ms + _PRIOR_MS) * 1000 // (self._revoked_milli + 1000)
        return known + self._age_ms

    def _fade(self, span_ms: int) -> None:
        self._faded_ms += min(span_ms, _GONE_MS)
        while self._faded_ms >= _FADE_EVERY_MS:
            self._faded_ms -= _FADE_EVERY_MS
            self._up_ms = self._up_ms * _FADE_MILLI // 1000
            self._revoked_milli = self._revoked_milli * _FADE_MILLI // 1000


def next_place(
    job: SpotJob,
    standing: Standing,
    now_ms: int,
    available: Sequence[bool],
    lasts_ms: Sequence[int],
) -> int:
    """Where to be until the next decision: a zone's number, `SURE` or `IDLE`.

    `available` says of each zone whether it has a node now, `lasts_ms` how long one is expected to
    last (`ZonePast.lasts_ms`).
    """
    place = standing.place
    if standing.left_ms <= 0:
        return IDLE
    if place >= 0 and available[place]:
        return place
    if place >= 0:
        standing = Standing(IDLE, standing.left_ms)
    slack_ms = job.deadline_ms - now_ms - standing.left_ms - standing.starting_ms
    best = _longest(available, lasts_ms)
    if best is not None and slack_ms >= 2 * (job.cold_ms + job.step_ms):
        return best
    if standing.place == SURE or slack_ms < kept_ms(job, standing.left_ms):
        return SURE
    return IDLE


def kept_ms(job: SpotJob, left_ms: int) -> int:
    """The slack below which a job waits no more."""
    span_ms = job.deadline_ms - job.begin_ms
    slack_ms = max(span_ms - job.work_ms, 0)
    return max(job.cold_ms + 2 * job.step_ms, slack_ms * left_ms // max(span_ms, 1))


def _longest(available: Sequence[bool], lasts_ms: Sequence[int]) -> int | None:
    """The zone with a node that is expected to last longest, the first of equals."""
    best, longest = None, -1
    for zone, has in enumerate(available):
        if has and lasts_ms[zone] > longest:
            best, longest = zone, lasts_ms[zone]
    return best
