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
from typing import NamedTuple

import numpy as np

from hutong.model.calendar import Booking
from hutong.model.ids import NodeId, TenantId
from hutong.model.tenant import ancestors
from hutong.scheduler.columns import PoolColumns, Rows
from hutong.scheduler.reserve import Closure
from hutong.scheduler.shapes import NEVER_MS

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
                for booked in self._on(columns)
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

    def first_on(
        self, columns: PoolColumns, entry: tuple[str, ...], now_ms: int, end_ms: int
    ) -> Booking | None:
        """The booking that closes rows of a pool first to a job that runs until `end_ms`."""
        found = [
            booked.booking
            for booked in self._on(columns)
            if booked.closure.end_ms > now_ms
            and booked.closure.start_ms < end_ms
            and booked.booking.id not in entry
        ]
        return min(found, key=lambda booking: (booking.start_ms, booking.id), default=None)

    def _on(self, columns: PoolColumns) -> list[Booked]:
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
