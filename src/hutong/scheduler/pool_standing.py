"""How one pool stands to a waiting job, as a value: the client reads it without the columns."""

import msgspec

from hutong.model.ids import PoolId, SiteId

BOOKED = "booked"
BUSY = "busy"
BOOTING = "booting"
AFFINITY = "affinity"
STANDING = {
    BUSY: "What is free on the node is too little for one task.",
    BOOKED: "A booking keeps the node for others, or out of use.",
    BOOTING: "The node is being started.",
    AFFINITY: "A job runs near the node that this one keeps off, or none that it has to be near.",
}
"""What nodes can fall to beside the filters, with what it means."""


class PoolStanding(msgspec.Struct, frozen=True, omit_defaults=True):
    """One pool as a waiting job sees it.

    `out` counts nodes by what keeps them from taking one of its tasks, `room` those that would take
    one now; together they are `nodes`. `tasks_fitting` is how many tasks of the gang fit on those,
    at most all. `startable` further nodes would be started at a provider.
    """

    pool: PoolId
    site: SiteId
    nodes: int
    out: dict[str, int]
    room: int = 0
    tasks_fitting: int = 0
    startable: int = 0
