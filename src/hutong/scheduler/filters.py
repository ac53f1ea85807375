"""Filters: which pools could ever run a shape. Small named functions over the pools' columns.

They run in the order of `FILTERS`; the first that a pool fails names why it is out. What changes
from minute to minute (a silent site, a draining node) is asked afterwards, by `unavailable`, so
that the rest can be kept until the supply itself changes.
"""

from collections.abc import Callable

import numpy as np

from hutong.model.ids import SiteId
from hutong.model.job import DomesticRule
from hutong.model.resources import AcceleratorNeed
from hutong.model.supply import PriceBook, cost_microcny
from hutong.scheduler.columns import Ints, Mask, PoolColumns, amount_of, need_of
from hutong.scheduler.facts import PoolFacts
from hutong.scheduler.records import AcceleratorCatalog, SiteStatus
from hutong.scheduler.shapes import NEVER_MS, WHOLE_MILLI, Shape
from hutong.scheduler.supply import Supply, held_exclusively
from hutong.scheduler.transfer import NO_HAUL, Haul, Underway, Watched

ANY_MODEL = "any"

SITE_SILENT = "site_silent"
SITE_DRAINING = "site_draining"
NODE_DOWN = "node_down"
NODE_DRAINING = "node_draining"
DEADLINE = "deadline"
GROUPS = "groups"


class Hauls:
    """What bringing a shape's inputs to each site takes, worked out once a site."""

    def __init__(self, shape: Shape, underway: Underway | None) -> None:
        self.watched = Watched(shape.inputs)
        self._inputs = shape.inputs
        self._underway = underway if shape.inputs else None
        self._by_site: dict[SiteId, Haul] = {}
        self._cut_off: dict[SiteId, bool] = {}

    @property
    def needed(self) -> bool:
        """Whether there is anything to bring."""
        return self._underway is not None

    def reach(self, site: SiteId) -> bool:
        """Whether every input can come to a site."""
        if self._underway is None:
            return True
        if site not in self._by_site:
            haul = self._underway.haul(self._inputs, site, self.watched)
            self._by_site[site] = haul or NO_HAUL
            self._cut_off[site] = haul is None
        return not self._cut_off[site]

    def to(self, site: SiteId) -> Haul:
        """The haul to a site; nothing where an input cannot come."""
        if self._underway is None or not self.reach(site):
            return NO_HAUL
        return self._by_site[site]


