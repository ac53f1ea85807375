"""The driver of the hub's machine: it owns the machine and the store, and decides nothing.

Theory of operation. Everything that touches the machine happens on one event loop, in calls that
do not await: `handle` gives it a stimulus, and what it accepted joins the group commit
(`commits.py`). A caller goes on once all that it saw is durable. Reads compute first and then
wait the same way, so that nobody is shown what a crash could take back.

When an append fails, or the machine meets a fault in the middle of a step, the machine may hold
what the journal does not. It is thrown away, and another is loaded from the store in a thread. From
then on reads are answered; writes are refused until one append has worked: that of the new
machine's start, tried again and again. Its position tells whether an append that reported a
failure was stored all the same.

Effects leave behind the commit: a poke goes to the site's streams, a wish for a cycle wakes the
task that runs them, one at a time, at least as long apart as the last one took.
"""

import asyncio
import gc
import secrets
import string
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, ParamSpec, TypeVar

from hutong.lifecycle import commands as do
from hutong.lifecycle import events as ev
from hutong.lifecycle.hub import HubMachine
from hutong.model.errors import HutongError, refuse
from hutong.model.ids import HubId, SiteId
from hutong.scheduler.plan import Plan
from hutong.scheduler.profile import Profile
from hutong.scheduler.records import AcceleratorCatalog
from hutong.server.clock import Clock
from hutong.server.commits import Commits
from hutong.server.ended import JustEnded
from hutong.server.loading import load_machine
from hutong.server.log import LOG
from hutong.server.metrics import Metrics
from hutong.server.speed import Speed
from hutong.store.contract import Batch, Store

TICK_MS = 500
CYCLE_PAUSE_MS = 2
"""Between the wish for a cycle and the cycle: what arrives together is decided together."""

SNAPSHOT_ENTRIES = 50_000
RETRY_FIRST_MS = 100
RETRY_LAST_MS = 2_000
_FAULTY_CYCLE_PAUSE_MS = 5_000
"""Behind a cycle that met a fault, since the next one may meet it again."""

P = ParamSpec("P")
T = TypeVar("T")


