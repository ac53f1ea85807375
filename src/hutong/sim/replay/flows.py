"""Flows: inputs on their way over links that they share.

Theory of operation. What is not at a site comes over the link that the scheduler's own account
names (`Transfers.way`). All inputs that are on one link share it evenly from moment to moment; the
time at which the first of them has come is planned anew whenever one joins or leaves, or the link
drops or is back. Within a region each has a way of its own. An input that is on its way to a site
comes once for all who wait for it there.
"""

from typing import Protocol

from hutong.model.catalogue import Link
from hutong.model.ids import SiteId
from hutong.scheduler.transfer import Pair, Transfers
from hutong.sim.replay.due import Due, FlowArrives
from hutong.sim.replay.running import SimJob

_BITS_PER_MIB = 8 * 1024 * 1024


class Clock(Protocol):
    """What flows ask of the engine."""

    now_ms: int

    def plan_for(self, at_ms: int, kind: Due, what: object) -> int:
        """Have something happen at a time."""


class _Flow:
    """An input on its way to a site, and the attempts that wait for it."""

    __slots__ = ("left_bits", "name", "site", "waiting")

    def __init__(self, name: str, site: SiteId, bits: int) -> None:
        self.name = name
        self.site = site
        self.left_bits = bits
        self.waiting: list[tuple[SimJob, int]] = []


class _Lane:
    """A link with what is on it."""

    __slots__ = ("flows", "since_ms", "stamp")

    def __init__(self, now_ms: int) -> None:
        self.flows: list[_Flow] = []
        self.since_ms = now_ms
        self.stamp = 0


class Flows:
    """All inputs that are on their way."""

    def __init__(self, transfers: Transfers) -> None:
        self._transfers = transfers
        self._lanes: dict[Pair, _Lane] = {}
        self._coming: dict[tuple[str, SiteId], _Flow] = {}

    def stage(self, job: SimJob, clock: Clock) -> int:
        """Bring the inputs of an attempt; says for how many it waits."""
        site, missing = SiteId(job.site), 0
        for item in job.told.spec.inputs:
            flow = self._coming.get((item.name, site))
            if flow is None:
                pair, link = self._transfers.way(item, site)
                if not link.bandwidth_mbit_per_s or (pair[0] == pair[1] and not link.a):
                    continue
                if pair[0] == pair[1]:
                    pair = (f"{item.name} to {site}", pair[1])
                flow = _Flow(item.name, site, max(item.size_mib, 0) * _BITS_PER_MIB)
                self._coming[item.name, site] = flow
                lane = self._lanes.setdefault(pair, _Lane(clock.now_ms))
                self._move(pair, lane, clock.now_ms)
                lane.flows.append(flow)
                self._plan(pair, lane, clock)
            flow.waiting.append((job, job.attempts))
            missing += 1
        return missing

    def arrive(self, what: FlowArrives, clock: Clock) -> list[SimJob]:
        """Something has come; gives the jobs that have all they waited for."""
        lane = self._lanes.get(what.pair)
        if lane is None or lane.stamp != what.stamp:
            return []
        self._move(what.pair, lane, clock.now_ms)
        ready = []
        for flow in [flow for flow in lane.flows if flow.left_bits <= 0]:
            lane.flows.remove(flow)
            del self._coming[flow.name, flow.site]
            for job, attempts in flow.waiting:
                if job.attempts == attempts and job.waits_for > 0:
                    job.waits_for -= 1
                    if not job.waits_for:
                        ready.append(job)
        self._plan(what.pair, lane, clock)
        return ready

    def leave(self, job: SimJob, clock: Clock) -> None:
        """An attempt waits no longer; what nobody waits for does not come."""
        job.waits_for = 0
        for pair, lane in list(self._lanes.items()):
            for flow in list(lane.flows):
                flow.waiting = [one for one in flow.waiting if one[0] is not job]
                if not flow.waiting:
                    self._move(pair, lane, clock.now_ms)
                    lane.flows.remove(flow)
                    del self._coming[flow.name, flow.site]
                    self._plan(pair, lane, clock)

    def renew(self, clock: Clock) -> None:
        """Links have changed."""
        for pair, lane in list(self._lanes.items()):
            self._plan(pair, lane, clock)

    def before_change(self, clock: Clock) -> None:
        """Links are about to change: until now they were as they are."""
        for pair, lane in self._lanes.items():
            self._move(pair, lane, clock.now_ms)

    def _link(self, pair: Pair) -> Link:
        return self._transfers.link(*((pair[1], pair[1]) if " to " in pair[0] else pair))

    def _move(self, pair: Pair, lane: _Lane, now_ms: int) -> None:
        """Bring all flows of a link to now."""
        if lane.flows and now_ms > lane.since_ms:
            rate = self._link(pair).bandwidth_mbit_per_s * 1000
            each = rate * (now_ms - lane.since_ms) // len(lane.flows)
            for flow in lane.flows:
                flow.left_bits -= each
        lane.since_ms = now_ms

    def _plan(self, pair: Pair, lane: _Lane, clock: Clock) -> None:
        lane.stamp += 1
        if not lane.flows:
            del self._lanes[pair]
            return
        rate = self._link(pair).bandwidth_mbit_per_s * 1000
        if rate > 0:
            least = max(min([flow.left_bits for flow in lane.flows]), 0)
            after_ms = -(-least * len(lane.flows) // rate)
            clock.plan_for(clock.now_ms + after_ms, Due.WORLD, FlowArrives(pair, lane.stamp))
