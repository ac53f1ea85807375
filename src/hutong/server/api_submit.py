"""Handing jobs in: one, or many as lines.

Theory of operation of the bulk. One task reads the body, gives the machine the lines of each piece
as one stimulus, and goes on reading while they are committed; what is durable it puts, as bytes,
where the answer takes them from. It never waits for the answer to be read: many clients send all
they have before they read anything, and would wait for ever. What is kept for them is bounded by
the body's own limit.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import cast

import msgspec

from hutong.lifecycle.admission import Accepted
from hutong.model import limits
from hutong.model.errors import HutongError, refuse
from hutong.server.body import ClientLeft
from hutong.server.endpoint import Answer, Call, Streamed
from hutong.server.strict import StrictDecoder
from hutong.server.submitting import Outcome, check_request, submit
from hutong.wire.api import BulkLine, SubmitReply, SubmitRequest

WAITING_LINES = 2_000
"""How many lines may wait to become durable before no more are read."""

_DECODER = StrictDecoder(SubmitRequest)
_ENCODE = msgspec.json.Encoder().encode


async def submit_job(call: Call) -> Answer:
    """Hand in one job."""
    request = _with_header_key(cast(SubmitRequest, call.body), call.headers)
    driver = call.hub.driver
    check_request(driver, request, call.principal)
    (outcome,) = await submit(driver, (request,), call.principal, call.cause)
    await driver.durable()
    if isinstance(outcome, HutongError):
        raise outcome
    status = 200 if outcome.repeated else 201
    return Answer(SubmitReply(outcome.job, outcome.repeated), status)


async def submit_bulk(call: Call) -> Streamed:
    """Hand in many jobs."""
    call.hub.driver.check_ready()
    return Streamed(_answers(_Bulk(call)))


def _with_header_key(request: SubmitRequest, headers: dict[bytes, bytes]) -> SubmitRequest:
    header = headers.get(b"idempotency-key")
    if header is None:
        return request
    key = header.decode("latin-1")
    if request.key and request.key != key:
        problem = "the body has another key"
        raise refuse("request.parameter", name="Idempotency-Key", value=key, problem=problem)
    return msgspec.structs.replace(request, key=key)


async def _answers(bulk: "_Bulk") -> AsyncIterator[bytes]:
    reader = asyncio.create_task(bulk.run(), name=f"bulk {bulk.cause}")
    try:
        while (answer := await bulk.answers.get()) is not None:
            yield await answer
        await reader
    finally:
        reader.cancel()
        await asyncio.gather(reader, *bulk.unsettled, return_exceptions=True)


class _Bulk:
    """One bulk submission under way. `answers` come in order and end with None."""

    def __init__(self, call: Call) -> None:
        self.cause = call.cause
        self.answers: asyncio.Queue[asyncio.Task[bytes] | None] = asyncio.Queue()
        self.unsettled: deque[asyncio.Task[bytes]] = deque()
        self._call = call
        self._driver = call.hub.driver
        self._unsettled_lines: deque[int] = deque()
        self._line = 0

    async def run(self) -> None:
        """Read the body to its end, or to what makes the rest unreadable."""
        try:
            await self._read()
        except HutongError as error:
            self._answer([self._line + 1], [error])
        except ClientLeft:
            pass  # what came before stands
        finally:
            self.answers.put_nowait(None)

    async def _read(self) -> None:
        rest = b""
        async for piece in self._call.stream.pieces():
            *lines, rest = (rest + piece).split(b"\n")
            if lines:
                await self._take(lines)
            if len(rest) > limits.BULK_LINE_BYTES:
                raise refuse("request.too_large", limit_bytes=limits.BULK_LINE_BYTES)
        if rest:
            await self._take([rest])

    async def _take(self, lines: list[bytes]) -> None:
        for start in range(0, len(lines), limits.BULK_JOBS_PER_BATCH):
            await self._submit(lines[start : start + limits.BULK_JOBS_PER_BATCH])
            while self.unsettled and (
                self.unsettled[0].done() or sum(self._unsettled_lines) > WAITING_LINES
            ):
                await asyncio.wait((self.unsettled.popleft(),))
                self._unsettled_lines.popleft()

    async def _submit(self, lines: list[bytes]) -> None:
        """Give the machine some lines. Those that cannot be read keep their place."""
        numbers: list[int] = []
        outcomes: list[Outcome | None] = []
        requests: list[SubmitRequest] = []
        for line in lines:
            self._line += 1
            if not line or line.isspace():
                continue
            numbers.append(self._line)
            try:
                if len(line) > limits.BULK_LINE_BYTES:
                    raise refuse("request.too_large", limit_bytes=limits.BULK_LINE_BYTES)
                request = _DECODER.decode(line)
                check_request(self._driver, request, self._call.principal)
            except HutongError as error:
                outcomes.append(error)
            else:
                outcomes.append(None)
                requests.append(request)
        given = iter(await self._given(requests))
        self._answer(numbers, [next(given) if outcome is None else outcome for outcome in outcomes])

    def _answer(self, numbers: Sequence[int], outcomes: Sequence[Outcome]) -> None:
        settled = asyncio.create_task(self._settled(numbers, outcomes))
        self.answers.put_nowait(settled)
        self.unsettled.append(settled)
        self._unsettled_lines.append(len(numbers))

    async def _settled(self, numbers: Sequence[int], outcomes: Sequence[Outcome]) -> bytes:
        """Wait until the outcomes are durable, and write them down."""
        try:
            await self._driver.durable()
        except HutongError as error:
            outcomes = [error] * len(numbers)
        return b"".join(map(_line, numbers, outcomes))

    async def _given(self, requests: list[SubmitRequest]) -> Sequence[Outcome]:
        if not requests:
            return ()
        try:
            return await submit(self._driver, requests, self._call.principal, self.cause)
        except HutongError as error:
            return [error] * len(requests)


def _line(number: int, outcome: Outcome) -> bytes:
    if isinstance(outcome, Accepted):
        line = BulkLine(number, outcome.job, outcome.repeated)
    else:
        line = BulkLine(number, code=outcome.code, message=outcome.message, hint=outcome.hint)
    return _ENCODE(line) + b"\n"
