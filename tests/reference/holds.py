"""Reservations of the reference scheduler: where a gang fits first, and what that keeps."""

from typing import NamedTuple

from tests.reference.nodes import Kept, Node, Shares
from tests.reference.ways import Way

BASES = ("limits", "estimates", "none")
"""What an expected end may rest on, the surest first."""


class Hold:
    """A reservation: from `start_ms` until its holder is expected to be gone, on some nodes.

    `spare` is what is left beside it on each of its nodes at its start: CPU, memory, whole chips.
    """

    def __init__(self, job: str, way: Way, start_ms: int, shares: Shares) -> None:
        self.job = job
        self.need = way.need
        self.start_ms = start_ms
        self.basis = BASES[0]
        self.end_ms = way.end_ms(start_ms)
        self.tasks = {node.id: tasks for node, tasks in shares}
        self.spare: dict[str, list[int]] = {}

    def leaves(self, node: Node, way: Way, most: int) -> int:
        """How many tasks that stay past the start a node may take."""
        need = way.need
        if node.id not in self.tasks:
            return most
        if self.need.exclusive or need.exclusive:
            return 0
        each = (need.cpu, need.mem, need.kept)
        tasks = [left // one for left, one in zip(self.spare[node.id], each, strict=True) if one]
        return max(min([most, *tasks]), 0)

    def take(self, node: Node, way: Way, tasks: int) -> None:
        """Account tasks that are there at its start."""
        if node.id in self.spare:
            each = (way.need.cpu, way.need.mem, way.need.kept)
            before = self.spare[node.id]
            self.spare[node.id] = [b - tasks * e for b, e in zip(before, each, strict=True)]


class Found(NamedTuple):
    """Where and when a gang fits first."""

    start_ms: int
    shares: Shares
    rooms: dict[str, Node]
    kept: dict[str, list[Kept]]
