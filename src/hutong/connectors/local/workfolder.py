"""The work folder of a site: what each attempt has on disk.

    ROOT/attempts/ID/record       the claim, when it started, how it ended (see `record`)
    ROOT/attempts/ID/script       what it runs, if that is a script; `setup` likewise;
                                  `script-N` and `setup-N` are those of a gang's group N
    ROOT/attempts/ID/task-N.log   stdout and stderr of rank N, as they came
    ROOT/attempts/ID/checkpoint   touched by the job when it has written down its state
    ROOT/attempts/ID/work/        where it runs, unless its program names a folder
    ROOT/kept/ID/                 what a forgotten attempt left in `work`, for some days
    ROOT/spare/, ROOT/trash/      emptied folders to be used again, and what is to be removed

A forgotten attempt goes in an order that a crash cannot make a new one of: it loses its record, and
what nobody has claimed is thrown away at the next start.
"""

import contextlib
import json
import os
import re
import shutil
import stat
import time
from collections.abc import Container
from functools import cache
from pathlib import Path

import msgspec

from hutong.connectors.local import record
from hutong.model.attempt import AttemptOrder
from hutong.model.errors import HutongError, refuse
from hutong.model.ids import AttemptId, TenantId, is_name, is_tenant
from hutong.model.job import InlineFile, Program
from hutong.model.limits import LOG_BYTES_PER_TASK

_LOG = re.compile(r"task-([0-9]+)\.log")
FIRST_LOG = "task-0.log"
SPARE = 1_024
_DEVICES = "devices"
MS_PER_HOUR = 3_600_000


class Prepared(msgspec.Struct, frozen=True):
    """A program that could be started: the attempt's folder, where it runs, and what, as argv.

    `groups` are those of a gang's further groups.
    """

    folder: str
    cwd: str
    run: list[str]
    setup: list[str]
    groups: tuple["Prepared", ...] = ()


class WorkFolder:
    """The disk of one site. Every method is a few system calls and waits for nothing else."""

    def __init__(self, root: Path, keep_work_hours: int) -> None:
        self.root = str(root.resolve())
        self.keep_work_ms = keep_work_hours * MS_PER_HOUR
        self.attempts = os.path.join(self.root, "attempts")
        self.kept = os.path.join(self.root, "kept")
        self.spare = os.path.join(self.root, "spare")
        self.trash = os.path.join(self.root, "trash")
        self._spare: list[str] = []
        self._thrown = 0
        self._data: dict[TenantId, str] = {}

    def make(self) -> None:
        """Make the folders, for their owner alone. Raises OSError."""
        for folder in (self.root, self.attempts, self.kept, self.spare, self.trash):
            os.makedirs(folder, mode=0o700, exist_ok=True)
        self._spare = os.listdir(self.spare)

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
        folder = self.folder(order.attempt)
        self._make_folder(folder)
        own = self._prepare(folder, order.program, "")
        groups = [
            own if group.program is None else self._prepare(folder, group.program, f"-{number}")
            for number, group in enumerate(order.groups, 1)
        ]
        return msgspec.structs.replace(own, groups=tuple(groups)) if groups else own

    def _prepare(self, folder: str, program: Program, suffix: str) -> Prepared:
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
            script = _write(folder, f"script{suffix}", program.script)
            run = [*_interpreter(program.script), script]
        elif program.argv:
            run = list(program.argv)
        else:
            raise _refused("it has neither a script nor a command")
        setup = []
        if program.setup:
            setup = [_bash(), _write(folder, f"setup{suffix}", program.setup)]
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
                self._throw_away(os.path.join(self.attempts, name))
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
        """Remove an attempt. What it left in its working directory is kept for a while.

        Its folder is emptied and used again: making one takes 0.1 ms, removing one 3 ms. Whatever
        is not as it was made goes to the trash instead. Raises OSError.
        """
        folder = self.folder(attempt)
        try:
            names = os.listdir(folder)
        except FileNotFoundError:
            return
        if "work" in names and not _is_fresh(os.path.join(folder, "work")):
            self._keep(attempt, os.path.join(folder, "work"))
        try:
            for name in names:
                if name != "work" and not _is_empty_log(folder, name):
                    os.unlink(os.path.join(folder, name))
            if len(self._spare) >= SPARE or stat.S_IMODE(os.lstat(folder).st_mode) != 0o700:
                raise FileExistsError
            os.rename(folder, os.path.join(self.spare, attempt))
            self._spare.append(attempt)
        except OSError:
            self._throw_away(folder)

    def clear(self, now_ms: int) -> None:
        """Empty the trash, and what was kept longer than it should be. `now_ms` is Unix time.

        Takes as long as it takes; nothing else touches these folders.
        """
        with os.scandir(self.kept) as entries:
            for entry in entries:
                if entry.stat().st_mtime_ns // 1_000_000 + self.keep_work_ms <= now_ms:
                    _remove_all(entry.path)
        for name in os.listdir(self.trash):
            _remove_all(os.path.join(self.trash, name))

    def _keep(self, attempt: AttemptId, work: str) -> None:
        if not self.keep_work_ms or not stat.S_ISDIR(os.lstat(work).st_mode):
            self._throw_away(work)
            return
        kept = os.path.join(self.kept, attempt)
        if os.path.lexists(kept):
            self._throw_away(kept)
        os.utime(work)  # from now on it gets older
        os.rename(work, kept)

    def _throw_away(self, path: str) -> None:
        self._thrown += 1
        name = f"{time.time_ns()}-{self._thrown}"  # no name of an agent before this one
        os.rename(path, os.path.join(self.trash, name))

    def _make_folder(self, folder: str) -> None:
        """Make an attempt's folder, out of a used one if there is one."""
        if self._spare and not os.path.lexists(folder):
            try:
                os.rename(os.path.join(self.spare, self._spare.pop()), folder)
            except FileNotFoundError:
                pass
            else:
                return
        _make(folder)


def _refused(problem: str) -> HutongError:
    return refuse(
        "connector.refused", problem=problem, advice="Change the job and hand it in anew."
    )


def _make(folder: str) -> None:
    with contextlib.suppress(FileExistsError):
        os.mkdir(folder, 0o700)


def _remove_all(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        os.unlink(path)


def _is_fresh(work: str) -> bool:
    """Say whether a working directory is as it was made."""
    seen = os.lstat(work)
    plain = stat.S_ISDIR(seen.st_mode) and stat.S_IMODE(seen.st_mode) == 0o700
    return plain and seen.st_uid == os.getuid() and not os.listdir(work)


def _is_empty_log(folder: str, name: str) -> bool:
    """Say whether it is a first log into which nobody wrote; one that was cut to nothing costs a
    flush to the disk when it is closed again."""
    if name != FIRST_LOG:
        return False
    seen = os.lstat(os.path.join(folder, name))
    return stat.S_ISREG(seen.st_mode) and seen.st_nlink == 1 and seen.st_size == 0


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
