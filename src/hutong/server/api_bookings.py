"""The calendar: bookings of nodes for tenants, or for nobody."""

from typing import cast

from hutong.lifecycle import commands as do
from hutong.model.calendar import Booking
from hutong.model.errors import refuse
from hutong.model.ids import SiteId
from hutong.server.endpoint import Answer, Call
from hutong.server.tokens import Scope
from hutong.wire.api import BookingRequest, BookingView


async def list_bookings(call: Call) -> Answer:
    """The bookings that are not over, those that begin first before the others."""
    driver = call.hub.driver
    bookings = sorted(driver.machine.state.bookings.values(), key=lambda b: (b.start_ms, b.id))
    views = [_view(call, booking) for booking in bookings]
    await driver.durable()
    return Answer(views)


async def show_booking(call: Call) -> Answer:
    """One booking."""
    driver = call.hub.driver
    booking = driver.machine.state.bookings.get(call.params["booking"])
    if booking is None:
        raise refuse("booking.not_found", booking=call.params["booking"])
    await driver.durable()
    return Answer(_view(call, booking))


async def put_booking(call: Call) -> Answer:
    """Book nodes, or change a booking."""
    request, name = cast(BookingRequest, call.body), call.params["booking"]
    driver = call.hub.driver
    _check_operator(call, request.site)
    known = driver.machine.state.bookings.get(name)
    if known is not None:
        _check_operator(call, known.site)
    booking = Booking(
        name, request.kind, request.site, request.start_ms, request.end_ms, request.pool,
        request.nodes, request.nodes_count, request.tenants, request.note,
    )  # fmt: skip
    answer = await driver.submit(do.PutBooking(booking, _who(call)), call.cause)
    return Answer(_view(call, cast(Booking, answer)))


async def remove_booking(call: Call) -> Answer:
    """Take a booking back; answers what it was."""
    driver, name = call.hub.driver, call.params["booking"]
    booking = driver.machine.state.bookings.get(name)
    if booking is None:
        raise refuse("booking.not_found", booking=name)
    _check_operator(call, booking.site)
    await driver.submit(do.RemoveBooking(name, _who(call)), call.cause)
    return Answer(_view(call, booking))


def _check_operator(call: Call, site: SiteId) -> None:
    if call.principal.scope is Scope.OPERATOR and call.principal.subject != site:
        raise call.principal.forbidden(f"book anything of {site}", f"operator of {site}")


def _who(call: Call) -> str:
    return call.principal.name


def _view(call: Call, booking: Booking) -> BookingView:
    """A booking as the caller may see it: whose it is tells only whom it concerns."""
    tenants, note = booking.tenants, booking.note
    if call.principal.scope is Scope.MEMBER:
        tenants = tuple(
            [t for t in tenants if call.principal.sees(t) or _is_of(call.principal.subject, t)]
        )
        note = note if tenants or not booking.tenants else ""
    on = booking.start_ms <= call.hub.driver.clock.now_ms()
    return BookingView(
        booking.id, booking.kind.value, booking.site, booking.start_ms, booking.end_ms, on,
        booking.pool or "", booking.nodes, booking.nodes_count, tenants, note,
    )  # fmt: skip


def _is_of(member: str, tenant: str) -> bool:
    """Whether a tenant that a booking lets in is above the member's own."""
    return f"{member}/".startswith(f"{tenant}/")
