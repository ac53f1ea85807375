"""The API over a real socket, a real process and a real store."""

import os
import signal
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest

from hutong.client.client import Client
from hutong.lifecycle.sync import SyncReply, SyncRequest
from hutong.model.attempt import Observation
from hutong.model.errors import HutongError
from hutong.model.ids import AttemptId, NodeId, PoolId, RegionId, SiteId
from hutong.model.job import ArraySpec
from hutong.model.limits import REQUEST_BODY_BYTES
from hutong.model.reasons import Completed
from hutong.model.resources import Amount
from hutong.model.states import AttemptState
from hutong.model.supply import Inventory, Node, Pool, Site
from hutong.wire.api import SubmitRequest
from tests.e2e.hub_process import HubProcess, job, running_hub

SITE = SiteId("bj")
POOL = PoolId("bj/cpu")


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    yield from running_hub(tmp_path_factory.mktemp("hub") / "data")


@pytest.fixture
def client(hub: HubProcess) -> Iterator[Client]:
    with hub.client() as client:
        yield client


class Agent:
    """Speaks for a site over the socket."""

    def __init__(self, hub: HubProcess) -> None:
        self.hub = hub
        self.heard = 0

    def sync(self, *observations: Observation, full: bool = False) -> SyncReply:
        site = Site(SITE, "city", RegionId("beijing"), "CN-BJ")
        pools = (Pool(POOL, SITE, Amount(64_000, 65_536)),)
        inventory = Inventory(pools, (Node(NodeId("bj/n0"), POOL),))
        request = SyncRequest(
            SITE, "s1", full, observations, site if full else None, inventory if full else None,
            heard=self.heard,
        )  # fmt: skip
        answer = self.hub.request("POST", "/v1/agent/sync", request)
        assert answer.status == 200, answer
        reply = msgspec.json.decode(answer.body, type=SyncReply)
        self.heard = reply.position
        return reply

    def run_next(self, eventually: Callable[..., object]) -> AttemptId:
        """Take an order and report it as running."""
        orders: list[AttemptId] = []

        def ordered() -> bool:
            orders.extend(order.attempt for order in self.sync().start)
            return bool(orders)

        eventually(ordered, what="an order")
        now_ms = time.time_ns() // 1_000_000
        self.sync(Observation(orders[0], AttemptState.RUNNING, now_ms))
        return orders[0]

    def finish(self, attempt: AttemptId) -> None:
        now_ms = time.time_ns() // 1_000_000
        self.sync(Observation(attempt, AttemptState.ENDED, now_ms - 1_000, now_ms, Completed()))


def test_a_job_goes_its_whole_way(
    hub: HubProcess, client: Client, eventually: Callable[..., object]
) -> None:
    agent = Agent(hub)
    agent.sync(full=True)
    agent.sync(full=True)
    name = client.submit(job("whole")).job
    attempt = agent.run_next(eventually)
    assert client.job(name).job.state == "running"
    pieces: list[bytes] = []

    def follow() -> None:
        with hub.client() as other:
            pieces.extend(piece.data for piece in other.follow_log(name))

    reader = threading.Thread(target=follow)
    reader.start()
    path = f"/v1/agent/logs/{attempt}/0?offset="
    octets = {"Content-Type": "application/octet-stream"}
    hub.request("POST", f"{path}0", b"step 1\n", headers=octets)
    eventually(lambda: pieces, what="the first piece of the log")
    hub.request("POST", f"{path}7&complete=true", b"step 2\n", headers=octets)
    agent.finish(attempt)
    reader.join(30)
    assert b"".join(pieces) == b"step 1\nstep 2\n"
    detail = client.job(name)
    assert detail.job.state == "succeeded"
    assert [line.kind for line in detail.story] == [
        "JobAccepted", "PlanDecided", "AttemptMoved", "AttemptEnded", "JobEnded",
    ]  # fmt: skip
    kinds = [event.kind for event in client.events()]
    assert kinds.count("JobEnded") >= 1
    (row,) = client.usage().rows
    assert (row.attempts, row.site) == (1, "bj")


