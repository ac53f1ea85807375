"""The tenant tree: what each tenant holds, itself and with all below it, and what it used of late.

Theory of operation. Every tenant has a line in two accounts: `own` (what its own jobs hold) and
`tree` (its own and everything below it). Both change with every attempt that starts or is
released, for the tenant and all above it, and so do the accounts of the rules of quotas that count
it. A tenant nobody has described has weight 1 and no quota. Ids are paths, so the tree has no loop.

The averages of what was held (`use`) and what was metered in each window belong to whoever keeps
the state: `lend` hands the records over and they are rolled forward here, by the time last told.
Without them only what is held counts.
"""

from collections.abc import Sequence

from hutong.model.ids import AttemptId, TenantId
from hutong.model.resources import Amount
from hutong.model.tenant import Quota, QuotaWindow, Tenant, WindowSums, ancestors
from hutong.scheduler.quota import TIME, Counting, Rule, compile_rules, counting
from hutong.scheduler.records import AcceleratorCatalog
from hutong.scheduler.supply import Running
from hutong.scheduler.use import Use

Part = tuple[int, int, int]
"""The begin of a window (Unix ms), and accelerator time and money that fell into it."""


Place = tuple[str, str, str]
"""A chip by the catalogue's name, a site and its region."""


class Line:
    """What one tenant holds. `models` is thousandths of chips by model."""

    __slots__ = ("acc", "cpu", "jobs", "mem", "models")

    def __init__(self) -> None:
        self.cpu = 0
        self.mem = 0
        self.acc = 0
        self.jobs = 0
        self.models: dict[str, int] = {}

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
    """One tenant: its place in the tree and what it holds. `running` are its own jobs' attempts.

    `chain` is the tenant and all above it, `limits` those of them with a quota, the nearest first;
    `regions` tells of every site where it lies.
    """

    __slots__ = (
        "_counting", "chain", "children", "id", "limits", "made", "own", "parent", "quota",
        "regions", "rules", "running", "tree", "use", "weight",
    )  # fmt: skip

    def __init__(self, tenant: TenantId, parent: "Entity | None", regions: dict[str, str]) -> None:
        self.id = tenant
        self.regions = regions
        self.parent = parent
        self.weight = 1
        self.made = False
        self.quota = Quota()
        self.rules: tuple[Rule, ...] = ()
        self.own = Line()
        self.tree = Line()
        self.use: Use | None = None
        self.running: dict[AttemptId, Running] = {}
        self.children: list[Entity] = []
        self.chain: tuple[Entity, ...] = (self, *(parent.chain if parent else ()))
        self.limits: tuple[Entity, ...] = ()
        self._counting: dict[Place, Counting] = {}

    def counting(self, model: str, site: str, region: str) -> Counting:
        """The rules, its own and those above, that count what it holds of a chip at a place."""
        key = (model, site, region)
        found = self._counting.get(key)
        if found is None:
            levels = [level.rules for level in self.limits]
            found = self._counting[key] = counting(levels, model, site, region)
        return found

    def below(self) -> "list[Entity]":
        """The tenant and all below it."""
        found = [self]
        for entity in found:
            found += entity.children
        return found

    def forget_counting(self) -> None:
        """Look up anew which rules count, after rules changed."""
        self._counting.clear()


