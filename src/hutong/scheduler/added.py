"""Shares that a cycle has placed: they have no slots yet, but will end like others."""

from typing import NamedTuple

import numpy as np

from hutong.scheduler.columns import Ints, PoolColumns, Small
from hutong.scheduler.kernels import layout


class Added(NamedTuple):
    """Shares in columns, a row each: ADDED_ROW to ADDED_POOL, and what each gives back of the
    chips, in thousandths."""

    table: Ints
    chips: Small


class AddedShares:
    """The shares that a cycle has placed on all pools, in the order in which they were placed."""

    __slots__ = ("chips", "size", "table")

    def __init__(self, chips_wide: int) -> None:
        self.table: Ints = np.zeros((64, layout.ADDED_COLUMNS), np.int64)
        self.chips: Small = np.zeros((64, chips_wide), np.int16)
        self.size = 0

    def on(self, columns: PoolColumns) -> Added | None:
        """Those on one pool; None where there are none."""
        table = self.table[: self.size]
        rows = np.flatnonzero(table[:, layout.ADDED_POOL] == columns.index)
        if not len(rows):
            return None
        return Added(table[rows], self.chips[rows, : len(columns.caps)])

    def make_room(self, count: int) -> None:
        """See that there is room for so many more."""
        missing = self.size + count - len(self.table)
        if missing > 0:
            more = max(len(self.table), missing)
            rows = np.zeros((more, layout.ADDED_COLUMNS), np.int64)
            self.table = np.concatenate([self.table, rows])
            chips = np.zeros((more, self.chips.shape[1]), np.int16)
            self.chips = np.concatenate([self.chips, chips])

    def room_for(self, count: int, same: tuple[int, int, int]) -> tuple[Ints, Small, int]:
        """Both tables whole and the first of `count` new rows, which count from then on.

        `same` is what they have alike: their pool, when they end, and what that rests on.
        """
        self.make_room(count)
        first = self.size
        self.size += count
        rows = self.table[first : self.size]
        rows[:, layout.ADDED_POOL], rows[:, layout.ADDED_END], rows[:, layout.ADDED_BASIS] = same
        return self.table, self.chips, first
