"""What filters read of the pools: one row a pool, in columns, renewed when the supply changes.

The next facts know which rows changed, so that what was matched against the others is kept.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from hutong.model.job import Level, Preferences
from hutong.model.supply import Site, SoftwareVersion
from hutong.scheduler.columns import AMOUNT_MAX, Ints, Mask, Need, PoolColumns
from hutong.scheduler.energy import Meter
from hutong.scheduler.records import AcceleratorCatalog
from hutong.scheduler.supply import Supply
from hutong.scheduler.versions import is_at_least, version_key


class Words:
    """A column of words as codes, so that "is it one of these" is a table look-up."""

    __slots__ = ("_codes", "_column")

    def __init__(self, words: Sequence[str]) -> None:
        self._codes = {word: code for code, word in enumerate(dict.fromkeys(words))}
        self._column = np.array([self._codes[word] for word in words], np.int64)

    def among(self, wanted: Iterable[str]) -> Mask:
        """Which rows hold one of the words."""
        table = np.zeros(len(self._codes) + 1, np.bool_)
        for word in wanted:
            table[self._codes.get(word, -1)] = True
        table[-1] = False
        found: Mask = table[self._column]
        return found


class PoolFacts:
    """The pools in the order of their ids."""

    def __init__(
        self, supply: Supply, catalog: AcceleratorCatalog, before: "PoolFacts | None" = None
    ) -> None:
        self.version = supply.version
        order = supply.order
        sites = [supply.sites.get(columns.pool.site) for columns in order]
        self.order: list[PoolColumns] = list(order)
        self._told = [
            (columns, columns.offer, site) for columns, site in zip(order, sites, strict=True)
        ]
        self.catalog = catalog
        self.sites = [columns.pool.site for columns in order]
        self.site = Words(self.sites)
        self.pools = [columns.pool.id for columns in order]
        self.pool = Words(self.pools)
        self.pool_name = Words([columns.pool.id.rpartition("/")[2] for columns in order])
        self.regions = [site.region if site else "" for site in sites]
        self.region = Words(self.regions)
        self.jurisdictions = [site.jurisdiction if site else "" for site in sites]
        self.jurisdiction = Words(self.jurisdictions)
        self.owners = [site.owner if site else "" for site in sites]
        self.owner = Words(self.owners)
        self.models = [columns.pool.accelerator for columns in order]
        self.model = Words(self.models)
        known = {model: catalog.find_accelerators(model) for model in dict.fromkeys(self.models)}
        domestic = [any(row.domestic for row in known[model]) for model in self.models]
        self.domestics = domestic
        self.domestic = np.array(domestic, np.bool_)
        self.cpu = np.array([columns.cpu_total for columns in order], np.int64)
        self.mem = np.array([columns.mem_total for columns in order], np.int64)
        self.chips = np.array([_whole_chips(columns) for columns in order], np.int64)
        self.chip_max = np.array([_largest_chip(columns) for columns in order], np.int64)
        self.nodes = np.array([nodes_at_most(columns) for columns in order], np.int64)
        self.offers = any(columns.offer is not None for columns in order)
        self._rack_nodes = np.array([_largest_domain(columns, 1) for columns in order], np.int64)
        self._spine_nodes = np.array([_largest_domain(columns, 2) for columns in order], np.int64)
        prices = list(dict.fromkeys([columns.pool.price for columns in order]))
        codes = {price: code for code, price in enumerate(prices)}
        self.nodes_by_level = _by_row({level: self.nodes_within(level) for level in Level})
        self.price_codes = [codes[columns.pool.price] for columns in order]
        self.boots_ms = [max(columns.pool.boot_ms, 0) for columns in order]
        self.tails = [_tail(columns) for columns in order]
        watts = {model: rows[0].tdp_watt if rows else 0 for model, rows in known.items()}
        self.meters = [
            _meter(site, columns, watts) for site, columns in zip(sites, order, strict=True)
        ]
        software = [columns.pool.software for columns in order]
        self._software = list(dict.fromkeys(software))
        kinds = {kind: code for code, kind in enumerate(self._software)}
        self._software_code = np.array([kinds[kind] for kind in software], np.int64)
        self._with_models: dict[tuple[str, ...], tuple[int, ...]] = {}
        self._pools_since = self.version
        self._since = [self.version] * len(self)
        self._changed: tuple[int, dict[int, None]] | None = None
        if before is not None and before.pools == self.pools:
            self._follow(before)

    def __len__(self) -> int:
        return len(self.order)

    def changed_since(self, version: int) -> Mapping[int, None] | None:
        """The rows that are not what they were at a version of the supply that matches have seen.

        None where the pools are not the same ones.
        """
        if version < self._pools_since:
            return None
        if self._changed is None or self._changed[0] != version:
            rows = {row: None for row, since in enumerate(self._since) if since > version}
            self._changed = version, rows
        return self._changed[1]

    def _follow(self, before: "PoolFacts") -> None:
        """Take over since when each row is what it is, where it is what was known before."""
        self._pools_since = before._pools_since
        for row, pairs in enumerate(zip(self._told, before._told, strict=True)):
            if all(now is then for now, then in zip(*pairs, strict=True)):
                self._since[row] = before._since[row]

    def with_models(self, models: tuple[str, ...]) -> tuple[int, ...]:
        """The pools whose chips are of one of some models, by whatever name."""
        known = self._with_models.get(models)
        if known is None:
            rows = [self.catalog.find_accelerators(model) for model in models]
            names = [*models, *[row.name for found in rows for row in found]]
            known = tuple([pool for pool, model in enumerate(self.models) if model in names])
            self._with_models[models] = known
        return known

    def region_of(self, columns: PoolColumns) -> str:
        """The region of a pool's site."""
        return self.regions[columns.index]

    def preferred_milli(self, wanted: Preferences) -> list[int]:
        """For each pool how much of what a job prefers is so there: each kind counts alike."""
        kinds = (
            (self.site, wanted.sites),
            (self.region, wanted.regions),
            (self.jurisdiction, wanted.jurisdictions),
            (self.owner, wanted.owners),
        )
        met = [words.among(names).astype(np.int64) for words, names in kinds if names]
        if not met:
            return [0] * len(self)
        found: list[int] = (sum(met, np.zeros(len(self), np.int64)) * 1000 // len(met)).tolist()
        return found

    def versions(self, name: str, rows: list[int]) -> list[str]:
        """The versions of a stack or framework that some pools carry, the oldest first."""
        kinds = dict.fromkeys(int(self._software_code[row]) for row in rows)
        found = [
            item.version for kind in kinds for item in self._software[kind] if item.name == name
        ]
        return sorted(dict.fromkeys(found), key=version_key)

    def carries(self, name: str, at_least: str) -> Mask:
        """Which pools carry a stack or framework at a version or a later one."""
        table = [_carries(kind, name, at_least) for kind in self._software]
        found: Mask = np.array(table, np.bool_)[self._software_code]
        return found

    def nodes_within(self, level: Level) -> Ints:
        """How many nodes the largest place of a level has in each pool (see `gang_layout`)."""
        match level:
            case Level.NODE:
                return np.minimum(self.nodes, 1)
            case Level.RACK:
                return self._rack_nodes
            case Level.SPINE:
                return self._spine_nodes
            case Level.SITE:
                return self.nodes

    def tasks_per_node(self, need: Need) -> Ints:
        """How many tasks an empty node of each pool holds."""
        tasks = np.full(len(self), AMOUNT_MAX, np.int64)
        if need.cpu > 0:
            tasks = np.minimum(tasks, self.cpu // need.cpu)
        if need.mem > 0:
            tasks = np.minimum(tasks, self.mem // need.mem)
        if need.chips:
            tasks = np.minimum(tasks, self.chips // need.chips)
        elif need.milli > 0:
            tasks = np.minimum(tasks, [_fractions(c, need.milli) for c in self.order])
        return np.maximum(tasks, 0)


def _by_row(counts: dict[Level, Ints]) -> list[dict[Level, int]]:
    """What is counted by level for every row, as one dictionary a row."""
    lists = [column.tolist() for column in counts.values()]
    return [dict(zip(counts, row, strict=True)) for row in zip(*lists, strict=True)]


def _carries(software: tuple[SoftwareVersion, ...], name: str, at_least: str) -> bool:
    return any(item.name == name and is_at_least(item.version, at_least) for item in software)


def _largest_domain(columns: PoolColumns, depth: int) -> int:
    """Nodes of the largest domain `depth` levels above a node: 1 is its rack, 2 its spine.

    Where one level is named it stands for both; where none is, a node is a place of its own.
    """
    if not columns.domains or not columns.ids:
        return min(nodes_at_most(columns), 1)
    return int(np.bincount(columns.domains[-min(depth, len(columns.domains))]).max())


def _tail(columns: PoolColumns) -> tuple[int, int, str]:
    """What decides between options that are otherwise alike: the smaller node, then the name."""
    node = columns.pool.node
    return max(node.accelerator_milli, 0), max(node.cpu_milli, 0), columns.pool.id


def _meter(site: Site | None, columns: PoolColumns, watts: dict[str, int]) -> Meter | None:
    """What power costs at a pool; None where its site does not say."""
    if site is None or site.energy is None:
        return None
    pool = columns.pool
    chip_watt = pool.accelerator_watt or watts[pool.accelerator]
    return Meter(
        site.energy, max(chip_watt, 0), max(pool.node_watt, 0), columns.cpu_total,
        columns.mem_total, int(columns.caps.sum()),
    )  # fmt: skip


def nodes_at_most(columns: PoolColumns) -> int:
    """How many nodes a pool can have: an offer as many as its provider would start."""
    most = columns.offer.nodes_max if columns.offer is not None else 0
    return max(len(columns.ids), most)


def _whole_chips(columns: PoolColumns) -> int:
    return int(np.count_nonzero(columns.caps == 1000))


def _largest_chip(columns: PoolColumns) -> int:
    return int(columns.caps.max(initial=0))


def _fractions(columns: PoolColumns, milli: int) -> int:
    return int((columns.caps // milli).sum())
