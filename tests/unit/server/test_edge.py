"""What the edge does before and behind an endpoint: routes, bodies, errors, causes."""

import asyncio
import logging

import pytest

from hutong.model.limits import REQUEST_BODY_BYTES
from hutong.server import body as body_module
from hutong.server import routing
from hutong.server.endpoint import Answer, Call, Endpoint
from hutong.server.tokens import Scope
from tests.unit.server.world import World, job, on_hub

SPEC = {"name": "a", "program": {"argv": ["true"]}}


@on_hub
async def test_what_is_not_there_is_said_so(world: World) -> None:
    for path in ("/", "/v1", "/v1/job", "/v1/jobs/", "/v1/jobs/j1/logs/x", "/v1/../healthz"):
        answer = await world.get(path)
        assert (answer.status, answer.error.code) == (404, "request.not_found"), path


@on_hub
async def test_a_method_that_is_not_taken_is_told_with_those_that_are(world: World) -> None:
    answer = await world.call("DELETE", "/v1/jobs")
    assert (answer.status, answer.error.code) == (405, "request.method")
    assert sorted(answer.headers[b"allow"].decode().split(", ")) == ["GET", "POST"]


@on_hub
async def test_every_answer_names_its_cause(world: World) -> None:
    for path in ("/healthz", "/nowhere", "/v1/jobs", "/metrics"):
        assert (await world.get(path)).headers[b"x-hutong-cause"]


@on_hub
async def test_the_cause_of_a_request_is_in_the_journal(world: World) -> None:
    answer = await world.post("/v1/jobs", {"spec": SPEC})
    cause = answer.headers[b"x-hutong-cause"].decode()
    story = (await world.get(f"/v1/jobs/{answer.json()['job']}")).json()["story"]
    assert story[0]["cause"] == cause


@pytest.mark.parametrize(
    ("body", "status", "code", "hint"),
    [
        (b"", 400, "request.malformed", ""),
        (b"{", 400, "request.malformed", ""),
        (b"\xff\xfe", 400, "request.malformed", ""),
        (b"[]", 400, "request.malformed", ""),
        (b"[" * 100_000, 400, "request.malformed", ""),
        ({"spec": SPEC, "kez": "k"}, 400, "request.unknown_field", "`key`"),
        ({"spec": {**SPEC, "taks": 2}}, 400, "request.unknown_field", "`tasks`"),
        (
            {"spec": {**SPEC, "needs": {"cpu_mili": 2}}},
            400, "request.unknown_field", "`cpu_milli`",
        ),
        ({"spec": {**SPEC, "tasks": "2"}}, 400, "request.malformed", ""),
        ({"spec": {**SPEC, "tasks": 10**30}}, 400, "request.malformed", ""),
        ({"spec": {**SPEC, "tasks": 1_000_000}}, 422, "job.invalid", "4096"),
        ({"spec": {**SPEC, "tasks": 0}}, 422, "job.invalid", "from 1"),
        ({"spec": {**SPEC, "tasks": -1}}, 422, "job.invalid", ""),
        ({"spec": {**SPEC, "needs": {"cpu_milli": 2**50}}}, 422, "job.invalid", ""),
        ({"spec": {**SPEC, "array": {"count": 1_000_001}}}, 422, "job.invalid", ""),
        ({"spec": {**SPEC, "name": "a\x00b"}}, 422, "job.invalid", ""),
        ({"spec": {**SPEC, "name": "a\x1b[31m"}}, 422, "job.invalid", ""),
        ({"spec": {**SPEC, "tenant": "../up"}}, 422, "job.invalid", ""),
        (
            {"spec": {"name": "a", "program": {"argv": ["x"], "workdir": "../up"}}},
            422, "job.invalid", "",
        ),
        (
            {
                "spec": {
                    "name": "a",
                    "program": {"argv": ["x"], "files": [{"name": "../up", "content": ""}]},
                }
            },
            422, "job.invalid", "",
        ),
        ({"spec": {"name": "a", "program": {}}}, 422, "job.invalid", "script or a command"),
        (
            {"spec": {**SPEC, "depends_on": [{"kind": "afterok", "job": "j99"}]}},
            422, "job.dependency_unknown", "",
        ),
        ({"spec": SPEC, "key": "k" * 129}, 400, "request.parameter", ""),
        ({"spec": SPEC, "key": "a\nb"}, 400, "request.parameter", ""),
    ],
)  # fmt: skip
def test_bad_input_gets_a_code_and_a_hint_and_leaves_nothing(
    body: object, status: int, code: str, hint: str
) -> None:
    async def play() -> None:
        async with World() as world:
            before = world.store.position()
            answer = await world.post("/v1/jobs", body)
            assert (answer.status, answer.error.code) == (status, code), answer
            assert hint in answer.error.hint + answer.error.message
            assert answer.error.message
            assert world.store.position() == before

    asyncio.run(play())


