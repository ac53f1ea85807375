"""HTTP/1.1 to one hub, over a socket and a parser written in C.

Theory of operation. A `Transport` keeps idle connections and hands one to each request; a
connection goes back when its answer was read to the end, and is closed after anything else.
Requests from several threads use several connections. A stream has a connection of its own, which
is closed with it.

The server may close an idle connection at any moment, and a request sent into that moment fails
without an answer. So a request that must not be sent twice gets a fresh connection, where such a
failure before sending is known to be one (`Unreachable.sent`).

There are no redirects, proxies, cookies or encodings.
"""

import socket
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import NamedTuple
from urllib.parse import urlsplit

import httptools

from hutong.model.errors import refuse

IDLE_CONNECTIONS = 8
CONNECT_TIMEOUT_MS = 5_000
READ_BYTES = 65_536
HEAD_BYTES = 65_536
# Up to this size a body travels in one piece with its head.
SMALL_BYTES = 65_536

Dial = Callable[[float], socket.socket]


class Unreachable(Exception):
    """The request failed below HTTP. `sent`: the hub may have seen it."""

    def __init__(self, problem: str, *, sent: bool) -> None:
        super().__init__(problem)
        self.problem = problem
        self.sent = sent


class Lost(Unreachable):
    """The other side closed the connection before its answer was whole."""


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


class Transport:
    """Connections to the hub at `url` (http or https, a path in front of the API is kept)."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._dial, self._host, self._prefix = _dialler(self.url)
        self._idle: list[Connection] = []
        self._lock = threading.Lock()

    def request(self, request: Request, *, fresh: bool = False) -> Reply:
        """Send and read the whole answer. `fresh` takes a connection never used before."""
        kept = None if fresh else self._take()
        if kept is not None:
            try:
                return self._whole(kept, request)
            except Lost:
                if kept.status:
                    raise
                # It was closed while it was idle: that is no trouble of the hub's.
        return self._whole(Connection(self._dial), request)

    def open(self, request: Request) -> "Stream":
        """Send and give back the answer as a stream; the caller closes it."""
        connection = Connection(self._dial)
        try:
            self._exchange(connection, request)
        except BaseException:
            connection.close()
            raise
        return Stream(connection)

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _whole(self, connection: "Connection", request: Request) -> Reply:
        try:
            self._exchange(connection, request)
            body = b"".join(iter(connection.read, b""))
        except BaseException:  # an interrupt too: what comes next on this connection is not known
            connection.close()
            raise
        reply = Reply(connection.status, connection.headers, body)
        if connection.can_be_kept:
            self._put(connection)
        else:
            connection.close()
        return reply

    def _exchange(self, connection: "Connection", request: Request) -> None:
        connection.send(self._head(request), request.body or b"", request.timeout_ms / 1000)
        connection.read_head()

    def _head(self, request: Request) -> bytes:
        lines = [f"{request.method} {self._prefix}{request.target} HTTP/1.1", f"Host: {self._host}"]
        lines += [f"{name}: {value}" for name, value in request.headers.items()]
        if request.body is not None or request.method != "GET":
            lines.append(f"Content-Length: {len(request.body or b'')}")
        if any("\r" in line or "\n" in line for line in lines):
            raise ValueError("a line of a request's head cannot hold a line break")
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def _take(self) -> "Connection | None":
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _put(self, connection: "Connection") -> None:
        with self._lock:
            if len(self._idle) < IDLE_CONNECTIONS:
                self._idle.append(connection)
                return
        connection.close()


class Stream:
    """An answer that is read as it comes. Use it with `with`."""

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection
        self.status = connection.status
        self.headers: Mapping[str, str] = connection.headers

    def read(self) -> bytes:
        """Give the next bytes as soon as there are any; empty at the end.

        Raises `Unreachable` when the connection breaks or is silent for too long.
        """
        return self._connection.read()

    def read_all(self) -> bytes:
        """Give all the rest."""
        return b"".join(iter(self.read, b""))

    def close(self) -> None:
        """Close the connection."""
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


class Connection:
    """One connection, one request at a time. Everything raises `Unreachable` and nothing else.

    `status` and `headers` are those of the last answer, of which `read` gives the body;
    `can_be_kept` says that it was read whole and that another request may follow.
    """

    def __init__(self, dial: Dial) -> None:
        self._dial = dial
        self._socket: socket.socket | None = None
        self._begin()

    def _begin(self) -> None:
        """Forget the answer before."""
        self.status = 0
        self.headers: dict[str, str] = {}
        self._parser = httptools.HttpResponseParser(self)
        self._pieces: list[bytes] = []
        self._head_is_read = self._is_complete = self.can_be_kept = False

    def send(self, head: bytes, body: bytes, timeout_s: float) -> None:
        """Send a request. The time bounds each pause, not the whole."""
        self._begin()
        if self._socket is None:
            try:
                self._socket = self._dial(min(CONNECT_TIMEOUT_MS / 1000, timeout_s))
            except (OSError, ValueError) as problem:
                raise Unreachable(_words(problem), sent=False) from None
        self._socket.settimeout(timeout_s)
        pieces = (head + body,) if len(body) <= SMALL_BYTES else (head, body)
        try:
            for piece in pieces:
                rest = memoryview(piece)
                while rest:
                    rest = rest[self._socket.send(rest[: 16 * SMALL_BYTES]) :]
        except (BrokenPipeError, ConnectionResetError):
            pass  # the other side may have answered before it had read all, and closed
        except OSError as problem:
            raise Unreachable(_words(problem), sent=True) from None

    def read_head(self) -> None:
        """Read until the headers are whole."""
        got = 0
        while not self._head_is_read:
            got += self._receive()
            if got > HEAD_BYTES and not self._head_is_read:
                raise Unreachable("its answer has a head without an end", sent=True)

    def read(self) -> bytes:
        """Give the next bytes of the body; empty at its end."""
        while not self._pieces and not self._is_complete:
            self._receive()
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)

    def close(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _receive(self) -> int:
        """Take in what comes next; gives its size."""
        try:
            if self._socket is None:
                raise Unreachable("the connection is closed", sent=True)
            data = self._socket.recv(READ_BYTES)
            if data:
                self._parser.feed_data(data)
        except ConnectionResetError:
            data = b""
        except OSError as problem:
            raise Unreachable(_words(problem), sent=True) from None
        except httptools.HttpParserError:
            raise Unreachable("its answer is not HTTP", sent=True) from None
        if not data:
            if not self._head_is_read or not self._ends_with_connection():
                raise Lost("the connection broke off", sent=True)
            self._is_complete = True
        return len(data)

    def _ends_with_connection(self) -> bool:
        return "content-length" not in self.headers and "transfer-encoding" not in self.headers

    # What the parser calls

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header is read."""
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """The head is read."""
        self.status = self._parser.get_status_code()
        self._head_is_read = True

    def on_body(self, body: bytes) -> None:
        """A piece of the body is read."""
        self._pieces.append(body)

    def on_message_complete(self) -> None:
        """The answer is whole."""
        self._is_complete = True
        self.can_be_kept = self._parser.should_keep_alive()


