"""What the supervisor holds of an attempt that lives.

This module is loaded by the supervisor and imports the standard library alone.
"""

import os
from typing import Any

Json = dict[str, Any]

CHECKPOINT = "checkpoint"
"""The file in an attempt's folder that its tasks touch when they have written down their state."""


class Task:
    """One task of a gang. `pid` is 0 while nothing of it runs; its process group may outlive it.

    `kind` has what it runs: the attempt's order, or one of the order's groups.
    """

    __slots__ = ("code", "env", "group", "in_setup", "kind", "pid", "rank")

    def __init__(self, rank: int, env: dict[str, str], kind: Json) -> None:
        self.rank = rank
        self.env = env
        self.kind = kind
        self.pid = self.group = 0
        self.in_setup = False
        self.code: int | None = None


class Attempt:
    """A live attempt. `kill_at_ms` is set once it is being ended, `cause` says why.

    Of its checkpoints the one at `checkpointed_ms` (Unix time) was told of last, and the next one
    is from `checkpoint_from_ms` (boot time) on.
    """

    __slots__ = (
        "cause", "checkpoint", "checkpoint_from_ms", "checkpointed_ms", "folder", "grace_ms", "id",
        "kill_at_ms", "left", "limit_at_ms", "order", "record", "started_boot_ms", "started_ms",
        "tasks", "warned",
    )  # fmt: skip

    def __init__(self, order: Json, folder: str, claimed: int) -> None:
        self.id: str = order["attempt"]
        self.order = order
        self.folder = folder
        self.record = claimed
        self.checkpoint = os.path.join(folder, CHECKPOINT)
        self.checkpointed_ms = self.checkpoint_from_ms = 0
        self.grace_ms: int = order["grace_ms"]
        self.tasks: list[Task] = []
        self.left = 0
        self.started_ms = self.started_boot_ms = 0
        self.limit_at_ms: int | None = None
        self.kill_at_ms: int | None = None
        self.cause: Json | None = None
        self.warned: dict[int, None] = {}

    def is_done(self) -> bool:
        """Say whether the gang itself has done its work, and only other groups may go on."""
        own = [task for task in self.tasks if task.kind is self.order]
        return len(own) < len(self.tasks) and all(task.code == 0 for task in own)

    def log(self, task: Task) -> str:
        """Where a task's output goes."""
        return os.path.join(self.folder, f"task-{task.rank}.log")
