"""The sweep: which shapes surely fit nowhere as a cycle stands, found for all of them together.

Theory of operation. Every plain shape has one row for each pool that it could use, in a table of
that pool: what a task needs, and the number of the shape. The tables are kept from cycle to cycle
and follow the queue: only shapes that are new since the last sweep are written, a bounded number at
a time, and where some pools changed only their rows are written again. A sweep asks the index of
each pool for all rows of its table in one call of a kernel. It errs on one side: a shape that it
names fits nowhere; one that it does not name may still be kept out by a reservation, by a quota or
by where its gang would have to lie. Once a pool is found where a shape may fit the pools after it
are not asked; of those before it the options know that they are out (`is_out`).

Room only shrinks within a cycle, so what a sweep found holds until the cycle ends.
"""

from array import array
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from hutong.scheduler.columns import Mask
from hutong.scheduler.demand import Shapes
from hutong.scheduler.fit import NO_MASK, Index
from hutong.scheduler.kernels import layout
from hutong.scheduler.profile import Profile
from hutong.scheduler.records import SiteStatus
from hutong.scheduler.shapes import Shape, is_plain
from hutong.scheduler.supply import Supply

if TYPE_CHECKING:
    from hutong.scheduler.board import Board
    from hutong.scheduler.match import Matcher
    from hutong.scheduler.option import Option


TAKEN_MAX = 1_000
"""New shapes that the first sweep of a cycle takes up at most; each sweep after it twice as many.

The others stay open. So a cycle that soon has a full plan does not match what it never looks at.
"""


class Table:
    """What shapes need on one pool: a row each, and the number of its shape, -1 for none."""

    __slots__ = ("_needs", "numbers", "out")

    def __init__(self) -> None:
        self._needs = array("q")
        self.numbers = array("i")
        self.out: Mask = np.zeros(0, np.bool_)

    def add(self, need: tuple[int, ...], number: int) -> int:
        """Add a row; gives its position."""
        self._needs.extend(need)
        self.numbers.append(number)
        return len(self.numbers) - 1

    def sweep(self, index: Index, maybe: Mask) -> None:
        """Ask a pool's index for all rows."""
        size = len(self.numbers)
        needs = np.frombuffer(self._needs, np.int64).reshape(size, layout.NEED_PLACES)
        self.out = np.zeros(size, np.bool_)
        index.sweep(needs, np.frombuffer(self.numbers, np.int32), maybe, self.out)


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
        self._take_max = TAKEN_MAX

    def blocked(
        self, board: "Board", supply: Supply, shapes: Shapes, matcher: "Matcher", profile: Profile,
        passed: Mask = NO_MASK,
    ) -> Mask:  # fmt: skip
        """Which shapes, by number, surely fit nowhere as things stand on the board.

        Not asked is after those that are `passed` over already.
        """
        self._take_max = TAKEN_MAX if self._board is not board else 2 * self._take_max
        self._follow(supply, shapes, matcher, profile)
        self._board = board
        maybe = self._open.copy()
        size = min(len(maybe), len(passed))
        maybe[:size] |= passed[:size]
        for columns, table in zip(supply.order, self._tables, strict=True):
            if table.numbers and supply.statuses.get(columns.pool.site) is SiteStatus.READY:
                table.sweep(board.lane(columns).index, maybe)
        return ~maybe

    def is_out(self, board: "Board", option: "Option") -> bool:
        """Whether the last sweep over a board found that an option surely has no room."""
        if self._board is not board or option.table_row < 0:
            return False
        out = self._tables[option.columns.index].out
        return option.table_row < len(out) and bool(out[option.table_row])

    def _follow(self, supply: Supply, shapes: Shapes, matcher: "Matcher", profile: Profile) -> None:
        """Take up the shapes that are new since the last time, and pools that changed."""
        if self._version != supply.version:
            changed = matcher.changed_since(self._version)
            self._version = supply.version
            if changed is None:
                self._clear(supply)
            else:
                self._renew(changed, shapes, matcher, profile)
        if self._dead > 4 * len(shapes) + 1_000:
            self._clear(supply)
        missing = len(shapes) - len(self._shapes)
        if missing > 0:
            self._shapes += [None] * missing
            self._rows += [[] for _ in range(missing)]
            self._open = np.concatenate([self._open, np.ones(missing, np.bool_)])
        if self._shapes == shapes.at:
            return
        left = self._take_max
        for number, (shape, known) in enumerate(zip(shapes.at, self._shapes, strict=False)):
            if shape is not known:
                if known is not None:
                    self._drop(number)
                if left:
                    left -= 1
                    self._take(number, shape, matcher, profile)

    def _clear(self, supply: Supply) -> None:
        self._tables = [Table() for _ in supply.order]
        self._shapes, self._rows, self._dead = [], [], 0
        self._open = np.zeros(0, np.bool_)

    def _renew(
        self, changed: Mapping[int, None], shapes: Shapes, matcher: "Matcher", profile: Profile
    ) -> None:
        """Write the rows of the pools that changed again, for the shapes that are still there."""
        for pool in changed:
            self._tables[pool] = Table()
        for number, (shape, known) in enumerate(zip(shapes.at, self._shapes, strict=False)):
            if known is not None:
                self._rows[number] = [row for row in self._rows[number] if row[0] not in changed]
            if shape is known:
                self._take(number, shape, matcher, profile)

    def _drop(self, number: int) -> None:
        """Forget the rows of a number: its shape is unknown, and so open."""
        self._strike(self._rows[number])
        self._shapes[number], self._rows[number] = None, []
        self._open[number] = True

    def _strike(self, rows: Iterable[tuple[int, int]]) -> None:
        for pool, row in rows:
            self._tables[pool].numbers[row] = -1
            self._dead += 1

    def _take(self, number: int, shape: Shape, matcher: "Matcher", profile: Profile) -> None:
        """Write the rows of a shape, but those that it has.

        One that is open could always fit, as far as is known here.
        """
        self._shapes[number] = shape
        plain = is_plain(shape) and not shape.affinity
        options = matcher.match(shape, profile).options if plain else []
        plain = plain and all(option.columns.offer is None for option in options)
        self._open[number] = not plain
        had = dict.fromkeys(self._rows[number])
        rows = self._rows[number] = []
        for option in options if plain else ():
            row = option.columns.index, option.table_row
            if row in had:
                del had[row]
            else:
                table = self._tables[row[0]]
                option.table_row = table.add(option.places(shape.tasks), number)
                row = row[0], option.table_row
            rows.append(row)
        self._strike(had)
