"""The work folder of a site: what each attempt has on disk.

    ROOT/attempts/ID/record       the claim, when it started, how it ended (see `record`)
    ROOT/attempts/ID/script       what it runs, if that is a script; `setup` likewise
    ROOT/attempts/ID/task-N.log   stdout and stderr of rank N, as they came
    ROOT/attempts/ID/work/        where it runs, unless its program names a folder
    ROOT/kept/ID/                 what a forgotten attempt left in `work`, for some days

A forgotten attempt goes in an order that a crash cannot make a new one of: its record goes last.
"""

import contextlib
import json
import os
import re
import shutil
from collections.abc import Container
from functools import cache
from pathlib import Path

import msgspec

from hutong.connectors.local import record
from hutong.model.attempt import AttemptOrder
from hutong.model.errors import HutongError, refuse
from hutong.model.ids import AttemptId, TenantId, is_name, is_tenant
from hutong.model.job import InlineFile
from hutong.model.limits import LOG_BYTES_PER_TASK

_LOG = re.compile(r"task-([0-9]+)\.log")
_DEVICES = "devices"
MS_PER_HOUR = 3_600_000


class Prepared(msgspec.Struct, frozen=True):
    """An attempt that could be started: its folder, where it runs, and what, as argv."""

    folder: str
    cwd: str
    run: list[str]
    setup: list[str]


class WorkFolder:
    """The disk of one site. Every method is a few system calls and waits for nothing else."""

    def __init__(self, root: Path, keep_work_hours: int) -> None:
        self.root = str(root.resolve())
        self.keep_work_ms = keep_work_hours * MS_PER_HOUR
        self.attempts = os.path.join(self.root, "attempts")
        self.kept = os.path.join(self.root, "kept")
        self._data: dict[TenantId, str] = {}

    def make(self) -> None:
        """Make the folders, for their owner alone. Raises OSError."""
        for folder in (self.root, self.attempts, self.kept):
            os.makedirs(folder, mode=0o700, exist_ok=True)

    def folder(self, attempt: AttemptId) -> str:
        """The folder of an attempt. Raises `connector.refused` for an id that is no file name."""
        if not is_name(attempt):
            raise _refused(f"{attempt!a} is no attempt's id")
        return os.path.join(self.attempts, attempt)

    def data_folder(self, tenant: TenantId) -> str:
        """The folder that a tenant's jobs share here, made when first asked for. Nothing of it is
        ever removed. Raises OSError, `connector.refused` for a tenant that is no path of names."""
        if tenant not in self._data:
            if not is_tenant(tenant):
                raise _refused(f"{tenant!a} is no tenant")
            folder = os.path.join(self.root, "data", *tenant.split("/"))
            os.makedirs(folder, mode=0o700, exist_ok=True)
            self._data[tenant] = folder
        return self._data[tenant]

    # Before

    def prepare(self, order: AttemptOrder) -> Prepared:
        """Write what an attempt needs. Raises OSError, and `connector.refused` for unsafe names."""
        program, folder = order.program, self.folder(order.attempt)
        _make(folder)
        if program.workdir is None:
            cwd = os.path.join(folder, "work")
            _make(cwd)
        elif os.path.isabs(program.workdir):
            cwd = program.workdir
        else:
            raise _refused(f"its working directory {program.workdir!a} is not absolute")
        for file in program.files:
            _write_inline(cwd, file)
        if program.script:
            run = [*_interpreter(program.script), _write(folder, "script", program.script)]
        elif program.argv:
            run = list(program.argv)
        else:
            raise _refused("it has neither a script nor a command")
        setup = [_bash(), _write(folder, "setup", program.setup)] if program.setup else []
        return Prepared(folder, cwd, run, setup)

    def note_devices(self, attempt: AttemptId, devices: dict[str, list[tuple[int, int]]]) -> None:
        """Keep which real chips an attempt holds: by node, pairs of chip and thousandths."""
        with open(os.path.join(self.folder(attempt), _DEVICES), "w") as file:
            json.dump(devices, file)

    def noted_devices(self, attempt: AttemptId) -> dict[str, list[tuple[int, int]]]:
        """What `note_devices` kept; empty for none."""
        try:
            with open(os.path.join(self.folder(attempt), _DEVICES)) as file:
                return {node: [(chip, milli) for chip, milli in held]
                        for node, held in json.load(file).items()}  # fmt: skip
        except (OSError, ValueError):
            return {}

    # Meanwhile

    def is_claimed(self, attempt: AttemptId) -> bool:
        """Say whether somebody has ever started it, or kept it from starting."""
        return os.path.exists(os.path.join(self.folder(attempt), record.NAME))

    def read(self, attempt: AttemptId) -> record.Line:
        """What the record of a claimed attempt says."""
        return record.read(self.folder(attempt)) or {}

    def read_all(self, coming: Container[str] = ()) -> dict[AttemptId, record.Line]:
        """Every claimed attempt with what its record says.

        Removes the folders that nobody claimed, but for those of attempts that are `coming`.
        """
        found: dict[AttemptId, record.Line] = {}
        for name in sorted(os.listdir(self.attempts)):
            known = record.read(os.path.join(self.attempts, name))
            if known is not None:
                found[AttemptId(name)] = known
            elif name not in coming:
                shutil.rmtree(os.path.join(self.attempts, name), ignore_errors=True)
        return found

    def log_sizes(self, attempt: AttemptId) -> tuple[int, ...]:
        """Bytes of each task's log, by rank, as far as they are read."""
        sizes: dict[int, int] = {}
        with contextlib.suppress(FileNotFoundError), os.scandir(self.folder(attempt)) as entries:
            for entry in entries:
                if match := _LOG.fullmatch(entry.name):
                    sizes[int(match.group(1))] = min(entry.stat().st_size, LOG_BYTES_PER_TASK)
        return tuple(sizes.get(rank, 0) for rank in range(max(sizes, default=-1) + 1))

    def read_log(self, attempt: AttemptId, task: int, offset: int, limit: int) -> bytes:
        """A piece of a task's log; empty where there is none."""
        limit = max(0, min(limit, LOG_BYTES_PER_TASK - offset))
        try:
            file = os.open(os.path.join(self.folder(attempt), f"task-{task}.log"), os.O_RDONLY)
        except FileNotFoundError:
            return b""
        try:
            return os.pread(file, limit, offset)
        finally:
            os.close(file)

    # After

    def remove(self, attempt: AttemptId) -> None:
        """Remove an attempt; what it left in its working directory is kept for a while."""
        folder = self.folder(attempt)
        work = os.path.join(folder, "work")
        try:
            os.rmdir(work)
        except FileNotFoundError:
            pass
        except OSError:
            if self.keep_work_ms:
                kept = os.path.join(self.kept, attempt)
                shutil.rmtree(kept, ignore_errors=True)
                os.utime(work)  # from now on it gets older
                os.rename(work, kept)
            else:
                shutil.rmtree(work)
        try:
            names = os.listdir(folder)
        except FileNotFoundError:
            return
        for name in sorted(names, key=lambda name: name == record.NAME):
            os.unlink(os.path.join(folder, name))
        os.rmdir(folder)

    def prune(self, now_ms: int) -> None:
        """Remove what was kept longer than it should be. `now_ms` is Unix time."""
        with os.scandir(self.kept) as entries:
            for entry in entries:
                if entry.stat().st_mtime_ns // 1_000_000 + self.keep_work_ms <= now_ms:
                    shutil.rmtree(entry.path, ignore_errors=True)


