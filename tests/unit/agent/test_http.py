"""The lean HTTP client, against servers that behave and servers that do not."""

import asyncio

import pytest

from hutong.agent import http
from hutong.agent.http import Answer, HttpClient, StatusError, parse_address
from tests.unit.agent.scripted import CLOSE, HANG, Server, ok, scripted

pytestmark = pytest.mark.anyio


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": request.param}


def client_of(server: Server, path: str = "") -> HttpClient:
    return HttpClient(parse_address(server.url + path), {"authorization": "Bearer x"})


async def post(client: HttpClient, body: bytes = b"body", timeout_s: float = 20.0) -> Answer:
    return await client.post("/v1/x", body, "application/json", timeout_s)


async def test_a_request_is_whole_and_its_answer_comes_back() -> None:
    async with scripted(ok(b"hello")) as server:
        client = client_of(server, "/base/")
        assert await post(client) == Answer(200, b"hello")
        host = server.url.removeprefix("http://")
        assert server.requests == [
            f"POST /base/v1/x HTTP/1.1\r\nhost: {host}\r\naccept-encoding: identity\r\n"
            "authorization: Bearer x\r\ncontent-type: application/json\r\n"
            "content-length: 4\r\n\r\nbody".encode()
        ]
        client.close()


async def test_a_connection_is_used_again() -> None:
    async with scripted(ok(b"1"), ok(b"2"), ok(b"3")) as server:
        client = client_of(server)
        assert [(await post(client)).body for _ in range(3)] == [b"1", b"2", b"3"]
        assert server.connections == 1
        client.close()


async def test_requests_at_once_have_a_connection_each() -> None:
    async with scripted(*[ok(b"x")] * 6) as server:
        client = client_of(server)
        await asyncio.gather(post(client), post(client), post(client))
        await asyncio.gather(post(client), post(client), post(client))
        assert server.connections == 3
        client.close()


async def test_what_the_server_wants_closed_is_closed() -> None:
    async with scripted(ok(b"1", "Connection: close"), ok(b"2")) as server:
        client = client_of(server)
        assert [(await post(client)).body for _ in range(2)] == [b"1", b"2"]
        assert server.connections == 2
        client.close()


async def test_a_request_on_a_connection_that_was_closed_meanwhile_is_sent_again() -> None:
    async with scripted(ok(b"1"), CLOSE, ok(b"2")) as server:
        client = client_of(server)
        assert [(await post(client)).body for _ in range(2)] == [b"1", b"2"]
        client.close()
    async with scripted(ok(b"1"), "close", ok(b"2")) as server:
        client = client_of(server)
        server.script = [ok(b"1"), b"", CLOSE, ok(b"2")]
        assert [(await post(client)).body for _ in range(2)] == [b"1", b"2"]
        client.close()


async def test_an_answer_in_chunks_is_put_together() -> None:
    chunked = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    )
    async with scripted(chunked, ok(b"next")) as server:
        client = client_of(server)
        assert await post(client) == Answer(200, b"abcde")
        assert await post(client) == Answer(200, b"next")
        assert server.connections == 1
        client.close()


async def test_a_status_is_told_as_it_is() -> None:
    async with scripted(b"HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\n{}") as server:
        client = client_of(server)
        assert await post(client) == Answer(503, b"{}")
        client.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
    ],
    ids=["nothing", "half", "no-http", "half-chunk", "no-length"],
)
async def test_an_answer_that_breaks_off_or_makes_no_sense_is_an_error(answer: bytes) -> None:
    async with scripted(answer, CLOSE) as server:
        client = client_of(server)
        with pytest.raises(ConnectionResetError):
            await post(client)
        client.close()


async def test_an_answer_that_is_too_long_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "REPLY_BYTES", 9)
    async with scripted(ok(b"0123456789")) as server:
        client = client_of(server)
        with pytest.raises(ConnectionResetError, match="too long"):
            await post(client)
        client.close()


async def test_an_answer_that_does_not_come_is_not_waited_for() -> None:
    async with scripted(HANG) as server:
        client = client_of(server)
        with pytest.raises(TimeoutError):
            await post(client, timeout_s=0.05)
        client.close()


async def test_a_port_where_nobody_listens_is_an_error() -> None:
    async with scripted() as server:
        pass
    with pytest.raises(ConnectionRefusedError):
        await post(client_of(server))


async def test_a_large_body_goes_through() -> None:
    async with scripted(ok(b"x")) as server:
        client = client_of(server)
        await post(client, b"z" * 3_000_000)
        assert len(server.requests[0]) > 3_000_000
        client.close()


async def test_a_stream_comes_piece_by_piece() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with scripted(head + b"2\r\nab\r\n" + b"1\r\nc\r\n", CLOSE) as server:
        stream = client_of(server).stream("/s", 20.0)
        assert await anext(stream) == b""
        text = await anext(stream)
        while len(text) < 3:
            text += await anext(stream)
        assert text == b"abc"
        with pytest.raises(ConnectionResetError):
            await anext(stream)
        assert server.requests[0].startswith(b"GET /s HTTP/1.1\r\n")


async def test_a_stream_that_ends_well_is_over_too() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with scripted(head + b"0\r\n\r\n") as server:
        with pytest.raises(ConnectionResetError, match="ended the stream"):
            assert [piece async for piece in client_of(server).stream("/s", 20.0)]


async def test_a_silent_stream_is_given_up() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with scripted(head) as server:
        with pytest.raises(TimeoutError):
            assert [piece async for piece in client_of(server).stream("/s", 0.05)]


async def test_a_stream_that_is_refused_says_why() -> None:
    async with scripted(b"HTTP/1.1 403 No\r\nContent-Length: 3\r\n\r\nwhy") as server:
        with pytest.raises(StatusError) as refused:
            assert [piece async for piece in client_of(server).stream("/s", 20.0)]
        assert refused.value.answer == Answer(403, b"why")


@pytest.mark.parametrize(
    ("url", "host", "port", "base", "authority"),
    [
        ("http://hub", "hub", 80, "", "hub"),
        ("https://hub.example/", "hub.example", 443, "", "hub.example"),
        ("http://hub:8470/a/b/", "hub", 8470, "/a/b", "hub:8470"),
        ("http://[::1]:9", "::1", 9, "", "[::1]:9"),
    ],
)
async def test_an_address_is_taken_apart(
    url: str, host: str, port: int, base: str, authority: str
) -> None:
    address = parse_address(url)
    assert (address.host, address.port) == (host, port)
    assert (address.base, address.authority) == (base, authority)
    assert (address.tls is not None) is url.startswith("https")


@pytest.mark.parametrize(
    "url", ["", "hub:8470", "ftp://hub", "http://", "http://u:p@hub", "http://hü", "http://h\r\nx"]
)
async def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="look like"):
        parse_address(url)
