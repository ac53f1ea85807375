"""What filters read of the pools: one row a pool, in columns, renewed when the supply changes."""

from collections.abc import Iterable, Sequence

import numpy as np

from hutong.model.supply import SoftwareVersion
from hutong.scheduler.columns import AMOUNT_MAX, Ints, Mask, Need, PoolColumns
from hutong.scheduler.records import AcceleratorCatalog
from hutong.scheduler.supply import Supply
from hutong.scheduler.versions import is_at_least


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

    def __init__(self, supply: Supply, catalog: AcceleratorCatalog) -> None:
        order = supply.order
        sites = [supply.sites.get(columns.pool.site) for columns in order]
        self.order: list[PoolColumns] = list(order)
        self.catalog = catalog
        self.site = Words([columns.pool.site for columns in order])
        self.pool = Words([columns.pool.id for columns in order])
        self.pool_name = Words([columns.pool.id.rpartition("/")[2] for columns in order])
        self._regions = [site.region if site else "" for site in sites]
        self.region = Words(self._regions)
        self.jurisdiction = Words([site.jurisdiction if site else "" for site in sites])
        self.owner = Words([site.owner if site else "" for site in sites])
        self.models = [columns.pool.accelerator for columns in order]
        self.model = Words(self.models)
        known = {model: catalog.find_accelerators(model) for model in dict.fromkeys(self.models)}
        domestic = [any(row.domestic for row in known[model]) for model in self.models]
        self.domestic = np.array(domestic, np.bool_)
        self.cpu = np.array([columns.cpu_total for columns in order], np.int64)
        self.mem = np.array([columns.mem_total for columns in order], np.int64)
        self.chips = np.array([_whole_chips(columns) for columns in order], np.int64)
        self.chip_max = np.array([_largest_chip(columns) for columns in order], np.int64)
        self.nodes = np.array([len(columns.ids) for columns in order], np.int64)
        software = [columns.pool.software for columns in order]
        self._software = list(dict.fromkeys(software))
        kinds = {kind: code for code, kind in enumerate(self._software)}
        self._software_code = np.array([kinds[kind] for kind in software], np.int64)

    def __len__(self) -> int:
        return len(self.order)

    def region_of(self, columns: PoolColumns) -> str:
        """The region of a pool's site."""
        return self._regions[columns.index]

    def carries(self, name: str, at_least: str) -> Mask:
        """Which pools carry a stack or framework at a version or a later one."""
        table = [_carries(kind, name, at_least) for kind in self._software]
        found: Mask = np.array(table, np.bool_)[self._software_code]
        return found

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


def _carries(software: tuple[SoftwareVersion, ...], name: str, at_least: str) -> bool:
    return any(item.name == name and is_at_least(item.version, at_least) for item in software)


def _whole_chips(columns: PoolColumns) -> int:
    return int(np.count_nonzero(columns.caps == 1000))


def _largest_chip(columns: PoolColumns) -> int:
    return int(columns.caps.max(initial=0))


def _fractions(columns: PoolColumns, milli: int) -> int:
    return int((columns.caps // milli).sum())