@on_hub
async def test_a_body_that_says_it_is_too_large_is_not_read(world: World) -> None:
    read: list[bytes] = []

    class Counting(list[bytes | None]):
        def pop(self, *at: object) -> bytes:
            read.append(b"")
            return super().pop(0)

    answer = await world.post(
        "/v1/jobs",
        pieces=Counting([b"x"]),
        headers={"content-type": "application/json", "content-length": "52428800"},
    )
    assert (answer.status, answer.error.code) == (413, "request.too_large")
    assert read == []


@on_hub
async def test_an_endless_body_is_read_to_its_limit_only(world: World) -> None:
    piece = b" " * 65_536
    given = 0

    class Endless(list[bytes | None]):
        def pop(self, *at: object) -> bytes:
            nonlocal given
            given += len(piece)
            return piece

    answer = await world.post(
        "/v1/jobs", pieces=Endless([piece]), headers={"content-type": "application/json"}
    )
    assert (answer.status, answer.error.code) == (413, "request.too_large")
    assert given <= REQUEST_BODY_BYTES + 2 * len(piece)


@on_hub
async def test_a_client_that_leaves_within_its_body_leaves_nothing(world: World) -> None:
    before = world.store.position()
    stream = await world.open("POST", "/v1/jobs", pieces=[b'{"spec":', None])
    await stream.leave()
    assert (stream.status, world.store.position()) == (0, before)


def test_a_body_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_module, "BODY_TIMEOUT_MS", 1)

    async def play() -> None:
        async with World() as world:

            async def receive() -> dict[str, object]:
                await asyncio.Event().wait()
                return {}

            sent: list[dict[str, object]] = []

            async def send(message: object) -> None:
                sent.append(message)

            token = f"Bearer {world.secrets['admin']}".encode()
            scope = {
                "type": "http", "method": "POST", "path": "/v1/jobs", "query_string": b"",
                "headers": [(b"authorization", token)],
            }  # fmt: skip
            await world.app(scope, receive, send)
            assert sent[0]["status"] == 408

    asyncio.run(play())


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/json", "content-encoding": "gzip"}, 415),
        ({"content-type": "application/json; charset=utf-8"}, 201),
        ({"content-type": "Application/JSON"}, 201),
    ],
)
def test_a_body_of_another_kind_is_refused(headers: dict[str, str], status: int) -> None:
    async def play() -> None:
        async with World() as world:
            answer = await world.post("/v1/jobs", {"spec": SPEC}, headers=headers)
            assert answer.status == status, answer

    asyncio.run(play())


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/v1/jobs?limit=0", "limit"),
        ("/v1/jobs?limit=1001", "1000"),
        ("/v1/jobs?limit=ten", "limit"),
        ("/v1/jobs?limit=", "limit"),
        ("/v1/jobs?state=queued,gone", "gone"),
        ("/v1/jobs?tenat=acme", "tenant"),
        ("/v1/jobs?name=a&name=b", "twice"),
        ("/v1/jobs?name=%ff", "UTF-8"),
        ("/v1/jobs?before=-1", "before"),
        ("/v1/events?kind=JobAcepted", "JobAccepted"),
        ("/v1/events?after=99999999999999999999", "after"),
        ("/v1/whoami?x=1", "no parameters"),
        ("/v1/jobs?" + "&".join(f"a{n}=1" for n in range(100)), "query"),
    ],
)
def test_a_parameter_that_cannot_be_is_named(path: str, words: str) -> None:
    async def play() -> None:
        async with World() as world:
            answer = await world.get(path)
            assert (answer.status, answer.error.code) == (400, "request.parameter"), answer
            assert words in answer.error.message

    asyncio.run(play())


