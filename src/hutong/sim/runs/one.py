"""Play one order to its end, kept in a folder so that it can be broken off and gone on with.

Theory of operation. While it plays, the run is written down now and then, beside where its result
will lie; an interrupted one goes on from there and comes to the same result, byte for byte but for
the CPU times. A result that is there already is not made again. What lies in the folder of another
order is never written over.
"""

import time
from collections.abc import Callable
from pathlib import Path

from hutong.model.errors import refuse
from hutong.sim.replay import Replay
from hutong.sim.reports.folder import is_whole, read_report, read_run, write_result
from hutong.sim.reports.report import ground_of, make_report
from hutong.sim.reports.values import Report
from hutong.sim.runs.build import build
from hutong.sim.runs.order import RunOrder

CHECKPOINT = "checkpoint"
SAVE_EVERY_S = 30.0
"""So much CPU time passes between two checkpoints."""

Watch = Callable[[int, int, int], None]
"""Called with simulated ms, jobs that are over and jobs that were handed in. May raise."""


class _TimeToSave(Exception):
    """Raised between two instants of a run."""


def is_done(order: RunOrder, folder: Path) -> bool:
    """Whether the result of an order lies in a folder, whole. Raises `scenario.other_result`."""
    if not (folder / "run.json").exists():
        return False
    run = read_run(folder)
    if run.notes.get("order") != order.digest:
        raise refuse("scenario.other_result", path=str(folder))
    return run.facts.finished and is_whole(folder)


def play(order: RunOrder, folder: Path | None = None, *, watch: Watch | None = None) -> Report:
    """Play an order, or take its result from the folder where that is there already.

    Without a folder nothing is written. Interrupted, it leaves a checkpoint and the result so far.
    """
    if folder is not None and is_done(order, folder):
        return read_report(folder)
    setup = build(order)
    run = _begun(folder, Replay(setup))
    while True:
        try:
            run.run(observe=_Observer(watch, saves=folder is not None))
            break
        except _TimeToSave:
            assert folder is not None
            _save(run, folder)
        except KeyboardInterrupt:
            if folder is not None:
                _save(run, folder)
                _write(run, order, folder)
            raise
    if folder is None:
        return make_report(run.outcome(), ground=ground_of(setup.world))
    report = _write(run, order, folder)
    (folder / CHECKPOINT).unlink(missing_ok=True)
    return report


def _write(run: Replay, order: RunOrder, folder: Path) -> Report:
    """Write down what came of a run so far."""
    outcome = run.outcome()
    report = make_report(outcome, ground=ground_of(run.setup.world))
    write_result(folder, outcome, report, notes={"order": order.digest})
    return report


class _Observer:
    """Tells who watches, and breaks the run off when it is time to write it down."""

    def __init__(self, watch: Watch | None, *, saves: bool) -> None:
        self._watch = watch
        self._until_s = time.process_time() + SAVE_EVERY_S if saves else float("inf")

    def __call__(self, simulated_ms: int, over: int, handed_in: int) -> None:
        if self._watch is not None:
            self._watch(simulated_ms, over, handed_in)
        if time.process_time() > self._until_s:
            raise _TimeToSave


def _begun(folder: Path | None, fresh: Replay) -> Replay:
    """The run as far as it had come, or the fresh one."""
    path = folder / CHECKPOINT if folder is not None else None
    if path is None or not path.exists():
        return fresh
    return Replay.load(path, fresh.setup)


def _save(run: Replay, folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        run.save(folder / CHECKPOINT)
    except OSError as problem:
        words = problem.strerror or str(problem)
        raise refuse("report.unwritable", path=str(folder / CHECKPOINT), problem=words) from problem
