"""The connectors that the suite runs against, each under a rig that can act and crash."""

import asyncio
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from hutong.connectors.contract import Connector, Lease
from hutong.connectors.local.connector import LocalConnector
from hutong.connectors.local.sitefile import parse_site_file
from hutong.model.attempt import AttemptOrder, GroupPlace, NodeShare, Observation, OrderGroup
from hutong.model.ids import AttemptId, JobId, NodeId, PoolId, TenantId
from hutong.model.job import Program
from hutong.model.resources import Amount
from hutong.model.states import AttemptState
from hutong.testing.connector import (
    Act,
    Await,
    Die,
    Exit,
    Hold,
    MemoryConnector,
    MemorySite,
    Missing,
    Print,
    Save,
    boot_ms,
)

PATIENCE_S = 30.0
LEASE = Lease(0, 1_000)
SITE = b"""
site: lab
owner: tests
region: cn-beijing
jurisdiction: CN-BJ
pools:
  - {name: chips, nodes: 2, cpus: 64, memory: 1TiB, accelerator: A100-40GB, count: 8,
     declared: true}
"""

SITE_WITH_OFFERS = (
    SITE
    + b"""
offers:
  - {name: burst, nodes_max: 2, cpus: 4, memory: 4GiB, boot_s: 0.3}
  - {name: never, nodes_max: 4, cpus: 4, memory: 4GiB, boot_s: 3600}
  - {name: spot, nodes_max: 4, cpus: 4, memory: 4GiB, terms: spot, revoked_per_hour: 3600, seed: 4}
"""
)


def order(which: int = 1, /, **changes: object) -> AttemptOrder:
    """An order for attempt 1 of job `which`, one task on the first node unless told otherwise."""
    plain = AttemptOrder(
        attempt=AttemptId(f"h0test-j{which}-1"),
        job=JobId(f"j{which}"),
        token=1,
        tenant=TenantId("lab/tests"),
        name="acted",
        pool=PoolId("lab/chips"),
        nodes=(NodeShare(NodeId("lab/chips-1"), 1),),
        program=Program(),
        needs=Amount(1000, 64, 0),
        grace_ms=5_000,
    )
    return msgspec.structs.replace(plain, **changes)


def gang(first: int, second: int) -> tuple[NodeShare, ...]:
    """So many tasks on either node."""
    return (NodeShare(NodeId("lab/chips-1"), first), NodeShare(NodeId("lab/chips-2"), second))


def headed(which: int = 1, /, **changes: object) -> AttemptOrder:
    """A gang of two tasks, ranks 1 and 2, beside a head of rank 0."""
    head = OrderGroup("head", GroupPlace(PoolId("lab/chips"), Amount(500, 32, 0)))
    nodes = (
        NodeShare(NodeId("lab/chips-1"), 1, group=1),
        NodeShare(NodeId("lab/chips-1"), 1),
        NodeShare(NodeId("lab/chips-2"), 1),
    )
    return order(which, nodes=nodes, groups=(head,), **changes)


class Rig(Protocol):
    """A site and the connector that drives it at the moment."""

    connector: Connector

    def act(self, order: AttemptOrder, *acts: Act, **of_rank: Sequence[Act]) -> AttemptOrder:
        """The order, such that its tasks do this; `rank1=[...]` is for that rank alone."""

    def release(self, word: str) -> None:
        """Let go on what awaits this word."""

    def revoke(self, node: NodeId) -> None:
        """Have the provider take a spot node back."""

    async def crash(self) -> None:
        """Have the connector die and another one come."""

    async def leave(self) -> None:
        """End everything."""


class MemoryRig:
    """The twin."""

    def __init__(self, site: bytes = SITE) -> None:
        self._site = MemorySite(parse_site_file(site, "lab").inventory)
        self._acts: dict[str, list[Sequence[Act]]] = {}
        self._site.play = lambda order, rank: self._acts[order.attempt][rank]
        self.connector: Connector = MemoryConnector(self._site)

    def act(self, order: AttemptOrder, *acts: Act, **of_rank: Sequence[Act]) -> AttemptOrder:
        self._acts[order.attempt] = [
            of_rank.get(f"rank{rank}", acts) for rank in range(order.tasks)
        ]
        return order

    def release(self, word: str) -> None:
        self._site.release(word)

    def revoke(self, node: NodeId) -> None:
        self._site.revoke(node)

    async def crash(self) -> None:
        self.connector = MemoryConnector(self._site)
        await self.connector.open()

    async def leave(self) -> None:
        await self.connector.close()


