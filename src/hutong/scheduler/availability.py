"""Availability: how many tasks each node of a pool holds as what runs there ends.

Theory of operation. The slots of an outlook are ordered by row and then by end, with running sums
within each row. So what a node has free after each of its ends is one column operation for the
whole pool, and the time from which a pool holds a gang is read off one cumulated sum: nothing is
searched by trial. `at` gives some rows at any time, for the few that reservations are on.
"""

import numpy as np

from hutong.scheduler.columns import Ints, Need, PoolColumns, Rows
from hutong.scheduler.fit import Room, capacity
from hutong.scheduler.outlook import Outlook
from hutong.scheduler.shapes import WHOLE_MILLI

_SMALL_ROWS = 1 << 16


class Steps:
    """How many tasks the rows of a pool hold, at most `most` each: now, and more after each end.

    `now` is by row; `gains` is how many tasks more each end brings, by row and then end.
    """

    __slots__ = ("gains", "now")

    def __init__(self, now: Ints, gains: Ints) -> None:
        self.now = now
        self.gains = gains


class Availability:
    """A pool's rows as time passes. See the module's theory of operation.

    `row` is the row of each end, by row and then end; `place` its place among all ends by time.
    """

    __slots__ = (
        "_base", "_chips", "_closed", "_columns", "_cpu", "_first", "_fractions", "_key", "_mem",
        "_outlook", "_rooms", "_shares", "_steps", "_version", "_whole", "place", "row",
    )  # fmt: skip

    def __init__(self, columns: PoolColumns, outlook: Outlook) -> None:
        rows = outlook.column("row")
        small = len(columns.ids) <= _SMALL_ROWS
        self.place: Rows = np.argsort(rows.astype(np.uint16) if small else rows, kind="stable")
        self.row: Rows = rows[self.place]
        self._columns = columns
        self._outlook = outlook
        self._version = columns.version
        first = np.ones(len(rows), np.bool_)
        first[1:] = self.row[1:] != self.row[:-1]
        self._first = np.flatnonzero(first)
        self._base = np.cumsum(first) - 1
        self._key = self.row * (len(rows) + 1) + self.place
        self._cpu = self._running(outlook.column("cpu"))
        self._mem = self._running(outlook.column("mem"))
        self._shares = np.arange(1, len(rows) + 1) - self._first[self._base]
        exclusive = outlook.column("exclusive")
        self._closed = self._running(exclusive.astype(np.int64)) if exclusive.any() else None
        self._fractions = bool(outlook.column("fraction").any())
        self._whole: Ints | None = None
        self._chips: Ints | None = None
        self._steps: dict[tuple[Need, int], Steps] = {}
        self._rooms: dict[tuple[bool, bool], Room] = {}

    def steps(self, need: Need, most: int) -> Steps:
        """How many tasks of a need the rows hold as time passes."""
        known = self._steps.get((need, most))
        if known is None:
            now = capacity(Room(self._columns), need, most)
            after = capacity(self._after_each(need), need, most)
            before = np.empty_like(after)
            before[1:] = after[:-1]
            before[self._first] = now[self.row[self._first]]
            known = self._steps[need, most] = Steps(now, after - before)
        return known

    def _after_each(self, need: Need) -> Room:
        """What is free on the row of each end after it, for needs that look at chips alike."""
        key = bool(need.milli), bool(need.chips)
        known = self._rooms.get(key)
        if known is None:
            every = np.arange(len(self.row))
            known = self._rooms[key] = self._room(self.row, every, every >= 0, need)
        return known

    def is_of(self, columns: PoolColumns) -> bool:
        """Whether it was made of these columns as they are."""
        return self._columns is columns and self._version == columns.version

    def at(self, rows: Rows, count: int, need: Need) -> Room:
        """What is free on some rows once the first `count` slots of the pool have ended."""
        ends = self._key.searchsorted(rows * (len(self.row) + 1) + count) - 1
        found = ends >= self._key.searchsorted(rows * (len(self.row) + 1))
        return self._room(rows, ends, found, need)

    def _room(self, rows: Rows, ends: Rows, found: np.ndarray, need: Need) -> Room:
        """What is free on rows after one of their ends each, or now where none is `found`."""
        columns = self._columns
        room: Room = object.__new__(Room)

        def later(now: Ints, freed: Ints) -> Ints:
            if not len(freed):
                return now[rows]
            return now[rows] + np.where(found, freed[ends], 0)

        room.cpu = later(columns.free_cpu, self._cpu)
        room.mem = later(columns.free_mem, self._mem)
        room.shares = later(columns.shares, -self._shares)
        closed = columns.closed
        room.closed = closed[rows] if self._closed is None else later(closed, -self._closed)
        room.debt = columns.debt[rows]
        room.usable = columns.ready[rows]
        room.whole, room.chips = columns.whole, columns.chips
        if need.milli and len(columns.caps):
            if self._fractions or not need.chips:
                chips = columns.chips[rows].astype(np.int64)
                if len(self.row):
                    chips += np.where(found[:, None], self._chip_sums()[ends], 0)
                room.chips = chips  # type: ignore[assignment]
                room.whole = np.count_nonzero(chips == WHOLE_MILLI, axis=1).astype(np.int64)
            else:
                room.whole = later(columns.whole, self._whole_sums())
        return room

    def _whole_sums(self) -> Ints:
        if self._whole is None:
            self._whole = self._running(self._outlook.column("whole"))
        return self._whole

    def _chip_sums(self) -> Ints:
        if self._chips is None:
            self._chips = self._running(self._outlook.column("chips").astype(np.int64))
        return self._chips

    def _running(self, amounts: Ints) -> Ints:
        """Running sums within each row, of a column in the order of the ends."""
        ordered = amounts[self.place]
        sums: Ints = np.cumsum(ordered, axis=0)
        if len(sums):
            before = sums[self._first] - ordered[self._first]
            sums = sums - before[self._base]
        return sums


def availability_of(columns: PoolColumns, outlook: Outlook) -> Availability:
    """The availability of a pool, kept with its outlook for the columns it was asked for."""
    known = outlook.availability
    if isinstance(known, Availability) and known.is_of(columns):
        return known
    made = outlook.availability = Availability(columns, outlook)
    return made
