"""The scheduler's state: what it knows between cycles. The lifecycle tells it each change.

Theory of operation. Three parts, each with its own accounts: `Supply` (sites, nodes and what runs
there), `Demand` (what waits, in groups) and `Tenants` (who holds how much). A change touches only
what it concerns; nothing is rebuilt for a cycle. Calls about things that are not there do nothing,
so that late and repeated news are harmless.

Until the first snapshot is taken the state counts as being restored: an attempt that does not fit
its node then tells of a node that shrank before, not of a mistake.
"""

from collections.abc import Iterable

import msgspec

from hutong.model.calendar import Booking
from hutong.model.catalogue import Link
from hutong.model.classes import bound_of
from hutong.model.ids import AttemptId, JobId, NodeId, PoolId, SiteId, TenantId
from hutong.model.job import JobSpec
from hutong.model.reasons import (
    ArrayLimit,
    BehindOthers,
    CycleFull,
    NotConsidered,
    WaitReason,
    WaitsForBetter,
    WaitsForCleanerHour,
)
from hutong.model.supply import Inventory, NodeCondition, Site
from hutong.model.tenant import QuotaWindow, Tenant, TenantShare, WindowSums
from hutong.scheduler.audit import audit
from hutong.scheduler.calendar import Calendar, choose, taken_by
from hutong.scheduler.cleaner import Cleaner
from hutong.scheduler.demand import Demand, Entry, Group
from hutong.scheduler.estimate import UNKNOWN_MS
from hutong.scheduler.forecast import Forecast
from hutong.scheduler.match import Matcher
from hutong.scheduler.plan import Bound, Deferral, Explanation, Plan
from hutong.scheduler.preempt.bound import waiting_for
from hutong.scheduler.records import (
    AcceleratorCatalog,
    QueuedJob,
    Resumption,
    RunningAttempt,
    SiteStatus,
)
from hutong.scheduler.rounds.contest import like_of
from hutong.scheduler.rounds.memory import RoundMemory
from hutong.scheduler.shapes import shape_of
from hutong.scheduler.snapshot import Snapshot
from hutong.scheduler.supply import Running, Supply, note_loss
from hutong.scheduler.tenant_standing import share_of, tenant_standing, waiting_tenants
from hutong.scheduler.tenant_tree import Part
from hutong.scheduler.tenants import Ledger, Tenants
from hutong.scheduler.use import Use
from hutong.scheduler.when.spot_past import UNSEEN, SpotPast

__all__ = ["QueuedJob", "RunningAttempt", "SchedulerState", "SiteStatus", "Snapshot"]


