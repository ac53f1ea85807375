"""Makes a database, or brings an older one up to the present schema, one transaction a version."""

import os
import sqlite3
from contextlib import suppress
from pathlib import Path

from hutong.model.errors import refuse
from hutong.store import sqlite_sql as sql
from hutong.store.sqlite_files import sync_folder

Migrations = tuple[tuple[str, ...], ...]


def create(path: Path, migrations: Migrations = sql.MIGRATIONS) -> None:
    """Make a new database at `path`, where nothing is. A crash leaves a whole one or none.

    So an empty file of that name is a damaged store, never a new one.
    """
    draft = path.with_name(f"{path.name}.new")
    for leftover in (draft, draft.with_name(f"{draft.name}-journal")):
        leftover.unlink(missing_ok=True)
    try:
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        db = sqlite3.connect(draft, isolation_level=None)
        try:
            db.execute(f"PRAGMA application_id = {sql.APPLICATION_ID:d}")
            migrate(db, path, migrations)
        finally:
            db.close()
        draft.replace(path)
        sync_folder(path.parent)
    except (OSError, sqlite3.Error):
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise


def check_identity(db: sqlite3.Connection, path: Path) -> None:
    """Refuse a database that is not one of ours (`store.damaged`)."""
    (found,) = db.execute("PRAGMA application_id").fetchone()
    if found != sql.APPLICATION_ID:
        raise refuse("store.damaged", path=str(path), problem="it is no store of Hutong's")


def migrate(
    db: sqlite3.Connection, path: Path, migrations: Migrations = sql.MIGRATIONS
) -> tuple[int, int]:
    """Apply the migrations that are missing; give the versions before and after.

    Each is whole or not there at all. Raises `store.too_new`.
    """
    (found,) = db.execute("PRAGMA user_version").fetchone()
    if found > len(migrations):
        raise refuse("store.too_new", found=found, known=len(migrations))
    for version in range(found, len(migrations)):
        db.execute("BEGIN IMMEDIATE")
        try:
            for step in migrations[version]:
                db.execute(step)
            db.execute(f"PRAGMA user_version = {version + 1:d}")
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
    return found, len(migrations)
