"""The arena: the columns of all pools side by side, so that one call of a kernel sees every pool.

Theory of operation. The `Arena` belongs to the supply and says where each pool's columns begin; it
is made anew when pools come or go. A `Ground` is what one cycle changes: the nodes and chips as the
cycle leaves them, and the index of each pool. Its memory is taken at once and written only where
the cycle looks, so pools that nobody asks for cost next to nothing. A cycle that is done leaves it
to the next one, which finds it as good as new.
"""

from collections.abc import Sequence

import numpy as np

from hutong.scheduler.columns import Ints, PoolColumns, Small
from hutong.scheduler.kernels import layout
from hutong.scheduler.kernels.marks import Codes

_PLACED = 1_024
"""So many placements are made of what one call of a kernel decided, at most."""


class Arena:
    """Where the columns of each of some pools begin, and their topology domains.

    `pools` has a row a pool with the places POOL_FIRST to POOL_PLACED.
    """

    __slots__ = (
        "_spare", "chips_size", "chips_wide", "codes", "count_size", "held_size", "members",
        "order", "pools", "rows_count", "rows_most", "starts", "sums_size", "where_size",
    )  # fmt: skip

    def __init__(self, order: Sequence[PoolColumns]) -> None:
        self.order = order
        self._spare: Ground | None = None
        self.pools: Ints = np.zeros((len(order), layout.POOL_PLACES), np.int64)
        nodes = chips_at = where = count = held = codes = starts = 0
        self.rows_most = self.chips_wide = self.sums_size = 0
        for place, columns in zip(self.pools, order, strict=True):
            rows, chips = columns.chips.shape
            levels, width = columns.starts.shape
            blocks = -(-rows // layout.BLOCK)
            place[: layout.POOL_ASK] = (
                nodes, rows, chips, chips_at, where, blocks, count, levels, width - 1, held, codes,
                starts,
            )  # fmt: skip
            nodes += rows
            chips_at += rows * chips
            where += (layout.BEFORE + 1) * (rows + chips + 1)
            count += 2 * (chips + 1) * layout.STEPS * (blocks + 1)
            held += levels * (width - 1) * (chips + 1)
            codes += levels * rows
            starts += levels * width
            self.rows_most = max(self.rows_most, rows)
            self.chips_wide = max(self.chips_wide, chips)
            self.sums_size = max(self.sums_size, levels * width)
        self.rows_count, self.chips_size, self.where_size = nodes, chips_at, where
        self.count_size, self.held_size = count, held
        self.codes = _flat([columns.codes for columns in order])
        self.members = _flat([columns.members for columns in order])
        self.starts = _flat([columns.starts for columns in order])

    def take_ground(self) -> "Ground":
        """Ground for a cycle: what an earlier one left, or new."""
        spare, self._spare = self._spare, None
        return spare or Ground(self)

    def leave_ground(self, ground: "Ground") -> None:
        """Let others have it; who leaves it reads it no more."""
        ground.clear()
        self._spare = ground


class Space:
    """Room to work in for the kernels, as large as the largest pool asks for."""

    __slots__ = ("out", "rows", "shares", "sums", "tasks")

    def __init__(self, arena: Arena) -> None:
        most = arena.rows_most
        self.rows, self.tasks = np.zeros((2, most), np.int64)
        self.shares = np.zeros(2 * most + 2, np.int64)
        self.sums = np.zeros(arena.sums_size, np.int64)
        self.out = np.zeros((_PLACED, layout.OUT_PLACES), np.int64)


class Ground:
    """The columns that one cycle changes, in the places that an arena gives them."""

    __slots__ = ("arena", "chips", "count", "held", "node", "pools", "space", "where")

    def __init__(self, arena: Arena) -> None:
        self.arena = arena
        self.pools = arena.pools.copy()
        self.space = Space(arena)
        self.node: Ints = np.empty((arena.rows_count, layout.COLUMNS), np.int64)
        self.chips: Small = np.empty(arena.chips_size, np.int16)
        self.where: Codes = np.zeros(arena.where_size, np.int32)
        self.count: Codes = np.zeros(arena.count_size, np.int32)
        self.held: Codes = np.zeros(arena.held_size, np.int32)

    def clear(self) -> None:
        """Forget all pools."""
        self.pools[:] = self.arena.pools
        self.count.fill(0)
        self.held.fill(0)

    def copy_of(self, columns: PoolColumns) -> PoolColumns:
        """A pool of the arena with node columns here, as they are in the state now."""
        place = self.pools[columns.index].tolist()
        rows, chips = columns.chips.shape
        node = self.node[place[layout.POOL_FIRST] :][:rows]
        flat = self.chips[place[layout.POOL_CHIPS_FIRST] :][: rows * chips]
        node[:] = columns.node
        held = flat.reshape(rows, chips)
        held[:] = columns.chips
        return columns.beside(node, held)

    def index_of(self, columns: PoolColumns, at: int) -> tuple[Codes, Codes, Codes]:
        """Where the index of the pool at a place of the arena lies: see `kernels.nodes`."""
        place = self.pools[at].tolist()
        rows, chips = columns.chips.shape
        levels, width = columns.starts.shape
        size = rows + chips + 1
        where = self.where[place[layout.POOL_WHERE_FIRST] :][: (layout.BEFORE + 1) * size]
        classes, blocks = (chips + 1) * layout.STEPS, place[layout.POOL_BLOCKS] + 1
        count = self.count[place[layout.POOL_COUNT_FIRST] :][: 2 * classes * blocks]
        wide = (levels, width - 1, chips + 1)
        held = self.held[place[layout.POOL_HELD_FIRST] :][: wide[0] * wide[1] * wide[2]]
        return (
            where.reshape(layout.BEFORE + 1, size), count.reshape(2, classes, blocks),
            held.reshape(wide),
        )  # fmt: skip


def _flat(tables: Sequence[Ints]) -> Ints:
    return np.concatenate([np.zeros(0, np.int64), *(table.ravel() for table in tables)])
