"""The connector's in-memory twin: a site in which nothing runs and everything is acted.

`MemorySite` is what outlives an agent: its attempts and their logs. `MemoryConnector` drives it and
forgets all when it is dropped, as a crash would have it. What tasks do is told by
`MemorySite.play`, in acts; timers are the event loop's.
"""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

import msgspec

from hutong.connectors.contract import Ability, Lease
from hutong.model.attempt import AttemptOrder, NodeShare, Observation
from hutong.model.errors import HutongError, refuse
from hutong.model.ids import AttemptId, NodeId, PoolId
from hutong.model.reasons import (
    CommandNotFound,
    Completed,
    EndedReason,
    ExitCode,
    Fenced,
    Signalled,
    SpotRevoked,
    TimeLimit,
)
from hutong.model.states import AttemptState
from hutong.model.supply import Inventory, Node, NodeCondition


class Print(msgspec.Struct, frozen=True, tag=True):
    """Write to the log."""

    data: bytes


class Exit(msgspec.Struct, frozen=True, tag=True):
    """Leave with this code. A task that has no more to do leaves with 0."""

    code: int


class Die(msgspec.Struct, frozen=True, tag=True):
    """End by this signal."""

    signal: int


class Hold(msgspec.Struct, frozen=True, tag=True):
    """Go on until somebody ends it; with `deaf`, SIGTERM does not."""

    deaf: bool = False


class Await(msgspec.Struct, frozen=True, tag=True):
    """Wait for `MemorySite.release` of this word."""

    word: str


class Save(msgspec.Struct, frozen=True, tag=True):
    """Say that the state is written down."""


class Missing(msgspec.Struct, frozen=True, tag=True):
    """The command does not exist. The first act of a task, if any."""


Act = Print | Exit | Die | Hold | Await | Save | Missing


