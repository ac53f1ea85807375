"""What the SQLite store does beyond the promises of every store."""

import re
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from hutong.model.ids import JobId, TenantId
from hutong.model.states import JobState
from hutong.store import sqlite_reads
from hutong.store import sqlite_sql as sql
from hutong.store.contract import Batch, JobQuery, UsageQuery
from hutong.store.sqlite import SqliteStore
from tests.conformance.store_worlds import World
from tests.conformance.stores import everything, writer_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hub's data?#%41" / "hub.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(path)
    opened.open()
    yield opened
    opened.close()


@pytest.fixture
def world() -> World:
    return World()


def snapshots(path: Path) -> list[str]:
    return sorted(file.name for file in path.parent.iterdir() if "-snapshot-" in file.name)


# The writer


@pytest.mark.parametrize("count", [1, 2, 3, 511, 512, 513, 1_537])
def test_batches_of_any_size_are_written_whole(
    store: SqliteStore, world: World, count: int
) -> None:
    store.append(world.accepted(count))
    assert len(store.entries(0, 5_000)) == count
    assert len(store.jobs(JobQuery(limit=5_000))) == count


def test_a_batch_takes_a_handful_of_statements_and_not_one_a_row(
    store: SqliteStore, world: World
) -> None:
    statements: list[str] = []
    batch = world.accepted(1_000)
    writer_of(store).set_trace_callback(statements.append)
    store.append(batch)
    writer_of(store).set_trace_callback(None)
    assert len(statements) < 30


def test_tenants_of_a_refused_batch_are_not_remembered(store: SqliteStore, world: World) -> None:
    store.append(world.accepted(1, tenant="acme", key="k"))
    batch = world.accepted(1, tenant="beta")
    twice = world.accepted(1, tenant="acme", key="k")
    both = Batch([*batch.entries, *twice.entries], {**batch.jobs, **twice.jobs})
    with pytest.raises(ValueError, match="contradicts"):
        store.append(both)
    store.append(batch)
    (row,) = store.jobs(JobQuery(tenant=TenantId("beta")))
    assert row.id == "j2"


def test_every_commit_reaches_the_disk_before_it_is_answered(store: SqliteStore) -> None:
    db = writer_of(store)
    assert db.execute("PRAGMA synchronous").fetchone() == (2,)
    assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_what_no_column_or_text_can_hold_is_the_batchs_fault(
    store: SqliteStore, world: World
) -> None:
    batch = world.accepted(1)
    (row,) = batch.jobs.values()
    for harm in ({"number": 2**64}, {"name": "half a character \ud800"}):
        harmed = msgspec.structs.replace(row, **harm)
        with pytest.raises(ValueError, match=r"too large|surrogates"):
            store.append(Batch(batch.entries, {row.id: harmed}))
    store.append(batch)
    assert store.entries(0, 10) == world.entries


# Readers


def test_threads_share_a_bounded_pool_of_readers(store: SqliteStore, world: World) -> None:
    store.append(world.accepted(50))
    together = threading.Barrier(20)
    found: list[int] = []

    def read() -> None:
        with store._reading() as db:  # held until all twenty have one
            together.wait()
            found.extend(db.execute("SELECT count(*) FROM jobs").fetchone())

    readers = [threading.Thread(target=read) for _ in range(20)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert found == [50] * 20
    pool = store._pool
    assert pool is not None
    assert pool._idle is not None
    assert len(pool._idle) == sqlite_reads.IDLE_READERS


def test_a_reader_cannot_write(store: SqliteStore) -> None:
    with store._reading() as db, pytest.raises(sqlite3.OperationalError, match="readonly"):
        db.execute("DELETE FROM journal")


LISTINGS = [
    JobQuery(),
    JobQuery(before=10),
    JobQuery(states=(JobState.QUEUED,)),
    JobQuery(states=(JobState.QUEUED, JobState.FAILED)),
    JobQuery(tenant=TenantId("acme")),
    JobQuery(tenant=TenantId("acme"), states=(JobState.RUNNING,)),
    JobQuery(name="train"),
    JobQuery(site="bj"),
    JobQuery(site="bj", tenant=TenantId("acme"), states=(JobState.RUNNING,)),
]


def test_no_question_about_one_page_scans_a_table(store: SqliteStore, world: World) -> None:
    job = world.accept("acme", key="k", elements=3)
    (attempt,) = world.place(job, element=1)
    store.append(world.take())
    asked: list[str] = []
    with store._reading() as db:
        db.set_trace_callback(asked.append)
    for query in LISTINGS:
        store.jobs(query)
    store.job(job)
    store.spec(job)
    store.attempt(attempt)
    store.attempts(job)
    store.attempts(job, element=1, after=attempt)
    store.elements(job)
    store.entries(0, 10)
    store.jobs_by_keys([(TenantId("acme"), "k"), (TenantId("beta"), "k")])
    with store._reading() as db:
        db.set_trace_callback(None)
        plans = [row[3] for text in asked for row in db.execute(f"EXPLAIN QUERY PLAN {text}")]
    assert len(asked) > len(LISTINGS)
    assert any("USING COVERING INDEX jobs_by_tenant" in step for step in plans)
    tables = r"SCAN (jobs|journal|story|attempts|elements|tenants)\b"
    assert [step for step in plans if re.match(tables, step)] == []


def test_the_meter_reads_its_index_alone(store: SqliteStore) -> None:
    values = {"tenant": None, "since": 0, "until": 1}
    with store._reading() as db:
        plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql.USAGE}", values)]
    assert any("COVERING INDEX attempts_usage" in step for step in plan)
    assert not any("TEMP B-TREE" in step for step in plan)
    assert store.usage(UsageQuery()) == []


