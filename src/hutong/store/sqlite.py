"""The store in one SQLite file.

Theory of operation. The file is in WAL mode: one connection writes, under a lock, and any number
read beside it. A batch is one transaction, synchronised to the disk before `append` returns. Its
first statement moves the journal's position on under the condition that the epoch is still the one
this store drew when it opened; so a stale writer, and a batch that leaves a gap, change nothing.
Just before the commit the files are looked at once more (`FileWatch`): what is committed into an
unlinked file is lost.

Rows go in hundreds to a statement, not one by one: every statement gives Python's interpreter lock
away and must win it back, which under a busy event loop takes 5 ms (one by one, 1,000 jobs took
6 s there instead of 15 ms).

Exclusion has two parts. A kernel lock beside the file keeps a second hub out while the first lives
and falls with it, however it dies; the epoch stops a first hub that was wrongly taken for dead.

After an error nothing of the batch is there, and the same batch may be appended again.
"""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hutong.model.errors import refuse
from hutong.model.ids import TenantId
from hutong.store import sqlite_rows as rows
from hutong.store import sqlite_schema as schema
from hutong.store import sqlite_sql as sql
from hutong.store.codec import encoded
from hutong.store.contract import Batch, TokenRow
from hutong.store.snapshots import SnapshotFile, drop_snapshots, read_snapshot, write_snapshot
from hutong.store.sqlite_files import FileWatch, WriteLease, explained
from hutong.store.sqlite_reads import ReadPool, SqliteReads, connect

ROWS_AT_ONCE = 512
SNAPSHOTS_KEPT = 2
# Pages of 4 KiB: the log is folded into the database each 16 MiB, in some 30 ms.
CHECKPOINT_PAGES = 4_000
CACHE_KIB = 65_536