class LocalRig:
    """Real processes. The acts become a shell script."""

    def __init__(self, folder: Path, site: bytes = SITE) -> None:
        self._site = parse_site_file(site, "lab")
        self._root = folder / "site"
        self._words = folder / "words"
        self._words.mkdir()
        self.connector: Connector = LocalConnector(self._site, self._root)

    def act(self, order: AttemptOrder, *acts: Act, **of_rank: Sequence[Act]) -> AttemptOrder:
        if Missing() in acts:
            return msgspec.structs.replace(order, program=Program(argv=("no-such-command",)))
        lines = ["#!/bin/sh", "case $RANK in"]
        lines += [f"{rank[4:]}) {self._script(of_rank[rank])};;" for rank in of_rank]
        lines += [f"*) {self._script(acts)};;", "esac"]
        return msgspec.structs.replace(order, program=Program(script="\n".join(lines) + "\n"))

    def _script(self, acts: Sequence[Act]) -> str:
        return "; ".join([self._line(act) for act in acts] or ["true"])

    def _line(self, act: Act) -> str:
        match act:
            case Print(data):
                return "printf '" + "".join(f"\\{byte:03o}" for byte in data) + "'"
            case Exit(code):
                return f"exit {code}"
            case Die(number):
                return f"kill -{number} $$"
            case Hold(deaf):
                return ("trap '' TERM; " if deaf else "") + "while :; do sleep 0.02; done"
            case Await(word):
                return (
                    f"while ! test -e {shlex.quote(str(self._words / word))}; do sleep 0.01; done"
                )
            case Save():
                return 'touch "$HUTONG_CHECKPOINT_FILE"'
            case Missing():
                raise AssertionError("only for the whole gang")

    def release(self, word: str) -> None:
        (self._words / word).touch()

    def revoke(self, node: NodeId) -> None:
        """Its seed sees to that within a second."""

    async def crash(self) -> None:
        # What a kill leaves: a connection that is gone, and nothing said before.
        assert isinstance(self.connector, LocalConnector)
        old = self.connector
        await old.close()
        self.connector = LocalConnector(self._site, self._root)
        await self.connector.open()

    async def leave(self) -> None:
        for one in await self.connector.scan():
            if one.ended is None:
                await self.connector.stop(one.attempt, 0, "the test is over")
        async with asyncio.timeout(PATIENCE_S):
            while True:
                if all(one.ended is not None for one in await self.connector.scan()):
                    break
                await asyncio.sleep(0)
        await self.connector.close()


class Watch:
    """Reads a connector's changes and remembers the last of each attempt, and all."""

    def __init__(self, connector: Connector) -> None:
        self.last: dict[AttemptId, Observation] = {}
        self.told: list[Observation] = []
        self._news = asyncio.Event()
        self._task = asyncio.create_task(self._read(connector))

    async def _read(self, connector: Connector) -> None:
        async for batch in connector.changes():
            self.told.extend(batch)
            self.last |= {seen.attempt: seen for seen in batch}
            self._news.set()

    async def until(self, attempt: AttemptId, state: AttemptState) -> Observation:
        """The first observation of an attempt in this state that is told from now on, or was."""
        async with asyncio.timeout(PATIENCE_S):
            while attempt not in self.last or self.last[attempt].state is not state:
                self._news.clear()
                await self._news.wait()
        return self.last[attempt]

    async def ended(self, attempt: AttemptId) -> Observation:
        """How an attempt ended."""
        return await self.until(attempt, AttemptState.ENDED)

    async def running(self, attempt: AttemptId) -> Observation:
        """An attempt that runs."""
        return await self.until(attempt, AttemptState.RUNNING)

    async def saved(self, attempt: AttemptId) -> Observation:
        """An attempt that wrote down its state."""
        async with asyncio.timeout(PATIENCE_S):
            while attempt not in self.last or not self.last[attempt].checkpointed_ms:
                self._news.clear()
                await self._news.wait()
        return self.last[attempt]

    def stop(self) -> None:
        """Read no more."""
        self._task.cancel()


async def log_of(connector: Connector, attempt: AttemptId, wanted: bytes, task: int = 0) -> bytes:
    """A task's log once it holds what is wanted."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            log = await connector.read_log(attempt, task, 0, 1 << 20)
            if wanted in log:
                return log
            await asyncio.sleep(0)


async def hold(connector: Connector, ttl_ms: int = 600_000, grace_ms: int = 1_000) -> None:
    """Hold a lease from now on."""
    await connector.hold_lease(Lease(boot_ms() + ttl_ms, grace_ms))
