"""`hutong up` as a process of its own, and the command run against it as a user would."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hutong.client.client import Client
from hutong.model.errors import HutongError

SITE = """
site: {name}
owner: Test Laboratory
region: cn-beijing
jurisdiction: CN-BJ
pools:
  - name: cpu
    nodes: [n1]
    cpus: 8
    memory: 8GiB
    declared: true
    price: {{cpu_cny_per_hour: 3600}}
"""
PATIENCE_S = 60.0


@dataclass(frozen=True)
class Ran:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


class House:
    """One data folder, the hub that serves it while `up` runs, and the sites that belong to it."""

    def __init__(self, folder: Path, sites: Sequence[str] = ("lab",)) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.sites = sites
        self.up: subprocess.Popen[bytes] | None = None
        self.port = 0
        for name in sites:
            (folder / f"{name}.yaml").write_text(SITE.format(name=name))

    @property
    def env(self) -> dict[str, str]:
        return {**os.environ, "HUTONG_DATA": str(self.data), "COLUMNS": "80", "NO_COLOR": "1"}

    def start(self) -> None:
        """Start `hutong up` and wait until every site is heard."""
        words = ["up", "--port", str(self.port)]
        for name in self.sites:
            words += ["--site", str(self.folder / f"{name}.yaml")]
        with (self.folder / "up.log").open("ab") as log:
            self.up = subprocess.Popen(
                command(*words), env=self.env, cwd=self.folder, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log,
            )  # fmt: skip
        self.wait_for_sites()

    def wait_for_sites(self) -> None:
        give_up = time.monotonic() + PATIENCE_S
        while time.monotonic() < give_up and self.up is not None and self.up.poll() is None:
            with contextlib.suppress(HutongError, OSError, ValueError), self.client() as client:
                self.port = int(client.url.rpartition(":")[2])
                # A hub that starts again believes in its sites before it hears them.
                ready = client.health().sites_ready == len(self.sites)
                if ready and len(agents_of(self.data)) == len(self.sites):
                    return
            time.sleep(0.02)
        raise AssertionError(f"the hub does not serve: {(self.folder / 'up.log').read_text()}")

    def client(self) -> Client:
        found = json.loads((self.data / "client.json").read_text())
        return Client(found["url"], found["token"])

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal to `up` and give its exit code."""
        assert self.up is not None
        self.up.send_signal(number)
        code = self.up.wait(PATIENCE_S)
        self.up = None
        return code

    def run(self, *words: str, stdin: str = "") -> Ran:
        """Run one command to its end."""
        done = subprocess.run(
            command(*words), env=self.env, cwd=self.folder, input=stdin, capture_output=True,
            text=True, timeout=PATIENCE_S, check=False,
        )  # fmt: skip
        return Ran(done.returncode, done.stdout, done.stderr)

    def spawn(self, *words: str) -> "subprocess.Popen[str]":
        """Start one command and leave it running."""
        return subprocess.Popen(
            command(*words), env=self.env, cwd=self.folder, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "hutong.cli.main", *words]


@contextlib.contextmanager
def house(folder: Path, sites: Sequence[str] = ("lab",)) -> Iterator[House]:
    made = House(folder, sites)
    made.start()
    try:
        yield made
    finally:
        if made.up is not None:
            made.stop()
        end_what_runs_in(made.data)


def end_what_runs_in(folder: Path) -> None:
    """End what a site leaves running on purpose: its supervisor and its attempts, which work in the
    site's folder and nowhere else."""
    for pid in all_pids():
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/{pid}/cwd").startswith(str(folder)):
                os.kill(pid, signal.SIGKILL)


def agents_of(folder: Path) -> list[int]:
    """The agents that drive sites below a folder."""
    found = []
    for pid in all_pids():
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if b"hutong.agent" in words and any(str(folder).encode() in word for word in words):
                found.append(pid)
    return found


def all_pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
