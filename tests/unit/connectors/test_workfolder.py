"""What an attempt has on disk, and what is left of it."""

import os
import stat
from pathlib import Path

import pytest

from hutong.connectors.local import record, workfolder
from hutong.connectors.local.workfolder import MS_PER_HOUR, WorkFolder
from hutong.model.errors import HutongError
from hutong.model.ids import AttemptId
from hutong.model.job import InlineFile, Program
from hutong.model.limits import LOG_BYTES_PER_TASK
from tests.conformance.connectors import order

ONE = AttemptId("h0test-j1-1")


@pytest.fixture
def disk(tmp_path: Path) -> WorkFolder:
    made = WorkFolder(tmp_path / "site", keep_work_hours=2)
    made.make()
    return made


def claimed(disk: WorkFolder, program: Program) -> Path:
    prepared = disk.prepare(order(program=program))
    os.close(record.claim(prepared.folder))
    return Path(prepared.folder)


def test_folders_are_for_their_owner_alone(disk: WorkFolder) -> None:
    folder = claimed(disk, Program(script="echo"))
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (Path(disk.root), folder)]
    assert modes == [0o700, 0o700]
    assert stat.S_IMODE((folder / "script").stat().st_mode) == 0o700


def test_a_command_runs_as_it_is_in_a_fresh_folder(disk: WorkFolder) -> None:
    prepared = disk.prepare(order(program=Program(argv=("python3", "-c", "print('a b')"))))
    assert prepared.run == ["python3", "-c", "print('a b')"]
    assert prepared.setup == []
    assert list(Path(prepared.cwd).iterdir()) == []


@pytest.mark.parametrize(
    ("script", "interpreter"),
    [
        ("echo hi\n", None),
        ("#!/bin/sh\necho hi\n", ["/bin/sh"]),
        ("#! /usr/bin/env python3\nprint()\n", ["/usr/bin/env", "python3"]),
        ("#!/bin/bash -l -x\n", ["/bin/bash", "-l -x"]),
        ("#!\necho hi\n", None),
        ("#!/bin/sh", ["/bin/sh"]),
    ],
)
def test_a_script_is_run_by_what_its_first_line_names(
    disk: WorkFolder, script: str, interpreter: list[str] | None
) -> None:
    prepared = disk.prepare(order(program=Program(script=script)))
    shell = next(
        (path for path in ("/bin/bash", "/usr/bin/bash") if os.path.exists(path)), "/bin/sh"
    )
    assert prepared.run == [*(interpreter or [shell]), os.path.join(prepared.folder, "script")]
    assert Path(prepared.folder, "script").read_text() == script


def test_line_ends_and_letters_of_a_script_stay_as_they_are(disk: WorkFolder) -> None:
    prepared = disk.prepare(order(program=Program(script="echo 训练\r\n")))
    assert Path(prepared.folder, "script").read_bytes() == "echo 训练\r\n".encode()


def test_files_come_into_the_working_directory(disk: WorkFolder, tmp_path: Path) -> None:
    files = (InlineFile("a.txt", "one"), InlineFile("deep/er/run.sh", "two", executable=True))
    prepared = disk.prepare(order(program=Program(argv=("true",), files=files)))
    assert Path(prepared.cwd, "a.txt").read_text() == "one"
    assert os.access(Path(prepared.cwd, "deep/er/run.sh"), os.X_OK)
    own = tmp_path / "own"
    own.mkdir()
    program = Program(argv=("true",), files=files, workdir=str(own))
    assert disk.prepare(order(2, program=program)).cwd == str(own)
    assert (own / "deep/er/run.sh").read_text() == "two"


@pytest.mark.parametrize(
    "program",
    [
        Program(argv=("true",), files=(InlineFile("../evil", ""),)),
        Program(argv=("true",), files=(InlineFile("/etc/evil", ""),)),
        Program(argv=("true",), files=(InlineFile("a/../../evil", ""),)),
        Program(argv=("true",), files=(InlineFile("", ""),)),
        Program(argv=("true",), files=(InlineFile("a\0b", ""),)),
        Program(argv=("true",), workdir="relative"),
        Program(),
    ],
)
def test_what_leads_out_of_the_folder_is_refused(disk: WorkFolder, program: Program) -> None:
    with pytest.raises(HutongError, match=r"connector\.refused"):
        disk.prepare(order(program=program))


