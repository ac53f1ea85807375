"""The hub and the three sites of the demonstration: one `hutong up` and its children."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from hutong.cli.demo.workload import SITES
from hutong.client.calls import Patience
from hutong.client.client import Client
from hutong.client.config import CLIENT_FILE, ClientFile
from hutong.model.errors import HutongError, refuse

MARK = "demo"
"""A file that says that a data folder was made here and may be made again."""
START_S = 30
STOP_S = 20


def fresh_folder(data: Path) -> None:
    """Make an empty data folder; one of an earlier demonstration is replaced, no other."""
    if data.exists():
        if any(data.iterdir()) and not (data / MARK).is_file():
            raise refuse(
                "cli.usage",
                problem=f"{data} holds the data of a hub that is no demonstration",
                command="demo",
            )
        _refuse_if_served(data)
        shutil.rmtree(data)
    data.mkdir(parents=True)
    (data / MARK).write_text("Made by `hutong demo`, which may remove this folder.\n")


def _refuse_if_served(data: Path) -> None:
    """Leave the folder alone while a hub still serves from it."""
    found = _client_file(data)
    if found is None:
        return
    with (
        contextlib.suppress(HutongError),
        Client(found.url, found.token, patience=Patience(tries_count=1)) as client,
    ):
        client.health()
        raise SystemExit(f"A demonstration is still being served at {found.url}; stop it first.")


def _client_file(data: Path) -> ClientFile | None:
    """What a hub has written for its clients, once it has."""
    with contextlib.suppress(OSError, msgspec.DecodeError):
        return msgspec.json.decode((data / CLIENT_FILE).read_bytes(), type=ClientFile)
    return None


@contextlib.contextmanager
def house(data: Path, examples: Path, port: int) -> Iterator[Client]:
    """Start hub and sites, give a client once every site is heard, and stop them all at the end.

    What they print goes to `up.log` in the data folder.
    """
    log_path = data / "up.log"
    command = [sys.executable, "-m", "hutong.cli.main", "up"]
    command += ["--data", str(data), "--port", str(port)]
    for site in SITES:
        command += ["--site", str(examples / "sites" / site)]
    with log_path.open("wb") as log:
        up = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            env=_environment(),
        )  # fmt: skip
    try:
        with _when_served(up, data, log_path) as client:
            yield client
    finally:
        _stop(up)


def _environment() -> dict[str, str]:
    """The jobs should find the interpreter that runs this as `python3`."""
    folder = str(Path(sys.executable).parent)
    return {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}


def _when_served(up: "subprocess.Popen[bytes]", data: Path, log: Path) -> Client:
    give_up = time.monotonic() + START_S
    while time.monotonic() < give_up and up.poll() is None:
        found = _client_file(data)
        if found is not None:
            client = Client(found.url, found.token)
            with contextlib.suppress(HutongError):
                if client.health().sites_ready == len(SITES):
                    return client
            client.close()
        time.sleep(0.05)
    tail = log.read_text(errors="replace").splitlines()[-3:]
    raise refuse("hub.unreachable", address=str(data), problem=" / ".join(tail) or "it is silent")


def _stop(up: "subprocess.Popen[bytes]") -> None:
    if up.poll() is None:
        up.send_signal(signal.SIGTERM)
        try:
            up.wait(STOP_S)
        except subprocess.TimeoutExpired:
            up.kill()
            up.wait()
