"""Worlds for traces that come without one: the machines that a trace was taken from.

Where a trace tells its machines (the header of an SWF log, the node list of openb, the virtual
clusters of Philly and Helios) they are built from that; else from what was published of them. Every
world is one site at Beijing with no prices, unless the caller puts it elsewhere.
"""

from collections.abc import Iterable
from itertools import chain
from pathlib import Path

from hutong.model.errors import refuse
from hutong.model.ids import NodeId, PoolId, RegionId, SiteId, TenantId
from hutong.model.resources import Amount
from hutong.model.supply import Inventory, Node, Pool, Site
from hutong.model.tenant import Quota, QuotaResource, QuotaRule, Tenant
from hutong.sim.throughput import ThroughputTable
from hutong.sim.trace import acme, gavel, helios, journal, openb, pai, philly
from hutong.sim.trace.names import tenant_name
from hutong.sim.workload import TraceJob, Workload, WorkloadInfo
from hutong.sim.world import SimSite, World

REGION = RegionId("cn-beijing")
JURISDICTION = "CN-BJ"
NODE_CPU_MILLI, NODE_MEMORY_MIB = 96_000, 786_432
"""What nodes with chips have, where a trace says nothing of it."""

CPU_MEMORY_MIB = 4096
"""Memory beside a processor of an SWF log, whose jobs ask for none."""

PHILLY_CHIP, HELIOS_CHIP, MURI_CHIP = "P100-16GB-PCIe", "V100-32GB", "V100-32GB"
ACME_NODES = {"seren": (286, 1_048_576), "kalos": (302, 2_097_152)}
"""Nodes of each cluster and their memory in MiB (Hu and others, NSDI 2024)."""

GAVEL_CHIPS = (("V100-16GB", 36), ("P100-16GB", 36), ("K80", 36))


def world_of(workload: Workload, *, companion: str = "", pooled: bool = False) -> World:
    """The world that a trace was taken from, as far as it can be told.

    `companion` is the file that lists its machines, where that is not found beside the trace. With
    `pooled` every job may go to every partition's nodes, of which each partition's tenant is
    guaranteed what it has. Raises `trace.no_world` where nothing is known of the machines.
    """
    info = workload.info
    match info.notes.get("format"):
        case "swf":
            return swf_world(info)
        case "openb":
            names = ("openb_node_list_all_node.csv", "openb_node_list_gpu_node.csv")
            return openb_world(_beside(info, companion, names))
        case "philly" | "philly-log":
            vcs = philly.read_vcs(_beside(info, companion, ("philly_vc.csv",)))
            return philly_world(vcs, pooled=pooled)
        case "helios":
            vcs = helios.read_vcs(_beside(info, companion, ("cluster_gpu_number.csv",)))
            return helios_world(vcs, pooled=pooled)
        case "pai" | "pai-simulator":
            return pai_world(_beside(info, companion, ("pai_machine_spec.csv",)))
        case "acme":
            return acme_world("kalos" if "kalos" in info.name.lower() else "seren")
        case "journal":
            return journal.read_world(Path(companion or info.source))
        case "gavel":
            path = Path(companion or info.notes["throughputs"])
            return gavel_world(gavel.read_throughputs(path))
        case "muri":
            return muri_world()
        case _:
            raise _no_world(info)


