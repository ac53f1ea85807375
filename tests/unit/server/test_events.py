import msgspec
import pytest

from hutong.model.limits import STREAMS
from hutong.server import streams
from hutong.server.feed import KINDS
from hutong.wire.api import EventView
from tests.unit.server.world import SiteAgent, World, job, on_hub


def events(text: bytes) -> list[EventView]:
    found = []
    for message in text.split(b"\n\n"):
        fields = dict(line.split(b": ", 1) for line in message.split(b"\n") if b": " in line)
        if fields:
            view = msgspec.json.decode(fields[b"data"], type=EventView)
            assert fields[b"id"] == str(view.position).encode()
            assert fields[b"event"] == view.kind.encode()
            found.append(view)
    return found


async def read(world: World, query: str = "", token: str = "admin") -> list[EventView]:
    answer = await world.get(f"/v1/events{query}", token=token)
    assert answer.status == 200, answer
    return events(answer.body)


@on_hub
async def test_events_come_in_order_from_any_position(world: World) -> None:
    for number in range(5):
        await world.submit(job(f"n{number}"))
    everything = await read(world)
    assert [event.position for event in everything] == list(range(1, len(everything) + 1))
    assert everything[0].kind == "HubCreated"
    behind = await read(world, "?after=3")
    assert behind == everything[3:]
    assert await read(world, "?after=3&limit=2") == everything[3:5]
    assert await read(world, "?after=999") == []
    found = await read(world, "?kind=JobAccepted,HubStarted")
    assert {event.kind for event in found} == {"JobAccepted", "HubStarted"}


@on_hub
async def test_events_older_than_what_is_kept_come_from_the_store(world: World) -> None:
    for number in range(5):
        await world.submit(job(f"n{number}"))
    kept = await read(world)
    world.hub.feed._kept.clear()
    assert await read(world) == kept


@on_hub
async def test_a_follower_hears_what_comes(world: World) -> None:
    stream = await world.open("GET", "/v1/events?follow=true&after=2")
    name = await world.submit(job())
    await stream.until(lambda: events(stream.data))
    (heard,) = events(stream.data)
    assert heard.kind == "JobAccepted"
    assert msgspec.json.decode(heard.event)["job"] == name
    await stream.leave()
    assert stream.headers[b"content-type"] == b"text/event-stream"


@on_hub
async def test_a_follower_ends_at_its_limit(world: World) -> None:
    stream = await world.open("GET", "/v1/events?follow=true&limit=3")
    await world.submit(job())
    assert len(events(await stream.end())) == 3


@on_hub
async def test_a_reader_that_comes_back_names_what_it_heard_last(world: World) -> None:
    await world.submit(job())
    answer = await world.get("/v1/events", headers={"last-event-id": "2"})
    assert [event.position for event in events(answer.body)] == [3]


@on_hub
async def test_a_member_hears_of_the_own_jobs_and_of_the_supply(world: World) -> None:
    world.token("ours", "member", "acme")
    agent = SiteAgent(world)
    await agent.join()
    mine = await world.submit(job("mine", tenant="acme/ocr"))
    theirs = await world.submit(job("theirs", tenant="globex"))
    await world.call("PUT", "/v1/tenants/globex", {"weight": 3})
    await world.call("PUT", "/v1/tenants/acme", {"weight": 2})
    for attempt in await agent.start_all():
        await agent.finish(attempt)
    heard = await read(world, token="ours")
    told = b"".join(bytes(event.event) for event in heard)
    assert f'"{mine}"'.encode() in told
    assert theirs.encode() not in told.replace(mine.encode(), b"")
    assert b"globex" not in told
    kinds = {event.kind for event in heard}
    assert {"SiteDescribed", "TenantChanged", "PlanDecided", "AttemptEnded", "JobEnded"} <= kinds
    world.hub.feed._tenants.clear()
    assert await read(world, token="ours") == heard


@on_hub
async def test_the_kinds_are_those_of_the_journal(world: World) -> None:
    assert "JobAccepted" in KINDS
    assert len(set(KINDS)) == len(KINDS)
    for kind in KINDS:
        assert (await world.get(f"/v1/events?kind={kind}")).status == 200


# The streams themselves


@on_hub
async def test_a_silent_stream_says_that_it_is_there(world: World) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams.StreamHandle.wait, "__defaults__", (1,))
        stream = await world.open("GET", "/v1/agent/stream?site=bj")
        await stream.until(lambda: stream.data.count(streams.HEARTBEAT) >= 3)
        await stream.leave()
        assert stream.data.replace(streams.HEARTBEAT, b"") == b""


@on_hub
async def test_an_agent_is_poked_when_it_has_something_to_do(world: World) -> None:
    agent = SiteAgent(world)
    await agent.join()
    stream = await world.open("GET", "/v1/agent/stream?site=bj")
    other = await world.open("GET", "/v1/agent/stream?site=tj")
    await world.submit(job())
    await world.cycle()
    await stream.until(lambda: b"event: poke\ndata: {}\n\n" in stream.data)
    assert b"poke" not in other.data
    await stream.leave()
    await other.leave()


@on_hub
async def test_all_streams_end_when_the_hub_stops(world: World) -> None:
    opened = [
        await world.open("GET", path)
        for path in ("/v1/events?follow=true", "/v1/agent/stream?site=bj")
    ]
    for stream in opened:
        await stream.until(lambda stream=stream: stream.status)
    world.hub.stop_streams()
    for stream in opened:
        await stream.end()
    assert len(world.hub.streams) == 0
    late = await world.get("/v1/events?follow=true")
    assert (late.status, late.error.code) == (503, "hub.starting")


@on_hub
async def test_streams_are_counted_and_bounded(world: World) -> None:
    handles = [world.hub.streams.open() for _ in range(STREAMS)]
    answer = await world.get("/v1/events?follow=true")
    assert (answer.status, answer.error.code) == (503, "request.too_many_streams")
    handles.pop().close()
    assert (await world.get("/v1/events")).status == 200


@on_hub
async def test_news_that_came_between_two_waits_are_not_missed(world: World) -> None:
    handle = world.hub.streams.open("topic")
    world.hub.streams.wake("topic")
    assert await handle.wait(30_000) is True
    assert await handle.wait(1) is False
    handle.close()
    assert await handle.wait(30_000) is True
