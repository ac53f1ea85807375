"""The reading half of the SQLite store: a pool of connections, and one statement a question.

Any thread may read at any time; readers never wait for the writer, nor it for them. A result comes
as one row, for the reason told in `sqlite_sql`.
"""

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from hutong.lifecycle.events import AnyEvent, Entry, JobAccepted
from hutong.lifecycle.rows import AttemptRow, ElementRow, JobRow
from hutong.model.errors import refuse
from hutong.model.ids import AttemptId, JobId, TenantId, is_job, job_number
from hutong.model.job import JobSpec
from hutong.model.states import JobState
from hutong.store import codec
from hutong.store import sqlite_sql as sql
from hutong.store.contract import JobQuery, TokenRow, UsageQuery, UsageRow
from hutong.store.sqlite_files import explained
from hutong.store.story import part_for

# Entries may be a megabyte each: a page of so many bounds what one row carries.
PAGE_ENTRIES = 64
STORY_ENTRIES = 1_000
# Lanes of a listing that one statement merges (SQLite takes up to 500), and all that are merged
# before it is cheaper to walk the table from its young end.
LANES_AT_ONCE = 64
LANES = 4_096
IDLE_READERS = 8
STATEMENTS = 128
_LAST = 2**63 - 1

Row = TypeVar("Row")
Lane = tuple[str, tuple[str | int, ...]]


