"""`hutong logs`."""

import sys
from collections import deque
from typing import Annotated

from cyclopts import Parameter

from hutong.cli import output
from hutong.cli.options import ANY_HUB, Hub
from hutong.cli.refs import resolve
from hutong.client.client import Client
from hutong.client.follow import LogPiece
from hutong.model.errors import refuse

TAIL_BYTES = 16_384


def logs(
    job: str,
    /,
    *,
    follow: Annotated[bool, Parameter(name=("--follow", "-f"))] = False,
    task: Annotated[int, Parameter(show_default=True)] = 0,
    element: int | None = None,
    attempt: int = 0,
    tail: Annotated[int | None, Parameter(name=("--tail", "-n"))] = None,
    hub: Hub = ANY_HUB,
) -> int:
    """Print what a task wrote.

    The bytes come as they are: standard output and standard error in the order of writing.

    Parameters
    ----------
    job
        Its id (`j12` or `12`), one element of an array (`j12[5]`), or a name only one job has.
    follow
        Go on until the job has ended, over its retries.
    task
        Rank of the task within the gang, from 0.
    element
        Position of the element within the array, from 0.
    attempt
        Number of the attempt, from 1. Else the last one.
    tail
        Only the last lines, this many.
    """
    if task < 0 or attempt < 0 or (element or 0) < 0 or (tail or 0) < 0:
        raise refuse("cli.usage", problem="numbers here count from 0 upwards", command="logs")
    with hub.connect() as client:
        found = resolve(client, job)
        where = found.element if element is None else element
        last = None
        start = 0
        if tail is not None:
            last = _last_lines(client, found.job, tail, element=where, task=task, attempt=attempt)
            _write(last.data)
            start = last.offset + len(last.data)
        if follow:
            _follow(client, found.job, last, element=where, task=task, attempt=attempt, start=start)
        elif tail is None:
            _write(client.log(found.job, element=where, task=task, attempt=attempt).data)
    return 0


def _follow(
    client: Client,
    job: str,
    last: LogPiece | None,
    *,
    element: int | None,
    task: int,
    attempt: int,
    start: int,
) -> None:
    current = last.attempt if last else ""
    for piece in client.follow_log(job, element=element, task=task, attempt=attempt, offset=start):
        if current and piece.attempt != current:
            output.note(f"--- {piece.attempt} ---")
        current = piece.attempt
        _write(piece.data)


def _last_lines(
    client: Client, job: str, lines: int, *, element: int | None, task: int, attempt: int
) -> LogPiece:
    """Give the last lines, reading backwards only as far as they need."""
    size = max(TAIL_BYTES, 100 * lines)
    while True:
        piece = client.log(job, element=element, task=task, attempt=attempt, tail=size)
        # One line break more than lines wanted proves that the first of them is whole.
        if piece.offset == 0 or piece.data.count(b"\n") > lines:
            kept = deque(piece.data.splitlines(keepends=True), maxlen=lines)
            data = b"".join(kept)
            return LogPiece(piece.attempt, piece.offset + len(piece.data) - len(data), data)
        size *= 4


def _write(data: bytes) -> None:
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