def test_a_listing_beyond_the_lanes_that_pay_is_the_same(
    store: SqliteStore, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(30):
        world.accept(f"{('city', 'land')[number % 2]}/company-{number}")
    world.finish(JobId("j3"))
    store.append(world.take())
    queries = [
        JobQuery(tenant=TenantId("city"), limit=7),
        JobQuery(tenant=TenantId("city"), states=(JobState.SUCCEEDED,), before=9),
    ]
    merged = [store.jobs(query) for query in queries]
    monkeypatch.setattr(sqlite_reads, "LANES", 3)
    assert [store.jobs(query) for query in queries] == merged
    assert [row.id for row in merged[1]] == ["j3"]


# Snapshots


def test_two_snapshots_are_kept_and_no_file_besides(
    store: SqliteStore, world: World, path: Path
) -> None:
    store.append(world.accepted(9))
    for position in (1, 4, 7, 9):
        store.save_snapshot(position, f"at {position}".encode())
    names = snapshots(path)
    assert [int(name.split("-")[2]) for name in names] == [7, 9]
    (path.parent / "hub.db-snapshot-00000000000000000009-dead.part").write_bytes(b"half")
    (path.parent / "hub.db-snapshot-00000000000000000099-0123").write_bytes(b"never named")
    store.close()
    store.open()
    assert snapshots(path) == names
    assert store.load_snapshot() == (9, b"at 9")


def test_a_snapshot_of_a_history_that_was_rolled_back_is_not_believed(
    store: SqliteStore, world: World, path: Path
) -> None:
    store.append(world.accepted(5))
    store.save_snapshot(3, b"three")
    store.close()
    older = path.read_bytes()
    store.open()
    store.append(world.accepted(5))
    store.save_snapshot(9, b"nine")
    store.close()
    path.write_bytes(older)
    store.open()
    assert store.position() == 5
    assert store.load_snapshot() == (3, b"three")


@pytest.mark.parametrize("harm", ["cut", "changed", "longer", "gone"])
def test_a_harmed_snapshot_is_ignored(
    store: SqliteStore, world: World, path: Path, harm: str
) -> None:
    store.append(world.accepted(5))
    store.save_snapshot(3, b"state at three")
    store.save_snapshot(5, b"state at five")
    newest = path.parent / snapshots(path)[-1]
    body = newest.read_bytes()
    match harm:
        case "cut":
            newest.write_bytes(body[:-1])
        case "changed":
            newest.write_bytes(body.replace(b"five", b"FIVE"))
        case "longer":
            newest.write_bytes(body + b"\n")
        case _:
            newest.unlink()
    assert store.load_snapshot() == (3, b"state at three")
    store.close()
    store.open()
    assert store.load_snapshot() == (3, b"state at three")


def test_appends_go_on_while_a_snapshot_is_written(store: SqliteStore, world: World) -> None:
    store.append(world.accepted(3))
    body = bytes(64 * 1024 * 1024)
    saving = threading.Thread(target=store.save_snapshot, args=(3, body))
    meanwhile = 0
    saving.start()
    while saving.is_alive():
        store.append(world.accepted(1))
        meanwhile += 1
    saving.join()
    assert meanwhile > 3
    assert store.load_snapshot() == (3, body)
    assert everything(store)["entries"] == world.entries


def test_snapshots_saved_at_once_do_not_clear_each_other_away(
    store: SqliteStore, world: World, path: Path
) -> None:
    store.append(world.accepted(8))
    savers = [
        threading.Thread(target=store.save_snapshot, args=(position, bytes(1_000_000 + position)))
        for position in range(1, 9)
    ]
    for saver in savers:
        saver.start()
    for saver in savers:
        saver.join()
    assert store.load_snapshot() == (8, bytes(1_000_008))
    assert len(snapshots(path)) == 2
