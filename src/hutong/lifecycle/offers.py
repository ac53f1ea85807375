"""Offers at the hub: which nodes of providers should exist, and the account of those that did.

Theory of operation. A node of an offer has a name that the hub gave it and never gives again. The
names that should exist are a level: every answer to a site's agent holds them all, and the site has
just those exist. So a lost, repeated or late message starts nothing twice, and a node that is taken
back or fails to start is not replaced behind the hub's back: the hub lets go of its name once the
site's inventory says that it is down or has left it out, and the scheduler decides anew.

A node's time counts from the moment its name was journaled to the moment the hub learns that it is
gone. The provider is paid for it; what tenants pay is metered attempt by attempt, as anywhere.
"""

from hutong.lifecycle import events as ev
from hutong.lifecycle.ground import Ground
from hutong.lifecycle.records import Attempt, OfferNode, OfferRecord, SiteRecord
from hutong.model.ids import NodeId, PoolId, SiteId
from hutong.model.supply import Node, NodeCondition, Offer, Pool, cost_microcny


def wanted(record: SiteRecord) -> dict[PoolId, tuple[NodeId, ...]] | None:
    """The nodes of offers that should exist at a site, by pool; None for a site without offers."""
    if not record.inventory.offers:
        return None
    return {offer.pool: _named(record, offer.pool) for offer in record.inventory.offers}


def _named(record: SiteRecord, pool: PoolId) -> tuple[NodeId, ...]:
    known = record.offers.get(pool, OfferRecord())
    return tuple(name for name, node in known.nodes.items() if not node.away)


# Folding


def offer_scaled(ground: Ground, event: ev.OfferScaled, entry: ev.Entry) -> None:
    """Name nodes that should exist, and keep work from those that should not."""
    record = ground.state.sites[SiteId(event.pool.partition("/")[0])]
    offer = record.offers.setdefault(event.pool, OfferRecord())
    rate = _rate(record, event.pool)
    for name in event.started:
        offer.nodes[name] = OfferNode(entry.at_ms, rate, job=event.job)
    offer.next_number += len(event.started)
    offer.started_count += len(event.started)
    for name in event.away:
        offer.nodes[name].away = True
        ground.show_node(record, name)
    offer.past = offer.past.after(entry.at_ms, held=bool(offer.nodes), lost=False)
    show(ground, record, event.pool)


def inventory_seen(ground: Ground, record: SiteRecord, at_ms: int) -> None:
    """Learn from an inventory which nodes of offers became ready and which are gone."""
    if not record.offers:
        return
    nodes = {node.id: node for node in record.inventory.nodes}
    offers = {offer.pool: offer for offer in record.inventory.offers}
    for pool, known in record.offers.items():
        had, lost = bool(known.nodes), False
        for name in list(known.nodes):
            if _is_gone(known.nodes[name], nodes.get(name), offers.get(pool)):
                gone = known.nodes.pop(name)
                lost |= not gone.away
                _close(known, gone, at_ms)
            elif name in nodes:
                _see(known.nodes[name], nodes[name], at_ms)
                if known.nodes[name].away:
                    ground.show_node(record, name)
        if had:
            known.past = known.past.after(at_ms, held=bool(known.nodes), lost=lost)
        show(ground, record, pool)


def note_end(ground: Ground, attempt: Attempt, at_ms: int) -> None:
    """An attempt is gone from its nodes: those of offers may be idle from now on."""
    record = ground.state.sites[attempt.site]
    for pool, known in record.offers.items():
        touched = [known.nodes[s.node] for s in attempt.nodes if s.node in known.nodes]
        for node in touched:
            node.idle_ms = at_ms
        if touched:
            show(ground, record, pool)


def show_all(ground: Ground, record: SiteRecord) -> None:
    """Tell the scheduler of every offer of a site, once after loading."""
    for pool, known in record.offers.items():
        for name, node in known.nodes.items():
            if node.away:
                ground.show_node(record, name)
        show(ground, record, pool)


def show(ground: Ground, record: SiteRecord, pool: PoolId) -> None:
    """Tell the scheduler which nodes of an offer were asked for, and since when they are idle."""
    known = record.offers.get(pool)
    if known is not None:
        staying = {name: node for name, node in known.nodes.items() if not node.away}
        coming = {name: n.asked_ms for name, n in staying.items() if not n.seen}
        idle_since = {name: n.idle_ms for name, n in staying.items() if n.seen}
        promised = {n.job: True for n in staying.values() if n.job and n.idle_ms == n.ready_ms}
        ground.scheduler.put_nodes_of_offer(pool, coming, idle_since, promised, known.past)


def _is_gone(known: OfferNode, node: Node | None, offer: Offer | None) -> bool:
    """A node is gone when its site says that it is down, or does not name it any more."""
    if node is None:
        return known.seen or known.away or offer is None
    return node.condition is NodeCondition.DOWN


def _see(known: OfferNode, node: Node, at_ms: int) -> None:
    known.seen = True
    if node.condition is not NodeCondition.BOOTING and not known.ready_ms:
        known.ready_ms = known.idle_ms = at_ms


def _close(offer: OfferRecord, node: OfferNode, at_ms: int) -> None:
    offer.node_ms += max(0, at_ms - node.asked_ms)
    offer.boot_ms += max(0, (node.ready_ms or at_ms) - node.asked_ms)
    offer.cost_microcny += cost_microcny(node.rate_microcny_per_hour, max(0, at_ms - node.asked_ms))


def _rate(record: SiteRecord, pool_id: PoolId) -> int:
    """What the provider takes for a node, micro-CNY an hour."""
    pool = next((pool for pool in record.inventory.pools if pool.id == pool_id), None)
    offer = next((offer for offer in record.inventory.offers if offer.pool == pool_id), None)
    return offer.price.rate(pool.node) if pool is not None and offer is not None else 0


# Telling


def account(record: SiteRecord, pool: Pool, now_ms: int) -> OfferRecord:
    """What an offer's nodes came to so far, those that still exist up to now."""
    known = record.offers.get(pool.id, OfferRecord())
    total = OfferRecord(
        known.nodes, known.next_number, known.started_count, known.node_ms, known.boot_ms,
        known.cost_microcny,
    )  # fmt: skip
    for node in known.nodes.values():
        _close(total, node, now_ms)
    return total