class Ask:
    """One alternative of a shape: what a task takes with it, and how fast it is on which chip."""

    def __init__(
        self, shape: Shape, alternative: int, facts: PoolFacts, hauls: Hauls | None = None
    ) -> None:
        self.shape = shape
        self.alternative = alternative
        self.hauls = hauls or Hauls(shape, None)
        chosen = shape.accelerators[alternative] if shape.accelerators else None
        self.chosen = chosen
        milli = max(chosen.count_milli, 1) if chosen else 0
        self.need = need_of(shape.cpu_milli, shape.memory_mib, milli, exclusive=shape.exclusive)
        self.held = amount_of(self.need).times(shape.tasks)
        self.tasks_per_node = facts.tasks_per_node(self.need)
        self._facts = facts
        self._speeds: dict[str, int] = {}
        self._rates: dict[PriceBook, int] = {}

    def speed_milli(self, columns: PoolColumns) -> int:
        """Speed on a pool, where the job's own estimate is for 1000."""
        model = columns.pool.accelerator
        speed = self._speeds.get(model)
        if speed is None:
            speed = _speed_milli(self.shape, self.alternative, model, self._facts.catalog)
            self._speeds[model] = speed
        return speed

    def rate(self, columns: PoolColumns) -> int:
        """Price of an hour of the whole gang on a pool, micro-CNY."""
        price = columns.pool.price
        if self.shape.exclusive:
            return price.rate(held_exclusively(columns, self.nodes_needed(columns)))
        rate = self._rates.get(price)
        if rate is None:
            rate = self._rates[price] = price.rate(self.held)
        return rate

    def nodes_needed(self, columns: PoolColumns) -> int:
        """How many nodes of a pool the whole gang takes at least."""
        tasks = min(int(self.tasks_per_node[columns.index]), self.shape.tasks)
        return -(-self.shape.tasks // max(tasks, 1))


Filter = Callable[[Ask, PoolFacts], Mask | None]
"""Which pools pass; None where a filter has nothing to say about a shape."""


def accelerator(ask: Ask, pools: PoolFacts) -> Mask | None:
    """The pool has the chip: one of the models that the name allows, or any chip at all."""
    if ask.chosen is None:
        return None
    if ask.chosen.model == ANY_MODEL:
        return pools.chip_max > 0
    allowed = pools.catalog.find_accelerators(ask.chosen.model)
    names = (ask.chosen.model, *(row.name for row in allowed))
    return pools.model.among(names) & (pools.chip_max > 0)


def domestic(ask: Ask, pools: PoolFacts) -> Mask | None:
    """The chip is a domestic one, where the job takes no other."""
    if ask.chosen is None or ask.shape.constraints.domestic is not DomesticRule.ONLY:
        return None
    return pools.domestic


def software(ask: Ask, pools: PoolFacts) -> Mask | None:
    """The nodes carry every stack and framework at the version asked for, or a later one."""
    if not ask.shape.frameworks:
        return None
    found = _all(pools)
    for need in ask.shape.frameworks:
        found &= pools.carries(need.name, need.at_least)
    return found


def region(ask: Ask, pools: PoolFacts) -> Mask | None:
    """The site is in one of the regions."""
    wanted = ask.shape.constraints.regions
    return pools.region.among(wanted) if wanted else None


def jurisdiction(ask: Ask, pools: PoolFacts) -> Mask | None:
    """The site is under one of the jurisdictions."""
    wanted = ask.shape.constraints.jurisdictions
    return pools.jurisdiction.among(wanted) if wanted else None


def owner(ask: Ask, pools: PoolFacts) -> Mask | None:
    """The site belongs to one of the owners."""
    wanted = ask.shape.constraints.owners
    return pools.owner.among(wanted) if wanted else None


def site(ask: Ask, pools: PoolFacts) -> Mask | None:
    """The site is one of those named, and none of those excluded."""
    wanted, excluded = ask.shape.constraints.sites, ask.shape.constraints.exclude_sites
    found = pools.site.among(wanted) if wanted else _all(pools)
    return found & ~pools.site.among(excluded) if wanted or excluded else None


def pool(ask: Ask, pools: PoolFacts) -> Mask | None:
    """The pool is one of those named: `SITE/POOL`, or `POOL` at any site."""
    wanted = ask.shape.constraints.pools
    if not wanted:
        return None
    return pools.pool.among(wanted) | pools.pool_name.among(wanted)


def node_size(ask: Ask, pools: PoolFacts) -> Mask | None:
    """An empty node holds at least one task."""
    return ask.tasks_per_node > 0


def gang_size(ask: Ask, pools: PoolFacts) -> Mask | None:
    """The empty pool holds the whole gang, within a place as large as the gang may span.

    An elastic gang has to fit at its smallest.
    """
    shape = ask.shape
    tasks = shape.elastic.tasks_min if shape.elastic is not None else shape.tasks
    per_node: Ints = np.minimum(ask.tasks_per_node, shape.tasks)
    return per_node * pools.nodes_within(shape.within) >= tasks


def link(ask: Ask, pools: PoolFacts) -> Mask | None:
    """Every input is at the site, or a link leads there from one of its replicas."""
    if not ask.hauls.needed:
        return None
    return np.array([ask.hauls.reach(name) for name in pools.sites], np.bool_)


def terms(ask: Ask, pools: PoolFacts) -> Mask | None:
    """Where the pool is an offer, the job allows commercial capacity on these terms."""
    wanted = ask.shape.commercial
    if not pools.offers or (wanted.allowed and not wanted.terms):
        return None
    offers = [columns.offer for columns in pools.order]
    return np.array(
        [offer is None or (wanted.allowed and offer.terms in wanted.terms) for offer in offers]
        if wanted.terms
        else [offer is None for offer in offers],
        np.bool_,
    )


def budget(ask: Ask, pools: PoolFacts) -> Mask | None:
    """What it is expected to cost is within its budget, as far as its duration is known.

    The price of the run and what bringing its inputs costs, which is known in any case.
    """
    shape = ask.shape
    if shape.budget_microcny <= 0 or (shape.basis == "none" and not ask.hauls.needed):
        return None
    found = []
    for columns in pools.order:
        cost = ask.hauls.to(columns.pool.site).egress_microcny
        if shape.basis != "none":
            cost += cost_microcny(ask.rate(columns), shape.run_ms(ask.speed_milli(columns), 0))
        found.append(cost <= shape.budget_microcny)
    return np.array(found, np.bool_)


FILTERS: tuple[tuple[str, Filter], ...] = (
    ("accelerator", accelerator),
    ("domestic", domestic),
    ("software", software),
    ("region", region),
    ("jurisdiction", jurisdiction),
    ("owner", owner),
    ("site", site),
    ("pool", pool),
    ("terms", terms),
    ("node_size", node_size),
    ("gang_size", gang_size),
    ("link", link),
    ("budget", budget),
)
"""The static filters by name, in the order in which they are asked."""

PASSED = len(FILTERS)


def first_failed(ask: Ask, pools: PoolFacts) -> Ints:
    """For each pool the position in `FILTERS` of the first filter it falls to, or `PASSED`."""
    fell = np.full(len(pools), PASSED, np.int64)
    standing = _all(pools)
    for position, (_, passes) in enumerate(FILTERS):
        passed = passes(ask, pools)
        if passed is None:
            continue
        failed = standing & ~passed
        if failed.any():
            fell[failed] = position
            standing &= ~failed
            if not standing.any():
                break
    return fell


def unavailable(supply: Supply, columns: PoolColumns, need_nodes: int) -> dict[str, int]:
    """Nodes that are out for the time being, by why; empty where enough nodes take work.

    `need_nodes` is how many nodes the whole gang takes at least.
    """
    status = supply.statuses.get(columns.pool.site, SiteStatus.SILENT)
    match status:
        case SiteStatus.SILENT:
            return {SITE_SILENT: len(columns.ids)}
        case SiteStatus.DRAINING:
            return {SITE_DRAINING: len(columns.ids)}
        case SiteStatus.READY:
            if columns.ready_count >= need_nodes or columns.offer is not None:
                return {}
    counts = {NODE_DOWN: columns.down, NODE_DRAINING: columns.draining}
    return {name: count for name, count in counts.items() if count}


def latest_start_ms(shape: Shape, speed_milli: int) -> int:
    """When the first task has to begin at the latest to meet the deadline at this speed."""
    if shape.deadline_ms <= 0:
        return NEVER_MS
    run_ms = shape.run_ms(speed_milli, 0) if shape.basis == "estimates" else 0
    return shape.deadline_ms - run_ms


def _all(pools: PoolFacts) -> Mask:
    return np.ones(len(pools), np.bool_)


def _speed_milli(shape: Shape, alternative: int, model: str, catalog: AcceleratorCatalog) -> int:
    """Speed on `model`: what the job says, or the catalogue's, relative to its first alternative.

    Speed grows with the number of chips, as the user means who writes "one of these or two of
    those". Where the catalogue knows no figure the two count as equally fast.
    """
    if not shape.accelerators:
        return WHOLE_MILLI
    chosen, first = shape.accelerators[alternative], shape.accelerators[0]
    if chosen.speed_milli is not None and chosen.speed_milli > 0:
        return chosen.speed_milli
    base = first.speed_milli if first.speed_milli and first.speed_milli > 0 else WHOLE_MILLI
    if first.model == ANY_MODEL:
        return base
    relative = catalog.relative_speed_milli(model, first.model, shape.workload) or WHOLE_MILLI
    return max(_scaled(base * relative // WHOLE_MILLI, chosen, first), 1)


def _scaled(speed_milli: int, chosen: AcceleratorNeed, first: AcceleratorNeed) -> int:
    return speed_milli * max(chosen.count_milli, 1) // max(first.count_milli, 1)
