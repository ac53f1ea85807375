"""The driver of the agent's machine: a connector on one side, a hub on the other, and the clock.

Theory of operation. Everything that happens becomes an event of the machine, at once and on one
event loop; what the machine asks for is done by a few workers. Effects of one attempt are done in
their order by one worker (`LANES`), and a lease is held before anything of the same answer starts.
What a connector fails at is tried again: a stop for ever, a start a few times; then it is stopped,
and only the end that the connector tells of it, when it is sure that nothing runs, is passed on as
a failed start. Hub and stream may be gone for long; the machine says when to try again.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any, TypeVar, cast
from zlib import crc32

import msgspec

from hutong.agent.hub import HubClient, HubError
from hutong.agent.logs import LogSender
from hutong.connectors.contract import Ability, Connector, Lease, Scaler
from hutong.lifecycle.agent_events import (
    AgentEvent,
    Forget,
    HoldLease,
    InventoryChanged,
    Poked,
    Scale,
    Seen,
    SendSync,
    Start,
    Started,
    StartRefused,
    Stop,
    SyncAnswered,
    SyncFailed,
    Tick,
)
from hutong.lifecycle.agent_machine import RETRY_FIRST_MS, RETRY_MOST_MS, AgentMachine
from hutong.model.attempt import AttemptOrder, Observation
from hutong.model.errors import HutongError
from hutong.model.ids import AttemptId, NodeId, PoolId
from hutong.model.reasons import StartFailed
from hutong.model.states import AttemptState
from hutong.model.supply import Site

LANES = 8
START_TRIES_S = (0.1, 0.5, 2.0)
"""Waits between the tries of a start that failed."""
AGAIN_S = 1.0
REFUSED_WAIT_MS = 5_000
INVENTORY_S = 30.0

_log = logging.getLogger(__name__)
T = TypeVar("T")
_Work = Start | Stop | Forget


def boot_ms() -> int:
    """Time since boot, sleep included: the clock of the machine and of leases."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


def wall_ms() -> int:
    """Unix time."""
    return time.time_ns() // 1_000_000