class SqliteStore(SqliteReads):
    """`hutong.store.contract.Store` over one file, its write-ahead log and its snapshots.

    `append`, `save_snapshot` and `put_token` may be called from different threads; writing takes
    turns. Methods raise `store.unavailable` and `store.damaged`; `append` also `store.in_use` when
    another hub took over, and ValueError for a batch that no machine should make.
    """

    def __init__(self, path: Path) -> None:
        """`path` is the database; its lock, log and snapshots have names that begin with its."""
        super().__init__(path.resolve())
        self._lock = threading.Lock()
        self._saving = threading.Lock()  # one snapshot at a time: each clears away half-done files
        self._lease = WriteLease(self._path.with_name(f"{self._path.name}.lock"))
        self._writer: sqlite3.Connection | None = None
        self._watch: FileWatch | None = None
        self._epoch = 0
        self._position = 0
        self._tenants: dict[str, int] = {}

    def open(self) -> None:
        """Create or migrate what is there, and become the one writer."""
        if self._writer is not None:
            raise refuse("store.in_use", path=str(self._path))
        with explained(self._path):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lease.take(self._path)
            try:
                self._open_leased()
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """Fold the log into the database and give the write lease back."""
        with self._lock:
            if self._pool is not None:
                self._pool.close()
                self._pool = None
            if self._writer is not None:
                with suppress(sqlite3.Error):
                    self._writer.close()
                self._writer = None
            self._lease.give_back()

    def append(self, batch: Batch) -> None:
        """Write all of the batch durably, or nothing."""
        positions = [entry.position for entry in batch.entries]
        with self._lock:
            first = self._position + 1
            last = self._position + len(positions)
            if positions != list(range(first, last + 1)):
                raise ValueError(f"the batch should go on from entry {first}, not {positions[:1]}")
            tenants = _TenantNumbers(self._tenants)
            values = [
                (sql.ADD_ENTRIES, rows.entry_values(batch.entries)),
                (sql.PUT_JOBS, rows.job_values(batch.jobs.values(), tenants.number_of)),
                (sql.PUT_ATTEMPTS, rows.attempt_values(batch.attempts.values(), tenants.number_of)),
                (sql.ADD_STORY, rows.story_values(batch.entries)),
                (sql.PUT_ELEMENTS, rows.element_values(batch.elements)),
                (sql.ADD_TENANTS, tenants.added_values()),
            ]
            with self._transaction(last) as db:
                for into, of_table in values:
                    _insert(db, into, of_table)
            self._tenants.update(tenants.added)
            self._position = last

    def position(self) -> int:
        """Position of the last entry; 0 in an empty journal."""
        self._require_writer()
        return self._position

    def save_snapshot(self, position: int, body: bytes) -> None:
        """Keep the machine's state at a position; the last two snapshots stay.

        The body goes to a file without any lock held; appends go on meanwhile.
        """
        if not 0 < position <= self.position():
            raise ValueError(f"there is no entry {position} to have a snapshot of")
        with self._saving:
            with explained(self._path):
                file = write_snapshot(self._path, position, body)
            with self._lock:
                named = (position, file.name, file.size_bytes, file.sha256)
                with self._transaction(self._position) as db:
                    db.execute(sql.PUT_SNAPSHOT, named)
                    db.execute(sql.DROP_SNAPSHOTS, (SNAPSHOTS_KEPT,))
            drop_snapshots(self._path, [file.name for _, file in self._snapshots()])

    def load_snapshot(self) -> tuple[int, bytes] | None:
        """The newest snapshot that is whole, or None."""
        for position, file in self._snapshots():
            body = read_snapshot(self._path, file)
            if body is not None:
                return position, body
        return None

    def put_token(self, token: TokenRow) -> None:
        """Write a token, or replace the one with its digest."""
        body = encoded(token)
        with self._lock, self._transaction(self._position) as db:
            db.execute(sql.PUT_TOKEN, (token.digest, body))

    def _snapshots(self) -> list[tuple[int, SnapshotFile]]:
        with self._reading() as db:
            found = db.execute(sql.SNAPSHOTS).fetchall()
        return [(position, SnapshotFile(*named)) for position, *named in found]

    def _open_leased(self) -> None:
        if not self._path.exists():
            self._refuse_remains()
            schema.create(self._path)
        if self._path.stat().st_size == 0:
            raise self._damaged("it is empty")
        db = self._writer = connect(self._path)
        schema.check_identity(db, self._path)
        (mode,) = db.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            problem = f"the file system of {self._path} takes no write-ahead log"
            raise refuse("store.unavailable", problem=problem)
        for pragma in (
            "synchronous = FULL",
            "secure_delete = OFF",
            f"cache_size = -{CACHE_KIB}",
            f"wal_autocheckpoint = {CHECKPOINT_PAGES}",
        ):
            db.execute(f"PRAGMA {pragma}")
        schema.migrate(db, self._path)
        self._take_over(db)
        log = self._path.with_name(f"{self._path.name}-wal")
        self._watch = FileWatch(self._path, log)
        self._pool = ReadPool(self._path, self._watch.check)
        drop_snapshots(self._path, [file.name for _, file in self._snapshots()])

    def _refuse_remains(self) -> None:
        """A log or a snapshot without its database means that the database was lost.

        A log would even be played into the new one.
        """
        prefixes = (f"{self._path.name}-wal", f"{self._path.name}-snapshot-")
        for beside in sorted(self._path.parent.iterdir()):
            if beside.name.startswith(prefixes) and beside.stat().st_size:
                raise self._damaged(f"it is missing, and {beside.name} is there")

    def _take_over(self, db: sqlite3.Connection) -> None:
        db.execute("BEGIN IMMEDIATE")
        db.execute(sql.NEXT_EPOCH)
        writer = db.execute(sql.WRITER).fetchone()
        (last,) = db.execute(sql.LAST_POSITION).fetchone()
        (tenants,) = db.execute(sql.TENANTS).fetchone()
        db.execute("COMMIT")
        if writer is None or writer[1] != last:
            raise self._damaged(f"the journal ends at {last}, which is not where it was left")
        self._epoch, self._position = writer
        self._tenants = json.loads(tenants)

    def _require_writer(self) -> tuple[sqlite3.Connection, FileWatch]:
        if self._writer is None or self._watch is None:
            raise refuse("store.unavailable", problem=f"{self._path} is not open")
        return self._writer, self._watch

    @contextmanager
    def _transaction(self, position: int) -> Iterator[sqlite3.Connection]:
        """Write in one transaction that moves the journal to `position`, or not at all."""
        db, watch = self._require_writer()
        with explained(self._path):
            if watch.check():
                self._examine(db, watch)
            db.execute("BEGIN IMMEDIATE")
            try:
                moved = db.execute(sql.ADVANCE, (position, self._epoch, self._position))
                if moved.rowcount != 1:
                    raise self._refused_advance(db)
                yield db
                if watch.check():
                    raise self._damaged("it was cut during a commit")
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    with suppress(sqlite3.Error):
                        db.execute("ROLLBACK")
                raise

    def _examine(self, db: sqlite3.Connection, watch: FileWatch) -> None:
        """A file has shrunk. A backup tool's checkpoint or vacuum may do that; a cut must not pass.

        What SQLite knows of the database has to be in the file or in the log, and the log is
        folded in and begun anew: where frames are missing, that fails.
        """
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        (page_bytes,) = db.execute("PRAGMA page_size").fetchone()
        size = self._path.stat().st_size
        if size < pages * page_bytes and str(self._path) in watch.check():
            raise self._damaged(f"it was cut to {size} bytes while in use")
        (busy, _, _) = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise refuse("store.unavailable", problem=f"{self._path} is being read for too long")
        watch.accept()

    def _refused_advance(self, db: sqlite3.Connection) -> Exception:
        found = db.execute(sql.WRITER).fetchone()
        if found is not None and found[0] != self._epoch:
            return refuse("store.in_use", path=str(self._path))
        return self._damaged(f"the journal is at {found}, not where this hub left it")


class _TenantNumbers:
    """Numbers of tenants for one batch; those it adds count only once the batch is in."""

    def __init__(self, known: dict[str, int]) -> None:
        self._known = known
        self.added: dict[str, int] = {}

    def number_of(self, tenant: TenantId) -> int:
        """The tenant's number, drawn if it is new."""
        number = self._known.get(tenant) or self.added.get(tenant)
        if number is None:
            number = self.added[tenant] = len(self._known) + len(self.added) + 1
        return number

    def added_values(self) -> list[rows.Value]:
        """id, name of the new ones"""
        return [value for name, number in self.added.items() for value in (number, name)]


def _insert(db: sqlite3.Connection, into: sql.Insert, values: list[rows.Value]) -> None:
    """Insert rows in statements of 512, 256, 128, ... rows, so that few texts serve every count."""
    start = 0
    left = len(values) // into.width
    while left:
        count = min(ROWS_AT_ONCE, 1 << (left.bit_length() - 1))
        end = start + count * into.width
        db.execute(into.text(count), values[start:end])
        start = end
        left -= count
