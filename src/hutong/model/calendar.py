"""What is kept free, or out of use, between two times: reservations and maintenance windows."""

from enum import StrEnum

import msgspec

from hutong.model.ids import NodeId, PoolId, SiteId, TenantId


class BookingKind(StrEnum):
    """Whom a booking lets in: its tenants, or nobody."""

    RESERVATION = "reservation"
    MAINTENANCE = "maintenance"


class Booking(msgspec.Struct, frozen=True):
    """Nodes that are kept for `tenants`, or out of use, from `start_ms` to `end_ms` (Unix ms).

    It covers a whole site, or of it one `pool`, or of that `nodes_count` nodes (0 is all) or just
    those of `nodes`. A job that is not let in and could still run at `start_ms` does not start
    there; what runs into the window is not stopped. `id` is a name the operator chose.
    """

    id: str
    kind: BookingKind
    site: SiteId
    start_ms: int
    end_ms: int
    pool: PoolId | None = None
    nodes: tuple[NodeId, ...] = ()
    nodes_count: int = 0
    tenants: tuple[TenantId, ...] = ()
    note: str = ""
