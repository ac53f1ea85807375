"""The hub in virtual time: its machine, a disk, and a driver that decides nothing.

Theory of operation. A stimulus is handled as it arrives; its entries join the open batch, its
answer and effects wait there. One batch is being committed at a time, what arrives meanwhile makes
the next: group commit. Only a durable batch lets its answers and effects leave. A batch that
cannot be written is answered with `store.unavailable` as a whole, the machine is thrown away and
made again from the disk. A crash loses the machine, the open batch, and the batch under way unless
that had just become durable; its answers are lost either way.
"""

from collections.abc import Callable
from random import Random
from typing import Protocol

from hutong.lifecycle import commands as do
from hutong.lifecycle.events import Entry, JobAccepted
from hutong.lifecycle.hub import HubMachine
from hutong.model.errors import HutongError, refuse
from hutong.model.ids import HubId, JobId, SiteId
from hutong.model.job import JobSpec
from hutong.model.states import JobState
from hutong.scheduler.profile import PROFILES
from hutong.scheduler.records import AcceleratorCatalog
from hutong.sim.machines.clocks import Clock
from hutong.sim.machines.disk import Disk, Rows
from hutong.sim.machines.loop import Loop
from hutong.sim.machines.script import HubModel
from hutong.sim.machines.stall import Stall
from hutong.sim.machines.violation import INVARIANTS, Violation
from hutong.store.contract import Batch

Respond = Callable[[object], None]
SLOW_COMMIT_MS = (1_000, 20_000)
FULL_RETRY_MS = 2_000


class Watcher(Protocol):
    """Who sees all that a hub does."""

    def loaded(self, machine: HubMachine, disk: Disk) -> None:
        """A hub made its machine from the disk."""

    def handled(self, machine: HubMachine, stimulus: do.Stimulus, step: do.Step) -> None:
        """The machine took a stimulus in."""

    def durable(self, entries: list[Entry]) -> None:
        """Entries are on the disk."""

    def answered(self, stimulus: do.Stimulus, answer: object) -> None:
        """An answer leaves the hub."""


