"""An agent's machine with a clock that the test turns, and everything it ever asked for."""

import msgspec

from hutong.lifecycle.agent_events import (
    AgentEffect,
    AgentEvent,
    Poked,
    Seen,
    SendSync,
    Start,
    Started,
    Stop,
    SyncAnswered,
    Tick,
)
from hutong.lifecycle.agent_machine import (
    SYNC_GAP_MS,
    SYNC_TIMEOUT_MS,
    AgentMachine,
)
from hutong.lifecycle.sync import SyncReply, SyncRequest
from hutong.model.attempt import AttemptOrder, NodeShare, Observation
from hutong.model.ids import AttemptId, JobId, NodeId, PoolId, RegionId, SiteId, TenantId
from hutong.model.job import Program
from hutong.model.reasons import Completed, ExitCode
from hutong.model.resources import Amount
from hutong.model.states import AttemptState
from hutong.model.supply import Inventory, Site

SITE = Site(SiteId("lab"), "tests", RegionId("cn-beijing"), "CN-BJ")
EMPTY = Inventory((), ())
TTL_MS = 60_000


def attempt(job: int = 1, number: int = 1) -> AttemptId:
    return AttemptId(f"h0test-j{job}-{number}")


def order(job: int = 1, number: int = 1, grace_ms: int = 10_000) -> AttemptOrder:
    return AttemptOrder(
        attempt=attempt(job, number),
        job=JobId(f"j{job}"),
        token=number,
        tenant=TenantId("lab"),
        name="job",
        pool=PoolId("lab/cpu"),
        nodes=(NodeShare(NodeId("lab/cpu-1"), 1),),
        program=Program(argv=("true",)),
        needs=Amount(1000),
        grace_ms=grace_ms,
        number=number,
    )


def running(who: AttemptId, started_ms: int = 500) -> Observation:
    return Observation(who, AttemptState.RUNNING, started_ms)


def ended(who: AttemptId, code: int = 0) -> Observation:
    reason = ExitCode(code) if code else Completed()
    return Observation(who, AttemptState.ENDED, 500, 900, reason)


class World:
    """A machine, a clock that the test turns, and everything the machine ever asked for."""

    def __init__(self, *found: Observation, lease_until_ms: int = 0) -> None:
        self.machine = AgentMachine(SITE, EMPTY, "session-1")
        self.now_ms = 1_000_000
        self.done: list[AgentEffect] = []
        self.first = self.tell(Started(found, lease_until_ms, 5_000))

    def tell(self, event: AgentEvent, after_ms: int = 0) -> tuple[AgentEffect, ...]:
        self.now_ms += after_ms
        effects = self.machine.handle(event, self.now_ms)
        self.machine.validate()
        self.done.extend(effects)
        return effects

    def wait(self, ms: int) -> list[AgentEffect]:
        """Let time pass, waking the machine whenever it asked for it."""
        until_ms, effects = self.now_ms + ms, []
        while (at_ms := self.machine.wake_at_ms) is not None and at_ms <= until_ms:
            self.now_ms = max(self.now_ms, at_ms)
            effects += self.tell(Tick())
        self.now_ms = until_ms
        return [*effects, *self.tell(Tick())]

    @property
    def syncs(self) -> list[SendSync]:
        return [effect for effect in self.done if isinstance(effect, SendSync)]

    @property
    def request(self) -> SyncRequest:
        return self.syncs[-1].request

    def answer(self, **reply: object) -> tuple[AgentEffect, ...]:
        """Answer the sync that was sent last."""
        told = msgspec.structs.replace(SyncReply(lease_ttl_ms=TTL_MS), **reply)
        return self.tell(SyncAnswered(self.syncs[-1].number, told))

    def exchange(self, **reply: object) -> tuple[AgentEffect, ...]:
        """Have a sync sent, if none is, and answer it."""
        if self.machine.wake_at_ms != self.now_ms + SYNC_TIMEOUT_MS or not self.syncs:
            self.tell(Poked(), after_ms=SYNC_GAP_MS)
        return self.answer(**reply)

    def started(self) -> list[AttemptId]:
        return [effect.order.attempt for effect in self.done if isinstance(effect, Start)]

    def stopped(self) -> list[AttemptId]:
        return [effect.attempt for effect in self.done if isinstance(effect, Stop)]


def joined(*orders: AttemptOrder) -> World:
    """A world whose first sync was answered with these orders, and they run."""
    world = World()
    world.answer(start=orders)
    world.tell(Seen(tuple(running(one.attempt) for one in orders)), after_ms=SYNC_GAP_MS)
    if orders:
        world.answer()
    return world
