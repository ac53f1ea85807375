"""Room for gangs whose tasks may not lie just anywhere."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from hutong.model.job import Layout
from hutong.scheduler.columns import Ints, Need, PoolColumns
from hutong.scheduler.fit import Room, Share, capacity
from hutong.scheduler.gang_layout import Lies, fitting, lay
from hutong.scheduler.match import Option
from hutong.scheduler.reserve import Holder

if TYPE_CHECKING:
    from hutong.scheduler.board import Board, Lane

_NO_ROWS = np.zeros(0, np.int64)


class Beside(NamedTuple):
    """How many tasks each row of a pool holds beside what is reserved there.

    `fits_count` is how many fit at all, `held_by` whose reservation is in the way of some.
    """

    by_row: Ints
    fits_count: int
    held_by: Holder | None


def room_beside(
    lane: "Lane", columns: PoolColumns, need: Need, tasks: int, *, end_ms: int, how: Lies
) -> Beside:
    """Room on a pool for a gang, as `columns` has it, from now until `end_ms`."""
    by_row = capacity(Room(columns), need, tasks)
    fits_count = fitting(by_row, tasks, columns.domains, how)
    if lane.closed_by is not None:
        return Beside(np.zeros_like(by_row), fits_count, Holder(lane.closed_by, 0))
    held_by: Holder | None = None
    for hold in lane.holds:
        if end_ms > hold.start_ms:
            left = hold.left(need, tasks)
            if held_by is None and bool((left < by_row[hold.rows]).any()):
                held_by = hold.holder
            by_row[hold.rows] = np.minimum(by_row[hold.rows], left)
    return Beside(by_row, fits_count, held_by)


class LaidFitting:
    """How an option fares in a cycle where it matters where the tasks lie: see `board.Fitting`."""

    __slots__ = (
        "_end_ms", "_lane", "_option", "_tasks", "exhausted", "fits_count", "held_by", "lasting",
    )  # fmt: skip

    def __init__(self, board: "Board", option: Option, tasks: int) -> None:
        self._lane = board.lane(option.columns)
        self._option = option
        self._tasks = tasks
        self._end_ms = board.now_ms + option.ready_ms + option.bound_ms
        self.exhausted = False
        self.lasting = False
        self.fits_count = 0
        self.held_by: Holder | None = None

    def shares(self) -> Sequence[Share]:
        """Where the gang goes now; empty once it does not fit, and then for the whole cycle."""
        lane, option, tasks = self._lane, self._option, self._tasks
        beside = room_beside(
            lane, lane.columns, option.need, tasks, end_ms=self._end_ms, how=option
        )
        self.fits_count = beside.fits_count
        shares = lay(beside.by_row, tasks, lane.columns.domains, option)
        if not shares:
            self.exhausted = True
            self.lasting = not lane.owned and beside.fits_count < tasks and option.near is None
            self.held_by = beside.held_by if beside.fits_count >= tasks else None
        return shares


class NearFitting(LaidFitting):
    """The same where affinities leave some nodes, or like some better than others."""

    __slots__ = ("_alone",)

    def __init__(self, board: "Board", option: Option, tasks: int) -> None:
        super().__init__(board, option, tasks)
        packed = option.layout is Layout.PACK and not board.in_order
        self._alone = packed and option.nodes_needed == 1

    def shares(self) -> Sequence[Share]:
        """Where the gang goes now: to the tightest node that holds it whole, if there is one."""
        if self._alone and self._lane.closed_by is None:
            row = self._tightest()
            if row >= 0:
                return ((row, self._tasks),)
        return super().shares()

    def _tightest(self) -> int:
        lane, option, tasks = self._lane, self._option, self._tasks
        assert option.near is not None
        vector = np.array(option.places(tasks), np.int64)
        held = [hold for hold in lane.holds if self._end_ms > hold.start_ms]
        barred = [hold.rows[hold.left(option.need, tasks) < tasks] for hold in held]
        for liked in option.near.rows_by_liking():
            rows = liked.copy()
            rows[np.concatenate([_NO_ROWS, *barred])] = False
            row = lane.index.tightest(vector, rows)
            if row >= 0:
                return row
        return -1
