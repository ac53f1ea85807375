"""The stores that the conformance suite runs over; a new one adds its class to the list below."""

import sqlite3
from pathlib import Path
from typing import Protocol

from hutong.store.contract import JobQuery, Store, UsageQuery
from hutong.store.sqlite import SqliteStore
from hutong.testing.store import MemoryDisk, MemoryStore


class Place(Protocol):
    """Where stores of one kind keep what they write, and the harm that can come to it."""

    def __init__(self, folder: Path) -> None: ...

    def store(self) -> Store:
        """One more store over the same place, not yet open."""

    def take_lease_away(self) -> None:
        """Make the place look as if the hub that writes to it were dead."""

    def fill(self, store: Store) -> None:
        """Leave no room: the next append cannot be written."""

    def make_room(self, store: Store) -> None:
        """Undo `fill`."""

    def tear_newest_snapshot(self) -> bool:
        """Cut the newest snapshot in half; False where the place cannot hold half of one."""


class SqlitePlace:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "state" / "hub.db"

    def store(self) -> SqliteStore:
        return SqliteStore(self.path)

    def take_lease_away(self) -> None:
        self.path.with_name("hub.db.lock").unlink()

    def fill(self, store: Store) -> None:
        assert isinstance(store, SqliteStore)
        (pages,) = writer_of(store).execute("PRAGMA page_count").fetchone()
        writer_of(store).execute(f"PRAGMA max_page_count = {pages}")

    def make_room(self, store: Store) -> None:
        assert isinstance(store, SqliteStore)
        writer_of(store).execute("PRAGMA max_page_count = 1000000000")

    def tear_newest_snapshot(self) -> bool:
        newest = max(self.path.parent.glob("hub.db-snapshot-*"))
        newest.write_bytes(newest.read_bytes()[: newest.stat().st_size // 2])
        return True


class MemoryPlace:
    def __init__(self, folder: Path) -> None:
        self.disk = MemoryDisk()

    def store(self) -> MemoryStore:
        return MemoryStore(self.disk)

    def take_lease_away(self) -> None:
        self.disk.is_leased = False

    def fill(self, store: Store) -> None:
        assert isinstance(store, MemoryStore)
        store.fail_next(1_000)

    def make_room(self, store: Store) -> None:
        assert isinstance(store, MemoryStore)
        store.fail_next(0)

    def tear_newest_snapshot(self) -> bool:
        return False


IMPLEMENTATIONS: tuple[type[Place], ...] = (MemoryPlace, SqlitePlace)


def writer_of(store: SqliteStore) -> sqlite3.Connection:
    """The connection that writes, for harm that only it can be done."""
    writer = store._writer
    assert writer is not None
    return writer


def everything(store: Store) -> dict[str, object]:
    """All that a store can tell without being asked for one thing."""
    jobs = store.jobs(JobQuery(limit=10_000))
    return {
        "position": store.position(),
        "entries": store.entries(0, 100_000),
        "jobs": jobs,
        "specs": [store.spec(job.id) for job in jobs],
        "attempts": [store.attempts(job.id, limit=10_000) for job in jobs],
        "elements": [store.elements(job.id, limit=10_000) for job in jobs],
        "usage": store.usage(UsageQuery()),
        "counts": sorted(store.count_jobs().items()),
        "stories": [store.story(job.id) for job in jobs],
        "tokens": store.tokens(),
        "snapshot": store.load_snapshot(),
    }