@pytest.mark.parametrize("name", ["../x", "", "a/b", "A", "a\0", ".", "x" * 70])
def test_an_attempt_id_that_is_no_file_name_is_refused(disk: WorkFolder, name: str) -> None:
    with pytest.raises(HutongError, match=r"connector\.refused"):
        disk.folder(AttemptId(name))


def test_preparing_twice_gives_the_same(disk: WorkFolder) -> None:
    program = Program(script="echo", setup="true", files=(InlineFile("a", "b"),))
    assert disk.prepare(order(program=program)) == disk.prepare(order(program=program))


def test_only_claimed_attempts_are_found_and_the_rest_is_cleared(disk: WorkFolder) -> None:
    claimed(disk, Program(argv=("true",)))
    unclaimed = Path(disk.prepare(order(2, program=Program(argv=("true",)))).folder)
    coming = Path(disk.prepare(order(3, program=Program(argv=("true",)))).folder)
    assert list(disk.read_all([coming.name])) == [ONE]
    assert not unclaimed.exists()
    assert coming.exists()


def test_a_torn_line_does_not_hide_the_others(disk: WorkFolder) -> None:
    folder = claimed(disk, Program(argv=("true",)))
    (folder / "record").write_bytes(b'\n{"started_ms":5}\n{"ended_ms":9,"en\n{"ended_ms":8}')
    assert disk.read(ONE) == {"started_ms": 5, "ended_ms": 8}


def test_a_claim_is_for_one(disk: WorkFolder) -> None:
    folder = claimed(disk, Program(argv=("true",)))
    assert disk.is_claimed(ONE)
    with pytest.raises(FileExistsError):
        record.claim(str(folder))


def test_a_log_is_read_up_to_its_limit_and_not_beyond(disk: WorkFolder) -> None:
    folder = claimed(disk, Program(argv=("true",)))
    with (folder / "task-0.log").open("wb") as log:
        log.truncate(LOG_BYTES_PER_TASK + 50)
    (folder / "task-2.log").write_bytes(b"abc")
    assert disk.log_sizes(ONE) == (LOG_BYTES_PER_TASK, 0, 3)
    assert len(disk.read_log(ONE, 0, LOG_BYTES_PER_TASK - 10, 100)) == 10
    assert disk.read_log(ONE, 0, LOG_BYTES_PER_TASK + 10, 100) == b""
    assert disk.read_log(ONE, 1, 0, 100) == b""


def test_what_an_attempt_left_is_kept_for_a_while(disk: WorkFolder) -> None:
    folder = claimed(disk, Program(argv=("true",), setup="true"))
    (folder / "work" / "model.bin").write_bytes(b"weights")
    (folder / "task-0.log").write_bytes(b"log")
    disk.remove(ONE)
    assert not folder.exists()
    kept = Path(disk.kept, ONE)
    assert (kept / "model.bin").read_bytes() == b"weights"
    now_ms = kept.stat().st_mtime_ns // 1_000_000
    disk.clear(now_ms + 2 * MS_PER_HOUR - 1)
    assert kept.exists()
    disk.clear(now_ms + 2 * MS_PER_HOUR)
    assert not kept.exists()


def test_an_empty_working_directory_is_not_kept(disk: WorkFolder) -> None:
    claimed(disk, Program(argv=("true",)))
    disk.remove(ONE)
    disk.remove(ONE)
    assert os.listdir(disk.kept) == []
    assert os.listdir(disk.attempts) == []


def test_nothing_is_kept_where_the_site_says_so(tmp_path: Path) -> None:
    disk = WorkFolder(tmp_path / "site", keep_work_hours=0)
    disk.make()
    (claimed(disk, Program(argv=("true",))) / "work" / "model.bin").write_bytes(b"weights")
    disk.remove(ONE)
    assert os.listdir(disk.kept) == []
    assert os.listdir(disk.attempts) == []


