"""Every endpoint has its method, and each method asks for what it says."""

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from hutong.client.client import Client
from hutong.model.calendar import BookingKind
from hutong.model.ids import SiteId
from hutong.model.job import JobSpec, Program
from hutong.model.resources import Amount
from hutong.model.tenant import Quota
from hutong.wire import api
from tests.unit.client.fakehub import Answer, FakeHub, value

SPEC = JobSpec("a", Program(argv=("true",)))
VIEW = api.JobView("j1", "a", "default", "queued", "normal", 1, 1, 1)
SITE = api.SiteView("s", "o", "bj", "cn", "local", "ready", 1, 1, 0, Amount(), Amount())
NODE = api.NodeView("s/n", "s/p", "s", "ready", Amount(), Amount())
TENANT = api.TenantView("a/b", 1, Quota(), Amount())
TOKEN = api.TokenView("t1", "n", "admin", "", 1)
USAGE = api.UsageReply((), 0)
BOOKING = api.BookingView("b1", "maintenance", "s", 1, 2, on=False)
BOOK = api.BookingRequest(BookingKind.MAINTENANCE, SiteId("s"), 1, 2)

CASES: list[tuple[str, str, object, Callable[[Client], Any], dict[str, str], object]] = [
    ("GET", "/v1/jobs", api.JobPage((VIEW,)),
     lambda c: c.jobs(tenant="a/b", states=("queued", "failed"), name="n", site="s", before=9,
                      limit=5),
     {"tenant": "a/b", "state": "queued,failed", "name": "n", "site": "s", "before": "9",
      "limit": "5"}, None),
    ("GET", "/v1/jobs/j1", api.JobDetail(VIEW, SPEC), lambda c: c.job("j1"), {}, None),
    ("POST", "/v1/jobs/j1/cancel", VIEW, lambda c: c.cancel("j1", element=0), {}, {"element": 0}),
    ("GET", "/v1/jobs/j1/explain", api.ExplainReply("j1", "queued", ()),
     lambda c: c.explain("j1", element=0), {"element": "0"}, None),
    ("GET", "/v1/jobs/j1/elements", [api.ElementView(5, 5, "queued")],
     lambda c: c.elements("j1", after=4, limit=1), {"after": "4", "limit": "1"}, None),
    ("GET", "/v1/jobs/j1/attempts", [],
     lambda c: c.attempts("j1", element=0, after="hub-j1-0-1", limit=3),
     {"element": "0", "after": "hub-j1-0-1", "limit": "3"}, None),
    ("GET", "/v1/sites", [SITE], lambda c: c.sites(), {}, None),
    ("GET", "/v1/pools", [], lambda c: c.pools(site="s"), {"site": "s"}, None),
    ("GET", "/v1/nodes", [NODE], lambda c: c.nodes(pool="s/p"), {"pool": "s/p"}, None),
    ("POST", "/v1/sites/s/drain", SITE, lambda c: c.drain_site("s"), {}, {"draining": True}),
    ("POST", "/v1/nodes/s/n/drain", NODE, lambda c: c.drain_node("s/n", draining=False), {},
     {"draining": False}),
    ("GET", "/v1/bookings", [BOOKING], lambda c: c.bookings(), {}, None),
    ("GET", "/v1/bookings/b1", BOOKING, lambda c: c.booking("b1"), {}, None),
    ("PUT", "/v1/bookings/b1", BOOKING, lambda c: c.book("b1", BOOK), {},
     msgspec.json.decode(msgspec.json.encode(BOOK))),
    ("DELETE", "/v1/bookings/b1", BOOKING, lambda c: c.unbook("b1"), {}, None),
    ("GET", "/v1/tenants", [TENANT], lambda c: c.tenants(), {}, None),
    ("GET", "/v1/tenants/a/b", TENANT, lambda c: c.tenant("a/b"), {}, None),
    ("PUT", "/v1/tenants/a/b", TENANT, lambda c: c.set_tenant("a/b", api.TenantRequest(2)), {},
     msgspec.json.decode(msgspec.json.encode(api.TenantRequest(2)))),
    ("GET", "/v1/usage", USAGE, lambda c: c.usage(tenant="a", since_ms=0, until_ms=9),
     {"tenant": "a", "since_ms": "0", "until_ms": "9"}, None),
    ("GET", "/v1/tokens", [TOKEN], lambda c: c.tokens(), {}, None),
    ("POST", "/v1/tokens", TOKEN, lambda c: c.create_token(api.TokenRequest("n", "admin")), {},
     {"name": "n", "scope": "admin", "subject": "", "ttl_ms": 0}),
    ("POST", "/v1/tokens/t1/revoke", TOKEN, lambda c: c.revoke_token("t1"), {}, None),
    ("GET", "/v1/whoami", api.WhoReply("admin", "", "n"), lambda c: c.whoami(), {}, None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path", "reply", "call", "query", "body"), CASES, ids=[c[1] for c in CASES]
)
def test_method_asks_and_reads(
    hub: FakeHub, client: Client, method: str, path: str, reply: object,
    call: Callable[[Client], Any], query: dict[str, str], body: object,
) -> None:  # fmt: skip
    hub.on(method, path, value(reply))
    assert call(client) == reply
    assert hub.seen[0].query == query
    if body is not None:
        assert hub.seen[0].json() == body


def test_plan_sends_the_jobs(hub: FakeHub, client: Client) -> None:
    reply = api.PlanReply((api.PlanView("a", ()),))
    hub.on("POST", "/v1/plan", reply)
    assert client.plan([SPEC]) == reply
    sent = msgspec.json.decode(hub.seen[0].body, type=api.PlanRequest)
    assert sent == api.PlanRequest((SPEC,))


def test_metrics_and_the_description_are_plain(hub: FakeHub, client: Client) -> None:
    hub.on("GET", "/metrics", Answer(b"up 1\n"))
    hub.on("GET", "/v1/openapi.json", Answer(b'{"openapi": "3.1.0"}'))
    assert client.metrics() == "up 1\n"
    assert client.openapi() == {"openapi": "3.1.0"}


@pytest.mark.parametrize(("ahead_s", "least", "most"), [(0, 0, 0), (60, 58_000, 61_000)])
def test_clock_skew_is_read_from_the_answers_date(
    hub: FakeHub, client: Client, ahead_s: int, least: int, most: int
) -> None:
    hub.on("GET", "/v1/health", Answer(b"{}"))
    # The fake answers with a date of its own; take its place in the head.
    now = datetime.now(UTC) + timedelta(seconds=ahead_s)
    hub.date = now.strftime("%a, %d %b %Y %H:%M:%S GMT")
    skew = client.clock_skew_ms()
    assert skew is not None
    assert least <= skew <= most


def test_importing_hutong_brings_nothing_with_it() -> None:
    program = "import hutong, sys; print('msgspec' in sys.modules, hutong.Client.__name__)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    assert done.stdout.split() == [b"False", b"Client"]
