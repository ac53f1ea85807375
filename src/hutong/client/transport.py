"""HTTP/1.1 to one hub over the standard library.

Theory of operation. A `Transport` keeps idle connections and hands one to each request; a
connection goes back when its answer was read to the end, and is closed after anything else.
Requests from several threads use several connections. A stream has a connection of its own, which
is closed with it.

The server may close an idle connection at any moment, and a request sent into that moment fails
without an answer. So a request that must not be sent twice gets a fresh connection, where such a
failure before sending is known to be one (`Unreachable.sent`).
"""

import http.client
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import NamedTuple
from urllib.parse import urlsplit

from hutong.model.errors import refuse

IDLE_CONNECTIONS = 8
CONNECT_TIMEOUT_MS = 5_000


class Unreachable(Exception):
    """The request failed below HTTP. `sent`: the hub may have seen it."""

    def __init__(self, problem: str, *, sent: bool) -> None:
        super().__init__(problem)
        self.problem = problem
        self.sent = sent


class Request(NamedTuple):
    """What to send. `target` is the path with its query, already encoded."""

    method: str
    target: str
    headers: Mapping[str, str] = {}
    body: bytes | None = None
    timeout_ms: int = 30_000


class Reply(NamedTuple):
    """An answer, read whole. Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Stream:
    """An answer that is read as it comes. Use it with `with`."""

    def __init__(
        self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse
    ) -> None:
        self._connection = connection
        self._response = response
        self.status = response.status
        self.headers = _lower(response)

    def read(self, limit_bytes: int = 65_536) -> bytes:
        """Give the next bytes as soon as there are any; empty at the end.

        Raises `Unreachable` when the connection breaks or is silent for too long.
        """
        try:
            return self._response.read1(limit_bytes)
        except (OSError, http.client.HTTPException, ValueError) as problem:
            raise Unreachable(_words(problem), sent=True) from None

    def read_all(self) -> bytes:
        """Give all the rest."""
        return b"".join(iter(self.read, b""))

    def close(self) -> None:
        """Close the connection."""
        self._response.close()
        self._connection.close()

    def __enter__(self) -> "Stream":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Transport:
    """Connections to the hub at `url` (http or https, a path in front of the API is kept)."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._connect, self._prefix = _dialler(self.url)
        self._idle: list[http.client.HTTPConnection] = []
        self._lock = threading.Lock()

    def request(self, request: Request, *, fresh: bool = False) -> Reply:
        """Send and read the whole answer. `fresh` takes a connection never used before."""
        connection = None if fresh else self._take()
        connection = connection or self._connect()
        try:
            response = self._exchange(connection, request)
            body = response.read()
        except Unreachable:
            connection.close()
            raise
        except (OSError, http.client.HTTPException, ValueError) as problem:
            connection.close()
            raise Unreachable(_words(problem), sent=True) from None
        except BaseException:  # an interrupt: what comes next on this connection is not known
            connection.close()
            raise
        reply = Reply(response.status, _lower(response), body)
        if response.will_close:
            connection.close()
        else:
            self._put(connection)
        return reply

    def open(self, request: Request) -> Stream:
        """Send and give back the answer as a stream; the caller closes it."""
        connection = self._connect()
        try:
            return Stream(connection, self._exchange(connection, request))
        except BaseException:
            connection.close()
            raise

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _exchange(
        self, connection: http.client.HTTPConnection, request: Request
    ) -> http.client.HTTPResponse:
        if connection.sock is None:
            connection.timeout = min(CONNECT_TIMEOUT_MS, request.timeout_ms) / 1000
            try:
                connection.connect()
            except OSError as problem:
                raise Unreachable(_words(problem), sent=False) from None
        connection.sock.settimeout(request.timeout_ms / 1000)
        try:
            connection.request(
                request.method,
                self._prefix + request.target,
                body=request.body,
                headers=dict(request.headers),
            )
            return connection.getresponse()
        except (OSError, http.client.HTTPException) as problem:
            raise Unreachable(_words(problem), sent=True) from None

    def _take(self) -> http.client.HTTPConnection | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _put(self, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            if len(self._idle) < IDLE_CONNECTIONS:
                self._idle.append(connection)
                return
        connection.close()


def _dialler(url: str) -> tuple[Callable[[], http.client.HTTPConnection], str]:
    """Give what makes a connection, and the path in front of the API."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as wrong:
        raise refuse("hub.unreachable", address=url, problem=str(wrong)) from None
    if parts.scheme not in ("http", "https") or not host:
        problem = "the address is not of the form http://HOST:PORT or https://HOST"
        raise refuse("hub.unreachable", address=url, problem=problem)
    prefix = parts.path.rstrip("/")
    if parts.scheme == "http":
        return lambda: http.client.HTTPConnection(host, port), prefix
    import ssl

    context = ssl.create_default_context()
    return lambda: http.client.HTTPSConnection(host, port, context=context), prefix


def _lower(response: http.client.HTTPResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in response.getheaders()}


def _words(problem: Exception) -> str:
    """Say in a few words what went wrong."""
    if isinstance(problem, TimeoutError):
        return "it did not answer in time"
    if isinstance(problem, http.client.RemoteDisconnected | http.client.IncompleteRead):
        return "the connection broke off"
    if isinstance(problem, OSError) and problem.strerror:
        return problem.strerror[:1].lower() + problem.strerror[1:]
    return str(problem) or type(problem).__name__