def test_an_emptied_folder_is_used_again_as_if_it_were_new(disk: WorkFolder) -> None:
    script = Program(script="echo", setup="true", files=(InlineFile("a", "b"),))
    folder = claimed(disk, Program(argv=("true",)))
    (folder / "task-0.log").touch()
    (folder / "task-1.log").write_bytes(b"text")
    (folder / "devices").write_text("{}")
    inode = folder.stat().st_ino
    disk.remove(ONE)
    prepared = disk.prepare(order(2, program=script))
    again = Path(prepared.folder)
    assert again.stat().st_ino == inode
    assert sorted(path.name for path in again.iterdir()) == [
        "script",
        "setup",
        "task-0.log",
        "work",
    ]
    assert os.listdir(prepared.cwd) == ["a"]
    assert disk.log_sizes(AttemptId(again.name)) == (0,)
    os.close(record.claim(prepared.folder))
    assert disk.read(AttemptId(again.name)) == {}


@pytest.mark.parametrize("kind", ["written", "linked", "symlink", "folder"])
def test_a_log_that_is_not_as_it_was_made_is_not_used_again(
    disk: WorkFolder, kind: str, tmp_path: Path
) -> None:
    folder = claimed(disk, Program(argv=("true",)))
    log, other = folder / "task-0.log", tmp_path / "other"
    other.write_bytes(b"somebody's")
    match kind:
        case "written":
            log.write_bytes(b"text")
        case "linked":
            log.hardlink_to(other)
        case "symlink":
            log.symlink_to(other)
        case _:
            log.mkdir()
    disk.remove(ONE)
    again = disk.prepare(order(2, program=Program(argv=("true",))))
    assert not os.path.lexists(os.path.join(again.folder, "task-0.log"))
    assert other.read_bytes() == b"somebody's"


@pytest.mark.parametrize("kind", ["mode", "symlink", "file", "work-mode", "extra-folder"])
def test_a_folder_that_is_not_as_it_was_made_is_thrown_away(
    disk: WorkFolder, kind: str, tmp_path: Path
) -> None:
    folder = claimed(disk, Program(argv=("true",)))
    work, other = folder / "work", tmp_path / "other"
    other.mkdir()
    inode = work.stat().st_ino
    match kind:
        case "mode":
            folder.chmod(0o755)
        case "work-mode":
            work.chmod(0o500)
        case "extra-folder":
            (folder / "more").mkdir()
        case "symlink":
            work.rmdir()
            work.symlink_to(other)
        case _:
            work.rmdir()
            work.write_bytes(b"")
    disk.remove(ONE)
    again = disk.prepare(order(2, program=Program(argv=("true",))))
    fresh = os.lstat(again.cwd)
    assert stat.S_ISDIR(fresh.st_mode)
    assert stat.S_IMODE(fresh.st_mode) == 0o700
    assert fresh.st_ino != inode
    disk.clear(0)
    assert os.listdir(disk.trash) == []
    assert other.exists()


def test_spare_folders_are_found_by_the_next_agent_and_are_bounded(
    disk: WorkFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workfolder, "SPARE", 2)
    for which in range(1, 4):
        prepared = disk.prepare(order(which, program=Program(argv=("true",))))
        os.close(record.claim(prepared.folder))
    for which in range(1, 4):
        disk.remove(AttemptId(f"h0test-j{which}-1"))
    assert len(os.listdir(disk.spare)) == 2
    assert len(os.listdir(disk.trash)) == 1
    after = WorkFolder(Path(disk.root), keep_work_hours=2)
    after.make()
    after.prepare(order(9, program=Program(argv=("true",))))
    assert len(os.listdir(disk.spare)) == 1


def test_what_was_kept_of_the_same_attempt_before_gives_way(disk: WorkFolder) -> None:
    for text in ("one", "two"):
        (claimed(disk, Program(argv=("true",))) / "work" / "file").write_text(text)
        disk.remove(ONE)
    assert Path(disk.kept, ONE, "file").read_text() == "two"


def test_a_removal_that_fails_half_way_leaves_nothing_to_start_again(disk: WorkFolder) -> None:
    claimed(disk, Program(argv=("true",), setup="true"))

    def unlink(path: str) -> None:
        raise PermissionError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "unlink", unlink)
        disk.remove(ONE)
    assert os.listdir(disk.attempts) == []
    assert disk.read_all() == {}
