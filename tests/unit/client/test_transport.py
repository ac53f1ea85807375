"""HTTP at the level of bytes: answers in any pieces, and every way in which they end too early."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from hutong.client import transport
from hutong.client.transport import Lost, Reply, Request, Transport, Unreachable

GET = Request("GET", "/v1/health", timeout_ms=5_000)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Name: V\r\n\r\nhi"
Serve = Callable[[socket.socket, int], None]


@contextmanager
def server(serve: Serve) -> Iterator[str]:
    """Hand each connection, with its number, to `serve`, one after the other."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept() -> None:
            number = 0
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    serve(connection, number)
                number += 1

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(10)


def head_of(connection: socket.socket) -> bytes:
    """Read a request's head."""
    got = b""
    while b"\r\n\r\n" not in got:
        piece = connection.recv(4096)
        if not piece:
            return got
        got += piece
    return got


def answering(*pieces: bytes) -> Serve:
    def serve(connection: socket.socket, number: int) -> None:
        head_of(connection)
        for piece in pieces:
            connection.sendall(piece)

    return serve


def asked(serve: Serve, request: Request = GET) -> Reply:
    with server(serve) as url:
        client = Transport(url)
        try:
            return client.request(request)
        finally:
            client.close()


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (OK, b"hi"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n1\r\n!\r\n0\r\n\r\n",
         b"hi!"),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", b"until the end"),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", b"hi"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""),
    ],
)  # fmt: skip
def test_an_answer_is_whole_however_it_is_cut(answer: bytes, body: bytes, size: int) -> None:
    pieces = [answer[place : place + size] for place in range(0, len(answer), size)]
    assert asked(answering(*pieces)).body == body


def test_names_of_headers_are_in_lower_case() -> None:
    reply = asked(answering(OK))
    assert (reply.status, reply.headers["x-name"]) == (200, "V")


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"HTT", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhi",
    ],
)  # fmt: skip
def test_an_answer_that_ends_too_early_is_told(answer: bytes) -> None:
    with pytest.raises(Lost) as caught:
        asked(answering(answer))
    assert caught.value.sent


@pytest.mark.parametrize(
    "answer",
    [b"SSH-2.0-OpenSSH_9.2\r\n", b"\x15\x03\x01\x00\x02\x02\x16", b"HTTP/1.1 two OK\r\n\r\n"],
)
def test_what_is_not_http_is_told(answer: bytes) -> None:
    with pytest.raises(Unreachable, match="not HTTP"):
        asked(answering(answer))


def test_a_head_without_an_end_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "HEAD_BYTES", 100)
    with pytest.raises(Unreachable, match="without an end"):
        asked(answering(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100))


def test_an_answer_that_comes_before_all_was_sent_is_heard() -> None:
    refusal = b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno!"
    body = b"x" * (32 * 1024 * 1024)
    reply = asked(answering(refusal), Request("POST", "/v1/jobs", {}, body, 5_000))
    assert (reply.status, reply.body) == (413, b"no!")


def test_a_connection_that_was_closed_while_idle_is_replaced_without_a_word() -> None:
    seen = []

    def serve(connection: socket.socket, number: int) -> None:
        head_of(connection)
        connection.sendall(OK)
        seen.append(number)  # and close it, though it was to be kept

    with server(serve) as url:
        client = Transport(url)
        assert [client.request(GET).body for _ in range(3)] == [b"hi"] * 3
        client.close()
    assert seen == [0, 1, 2]


def test_what_may_not_be_sent_twice_takes_a_new_connection() -> None:
    seen = []

    def serve(connection: socket.socket, number: int) -> None:
        while head_of(connection):
            seen.append(number)
            connection.sendall(OK)

    with server(serve) as url:
        client = Transport(url)
        client.request(GET)
        client.request(GET)
        client.close()
        client.request(GET, fresh=True)
        client.close()
    assert seen == [0, 0, 1]


def test_silence_ends_after_its_time_and_progress_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pause = threading.Event()

    def slowly(connection: socket.socket, number: int) -> None:
        head_of(connection)
        for byte in OK:
            connection.sendall(bytes([byte]))
            pause.wait(0.005)

    assert asked(slowly, Request("GET", "/", timeout_ms=200)).body == b"hi"

    def never(connection: socket.socket, number: int) -> None:
        head_of(connection)
        connection.recv(1)

    with pytest.raises(Unreachable, match="did not answer in time"):
        asked(never, Request("GET", "/", timeout_ms=20))


def test_a_stream_gives_what_there_is_at_once() -> None:
    go_on = threading.Event()

    def serve(connection: socket.socket, number: int) -> None:
        head_of(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        go_on.wait(10)
        connection.sendall(b"3\r\ntwo\r\n0\r\n\r\n")

    with server(serve) as url, Transport(url).open(GET) as stream:
        assert stream.read() == b"one"
        go_on.set()
        assert stream.read_all() == b"two"


def test_an_encrypted_address_of_a_plain_server_is_told() -> None:
    def serve(connection: socket.socket, number: int) -> None:
        connection.recv(1)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with server(serve) as url, pytest.raises(Unreachable) as caught:
        Transport(url.replace("http:", "https:")).request(GET)
    assert "SSL" in caught.value.problem
    assert not caught.value.sent


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://hub", "hub"),
        ("http://hub:8470/", "hub:8470"),
        ("http://[::1]:8470", "[::1]:8470"),
        ("https://hub.example/lane", "hub.example"),
        ("http://bücher.example", "xn--bcher-kva.example"),
    ],
)  # fmt: skip
def test_the_host_is_named_as_in_the_address(url: str, host: str) -> None:
    assert f"\r\nHost: {host}\r\n".encode() in Transport(url)._head(GET)


def test_no_value_can_begin_a_line_of_its_own() -> None:
    with pytest.raises(ValueError, match="line break"):
        Transport("http://hub")._head(Request("GET", "/", {"A": "b\r\nC: d"}))
