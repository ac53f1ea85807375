import asyncio
import os
import stat
from pathlib import Path

import pytest

from hutong.model.attempt import Observation
from hutong.model.errors import HutongError
from hutong.model.job import ArraySpec
from hutong.model.reasons import ExitCode
from hutong.model.states import AttemptState
from hutong.server import api_logs
from hutong.server.logs import LAST_LINE, LogBook, log_name
from tests.unit.server.world import SiteAgent, World, job, on_hub

BYTES = {"content-type": "application/octet-stream"}
NAME = log_name("abc123-j1-1", 0)


async def running(world: World, **fields: object) -> tuple[str, str, SiteAgent]:
    """A job that runs: its name, its attempt, the agent of its site."""
    agent = SiteAgent(world)
    await agent.join()
    name = await world.submit(job(**fields))
    (attempt, *_) = await agent.start_all()
    return name, attempt, agent


async def send(world: World, attempt: str, data: bytes, offset: int = 0, last: str = "") -> None:
    path = f"/v1/agent/logs/{attempt}/0?offset={offset}{last}"
    answer = await world.post(path, data, headers=BYTES)
    assert answer.status == 200, answer


# The files


def test_a_piece_sent_again_changes_nothing(tmp_path: Path) -> None:
    logs = LogBook(tmp_path)
    assert logs.write(NAME, 0, b"one ").size_bytes == 4
    assert logs.write(NAME, 4, b"two ").size_bytes == 8
    assert logs.write(NAME, 0, b"one ").size_bytes == 8
    assert logs.write(NAME, 0, b"one two three").size_bytes == 13
    assert logs.read(NAME, 0, 100) == b"one two three"


def test_a_gap_is_not_filled_but_told(tmp_path: Path) -> None:
    logs = LogBook(tmp_path)
    assert logs.write(NAME, 10, b"later").size_bytes == 0
    logs.write(NAME, 0, b"now")
    assert logs.write(NAME, 10, b"later").size_bytes == 3
    assert logs.read(NAME, 0, 100) == b"now"


def test_a_log_stops_at_its_limit_and_says_so(tmp_path: Path) -> None:
    logs = LogBook(tmp_path, limit_bytes=10)
    assert logs.write(NAME, 0, b"0123456").full is False
    full = logs.write(NAME, 7, b"789abc")
    assert (full.size_bytes, full.full) == (10, True)
    assert logs.write(NAME, 10, b"abc") == full
    assert logs.write(NAME, 0, b"0") == full
    assert logs.read(NAME, 0, 1_000) == b"0123456789" + LAST_LINE


def test_a_log_that_just_fits_is_whole(tmp_path: Path) -> None:
    logs = LogBook(tmp_path, limit_bytes=10)
    exact = logs.write(NAME, 0, b"0123456789")
    assert (exact.size_bytes, exact.full) == (10, False)
    assert logs.write(NAME, 10, b"a").full is True


def test_a_log_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    LogBook(tmp_path).write(NAME, 0, b"x")
    (file,) = tmp_path.rglob("*.log")
    assert file.relative_to(tmp_path) == Path("j1/abc123-j1-1/0.log")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "attempt",
    ["", ".", "..", "../../etc", "abc-j1-1/../x", "abc-j1", "abc-jx-1", "abc-j1-1\n", "a b-j1-1"],
)
def test_a_name_that_is_no_attempt_makes_no_file(attempt: str) -> None:
    with pytest.raises(HutongError, match=r"attempt\.not_found"):
        log_name(attempt, 0)


def test_a_task_out_of_bounds_makes_no_file() -> None:
    for task in (-1, 4_096):
        with pytest.raises(HutongError, match=r"log\.not_found"):
            log_name("abc123-j1-1", task)


def test_a_disk_that_takes_no_log_is_told_without_its_path(tmp_path: Path) -> None:
    blocked = tmp_path / "logs"
    blocked.write_text("not a folder")
    logs = LogBook(blocked)
    with pytest.raises(HutongError, match=r"log\.unavailable") as caught:
        logs.write(NAME, 0, b"x")
    assert str(tmp_path) not in caught.value.message


