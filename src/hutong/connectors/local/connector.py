"""The local connector: a site whose nodes are this machine's processes.

Theory of operation. `start` writes what the attempt needs into its folder and sends one line to the
supervisor (see `supervisor`), which claims the attempt and starts it. Lines that were not answered
are kept and sent again when the connection was lost, so an order that was taken is never dropped.
What the supervisor tells goes to `changes` in the batches in which it comes. When the supervisor
died, the next one buries what it left; then the disk is read and told whole.
"""

import asyncio
import contextlib
import logging
import os
import socket
import sys
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from hutong.connectors.contract import Ability, Lease
from hutong.connectors.local import environment, link
from hutong.connectors.local.machine import ChipBook, check_machine, stack_of
from hutong.connectors.local.observe import observation
from hutong.connectors.local.provider import REVOKED, Provider
from hutong.connectors.local.sitefile import SiteFile
from hutong.connectors.local.workfolder import WorkFolder
from hutong.model.attempt import AttemptOrder, Observation
from hutong.model.errors import HutongError, refuse
from hutong.model.ids import AttemptId, NodeId, PoolId, is_job, split_attempt
from hutong.model.limits import LOG_BYTES_PER_TASK
from hutong.model.reasons import StartFailed
from hutong.model.states import AttemptState
from hutong.model.supply import Inventory

TIDY_S = 60.0
RECONNECT_S = 0.5
CLOCK_LOOK_S = 5.0
REVOKE_LOOK_S = 1.0
SHORTEST_S = 0.02

_log = logging.getLogger(__name__)
_encode = msgspec.json.Encoder().encode


