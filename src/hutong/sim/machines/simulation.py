"""A run of a script: hub, agents, sites and people in one virtual time, watched at every step."""

from collections.abc import Callable
from random import Random

import msgspec

from hutong.catalog import load_catalog
from hutong.lifecycle import commands as do
from hutong.lifecycle.hub import HubMachine
from hutong.lifecycle.sync import SyncRequest
from hutong.model.ids import SiteId
from hutong.model.states import TERMINAL_JOB_STATES
from hutong.sim.machines import promises
from hutong.sim.machines.agent import Agent, Reply, Send
from hutong.sim.machines.clocks import Clock
from hutong.sim.machines.hub import Hub
from hutong.sim.machines.loop import Loop
from hutong.sim.machines.nature import Nature
from hutong.sim.machines.network import Network
from hutong.sim.machines.people import People
from hutong.sim.machines.possible import can_run
from hutong.sim.machines.script import Fault, FaultKind, Script
from hutong.sim.machines.site import ModelSite
from hutong.sim.machines.story import Chronicle
from hutong.sim.machines.violation import INVARIANTS, Violation
from hutong.sim.machines.witness import Witness

LOOK_EVERY = 64
"""Steps between two looks whether everything is done."""
STANDSTILL = 50_000
"""So many steps at one moment are a loop without an end."""


class Outcome(msgspec.Struct, frozen=True):
    """What came of a run. `digest` is the SHA-256 of its journal."""

    seed: int
    steps: int
    virtual_ms: int
    entries: int
    jobs: int
    attempts: int
    digest: str