class Agent:
    """Drives one site. `run` does it until cancelled; it opens and closes the connector."""

    def __init__(self, site: Site, connector: Connector, hub: HubClient, session: str) -> None:
        self._site = site
        self._connector = connector
        self._hub = hub
        self._session = session
        self._logs = LogSender(connector, hub)
        self._effects: asyncio.Queue[HoldLease | _Work] = asyncio.Queue()
        self._lanes: list[asyncio.Queue[_Work]] = [asyncio.Queue() for _ in range(LANES)]
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at_ms: int | None = None
        self._trouble = ""
        self._failed_starts: dict[AttemptId, str] = {}
        self._wanted: dict[PoolId, tuple[NodeId, ...]] = {}
        self._asked_to_scale = asyncio.Event()
        self._machine: AgentMachine | None = None
        self._group: asyncio.TaskGroup | None = None

    @property
    def machine(self) -> AgentMachine:
        """What the site knows. There is none before `run` has opened the connector."""
        assert self._machine is not None
        return self._machine

    async def run(self) -> None:
        """Open the connector and drive the site until cancelled. Raises what `open` raises."""
        await self._connector.open()
        try:
            inventory = await self._connector.inventory()
            lease = await self._connector.held_lease()
            found = await self._connector.scan()
            self._machine = AgentMachine(self._site, inventory, self._session)
            async with asyncio.TaskGroup() as self._group:
                for task in (self._perform(), self._watch(), self._listen(), self._logs.run()):
                    self._group.create_task(task)
                self._group.create_task(self._take_stock())
                if not self._connector.abilities()[Ability.SCALES]:
                    scaler = cast(Scaler, self._connector)
                    self._group.create_task(self._scale(scaler))
                    self._group.create_task(self._watch_provider(scaler))
                for lane in self._lanes:
                    self._group.create_task(self._work(lane))
                for seen in found:
                    self._logs.began(seen.attempt, is_new=False)
                self._note_ends(found)
                self._feed(Started(found, lease.until_ms, lease.grace_ms))
                _log.info("site %s drives %d attempt(s)", self._site.id, len(found))
        finally:
            if self._alarm is not None:
                self._alarm.cancel()
            await self._connector.close()
            self._hub.close()

    # Events and effects

    def _feed(self, event: AgentEvent) -> None:
        """Tell the machine, and see that what it asks for is done."""
        for effect in self.machine.handle(event, boot_ms()):
            if isinstance(effect, SendSync):
                self._spawn(self._sync(effect))
            elif isinstance(effect, Scale):
                self._wanted = effect.wanted
                self._asked_to_scale.set()
            else:
                self._effects.put_nowait(effect)
        self._set_alarm()

    def _set_alarm(self) -> None:
        wake_at_ms = self.machine.wake_at_ms
        if wake_at_ms == self._alarm_at_ms:
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_at_ms = wake_at_ms
        if wake_at_ms is not None:
            delay_s = max(0, wake_at_ms - boot_ms()) / 1000
            self._alarm = asyncio.get_running_loop().call_later(delay_s, self._ring)

    def _ring(self) -> None:
        self._alarm_at_ms = None
        self._feed(Tick())

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        assert self._group is not None
        self._group.create_task(work)

    # The hub

    async def _sync(self, effect: SendSync) -> None:
        request = msgspec.structs.replace(effect.request, sent_ms=wall_ms())
        try:
            reply = await self._hub.sync(request)
        except HubError as problem:
            self._say_trouble(str(problem))
            wait_ms = REFUSED_WAIT_MS if problem.is_refusal else 0
            self._feed(SyncFailed(effect.number, wait_ms))
        else:
            self._say_trouble("")
            self._feed(SyncAnswered(effect.number, reply))

    def _say_trouble(self, problem: str) -> None:
        """Log what is wrong with the hub when it changes, not each time."""
        if problem and problem != self._trouble:
            _log.warning("the hub at %s: %s", self._hub.url, problem)
        elif self._trouble and not problem:
            _log.info("the hub at %s answers again", self._hub.url)
        self._trouble = problem

    async def _listen(self) -> None:
        """Hear the hub's pokes; come back when the stream breaks off."""
        failures = 0
        while True:
            try:
                async for _ in self._hub.pokes(self._site.id):
                    failures = 0
                    self._feed(Poked())
            except HubError as problem:
                wait_ms = REFUSED_WAIT_MS if problem.is_refusal else 0
                backoff_ms = min(RETRY_MOST_MS, RETRY_FIRST_MS << min(failures, 10))
                jitter = crc32(f"{self._session}/{failures}".encode()) % 51
                failures += 1
                await asyncio.sleep(max(wait_ms, backoff_ms * (75 + jitter) // 100) / 1000)

    # The connector

    async def _watch(self) -> None:
        """Tell the machine what the connector sees change."""
        async for batch in self._connector.changes():
            self._note_ends(batch)
            self._feed(Seen(tuple(map(self._explain, batch)) if self._failed_starts else batch))

    def _explain(self, seen: Observation) -> Observation:
        """Give an attempt that was stopped because it could not be started its real reason."""
        if seen.ended is None or seen.attempt not in self._failed_starts:
            return seen
        problem = self._failed_starts.pop(seen.attempt)
        if seen.started_ms:
            return seen
        return msgspec.structs.replace(seen, ended=StartFailed(problem))

    def _note_ends(self, batch: tuple[Observation, ...]) -> None:
        for seen in batch:
            if seen.state is AttemptState.ENDED:
                self._logs.ended(seen.attempt)

    async def _take_stock(self) -> None:
        while True:
            await asyncio.sleep(INVENTORY_S)
            try:
                inventory = await self._connector.inventory()
            except HutongError as problem:
                _log.warning("the inventory cannot be read: %s", problem)
                continue
            if inventory != self.machine.inventory:
                self._feed(InventoryChanged(inventory))

    async def _scale(self, scaler: Scaler) -> None:
        """Have the nodes of offers exist that were wanted last; try until they do."""
        while True:
            await self._asked_to_scale.wait()
            self._asked_to_scale.clear()
            try:
                await scaler.scale(self._wanted)
            except Exception as failure:  # a connector's bug must not stop the site
                _log.warning("nodes of offers cannot be had: %s", _sentence(failure))
                self._asked_to_scale.set()
                await asyncio.sleep(AGAIN_S)

    async def _watch_provider(self, scaler: Scaler) -> None:
        """Tell the machine when a provider changed what there is."""
        async for inventory in scaler.inventories():
            if inventory != self.machine.inventory:
                self._feed(InventoryChanged(inventory))

    async def _perform(self) -> None:
        """Take effects in their order: a lease is held before what follows it begins."""
        while True:
            effect = await self._effects.get()
            match effect:
                case HoldLease(until_ms, grace_ms):
                    await self._persist(self._hold_lease, Lease(until_ms, grace_ms))
                case Start(order):
                    self._lane(order.attempt).put_nowait(effect)
                case Stop(attempt) | Forget(attempt):
                    self._lane(attempt).put_nowait(effect)

    def _lane(self, attempt: AttemptId) -> asyncio.Queue[_Work]:
        return self._lanes[crc32(attempt.encode()) % LANES]

    async def _work(self, lane: asyncio.Queue[_Work]) -> None:
        while True:
            match await lane.get():
                case Start(order):
                    self._logs.began(order.attempt, is_new=True)
                    await self._start(order)
                case Stop() as stop:
                    await self._persist(self._stop, stop)
                case Forget(attempt):
                    self._logs.when_sent(attempt, partial(self._forget, attempt))

    async def _start(self, order: AttemptOrder) -> None:
        problem = ""
        for wait_s in (*START_TRIES_S, 0.0):
            try:
                await self._connector.start(order)
                return
            except Exception as failure:  # a connector's bug must not stop the site
                problem = _sentence(failure)
                _log.warning("%s cannot be started: %s", order.attempt, problem)
                if isinstance(failure, HutongError) and failure.code == "connector.refused":
                    self._logs.ended(order.attempt)
                    self._feed(StartRefused(order.attempt, StartFailed(problem), wall_ms()))
                    return
            await asyncio.sleep(wait_s)
        self._failed_starts[order.attempt] = problem
        await self._persist(self._stop, Stop(order.attempt, 0, problem))

    async def _hold_lease(self, lease: Lease) -> None:
        await self._connector.hold_lease(lease)

    async def _stop(self, stop: Stop) -> None:
        await self._connector.stop(stop.attempt, stop.grace_ms, stop.why)

    def _forget(self, attempt: AttemptId) -> None:
        self._spawn(self._persist(self._connector.forget, attempt))

    async def _persist(self, call: Callable[[T], Awaitable[None]], argument: T) -> None:
        """Call until it works: giving up would leave something running, or held."""
        while True:
            try:
                return await call(argument)
            except Exception as failure:  # a connector's bug must not stop the site
                _log.warning("the connector failed: %s", _sentence(failure))
            await asyncio.sleep(AGAIN_S)


def _sentence(failure: Exception) -> str:
    if isinstance(failure, HutongError):
        return failure.message
    return f"{type(failure).__name__}: {failure}"
