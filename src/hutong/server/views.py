"""Rows and live objects as the API shows them."""

from hutong.lifecycle.hub import HubMachine
from hutong.lifecycle.rows import AttemptRow, JobRow
from hutong.model.errors import HutongError
from hutong.model.ids import JobId
from hutong.model.reasons import Reason
from hutong.model.states import TERMINAL_JOB_STATES, AttemptState, JobState
from hutong.scheduler.plan import Deferral
from hutong.wire.api import AttemptView, JobView, ReasonView


def reason_view(reason: Reason | None) -> ReasonView | None:
    """A reason, rendered, or None."""
    return None if reason is None else ReasonView.of(reason)


def deferral_of(machine: HubMachine, job: JobId, now_ms: int) -> Deferral | None:
    """Why something of a job waits; None when the machine does not have it waiting any more."""
    held = machine.state.jobs.get(job)
    if held is None or held.state in TERMINAL_JOB_STATES or not held.elements.queued():
        return None
    try:
        return machine.why(job, now_ms)
    except HutongError:
        return None


def job_view(row: JobRow, deferral: Deferral | None = None) -> JobView:
    """A job's row, with why it waits where it does."""
    waiting: tuple[ReasonView, ...] = ()
    start_ms, basis = 0, ""
    waits = row.state is JobState.QUEUED or row.counts.queued > 0
    if deferral is not None and waits and row.state not in TERMINAL_JOB_STATES:
        waiting = tuple(ReasonView.of(reason) for reason in deferral.reasons)
        start_ms, basis = deferral.start_ms, deferral.basis
    return JobView(
        row.id,
        row.name,
        row.tenant,
        row.state.value,
        row.priority,
        row.tasks,
        row.elements,
        row.submitted_ms,
        row.counts if row.elements > 1 else None,
        row.started_ms,
        row.ended_ms,
        row.attempts,
        row.site,
        row.accelerator,
        row.cost_microcny,
        row.source,
        reason_view(row.reason),
        waiting,
        start_ms,
        basis,
    )


def attempt_view(row: AttemptRow) -> AttemptView:
    """An attempt's row."""
    return AttemptView(
        row.id,
        row.job,
        row.number,
        row.state.value,
        row.site,
        row.pool,
        row.nodes,
        row.needs,
        row.placed_ms,
        row.accelerator,
        row.element,
        row.started_ms,
        row.ended_ms,
        row.rate_microcny_per_hour,
        row.cost_microcny,
        reason_view(row.placed_reason),
        reason_view(row.reason),
    )


def element_state(attempt: AttemptState) -> str:
    """The state of an element whose attempt is live, in the words of job states."""
    return JobState.RUNNING.value if attempt is AttemptState.STOPPING else attempt.value
