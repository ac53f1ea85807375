"""Files that travel with a job."""

import os
from pathlib import Path

import pytest

from hutong.client.formats import folder_reader, read_jobs, read_text
from hutong.model import limits
from hutong.model.errors import HutongError
from hutong.model.job import InlineFile
from tests.unit.client.formats.support import hutong, refusal, said


def files_of(folder: Path, *lines: str) -> dict[str, InlineFile]:
    job = read_jobs(hutong(*lines), "job", attach=folder_reader(folder)).jobs[0]
    return {file.name: file for file in job.program.files}


def refused(folder: Path, *lines: str) -> HutongError:
    return refusal(hutong(*lines), attach=folder_reader(folder))


def test_a_list_of_paths_travels_under_the_same_names(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "a.yaml").write_text("x: 1\n")
    (tmp_path / "run.sh").write_text("#!/bin/sh\n")
    files = files_of(tmp_path, "files: [conf/a.yaml, ./run.sh]")
    assert files["conf/a.yaml"] == InlineFile("conf/a.yaml", "x: 1\n", executable=False)
    assert files["run.sh"].executable


def test_entries_say_the_name_the_content_and_the_mode(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("print()\n")
    files = files_of(
        tmp_path,
        "files:",
        "- {path: a.py, as: bin/a, executable: true}",
        "- {as: note, content: hello}",
    )
    assert files["bin/a"] == InlineFile("bin/a", "print()\n", executable=True)
    assert files["note"] == InlineFile("note", "hello", executable=False)


def test_a_mapping_says_names_with_paths_or_contents(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("print()\n")
    files = files_of(
        tmp_path,
        "files:",
        "  main.py: a.py",
        "  other.py: {path: a.py, executable: true}",
        "  go.sh: {content: '#!/bin/sh', executable: false}",
    )
    assert files["main.py"].content == "print()\n"
    assert files["other.py"].executable
    assert not files["go.sh"].executable


@pytest.mark.parametrize("path", ["../secret", "a/../../secret", "/etc/passwd", "a//b", "a\\b"])
def test_paths_that_climb_out_are_refused(tmp_path: Path, path: str) -> None:
    (tmp_path / "inside").mkdir()
    (tmp_path / "secret").write_text("s")
    error = refused(tmp_path / "inside", f"files: ['{path}']")
    assert said(error)[:2] == ("file.bad_value", 3)
    with pytest.raises(HutongError) as caught:
        folder_reader(tmp_path / "inside")(path)
    assert caught.value.code == "file.unreadable"


def test_links_are_followed_inside_and_refused_outside(tmp_path: Path) -> None:
    root = tmp_path / "inside"
    root.mkdir()
    (tmp_path / "secret").write_text("s")
    (root / "real").write_text("r")
    (root / "near").symlink_to(root / "real")
    (root / "far").symlink_to(tmp_path / "secret")
    (root / "loop").symlink_to(root / "loop")
    (root / "up").symlink_to(tmp_path)
    assert files_of(root, "files: [near]")["near"].content == "r"
    assert "leads out of the folder" in refused(root, "files: [far]").message
    assert "leads out of the folder" in refused(root, "files: [up/secret]").message
    assert refused(root, "files: [loop]").code == "file.bad_value"


def test_what_is_no_small_text_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"a" * (limits.INLINE_FILE_BYTES + 1))
    (tmp_path / "binary").write_bytes(b"\xff\x00")
    (tmp_path / "nul").write_bytes(b"a\0b")
    os.mkfifo(tmp_path / "pipe")
    assert "larger than 512 KiB" in refused(tmp_path, "files: [big]").message
    assert "not UTF-8 text" in refused(tmp_path, "files: [binary]").message
    assert "not UTF-8 text" in refused(tmp_path, "files: [nul]").message
    assert "no regular file" in refused(tmp_path, "files: [pipe]").message
    assert "there is no such file" in refused(tmp_path, "files: [nothing]").message


def test_without_a_reader_only_contents_travel() -> None:
    assert "no files can be read here" in refusal(hutong("files: [a]")).message
    assert read_jobs(hutong("files: {a: {content: x}}"), "job").jobs[0].program.files


def test_a_reader_that_is_too_generous_or_fails_is_not_trusted() -> None:
    def fails(path: str) -> bytes:
        raise PermissionError(13, "Permission denied")

    big = refusal(hutong("files: [a]"), attach=lambda _: b"a" * (limits.INLINE_FILE_BYTES + 1))
    assert "larger than 512 KiB" in big.message
    assert "permission denied" in refusal(hutong("files: [a]"), attach=fails).message


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (["files: {a: {content: x, path: y}}"], "either a `path` or a `content`"),
        (["files: {a: {executable: true}}"], "either a `path` or a `content`"),
        (["files: [{content: x}]"], "it has no name"),
        (["files: [{content: x, as: ../y}]"], "climbs out"),
        (["files: {../a: {content: x}}"], "climbs out"),
        (["files: {a: {content: x}, a/b: {content: y}}"], "a file and a folder"),
        (["files: [{as: a, content: x}, {as: a, content: y}]"], "two files have this name"),
        (["files: a.py"], "a list is wanted"),
        (["files: [{as: a, content: x, mode: 755}]"], "unknown key `files[0].mode`"),
    ],
)
def test_a_file_entry_says_what_is_wrong(lines: list[str], problem: str) -> None:
    error = refusal(hutong(*lines), attach=lambda _: b"x")
    assert problem in error.message
    assert error.facts["line"] == 3


def test_more_files_than_the_limit_are_refused() -> None:
    error = refusal(
        hutong(f"files: [{', '.join(f'f{i}' for i in range(65))}]"), attach=lambda _: b""
    )
    assert "64 files are the limit" in error.message


def test_a_job_file_is_read_or_refused(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(hutong())
    assert read_text(tmp_path / "job.yaml") == hutong()
    for path, problem in (
        (tmp_path / "none.yaml", "there is no such file"),
        (tmp_path, "is a directory"),
        (tmp_path / "job.yaml" / "x", "not a directory"),
    ):
        with pytest.raises(HutongError) as caught:
            read_text(path)
        assert caught.value.code == "file.unreadable"
        assert problem in caught.value.message
