"""Snapshots as files beside a database: written whole or not at all, believed only when whole.

A file's bytes are the body and nothing else; the store keeps its size and checksum, so that a file
counts only if the store it lies beside has named it. A copy of an older store never takes up a
snapshot of a history that it does not have.
"""

import hashlib
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import msgspec

from hutong.store.sqlite_files import sync_folder

# Synchronised in steps, so that a commit never waits behind the whole of a large snapshot.
_STEP_BYTES = 4 * 1024 * 1024


class SnapshotFile(msgspec.Struct, frozen=True):
    """One snapshot's file: its name in the store's folder, size, and SHA-256 in hex."""

    name: str
    size_bytes: int
    sha256: str


def write_snapshot(database: Path, position: int, body: bytes) -> SnapshotFile:
    """Write a body durably beside `database`. Raises OSError, and then leaves nothing behind."""
    digest = hashlib.sha256(body).hexdigest()
    file = SnapshotFile(f"{_stem(database)}{position:020d}-{digest[:12]}", len(body), digest)
    path = database.with_name(file.name)
    part = path.with_name(f"{path.name}.part")
    try:
        _write_durably(part, body)
        part.replace(path)
        sync_folder(path.parent)
    except OSError:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise
    return file


def read_snapshot(database: Path, file: SnapshotFile) -> bytes | None:
    """The body, or None if the file is missing, cut or changed."""
    try:
        body = database.with_name(file.name).read_bytes()
    except OSError:
        return None
    if len(body) != file.size_bytes or hashlib.sha256(body).hexdigest() != file.sha256:
        return None
    return body


def drop_snapshots(database: Path, keep: Iterable[str]) -> None:
    """Remove every snapshot beside `database` but those named, and what a crash left half done."""
    kept = tuple(keep)
    stem = _stem(database)
    for path in database.parent.iterdir():
        if path.name.startswith(stem) and path.name not in kept:
            with suppress(OSError):
                path.unlink()


def _stem(database: Path) -> str:
    return f"{database.name}-snapshot-"


def _write_durably(path: Path, body: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        view = memoryview(body)
        for start in range(0, len(view), _STEP_BYTES):
            step = view[start : start + _STEP_BYTES]
            while step:
                step = step[os.write(fd, step) :]
            os.fdatasync(fd)
        os.fsync(fd)
    finally:
        os.close(fd)
