"""`hutong bookings` and `hutong unbook`."""

from hutong.cli import human, output
from hutong.cli.options import ANY_HUB, Hub, Json
from hutong.cli.table import Cell, Column
from hutong.wire.api import BookingView


def bookings(*, json: Json = False, hub: Hub = ANY_HUB) -> int:
    """List the bookings that are not over.

    Maintenance keeps nodes out of use, a reservation keeps them for tenants.
    """
    with hub.connect() as client:
        found = client.bookings()
    if json:
        output.document(found)
    elif not found:
        output.note("Nothing is booked; `hutong book --help` shows how.")
    else:
        _show(found)
    return 0


def unbook(name: str, /, *, json: Json = False, hub: Hub = ANY_HUB) -> int:
    """Take a booking back.

    Parameters
    ----------
    name
        Its name, as `hutong bookings` shows it.
    """
    with hub.connect() as client:
        view = client.unbook(name)
    if json:
        output.document(view)
    else:
        output.line(f"{output.paint(view.id, 'bold')}  taken back")
    return 0


def _show(found: list[BookingView]) -> None:
    now = human.now_ms()
    columns = [
        Column("NAME", least=10),
        Column("KIND"),
        Column("WHERE", least=8),
        Column("NODES", right=True),
        Column("FROM"),
        Column("UNTIL"),
        Column("FOR", least=6, spare=1),
        Column("NOTE", least=6, spare=2),
    ]
    rows: list[list[str | Cell]] = [
        [
            Cell(view.id, "bold"),
            Cell(view.kind, "yellow" if view.on else ""),
            view.pool or view.site,
            f"{len(view.nodes):,}" if view.nodes else "all",
            "now" if view.on else human.clock(view.start_ms, now),
            human.clock(view.end_ms, now),
            ", ".join(view.tenants) or "-",
            view.note or "-",
        ]
        for view in found
    ]
    output.table(columns, rows)
