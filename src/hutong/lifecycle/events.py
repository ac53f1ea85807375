"""The events of the journal: facts that the hub's machine accepted.

State is the fold of these. An event holds all that applying it needs, decisions included, so that
a later version of the rules reads an old journal to the same state. Only ever add a field (with a
default) or a new kind.
"""

import msgspec

from hutong.model.attempt import GroupPlace, NodeShare
from hutong.model.calendar import Booking
from hutong.model.ids import AttemptId, HubId, JobId, NodeId, PoolId, SiteId
from hutong.model.job import JobSpec
from hutong.model.reasons import EndedReason, PlaceReason
from hutong.model.resources import Amount
from hutong.model.states import AttemptState, JobState
from hutong.model.supply import Inventory, Site
from hutong.model.tenant import Tenant
from hutong.scheduler.plan import Explanation
from hutong.scheduler.profile import Profile


class Event(msgspec.Struct, frozen=True, tag_field="kind", tag=True, omit_defaults=True):
    """Base of all events; the kind is the class's name."""


class HubCreated(Event, frozen=True):
    """The hub's store was made. `hub` goes into every attempt's id."""

    hub: HubId


class HubStarted(Event, frozen=True):
    """A hub took over the journal. Leases may have been renewed until just before, so each is
    taken as renewed now."""


class ProfileChanged(Event, frozen=True):
    """The scheduler decides by another profile: the hub was started with it."""

    profile: Profile


class TenantChanged(Event, frozen=True):
    """A tenant was made, or its weight or quota changed."""

    tenant: Tenant


class SiteDescribed(Event, frozen=True):
    """A site joined, or its owner, region or jurisdiction changed."""

    site: Site


class InventoryChanged(Event, frozen=True):
    """A site's pools and nodes, whole."""

    site: SiteId
    inventory: Inventory


class SiteDrained(Event, frozen=True):
    """New work stops (or may again) going to a site."""

    site: SiteId
    draining: bool


class NodeDrained(Event, frozen=True):
    """New work stops (or may again) going to a node."""

    node: NodeId
    draining: bool


class SiteSilent(Event, frozen=True):
    """Nothing was heard of a site for too long to place new work there."""

    site: SiteId


class SiteReturned(Event, frozen=True):
    """A silent site was heard again."""

    site: SiteId


class JobAccepted(Event, frozen=True):
    """A job is in the queue. `key` is its idempotency key within the tenant."""

    job: JobId
    spec: JobSpec
    key: str = ""
    by: str = ""


class CancelRequested(Event, frozen=True):
    """A job, or one element of an array, should end."""

    job: JobId
    by: str
    element: int | None = None


class AttemptPlaced(msgspec.Struct, frozen=True, omit_defaults=True):
    """One placement of a plan, with the attempt it made.

    A gang that is split over sites has one for each of its `parts`, with one token, from `part` 0
    on; `rank_first` is the rank of the part's first task of `tasks_total`. `left_milli` is how much
    of the job's work it has to do, in thousandths. It runs at `speed_milli`.
    """

    attempt: AttemptId
    job: JobId
    number: int
    token: int
    site: SiteId
    pool: PoolId
    nodes: tuple[NodeShare, ...]
    needs: Amount
    rate_microcny_per_hour: int
    expected_end_ms: int
    reason: PlaceReason
    explanation: Explanation
    accelerator: str = ""
    element: int | None = None
    end_basis: str = ""
    groups: tuple[GroupPlace, ...] = ()
    part: int = 0
    parts: int = 1
    rank_first: int = 0
    tasks_total: int = 0
    left_milli: int = 1000
    speed_milli: int = 1000


class AttemptResized(msgspec.Struct, frozen=True, omit_defaults=True):
    """One resize of a plan: `attempt` ends so that its job goes on with `tasks` tasks.

    `left_milli` of its work, in thousandths, is then expected to be left. `by` is the job that it
    gives room, None where it grows.
    """

    attempt: AttemptId
    tasks: int
    left_milli: int = 1000
    by: JobId | None = None


