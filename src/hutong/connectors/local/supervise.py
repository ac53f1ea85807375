"""Where the supervisor's process begins: one to a site folder, and first the dead are buried.

The agent starts it as `python -I -S -X utf8 -c ... ROOT`, see `hutong.connectors.local.link`.
"""

import fcntl
import os
import signal
import sys

from hutong.connectors.local import record
from hutong.connectors.local.processes import all_owned, boot_ms, signal_one, wall_ms
from hutong.connectors.local.supervisor import Supervisor, listen

RECOVERY_MS = 30_000
"""How long to wait for killed processes of a dead supervisor to be gone."""


def main(root: str) -> None:
    """Supervise a site folder, unless somebody does already.

    The first process returns when its child, which nobody has to wait for, serves.
    """
    os.closerange(3, 65_536)  # nothing of who started it is its business, or its tasks'
    os.makedirs(os.path.join(root, "attempts"), exist_ok=True)
    lock = os.open(os.path.join(root, "supervisor.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    alive_ms = os.fstat(lock).st_mtime_ns // 1_000_000
    bury(os.path.join(root, "attempts"), alive_ms)
    os.utime(lock)
    listener = listen(root)
    if not os.fork():
        os.ftruncate(lock, 0)
        os.pwrite(lock, b"%d\n" % os.getpid(), 0)
        Supervisor(root, listener).run()


def bury(attempts: str, alive_ms: int) -> None:
    """Record as lost what a supervisor left without an end, when nothing of it runs any more.

    What still ran ended now; the rest was last known to run at `alive_ms`.
    """
    left = {name: known for name in os.listdir(attempts) if (known := _open_end(attempts, name))}
    if not left:
        return
    ran = _kill_all(attempts, left)
    now_ms = wall_ms()
    for name, known in left.items():
        started_ms = known.get("started_ms", 0)
        last_ms = now_ms if name in ran else min(now_ms, alive_ms)
        end = {"ended_ms": max(started_ms, last_ms), "end": {"kind": "lost"}}
        file = os.open(os.path.join(attempts, name, record.NAME), os.O_WRONLY | os.O_APPEND)
        if not record.append(file, end):
            sys.exit(f"supervisor: the end of {name} cannot be recorded, is the disk full?")
        os.close(file)


def _open_end(attempts: str, name: str) -> record.Line | None:
    known = record.read(os.path.join(attempts, name))
    return {"attempt": name, **known} if known is not None and "end" not in known else None


def _kill_all(attempts: str, left: dict[str, record.Line]) -> dict[str, None]:
    """Kill every process of these attempts and wait until none is left; say whose there were."""
    ran: dict[str, None] = {}
    until_ms = boot_ms() + RECOVERY_MS
    while found := [(pid, name) for pid, name in all_owned(attempts) if name in left]:
        if boot_ms() >= until_ms:
            sys.exit(f"supervisor: processes of {found[0][1]} cannot be killed")
        for pid, name in found:
            ran[name] = None
            signal_one(pid, signal.SIGKILL)
        signal.sigtimedwait([], 0.01)
    return ran
