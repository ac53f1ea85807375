"""The live objects that the hub's machine holds, and how they look in the read tables.

Only `hutong.lifecycle.fold` changes them. A finished job leaves the machine; its rows stay in the
store.
"""

import msgspec

from hutong.lifecycle.elements import Elements
from hutong.lifecycle.rows import AttemptRow, JobRow
from hutong.model.attempt import AttemptOrder, GroupPlace, NodeShare, OrderGroup, held_by
from hutong.model.ids import AttemptId, JobId, NodeId, PoolId, SiteId, TenantId
from hutong.model.job import JobSpec
from hutong.model.reasons import EndedReason, PlaceReason
from hutong.model.resources import Amount
from hutong.model.states import FINAL_ATTEMPT_STATES, AttemptState, JobState
from hutong.model.supply import Inventory, Site, cost_microcny
from hutong.model.tenant import Usage
from hutong.scheduler.plan import Explanation
from hutong.scheduler.records import Resumption
from hutong.scheduler.when.spot_past import UNSEEN, SpotPast

STORY_LINES = 32


class Job(msgspec.Struct):
    """A job that is not over, or whose meter is not settled.

    `unsettled` counts its attempts that are live, or lost and not yet told of. `parts` are the live
    parts of elements that are split over sites, of which `elements.live` names one; `failed_part`
    why the first of them failed. `resume` is how a gang that was resized goes on. From `asked_ms`
    on it could start (again), where that is not when it was handed in. Unless it is an array its
    attempts worked `served_ms` at speed 1000, of which `done_ms` are done for good.
    """

    id: JobId
    number: int
    spec: JobSpec
    accepted_position: int
    submitted_ms: int
    elements: Elements
    state: JobState = JobState.QUEUED
    key: str = ""
    by: str = ""
    started_ms: int = 0
    attempts: int = 0
    site: str = ""
    accelerator: str = ""
    cost_microcny: int = 0
    waits_on: dict[JobId, bool] = {}
    cancelled_by: str = ""
    cancelled_elements: dict[int, str] = {}
    reason: EndedReason | None = None
    ended_ms: int = 0
    unsettled: int = 0
    story: list[tuple[int, str]] = []
    parts: dict[int, list[AttemptId]] = {}
    failed_part: dict[int, EndedReason] = {}
    resume: Resumption | None = None
    asked_ms: int = 0
    served_ms: int = 0
    done_ms: int = 0

    @property
    def is_array(self) -> bool:
        """Say whether elements have names of their own."""
        return self.spec.array is not None

    def startable(self) -> int:
        """How many elements may start now, as far as the array's own bound goes."""
        if self.cancelled_by or self.waits_on:
            return 0
        queued = self.elements.queued()
        if self.spec.array and self.spec.array.max_parallel:
            return max(0, min(queued, self.spec.array.max_parallel - len(self.elements.live)))
        return queued

    def live_parts(self, element: int) -> list[AttemptId]:
        """The live attempts of an element: one, or the parts of a gang that is split."""
        if element in self.parts:
            return list(self.parts[element])
        return [self.elements.live[element]] if element in self.elements.live else []

    def note(self, at_ms: int, what: str) -> None:
        """Add a line to the story; the store's journal has all of it, this the newest."""
        self.story.append((at_ms, what))
        if len(self.story) > STORY_LINES:
            del self.story[1]

    def row(self) -> JobRow:
        """The job as the read tables have it."""
        spec = self.spec
        return JobRow(
            self.id,
            self.number,
            spec.tenant,
            spec.name,
            self.state,
            spec.priority,
            spec.tasks,
            self.elements.count,
            self.elements.counts(),
            self.submitted_ms,
            self.accepted_position,
            self.started_ms,
            self.ended_ms,
            self.attempts,
            self.site,
            self.accelerator,
            self.reason,
            self.cost_microcny,
            self.key,
            self.by,
            spec.source,
        )