class Simulation:
    """One run, from its script to its outcome. Raises `Violation` where a promise is broken."""

    def __init__(self, script: Script, tell: Callable[[str], None] | None = None) -> None:
        self.script = script
        self.loop = loop = Loop(script.start_ms)
        self.catalog = load_catalog()
        self.chronicle = Chronicle(tell)
        self.witness = Witness(self.catalog, self._note)
        self.network = Network(loop, self._random("network"), script.weather)
        self.hub = Hub(
            loop,
            self._random("hub"),
            model=script.hub,
            clock=Clock(loop.now_ms),
            catalog=self.catalog,
            profile=script.profile,
            watcher=self.witness,
            poke=self._poke,
        )
        nature = Nature(script.jobs, self.catalog)
        self.sites: dict[SiteId, ModelSite] = {}
        self.agents: dict[SiteId, Agent] = {}
        for line in script.sites:
            name = line.site.id
            self.sites[name] = ModelSite(
                loop,
                self._random(f"site {name}"),
                line,
                script.site_model,
                ledger=self.witness,
                nature=nature,
            )
            self.agents[name] = Agent(loop, self.sites[name], self._sender(name))
        self.people = People(loop, self._random("people"), self.network, self.hub, script)
        self._fates = self._random("faults")
        self._plan()

    def run(self, *, most_steps: int = 0) -> Outcome:
        """Run until everything that can finish has; or for so many steps, if they are given."""
        moved_ms = 0
        try:
            while not most_steps or self.loop.steps < most_steps:
                if not self.loop.step():
                    raise Violation(7, "nothing is left to happen")
                if self.loop.steps % LOOK_EVERY == 0 and self._is_done():
                    self._finish()
                    break
                if self.loop.steps % STANDSTILL == 0:
                    if self.loop.now_ms == moved_ms:
                        raise Violation(7, f"{STANDSTILL} steps took no time")
                    moved_ms = self.loop.now_ms
        except Violation:
            raise
        except Exception as error:
            raise Violation(INVARIANTS, f"{type(error).__name__}: {error}") from error
        return self.outcome()

    def _note(self, what: object) -> None:
        self.chronicle.note(self.loop.steps, self.loop.now_ms - self.script.start_ms, what)

    def outcome(self) -> Outcome:
        """What came of it so far."""
        return Outcome(
            self.script.seed,
            self.loop.steps,
            self.loop.now_ms - self.script.start_ms,
            self.witness.entries,
            len(self.witness.accepted),
            len(self.hub.disk.rows.attempts),
            self.hub.disk.digest(),
        )

    def _random(self, what: str) -> Random:
        """A stream of its own, so that a change of one part leaves the others' draws alone."""
        return Random(f"{what} {self.script.seed}")

    def _plan(self) -> None:
        loop, script = self.loop, self.script
        self.hub.start()
        for number, agent in enumerate(self.agents.values()):
            loop.after(100 * number, agent.start)
        self.people.begin()
        for fault in script.faults:
            loop.at(script.start_ms + fault.at_ms, self._befall, fault)
        loop.at(script.start_ms + script.calm_at_ms, self._calm)

    # Between the parts

    def _poke(self, site: SiteId) -> None:
        if site in self.agents:
            self.network.send(f">{site}", self.agents[site].poked)

    def _sender(self, site: SiteId) -> Send:
        def send(request: SyncRequest, reply: Reply) -> None:
            def respond(answer: object) -> None:
                self.network.send(f">{site}", reply, answer)

            self.network.send(f"{site}>", self.hub.call, do.Report(request), respond)

        return send

    # What befalls the world

    def _befall(self, fault: Fault) -> None:
        self._note(fault)
        if fault.kind.is_of_site:
            self._befall_site(fault)
            return
        hub = self.hub
        match fault.kind:
            case FaultKind.HUB_CRASH:
                hub.crash(keep_batch=self._fates.random() < 0.5, restart_after_ms=fault.for_ms)
            case FaultKind.HUB_STALL:
                hub.stall.begin(fault.for_ms)
            case FaultKind.SNAPSHOT_TORN:
                hub.disk.tear_snapshot()
            case FaultKind.SNAPSHOTS_GONE:
                hub.disk.drop_snapshots()
            case FaultKind.DISK_FULL:
                hub.disk.full = True
                self.loop.after(fault.for_ms, self._make_room)
            case FaultKind.DISK_SLOW:
                hub.slow_until_ms = self.loop.now_ms + fault.for_ms
            case FaultKind.HUB_CLOCK:
                hub.clock.step_wall(self.loop.now_ms, fault.by_ms)
            case _:
                raise AssertionError(f"nobody knows what {fault.kind} does")

    def _befall_site(self, fault: Fault) -> None:
        name, site, agent = fault.site, self.sites[fault.site], self.agents[fault.site]
        match fault.kind:
            case FaultKind.AGENT_CRASH:
                agent.crash()
                self.loop.after(fault.for_ms, agent.start)
            case FaultKind.AGENT_STALL:
                agent.stall.begin(fault.for_ms)
            case FaultKind.SITE_REBOOT:
                agent.crash()
                site.reboot()
                self.loop.after(fault.for_ms, agent.start)
            case FaultKind.SUPERVISOR_CRASH:
                site.crash_supervisor(self._fates.randrange(1_000))
            case FaultKind.NODE_CRASH:
                site.crash_node(fault.node, fault.for_ms)
            case FaultKind.NODE_REMOVED:
                site.remove_node(fault.node, fault.for_ms)
            case FaultKind.CONNECTOR:
                site.trouble_milli = fault.share_milli
                self.loop.after(fault.for_ms, site.end_trouble)
            case FaultKind.BOOT_FAILS:
                site.fail_boots(fault.for_ms)
            case FaultKind.BOOT_SLOW:
                site.slow_boots(fault.for_ms)
            case FaultKind.SPOT_REVOKED:
                site.revoke_spot(self._fates.randrange(1_000))
            case FaultKind.CUT | FaultKind.CUT_UP | FaultKind.CUT_DOWN:
                if fault.kind is not FaultKind.CUT_DOWN:
                    self.network.cut(f"{name}>", fault.for_ms)
                if fault.kind is not FaultKind.CUT_UP:
                    self.network.cut(f">{name}", fault.for_ms)
            case _:
                raise AssertionError(f"nobody knows what {fault.kind} does to a site")

    def _make_room(self) -> None:
        self.hub.disk.full = False

    def _calm(self) -> None:
        """From here on nothing goes wrong any more."""
        self.network.calm()
        self._make_room()
        self.hub.slow_until_ms = 0
        self.hub.stall.end()
        self.hub.start()
        for site in self.sites.values():
            site.calm()
        for agent in self.agents.values():
            agent.stall.end()
            agent.start()

    # The end

    def _is_done(self) -> bool:
        now_ms = self.loop.now_ms - self.script.start_ms
        weather = self.script.weather
        stray_ms = weather.late_most_ms if weather.late_milli or weather.repeated_milli else 0
        if now_ms < self.script.calm_at_ms + stray_ms:
            return False
        waiting = self._unfinished()
        if waiting and now_ms > self.script.calm_at_ms + self.script.patience_ms:
            raise Violation(
                7, f"{self.script.patience_ms} ms after the calm {waiting}", _id(waiting)
            )
        return not waiting

    def _unfinished(self) -> str:
        """The first thing that could finish and has not, in words; empty if there is none."""
        if not self.people.has_answers or self.people.open_requests:
            return "somebody waits for an answer"
        if not self.hub.is_idle:
            return "the hub is not idle"
        state = self.hub.machine.state
        for attempt in state.attempts.values():
            return f"{attempt.id} is {attempt.state.value}"
        for name, site in self.sites.items():
            for run in site.runs.values():
                return f"{run.order.attempt} is {run.state.value} at {name}"
            machine = self.agents[name].machine
            if machine is None or machine.attempts:
                return f"the agent of {name} is not done"
            if state.sites[name].silent:
                return f"{name} counts as silent"
            if state.sites[name].inventory != site.inventory():
                return f"the inventory of {name} is not what the hub has"
        for job in state.jobs.values():
            if job.state in TERMINAL_JOB_STATES:
                return f"{job.id} is {job.state.value} and not settled"
            stuck = any(other in state.jobs for other in job.waits_on)
            if not stuck and can_run(job.spec, self.script.sites, state.tenants, self.catalog):
                return f"{job.id} is {job.state.value}"
        return ""

    def _finish(self) -> None:
        """Judge what can only be judged in the end, on a hub that was just started again."""
        rows, machine = self.hub.disk.rows, self.hub.machine
        promises.journal_and_snapshots_agree(machine, self.witness.shadow)
        promises.rows_show_the_state(machine, rows)
        promises.successes_are_single(self.witness.runs, rows)
        promises.meter_adds_up(machine, rows, self.witness.runs)
        for job in self.witness.accepted:
            promises.job_is_known(job, machine, rows)
        self.hub.crash(keep_batch=True, restart_after_ms=0)
        while not self.hub.is_up:
            self.loop.step()
        promises.folds_are_equal(self.hub.machine, self._replayed())
        while not self.hub.has_cycled:  # the reasons of what waits are told anew
            self.loop.step()

    def _replayed(self) -> HubMachine:
        """The whole journal, folded by a machine that never decided anything."""
        machine = HubMachine(self.catalog)
        for entry in self.hub.disk.entries(0):
            machine.replay(entry)
        return machine


def _id(waiting: str) -> str:
    word = waiting.split(" ", 1)[0]
    return word if any(letter.isdigit() for letter in word) else ""
