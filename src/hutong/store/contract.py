"""The store, as the hub sees it: a journal, the read tables that go with it, snapshots, tokens.

All methods are synchronous and may block; the server calls them off its event loop. One writer
holds the store at a time (`open` takes the write lease and a new epoch; every `append` is guarded
by it); readers may be many.
"""

from collections.abc import Iterator
from typing import Protocol

import msgspec

from hutong.lifecycle.events import AnyEvent, Entry
from hutong.lifecycle.rows import AttemptRow, ElementRow, JobRow
from hutong.model.ids import AttemptId, JobId, TenantId
from hutong.model.job import JobSpec
from hutong.model.states import JobState


class Batch(msgspec.Struct):
    """What one commit writes: entries in order, and the rows they changed (last value each)."""

    entries: list[Entry]
    jobs: dict[JobId, JobRow] = {}
    attempts: dict[AttemptId, AttemptRow] = {}
    elements: list[ElementRow] = []


class JobQuery(msgspec.Struct, frozen=True):
    """Which jobs to list, newest first: those of a tenant with all below it, in any of `states`
    (empty is all), of exactly this name, last placed at this site. `before` is a job number to
    page on from (exclusive)."""

    tenant: TenantId | None = None
    states: tuple[JobState, ...] = ()
    name: str | None = None
    site: str | None = None
    before: int | None = None
    limit: int = 100


class UsageQuery(msgspec.Struct, frozen=True):
    """Which attempts to sum: a tenant with all below it, and a window of Unix ms on their end:
    from `since_ms`, before `until_ms`."""

    tenant: TenantId | None = None
    since_ms: int = 0
    until_ms: int = 2**62


class UsageRow(msgspec.Struct, frozen=True):
    """Sums over the ended attempts of one tenant, site and accelerator. An attempt that never ran
    used nothing and does not count. `*_milli_ms` are thousandths of a unit, over all tasks of the
    gang, times milliseconds."""

    tenant: TenantId
    site: str
    accelerator: str
    attempts: int
    duration_ms: int
    cpu_milli_ms: int
    accelerator_milli_ms: int
    cost_microcny: int


class TokenRow(msgspec.Struct, frozen=True):
    """A token at rest. `digest` is the SHA-256 of the secret, hex; the secret is kept nowhere."""

    digest: str
    name: str
    scope: str
    subject: str
    created_ms: int
    revoked_ms: int = 0
    expires_ms: int = 0


class Store(Protocol):
    """The Protocol every store implements; `tests/conformance/test_store.py` says what it means."""

    def open(self) -> None:
        """Create or migrate what is there, and become the one writer. Raises `store.in_use`,
        `store.too_new`, `store.damaged`, `store.unavailable`."""

    def close(self) -> None:
        """Give the write lease back. Further calls are errors."""

    def append(self, batch: Batch) -> None:
        """Write all of the batch durably, or nothing (`store.unavailable`, `store.damaged`,
        `store.in_use` when another hub took over); the same batch may be tried again. Positions
        must follow the last one without a gap and a key must be new to its tenant: else
        ValueError, the machine is wrong."""

    def position(self) -> int:
        """Position of the last entry; 0 in an empty journal."""

    def entries(self, after: int, limit: int) -> list[Entry]:
        """Entries behind position `after`, in order, at most `limit`."""

    def save_snapshot(self, position: int, body: bytes) -> None:
        """Keep the machine's state at a position that is in the journal; older snapshots may go,
        the last two stay. Appends from other threads go on meanwhile."""

    def load_snapshot(self) -> tuple[int, bytes] | None:
        """The newest snapshot that is whole, or None."""

    def tail(self, after: int) -> Iterator[Entry]:
        """All entries behind a position, streaming."""

    def job(self, job: JobId) -> JobRow | None:
        """A job's row, live or ended."""

    def spec(self, job: JobId) -> JobSpec | None:
        """A job's spec, read from its entry in the journal."""

    def jobs(self, query: JobQuery) -> list[JobRow]:
        """Jobs, newest first."""

    def job_by_key(self, tenant: TenantId, key: str) -> JobRow | None:
        """The job that was accepted under an idempotency key."""

    def jobs_by_keys(self, keys: list[tuple[TenantId, str]]) -> dict[tuple[TenantId, str], JobRow]:
        """The same for many keys at once; those without a job are absent."""

    def attempt(self, attempt: AttemptId) -> AttemptRow | None:
        """An attempt's row."""

    def attempts(
        self, job: JobId, *, element: int | None = None, after: str = "", limit: int = 100
    ) -> list[AttemptRow]:
        """Attempts of a job in the order they were placed, of one element where it is given,
        behind the attempt `after` (none where that is not one of them)."""

    def elements(self, job: JobId, *, after: int = -1, limit: int = 100) -> list[ElementRow]:
        """Ended elements of an array in their order, behind element `after`."""

    def usage(self, query: UsageQuery) -> list[UsageRow]:
        """Sums of ended attempts by tenant, site and accelerator, in that order."""

    def count_jobs(self) -> dict[tuple[TenantId, JobState], int]:
        """How many jobs each tenant has in each state."""

    def story(
        self, job: JobId, *, after: int = 0, limit: int = 1_000
    ) -> list[tuple[int, int, str, AnyEvent]]:
        """(position, at_ms, cause, event) of all that happened to a job and its attempts behind
        position `after`, oldest first; of a plan, only its lines about this job."""

    def put_token(self, token: TokenRow) -> None:
        """Write a token, or replace the one with its digest."""

    def tokens(self) -> list[TokenRow]:
        """All tokens, revoked ones too, oldest first."""
