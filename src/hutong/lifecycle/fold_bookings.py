"""How events of the calendar are folded in."""

from hutong.lifecycle import events as ev
from hutong.lifecycle.ground import Ground


def booking_put(ground: Ground, event: ev.BookingPut, entry: ev.Entry) -> None:
    """Enter a booking into the calendar."""
    ground.state.bookings[event.booking.id] = event.booking
    ground.scheduler.put_booking(event.booking)
    ground.timers.watch_booking(event.booking)


def booking_gone(
    ground: Ground, event: ev.BookingRemoved | ev.BookingEnded, entry: ev.Entry
) -> None:
    """Take a booking out of the calendar."""
    del ground.state.bookings[event.booking]
    ground.scheduler.remove_booking(event.booking)
