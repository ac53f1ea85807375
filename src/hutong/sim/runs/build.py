"""Make an order's workload and world, with what the order changes of them."""

from collections.abc import Iterator

import msgspec

from hutong.model.errors import refuse
from hutong.model.ids import NodeId
from hutong.model.supply import Inventory, Node, Pool
from hutong.model.tenant import Tenant
from hutong.sim.generate import make_mishaps, make_workload, make_world
from hutong.sim.runs.order import PoolChange, RunOrder, WorkloadOrder, WorldOrder
from hutong.sim.setup import Setup
from hutong.sim.trace import open_trace, world_of
from hutong.sim.workload import TraceJob, Workload
from hutong.sim.world import SimSite, World

WHOLE_MILLI = 1000


def build(order: RunOrder) -> Setup:
    """Everything that a run needs. Raises `trace.*`, `generate.*` and `scenario.*`."""
    workload = build_workload(order.workload, order.seed)
    return Setup(
        world=build_world(order.world, workload, order.seed),
        workload=workload,
        profile=order.profile,
        mode=order.mode,
        predictor=order.predictor,
        seed=order.seed,
        cycle_ms=order.cycle_ms,
        sample_ms=order.sample_ms,
        until_ms=order.until_ms,
        name=order.scenario,
    )


def build_workload(order: WorkloadOrder, seed: int) -> Workload:
    """The jobs of an order."""
    if order.made is not None:
        workload = make_workload(order.made.name, order.made.settings, seed)
    else:
        workload = open_trace(
            order.trace, order.format, skip_bad=order.skip_bad, options=order.options
        )
    if order.load_milli == WHOLE_MILLI:
        return workload
    return Workload(workload.info, _Squeezed(workload, order.load_milli))


class _Squeezed:
    """Jobs that come faster or slower than they did. Deadlines stay as far behind."""

    def __init__(self, workload: Workload, load_milli: int) -> None:
        self._jobs = workload.jobs
        self._load_milli = load_milli

    def __iter__(self) -> Iterator[TraceJob]:
        replace = msgspec.structs.replace
        for job in self._jobs:
            at_ms = job.submit_ms * WHOLE_MILLI // self._load_milli
            deadline_ms = job.deadline_ms + at_ms - job.submit_ms if job.deadline_ms else 0
            yield replace(job, submit_ms=at_ms, deadline_ms=deadline_ms)


def build_world(order: WorldOrder, workload: Workload, seed: int) -> World:
    """The world of an order; where it names none, the one that the trace was taken from."""
    if order.made is not None:
        world = make_world(order.made.name, order.made.settings, seed)
    elif order.sites:
        world = World("sites", ())
    else:
        world = world_of(workload, companion=order.machines, pooled=order.pooled)
    sites = [site for site in world.sites if site.site.id not in order.without]
    known = {site.site.id for site in world.sites}
    for name in order.without:
        if name not in known:
            raise refuse("scenario.unknown", what="site", name=name, names=", ".join(sorted(known)))
    sites += [SimSite(site, inventory) for site, inventory in order.sites]
    world = msgspec.structs.replace(
        world,
        sites=_changed(tuple(sites), order.pools),
        tenants=_tenants(world, order),
        costs=order.costs or world.costs,
    )
    mishaps = list(world.mishaps)
    for made in order.mishaps:
        mishaps += make_mishaps(made.name, made.settings, seed, world)
    return msgspec.structs.replace(
        world, mishaps=tuple(sorted(mishaps, key=lambda mishap: mishap.at_ms))
    )


def _tenants(world: World, order: WorldOrder) -> tuple[Tenant, ...]:
    tenants = {tenant.id: tenant for tenant in world.tenants}
    tenants.update({tenant.id: tenant for tenant in order.tenants})
    return tuple(tenants.values())


def _changed(sites: tuple[SimSite, ...], changes: tuple[PoolChange, ...]) -> tuple[SimSite, ...]:
    for change in changes:
        if not any(_is_meant(pool, change) for site in sites for pool in site.inventory.pools):
            names = ", ".join(pool.id for site in sites for pool in site.inventory.pools)
            raise refuse("scenario.unknown", what="pool", name=change.pool, names=names)
        sites = tuple(
            msgspec.structs.replace(site, inventory=_with(site.inventory, change)) for site in sites
        )
    return sites


def _is_meant(pool: Pool, change: PoolChange) -> bool:
    return change.pool in {pool.id, pool.id.rpartition("/")[2]}


def _with(inventory: Inventory, change: PoolChange) -> Inventory:
    """An inventory with one change of its pools."""
    pools: list[Pool] = []
    nodes: list[Node] = []
    for pool in inventory.pools:
        own = [node for node in inventory.nodes if node.pool == pool.id]
        meant = _is_meant(pool, change)
        if meant and change.nodes is not None:
            own = own[: change.nodes] + _more(pool, own, change.nodes - len(own))
        pools.append(_priced(pool, change) if meant else pool)
        nodes += own
    return Inventory(tuple(pools), tuple(nodes), inventory.offers)


def _priced(pool: Pool, change: PoolChange) -> Pool:
    if change.price_microcny_per_hour is None:
        return pool
    price = msgspec.structs.replace(
        pool.price, accelerator_microcny_per_hour=change.price_microcny_per_hour
    )
    return msgspec.structs.replace(pool, price=price)


def _more(pool: Pool, own: list[Node], count: int) -> list[Node]:
    """Further nodes of a pool; they lie in the topology domains of those it has, in turn."""
    taken = {node.id for node in own}
    made: list[Node] = []
    number = len(own)
    while len(made) < count:
        number += 1
        name = NodeId(f"{pool.id}-more-{number}")
        if name not in taken:
            domains = own[len(made) % len(own)].domains if own else ()
            made.append(Node(name, pool.id, domains))
    return made
