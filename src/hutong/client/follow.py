"""Streams that outlive their connections: the journal's events and the logs of a task.

Theory of operation. Each stream knows how far it has read: a position in the journal, a byte of one
attempt's log. When a connection ends in any way, the next one is opened at that place, so nothing
is lost or seen twice. A hub that stops ends its streams in good order, so a clean end proves
nothing: only what the hub then says of the job ends a log.
"""

from collections.abc import Iterator

import msgspec

from hutong.client.calls import Caller, Outage, Query, path, with_query
from hutong.client.sse import Parser
from hutong.client.transport import Stream, Unreachable
from hutong.model.errors import HutongError
from hutong.model.states import TERMINAL_JOB_STATES
from hutong.wire.api import AttemptView, ElementView, EventView, HealthReply, JobDetail

# A stream that is silent for this long is opened again; the hub sends comments far more often.
EVENTS_SILENCE_MS = 60_000
LOG_SILENCE_MS = 60_000
TERMINAL = tuple(str(state) for state in TERMINAL_JOB_STATES)


class LogPiece(msgspec.Struct, frozen=True):
    """Bytes of a task's log. `offset` is where they start in the log of that attempt."""

    attempt: str
    offset: int
    data: bytes


class LogPlace(msgspec.Struct, frozen=True):
    """Which log: of which job, element (position from 0) and task, and of which attempt (its number
    or id; empty is the last)."""

    job: str
    element: int | None = None
    task: int = 0
    attempt: str = ""


def follow_events(
    caller: Caller, *, after: int, kind: str, follow: bool, limit: int
) -> Iterator[EventView]:
    """Give the journal's events behind position `after`; with `follow`, those to come as well.

    Without it the end is where the journal ends now, so that a busy hub does not keep it going.
    """
    outage, given = Outage(caller), 0
    end = None if follow else caller.call("GET", path("health"), HealthReply).position
    while end is None or after < end:
        before = after
        query: dict[str, str | int | None] = {"after": after, "kind": kind}
        query["limit"] = limit - given if limit else None
        query["follow"] = "true" if follow else None
        target = with_query(path("events"), query)
        try:
            with caller.open(
                target, accept="text/event-stream", timeout_ms=EVENTS_SILENCE_MS
            ) as stream:
                for event in _events(caller, stream):
                    outage.over()
                    if end is not None and event.position > end:
                        return
                    yield event
                    after, given = event.position, given + 1
                    if limit and given >= limit:
                        return
        except Unreachable as problem:
            if after == before:
                outage.wait(caller.unreachable(problem))
            continue
        except HutongError as error:
            if error.status != 503:
                raise
            outage.wait(error)
            continue
        if after == before:  # a clean end with nothing new
            if not follow:
                return
            outage.heard()
            outage.wait(caller.not_understood("it ends streams at once"))


def _events(caller: Caller, stream: Stream) -> Iterator[EventView]:
    parser = Parser()
    while piece := stream.read():
        for message in parser.feed(piece):
            yield caller.decode(message.data.encode(), EventView)


def read_log(
    caller: Caller, place: LogPlace, *, offset: int = 0, tail: int | None = None
) -> LogPiece:
    """Give what there is of a log: from `offset` on, or its last `tail` bytes."""
    part: Query = {"offset": offset} if tail is None else {"tail": tail}
    reply = caller.send("GET", _log_target(place, part))
    start = reply.headers.get("x-hutong-log-offset", "")
    return LogPiece(
        reply.headers.get("x-hutong-attempt", ""),
        int(start) if start.isdecimal() else offset,
        reply.body,
    )


def follow_log(caller: Caller, place: LogPlace, *, offset: int) -> Iterator[LogPiece]:
    """Give a log from `offset` on as it grows, until the job has ended and the log is complete.

    Without a fixed attempt it goes on to the log of the next attempt when one is made.
    """
    outage = Outage(caller)
    current = place
    while True:
        try:
            for piece in _log_pieces(caller, current, offset):
                outage.over()
                offset = piece.offset + len(piece.data)
                if not current.attempt:
                    current = msgspec.structs.replace(current, attempt=piece.attempt)
                if piece.data:
                    yield piece
        except Unreachable as problem:
            outage.wait(caller.unreachable(problem))
            continue
        except HutongError as error:
            if error.status != 503 and error.code != "log.not_found":
                raise
            if error.code == "log.not_found" and _never(caller, place):
                raise
            outage.heard()
            outage.wait(error)
            continue
        ended = _ended(caller, place)
        following = "" if place.attempt else _next_attempt(caller, current)
        if following:
            current, offset = msgspec.structs.replace(current, attempt=following), 0
        elif ended:
            rest = read_log(caller, current, offset=offset)
            if not rest.data:
                return
            offset += len(rest.data)
            yield rest
        else:
            outage.heard()
            outage.wait(caller.not_understood("it ends the log of a job that has not ended"))


def _log_pieces(caller: Caller, place: LogPlace, offset: int) -> Iterator[LogPiece]:
    """Read one connection's worth. The first piece is empty and names the attempt."""
    target = _log_target(place, {"offset": offset, "follow": "true"})
    with caller.open(
        target, accept="application/octet-stream", timeout_ms=LOG_SILENCE_MS
    ) as stream:
        attempt = stream.headers.get("x-hutong-attempt", "")
        yield LogPiece(attempt, offset, b"")
        while data := stream.read():
            yield LogPiece(attempt, offset, data)
            offset += len(data)


def _log_target(place: LogPlace, part: Query) -> str:
    which: Query = {"element": place.element, "task": place.task, "attempt": place.attempt}
    return with_query(path("jobs", place.job, "logs"), {**which, **part})


def _ended(caller: Caller, place: LogPlace) -> bool:
    """Say whether the job, or the element of the array, has ended."""
    if place.element is not None:
        query = {"after": place.element - 1, "limit": 1}
        target = with_query(path("jobs", place.job, "elements"), query)
        rows = caller.call("GET", target, list[ElementView])
        return any(row.element == place.element and row.state in TERMINAL for row in rows)
    return caller.call("GET", path("jobs", place.job), JobDetail).job.state in TERMINAL


def _never(caller: Caller, place: LogPlace) -> bool:
    """Say whether a log that does not exist yet never will: the job ended without one, or has no
    such task."""
    detail = caller.call("GET", path("jobs", place.job), JobDetail)
    if place.task >= detail.spec.tasks or detail.job.state in TERMINAL:
        return True
    return place.element is not None and _ended(caller, place)


def _next_attempt(caller: Caller, place: LogPlace) -> str:
    """The id of the next attempt behind the one of `place`, empty when there is none."""
    query: Query = {"element": place.element, "after": place.attempt, "limit": 1}
    target = with_query(path("jobs", place.job, "attempts"), query)
    rows = caller.call("GET", target, list[AttemptView])
    return rows[0].id if rows else ""
