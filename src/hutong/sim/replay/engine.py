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
from pathlib import Path
from typing import cast

from hutong.catalog import load_catalog
from hutong.model.catalogue import Link
from hutong.model.ids import JobId, NodeId, SiteId
from hutong.model.reasons import EndedReason, Preempted, Reclaimed
from hutong.scheduler import kernels
from hutong.scheduler.cycle import run_cycle
from hutong.scheduler.plan import Placement, Plan, Preemption
from hutong.scheduler.rounds.index import INDEXES
from hutong.scheduler.state import QueuedJob, RunningAttempt, SchedulerState
from hutong.scheduler.worth import is_large, take_up
from hutong.sim.outcome import Ending, Outcome
from hutong.sim.replay import checkpoint
from hutong.sim.replay.arrivals import START_MS, Arrivals, Followers
from hutong.sim.replay.beliefs import Beliefs, Correction
from hutong.sim.replay.due import Due, FlowArrives, Happening
from hutong.sim.replay.flows import Flows
from hutong.sim.replay.meters import Meters
from hutong.sim.replay.results import ENDINGS, Results
from hutong.sim.replay.running import Phase, SimJob
from hutong.sim.replay.supply import SupplySide
from hutong.sim.replay.told import Teller
from hutong.sim.setup import Mode, Setup
from hutong.sim.workload import TraceJob

AT_ONCE_MOST = 10_000
"""More cycles at one instant would go on for ever: then the next one waits for the next event."""

IDLE_MOST_MS = 400 * 24 * 3_600_000
"""Once all jobs are handed in and nothing ends for so long, nothing more is expected to."""

OBSERVE_EVERY = 256
"""After so many instants whoever watches is told how far it got."""

LONG_RUN = 4_096
"""A run of so many instants takes up compiled kernels, which its outcome does not depend on."""

