"""A hub as a process: opens the store, serves, and leaves cleanly when told to.

The port is taken before the state is loaded, so that a port in use is told at once, and connections
are accepted only behind it. The line `ready URL` on standard output says that the hub serves; all
else goes to standard error.
"""

import asyncio
import contextlib
import gc
import ipaddress
import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Generator
from pathlib import Path

import msgspec
import uvicorn

from hutong.catalog import load_catalog
from hutong.model.errors import HutongError, refuse
from hutong.scheduler.profile import PROFILES, Profile
from hutong.server.app import App
from hutong.server.driver import Driver
from hutong.server.endpoints import ENDPOINTS
from hutong.server.hub import Hub
from hutong.server.local_token import write_client_file
from hutong.server.log import LOG, set_up
from hutong.server.protocol import Protocol
from hutong.store.sqlite import SqliteStore

DEFAULT_PORT = 8470
STORE_FILE = "hub.db"
KEEP_ALIVE_S = 75
"""Longer than an agent's heartbeat and a client's think time, so that connections are reused."""

STOP_S = 1
"""How long requests under way may go on once the hub was told to stop."""

_OPEN_FILES = 16_384

_SWITCH_INTERVAL_S = 0.0005
"""How long the event loop may keep the interpreter from the thread that writes the journal."""


class HubConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where a hub keeps its data and listens. `port` 0 takes any free one. `profile` names a
    profile of the scheduler, or a file that holds one. `allow_remote` permits an address that
    other machines can reach: there is no TLS, so tokens and jobs would travel in the clear."""

    data: Path
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    profile: str = "fair"
    log_level: str = "info"
    allow_remote: bool = False


def serve(config: HubConfig, *, on_ready: Callable[[str], None] | None = None) -> int:
    """Run a hub until SIGTERM or SIGINT. Gives the exit code: 0 when it was told to stop.

    `on_ready` gets the hub's address once it serves; it must not block.

    Raises what keeps it from starting: `hub.config`, `store.in_use`, `store.damaged` and others.
    """
    _check(config)
    profile = _profile(config.profile)
    set_up(config.log_level)
    listening = _listen(config)
    try:
        config.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as problem:
        listening.close()
        where = f"{config.data}: {problem.strerror or problem}"
        raise refuse("hub.config", setting="data", problem=where) from None
    _raise_file_limit()
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    gc.set_threshold(20_000, 20, 20)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_serve(config, profile, listening, on_ready))


def _profile(name_or_file: str) -> Profile:
    """The profile of a name; a file is read only where one is named."""
    if name_or_file in PROFILES:
        return PROFILES[name_or_file]
    from hutong.client.formats.profiles import load_profile

    return load_profile(name_or_file)


def _raise_file_limit() -> None:
    """Each agent and each reader of a stream holds a connection open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    with contextlib.suppress(ImportError):
        import uvloop

        return uvloop.new_event_loop
    return None


def _check(config: HubConfig) -> None:
    if not 0 <= config.port <= 65_535:
        raise refuse("hub.config", setting="port", problem=f"{config.port} is no port")
    if config.log_level.lower() not in ("debug", "info", "warning", "error", "critical"):
        problem = f"`{config.log_level}` is none of debug, info, warning, error, critical"
        raise refuse("hub.config", setting="log_level", problem=problem)
    if not config.allow_remote and not _is_loopback(config.host):
        problem = f"{config.host} can be reached from other machines, and there is no TLS yet"
        raise refuse("hub.config", setting="host", problem=problem)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _listen(config: HubConfig) -> socket.socket:
    """Take the port; nobody is answered before the hub serves."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            config.host, config.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind)
    except OSError as problem:
        raise _unusable(config, problem) from None
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError as problem:
        listening.close()
        raise _unusable(config, problem) from None
    return listening


def _unusable(config: HubConfig, problem: OSError) -> HutongError:
    where = f"{config.host}:{config.port} cannot be used: {problem.strerror or problem}"
    return refuse("hub.config", setting="port", problem=where)


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers, since ours also end the streams.

    `up` is set once connections are accepted.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept connections."""
        await super().startup(sockets)
        self.up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


async def _serve(
    config: HubConfig,
    profile: Profile,
    listening: socket.socket,
    on_ready: Callable[[str], None] | None,
) -> int:
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    store = SqliteStore(config.data / STORE_FILE)
    store.open()
    try:
        driver = Driver(store, load_catalog(), profile)
        hub = Hub(driver, config.data)
        await hub.start()
    except BaseException:
        store.close()
        raise
    # What was loaded lives long: the collector need not look through it again and again.
    gc.collect()
    gc.freeze()
    fenced = False

    def stop_fenced() -> None:
        nonlocal fenced
        fenced = True
        told.set()

    driver.on_fenced = stop_fenced
    try:
        url = _url(config.host, listening.getsockname()[1])
        await write_client_file(hub, config.data, url)
        await _until_told(hub, listening, told, url, on_ready)
    finally:
        await hub.close()
    LOG.info("stopped")
    return 1 if fenced else 0


async def _until_told(
    hub: Hub,
    listening: socket.socket,
    told: asyncio.Event,
    url: str,
    on_ready: Callable[[str], None] | None,
) -> None:
    server = _Server(
        uvicorn.Config(
            App(hub, ENDPOINTS),
            http=Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=STOP_S,
            backlog=2_048,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listening]), name="http")
    await server.up.wait()
    LOG.info("serving at %s, journal position %d", url, hub.driver.durable_position)
    sys.stdout.write(f"ready {url}\n")
    sys.stdout.flush()
    if on_ready is not None:
        on_ready(url)
    waiting = asyncio.create_task(told.wait())
    await asyncio.wait((serving, waiting), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    LOG.info("stopping")
    hub.stop_streams()
    # Requests that are cut off now are no faults to be told with a trace.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    server.should_exit = True
    await serving


def _url(host: str, port: int) -> str:
    if host in ("", "0.0.0.0", "::"):
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def complain(error: HutongError) -> int:
    """Tell on standard error why the hub does not start; gives the exit code."""
    sys.stderr.write(f"hutong: {error.message} ({error.code})\nhint: {error.hint}\n")
    return os.EX_CONFIG if error.status < 500 else os.EX_UNAVAILABLE
