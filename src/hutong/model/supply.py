"""What sites offer: sites, pools of like nodes, nodes, and their prices."""

from enum import StrEnum

import msgspec

from hutong.model.ids import NodeId, PoolId, RegionId, SiteId
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


class Site(msgspec.Struct, frozen=True):
    """One cluster, machine or cloud account-region that joined the hub."""

    id: SiteId
    owner: str
    region: RegionId
    jurisdiction: str
    kind: str = "local"


class Pool(msgspec.Struct, frozen=True):
    """Nodes of one site with the same shape. `node` is what one node has in all.

    `accelerator` is the catalogue's name of the chip, empty for none. `declared` says that the
    chips are counted tokens which nobody has seen as devices. `boot_ms` is the time before a task
    can start.
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


class NodeCondition(StrEnum):
    """Whether new work may go to a node."""

    READY = "ready"
    DRAINING = "draining"
    DOWN = "down"


class Node(msgspec.Struct, frozen=True):
    """One machine of a pool. `domains` are its topology domains, outermost first (spine, rack)."""

    id: NodeId
    pool: PoolId
    domains: tuple[str, ...] = ()
    condition: NodeCondition = NodeCondition.READY


class Inventory(msgspec.Struct, frozen=True):
    """Everything a site says it has, sent whole when it changes."""

    pools: tuple[Pool, ...]
    nodes: tuple[Node, ...]
