"""The hub as an agent sees it: syncs, pokes and logs over HTTP."""

from collections.abc import AsyncIterator
from http import HTTPStatus

import msgspec

from hutong.agent.http import Answer, HttpClient, StatusError, parse_address
from hutong.client.sse import Parser
from hutong.lifecycle.agent_machine import SYNC_TIMEOUT_MS
from hutong.lifecycle.sync import SyncReply, SyncRequest
from hutong.model.errors import ErrorBody, refuse
from hutong.model.ids import AttemptId, SiteId
from hutong.wire.api import LogReceipt

STREAM_IDLE_S = 15.0
"""A hub says something on a stream every few seconds; silence for so long is a dead link."""
LOG_TIMEOUT_S = 30.0

_encode = msgspec.json.Encoder().encode
_decode_reply = msgspec.json.Decoder(SyncReply).decode
_decode_receipt = msgspec.json.Decoder(LogReceipt).decode
_decode_error = msgspec.json.Decoder(ErrorBody).decode


class HubError(Exception):
    """No use in the hub's answer. `status` is 0 where there was none at all."""

    def __init__(self, problem: str, status: int = 0) -> None:
        self.status = status
        super().__init__(problem)

    @property
    def is_refusal(self) -> bool:
        """Say whether asking again soon would bring the same answer."""
        passing = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
        return 400 <= self.status < 500 and self.status not in passing

    @property
    def is_about_this(self) -> bool:
        """Say whether it is this request that is refused, and not this agent."""
        about_the_agent = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
        return self.is_refusal and self.status not in about_the_agent


class HubClient:
    """Talks to one hub with one token. Every method raises HubError and nothing else."""

    def __init__(self, url: str, token: str) -> None:
        try:
            address = parse_address(url)
        except ValueError as problem:
            raise refuse("hub.unreachable", address=url, problem=str(problem)) from None
        if not token or not token.isascii() or not token.isprintable():
            raise refuse("auth.missing")
        self.url = url
        self._http = HttpClient(address, {"authorization": f"Bearer {token}"})

    async def sync(self, request: SyncRequest) -> SyncReply:
        """Tell what is seen, hear what should be."""
        answer = await self._post(
            "/v1/agent/sync", _encode(request), "application/json", SYNC_TIMEOUT_MS / 1000
        )
        try:
            return _decode_reply(answer.body)
        except msgspec.DecodeError as problem:
            raise HubError(f"its answer to a sync makes no sense: {problem}") from None

    async def pokes(self, site: SiteId) -> AsyncIterator[None]:
        """Something comes once when the stream stands, then whenever the hub has news."""
        parser = Parser()
        try:
            async for piece in self._http.stream(f"/v1/agent/stream?site={site}", STREAM_IDLE_S):
                if not piece:
                    yield
                for _ in parser.feed(piece):
                    yield
        except StatusError as problem:
            raise _error(problem.answer) from None
        except OSError as problem:
            raise HubError(_words(problem)) from None

    async def send_log(
        self, attempt: AttemptId, task: int, offset: int, data: bytes, *, complete: bool
    ) -> LogReceipt:
        """Send a piece of a log, perhaps its last; hear how much of the log the hub has."""
        last = "&complete=true" if complete else ""
        path = f"/v1/agent/logs/{attempt}/{task}?offset={offset}{last}"
        answer = await self._post(path, data, "application/octet-stream", LOG_TIMEOUT_S)
        try:
            return _decode_receipt(answer.body)
        except msgspec.DecodeError as problem:
            raise HubError(f"its receipt for a log makes no sense: {problem}") from None

    def close(self) -> None:
        """Let go of every connection."""
        self._http.close()

    async def _post(self, path: str, body: bytes, content_type: str, timeout_s: float) -> Answer:
        try:
            answer = await self._http.post(path, body, content_type, timeout_s)
        except OSError as problem:
            raise HubError(_words(problem)) from None
        if answer.status != HTTPStatus.OK:
            raise _error(answer)
        return answer


def _error(answer: Answer) -> HubError:
    try:
        body = _decode_error(answer.body)
        text = f"{body.code}: {body.message} {body.hint}".strip()
    except msgspec.DecodeError:
        text = f"it answered with status {answer.status}"
    return HubError(text, answer.status)


def _words(problem: OSError) -> str:
    if isinstance(problem, TimeoutError):
        return "it does not answer in time"
    return problem.strerror or str(problem) or type(problem).__name__
