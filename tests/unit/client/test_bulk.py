"""Many jobs in few requests."""

import json

import msgspec
import pytest

from hutong.client import bulk
from hutong.client.client import Client
from hutong.model.errors import HutongError
from hutong.model.job import JobSpec, Program
from hutong.wire.api import BulkLine, SubmitRequest
from tests.unit.client.fakehub import Answer, FakeHub


def specs(count: int) -> list[JobSpec]:
    return [JobSpec(f"n{number}", Program(argv=("true",))) for number in range(count)]


def lines(*answers: BulkLine) -> Answer:
    return Answer(pieces=tuple(msgspec.json.encode(answer) + b"\n" for answer in answers))


def accepted(start: int, count: int) -> Answer:
    return lines(*(BulkLine(number + 1, f"j{start + number}") for number in range(count)))


def test_many_jobs_go_in_few_requests_and_keep_their_lines(
    hub: FakeHub, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "BULK_JOBS_PER_BATCH", 2)
    hub.on("POST", "/v1/jobs/bulk", accepted(1, 2), accepted(3, 2), accepted(5, 1))
    found = list(client.submit_many(specs(5)))
    assert [(line.line, line.job) for line in found] == [(n, f"j{n}") for n in range(1, 6)]
    assert hub.seen[0].headers["content-type"] == "application/x-ndjson"


def test_a_request_is_bounded_in_bytes(
    hub: FakeHub, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "REQUEST_BYTES", 1)
    hub.on("POST", "/v1/jobs/bulk", accepted(1, 1), accepted(2, 1))
    assert [line.line for line in client.submit_many(specs(2))] == [1, 2]


def test_every_line_has_a_key_and_given_ones_stay(hub: FakeHub, client: Client) -> None:
    hub.on("POST", "/v1/jobs/bulk", accepted(1, 3))
    first, second, third = specs(3)
    list(client.submit_many([first, SubmitRequest(second, "mine"), SubmitRequest(third)]))
    keys = [json.loads(line)["key"] for line in hub.seen[0].body.splitlines()]
    assert keys[1] == "mine"
    assert len(set(keys)) == 3
    assert all(keys)


def test_an_answer_that_broke_off_is_asked_for_again(hub: FakeHub, client: Client) -> None:
    half = Answer(pieces=(msgspec.json.encode(BulkLine(1, "j1")) + b"\n",), broken=True)
    hub.on("POST", "/v1/jobs/bulk", half, accepted(1, 2))
    assert [line.job for line in client.submit_many(specs(2))] == ["j1", "j2"]
    assert hub.seen[0].body == hub.seen[1].body


def test_refused_lines_leave_the_others(hub: FakeHub, client: Client) -> None:
    refused = BulkLine(1, code="job.invalid", message="No.", hint="Else.")
    hub.on("POST", "/v1/jobs/bulk", lines(refused, BulkLine(2, "j1")))
    assert list(client.submit_many(specs(2))) == [refused, BulkLine(2, "j1")]


def test_lines_that_are_missing_are_noticed(hub: FakeHub, client: Client) -> None:
    hub.on("POST", "/v1/jobs/bulk", accepted(1, 1))
    with pytest.raises(HutongError) as caught:
        list(client.submit_many(specs(2)))
    assert caught.value.code == "hub.answer"


def test_nothing_is_asked_when_there_is_nothing_to_hand_in(hub: FakeHub, client: Client) -> None:
    assert list(client.submit_many([])) == []
    assert hub.seen == []
