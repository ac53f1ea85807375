"""Transfers: where inputs lie, what moves to where, and how long more of it would take.

Theory of operation. An input is known by its name. It lies where the job says and where an attempt
that read it has run (`note_replica`). What is not at a site comes from the best replica: one in the
site's own region, else the one behind the widest link, else the cheapest, else the first by name.
That does not depend on the load, so that which link a transfer uses follows from what is staged
and what is known, in whatever order the scheduler learnt of it.

A `Flow` is one input on its way to one site, however many attempts wait for it there. A link is
shared evenly: beside N flows a new one gets 1/(N+1) of it. Inputs that come over one link come one
after the other, over different links together. Within a region nothing is shared and nothing paid.

`stamp` is replaced whenever something changed, and `mark` tells of the part of it that matters to
one shape, so that what was worked out for the shape is kept as long as it is true.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from hutong.model.catalogue import Link
from hutong.model.ids import AttemptId, SiteId
from hutong.model.job import DataInput
from hutong.model.limits import REPLICA_NAMES
from hutong.model.supply import Site
from hutong.scheduler.records import AcceleratorCatalog

Pair = tuple[str, str]
"""The two regions that a link joins, in the order of their names."""

_LINKS_KEPT = 10_000
"""Links remembered of the catalogue, which derives most of them."""

TRANSFER_MS_MAX = 100 * 366 * 24 * 3_600_000
EGRESS_MICROCNY_MAX = 10**17
"""No transfer is expected to take or cost more, whatever a job says of its inputs."""

_BITS_PER_MIB = 8 * 1024 * 1024
_BYTES_PER_MIB = 1024 * 1024
_BYTES_PER_GB = 1_000_000_000


class Flow(NamedTuple):
    """An input on its way to a site, over a link between regions."""

    name: str
    site: str
    pair: Pair


class Haul(NamedTuple):
    """What bringing a job's inputs to a site takes, and the flows that would begin with it."""

    transfer_ms: int = 0
    egress_microcny: int = 0
    flows: tuple[Flow, ...] = ()


NO_HAUL = Haul()

_HERE = Link(
    a="", b="", bandwidth_mbit_per_s=1, latency_us=0, price_microcny_per_gb=0, declared=False,
    derived=True, source="",
)  # fmt: skip
_NOWHERE = Link(
    a="", b="", bandwidth_mbit_per_s=0, latency_us=0, price_microcny_per_gb=0, declared=False,
    derived=True, source="",
)  # fmt: skip