class LocalConnector:
    """Runs attempts as processes under `root`, on the nodes that a site file describes."""

    kind = "local"

    def __init__(self, site: SiteFile, root: Path) -> None:
        self._site = site
        self._disk = WorkFolder(root, site.keep_work_hours)
        self._provider = Provider(self._disk.root, site.inventory, site.seeds)
        self._scaled = asyncio.Event()
        self._on_offers: dict[AttemptId, tuple[NodeId, ...]] = {}
        self._pools = {pool.id: pool for pool in site.inventory.pools}
        self._nodes = {node.id: node.pool for node in site.inventory.nodes}
        self._stacks = {pool.id: stack_of(pool) for pool in site.inventory.pools}
        self._chips = ChipBook(site.inventory)
        self._base = {name: os.environ[name] for name in environment.BASE if name in os.environ}
        self._base.setdefault("PATH", os.defpath)
        self._link: link.Link | None = None
        self._knows_groups = False
        self._lease = Lease()
        self._starting: dict[AttemptId, bytes] = {}
        self._stopping: dict[AttemptId, bytes] = {}
        self._batches: asyncio.Queue[tuple[Observation, ...] | None] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []

    def abilities(self) -> Mapping[Ability, str]:
        shared = "Tasks are plain processes of one user: they share the machine as it comes."
        return {
            Ability.LOGS_WHILE_RUNNING: "",
            Ability.GANG_OVER_NODES: "",
            Ability.LEASE_ALONE: "",
            Ability.CPU_ENFORCED: shared,
            Ability.MEMORY_ENFORCED: shared,
            Ability.DEVICES_ASSIGNED: "",
            Ability.SCALES: "" if self._site.inventory.offers else "Its file names no offers.",
        }

    async def open(self) -> None:
        if sys.platform != "linux":
            raise refuse(
                "connector.refused",
                problem=f"local processes need Linux and this is {sys.platform}",
                advice="Run the agent on Linux.",
            )
        check_machine(self._site.inventory)
        try:
            self._disk.make()
            self._provider.load()
        except OSError as problem:
            raise _failed("making its folders", problem) from None
        self._link, hello = await link.connect(self._disk.root, self._heard, self._lost)
        self._lease = Lease(*hello["lease"])
        self._knows_groups = bool(hello.get("groups"))
        self._tasks.append(asyncio.create_task(self._tidy()))
        self._tasks.append(asyncio.create_task(self._revoke()))

    async def close(self) -> None:
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._link is not None:
            self._link.close()
            self._link = None
        self._batches.put_nowait(None)

    async def inventory(self) -> Inventory:
        fixed, now_ms = self._site.inventory, _wall_ms()
        return Inventory(fixed.pools, fixed.nodes + self._provider.nodes(now_ms), fixed.offers)

    # Offers

    async def scale(self, wanted: Mapping[PoolId, tuple[NodeId, ...]]) -> None:
        try:
            given_back = self._provider.scale(wanted, _wall_ms())
        except OSError as problem:
            raise _failed("writing down its offers", problem) from None
        for attempt, nodes in list(self._on_offers.items()):
            if any(node in given_back for node in nodes):
                await self.stop(attempt, 0, "its node was given back")
        self._scaled.set()

    async def inventories(self) -> AsyncIterator[Inventory]:
        while True:
            self._scaled.clear()
            yield await self.inventory()
            now_ms = _wall_ms()
            next_ms = self._provider.next_change_ms(now_ms)
            # A wall clock that is set forward must not make anybody wait for its old time.
            wait_s = CLOCK_LOOK_S if next_ms is None else (next_ms - now_ms) / 1000
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(max(wait_s, SHORTEST_S), CLOCK_LOOK_S)):
                    await self._scaled.wait()

    async def _revoke(self) -> None:
        """Take spot nodes back when their time has come, and end what runs there."""
        while self._site.inventory.offers:
            now_ms = _wall_ms()
            try:
                for node in self._provider.revoke_due(now_ms):
                    await self._end_on(node)
                    self._scaled.set()
            except OSError as problem:
                _log.warning("the offers of %s cannot be written: %s", self._disk.root, problem)
            next_ms = self._provider.next_change_ms(now_ms)
            wait_s = REVOKE_LOOK_S if next_ms is None else (next_ms - now_ms) / 1000
            await asyncio.sleep(min(max(wait_s, SHORTEST_S), REVOKE_LOOK_S))

    async def _end_on(self, node: NodeId) -> None:
        for attempt, nodes in list(self._on_offers.items()):
            if node in nodes:
                await self.stop(attempt, 0, f"{REVOKED}{node}")

    # What is here

    async def scan(self) -> tuple[Observation, ...]:
        try:
            found = self._disk.read_all(self._starting)
        except OSError as problem:
            raise _failed("reading its folder", problem) from None
        for attempt, line in found.items():
            if "end" not in line:
                noted = self._disk.noted_devices(attempt)
                self._chips.hold(attempt, noted)
                if any(node not in self._nodes for node in noted):
                    self._on_offers[attempt] = tuple(NodeId(node) for node in noted)
                    await self._leave_gone(attempt)
        return tuple(observation(attempt, line) for attempt, line in found.items())

    async def changes(self) -> AsyncIterator[tuple[Observation, ...]]:
        while (batch := await self._batches.get()) is not None:
            yield batch

    async def log_sizes(self, attempt: AttemptId) -> tuple[int, ...]:
        return self._disk.log_sizes(attempt)

    async def read_log(self, attempt: AttemptId, task: int, offset: int, limit: int) -> bytes:
        try:
            return self._disk.read_log(attempt, task, offset, limit)
        except OSError as problem:
            raise _failed("reading a log", problem) from None

    # What is asked of it

    async def start(self, order: AttemptOrder) -> None:
        if gone := [share.node for share in order.nodes if self._provider.is_gone(share.node)]:
            await self.stop(order.attempt, 0, f"{REVOKED}{gone[0]}")
            return
        self._check(order)
        if self._disk.is_claimed(order.attempt):
            self._tell_again(order.attempt)
            return
        try:
            line = self._prepare(order)
        except OSError as problem:
            self._chips.give_back(order.attempt)
            raise _failed("preparing its folder", problem) from None
        except UnicodeEncodeError:
            self._chips.give_back(order.attempt)
            text, advice = "it holds half of a character", "Its texts have to be whole Unicode."
            raise refuse("connector.refused", problem=text, advice=advice) from None
        except HutongError:
            self._chips.give_back(order.attempt)
            raise
        self._starting[order.attempt] = line
        self._send(line)
        await self._leave_gone(order.attempt)

    async def _leave_gone(self, attempt: AttemptId) -> None:
        """End an attempt whose node was taken back while it was being started, or nobody looked."""
        for node in self._on_offers.get(attempt, ()):
            if self._provider.is_gone(node):
                await self.stop(attempt, 0, f"{REVOKED}{node}")

    async def stop(self, attempt: AttemptId, grace_ms: int, why: str) -> None:
        self._disk.folder(attempt)  # refuses what is no name
        line = _line(do="stop", attempt=attempt, grace_ms=grace_ms, why=why)
        self._stopping[attempt] = line
        self._send(line)

    async def forget(self, attempt: AttemptId) -> None:
        try:
            self._disk.remove(attempt)
        except OSError as problem:
            raise _failed("removing an attempt", problem) from None

    async def hold_lease(self, lease: Lease) -> None:
        self._lease = lease
        self._send(_line(do="lease", lease=(lease.until_ms, lease.grace_ms)))

    async def held_lease(self) -> Lease:
        return self._lease

    def _check(self, order: AttemptOrder) -> None:
        """Refuse what is not of this site."""
        problem = "" if is_job(order.job) else f"{order.job!a} is no job's id"
        if not order.tasks:
            problem = "it has no task"
        pools = [order.pool, *[group.place.pool for group in order.groups]]
        for pool in pools:
            if pool not in self._pools:
                problem = f"there is no pool {pool}"
        for share in order.nodes:
            home = self._nodes.get(share.node) or self._provider.pool_of(share.node, _wall_ms())
            if not 0 <= share.group < len(pools):
                problem = f"there is no group {share.group}"
            elif home != pools[share.group]:
                problem = f"pool {pools[share.group]} has no node {share.node}"
        if order.groups and not self._knows_groups:
            problem = "its supervisor is of an older version, until its attempts have ended"
        if problem:
            advice = "The site's inventory has changed; the hub hears of it."
            raise refuse("connector.refused", problem=problem, advice=advice)

    def _prepare(self, order: AttemptOrder) -> bytes:
        """Write an attempt's folder; give back the line that starts it. Raises OSError."""
        prepared = self._disk.prepare(order)
        grounds = [self._ground(order.pool), *[self._ground(g.place.pool) for g in order.groups]]
        needs = [order.needs, *[group.place.needs for group in order.groups]]
        real = [
            number
            for number, (ground, need) in enumerate(zip(grounds, needs, strict=True))
            if need.accelerator_milli and not ground.declared
        ]
        chips: list[list[int]] = []
        if real:
            held, chips = self._chips.take(order, real)
            self._disk.note_devices(order.attempt, held)
        if any(share.node not in self._nodes for share in order.nodes):
            self._on_offers[order.attempt] = tuple(share.node for share in order.nodes)
            self._disk.note_devices(order.attempt, {share.node: [] for share in order.nodes})
        around = environment.Surroundings(
            site=self._site.site.id,
            folder=prepared.folder,
            cwd=prepared.cwd,
            base=self._base,
            port=_port(order),
            declared=grounds[0].declared,
            stack=grounds[0].stack,
            groups=tuple(grounds[1:]),
            devices=chips,
            data=self._disk.data_folder(order.tenant),
        )
        env, tasks = environment.build(order, around)
        return _line(
            do="start",
            attempt=order.attempt,
            cwd=prepared.cwd,
            run=prepared.run,
            setup=prepared.setup,
            groups=[
                {"cwd": program.cwd, "run": program.run, "setup": program.setup}
                for program in prepared.groups
            ],
            group_of=[share.group for share in order.nodes for _ in range(share.tasks)],
            env=env,
            tasks=tasks,
            time_limit_ms=order.time_limit_ms,
            grace_ms=order.grace_ms,
            log_bytes=LOG_BYTES_PER_TASK,
        )

    def _ground(self, pool: PoolId) -> environment.Ground:
        return environment.Ground(self._pools[pool].declared, self._stacks[pool])

    def _tell_again(self, attempt: AttemptId) -> None:
        line = self._disk.read(attempt)
        self._batches.put_nowait((observation(attempt, line),))

    # The supervisor

    def _send(self, line: bytes) -> None:
        if self._link is not None:
            self._link.send(line)

    def _heard(self, messages: list[dict[str, Any]]) -> None:
        batch = []
        for message in messages:
            attempt = AttemptId(message["attempt"])
            self._starting.pop(attempt, None)
            if "failed" in message:
                failed = StartFailed(f"it could not be recorded: {message['failed']}")
                ended_ms = time.time_ns() // 1_000_000
                seen = Observation(attempt, AttemptState.ENDED, 0, ended_ms, failed)
            else:
                seen = observation(attempt, message)
            if seen.state is AttemptState.ENDED:
                self._stopping.pop(attempt, None)
                self._chips.give_back(attempt)
                self._on_offers.pop(attempt, None)
            batch.append(seen)
        self._batches.put_nowait(tuple(batch))

    def _lost(self, lost: link.Link) -> None:
        if lost is not self._link:
            return
        self._link = None
        _log.warning("the supervisor of %s is gone; another one is started", self._disk.root)
        self._tasks.append(asyncio.create_task(self._reconnect()))

    async def _reconnect(self) -> None:
        while self._link is None:
            try:
                await self._connect_again()
            except HutongError as problem:
                _log.error("%s", problem)
                await asyncio.sleep(RECONNECT_S)

    async def _connect_again(self) -> None:
        connected, hello = await link.connect(self._disk.root, self._heard, self._lost)
        self._knows_groups = bool(hello.get("groups"))
        seen = await self.scan()
        # The dead are told before anything is sent: nothing said later may look older than that.
        for one in seen:
            if one.state is AttemptState.ENDED:
                self._chips.give_back(one.attempt)
        self._batches.put_nowait(seen)
        self._link = connected
        self._send(_line(do="lease", lease=(self._lease.until_ms, self._lease.grace_ms)))
        for line in (*self._starting.values(), *self._stopping.values()):
            self._send(line)

    async def _tidy(self) -> None:
        """Remove what is to be removed, in a thread, now and then."""
        while True:
            try:
                await asyncio.to_thread(self._disk.clear, time.time_ns() // 1_000_000)
            except OSError as problem:
                _log.warning("%s cannot be tidied: %s", self._disk.root, problem)
            await asyncio.sleep(TIDY_S)


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


def _line(**fields: Any) -> bytes:
    return _encode(fields) + b"\n"


def _failed(action: str, problem: OSError) -> HutongError:
    return refuse("connector.failed", action=action, problem=os.strerror(problem.errno or 0))


def _port(order: AttemptOrder) -> int:
    """The port of a gang's master. The parts of one gang, at several sites, have the same."""
    if order.parts > 1:
        return environment.first_port("-".join(map(str, split_attempt(order.attempt)[:2])))
    return _free_port(order.attempt)


def _free_port(attempt: AttemptId) -> int:
    """A port that nobody listens on now, for the gang's master; the first one if none is free."""
    first = environment.first_port(attempt)
    for offset in range(environment.PORTS):
        port = (
            environment.FIRST_PORT + (first - environment.FIRST_PORT + offset) % environment.PORTS
        )
        with socket.socket() as probe:
            try:
                probe.bind((environment.LOOPBACK, port))
            except OSError:
                continue
            return port
    return first
