"""The sweep: which shapes surely fit nowhere as a cycle stands, found for all of them together.

Theory of operation. Every plain shape has one row for each pool that it could use, in a table of
that pool: what a task needs, and the number of the shape. The tables are kept from cycle to cycle
and follow the queue: only shapes that are new since the last sweep are written. A sweep asks the
index of each pool for all rows of its table in one call of a kernel. It errs on one side: a shape
that it names fits nowhere; one that it does not name may still be kept out by a reservation, by a
quota or by where its gang would have to lie. Once a pool is found where a shape may fit the pools
after it are not asked; of those before it the options know that they are out (`is_out`).

Room only shrinks within a cycle, so what a sweep found holds until the cycle ends.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hutong.scheduler.columns import Ints, Mask
from hutong.scheduler.demand import Shapes
from hutong.scheduler.fit import vector_for
from hutong.scheduler.kernels import layout
from hutong.scheduler.profile import Profile
from hutong.scheduler.records import SiteStatus
from hutong.scheduler.shapes import Shape, is_plain
from hutong.scheduler.supply import Supply

if TYPE_CHECKING:
    from hutong.scheduler.board import Board
    from hutong.scheduler.match import Matcher
    from hutong.scheduler.option import Option


class Table:
    """What shapes need on one pool: a row each, and the number of its shape, -1 for none."""

    __slots__ = ("needs", "numbers", "out", "size")

    def __init__(self) -> None:
        self.needs: Ints = np.zeros((64, layout.NEED_PLACES), np.int64)
        self.numbers: NDArray[np.int32] = np.full(64, -1, np.int32)
        self.out: Mask = np.zeros(64, np.bool_)
        self.size = 0

    def add(self, need: Ints, number: int) -> int:
        """Add a row; gives its position."""
        if self.size == len(self.numbers):
            self.needs = np.concatenate([self.needs, np.zeros_like(self.needs)])
            self.numbers = np.concatenate([self.numbers, np.full(self.size, -1, np.int32)])
            self.out = np.concatenate([self.out, np.zeros(self.size, np.bool_)])
        self.needs[self.size] = need
        self.numbers[self.size] = number
        self.size += 1
        return self.size - 1


class Sweep:
    """The tables of all pools. Losing them changes no decision."""

    def __init__(self) -> None:
        self._version = -1
        self._tables: list[Table] = []
        self._shapes: list[Shape | None] = []
        self._rows: list[list[tuple[int, int]]] = []
        self._open = np.zeros(0, np.bool_)
        self._dead = 0
        self._board: Board | None = None

    def blocked(
        self, board: "Board", supply: Supply, shapes: Shapes, matcher: "Matcher", profile: Profile
    ) -> Mask:  # fmt: skip
        """Which shapes, by number, surely fit nowhere as things stand on the board."""
        self._follow(supply, shapes, matcher, profile)
        self._board = board
        maybe = self._open.copy()
        for columns, table in zip(supply.order, self._tables, strict=True):
            if table.size and supply.statuses.get(columns.pool.site) is SiteStatus.READY:
                index, size = board.lane(columns).index, table.size
                table.out[:] = False
                index.sweep(table.needs[:size], table.numbers[:size], maybe, table.out)
        return ~maybe

    def is_out(self, board: "Board", option: "Option") -> bool:
        """Whether the last sweep over a board found that an option surely has no room."""
        if self._board is not board or option.table_row < 0:
            return False
        table = self._tables[option.columns.index]
        return option.table_row < table.size and bool(table.out[option.table_row])

    def _follow(self, supply: Supply, shapes: Shapes, matcher: "Matcher", profile: Profile) -> None:
        """Take up the shapes that are new since the last time."""
        if self._version != supply.version or self._dead > 4 * len(shapes) + 1_000:
            self._version = supply.version
            self._tables = [Table() for _ in supply.order]
            self._shapes, self._rows, self._dead = [], [], 0
            self._open = np.zeros(0, np.bool_)
        missing = len(shapes) - len(self._shapes)
        if missing > 0:
            self._shapes += [None] * missing
            self._rows += [[] for _ in range(missing)]
            self._open = np.concatenate([self._open, np.ones(missing, np.bool_)])
        for number, (shape, known) in enumerate(zip(shapes.at, self._shapes, strict=False)):
            if shape is not known:
                self._take(number, shape, matcher, profile)

    def _take(self, number: int, shape: Shape, matcher: "Matcher", profile: Profile) -> None:
        """Write the rows of a shape. One that is open could always fit, as far as is known here."""
        for pool, row in self._rows[number]:
            self._tables[pool].numbers[row] = -1
        self._dead += len(self._rows[number])
        self._shapes[number] = shape
        rows = self._rows[number] = []
        plain = is_plain(shape) and not shape.affinity
        options = matcher.match(shape, profile).options if plain else []
        plain = plain and all(option.columns.offer is None for option in options)
        self._open[number] = not plain
        if plain:
            for option in options:
                columns = option.columns
                need = vector_for(option.need, shape.tasks, option.tasks_per_node, columns)
                option.table_row = self._tables[columns.index].add(need, number)
                rows.append((columns.index, option.table_row))