class Transfers:
    """The account of replicas and flows. Calls about what is not there do nothing."""

    def __init__(self, sites: Mapping[SiteId, Site], catalog: AcceleratorCatalog) -> None:
        self.stamp = object()
        self._sites = sites
        self._catalog = catalog
        self._links: dict[Pair, Link] = {}
        self._described: dict[Pair, Link] = {}
        self._regions: dict[str, str] = {}
        self._replicas: dict[str, dict[SiteId, None]] = {}
        self._changed: dict[str, int] = {}
        self._changes = 0
        self._waiting: dict[str, dict[SiteId, dict[AttemptId, DataInput]]] = {}
        self._pairs: dict[tuple[str, SiteId], Pair] = {}
        self._staging: dict[AttemptId, tuple[SiteId, tuple[DataInput, ...]]] = {}
        self.flows_by_pair: dict[Pair, int] = {}

    # What is told

    def put_link(self, link: Link) -> None:
        """Replace what the catalogue says of a link; no bandwidth is a link that is down."""
        pair = _pair(self.region(link.a), self.region(link.b))
        if self._links.get(pair) != link:
            self._links[pair] = link
            self.renew()

    def renew(self) -> None:
        """Route everything anew, as a site or a link has changed."""
        self._regions.clear()
        self._note(None)
        for name in self._waiting:
            self._reroute(name)

    def note_replica(self, name: str, site: SiteId) -> None:
        """An input is at a site from now on. The names known longest are forgotten first."""
        known = self._replicas.setdefault(name, {})
        if site in known:
            return
        known[site] = None
        self._note(name)
        self._reroute(name)
        if len(self._replicas) > REPLICA_NAMES:
            oldest = next(iter(self._replicas))
            del self._replicas[oldest]
            self._note(oldest)
            self._reroute(oldest)

    def forget_replica(self, name: str, site: SiteId) -> None:
        """An input is no longer at a site, as far as anybody learnt of it."""
        known = self._replicas.get(name, {})
        if site in known:
            del known[site]
            if not known:
                del self._replicas[name]
            self._note(name)
            self._reroute(name)

    def stage(self, attempt: AttemptId, site: SiteId, inputs: tuple[DataInput, ...]) -> None:
        """An attempt waits at a site for its inputs."""
        self.leave(attempt)
        if not inputs:
            return
        self._staging[attempt] = (site, inputs)
        for item in inputs:
            self._waiting.setdefault(item.name, {}).setdefault(site, {})[attempt] = item
            self._route(item.name, site)

    def leave(self, attempt: AttemptId) -> None:
        """An attempt waits for its inputs no longer: it ended, or has them."""
        site, inputs = self._staging.pop(attempt, (SiteId(""), ()))
        for item in inputs:
            sites = self._waiting.get(item.name, {})
            waiting = sites.get(site, {})
            waiting.pop(attempt, None)
            if not waiting:
                sites.pop(site, None)
            if not sites:
                self._waiting.pop(item.name, None)
            self._route(item.name, site)

    def arrive(self, attempt: AttemptId) -> None:
        """An attempt has its inputs: from now on they are at its site."""
        site, inputs = self._staging.get(attempt, (SiteId(""), ()))
        self.leave(attempt)
        for item in inputs:
            self.note_replica(item.name, site)

    # What is asked

    def region(self, name: str) -> str:
        """The catalogue's name of a region, or the name itself where it knows none."""
        known = self._regions.get(name)
        if known is None:
            found = self._catalog.find_region(name)
            known = self._regions[name] = found.id if found is not None else name
        return known

    def region_of(self, site: SiteId) -> str:
        """The region of a site; a site that nobody has described is in none."""
        found = self._sites.get(site)
        return self.region(found.region) if found is not None else ""

    def link(self, a: str, b: str) -> Link:
        """The link between two regions, as it was told or as the catalogue has it."""
        pair = _pair(a, b)
        found = self._links.get(pair) or self._described.get(pair)
        if found is None:
            if len(self._described) >= _LINKS_KEPT:
                self._described.clear()
            found = self._described[pair] = self._catalog.link(*pair)
        return found

    def is_coming(self, name: str, site: SiteId) -> bool:
        """Whether an input is on its way to a site already."""
        return (name, site) in self._pairs

    def is_known(self, name: str, site: SiteId) -> bool:
        """Whether an input was learnt to be at a site."""
        return site in self._replicas.get(name, ())

    def way(self, item: DataInput, site: SiteId) -> tuple[Pair, Link]:
        """The link over which an input comes to a site: `_HERE` where it need not come.

        The link is `_NOWHERE` where no replica can be reached.
        """
        home = self.region_of(site)
        best: tuple[tuple[bool, int, int, str], Link] | None = None
        places = (*item.replicas, *self._replicas.get(item.name, ()))
        for place in places:
            if place == site:
                return (home, home), _HERE
            known = self._sites.get(SiteId(place))
            region = self.region(known.region if known is not None else place)
            link = self.link(home, region)
            if link.bandwidth_mbit_per_s > 0:
                key = (
                    region != home, -link.bandwidth_mbit_per_s, link.price_microcny_per_gb, region
                )  # fmt: skip
                if best is None or key < best[0]:
                    best = key, link
        if best is None:
            return (home, home), _NOWHERE if places else _HERE
        return _pair(home, best[0][3]), best[1]

    def changed_at(self, name: str) -> int:
        """A number that is new whenever something about an input changed."""
        return self._changed.get(name, 0)

    def validate(self) -> None:
        """Raise AssertionError with facts unless the flows are those of what is staged."""
        counted: dict[Pair, int] = {}
        wanted: dict[str, dict[SiteId, dict[AttemptId, DataInput]]] = {}
        for attempt, (site, inputs) in self._staging.items():
            for item in inputs:
                wanted.setdefault(item.name, {}).setdefault(site, {})[attempt] = item
        assert wanted == self._waiting, (wanted, self._waiting)
        for key in [(name, site) for name, sites in wanted.items() for site in sites]:
            pair = self._pair_of(*key)
            assert pair == self._pairs.get(key), (key, pair)
            if pair is not None:
                counted[pair] = counted.get(pair, 0) + 1
        assert counted == self.flows_by_pair, (counted, self.flows_by_pair)
        assert len(self._pairs) == sum(counted.values()), self._pairs

    # Inside

    def _note(self, name: str | None) -> None:
        """Remember that something changed: about one input, or (None) about everything."""
        self.stamp = object()
        self._changes += 1
        if name is None:
            self._changed = dict.fromkeys(self._changed, self._changes)
            self._changed[""] = self._changes
        else:
            self._changed[name] = self._changes
            if len(self._changed) > 4 * REPLICA_NAMES:
                self._changed = {"": self._changes}

    def _reroute(self, name: str) -> None:
        for site in self._waiting.get(name, ()):
            self._route(name, site)

    def _route(self, name: str, site: SiteId) -> None:
        """Account the flow of an input to a site as it is now, if there is one."""
        key = (name, site)
        before, after = self._pairs.get(key), self._pair_of(name, site)
        if before == after:
            return
        if before is not None:
            del self._pairs[key]
            left = self.flows_by_pair[before] - 1
            if left:
                self.flows_by_pair[before] = left
            else:
                del self.flows_by_pair[before]
        if after is not None:
            self._pairs[key] = after
            self.flows_by_pair[after] = self.flows_by_pair.get(after, 0) + 1
        self._note(name)

    def _pair_of(self, name: str, site: SiteId) -> Pair | None:
        """Over which link an input that is waited for comes to a site; None where none is used."""
        waiting = self._waiting.get(name, {}).get(site)
        if not waiting:
            return None
        pair, link = self.way(waiting[min(waiting)], site)
        if link is _HERE or link is _NOWHERE or pair[0] == pair[1]:
            return None
        return pair