def _refused(problem: str) -> HutongError:
    return refuse(
        "connector.refused", problem=problem, advice="Change the job and hand it in anew."
    )


def _make(folder: str) -> None:
    with contextlib.suppress(FileExistsError):
        os.mkdir(folder, 0o700)


def _write(folder: str, name: str, text: str) -> str:
    path = os.path.join(folder, name)
    with open(path, "w", newline="") as file:
        file.write(text)
    os.chmod(path, 0o700)
    return path


def _write_inline(cwd: str, file: InlineFile) -> None:
    parts = file.name.split("/")
    if not all(part not in {"", ".", ".."} and "\0" not in part for part in parts):
        raise _refused(f"the file name {file.name!a} leads out of its working directory")
    folder = os.path.join(cwd, *parts[:-1])
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, parts[-1])
    with open(path, "w", newline="") as opened:
        opened.write(file.content)
    if file.executable:
        os.chmod(path, 0o700)


def _interpreter(script: str) -> list[str]:
    """What runs a script: what its `#!` line says, read as the kernel does, else bash."""
    if script.startswith("#!"):
        words = script[2:].split("\n", 1)[0].strip().split(None, 1)
        if words:
            return words
    return [_bash()]


@cache
def _bash() -> str:
    return next(
        (path for path in ("/bin/bash", "/usr/bin/bash") if os.path.exists(path)), "/bin/sh"
    )
