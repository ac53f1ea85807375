"""Agents as children of `hutong up`: started, started again when they die, ended with it.

Theory of operation. One thread owns all children: it starts them, sees them end and ends them, each
by its own pid. Every child is in a session of its own, so that Ctrl-C in the terminal reaches only
the hub, and asks the kernel for a SIGTERM when its parent dies, so that a hub that was killed
leaves no agents behind. (What runs at a site is no child of its agent, and goes on.) A child that
dies is started again after a pause, which doubles while it keeps dying young.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from hutong.cli.output import note
from hutong.cli.table import printable

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
GROWN_UP_S = 60.0
LOOK_S = 0.1
GRACE_S = 10.0

# Asks for the signal at the parent's death (PR_SET_PDEATHSIG), makes sure that it has not died
# before, and becomes the agent.
_LAUNCH = """\
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 15)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""


class Child(msgspec.Struct, frozen=True):
    """What to run: the arguments of this interpreter, and where its output goes."""

    name: str
    arguments: tuple[str, ...]
    log: Path


class _Running:
    """One child through its lives."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self._process: subprocess.Popen[bytes] | None = None
        self._began = 0.0
        self._pause = FIRST_PAUSE_S
        self._next = 0.0

    def look(self, now: float) -> None:
        """Start the child when it does not run and its time has come."""
        if self._process is None:
            if now >= self._next:
                self._began = now
                try:
                    self._process = _launch(self.child)
                except OSError as problem:  # no room on the disk, or for a process
                    self._ended(now, f"cannot be started ({problem.strerror})", "")
            return
        code = self._process.poll()
        if code is not None:
            self._process = None
            self._ended(now, f"ended with {code}", f": {_last_line(self.child.log)}")

    def _ended(self, now: float, how: str, last: str) -> None:
        grown_up = now - self._began >= GROWN_UP_S
        self._pause = FIRST_PAUSE_S if grown_up else min(LONGEST_PAUSE_S, self._pause * 2)
        self._next = now + self._pause
        note(printable(f"{self.child.name} {how} and starts again in {self._pause:g} s{last}"))

    def ask_to_leave(self) -> None:
        """Send SIGTERM, if it runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def wait(self, until: float) -> None:
        """Wait for its end; after `until` it is killed."""
        if self._process is None:
            return
        try:
            self._process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Children:
    """A thread that keeps children running until `stop`."""

    def __init__(self) -> None:
        self._running: list[_Running] = []
        self._leaving = threading.Event()

    def keep(self, children: Sequence[Child]) -> None:
        """Run children in this thread until the end is asked for, then end them all."""
        self._running = [_Running(child) for child in children]
        try:
            while not self._leaving.is_set():
                for running in self._running:
                    running.look(time.monotonic())
                self._leaving.wait(LOOK_S)
        finally:
            for running in self._running:
                running.ask_to_leave()
            until = time.monotonic() + GRACE_S
            for running in self._running:
                running.wait(until)

    def leave(self) -> None:
        """Ask for the end."""
        self._leaving.set()


def _launch(child: Child) -> subprocess.Popen[bytes]:
    child.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with child.log.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-c", _LAUNCH, str(os.getpid()), *child.arguments],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip


def _last_line(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 2_000))
            lines = file.read().decode("utf-8", "replace").split("\n")
    except OSError:
        return "it left no log"
    said = [line.strip() for line in lines if line.strip() and not line.startswith("hint:")]
    return said[-1] if said else "it said nothing"
