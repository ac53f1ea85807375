"""What befalls machines: failures of nodes, sites and links, and spot nodes that are taken back.

Up and down take turns for each node, site or link, each with a stream of its own, so that another
node more changes nothing for those there were.
"""

from collections.abc import Iterable, Iterator
from itertools import combinations
from math import gamma, log
from typing import ClassVar, Literal

from hutong.model.ids import NodeId, SiteId
from hutong.model.job import Terms
from hutong.model.supply import Node
from hutong.sim.generate.settings import YEAR_MS, Ranges, Settings
from hutong.sim.generate.streams import Stream, stream
from hutong.sim.world import Curve, Mishap, MishapKind, World

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
MISHAPS_MAX = 5_000_000
"""More are refused before any is drawn."""

_CENTURY_MS = 100 * YEAR_MS


class _Turns(Settings, frozen=True):
    """`up_ms` is the mean time until a failure, Weibull with `shape` (1 is exponential; below 1, as
    Schroeder and Gibson found, TDSC 7(4), 2010, failures follow upon failures). `down_ms` is the
    median of the time down, log-normal with deviation `down_sigma`. Only those at `sites`, or at
    all where there is none, until `span_ms`.
    """

    up_ms: float = 180 * DAY_MS
    shape: float = 0.75
    down_ms: float = 2 * HOUR_MS
    down_sigma: float = 1.0
    span_ms: int = 30 * DAY_MS
    sites: tuple[str, ...] = ()

    RANGES: ClassVar[Ranges] = {
        "up_ms": (1000, _CENTURY_MS),
        "shape": (0.1, 20),
        "down_ms": (1, YEAR_MS),
        "down_sigma": (0, 5),
        "span_ms": (1, 10 * YEAR_MS),
    }

    def draw(self, source: Stream) -> Iterator[tuple[int, int]]:
        """When it fails and for how long, in ms, one after the other."""
        scale = self.up_ms / gamma(1 + 1 / self.shape)
        at_ms = 0.0
        while True:
            at_ms += scale * source.weibull(self.shape)
            if at_ms >= self.span_ms:
                return
            for_ms = max(source.lognormal(log(self.down_ms), self.down_sigma), 1.0)
            yield int(at_ms), int(for_ms)
            at_ms += for_ms

    def check_count(self, things_count: int) -> None:
        """Raises `HutongError` `generate.setting` where too many mishaps would come."""
        expected = int(things_count * self.span_ms / (self.up_ms + self.down_ms))
        if expected > MISHAPS_MAX:
            problem = f"about {expected:,} mishaps would come, and at most {MISHAPS_MAX:,} may"
            raise self.refusal("up_ms", problem)

    def at_sites(self, world: World) -> list[SiteId]:
        """The sites it is about. Raises `HutongError` `generate.setting` for unknown ones."""
        known = [sim.site.id for sim in world.sites]
        if unknown := [site for site in self.sites if site not in known]:
            raise self.refusal("sites", f"the world has no site {unknown[0]!r}")
        return [site for site in known if not self.sites or site in self.sites]


class NodeFailures(_Turns, frozen=True, tag="node-failures"):
    """Nodes fail one by one and come back."""


class SiteOutages(_Turns, frozen=True, tag="site-outages"):
    """Whole sites are `down`, where work ends, or `silent`, where it goes on unseen."""

    up_ms: float = 60 * DAY_MS
    outage: Literal["down", "silent"] = "down"


class LinkDrops(_Turns, frozen=True, tag="link-drops"):
    """The links between the regions of sites drop: three times an hour, for a minute.

    They are those of the world, or all between regions where it says none. A link is named by the
    first site in the one region and by the other region.
    """

    up_ms: float = 20 * 60_000
    shape: float = 1.0
    down_ms: float = 60_000
    span_ms: int = 7 * DAY_MS


class SpotRate(_Turns, frozen=True, tag="spot-rate"):
    """Spot nodes are taken back, and given again after a while.

    They are those of the pools named, or of all whose offer is on spot terms. Without a memory, as
    a provider's rate says no more: `up_ms` is the inverse of the rate.
    """

    up_ms: float = 20 * HOUR_MS
    shape: float = 1.0
    down_ms: float = 30 * 60_000
    pools: tuple[str, ...] = ()


def node_failures(settings: NodeFailures, seed: int, world: World) -> tuple[Mishap, ...]:
    """What befalls the nodes, by time."""
    sites = settings.at_sites(world)
    nodes = [node for node in _nodes(world) if _site_of(node) in sites]
    return _of_nodes(settings, seed, nodes, MishapKind.NODE_DOWN)


