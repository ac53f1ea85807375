"""The logs of tasks, one file each: `<data>/logs/<job>/<attempt>/<task>.log`.

Agents send a log in pieces, each with its offset, and may send any piece again; only what lies
behind the end of the file is written, so a repetition changes nothing and a gap is refused by
telling where to go on. A log stops at its limit, with a last line that says so. Names of files are
made of ids that were checked, never of text that came in.

A log is not synchronised to the disk: it survives the death of the hub, not always that of the
machine.
"""

import os
import re
from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

from hutong.model.errors import refuse
from hutong.model.ids import AttemptId
from hutong.model.limits import GANG_TASKS, LOG_BYTES_PER_TASK
from hutong.store.story import job_of
from hutong.wire.api import LogReceipt

_WRITE = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
_ATTEMPT = re.compile(r"[a-z0-9]{1,16}-j[1-9][0-9]{0,17}(-[0-9]{1,7})?-[0-9]{1,9}")
_KNOWN_COMPLETE = 10_000
LAST_LINE = (
    f"\n[hutong] The log reached its limit of {LOG_BYTES_PER_TASK} bytes; "
    "what the task wrote after that was not kept.\n"
).encode()


class LogName(NamedTuple):
    """One task's log."""

    attempt: AttemptId
    task: int


def log_name(attempt: str, task: int) -> LogName:
    """Check the parts of a name. Raises `attempt.not_found`, `log.not_found`."""
    if _ATTEMPT.fullmatch(attempt) is None:
        raise refuse("attempt.not_found", attempt=attempt)
    if not 0 <= task < GANG_TASKS:
        raise refuse("log.not_found", what=f"task {task} of {attempt}")
    return LogName(AttemptId(attempt), task)


class LogBook:
    """The files below one folder. Its methods block, but for those about completeness."""

    def __init__(self, folder: Path, limit_bytes: int = LOG_BYTES_PER_TASK) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._complete: OrderedDict[LogName, None] = OrderedDict()

    def write(self, name: LogName, offset: int, data: bytes) -> LogReceipt:
        """Keep what of `data` lies behind the end. Raises `log.unavailable`."""
        path = self._path(name)
        try:
            try:
                fd = os.open(path, _WRITE)
            except FileNotFoundError:
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                fd = os.open(path, _WRITE, 0o600)
            try:
                return self._write(fd, offset, data)
            finally:
                os.close(fd)
        except OSError as problem:
            raise refuse("log.unavailable", problem=problem.strerror or "it failed") from None

    def size_bytes(self, name: LogName) -> int | None:
        """How much there is; None where the task has written nothing yet."""
        try:
            return self._path(name).stat().st_size
        except FileNotFoundError:
            return None
        except OSError as problem:
            raise refuse("log.unavailable", problem=problem.strerror or "it failed") from None

    def read(self, name: LogName, offset: int, limit_bytes: int) -> bytes:
        """Bytes from `offset` on, at most so many; empty at the end."""
        try:
            with self._path(name).open("rb", buffering=0) as file:
                file.seek(offset)
                return file.read(limit_bytes)
        except FileNotFoundError:
            return b""
        except OSError as problem:
            raise refuse("log.unavailable", problem=problem.strerror or "it failed") from None

    def complete(self, name: LogName) -> None:
        """Note that the agent has sent all of it."""
        self._complete[name] = None
        if len(self._complete) > _KNOWN_COMPLETE:
            self._complete.popitem(last=False)

    def is_complete(self, name: LogName) -> bool:
        """Say whether the agent is known to have sent all of it."""
        return name in self._complete

    def _write(self, fd: int, offset: int, data: bytes) -> LogReceipt:
        size = os.fstat(fd).st_size
        if size > self._limit_bytes:
            return LogReceipt(self._limit_bytes, full=True)
        if offset > size:
            return LogReceipt(size)
        new = data[size - offset : size - offset + self._limit_bytes - size]
        at = size
        while new:
            written = os.pwrite(fd, new, at)
            new, at = new[written:], at + written
        if offset + len(data) > self._limit_bytes:
            os.pwrite(fd, LAST_LINE, at)
            return LogReceipt(self._limit_bytes, full=True)
        return LogReceipt(at)

    def _path(self, name: LogName) -> Path:
        return self._folder / job_of(name.attempt) / name.attempt / f"{name.task}.log"


_WRITE = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
