"""The agent's connection to its site folder's supervisor, which it starts when there is none."""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import msgspec

from hutong.connectors.local.supervisor import PROTOCOL
from hutong.model.errors import HutongError, refuse

Json = dict[str, Any]
Heard = Callable[[list[Json]], None]
Lost = Callable[["Link"], None]
START_S = 15.0
_SOURCE = str(Path(__file__).resolve().parents[3])
_PROGRAM = (
    "import sys; sys.path.append(sys.argv[1]); "
    "from hutong.connectors.local.supervise import main; main(sys.argv[2])"
)
_decode = msgspec.json.Decoder(Json).decode


class Link(asyncio.Protocol):
    """One connection. `heard` gets the supervisor's lines in batches.

    `lost` is called once if the connection ends by itself after the supervisor's hello.
    """

    def __init__(self, heard: Heard, lost: Lost) -> None:
        self.hello: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._heard = heard
        self._lost = lost
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop has its own

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        messages = [_decode(line) for line in lines]
        if messages and not self.hello.done():
            self.hello.set_result(messages.pop(0))
        if messages:
            self._heard(messages)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self.hello.done():
            self._lost(self)
        else:
            self.hello.set_exception(ConnectionResetError())
            self.hello.exception()  # whoever waits gets it; nobody has to

    @property
    def is_open(self) -> bool:
        """Say whether something that is sent may arrive."""
        return self._transport is not None

    def send(self, line: bytes) -> None:
        """Send a line, if the connection is there; what is lost with it is sent to the next."""
        if self._transport is not None:
            self._transport.write(line)

    def close(self) -> None:
        """End the connection. `lost` is not called any more."""
        self._lost = _nothing
        if self._transport is not None:
            self._transport.close()


def _nothing(_link: Link) -> None:
    pass


async def connect(root: str, heard: Heard, lost: Lost) -> tuple[Link, Json]:
    """Connect to the supervisor of a site folder; start one first if need be.

    Gives the link and the supervisor's `hello`. Raises `connector.failed`.
    """
    deadline = asyncio.get_running_loop().time() + START_S
    while True:
        with contextlib.suppress(OSError):
            return await _connect(root, heard, lost)
        await asyncio.to_thread(_start, root)
        with contextlib.suppress(OSError):
            return await _connect(root, heard, lost)
        if asyncio.get_running_loop().time() > deadline:
            raise _failed(f"it does not answer within {START_S:g} s")
        await asyncio.sleep(0.02)  # another one is on its way out, or in


async def _connect(root: str, heard: Heard, lost: Lost) -> tuple[Link, Json]:
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _, link = await asyncio.get_running_loop().create_unix_connection(
            lambda: Link(heard, lost), f"/proc/self/fd/{folder}/supervisor.sock"
        )
    finally:
        os.close(folder)
    try:
        hello = await asyncio.wait_for(link.hello, START_S)
    except BaseException:
        link.close()
        raise
    if not link.is_open:
        raise ConnectionResetError
    if hello.get("hello") != PROTOCOL:
        link.close()
        raise _failed("the one that runs is of another version; it leaves when its attempts end")
    return link, hello


def _start(root: str) -> None:
    """Start a supervisor and wait until it serves, or has found that there is one already."""
    log = Path(root, "supervisor.log")
    with log.open("ab") as errors:
        code = subprocess.run(
            (sys.executable, "-I", "-S", "-X", "utf8", "-c", _PROGRAM, _SOURCE, root),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors,
            cwd=root, env={}, start_new_session=True, check=False,
        ).returncode  # fmt: skip
    if code:
        lines = log.read_text(errors="replace").strip().splitlines()
        raise _failed(lines[-1] if lines else f"it ended with {code}")


def _failed(problem: str) -> HutongError:
    return refuse("connector.failed", action="starting its supervisor", problem=problem)
