"""Tenants as the scheduler sees them: what each holds, its fair share, its hard quota.

Theory of operation. Every tenant has a line in two accounts: `own` (what its own jobs hold) and
`tree` (its own and everything below it). A tenant nobody has described has weight 1 and no quota.
A `Ledger` is a cycle's own copy of the lines that it changes, so that deciding leaves no trace.

The fair share is weighted dominant-resource fairness (Ghodsi et al., NSDI 2011) taken level by
level: the dominant share of a node is the largest of its shares of the hub's CPU, memory and
accelerators, divided by its weight, and at each level the child with the smallest goes first.
"""

from collections.abc import Iterator

from hutong.model.ids import AttemptId, TenantId
from hutong.model.reasons import OverQuota
from hutong.model.resources import Amount
from hutong.model.tenant import Quota, Tenant, ancestors
from hutong.scheduler.claim import Claim
from hutong.scheduler.supply import Running

SHARE_MILLI_MAX = 2**31
"""Fair shares beyond this many thousandths are cut."""


class Line:
    """What one tenant holds. `models` is thousandths of chips by model."""

    __slots__ = ("acc", "cpu", "jobs", "mem", "models")

    def __init__(self) -> None:
        self.cpu = 0
        self.mem = 0
        self.acc = 0
        self.jobs = 0
        self.models: dict[str, int] = {}

    def copy(self) -> "Line":
        """A line with the same figures that changes on its own."""
        other = Line()
        other.cpu, other.mem, other.acc, other.jobs = self.cpu, self.mem, self.acc, self.jobs
        other.models = dict(self.models)
        return other

    def add(self, held: Amount, model: str, sign: int) -> None:
        """Account one attempt more (`sign` 1) or less (-1)."""
        self.cpu += sign * held.cpu_milli
        self.mem += sign * held.memory_mib
        self.acc += sign * held.accelerator_milli
        self.jobs += sign
        if model:
            left = self.models.get(model, 0) + sign * held.accelerator_milli
            if left:
                self.models[model] = left
            else:
                self.models.pop(model, None)


class Entity:
    """One tenant: its place in the tree and what it holds. `running` are its own jobs' attempts."""

    __slots__ = (
        "chain", "children", "id", "limits", "own", "parent", "quota", "running", "tree", "weight",
    )  # fmt: skip

    def __init__(self, tenant: TenantId, parent: "Entity | None") -> None:
        self.id = tenant
        self.parent = parent
        self.weight = 1
        self.quota = Quota()
        self.own = Line()
        self.tree = Line()
        self.running: dict[AttemptId, Running] = {}
        self.children: list[Entity] = []
        self.chain: tuple[Entity, ...] = (self, *(parent.chain if parent else ()))
        self.limits: tuple[Entity, ...] = ()


_NO_QUOTA = Quota()


class Tenants:
    """The tenant tree with its accounts."""

    def __init__(self) -> None:
        self.by_id: dict[TenantId, Entity] = {}
        self.holding: dict[TenantId, Entity] = {}

    def put(self, tenant: Tenant) -> None:
        """Add a tenant, or replace its weight and quota. Weights below 1 count as 1."""
        entity = self.find(tenant.id)
        entity.weight = max(tenant.weight, 1)
        entity.quota = tenant.quota
        self._renew_limits(entity)

    def find(self, tenant: TenantId) -> Entity:
        """Find a tenant, or add it and whatever is missing above it."""
        found = self.by_id.get(tenant)
        if found is not None:
            return found
        parent: Entity | None = None
        for path in reversed(ancestors(tenant)):
            entity = self.by_id.get(path)
            if entity is None:
                entity = self.by_id[path] = Entity(path, parent)
                if parent is not None:
                    parent.children.append(entity)
                    entity.limits = parent.limits
            parent = entity
        assert parent is not None
        return parent

    def imagine(self, tenant: TenantId) -> Entity:
        """A tenant as it would be if it were known; nothing is added to the tree."""
        found: Entity | None = None
        for path in reversed(ancestors(tenant)):
            known = self.by_id.get(path)
            if known is None:
                known = Entity(path, found)
                known.limits = found.limits if found else ()
            found = known
        assert found is not None
        return found

    def charge(self, running: Running) -> None:
        """Account an attempt for its tenant and all above it."""
        entity = self.find(running.attempt.tenant)
        entity.running[running.attempt.attempt] = running
        self._add(entity, running, 1)

    def discharge(self, running: Running) -> None:
        """Account that an attempt is gone."""
        entity = self.find(running.attempt.tenant)
        del entity.running[running.attempt.attempt]
        self._add(entity, running, -1)

    def _add(self, entity: Entity, running: Running, sign: int) -> None:
        entity.own.add(running.held, running.model, sign)
        for above in entity.chain:
            above.tree.add(running.held, running.model, sign)
            if above.tree.jobs:
                self.holding[above.id] = above
            else:
                self.holding.pop(above.id, None)

    def _renew_limits(self, entity: Entity) -> None:
        above = entity.parent.limits if entity.parent else ()
        own = () if entity.quota == _NO_QUOTA else (entity,)
        entity.limits = (*own, *above)
        for child in entity.children:
            self._renew_limits(child)


