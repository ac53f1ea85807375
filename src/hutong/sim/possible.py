"""What could run at all: a plain search over whole sites, to say who must finish in the end."""

from hutong.catalog import Catalog
from hutong.model.ids import TenantId
from hutong.model.job import DomesticRule, JobSpec
from hutong.model.resources import Amount
from hutong.model.supply import Pool
from hutong.model.tenant import Tenant, ancestors
from hutong.sim.script import SiteLine


def can_run(
    spec: JobSpec,
    sites: tuple[SiteLine, ...],
    tenants: dict[TenantId, Tenant],
    catalog: Catalog,
) -> bool:
    """Say whether a job could run if nothing else did."""
    return any(
        _fits(spec, line, pool, needs)
        and _within_quota(spec, pool, _held(spec, pool, needs), tenants)
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
    a_node = _tasks_a_node(pool, needs, spec.tasks)
    nodes = sum(1 for node in line.inventory.nodes if node.pool == pool.id)
    for offer in line.inventory.offers:
        if offer.pool == pool.id and spec.commercial.allowed:
            nodes = offer.nodes_max
    return a_node * nodes >= spec.tasks


def _held(spec: JobSpec, pool: Pool, needs: Amount) -> Amount:
    """What the whole gang is charged: an exclusive one its nodes."""
    if not spec.exclusive:
        return needs.times(spec.tasks)
    return pool.node.times(-(-spec.tasks // _tasks_a_node(pool, needs, spec.tasks)))


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