def swf_world(info: WorkloadInfo, *, by_node: bool = False) -> World:
    """The machine of an SWF log: one node with all its processors.

    Which processors a job has does not matter to the rules that such logs are studied with, and
    one node is quickest. With `by_node` there are as many nodes as the header says, each with its
    part of the processors.
    """
    if info.processors <= 0:
        raise _no_world(info)
    nodes = info.nodes if by_node and info.nodes else 1
    cpus = max(info.processors // nodes, 1)
    node = Amount(cpus * 1000, cpus * CPU_MEMORY_MIB)
    return World(info.name or "swf", (_site("swf", {"all": (node, "", nodes)}),))


def openb_world(nodes: Path) -> World:
    """The cluster of a list of openb's nodes, a pool for each shape of node."""
    inventory = openb.read_nodes(nodes)
    return World("openb", (SimSite(_place("openb"), inventory),))


def pai_world(nodes: Path) -> World:
    """Alibaba's PAI cluster by its list of machines, a pool for each shape of node."""
    return World("pai", (SimSite(_place("pai"), pai.read_nodes(nodes)),))


def philly_world(vcs: dict[str, int], *, pooled: bool = False, chip: str = PHILLY_CHIP) -> World:
    """Philly: nodes of 8 chips, a pool for each virtual cluster, by its count of nodes.

    Unless `pooled`, a job of a virtual cluster that has nodes stays on them. Which chips they were
    is not published.
    """
    return _vc_world("philly", vcs, chip, pooled=pooled)


def helios_world(vcs: dict[str, int], *, pooled: bool = False, chip: str = HELIOS_CHIP) -> World:
    """A Helios cluster: nodes of 8 chips, a pool for each virtual cluster, as in Philly's."""
    return _vc_world("helios", vcs, chip, pooled=pooled)


def acme_world(cluster: str = "seren") -> World:
    """One of Acme's clusters, `seren` or `kalos`: nodes of 8 A100 and 128 CPUs, as published."""
    nodes, memory_mib = ACME_NODES[cluster]
    shape = Amount(128_000, memory_mib, 8000)
    return World(cluster, (_site(cluster, {"a100": (shape, acme.CHIP, nodes)}),))


def gavel_world(
    throughput: ThroughputTable,
    chips: Iterable[tuple[str, int]] = GAVEL_CHIPS,
    *,
    per_node: int = 4,
) -> World:
    """Gavel's cluster: so many chips of each model, `per_node` a node, with their throughputs."""
    pools = {
        model.lower(): (
            Amount(NODE_CPU_MILLI, NODE_MEMORY_MIB, per_node * 1000), model, count // per_node,
        )
        for model, count in chips
    }  # fmt: skip
    return World("gavel", (_site("gavel", pools),), throughput=throughput)


def muri_world(nodes: int = 8, *, chip: str = MURI_CHIP) -> World:
    """Muri's testbed: nodes of 8 V100."""
    shape = Amount(NODE_CPU_MILLI, NODE_MEMORY_MIB, 8000)
    return World("muri", (_site("muri", {"v100": (shape, chip, nodes)}),))


def tenants_of(jobs: Iterable[TraceJob]) -> tuple[Tenant, ...]:
    """A tenant of weight 1 for each that jobs name, in the order in which they come."""
    names = dict.fromkeys(job.tenant for job in jobs)
    return tuple(Tenant(TenantId(name)) for name in names)


def _vc_world(name: str, vcs: dict[str, int], chip: str, *, pooled: bool) -> World:
    """A cluster of virtual clusters, each with so many nodes of 8 chips."""
    shape = Amount(NODE_CPU_MILLI, NODE_MEMORY_MIB, philly.NODE_CHIPS * 1000)
    owned = {vc: count for vc, count in vcs.items() if count}
    pools = {tenant_name(vc): (shape, chip, count) for vc, count in owned.items()}
    partitions: dict[str, tuple[str, ...]] = {vc: (f"{name}/{tenant_name(vc)}",) for vc in owned}
    return World(
        name,
        (_site(name, pools),),
        tuple(_guaranteed(vc, count * shape.accelerator_milli) for vc, count in owned.items()),
        partitions={} if pooled else partitions,
    )


def _site(name: str, pools: dict[str, tuple[Amount, str, int]]) -> SimSite:
    """A site of pools: what a node has, its chip, how many nodes."""
    site = SiteId(name)
    ids = {pool: PoolId(f"{name}/{pool}") for pool in pools}
    made = tuple(Pool(ids[pool], site, node, chip) for pool, (node, chip, _count) in pools.items())
    nodes = chain.from_iterable(
        (Node(NodeId(f"{name}/{pool}-{number}"), ids[pool]) for number in range(1, count + 1))
        for pool, (_node, _chip, count) in pools.items()
    )
    return SimSite(_place(name), Inventory(made, tuple(nodes)))


def _place(name: str) -> Site:
    return Site(SiteId(name), "trace", REGION, JURISDICTION)


def _guaranteed(partition: str, chips_milli: int) -> Tenant:
    rule = QuotaRule(QuotaResource.ACCELERATORS, guaranteed=chips_milli)
    weight = max(chips_milli // 1000, 1)
    return Tenant(TenantId(tenant_name(partition)), weight, Quota(rules=(rule,)))


def _beside(info: WorkloadInfo, companion: str, names: tuple[str, ...]) -> Path:
    if companion:
        return Path(companion)
    for name in names:
        for kept in (name, f"{name}.gz"):
            path = Path(info.source).with_name(kept)
            if path.is_file():
                return path
    raise refuse(
        "trace.companion",
        file=info.source, what=f"the list of machines, {' or '.join(names)},",
        advice="`--machines FILE` names it; a scenario file names another world.",
    )  # fmt: skip


def _no_world(info: WorkloadInfo) -> Exception:
    return refuse("trace.no_world", file=info.source or info.name)