def site_outages(settings: SiteOutages, seed: int, world: World) -> tuple[Mishap, ...]:
    """What befalls the sites, by time."""
    kind = MishapKind.SITE_DOWN if settings.outage == "down" else MishapKind.SITE_SILENT
    sites = settings.at_sites(world)
    settings.check_count(len(sites))
    return _by_time(
        Mishap(at_ms, for_ms, kind, site)
        for site in sites
        for at_ms, for_ms in settings.draw(stream(seed, f"{kind} {site}"))
    )


def link_drops(settings: LinkDrops, seed: int, world: World) -> tuple[Mishap, ...]:
    """What befalls the links, by time."""
    first: dict[str, SiteId] = {}
    chosen = settings.at_sites(world)
    for sim in world.sites:
        if sim.site.id in chosen:
            first.setdefault(sim.site.region, sim.site.id)
    regions = sorted({sim.site.region for sim in world.sites})
    pairs = sorted({(link.a, link.b) for link in world.links} or set(combinations(regions, 2)))
    ends = [
        (first[a], b) if a in first else (first[b], a)
        for a, b in pairs
        if a != b and (a in first or b in first)
    ]
    settings.check_count(len(ends))
    return _by_time(
        Mishap(at_ms, for_ms, MishapKind.LINK_DOWN, site, other=other)
        for site, other in ends
        for at_ms, for_ms in settings.draw(stream(seed, f"link {site} {other}"))
    )


def spot_rate(settings: SpotRate, seed: int, world: World) -> tuple[Mishap, ...]:
    """When spot nodes are taken, by time."""
    known = {pool.id for sim in world.sites for pool in sim.inventory.pools}
    if unknown := [pool for pool in settings.pools if pool not in known]:
        raise settings.refusal("pools", f"the world has no pool {unknown[0]!r}")
    pools = set(settings.pools) or {
        offer.pool
        for sim in world.sites
        for offer in sim.inventory.offers
        if offer.terms is Terms.SPOT
    }
    sites = settings.at_sites(world)
    nodes = [node for node in _nodes(world) if node.pool in pools and _site_of(node) in sites]
    return _of_nodes(settings, seed, nodes, MishapKind.SPOT_TAKEN)


def spot_taken(curve: Curve, nodes: Iterable[NodeId], until_ms: int) -> tuple[Mishap, ...]:
    """Mishaps of spot nodes, of which the provider runs as many as a curve says at each time.

    The first of the nodes are the last to go. They are given again as the curve rises.
    """
    ids = list(nodes)
    gone: dict[int, int] = {}
    mishaps: list[Mishap] = []
    have, at_ms = len(ids), 0
    while True:
        left = max(min(curve.at(at_ms), len(ids)), 0) if at_ms < until_ms else len(ids)
        for place in range(have - 1, left - 1, -1):
            gone[place] = at_ms
        for place in range(have, left):
            begin_ms = gone.pop(place)
            mishaps.append(_taken(ids[place], begin_ms, min(at_ms, until_ms) - begin_ms))
        have = left
        if at_ms >= until_ms:
            return _by_time(mishaps)
        next_ms = curve.next_change_ms(at_ms)
        at_ms = until_ms if next_ms is None else min(next_ms, until_ms)


def _of_nodes(
    settings: _Turns, seed: int, nodes: list[Node], kind: MishapKind
) -> tuple[Mishap, ...]:
    settings.check_count(len(nodes))
    return _by_time(
        Mishap(at_ms, for_ms, kind, _site_of(node), node.id)
        for node in nodes
        for at_ms, for_ms in settings.draw(stream(seed, f"{kind} {node.id}"))
    )


def _taken(node: NodeId, at_ms: int, for_ms: int) -> Mishap:
    site, _, _ = node.partition("/")
    return Mishap(at_ms, for_ms, MishapKind.SPOT_TAKEN, SiteId(site), node)


def _nodes(world: World) -> Iterator[Node]:
    for sim in world.sites:
        yield from sim.inventory.nodes


def _site_of(node: Node) -> SiteId:
    return SiteId(node.pool.partition("/")[0])


def _by_time(mishaps: Iterable[Mishap]) -> tuple[Mishap, ...]:
    return tuple(sorted(mishaps, key=_when))


def _when(mishap: Mishap) -> tuple[int, str, str, str]:
    return mishap.at_ms, mishap.site, mishap.node, mishap.other