class Hub:
    """One hub process after the other, over one disk."""

    def __init__(
        self, loop: Loop, random: Random, *, model: HubModel, clock: Clock,
        catalog: AcceleratorCatalog, profile: str, watcher: Watcher, poke: Callable[[SiteId], None],
    ) -> None:  # fmt: skip
        self.disk = Disk()
        self.clock = clock
        self._profile = PROFILES[profile]
        self.machine = HubMachine(catalog, self._profile)
        self.is_up = False
        self.has_cycled = False
        self.slow_until_ms = 0
        self.stall = Stall(loop)
        self._loop = loop
        self._random = random
        self._model = model
        self._catalog = catalog
        self._watcher = watcher
        self._poke = poke
        self._life = 0
        self._running = False
        self._wall_at_start_ms = self._boot_at_start_ms = 0
        self._causes = 0
        self._snapshot_at = 0
        self._rows = Rows()
        self._open = _Group()
        self._committing: _Group | None = None
        self._cycle_wanted = False

    @property
    def now_ms(self) -> int:
        """The time as the hub's process has it: never back, and on by the boot clock alone.

        A wall clock that is set forward while it runs would end every lease at once.
        """
        elapsed_ms = self.clock.boot_ms(self._loop.now_ms) - self._boot_at_start_ms
        return self._wall_at_start_ms + elapsed_ms

    @property
    def is_idle(self) -> bool:
        """Say whether it serves and everything it decided is durable."""
        return self.is_up and self._committing is None

    def start(self) -> None:
        """Start a process, unless one runs. It serves once its first entry is durable."""
        if self._running:
            return
        self._running = True
        self._life += 1
        self._wall_at_start_ms = max(self.clock.wall_ms(self._loop.now_ms), self.disk.last_ms)
        self._boot_at_start_ms = self.clock.boot_ms(self._loop.now_ms)
        self._open, self._committing, self._cycle_wanted = _Group(), None, False
        self.machine = HubMachine(self._catalog, self._profile)
        snapshot = self.disk.load_snapshot()
        if snapshot is not None:
            self.machine.load(snapshot[1])
        for entry in self.disk.entries(self.machine.state.position):
            self.machine.replay(entry)
        self._snapshot_at = self.machine.state.position
        self._rows = self.disk.rows.copy()
        self._watcher.loaded(self.machine, self.disk)
        self._handle(do.Start(HubId("sim000")), self._serve)

    def crash(self, *, keep_batch: bool, restart_after_ms: int) -> None:
        """Kill the process. With `keep_batch` the batch under way had just reached the disk."""
        if self._running:
            if keep_batch and self._committing is not None and not self.disk.full:
                self._watcher.durable(self.disk.append(self._committing.batch))
            self._die()
        self._loop.after(restart_after_ms, self.start)

    def call(self, stimulus: do.Stimulus, respond: Respond) -> None:
        """Take a request. `respond` gets the answer, or the HutongError, if the hub lives."""
        if self.stall.holds(self.call, stimulus, respond):
            return
        if self.is_up:
            self._handle(stimulus, respond)
        else:
            respond(refuse("hub.starting"))

    def submit(self, submissions: tuple[do.Submission, ...], by: str, respond: Respond) -> None:
        """Take jobs, and look up in the rows what the machine no longer holds."""
        if self.stall.holds(self.submit, submissions, by, respond):
            return
        if not self.is_up:
            respond(refuse("hub.starting"))
            return
        # What was accepted and ended since the last commit is in no table yet.
        self._take_changes(self._open.batch)
        known: dict[JobId, JobState] = {}
        keys: dict[int, tuple[JobId, JobSpec]] = {}
        for index, submission in enumerate(submissions):
            spec = submission.spec
            job = self._rows.keys.get((spec.tenant, submission.key)) if submission.key else None
            if job is not None:
                keys[index] = job, self._spec(job)
            for dependency in spec.depends_on:
                row = self._rows.jobs.get(dependency.job)
                if row is not None:
                    known[row.id] = row.state
        self._handle(do.Submit(submissions, by, known, keys), respond)

    def cancel(self, command: do.Cancel, respond: Respond) -> None:
        """Cancel a job; one that the machine no longer holds is over."""
        row = self._rows.jobs.get(command.job)
        if self.is_up and row is not None and command.job not in self.machine.state.jobs:
            respond(refuse("job.finished", job=row.id, state=row.state.value))
        else:
            self.call(command, respond)

    def _die(self) -> None:
        self._life += 1
        self.stall.clear()
        self._running = self.is_up = self.has_cycled = False

    def _serve(self, _answer: object) -> None:
        self.is_up = True
        self._loop.after(self._model.tick_ms, self._tick, self._life)

    def _tick(self, life: int) -> None:
        if self.stall.holds(self._tick, life):
            return
        if life == self._life:
            self._handle(do.Tick())
            self._loop.after(self._model.tick_ms, self._tick, life)

    def _want_cycle(self) -> None:
        if not self._cycle_wanted:
            self._cycle_wanted = True
            self._loop.after(self._model.cycle_gap_ms, self._cycle, self._life)

    def _cycle(self, life: int) -> None:
        if self.stall.holds(self._cycle, life):
            return
        if life == self._life:
            self._cycle_wanted = False
            self._handle(do.RunCycle())
            self.has_cycled = True

    def _handle(self, stimulus: do.Stimulus, respond: Respond | None = None) -> None:
        self._causes += 1
        answer: object
        group = self._open
        try:
            step = self.machine.handle(stimulus, self.now_ms, f"c{self._causes}")
        except HutongError as error:
            if error.code == "lifecycle.invalid_transition":
                raise Violation(INVARIANTS, str(error)) from error
            answer = error
        else:
            answer = step.answer
            group.batch.entries.extend(step.entries)
            group.effects.extend(step.effects)
            self._watcher.handled(self.machine, stimulus, step)
        if respond is not None:
            group.answers.append((stimulus, respond, answer))
        self._commit()

    def _commit(self) -> None:
        """Begin a commit, unless one is under way. A group without entries may leave at once."""
        if self._committing is not None:
            return
        group, self._open = self._open, _Group()
        if not group.batch.entries:
            self._leave(group)
            return
        self._take_changes(group.batch)
        self._committing = group
        position = group.batch.entries[-1].position
        if position - self._snapshot_at >= self._model.snapshot_entries:
            self._snapshot_at = position
            group.snapshot = self.machine.dump()
        slow = self._loop.now_ms < self.slow_until_ms
        span = SLOW_COMMIT_MS if slow else self._model.commit_ms
        self._loop.after(self._random.randint(*span), self._committed, self._life)

    def _take_changes(self, batch: Batch) -> None:
        jobs, attempts, elements = self.machine.take_changes()
        self._rows.take(Batch([], jobs, attempts, elements))
        batch.jobs.update(jobs)
        batch.attempts.update(attempts)
        batch.elements.extend(elements)

    def _committed(self, life: int) -> None:
        if self.stall.holds(self._committed, life):
            return
        group = self._committing
        if life != self._life or group is None:
            return
        if self.disk.full:
            self._fail(group)
            return
        self._committing = None
        self._watcher.durable(self.disk.append(group.batch))
        if group.snapshot:
            self.disk.save_snapshot(group.batch.entries[-1].position, group.snapshot)
        self._leave(group)
        if life == self._life and (self._open.batch.entries or self._open.answers):
            self._commit()

    def _fail(self, group: "_Group") -> None:
        waiting = [*group.answers, *self._open.answers]
        self._die()
        for _, respond, _ in waiting:
            respond(refuse("store.unavailable", problem="the disk is full"))
        self._loop.after(FULL_RETRY_MS, self.start)

    def _leave(self, group: "_Group") -> None:
        for stimulus, respond, answer in group.answers:
            self._watcher.answered(stimulus, answer)
            respond(answer)
        for effect in group.effects:
            match effect:
                case do.Poke(site):
                    self._poke(site)
                case do.WantCycle():
                    self._want_cycle()

    def _spec(self, job: JobId) -> JobSpec:
        position = self._rows.jobs[job].accepted_position
        waiting = self._committing.batch.entries if self._committing is not None else []
        for entry in (*waiting, *self._open.batch.entries):
            if entry.position == position and isinstance(entry.event, JobAccepted):
                return entry.event.spec
        event = self.disk.entry(position).event
        assert isinstance(event, JobAccepted), f"{job} was not accepted at {position}"
        return event.spec


class _Group:
    """A batch, with what leaves once it is durable."""

    def __init__(self) -> None:
        self.batch = Batch([])
        self.answers: list[tuple[do.Stimulus, Respond, object]] = []
        self.effects: list[do.Effect] = []
        self.snapshot = b""
