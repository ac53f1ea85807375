"""Progress bars: on stderr, and only where a person watches."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hutong.cli.output import colour_on


@contextmanager
def progress(title: str, total: int, *, least: int = 100) -> Iterator[Callable[[], None]]:
    """Give what counts one step. Draws nothing for less than `least` steps, or off a terminal."""
    if total < least or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Left

    console = Console(stderr=True, no_color=not colour_on(sys.stderr))
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Left(),
        console=console, transient=True, redirect_stdout=False, redirect_stderr=False,
    )  # fmt: skip
    with bar:
        task = bar.add_task(title, total=total)
        yield lambda: bar.advance(task)