@on_hub
async def test_an_idempotency_key_may_come_in_the_header(world: World) -> None:
    first = await world.post("/v1/jobs", {"spec": SPEC}, headers={"idempotency-key": "k1"})
    again = await world.post("/v1/jobs", {"spec": SPEC, "key": "k1"})
    assert (first.status, again.status) == (201, 200)
    assert again.json() == {"job": first.json()["job"], "repeated": True}
    both = {"spec": SPEC, "key": "k2"}
    answer = await world.post("/v1/jobs", both, headers={"idempotency-key": "k1"})
    assert answer.error.code == "request.parameter"


@on_hub
async def test_a_key_stands_for_one_job_only(world: World) -> None:
    first = await world.submit(job("one"), "k")
    answer = await world.post("/v1/jobs", {"spec": job("two"), "key": "k"})
    assert (answer.status, answer.error.code) == (409, "job.key_conflict")
    assert first in answer.error.message
    assert await world.submit(job("two", tenant="acme"), "k") != first


def test_a_fault_nobody_foresaw_is_told_to_the_log_alone(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def faulty(call: Call) -> Answer:
        raise RuntimeError("the secret of the house")

    endpoint = Endpoint(
        method="GET", path="/v1/faulty", name="faulty", scopes=(Scope.ADMIN,),
        summary="Fail.", handler=faulty,
    )  # fmt: skip

    async def play() -> None:
        async with World() as world:
            monkeypatch.setattr(world.app, "_routes", routing.Routes([endpoint]))
            answer = await world.get("/v1/faulty")
            assert (answer.status, answer.error.code) == (500, "hub.internal")
            cause = answer.headers[b"x-hutong-cause"].decode()
            assert cause in answer.error.message
            assert b"secret" not in answer.body
            assert b"Traceback" not in answer.body
            assert "the secret of the house" in caplog.text
            assert cause in caplog.text
            assert world.secrets["admin"] not in caplog.text

    monkeypatch.setattr(logging.getLogger("hutong"), "propagate", True)
    asyncio.run(play())


def test_two_endpoints_cannot_share_a_method_and_a_path() -> None:
    async def handler(call: Call) -> Answer:
        return Answer(None)

    one = Endpoint(
        method="GET", path="/x", name="x", scopes=(Scope.ADMIN,), summary="X.", handler=handler
    )
    with pytest.raises(AssertionError, match="twice"):
        routing.Routes([one, one])


@on_hub
async def test_an_answer_tells_browsers_and_proxies_to_keep_out_of_it(world: World) -> None:
    answer = await world.get("/v1/jobs")
    assert answer.headers[b"cache-control"] == b"no-store"
    assert answer.headers[b"x-content-type-options"] == b"nosniff"


@on_hub
async def test_a_part_of_a_path_is_one_part_and_never_a_pattern(world: World) -> None:
    for path in ("/v1/jobs/j1/x/cancel", "/v1/jobs//cancel", "/v1/jobs/j1/cancel/", "/v1xjobs"):
        assert (await world.post(path, {})).error.code == "request.not_found", path
    deep = await world.call("PUT", "/v1/tenants/a/b/c", {})
    assert deep.json()["id"] == "a/b/c"
    assert (await world.get("/v1/tenants/a\nb")).error.code == "tenant.not_found"