def _dialler(url: str) -> tuple[Dial, str, str]:
    """Give what makes a connection, the host as requests name it, the path in front of the API."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as wrong:
        raise refuse("hub.unreachable", address=url, problem=str(wrong)) from None
    if parts.scheme not in ("http", "https") or not host or not url.isprintable() or " " in url:
        problem = "the address is not of the form http://HOST:PORT or https://HOST"
        raise refuse("hub.unreachable", address=url, problem=problem)
    named = parts.netloc.rpartition("@")[2]
    try:
        named.encode("ascii")
    except UnicodeEncodeError:
        named = named.encode("idna").decode("ascii")
    prefix = parts.path.rstrip("/")
    if parts.scheme == "http":
        return lambda timeout_s: _connected(host, port or 80, timeout_s), named, prefix
    import ssl

    context = ssl.create_default_context()

    def dial(timeout_s: float) -> socket.socket:
        return context.wrap_socket(_connected(host, port or 443, timeout_s), server_hostname=host)

    return dial, named, prefix


def _connected(host: str, port: int, timeout_s: float) -> socket.socket:
    made = socket.create_connection((host, port), timeout_s)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def _words(problem: Exception) -> str:
    """Say in a few words what went wrong."""
    if isinstance(problem, TimeoutError):
        return "it did not answer in time"
    if isinstance(problem, OSError) and problem.strerror:
        return problem.strerror[:1].lower() + problem.strerror[1:]
    return str(problem) or type(problem).__name__
