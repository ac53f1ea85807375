"""Bookings: what is refused of them, and which nodes stand for a count."""

from hutong.lifecycle import events as ev
from hutong.lifecycle.commands import PutBooking, RemoveBooking
from hutong.lifecycle.records import SiteRecord
from hutong.lifecycle.turn import Turn
from hutong.model import limits
from hutong.model.calendar import Booking, BookingKind
from hutong.model.errors import HutongError, refuse
from hutong.model.ids import is_name, is_tenant

_NAMING = "Names are lower-case letters, digits, `-` and `.`."


def put_booking(turn: Turn, command: PutBooking) -> Booking:
    """Accept a booking or a change of one, and say which nodes it has.

    Repeating it changes nothing: what was chosen stays chosen.
    """
    booking, state = command.booking, turn.state
    known = state.bookings.get(booking.id)
    if known is not None and _as_asked(known) == booking:
        return known
    _check_form(booking, turn.now_ms)
    record = state.sites.get(booking.site)
    if record is None:
        raise refuse("site.not_found", site=booking.site)
    _check_place(booking, record)
    if known is None and len(state.bookings) >= limits.BOOKINGS:
        raise refuse("limit.reached", what="The calendar", limit=limits.BOOKINGS)
    chosen = _with_nodes(turn, booking, record)
    turn.emit(ev.BookingPut(chosen, command.by))
    return chosen


def remove_booking(turn: Turn, command: RemoveBooking) -> None:
    """Take a booking back."""
    if command.booking not in turn.state.bookings:
        raise refuse("booking.not_found", booking=command.booking)
    turn.emit(ev.BookingRemoved(command.booking, command.by))


def look_at_bookings(turn: Turn) -> None:
    """Let those end whose time is over, and let a cycle see those that begin."""
    for name in turn.fold.timers.bookings_due(turn.now_ms):
        booking = turn.state.bookings.get(name)
        if booking is None:
            continue
        if booking.end_ms <= turn.now_ms:
            turn.emit(ev.BookingEnded(name))
        else:
            turn.want_cycle()


def _as_asked(booking: Booking) -> Booking:
    """A booking without the nodes that were chosen for its count."""
    if not booking.nodes_count:
        return booking
    return Booking(
        booking.id, booking.kind, booking.site, booking.start_ms, booking.end_ms, booking.pool, (),
        booking.nodes_count, booking.tenants, booking.note,
    )  # fmt: skip


def _check_form(booking: Booking, now_ms: int) -> None:
    """What a booking says must make sense by itself."""
    problem, advice = "", "See `hutong book --help`."
    if not is_name(booking.id):
        problem, advice = "its name cannot be a name", _NAMING
    elif booking.end_ms <= booking.start_ms:
        problem, advice = "it ends before it starts", "Give a later end."
    elif booking.end_ms <= now_ms:
        problem, advice = "it is over already", "Give times to come."
    elif not 0 <= booking.start_ms < booking.end_ms <= limits.UNIX_TIME_MS:
        problem, advice = "its times are out of bounds", "Times are Unix milliseconds."
    elif booking.nodes_count < 0:
        problem, advice = "it asks for fewer than no nodes", "Leave the count away for all of them."
    elif booking.nodes and booking.nodes_count:
        problem, advice = "it names nodes and a count of them", "Give one of the two."
    elif booking.nodes_count and booking.pool is None:
        problem, advice = "it counts nodes of no pool", "Name the pool as SITE/POOL."
    elif len(dict.fromkeys(booking.nodes)) != len(booking.nodes):
        problem, advice = "it names a node twice", "Name each once."
    elif len(booking.note) > limits.BOOKING_NOTE_CHARS or not booking.note.isprintable():
        problem = f"its note is not one line of at most {limits.BOOKING_NOTE_CHARS} characters"
        advice = "Shorten it."
    elif booking.kind is BookingKind.MAINTENANCE and booking.tenants:
        problem, advice = "maintenance lets no tenant in", "Book a reservation instead."
    elif booking.kind is BookingKind.RESERVATION and not booking.tenants:
        problem, advice = "it is for nobody", "Name its tenants."
    elif len(booking.tenants) > limits.ALTERNATIVES * 16:
        problem = f"it is for more than {limits.ALTERNATIVES * 16} tenants"
        advice = "Name a tenant above them."
    for tenant in booking.tenants:
        if not problem and not is_tenant(tenant):
            problem, advice = f"{tenant} cannot be a tenant", _NAMING
    if problem:
        raise refuse("booking.invalid", booking=booking.id, problem=problem, advice=advice)


def _check_place(booking: Booking, record: SiteRecord) -> None:
    """The pool and the nodes must be there, at that site."""
    inventory = record.inventory
    if booking.pool is not None and all(pool.id != booking.pool for pool in inventory.pools):
        raise refuse("pool.not_found", pool=booking.pool)
    if booking.nodes:
        homes = {node.id: node.pool for node in inventory.nodes}
        for node in booking.nodes:
            if booking.pool not in (None, homes.get(node)) or node not in homes:
                raise refuse("node.not_found", node=node)


def _with_nodes(turn: Turn, booking: Booking, record: SiteRecord) -> Booking:
    """The booking with nodes for its count, unless other bookings leave too few."""
    scheduler = turn.fold.scheduler
    taken = scheduler.taken_from(booking) if booking.kind is BookingKind.RESERVATION else {}
    if booking.nodes_count:
        there = sum(node.pool == booking.pool for node in record.inventory.nodes)
        if booking.nodes_count > there:
            raise refuse(
                "booking.invalid", booking=booking.id,
                problem=f"{booking.pool} has {there} node(s) and not {booking.nodes_count}",
                advice="Book fewer, or leave the count away for all of them.",
            )  # fmt: skip
        nodes = scheduler.choose_nodes(booking, taken)
        if len(nodes) < booking.nodes_count:
            raise _conflict(booking, booking.nodes_count, len(nodes), list(taken.values()))
        return Booking(
            booking.id, booking.kind, booking.site, booking.start_ms, booking.end_ms, booking.pool,
            nodes, booking.nodes_count, booking.tenants, booking.note,
        )  # fmt: skip
    wanted = booking.nodes or tuple(
        [n.id for n in record.inventory.nodes if booking.pool in (None, n.pool)]
    )
    others = [taken[node] for node in wanted if node in taken]
    if others:
        raise _conflict(booking, len(wanted), len(wanted) - len(others), others)
    return booking


def _conflict(booking: Booking, wanted: int, free: int, others: list[str]) -> HutongError:
    return refuse(
        "booking.conflict", booking=booking.id, wanted=wanted, free=free,
        place=booking.pool or booking.site, other=others[0] if others else "nobody",
    )  # fmt: skip
