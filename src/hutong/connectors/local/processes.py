"""What the supervisor does with processes: find a program, start it, signal it, find its strays.

This module is loaded by the supervisor and imports the standard library alone. Linux only: it reads
`/proc` and asks the kernel to hand orphans to the supervisor.
"""

import contextlib
import ctypes
import errno
import os
import signal
import time
from collections.abc import Iterator, Mapping

FOLDER_VARIABLE = "HUTONG_ATTEMPT_DIR"
"""Every task has it, so that its processes can be told from all others, whatever they did since."""

IGNORED = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGPIPE, signal.SIGXFSZ)
"""Ignored by the supervisor; a task gets each with its default."""

_PR_SET_CHILD_SUBREAPER = 36
_USERS_FAULT = (
    errno.ENOENT, errno.EACCES, errno.ENOEXEC, errno.ENOTDIR, errno.EISDIR, errno.ELOOP,
    errno.E2BIG, errno.ENAMETOOLONG, errno.ELIBBAD, errno.EINVAL,
)  # fmt: skip


def boot_ms() -> int:
    """Time since boot, sleep included."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


def wall_ms() -> int:
    """Unix time."""
    return time.time_ns() // 1_000_000


class Unrunnable(Exception):
    """A task cannot be started; `end` says why, in the record's words."""

    def __init__(self, kind: str, problem: str) -> None:
        self.end = {"kind": kind, "problem": problem}
        super().__init__(problem)


def adopt_orphans() -> int | None:
    """Become the parent of what the tasks leave behind; give back the open list of children.

    None where the kernel cannot do it: then a process that left its group is not found.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        return None
    try:
        return os.open(f"/proc/self/task/{os.getpid()}/children", os.O_RDONLY)
    except OSError:
        return None


def spawn(argv: list[str], env: Mapping[str, str], cwd: str, log: str) -> int:
    """Start a program in a session and group of its own, its output appended to `log`.

    Changes this process's own working directory on the way. Raises Unrunnable.
    """
    try:
        os.chdir(cwd)
    except OSError as problem:
        text = f"its working directory {cwd} cannot be entered: {_words(problem)}"
        raise Unrunnable("not_found", text) from None
    except ValueError as problem:
        raise Unrunnable("not_found", f"its working directory: {problem}") from None
    program = _find(argv[0], env.get("PATH", os.defpath))
    actions = (
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    )
    try:
        return os.posix_spawn(
            program, argv, env, file_actions=actions, setsid=True, setsigdef=IGNORED, setsigmask=()
        )
    except OSError as problem:
        kind = "not_found" if problem.errno in _USERS_FAULT else "start_failed"
        raise Unrunnable(kind, f"{argv[0]}: {_words(problem)}") from None
    except ValueError as problem:  # a null character, or half of a surrogate pair
        raise Unrunnable("not_found", f"{argv[0]!a}: {problem}") from None


def _words(problem: OSError) -> str:
    return os.strerror(problem.errno or 0)


def _find(name: str, path: str) -> str:
    """Look a program up as a shell does, but in the task's own PATH."""
    if "/" in name:
        return name
    for folder in path.split(os.pathsep):
        program = os.path.join(folder or ".", name)
        if os.access(program, os.X_OK) and os.path.isfile(program):
            return program
    raise Unrunnable("not_found", f"{name}: command not found")


def signal_group(group: int, number: int) -> bool:
    """Send a signal (0 is none) to a process group; say whether any process could get it."""
    if not group:
        return False
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def signal_one(pid: int, number: int) -> None:
    """Send a signal to one process, if it is still there."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def owner(pid: int, attempts: str) -> str:
    """The attempt under the folder `attempts` that a process belongs to; empty for none."""
    for folder in (_folder_in_environment(pid), _working_directory(pid)):
        if folder.startswith(attempts + os.sep):
            return folder[len(attempts) + 1 :].split(os.sep)[0]
    return ""


def _folder_in_environment(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            variables = file.read().split(b"\0")
    except OSError:
        return ""
    name = FOLDER_VARIABLE.encode() + b"="
    for variable in variables:
        if variable.startswith(name):
            return os.fsdecode(variable[len(name) :])
    return ""


def _working_directory(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        return ""


def all_owned(attempts: str) -> Iterator[tuple[int, str]]:
    """Every process of this machine that belongs to an attempt under `attempts`, with that."""
    for name in os.listdir("/proc"):
        if name.isdigit() and (attempt := owner(int(name), attempts)):
            yield int(name), attempt


def cut_back(log: str, limit: int) -> None:
    """Cut a log that has grown to twice the limit back to its first `limit` bytes.

    Its writers append, so what they write next follows there. The first `limit` bytes, which are
    all that is ever read of it, stay.
    """
    with contextlib.suppress(OSError):
        if os.stat(log).st_size > 2 * limit:
            os.truncate(log, limit)