class Driver:
    """One hub: a machine, its store, its clock and the tasks that keep it going."""

    def __init__(
        self,
        store: Store,
        catalog: AcceleratorCatalog,
        profile: Profile,
        *,
        metrics: Metrics | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.store = store
        self.metrics = metrics or Metrics()
        self.clock = clock or Clock()
        self.on_poke: Callable[[SiteId], None] = _no_stream
        self.on_entries: Callable[[Sequence[ev.Entry]], None] = _no_reader
        self.on_fenced: Callable[[], None] = _nobody
        """Called when another hub took the store over: this one must stop."""
        self.just_ended = JustEnded()
        self.plan = Plan()
        """The last cycle's plan."""
        self.durable_position = 0
        self._cycle_s = 0.0
        self._fresh = partial(HubMachine, catalog, profile)
        self._machine: HubMachine | None = None
        self._refusal: HutongError | None = refuse("hub.starting")
        self._writer = ThreadPoolExecutor(1, "journal")
        self._readers = ThreadPoolExecutor(4, "reader")
        self._commits = Commits(
            store,
            self._writer,
            metrics=self.metrics,
            on_durable=self._release,
            on_failed=self._fail,
        )
        self._speed = Speed()
        self._cycle_wanted = asyncio.Event()
        self._snapshot_position = 0
        self._snapshotting = False
        self._causes = 0
        self._run_name = secrets.token_hex(3)
        self._tasks: dict[asyncio.Task[None], None] = {}

    # Its life

    async def start(self) -> None:
        """Load the machine from the open store and take over. Raises what the store raises."""
        machine = await self._in_writer(self._load)
        self._commits.start()
        self._machine = machine
        step = self._begin(machine)
        await self._in_writer(self.store.append, step)
        self._writable()
        self._spawn(self._tick_forever(), "ticks")
        self._spawn(self._cycle_forever(), "cycles")

    async def close(self) -> None:
        """Write what is left and a last snapshot, and close the store."""
        running = list(self._tasks)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await self._speed.close()
        await self._commits.close()
        if self.ready and self.machine.state.position > self._snapshot_position:
            await self._snapshot()
        self._refusal = self._refusal or refuse("hub.starting")
        self._readers.shutdown()
        await self._in_writer(self.store.close)
        self._writer.shutdown()

    # For the endpoints

    @property
    def machine(self) -> HubMachine:
        """The machine, for reading. Raises `hub.starting` or the store's error without one."""
        if self._machine is None:
            raise self._refusal or refuse("hub.starting")
        return self._machine

    @property
    def has_machine(self) -> bool:
        """Say whether there is a machine to read."""
        return self._machine is not None

    @property
    def ready(self) -> bool:
        """Say whether the hub can write its journal."""
        return self._refusal is None

    @property
    def refusal(self) -> HutongError | None:
        """Why the hub takes nothing in; None while it does."""
        return self._refusal

    def check_ready(self) -> None:
        """Raise why the hub takes nothing in, if it does not."""
        if self._refusal is not None:
            raise self._refusal

    def new_cause(self, kind: str) -> str:
        """Name a request, report, tick or cycle; unique over restarts."""
        self._causes += 1
        return f"{kind}{self._run_name}-{self._causes:x}"

    def handle(self, stimulus: do.Stimulus, cause: str) -> object:
        """Give the machine a stimulus; its answer may leave once `durable` returns.

        Raises the machine's refusals, and the reason why the hub takes nothing in.
        """
        self.check_ready()
        machine = self.machine
        position = machine.state.position
        began = time.perf_counter()
        try:
            step = machine.handle(stimulus, self.clock.now_ms(), cause)
            rows = machine.take_changes()
        except HutongError as error:
            whole = machine.state.position == position
            if whole and error.code != "lifecycle.invalid_transition":
                raise
            raise self._faulty(error, cause) from error
        except Exception as problem:
            raise self._faulty(problem, cause) from problem
        self.just_ended.note(rows[0], self.clock.now_ms())
        self._commits.add(step.entries, rows, step.effects)
        if isinstance(step.answer, Plan):
            self._planned(step.answer, time.perf_counter() - began)
        return step.answer

    async def submit(self, stimulus: do.Stimulus, cause: str) -> object:
        """Give the machine a stimulus and its answer back, once it is durable."""
        try:
            answer = self.handle(stimulus, cause)
        except HutongError:
            # What it was refused for may be news that is not durable yet.
            await self.durable()
            raise
        await self.durable()
        return answer

    async def durable(self) -> None:
        """Wait until everything the machine did so far is durable. Raises `store.unavailable`."""
        await self._commits.durable()

    async def read(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function of the store, or one that blocks otherwise, in a reader's thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, partial(function, *args, **kwargs))

    async def write(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function of the store that writes, in the writer's thread."""
        return await self._in_writer(function, *args, **kwargs)

    # Behind a commit

    def _release(self, entries: Sequence[ev.Entry], effects: Sequence[do.Effect]) -> None:
        for effect in effects:
            match effect:
                case do.Poke(site):
                    self.on_poke(site)
                case do.WantCycle():
                    self._cycle_wanted.set()
        if entries:
            self.durable_position = entries[-1].position
            self.on_entries(entries)
            if entries[-1].position - self._snapshot_position >= SNAPSHOT_ENTRIES:
                self._spawn(self._snapshot(), "snapshot")

    def _in_writer(
        self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> asyncio.Future[T]:
        loop = asyncio.get_running_loop()
        return loop.run_in_executor(self._writer, partial(function, *args, **kwargs))

    async def _snapshot(self) -> None:
        if self._snapshotting:
            return
        self._snapshotting = True
        began = time.perf_counter()
        try:
            machine = self.machine
            position, body = machine.state.position, machine.dump()
            await self.durable()
            await self.read(self.store.save_snapshot, position, body)
            self._snapshot_position = position
            self.metrics.snapshot_seconds.observe(time.perf_counter() - began)
        except Exception as problem:
            # Only a restart gets slower by it. Try again after as many entries.
            LOG.error("no snapshot was written", exc_info=problem)
            if self._machine is not None:
                self._snapshot_position = self._machine.state.position
        finally:
            self._snapshotting = False

    # When something failed

    def _faulty(self, problem: Exception, cause: str) -> HutongError:
        """The machine met a fault within a step: what it holds is not to be trusted."""
        LOG.error("the machine met a fault at %s", cause, exc_info=problem)
        error = refuse("hub.internal", cause=cause)
        self.metrics.internal_errors.inc()
        self._machine, self._refusal = None, refuse("hub.starting")
        self._spawn(self._recover(), "recovery")
        return error

    def _fail(self, error: HutongError) -> None:
        if error.code == "store.in_use":
            LOG.critical("another hub took the store over; this one stops")
            self._machine, self._refusal = None, error
            self.on_fenced()
        elif self._refusal is None:
            self._machine, self._refusal = None, error
            self._spawn(self._recover(), "recovery")

    async def _recover(self) -> None:
        LOG.warning("loading the state from the journal again")
        try:
            await self._commits.durable()
        except HutongError as error:
            self._refusal = error
        machine = await self._until_it_works(self._load)
        self._machine = machine
        step = self._begin(machine)
        await self._until_it_works(partial(self._append_once, step))
        self._writable()
        LOG.warning("the journal is written again, from position %d", machine.state.position)

    async def _until_it_works(self, function: Callable[[], T]) -> T:
        pause_ms = RETRY_FIRST_MS
        while True:
            try:
                return await self._in_writer(function)
            except HutongError as error:
                self._refusal = error
                LOG.error("not yet: %s", error)
            except Exception as problem:
                LOG.error("not yet", exc_info=problem)
            await asyncio.sleep(pause_ms / 1000)
            pause_ms = min(RETRY_LAST_MS, pause_ms * 2)

    def _append_once(self, batch: Batch) -> None:
        """An append that reported a failure may have been stored all the same."""
        if self.store.position() < batch.entries[-1].position:
            self.store.append(batch)

    def _load(self) -> HubMachine:
        # Nothing that is loaded is garbage, and looking for some takes longer than the loading.
        collects = gc.isenabled()
        gc.disable()
        try:
            machine, snapshot_position, last_ms = load_machine(self.store, self._fresh)
        finally:
            if collects:
                gc.enable()
        self._snapshot_position = snapshot_position
        self.clock.not_before(last_ms)
        return machine

    def _begin(self, machine: HubMachine) -> Batch:
        step = machine.handle(
            do.Start(_new_hub_id()), self.clock.now_ms(), self.new_cause("start-")
        )
        jobs, attempts, elements = machine.take_changes()
        return Batch(step.entries, jobs, attempts, elements)

    def _writable(self) -> None:
        self._refusal = None
        self.durable_position = self.machine.state.position
        self._cycle_wanted.set()

    # Tasks

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks[task] = None
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)
        if not task.cancelled() and task.exception() is not None:
            LOG.critical("the task %s died", task.get_name(), exc_info=task.exception())

    async def _tick_forever(self) -> None:
        last = time.monotonic()
        while True:
            await asyncio.sleep(TICK_MS / 1000)
            late = time.monotonic() - last > 3 * TICK_MS / 1000
            last = time.monotonic()
            # A hub that stood still has syncs to read before it calls a site silent.
            if self.ready and not late:
                await self._try(do.Tick(), "tick-")

    async def _cycle_forever(self) -> None:
        while True:
            await self._cycle_wanted.wait()
            await asyncio.sleep(max(CYCLE_PAUSE_MS / 1000, self._cycle_s))
            self._cycle_wanted.clear()
            if not self.ready:
                continue
            self._speed.consider(self.machine.scheduler)
            outcome = await self._try(do.RunCycle(), "cycle-")
            if isinstance(outcome, HutongError) and outcome.code == "hub.internal":
                await asyncio.sleep(_FAULTY_CYCLE_PAUSE_MS / 1000)

    def _planned(self, plan: Plan, took_s: float) -> None:
        self.plan, self._cycle_s = plan, took_s
        self.metrics.cycle_seconds.observe(took_s)
        self.metrics.placements.inc(len(plan.placements))
        self.metrics.preemptions.inc(len(plan.preemptions))

    async def _try(self, stimulus: do.Stimulus, kind: str) -> object:
        try:
            return await self.submit(stimulus, self.new_cause(kind))
        except HutongError as error:
            LOG.warning("%s: %s", type(stimulus).__name__, error)
            return error


def _new_hub_id() -> HubId:
    letters = string.ascii_lowercase + string.digits
    return HubId("".join(secrets.choice(letters) for _ in range(6)))


def _no_stream(site: SiteId) -> None:
    """Before the streams exist nobody is poked."""


def _nobody() -> None:
    """Before the server runs there is nothing to stop."""


def _no_reader(entries: Sequence[ev.Entry]) -> None:
    """Before the event streams exist nobody reads along."""