class ReadPool:
    """Connections for reading, reused by whichever thread asks next."""

    def __init__(self, path: Path, may_open: Callable[[], object]) -> None:
        """`may_open` raises if the file at `path` is no longer the store's."""
        self._path = path
        self._may_open = may_open
        self._lock = threading.Lock()
        self._idle: list[sqlite3.Connection] | None = []

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection. Raises errors of the catalogue, for the reading done with it too."""
        with explained(self._path):
            db = self._take()
            try:
                yield db
            finally:
                self._give(db)

    def close(self) -> None:
        """Close what is idle now, and the rest as it comes back."""
        with self._lock:
            idle, self._idle = self._idle or [], None
        for db in idle:
            db.close()

    def _take(self) -> sqlite3.Connection:
        with self._lock:
            if self._idle is None:
                raise refuse("store.unavailable", problem=f"{self._path} has been closed")
            if self._idle:
                return self._idle.pop()
        self._may_open()
        db = connect(self._path)
        db.execute("PRAGMA query_only = ON")
        return db

    def _give(self, db: sqlite3.Connection) -> None:
        with self._lock:
            if self._idle is not None and len(self._idle) < IDLE_READERS:
                self._idle.append(db)
                return
        db.close()


def connect(path: Path) -> sqlite3.Connection:
    """Open what is there, for any thread, with transactions left to the caller."""
    return sqlite3.connect(
        f"{path.as_uri()}?mode=rw",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=STATEMENTS,
        timeout=10,
    )


class SqliteReads:
    """All that `hutong.store.contract.Store` can be asked, over the tables of one file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pool: ReadPool | None = None

    def entries(self, after: int, limit: int) -> list[Entry]:
        """Entries behind position `after`, in order, at most `limit`."""
        found: list[Entry] = []
        while len(found) < limit:
            wanted = min(PAGE_ENTRIES, limit - len(found))
            page = self._entries_page(after, wanted)
            found += page
            if len(page) < wanted:
                break
            after = page[-1].position
        return found

    def tail(self, after: int) -> Iterator[Entry]:
        """All entries behind a position, a page at a time."""
        while page := self._entries_page(after, PAGE_ENTRIES):
            yield from page
            after = page[-1].position

    def _entries_page(self, after: int, limit: int) -> list[Entry]:
        page = self._many(codec.ENTRIES, sql.ENTRIES, (after, limit))
        for position, entry in enumerate(page, start=after + 1):
            if entry.position != position:
                raise self._damaged(f"entry {position} of the journal is missing")
        return page

    def job(self, job: JobId) -> JobRow | None:
        """A job's row, live or ended."""
        return self._one(codec.JOBS, sql.JOB, (_number(job),))

    def spec(self, job: JobId) -> JobSpec | None:
        """A job's spec, read from its entry in the journal."""
        entry = self._one(codec.ENTRIES, sql.SPEC, (_number(job),))
        if entry is None:
            return None
        if not isinstance(entry.event, JobAccepted):
            raise self._damaged(f"entry {entry.position} should have accepted {job}")
        return entry.event.spec

    def jobs(self, query: JobQuery) -> list[JobRow]:
        """Jobs, newest first."""
        with self._reading() as db:
            numbers = _newest(db, query)
            (text,) = db.execute(sql.JOBS, (json.dumps(numbers),)).fetchone()
        rows = self._decoded(codec.JOBS, text)
        return sorted(rows, key=lambda row: row.number, reverse=True)

    def job_by_key(self, tenant: TenantId, key: str) -> JobRow | None:
        """The job that was accepted under an idempotency key."""
        return self.jobs_by_keys([(tenant, key)]).get((tenant, key))

    def jobs_by_keys(self, keys: list[tuple[TenantId, str]]) -> dict[tuple[TenantId, str], JobRow]:
        """The same for many keys at once; those without a job are absent."""
        if not keys:
            return {}
        rows = self._many(codec.JOBS, sql.JOBS_BY_KEYS, (json.dumps(keys),))
        return {(row.tenant, row.key): row for row in rows}

    def attempt(self, attempt: AttemptId) -> AttemptRow | None:
        """An attempt's row."""
        return self._one(codec.ATTEMPTS, sql.ATTEMPT, (attempt,))

    def attempts(
        self, job: JobId, *, element: int | None = None, after: str = "", limit: int = 100
    ) -> list[AttemptRow]:
        """Attempts of a job in the order they were placed, of one element where it is given."""
        number = _number(job)
        seq = 0
        with self._reading() as db:
            if after:
                found = db.execute(sql.ATTEMPT_SEQ, (after, number)).fetchone()
                if found is None:
                    return []
                (seq,) = found
            wanted = -1 if element is None else element
            one = (number, wanted, seq, limit)
            (text,) = db.execute(sql.ATTEMPTS_OF_ELEMENT, one).fetchone()
            if text is None and element is None:
                (text,) = db.execute(sql.ATTEMPTS_OF_ARRAY, (number, seq, limit)).fetchone()
        return self._decoded(codec.ATTEMPTS, text)

    def elements(self, job: JobId, *, after: int = -1, limit: int = 100) -> list[ElementRow]:
        """Ended elements of an array in their order, behind element `after`."""
        return self._many(codec.ELEMENTS, sql.ELEMENTS, (_number(job), after, limit))

    def usage(self, query: UsageQuery) -> list[UsageRow]:
        """Sums of ended attempts by tenant, site and accelerator."""
        values = {
            "tenant": query.tenant,
            "since": query.since_ms,
            "until": query.until_ms,
        }
        with self._reading() as db:
            (text,) = db.execute(sql.USAGE, values).fetchone()
        return [
            UsageRow(
                TenantId(tenant),
                site,
                accelerator,
                attempts,
                duration_ms,
                (cpu_high << 16) + cpu_low,
                (chip_high << 16) + chip_low,
                cost_microcny,
            )
            for (
                tenant, site, accelerator, attempts, duration_ms,
                cpu_high, cpu_low, chip_high, chip_low, cost_microcny,
            ) in sorted(json.loads(text))
        ]  # fmt: skip

    def count_jobs(self) -> dict[tuple[TenantId, JobState], int]:
        """How many jobs each tenant has in each state."""
        with self._reading() as db:
            (text,) = db.execute(sql.COUNT_JOBS).fetchone()
        return {
            (TenantId(tenant), JobState(state)): jobs for tenant, state, jobs in json.loads(text)
        }

    def story(
        self, job: JobId, *, after: int = 0, limit: int = STORY_ENTRIES
    ) -> list[tuple[int, int, str, AnyEvent]]:
        """(position, at_ms, cause, event) of all that happened to a job and its attempts behind
        position `after`, oldest first; of a plan, the lines about this job."""
        number = _number(job)
        told: list[tuple[int, int, str, AnyEvent]] = []
        while len(told) < limit:
            wanted = min(PAGE_ENTRIES, limit - len(told))
            values = {"job": number, "after": after, "limit": wanted}
            page = self._many(codec.ENTRIES, sql.STORY, values)
            told += [
                (entry.position, entry.at_ms, entry.cause, part_for(entry.event, job))
                for entry in page
            ]
            if len(page) < wanted:
                break
            after = page[-1].position
        return told

    def tokens(self) -> list[TokenRow]:
        """All tokens, revoked ones too, oldest first."""
        rows = self._many(codec.TOKENS, sql.TOKENS, ())
        return sorted(rows, key=lambda row: (row.created_ms, row.digest))

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        if self._pool is None:
            raise refuse("store.unavailable", problem=f"{self._path} is not open")
        with self._pool.connection() as db:
            yield db

    def _many(
        self, decoder: "msgspec.json.Decoder[list[Row]]", statement: str, values: Any
    ) -> list[Row]:
        with self._reading() as db:
            text = db.execute(statement, values).fetchone()[0]
        return self._decoded(decoder, text)

    def _one(
        self, decoder: "msgspec.json.Decoder[list[Row]]", statement: str, values: Any
    ) -> Row | None:
        with self._reading() as db:
            found = db.execute(statement, values).fetchone()
        return self._decoded(decoder, found[0])[0] if found else None

    def _decoded(self, decoder: "msgspec.json.Decoder[list[Row]]", text: str | None) -> list[Row]:
        if text is None:
            return []
        try:
            return decoder.decode(f"[{text}]")
        except msgspec.MsgspecError as error:
            raise self._damaged(f"a row cannot be read: {error}") from error

    def _damaged(self, problem: str) -> Exception:
        return refuse("store.damaged", path=str(self._path), problem=problem)


