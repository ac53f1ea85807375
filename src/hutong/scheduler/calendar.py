"""The calendar: which nodes bookings keep from whom, and when.

Theory of operation. A booking covers rows of one or more pools. For a job that it does not let in
these rows are closed from as long before its start as the job may run until its end: nobody is
stopped by a booking, so whoever could still be there must not begin. Whom it lets in is not
concerned at all. The rows are worked out once a pool and change of the calendar; a row that is gone
is gone from the booking, and comes back into it.

Which nodes stand for a count is chosen when the booking is accepted (`choose`): the ones that are
expected to be free first, those that no other booking has. What is promised is certain from then
on, and the journal says what it was.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from hutong.model.calendar import Booking
from hutong.model.ids import JobId, NodeId, TenantId
from hutong.model.tenant import ancestors
from hutong.scheduler.columns import Ints, Need, PoolColumns, Rows
from hutong.scheduler.reserve import Closure, Found, Hold, Holder
from hutong.scheduler.shapes import NEVER_MS
from hutong.scheduler.supply import BASES

if TYPE_CHECKING:
    from hutong.scheduler.option import Option

_ROWS = "booked rows"
_NO_ROWS = np.zeros(0, np.int64)
NOBODY: tuple[str, ...] = ()
"""Whom no booking lets in."""


class Booked(NamedTuple):
    """A booking as it lies on one pool."""

    booking: Booking
    closure: Closure


class Calendar:
    """The bookings that are not over. `version` moves with every change."""

    def __init__(self) -> None:
        self.bookings: dict[str, Booking] = {}
        self.version = 0
        self._entries: dict[TenantId, tuple[str, ...]] = {}

    def put(self, booking: Booking) -> None:
        """Add a booking, or replace the one of its name."""
        if self.bookings.get(booking.id) != booking:
            self.bookings[booking.id] = booking
            self._change()

    def remove(self, booking: str) -> None:
        """Forget a booking."""
        if self.bookings.pop(booking, None) is not None:
            self._change()

    def entry(self, tenant: TenantId) -> tuple[str, ...]:
        """The bookings that let a tenant in, by name. Tenants with equal ones are treated alike."""
        if not self.bookings:
            return NOBODY
        found = self._entries.get(tenant)
        if found is None:
            above = ancestors(tenant)
            found = tuple(
                [b.id for b in self.bookings.values() if any(t in above for t in b.tenants)]
            )
            self._entries[tenant] = found
        return found

    def closures(
        self, columns: PoolColumns, entry: tuple[str, ...], now_ms: int
    ) -> tuple[Closure, ...]:
        """The rows of a pool that are closed to whom some bookings let in, now or later."""
        if not self.bookings:
            return ()
        return tuple(
            [
                booked.closure
                for booked in self.on(columns)
                if booked.closure.end_ms > now_ms and booked.booking.id not in entry
            ]
        )

    def barred(self, columns: PoolColumns, tenant: TenantId, now_ms: int, end_ms: int) -> Rows:
        """The rows of a pool that a job of a tenant may not use from now until `end_ms`."""
        closed = self.closures(columns, self.entry(tenant), now_ms)
        rows = [closure.rows for closure in closed if closure.start_ms < end_ms]
        return np.unique(np.concatenate([_NO_ROWS, *rows]))

    def bars(
        self, columns: PoolColumns, row: int, tenant: TenantId, *, now_ms: int, end_ms: int
    ) -> bool:
        """Whether such a job may not use one row."""
        return row in self.barred(columns, tenant, now_ms, end_ms)

    def on(self, columns: PoolColumns) -> list[Booked]:
        """The bookings that have rows of a pool, by name."""
        known: tuple[int, list[Booked]] | None = columns.memo.get(_ROWS)
        if known is not None and known[0] == self.version:
            return known[1]
        found = []
        for booking in sorted(self.bookings.values(), key=lambda booking: booking.id):
            rows = rows_of(booking, columns)
            if len(rows):
                closure = Closure(rows, booking.start_ms, booking.end_ms)
                found.append(Booked(booking, closure))
        columns.memo[_ROWS] = (self.version, found)
        return found

    def _change(self) -> None:
        self.version += 1
        self._entries.clear()


class BookedHold(Hold):
    """A booking as a reservation on a pool, which has no job and leaves nothing to spare."""

    __slots__ = ("_gate",)

    def __init__(self, booked: Booked, gate: "Gate") -> None:
        booking, rows = booked.booking, booked.closure.rows
        nothing = np.zeros(len(rows), np.int64)
        found = Found(
            booking.start_ms, BASES[0], rows, nothing, nothing, nothing, nothing
        )  # fmt: skip
        run_ms = booking.end_ms - booking.start_ms
        super().__init__(JobId(""), found, Need(0, 0, exclusive=True), run_ms=run_ms)
        self.holder = Holder(JobId(""), booking.start_ms, booking)
        self._gate = gate

    def concerns(self) -> bool:
        """Whether it does not let in whom the cycle looks at now."""
        booking = self.holder.booking
        return booking is not None and booking.id not in self._gate.entry

    def left(self, need: Need, most: int) -> Ints:
        """Nothing, unless it lets the asker in."""
        return np.full(len(self.rows), 0 if self.concerns() else most, np.int64)

    def bars(self, row: int, need: Need, tasks: int) -> bool:
        """Whether the row is booked against the asker."""
        return self.concerns() and super().bars(row, need, tasks)

    def use(self, row: int, need: Need, tasks: int) -> None:
        """Nothing is accounted: there is nothing to spare, or it does not matter."""


class Gate:
    """The calendar as one cycle asks it, for the tenant that it looks at now (`let`).

    `entry` names the bookings that let that tenant in. `until_ms` is how long the jobs that are
    looked at for evictions may stay.
    """

    __slots__ = ("_calendar", "_now_ms", "entry", "tenant", "until_ms")

    def __init__(self, calendar: Calendar, now_ms: int) -> None:
        self._calendar = calendar
        self._now_ms = now_ms
        self.entry = NOBODY
        self.tenant = TenantId("")
        self.until_ms = now_ms

    def let(self, tenant: TenantId) -> None:
        """Look at jobs of a tenant from now on."""
        self.tenant = tenant
        if self._calendar.bookings:
            self.entry = self._calendar.entry(tenant)

    def watch(self, options: Sequence["Option"]) -> None:
        """Look at jobs that would run as one of some options."""
        if self._calendar.bookings:
            stays = [option.ready_ms + option.bound_ms for option in options]
            self.until_ms = self._now_ms + max(stays, default=0)

    @property
    def key(self) -> tuple[int, tuple[str, ...]]:
        """What an answer that closures went into depends on, beside the pool."""
        return self._calendar.version, self.entry

    def holds_on(self, columns: PoolColumns) -> list[BookedHold]:
        """The bookings on a pool that are not over."""
        if not self._calendar.bookings:
            return []
        on = self._calendar.on(columns)
        return [BookedHold(each, self) for each in on if each.closure.end_ms > self._now_ms]

    def parts(self, options: Sequence["Option"]) -> bool:
        """Whether some tenants may use nodes of the options' pools that others may not."""
        if not self._calendar.bookings:
            return False
        return any(
            booked.booking.tenants
            for option in options
            for booked in self._calendar.on(option.columns)
        )


