"""A task's log: what there is, and what comes."""

import time
from collections.abc import AsyncIterator
from typing import cast

from hutong.lifecycle.rows import AttemptRow, JobRow
from hutong.model.errors import refuse
from hutong.model.limits import LOG_CHUNK_BYTES
from hutong.model.states import FINAL_ATTEMPT_STATES
from hutong.server.access import (
    check_element,
    found_attempt,
    named_attempt,
    newest_attempt,
    spec_of,
    visible_job,
)
from hutong.server.endpoint import Call, Headers, Streamed
from hutong.server.logs import LogName, log_name
from hutong.server.queries import LogQuery
from hutong.server.streams import JOURNAL_TOPIC, StreamHandle, log_topic

GRACE_MS = 3_000
"""How long after its end an attempt's log may still come, where the agent did not say that it is
complete."""


async def read_log(call: Call) -> Streamed:
    """A task's log of one attempt. `follow` stays with that attempt."""
    query = cast(LogQuery, call.query)
    row = await visible_job(call)
    attempt = await _attempt(call, row, query)
    tasks = sum(share.tasks for share in attempt.nodes)
    if query.task >= tasks:
        raise refuse("log.not_found", what=f"task {query.task} of {tasks} of {attempt.id}")
    name = log_name(attempt.id, query.task)
    logs, driver = call.hub.logs, call.hub.driver
    size = await driver.read(logs.size_bytes, name) or 0
    offset = query.offset if query.tail is None else max(0, size - query.tail)
    headers: Headers = (
        (b"x-hutong-attempt", attempt.id.encode()),
        (b"x-hutong-log-offset", b"%d" % offset),
    )
    if not query.follow:
        return Streamed(_present(call, name, offset, size), headers)
    handle = call.hub.streams.open(log_topic(attempt.id, query.task), JOURNAL_TOPIC)
    return Streamed(_growing(call, attempt, name, offset, handle), headers, handle)


async def _attempt(call: Call, row: JobRow, query: LogQuery) -> AttemptRow:
    spec = await spec_of(call, row.id)
    check_element(row.id, spec, query.element)
    if query.attempt and query.attempt != "0":
        return await found_attempt(
            call, row, await named_attempt(call, row, query.attempt, query.element)
        )
    if spec.array is not None and spec.array.count > 1 and query.element is None:
        problem = f"{row.id} is an array of {spec.array.count}; name one of its elements"
        raise refuse("request.parameter", name="element", value="", problem=problem)
    driver = call.hub.driver
    newest = await driver.read(newest_attempt, driver.store, row.id, query.element)
    if newest is None:
        raise refuse("log.not_found", what=row.id)
    return newest


async def _present(call: Call, name: LogName, offset: int, size: int) -> AsyncIterator[bytes]:
    while offset < size:
        wanted = min(LOG_CHUNK_BYTES, size - offset)
        data = await call.hub.driver.read(call.hub.logs.read, name, offset, wanted)
        if not data:
            return
        yield data
        offset += len(data)


async def _growing(
    call: Call, attempt: AttemptRow, name: LogName, offset: int, handle: StreamHandle
) -> AsyncIterator[bytes]:
    ending = _Ending(call, attempt, name)
    while not handle.closed:
        over = ending.is_over()
        data = await call.hub.driver.read(call.hub.logs.read, name, offset, LOG_CHUNK_BYTES)
        if data:
            yield data
            offset += len(data)
            ending.heard()
        elif over:
            return
        else:
            await handle.wait(ending.wait_ms())


class _Ending:
    """Whether more of a log can come."""

    def __init__(self, call: Call, attempt: AttemptRow, name: LogName) -> None:
        self._call = call
        self._name = name
        self._until: float | None = None
        if attempt.state in FINAL_ATTEMPT_STATES:
            ago_ms = call.hub.driver.clock.now_ms() - attempt.ended_ms
            left_ms = min(GRACE_MS, max(0, GRACE_MS - ago_ms))
            self._until = time.monotonic() + left_ms / 1000

    def is_over(self) -> bool:
        """Say whether the log read from now on to its end is all of it."""
        if self._until is None and not self._is_live():
            self._until = time.monotonic() + GRACE_MS / 1000
        if self._until is None:
            return False
        return self._call.hub.logs.is_complete(self._name) or time.monotonic() >= self._until

    def heard(self) -> None:
        """Something came, so more may."""
        if self._until is not None:
            self._until = max(self._until, time.monotonic() + GRACE_MS / 2000)

    def wait_ms(self) -> int:
        """How long to wait for news before looking again."""
        if self._until is None:
            return 30_000
        return max(10, int((self._until - time.monotonic()) * 1000))

    def _is_live(self) -> bool:
        driver = self._call.hub.driver
        if not driver.has_machine:
            return True
        held = driver.machine.state.attempts.get(self._name.attempt)
        return held is not None and held.is_live
