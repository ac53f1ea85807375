"""The files of a SQLite store: who may write them, whether they are still there, and what their
failures mean."""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hutong.model.errors import HutongError, refuse

_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_DAMAGED_EXTENDED = (sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_CORRUPTFS)


class WriteLease:
    """The right to write one store: a lock that the kernel takes back when its holder dies.

    The lock is on a file of its own and goes by open file, not by process, so that two stores in
    one process exclude each other too. The file stays when the lock goes: removing it would let
    two holders lock two files of one name.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None

    def take(self, store: Path) -> None:
        """Take the lock now. Raises `store.in_use`, OSError."""
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(fd)
            if isinstance(error, BlockingIOError):
                raise refuse("store.in_use", path=str(store)) from None
            raise
        with suppress(OSError):  # who holds it is for people to read; a full disk may lack room
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        self._fd = fd

    def give_back(self) -> None:
        """Let others take it."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


class FileWatch:
    """Sees that the files a store has open are still the ones of their names, and not cut.

    SQLite goes on writing into a file that was unlinked or truncated under it, so that commits
    would succeed and be gone at the next start. The files are only looked at, never opened:
    closing one would drop the locks that SQLite holds on it in this process.
    """

    def __init__(self, *paths: Path) -> None:
        self._files = {str(path): os.stat(path) for path in paths}

    def check(self) -> list[str]:
        """Name the files that are smaller than when they were last looked at.

        Raises `store.unavailable` for one that is gone; moved away and back, it is whole again.
        """
        shrunk: list[str] = []
        for path, before in self._files.items():
            try:
                now = os.stat(path)
            except FileNotFoundError:
                raise _gone(path, "removed") from None
            if (now.st_dev, now.st_ino) != (before.st_dev, before.st_ino):
                raise _gone(path, "replaced")
            if now.st_size < before.st_size:
                shrunk.append(path)
            else:
                self._files[path] = now
        return shrunk

    def accept(self) -> None:
        """Take the sizes as they are now for right."""
        self._files = {path: os.stat(path) for path in self._files}


def _gone(path: str, how: str) -> HutongError:
    return refuse("store.unavailable", problem=f"{path} was {how} while it was in use")


def sync_folder(folder: Path) -> None:
    """Make renames in a folder durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn the failures of SQLite and of the file system into errors of the catalogue.

    A broken constraint and a number beyond 64 bits are the caller's mistake: they are ValueError.
    """
    try:
        yield
    except (sqlite3.IntegrityError, OverflowError) as error:
        raise ValueError(f"the batch contradicts what can be stored: {error}") from error
    except sqlite3.Error as error:
        raise _refusal(path, error) from error
    except OSError as error:
        what = error.filename or path
        raise refuse("store.unavailable", problem=f"{what}: {error.strerror or error}") from error


def _refusal(path: Path, error: sqlite3.Error) -> HutongError:
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    # Statements and schema are ours, so a table that is not there was there before.
    lost = code == sqlite3.SQLITE_ERROR and str(error).startswith("no such table")
    if lost or code & 0xFF in _DAMAGED or code in _DAMAGED_EXTENDED:
        return refuse("store.damaged", path=str(path), problem=str(error))
    if code & 0xFF == sqlite3.SQLITE_FULL:
        return refuse("store.unavailable", problem=f"the disk of {path} is full")
    name: str = getattr(error, "sqlite_errorname", type(error).__name__)
    return refuse("store.unavailable", problem=f"{error} ({name}) at {path}")
