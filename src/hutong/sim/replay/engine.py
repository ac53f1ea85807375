"""The replay: a workload played through the scheduler's own state and cycle, event by event.

Theory of operation. A heap holds what is due, the workload's stream what comes next. All that
happens at one instant is told to the state first, in one order, and then one cycle decides. Its
plan is carried out as the hub carries it out: attempts start, victims are told to stop and release
what they held when their grace is over, and take the place in the queue that they had. Nothing is
decided here. An event for an attempt that has meanwhile changed its way is stale: it bears another
number than the one that its job calls `due`.
"""

import heapq
import time
from collections.abc import Callable
from enum import IntEnum

from hutong.catalog import load_catalog
from hutong.model.ids import JobId
from hutong.scheduler.cycle import run_cycle
from hutong.scheduler.plan import Placement, Plan, Preemption
from hutong.scheduler.state import QueuedJob, RunningAttempt, SchedulerState
from hutong.sim.outcome import Ending, Facts, Outcome
from hutong.sim.replay.arrivals import Arrivals, Followers
from hutong.sim.replay.record import Cycles, Rows, Samples, belief
from hutong.sim.replay.running import Phase, SimJob
from hutong.sim.replay.supply import SupplySide
from hutong.sim.replay.told import Teller
from hutong.sim.setup import Mode, Setup
from hutong.sim.workload import TraceEnd, TraceJob

START_MS = 1_767_225_600_000
"""When a workload begins that does not say so: 2026-01-01T00:00:00Z."""

AT_ONCE_MOST = 10_000
"""More cycles at one instant than this would go on for ever."""

OBSERVE_EVERY = 256
"""After so many instants whoever watches is told how far it got."""

Observer = Callable[[int, int, int], None]
"""Called with simulated ms, jobs that are over and jobs that were handed in; may raise."""


class Due(IntEnum):
    """What comes first of all that is due at one instant."""

    END = 0
    WORLD = 1
    BEGIN = 2
    HAND_IN = 3
    DEADLINE = 4
    LOOK = 5


_ENDINGS = {
    TraceEnd.SUCCEEDED: Ending.SUCCEEDED,
    TraceEnd.FAILED: Ending.FAILED,
    TraceEnd.CANCELLED: Ending.CANCELLED,
}


def replay(setup: Setup, *, observe: Observer | None = None) -> Outcome:
    """Play a workload through a world to its end, and give what came of it.

    `observe` is called now and then; what it raises ends the replay.
    """
    run = Replay(setup)
    run.run(observe=observe)
    return run.outcome()


