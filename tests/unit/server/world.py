"""A hub without sockets for the tests: a memory store, a clock by hand, requests by call."""

import asyncio
import tempfile
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

from hutong.catalog import load_catalog
from hutong.lifecycle import commands as do
from hutong.lifecycle.sync import SyncReply, SyncRequest
from hutong.model.attempt import AttemptOrder, Observation
from hutong.model.errors import ErrorBody
from hutong.model.ids import AttemptId, NodeId, PoolId, RegionId, SiteId, TenantId
from hutong.model.job import JobSpec, Program
from hutong.model.reasons import Completed, EndedReason
from hutong.model.resources import Amount
from hutong.model.states import AttemptState
from hutong.model.supply import Inventory, Node, Pool, PriceBook, Site
from hutong.scheduler.profile import PROFILES
from hutong.server.app import App
from hutong.server.clock import Clock
from hutong.server.driver import Driver
from hutong.server.endpoints import ENDPOINTS
from hutong.server.hub import Hub
from hutong.server.tokens import make_row, new_secret
from hutong.store.contract import Batch
from hutong.testing.store import MemoryDisk, MemoryStore
from hutong.wire.api import TokenRequest

CATALOG = load_catalog()
NOON_MS = 1_800_000_000_000
SITE = SiteId("bj")
POOL = PoolId("bj/cpu")
PATIENCE_S = 30.0
Pieces = list[bytes | None]
"""A body in pieces; at None the client sends nothing more until it leaves."""


class HandClock(Clock):
    """A clock that goes on when the test says so."""

    def __init__(self, start_ms: int = NOON_MS) -> None:
        super().__init__(start_ms)
        self.at_ms = start_ms
        self.last_ms = start_ms

    def now_ms(self) -> int:
        self.last_ms = max(self.last_ms, self.at_ms)
        return self.last_ms

    def not_before(self, at_ms: int) -> None:
        self.last_ms = max(self.last_ms, at_ms)


class GatedStore(MemoryStore):
    """A memory store whose appends wait while its gate is shut."""

    def __init__(self, disk: MemoryDisk | None = None) -> None:
        super().__init__(disk)
        self.gate = threading.Event()
        self.gate.set()
        self.batches: list[int] = []

    def append(self, batch: Batch) -> None:
        assert self.gate.wait(PATIENCE_S), "the test never opened the gate"
        super().append(batch)
        self.batches.append(len(batch.entries))