Observer = Callable[[int, int, int], None]
"""Called with simulated ms, jobs that are over and jobs that were handed in; may raise."""


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
        self.supply = SupplySide(
            world, self.state, profile, begin_ms=self.begin_ms, catalog=catalog
        )
        snapshot = self.state.snapshot(self.begin_ms)
        self.flows = Flows(snapshot.matcher.transfers)
        self.meters = Meters(world, catalog)
        self.teller = Teller(
            world, profile, setup.mode, begin_ms=self.begin_ms, state=self.state, catalog=catalog
        )
        self.arrivals = Arrivals(setup.workload)
        self.followers = Followers()
        self.results = Results(setup, snapshot.supply, self.begin_ms)
        self.jobs: dict[JobId, SimJob] = {}
        self.beliefs = Beliefs(setup)
        self._heap: list[tuple[int, int, int, object]] = []
        self._serial = 0
        self._decidable = True
        self._look_ms = 0
        self._finished = False
        self._instants = 0
        self._moved_ms = self.begin_ms
        self._rounds = profile.round_ms > 0 and profile.order in INDEXES
        self._contends = self._rounds or profile.spot_retry_ms > 0
        self._until_ms = self.begin_ms + setup.until_ms if setup.until_ms else 0
        self._always = bool(self.supply.providers)
        self._boots: dict[str, int] = {
            pool.id: pool.boot_ms for site in world.sites for pool in site.inventory.pools
        }
        self.supply.plan(self)

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
            while not self._finished:
                at_ms = self._next_ms()
                if at_ms is None:
                    self._finished = True
                elif stop_ms and at_ms > stop_ms:
                    self._finished = stop_ms == self._until_ms
                    self.now_ms = stop_ms if self._finished else self.now_ms
                    break
                else:
                    self._instant(at_ms)
                    self._instants += 1
                    if self._instants % OBSERVE_EVERY == 0:
                        self._look_about(observe)
        finally:
            self.results.cpu_ns += time.process_time_ns() - begun_ns
        return self._finished

    def _look_about(self, observe: Observer | None) -> None:
        """Take up the compiled kernels once they are worth it, and tell whoever watches."""
        if not kernels.is_loaded():
            compiled = Path(kernels.cache_dir()).is_dir()
            if is_large(self.state) or (compiled and self._instants >= LONG_RUN):
                take_up()
        if observe is not None:
            done, known = self.results.over, len(self.results.rows.names)
            observe(self.now_ms - self.begin_ms, done, known)

    def outcome(self) -> Outcome:
        """What came of it so far."""
        return self.results.outcome(
            self.jobs.values(), self.supply.uses(self.now_ms), self.now_ms,
            finished=self._finished,
        )  # fmt: skip

    def save(self, path: Path) -> None:
        """Put the run aside in a file, between two instants. Raises `OSError`."""
        checkpoint.save(path, self, self.setup)

    @classmethod
    def load(cls, path: Path, setup: Setup) -> "Replay":
        """Take up what `save` put aside of this very setup.

        Raises `HutongError` `scenario.checkpoint` where it is not that.
        """
        run = checkpoint.load(path, setup)
        assert isinstance(run, cls)
        return run

    def validate(self) -> None:
        """Raise AssertionError with facts unless every account adds up."""
        self.state.validate()
        gauges = self.results.gauges
        holding = [job for job in self.jobs.values() if job.phase is not Phase.WAITING]
        assert gauges.running == len(holding), (gauges.running, len(holding))
        assert gauges.waiting == len(self.jobs) - len(holding), gauges.waiting
        assert self.state.running_count() == len(holding), holding
        assert self.state.queued_count() == gauges.waiting, gauges.waiting

    def _next_ms(self) -> int | None:
        """When something happens next; None once nothing can change any more."""
        coming = self.arrivals.next
        if coming is None:
            heap = self._heap
            if not heap or not (self.jobs or any(event[1] == Due.HAND_IN for event in heap)):
                return None
            return heap[0][0] if heap[0][0] < self._moved_ms + IDLE_MOST_MS else None
        at_ms = max(self.begin_ms + coming.submit_ms, self.now_ms)
        return min(at_ms, self._heap[0][0]) if self._heap else at_ms

    def _instant(self, now_ms: int) -> None:
        """Everything that happens at one time, and what is decided then."""
        self.results.gauges.pass_to(now_ms - self.begin_ms)
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
            self._moved_ms = now_ms
        if self._decidable:
            self._decide()

    def _happen(self, kind: int, serial: int, what: object) -> None:
        if isinstance(what, SimJob):
            if kind == Due.DEADLINE:
                self._pass_deadline(what)
            elif what.due == serial:
                self._move_on(what)
        elif isinstance(what, TraceJob):
            self._hand_in(what)
        elif isinstance(what, Correction):
            if self.beliefs.correct(what, self.state, self):
                self._decidable = True
        elif isinstance(what, FlowArrives):
            for job in self.flows.arrive(what, self):
                self._begin_after_boot(job)
        elif what is not None:
            self.supply.happen(cast(Happening, what), self)
        else:
            self._decidable = True

    def _move_on(self, job: SimJob) -> None:
        """What was due for an attempt has come."""
        match job.phase:
            case Phase.COMING:
                self._begin(job)
            case Phase.RUNNING:
                self._end(job)
            case Phase.STOPPING:
                self._requeue(job)
            case Phase.WAITING:
                raise AssertionError(f"{job.id} waits, and something was due for it")

    # What others ask for

    def plan_for(self, at_ms: int, kind: Due, what: object) -> int:
        """Have something happen at a time; gives its number."""
        self._serial += 1
        heapq.heappush(self._heap, (at_ms, kind, self._serial, what))
        return self._serial

    def want_cycle(self) -> None:
        """A cycle could decide something new."""
        self._decidable = True

    def put_link(self, link: Link) -> None:
        """A link is another from now on."""
        self.flows.before_change(self)
        self.state.put_link(link)
        self.flows.renew(self)

    def lose_at(self, site: SiteId, node: NodeId | None, reason: EndedReason) -> None:
        """What runs at a site, or on one node there, ends now."""
        for job in list(self.jobs.values()):
            if job.phase is Phase.WAITING or job.site != site:
                continue
            if node is None or any(share.node == node for share in job.nodes):
                if job.phase is not Phase.STOPPING:
                    job.stop(self.now_ms, keeps=False)
                    job.stopped_for = reason
                self._requeue(job)

    # Cycles

    def _decide(self) -> None:
        """Run cycles, unless the next one is to come later."""
        every_ms = self.setup.cycle_ms
        if every_ms and (self.now_ms - self.begin_ms) % every_ms:
            self._look_at(self.now_ms + every_ms - (self.now_ms - self.begin_ms) % every_ms)
            return
        for _ in range(AT_ONCE_MOST):
            self._decidable = False
            if not (self._always or self.state.queued_count() or self.state.may_move()):
                return
            self._cycle()
            if not self._decidable:
                return

    def _look_at(self, at_ms: int) -> None:
        """Have a cycle at a time, unless one comes earlier anyway."""
        if not self.now_ms < self._look_ms <= at_ms:
            self._look_ms = at_ms
            self.plan_for(at_ms, Due.LOOK, None)

    def _cycle(self) -> None:
        begun_ns = time.process_time_ns()
        plan = run_cycle(self.state.snapshot(self.now_ms), self.setup.profile, explains=False)
        self.results.cycles.note(time.process_time_ns() - begun_ns)
        self._carry_out(plan)

    def _carry_out(self, plan: Plan) -> None:
        """Do what a plan says, in the order in which the hub does it."""
        for placement in plan.placements:
            self._start(placement)
        for preemption in plan.preemptions:
            self._preempt(preemption)
        if plan.scalings:
            self.supply.carry_out(plan, self)
        self.state.remember(plan)
        if plan.truncated:
            self._decidable = True
        if plan.look_again_ms > self.now_ms:
            self._look_at(plan.look_again_ms)

    # Handing in

    def _arrive(self, trace: TraceJob) -> None:
        """The next job of the workload: handed in now, or when the one it follows is over."""
        if not trace.after:
            self._hand_in(trace)
            return
        if not self.followers.any:
            self._begin_following()
        ended_ms = self.followers.follow(trace)
        if ended_ms is not None:
            self._hand_in_later(trace, ended_ms)

    def _begin_following(self) -> None:
        """The first job that follows another: from now on it is known when jobs ended."""
        there = {job.number for job in self.jobs.values()}
        rows = self.results.rows
        ended = {
            name: rows.end_ms(number) + self.begin_ms
            for number, name in enumerate(rows.names)
            if number not in there
        }
        self.followers.begin(ended)

    def _hand_in_later(self, trace: TraceJob, ended_ms: int) -> None:
        at_ms = max(ended_ms + trace.think_ms, self.begin_ms + trace.submit_ms, self.now_ms)
        self.plan_for(at_ms, Due.HAND_IN, trace)

    def _hand_in(self, trace: TraceJob) -> None:
        number = self.results.rows.add(trace.name)
        believed_ms = self.beliefs.of(trace)
        told = self.teller.tell(trace, self.beliefs.estimate_of(trace, believed_ms))
        job = SimJob(number, JobId(f"j{number + 1}"), trace, told)
        job.submit_ms = self.now_ms
        job.believed_ms = believed_ms
        if not told.fits:
            self._close(job, Ending.REFUSED)
            return
        self.jobs[job.id] = job
        self.results.gauges.wait(job, 1)
        self._enqueue(job)
        if told.spec.deadline_ms:
            self.plan_for(max(told.spec.deadline_ms, self.now_ms), Due.DEADLINE, job)
        self._decidable = True

    # Attempts

    def _start(self, placement: Placement) -> None:
        job = self.jobs[placement.job]
        gauges = self.results.gauges
        self.state.dequeue(job.id)
        gauges.wait(job, -1)
        job.place(placement, self.now_ms)
        gauges.hold(job, 1)
        told, spec = job.told, job.told.spec
        boot_ms = self._boots[placement.pool]
        at_once = not boot_ms and not spec.inputs
        self.state.start(
            RunningAttempt(
                job.attempt, job.id, job.number + 1, spec.tenant, spec.priority, placement.site,
                placement.pool, placement.nodes, told.amount(placement.accelerator_milli),
                self.now_ms, placement.expected_end_ms, spec.preemptible,
                accelerator=placement.accelerator, end_basis=placement.end_basis,
                rate_microcny_per_hour=placement.rate_microcny_per_hour, grace_ms=spec.grace_ms,
                running_ms=self.now_ms if at_once else 0, checkpoint_ms=spec.checkpoint_ms,
                inputs=spec.inputs, models=told.models, contends=spec if self._contends else None,
                speed_milli=placement.speed_milli, served_ms=job.served_ms,
                done_ms=self._done_ms(job),
            )
        )  # fmt: skip
        self.results.cycles.placements += 1
        job.rate_chips = self.meters.rate_parts(
            placement.pool, self.now_ms - self.begin_ms, job.tasks * job.milli
        )
        if self._always and placement.site in self.supply.providers:
            self.supply.note_start(job, placement, self.now_ms)
        if at_once:
            self._run(job)
            return
        job.waits_for = self.flows.stage(job, self) if spec.inputs else 0
        if not job.waits_for:
            self._begin_after_boot(job)

    def _begin_after_boot(self, job: SimJob) -> None:
        """Its inputs are there: it boots, and begins."""
        after_ms = self._boots[job.pool]
        job.due = self.plan_for(self.now_ms + after_ms, Due.BEGIN, job)

    def _begin(self, job: SimJob) -> None:
        """It runs, and the scheduler is told so."""
        self.state.note_progress(job.attempt, self.now_ms, 0)
        self._run(job)

    def _run(self, job: SimJob) -> None:
        job.end_ms = job.begin(self.now_ms, self.setup.world.costs)
        limit_ms = job.trace.limit_ms
        end_ms = min(job.end_ms, self.now_ms + limit_ms) if limit_ms else job.end_ms
        job.due = self.plan_for(end_ms, Due.END, job)
        if self.beliefs.corrects(job.trace):
            self.beliefs.watch(job, job.believed_ms, self)

    def _release(self, job: SimJob) -> None:
        """Its attempt holds nothing any more, and is billed."""
        now_ms = self._moved_ms = self.now_ms
        self.state.release(job.attempt)
        self.results.gauges.hold(job, -1)
        job.held_ms += now_ms - job.placed_ms
        if job.waits_for:
            self.flows.leave(job, self)
        if self._always and job.site in self.supply.providers:
            self.supply.note_end(job, now_ms)
        if job.began_ms:
            since_ms, until_ms = job.began_ms - self.begin_ms, now_ms - self.begin_ms
            self.meters.bill(job, since_ms, until_ms)
        self._decidable = True

    def _end(self, job: SimJob) -> None:
        """Its attempt ran to its end, or to its limit."""
        ending = ENDINGS[job.trace.ended]
        if self._rounds:
            service_ms = job.trace.run_ms + job.served_ms - job.done_ms
            self.state.note_service(job.told.spec, service_ms)
        if self.now_ms < job.end_ms:
            job.stop(self.now_ms, keeps=False)
            ending = Ending.TIMED_OUT
        self._release(job)
        self.beliefs.learn(job.trace)
        del self.jobs[job.id]
        self._close(job, ending)

    def _preempt(self, preemption: Preemption) -> None:
        job = self.jobs[JobId(preemption.victim.rpartition("-")[0])]
        if job.phase is Phase.STOPPING:
            return
        job.preemptions += 1
        why: EndedReason = Preempted(preemption.job)
        if preemption.tenant:
            why = Reclaimed(preemption.job, preemption.tenant)
        costs = self.setup.world.costs
        gone_ms = self.now_ms + costs.grace_ms
        self.state.mark_stopping(job.attempt, preemption.job, gone_ms)
        job.stop(self.now_ms, keeps=costs.keeps_work)
        job.stopped_for = why
        if costs.grace_ms:
            job.due = self.plan_for(gone_ms, Due.END, job)
        else:
            self._requeue(job)

    def _requeue(self, job: SimJob) -> None:
        """What stopped takes its place in the queue again, with the work that is left."""
        self._release(job)
        job.due = 0
        assert job.stopped_for is not None
        if not job.goes_on(job.stopped_for):
            del self.jobs[job.id]
            self._close(job, Ending.FAILED)
            return
        job.phase = Phase.WAITING
        if self.setup.mode is Mode.ORACLE:
            job.told = self.teller.tell(job.trace, job.left_ms)
        self.results.gauges.wait(job, 1)
        self._enqueue(job)

    def _enqueue(self, job: SimJob) -> None:
        queued = QueuedJob(
            job.id, job.number + 1, job.told.spec, job.submit_ms, served_ms=job.served_ms,
            done_ms=self._done_ms(job), believed_ms=self.beliefs.place_of(job.believed_ms),
        )  # fmt: skip
        self.state.enqueue(queued, 1)

    def _done_ms(self, job: SimJob) -> int:
        """What of the work that the scheduler was told of is done; an oracle tells what is left."""
        return 0 if self.setup.mode is Mode.ORACLE else job.done_ms

    def _pass_deadline(self, job: SimJob) -> None:
        """What waits at its deadline is given up, as the hub does."""
        if job.id in self.jobs and job.phase is Phase.WAITING:
            self.state.dequeue(job.id)
            self.results.gauges.wait(job, -1)
            del self.jobs[job.id]
            self._close(job, Ending.CANCELLED)
            self._decidable = True

    def _close(self, job: SimJob, ending: Ending) -> None:
        """A job is over."""
        self.results.over += 1
        self.results.write(job, ending, self.now_ms)
        if self.followers.any:
            for follower in self.followers.note_end(job.trace.name, self.now_ms):
                self._hand_in_later(follower, self.now_ms)