def boot_ms() -> int:
    """Time since boot, sleep included."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


class _Task:
    """What is left to act of one task; `code` once it has left."""

    def __init__(self, acts: Sequence[Act], group: int = 0) -> None:
        self.acts = list(acts)
        self.group = group
        self.log = bytearray()
        self.code: int | None = None

    @property
    def is_deaf(self) -> bool:
        """Say whether SIGTERM leaves it as it is."""
        return bool(self.acts) and isinstance(self.acts[0], Hold) and self.acts[0].deaf


class _Run:
    """One attempt: `seen` is what is told of it, `reason` why it ends once that is known."""

    def __init__(
        self, seen: Observation, acts: Sequence[Sequence[Act]] = (),
        nodes: Sequence[NodeShare] = (),
    ) -> None:  # fmt: skip
        self.seen = seen
        self.nodes = [share.node for share in nodes]
        groups = [share.group for share in nodes for _ in range(share.tasks)] or [0] * len(acts)
        self.tasks = [_Task(*of_task) for of_task in zip(acts, groups, strict=True)]
        self.reason: EndedReason | None = None
        self.kill_at_s: float | None = None
        self.grace_ms = 0

    @property
    def is_live(self) -> bool:
        return self.seen.state is not AttemptState.ENDED


class MemorySite:
    """What a site holds while agents come and go."""

    def __init__(self, inventory: Inventory) -> None:
        self.inventory = inventory
        self.play: Callable[[AttemptOrder, int], Sequence[Act]] = lambda _order, _rank: ()
        self.starts: dict[AttemptId, int] = {}
        """How often each attempt ran."""
        self.failures: list[HutongError] = []
        """The next calls of the connector raise these, one each."""
        self.lease = Lease()
        self.runs: dict[AttemptId, _Run] = {}
        self.listener: Callable[[Observation], None] = _nobody
        self.supply_listener: Callable[[], None] = _nothing
        self.offered: dict[NodeId, Node] = {}
        """Nodes of offers that were started and not given back, by name."""
        self._released: dict[str, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def release(self, word: str) -> None:
        """Let everything go on that awaits this word, now or later."""
        self._released[word] = None
        for run in list(self.runs.values()):
            self._go_on(run)

    def start(self, order: AttemptOrder) -> None:
        """Start an attempt; tell again what is known of one that is known."""
        attempt = order.attempt
        if attempt in self.runs:
            self.listener(self.runs[attempt].seen)
            return
        if boot_ms() >= self.lease.until_ms:
            self._never_start(attempt, Fenced())
            return
        self.starts[attempt] = self.starts.get(attempt, 0) + 1
        acts = [self.play(order, rank) for rank in range(order.tasks)]
        if any(isinstance(act, Missing) for of_task in acts for act in of_task):
            self._never_start(attempt, CommandNotFound("acted: command not found"))
            return
        nodes = [share.node for share in order.nodes]
        for node in nodes:
            if node in self.offered and not _is_up(self.offered[node]):
                self._never_start(attempt, SpotRevoked(node))
                return
        run = _Run(Observation(attempt, AttemptState.RUNNING, _wall_ms()), acts, order.nodes)
        run.grace_ms = order.grace_ms
        self.runs[attempt] = run
        self.listener(run.seen)
        if order.time_limit_ms:
            limit = TimeLimit(order.time_limit_ms)
            _later(order.time_limit_ms, self._end, run, limit, order.grace_ms)
        self._watch_lease()
        self._go_on(run)

    def stop(self, attempt: AttemptId, grace_ms: int) -> None:
        """End an attempt; one that is unknown will never start."""
        run = self.runs.get(attempt)
        if run is None:
            self._never_start(attempt, Fenced())
        elif run.is_live:
            self._end(run, Fenced(), grace_ms)
        else:
            self.listener(run.seen)

    def hold_lease(self, lease: Lease) -> None:
        """Let nothing run beyond it."""
        self.lease = lease
        self._watch_lease()

    # Offers

    def whole_inventory(self) -> Inventory:
        """The inventory with the nodes of offers."""
        fixed = self.inventory
        return Inventory(fixed.pools, (*fixed.nodes, *self.offered.values()), fixed.offers)

    def scale(self, wanted: Mapping[PoolId, tuple[NodeId, ...]]) -> None:
        """Have these nodes exist and no others of an offer."""
        offers = {offer.pool: offer for offer in self.inventory.offers}
        names = {name: pool for pool in wanted for name in wanted[pool] if pool in offers}
        for name in [name for name in self.offered if name not in names]:
            del self.offered[name]
            self._end_on(name, Fenced())
        for name, pool in names.items():
            alive = [n for n in self.offered.values() if n.pool == pool and _is_up(n)]
            if name not in self.offered and len(alive) < offers[pool].nodes_max:
                boot_ms = offers[pool].boot_ms
                ready_ms = _wall_ms() + boot_ms
                self.offered[name] = Node(name, pool, (), NodeCondition.BOOTING, ready_ms)
                _later(boot_ms, self._ready, name)
        self.supply_listener()

    def revoke(self, name: NodeId) -> None:
        """A spot node is taken back, with what runs on it."""
        self._set_condition(name, NodeCondition.DOWN)
        self._end_on(name, SpotRevoked(name))

    def _ready(self, name: NodeId) -> None:
        node = self.offered.get(name)
        if node is not None and node.condition is NodeCondition.BOOTING:
            self._set_condition(name, NodeCondition.READY)

    def _set_condition(self, name: NodeId, condition: NodeCondition) -> None:
        node = self.offered[name]
        self.offered[name] = msgspec.structs.replace(node, condition=condition)
        self.supply_listener()

    def _end_on(self, name: NodeId, reason: EndedReason) -> None:
        for run in list(self.runs.values()):
            if name in run.nodes:
                self._end(run, reason, 0)

    def _never_start(self, attempt: AttemptId, reason: EndedReason) -> None:
        end = Observation(attempt, AttemptState.ENDED, ended_ms=_wall_ms(), ended=reason)
        self.runs[attempt] = _Run(end)
        self.listener(end)

    def _watch_lease(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        left_ms = self.lease.until_ms - self.lease.grace_ms - boot_ms()
        self._timer = _later(max(0, left_ms), self._fence)

    def _fence(self) -> None:
        left_ms = max(0, self.lease.until_ms - boot_ms())
        for run in list(self.runs.values()):
            if run.is_live:
                grace_ms = min(run.grace_ms, self.lease.grace_ms)
                _later(max(0, left_ms - grace_ms), self._fence_one, run, min(left_ms, grace_ms))

    def _fence_one(self, run: _Run, grace_ms: int) -> None:
        if boot_ms() >= self.lease.until_ms - self.lease.grace_ms:
            self._end(run, Fenced(), grace_ms)

    def _go_on(self, run: _Run) -> None:
        """Act what can be acted, and end the run when nothing is left of it."""
        if not run.is_live:
            return
        for rank, task in enumerate(run.tasks):
            while task.code is None and self._act(run, task):
                pass
            if task.code and run.reason is None:
                failed = Signalled(-task.code, rank) if task.code < 0 else ExitCode(task.code, rank)
                self._end(run, failed, run.grace_ms)
        own = [task for task in run.tasks if not task.group]
        if run.reason is None and len(own) < len(run.tasks) and all(t.code == 0 for t in own):
            self._end(run, Completed(), run.grace_ms)
        if all(task.code is not None for task in run.tasks):
            self._finish(run)

    def _finish(self, run: _Run) -> None:
        if run.is_live:
            reason = run.reason or Completed()
            run.seen = msgspec.structs.replace(
                run.seen, state=AttemptState.ENDED, ended_ms=_wall_ms(), ended=reason
            )
            self.listener(run.seen)

    def _act(self, run: _Run, task: _Task) -> bool:
        """Do one act; say whether the next can be done."""
        match task.acts[0] if task.acts else Exit(0):
            case Print(data):
                task.log += data
            case Exit(code):
                task.code = code
            case Die(number):
                task.code = -number
            case Await(word) if word in self._released:
                pass
            case Save():
                run.seen = msgspec.structs.replace(run.seen, checkpointed_ms=_wall_ms())
                self.listener(run.seen)
            case _:
                return False
        del task.acts[:1]
        return True

    def _end(self, run: _Run, reason: EndedReason, grace_ms: int) -> None:
        """Ask what runs to end, and end it later. The first reason and less time stay."""
        if not run.is_live:
            return
        run.reason = run.reason or reason
        kill_at_s = time.monotonic() + grace_ms / 1000
        if run.kill_at_s is not None and run.kill_at_s <= kill_at_s:
            return
        run.kill_at_s = kill_at_s
        for task in run.tasks:
            if task.code is None and not task.is_deaf:
                task.code = -signal.SIGTERM
        if grace_ms > 0:
            _later(grace_ms, self._kill, run)
        else:
            self._kill(run)
        self._go_on(run)

    def _kill(self, run: _Run) -> None:
        if run.kill_at_s is not None and time.monotonic() >= run.kill_at_s - 0.001:
            for task in run.tasks:
                task.code = -signal.SIGKILL if task.code is None else task.code
            self._go_on(run)


class MemoryConnector:
    """Drives a `MemorySite`. To crash it, drop it and make another one over the same site."""

    kind = "memory"

    def __init__(self, site: MemorySite) -> None:
        self.site = site
        self._batches: asyncio.Queue[tuple[Observation, ...] | None] = asyncio.Queue()
        self._supply_changed = asyncio.Event()

    def abilities(self) -> Mapping[Ability, str]:
        acted = "Nothing really runs here."
        can = (
            Ability.LOGS_WHILE_RUNNING, Ability.GANG_OVER_NODES, Ability.LEASE_ALONE,
            Ability.SCALES,
        )  # fmt: skip
        return {ability: "" if ability in can else acted for ability in Ability}

    async def open(self) -> None:
        self.site.listener = lambda seen: self._batches.put_nowait((seen,))
        self.site.supply_listener = self._supply_changed.set

    async def close(self) -> None:
        self.site.listener = _nobody
        self.site.supply_listener = _nothing
        self._batches.put_nowait(None)

    async def inventory(self) -> Inventory:
        return self.site.whole_inventory()

    async def scale(self, wanted: Mapping[PoolId, tuple[NodeId, ...]]) -> None:
        self._may_fail()
        self.site.scale(wanted)

    async def inventories(self) -> AsyncIterator[Inventory]:
        while True:
            self._supply_changed.clear()
            yield self.site.whole_inventory()
            await self._supply_changed.wait()

    async def scan(self) -> tuple[Observation, ...]:
        return tuple(run.seen for run in self.site.runs.values())

    async def start(self, order: AttemptOrder) -> None:
        self._may_fail()
        if all(pool.id != order.pool for pool in self.site.inventory.pools):
            problem = f"there is no pool {order.pool}"
            raise refuse("connector.refused", problem=problem, advice="Look at the inventory.")
        self.site.start(order)

    async def stop(self, attempt: AttemptId, grace_ms: int, why: str) -> None:
        self._may_fail()
        self.site.stop(attempt, grace_ms)

    async def changes(self) -> AsyncIterator[tuple[Observation, ...]]:
        while (batch := await self._batches.get()) is not None:
            yield batch

    async def log_sizes(self, attempt: AttemptId) -> tuple[int, ...]:
        run = self.site.runs.get(attempt)
        return tuple(len(task.log) for task in run.tasks) if run is not None else ()

    async def read_log(self, attempt: AttemptId, task: int, offset: int, limit: int) -> bytes:
        run = self.site.runs.get(attempt)
        if run is None or task >= len(run.tasks):
            return b""
        return bytes(run.tasks[task].log[offset : offset + limit])

    async def forget(self, attempt: AttemptId) -> None:
        run = self.site.runs.get(attempt)
        if run is not None and not run.is_live:
            del self.site.runs[attempt]

    async def hold_lease(self, lease: Lease) -> None:
        self.site.hold_lease(lease)

    async def held_lease(self) -> Lease:
        return self.site.lease

    def _may_fail(self) -> None:
        if self.site.failures:
            raise self.site.failures.pop(0)


def _nobody(_seen: Observation) -> None:
    pass


def _nothing() -> None:
    pass


def _is_up(node: Node) -> bool:
    return node.condition is not NodeCondition.DOWN


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


def _later(delay_ms: int, call: Callable[..., None], *args: object) -> asyncio.TimerHandle:
    return asyncio.get_running_loop().call_later(delay_ms / 1000, call, *args)
