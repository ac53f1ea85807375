"""A real hub and real agents as processes, for end-to-end tests and benchmarks.

Each process is started by this program and ended by its own id, with SIGTERM or, on purpose, with
SIGKILL. Nothing outlives the `with` block, running attempts included.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

import msgspec

from hutong.client.client import Client
from hutong.client.config import CLIENT_FILE, ClientFile
from hutong.model.errors import HutongError
from hutong.wire.api import TokenRequest

START_S = 30.0
STOP_S = 15.0


class Fleet:
    """A hub on SQLite in `folder`, and agents of local sites. `env` is added to each process's.

    `profile` is the scheduler's: a name or a file.
    """

    def __init__(
        self, folder: Path, *, env: dict[str, str] | None = None, profile: str = "fair"
    ) -> None:
        self.folder = folder
        self._profile = profile
        self.data = folder / "hub"
        self.port = 0
        self._env = {**os.environ, **(env or {}), "PYTHONUNBUFFERED": "1"}
        self._hub: subprocess.Popen[bytes] | None = None
        self._agents: dict[str, subprocess.Popen[bytes]] = {}
        self._sites: dict[str, Path] = {}

    def __enter__(self) -> "Fleet":
        self.folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for site in list(self._agents):
            self.kill_agent(site)
        self.kill_hub()
        for site in self._sites:
            self._end_attempts(site)

    # The hub

    def start_hub(self) -> None:
        """Start the hub and wait until it is ready; it keeps its port over restarts."""
        words = ["--data", str(self.data), "--port", str(self.port), "--profile", self._profile]
        self._hub = self._spawn("hub", "hutong.server", words)
        self._wait("the hub", self._is_ready, self._hub)
        self.port = int(self._client_file().url.rpartition(":")[2])

    def kill_hub(self, *, sent: signal.Signals = signal.SIGKILL) -> None:
        """End the hub, with SIGKILL unless told otherwise, and wait until it is gone."""
        if self._hub is not None:
            _end(self._hub, sent)
            self._hub = None

    @property
    def hub_pid(self) -> int:
        """The hub's process."""
        assert self._hub is not None, "the hub runs"
        return self._hub.pid

    def client(self) -> Client:
        """A client with the admin's token."""
        found = self._client_file()
        return Client(found.url, found.token)

    # Agents

    def add_site(self, name: str, text: str) -> None:
        """Write a site file and make a token for its agent. The hub must run."""
        file = self.folder / f"{name}.yaml"
        file.write_text(text)
        self._sites[name] = file
        with self.client() as client:
            token = client.create_token(TokenRequest(f"agent of {name}", "agent", name))
        secret = self.folder / f"{name}.token"
        secret.touch(mode=0o600)
        secret.write_text(token.secret)

    def start_agent(self, site: str) -> None:
        """Start a site's agent and wait until the hub has heard it."""
        self.spawn_agent(site)
        self.wait_for_sites(site)

    def spawn_agent(self, site: str) -> None:
        """Start a site's agent without waiting."""
        words = ["--hub", self._client_file().url, "--site", str(self._sites[site])]
        words += ["--token-file", str(self.folder / f"{site}.token")]
        words += ["--root", str(self.root(site))]
        self._agents[site] = self._spawn(f"agent-{site}", "hutong.agent", words)

    def wait_for_sites(self, *sites: str) -> None:
        """Wait until the hub hears these sites."""
        with self.client() as client:

            def heard() -> bool:
                with contextlib.suppress(HutongError):
                    ready = {view.id for view in client.sites() if view.status == "ready"}
                    return ready.issuperset(sites)
                return False

            self._wait(f"{', '.join(sites)} to be heard", heard)

    def kill_agent(self, site: str, *, sent: signal.Signals = signal.SIGKILL) -> None:
        """End a site's agent, with SIGKILL unless told otherwise. Its attempts go on."""
        agent = self._agents.pop(site, None)
        if agent is not None:
            _end(agent, sent)

    def agent_pid(self, site: str) -> int:
        """The process of a site's agent."""
        return self._agents[site].pid

    def root(self, site: str) -> Path:
        """The folder in which a site's attempts live."""
        return self.folder / f"site-{site}"

    # Within

    def _spawn(self, name: str, module: str, words: list[str]) -> "subprocess.Popen[bytes]":
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", module, *words],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=self._env, cwd=self.folder, start_new_session=True,
            )  # fmt: skip

    def _wait(
        self,
        what: str,
        done: Callable[[], bool],
        process: "subprocess.Popen[bytes] | None" = None,
    ) -> None:
        give_up = time.monotonic() + START_S
        while not done():
            ended = process is not None and process.poll() is not None
            if ended or time.monotonic() > give_up:
                tails = [log.read_text(errors="replace")[-2000:] for log in self._logs()]
                raise AssertionError(f"waited in vain for {what}:\n" + "\n---\n".join(tails))
            time.sleep(0.01)

    def _logs(self) -> Iterator[Path]:
        yield from sorted(self.folder.glob("*.log"))

    def _client_file(self) -> ClientFile:
        return msgspec.json.decode((self.data / CLIENT_FILE).read_bytes(), type=ClientFile)

    def _is_ready(self) -> bool:
        assert self._hub is not None
        with (
            contextlib.suppress(HutongError, OSError, msgspec.DecodeError),
            self.client() as client,
        ):
            health = client.health()
            return health.status in ("ok", "ready")
        return False

    def _end_attempts(self, site: str) -> None:
        """End what still runs at a site: processes whose working folder is below its root."""
        root = str(self.root(site))
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            with contextlib.suppress(OSError):
                if os.readlink(entry / "cwd").startswith(root):
                    os.kill(int(entry.name), signal.SIGKILL)
        shutil.rmtree(root, ignore_errors=True)


def _end(process: "subprocess.Popen[bytes]", sent: signal.Signals) -> None:
    if process.poll() is None:
        process.send_signal(sent)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
