"""An agent in virtual time: its machine, driven over a modelled site and a modelled network.

Theory of operation. It does what the real driver (`hutong.agent.driver`) does: what concerns one
attempt is done in its order, so a stop waits for the start before it; a start that failed is tried
again a few times, then stopped, and the end that the site then tells is given its real reason. Only
a start that was refused at once is known not to run.
"""

from collections.abc import Callable

import msgspec

from hutong.lifecycle.agent_events import (
    AgentEffect,
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
from hutong.lifecycle.agent_machine import AgentMachine
from hutong.lifecycle.sync import SyncReply, SyncRequest
from hutong.model.attempt import AttemptOrder, Observation
from hutong.model.errors import HutongError
from hutong.model.ids import AttemptId
from hutong.model.reasons import StartFailed
from hutong.model.supply import Inventory
from hutong.sim.machines.loop import Loop
from hutong.sim.machines.site import ModelSite
from hutong.sim.machines.stall import Stall

START_TRIES_MS = (100, 500, 2_000)
"""Waits between the tries of a start that failed."""

Reply = Callable[[object], None]
Send = Callable[[SyncRequest, Reply], None]


class Agent:
    """One agent process after the other at one site."""

    def __init__(self, loop: Loop, site: ModelSite, send: Send) -> None:
        self.machine: AgentMachine | None = None
        self._loop = loop
        self._site = site
        self._send = send
        self._life = 0
        self.stall = Stall(loop)
        self._wake_at_ms: int | None = None
        self._starting: dict[AttemptId, list[Stop | Forget]] = {}
        self._failed: dict[AttemptId, str] = {}

    def start(self) -> None:
        """Start a process, unless one runs."""
        if self.machine is not None:
            return
        self._life += 1
        site = self._site
        session = f"{site.site.id}-{self._life}"
        self.machine = AgentMachine(site.site, site.inventory(), session)
        self._starting, self._failed = {}, {}
        site.agent = self
        self._handle(Started(site.scan(), site.lease_until_ms, site.lease_grace_ms))

    def crash(self) -> None:
        """Kill the process."""
        self.machine = self._site.agent = None
        self._life += 1
        self._wake_at_ms = None
        self.stall.clear()

    def poked(self) -> None:
        """The hub has something to say."""
        self._handle(Poked())

    def saw(self, observations: tuple[Observation, ...]) -> None:
        """The site changed."""
        self._handle(Seen(tuple(map(self._explain, observations))))

    def inventory_changed(self, inventory: Inventory) -> None:
        """The site has something else to offer."""
        self._handle(InventoryChanged(inventory))

    def _handle(self, event: AgentEvent, life: int | None = None) -> None:
        """Give the machine an event, if the process that it came to still lives."""
        life = self._life if life is None else life
        machine = self.machine
        if machine is None or life != self._life:
            return
        if self.stall.holds(self._handle, event, life):
            return
        effects = machine.handle(event, self._site.clock.boot_ms(self._loop.now_ms))
        for effect in effects:
            self._carry_out(effect)
        if effects or not isinstance(event, Tick):
            machine.validate()
        self._set_alarm(machine)

    def _carry_out(self, effect: AgentEffect) -> None:
        match effect:
            case SendSync(number, request):
                self._sync(number, request)
            case Start(order):
                self._starting[order.attempt] = []
                self._start(order, 0)
            case Stop(attempt) | Forget(attempt) if attempt in self._starting:
                self._starting[attempt].append(effect)
            case Stop(attempt, grace_ms, _):
                self._site.stop(attempt, grace_ms)
            case Forget(attempt):
                self._site.forget(attempt)
            case HoldLease(until_ms, grace_ms):
                self._site.hold_lease(until_ms, grace_ms)
            case Scale(wanted):
                self._site.scale(wanted)

    def _sync(self, number: int, request: SyncRequest) -> None:
        life = self._life

        def reply(answer: object) -> None:
            # The connection died with the process that opened it.
            if isinstance(answer, SyncReply):
                self._handle(SyncAnswered(number, answer), life)
            else:
                self._handle(SyncFailed(number), life)

        self._send(request, reply)

    def _start(self, order: AttemptOrder, tries: int) -> None:
        life = self._life

        def alive() -> bool:
            return life == self._life

        def again() -> None:
            if alive():
                self._start(order, tries + 1)

        def done(problem: HutongError | None) -> None:
            if not alive() or self.stall.holds(done, problem):
                return
            if problem is not None and problem.code == "connector.refused" and not tries:
                self._refuse(order.attempt, problem)
            elif problem is not None and tries < len(START_TRIES_MS):
                self._loop.after(START_TRIES_MS[tries], again)
                return
            elif problem is not None:
                # It may be running: only its end by `stop` is a fact.
                self._failed[order.attempt] = problem.message
                self._site.stop(order.attempt, 0)
            for effect in self._starting.pop(order.attempt):
                self._carry_out(effect)

        self._site.start(order, alive, done)

    def _refuse(self, attempt: AttemptId, problem: HutongError) -> None:
        reason = StartFailed(problem.message)
        at_ms = self._site.clock.wall_ms(self._loop.now_ms)
        self._handle(StartRefused(attempt, reason, at_ms))

    def _explain(self, seen: Observation) -> Observation:
        if seen.ended is None or seen.attempt not in self._failed:
            return seen
        problem = self._failed.pop(seen.attempt)
        if seen.started_ms:
            return seen
        return msgspec.structs.replace(seen, ended=StartFailed(problem))

    def _set_alarm(self, machine: AgentMachine) -> None:
        wake_at_ms = machine.wake_at_ms
        if wake_at_ms is not None and wake_at_ms != self._wake_at_ms:
            self._wake_at_ms = wake_at_ms
            at_ms = self._site.clock.when_boot(wake_at_ms)
            self._loop.at(at_ms, self._ring, self._life, wake_at_ms)

    def _ring(self, life: int, wake_at_ms: int) -> None:
        if life == self._life and wake_at_ms == self._wake_at_ms:
            self._wake_at_ms = None
            self._handle(Tick())
