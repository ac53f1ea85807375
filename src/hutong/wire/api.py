"""Requests and replies of the HTTP API, version 1. Money is in micro-CNY, times are Unix ms.

Additions only: a field is never renamed or given another meaning within a version.
"""

import msgspec

from hutong.lifecycle.rows import ElementCounts
from hutong.model.attempt import NodeShare
from hutong.model.calendar import BookingKind
from hutong.model.ids import NodeId, PoolId, SiteId, TenantId
from hutong.model.job import JobSpec
from hutong.model.reasons import Reason
from hutong.model.resources import Amount
from hutong.model.supply import PriceBook, SoftwareVersion
from hutong.model.tenant import Quota, RuleStanding, TenantShare
from hutong.scheduler.plan import Bound, Candidate, Explanation, Reservation
from hutong.scheduler.pool_standing import PoolStanding


class ReasonView(msgspec.Struct, frozen=True, omit_defaults=True):
    """A reason: its code, the sentence it renders to, its facts, the events that could clear it."""

    code: str
    sentence: str
    facts: dict[str, str | int | list[str] | dict[str, int | str]] = {}
    clears_on: tuple[str, ...] = ()

    @classmethod
    def of(cls, reason: Reason) -> "ReasonView":
        """Render a reason."""
        facts = msgspec.to_builtins(reason)
        code = facts.pop("code")
        return cls(code, reason.sentence(), facts, reason.clears_on)


class SubmitRequest(msgspec.Struct, frozen=True):
    """One job and its idempotency key (the `Idempotency-Key` header does the same)."""

    spec: JobSpec
    key: str = ""


class SubmitReply(msgspec.Struct, frozen=True, omit_defaults=True):
    """The job that stands for a submission. `repeated` says that the key was known already."""

    job: str
    repeated: bool = False


class BulkLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of the answer to a bulk submission: a job, or why that line was refused.

    `line` counts from 1. Lines stand on their own: a refused one leaves the others accepted.
    """

    line: int
    job: str = ""
    repeated: bool = False
    code: str = ""
    message: str = ""
    hint: str = ""


class JobView(msgspec.Struct, frozen=True, omit_defaults=True):
    """A job as the listing shows it. `waiting` and `expected_start_ms` are set while it waits."""

    id: str
    name: str
    tenant: str
    state: str
    priority: str
    tasks: int
    elements: int
    submitted_ms: int
    counts: ElementCounts | None = None
    started_ms: int = 0
    ended_ms: int = 0
    attempts: int = 0
    site: str = ""
    accelerator: str = ""
    cost_microcny: int = 0
    source: str = ""
    reason: ReasonView | None = None
    waiting: tuple[ReasonView, ...] = ()
    expected_start_ms: int = 0
    expected_basis: str = ""


class JobPage(msgspec.Struct, frozen=True, omit_defaults=True):
    """Jobs, newest first; `next` is what to send as `before` for the page behind, absent at the
    end."""

    jobs: tuple[JobView, ...]
    next: int | None = None


class AttemptView(msgspec.Struct, frozen=True, omit_defaults=True):
    """One execution of a job."""

    id: str
    job: str
    number: int
    state: str
    site: str
    pool: str
    nodes: tuple[NodeShare, ...]
    needs: Amount
    placed_ms: int
    accelerator: str = ""
    element: int | None = None
    started_ms: int = 0
    ended_ms: int = 0
    rate_microcny_per_hour: int = 0
    cost_microcny: int = 0
    placed: ReasonView | None = None
    reason: ReasonView | None = None


class ElementView(msgspec.Struct, frozen=True, omit_defaults=True):
    """One element of an array: its position from 0, the number its script sees, where it is.

    `attempts` counts those made so far; `attempt` is the one that is live.
    """

    element: int
    number: int
    state: str
    attempts: int = 0
    attempt: str = ""
    ended_ms: int = 0
    reason: ReasonView | None = None


class StoryLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that happened to a job."""

    position: int
    at_ms: int
    kind: str
    sentence: str
    cause: str = ""


class JobDetail(msgspec.Struct, frozen=True, omit_defaults=True):
    """A job whole: the row, what was handed in, its attempts, what happened to it."""

    job: JobView
    spec: JobSpec
    attempts: tuple[AttemptView, ...] = ()
    story: tuple[StoryLine, ...] = ()