class SchedulerState:
    """Sites, nodes, tenants, the queue and what runs, kept up to date change by change."""

    def __init__(self, catalog: AcceleratorCatalog) -> None:
        self._supply = Supply()
        self._tenants = Tenants(catalog)
        self._demand = Demand(self._tenants)
        self._matcher = Matcher(self._supply, catalog)
        self._transfers = self._matcher.transfers
        self._calendar = Calendar()
        self._deferrals: dict[int, Deferral] = {}
        self._held_back: dict[JobId, Deferral] = {}
        self._bounds: dict[JobId, Bound] = {}
        self._forecast: Forecast | None = None
        self._truncated_at = 0
        self._reserved: dict[JobId, int] = {}
        self._making_room: dict[AttemptId, JobId] = {}
        self._preempting: dict[JobId, int] = {}
        self._resuming: dict[JobId, Resumption] = {}
        self._rounds = RoundMemory()
        self._cleaner = Cleaner()

    # Supply

    def put_site(self, site: Site) -> None:
        """Add a site, or replace its description. A new site is ready."""
        self._tenants.set_region(site.id, site.region)
        self._supply.put_site(site)
        self._cleaner.put_site(site, self._tenants.now_ms)
        self._transfers.renew()

    def set_site_status(self, site: SiteId, status: SiteStatus) -> None:
        """Say whether new work may go to a site."""
        self._supply.set_site_status(site, status)

    def put_inventory(self, site: SiteId, inventory: Inventory) -> None:
        """Replace a site's pools and nodes, their conditions included.

        What runs stays accounted, even on a node that shrank. On a node that is gone it is
        accounted again when the node comes back.
        """
        self._supply.put_inventory(site, inventory)
        for running in self._supply.charged_by_pool(site):
            self._tenants.discharge(running)
            self._supply.renew_charge(running)
            note_loss(running)
            self._tenants.charge(running)

    def set_node_condition(self, node: NodeId, condition: NodeCondition) -> None:
        """Say whether new work may go to a node."""
        self._supply.set_node_condition(node, condition)

    def put_nodes_of_offer(
        self,
        pool: PoolId,
        coming: dict[NodeId, int],
        idle_since: dict[NodeId, int],
        promised: dict[JobId, bool],
        past: SpotPast = UNSEEN,
    ) -> None:
        """Say which nodes of an offer were asked for and have not been named by its site, with the
        time of the request, since when each of the others has been idle (Unix ms), and for which
        jobs there are some that nothing has run on. `past` is what was seen of its nodes."""
        self._supply.put_nodes_of_offer(pool, coming, idle_since, promised, past)

    # Data

    def put_link(self, link: Link) -> None:
        """Replace what the catalogue says of a link between regions; no bandwidth is down."""
        self._transfers.put_link(link)

    def note_replica(self, name: str, site: SiteId) -> None:
        """Say that an input lies at a site from now on."""
        self._transfers.note_replica(name, site)

    def forget_replica(self, name: str, site: SiteId) -> None:
        """Say that an input no longer lies at a site."""
        self._transfers.forget_replica(name, site)

    # Bookings

    def put_booking(self, booking: Booking) -> None:
        """Keep nodes for tenants, or out of use, for a time; replaces the booking of its name."""
        self._calendar.put(booking)
        self._supply.growth += 1

    def remove_booking(self, booking: str) -> None:
        """Forget a booking: it is over, or was taken back."""
        self._calendar.remove(booking)
        self._supply.growth += 1

    def bookings(self) -> dict[str, Booking]:
        """The bookings that are not over, by name."""
        return dict(self._calendar.bookings)

    def taken_from(self, booking: Booking) -> dict[NodeId, str]:
        """The nodes at a booking's site that others have while it lasts, and whose they are."""
        pools = [c for c in self._supply.order if c.pool.site == booking.site]
        return taken_by(self._calendar.bookings.values(), booking, pools)

    def choose_nodes(self, booking: Booking, taken: dict[NodeId, str]) -> tuple[NodeId, ...]:
        """The nodes that stand for a booking's count, of those not `taken`; fewer where there are
        too few. What it had before stays."""
        columns = self._supply.pools[PoolId(booking.pool or "")]
        known = self._calendar.bookings.get(booking.id)
        before = known.nodes if known is not None else ()
        return choose(columns, booking.nodes_count, before, taken)

    # Tenants

    def put_tenant(self, tenant: Tenant) -> None:
        """Add a tenant, or replace its weight and quota. Unknown tenants have weight 1."""
        self._tenants.put(tenant)

    def tell_time(self, now_ms: int) -> None:
        """Say when the changes that follow happen."""
        self._tenants.now_ms = now_ms

    def remember_use(
        self,
        uses: dict[TenantId, Use] | None,
        windows: dict[TenantId, WindowSums],
        half_life_ms: int,
    ) -> None:
        """Keep the averages of what tenants hold in `uses` from now on, and read what they were
        metered from `windows`. None keeps none. What is held counts half after `half_life_ms`.
        """
        self._tenants.lend(uses, windows, half_life_ms)

    def set_half_life(self, half_life_ms: int) -> None:
        """Say how fast use is forgotten from now on; at 0 only what is held counts."""
        self._tenants.set_half_life(half_life_ms)

    def meter(self, tenant: TenantId, place: str, window: QuotaWindow, part: Part) -> None:
        """Say what was added to a tenant's sums over a window at a place (see `WindowSums`)."""
        self._tenants.meter(tenant, place, window, part)

    def tenant_share_milli(self, tenant: TenantId) -> int:
        """Weighted dominant share of a tenant and all below it, in thousandths."""
        return Ledger(self._tenants, self._supply.total).share_milli(self._tenants.find(tenant))

    def tenant_share(self, tenant: TenantId, now_ms: int) -> TenantShare:
        """How a tenant with all below it stands: its due, its use, its quota, who borrows."""
        ledger = Ledger(self._tenants, self._supply.total, now_ms)
        waiting, entity = waiting_tenants(self._demand), self._tenants.imagine(tenant)
        return tenant_standing(self._tenants, ledger, entity, waiting, now_ms)

    def tenant_shares(self, names: Iterable[TenantId], now_ms: int) -> dict[TenantId, TenantShare]:
        """How many tenants stand, without their quotas."""
        ledger = Ledger(self._tenants, self._supply.total, now_ms)
        found = {name: self._tenants.imagine(name) for name in names}
        waiting = waiting_tenants(self._demand)
        return {name: share_of(self._tenants, ledger, found[name], waiting) for name in found}

    # Queue

    def enqueue(self, job: QueuedJob, available: int) -> None:
        """Add a waiting job, of which `available` elements could start now.

        A job of the same id is replaced. A requeued job takes the place of its `seq` again.
        """
        self._rounds.enqueue(job)
        self._cleaner.enqueue(job)
        self._demand.add(job, available)

    def set_available(self, job: JobId, available: int) -> None:
        """Say how many elements of a waiting job could start now; 0 keeps the job."""
        self._demand.set_available(job, available)

    def hold(self, job: JobId, reason: WaitReason | None) -> None:
        """Keep a job from starting, for the reason given, until it is called again with None."""
        self._demand.hold(job, reason)

    def note_asked(self, job: JobId, since_ms: int) -> None:
        """Say since when a waiting job could start, where that is not when it was handed in."""
        self._demand.asked[job] = since_ms

    def dequeue(self, job: JobId) -> None:
        """Forget a waiting job."""
        self._demand.asked.pop(job, None)
        self._rounds.dequeue(job)
        self._cleaner.dequeue(job)
        self._demand.drop(job)

    def queued_count(self) -> int:
        """Waiting jobs, held ones included."""
        return len(self._demand.entries)

    def queued_elements(self) -> int:
        """Elements of waiting jobs that could start, those of held jobs included."""
        return self._demand.elements

    def queued_by_class(self) -> dict[str, int]:
        """Elements that could start now by class, without held jobs and empty classes."""
        found: dict[str, int] = {}
        for queue in self._demand.queues.values():
            if queue.elements:
                found[queue.priority] = found.get(queue.priority, 0) + queue.elements
        return found

    def shapes_count(self) -> int:
        """Shapes of waiting jobs."""
        return len(self._demand.shapes.numbers)

    # Attempts

    def start(self, attempt: RunningAttempt) -> None:
        """Account what an attempt holds. Starting one again replaces it."""
        if attempt.attempt in self._supply.running:
            self.release(attempt.attempt)
        running = self._supply.start(attempt)
        self._tenants.charge(running)
        self._rounds.start(running)
        if attempt.inputs and not attempt.running_ms:
            self._transfers.stage(attempt.attempt, attempt.site, attempt.inputs)

    def release(self, attempt: AttemptId) -> None:
        """Give back what an attempt held."""
        self._transfers.leave(attempt)
        self._rounds.release(attempt)
        running = self._supply.release(attempt)
        if running is not None:
            self._tenants.discharge(running)
        job = self._making_room.pop(attempt, None)
        if job is not None:
            self._preempting[job] -= 1
            if not self._preempting[job]:
                del self._preempting[job]

    def mark_stopping(
        self, attempt: AttemptId, makes_room_for: JobId | None = None, gone_ms: int = 0
    ) -> None:
        """Say that an attempt was told to stop: it counts as about to release what it holds.

        It is gone by `gone_ms` at the latest, 0 where nobody knows.
        """
        self._supply.mark_stopping(attempt, gone_ms)
        if makes_room_for is not None:
            self._note_room(attempt, makes_room_for)

    def note_progress(self, attempt: AttemptId, running_ms: int, checkpointed_ms: int) -> None:
        """Say since when an attempt runs and when it last wrote down its state (Unix ms).

        0 is not known. By it goes what stopping the attempt would lose. One that runs has its
        inputs: from then on they are at its site.
        """
        self._supply.note_progress(attempt, running_ms, checkpointed_ms)
        if running_ms:
            self._transfers.arrive(attempt)

    def resume(self, job: JobId, how: Resumption | None) -> None:
        """Say how a job that is being resized goes on, and keep its place until it does.

        None says that it does no more, or has.
        """
        if how is None:
            self._resuming.pop(job, None)
        else:
            self._resuming[job] = how

    def nodes_count(self) -> int:
        """Nodes of all sites."""
        return len(self._supply.nodes)

    def note_service(self, spec: JobSpec, service_ms: int) -> None:
        """Say that a job ended by itself, having worked `service_ms` at speed 1000.

        Rounds learn from it how long jobs like it run.
        """
        self._rounds.note_end(like_of(shape_of(spec), spec.tenant), service_ms)

    def may_move(self) -> bool:
        """Whether somebody who runs may do better elsewhere, though nobody waits."""
        return self._rounds.is_restless

    def running_count(self) -> int:
        """Attempts that hold capacity."""
        return len(self._supply.running)

    # Cycles

    def snapshot(self, now_ms: int) -> Snapshot:
        """See the state as it is at `now_ms`: a view, to be used before the next change."""
        self._supply.restoring = False
        self._tenants.now_ms = now_ms
        return Snapshot(
            now_ms, self._supply, self._demand, self._tenants, self._matcher, self._preempting,
            self._calendar, self._resuming, self._rounds, self._cleaner,
        )  # fmt: skip

    def remember(self, plan: Plan) -> None:
        """Keep the last plan's deferrals, from which `why` answers, and who makes room for whom.

        After a truncated plan what was known of groups that it did not come to still stands.
        """
        if not plan.truncated:
            self._deferrals.clear()
            self._held_back.clear()
        self._forecast = None
        self._bounds = {bound.job: bound for bound in plan.bounds}
        for deferral in plan.deferrals:
            if isinstance(deferral.reasons[0], WaitsForBetter):
                self._held_back[deferral.head] = deferral
            else:
                self._deferrals[deferral.group] = deferral
        self._truncated_at = len(plan.placements) if plan.truncated else 0
        self._reserved = {held.job: held.start_ms for held in reversed(plan.reservations)}
        for preemption in plan.preemptions:
            self._note_room(preemption.victim, preemption.job)
        for resize in plan.resizes:
            if resize.job is not None:
                self._note_room(resize.attempt, resize.job)

    def _note_room(self, victim: AttemptId, job: JobId) -> None:
        if victim in self._supply.running and victim not in self._making_room:
            self._making_room[victim] = job
            self._preempting[job] = self._preempting.get(job, 0) + 1

    def why(self, job: JobId, now_ms: int) -> Deferral:
        """Why this job waits and when it is expected to start.

        For a job behind the head of its group the reasons say how many elements of the group come
        before it, and the expected start is the head's, moved by as many spacings.
        """
        entry = self._demand.entries.get(job)
        if entry is None:
            return _plain(0, job, NotConsidered())
        group = self._demand.group_of(entry)
        if entry.held is not None:
            held = entry.held
            if isinstance(held, WaitsForCleanerHour):
                start_ms = max(held.start_ms, now_ms)
                return Deferral(group.name, job, (held,), start_ms, "estimates", Explanation())
            return _plain(group.name, job, held)
        if entry.available <= 0:
            limit = entry.max_parallel
            return _plain(group.name, job, ArrayLimit(limit) if limit else NotConsidered())
        if job in self._held_back:
            return self._held_back[job]
        known = self._deferrals.get(group.name)
        if known is not None:
            told = self._bounded(self._behind(known, entry, now_ms), entry, group)
            return waiting_for(told, self._leaving_for(job), now_ms)
        if self._demand.passed_over.get(entry.shape) is group.shape:
            if self._forecast is None:
                self._forecast = Forecast(self.snapshot(now_ms), self._matcher.profile)
            return self._forecast.why(entry)
        if self._truncated_at:
            return _plain(group.name, job, CycleFull(self._truncated_at))
        return _plain(group.name, job, NotConsidered())

    def _leaving_for(self, job: JobId) -> list[Running]:
        running = self._supply.running
        if job not in self._preempting:
            return []
        return [running[one] for one, by in self._making_room.items() if by == job]

    def _behind(self, known: Deferral, entry: Entry, now_ms: int) -> Deferral:
        ahead = self._demand.queues[entry.queue].before(entry)
        reasons = known.reasons
        if ahead:
            earlier = sum(r.ahead for r in reasons if isinstance(r, BehindOthers))
            others = tuple(r for r in reasons if not isinstance(r, BehindOthers))
            reasons = (*others, BehindOthers(earlier + ahead))
        start_ms = known.start_ms
        if ahead and entry.job in self._reserved:
            held_ms = self._reserved[entry.job]  # room that is being vacated is held from now on
            start_ms = held_ms if held_ms > now_ms else max(start_ms, now_ms)
        elif start_ms != UNKNOWN_MS:
            start_ms = max(start_ms + ahead * known.spacing_ms, now_ms)
        return Deferral(
            known.group, entry.job, reasons, start_ms, known.basis, known.explanation,
            known.spacing_ms,
        )  # fmt: skip

    def _bounded(self, deferral: Deferral, entry: Entry, group: Group) -> Deferral:
        """Add the bound that the last plan stated; a job behind others has only its time."""
        bound = self._bounds.get(entry.job)
        if bound is None:
            bound_ms = bound_of(group.priority, self._matcher.profile.classes)
            if not bound_ms:
                return deferral
            asked_ms = self._demand.asked.get(entry.job, entry.submitted_ms)
            bound = Bound(entry.job, asked_ms + bound_ms, reason=deferral.reasons[-1])
        return msgspec.structs.replace(deferral, bound=bound)

    def validate(self) -> None:
        """Raise AssertionError with facts unless every account adds up."""
        audit(self._supply, self._tenants)
        self._transfers.validate()
        self._demand.validate()
        making = list(self._making_room.values())
        counted = {job: making.count(job) for job in making}
        assert counted == self._preempting, (counted, self._preempting)
        for attempt in self._making_room:
            assert attempt in self._supply.running, attempt


def _plain(group: int, job: JobId, reason: WaitReason) -> Deferral:
    return Deferral(group, job, (reason,), UNKNOWN_MS, "none", Explanation())
