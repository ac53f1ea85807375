"""Jobs that are handed in and not over, with the attempt that each has: what it did, and loses.

Times are Unix ms of the simulated world. Work is in ms at speed 1000; a chip takes `up / down`
times as long for it.
"""

from enum import IntEnum

from hutong.lifecycle.elements import Tries
from hutong.lifecycle.retry import Case, judge
from hutong.model.attempt import NodeShare
from hutong.model.ids import AttemptId, JobId
from hutong.model.job import RetryPolicy
from hutong.model.reasons import EndedReason
from hutong.model.states import JobState
from hutong.scheduler.plan import Placement
from hutong.sim.replay.told import Ratio, Told
from hutong.sim.workload import TraceJob
from hutong.sim.world import Costs

_POLICY = RetryPolicy()


class Phase(IntEnum):
    """Where a job is."""

    WAITING = 0
    COMING = 1
    """It holds its nodes; they boot, or its inputs are on their way."""
    RUNNING = 2
    STOPPING = 3


class SimJob:
    """One job and its attempt, if it has one.

    `left_ms` is the work that is not done for good; `due` is the number of the event that is next
    for its attempt, so that others that were planned before are known to be stale. The work of an
    attempt begins `overhead_ms` after the attempt `began_ms`.
    """

    # Most jobs never change most of these: as defaults of the class they cost a job nothing.
    submit_ms = 0
    phase = Phase.WAITING
    first_ms = -1
    held_ms = 0
    attempts = 0
    preemptions = 0
    lost_milli_ms = 0
    cost_microcny = 0
    energy_mwh = 0
    carbon_mg = 0
    attempt = AttemptId("")
    due = 0
    placed_ms = 0
    began_ms = 0
    overhead_ms = 0
    end_ms = 0
    site = ""
    pool = ""
    accelerator = ""
    nodes: tuple[NodeShare, ...] = ()
    ratio: Ratio = (1, 1)
    tasks = 0
    milli = 0
    rate = 0
    rate_chips = 0
    waits_for = 0
    believed_ms: int | None = None
    stopped_for: EndedReason | None = None
    tries: Tries | None = None

    def __init__(self, number: int, job: JobId, trace: TraceJob, told: Told) -> None:
        self.number = number
        self.id = job
        self.trace = trace
        self.told = told
        self.left_ms = trace.run_ms

    def place(self, placement: Placement, now_ms: int) -> None:
        """Take a placement: it holds its nodes from now on."""
        told = self.told
        self.attempts += 1
        self.attempt = AttemptId(f"{self.id}-{self.attempts}")
        self.phase = Phase.COMING
        self.placed_ms = now_ms
        self.began_ms = 0
        self.stopped_for = None
        if self.first_ms < 0:
            self.first_ms = now_ms
        self.site, self.pool = placement.site, placement.pool
        self.accelerator = placement.accelerator
        self.nodes = nodes = placement.nodes
        self.tasks = nodes[0].tasks if len(nodes) == 1 else sum([share.tasks for share in nodes])
        self.milli = placement.accelerator_milli
        self.rate = placement.rate_microcny_per_hour
        ratios = told.ratios
        if ratios is None:
            self.ratio = (1000, placement.speed_milli)
        else:
            self.ratio = ratios.get(placement.accelerator) or (1000, placement.speed_milli)

    def begin(self, now_ms: int, costs: Costs) -> int:
        """Its program begins; gives when it will end if nothing happens, its time limit apart."""
        self.phase = Phase.RUNNING
        self.began_ms = now_ms
        resumes = self.left_ms < self.trace.run_ms
        self.overhead_ms = costs.start_ms + (costs.restart_ms if resumes else 0)
        return now_ms + self.overhead_ms + self.span_ms()

    def span_ms(self) -> int:
        """How long its attempt works if it does all that is left. A smaller gang takes longer."""
        up, down = self.ratio
        if self.tasks != self.trace.tasks:
            up, down = up * self.trace.tasks, down * max(self.tasks, 1)
        return -(-self.left_ms * up // down)

    def stop(self, now_ms: int, *, keeps: bool) -> None:
        """Its attempt works no more: what it did since its last checkpoint is lost.

        With `keeps` it writes down its state first.
        """
        done_ms = 0
        if self.phase is Phase.RUNNING:
            done_ms = min(max(now_ms - self.began_ms - self.overhead_ms, 0), self.span_ms())
        every_ms = self.trace.checkpoint_ms
        saved_ms = done_ms
        if not keeps:
            saved_ms = done_ms - done_ms % every_ms if every_ms > 0 else 0
        self.lost_milli_ms += (done_ms - saved_ms) * self.weight()
        up, down = self.ratio
        if self.tasks != self.trace.tasks:
            up, down = up * self.trace.tasks, down * max(self.tasks, 1)
        self.left_ms = max(self.left_ms - saved_ms * down // up, 1 if self.left_ms else 0)
        self.phase = Phase.STOPPING

    @property
    def done_ms(self) -> int:
        """The work that is done for good, at speed 1000."""
        return self.trace.run_ms - self.left_ms

    @property
    def served_ms(self) -> int:
        """The work that earlier attempts did, with what of it was lost."""
        return self.done_ms + self.lost_milli_ms // max(self.weight(), 1)

    def weight(self) -> int:
        """What it holds: thousandths of chips, or of CPU where it has none."""
        return self.tasks * (self.milli or self.trace.cpu_milli)

    def goes_on(self, reason: EndedReason) -> bool:
        """Whether it is tried again after an attempt that did not succeed, by the hub's rules."""
        if self.tries is None:
            self.tries = Tries()
        self.tries.attempts = self.attempts
        verdict = judge(Case(_POLICY, self.tries, reason, cancelling=False))
        if verdict.state is JobState.FAILED:
            return False
        self.tries.count(reason.failure)
        return True
