"""Moving back to spot capacity: jobs with deadlines that run on sure nodes of an offer.

Theory of operation. It is asked after all that waits was served. A job that was put on sure nodes
to keep its deadline goes on there while a spot node is started for it; only when that node is there
it is told to stop, and starts on it in the next cycle. So it never works less for a node that was
refused. It moves if the rule of `when.spot_deadline` says so, if its objective prefers the spot
offer to where it runs, and if what is left costs less there, start and lost work included.

That nodes were started for it is known from the account of the offer, so a hub that was restarted
goes on with the same move.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from hutong.model.ids import JobId, PoolId
from hutong.model.job import Level
from hutong.scheduler.match import Match
from hutong.scheduler.option import Option
from hutong.scheduler.plan import Preemption
from hutong.scheduler.preempt.loss import began_ms, lost_ms
from hutong.scheduler.shapes import Shape, is_plain, shape_of
from hutong.scheduler.spot import is_spot
from hutong.scheduler.spot_zones import cold_ms, has_none
from hutong.scheduler.supply import Running, Supply
from hutong.scheduler.tenants import Ledger
from hutong.scheduler.when.spot_deadline import SURE, SpotJob, Standing, next_place
from hutong.scheduler.yard import Yard

MatchOf = Callable[[Shape], Match]


class Moves(NamedTuple):
    """Who stops to go on on a spot node that is there, for whom nodes are started, and when to look
    again although nothing has changed (0: never)."""

    preemptions: tuple[Preemption, ...] = ()
    asked: tuple[tuple[PoolId, JobId], ...] = ()
    again_ms: int = 0


class _Mover(NamedTuple):
    """An attempt on sure nodes, where it runs, and the spot offers that are better for it."""

    running: Running
    shape: Shape
    here: Option
    zones: list[tuple[Option, Yard]]
    worked_ms: int

    def left_ms(self, option: Option) -> int:
        """What is left of its work on an option."""
        worked_ms = self.worked_ms * 1000 // max(option.speed_milli, 1)
        return max(option.run_ms - worked_ms, 1)


class Mover:
    """Decides for one cycle who moves."""

    def __init__(
        self, supply: Supply, yards: Mapping[PoolId, Yard], ledger: Ledger, match: MatchOf, *,
        now_ms: int, retry_ms: int,
    ) -> None:  # fmt: skip
        self._supply = supply
        self._yards = yards
        self._ledger = ledger
        self._match = match
        self._now_ms = now_ms
        self._retry_ms = retry_ms

    def decide(self) -> Moves:
        """Look at all that runs on sure nodes of offers. Takes room of the yards."""
        stops, asked, again = [], [], []
        for mover in self._movers():
            again.append(self._now_ms + self._retry_ms)
            attempt, job = mover.running.attempt, mover.running.attempt.job
            ready_ms = self._promised_ms(mover)
            if ready_ms:
                if ready_ms <= self._now_ms and not mover.running.stopping:
                    lost = lost_ms(attempt, self._now_ms) * mover.running.held.accelerator_milli
                    stops.append(Preemption(attempt.attempt, job, lost))
            elif not mover.running.stopping:
                option, yard = self._place(mover)
                if option is not None and yard is not None:
                    ready_ms = self._now_ms + max(yard.offer.boot_ms, 1)
                    yard.start(
                        option.need, mover.shape.tasks, nodes=option.nodes_needed, ready_ms=ready_ms
                    )
                    asked.append((yard.columns.pool.id, job))
                again += [yard.account.past.none_ms + self._retry_ms for _, yard in mover.zones]
        later = [at for at in again if at > self._now_ms]
        return Moves(tuple(stops), tuple(asked), min(later, default=0))

    def _movers(self) -> Iterator[_Mover]:
        if not any(is_spot(yard.offer) for yard in self._yards.values()):
            return
        for pool, yard in self._yards.items():
            if is_spot(yard.offer):
                continue
            for running in self._supply.running_at(yard.columns.pool.site):
                if running.attempt.pool == pool and (mover := self._mover(running)) is not None:
                    yield mover

    def _mover(self, running: Running) -> _Mover | None:
        """What is known of an attempt that may move; None for one that may not."""
        attempt = running.attempt
        spec = attempt.contends
        if spec is None or spec.deadline_ms <= 0 or spec.checkpoint_ms <= 0:
            return None
        shape = shape_of(spec, 0, attempt.done_ms)
        if attempt.parts > 1 or attempt.groups or not is_plain(shape):
            return None
        zones: list[tuple[Option, Yard]] = []
        for option in self._match(shape).options:
            if option.columns.pool.id == attempt.pool:
                worked_ms = max(self._now_ms - began_ms(attempt), 0) * attempt.speed_milli // 1000
                zones = [way for way in zones if way[0].score < option.score]
                return _Mover(running, shape, option, zones, worked_ms) if zones else None
            yard = self._yards.get(option.columns.pool.id)
            if yard is not None and is_spot(yard.offer):
                zones.append((option, yard))
        return None

    def _promised_ms(self, mover: _Mover) -> int:
        """When nodes are ready that were started for it; 0 where there are none."""
        job, shape = mover.running.attempt.job, mover.shape
        for option, yard in mover.zones:
            if job in yard.account.promised:
                whole = option.within is Level.NODE
                ready_ms = yard.pack(option.need, shape.tasks, whole=whole)
                if ready_ms:
                    return ready_ms
        return 0

    def _place(self, mover: _Mover) -> tuple[Option, Yard] | tuple[None, None]:
        """The spot offer to ask, where the rule has it move."""
        attempt, shape, zones = mover.running.attempt, mover.shape, mover.zones
        left_ms = mover.left_ms(mover.here)
        cold = max(
            cold_ms(option, yard, shape.checkpoint_ms)
            for option, yard in (*zones, (mover.here, self._yards[attempt.pool]))
        )
        job = SpotJob(self._now_ms, shape.deadline_ms, left_ms, cold, self._retry_ms)
        has = [self._may(mover, option, yard) for option, yard in zones]
        lasts = [yard.account.past.lasts_ms(self._now_ms) for _, yard in zones]
        place = next_place(job, Standing(SURE, left_ms), self._now_ms, has, lasts)
        return zones[place] if place >= 0 else (None, None)

    def _may(self, mover: _Mover, option: Option, yard: Yard) -> bool:
        """Whether a spot offer may be asked, and moving there pays."""
        if yard.new or yard.left < option.nodes_needed or not mover.running.attempt.running_ms:
            return False
        if has_none(yard, self._now_ms, self._retry_ms):
            return False
        again_ms = cold_ms(option, yard, mover.shape.checkpoint_ms)
        spot = (mover.left_ms(option) + again_ms) * option.rate
        if spot >= mover.left_ms(mover.here) * mover.here.rate:
            return False
        entity = self._ledger.entity(mover.running.attempt.tenant)
        return not self._ledger.over_quota(entity, option.claim)
