"""What could run at all: a plain search over whole sites, to say who must finish in the end."""

import msgspec

from hutong.catalog import Catalog
from hutong.model.ids import NodeId, TenantId
from hutong.model.job import DomesticRule, JobSpec, Layout, Level
from hutong.model.resources import Amount
from hutong.model.supply import Node, Pool
from hutong.model.tenant import Tenant, ancestors
from hutong.sim.machines.script import SiteLine


def can_run(
    spec: JobSpec,
    sites: tuple[SiteLine, ...],
    tenants: dict[TenantId, Tenant],
    catalog: Catalog,
) -> bool:
    """Say whether a job could run if nothing else did."""
    if spec.elastic is not None:
        spec = msgspec.structs.replace(spec, tasks=max(spec.elastic.tasks_min, 1))
    return any(
        _fits(spec, line, pool, needs)
        and _within_quota(spec, pool, _held(spec, line, pool, needs), tenants)
        for line in sites
        if _site_allowed(spec, line)
        for pool in line.inventory.pools
        if not spec.constraints.pools or pool.id in spec.constraints.pools
        for needs in _alternatives(spec, pool, catalog)
    )


def _site_allowed(spec: JobSpec, line: SiteLine) -> bool:
    rules, site = spec.constraints, line.site
    return (
        (not rules.sites or site.id in rules.sites)
        and site.id not in rules.exclude_sites
        and (not rules.regions or site.region in rules.regions)
        and (not rules.jurisdictions or site.jurisdiction in rules.jurisdictions)
        and (not rules.owners or site.owner in rules.owners)
    )


def _alternatives(spec: JobSpec, pool: Pool, catalog: Catalog) -> list[Amount]:
    plain = Amount(spec.needs.cpu_milli, spec.needs.memory_mib)
    if not spec.needs.accelerators:
        return [plain]
    chip = catalog.find_accelerator(pool.accelerator) if pool.accelerator else None
    if chip is None or (spec.constraints.domestic is DomesticRule.ONLY and not chip.domestic):
        return []
    return [
        plain.plus(Amount(accelerator_milli=need.count_milli))
        for need in spec.needs.accelerators
        if need.model in (chip.name, "any")
    ]


def _fits(spec: JobSpec, line: SiteLine, pool: Pool, needs: Amount) -> bool:
    """Whether a gang fits an empty pool, with room for its groups on nodes that it leaves alone."""
    a_node = _tasks_a_node(pool, needs, spec.tasks)
    places: dict[tuple[str, ...], int] = {}
    nodes = [node for node in line.inventory.nodes if node.pool == pool.id]
    for offer in line.inventory.offers:
        # No nodes are started for a gang of unlike tasks.
        if offer.pool == pool.id and spec.commercial.allowed and not spec.groups:
            nodes += [Node(NodeId(f"{pool.id}-{n}"), pool.id) for n in range(offer.nodes_max)]
    for node in nodes:
        match spec.within:
            case Level.SITE:
                place: tuple[str, ...] = ()
            case Level.NODE:
                place = (node.id,)
            case _:
                place = node.domains or (node.id,)
        places[place] = places.get(place, 0) + a_node
    if max(places.values(), default=0) < spec.tasks:
        return False
    left = len(nodes) - _nodes_of(spec, len(nodes), a_node)
    for group in spec.groups:
        if group.needs.accelerators:
            return False  # nobody works out here which chips they would get
        each = _tasks_a_node(pool, Amount(group.needs.cpu_milli, group.needs.memory_mib), 99)
        if not each:
            return False
        left -= -(-group.tasks // each)
    return left >= 0


def _nodes_of(spec: JobSpec, nodes: int, a_node: int) -> int:
    """How many nodes a gang takes at most, if it starts alone."""
    if spec.layout is Layout.SPREAD:
        return min(nodes, spec.tasks)
    return -(-spec.tasks // a_node)


def _held(spec: JobSpec, line: SiteLine, pool: Pool, needs: Amount) -> Amount:
    """What the whole gang is charged: an exclusive one its nodes."""
    if not spec.exclusive:
        held = needs.times(spec.tasks)
        for group in spec.groups:
            each = Amount(group.needs.cpu_milli, group.needs.memory_mib)
            held = held.plus(each.times(group.tasks))
        return held
    nodes = sum(1 for node in line.inventory.nodes if node.pool == pool.id)
    own = _nodes_of(spec, nodes, _tasks_a_node(pool, needs, spec.tasks))
    return pool.node.times(own + sum(group.tasks for group in spec.groups))


def _tasks_a_node(pool: Pool, needs: Amount, most: int) -> int:
    tasks = 0
    while tasks < most and needs.times(tasks + 1).fits_in(pool.node):
        tasks += 1
    return tasks


def _within_quota(spec: JobSpec, pool: Pool, held: Amount, tenants: dict[TenantId, Tenant]) -> bool:
    for level in ancestors(spec.tenant):
        tenant = tenants.get(level)
        if tenant is None:
            continue
        quota = tenant.quota
        limits = (
            (held.cpu_milli, quota.cpu_milli),
            (held.memory_mib, quota.memory_mib),
            (held.accelerator_milli, quota.accelerator_milli),
            (held.accelerator_milli, quota.accelerator_milli_by_model.get(pool.accelerator)),
            (1, quota.running_jobs),
        )
        if any(most is not None and used > most for used, most in limits):
            return False
    return True
