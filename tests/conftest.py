"""What every test gets: a user's home of its own, only loopback, and waiting without sleeping."""

import ipaddress
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("laptop", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "laptop")

# A deadline that is reached only when something is broken: long, since two cores may be busy.
PATIENCE_S = 30.0


class OutsideCall(AssertionError):
    """A test tried to reach another machine."""


def _is_loopback(address: Any) -> bool:
    if not isinstance(address, tuple):
        return True  # a Unix socket's path
    host = str(address[0])
    if host in {"", "localhost"}:
        return True
    try:
        return ipaddress.ip_address(host.split("%", maxsplit=1)[0]).is_loopback
    except ValueError:
        return False


@pytest.fixture(scope="session", autouse=True)
def only_loopback() -> Iterator[None]:
    """Refuse connections from this process to anything but this machine."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def guarded_connect(self: socket.socket, address: Any) -> None:
        if not _is_loopback(address):
            raise OutsideCall(f"tests reach only loopback, not {address!r}")
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        if not _is_loopback(address):
            raise OutsideCall(f"tests reach only loopback, not {address!r}")
        return connect_ex(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded_connect)
        patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
        yield


@pytest.fixture(scope="session", autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give the tests a home directory and no setting of the person who runs them."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("HUTONG_", "XDG_", "SLURM_", "SKYPILOT_")) or name == "KUBECONFIG":
                patch.delenv(name)
        patch.setenv("HOME", str(home))
        patch.setenv("NO_COLOR", "1")
        patch.setenv("COLUMNS", "80")
        yield home


@pytest.fixture
def eventually() -> Callable[..., Any]:
    """Return `eventually(condition, what="...", within_s=30)`: the condition's first true value.

    For what another process or thread does. It looks again every few milliseconds and fails with
    `what` once the time is over; nothing ever waits a fixed time.
    """
    pause = threading.Event()

    def wait_for(
        condition: Callable[[], Any], *, what: str = "the condition", within_s: float = PATIENCE_S
    ) -> Any:
        deadline = time.monotonic() + within_s
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > deadline:
                pytest.fail(f"{what} did not hold within {within_s:g} s (last: {value!r})")
            pause.wait(0.005)

    return wait_for
