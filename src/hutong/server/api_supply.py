"""Sites, pools and nodes, and keeping new work away from them."""

from collections.abc import Iterable
from typing import cast

from hutong.lifecycle import commands as do
from hutong.lifecycle.hub import HubMachine
from hutong.lifecycle.offers import account
from hutong.lifecycle.records import SiteRecord
from hutong.model.errors import refuse
from hutong.model.ids import NodeId, PoolId, SiteId
from hutong.model.resources import Amount
from hutong.model.supply import Node, NodeCondition, Pool
from hutong.server.endpoint import Answer, Call
from hutong.server.queries import NodesQuery, SiteQuery
from hutong.server.tokens import Scope
from hutong.wire.api import DrainRequest, NodeView, OfferView, PoolView, SiteView

Used = dict[NodeId, Amount]


async def list_sites(call: Call) -> Answer:
    """All sites, by name."""
    machine = call.hub.driver.machine
    views = [_site_view(machine, machine.state.sites[site]) for site in sorted(machine.state.sites)]
    await call.hub.driver.durable()
    return Answer(views)


async def list_pools(call: Call) -> Answer:
    """Pools of all sites or one."""
    machine, now_ms = call.hub.driver.machine, call.hub.driver.clock.now_ms()
    views = []
    for record in _sites(machine, cast(SiteQuery, call.query).site):
        used, members = _used(machine, record), _members(record)
        views += [
            _pool_view(pool, members.get(pool.id, ()), used, _offer_view(record, pool, now_ms))
            for pool in record.inventory.pools
        ]
    await call.hub.driver.durable()
    return Answer(views)


async def list_nodes(call: Call) -> Answer:
    """Nodes of all sites, one site or one pool."""
    query = cast(NodesQuery, call.query)
    machine = call.hub.driver.machine
    site = query.site or query.pool.partition("/")[0]
    views = []
    for record in _sites(machine, site):
        used = _used(machine, record)
        pools = {pool.id: pool for pool in record.inventory.pools}
        if query.pool and query.pool not in pools:
            raise refuse("pool.not_found", pool=query.pool)
        views += [
            _node_view(record, node, pools[node.pool], used)
            for node in record.inventory.nodes
            if query.pool in ("", node.pool)
        ]
    await call.hub.driver.durable()
    return Answer(views)


async def drain_site(call: Call) -> Answer:
    """Keep new work away from a site, or let it come again."""
    site = SiteId(call.params["site"])
    _check_operator(call, site)
    draining = cast(DrainRequest, call.body).draining
    driver = call.hub.driver
    await driver.submit(do.DrainSite(site, draining), call.cause)
    return Answer(_site_view(driver.machine, driver.machine.state.sites[site]))


async def drain_node(call: Call) -> Answer:
    """Keep new work away from a node, or let it come again."""
    site = SiteId(call.params["site"])
    _check_operator(call, site)
    node_id = NodeId(f"{site}/{call.params['node']}")
    draining = cast(DrainRequest, call.body).draining
    driver = call.hub.driver
    await driver.submit(do.DrainNode(node_id, draining), call.cause)
    record = driver.machine.state.sites[site]
    for node in record.inventory.nodes:
        if node.id == node_id:
            pool = next(pool for pool in record.inventory.pools if pool.id == node.pool)
            return Answer(_node_view(record, node, pool, _used(driver.machine, record)))
    raise refuse("node.not_found", node=node_id)


def _check_operator(call: Call, site: SiteId) -> None:
    if call.principal.scope is Scope.OPERATOR and call.principal.subject != site:
        raise call.principal.forbidden(f"drain anything of {site}", f"operator of {site}")


def _sites(machine: HubMachine, site: str) -> list[SiteRecord]:
    if not site:
        return [machine.state.sites[name] for name in sorted(machine.state.sites)]
    record = machine.state.sites.get(SiteId(site))
    if record is None:
        raise refuse("site.not_found", site=site)
    return [record]


def _used(machine: HubMachine, record: SiteRecord) -> Used:
    used: Used = {}
    for attempt_id in record.attempts:
        attempt = machine.state.attempts.get(attempt_id)
        if attempt is None or not attempt.is_live:
            continue
        for share in attempt.nodes:
            held = attempt.needs_of(share).times(share.tasks)
            used[share.node] = used.get(share.node, Amount()).plus(held)
    return used


def _members(record: SiteRecord) -> dict[PoolId, list[Node]]:
    members: dict[PoolId, list[Node]] = {}
    for node in record.inventory.nodes:
        members.setdefault(node.pool, []).append(node)
    return members


def _sum(amounts: Iterable[Amount]) -> Amount:
    total = Amount()
    for amount in amounts:
        total = total.plus(amount)
    return total


def _site_view(machine: HubMachine, record: SiteRecord) -> SiteView:
    members = _members(record)
    total, chips = Amount(), dict[str, int]()
    for pool in record.inventory.pools:
        nodes = len(members.get(pool.id, ()))
        total = total.plus(pool.node.times(nodes))
        if pool.accelerator:
            count = pool.node.accelerator_milli * nodes // 1000
            chips[pool.accelerator] = chips.get(pool.accelerator, 0) + count
    live = [
        attempt
        for attempt in (machine.state.attempts.get(name) for name in record.attempts)
        if attempt is not None and attempt.is_live
    ]
    site = record.site
    return SiteView(
        site.id,
        site.owner,
        site.region,
        site.jurisdiction,
        site.kind,
        _status(record),
        record.heard_ms,
        len(record.inventory.nodes),
        len(live),
        total,
        _sum(attempt.held() for attempt in live),
        chips,
        sum(len(members.get(offer.pool, ())) for offer in record.inventory.offers),
        sum(offer.nodes_max for offer in record.inventory.offers),
    )


def _status(record: SiteRecord) -> str:
    if record.silent:
        return "silent"
    return "draining" if record.draining else "ready"


def _offer_view(record: SiteRecord, pool: Pool, now_ms: int) -> OfferView | None:
    """What a provider offers as this pool, and what it came to; None for an ordinary pool."""
    offer = next((offer for offer in record.inventory.offers if offer.pool == pool.id), None)
    if offer is None:
        return None
    sums = account(record, pool, now_ms)
    named = [node for node in sums.nodes.values() if not node.away]
    return OfferView(
        offer.terms.value,
        offer.nodes_max,
        offer.boot_ms,
        offer.price,
        offer.revoked_milli_per_hour,
        len(named),
        sum(not node.ready_ms for node in named),
        sums.started_count,
        sums.node_ms,
        sums.boot_ms,
        sums.cost_microcny,
    )


def _pool_view(pool: Pool, nodes: Iterable[Node], used: Used, offer: OfferView | None) -> PoolView:
    members = list(nodes)
    return PoolView(
        pool.id,
        pool.site,
        len(members),
        pool.node,
        pool.node.times(len(members)),
        _sum(used[node.id] for node in members if node.id in used),
        pool.price,
        pool.accelerator,
        pool.interconnect,
        pool.software,
        pool.declared,
        offer,
    )


def _node_view(record: SiteRecord, node: Node, pool: Pool, used: Used) -> NodeView:
    condition = node.condition
    if condition is NodeCondition.READY and node.id in record.drained_nodes:
        condition = NodeCondition.DRAINING
    return NodeView(
        node.id,
        node.pool,
        record.site.id,
        condition.value,
        pool.node,
        pool.node.minus(used.get(node.id, Amount())),
        pool.accelerator,
        node.domains,
        pool.declared,
    )
