"""Reservations: where and when a blocked job starts first, and what that keeps from others.

A reservation keeps certain nodes from a time on. A job that is expected to be gone by then may use
them; one that is not may use what will be left beside the reserved tasks (EASY backfill, Lifka,
JSSPP 1995, node by node). "Expected to be gone" goes by a job's time limit where it has one, so
that a limit makes it certain.

Theory of operation. A reservation says what is kept of its rows between two times, and what is
spare beside it at the first of the two. Room only ever gets less where a reservation begins, so
whoever fits beside all that begin while it runs fits at all times. The earliest start is looked for
in the stretches of time between which no reservation and no closure comes or goes: within one, room
only grows.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from hutong.model.calendar import Booking
from hutong.model.ids import JobId
from hutong.scheduler.availability import Availability, availability_of
from hutong.scheduler.columns import Ints, Mask, Need, PoolColumns, Rows
from hutong.scheduler.fit import Reserved, Room, Share, capacity, chips_kept, pack
from hutong.scheduler.gang_layout import Lies, fitting, lay
from hutong.scheduler.outlook import Outlook
from hutong.scheduler.shapes import NEVER_MS
from hutong.scheduler.supply import worse

_NO_ROWS = np.zeros(0, np.int64)
_NO_AMOUNTS = np.zeros((0, 3), np.int64)


class Found(NamedTuple):
    """The earliest time a gang fits a pool, the rows it would take, and what is spare there then.

    The spare columns are by position in `rows`, with what other reservations keep taken off.
    """

    start_ms: int
    basis: str
    rows: Rows
    tasks: Ints
    cpu: Ints
    mem: Ints
    whole: Ints


class Holder(NamedTuple):
    """Whom a reservation is for, and when it starts (0 where that is not known): a job, or those
    whom a booking lets in."""

    job: JobId
    start_ms: int
    booking: Booking | None = None


class Closure(NamedTuple):
    """Rows that take no new work which would run between two times, as a booking has it."""

    rows: Rows
    start_ms: int
    end_ms: int


class Hold:
    """A reservation on a pool, with what is left on its rows for jobs that stay past its start.

    `end_ms` is when its holder is expected to be gone again. `spare` is CPU, memory and whole chips
    by position in `rows`.
    """

    __slots__ = (
        "_position", "basis", "end_ms", "holder", "need", "rows", "spare", "start_ms", "tasks",
    )  # fmt: skip

    def __init__(self, holder: JobId, found: Found, need: Need, *, run_ms: int) -> None:
        self.holder = Holder(holder, found.start_ms)
        self.start_ms = found.start_ms
        self.end_ms = found.start_ms + run_ms
        self.basis = found.basis
        self.need = need
        self.rows = found.rows
        self.tasks = found.tasks
        self._position = {row: at for at, row in enumerate(found.rows.tolist())}
        self.spare: Ints = np.stack((found.cpu, found.mem, found.whole), axis=1) - self.kept

    def concerns(self) -> bool:
        """Whether it is in the way of whom the cycle looks at now."""
        return True

    @property
    def kept(self) -> Ints:
        """What is kept by position in `rows`, in the columns of `spare`."""
        return self.tasks[:, None] * _each(self.need)

    def left(self, need: Need, most: int) -> Ints:
        """How many tasks that stay past the start each of the rows may take, at most `most`."""
        return _left(self.spare, need, most, closed=self.need.exclusive)

    def bars(self, row: int, need: Need, tasks: int) -> bool:
        """Whether `tasks` tasks that stay past the start would take what is reserved of a row."""
        at = self._position.get(row)
        if at is None:
            return False
        if self.need.exclusive or need.exclusive:
            return True
        cpu, mem, whole = self.spare[at].tolist()
        return bool(
            (need.cpu > 0 and cpu < need.cpu * tasks)
            or (need.mem > 0 and mem < need.mem * tasks)
            or (need.milli > 0 and whole < chips_kept(need) * tasks)
        )

    def use(self, row: int, need: Need, tasks: int) -> None:
        """Account tasks that stay past the start on a row."""
        at = self._position.get(row)
        if at is not None:
            self.spare[at] -= (need.cpu * tasks, need.mem * tasks, chips_kept(need) * tasks)

    def make_room(self, others: Sequence["Hold"]) -> None:
        """Account this reservation in those made before it that begin while it lasts."""
        for other in others:
            if self.start_ms <= other.start_ms < self.end_ms:
                for row, tasks in zip(self.rows.tolist(), self.tasks.tolist(), strict=True):
                    other.use(row, self.need, tasks)


def _each(need: Need) -> Ints:
    """What one task takes, in the columns of `Hold.spare`."""
    return np.array([need.cpu, need.mem, chips_kept(need)], np.int64)


def _left(spare: Ints, need: Need, most: int, *, closed: Mask | bool) -> Ints:
    left = np.full(len(spare), most, np.int64)
    for column, each in enumerate(_each(need).tolist()):
        if each > 0:
            left = np.minimum(left, spare[:, column] // each)
    left[np.logical_or(closed, need.exclusive) & np.ones(len(left), np.bool_)] = 0
    return np.maximum(left, 0)


class Lines:
    """The reservations of one pool as columns, a line a row that one of them is on."""

    __slots__ = ("end", "exclusive", "kept", "row", "spare", "start")

    def __init__(self, holds: Sequence[Hold]) -> None:
        counts = [len(hold.rows) for hold in holds]
        self.row: Rows = np.concatenate([_NO_ROWS, *(hold.rows for hold in holds)])
        self.start: Ints = np.repeat([hold.start_ms for hold in holds], counts).astype(np.int64)
        self.end: Ints = np.repeat([hold.end_ms for hold in holds], counts).astype(np.int64)
        exclusive = np.array([hold.need.exclusive for hold in holds], np.bool_)
        self.exclusive: Mask = np.repeat(exclusive, counts)
        self.kept: Ints = np.concatenate([_NO_AMOUNTS, *(hold.kept for hold in holds)])
        self.spare: Ints = np.concatenate([_NO_AMOUNTS, *(hold.spare for hold in holds)])

    def reserved_at(self, rows: Rows, time_ms: int) -> Reserved | None:
        """What is kept at a time of some rows, given in order; by position in them."""
        lines = np.flatnonzero((self.start <= time_ms) & (self.end > time_ms))
        if not len(lines):
            return None
        at = rows.searchsorted(self.row[lines])
        reserved = Reserved(len(rows))
        kept = self.kept[lines]
        np.add.at(reserved.cpu, at, kept[:, 0])
        np.add.at(reserved.mem, at, kept[:, 1])
        np.add.at(reserved.whole, at, kept[:, 2])
        np.add.at(reserved.nodes, at, 1)
        reserved.closed[at[self.exclusive[lines]]] = True
        return reserved

    def limit(self, by_row: Ints, rows: Rows, query: "Query", start_ms: int) -> None:
        """Take off what begins while a job that starts at a time would still be there."""
        end_ms = start_ms + query.stay_ms
        lines = np.flatnonzero((self.start > start_ms) & (self.start < end_ms))
        if len(lines):
            closed = self.exclusive[lines]
            left = _left(self.spare[lines], query.need, query.tasks, closed=closed)
            np.minimum.at(by_row, rows.searchsorted(self.row[lines]), left)
        for closure in query.closures:
            if closure.start_ms < end_ms and closure.end_ms > start_ms:
                by_row[rows.searchsorted(closure.rows)] = 0


class Query(NamedTuple):
    """What a start is looked for: tasks of a need that stay at most `stay_ms`.

    `closures` are the bookings that do not let it in.
    """

    need: Need
    tasks: int
    stay_ms: int
    closures: Sequence[Closure] = ()


def earliest(
    columns: PoolColumns, outlook: Outlook, need: Need, tasks: int, *,
    holds: Sequence[Hold], free: tuple[int, int, int], now_ms: int, stay_ms: int = NEVER_MS // 2,
    closures: Sequence[Closure] = (), in_order: bool = False, how: Lies | None = None,
    until_ms: int = NEVER_MS,
) -> Found | None:  # fmt: skip
    """The earliest time a gang that stays `stay_ms` fits beside what is reserved; None where it
    never will, or not by `until_ms`.

    `free` is what is free on the pool as a whole, which rules most out at once. `how` says where
    tasks may lie, None that it does not matter.
    """
    wanted = (need.cpu * tasks, need.mem * tasks, need.milli * tasks)
    if outlook.count_until(free, wanted) > len(outlook):
        return None
    query = Query(need, tasks, stay_ms, closures)
    holds = [hold for hold in holds if hold.concerns()]
    lines = Lines(holds)
    search = _Search(columns, outlook, query, lines, now_ms)
    if how is not None:
        search = _LaidSearch(columns, outlook, query, lines, now_ms)
        search.how = how
    start_ms = search.first(until_ms)
    if start_ms is None:
        return None
    count = outlook.ended_by(start_ms)
    fractions = need.milli > 0 and not need.chips
    room = outlook.room_after(columns, count, fractions=fractions)
    every = np.arange(len(columns.ids))
    kept = lines.reserved_at(every, start_ms)
    by_row = capacity(room, need, tasks, kept)
    lines.limit(by_row, every, query, start_ms)
    choose = first_rows if in_order else pack
    if how is not None:
        shares = lay(by_row, tasks, columns.domains, how)
    else:
        shares = choose(by_row, tasks, columns.domains)
    basis = outlook.basis_of(count)
    for hold in holds:
        if hold.end_ms <= start_ms:
            basis = worse(basis, hold.basis)
    return found(room, shares, kept, start_ms=start_ms, basis=basis)


def reserved_at(holds: Sequence[Hold], count: int, time_ms: int) -> Reserved | None:
    """What reservations keep of the `count` nodes of a pool at a time or later."""
    lasting = [hold for hold in holds if hold.end_ms > time_ms]
    if not lasting:
        return None
    kept = Reserved(count)
    for hold in lasting:
        kept.add(hold.rows, hold.tasks, hold.need)
    return kept


class _Search:
    """The search for one start. `_rows` are those on which reservations or closures lie."""

    def __init__(
        self, columns: PoolColumns, outlook: Outlook, query: Query, lines: Lines, now_ms: int
    ) -> None:
        self._columns = columns
        self._outlook = outlook
        self._query = query
        self._lines = lines
        self._now_ms = now_ms
        self._availability: Availability = availability_of(columns, outlook)
        closed = [closure.rows for closure in query.closures]
        self._rows: Rows = np.unique(np.concatenate([lines.row, *closed]))
        steps = self._availability.steps(query.need, query.tasks)
        every = steps.gains
        self._free = self._by_time(int(steps.now.sum()), every)
        if len(self._rows):
            apart = np.ones(len(columns.ids), np.bool_)
            apart[self._rows] = False
            gains = np.where(apart[self._availability.row], every, 0)
            self._apart = self._by_time(int(steps.now[apart].sum()), gains)
        else:
            self._apart = self._free

    def _by_time(self, now: int, gains: Ints) -> Ints:
        """Tasks held now and after each end, in the order of time."""
        ordered = np.zeros(len(gains) + 1, np.int64)
        ordered[0] = now
        ordered[1 + self._availability.place] = gains
        return np.cumsum(ordered)

    def first(self, until_ms: int) -> int | None:
        """The earliest start, if it is no later than that."""
        count = int(self._free.searchsorted(self._query.tasks))
        if count >= len(self._free):
            return None
        # What was told to stop is expected to end now.
        start_ms = max(self._now_ms, int(self._outlook.times[count - 1])) if count else self._now_ms
        if not len(self._rows):
            return start_ms
        for left_ms, right_ms in self._stretches(start_ms):
            if left_ms > until_ms:
                break
            found = self._within(left_ms, right_ms)
            if found is not None:
                return found
        return None

    def _stretches(self, start_ms: int) -> Iterator[tuple[int, int]]:
        """From a time on: the times between which no reservation and no closure comes or goes."""
        start, end, stay_ms = self._lines.start, self._lines.end, self._query.stay_ms
        closures = self._query.closures
        edges = np.concatenate(
            [
                [start_ms], start, start - stay_ms + 1, end,
                np.array([c.start_ms - stay_ms + 1 for c in closures], np.int64),
                np.array([c.end_ms for c in closures], np.int64),
            ]
        )  # fmt: skip
        edges = np.unique(edges[edges >= start_ms])
        return zip(edges.tolist(), [*edges[1:].tolist(), NEVER_MS], strict=True)

    def _within(self, left_ms: int, right_ms: int) -> int | None:
        """The earliest start in a stretch: at its begin, or when something ends in it."""
        times = self._outlook.times
        low = int(times.searchsorted(left_ms, side="right"))
        high = int(times.searchsorted(right_ms, side="left"))
        last_ms = int(times[high - 1]) if high > low else left_ms
        if not self._fits(last_ms):
            return None
        if self._fits(left_ms):
            return left_ms
        high -= 1
        while low < high:
            middle = (low + high) // 2
            if self._fits(int(times[middle])):
                high = middle
            else:
                low = middle + 1
        return int(times[low])

    def _fits(self, time_ms: int) -> bool:
        """Whether the gang fits if it starts at a time."""
        query = self._query
        count = self._outlook.ended_by(time_ms)
        missing = query.tasks - int(self._apart[count])
        if missing <= 0:
            return True
        room = self._availability.at(self._rows, count, query.need)
        kept = self._lines.reserved_at(self._rows, time_ms)
        by_row = capacity(room, query.need, query.tasks, kept)
        self._lines.limit(by_row, self._rows, query, time_ms)
        return int(by_row.sum()) >= missing


class _LaidSearch(_Search):
    """The same where it matters where the tasks lie: every row is looked at, place by place."""

    how: Lies

    def first(self, until_ms: int) -> int | None:
        """The earliest start, if it is no later than that."""
        count = int(self._free.searchsorted(self._query.tasks))
        if count >= len(self._free):
            return None
        start_ms = max(self._now_ms, int(self._outlook.times[count - 1])) if count else self._now_ms
        for left_ms, right_ms in self._stretches(start_ms):
            if left_ms > until_ms:
                break
            found = self._within(left_ms, right_ms)
            if found is not None:
                return found
        return None

    def _fits(self, time_ms: int) -> bool:
        query, columns = self._query, self._columns
        fractions = query.need.milli > 0 and not query.need.chips
        count = self._outlook.ended_by(time_ms)
        room = self._outlook.room_after(columns, count, fractions=fractions)
        every = np.arange(len(columns.ids))
        kept = self._lines.reserved_at(every, time_ms)
        by_row = capacity(room, query.need, query.tasks, kept)
        self._lines.limit(by_row, every, query, time_ms)
        return fitting(by_row, query.tasks, columns.domains, self.how) >= query.tasks


def first_rows(tasks_by_row: Ints, tasks: int, domains: tuple[Rows, ...]) -> list[Share]:
    """Choose the first rows that hold a gang, on as inner a domain as holds it whole.

    What starts beside it later takes none of what it would choose, so that it chooses the same
    again: that keeps the promises of conservative backfill from cycle to cycle.
    """
    holds = np.minimum(tasks_by_row, tasks)
    rows = np.flatnonzero(holds)
    single = rows[holds[rows] >= tasks]
    if len(single):
        return [(int(single[0]), tasks)]
    for codes in reversed(domains):
        large = np.flatnonzero(np.bincount(codes[rows], weights=holds[rows]) >= tasks)
        if len(large):
            rows = rows[codes[rows] == large[0]]
            break
    taken = np.cumsum(holds[rows])
    last = int(taken.searchsorted(tasks))
    shares = list(zip(rows[: last + 1].tolist(), holds[rows[: last + 1]].tolist(), strict=True))
    shares[-1] = (shares[-1][0], shares[-1][1] - (int(taken[last]) - tasks))
    return shares


def found(
    room: Room, shares: list[Share], reserved: Reserved | None, *, start_ms: int, basis: str
) -> Found:
    """Put a start together with what is spare on its rows beside other reservations."""
    rows = np.array([row for row, _ in shares], np.int64)
    tasks = np.array([count for _, count in shares], np.int64)
    cpu, mem, whole = room.cpu[rows], room.mem[rows], room.whole[rows]
    if reserved is not None:
        cpu = cpu - reserved.cpu[rows]
        mem = mem - reserved.mem[rows]
        whole = whole - reserved.whole[rows]
    return Found(start_ms, basis, rows, tasks, cpu, mem, whole)
