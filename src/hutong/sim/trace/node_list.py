"""Nodes of a list made the pools of a site: one for each shape of node."""

from hutong.model.ids import NodeId, PoolId, SiteId
from hutong.model.resources import Amount
from hutong.model.supply import Inventory, Node, Pool
from hutong.sim.trace import chips
from hutong.sim.trace.names import tenant_name


class NodeList:
    """A site's nodes, as they are added."""

    def __init__(self, site: str) -> None:
        self._site = SiteId(site)
        self._pools: dict[tuple[Amount, str], Pool] = {}
        self._nodes: list[Node] = []
        self._taken: dict[str, int] = {}

    def add(self, name: str, chip: str, node: Amount) -> bool:
        """Add a node with the trace's word for its chip, empty for none; no for one unknown."""
        model = chips.model_of(chip) if chip else ""
        if model is None:
            return False
        shape = (node, model)
        if shape not in self._pools:
            self._pools[shape] = self._pool(chip, node, model)
        pool = self._pools[shape].id
        self._nodes.append(Node(NodeId(f"{self._site}/{tenant_name(name)}"), pool))
        return True

    def inventory(self) -> Inventory:
        """All that was added."""
        return Inventory(tuple(self._pools.values()), tuple(self._nodes))

    def _pool(self, chip: str, node: Amount, model: str) -> Pool:
        count = node.accelerator_milli // 1000
        name = f"{chip.lower()}-{count}" if chip else "cpu"
        self._taken[name] = self._taken.get(name, 0) + 1
        if self._taken[name] > 1:
            name = f"{name}-{self._taken[name]}"
        # The packaged catalogue knows no watts of a chip whose model nobody tells.
        row = next((row for row in chips.undisclosed() if row.name == model), None)
        return Pool(
            PoolId(f"{self._site}/{name}"),
            self._site,
            node,
            model,
            accelerator_watt=row.tdp_watt if row else 0,
        )
