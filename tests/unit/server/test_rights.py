"""Each endpoint with each kind of token: who may and who may not."""

import asyncio
import re

import pytest

from hutong.server.endpoint import Endpoint
from hutong.server.endpoints import ENDPOINTS
from hutong.server.tokens import Scope
from tests.unit.server.world import SiteAgent, World, job, on_hub

A, P, M, G, N = Scope.ADMIN, Scope.OPERATOR, Scope.MEMBER, Scope.AGENT, Scope.ANYBODY

# Written out a second time, so that a change of the table alone fails here.
MAY = {
    "GET /healthz": (A, P, M, G, N),
    "GET /readyz": (A, P, M, G, N),
    "GET /metrics": (A, P, M, G, N),
    "GET /v1/openapi.json": (A, P, M, G, N),
    "GET /v1/health": (A, P, M),
    "GET /v1/whoami": (A, P, M),
    "POST /v1/jobs": (A, M),
    "POST /v1/jobs/bulk": (A, M),
    "GET /v1/jobs": (A, M),
    "GET /v1/jobs/{job}": (A, M),
    "POST /v1/jobs/{job}/cancel": (A, M),
    "GET /v1/jobs/{job}/explain": (A, M),
    "GET /v1/jobs/{job}/attempts": (A, M),
    "GET /v1/jobs/{job}/elements": (A, M),
    "GET /v1/jobs/{job}/logs": (A, M),
    "POST /v1/plan": (A, M),
    "GET /v1/sites": (A, P, M),
    "GET /v1/pools": (A, P, M),
    "GET /v1/nodes": (A, P, M),
    "POST /v1/sites/{site}/drain": (A, P),
    "POST /v1/nodes/{site}/{node}/drain": (A, P),
    "GET /v1/bookings": (A, P, M),
    "GET /v1/bookings/{booking}": (A, P, M),
    "PUT /v1/bookings/{booking}": (A, P),
    "DELETE /v1/bookings/{booking}": (A, P),
    "GET /v1/tenants": (A, M),
    "GET /v1/tenants/{tenant:path}": (A, M),
    "PUT /v1/tenants/{tenant:path}": (A,),
    "GET /v1/usage": (A, M),
    "GET /v1/profile": (A, M),
    "GET /v1/events": (A, M),
    "GET /v1/tokens": (A,),
    "POST /v1/tokens": (A,),
    "POST /v1/tokens/{token}/revoke": (A,),
    "POST /v1/agent/sync": (A, G),
    "GET /v1/agent/stream": (A, G),
    "POST /v1/agent/logs/{attempt}/{task}": (A, G),
}
TOKENS = {
    A: ("admin", ""), P: ("operator", "bj"), M: ("member", "bj"), G: ("agent", "bj"),
}  # fmt: skip


def test_the_table_says_what_this_one_says() -> None:
    table = {f"{each.method} {each.path}": frozenset(each.scopes) for each in ENDPOINTS}
    written = {
        name: frozenset({Scope.ANYBODY} if Scope.ANYBODY in may else may)
        for name, may in MAY.items()
    }
    assert table == written


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda each: f"{each.method} {each.path}")
@pytest.mark.parametrize("scope", list(Scope))
def test_an_endpoint_lets_in_whom_it_should(endpoint: Endpoint, scope: Scope) -> None:
    async def play() -> None:
        async with World() as world:
            if scope is not Scope.ANYBODY:
                world.token(scope, *TOKENS[scope])
            path = re.sub(r"{\w+(:path)?}", "bj", endpoint.path)
            token = "" if scope is Scope.ANYBODY else scope.value
            stream = await world.open(endpoint.method, path, token=token)
            await stream.until(lambda: stream.status)
            await stream.leave()
            if scope in MAY[f"{endpoint.method} {endpoint.path}"]:
                assert stream.status not in (401, 403), stream.data
            else:
                assert stream.status == (401 if scope is Scope.ANYBODY else 403), stream.data

    asyncio.run(play())


@on_hub
async def test_a_member_sees_the_jobs_of_the_own_subtree_alone(world: World) -> None:
    world.token("ours", "member", "acme/vision")
    mine = await world.submit(job("mine", tenant="acme/vision/ocr"))
    above = await world.submit(job("above", tenant="acme"))
    beside = await world.submit(job("beside", tenant="acme/visionary"))
    listed = (await world.get("/v1/jobs", token="ours")).json()["jobs"]
    assert [row["id"] for row in listed] == [mine]
    assert (await world.get(f"/v1/jobs/{mine}", token="ours")).status == 200
    for other in (above, beside):
        for method, path in (
            ("GET", ""), ("GET", "/explain"), ("GET", "/attempts"), ("GET", "/elements"),
            ("GET", "/logs"), ("POST", "/cancel"),
        ):  # fmt: skip
            body = {} if method == "POST" else None
            answer = await world.call(method, f"/v1/jobs/{other}{path}", body, token="ours")
            assert (answer.status, answer.error.code) == (404, "job.not_found"), path
    assert (await world.get("/v1/jobs?tenant=acme", token="ours")).error.code == "auth.forbidden"
    assert (await world.get("/v1/usage?tenant=acme", token="ours")).status == 403
    assert (await world.get("/v1/tenants/acme", token="ours")).status == 403
    assert [row["id"] for row in (await world.get("/v1/tenants", token="ours")).json()] == [
        "acme/vision",
        "acme/vision/ocr",
    ]


