"""The store's in-memory twin: the same promises over dicts, and faults on demand.

A `MemoryDisk` is what outlives a hub. Stores over one disk exclude each other as two hubs over one
file do, and what one appended the next one finds.
"""

import threading
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from hutong.lifecycle.events import AnyEvent, Entry, JobAccepted
from hutong.lifecycle.rows import AttemptRow, ElementRow, JobRow
from hutong.model.attempt import held_by
from hutong.model.errors import refuse
from hutong.model.ids import AttemptId, JobId, TenantId
from hutong.model.job import JobSpec
from hutong.model.states import JobState
from hutong.store.contract import Batch, JobQuery, TokenRow, UsageQuery, UsageRow
from hutong.store.meter import is_below, metered_duration_ms
from hutong.store.story import jobs_of, part_for

SNAPSHOTS_KEPT = 2

Given = ParamSpec("Given")
Found = TypeVar("Found")


def _in_turn(
    method: "Callable[Concatenate[MemoryStore, Given], Found]",
) -> "Callable[Concatenate[MemoryStore, Given], Found]":
    """Let threads take turns, so that nobody reads half of a batch."""

    @wraps(method)
    def turn(self: "MemoryStore", /, *args: Given.args, **kwargs: Given.kwargs) -> Found:
        with self.disk.lock:
            return method(self, *args, **kwargs)

    return turn


