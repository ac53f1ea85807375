"""The elements of an array, those that wait included."""

from typing import cast

from hutong.lifecycle.rows import ElementRow
from hutong.model.ids import AttemptId, JobId
from hutong.model.job import ArraySpec
from hutong.model.limits import ATTEMPTS_PER_ELEMENT
from hutong.model.states import TERMINAL_JOB_STATES, AttemptState, JobState
from hutong.server.access import spec_of, visible_job
from hutong.server.endpoint import Answer, Call
from hutong.server.queries import ElementsQuery
from hutong.server.views import element_state, reason_view
from hutong.store.contract import Store
from hutong.wire.api import ElementView

Live = dict[int, tuple[AttemptId, AttemptState]]


async def list_elements(call: Call) -> Answer:
    """Elements of an array in their order; none of a job that is no array."""
    query = cast(ElementsQuery, call.query)
    row = await visible_job(call)
    array = (await spec_of(call, row.id)).array
    if array is None:
        return Answer([])
    first = query.after + 1
    numbers = range(first, min(first + query.limit, array.count))
    live = _live(call, row.id, numbers)
    driver = call.hub.driver
    ended, tried = await driver.read(_stored, driver.store, row.id, numbers, tuple(live))
    rest = row.state if row.state in TERMINAL_JOB_STATES else JobState.QUEUED
    views = [
        _view(array, number, ended.get(number), live.get(number), rest, tried.get(number, 0))
        for number in numbers
    ]
    await driver.durable()
    return Answer(views)


def _live(call: Call, job: JobId, numbers: range) -> Live:
    driver = call.hub.driver
    held = driver.machine.state.jobs.get(job) if driver.has_machine else None
    if held is None:
        return {}
    attempts = driver.machine.state.attempts
    return {
        number: (attempt, attempts[attempt].state)
        for number, attempt in held.elements.live.items()
        if number in numbers and attempt in attempts
    }


def _stored(
    store: Store, job: JobId, numbers: range, live: tuple[int, ...]
) -> tuple[dict[int, ElementRow], dict[int, int]]:
    """The ended elements of a page, and how many attempts those not fresh had."""
    rows = store.elements(job, after=numbers.start - 1, limit=len(numbers)) if numbers else []
    ended = {row.element: row for row in rows if row.element in numbers}
    tried: dict[int, int] = {}
    for number in (*ended, *live):
        attempts = store.attempts(job, element=number, limit=ATTEMPTS_PER_ELEMENT)
        tried[number] = attempts[-1].number if attempts else 0
    return ended, tried


def _view(
    array: ArraySpec,
    number: int,
    ended: ElementRow | None,
    live: tuple[AttemptId, AttemptState] | None,
    rest: JobState,
    tried: int,
) -> ElementView:
    named = array.task_number(number)
    if ended is not None:
        reason = reason_view(ended.reason)
        return ElementView(number, named, ended.state.value, tried, "", ended.ended_ms, reason)
    if live is not None:
        attempt, state = live
        return ElementView(number, named, element_state(state), tried, attempt)
    return ElementView(number, named, rest.value, tried)