class Ledger:
    """The accounts of one cycle: lines are copied when they change, the tree is not touched."""

    def __init__(self, tenants: Tenants, total: Amount) -> None:
        self._tenants = tenants
        self._touched: dict[TenantId, Entity] = {}
        self._own: dict[TenantId, Line] = {}
        self._tree: dict[TenantId, Line] = {}
        self._per_cpu = 1 / total.cpu_milli if total.cpu_milli > 0 else 0.0
        self._per_mem = 1 / total.memory_mib if total.memory_mib > 0 else 0.0
        self._per_acc = 1 / total.accelerator_milli if total.accelerator_milli > 0 else 0.0

    def charge(self, entity: Entity, claim: Claim) -> None:
        """Account one more attempt of a tenant."""
        own = self._own.get(entity.id)
        if own is None:
            own = self._own[entity.id] = entity.own.copy()
        own.add(claim.held, claim.model, 1)
        for above in entity.chain:
            line = self._tree.get(above.id)
            if line is None:
                line = self._tree[above.id] = above.tree.copy()
                self._touched[above.id] = above
            line.add(claim.held, claim.model, 1)

    def share(self, entity: Entity) -> float:
        """The weighted dominant share of a tenant and all below it."""
        return self._dominant(self._tree.get(entity.id, entity.tree)) / entity.weight

    def own_share(self, entity: Entity) -> float:
        """The dominant share of a tenant's own jobs, which stand beside its children."""
        return self._dominant(self._own.get(entity.id, entity.own))

    def share_milli(self, entity: Entity) -> int:
        """The weighted dominant share in thousandths."""
        return min(int(self.share(entity) * 1000), SHARE_MILLI_MAX)

    def over_quota(self, entity: Entity, claim: Claim) -> OverQuota | None:
        """The first hard quota, the tenant's own before those above it, that one more breaks."""
        for limited in entity.limits:
            line = self._tree.get(limited.id, limited.tree)
            for name, used, wanted, limit in _limits(limited.quota, line, claim.held, claim.model):
                if used + wanted > limit and wanted > 0:
                    return OverQuota(limited.id, name, used, wanted, limit)
        return None

    def shares_milli(self) -> dict[str, int]:
        """The shares of every tenant that holds anything, by id in order."""
        held = {**self._tenants.holding, **self._touched}
        return {tenant: self.share_milli(held[tenant]) for tenant in sorted(held)}

    def _dominant(self, line: Line) -> float:
        return max(line.cpu * self._per_cpu, line.mem * self._per_mem, line.acc * self._per_acc)


def _limits(
    quota: Quota, line: Line, held: Amount, model: str
) -> Iterator[tuple[str, int, int, int]]:
    """Each limit that is set, with what is used of it and what one more attempt wants."""
    if quota.running_jobs is not None:
        yield "running jobs", line.jobs, 1, quota.running_jobs
    if quota.cpu_milli is not None:
        yield "cpu_milli", line.cpu, held.cpu_milli, quota.cpu_milli
    if quota.memory_mib is not None:
        yield "memory_mib", line.mem, held.memory_mib, quota.memory_mib
    if quota.accelerator_milli is not None:
        yield "accelerator_milli", line.acc, held.accelerator_milli, quota.accelerator_milli
    if model and model in quota.accelerator_milli_by_model:
        limit = quota.accelerator_milli_by_model[model]
        used = line.models.get(model, 0)
        yield f"accelerator_milli of {model}", used, held.accelerator_milli, limit
