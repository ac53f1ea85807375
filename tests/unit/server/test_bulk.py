import asyncio

import msgspec
import pytest

from hutong.model import limits
from hutong.server import api_submit
from hutong.wire.api import BulkLine, SubmitRequest
from tests.unit.server.world import GatedStore, World, job, on_hub

NDJSON = {"content-type": "application/x-ndjson"}


def lines(count: int, first: int = 0) -> list[bytes]:
    return [
        msgspec.json.encode(SubmitRequest(job(f"n{number}"), f"k{number}")) + b"\n"
        for number in range(first, first + count)
    ]


def answers(body: bytes) -> list[BulkLine]:
    return [msgspec.json.decode(line, type=BulkLine) for line in body.splitlines()]


@on_hub
async def test_each_line_gets_its_answer_in_order(world: World) -> None:
    answer = await world.post("/v1/jobs/bulk", b"".join(lines(2_500)), headers=NDJSON)
    assert answer.status == 200
    assert answer.headers[b"content-type"] == b"application/x-ndjson"
    found = answers(answer.body)
    assert [line.line for line in found] == list(range(1, 2_501))
    assert [line.job for line in found] == [f"j{number}" for number in range(1, 2_501)]


@on_hub
async def test_lines_may_be_cut_anywhere(world: World) -> None:
    whole = b"".join(lines(20)).rstrip(b"\n")
    pieces: list[bytes | None] = [whole[at : at + 7] for at in range(0, len(whole), 7)]
    answer = await world.post("/v1/jobs/bulk", pieces=pieces, headers=NDJSON)
    assert [line.job for line in answers(answer.body)] == [f"j{n}" for n in range(1, 21)]


@on_hub
async def test_a_refused_line_leaves_the_others_accepted(world: World) -> None:
    good = lines(3)
    empty = b'{"spec":{"name":"x","program":{}}}\n'
    waits_for = b'"depends_on":[{"kind":"afterok","job":"j77"}]'
    waiting = b'{"spec":{"name":"x","program":{"argv":["x"]},%b}}\n' % waits_for
    body = b"".join((good[0], b"{\n", b"\n", empty, good[1], waiting, good[2]))
    found = answers((await world.post("/v1/jobs/bulk", body, headers=NDJSON)).body)
    assert [(line.line, line.job, line.code) for line in found] == [
        (1, "j1", ""),
        (2, "", "request.malformed"),
        (4, "", "job.invalid"),
        (5, "j2", ""),
        (6, "", "job.dependency_unknown"),
        (7, "j3", ""),
    ]
    assert all(line.hint for line in found if line.code)


@on_hub
async def test_a_repetition_gets_the_same_jobs(world: World) -> None:
    body = b"".join(lines(300))
    first = answers((await world.post("/v1/jobs/bulk", body, headers=NDJSON)).body)
    await world.post(f"/v1/jobs/{first[0].job}/cancel", {})
    again = answers((await world.post("/v1/jobs/bulk", body, headers=NDJSON)).body)
    assert [line.job for line in again] == [line.job for line in first]
    assert all(line.repeated for line in again)


@on_hub
async def test_one_key_twice_in_one_request_is_one_job(world: World) -> None:
    body = b"".join(lines(1) * 3)
    found = answers((await world.post("/v1/jobs/bulk", body, headers=NDJSON)).body)
    assert [(line.job, line.repeated) for line in found] == [
        ("j1", False), ("j1", True), ("j1", True),
    ]  # fmt: skip


def test_nothing_is_answered_before_it_is_durable_and_reading_goes_on() -> None:
    store = GatedStore()

    async def play() -> None:
        async with World(store) as world:
            store.gate.clear()
            pieces: list[bytes | None] = [b"".join(lines(100, at)) for at in range(0, 1_000, 100)]
            stream = await world.open("POST", "/v1/jobs/bulk", pieces=pieces, headers=NDJSON)
            async with asyncio.timeout(30):
                while pieces:  # noqa: ASYNC110 - there is no event for it
                    await asyncio.sleep(0)
            assert stream.data == b""
            store.gate.set()
            assert len(answers(await stream.end())) == 1_000

    asyncio.run(play())


def test_no_more_is_read_than_may_wait_to_be_durable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_submit, "WAITING_LINES", 200)
    store = GatedStore()

    async def play() -> None:
        async with World(store) as world:
            store.gate.clear()
            pieces: list[bytes | None] = [b"".join(lines(100, at)) for at in range(0, 1_000, 100)]
            stream = await world.open("POST", "/v1/jobs/bulk", pieces=pieces, headers=NDJSON)
            for _ in range(2_000):
                await asyncio.sleep(0)
            assert len(pieces) >= 6
            store.gate.set()
            assert len(answers(await stream.end())) == 1_000

    asyncio.run(play())


def test_lines_whose_commit_failed_are_refused_and_only_those() -> None:
    store = GatedStore()

    async def play() -> None:
        async with World(store) as world:
            first = await world.post("/v1/jobs/bulk", b"".join(lines(10)), headers=NDJSON)
            assert all(line.job for line in answers(first.body))
            store.fail_next(1)
            second = await world.post("/v1/jobs/bulk", b"".join(lines(10, 10)), headers=NDJSON)
            assert {line.code for line in answers(second.body)} == {"store.unavailable"}

            async def ready() -> bool:
                return world.driver.ready

            await world.eventually(ready)
            both = await world.post("/v1/jobs/bulk", b"".join(lines(20)), headers=NDJSON)
            found = answers(both.body)
            assert [line.repeated for line in found] == [True] * 10 + [False] * 10

    asyncio.run(play())


@on_hub
async def test_a_line_without_an_end_is_given_up(world: World) -> None:
    piece = b"x" * 65_536
    count = limits.BULK_LINE_BYTES // len(piece) + 2
    pieces: list[bytes | None] = [lines(1)[0], *[piece] * count]
    answer = await world.post("/v1/jobs/bulk", pieces=pieces, headers=NDJSON)
    found = answers(answer.body)
    assert [(line.line, line.code) for line in found] == [(1, ""), (2, "request.too_large")]


@on_hub
async def test_what_came_before_the_client_left_stands(world: World) -> None:
    pieces: list[bytes | None] = [b"".join(lines(10)), None]
    stream = await world.open("POST", "/v1/jobs/bulk", pieces=pieces, headers=NDJSON)
    await stream.until(lambda: len(stream.data.splitlines()) == 10)
    await stream.leave()
    assert len((await world.get("/v1/jobs")).json()["jobs"]) == 10


@on_hub
async def test_a_bulk_that_is_json_is_refused(world: World) -> None:
    answer = await world.post("/v1/jobs/bulk", {"spec": job()})
    assert (answer.status, answer.error.code) == (415, "request.media_type")


@on_hub
async def test_an_empty_bulk_is_an_empty_answer(world: World) -> None:
    answer = await world.post("/v1/jobs/bulk", b"", headers=NDJSON)
    assert (answer.status, answer.body) == (200, b"")
