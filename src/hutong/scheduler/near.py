"""Near: which rows of one pool the affinities of a shape leave to a tenant, or would rather have.

Nothing of it is kept: a job may become welcome somewhere, or cease to be, without any room having
changed. See `vicinity`.
"""

from collections.abc import Iterator

import numpy as np

from hutong.model.ids import TenantId
from hutong.scheduler.affinity import Neighbours
from hutong.scheduler.columns import Ints, Mask, PoolColumns
from hutong.scheduler.shapes import Shape


class Near:
    """The affinities of a shape as they stand on one pool whenever it is asked."""

    __slots__ = ("_columns", "_neighbours", "_shape", "_tenant")

    def __init__(
        self, neighbours: Neighbours, shape: Shape, tenant: TenantId, columns: PoolColumns
    ) -> None:
        self._neighbours = neighbours
        self._shape = shape
        self._tenant = tenant
        self._columns = columns

    def allow(self, by_row: Ints) -> Ints:
        """How many tasks each row may take, of those that it holds."""
        rows = self._neighbours.allowed_rows(self._shape, self._tenant, self._columns)
        return by_row if rows is None else np.where(rows, by_row, 0)

    def leaves_any(self) -> bool:
        """Whether any row is left."""
        rows = self._neighbours.allowed_rows(self._shape, self._tenant, self._columns)
        return rows is None or bool(rows.any())

    def best_liking(self) -> int:
        """How many of what is only preferred the best allowed row meets."""
        counts = self._neighbours.preferred_rows(self._shape, self._tenant, self._columns)
        return int(self.allow(counts).max(initial=0)) if counts is not None else 0

    def rows_by_liking(self) -> Iterator[Mask]:
        """The allowed rows: first those that meet most preferences, and more each time."""
        neighbours, columns = self._neighbours, self._columns
        rows = neighbours.allowed_rows(self._shape, self._tenant, columns)
        if rows is None:
            rows = np.ones(len(columns.ids), np.bool_)
        counts = neighbours.preferred_rows(self._shape, self._tenant, columns)
        if counts is not None:
            for least in np.unique(counts[rows & (counts > 0)])[::-1].tolist():
                yield rows & (counts >= least)
        yield rows
