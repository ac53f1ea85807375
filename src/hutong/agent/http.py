"""A small HTTP/1.1 client for the two things an agent does: short POSTs and one long stream.

Theory of operation. A site that starts and ends hundreds of attempts a second posts as often, and
httpx2 takes 0.9 ms of CPU for a POST, this 0.07 ms. Connections are kept and used again, the last
one first. A kept connection may have been closed by the other side in the meantime: if it ends
before the first byte of an answer the request is sent once more on a new one, which is safe since
everything an agent posts may be repeated. There are no redirects, proxies, cookies or encodings.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping
from typing import NamedTuple, Protocol, cast
from urllib.parse import urlsplit

import httptools

CONNECT_S = 5.0
KEPT = 8
REPLY_BYTES = 256 * 1024 * 1024


class Answer(NamedTuple):
    """What came back."""

    status: int
    body: bytes


class Address(NamedTuple):
    """Where a hub is. `base` is what goes before every path, without a last slash."""

    host: str
    port: int
    tls: ssl.SSLContext | None
    base: str
    authority: str


def parse_address(url: str) -> Address:
    """Take a hub's URL apart. Raises ValueError if it is not `http://` or `https://`."""
    parts = urlsplit(url if url.isascii() and url.isprintable() else "")
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
        raise ValueError("it does not look like https://hub.example")
    tls = ssl.create_default_context() if parts.scheme == "https" else None
    port = parts.port or (443 if tls else 80)
    return Address(parts.hostname, port, tls, parts.path.rstrip("/"), parts.netloc)


class _Parser(Protocol):
    def feed_data(self, data: bytes) -> None: ...
    def get_status_code(self) -> int: ...
    def should_keep_alive(self) -> bool: ...


class _Connection(asyncio.Protocol):
    """One connection and the answer that is under way on it."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.status: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.pieces: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.is_clean = False
        self._parser: _Parser | None = None
        self._bytes = 0

    def send(self, head: bytes, body: bytes) -> None:
        """Send a request. The connection carries no other one until its answer is complete."""
        self.status = asyncio.get_running_loop().create_future()
        self.pieces = asyncio.Queue()
        self.is_clean = False
        self._bytes = 0
        self._parser = httptools.HttpResponseParser(self)
        if self.transport is None or self.transport.is_closing():
            self._fail()
        else:
            self.transport.write(head + body)

    def close(self) -> None:
        """End the connection."""
        if self.transport is not None:
            self.transport.abort()

    # asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop has its own

    def data_received(self, data: bytes) -> None:
        self._bytes += len(data)
        try:
            if self._parser is None:
                raise httptools.HttpParserError("nobody asked")
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._fail()
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self._fail()

    def _fail(self) -> None:
        if not self.status.done():
            self.status.set_exception(ConnectionResetError("the hub closed the connection"))
            self.status.exception()  # whoever waits gets it; nobody has to
        self.pieces.put_nowait(None)

    # httptools

    def on_headers_complete(self) -> None:
        assert self._parser is not None
        if not self.status.done():
            self.status.set_result(self._parser.get_status_code())

    def on_body(self, body: bytes) -> None:
        self.pieces.put_nowait(body)

    def on_message_complete(self) -> None:
        assert self._parser is not None
        self.is_clean = self._parser.should_keep_alive()
        self._parser = None
        self.pieces.put_nowait(b"")  # the end, as against None, a connection that broke off


class HttpClient:
    """Talks to one server with one set of headers."""

    def __init__(self, address: Address, headers: Mapping[str, str]) -> None:
        self._address = address
        fields = {"host": address.authority, "accept-encoding": "identity", **headers}
        self._fields = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self._kept: list[_Connection] = []

    async def post(self, path: str, body: bytes, content_type: str, timeout_s: float) -> Answer:
        """Send a request and wait for the whole answer.

        Raises OSError (TimeoutError among them) if there is none.
        """
        head = self._head("POST", path, f"content-type: {content_type}\r\n", len(body))
        async with asyncio.timeout(timeout_s):
            while self._kept:
                kept = self._kept.pop()
                kept.send(head, body)
                with contextlib.suppress(ConnectionResetError):
                    return await self._rest_of(kept)
            fresh = await self._connect()
            fresh.send(head, body)
            return await self._rest_of(fresh)

    async def stream(self, path: str, idle_s: float) -> AsyncIterator[bytes]:
        """Get an answer that has no end, piece by piece; the first piece is empty.

        Raises OSError when it breaks off or nothing comes for `idle_s`, StatusError when the status
        is not 200.
        """
        connection = await self._connect()
        try:
            connection.send(self._head("GET", path, "accept: text/event-stream\r\n", 0), b"")
            async with asyncio.timeout(idle_s):
                status = await connection.status
            if status != 200:
                async with asyncio.timeout(idle_s):
                    raise StatusError(await self._rest_of(connection))
            yield b""
            while True:
                async with asyncio.timeout(idle_s):
                    piece = await connection.pieces.get()
                if not piece:
                    raise ConnectionResetError("the hub ended the stream")
                yield piece
        finally:
            connection.close()

    def close(self) -> None:
        """Close every connection that is kept."""
        while self._kept:
            self._kept.pop().close()

    def _head(self, method: str, path: str, fields: str, length: int) -> bytes:
        line = f"{method} {self._address.base}{path} HTTP/1.1\r\n"
        return f"{line}{self._fields}{fields}content-length: {length}\r\n\r\n".encode("latin-1")

    async def _connect(self) -> _Connection:
        address = self._address
        async with asyncio.timeout(CONNECT_S):
            _, connection = await asyncio.get_running_loop().create_connection(
                _Connection, address.host, address.port, ssl=address.tls
            )
        return connection

    async def _rest_of(self, connection: _Connection) -> Answer:
        """Read an answer to its end and keep the connection if it can be used again."""
        pieces: list[bytes] = []
        try:
            status = await connection.status
            length = 0
            while piece := await connection.pieces.get():
                pieces.append(piece)
                length += len(piece)
                if length > REPLY_BYTES:
                    raise ConnectionResetError("the hub's answer is too long")
            if piece is None:
                raise ConnectionResetError("the hub broke off its answer")
        except BaseException:
            connection.close()
            raise
        if connection.is_clean and len(self._kept) < KEPT:
            self._kept.append(connection)
        else:
            connection.close()
        return Answer(status, b"".join(pieces))


class StatusError(OSError):
    """An answer with another status than 200 where a stream was wanted."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        super().__init__(f"status {answer.status}")
