"""Every schema there ever was is brought to the present one, whole or not at all."""

import sqlite3
from pathlib import Path

import pytest

from hutong.lifecycle.events import JobAccepted
from hutong.model.errors import HutongError
from hutong.model.ids import AttemptId, JobId, TenantId
from hutong.model.states import JobState
from hutong.store import sqlite_sql as sql
from hutong.store.contract import JobQuery, UsageQuery
from hutong.store.sqlite import SqliteStore
from hutong.store.sqlite_schema import create, migrate

VERSION_1 = Path(__file__).with_name("version_1.sql")


def database(path: Path, script: str) -> None:
    db = sqlite3.connect(path)
    db.executescript(script)
    db.close()


def layout(path: Path) -> list[tuple[str, str]]:
    """Every table and index with its definition, spaces aside."""
    db = sqlite3.connect(path)
    found = db.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")
    rows = [(name, " ".join(text.split())) for name, text in found]
    (version,) = db.execute("PRAGMA user_version").fetchone()
    db.close()
    return [*rows, ("version", str(version))]


def test_a_store_of_version_1_is_read_and_written_on(tmp_path: Path) -> None:
    path = tmp_path / "hub.db"
    database(path, VERSION_1.read_text())
    store = SqliteStore(path)
    store.open()
    assert store.position() == 8
    assert [entry.position for entry in store.tail(0)] == list(range(1, 9))
    assert [(row.id, row.state) for row in store.jobs(JobQuery(tenant=TenantId("acme")))] == [
        ("j2", JobState.PLACED),
        ("j1", JobState.SUCCEEDED),
    ]
    spec = store.spec(JobId("j1"))
    assert spec is not None
    assert "任务" in spec.program.script
    found = store.job_by_key(TenantId("acme/vision"), "run-1")
    assert found is not None
    assert found.id == "j1"
    (usage,) = store.usage(UsageQuery())
    assert (usage.duration_ms, usage.cost_microcny) == (4_000, 4_000_000)
    assert store.attempt(AttemptId("abc123-j2-2-1")) is not None
    assert [row.element for row in store.elements(JobId("j2"))] == [2]
    assert len(store.story(JobId("j1"))) == 5
    assert [token.name for token in store.tokens()] == ["laptop"]
    assert isinstance(store.entries(0, 1)[0].event, JobAccepted)
    store.close()
    create(tmp_path / "new.db")
    assert layout(path) == layout(tmp_path / "new.db")


def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "hub.db"
    newer = len(sql.MIGRATIONS) + 1
    database(path, f"{VERSION_1.read_text()}; PRAGMA user_version = {newer};")
    before = path.read_bytes()
    with pytest.raises(HutongError) as refused:
        SqliteStore(path).open()
    assert refused.value.code == "store.too_new"
    assert refused.value.facts == {"found": newer, "known": newer - 1}
    assert path.read_bytes()[100:] == before[100:]


def test_migrations_go_on_from_where_a_store_is(tmp_path: Path) -> None:
    path = tmp_path / "hub.db"
    first = ("CREATE TABLE a (x)",)
    second = ("ALTER TABLE a ADD COLUMN y DEFAULT 7", "INSERT INTO a (x) VALUES (1)")
    third = ("CREATE TABLE c (z)",)
    create(path, (first,))
    db = sqlite3.connect(path, isolation_level=None)
    assert migrate(db, path, (first, second, third)) == (1, 3)
    assert db.execute("SELECT x, y FROM a").fetchall() == [(1, 7)]
    assert migrate(db, path, (first, second, third)) == (3, 3)
    assert db.execute("SELECT count(*) FROM a").fetchone() == (1,)
    db.close()


def test_a_migration_that_fails_leaves_the_version_before_it(tmp_path: Path) -> None:
    path = tmp_path / "hub.db"
    first, second = ("CREATE TABLE a (x)",), ("CREATE TABLE b (x)",)
    broken = ("CREATE TABLE c (x)", "INSERT INTO a VALUES (1)", "INSERT INTO missing VALUES (1)")
    create(path, (first,))
    db = sqlite3.connect(path, isolation_level=None)
    with pytest.raises(sqlite3.Error, match="missing"):
        migrate(db, path, (first, second, broken))
    db.close()
    names = [name for name, _ in layout(path)]
    assert names == ["a", "b", "version"]
    assert layout(path)[-1] == ("version", "2")


def test_a_creation_that_fails_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "hub.db"
    with pytest.raises(sqlite3.Error):
        create(path, (("CREATE TABLE a (x)", "nonsense"),))
    assert list(tmp_path.iterdir()) == []
    path.with_name("hub.db.new").write_bytes(b"left by a crash")
    create(path)
    assert [file.name for file in tmp_path.iterdir()] == ["hub.db"]
