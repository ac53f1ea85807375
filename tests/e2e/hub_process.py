"""A hub as its own process on loopback, for the tests."""

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from hutong.client.client import Client
from hutong.model.ids import TenantId
from hutong.model.job import JobSpec, Program

READY_S = 30


class Reply(NamedTuple):
    """An answer as it came over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class HubProcess:
    """`python -m hutong.server` over a folder that outlives it."""

    def __init__(self, data: Path, *options: str) -> None:
        self.data = data
        self.errors = data.with_name(f"{data.name}.log")
        self._options = options
        self.process: subprocess.Popen[str] | None = None
        self.url = ""

    def start(self) -> "HubProcess":
        """Start it and wait until it says that it serves."""
        with self.errors.open("a") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "hutong.server", "--data", str(self.data), "--port", "0",
                 *self._options],
                stdout=subprocess.PIPE, stderr=errors, text=True, env=dict(os.environ),
            )  # fmt: skip
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("ready "), f"{line!r}; {self.errors.read_text()[-3_000:]}"
        self.url = line.split()[1]
        return self

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def token(self) -> str:
        return str(json.loads((self.data / "client.json").read_text())["token"])

    def client(self) -> Client:
        return Client(self.url, self.token)

    def kill(self) -> None:
        """End it without any warning."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """Ask it to stop; gives its exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: int) -> int:
        process, self.process = self.process, None
        if process is None:
            return 0
        process.send_signal(number)
        try:
            return process.wait(READY_S)
        finally:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()

    def connect(self, timeout_s: float = READY_S) -> http.client.HTTPConnection:
        address = urlsplit(self.url)
        return http.client.HTTPConnection(str(address.hostname), address.port, timeout=timeout_s)

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        """One request on a connection of its own."""
        connection = self.connect()
        sent = {"Authorization": f"Bearer {self.token}"} | (headers or {})
        if body is not None and not isinstance(body, bytes | Iterator):
            body = msgspec.json.encode(body)
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, found, answer.read())
        finally:
            connection.close()


def running_hub(data: Path, *options: str) -> Iterator[HubProcess]:
    """A hub for a fixture."""
    hub = HubProcess(data, *options).start()
    try:
        yield hub
    finally:
        hub.stop()


def job(name: str = "job", tenant: str = "default", **fields: Any) -> JobSpec:
    """A job that asks for one core."""
    return JobSpec(name=name, program=Program(argv=("true",)), tenant=TenantId(tenant), **fields)