class AttemptPreempted(msgspec.Struct, frozen=True, omit_defaults=True):
    """One preemption of a plan: `attempt` ends so that job `by` can start.

    `tenant` is set where it held what that tenant had lent.
    """

    attempt: AttemptId
    by: JobId
    tenant: str = ""


class PlanDecided(Event, frozen=True):
    """What a cycle decided."""

    cycle: int
    placements: tuple[AttemptPlaced, ...] = ()
    preemptions: tuple[AttemptPreempted, ...] = ()
    resizes: tuple[AttemptResized, ...] = ()


class OfferScaled(Event, frozen=True):
    """The provider of a pool should run `nodes` nodes, for `job`; None where nodes go back.

    `started` are the names of nodes that should exist from now on, `away` those that should not.
    """

    pool: PoolId
    nodes: int
    job: JobId | None = None
    started: tuple[NodeId, ...] = ()
    away: tuple[NodeId, ...] = ()


class AttemptMoved(Event, frozen=True):
    """A site was seen to stage, start or run an attempt. `started_ms` is the site's clock."""

    attempt: AttemptId
    state: AttemptState
    started_ms: int = 0


class AttemptCheckpointed(Event, frozen=True):
    """An attempt wrote down its state: what it did before is not lost if it is stopped.

    `checkpointed_ms` is the site's clock. Of one attempt there is one a minute at most.
    """

    attempt: AttemptId
    checkpointed_ms: int


class AttemptEnded(Event, frozen=True):
    """An attempt ended, by the site's own clock. This is what the meter counts."""

    attempt: AttemptId
    reason: EndedReason
    started_ms: int = 0
    ended_ms: int = 0


class AttemptLost(Event, frozen=True):
    """The lease ran out in silence. It is metered until its site was last heard."""

    attempt: AttemptId
    reason: EndedReason
    ended_ms: int = 0


class AttemptSettled(Event, frozen=True):
    """A lost attempt's site came back and told when it really ended; corrects the meter."""

    attempt: AttemptId
    reason: EndedReason
    started_ms: int = 0
    ended_ms: int = 0


class PartFailed(Event, frozen=True):
    """A part of a gang that is split over sites did not succeed: the other parts are to stop.

    Once they have, `reason` decides what becomes of the whole.
    """

    job: JobId
    attempt: AttemptId
    reason: EndedReason
    element: int | None = None


class JobRequeued(Event, frozen=True):
    """A job (or element) goes back to its place in the queue after an attempt."""

    job: JobId
    attempt: AttemptId
    reason: EndedReason
    element: int | None = None


class ElementEnded(Event, frozen=True):
    """One element of an array is in a terminal state."""

    job: JobId
    element: int
    state: JobState
    reason: EndedReason


class JobEnded(Event, frozen=True):
    """A job is in a terminal state."""

    job: JobId
    state: JobState
    reason: EndedReason


class BookingPut(Event, frozen=True):
    """Nodes are kept for tenants, or out of use, for a time. `booking.nodes` are the chosen ones
    where a count was asked for."""

    booking: Booking
    by: str = ""


class BookingRemoved(Event, frozen=True):
    """Somebody took a booking back."""

    booking: str
    by: str = ""


class BookingEnded(Event, frozen=True):
    """A booking's time is over."""

    booking: str


AnyEvent = (
    HubCreated
    | HubStarted
    | ProfileChanged
    | TenantChanged
    | SiteDescribed
    | InventoryChanged
    | SiteDrained
    | NodeDrained
    | SiteSilent
    | SiteReturned
    | JobAccepted
    | CancelRequested
    | PlanDecided
    | OfferScaled
    | AttemptMoved
    | AttemptCheckpointed
    | AttemptEnded
    | AttemptLost
    | AttemptSettled
    | PartFailed
    | JobRequeued
    | ElementEnded
    | JobEnded
    | BookingPut
    | BookingRemoved
    | BookingEnded
)


class Entry(msgspec.Struct, frozen=True):
    """An event in its place: `position` counts from 1 without gaps; `cause` is the id of the
    request, report or tick that led to it."""

    position: int
    at_ms: int
    cause: str
    event: AnyEvent
