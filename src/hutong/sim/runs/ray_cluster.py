"""Play many orders on a Ray cluster: the same runs, and so the same results.

Each order is one Ray task that gives back what came of it; what is to be kept is written where the
command runs. The cluster's machines need Hutong installed and the files that orders name.
"""

from collections.abc import Generator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from hutong.model.errors import refuse
from hutong.sim.reports.folder import read_report, write_result
from hutong.sim.reports.values import Report
from hutong.sim.runs.many import Played, play_away
from hutong.sim.runs.one import is_done
from hutong.sim.runs.order import RunOrder


def play_on_ray(
    orders: Sequence[RunOrder], folder: Path | None, *, address: str
) -> Generator[Played]:
    """Play orders on the cluster at an address, such as `127.0.0.1:6379` or `auto`.

    Raises `scenario.ray` where Ray is not installed here or nobody answers there.
    """
    try:
        ray = import_module("ray")
    except ImportError:
        problem = "the package `ray` is not installed here"
        raise refuse("scenario.ray", address=address, problem=problem) from None
    try:
        ray.init(address=address, log_to_driver=False, configure_logging=False)
    except Exception as error:  # Ray raises what its layers raise
        words = str(error).partition("\n")[0] or type(error).__name__
        raise refuse("scenario.ray", address=address, problem=words) from None
    try:
        yield from _played(ray, orders, folder)
    finally:
        ray.shutdown()


def _played(ray: Any, orders: Sequence[RunOrder], folder: Path | None) -> Generator[Played]:
    task = ray.remote(play_away)
    running: dict[Any, RunOrder] = {}
    for order in orders:
        kept = _kept(order, folder)
        if kept is not None:
            yield Played(order, report=kept)
        else:
            running[task.remote(order)] = order
    while running:
        done, _ = ray.wait(list(running), num_returns=1)
        for reference in done:
            order = running.pop(reference)
            played, outcome = ray.get(reference)
            if folder is not None and played.report is not None:
                notes = {"order": order.digest}
                write_result(folder / order.folder, outcome, played.report, notes=notes)
            yield played


def _kept(order: RunOrder, folder: Path | None) -> Report | None:
    """The result that lies there already, if any."""
    if folder is None or not is_done(order, folder / order.folder):
        return None
    return read_report(folder / order.folder)