@on_hub
async def test_a_member_hands_in_and_plans_for_the_own_subtree_alone(world: World) -> None:
    world.token("ours", "member", "acme")
    assert await world.submit(job("mine", tenant="acme/ocr"), token="ours")
    for path, body in (
        ("/v1/jobs", {"spec": job("theirs", tenant="globex")}),
        ("/v1/plan", {"specs": [job("theirs", tenant="globex")]}),
    ):
        answer = await world.post(path, body, token="ours")
        assert (answer.status, answer.error.code) == (403, "auth.forbidden")


@on_hub
async def test_a_member_cannot_depend_on_a_job_of_somebody_else(world: World) -> None:
    world.token("ours", "member", "acme")
    waiting = await world.submit(job("theirs", tenant="globex"))
    ended = await world.submit(job("over", tenant="globex"))
    await world.post(f"/v1/jobs/{ended}/cancel", {})
    for other in (waiting, ended):
        mine = {"name": "m", "program": {"argv": ["true"]}, "tenant": "acme"}
        mine["depends_on"] = [{"kind": "afterany", "job": other}]
        answer = await world.post("/v1/jobs", {"spec": mine}, token="ours")
        assert answer.error.code == "job.dependency_unknown"


@on_hub
async def test_an_operator_drains_the_own_site_alone(world: World) -> None:
    world.token("op", "operator", "bj")
    await SiteAgent(world, "bj").join()
    await SiteAgent(world, "tj").join()
    assert (await world.post("/v1/sites/bj/drain", {}, token="op")).json()["status"] == "draining"
    node = await world.post("/v1/nodes/bj/n1/drain", {"draining": True}, token="op")
    assert node.json()["condition"] == "draining"
    for path in ("/v1/sites/tj/drain", "/v1/nodes/tj/n1/drain"):
        answer = await world.post(path, {}, token="op")
        assert (answer.status, answer.error.code) == (403, "auth.forbidden")
    assert len((await world.get("/v1/sites", token="op")).json()) == 2


@on_hub
async def test_an_agent_speaks_for_its_own_site_alone(world: World) -> None:
    world.token("agent", "agent", "tj")
    bj = SiteAgent(world, "bj")
    await bj.join()
    await world.submit(job())
    (attempt,) = await bj.start_all()
    for method, path, body in (
        ("POST", "/v1/agent/sync", {"site": "bj", "session": "s"}),
        ("GET", "/v1/agent/stream?site=bj", None),
        ("POST", f"/v1/agent/logs/{attempt}/0?offset=0", None),
    ):
        answer = await world.call(method, path, body, token="agent")
        assert (answer.status, answer.error.code) == (403, "site.not_yours"), path


@on_hub
async def test_a_token_is_refused_from_the_moment_it_is_revoked(world: World) -> None:
    made = await world.post("/v1/tokens", {"name": "ci", "scope": "member", "subject": "acme"})
    assert made.status == 201
    world.secrets["ci"] = made.json()["secret"]
    assert (await world.get("/v1/jobs", token="ci")).status == 200
    revoked = await world.post(f"/v1/tokens/{made.json()['id']}/revoke")
    assert revoked.json()["revoked_ms"] > 0
    answer = await world.get("/v1/jobs", token="ci")
    assert (answer.status, answer.error.code) == (401, "auth.unknown")
    assert answer.headers[b"www-authenticate"] == b"Bearer"
    again = await world.post(f"/v1/tokens/{made.json()['id']}/revoke")
    assert again.json() == revoked.json()


@on_hub
async def test_a_token_is_refused_once_its_time_is_over(world: World) -> None:
    world.token("short", "admin", ttl_ms=1_000)
    assert (await world.get("/v1/jobs", token="short")).status == 200
    world.clock.at_ms += 1_000
    assert (await world.get("/v1/jobs", token="short")).error.code == "auth.unknown"


@on_hub
async def test_a_secret_is_shown_once_and_kept_nowhere(world: World) -> None:
    made = (await world.post("/v1/tokens", {"name": "ci", "scope": "admin"})).json()
    listed = await world.get("/v1/tokens")
    assert made["secret"].encode() not in listed.body
    assert any(row["id"] == made["id"] for row in listed.json())
    assert all(made["secret"] not in str(row) for row in world.store.tokens())


@pytest.mark.parametrize(
    "header",
    ["Basic YWRtaW46YWRtaW4=", "Bearer", "Bearer ", "Bearer hut_", "Bearer \x00", "bearer x y"],
)
def test_what_is_no_token_is_refused(header: str) -> None:
    async def play() -> None:
        async with World() as world:
            answer = await world.get("/v1/jobs", token="", headers={"authorization": header})
            assert answer.status == 401

    asyncio.run(play())


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"name": "", "scope": "admin"}, "name"),
        ({"name": "a\nb", "scope": "admin"}, "name"),
        ({"name": "a", "scope": "root"}, "no scope `root`"),
        ({"name": "a", "scope": "anybody"}, "no scope `anybody`"),
        ({"name": "a", "scope": "admin", "subject": "x"}, "no subject"),
        ({"name": "a", "scope": "member"}, "tenant"),
        ({"name": "a", "scope": "agent", "subject": "../x"}, "site"),
        ({"name": "a", "scope": "admin", "ttl_ms": -1}, "time to live"),
    ],
)
def test_a_token_that_makes_no_sense_is_refused(body: dict[str, str], problem: str) -> None:
    async def play() -> None:
        async with World() as world:
            answer = await world.post("/v1/tokens", body)
            assert (answer.status, answer.error.code) == (422, "token.invalid")
            assert problem in answer.error.message

    asyncio.run(play())


@on_hub
async def test_a_token_that_nobody_made_cannot_be_revoked(world: World) -> None:
    answer = await world.post("/v1/tokens/0123456789abcdef/revoke")
    assert (answer.status, answer.error.code) == (404, "token.not_found")
