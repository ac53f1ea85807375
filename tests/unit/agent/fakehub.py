"""A hub that keeps levels as the real one does, in memory: what should run, and what it heard.

`Hub` is the core. `HubInMemory` is what an agent gets instead of a `HubClient`, `serving` puts the
core behind HTTP on loopback for agents in processes of their own.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from typing import cast

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from hutong.agent.hub import HubClient, HubError
from hutong.lifecycle.sync import SyncReply, SyncRequest
from hutong.model.attempt import AttemptOrder, Observation, StopOrder
from hutong.model.ids import AttemptId, NodeId, PoolId, SiteId
from hutong.model.states import AttemptState
from hutong.wire.api import LogReceipt

TTL_MS = 60_000


class Hub:
    """What the hub knows of one site. `failures` are raised by the next calls, one each."""

    def __init__(self) -> None:
        self.wanted: dict[AttemptId, AttemptOrder] = {}
        self.stopping: dict[AttemptId, StopOrder] = {}
        self.seen: dict[AttemptId, Observation] = {}
        self.ends: dict[AttemptId, Observation] = {}
        self.contradictions: list[tuple[Observation, Observation]] = []
        self.requests: list[SyncRequest] = []
        self.logs: dict[tuple[AttemptId, int], bytearray] = {}
        self.pieces: list[tuple[AttemptId, int, int, int]] = []
        self.complete: dict[tuple[AttemptId, int], None] = {}
        self.failures: list[HubError] = []
        self.log_failures: list[HubError] = []
        self.log_limit = 1 << 40
        self.nodes: dict[PoolId, tuple[NodeId, ...]] | None = None
        self.session = ""
        self.pokes = 0

    def order(self, *orders: AttemptOrder) -> None:
        """Want these to run."""
        self.wanted |= {order.attempt: order for order in orders}
        self.pokes += 1

    def stop(self, attempt: AttemptId, grace_ms: int = 0) -> None:
        """Want this one not to run."""
        self.stopping[attempt] = StopOrder(attempt, grace_ms, "the test says so")
        self.pokes += 1

    def sync(self, request: SyncRequest) -> SyncReply:
        """Take a report in, answer what should be."""
        self.requests.append(request)
        if self.failures:
            raise self.failures.pop(0)
        if request.full:
            self.session = request.session
            named = {seen.attempt for seen in request.observations}
            for gone in [name for name in self.seen if name not in named]:
                if gone not in self.ends:
                    del self.seen[gone]  # never taken, so ordered again
        known = self.session == request.session
        settled: list[AttemptId] = []
        for seen in request.observations:
            self.seen[seen.attempt] = seen
            if seen.state is AttemptState.ENDED:
                before = self.ends.setdefault(seen.attempt, seen)
                if before != seen:
                    self.contradictions.append((before, seen))
                self.wanted.pop(seen.attempt, None)
                self.stopping.pop(seen.attempt, None)
                settled.append(seen.attempt)
        start = [order for name, order in self.wanted.items() if name not in self.seen]
        return SyncReply(
            start=tuple(start) if known else (),
            stop=tuple(self.stopping.values()),
            settled=tuple(settled),
            lease_ttl_ms=TTL_MS,
            heartbeat_ms=200,
            resync=not known,
            wanted=self.nodes,
        )

    def take_log(self, attempt: AttemptId, task: int, offset: int, data: bytes) -> LogReceipt:
        """Append what is behind the end."""
        if self.log_failures:
            raise self.log_failures.pop(0)
        self.pieces.append((attempt, task, offset, len(data)))
        log = self.logs.setdefault((attempt, task), bytearray())
        if offset <= len(log):
            log += data[len(log) - offset :][: self.log_limit - len(log)]
        return LogReceipt(len(log), len(log) >= self.log_limit)

    def log(self, attempt: AttemptId, task: int = 0) -> bytes:
        """A log as far as it came."""
        return bytes(self.logs.get((attempt, task), b""))


class HubInMemory:
    """A `HubClient` without a network."""

    url = "memory"

    def __init__(self, core: Hub) -> None:
        self._core = core
        self._heard = 0
        self.closed = False

    @property
    def as_client(self) -> HubClient:
        return cast(HubClient, self)

    async def sync(self, request: SyncRequest) -> SyncReply:
        await asyncio.sleep(0)
        return self._core.sync(request)

    async def pokes(self, site: SiteId) -> AsyncIterator[None]:
        yield
        while True:
            await asyncio.sleep(0)
            if self._core.pokes != self._heard:
                self._heard = self._core.pokes
                yield

    async def send_log(
        self, attempt: AttemptId, task: int, offset: int, data: bytes, *, complete: bool
    ) -> LogReceipt:
        await asyncio.sleep(0)
        receipt = self._core.take_log(attempt, task, offset, data)
        if complete:
            self._core.complete[attempt, task] = None
        return receipt

    def close(self) -> None:
        self.closed = True


@contextlib.contextmanager
def serving(core: Hub, token: str) -> Iterator[str]:
    """Serve a hub over HTTP from another thread; gives its URL."""
    lock = threading.Lock()
    stopping = threading.Event()

    async def sync(request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {token}":
            body = {"code": "auth.unknown", "message": "The token is unknown.", "hint": "Ask."}
            return Response(msgspec.json.encode(body), 401)
        report = msgspec.json.decode(await request.body(), type=SyncRequest)
        with lock:
            return Response(msgspec.json.encode(core.sync(report)))

    async def pokes(request: Request) -> Response:
        async def events() -> AsyncIterator[bytes]:
            heard = -1
            while not stopping.is_set():
                if core.pokes != heard:
                    heard = core.pokes
                    yield b"event: poke\ndata: {}\n\n"
                await asyncio.sleep(0)

        return StreamingResponse(events(), media_type="text/event-stream")

    async def logs(request: Request) -> Response:
        where = request.path_params
        name = AttemptId(where["attempt"]), int(where["task"])
        with lock:
            receipt = core.take_log(
                *name, int(request.query_params["offset"]), await request.body()
            )
            if request.query_params.get("complete") == "true":
                core.complete[name] = None
        return Response(msgspec.json.encode(receipt))

    app = Starlette(
        routes=[
            Route("/v1/agent/sync", sync, methods=["POST"]),
            Route("/v1/agent/stream", pokes),
            Route("/v1/agent/logs/{attempt}/{task}", logs, methods=["POST"]),
        ]
    )
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="critical", lifespan="off", timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        stopping.set()
        server.should_exit = True
        thread.join()
        listening.close()
