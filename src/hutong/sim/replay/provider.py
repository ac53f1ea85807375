"""A provider: the nodes of offers that were asked of it, as they boot, run and are taken back."""

from hutong.lifecycle.events import OfferScaled
from hutong.model.ids import NodeId, PoolId
from hutong.model.job import Terms
from hutong.model.supply import Node, NodeCondition, Pool
from hutong.sim.world import SimSite

REFUSED_AFTER_MS = 60_000
"""So long it takes until a provider without capacity says so."""


class Provider:
    """One site's provider. `nodes` are those that were asked for and have not gone."""

    def __init__(self, site: SimSite) -> None:
        self._offers = {offer.pool: offer for offer in site.inventory.offers}
        self._spot = site.spot
        self.pools: list[Pool] = [p for p in site.inventory.pools if p.id in self._offers]
        self.nodes: dict[NodeId, Node] = {}
        self._refused: dict[NodeId, bool] = {}

    def has(self, node: NodeId) -> bool:
        """Whether a node is one that was asked for."""
        return node in self.nodes

    def scale(
        self, event: OfferScaled, now_ms: int, since_ms: int
    ) -> list[tuple[int, NodeId, bool]]:
        """Start and give back nodes; for each that was asked for when it is known to be there, or
        not to be had."""
        for name in event.away:
            self.nodes.pop(name, None)
        offer = self._offers[event.pool]
        most = self._most(event.pool, since_ms)
        news = []
        for name in event.started:
            given = len(self._alive(event.pool)) < most
            after_ms = offer.boot_ms if given else REFUSED_AFTER_MS
            ready_ms = now_ms + offer.boot_ms
            self.nodes[name] = Node(name, event.pool, (), NodeCondition.BOOTING, ready_ms)
            if not given:
                self._refused[name] = True
            news.append((now_ms + after_ms, name, given))
        return news

    def boot(self, node: NodeId, *, given: bool) -> bool:
        """A node is ready, or is not to be had; says whether anything changed."""
        known = self.nodes.get(node)
        if known is None:
            return False
        if given:
            self.nodes[node] = Node(node, known.pool)
        else:
            self.drop(node)
        return True

    def drop(self, node: NodeId) -> None:
        """A node is gone."""
        self.nodes.pop(node, None)
        self._refused.pop(node, None)

    def beyond(self, pool: PoolId, since_ms: int) -> list[NodeId]:
        """The nodes that are more than the provider runs at a time: the newest ones."""
        alive = self._alive(pool)
        most = max(self._most(pool, since_ms), 0)
        return alive[most:][::-1]

    def newest_spot(self) -> NodeId | None:
        """The newest node on spot terms."""
        spot = [
            name
            for name, node in self.nodes.items()
            if self._offers[node.pool].terms is Terms.SPOT and name not in self._refused
        ]
        return spot[-1] if spot else None

    def _alive(self, pool: PoolId) -> list[NodeId]:
        return [
            name
            for name, node in self.nodes.items()
            if node.pool == pool and name not in self._refused
        ]

    def _most(self, pool: PoolId, since_ms: int) -> int:
        most = self._offers[pool].nodes_max
        curve = self._spot.get(pool)
        return min(most, curve.at(since_ms)) if curve is not None else most