class Tenants:
    """The tenant tree with its accounts. `now_ms` is the time last told."""

    def __init__(self, catalog: AcceleratorCatalog) -> None:
        self.by_id: dict[TenantId, Entity] = {}
        self.roots: list[Entity] = []
        self.holding: dict[TenantId, Entity] = {}
        self.now_ms = 0
        self.half_life_ms = 0
        self._catalog = catalog
        self._uses: dict[TenantId, Use] | None = None
        self._windows: dict[TenantId, WindowSums] = {}
        self._regions: dict[str, str] = {}

    def lend(
        self,
        uses: dict[TenantId, Use] | None,
        windows: dict[TenantId, WindowSums],
        half_life_ms: int,
    ) -> None:
        """Take the records of use, to be kept up to date here, and those of windows, to be read.

        None stops keeping records of use.
        """
        self._uses, self._windows = uses, windows
        self.half_life_ms = max(half_life_ms, 0)
        for tenant in windows:
            self.find(tenant)
        for entity in self.by_id.values():
            entity.use = uses.get(entity.id) if uses is not None else None
            for rule in entity.rules:
                if rule.account is not None:
                    rule.account.forget()

    def set_half_life(self, half_life_ms: int) -> None:
        """Say how fast use is forgotten from now on; at 0 it is not remembered."""
        for use in self._uses.values() if self._uses is not None else ():
            use.roll(self.now_ms, self.half_life_ms)
        self.half_life_ms = max(half_life_ms, 0)

    def set_region(self, site: str, region: str) -> None:
        """Say where a site lies."""
        if self._regions.get(site) != region:
            self._regions[site] = region
            for entity in self.by_id.values():
                if entity.rules:
                    self._count_anew(entity)

    def put(self, tenant: Tenant) -> None:
        """Add a tenant, or replace its weight and quota. Weights below 1 count as 1."""
        entity = self.find(tenant.id)
        entity.made = True
        entity.quota = tenant.quota
        entity.weight = max(tenant.weight, 1)
        entity.rules = compile_rules(tenant.id, tenant.quota, self._names)
        self._count_anew(entity)
        self._renew_limits(entity)

    def place_of(self, running: Running) -> Place:
        """The chip that an attempt holds, at which site, in which region."""
        site = running.attempt.site
        return running.model, site, self._regions.get(site, "")

    def counted(self, rule: Rule) -> list[Running]:
        """The attempts that a rule counts."""
        return [
            running
            for below in self.by_id[rule.tenant].below()
            for running in below.running.values()
            if rule.counts(*self.place_of(running))
        ]

    def find(self, tenant: TenantId) -> Entity:
        """Find a tenant, or add it and whatever is missing above it."""
        found = self.by_id.get(tenant)
        if found is not None:
            return found
        parent: Entity | None = None
        for path in reversed(ancestors(tenant)):
            entity = self.by_id.get(path)
            if entity is None:
                entity = self.by_id[path] = Entity(path, parent, self._regions)
                (parent.children if parent is not None else self.roots).append(entity)
                entity.limits = parent.limits if parent is not None else ()
                entity.use = self._uses.get(path) if self._uses is not None else None
            parent = entity
        assert parent is not None
        return parent

    def imagine(self, tenant: TenantId) -> Entity:
        """A tenant as it would be if it were known; nothing is added to the tree."""
        found: Entity | None = None
        for path in reversed(ancestors(tenant)):
            known = self.by_id.get(path)
            if known is None:
                known = Entity(path, found, self._regions)
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

    def meter(self, tenant: TenantId, place: str, window: QuotaWindow, part: Part) -> None:
        """Say that a tenant used so much more in a window, on a chip at a site (`spent_at`)."""
        site, _, model = place.partition(" ")
        for rule in self.find(tenant).counting(model, site, self._regions.get(site, "")).every:
            if rule.account is not None and rule.window is window:
                amount = part[1] if rule.counted == TIME else part[2]
                rule.account.meter(part[0], amount)

    def metered(self, rule: Rule, window: QuotaWindow, begin_ms: int) -> int:
        """What was metered in a window of all that a rule counts."""
        total = 0
        for entity in self.by_id[rule.tenant].below():
            sums = self._windows.get(entity.id)
            if sums is None:
                continue
            kept = sums.days if window is QuotaWindow.DAY else sums.months
            for place, spent in kept.get(begin_ms, {}).items():
                site, _, model = place.partition(" ")
                if rule.counts(model, site, self._regions.get(site, "")):
                    amount = spent.accelerator_milli_ms
                    total += amount if rule.counted == TIME else spent.cost_microcny
        return total

    def used(self, rule: Rule, now_ms: int) -> int:
        """What counts of a rule at a time."""
        if rule.account is None:
            return rule.used
        return rule.account.used(now_ms, lambda window, at: self.metered(rule, window, at))

    def _add(self, entity: Entity, running: Running, sign: int) -> None:
        held = running.held
        entity.own.add(held, running.model, sign)
        if entity.limits:
            for rule in entity.counting(*self.place_of(running)).every:
                rule.change(running, sign)
        uses = self._uses
        for above in entity.chain:
            if uses is not None and self.half_life_ms:
                self._roll(above, uses)
            tree = above.tree
            tree.add(held, running.model, sign)
            if above.use is not None:
                use = above.use
                use.held_cpu, use.held_mem, use.held_acc = tree.cpu, tree.mem, tree.acc
            if tree.jobs:
                self.holding[above.id] = above
            else:
                self.holding.pop(above.id, None)

    def _roll(self, entity: Entity, uses: dict[TenantId, Use]) -> None:
        use = entity.use
        if use is None:
            tree = entity.tree
            use = Use(self.now_ms, held_cpu=tree.cpu, held_mem=tree.mem, held_acc=tree.acc)
            entity.use = uses[entity.id] = use
        else:
            use.roll(self.now_ms, self.half_life_ms)

    def _count_anew(self, entity: Entity) -> None:
        for rule in entity.rules:
            rule.clear()
            for running in self.counted(rule):
                rule.change(running, 1)

    def _names(self, name: str) -> Sequence[str]:
        return [chip.name for chip in self._catalog.find_accelerators(name)]

    def _renew_limits(self, entity: Entity) -> None:
        above = entity.parent.limits if entity.parent else ()
        own = (entity,) if entity.rules else ()
        entity.limits = (*own, *above)
        entity.forget_counting()
        for child in entity.children:
            self._renew_limits(child)