def test_a_link_in_the_place_of_a_log_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("")
    folder = tmp_path / "logs" / "j1" / "abc123-j1-1"
    folder.mkdir(parents=True)
    os.symlink(target, folder / "0.log")
    with pytest.raises(HutongError, match=r"log\.unavailable"):
        LogBook(tmp_path / "logs").write(NAME, 0, b"x")
    assert target.read_text() == ""


# The endpoints


@on_hub
async def test_a_log_is_read_from_any_place(world: World) -> None:
    name, attempt, _ = await running(world)
    await send(world, attempt, b"0123456789")
    for query, found in (
        ("", b"0123456789"),
        ("?offset=4", b"456789"),
        ("?offset=99", b""),
        ("?tail=3", b"789"),
        ("?tail=99", b"0123456789"),
        ("?tail=0", b""),
        ("?attempt=1", b"0123456789"),
        (f"?attempt={attempt}", b"0123456789"),
    ):
        answer = await world.get(f"/v1/jobs/{name}/logs{query}")
        assert (answer.status, answer.body) == (200, found), query
        assert answer.headers[b"x-hutong-attempt"] == attempt.encode()
        assert answer.headers[b"content-type"] == b"application/octet-stream"


@on_hub
async def test_a_task_that_wrote_nothing_has_an_empty_log(world: World) -> None:
    name, _, _ = await running(world)
    answer = await world.get(f"/v1/jobs/{name}/logs")
    assert (answer.status, answer.body) == (200, b"")


@on_hub
async def test_a_log_that_cannot_be_is_not_found(world: World) -> None:
    name = await world.submit(job())
    answer = await world.get(f"/v1/jobs/{name}/logs")
    assert (answer.status, answer.error.code) == (404, "log.not_found")
    running_name, attempt, _ = await running(world)
    for query, code in (
        ("task=1", "log.not_found"),
        ("attempt=2", "attempt.not_found"),
        ("attempt=999999999999", "attempt.not_found"),
        ("attempt=..", "attempt.not_found"),
        (f"attempt={attempt.replace(running_name, name)}", "attempt.not_found"),
    ):
        answer = await world.get(f"/v1/jobs/{running_name}/logs?{query}")
        assert (answer.status, answer.error.code) == (404, code), query


@on_hub
async def test_of_an_array_an_element_must_be_named(world: World) -> None:
    name, attempt, _ = await running(world, array=ArraySpec(3))
    await send(world, attempt, b"zero")
    answer = await world.get(f"/v1/jobs/{name}/logs")
    assert (answer.status, answer.error.facts["name"]) == (400, "element")
    assert (await world.get(f"/v1/jobs/{name}/logs?element=0")).body == b"zero"
    assert (await world.get(f"/v1/jobs/{name}/logs?attempt={attempt}")).body == b"zero"
    assert (await world.get(f"/v1/jobs/{name}/logs?attempt=1")).status == 400


@on_hub
async def test_an_agent_sends_a_log_of_known_attempts_only(world: World) -> None:
    _, attempt, _ = await running(world)
    for path, code in (
        ("abcdef-j1-1/0", "attempt.not_found"),
        ("..%2F../0", "attempt.not_found"),
        (f"{attempt}/x", "log.not_found"),
        (f"{attempt}/-1", "log.not_found"),
        (f"{attempt}/99999999", "log.not_found"),
    ):
        answer = await world.post(f"/v1/agent/logs/{path}", b"x", headers=BYTES)
        assert (answer.status, answer.error.code) == (404, code), path
    large = await world.post(f"/v1/agent/logs/{attempt}/0", b"x" * 300_000, headers=BYTES)
    assert large.error.code == "request.too_large"
    wrong = await world.post(f"/v1/agent/logs/{attempt}/0", {"x": 1})
    assert wrong.error.code == "request.media_type"


@on_hub
async def test_a_log_of_an_attempt_that_is_over_is_still_taken(world: World) -> None:
    name, attempt, agent = await running(world)
    await agent.finish(attempt)
    await send(world, attempt, b"late")
    assert (await world.get(f"/v1/jobs/{name}/logs")).body == b"late"


# Following


