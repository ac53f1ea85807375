"""What the reference scheduler has been told: plain dictionaries, changed one change at a time."""

import msgspec

from hutong.catalog import Catalog
from hutong.model.ids import AttemptId, JobId, NodeId, SiteId, TenantId
from hutong.model.supply import Inventory, NodeCondition, Site
from hutong.model.tenant import Tenant
from hutong.scheduler.plan import Plan
from hutong.scheduler.records import QueuedJob, RunningAttempt, SiteStatus
from tests.reference.nodes import Held, Node, need_of


class Waiting:
    """A waiting job, and how many of its elements could start."""

    def __init__(self, job: QueuedJob, available: int) -> None:
        self.queued = job
        self.available = available
        self.held: object = None


class Reference:
    """The world as it was told. `tests.reference.scheduler.decide` looks at all of it."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.sites: dict[SiteId, Site] = {}
        self.statuses: dict[SiteId, SiteStatus] = {}
        self.inventories: dict[SiteId, Inventory] = {}
        self.conditions: dict[NodeId, NodeCondition] = {}
        self.tenants: dict[TenantId, Tenant] = {}
        self.waiting: dict[JobId, Waiting] = {}
        self.running: dict[AttemptId, RunningAttempt] = {}
        self.nodes: dict[NodeId, Node] = {}
        self.making_room: dict[AttemptId, JobId] = {}

    def put_site(self, site: Site) -> None:
        self.sites[site.id] = site
        self.statuses.setdefault(site.id, SiteStatus.READY)

    def set_site_status(self, site: SiteId, status: SiteStatus) -> None:
        self.statuses[site] = status

    def put_inventory(self, site: SiteId, inventory: Inventory) -> None:
        """What runs keeps its chips where they still exist, and else takes others."""
        known = self.inventories.get(site)
        self.inventories[site] = inventory
        self.conditions.update({node.id: node.condition for node in inventory.nodes})
        if known is not None and _bare(known) == _bare(inventory):
            return
        before = self.nodes
        pools = {pool.id: pool for pool in inventory.pools}
        self.nodes = {n: node for n, node in before.items() if not n.startswith(f"{site}/")}
        for row in inventory.nodes:
            self.nodes[row.id] = Node(row, pools[row.pool])
        for attempt in self.running.values():
            for share in attempt.nodes if attempt.site == site else ():
                old, new = before.get(share.node), self.nodes.get(share.node)
                held = [h for h in (old.held if old else ()) if h.attempt == attempt.attempt]
                if new is not None and held and held[0].parts and _still_there(held[0], new):
                    new.put(held[0])
                elif new is not None:
                    self._take(attempt, new, share.tasks)

    def set_node_condition(self, node: NodeId, condition: NodeCondition) -> None:
        self.conditions[node] = condition

    def put_tenant(self, tenant: Tenant) -> None:
        self.tenants[tenant.id] = tenant

    def enqueue(self, job: QueuedJob, available: int) -> None:
        self.waiting[job.job] = Waiting(job, available)

    def set_available(self, job: JobId, available: int) -> None:
        if job in self.waiting:
            self.waiting[job].available = available

    def hold(self, job: JobId, reason: object) -> None:
        if job in self.waiting:
            self.waiting[job].held = reason

    def dequeue(self, job: JobId) -> None:
        self.waiting.pop(job, None)

    def start(self, attempt: RunningAttempt) -> None:
        self.release(attempt.attempt)
        self.running[attempt.attempt] = attempt
        for share in attempt.nodes:
            if share.node in self.nodes:
                self._take(attempt, self.nodes[share.node], share.tasks)

    def release(self, attempt: AttemptId) -> None:
        self.running.pop(attempt, None)
        self.making_room.pop(attempt, None)
        for node in self.nodes.values():
            node.give(attempt)

    def mark_stopping(
        self, attempt: AttemptId, makes_room_for: JobId | None = None, gone_ms: int = 0
    ) -> None:
        if attempt in self.running:
            self.running[attempt] = msgspec.structs.replace(self.running[attempt], stopping=True)

    def remember(self, plan: Plan) -> None:
        for stopped in plan.preemptions:
            if stopped.victim in self.running:
                self.making_room.setdefault(stopped.victim, stopped.job)

    def _take(self, attempt: RunningAttempt, node: Node, tasks: int) -> None:
        needs = attempt.needs
        need = need_of(
            needs.cpu_milli, needs.memory_mib, needs.accelerator_milli, exclusive=attempt.exclusive
        )
        node.take(attempt.attempt, need, tasks, attempt.expected_end_ms)


def _still_there(held: Held, node: Node) -> bool:
    chips = node.chips
    return all(chip < len(chips) and chips[chip] >= milli for chip, milli in held.parts)


def _bare(inventory: Inventory) -> object:
    return inventory.pools, [(node.id, node.pool, node.domains) for node in inventory.nodes]
