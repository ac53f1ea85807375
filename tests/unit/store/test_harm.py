"""Disks that fill up, files that vanish, are cut or garbage: the right error, nothing by half."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hutong.model.errors import HutongError
from hutong.model.ids import job_id
from hutong.store.contract import JobQuery
from hutong.store.sqlite import SqliteStore
from tests.conformance.store_worlds import World
from tests.conformance.stores import everything, writer_of

ROOT = Path(__file__).parents[3]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hub.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(path)
    opened.open()
    yield opened
    opened.close()


@pytest.fixture
def world() -> World:
    return World()


def beside(path: Path, ending: str) -> Path:
    return path.with_name(f"{path.name}{ending}")


def code_of_opening(path: Path) -> str:
    store = SqliteStore(path)
    with pytest.raises(HutongError) as refused:
        store.open()
    assert str(path.parent) in str(refused.value.message)
    return refused.value.code


def run_python(script: str, *args: str) -> str:
    """Run a script in a process of its own, whose limits and user it may change."""
    done = subprocess.run(
        [sys.executable, "-c", script, *args],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# Full disks

FILL_THE_DISK = """
import resource, sys
from pathlib import Path
from hutong.model.errors import HutongError
from hutong.store.sqlite import SqliteStore
from tests.conformance.store_worlds import World
from tests.conformance.stores import everything

def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

store, world = SqliteStore(Path(sys.argv[1])), World()
store.open()
store.append(world.accepted(50, script="x" * 1000))
store.save_snapshot(20, b"small")
limit(1_000_000)
refused = 0
while not refused:
    before, batch = everything(store), world.accepted(40, script="x" * 1000)
    try:
        store.append(batch)
    except HutongError as error:
        assert error.code == "store.unavailable", error
        assert everything(store) == before
        refused += 1
try:
    store.save_snapshot(30, bytes(2_000_000))
except HutongError as error:
    assert error.code == "store.unavailable", error
    refused += 1
