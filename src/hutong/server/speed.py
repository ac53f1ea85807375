"""When the hub takes up the compiled kernels of the scheduler.

A small hub does without: they cost a tenth of a gigabyte. Once its queue or its supply is large
they are loaded beside its work. Where they are not compiled yet another process does that first,
so that no cycle waits for it.
"""

import asyncio
import contextlib
import sys
from pathlib import Path

from hutong.scheduler import kernels
from hutong.scheduler.state import SchedulerState
from hutong.scheduler.worth import is_large, take_up
from hutong.server.log import LOG

WHOLE = "whole"
"""The file that says of a folder of compiled code that all of it is there."""


def is_compiled() -> bool:
    """Whether all kernels are compiled: not while somebody is at it, nor where it was broken off.

    A hub that compiled them itself could not be stopped meanwhile.
    """
    return (Path(kernels.cache_dir()) / WHOLE).is_file()


def note_compiled() -> None:
    """Say that all kernels are compiled; where that cannot be written it is looked at anew."""
    with contextlib.suppress(OSError):
        (Path(kernels.cache_dir()) / WHOLE).touch()


class Speed:
    """Loads the compiled kernels once they are worth it; asked before each cycle."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None

    def consider(self, state: SchedulerState) -> None:
        """Begin to load them where the hub has grown large."""
        if self._task is None and not kernels.is_loaded() and is_large(state):
            self._task = asyncio.get_running_loop().create_task(
                _load(compiled=is_compiled()), name="kernels"
            )

    async def close(self) -> None:
        """Leave nothing behind."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


async def _load(*, compiled: bool) -> None:
    if not compiled:
        LOG.info("compiling the scheduler's kernels in a process of their own")
        worker = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "hutong.scheduler.warm",
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            code = await worker.wait()
        except asyncio.CancelledError:
            worker.terminate()
            await worker.wait()
            raise
        if code:
            LOG.warning("the scheduler's kernels could not be compiled (exit code %d)", code)
            return
        note_compiled()
    await asyncio.to_thread(take_up)
    LOG.info("the scheduler's compiled kernels are in use")
