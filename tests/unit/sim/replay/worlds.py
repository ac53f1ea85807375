"""Small worlds and jobs to replay."""

import msgspec

from hutong.model.ids import NodeId, PoolId, RegionId, SiteId
from hutong.model.job import Terms
from hutong.model.resources import AcceleratorNeed, Amount
from hutong.model.supply import Energy, Inventory, Node, Offer, Pool, PriceBook, Site
from hutong.scheduler.profile import PROFILES, Profile
from hutong.sim.setup import Setup
from hutong.sim.workload import TraceJob, Workload, WorkloadInfo
from hutong.sim.world import Costs, SimSite, World

SECOND_MS = 1_000
HOUR_MS = 3_600_000
EASY = msgspec.structs.replace(PROFILES["easy"], reservations_count=1)


def site(
    name: str = "s0", *, nodes: int = 1, cpus: int = 4, chips: int = 0, chip: str = "A100-80GB",
    region: str = "beijing", boot_ms: int = 0, price: int = 0, energy: Energy | None = None,
) -> SimSite:  # fmt: skip
    """A site with one pool, `p`, of nodes `n0`, `n1` and so on."""
    pool = Pool(
        PoolId(f"{name}/p"), SiteId(name), Amount(cpus * 1000, 0, chips * 1000),
        chip if chips else "", price=PriceBook(price), boot_ms=boot_ms,
    )  # fmt: skip
    members = tuple(Node(NodeId(f"{name}/n{at}"), pool.id) for at in range(nodes))
    described = Site(SiteId(name), "city", RegionId(region), "CN", energy=energy)
    return SimSite(described, Inventory((pool,), members))


def offering(
    name: str = "cloud", *, most: int = 4, boot_ms: int = 60_000, terms: Terms = Terms.ON_DEMAND,
    price: int = 3_600_000,
) -> SimSite:  # fmt: skip
    """A site whose provider would run up to `most` nodes of one chip."""
    pool = Pool(
        PoolId(f"{name}/p"), SiteId(name), Amount(8_000, 0, 1000), "A100-80GB",
        price=PriceBook(price),
    )  # fmt: skip
    offer = Offer(pool.id, terms, most, boot_ms, PriceBook(price))
    described = Site(SiteId(name), "cloud", RegionId("beijing"), "CN", kind="cloud")
    return SimSite(described, Inventory((pool,), (), (offer,)))


def world(*sites: SimSite, costs: Costs | None = None, **more: object) -> World:
    """A world of sites, or of one site with one node of four CPUs."""
    made = World("small", sites or (site(),), costs=costs or Costs())
    return msgspec.structs.replace(made, **more)


def job(name: str, submit_s: int, run_s: int, *, cpus: int = 1, **more: object) -> TraceJob:
    """A job of CPUs, whose user knows how long it runs."""
    made = TraceJob(
        name, submit_s * SECOND_MS, run_s * SECOND_MS, cpu_milli=cpus * 1000,
        estimate_ms=run_s * SECOND_MS,
    )  # fmt: skip
    return msgspec.structs.replace(made, **more)


def chip_job(name: str, submit_s: int, run_s: int, **more: object) -> TraceJob:
    """A job of one chip."""
    needs = (AcceleratorNeed("A100-80GB", 1000),)
    return job(name, submit_s, run_s, cpus=0, **{"accelerators": needs, **more})


def setup(
    jobs: list[TraceJob], where: World | None = None, profile: Profile = EASY, **more: object
) -> Setup:
    """A setup of these jobs."""
    made = Setup(where or world(), Workload(WorkloadInfo("few"), jobs), profile)
    return msgspec.structs.replace(made, **more)