class Response:
    """What the application answered."""

    def __init__(self, status: int, headers: dict[bytes, bytes], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    def to(self, kind: Any) -> Any:
        return msgspec.json.decode(self.body, type=kind)

    @property
    def error(self) -> ErrorBody:
        return msgspec.json.decode(self.body, type=ErrorBody)

    def __repr__(self) -> str:
        return f"{self.status} {self.body[:300]!r}"


class Stream:
    """An answer under way. `text` is what came so far; `leave` closes the connection."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.data = b""
        self.ended = False
        self.left = asyncio.Event()
        self.news = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    async def until(self, condition: Callable[[], Any]) -> None:
        """Wait until what came makes a condition true."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self.news.clear()
                await self.news.wait()

    async def end(self) -> bytes:
        """Wait for the end and give all of it."""
        await self.until(lambda: self.ended)
        return self.data

    async def leave(self) -> None:
        """Close the connection, as a client that goes away."""
        self.left.set()
        if self.task is not None:
            async with asyncio.timeout(PATIENCE_S):
                await self.task


class World:
    """One hub and those who call it."""

    def __init__(self, store: MemoryStore | None = None, data: Path | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory() if data is None else None
        self.data = data or Path(self._folder.name if self._folder else "")
        self.store = store or MemoryStore()
        self.clock = HandClock()
        self.driver = Driver(self.store, CATALOG, PROFILES["fair"], clock=self.clock)
        self.hub = Hub(self.driver, self.data)
        self.app = App(self.hub, ENDPOINTS)
        self.secrets: dict[str, str] = {}

    async def __aenter__(self) -> "World":
        self.store.open()
        try:
            await self.hub.start()
        except BaseException:
            await self.__aexit__()
            raise
        self.token("admin", "admin")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.hub.close()
        if self._folder is not None:
            self._folder.cleanup()

    def token(self, name: str, scope: str, subject: str = "", ttl_ms: int = 0) -> str:
        """Make a token that calls use by its name."""
        secret = self.secrets[name] = new_secret()
        row = make_row(TokenRequest(name, scope, subject, ttl_ms), secret, self.clock.now_ms())
        self.store.put_token(row)
        self.hub.tokens.put(row)
        return secret

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: str = "admin",
        headers: dict[str, str] | None = None,
        pieces: Pieces | None = None,
    ) -> Response:
        """Send a request and wait for the whole answer."""
        stream = await self.open(method, path, body, token=token, headers=headers, pieces=pieces)
        assert stream.task is not None
        async with asyncio.timeout(PATIENCE_S):
            await stream.task
        return Response(stream.status, stream.headers, stream.data)

    async def get(self, path: str, **options: Any) -> Response:
        return await self.call("GET", path, **options)

    async def post(self, path: str, body: object = None, **options: Any) -> Response:
        return await self.call("POST", path, body, **options)

    async def open(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: str = "admin",
        headers: dict[str, str] | None = None,
        pieces: Pieces | None = None,
    ) -> Stream:
        """Send a request and give its answer while it comes."""
        content: Pieces = pieces if pieces is not None else [_content(body)]
        sent = {"content-type": "application/json"} if body is not None else {}
        if token:
            sent["authorization"] = f"Bearer {self.secrets[token]}"
        sent |= headers or {}
        stream = Stream()
        where, _, query = path.partition("?")
        scope = {
            "type": "http",
            "method": method,
            "path": where,
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
        }
        stream.task = asyncio.create_task(self._run(scope, content, stream))
        await asyncio.sleep(0)
        return stream

    async def _run(self, scope: dict[str, Any], pieces: Pieces, stream: Stream) -> None:
        async def receive() -> dict[str, Any]:
            piece = pieces.pop(0) if pieces else None
            if piece is not None:
                return {"type": "http.request", "body": piece, "more_body": bool(pieces)}
            await stream.left.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                stream.status = message["status"]
                stream.headers = dict(message["headers"])
            else:
                stream.data += message.get("body", b"")
                stream.ended = not message.get("more_body", False)
            stream.news.set()

        await self.app(scope, receive, send)
        stream.news.set()

    # Jobs and sites

    async def submit(self, spec: JobSpec, key: str = "", token: str = "admin") -> str:
        """Hand a job in; gives its id."""
        answer = await self.post("/v1/jobs", {"spec": spec, "key": key}, token=token)
        assert answer.status in (200, 201), answer
        return str(answer.json()["job"])

    async def cycle(self) -> None:
        """Run a scheduling cycle now."""
        await self.driver.submit(do.RunCycle(), "test")

    async def eventually(self, condition: Callable[[], Awaitable[Any]]) -> Any:
        """Wait for the first true value of a condition that requests decide."""
        async with asyncio.timeout(PATIENCE_S):
            while not (value := await condition()):  # noqa: ASYNC110 - there is no event for it
                await asyncio.sleep(0)
            return value


class SiteAgent:
    """An agent of one site with one pool, driven by the test."""

    def __init__(
        self, world: World, site: str = SITE, *, nodes: int = 2, token: str = "admin"
    ) -> None:
        self.world = world
        self.site = SiteId(site)
        self.token = token
        self.nodes = nodes
        self.orders: dict[AttemptId, AttemptOrder] = {}
        self.seen: dict[AttemptId, Observation] = {}
        self.heard = 0

    def description(self) -> Site:
        return Site(self.site, "city", RegionId("beijing"), "CN-BJ")

    def inventory(self) -> Inventory:
        pool = PoolId(f"{self.site}/cpu")
        price = PriceBook(cpu_microcny_per_hour=1_000_000)
        amount = Amount(4_000, 8_192)
        nodes = tuple(Node(NodeId(f"{self.site}/n{n}"), pool) for n in range(self.nodes))
        return Inventory((Pool(pool, self.site, amount, price=price),), nodes)

    async def join(self) -> SyncReply:
        """The first two syncs: one to learn where the hub is, one that is believed whole."""
        await self.sync(full=True)
        return await self.sync(full=True)

    async def sync(self, *observations: Observation, full: bool = False) -> SyncReply:
        """Report, and take the orders."""
        request = SyncRequest(
            self.site,
            "s1",
            full,
            observations or (tuple(self.seen.values()) if full else ()),
            self.description() if full else None,
            self.inventory() if full else None,
            heard=self.heard,
        )
        answer = await self.world.post("/v1/agent/sync", request, token=self.token)
        assert answer.status == 200, answer
        reply = answer.to(SyncReply)
        assert isinstance(reply, SyncReply)
        self.heard = reply.position
        self.orders |= {order.attempt: order for order in reply.start}
        return reply

    async def start_all(self) -> list[AttemptId]:
        """Run a cycle, take the orders, and report everything new as running."""
        await self.world.cycle()
        before = set(self.orders)
        await self.sync()
        new = [attempt for attempt in self.orders if attempt not in before]
        now_ms = self.world.clock.now_ms()
        for attempt in new:
            self.seen[attempt] = Observation(attempt, AttemptState.RUNNING, now_ms)
        await self.sync(*(self.seen[attempt] for attempt in new))
        return new

    async def finish(self, attempt: AttemptId, reason: EndedReason | None = None) -> None:
        """Report the end of an attempt, a second of clock time later."""
        self.world.clock.at_ms += 1_000
        started = self.seen[attempt].started_ms
        now_ms = self.world.clock.now_ms()
        ended = Observation(attempt, AttemptState.ENDED, started, now_ms, reason or Completed())
        self.seen.pop(attempt)
        await self.sync(ended)


def job(name: str = "job", **fields: Any) -> JobSpec:
    """A job that asks for one core."""
    tenant = TenantId(fields.pop("tenant", "default"))
    program = fields.pop("program", Program(argv=("true",)))
    return JobSpec(name=name, program=program, tenant=tenant, **fields)


def on_hub(
    scenario: Callable[[World], Awaitable[None]],
) -> Callable[[], None]:
    """Make a test of a scenario on a hub of its own."""

    def test() -> None:
        async def play() -> None:
            async with World() as world:
                await scenario(world)

        asyncio.run(play())

    test.__name__ = scenario.__name__
    test.__doc__ = scenario.__doc__
    test.__module__ = scenario.__module__
    return test


def _content(body: object) -> bytes:
    if body is None:
        return b""
    return body if isinstance(body, bytes) else msgspec.json.encode(body)
