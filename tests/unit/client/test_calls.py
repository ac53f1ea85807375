"""One request: sent again where that is safe, and its errors made ours."""

import socket

import pytest

from hutong.client.calls import Patience, path
from hutong.client.client import Client
from hutong.model.errors import HutongError
from hutong.model.job import JobSpec, Program
from hutong.wire.api import HealthReply, SubmitReply, TokenRequest, TokenView
from tests.unit.client.conftest import QUICK
from tests.unit.client.fakehub import Answer, FakeHub, error, value

HEALTH = HealthReply("ok", "abc123", "0.1.0", 7)
TOKEN = TokenView("t1", "n", "admin", "", 1, secret="s")
SPEC = JobSpec("a", Program(argv=("true",)))


def code_of(error_: pytest.ExceptionInfo[HutongError]) -> str:
    return error_.value.code


def test_the_token_goes_with_every_request(hub: FakeHub, client: Client) -> None:
    hub.on("GET", "/v1/health", HEALTH)
    assert client.health() == HEALTH
    assert hub.seen[0].headers["authorization"] == "Bearer secret"


def test_a_connection_is_used_again(hub: FakeHub, client: Client) -> None:
    hub.on("GET", "/v1/health", HEALTH)
    for _ in range(3):
        client.health()
    assert len(client._transport._idle) == 1


def test_an_error_keeps_code_sentence_hint_and_status(hub: FakeHub, client: Client) -> None:
    hub.on("GET", "/v1/jobs/j9", error(404, "job.not_found", "There is no job j9.", "Look."))
    with pytest.raises(HutongError) as caught:
        client.job("j9")
    problem = caught.value
    assert (problem.code, problem.message, problem.hint, problem.status) == (
        "job.not_found", "There is no job j9.", "Look.", 404,
    )  # fmt: skip


def test_a_code_newer_than_this_program_is_shown_all_the_same(hub: FakeHub, client: Client) -> None:
    hub.on("GET", "/v1/health", error(418, "teapot.short", "Short and stout."))
    with pytest.raises(HutongError) as caught:
        client.health()
    assert (caught.value.code, caught.value.message) == ("teapot.short", "Short and stout.")


@pytest.mark.parametrize(
    "answer",
    [
        Answer(b"<html>hello", 200),
        Answer(b"<html>gone", 404),
        Answer(b'{"status": 3}', 200),
        Answer(b"\xff\xfe", 200),
        Answer(b"", 502),
    ],
)
def test_what_is_no_hub_is_told_apart(hub: FakeHub, client: Client, answer: Answer) -> None:
    hub.on("GET", "/v1/health", answer)
    with pytest.raises(HutongError) as caught:
        client.health()
    assert code_of(caught) == "hub.answer"
    assert hub.url in caught.value.message


def test_a_read_is_asked_again_after_a_lost_answer(hub: FakeHub, client: Client) -> None:
    hub.on("GET", "/v1/health", Answer(drop=True), HEALTH)
    assert client.health() == HEALTH
    assert len(hub.seen) == 2


def test_a_submission_is_sent_again_with_the_same_key(hub: FakeHub, client: Client) -> None:
    hub.on("POST", "/v1/jobs", Answer(drop=True), value(SubmitReply("j1"), 201))
    assert client.submit(SPEC).job == "j1"
    first, second = (seen.json() for seen in hub.seen)
    assert first == second
    assert len(first["key"]) >= 16


def test_two_submissions_have_two_keys(hub: FakeHub, client: Client) -> None:
    hub.on("POST", "/v1/jobs", SubmitReply("j1"))
    client.submit(SPEC)
    client.submit(SPEC)
    assert hub.seen[0].json()["key"] != hub.seen[1].json()["key"]


def test_the_callers_key_is_kept(hub: FakeHub, client: Client) -> None:
    hub.on("POST", "/v1/jobs", SubmitReply("j1", repeated=True))
    assert client.submit(SPEC, key="mine").repeated
    assert hub.seen[0].json()["key"] == "mine"


def test_a_token_is_not_asked_for_twice(hub: FakeHub, client: Client) -> None:
    hub.on("POST", "/v1/tokens", Answer(drop=True), TOKEN)
    with pytest.raises(HutongError) as caught:
        client.create_token(TokenRequest("n", "admin"))
    assert code_of(caught) == "hub.unreachable"
    assert len(hub.seen) == 1


def test_a_hub_that_starts_is_asked_again(hub: FakeHub, client: Client) -> None:
    hub.on("POST", "/v1/tokens", error(503, "hub.starting"), TOKEN)
    assert client.create_token(TokenRequest("n", "admin")).secret == "s"


def test_other_refusals_are_final(hub: FakeHub, client: Client) -> None:
    hub.on("GET", "/v1/health", error(503, "limit.reached"), HEALTH)
    with pytest.raises(HutongError):
        client.health()
    assert len(hub.seen) == 1


def test_trying_again_ends(hub: FakeHub, client: Client) -> None:
    hub.on("GET", "/v1/health", Answer(drop=True))
    with pytest.raises(HutongError) as caught:
        client.health()
    assert code_of(caught) == "hub.unreachable"
    assert "broke off" in caught.value.message
    assert len(hub.seen) == QUICK.tries_count


def test_a_hub_that_is_not_there_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with Client(url, patience=QUICK) as client, pytest.raises(HutongError) as caught:
            client.health()
    assert code_of(caught) == "hub.unreachable"
    assert url in caught.value.message
    assert "connection refused" in caught.value.message


def test_a_hub_that_says_nothing_is_not_waited_for_for_ever() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"http://127.0.0.1:{mute.getsockname()[1]}"
        quick = Patience(tries_count=1)
        with (
            Client(url, timeout_ms=20, patience=quick) as client,
            pytest.raises(HutongError) as caught,
        ):
            client.health()
    assert "did not answer in time" in caught.value.message


@pytest.mark.parametrize(
    "url", ["ftp://x", "localhost:8470", "http://", "http://h:port", "http://["]
)
def test_an_address_of_another_form_is_refused(url: str) -> None:
    with pytest.raises(HutongError) as caught:
        Client(url)
    assert code_of(caught) == "hub.unreachable"


@pytest.mark.parametrize("token", ["a\nb", "a\r\nX: y", "ключ"])
def test_a_token_cannot_bring_a_header_of_its_own(token: str) -> None:
    with pytest.raises(HutongError) as caught:
        Client("http://127.0.0.1:1", token)
    assert code_of(caught) == "auth.unknown"


def test_a_path_in_front_of_the_api_is_kept(hub: FakeHub) -> None:
    hub.on("GET", "/some/where/v1/health", HEALTH)
    with Client(f"{hub.url}/some/where/") as client:
        assert client.health() == HEALTH


@pytest.mark.parametrize(
    ("part", "encoded"),
    [("j1", "j1"), ("a/b", "a%2Fb"), ("..", "%2E%2E"), ("?x#y", "%3Fx%23y"), ("é", "%C3%A9")],
)
def test_no_name_leaves_its_place_in_a_path(part: str, encoded: str) -> None:
    assert path("jobs", part, "logs") == f"/v1/jobs/{encoded}/logs"


def test_pauses_double_up_to_their_bound_and_differ() -> None:
    pauses = list(Patience(tries_count=6, first_ms=100, cap_ms=400).pauses_ms())
    assert len(pauses) == 5
    for pause, full in zip(pauses, (100, 200, 400, 400, 400), strict=True):
        assert full // 2 <= pause <= full