class Replay:
    """A replay that can be stopped, looked at and gone on with. See the module."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        world, profile = setup.world, setup.profile
        self.begin_ms = setup.workload.info.begin_unix_ms or START_MS
        self.now_ms = self.begin_ms
        catalog = load_catalog()
        self.state = SchedulerState(catalog)
        self.supply = SupplySide(world, self.state, profile, self.begin_ms)
        self.teller = Teller(
            world, profile, setup.mode, begin_ms=self.begin_ms, state=self.state, catalog=catalog
        )
        self.arrivals = Arrivals(setup.workload)
        self.followers = Followers()
        self.rows = Rows()
        self.samples = Samples(setup.sample_ms)
        self.cycles = Cycles()
        self.jobs: dict[JobId, SimJob] = {}
        self.over = 0
        self.cpu_ns = 0
        self._heap: list[tuple[int, int, int, SimJob | TraceJob | None]] = []
        self._serial = 0
        self._decidable = True
        self._look_ms = 0
        self._finished = False
        self._instants = 0
        self._until_ms = self.begin_ms + setup.until_ms if setup.until_ms else 0
        self._boots = {
            pool.id: pool.boot_ms for site in world.sites for pool in site.inventory.pools
        }

    # The loop

    def run(self, until_ms: int = 0, *, observe: Observer | None = None) -> bool:
        """Play on, up to a time of the workload (0 for its end). Says whether the end is reached.

        May be called again, also after `observe` raised: the run is then between two instants.
        """
        stop_ms = self.begin_ms + until_ms if until_ms else 0
        if self._until_ms:
            stop_ms = min(stop_ms or self._until_ms, self._until_ms)
        begun_ns = time.process_time_ns()
        try:
            while True:
                at_ms = self._next_ms()
                if at_ms is None:
                    self._finished = True
                    break
                if stop_ms and at_ms > stop_ms:
                    self.now_ms = max(self.now_ms, stop_ms)
                    self._finished = stop_ms == self._until_ms
                    break
                self._instant(at_ms)
                self._instants += 1
                if observe is not None and self._instants % OBSERVE_EVERY == 0:
                    observe(self.now_ms - self.begin_ms, self.over, len(self.rows.names))
        finally:
            self.cpu_ns += time.process_time_ns() - begun_ns
        return self._finished

    def _next_ms(self) -> int | None:
        """When something happens next."""
        coming = self.arrivals.next
        if coming is None:
            return self._heap[0][0] if self._heap else None
        at_ms = max(self.begin_ms + coming.submit_ms, self.now_ms)
        return min(at_ms, self._heap[0][0]) if self._heap else at_ms

    def _instant(self, now_ms: int) -> None:
        """Everything that happens at one time, and what is decided then."""
        self.now_ms = now_ms
        self.state.tell_time(now_ms)
        heap, arrivals = self._heap, self.arrivals
        while heap and heap[0][0] <= now_ms:
            _, kind, serial, what = heapq.heappop(heap)
            self._happen(kind, serial, what)
        submit_ms = now_ms - self.begin_ms
        while (coming := arrivals.next) is not None and coming.submit_ms <= submit_ms:
            arrivals.take()
            self._arrive(coming)
        if self._decidable:
            self._decide()

    def _happen(self, kind: int, serial: int, what: SimJob | TraceJob | None) -> None:
        if isinstance(what, SimJob):
            if kind == Due.DEADLINE:
                self._pass_deadline(what)
            elif what.due == serial:
                if kind == Due.BEGIN:
                    self._begin(what)
                elif what.phase is Phase.STOPPING:
                    self._requeue(what)
                else:
                    self._end(what)
        elif isinstance(what, TraceJob):
            self._hand_in(what)
        elif kind == Due.LOOK:
            self._decidable = True

    def _plan_for(self, at_ms: int, kind: Due, what: SimJob | TraceJob | None) -> int:
        """Have something happen at a time; gives its number."""
        self._serial += 1
        heapq.heappush(self._heap, (at_ms, kind, self._serial, what))
        return self._serial

    # Cycles

    def _decide(self) -> None:
        """Run cycles, unless the next one is to come later."""
        every_ms = self.setup.cycle_ms
        if every_ms and (self.now_ms - self.begin_ms) % every_ms:
            wait_ms = every_ms - (self.now_ms - self.begin_ms) % every_ms
            self._look_at(self.now_ms + wait_ms)
            return
        for _ in range(AT_ONCE_MOST):
            self._decidable = False
            if not self._could_decide():
                return
            self._cycle()
            if not self._decidable:
                return

    def _could_decide(self) -> bool:
        return self.state.queued_count() > 0

    def _look_at(self, at_ms: int) -> None:
        """Have a cycle at a time, unless one comes earlier anyway."""
        if not self.now_ms < self._look_ms <= at_ms:
            self._look_ms = at_ms
            self._plan_for(at_ms, Due.LOOK, None)

    def _cycle(self) -> None:
        begun_ns = time.process_time_ns()
        plan = run_cycle(self.state.snapshot(self.now_ms), self.setup.profile)
        self.cycles.note(time.process_time_ns() - begun_ns)
        self._carry_out(plan)

    def _carry_out(self, plan: Plan) -> None:
        """Do what a plan says, in the order in which the hub does it."""
        for placement in plan.placements:
            self._start(placement)
        for preemption in plan.preemptions:
            self._preempt(preemption)
        self.state.remember(plan)
        if plan.truncated:
            self._decidable = True
        if plan.look_again_ms > self.now_ms:
            self._look_at(plan.look_again_ms)

    # Jobs

    def _arrive(self, trace: TraceJob) -> None:
        """The next job of the workload: handed in now, or when the one it follows is over."""
        if not trace.after:
            self._hand_in(trace)
            return
        if not self.followers.any:
            self.followers.begin({})
        ended_ms = self.followers.follow(trace)
        if ended_ms is not None:
            self._hand_in_later(trace, ended_ms)

    def _hand_in_later(self, trace: TraceJob, ended_ms: int) -> None:
        at_ms = max(ended_ms + trace.think_ms, self.begin_ms + trace.submit_ms, self.now_ms)
        self._plan_for(at_ms, Due.HAND_IN, trace)

    def _hand_in(self, trace: TraceJob) -> None:
        number = self.rows.add(trace.name)
        believed_ms = self._believed(trace)
        told = self.teller.tell(trace, believed_ms)
        job = SimJob(number, JobId(f"j{number + 1}"), trace, told)
        job.submit_ms = self.now_ms
        if not told.fits:
            self._close(job, Ending.REFUSED)
            return
        self.jobs[job.id] = job
        self.state.enqueue(QueuedJob(job.id, number + 1, told.spec, self.now_ms), 1)
        if told.spec.deadline_ms:
            self._plan_for(max(told.spec.deadline_ms, self.now_ms), Due.DEADLINE, job)
        self._decidable = True

    def _believed(self, trace: TraceJob) -> int | None:
        """The run time that the scheduler is told."""
        match self.setup.mode:
            case Mode.ORACLE:
                return trace.run_ms
            case Mode.ESTIMATE:
                return trace.estimate_ms
            case Mode.NONE:
                return None

    def _start(self, placement: Placement) -> None:
        job = self.jobs[placement.job]
        self.state.dequeue(job.id)
        job.place(placement, self.now_ms)
        delay_ms = self._boots.get(placement.pool, 0)
        spec = job.told.spec
        self.state.start(
            RunningAttempt(
                job.attempt, job.id, job.number + 1, spec.tenant, spec.priority, placement.site,
                placement.pool, placement.nodes, job.told.amount(placement.accelerator_milli),
                self.now_ms, placement.expected_end_ms, spec.preemptible,
                accelerator=placement.accelerator, end_basis=placement.end_basis,
                rate_microcny_per_hour=placement.rate_microcny_per_hour, grace_ms=spec.grace_ms,
                running_ms=0 if delay_ms else self.now_ms, checkpoint_ms=spec.checkpoint_ms,
                inputs=spec.inputs,
            )
        )  # fmt: skip
        self.cycles.placements += 1
        if delay_ms:
            job.due = self._plan_for(self.now_ms + delay_ms, Due.BEGIN, job)
        else:
            self._run(job)

    def _begin(self, job: SimJob) -> None:
        """It runs, and the scheduler is told so."""
        self.state.note_progress(job.attempt, self.now_ms, 0)
        self._run(job)

    def _run(self, job: SimJob) -> None:
        end_ms = job.begin(self.now_ms, self.setup.world.costs)
        limit_ms = job.trace.limit_ms
        if limit_ms:
            end_ms = min(end_ms, self.now_ms + limit_ms)
        job.due = self._plan_for(end_ms, Due.END, job)

    def _release(self, job: SimJob) -> None:
        """Its attempt holds nothing any more."""
        self.state.release(job.attempt)
        job.held_ms += self.now_ms - job.placed_ms
        self._decidable = True

    def _end(self, job: SimJob) -> None:
        """Its attempt ran to its end, or to its limit."""
        self._release(job)
        ending = _ENDINGS[job.trace.ended]
        if self.now_ms < job.began_ms + job.overhead_ms + job.span_ms():
            job.stop(self.now_ms, keeps=False)
            ending = Ending.TIMED_OUT
        del self.jobs[job.id]
        self._close(job, ending)

    def _preempt(self, preemption: Preemption) -> None:
        job = self.jobs[JobId(preemption.victim.rpartition("-")[0])]
        job.preemptions += 1
        self._stop(job, preemption.job)

    def _stop(self, job: SimJob, makes_room_for: JobId | None) -> None:
        """It is told to stop; when its grace is over it is gone."""
        costs = self.setup.world.costs
        gone_ms = self.now_ms + costs.grace_ms
        self.state.mark_stopping(job.attempt, makes_room_for, gone_ms)
        job.stop(self.now_ms, keeps=costs.keeps_work)
        if costs.grace_ms:
            job.due = self._plan_for(gone_ms, Due.END, job)
        else:
            self._requeue(job)

    def _requeue(self, job: SimJob) -> None:
        """What stopped takes its place in the queue again, with the work that is left."""
        self._release(job)
        job.phase = Phase.WAITING
        job.due = 0
        if self.setup.mode is Mode.ORACLE:
            job.told = self.teller.tell(job.trace, job.left_ms)
        queued = QueuedJob(job.id, job.number + 1, job.told.spec, job.submit_ms)
        self.state.enqueue(queued, 1)

    def _pass_deadline(self, job: SimJob) -> None:
        """What waits at its deadline is given up, as the hub does."""
        if job.id in self.jobs and job.phase is Phase.WAITING:
            self.state.dequeue(job.id)
            del self.jobs[job.id]
            self._close(job, Ending.CANCELLED)
            self._decidable = True

    def _close(self, job: SimJob, ending: Ending) -> None:
        """A job is over."""
        self.over += 1
        self._write(job, ending)
        if self.followers.any:
            for follower in self.followers.note_end(job.trace.name, self.now_ms):
                self._hand_in_later(follower, self.now_ms)

    # What came of it

    def _write(self, job: SimJob, ending: Ending) -> None:
        trace, told, begin_ms = job.trace, job.told, self.begin_ms
        over = ending < Ending.WAITING
        up, down = told.best
        estimate = self._told_ms(job)
        words = self.rows.words
        self.rows.write(
            job.number,
            (
                job.submit_ms - begin_ms, job.first_ms - begin_ms if job.first_ms >= 0 else -1,
                self.now_ms - begin_ms if over else -1, trace.run_ms, -(-trace.run_ms * up // down),
                estimate, job.held_ms, trace.tasks, told.cpu_milli, told.memory_mib,
                job.milli * job.tasks or told.chips_milli, job.attempts, job.preemptions,
                job.lost_milli_ms, job.cost_microcny, job.energy_mwh, job.carbon_mg,
                trace.deadline_ms, ending,
            ),
            (
                words["tenant"].code(trace.tenant), words["user"].code(trace.user),
                words["priority"].code(trace.priority), words["kind"].code(trace.kind),
                words["partition"].code(trace.partition), words["site"].code(job.site),
                words["pool"].code(job.pool), words["accelerator"].code(job.accelerator),
            ),
        )  # fmt: skip

    def _told_ms(self, job: SimJob) -> int:
        estimate = job.told.spec.estimate_ms
        return estimate if estimate is not None else -1

    def outcome(self) -> Outcome:
        """What came of it so far."""
        for job in self.jobs.values():
            self._write(job, Ending.WAITING if job.phase is Phase.WAITING else Ending.RUNNING)
        setup, numbers = self.setup, self.rows.numbers()
        source = {Mode.ORACLE: "truth", Mode.NONE: "nobody"}.get(setup.mode, "user")
        told = belief(setup.predictor or source, numbers)
        facts = Facts(
            scenario=setup.name or setup.world.name,
            workload=setup.workload.info.name,
            profile=setup.profile.name,
            mode=setup.mode.value,
            seed=setup.seed,
            begin_unix_ms=setup.workload.info.begin_unix_ms,
            jobs=len(self.rows.names),
            cycles=self.cycles.count,
            placements=self.cycles.placements,
            cpu_ms=self.cpu_ns // 1_000_000,
            cpu_deciding_ms=self.cycles.total_ms(),
            decide_us=self.cycles.percentiles_us(),
            simulated_ms=self.now_ms - self.begin_ms,
            finished=self._finished,
            belief=told,
        )
        return Outcome(
            facts, tuple(self.rows.names), numbers, self.rows.labels(), self.samples.columns()
        )
