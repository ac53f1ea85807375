"""Play many orders over a few processes of this machine, results as they come.

Theory of operation. A run shares nothing with another, and its result does not depend on the
process that plays it. Workers send what they have come to through a queue; a run that fails is a
value too, so that one bad run does not end the others.
"""

import multiprocessing
import signal
from collections.abc import Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from pathlib import Path

import msgspec

from hutong.model.errors import HutongError
from hutong.sim.outcome import Outcome
from hutong.sim.replay import replay
from hutong.sim.reports.report import ground_of, make_report
from hutong.sim.reports.values import Report
from hutong.sim.runs.build import build
from hutong.sim.runs.one import play
from hutong.sim.runs.order import RunOrder


class Failed(msgspec.Struct, frozen=True):
    """A run that came to no result, and why."""

    code: str
    message: str
    hint: str


class Played(msgspec.Struct, frozen=True):
    """What came of one order."""

    order: RunOrder
    report: Report | None = None
    failed: Failed | None = None


def play_kept(order: RunOrder, folder: Path | None) -> Played:
    """Play one order below the folder of its scenario; an error of the catalogue is kept."""
    try:
        return Played(order, report=play(order, folder / order.folder if folder else None))
    except HutongError as error:
        return Played(order, failed=Failed(error.code, error.message, error.hint))


def play_away(order: RunOrder) -> tuple[Played, Outcome | None]:
    """Play one order where nothing can be kept: the outcome travels with what came of it."""
    try:
        setup = build(order)
        outcome = replay(setup)
    except HutongError as error:
        return Played(order, failed=Failed(error.code, error.message, error.hint)), None
    return Played(order, report=make_report(outcome, ground=ground_of(setup.world))), outcome


def play_many(
    orders: Sequence[RunOrder], folder: Path | None, *, workers: int
) -> Generator[Played]:
    """Play orders over processes. Closing the generator ends the processes."""
    todo = list(reversed(orders))
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_leave_interrupts)
    running: set[Future[Played]] = set()
    try:
        while todo or running:
            while todo and len(running) < workers:
                running.add(pool.submit(play_kept, todo.pop(), folder))
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
    finally:
        _end(pool)


def _leave_interrupts() -> None:
    """Ctrl-C goes to every process of a terminal; the one that began it ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _end(pool: ProcessPoolExecutor) -> None:
    processes = list(getattr(pool, "_processes", None) or {})
    pool.shutdown(wait=False, cancel_futures=True)
    for process in multiprocessing.active_children():
        if process.pid in processes:
            process.terminate()
            process.join()