assert store.load_snapshot() == (20, b"small")
assert not list(store._path.parent.glob("*.part"))
limit(resource.RLIM_INFINITY)
store.append(batch)
store.save_snapshot(30, bytes(2_000_000))
before = everything(store)
store.close()
store.open()
assert everything(store) == before
assert store.entries(0, 10_000) == world.entries
store.close()
print(refused, len(world.entries) > 100)
"""


def test_a_disk_that_fills_up_refuses_batches_and_snapshots_until_there_is_room(
    path: Path,
) -> None:
    assert run_python(FILL_THE_DISK, str(path)).split() == ["2", "True"]


def test_a_full_disk_refuses_to_open_and_opens_when_there_is_room(path: Path) -> None:
    with SqliteStoreWith(path, jobs=3):
        pass
    out = run_python(
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from hutong.model.errors import HutongError\n"
        "from hutong.store.sqlite import SqliteStore\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))\n"
        "store = SqliteStore(Path(sys.argv[1]))\n"
        "try:\n    store.open()\n"
        "except HutongError as error:\n    problem = error.code\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)\n"
        "store.open()\n"
        "sys.stdout.write(f'{problem} {store.position()}')\n"
        "store.close()\n",
        str(path),
    )
    assert out == "store.unavailable 3"


class SqliteStoreWith:
    """A store with so many jobs, open inside the block and closed after it."""

    def __init__(self, path: Path, *, jobs: int) -> None:
        self.store, self.world, self.jobs = SqliteStore(path), World(), jobs

    def __enter__(self) -> SqliteStore:
        self.store.open()
        self.store.append(self.world.accepted(self.jobs, script="s" * 500))
        return self.store

    def __exit__(self, *_: object) -> None:
        self.store.close()


# Files that are not what they were while the store is open


@pytest.mark.parametrize("ending", ["", "-wal"])
def test_a_removed_file_refuses_writes_until_it_is_back(
    store: SqliteStore, world: World, path: Path, ending: str
) -> None:
    store.append(world.accepted(3))
    batch = world.accepted(2)
    file, away = beside(path, ending), beside(path, ".away")
    file.rename(away)
    with pytest.raises(HutongError) as refused:
        store.append(batch)
    assert refused.value.code == "store.unavailable"
    assert "removed" in refused.value.message
    away.rename(file)
    store.append(batch)
    assert store.entries(0, 10) == world.entries


def test_a_replaced_database_refuses_writes_and_new_readers(
    store: SqliteStore, world: World, path: Path
) -> None:
    store.append(world.accepted(3))
    copy = beside(path, ".copy")
    shutil.copy(path, copy)
    copy.replace(path)
    with pytest.raises(HutongError) as refused:
        store.append(world.accepted(1))
    assert refused.value.code == "store.unavailable"
    assert "replaced" in refused.value.message


@pytest.mark.parametrize("size", [0, 4_096, 40_000])
def test_a_database_cut_while_open_takes_no_more(
    store: SqliteStore, world: World, path: Path, size: int
) -> None:
    store.append(world.accepted(300, script="x" * 500))
    writer_of(store).execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store.append(world.accepted(1))
    os.truncate(path, size)
    batch = world.accepted(1)
    for _ in range(2):
        with pytest.raises(HutongError) as refused:
            store.append(batch)
        assert refused.value.code == "store.damaged"


def test_a_log_cut_while_open_takes_no_more(store: SqliteStore, world: World, path: Path) -> None:
    store.append(world.accepted(30, script="x" * 500))
    os.truncate(beside(path, "-wal"), 0)
    batch = world.accepted(1)
    for _ in range(2):
        with pytest.raises(HutongError) as refused:
            store.append(batch)
        assert refused.value.code == "store.damaged"


def test_a_backup_tools_checkpoint_and_vacuum_do_no_harm(
    store: SqliteStore, world: World, path: Path
) -> None:
    store.append(world.accepted(300, script="x" * 500))
    for command in ("PRAGMA wal_checkpoint(TRUNCATE)", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
        run_python(
            "import sqlite3, sys\n"
            "db = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
            "db.execute(sys.argv[2]).fetchall()\n"
            "db.close()\n",
            str(path),
            command,
        )
        store.append(world.accepted(1))
    assert store.entries(0, 1_000) == world.entries


def test_garbage_written_over_the_database_is_called_damage(
    store: SqliteStore, world: World, path: Path
) -> None:
    store.append(world.accepted(300, script="x" * 500))
    writer_of(store).execute("PRAGMA wal_checkpoint(TRUNCATE)")
    overwrite(path, start=4_096)
    for read in (
        lambda: store.entries(0, 1_000),
        lambda: store.jobs(JobQuery(limit=1_000)),
        lambda: store.job(job_id(7)),
    ):
        with pytest.raises(HutongError) as refused:
            read()
        assert refused.value.code == "store.damaged"


def overwrite(path: Path, *, start: int) -> None:
    """From another process: closing the file here would drop SQLite's locks on it."""
    run_python(
        "import os, sys\n"
        "fd = os.open(sys.argv[1], os.O_WRONLY)\n"
        "size, start = os.fstat(fd).st_size, int(sys.argv[2])\n"
        "os.pwrite(fd, b'\\xa5garbage' * ((size - start) // 8 + 1), start)\n",
        str(path),
        str(start),
    )


# What is found at the start


