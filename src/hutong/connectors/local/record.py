"""The record of an attempt on disk: lines of JSON, appended by the supervisor, read by anybody.

The file itself, made with O_EXCL, is the claim: whoever made it runs the attempt, nobody else ever
does. A line with `pids` says that it started, one with `checkpointed_ms` that it wrote down its
state, one with `end` how it ended, all times in Unix ms.
`end` has a `kind` and its facts: `completed`, `exit` (code, task), `signal` (signal, task),
`time_limit` (limit_ms), `fenced` (why), `not_found` and `start_failed` (problem), `lost`.

This module is loaded by the supervisor and imports the standard library alone.
"""

import json
import os
from typing import Any

NAME = "record"
Line = dict[str, Any]


def claim(folder: str) -> int:
    """Make the record in an attempt's folder and give back its file, open for `append`.

    Raises FileExistsError if somebody has claimed the attempt already.
    """
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND
    return os.open(os.path.join(folder, NAME), flags, 0o600)


def append(record: int, line: Line) -> bool:
    """Append a line in one write. False if the disk took none or only a part of it.

    The line starts with a line feed of its own, so that what a full disk left of an earlier one
    stays apart from it.
    """
    data = b"\n" + json.dumps(line, separators=(",", ":")).encode()
    try:
        return os.write(record, data) == len(data)
    except OSError:
        return False


def read(folder: str) -> Line | None:
    """What is known of an attempt: its lines merged, the later over the earlier; None unclaimed."""
    try:
        with open(os.path.join(folder, NAME), "rb") as file:
            lines = file.read().split(b"\n")
    except (FileNotFoundError, NotADirectoryError):
        return None
    merged: Line = {}
    for line in lines:
        if line:
            try:
                merged.update(json.loads(line))
            except ValueError:
                continue
    return merged
