"""The scheduler's state: what it knows between cycles. The lifecycle tells it each change."""

from hutong.model.ids import AttemptId, JobId, NodeId, SiteId, TenantId
from hutong.model.reasons import ArrayLimit, NotConsidered, WaitReason
from hutong.model.resources import Amount
from hutong.model.supply import Inventory, Node, NodeCondition, Pool, Site
from hutong.model.tenant import Tenant
from hutong.scheduler.plan import Deferral, Explanation, Plan
from hutong.scheduler.records import AcceleratorCatalog, QueuedJob, RunningAttempt, SiteStatus

__all__ = ["QueuedJob", "RunningAttempt", "SchedulerState", "SiteStatus", "Snapshot"]


class Snapshot:
    """What a cycle sees. A view: valid until the next change of the state it was taken from."""

    def __init__(self, state: "SchedulerState", now_ms: int) -> None:
        self.state = state
        self.now_ms = now_ms


class SchedulerState:
    """Sites, nodes, tenants, the queue and what runs, kept up to date change by change."""

    def __init__(self, catalog: AcceleratorCatalog) -> None:
        self.catalog = catalog
        self.sites: dict[SiteId, Site] = {}
        self.statuses: dict[SiteId, SiteStatus] = {}
        self.pools: dict[str, Pool] = {}
        self.nodes: dict[NodeId, Node] = {}
        self.conditions: dict[NodeId, NodeCondition] = {}
        self.used: dict[NodeId, Amount] = {}
        self.tenants: dict[TenantId, Tenant] = {}
        self.jobs: dict[JobId, QueuedJob] = {}
        self.available: dict[JobId, int] = {}
        self.held: dict[JobId, WaitReason] = {}
        self.running: dict[AttemptId, RunningAttempt] = {}
        self.deferrals: dict[JobId, Deferral] = {}

    def put_site(self, site: Site) -> None:
        """Add a site, or replace its description. A new site is ready."""
        self.sites[site.id] = site
        self.statuses.setdefault(site.id, SiteStatus.READY)

    def set_site_status(self, site: SiteId, status: SiteStatus) -> None:
        """Say whether new work may go to a site."""
        self.statuses[site] = status

    def put_inventory(self, site: SiteId, inventory: Inventory) -> None:
        """Replace the pools and nodes of a site; what runs stays accounted."""
        for node in [node for node in self.nodes if node.partition("/")[0] == site]:
            del self.nodes[node]
        for pool in [pool for pool in self.pools.values() if pool.site == site]:
            del self.pools[pool.id]
        self.pools.update({pool.id: pool for pool in inventory.pools})
        self.nodes.update({node.id: node for node in inventory.nodes})
        self.conditions.update({node.id: node.condition for node in inventory.nodes})

    def set_node_condition(self, node: NodeId, condition: NodeCondition) -> None:
        """Say whether new work may go to a node."""
        self.conditions[node] = condition

    def put_tenant(self, tenant: Tenant) -> None:
        """Add a tenant, or replace its weight and quota."""
        self.tenants[tenant.id] = tenant

    def enqueue(self, job: QueuedJob, available: int) -> None:
        """Add a waiting job, of which `available` elements could start now."""
        self.jobs[job.job] = job
        self.available[job.job] = available

    def set_available(self, job: JobId, available: int) -> None:
        """Say how many elements of a waiting job could start now."""
        self.available[job] = available

    def hold(self, job: JobId, reason: WaitReason | None) -> None:
        """Keep a job from starting until it is called again with None."""
        if reason is None:
            self.held.pop(job, None)
        else:
            self.held[job] = reason

    def dequeue(self, job: JobId) -> None:
        """Forget a waiting job; nothing happens when it is not there."""
        self.jobs.pop(job, None)
        self.available.pop(job, None)
        self.held.pop(job, None)

    def start(self, attempt: RunningAttempt) -> None:
        """Account what an attempt holds."""
        self.running[attempt.attempt] = attempt
        for share in attempt.nodes:
            used = self.used.get(share.node, Amount())
            self.used[share.node] = used.plus(attempt.needs.times(share.tasks))

    def release(self, attempt: AttemptId) -> None:
        """Give back what an attempt held; nothing happens when it is not there."""
        record = self.running.pop(attempt, None)
        for share in record.nodes if record else ():
            assert record is not None
            self.used[share.node] = self.used[share.node].minus(record.needs.times(share.tasks))

    def mark_stopping(self, attempt: AttemptId, for_job: JobId | None = None) -> None:
        """Say that an attempt was told to stop, and for which job it makes room, if for one."""

    def snapshot(self, now_ms: int) -> Snapshot:
        """See the state as it is now; valid until its next change."""
        return Snapshot(self, now_ms)

    def remember(self, plan: Plan) -> None:
        """Keep the last plan's deferrals, from which `why` answers."""
        self.deferrals = {deferral.head: deferral for deferral in plan.deferrals}

    def why(self, job: JobId, now_ms: int) -> Deferral:
        """Why this job waits and when it is expected to start."""
        if job in self.deferrals and job not in self.held:
            return self.deferrals[job]
        reason: WaitReason = self.held.get(job, NotConsidered())
        if job in self.jobs and not self.available[job] and job not in self.held:
            array = self.jobs[job].spec.array
            reason = ArrayLimit(array.max_parallel if array else 1)
        return Deferral(0, job, (reason,), 0, "none", Explanation())

    def tenant_share_milli(self, tenant: TenantId) -> int:
        """Weighted dominant share of a tenant and all below it, in thousandths."""
        return 0

    def queued_count(self) -> int:
        """Elements of waiting jobs that could start, held ones included."""
        return sum(self.available.values())

    def validate(self) -> None:
        """Raise AssertionError with facts unless the accounts add up."""
        for node, used in self.used.items():
            assert not used.is_negative(), (node, used)
