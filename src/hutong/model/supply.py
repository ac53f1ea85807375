"""What sites offer: sites, pools of like nodes, nodes, and their prices."""

from enum import StrEnum

import msgspec

from hutong.model.ids import NodeId, PoolId, RegionId, SiteId
from hutong.model.job import Terms
from hutong.model.resources import Amount

MS_PER_HOUR = 3_600_000


class PriceBook(msgspec.Struct, frozen=True):
    """What an hour costs, in millionths of a yuan (micro-CNY)."""

    accelerator_microcny_per_hour: int = 0
    cpu_microcny_per_hour: int = 0
    memory_gib_microcny_per_hour: int = 0

    def rate(self, amount: Amount) -> int:
        """Price of holding `amount` for an hour, micro-CNY, rounded down once."""
        return (
            amount.accelerator_milli * self.accelerator_microcny_per_hour * 1024
            + amount.cpu_milli * self.cpu_microcny_per_hour * 1024
            + amount.memory_mib * self.memory_gib_microcny_per_hour * 1000
        ) // (1000 * 1024)


def cost_microcny(rate_microcny_per_hour: int, duration_ms: int) -> int:
    """Cost of a duration at a rate, rounded half up to a micro-CNY. The meter's only rounding."""
    return (rate_microcny_per_hour * duration_ms * 2 + MS_PER_HOUR) // (2 * MS_PER_HOUR)


class SoftwareVersion(msgspec.Struct, frozen=True):
    """A stack or framework that a pool's nodes carry, such as cuda 12.4 or torch 2.5.1."""

    name: str
    version: str


class Energy(msgspec.Struct, frozen=True):
    """What power costs at a site. `pue_milli` is what the building draws for 1000 of the machines.

    `price_microcny_per_kwh` is for the supplier's own account or passed on, as the operator's
    profile says; `carbon_g_per_kwh` is the grid's intensity.
    """

    price_microcny_per_kwh: int = 0
    carbon_g_per_kwh: int = 0
    pue_milli: int = 1000


class Site(msgspec.Struct, frozen=True):
    """One cluster, machine or cloud account-region that joined the hub."""

    id: SiteId
    owner: str
    region: RegionId
    jurisdiction: str
    kind: str = "local"
    energy: Energy | None = None


class Pool(msgspec.Struct, frozen=True):
    """Nodes of one site with the same shape. `node` is what one node has in all.

    `accelerator` is the catalogue's name of the chip, empty for none. `declared` says that the
    chips are counted tokens which nobody has seen as devices. `boot_ms` is the time before a task
    can start. `accelerator_watt` is what one chip draws under load (0 takes the catalogue's),
    `node_watt` the rest of a node.
    """

    id: PoolId
    site: SiteId
    node: Amount
    accelerator: str = ""
    interconnect: str = ""
    software: tuple[SoftwareVersion, ...] = ()
    price: PriceBook = PriceBook()
    declared: bool = False
    boot_ms: int = 0
    accelerator_watt: int = 0
    node_watt: int = 0


class Offer(msgspec.Struct, frozen=True):
    """Capacity that a provider would start on request, as nodes of the pool of the same id.

    The pool is in the inventory from the start, with as many nodes as run. `nodes_max` bounds
    them, `boot_ms` is the time from the request to a ready node. `price` is what the provider
    takes for a node from the request to the node's end; what a job pays is the pool's price. Of
    spot nodes `revoked_milli_per_hour` thousandths are taken back an hour.
    """

    pool: PoolId
    terms: Terms
    nodes_max: int
    boot_ms: int
    price: PriceBook
    revoked_milli_per_hour: int = 0


class NodeCondition(StrEnum):
    """Whether new work may go to a node."""

    READY = "ready"
    DRAINING = "draining"
    DOWN = "down"
    BOOTING = "booting"


class Node(msgspec.Struct, frozen=True):
    """One machine of a pool. `domains` are its topology domains, outermost first (spine, rack).

    `ready_ms` is when a booting one is expected to be ready (Unix ms), 0 where nobody can tell.
    A node of an offer that is down is gone for good.
    """

    id: NodeId
    pool: PoolId
    domains: tuple[str, ...] = ()
    condition: NodeCondition = NodeCondition.READY
    ready_ms: int = 0


class Inventory(msgspec.Struct, frozen=True):
    """Everything a site says it has, sent whole when it changes."""

    pools: tuple[Pool, ...]
    nodes: tuple[Node, ...]
    offers: tuple[Offer, ...] = ()
