"""The journal's events as server-sent events."""

from collections.abc import AsyncIterator
from typing import cast

from hutong.model.errors import refuse
from hutong.server.endpoint import Answer, Call, Streamed
from hutong.server.feed import KINDS, encoded
from hutong.server.queries import EventsQuery
from hutong.server.streams import HEARTBEAT, JOURNAL_TOPIC, StreamHandle
from hutong.server.strict import nearest


async def stream_events(call: Call) -> Answer | Streamed:
    """Events from a journal position on."""
    query = cast(EventsQuery, call.query)
    for kind in query.kind:
        if kind not in KINDS:
            advice = nearest(kind, KINDS)
            raise refuse("request.parameter", name="kind", value=kind, problem=advice[:-1])
    after = _position(call, query)
    handle = call.hub.streams.open(JOURNAL_TOPIC)
    return Streamed(_events(call, query, after, handle), handle=handle)


def _position(call: Call, query: EventsQuery) -> int:
    header = call.headers.get(b"last-event-id", b"")
    if header.isdigit() and len(header) < 16:
        return max(int(header), query.after)
    return query.after


async def _events(
    call: Call, query: EventsQuery, after: int, handle: StreamHandle
) -> AsyncIterator[bytes]:
    feed, kinds, given = call.hub.feed, query.kind, 0
    end = call.hub.driver.durable_position
    yield HEARTBEAT
    while not handle.closed and (query.follow or after < end):
        entries = await feed.behind(after)
        parts = []
        for entry in entries:
            after = entry.position
            if kinds and type(entry.event).__name__ not in kinds:
                continue
            event = await feed.seen_by(call.principal, entry.event)
            if event is not None:
                parts.append(encoded(entry, event))
                given += 1
                if given == query.limit:
                    break
        if parts:
            yield b"".join(parts)
        if given and given == query.limit:
            return
        if not parts and (entries or not await handle.wait()):
            yield HEARTBEAT