class BoundView(msgspec.Struct, frozen=True, omit_defaults=True):
    """By when a job of an urgent class should be placed, and when its room is certain to be there.

    `promised_ms` is 0 where nothing is certain. Its tasks begin at `ready_ms`. `reason` says what
    it waits for.
    """

    by_ms: int
    promised_ms: int = 0
    ready_ms: int = 0
    reason: ReasonView | None = None

    @classmethod
    def of(cls, bound: Bound) -> "BoundView":
        """Render a bound."""
        reason = ReasonView.of(bound.reason) if bound.reason is not None else None
        return cls(bound.by_ms, bound.promised_ms, bound.ready_ms, reason)


class ExplainReply(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a job waits, or why it is where it is, and what was considered.

    For a waiting job `places` tells how every pool stands to it, those with most room first, and
    `details` what each filter asked and what the pools have; `share` is how its tenant stands.
    `bound` is there where its class has one.
    """

    job: str
    state: str
    reasons: tuple[ReasonView, ...]
    expected_start_ms: int = 0
    expected_basis: str = ""
    explanation: Explanation | None = None
    reservation: Reservation | None = None
    tenant: str = ""
    share: TenantShare | None = None
    places: tuple[PoolStanding, ...] = ()
    details: dict[str, str] = {}
    bound: BoundView | None = None


class CancelRequest(msgspec.Struct, frozen=True):
    """Which element to cancel (its position from 0); None is the whole job."""

    element: int | None = None


class PlanRequest(msgspec.Struct, frozen=True):
    """Jobs to look at without handing them in."""

    specs: tuple[JobSpec, ...]


class PlaceView(msgspec.Struct, frozen=True, omit_defaults=True):
    """One pool that was considered for a job; `out` is the filter it fell to, empty if none.

    Times are from now, in ms; `start_ms` of None means nobody can tell. `candidate` has the parts
    of its score.
    """

    site: str
    pool: str
    region: str
    accelerator: str = ""
    chosen: bool = False
    out: str = ""
    start_ms: int | None = None
    run_ms: int | None = None
    rate_microcny_per_hour: int = 0
    cost_microcny: int | None = None
    tasks_fitting: int = 0
    nodes: int = 0
    candidate: Candidate | None = None


class PlanView(msgspec.Struct, frozen=True, omit_defaults=True):
    """What would happen to one job if it were handed in now.

    `bound` is there where it would wait and its class has one.
    """

    name: str
    places: tuple[PlaceView, ...]
    starts_now: bool = False
    ahead: int = 0
    start_ms: int | None = None
    cost_microcny: int | None = None
    reasons: tuple[ReasonView, ...] = ()
    bound: BoundView | None = None


class PlanReply(msgspec.Struct, frozen=True):
    """One view a job, in the order they came."""

    plans: tuple[PlanView, ...]


class SiteView(msgspec.Struct, frozen=True, omit_defaults=True):
    """A site. `status` is `ready`, `draining` or `silent`; `seen_ms` is when it was last heard.

    Of `nodes`, `offer_nodes` were started at providers, which would start `offer_nodes_max` in all.
    """

    id: str
    owner: str
    region: str
    jurisdiction: str
    kind: str
    status: str
    seen_ms: int
    nodes: int
    live_attempts: int
    total: Amount
    used: Amount
    accelerators: dict[str, int] = {}
    offer_nodes: int = 0
    offer_nodes_max: int = 0


class OfferView(msgspec.Struct, frozen=True, omit_defaults=True):
    """An offer: what a provider would start, what should run and does, and what it came to.

    `wanted` nodes should exist, `booting` of them are not ready. `node_ms` is the time of all nodes
    from their request to their end, or until now, `boot_ms` the part before they were ready;
    `cost_microcny` is what the provider takes for it.
    """

    terms: str
    nodes_max: int
    boot_ms: int
    price: PriceBook
    revoked_milli_per_hour: int = 0
    wanted: int = 0
    booting: int = 0
    started_count: int = 0
    node_ms: int = 0
    node_boot_ms: int = 0
    cost_microcny: int = 0


class PoolView(msgspec.Struct, frozen=True, omit_defaults=True):
    """A pool: what one node has, and how much of all is used. `offer` is set for one that is."""

    id: str
    site: str
    nodes: int
    node: Amount
    total: Amount
    used: Amount
    price: PriceBook
    accelerator: str = ""
    interconnect: str = ""
    software: tuple[SoftwareVersion, ...] = ()
    declared: bool = False
    offer: OfferView | None = None


class NodeView(msgspec.Struct, frozen=True, omit_defaults=True):
    """A node and what is free on it."""

    id: str
    pool: str
    site: str
    condition: str
    total: Amount
    free: Amount
    accelerator: str = ""
    domains: tuple[str, ...] = ()
    declared: bool = False


class DrainRequest(msgspec.Struct, frozen=True):
    """Whether new work should stay away."""

    draining: bool = True


class BookingRequest(msgspec.Struct, frozen=True):
    """What a booking covers, for whom and when. Of `pool` (`SITE/POOL`), `nodes` and `nodes_count`
    none is needed: then it is the whole site. The hub chooses the nodes for a count."""

    kind: BookingKind
    site: SiteId
    start_ms: int
    end_ms: int
    pool: PoolId | None = None
    nodes: tuple[NodeId, ...] = ()
    nodes_count: int = 0
    tenants: tuple[TenantId, ...] = ()
    note: str = ""


class BookingView(msgspec.Struct, frozen=True, omit_defaults=True):
    """A booking. `on` says that its time has begun; `nodes` are the chosen ones where a count was
    asked for, and empty where all of the pool or site are booked."""

    id: str
    kind: str
    site: str
    start_ms: int
    end_ms: int
    on: bool
    pool: str = ""
    nodes: tuple[str, ...] = ()
    nodes_count: int = 0
    tenants: tuple[str, ...] = ()
    note: str = ""


class TenantView(msgspec.Struct, frozen=True, omit_defaults=True):
    """A tenant, what its live attempts hold, its shares, and its jobs by state.

    Shares are in thousandths of the hub and divided by the tenant's weight: `share_milli` of what
    is held, `use_milli` of what was held of late on average. `entitled_milli` is its weight beside
    its siblings' down the tree. `rules` tells how far its quota is used; a list of tenants leaves
    it out.
    """

    id: str
    weight: int
    quota: Quota
    held: Amount
    share_milli: int = 0
    jobs: dict[str, int] = {}
    use_milli: int = 0
    entitled_milli: int = 0
    rules: tuple[RuleStanding, ...] = ()


class TenantRequest(msgspec.Struct, frozen=True):
    """A tenant's weight and quota."""

    weight: int = 1
    quota: Quota = Quota()


class UsageView(msgspec.Struct, frozen=True, omit_defaults=True):
    """Usage of one tenant at one site on one kind of chip: ended attempts, and those running now
    until the moment of the answer (`running_*`)."""

    tenant: str
    site: str
    accelerator: str
    attempts: int
    duration_ms: int
    cpu_milli_ms: int
    accelerator_milli_ms: int
    cost_microcny: int
    running_attempts: int = 0
    running_cost_microcny: int = 0


class UsageReply(msgspec.Struct, frozen=True):
    """Rows and their sum."""

    rows: tuple[UsageView, ...]
    total_cost_microcny: int


class TokenRequest(msgspec.Struct, frozen=True):
    """A token to make. `scope` is `admin`, `operator`, `member` or `agent`; `subject` is the site
    of an operator or agent, the tenant of a member, empty for an admin."""

    name: str
    scope: str
    subject: str = ""
    ttl_ms: int = 0


class TokenView(msgspec.Struct, frozen=True, omit_defaults=True):
    """A token; `secret` is shown once, in the answer to the request that made it."""

    id: str
    name: str
    scope: str
    subject: str
    created_ms: int
    revoked_ms: int = 0
    expires_ms: int = 0
    secret: str = ""


class EventView(msgspec.Struct, frozen=True):
    """An entry of the journal as the stream sends it; `event` is the event's own fields."""

    position: int
    at_ms: int
    cause: str
    kind: str
    event: msgspec.Raw


class LogReceipt(msgspec.Struct, frozen=True):
    """How many bytes of a task's log the hub has; send on from there."""

    size_bytes: int
    full: bool = False


class HealthReply(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whether the hub serves, and where its journal stands."""

    status: str
    hub: str
    version: str
    position: int
    queued: int = 0
    running: int = 0
    sites_ready: int = 0
    sites: int = 0


class WhoReply(msgspec.Struct, frozen=True):
    """What the token may do."""

    scope: str
    subject: str
    name: str
