"""What the read tables hold: one row a job, attempt, and ended element, as the machine sees it.

The store writes these in the transaction of the journal entries that changed them.
"""

import msgspec

from hutong.model.attempt import GroupPlace, NodeShare
from hutong.model.classes import NORMAL
from hutong.model.ids import AttemptId, JobId, PoolId, SiteId, TenantId
from hutong.model.reasons import EndedReason, PlaceReason
from hutong.model.resources import Amount
from hutong.model.states import AttemptState, JobState
from hutong.scheduler.plan import Explanation


class ElementCounts(msgspec.Struct, frozen=True):
    """How many elements of an array are where."""

    queued: int = 0
    live: int = 0
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0


class JobRow(msgspec.Struct, frozen=True):
    """A job without its spec, which stands in the journal at `accepted_position`.

    `started_ms` is the first start of any attempt, 0 before; `site` and `accelerator` are those of
    the last attempt. `cost_microcny` sums the attempts that ended.
    """

    id: JobId
    number: int
    tenant: TenantId
    name: str
    state: JobState
    priority: str
    tasks: int
    elements: int
    counts: ElementCounts
    submitted_ms: int
    accepted_position: int
    started_ms: int = 0
    ended_ms: int = 0
    attempts: int = 0
    site: str = ""
    accelerator: str = ""
    reason: EndedReason | None = None
    cost_microcny: int = 0
    key: str = ""
    by: str = ""
    source: str = ""


class AttemptRow(msgspec.Struct, frozen=True):
    """One attempt. `settled` says that its end is final for the meter (a lost one may be
    corrected). Usage of a tenant is the sum over its rows."""

    id: AttemptId
    job: JobId
    element: int | None
    number: int
    tenant: TenantId
    site: SiteId
    pool: PoolId
    nodes: tuple[NodeShare, ...]
    needs: Amount
    accelerator: str
    state: AttemptState
    placed_ms: int
    started_ms: int
    ended_ms: int
    rate_microcny_per_hour: int
    cost_microcny: int
    placed_reason: PlaceReason
    reason: EndedReason | None = None
    explanation: Explanation | None = None
    priority: str = NORMAL
    groups: tuple[GroupPlace, ...] = ()
    part: int = 0
    parts: int = 1


class ElementRow(msgspec.Struct, frozen=True):
    """One element of an array that ended."""

    job: JobId
    element: int
    state: JobState
    ended_ms: int
    reason: EndedReason
