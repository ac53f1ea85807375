"""Streams that go on where their connection broke off."""

import json

import pytest

from hutong.client.client import Client
from hutong.model.errors import HutongError
from hutong.model.job import JobSpec, Program
from hutong.wire.api import ElementView, HealthReply, JobDetail, JobView
from tests.unit.client.fakehub import Answer, FakeHub, error, value

SPEC = JobSpec("a", Program(argv=("true",)))


def sse(*positions: int) -> bytes:
    lines = []
    for position in positions:
        data = {"position": position, "at_ms": 1, "cause": "c", "kind": "JobEnded", "event": {}}
        lines.append(f"id: {position}\nevent: JobEnded\ndata: {json.dumps(data)}\n\n")
    return ": alive\n\n".join(lines).encode()


def stream(*pieces: bytes, broken: bool = False, attempt: str = "") -> Answer:
    headers = {"X-Hutong-Attempt": attempt} if attempt else {}
    return Answer(pieces=pieces, broken=broken, headers=headers)


def detail(state: str) -> JobDetail:
    return JobDetail(JobView("j1", "a", "default", state, "normal", 1, 1, 1), SPEC)


def attempts(*numbers: int) -> Answer:
    rows = [
        {"id": f"hub-j1-{number}", "job": "j1", "number": number, "state": "ended", "site": "s",
         "pool": "s/p", "nodes": [], "needs": {}, "placed_ms": 1}
        for number in numbers
    ]  # fmt: skip
    return value(rows)


def test_events_end_at_the_present(hub: FakeHub, client: Client) -> None:
    hub.on("GET", "/v1/health", HealthReply("ok", "h", "0", 3))
    hub.on("GET", "/v1/events", stream(sse(1, 2)), stream(sse(3)))
    assert [event.position for event in client.events()] == [1, 2, 3]
    assert [seen.query["after"] for seen in hub.asked("GET", "/v1/events")] == ["0", "2"]


def test_events_end_even_when_the_hub_is_busy(hub: FakeHub, client: Client) -> None:
    hub.on("GET", "/v1/health", HealthReply("ok", "h", "0", 3))
    hub.on("GET", "/v1/events", stream(sse(1, 3, 4, 5)))
    assert [event.position for event in client.events()] == [1, 3]


def test_events_end_when_none_of_the_rest_is_for_the_caller(hub: FakeHub, client: Client) -> None:
    hub.on("GET", "/v1/health", HealthReply("ok", "h", "0", 9))
    hub.on("GET", "/v1/events", stream(sse(1)), stream(b": none\n\n"))
    assert [event.position for event in client.events()] == [1]


def test_events_resume_behind_the_last_one_seen(hub: FakeHub, client: Client) -> None:
    half = sse(3, 4)[:-20]
    hub.on("GET", "/v1/events", stream(sse(1, 2), half, broken=True), stream(sse(4, 5, 6)))
    found = client.events(follow=True)
    assert [next(found).position for _ in range(6)] == [1, 2, 3, 4, 5, 6]
    assert [seen.query["after"] for seen in hub.seen] == ["0", "3"]
    assert hub.seen[0].query["follow"] == "true"


def test_following_outlives_a_hub_that_starts_again(hub: FakeHub, client: Client) -> None:
    hub.on(
        "GET", "/v1/events",
        stream(sse(1)), Answer(drop=True), error(503, "hub.starting"), stream(sse(2)),
    )  # fmt: skip
    found = client.events(follow=True)
    assert [next(found).position for _ in range(2)] == [1, 2]


def test_following_gives_up_when_the_hub_stays_away(hub: FakeHub, client: Client) -> None:
    hub.on("GET", "/v1/events", stream(sse(1)), Answer(drop=True))
    found = client.events(follow=True)
    next(found)
    with pytest.raises(HutongError) as caught:
        next(found)
    assert caught.value.code == "hub.unreachable"


def test_a_refusal_ends_a_stream_at_once(hub: FakeHub, client: Client) -> None:
    hub.on("GET", "/v1/events", error(403, "auth.forbidden"))
    with pytest.raises(HutongError) as caught:
        next(client.events(follow=True))
    assert caught.value.code == "auth.forbidden"
    assert len(hub.seen) == 1


def test_no_more_events_than_asked_for(hub: FakeHub, client: Client) -> None:
    hub.on("GET", "/v1/health", HealthReply("ok", "h", "0", 9))
    hub.on("GET", "/v1/events", stream(sse(1, 2)), stream(sse(3, 4)))
    assert [event.position for event in client.events(limit=3, kind="JobEnded")] == [1, 2, 3]
    asked = [seen.query for seen in hub.asked("GET", "/v1/events")]
    assert [query["limit"] for query in asked] == ["3", "1"]
    assert {query["kind"] for query in asked} == {"JobEnded"}


def test_a_log_is_read_from_an_offset(hub: FakeHub, client: Client) -> None:
    hub.on("GET", "/v1/jobs/j1/logs", Answer(b"lo\n", headers={"X-Hutong-Attempt": "hub-j1-2"}))
    piece = client.log("j1", task=1, attempt=2, offset=3)
    assert (piece.attempt, piece.offset, piece.data) == ("hub-j1-2", 3, b"lo\n")
    assert hub.seen[0].query == {"task": "1", "attempt": "2", "offset": "3"}


