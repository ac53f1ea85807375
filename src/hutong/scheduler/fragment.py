"""Choosing nodes by what a placement spoils for the tasks that come next: see `kernels.fragments`.

Theory of operation. Every need that a cycle asks about has a number, and a slot of a table with
what it raises by row, over the rows of all pools. A slot is worked out for a pool when it is first
asked for, and then followed along the shares that the cycle placed. There are as many slots as
needs until the table is as large as it may be; then needs share slots and are worked out again.
"""

from collections.abc import Callable

import numpy as np

from hutong.scheduler.added import AddedShares
from hutong.scheduler.arena import Ground
from hutong.scheduler.columns import Ints, Mask, PoolColumns
from hutong.scheduler.fit import Index
from hutong.scheduler.kernels import active, fragments, layout
from hutong.scheduler.typical import Typical

_CELLS_MAX = 2**22
_SLOTS_FIRST = 16

_NO_INTS = np.zeros(0, np.int64)
_NO_TABLE = np.zeros((0, 0), np.int64)

NO_TABLES: fragments.Tables = (
    _NO_INTS, _NO_INTS, _NO_TABLE, _NO_TABLE, _NO_TABLE, _NO_TABLE, _NO_INTS,
    np.zeros((0, 0), np.bool_), _NO_INTS, _NO_INTS, _NO_INTS, _NO_TABLE,
)  # fmt: skip
"""For cycles that choose nodes in another way."""


class Fragments:
    """What needs raise on the ground of a cycle, and the tables that tell so to the kernels."""

    def __init__(self, ground: Ground, added: AddedShares, typical: Callable[[], Typical]) -> None:
        self.ground = ground
        self._added = added
        self._typical = typical
        self._numbers: dict[bytes, int] = {}
        self._tables: fragments.Tables | None = None
        rows = max(ground.arena.rows_count, 1)
        self._slots_most = max(_CELLS_MAX // rows, _SLOTS_FIRST)

    @property
    def tables(self) -> fragments.Tables:
        """What the kernels compute on. There is at least one slot."""
        if self._tables is None:
            typical, arena = self._typical(), self.ground.arena
            rows, slots = arena.rows_count, _SLOTS_FIRST
            self._tables = (
                typical.rates, typical.wastes.copy(), typical.kinds, typical.terms,
                np.zeros((slots, rows), np.int64), np.zeros((rows, fragments.STATES), np.int64),
                np.zeros(slots + 1, np.int64),
                np.zeros((slots + 1, len(self.ground.pools)), np.bool_),
                np.zeros(rows + 1, np.int64), np.full(slots + 1, -1, np.int64),
                np.zeros(arena.chips_wide, np.int64), np.zeros((rows, 2), np.int64),
            )  # fmt: skip
        return self._tables

    def index(self, columns: PoolColumns, ground: Ground | None) -> "FragmentIndex":
        """The index of a pool that chooses by this."""
        return FragmentIndex(columns, self, ground)

    def number(self, need: Ints) -> int:
        """The number of a need; there is a slot for it from then on."""
        key = need[: layout.NEED_PER_NODE].tobytes()
        number = self._numbers.setdefault(key, len(self._numbers))
        slots = len(self.tables[4])
        if number >= slots and slots < self._slots_most:
            self._grow(min(2 * slots, self._slots_most))
        return number

    def row(self, need: Ints, pool: int, rows: int, allowed: Mask) -> int:
        """The row of a pool where a need raises least, or -1."""
        keys = self._follow(need, pool)
        first = int(self.ground.pools[pool, layout.POOL_FIRST])
        return int(active().fragments.least(keys, first, rows, allowed))

    def key(self, need: Ints, pool: int, row: int) -> int:
        """What a need raises on a row, with the ties below it."""
        return int(self._follow(need, pool)[self.ground.pools[pool, layout.POOL_FIRST] + row])

    def _follow(self, need: Ints, pool: int) -> Ints:
        """The slot of a need, as things are now on a pool."""
        number, tables, ground, added = self.number(need), self.tables, self.ground, self._added
        keys = tables[4]
        slot = number % len(keys)
        active().fragments.renew(
            slot, pool, need, number, ground.pools, ground.node, ground.chips, added.table,
            added.size, tables,
        )  # fmt: skip
        slots: Ints = keys[slot]
        return slots

    def _grow(self, slots: int) -> None:
        """Have more slots; a need keeps its own, and the states stay last."""
        tables = self.tables
        rates, wastes, kinds, terms, keys, states, done, fresh, stamps, owners, left, spots = tables
        size, more = len(keys), slots - len(keys)
        no_pools = np.zeros((more, fresh.shape[1]), np.bool_)
        self._tables = (
            rates, wastes, kinds, terms,
            np.concatenate([keys, np.zeros((more, keys.shape[1]), np.int64)]), states,
            np.insert(done, size, np.zeros(more, np.int64)),
            np.concatenate([fresh[:size], no_pools, fresh[size:]]), stamps,
            np.insert(owners, size, np.full(more, -1, np.int64)), left, spots,
        )  # fmt: skip


class FragmentIndex(Index):
    """The index of a pool where nodes are chosen by what a placement spoils."""

    __slots__ = ("_fragments",)

    def __init__(
        self, columns: PoolColumns, all_pools: Fragments, ground: Ground | None = None
    ) -> None:
        super().__init__(columns, ground)
        self._fragments = all_pools

    def tightest(self, need: Ints, allowed: Mask) -> int:
        """The row on which all the tasks of a need raise least, or -1."""
        columns = self.columns
        return self._fragments.row(need, columns.index, len(columns.ids), allowed)

    def key(self, need: Ints, row: int) -> int:
        """What the tasks raise on a row that holds them: less is better."""
        return self._fragments.key(need, self.columns.index, row)
