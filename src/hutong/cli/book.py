"""`hutong book`."""

import time
from typing import Annotated

from cyclopts import App, Parameter

from hutong.cli import human, output
from hutong.cli.moments import duration, moment_to_come
from hutong.cli.options import ANY_HUB, Hub, Json
from hutong.model.calendar import BookingKind
from hutong.model.errors import refuse
from hutong.model.ids import NodeId, PoolId, SiteId, TenantId
from hutong.wire.api import BookingRequest, BookingView

book = App(name="book", help="Keep nodes for tenants, or out of use, for a time.", version_flags=())
Begin = Annotated[str, Parameter(name="--from")]
Length = Annotated[str, Parameter(name="--for")]
NodeNames = Annotated[tuple[str, ...], Parameter(name="--node", negative="")]
TenantNames = Annotated[tuple[str, ...], Parameter(name="--tenant", negative="")]


@book.command
def maintenance(
    place: str,
    /,
    *,
    begin: Begin = "now",
    length: Length = "",
    until: str = "",
    nodes: int = 0,
    node: NodeNames = (),
    name: str = "",
    note: str = "",
    json: Json = False,
    hub: Hub = ANY_HUB,
) -> int:
    """Take nodes out of use for a time.

    What runs into it is not stopped; what would does not start there. Short work goes in before.

    Parameters
    ----------
    place
        A site, or a pool as SITE/POOL.
    begin
        When: `now`, `+6h`, `2026-12-01 22:00` on this machine's clock, or RFC 3339.
    length
        For how long, such as `4h`.
    until
        Or until when, as in --from.
    nodes
        How many nodes of a pool; the hub chooses those that are free first.
    node
        Or which node (SITE/NODE); may be given several times.
    name
        Its name. The hub's calendar changes the booking of that name if there is one.
    note
        A line for those who wait.
    """
    request = _request(
        BookingKind.MAINTENANCE, place, (begin, length, until),
        nodes=nodes, named=node, tenants=(), note=note,
    )  # fmt: skip
    return _book(request, name, hub, json=json)


@book.command
def reservation(
    place: str,
    /,
    *,
    tenant: TenantNames,
    begin: Begin = "now",
    length: Length = "",
    until: str = "",
    nodes: int = 0,
    node: NodeNames = (),
    name: str = "",
    note: str = "",
    json: Json = False,
    hub: Hub = ANY_HUB,
) -> int:
    """Keep nodes for tenants for a time.

    Jobs of theirs may start before it ends and run on after it.

    Parameters
    ----------
    place
        A site, or a pool as SITE/POOL.
    tenant
        For whom, with all below it; may be given several times.
    begin
        When: `now`, `+6h`, `2026-12-01 22:00` on this machine's clock, or RFC 3339.
    length
        For how long, such as `4h`.
    until
        Or until when, as in --from.
    nodes
        How many nodes of a pool; the hub chooses those that are free first.
    node
        Or which node (SITE/NODE); may be given several times.
    name
        Its name. The hub's calendar changes the booking of that name if there is one.
    note
        A line for those who wait.
    """
    request = _request(
        BookingKind.RESERVATION, place, (begin, length, until),
        nodes=nodes, named=node, tenants=tenant, note=note,
    )  # fmt: skip
    return _book(request, name, hub, json=json)


def _request(
    kind: BookingKind,
    place: str,
    times: tuple[str, str, str],
    *,
    nodes: int,
    named: tuple[str, ...],
    tenants: tuple[str, ...],
    note: str,
) -> BookingRequest:
    """`times` are what --from, --for and --until said; one of the last two is empty."""
    command, (begin, length, until) = f"book {kind.value}", times
    if bool(length) == bool(until):
        problem = "give --for or --until, one of the two"
        raise refuse("cli.usage", problem=problem, command=command)
    start_ms = moment_to_come("--from", begin, command)
    if length:
        end_ms = start_ms + duration("--for", length, command)
    else:
        end_ms = moment_to_come("--until", until, command)
    site, slash, _ = place.partition("/")
    return BookingRequest(
        kind, SiteId(site), start_ms, end_ms, PoolId(place) if slash else None,
        tuple([NodeId(each) for each in named]), nodes,
        tuple([TenantId(each) for each in tenants]), note,
    )  # fmt: skip


def _book(request: BookingRequest, name: str, hub: Hub, *, json: bool) -> int:
    with hub.connect() as client:
        made = client.book(name or _name_of(request), request)
    if json:
        output.document(made)
    else:
        output.line(f"{output.paint(made.id, 'bold')}  {told(made)}")
    return 0


def _name_of(request: BookingRequest) -> str:
    """A name that says what, where and when: `maintenance-tj-1201-2200`."""
    when = time.strftime("%m%d-%H%M", time.localtime(request.start_ms / 1000))
    where = (request.pool or request.site).replace("/", "-")
    return f"{request.kind.value}-{where}-{when}"[:63].rstrip("-.")


def told(view: BookingView) -> str:
    """What a booking covers and when, in a line."""
    now = human.now_ms()
    count = len(view.nodes)
    what = f"{count} node{'s' if count != 1 else ''} of " if count else "all of "
    when = f"{human.clock(view.start_ms, now)} to {human.clock(view.end_ms, now)}"
    return f"{what}{view.pool or view.site}, {when}"
