"""The hub's machine: every decision of the control plane, without a clock or any I/O.

Theory of operation. `handle(stimulus, now_ms, cause)` checks a stimulus and refuses it whole, or
emits events; each is folded into the state at once (`fold.py`) and returned in the step, which the
driver appends to the journal in one transaction with the rows from `take_changes`. Only when that
is durable do the step's effects and answer leave. If it cannot be made durable, the driver throws
the machine away and loads the journal again. `replay` folds stored entries in without deciding.

Not in the journal, and safe to lose: when a site was last heard, its session and its lease (a hub
that starts takes each lease as just renewed), and why a job waits (the next cycle says it anew).
"""

from hutong.lifecycle import admission, bookings, clock
from hutong.lifecycle import commands as do
from hutong.lifecycle import events as ev
from hutong.lifecycle.check import check_hub
from hutong.lifecycle.fold import Fold
from hutong.lifecycle.planning import run_cycle_and_place
from hutong.lifecycle.report import report
from hutong.lifecycle.rows import AttemptRow, ElementRow, JobRow
from hutong.lifecycle.state import HubState, decode_state, encode_state
from hutong.lifecycle.turn import Turn
from hutong.model.errors import refuse
from hutong.model.ids import AttemptId, JobId
from hutong.model.states import TERMINAL_JOB_STATES
from hutong.scheduler.plan import Deferral
from hutong.scheduler.profile import PROFILES, Profile
from hutong.scheduler.records import AcceleratorCatalog
from hutong.scheduler.state import SchedulerState


class HubMachine:
    """The control plane as a value: feed it stimuli and time, carry out what it says."""

    def __init__(self, catalog: AcceleratorCatalog, profile: Profile = PROFILES["fair"]) -> None:
        self._configured = profile
        self.fold = Fold(HubState(), SchedulerState(catalog))

    @property
    def profile(self) -> Profile:
        """The profile in force. What the machine was made with is so from `Start`."""
        return self.fold.state.profile

    @property
    def state(self) -> HubState:
        """The state, for reading."""
        return self.fold.state

    @property
    def scheduler(self) -> SchedulerState:
        """The scheduler's columns, for reading."""
        return self.fold.scheduler

    def load(self, snapshot: bytes) -> None:
        """Take up a state that `dump` wrote; only a new machine may. Follow with `replay`."""
        assert self.state.position == 0, "a machine loads before anything else"
        self.fold.state = decode_state(snapshot)
        self.fold.rebuild()

    def dump(self) -> bytes:
        """Write the state down, as of `state.position`."""
        return encode_state(self.state)

    def replay(self, entry: ev.Entry) -> None:
        """Fold a stored entry in. Nothing leaves."""
        self.fold.apply(entry)
        self.fold.changes.clear()

    def handle(self, stimulus: do.Stimulus, now_ms: int, cause: str = "") -> do.Step:
        """Take a stimulus in. Raises HutongError, with nothing changed, where it is refused."""
        turn = Turn(self.fold, now_ms, cause)
        answer: object = None
        match stimulus:
            case do.Start():
                self._start(turn, stimulus)
            case do.Submit():
                answer = admission.submit(turn, stimulus)
            case do.Cancel():
                admission.cancel(turn, stimulus)
            case do.PutTenant():
                admission.put_tenant(turn, stimulus)
            case do.DrainSite():
                admission.drain_site(turn, stimulus)
            case do.DrainNode():
                admission.drain_node(turn, stimulus)
            case do.PutBooking():
                answer = bookings.put_booking(turn, stimulus)
            case do.RemoveBooking():
                bookings.remove_booking(turn, stimulus)
            case do.Report():
                answer = report(turn, stimulus.request)
            case do.RunCycle():
                answer = run_cycle_and_place(turn, self.profile)
            case do.Tick():
                clock.tick(turn)
        return do.Step(turn.entries, turn.effects(), answer)

    def _start(self, turn: Turn, stimulus: do.Start) -> None:
        if not turn.state.hub:
            turn.emit(ev.HubCreated(stimulus.hub))
        turn.emit(ev.HubStarted())
        if turn.state.profile != self._configured:
            turn.emit(ev.ProfileChanged(self._configured))
        turn.want_cycle()

    def take_changes(
        self,
    ) -> tuple[dict[JobId, JobRow], dict[AttemptId, AttemptRow], list[ElementRow]]:
        """Rows of the read tables that changed since the last call, as they are now."""
        return self.fold.changes.take()

    def why(self, job_id: JobId, now_ms: int) -> Deferral:
        """Why a job of the queue waits, and when it expects to start."""
        job = self.state.jobs.get(job_id)
        if job is None:
            raise refuse("job.not_found", job=job_id)
        if job.state in TERMINAL_JOB_STATES:
            raise refuse("job.finished", job=job_id, state=job.state.value)
        return self.scheduler.why(job_id, now_ms)

    def story(self, job_id: JobId) -> list[tuple[int, str]]:
        """The newest lines of what happened to a job held here: (Unix ms, sentence)."""
        job = self.state.jobs.get(job_id)
        return list(job.story) if job else []

    def validate(self) -> None:
        """Check every invariant; raises AssertionError with the facts."""
        check_hub(self.state, self.scheduler)