def test_a_cut_or_overwritten_database_is_refused_at_the_start(path: Path) -> None:
    with SqliteStoreWith(path, jobs=300):
        pass
    whole = path.read_bytes()
    for harmed in (
        b"",
        whole[:1],
        whole[:4_096],
        whole[: len(whole) // 2],
        b"garbage" * 9_999,
        b"\0" * len(whole),
        whole[:100] + os.urandom(8_000) + whole[8_100:],
    ):
        path.write_bytes(harmed)
        assert code_of_opening(path) == "store.damaged"
        assert path.read_bytes() == harmed
    path.write_bytes(whole)
    store = SqliteStore(path)
    store.open()
    assert store.position() == 300
    store.close()


def test_another_programs_database_is_left_alone(path: Path) -> None:
    run_python(
        "import sqlite3, sys\n"
        "db = sqlite3.connect(sys.argv[1])\n"
        "db.execute('CREATE TABLE theirs (x)')\n"
        "db.close()\n",
        str(path),
    )
    before = path.read_bytes()
    assert code_of_opening(path) == "store.damaged"
    assert path.read_bytes() == before


@pytest.mark.parametrize("ending", ["-wal", "-snapshot-00000000000000000007-abc"])
def test_a_lost_database_is_not_taken_for_a_new_one(path: Path, ending: str) -> None:
    beside(path, ending).write_bytes(b"what is left")
    assert code_of_opening(path) == "store.damaged"
    assert not path.exists()
    beside(path, ending).unlink()
    SqliteStoreWith(path, jobs=1).__enter__().close()
    assert path.exists()


def test_a_journal_with_a_hole_is_damage_where_it_is_read_and_at_the_start(
    store: SqliteStore, world: World, path: Path
) -> None:
    store.append(world.accepted(10))
    writer_of(store).execute("DELETE FROM journal WHERE position = 4")
    assert len(store.entries(4, 10)) == 6
    for read in (lambda: store.entries(0, 10), lambda: list(store.tail(2))):
        with pytest.raises(HutongError) as refused:
            read()
        assert refused.value.code == "store.damaged"
        assert "4" in refused.value.message
    writer_of(store).execute("DELETE FROM journal WHERE position = 10")
    store.close()
    assert code_of_opening(path) == "store.damaged"


def test_a_row_that_cannot_be_read_is_damage(store: SqliteStore, world: World) -> None:
    store.append(world.accepted(2))
    writer_of(store).execute("UPDATE jobs SET body = '{\"id\": 3}' WHERE number = 1")
    writer_of(store).execute("UPDATE journal SET entry = substr(entry, 9) WHERE position = 1")
    for read in (lambda: store.job(job_id(1)), lambda: store.spec(job_id(1))):
        with pytest.raises(HutongError) as refused:
            read()
        assert refused.value.code == "store.damaged"
    assert store.job(job_id(2)) is not None


def test_a_folder_that_cannot_be_written_is_unavailable_and_stays_untouched() -> None:
    folder = Path(tempfile.mkdtemp(prefix="hutong-readonly-"))
    try:
        folder.chmod(0o555)
        out = run_python(
            "import os, sys\n"
            "from pathlib import Path\n"
            "from hutong.model.errors import HutongError\n"
            "from hutong.store.sqlite import SqliteStore\n"
            "if os.getuid() == 0:\n    os.seteuid(65534)\n"
            "for path in ('hub.db', 'below/hub.db'):\n"
            "    try:\n        SqliteStore(Path(sys.argv[1]) / path).open()\n"
            "    except HutongError as error:\n        print(error.code, error.message)\n",
            str(folder),
        )
        lines = out.splitlines()
        assert len(lines) == 2
        assert all(line.startswith("store.unavailable") for line in lines)
        assert all("Permission denied" in line for line in lines)
        assert list(folder.iterdir()) == []
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


def test_a_file_where_the_folder_should_be_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("not a folder")
    assert code_of_opening(tmp_path / "state" / "hub.db") == "store.unavailable"


def test_what_was_refused_at_the_start_holds_no_lease(path: Path) -> None:
    path.write_bytes(b"")
    assert code_of_opening(path) == "store.damaged"
    path.unlink()
    with SqliteStoreWith(path, jobs=2) as store:
        assert everything(store)["position"] == 2


def test_files_are_for_their_owner_alone(store: SqliteStore, world: World, path: Path) -> None:
    store.append(world.accepted(1))
    store.save_snapshot(1, b"secret scripts")
    modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    assert set(modes.values()) == {0o600}, modes