class Attempt(msgspec.Struct):
    """One execution that still matters: live, or lost with its site not heard since.

    `known_at` is the journal position at which the site was heard to know it, 0 before; `stop` says
    why it should end, None while it should run, `stop_ms` since when. `began_ms` is its start as
    the hub can believe it: not before the placement, not after it was heard of. `checkpointed_ms`
    is the site's clock, and `checkpoint_noted_ms` when the hub took it down.
    """

    id: AttemptId
    job: JobId
    element: int
    in_array: bool
    tenant: TenantId
    priority: str
    number: int
    token: int
    site: SiteId
    pool: PoolId
    nodes: tuple[NodeShare, ...]
    needs: Amount
    accelerator: str
    rate_microcny_per_hour: int
    placed_ms: int
    expected_end_ms: int
    placed_reason: PlaceReason
    explanation: Explanation
    end_basis: str = ""
    state: AttemptState = AttemptState.PLACED
    known_at: int = 0
    started_ms: int = 0
    ended_ms: int = 0
    stop: EndedReason | None = None
    reason: EndedReason | None = None
    began_ms: int = 0
    checkpointed_ms: int = 0
    checkpoint_noted_ms: int = 0
    stop_ms: int = 0
    groups: tuple[GroupPlace, ...] = ()
    part: int = 0
    parts: int = 1
    rank_first: int = 0
    tasks_total: int = 0
    left_milli: int = 1000
    speed_milli: int = 1000

    @property
    def saved_ms(self) -> int:
        """When it last wrote down its state, by the hub's clock as far as can be; 0 for never."""
        known_ms = min(self.checkpointed_ms, self.checkpoint_noted_ms)
        return max(self.placed_ms, known_ms) if known_ms else 0

    def worked_ms(self, until_ms: int) -> int:
        """What it worked up to a time, at speed 1000; nothing before it began."""
        if not self.began_ms:
            return 0
        return max(until_ms - self.began_ms, 0) * self.speed_milli // 1000

    @property
    def is_live(self) -> bool:
        """Say whether it holds its nodes."""
        return self.state not in FINAL_ATTEMPT_STATES

    @property
    def tasks(self) -> int:
        """Size of the gang."""
        return sum(share.tasks for share in self.nodes)

    def held(self) -> Amount:
        """What all its tasks hold together."""
        return held_by(self.nodes, self.needs, self.groups)

    def needs_of(self, share: NodeShare) -> Amount:
        """What each task of a share holds."""
        return self.groups[share.group - 1].needs if share.group else self.needs

    def duration_ms(self) -> int:
        """How long it ran, by the site's clock; 0 if it never did."""
        return max(0, self.ended_ms - self.started_ms) if self.started_ms else 0

    def cost_microcny(self) -> int:
        """What it cost so far as its end is known."""
        return cost_microcny(self.rate_microcny_per_hour, self.duration_ms())

    def usage(self) -> Usage:
        """What the meter counts for it."""
        duration_ms = self.duration_ms()
        held = self.held()
        return Usage(
            1 if duration_ms else 0,
            duration_ms,
            held.cpu_milli * duration_ms,
            held.accelerator_milli * duration_ms,
            self.cost_microcny(),
        )

    def row(self) -> AttemptRow:
        """The attempt as the read tables have it."""
        return AttemptRow(
            self.id,
            self.job,
            self.element if self.in_array else None,
            self.number,
            self.tenant,
            self.site,
            self.pool,
            self.nodes,
            self.needs,
            self.accelerator,
            self.state,
            self.placed_ms,
            self.started_ms,
            self.ended_ms,
            self.rate_microcny_per_hour,
            self.cost_microcny(),
            self.placed_reason,
            self.reason,
            self.explanation,
            self.priority,
            self.groups,
            self.part,
            self.parts,
        )

    def order(self, job: Job) -> AttemptOrder:
        """What the site is told to run."""
        spec, array = job.spec, job.spec.array
        return AttemptOrder(
            self.id,
            self.job,
            self.token,
            spec.tenant,
            spec.name,
            self.pool,
            self.nodes,
            spec.program,
            self.needs,
            self.accelerator,
            spec.time_limit_ms,
            spec.grace_ms,
            self.number,
            spec.priority,
            array_element=self.element if array else None,
            array_number=array.task_number(self.element) if array else None,
            array_count=array.count if array else None,
            array_first=array.first if array else None,
            array_step=array.step if array else None,
            checkpoint_ms=spec.checkpoint_ms,
            groups=tuple(
                [
                    OrderGroup(group.name, place, group.program)
                    for group, place in zip(spec.groups, self.groups, strict=False)
                ]
            ),
            part=self.part,
            parts=self.parts,
            rank_first=self.rank_first,
            tasks_total=self.tasks_total,
        )


class OfferNode(msgspec.Struct):
    """A node that a provider was asked for. Times are the hub's, 0 for not yet.

    `seen` says that the site's inventory has named it, `away` that it should be given back.
    `idle_ms` is when something last ended on it, or when it became ready. It was started for `job`,
    and maybe for others.
    """

    asked_ms: int
    rate_microcny_per_hour: int = 0
    seen: bool = False
    ready_ms: int = 0
    idle_ms: int = 0
    away: bool = False
    job: JobId | None = None


class OfferRecord(msgspec.Struct):
    """One offer of a site: its nodes that are not known to be gone, and the account of the others.

    `node_ms` sums from the request to the end, `boot_ms` of that until they were ready. `past` is
    what was seen of how long its nodes last.
    """

    nodes: dict[NodeId, OfferNode] = {}
    next_number: int = 1
    started_count: int = 0
    node_ms: int = 0
    boot_ms: int = 0
    cost_microcny: int = 0
    past: SpotPast = UNSEEN


class SiteRecord(msgspec.Struct):
    """A site as the hub knows it.

    `heard_ms`, `lease_until_ms`, and `session` with the `number` of its newest sync come from syncs
    and are not in the journal: a hub that starts takes every lease as just renewed.
    """

    site: Site
    inventory: Inventory = Inventory((), ())
    draining: bool = False
    silent: bool = True
    drained_nodes: dict[str, bool] = {}
    heard_ms: int = 0
    session: str = ""
    lease_until_ms: int = 0
    number: int = 0
    attempts: dict[AttemptId, bool] = {}
    """Live attempts of the site, and lost ones until it tells what became of them."""
    unsent: dict[AttemptId, bool] = {}
    """Live attempts that the site was not heard to know: their orders go out."""
    stopping: dict[AttemptId, bool] = {}
    """Attempts that should end: their stop orders go out until they have."""
    offers: dict[PoolId, OfferRecord] = {}
    """What was asked of providers, by pool."""

    @property
    def is_ready(self) -> bool:
        """Say whether new work may go there."""
        return not self.draining and not self.silent
