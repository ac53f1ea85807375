"""A hub on loopback that answers what a test tells it to, over real HTTP.

Replies are given by method and path, each used once unless it is the last. Requests are kept in
`seen`. A reply may break off before it is complete, as a hub does that is killed.
"""

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec


@dataclass(frozen=True)
class Seen:
    """A request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    """What to answer. `pieces` are sent chunked; `broken` leaves out the end; `drop` answers
    nothing at all."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    pieces: tuple[bytes, ...] | None = None
    broken: bool = False
    drop: bool = False


def value(reply: object, status: int = 200, **headers: str) -> Answer:
    """An answer that holds a wire value as JSON."""
    return Answer(
        msgspec.json.encode(reply), status, {"Content-Type": "application/json", **headers}
    )


def error(status: int, code: str, message: str = "It is so.", hint: str = "Do this.") -> Answer:
    """An error as the hub answers it."""
    return value({"code": code, "message": message, "hint": hint}, status)


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A client that leaves in the middle is no error; it may do so behind a test's end, when
        there is no stderr to tell it to."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class FakeHub:
    """The server. `on` scripts it; `url` is where it listens."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.date = ""
        self._script: dict[tuple[str, str], list[Answer]] = {}
        self._lock = threading.Lock()
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                parts = urlsplit(self.path)
                length = int(self.headers.get("Content-Length") or 0)
                query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
                headers = {name.lower(): text for name, text in self.headers.items()}
                seen = Seen(self.command, parts.path, query, headers, self.rfile.read(length))
                hub._answer(self, seen)

            do_GET = do_POST = do_PUT = do_DELETE = handle_any

            def date_time_string(self, timestamp: float | None = None) -> str:
                return hub.date or super().date_time_string(timestamp)

            def log_message(self, *args: object) -> None:
                pass

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def on(self, method: str, path: str, *answers: Answer | object) -> None:
        """Script the answers to a request; a value that is no `Answer` is sent as JSON."""
        self._script[(method, path)] = [
            answer if isinstance(answer, Answer) else value(answer) for answer in answers
        ]

    def asked(self, method: str, path: str) -> list[Seen]:
        """The requests of that kind that came."""
        return [seen for seen in self.seen if (seen.method, seen.path) == (method, path)]

    def _answer(self, handler: BaseHTTPRequestHandler, seen: Seen) -> None:
        with self._lock:
            self.seen.append(seen)
            answers = self._script.get((seen.method, seen.path))
            if not answers:
                answer = error(404, "request.not_found", f"There is nothing at {seen.path}.")
            else:
                answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if answer.drop:
            handler.close_connection = True
            return
        handler.send_response(answer.status)
        for name, text in answer.headers.items():
            handler.send_header(name, text)
        if answer.pieces is None:
            handler.send_header("Content-Length", str(len(answer.body)))
            handler.end_headers()
            handler.wfile.write(answer.body)
            return
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for piece in answer.pieces:
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            handler.wfile.flush()
        if answer.broken:
            handler.close_connection = True
            return
        handler.wfile.write(b"0\r\n\r\n")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextmanager
def running() -> Iterator[FakeHub]:
    hub = FakeHub()
    hub.start()
    try:
        yield hub
    finally:
        hub.stop()