def test_the_end_of_a_log_is_read_with_its_place(hub: FakeHub, client: Client) -> None:
    head = {"X-Hutong-Attempt": "hub-j1-2", "X-Hutong-Log-Offset": "97"}
    hub.on("GET", "/v1/jobs/j1/logs", Answer(b"lo\n", headers=head))
    assert client.log("j1", tail=3).offset == 97
    assert hub.seen[0].query == {"task": "0", "tail": "3"}


def test_following_a_task_that_the_job_does_not_have_ends(hub: FakeHub, client: Client) -> None:
    hub.on("GET", "/v1/jobs/j1/logs", error(404, "log.not_found"))
    hub.on("GET", "/v1/jobs/j1", detail("running"))
    with pytest.raises(HutongError) as caught:
        list(client.follow_log("j1", task=1))
    assert caught.value.code == "log.not_found"


def test_a_log_resumes_at_its_byte_in_the_same_attempt(hub: FakeHub, client: Client) -> None:
    hub.on(
        "GET", "/v1/jobs/j1/logs",
        stream(b"he", b"l", broken=True, attempt="hub-j1-1"),
        stream(b"lo", attempt="hub-j1-1"),
        Answer(b"", headers={"X-Hutong-Attempt": "hub-j1-1"}),
    )  # fmt: skip
    hub.on("GET", "/v1/jobs/j1", detail("succeeded"))
    hub.on("GET", "/v1/jobs/j1/attempts", value([]))
    assert b"".join(piece.data for piece in client.follow_log("j1")) == b"hello"
    asked = [seen.query for seen in hub.asked("GET", "/v1/jobs/j1/logs")]
    assert [query["offset"] for query in asked] == ["0", "3", "5"]
    assert [query.get("attempt") for query in asked] == [None, "hub-j1-1", "hub-j1-1"]


def test_a_log_goes_on_with_the_next_attempt_from_its_start(hub: FakeHub, client: Client) -> None:
    hub.on(
        "GET", "/v1/jobs/j1/logs",
        stream(b"first", attempt="hub-j1-1"),
        stream(b"second", attempt="hub-j1-2"),
        Answer(b"", headers={"X-Hutong-Attempt": "hub-j1-2"}),
    )  # fmt: skip
    hub.on("GET", "/v1/jobs/j1", detail("running"), detail("succeeded"))
    hub.on("GET", "/v1/jobs/j1/attempts", attempts(2), value([]))
    # The attempts are asked for behind the one just read.
    pieces = [(piece.attempt, piece.offset, piece.data) for piece in client.follow_log("j1")]
    assert pieces == [("hub-j1-1", 0, b"first"), ("hub-j1-2", 0, b"second")]


def test_a_clean_end_does_not_end_the_log_of_a_live_job(hub: FakeHub, client: Client) -> None:
    hub.on(
        "GET", "/v1/jobs/j1/logs",
        stream(b"a", attempt="hub-j1-1"),
        stream(b"b", attempt="hub-j1-1"),
        Answer(b"c", headers={"X-Hutong-Attempt": "hub-j1-1"}),
        Answer(b"", headers={"X-Hutong-Attempt": "hub-j1-1"}),
    )  # fmt: skip
    hub.on("GET", "/v1/jobs/j1", detail("running"), detail("succeeded"))
    hub.on("GET", "/v1/jobs/j1/attempts", value([]))
    assert b"".join(piece.data for piece in client.follow_log("j1")) == b"abc"


def test_following_waits_for_a_job_that_has_no_log_yet(hub: FakeHub, client: Client) -> None:
    hub.on(
        "GET", "/v1/jobs/j1/logs",
        error(404, "log.not_found"),
        stream(b"a", attempt="hub-j1-1"),
        Answer(b"", headers={"X-Hutong-Attempt": "hub-j1-1"}),
    )  # fmt: skip
    hub.on("GET", "/v1/jobs/j1", detail("queued"), detail("succeeded"))
    hub.on("GET", "/v1/jobs/j1/attempts", value([]))
    assert [piece.data for piece in client.follow_log("j1")] == [b"a"]


def test_a_job_that_ended_without_a_log_says_so(hub: FakeHub, client: Client) -> None:
    hub.on("GET", "/v1/jobs/j1/logs", error(404, "log.not_found"))
    hub.on("GET", "/v1/jobs/j1", detail("cancelled"))
    with pytest.raises(HutongError) as caught:
        list(client.follow_log("j1"))
    assert caught.value.code == "log.not_found"


def test_an_elements_log_ends_with_the_element(hub: FakeHub, client: Client) -> None:
    name = {"X-Hutong-Attempt": "hub-j1-4-1"}
    hub.on("GET", "/v1/jobs/j1/logs", stream(b"a", attempt="hub-j1-4-1"), Answer(b"", headers=name))
    hub.on("GET", "/v1/jobs/j1/elements", [ElementView(4, 4, "failed")])
    hub.on("GET", "/v1/jobs/j1/attempts", value([]))
    assert [piece.data for piece in client.follow_log("j1", element=4)] == [b"a"]
    assert hub.asked("GET", "/v1/jobs/j1/elements")[0].query == {"after": "3", "limit": "1"}