def rows_of(booking: Booking, columns: PoolColumns) -> Rows:
    """The rows of a pool that a booking covers, in order."""
    if booking.site != columns.pool.site or booking.pool not in (None, columns.pool.id):
        return _NO_ROWS
    if not booking.nodes and not booking.nodes_count:
        return np.arange(len(columns.ids))
    named = dict.fromkeys(booking.nodes)
    return np.array([row for row, node in enumerate(columns.ids) if node in named], np.int64)


def overlapping(bookings: Iterable[Booking], booking: Booking) -> list[Booking]:
    """The other bookings at the same site whose time overlaps with a booking's."""
    return [
        other
        for other in bookings
        if other.id != booking.id
        and other.site == booking.site
        and other.start_ms < booking.end_ms
        and other.end_ms > booking.start_ms
    ]


def taken_by(
    bookings: Iterable[Booking], booking: Booking, pools: Sequence[PoolColumns]
) -> dict[NodeId, str]:
    """The nodes that other bookings have while a booking lasts, and whose they are."""
    taken: dict[NodeId, str] = {}
    for other in overlapping(bookings, booking):
        for columns in pools:
            for row in rows_of(other, columns).tolist():
                taken.setdefault(columns.ids[row], other.id)
    return taken


def choose(
    columns: PoolColumns, count: int, kept: Sequence[NodeId], taken: dict[NodeId, str]
) -> tuple[NodeId, ...]:
    """The nodes that stand for a booking of so many of a pool; fewer where there are not enough.

    Those it had before come first, then ready ones, then those expected to be free first, then the
    first of the pool. `taken` are nodes that other bookings have.
    """
    slots = columns.slots
    live = slots.live()
    ends = np.zeros(len(columns.ids), np.int64)
    np.maximum.at(ends, slots.row[live], slots.end[live])
    before = dict.fromkeys(kept)
    rows = [row for row, node in enumerate(columns.ids) if node not in taken]
    rows.sort(
        key=lambda row: (
            columns.ids[row] not in before,
            not columns.ready[row],
            min(int(ends[row]), NEVER_MS),
            row,
        )
    )
    return tuple([columns.ids[row] for row in sorted(rows[:count])])
