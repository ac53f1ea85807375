"""Shares that a cycle has placed on one pool: they have no slots yet, but will end like others."""

import numpy as np

from hutong.scheduler.columns import Ints, PoolColumns, Small
from hutong.scheduler.kernels import layout


class AddedShares:
    """The shares in columns, in the order in which they were placed.

    `table` has the columns ADDED_ROW to ADDED_EXCLUSIVE, `chips` what each gives back of the chips.
    """

    __slots__ = ("_chips", "_table", "size")

    def __init__(self, columns: PoolColumns) -> None:
        self._table = np.zeros((16, layout.ADDED_COLUMNS), np.int64)
        self._chips = np.zeros((16, len(columns.caps)), np.int16)
        self.size = 0

    def __len__(self) -> int:
        return self.size

    @property
    def table(self) -> Ints:
        """One row a share."""
        return self._table[: self.size]

    @property
    def chips(self) -> Small:
        """Thousandths by chip, one row a share."""
        return self._chips[: self.size]

    def room_for(self, count: int) -> tuple[Ints, Small, int]:
        """Both tables whole and the first of `count` new rows, which count from then on."""
        first = self.size
        self.size += count
        if self.size > len(self._table):
            more = max(len(self._table), count)
            rows = np.zeros((more, layout.ADDED_COLUMNS), np.int64)
            self._table = np.concatenate([self._table, rows])
            self._chips = np.concatenate(
                [self._chips, np.zeros((more, self._chips.shape[1]), np.int16)]
            )
        return self._table, self._chips, first