@on_hub
async def test_a_followed_log_comes_as_it_grows_and_ends_when_it_is_complete(
    world: World,
) -> None:
    name, attempt, agent = await running(world)
    await send(world, attempt, b"one ")
    stream = await world.open("GET", f"/v1/jobs/{name}/logs?follow=true")
    await stream.until(lambda: stream.data == b"one ")
    await send(world, attempt, b"two ", 4)
    await stream.until(lambda: stream.data == b"one two ")
    await agent.finish(attempt)
    assert not stream.ended
    await send(world, attempt, b"three", 8, "&complete=true")
    assert await stream.end() == b"one two three"
    assert stream.headers[b"x-hutong-attempt"] == attempt.encode()


@on_hub
async def test_a_log_known_to_be_complete_ends_with_its_attempt(world: World) -> None:
    name, attempt, agent = await running(world)
    await send(world, attempt, b"all", 0, "&complete=true")
    stream = await world.open("GET", f"/v1/jobs/{name}/logs?follow=1")
    await stream.until(lambda: stream.data == b"all")
    await agent.finish(attempt)
    assert await stream.end() == b"all"


@on_hub
async def test_a_last_piece_behind_a_gap_does_not_complete_a_log(world: World) -> None:
    _, attempt, _ = await running(world)
    await send(world, attempt, b"later", 10, "&complete=true")
    assert not world.hub.logs.is_complete(log_name(attempt, 0))


def test_a_log_that_nobody_completes_ends_a_while_after_its_attempt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(api_logs, "GRACE_MS", 20)

    async def play() -> None:
        async with World() as world:
            name, attempt, agent = await running(world)
            await send(world, attempt, b"half")
            stream = await world.open("GET", f"/v1/jobs/{name}/logs?follow=true")
            await stream.until(lambda: stream.data)
            await agent.finish(attempt)
            assert await stream.end() == b"half"
            world.clock.at_ms += 60_000
            again = await world.get(f"/v1/jobs/{name}/logs?follow=true")
            assert again.body == b"half"

    asyncio.run(play())


def test_what_comes_just_before_a_log_is_complete_is_not_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The last piece and the word that it is the last come between a look and the next."""

    async def play() -> None:
        async with World() as world:
            name, attempt, agent = await running(world)
            await agent.finish(attempt)
            logs, handle = world.hub.logs, log_name(attempt, 0)
            read = logs.read

            def read_once(*arguments: object) -> bytes:
                monkeypatch.setattr(logs, "read", read)
                found = read(*arguments)
                logs.write(handle, 0, b"last words")
                logs.complete(handle)
                return found

            monkeypatch.setattr(logs, "read", read_once)
            answer = await world.get(f"/v1/jobs/{name}/logs?follow=true")
            assert answer.body == b"last words"

    monkeypatch.setattr(api_logs, "GRACE_MS", 200)
    asyncio.run(play())


@on_hub
async def test_a_followed_log_stays_with_its_attempt_when_the_job_is_retried(
    world: World,
) -> None:
    name, attempt, agent = await running(world, retry={"user_count": 1})
    stream = await world.open("GET", f"/v1/jobs/{name}/logs?follow=true")
    await stream.until(lambda: stream.status)  # it follows the attempt of the moment it began
    await send(world, attempt, b"first", 0, "&complete=true")
    await agent.finish(attempt, ExitCode(1))
    (second,) = await agent.start_all()
    await send(world, second, b"second")
    assert await stream.end() == b"first"
    newest = await world.get(f"/v1/jobs/{name}/logs")
    assert (newest.body, newest.headers[b"x-hutong-attempt"]) == (b"second", second.encode())


@on_hub
async def test_a_reader_that_leaves_is_forgotten(world: World) -> None:
    name, _, _ = await running(world)
    stream = await world.open("GET", f"/v1/jobs/{name}/logs?follow=true")
    await stream.until(lambda: stream.status)
    assert len(world.hub.streams) == 1
    await stream.leave()
    assert len(world.hub.streams) == 0


@on_hub
async def test_a_lost_attempt_ends_its_followed_log(world: World) -> None:
    name, attempt, agent = await running(world)
    await send(world, attempt, b"x", 0, "&complete=true")
    stream = await world.open("GET", f"/v1/jobs/{name}/logs?follow=true")
    gone = Observation(attempt, AttemptState.RUNNING, world.clock.now_ms())
    assert gone.attempt in agent.seen
    agent.seen.clear()
    await agent.sync(full=True)  # a full report without it
    assert await stream.end() == b"x"
