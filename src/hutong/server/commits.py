"""Group commit: what the machine accepted becomes durable, many steps in one append.

Theory of operation. `add` puts a step's entries and rows into the group that gathers. One task
takes the group, appends it in the writer's thread, and meanwhile the next group gathers; so a slow
disk makes groups larger, not the queue longer. Of a row that changed twice the last value is
written. Whoever must not speak before all it has seen is durable awaits `durable`.

When an append fails, nothing of that group was stored and the group that gathers rests on it, so
both are dropped, all who wait get the error, and `on_failed` is told.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor

from hutong.lifecycle.commands import Effect
from hutong.lifecycle.events import Entry
from hutong.lifecycle.rows import AttemptRow, ElementRow, JobRow
from hutong.model.errors import HutongError, refuse
from hutong.model.ids import AttemptId, JobId
from hutong.server.log import LOG
from hutong.server.metrics import Metrics
from hutong.store.contract import Batch, Store

Rows = tuple[dict[JobId, JobRow], dict[AttemptId, AttemptRow], list[ElementRow]]


class _Group:
    """What one append writes, who waits for it, and what may leave behind it."""

    __slots__ = ("batch", "effects", "waiters")

    def __init__(self) -> None:
        self.batch = Batch([], {}, {}, [])
        self.effects: list[Effect] = []
        self.waiters: list[asyncio.Future[None]] = []


class Commits:
    """The groups of one store. `on_durable` gets a group's entries and effects."""

    def __init__(
        self,
        store: Store,
        writer: Executor,
        *,
        metrics: Metrics,
        on_durable: Callable[[Sequence[Entry], Sequence[Effect]], None],
        on_failed: Callable[[HutongError], None],
    ) -> None:
        self._store = store
        self._writer = writer
        self._metrics = metrics
        self._on_durable = on_durable
        self._on_failed = on_failed
        self._gathering = _Group()
        self._flying: _Group | None = None
        self._wanted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to append; call it on the event loop."""
        self._task = asyncio.create_task(self._run(), name="commits")

    async def close(self) -> None:
        """Append what is left, then stop."""
        try:
            await self.durable()
        except HutongError as error:
            LOG.error("the last changes were not written: %s", error)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def add(self, entries: list[Entry], rows: Rows, effects: Sequence[Effect]) -> None:
        """Let a step join the group that gathers. Effects of a step without entries leave when
        everything the step saw is durable, which may be at once."""
        if not entries:
            last = self._last()
            if last is None:
                self._on_durable((), effects)
            else:
                last.effects.extend(effects)
            return
        group = self._gathering
        group.batch.entries.extend(entries)
        jobs, attempts, elements = rows
        group.batch.jobs.update(jobs)
        group.batch.attempts.update(attempts)
        group.batch.elements.extend(elements)
        group.effects.extend(effects)
        self._wanted.set()

    async def durable(self) -> None:
        """Wait until everything added so far is durable. Raises what the store raised."""
        last = self._last()
        if last is not None:
            waiter = asyncio.get_running_loop().create_future()
            last.waiters.append(waiter)
            await waiter

    def _last(self) -> _Group | None:
        return self._gathering if self._gathering.batch.entries else self._flying

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            group, self._gathering = self._gathering, _Group()
            if not group.batch.entries:
                continue
            self._flying = group
            began = time.perf_counter()
            try:
                await loop.run_in_executor(self._writer, self._store.append, group.batch)
            except asyncio.CancelledError:
                raise
            except Exception as problem:
                self._fail(group, problem)
                continue
            self._metrics.commit_seconds.observe(time.perf_counter() - began)
            self._metrics.commit_entries.observe(len(group.batch.entries))
            self._flying = None
            self._release(group)

    def _release(self, group: _Group) -> None:
        for waiter in group.waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._on_durable(group.batch.entries, group.effects)

    def _fail(self, group: _Group, problem: Exception) -> None:
        self._metrics.store_failures.inc()
        error = store_error(problem)
        behind, self._gathering, self._flying = self._gathering, _Group(), None
        self._wanted.clear()
        for waiter in (*group.waiters, *behind.waiters):
            if not waiter.done():
                waiter.set_exception(error)
        self._on_failed(error)


def store_error(problem: Exception) -> HutongError:
    """The store's own word for a failure; anything else is a fault of ours, told in the log."""
    if isinstance(problem, HutongError):
        LOG.error("the store refused a batch: %s", problem)
        return problem
    LOG.error("a batch could not be written", exc_info=problem)
    return refuse("store.unavailable", problem=f"a batch was refused ({type(problem).__name__})")