def test_every_reading_call_of_the_sdk_is_understood(client: Client) -> None:
    name = client.submit(job("sdk", tenant="acme/ocr")).job
    assert client.health().status == "ok"
    assert client.whoami().scope == "admin"
    assert client.jobs(tenant="acme").jobs[0].id == name
    assert client.job(name).spec.name == "sdk"
    assert client.explain(name).job == name
    assert client.attempts(name) == [] or client.attempts(name)[0].job == name
    assert client.plan([job("planned")]).plans[0].name == "planned"
    assert client.sites()[0].id == "bj"
    assert client.pools()[0].id == "bj/cpu"
    assert client.nodes()[0].id == "bj/n0"
    assert client.tenant("acme/ocr").jobs
    assert client.tokens()[0].name == "local"
    assert "hutong_requests_total" in client.metrics()
    assert client.openapi()["openapi"] == "3.1.0"
    assert client.cancel(name).id == name


def test_events_are_followed_from_a_position(hub: HubProcess, client: Client) -> None:
    position = client.health().position
    heard: list[str] = []

    def follow() -> None:
        with hub.client() as other:
            events = other.events(after=position, kind="JobAccepted", follow=True, limit=2)
            heard.extend(event.kind for event in events)

    reader = threading.Thread(target=follow)
    reader.start()
    for number in range(2):
        client.cancel(client.submit(job(f"heard-{number}")).job)
    reader.join(30)
    assert heard == ["JobAccepted"] * 2


def test_a_million_elements_are_accepted_and_listed_at_once(client: Client) -> None:
    began = time.monotonic()
    name = client.submit(job("array", array=ArraySpec(1_000_000))).job
    assert client.jobs(limit=1).jobs[0].elements == 1_000_000
    assert time.monotonic() - began < 5  # a second on an idle machine
    client.cancel(name)


def test_a_large_body_is_refused_while_it_is_still_being_sent(hub: HubProcess) -> None:
    before = _memory_kib(hub.pid)
    answer = hub.request("POST", "/v1/jobs", b" " * 50_000_000)
    assert (answer.status, answer.json()["code"]) == (413, "request.too_large")
    assert _memory_kib(hub.pid) - before < 2 * REQUEST_BODY_BYTES // 1024
    chunked = hub.request("POST", "/v1/jobs", iter([b" " * 65_536] * 800))
    assert (chunked.status, chunked.json()["code"]) == (413, "request.too_large")


def _memory_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET\r\n\r\n",
        b"GET / HTTP/1.1\r\nbroken header\r\n\r\n",
        b"POST /v1/jobs HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_http_gets_an_error_of_the_catalogue(hub: HubProcess, sent: bytes) -> None:
    address = urlsplit(hub.url)
    with socket.create_connection((address.hostname, address.port), 30) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    if answer:
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 4")
        assert msgspec.json.decode(body)["code"] in ("request.malformed", "request.not_found")
    assert hub.request("GET", "/healthz").status == 200


def test_requests_on_one_connection_are_answered_in_order(hub: HubProcess) -> None:
    connection = hub.connect()
    try:
        for _ in range(3):
            connection.request("GET", "/healthz")
            answer = connection.getresponse()
            assert (answer.status, answer.read()[:1]) == (200, b"{")
            connection.request("GET", "/v1/jobs")
            answer = connection.getresponse()
            assert (answer.status, answer.read()[:1]) == (401, b"{")
    finally:
        connection.close()


