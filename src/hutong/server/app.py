"""The HTTP edge: every request through one door, which routes, authorises, reads, answers, counts.

A request without a matching endpoint, or a token without the endpoint's scope, gets no further
than this module. Whatever goes wrong is answered as an error of the catalogue; an exception that
nobody foresaw is told to the log under the request's cause, and to the client as that cause only.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from hutong.model.errors import HutongError, refuse
from hutong.server.body import Body, ClientLeft, Receive
from hutong.server.endpoint import JSON, NDJSON, Answer, Call, Endpoint, Headers, Streamed
from hutong.server.hub import Hub
from hutong.server.log import LOG
from hutong.server.routing import Bound, MethodError, Routes
from hutong.server.streams import StreamHandle
from hutong.server.tokens import NOBODY, Principal

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_ENCODE = msgspec.json.Encoder().encode
_FIXED: Headers = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))
_NDJSON_NAMES = (NDJSON, "application/ndjson", "application/jsonl")
_CLIENT_LEFT = 499
"""What the metrics call a request whose client left; nobody gets this as an answer."""


class App:
    """The hub as an ASGI application."""

    def __init__(self, hub: Hub, endpoints: Sequence[Endpoint]) -> None:
        self._hub = hub
        self._routes = Routes(endpoints)
        self._counters: dict[tuple[str, int], Any] = {}
        self._timers: dict[str, Any] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        began = time.perf_counter()
        reply = _Reply(send, self._hub.driver.new_cause("r"))
        name = "unknown"
        try:
            bound, params = self._routes.find(scope["method"], scope["path"])
            name = bound.endpoint.name
            answer = await self._call(bound, params, scope, receive, reply.cause)
            if isinstance(answer, Answer):
                await reply.whole(bound.endpoint, answer)
            else:
                began = 0.0
                await self._stream(reply, bound.endpoint, answer, receive)
        except ClientLeft:
            reply.status = _CLIENT_LEFT
        except HutongError as error:
            await self._refuse(reply, error)
        except Exception as problem:
            LOG.error("fault at %s (%s)", reply.cause, name, exc_info=problem)
            self._hub.driver.metrics.internal_errors.inc()
            await self._refuse(reply, refuse("hub.internal", cause=reply.cause))
        if LOG.isEnabledFor(logging.DEBUG):  # the path alone: a query may hold anything
            LOG.debug("%s %s %s %d", reply.cause, scope["method"], scope["path"], reply.status)
        self._count(name, reply.status, began)

    async def _call(
        self, bound: Bound, params: dict[str, str], scope: Scope, receive: Receive, cause: str
    ) -> Answer | Streamed:
        hub, endpoint = self._hub, bound.endpoint
        headers = dict(scope["headers"])
        principal = NOBODY if bound.is_open else self._authorise(endpoint, headers)
        query = bound.query(scope["query_string"])
        body = Body(receive, headers, endpoint.body_limit_bytes)
        if endpoint.request is not None or endpoint.request_media != JSON:
            body.check_length()
            _check_media(endpoint, headers)
        decoded = bound.decoder.decode(await body.whole()) if bound.decoder else None
        return await endpoint.handler(
            Call(hub, principal, cause, params, headers, query, decoded, body)
        )

    def _authorise(self, endpoint: Endpoint, headers: dict[bytes, bytes]) -> Principal:
        header = headers.get(b"authorization", b"").decode("latin-1")
        principal = self._hub.tokens.identify(header, self._hub.driver.clock.now_ms())
        if principal.scope not in endpoint.scopes:
            action = endpoint.summary[:1].lower() + endpoint.summary[1:].rstrip(".")
            raise principal.forbidden(action, " or ".join(endpoint.scopes))
        return principal

    async def _stream(
        self, reply: "_Reply", endpoint: Endpoint, answer: Streamed, receive: Receive
    ) -> None:
        handle = answer.handle
        watcher = asyncio.create_task(_watch(receive, handle)) if handle else None
        try:
            await reply.start(endpoint.status, endpoint.reply_media, answer.headers)
            async for chunk in answer.chunks:
                await reply.chunk(chunk)
            await reply.end()
        except HutongError as error:
            # The head of the answer has left: all that can be told is that it is not whole.
            LOG.warning("%s broke off: %s", reply.cause, error)
        finally:
            if handle:
                handle.close()
            if watcher:
                watcher.cancel()
            with suppress(RuntimeError):
                await answer.chunks.aclose()  # type: ignore[attr-defined]

    async def _refuse(self, reply: "_Reply", error: HutongError) -> None:
        if reply.started:
            return
        headers: list[tuple[bytes, bytes]] = []
        if error.status == 401:
            headers.append((b"www-authenticate", b"Bearer"))
        elif error.status == 503:
            headers.append((b"retry-after", b"1"))
        if isinstance(error, MethodError):
            headers.append((b"allow", ", ".join(error.allowed).encode()))
        await reply.send_whole(error.status, JSON, _ENCODE(error.body()), tuple(headers))

    def _count(self, name: str, status: int, began: float) -> None:
        counter = self._counters.get((name, status))
        if counter is None:
            counter = self._hub.driver.metrics.requests.labels(name, status)
            self._counters[name, status] = counter
        counter.inc()
        if began:
            timer = self._timers.get(name)
            if timer is None:
                timer = self._timers[name] = self._hub.driver.metrics.request_seconds.labels(name)
            timer.observe(time.perf_counter() - began)


class _Reply:
    """The answer to one request, as it leaves."""

    def __init__(self, send: Send, cause: str) -> None:
        self._send = send
        self.cause = cause
        self.started = False
        self.status = 0

    async def whole(self, endpoint: Endpoint, answer: Answer) -> None:
        """Send a whole answer."""
        body = answer.body if isinstance(answer.body, bytes) else _ENCODE(answer.body)
        status = answer.status or endpoint.status
        await self.send_whole(status, endpoint.reply_media, body, answer.headers)

    async def send_whole(self, status: int, media: str, body: bytes, headers: Headers) -> None:
        """Send these bytes."""
        length = (b"content-length", b"%d" % len(body))
        await self.start(status, media, (length, *headers))
        await self._send({"type": "http.response.body", "body": body})

    async def start(self, status: int, media: str, headers: Headers) -> None:
        """Send the head."""
        self.started, self.status = True, status
        cause = (b"x-hutong-cause", self.cause.encode())
        head = [(b"content-type", media.encode()), cause, *_FIXED, *headers]
        await self._send({"type": "http.response.start", "status": status, "headers": head})

    async def chunk(self, chunk: bytes) -> None:
        """Send a piece."""
        await self._send({"type": "http.response.body", "body": chunk, "more_body": True})

    async def end(self) -> None:
        """Say that it is whole."""
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})


async def _watch(receive: Receive, handle: StreamHandle) -> None:
    """Close a stream when its client leaves."""
    while (await receive())["type"] != "http.disconnect":
        pass
    handle.close()


def _check_media(endpoint: Endpoint, headers: dict[bytes, bytes]) -> None:
    wanted = endpoint.request_media
    encoding = headers.get(b"content-encoding", b"identity")
    if encoding != b"identity":
        found = f"encoded as {encoding.decode('latin-1')}"
        raise refuse("request.media_type", media_type=found, wanted=wanted)
    header = headers.get(b"content-type")
    if header is None:
        return
    found = header.decode("latin-1").partition(";")[0].strip().lower()
    allowed = _NDJSON_NAMES if wanted == NDJSON else (wanted,)
    if found not in allowed:
        raise refuse("request.media_type", media_type=found, wanted=wanted)