class Underway:
    """The transfers as one cycle sees them: the account's, and those of its own placements."""

    def __init__(self, transfers: Transfers) -> None:
        self.stamp = transfers.stamp
        self._transfers = transfers
        self._flows: dict[Pair, int] = {}
        self._coming: dict[str, tuple[str, ...]] = {}

    def add(self, haul: Haul) -> None:
        """Count the flows that begin with a placement."""
        for flow in haul.flows:
            sites = self._coming.get(flow.name, ())
            if flow.site not in sites:
                self._coming[flow.name] = (*sites, flow.site)
                self._flows[flow.pair] = self._flows.get(flow.pair, 0) + 1
                self.stamp = object()

    def haul(self, inputs: Iterable[DataInput], site: SiteId, watched: "Watched") -> Haul | None:
        """What bringing the inputs to a site takes; None where one of them cannot come.

        What is on its way there already costs nothing more and takes as long as its transfer.
        """
        times: dict[Pair, int] = {}
        egress, flows = 0, []
        for item in inputs:
            pair, link = self._transfers.way(item, site)
            if link is _HERE:
                continue
            if link is _NOWHERE:
                return None
            size_mib, sharers = max(item.size_mib, 0), 1
            if pair[0] != pair[1]:
                watched.pairs[pair] = None
                sharers = self._flows_on(pair)
                if not self._is_coming(item.name, site):
                    sharers += 1
                    paid = size_mib * _BYTES_PER_MIB * max(link.price_microcny_per_gb, 0)
                    egress += (2 * paid + _BYTES_PER_GB) // (2 * _BYTES_PER_GB)
                    flows.append(Flow(item.name, site, pair))
            rate = link.bandwidth_mbit_per_s * 1000
            taken_ms = -(-size_mib * _BITS_PER_MIB * sharers // rate)
            times[pair] = times.get(pair, 0) + taken_ms
        transfer_ms = min(max(times.values(), default=0), TRANSFER_MS_MAX)
        return Haul(transfer_ms, min(egress, EGRESS_MICROCNY_MAX), tuple(flows))

    def mark(self, watched: "Watched") -> tuple[object, ...]:
        """All that hauls depend on, as far as they looked; equal marks mean equal hauls."""
        names = [
            (self._transfers.changed_at(name), self._coming.get(name)) for name in watched.names
        ]
        flows = [self._flows_on(pair) for pair in watched.pairs]
        return (self._transfers.changed_at(""), *names, *flows)

    def _flows_on(self, pair: Pair) -> int:
        return self._transfers.flows_by_pair.get(pair, 0) + self._flows.get(pair, 0)

    def _is_coming(self, name: str, site: SiteId) -> bool:
        return site in self._coming.get(name, ()) or self._transfers.is_coming(name, site)


class Watched:
    """The inputs and links on which what was worked out for a shape rests."""

    __slots__ = ("names", "pairs")

    def __init__(self, inputs: Iterable[DataInput]) -> None:
        self.names = tuple(dict.fromkeys(item.name for item in inputs))
        self.pairs: dict[Pair, None] = {}


def _pair(a: str, b: str) -> Pair:
    return (a, b) if a <= b else (b, a)
