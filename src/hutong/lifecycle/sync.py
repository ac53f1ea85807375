"""What an agent and the hub say to each other. Levels, not commands: any of it may be lost,
repeated or late, and saying it again changes nothing.

The agent sends what it sees; the hub answers what should be true. The lease of everything that
runs at a site is renewed by each answered sync: the agent counts `lease_ttl_ms` from the moment it
*sent* the request, the hub from the moment it *handled* it, so the agent's lease always ends
first (`hutong.model.limits.LEASE_MARGIN_MS` covers clocks that run at different speed).
"""

import msgspec

from hutong.model.attempt import AttemptOrder, Observation, StopOrder
from hutong.model.ids import AttemptId, NodeId, PoolId, SiteId
from hutong.model.limits import HEARTBEAT_MS, LEASE_TTL_MS
from hutong.model.supply import Inventory, Site


class SyncRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an agent sees.

    `session` is new each time an agent starts. With `full`, `observations` names every attempt the
    site still knows, and what it leaves out is not there; else it holds what changed since the
    last answered sync. A session's first sync is full and carries `description` and `inventory`;
    so does the next one after any sync that failed (its answer may have been lost).

    `number` counts the syncs of a session, so that one that was overtaken is known as such. `heard`
    is the `position` of the last answer that the session took before it looked, 0 before the first.
    A request that was under way for long says by it how little it can know: what became known at
    the hub later is not missing because an old list does not name it.
    """

    site: SiteId
    session: str
    full: bool = False
    observations: tuple[Observation, ...] = ()
    description: Site | None = None
    inventory: Inventory | None = None
    sent_ms: int = 0
    number: int = 0
    heard: int = 0


class SyncReply(msgspec.Struct, frozen=True, omit_defaults=True):
    """What should be true at the site.

    `start`: attempts that the agent has not been heard to know. `stop`: attempts that should not
    run; repeated until they are seen to have ended. `settled`: ended attempts whose end is in the
    journal, which the agent may forget. `resync`: the hub does not know this session (it
    takes up one that answers to it), so the next sync must be full. `more`: further orders wait,
    sync again at once. `position` is the hub's journal position as of this answer.

    `wanted`: for each pool that is an offer, the nodes of it that should exist, by name; None says
    nothing of them. A name is the hub's and never used for a second node.
    """

    start: tuple[AttemptOrder, ...] = ()
    stop: tuple[StopOrder, ...] = ()
    settled: tuple[AttemptId, ...] = ()
    lease_ttl_ms: int = LEASE_TTL_MS
    heartbeat_ms: int = HEARTBEAT_MS
    resync: bool = False
    more: bool = False
    draining: bool = False
    position: int = 0
    wanted: dict[PoolId, tuple[NodeId, ...]] | None = None
