"""One request to the hub: sent, repeated where that is safe, its answer or error made a value.

What may be repeated: everything that reads, everything that sets a level (cancel, drain, quota),
and submissions, because each carries an idempotency key. A token is made once or not at all.
"""

import os
import time
from collections.abc import Iterator, Mapping
from typing import TypeVar
from urllib.parse import quote, urlencode

import msgspec

from hutong.client.transport import Reply, Request, Stream, Transport, Unreachable
from hutong.model.errors import ErrorBody, HutongError, refuse

JSON = "application/json"
NDJSON = "application/x-ndjson"

# Answers that say "not now", to requests of which nothing was kept.
PASSING = ("hub.starting", "store.unavailable")

Query = Mapping[str, str | int | None]
T = TypeVar("T")


class Patience(msgspec.Struct, frozen=True):
    """How often and how long a call is tried again.

    `tries_count` bounds the attempts of one call; the pauses between them double from `first_ms`
    up to `cap_ms`. What follows or waits goes on through `outage_ms` of silence.
    """

    tries_count: int = 4
    first_ms: int = 100
    cap_ms: int = 2_000
    outage_ms: int = 60_000

    def pauses_ms(self) -> Iterator[int]:
        """The pauses between the tries of one call, each shortened by up to a half at random so
        that clients which lost the hub together do not come back together."""
        for number in range(self.tries_count - 1):
            yield jittered(min(self.cap_ms, self.first_ms << number))


class RemoteError(HutongError):
    """An error that the hub answered. Its code may be newer than this program's catalogue."""

    def __init__(self, body: ErrorBody, status: int) -> None:
        Exception.__init__(self, f"{body.code}: {body.message}")
        self.code = body.code
        self.facts = body.facts
        self.status = status
        self.message = body.message
        self.hint = body.hint


class Caller:
    """Calls to one hub with one token."""

    def __init__(self, transport: Transport, token: str, *, timeout_ms: int, patience: Patience):
        if not token.isascii() or not token.isprintable():
            raise refuse("auth.unknown")
        self.transport = transport
        self.patience = patience
        self.timeout_ms = timeout_ms
        self._headers = {"Accept": JSON}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"

    def call(
        self,
        method: str,
        target: str,
        reply: type[T],
        *,
        body: object = None,
        repeatable: bool = True,
    ) -> T:
        """Send `body` as JSON and give the answer as a `reply`."""
        content = None if body is None else msgspec.json.encode(body)
        return self.decode(self.send(method, target, content, repeatable=repeatable).body, reply)

    def send(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        *,
        media_type: str = JSON,
        repeatable: bool = True,
    ) -> Reply:
        """Send and give the answer, which is a success; anything else is raised."""
        headers = self._headers if body is None else {**self._headers, "Content-Type": media_type}
        request = Request(method, target, headers, body, self.timeout_ms)
        pauses = self.patience.pauses_ms()
        while True:
            try:
                answer = self.transport.request(request, fresh=not repeatable)
                if answer.status < 300:
                    return answer
                error = self.error_of(answer.status, answer.body)
                if error.code not in PASSING:
                    raise error
            except Unreachable as problem:
                error = self.unreachable(problem)
                if problem.sent and not repeatable:
                    raise error from None
            pause = next(pauses, None)
            if pause is None:
                raise error from None
            time.sleep(pause / 1000)

    def open(self, target: str, *, accept: str, timeout_ms: int) -> Stream:
        """Open a stream, in one try: who follows knows where to go on, and when to give up.

        Raises `Unreachable`, or the error that the hub answered.
        """
        request = Request("GET", target, {**self._headers, "Accept": accept}, None, timeout_ms)
        stream = self.transport.open(request)
        if stream.status < 300:
            return stream
        with stream:
            raise self.error_of(stream.status, stream.read_all())

    def decode(self, body: bytes, reply: type[T]) -> T:
        """Read an answer. Raises `hub.answer` when it is not of that type."""
        try:
            return msgspec.json.decode(body, type=reply)
        except (msgspec.DecodeError, UnicodeDecodeError) as problem:
            raise self.not_understood(str(problem)) from None

    def error_of(self, status: int, body: bytes) -> HutongError:
        """Make the error of an answer that is not a success."""
        try:
            return RemoteError(msgspec.json.decode(body, type=ErrorBody), status)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return self.not_understood(f"HTTP status {status} without an error code of Hutong's")

    def not_understood(self, problem: str) -> HutongError:
        """Make the error of an answer that no hub of this version gives."""
        return refuse("hub.answer", address=self.transport.url, problem=problem)

    def unreachable(self, problem: Unreachable) -> HutongError:
        """Make the error of a hub that does not answer."""
        return refuse("hub.unreachable", address=self.transport.url, problem=problem.problem)


class Outage:
    """Counts how long the hub has been away, for what goes on through a restart of it."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._since: float | None = None
        self._pause_ms = caller.patience.first_ms

    def over(self) -> None:
        """The hub was heard, with news: start again with short pauses."""
        self.heard()
        self._pause_ms = self._caller.patience.first_ms

    def heard(self) -> None:
        """The hub was heard, without news: go on asking, ever less often."""
        self._since = None

    def wait(self, error: HutongError) -> None:
        """Pause before the next try; raises `error` once the hub was away for too long."""
        now = time.monotonic()
        self._since = now if self._since is None else self._since
        if (now - self._since) * 1000 >= self._caller.patience.outage_ms:
            raise error
        time.sleep(jittered(self._pause_ms) / 1000)
        self._pause_ms = min(self._caller.patience.cap_ms, self._pause_ms * 2)


def path(*parts: str) -> str:
    """Make a path of parts, none of which can leave its place. A tenant keeps its slashes by being
    given as several parts."""
    return "/v1/" + "/".join(
        quote(part, safe="") if part.strip(".") else part.replace(".", "%2E") for part in parts
    )


def with_query(target: str, query: Query) -> str:
    """Add the parameters that are set."""
    kept = {name: value for name, value in query.items() if value is not None and value != ""}
    return f"{target}?{urlencode(kept)}" if kept else target


def new_key() -> str:
    """Draw an idempotency key."""
    return os.urandom(16).hex()


def jittered(pause_ms: int) -> int:
    """Take up to a half off a pause, at random."""
    return pause_ms - pause_ms * os.urandom(1)[0] // 512
