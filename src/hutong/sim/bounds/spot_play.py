"""A job with a deadline played tick by tick against traces of spot capacity, and its yardsticks.

`greedy` and `uniform_progress` are the rules of Wu et al., "Can't Be Late" (NSDI 2024), for one
zone; with several they take the first that has a node. `hutong_policy` is what the scheduler does
(`hutong.scheduler.when.spot_deadline`).
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from hutong.scheduler.when.spot_deadline import (
    IDLE,
    SURE,
    SpotJob,
    Standing,
    ZonePast,
    next_place,
)
from hutong.sim.bounds.spot import Availability, SpotTask

Choose = Callable[[SpotJob, Standing, int, Sequence[bool], Sequence[int]], int]
"""Job, where it stands, the time, which zones have a node, how long these are expected to last."""


class Played(NamedTuple):
    """What came of a job: its cost as a part of the work's on sure capacity, its cold starts."""

    cost: float
    starts: int
    missed: bool


class Mean(NamedTuple):
    """Over many begins: the mean cost, the highest one, deadlines missed, jobs."""

    cost: float
    cost_most: float
    missed: int
    jobs: int


def pasts(zones: Availability) -> list[list[int]]:
    """How long a node of each zone is expected to last, by tick, from what was seen until then."""
    known = []
    for row in zones.up:
        past, lasts = ZonePast(), []
        for up in row.tolist():
            past.note(zones.tick_ms, available=bool(up))
            lasts.append(past.lasts_ms)
        known.append(lasts)
    return [list(tick) for tick in zip(*known, strict=True)]


def play(
    zones: Availability,
    start: int,
    task: SpotTask,
    choose: Choose,
    lasts_ms: Sequence[Sequence[int]],
) -> Played:
    """Play one job that begins at a tick. `lasts_ms` is that of `pasts`."""
    step = zones.tick_ms
    ticks = zones.ticks_of(task)
    job = SpotJob(0, ticks * step, task.work_ms, task.cold_ms, step)
    place, left, starting, starts, paid = IDLE, task.work_ms, 0, 0, 0
    up = zones.up[:, start : start + ticks].T.astype(bool).tolist()
    for tick in range(ticks):
        if left <= 0:
            break
        if place >= 0 and not up[tick][place]:
            place, starting = IDLE, 0
        standing = Standing(place, left, starting)
        chosen = choose(job, standing, tick * step, up[tick], lasts_ms[start + tick])
        if chosen != place:
            place = chosen
            starting = task.cold_ms if place != IDLE else 0
            starts += place != IDLE
        if place == IDLE:
            continue
        paid += step * (1000 if place == SURE else task.spot_milli)
        begun = min(starting, step)
        starting -= begun
        left -= step - begun
    return Played(paid / 1000 / task.work_ms, starts, left > 0)


def play_all(zones: Availability, task: SpotTask, choose: Choose, every_ms: int) -> Mean:
    """Play jobs that begin so far apart, over all of the trace."""
    known = pasts(zones)
    played = [play(zones, start, task, choose, known) for start in zones.starts(task, every_ms)]
    return Mean(
        sum(one.cost for one in played) / len(played),
        max(one.cost for one in played),
        sum(one.missed for one in played),
        len(played),
    )


hutong_policy: Choose = next_place


def greedy(
    job: SpotJob, standing: Standing, now_ms: int, available: Sequence[bool], _lasts: Sequence[int]
) -> int:
    """Spot where there is any, else waiting, and sure capacity at the last moment."""
    if _too_late_to_wait(job, standing, now_ms):
        return SURE
    return _spot(standing, available)


def uniform_progress(
    job: SpotJob, standing: Standing, now_ms: int, available: Sequence[bool], _lasts: Sequence[int]
) -> int:
    """Sure capacity whenever less is done than time has passed, in proportion, until it is caught
    up with two cold starts to spare; else spot or waiting."""
    if _too_late_to_wait(job, standing, now_ms):
        return SURE
    done_ms = job.work_ms - standing.left_ms
    span_ms = job.deadline_ms - job.begin_ms
    passed_ms = now_ms - job.begin_ms
    if standing.place == SURE and done_ms * span_ms < (passed_ms + 2 * job.cold_ms) * job.work_ms:
        return SURE
    place = _spot(standing, available)
    if place == IDLE and done_ms * span_ms < passed_ms * job.work_ms:
        return SURE
    return place


def _spot(standing: Standing, available: Sequence[bool]) -> int:
    """The zone that the job is in, or else the first that has a node."""
    if standing.place >= 0:
        return standing.place
    return next((zone for zone, has in enumerate(available) if has), IDLE)


def _too_late_to_wait(job: SpotJob, standing: Standing, now_ms: int) -> bool:
    """Whether a job that is not on spot has time for its work, two cold starts and no more."""
    if standing.place >= 0:
        return False
    needed = -(-(standing.left_ms + 2 * job.cold_ms) // job.step_ms)
    return needed >= (job.deadline_ms - now_ms) // job.step_ms
