"""Bringing logs to the hub: whole, once, in pieces, and over any interruption."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from hutong.agent import logs
from hutong.agent.hub import HubError
from hutong.agent.logs import LogSender
from hutong.connectors.local.sitefile import parse_site_file
from hutong.model.attempt import Observation
from hutong.model.errors import refuse
from hutong.model.ids import AttemptId
from hutong.model.states import AttemptState
from hutong.testing.connector import MemoryConnector, MemorySite, _Run
from tests.conformance.connectors import PATIENCE_S, SITE
from tests.unit.agent.fakehub import Hub, HubInMemory

pytestmark = pytest.mark.anyio

ONE = AttemptId("h0test-j1-1")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Desk:
    """A sender, the logs it reads and the hub it sends to."""

    def __init__(self) -> None:
        self.site = MemorySite(parse_site_file(SITE, "lab").inventory)
        self.hub = Hub()
        self.connector = MemoryConnector(self.site)
        self.sender = LogSender(self.connector, HubInMemory(self.hub).as_client)

    def write(self, data: bytes, attempt: AttemptId = ONE, task: int = 0, tasks: int = 1) -> None:
        """Have a task write."""
        if attempt not in self.site.runs:
            self.site.runs[attempt] = _Run(
                Observation(attempt, AttemptState.RUNNING, 1), [()] * tasks
            )
        self.site.runs[attempt].tasks[task].log += data

    async def sent(self, attempt: AttemptId = ONE) -> None:
        """Wait until an ended attempt's logs are with the hub."""
        done = asyncio.Event()
        self.sender.when_sent(attempt, done.set)
        async with asyncio.timeout(PATIENCE_S):
            await done.wait()

    async def until_hub_has(self, data: bytes, attempt: AttemptId = ONE) -> None:
        """Wait for a live log."""
        async with asyncio.timeout(PATIENCE_S):
            while self.hub.log(attempt) != data:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0)


