"""Bars on stderr: how far a run has come in simulated time, and how many of many are done."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from hutong.sim.runs.build import build_workload
from hutong.sim.runs.order import RunOrder

DAY_MS = 86_400_000


@contextmanager
def of_time(order: RunOrder) -> Iterator[Callable[[int, int, int], None]]:
    """Simulated days, jobs that are over, and jobs a CPU second.

    How many jobs there are is found by going through them once, which is quick.
    """
    count = sum(1 for _job in build_workload(order.workload, order.seed).jobs)
    words = (
        "{task.fields[days]:.1f} days  {task.fields[over]:,} jobs  {task.fields[rate]:,.0f}/CPU s"
    )
    bar = Progress(
        BarColumn(), TextColumn("{task.percentage:>3.0f}%"), TextColumn(words),
        TimeRemainingColumn(), console=Console(stderr=True), transient=True,
    )  # fmt: skip
    begun = time.process_time()
    with bar:
        task = bar.add_task("run", total=count, days=0.0, over=0, rate=0.0)

        def tell(simulated_ms: int, over: int, _handed_in: int) -> None:
            rate = over / max(time.process_time() - begun, 1e-3)
            bar.update(task, completed=over, days=simulated_ms / DAY_MS, over=over, rate=rate)

        yield tell


@contextmanager
def of_runs(total: int) -> Iterator[Callable[[], None]]:
    """How many runs are done."""
    bar = Progress(
        TextColumn("runs"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=Console(stderr=True), transient=True,
    )  # fmt: skip
    with bar:
        task = bar.add_task("runs", total=total)
        yield lambda: bar.advance(task)
