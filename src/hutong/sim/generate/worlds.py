"""A made world: so many nodes with chips, over sites, in racks and spines."""

from typing import ClassVar

from hutong.model.ids import NodeId, PoolId, RegionId, SiteId, TenantId, is_name
from hutong.model.resources import Amount
from hutong.model.supply import Inventory, Node, Pool, PriceBook, Site
from hutong.model.tenant import Tenant
from hutong.sim.generate.models import chip_name, jurisdiction_of
from hutong.sim.generate.settings import Ranges, Settings
from hutong.sim.world import SimSite, World

REGIONS = ("cn-beijing", "cn-tianjin", "cn-zhangjiakou")


class MadeWorld(Settings, frozen=True, tag="made-world"):
    """`nodes_count` nodes in all, as even as may be over `sites_count` sites of one pool each.

    The n-th site lies in the n-th of `regions` and has the n-th of `accelerators`, both again from
    the begin once they are through; an empty name is a site without chips. A rack has
    `rack_nodes`, a spine `spine_racks`. Tenants are named as those of `ai-jobs`.
    """

    sites_count: int = 1
    nodes_count: int = 100
    accelerators: tuple[str, ...] = ("A100-80GB",)
    node_accelerators: int = 8
    cpu_milli: int = 128_000
    memory_mib: int = 1_048_576
    rack_nodes: int = 16
    spine_racks: int = 16
    regions: tuple[str, ...] = REGIONS
    tenants_count: int = 40
    accelerator_microcny_per_hour: int = 10_000_000

    RANGES: ClassVar[Ranges] = {
        "sites_count": (1, 10_000),
        "nodes_count": (1, 1_000_000),
        "node_accelerators": (0, 64),
        "cpu_milli": (1, 10_000_000),
        "memory_mib": (1, 67_108_864),
        "rack_nodes": (1, 10_000),
        "spine_racks": (1, 10_000),
        "tenants_count": (0, 100_000),
        "accelerator_microcny_per_hour": (0, 10**12),
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sites_count > self.nodes_count:
            raise self.refusal("sites_count", f"there are only {self.nodes_count} nodes")
        for setting in ("accelerators", "regions"):
            if not getattr(self, setting):
                raise self.refusal(setting, "there is none")
        if bad := [region for region in self.regions if not is_name(region)]:
            raise self.refusal("regions", f"{bad[0]!r} is no name of a region")


def made_world(settings: MadeWorld, _seed: int) -> World:
    """The world; nothing of it is drawn.

    Raises `HutongError` `generate.setting` for a chip not in the catalogue.
    """
    base, more = divmod(settings.nodes_count, settings.sites_count)
    sites = tuple(
        _site(settings, number, base + (number < more)) for number in range(settings.sites_count)
    )
    tenants = tuple(Tenant(TenantId(f"t{number}")) for number in range(settings.tenants_count))
    return World("made-world", sites, tenants)


def _site(settings: MadeWorld, number: int, nodes_count: int) -> SimSite:
    site = SiteId(f"s{number}")
    region = settings.regions[number % len(settings.regions)]
    chip = settings.accelerators[number % len(settings.accelerators)]
    if chip:
        chip = chip_name(settings, "accelerators", chip)
    chips = settings.node_accelerators if chip else 0
    pool = Pool(
        PoolId(f"{site}/pool"),
        site,
        Amount(settings.cpu_milli, settings.memory_mib, 1000 * chips),
        accelerator=chip if chips else "",
        price=PriceBook(settings.accelerator_microcny_per_hour if chips else 0),
    )
    nodes = tuple(_node(settings, pool, place) for place in range(nodes_count))
    described = Site(site, f"owner-{number}", RegionId(region), jurisdiction_of(region))
    return SimSite(described, Inventory((pool,), nodes))


def _node(settings: MadeWorld, pool: Pool, place: int) -> Node:
    rack = place // settings.rack_nodes
    spine = rack // settings.spine_racks
    return Node(NodeId(f"{pool.site}/n{place:06}"), pool.id, (f"spine-{spine}", f"rack-{rack}"))