@pytest.fixture
async def desk(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    monkeypatch.setattr(logs, "PERIOD_S", 0.01)
    made = Desk()
    running = asyncio.create_task(made.sender.run())
    yield made
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_what_a_live_attempt_writes_comes_as_it_grows(desk: Desk) -> None:
    desk.sender.began(ONE, is_new=True)
    desk.write(b"one ")
    await desk.until_hub_has(b"one ")
    desk.write(b"two")
    await desk.until_hub_has(b"one two")
    assert [offset for _, _, offset, _ in desk.hub.pieces] == [0, 4]


async def test_a_log_that_does_not_grow_costs_nothing(desk: Desk) -> None:
    desk.sender.began(ONE, is_new=True)
    desk.write(b"one")
    await desk.until_hub_has(b"one")
    other = AttemptId("h0test-j2-1")
    desk.sender.began(other, is_new=True)
    for number in range(20):
        desk.write(b"%d" % (number % 10), other)
        await desk.until_hub_has(desk.site.runs[other].tasks[0].log, other)
    assert len([piece for piece in desk.hub.pieces if piece[0] == ONE]) == 1


async def test_at_the_end_the_rest_comes_and_is_called_complete(desk: Desk) -> None:
    desk.write(b"all of it")
    desk.sender.began(ONE, is_new=True)
    desk.sender.ended(ONE)
    await desk.sent()
    assert desk.hub.log(ONE) == b"all of it"
    assert (ONE, 0) in desk.hub.complete
    assert len(desk.hub.pieces) == 1


async def test_every_task_has_its_log(desk: Desk) -> None:
    for task in range(3):
        desk.write(b"rank %d" % task, task=task, tasks=3)
    desk.sender.began(ONE, is_new=True)
    desk.sender.ended(ONE)
    await desk.sent()
    assert [desk.hub.log(ONE, task) for task in range(3)] == [b"rank 0", b"rank 1", b"rank 2"]


@pytest.mark.parametrize("length", [5, 10, 23, 30])
async def test_a_long_log_comes_in_pieces(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, length: int
) -> None:
    monkeypatch.setattr(logs, "LOG_CHUNK_BYTES", 10)
    text = bytes(range(length))
    desk.write(text)
    desk.sender.began(ONE, is_new=True)
    desk.sender.ended(ONE)
    await desk.sent()
    assert desk.hub.log(ONE) == text
    assert max(size for *_, size in desk.hub.pieces) <= 10
    assert (ONE, 0) in desk.hub.complete


async def test_after_a_restart_it_goes_on_where_the_hub_is(desk: Desk) -> None:
    desk.write(b"known to the hub, and this is not")
    desk.hub.logs[ONE, 0] = bytearray(b"known to the hub")
    desk.sender.began(ONE, is_new=False)
    desk.sender.ended(ONE)
    await desk.sent()
    assert desk.hub.log(ONE) == b"known to the hub, and this is not"
    assert [(offset, size) for _, _, offset, size in desk.hub.pieces] == [(0, 0), (16, 17)]


async def test_a_hub_that_is_away_gets_it_when_it_is_back(desk: Desk) -> None:
    desk.hub.log_failures = [HubError("away")] * 3 + [HubError("revoked", 401)]
    desk.write(b"text")
    desk.sender.began(ONE, is_new=True)
    desk.sender.ended(ONE)
    await desk.sent()
    assert desk.hub.log(ONE) == b"text"


async def test_a_hub_that_lost_a_part_gets_it_again(desk: Desk) -> None:
    desk.sender.began(ONE, is_new=True)
    desk.write(b"0123456789")
    await desk.until_hub_has(b"0123456789")
    del desk.hub.logs[ONE, 0][4:]
    desk.write(b"abc")
    desk.sender.ended(ONE)
    await desk.sent()
    assert desk.hub.log(ONE) == b"0123456789abc"


async def test_a_hub_that_has_enough_gets_no_more(desk: Desk) -> None:
    desk.hub.log_limit = 4
    desk.sender.began(ONE, is_new=True)
    desk.write(b"0123456789")
    await desk.until_hub_has(b"0123")
    desk.write(b"more")
    desk.sender.ended(ONE)
    await desk.sent()
    assert len(desk.hub.pieces) == 1


async def test_a_log_that_the_hub_does_not_want_is_dropped(desk: Desk) -> None:
    desk.hub.log_failures = [HubError("no such attempt", 404)]
    desk.write(b"text")
    desk.sender.began(ONE, is_new=True)
    desk.sender.ended(ONE)
    await desk.sent()
    assert desk.hub.pieces == []


async def test_a_log_that_cannot_be_read_is_tried_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, problems = desk.connector.read_log, [True, True]

    async def read_log(attempt: AttemptId, task: int, offset: int, limit: int) -> bytes:
        if problems and problems.pop():
            raise refuse("connector.failed", action="reading a log", problem="Input/output error")
        return await read(attempt, task, offset, limit)

    monkeypatch.setattr(desk.connector, "read_log", read_log)
    desk.write(b"text")
    desk.sender.began(ONE, is_new=True)
    desk.sender.ended(ONE)
    await desk.sent()
    assert desk.hub.log(ONE) == b"text"


async def test_of_a_few_silent_ends_the_hub_is_told_and_of_many_not(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "SILENT_ENDS", 2)
    monkeypatch.setattr(logs, "PERIOD_S", 60.0)
    names = [AttemptId(f"h0test-j{job}-1") for job in range(1, 9)]
    for name in names:
        desk.write(b"", name)
        desk.sender.began(name, is_new=True)
        desk.sender.ended(name)
    for name in names:
        await desk.sent(name)
    assert 2 <= len(desk.hub.complete) <= 4
    assert all(size == 0 for *_, size in desk.hub.pieces)


async def test_what_is_sent_already_is_said_at_once(desk: Desk) -> None:
    called: list[bool] = []
    desk.sender.when_sent(ONE, lambda: called.append(True))
    assert called == [True]