def _number(job: JobId) -> int:
    """The number in a job's id; 0, which no job has, for what is no id."""
    return job_number(job) if is_job(job) else 0


def _newest(db: sqlite3.Connection, query: JobQuery) -> list[int]:
    """Numbers of the newest jobs that a query wants."""
    before = _LAST if query.before is None else query.before
    tenants = None if query.tenant is None else _tenants_below(db, query.tenant)
    if tenants is not None and not tenants:
        return []
    if query.name is not None:
        return _walked(db, sql.NUMBERS_BY_NAME, query, tenants)
    if query.site is not None:  # those never placed have no site, and are not in its index
        statement = sql.NUMBERS_BY_SITE if query.site else sql.NUMBERS_BY_AGE
        return _walked(db, statement, query, tenants)
    if tenants is None and not query.states:
        return _walked(db, sql.NUMBERS_BY_AGE, query, None)
    states = query.states or tuple(JobState)
    lanes: list[Lane]
    if tenants is None:
        lanes = [(sql.LANE_STATE, (state.value, before, query.limit)) for state in states]
    elif len(tenants) * len(states) <= LANES:
        lanes = [
            (sql.LANE_TENANT, (tenant, state.value, before, query.limit))
            for tenant in tenants
            for state in states
        ]
    else:
        return _walked(db, sql.NUMBERS_BY_AGE, query, tenants)
    return _merged(db, lanes, query.limit)


def _tenants_below(db: sqlite3.Connection, tenant: TenantId) -> list[int]:
    (text,) = db.execute(sql.TENANTS_BELOW, {"tenant": tenant}).fetchone()
    return list(json.loads(text))


def _walked(
    db: sqlite3.Connection, statement: str, query: JobQuery, tenants: list[int] | None
) -> list[int]:
    values = {
        "name": query.name,
        "site": query.site,
        "states": json.dumps([state.value for state in query.states]) if query.states else None,
        "tenants": None if tenants is None else json.dumps(tenants),
        "before": _LAST if query.before is None else query.before,
        "limit": query.limit,
    }
    (text,) = db.execute(statement, values).fetchone()
    return list(json.loads(text))


def _merged(db: sqlite3.Connection, lanes: list[Lane], limit: int) -> list[int]:
    newest: list[int] = []
    for start in range(0, len(lanes), LANES_AT_ONCE):
        some = lanes[start : start + LANES_AT_ONCE]
        statement = sql.numbers_of([lane for lane, _ in some])
        values = [value for _, values in some for value in values]
        (text,) = db.execute(statement, [*values, limit]).fetchone()
        newest += json.loads(text)
    return sorted(newest, reverse=True)[:limit]