class MemoryDisk:
    """What a hub's death leaves: the journal, the read tables, snapshots, tokens, the epoch."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.entries: list[Entry] = []
        self.jobs: dict[JobId, JobRow] = {}
        self.jobs_by_key: dict[tuple[TenantId, str], JobId] = {}
        self.attempts: dict[AttemptId, AttemptRow] = {}
        self.attempts_of: dict[JobId, list[AttemptId]] = {}
        self.elements: dict[JobId, dict[int, ElementRow]] = {}
        self.positions_of: dict[JobId, list[int]] = {}
        self.storied = 0  # entries that `positions_of` knows; it is made when a story is asked for
        self.snapshots: dict[int, bytes] = {}
        self.tokens: dict[str, TokenRow] = {}
        self.epoch = 0
        self.is_leased = False


class MemoryStore:
    """`hutong.store.contract.Store` over a `MemoryDisk`, for tests and the simulator."""

    def __init__(self, disk: MemoryDisk | None = None) -> None:
        """A store of its own, or one more over a disk that others have used."""
        self.disk = disk if disk is not None else MemoryDisk()
        self._epoch: int | None = None
        self._failures = 0
        self._problem = ""

    def fail_next(self, times: int = 1, *, problem: str = "the disk is full") -> None:
        """Let the next appends fail with `store.unavailable`, writing nothing. 0 mends it."""
        self._failures = times
        self._problem = problem

    def crash(self) -> None:
        """Die as a hub does at `kill -9`: the lease is free at once and this store is of no use."""
        self.close()

    @_in_turn
    def open(self) -> None:
        """Become the one writer."""
        if self.disk.is_leased:
            raise refuse("store.in_use", path="memory")
        self.disk.is_leased = True
        self.disk.epoch += 1
        self._epoch = self.disk.epoch

    @_in_turn
    def close(self) -> None:
        """Give the write lease back."""
        if self._epoch == self.disk.epoch:
            self.disk.is_leased = False
        self._epoch = None

    @_in_turn
    def append(self, batch: Batch) -> None:
        """Write all of the batch, or nothing."""
        disk = self._writable()
        self._check(batch)
        if self._failures > 0:
            self._failures -= 1
            raise refuse("store.unavailable", problem=self._problem)
        disk.entries += batch.entries
        disk.jobs.update(batch.jobs)
        for row in batch.jobs.values():
            if row.key:
                disk.jobs_by_key[row.tenant, row.key] = row.id
        for attempt, held in batch.attempts.items():
            if attempt not in disk.attempts:
                disk.attempts_of.setdefault(held.job, []).append(attempt)
            disk.attempts[attempt] = held
        for element in batch.elements:
            disk.elements.setdefault(element.job, {})[element.element] = element

    def _check(self, batch: Batch) -> None:
        first = len(self.disk.entries) + 1
        for position, entry in enumerate(batch.entries, start=first):
            if entry.position != position:
                raise ValueError(f"entry {position} should be next, not {entry.position}")
        taken: dict[tuple[TenantId, str], JobId] = {}
        for row in batch.jobs.values():
            if not row.key:
                continue
            key = (row.tenant, row.key)
            holder = self.disk.jobs_by_key.get(key) or taken.setdefault(key, row.id)
            if holder != row.id:
                raise ValueError(f"the key {row.key} of {row.tenant} belongs to {holder}")

    @_in_turn
    def position(self) -> int:
        """Position of the last entry; 0 in an empty journal."""
        return len(self._readable().entries)

    @_in_turn
    def entries(self, after: int, limit: int) -> list[Entry]:
        """Entries behind position `after`, in order, at most `limit`."""
        return self._readable().entries[max(0, after) :][: max(0, limit)]

    def tail(self, after: int) -> Iterator[Entry]:
        """All entries behind a position."""
        entries = self._readable().entries
        while after < len(entries):
            yield entries[after]
            after += 1

    @_in_turn
    def save_snapshot(self, position: int, body: bytes) -> None:
        """Keep the machine's state at a position; the last two snapshots stay."""
        disk = self._writable()
        if not 0 < position <= len(disk.entries):
            raise ValueError(f"there is no entry {position} to have a snapshot of")
        disk.snapshots[position] = body
        for old in sorted(disk.snapshots)[:-SNAPSHOTS_KEPT]:
            del disk.snapshots[old]

    @_in_turn
    def load_snapshot(self) -> tuple[int, bytes] | None:
        """The newest snapshot, or None."""
        snapshots = self._readable().snapshots
        return max(snapshots.items()) if snapshots else None

    @_in_turn
    def job(self, job: JobId) -> JobRow | None:
        """A job's row, live or ended."""
        return self._readable().jobs.get(job)

    @_in_turn
    def spec(self, job: JobId) -> JobSpec | None:
        """A job's spec, read from its entry in the journal."""
        disk = self._readable()
        row = disk.jobs.get(job)
        if row is None:
            return None
        event = disk.entries[row.accepted_position - 1].event
        if not isinstance(event, JobAccepted):
            raise ValueError(f"entry {row.accepted_position} should have accepted {job}")
        return event.spec

    @_in_turn
    def jobs(self, query: JobQuery) -> list[JobRow]:
        """Jobs, newest first."""
        wanted = [row for row in self._readable().jobs.values() if _is_wanted(row, query)]
        wanted.sort(key=lambda row: row.number, reverse=True)
        return wanted[: query.limit]

    @_in_turn
    def job_by_key(self, tenant: TenantId, key: str) -> JobRow | None:
        """The job that was accepted under an idempotency key."""
        disk = self._readable()
        job = disk.jobs_by_key.get((tenant, key))
        return None if job is None else disk.jobs[job]

    @_in_turn
    def jobs_by_keys(self, keys: list[tuple[TenantId, str]]) -> dict[tuple[TenantId, str], JobRow]:
        """The same for many keys at once; those without a job are absent."""
        found = {(tenant, key): self.job_by_key(tenant, key) for tenant, key in keys}
        return {key: row for key, row in found.items() if row is not None}

    @_in_turn
    def attempt(self, attempt: AttemptId) -> AttemptRow | None:
        """An attempt's row."""
        return self._readable().attempts.get(attempt)

    @_in_turn
    def attempts(
        self, job: JobId, *, element: int | None = None, after: str = "", limit: int = 100
    ) -> list[AttemptRow]:
        """Attempts of a job in the order they were placed, of one element where it is given."""
        disk = self._readable()
        placed = disk.attempts_of.get(job, [])
        if after:
            known = after in placed
            placed = placed[placed.index(AttemptId(after)) + 1 :] if known else []
        rows = [disk.attempts[attempt] for attempt in placed]
        return [row for row in rows if element is None or row.element == element][:limit]

    @_in_turn
    def elements(self, job: JobId, *, after: int = -1, limit: int = 100) -> list[ElementRow]:
        """Ended elements of an array in their order, behind element `after`."""
        ended = self._readable().elements.get(job, {})
        return [ended[element] for element in sorted(ended) if element > after][:limit]

    @_in_turn
    def usage(self, query: UsageQuery) -> list[UsageRow]:
        """Sums of ended attempts by tenant, site and accelerator."""
        sums: dict[tuple[TenantId, str, str], list[int]] = {}
        for row in self._readable().attempts.values():
            duration_ms = metered_duration_ms(row)
            is_inside = query.since_ms <= row.ended_ms < query.until_ms
            if not duration_ms or not is_inside or not is_below(row.tenant, query.tenant):
                continue
            held = held_by(row.nodes, row.needs, row.groups)
            used = (
                1,
                duration_ms,
                held.cpu_milli * duration_ms,
                held.accelerator_milli * duration_ms,
                row.cost_microcny,
            )
            before = sums.setdefault((row.tenant, row.site, row.accelerator), [0] * len(used))
            for index, amount in enumerate(used):
                before[index] += amount
        return [UsageRow(*group, *summed) for group, summed in sorted(sums.items())]

    @_in_turn
    def count_jobs(self) -> dict[tuple[TenantId, JobState], int]:
        """How many jobs each tenant has in each state."""
        counts: dict[tuple[TenantId, JobState], int] = {}
        for row in self._readable().jobs.values():
            group = (row.tenant, row.state)
            counts[group] = counts.get(group, 0) + 1
        return counts

    @_in_turn
    def story(
        self, job: JobId, *, after: int = 0, limit: int = 1_000
    ) -> list[tuple[int, int, str, AnyEvent]]:
        """(position, at_ms, cause, event) of all that happened to a job and its attempts behind
        position `after`, oldest first; of a plan, only its lines about this job."""
        disk = self._readable()
        for entry in disk.entries[disk.storied :]:
            for concerned in jobs_of(entry.event):
                disk.positions_of.setdefault(concerned, []).append(entry.position)
        disk.storied = len(disk.entries)
        positions = [position for position in disk.positions_of.get(job, []) if position > after]
        told = [disk.entries[position - 1] for position in positions[:limit]]
        return [
            (entry.position, entry.at_ms, entry.cause, part_for(entry.event, job)) for entry in told
        ]

    @_in_turn
    def put_token(self, token: TokenRow) -> None:
        """Write a token, or replace the one with its digest."""
        self._writable().tokens[token.digest] = token

    @_in_turn
    def tokens(self) -> list[TokenRow]:
        """All tokens, revoked ones too, oldest first."""
        rows = self._readable().tokens.values()
        return sorted(rows, key=lambda row: (row.created_ms, row.digest))

    def _readable(self) -> MemoryDisk:
        if self._epoch is None:
            raise refuse("store.unavailable", problem="the store in memory is not open")
        return self.disk

    def _writable(self) -> MemoryDisk:
        disk = self._readable()
        if self._epoch != disk.epoch:
            raise refuse("store.in_use", path="memory")
        return disk


def _is_wanted(row: JobRow, query: JobQuery) -> bool:
    return (
        is_below(row.tenant, query.tenant)
        and (not query.states or row.state in query.states)
        and (query.name is None or row.name == query.name)
        and (query.site is None or row.site == query.site)
        and (query.before is None or row.number < query.before)
    )
