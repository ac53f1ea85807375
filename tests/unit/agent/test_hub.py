"""What an agent makes of a hub's answers."""

import pytest

from hutong.agent.hub import HubClient, HubError
from hutong.lifecycle.sync import SyncReply, SyncRequest
from hutong.model.errors import HutongError
from hutong.model.ids import AttemptId, SiteId
from hutong.wire.api import LogReceipt
from tests.unit.agent.scripted import CLOSE, ok, scripted

pytestmark = pytest.mark.anyio

ONE = AttemptId("h0test-j1-1")
REPORT = SyncRequest(SiteId("lab"), "s1", sent_ms=5)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def error(status: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d No\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body


async def test_a_sync_carries_the_report_and_brings_the_reply() -> None:
    async with scripted(ok(b'{"settled":["h0test-j1-1"],"more":true}')) as server:
        hub = HubClient(server.url, "secret")
        assert await hub.sync(REPORT) == SyncReply(settled=(ONE,), more=True)
        head, body = server.requests[0].split(b"\r\n\r\n")
        assert head.startswith(b"POST /v1/agent/sync HTTP/1.1\r\n")
        assert b"authorization: Bearer secret\r\n" in head
        assert body == b'{"site":"lab","session":"s1","sent_ms":5}'
        hub.close()


@pytest.mark.parametrize(
    ("answer", "status", "said", "refusal", "about_this"),
    [
        (error(401, b'{"code":"auth.unknown","message":"Unknown.","hint":"Ask."}'), 401,
         "auth.unknown: Unknown. Ask.", True, False),
        (error(403, b'{"code":"site.not_yours","message":"No."}'), 403,
         "site.not_yours: No.", True, False),
        (error(404, b'{"code":"attempt.not_found","message":"No."}'), 404,
         "attempt.not_found: No.", True, True),
        (error(429, b"slow down"), 429, "it answered with status 429", False, False),
        (error(502, b"<html>bad gateway</html>"), 502, "it answered with status 502", False, False),
        (ok(b"not json"), 0, "makes no sense", False, False),
        (ok(b'{"start":5}'), 0, "makes no sense", False, False),
    ],
)  # fmt: skip
async def test_an_answer_without_use_says_why(
    answer: bytes, status: int, said: str, refusal: bool, about_this: bool
) -> None:
    async with scripted(answer, CLOSE) as server:
        hub = HubClient(server.url, "secret")
        with pytest.raises(HubError) as failed:
            await hub.sync(REPORT)
        assert said in str(failed.value)
        assert failed.value.status == status
        assert failed.value.is_refusal is refusal
        assert failed.value.is_about_this is about_this
        hub.close()


async def test_a_hub_that_is_not_there_is_an_error_and_no_crash() -> None:
    async with scripted() as server:
        url = server.url
    hub = HubClient(url, "secret")
    with pytest.raises(HubError):
        await hub.sync(REPORT)
    with pytest.raises(HubError):
        await hub.send_log(ONE, 0, 0, b"", complete=False)
    with pytest.raises(HubError):
        await anext(hub.pokes(SiteId("lab")))


async def test_a_piece_of_a_log_goes_to_its_place() -> None:
    async with scripted(ok(b'{"size_bytes":9}'), ok(b'{"size_bytes":9,"full":true}')) as server:
        hub = HubClient(server.url, "secret")
        assert await hub.send_log(ONE, 2, 5, b"\0\xff..", complete=False) == LogReceipt(9)
        assert await hub.send_log(ONE, 2, 9, b"", complete=True) == LogReceipt(9, True)
        assert server.requests[0].startswith(b"POST /v1/agent/logs/h0test-j1-1/2?offset=5 HTTP")
        assert server.requests[0].endswith(b"\r\n\r\n\0\xff..")
        assert b"?offset=9&complete=true HTTP" in server.requests[1]
        hub.close()


async def test_pokes_come_when_the_stream_stands_and_with_each_event() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    events = b":\n\nevent: poke\ndata: {}\n\n:\n\ndata: {}\n\n"
    async with scripted(head + b"%x\r\n%s\r\n" % (len(events), events), CLOSE) as server:
        pokes = HubClient(server.url, "secret").pokes(SiteId("lab"))
        for _ in range(3):
            await anext(pokes)
        with pytest.raises(HubError):
            await anext(pokes)
        assert server.requests[0].startswith(b"GET /v1/agent/stream?site=lab HTTP")


async def test_a_stream_that_is_refused_is_a_refusal() -> None:
    body = b'{"code":"auth.unknown","message":"Unknown.","hint":"Ask."}'
    async with scripted(error(401, body)) as server:
        with pytest.raises(HubError, match=r"auth\.unknown") as refused:
            await anext(HubClient(server.url, "secret").pokes(SiteId("lab")))
        assert refused.value.is_refusal


@pytest.mark.parametrize(
    ("url", "token", "code"),
    [
        ("hub.example", "x", "hub.unreachable"),
        ("http://hub", "", "auth.missing"),
        ("http://hub", "a\nb", "auth.missing"),
        ("http://hub", "tökën", "auth.missing"),
    ],
)
async def test_an_address_or_a_token_that_cannot_be_is_refused_at_once(
    url: str, token: str, code: str
) -> None:
    with pytest.raises(HutongError) as refused:
        HubClient(url, token)
    assert refused.value.code == code
