"""Jobs: list, show, explain, cancel, and their attempts."""

from typing import cast

from hutong.lifecycle import commands as do
from hutong.lifecycle.rows import AttemptRow, JobRow
from hutong.model.errors import HutongError, refuse
from hutong.model.ids import JobId
from hutong.model.job import JobSpec
from hutong.model.reasons import Reason
from hutong.model.states import FINAL_ATTEMPT_STATES, TERMINAL_JOB_STATES, JobState
from hutong.scheduler.plan import Deferral, Reservation
from hutong.scheduler.pools_for_job import pools_for_job
from hutong.scheduler.shapes import shape_of
from hutong.server.access import (
    check_element,
    named_attempt,
    newest_attempt,
    spec_of,
    visible_job,
    wanted_tenant,
)
from hutong.server.endpoint import Answer, Call
from hutong.server.queries import AttemptsQuery, ElementQuery, JobsQuery
from hutong.server.story import Told, story_of
from hutong.server.views import attempt_view, deferral_of, element_state, job_view
from hutong.store.contract import JobQuery, Store
from hutong.wire.api import (
    BoundView,
    CancelRequest,
    ExplainReply,
    JobDetail,
    JobPage,
    JobView,
    ReasonView,
)

DETAIL_ATTEMPTS = 100


async def list_jobs(call: Call) -> Answer:
    """A page of jobs, newest first."""
    query = cast(JobsQuery, call.query)
    wanted = JobQuery(
        wanted_tenant(call, query.tenant),
        query.state,
        query.name or None,
        query.site or None,
        query.before,
        query.limit + 1,
    )
    driver = call.hub.driver
    rows = await driver.read(driver.store.jobs, wanted)
    shown = rows[: query.limit]
    views = [_overlaid(call, row) for row in shown]
    await driver.durable()
    behind = shown[-1].number if len(rows) > len(shown) else None
    return Answer(JobPage(tuple(views), behind))


async def show_job(call: Call) -> Answer:
    """A job whole."""
    row = await visible_job(call)
    spec = await spec_of(call, row.id)
    driver = call.hub.driver
    attempts, told = await driver.read(_history, driver.store, row.id)
    view = _overlaid(call, row)
    await driver.durable()
    shown = tuple(attempt_view(attempt) for attempt in attempts)
    return Answer(JobDetail(view, spec, shown, story_of(row.id, told)))


async def cancel_job(call: Call) -> Answer:
    """Ask for a job, or one element, to end."""
    request = cast(CancelRequest, call.body)
    row = await visible_job(call)
    driver = call.hub.driver
    if row.state in TERMINAL_JOB_STATES:
        raise refuse("job.finished", job=row.id, state=row.state.value)
    if request.element is not None and request.element < 0:
        raise refuse("job.not_found", job=f"{row.id}[{request.element}]")
    command = do.Cancel(row.id, call.principal.name, request.element)
    try:
        await driver.submit(command, call.cause)
    except HutongError as error:
        if error.code != "job.not_found" or request.element is not None:
            raise
        # It ended while the request was under way.
        raise refuse("job.finished", job=row.id, state="over") from None
    after = await driver.read(driver.store.job, row.id)
    view = _overlaid(call, after or row)
    await driver.durable()
    return Answer(view)


async def explain_job(call: Call) -> Answer:
    """Why a job or element waits, or why it is where it is, or why it ended."""
    query = cast(ElementQuery, call.query)
    row = await visible_job(call)
    element = query.element
    check_element(row.id, await spec_of(call, row.id), element)
    driver = call.hub.driver
    attempt = await driver.read(newest_attempt, driver.store, row.id, element)
    if element is not None:
        ended = await driver.read(driver.store.elements, row.id, after=element - 1, limit=1)
        if ended and ended[0].element == element:
            return Answer(_placed(ended[0].state.value, row, ended[0].reason, attempt))
    if row.state in TERMINAL_JOB_STATES:
        return Answer(_placed(row.state.value, row, row.reason, attempt))
    deferral = deferral_of(driver.machine, row.id, driver.clock.now_ms())
    if attempt is not None and attempt.state not in FINAL_ATTEMPT_STATES:
        state = row.state.value if element is None else element_state(attempt.state)
        return Answer(_placed(state, row, None, attempt))
    if deferral is None:
        return Answer(_placed(row.state.value, row, row.reason, attempt))
    reply = _waiting(call, row, await spec_of(call, row.id), deferral)
    await driver.durable()
    return Answer(reply)


async def list_attempts(call: Call) -> Answer:
    """Attempts of a job or element, in the order they were placed."""
    query = cast(AttemptsQuery, call.query)
    row = await visible_job(call)
    check_element(row.id, await spec_of(call, row.id), query.element)
    after = ""
    if query.after and query.after != "0":
        after = await named_attempt(call, row, query.after, query.element)
    driver = call.hub.driver
    rows = await driver.read(
        driver.store.attempts, row.id, element=query.element, after=after, limit=query.limit
    )
    return Answer([attempt_view(attempt) for attempt in rows])


def _history(store: Store, job: JobId) -> tuple[list[AttemptRow], list[Told]]:
    return store.attempts(job, limit=DETAIL_ATTEMPTS), store.story(job)


def _overlaid(call: Call, row: JobRow) -> JobView:
    driver = call.hub.driver
    if row.state in TERMINAL_JOB_STATES or not driver.has_machine:
        return job_view(row)
    return job_view(row, deferral_of(driver.machine, row.id, driver.clock.now_ms()))


def _waiting(call: Call, row: JobRow, spec: JobSpec, deferral: Deferral) -> ExplainReply:
    """Why it waits: the plan's words, and how pools and tenant stand at this moment."""
    machine, now_ms = call.hub.driver.machine, call.hub.driver.clock.now_ms()
    snapshot = machine.scheduler.snapshot(now_ms)
    places, details = pools_for_job(snapshot, machine.profile, shape_of(spec), spec.tenant)
    return ExplainReply(
        row.id,
        JobState.QUEUED.value,
        tuple(ReasonView.of(reason) for reason in deferral.reasons),
        deferral.start_ms,
        deferral.basis,
        deferral.explanation,
        _reservation(call, row.id),
        tenant=spec.tenant,
        share=machine.scheduler.tenant_share(spec.tenant, now_ms),
        places=places,
        details=details,
        bound=BoundView.of(deferral.bound) if deferral.bound is not None else None,
    )


def _placed(
    state: str, row: JobRow, reason: Reason | None, attempt: AttemptRow | None
) -> ExplainReply:
    """Why it ended, and why it had been placed where it was."""
    given = [reason, attempt.placed_reason if attempt else None]
    reasons = tuple(ReasonView.of(each) for each in given if each is not None)
    explanation = attempt.explanation if attempt else None
    return ExplainReply(row.id, state, reasons, explanation=explanation)


def _reservation(call: Call, job: JobId) -> Reservation | None:
    for reservation in call.hub.driver.plan.reservations:
        if reservation.job == job:
            return reservation
    return None