def test_the_local_token_is_for_its_owner_alone(hub: HubProcess) -> None:
    assert stat.S_IMODE((hub.data / "client.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(hub.data.stat().st_mode) == 0o700


def test_no_token_is_in_the_log(hub: HubProcess, client: Client) -> None:
    hub.request("GET", f"/v1/jobs?token={hub.token}")
    wrong = Client(hub.url, f"{hub.token[:-4]}AAAA")
    with wrong, pytest.raises(HutongError, match=r"auth\.unknown"):
        wrong.jobs()
    assert hub.token not in hub.errors.read_text()
    assert "hut_" not in hub.errors.read_text()


# Starting and stopping


def test_a_second_hub_on_one_folder_is_refused(hub: HubProcess) -> None:
    second = HubProcess(hub.data)
    with pytest.raises(AssertionError, match=r"store\.in_use"):
        second.start()
    assert second.stop() != 0
    assert "Traceback" not in hub.errors.read_text()
    assert hub.request("GET", "/readyz").status == 200


def test_a_hub_with_open_streams_leaves_at_once_when_told(tmp_path: Path) -> None:
    hub = HubProcess(tmp_path / "data").start()
    streams = []
    for path in ("/v1/events?follow=true", "/v1/agent/stream?site=bj"):
        connection = hub.connect()
        connection.request("GET", path, headers={"Authorization": f"Bearer {hub.token}"})
        answer = connection.getresponse()
        assert answer.read1(1)
        streams.append((connection, answer))
    idle = hub.connect()
    idle.request("GET", "/healthz")
    assert idle.getresponse().read()
    began = time.monotonic()
    assert hub.stop() == 0
    assert time.monotonic() - began < 5  # a third of a second on an idle machine
    for connection, answer in streams:
        assert answer.read() is not None  # each ends in good order
        connection.close()
    idle.close()
    assert "Traceback" not in hub.errors.read_text()


def test_a_hub_leaves_though_clients_neither_send_nor_read(tmp_path: Path) -> None:
    hub = HubProcess(tmp_path / "data").start()
    token = f"Authorization: Bearer {hub.token}\r\n"
    address = urlsplit(hub.url)
    lines = b"".join(
        msgspec.json.encode(SubmitRequest(job(f"n{number}"))) + b"\n" for number in range(2_000)
    )
    stalled = []
    for head, body in (
        (f"POST /v1/jobs HTTP/1.1\r\n{token}Content-Length: 100\r\n\r\n", b"{"),
        (f"POST /v1/jobs/bulk HTTP/1.1\r\n{token}Content-Length: 9999999\r\n\r\n", lines),
        (f"GET /v1/events?follow=true HTTP/1.1\r\n{token}\r\n", b""),
    ):
        connection = socket.create_connection((address.hostname, address.port), 30)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        connection.sendall(head.encode() + body)
        stalled.append(connection)
    with hub.client() as client:
        assert len(client.jobs(limit=10).jobs) <= 10
    began = time.monotonic()
    assert hub.stop() == 0
    assert time.monotonic() - began < 6  # 1.5 s on an idle machine
    for connection in stalled:
        connection.close()
    assert "Traceback" not in hub.errors.read_text()


def test_a_hub_leaves_on_an_interrupt_too(tmp_path: Path) -> None:
    hub = HubProcess(tmp_path / "data").start()
    os.kill(hub.pid, signal.SIGINT)
    assert hub.process is not None
    assert hub.process.wait(30) == 0
    hub.stop()
    assert "Traceback" not in hub.errors.read_text()


def test_a_restart_keeps_jobs_token_and_address_book(tmp_path: Path) -> None:
    hub = HubProcess(tmp_path / "data").start()
    token = hub.token
    with hub.client() as client:
        name = client.submit(job("kept"), key="k").job
    hub.stop()
    hub.start()
    try:
        assert hub.token == token
        with hub.client() as client:
            again = client.submit(job("kept"), key="k")
            assert (again.job, again.repeated) == (name, True)
    finally:
        hub.stop()


def test_a_database_that_is_taken_away_is_told_and_nothing_pretended(
    tmp_path: Path, eventually: Callable[..., object]
) -> None:
    hub = HubProcess(tmp_path / "data").start()
    try:
        with hub.client() as client:
            client.submit(job("before"))
        database = hub.data / "hub.db"
        database.rename(hub.data / "gone")
        answer = hub.request("POST", "/v1/jobs", {"spec": job("lost")})
        assert (answer.status, answer.json()["code"]) == (503, "store.unavailable")
        assert answer.headers["retry-after"] == "1"
        assert hub.request("GET", "/readyz").status == 503
        assert hub.request("GET", "/healthz").status == 200
        (hub.data / "gone").rename(database)
        eventually(lambda: hub.request("GET", "/readyz").status == 200, what="readiness")
        with hub.client() as client:
            client.submit(job("after"))
            assert [view.name for view in client.jobs().jobs] == ["after", "before"]
    finally:
        hub.stop()
