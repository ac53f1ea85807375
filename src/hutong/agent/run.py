"""Starting an agent: the site file, the lock on the site's folder, the connector, the signals."""

import asyncio
import contextlib
import fcntl
import os
import secrets
import signal
from collections.abc import Iterator
from pathlib import Path

from hutong.agent.config import AgentConfig
from hutong.agent.driver import Agent
from hutong.agent.hub import HubClient
from hutong.connectors.local.connector import LocalConnector
from hutong.connectors.local.sitefile import read_site_file
from hutong.model.errors import refuse


async def run_agent(config: AgentConfig) -> None:
    """Drive a site until cancelled. What runs then goes on, and the next agent finds it.

    Raises `file.*` for the site file, `connector.refused` for a folder that another agent drives
    and for a site that this machine is not, `connector.failed`.
    """
    site = read_site_file(config.site_file)
    hub = HubClient(config.hub_url, config.token)
    with sole_agent(config.root):
        connector = LocalConnector(site, config.root)
        await Agent(site.site, connector, hub, secrets.token_hex(8)).run()


async def run_until_signal(config: AgentConfig) -> None:
    """Drive a site until SIGTERM or SIGINT."""
    task = asyncio.create_task(run_agent(config))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


@contextlib.contextmanager
def sole_agent(root: Path) -> Iterator[None]:
    """Hold the lock of a site's folder. Raises `connector.refused` if somebody has it."""
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(root / "agent.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as problem:
        raise refuse(
            "connector.refused",
            problem=f"its folder {root} cannot be used: {problem.strerror}",
            advice="Name another one with --root.",
        ) from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise refuse(
                "connector.refused",
                problem=f"another agent drives {root}",
                advice="Stop that one first, or name another folder with --root.",
            ) from None
        yield
    finally:
        os.close(lock)
