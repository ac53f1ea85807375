"""Filters: which pools could ever run a shape. Small named functions in a fixed order.

The first that a pool fails names why it is out. Those of kinds go over the columns of all pools,
once for all shapes that ask for the same sort of place; those of size are asked of one berth after
the other, with a shape's own amounts (see `kinds`). What changes from minute to minute (a silent
site, a draining node) is asked afterwards, by `unavailable`, so that the rest can be kept until the
supply itself changes.
"""

from collections.abc import Callable

import numpy as np

from hutong.model.job import DomesticRule
from hutong.model.resources import AcceleratorNeed
from hutong.scheduler.berth import Berth
from hutong.scheduler.columns import Ints, Mask, PoolColumns
from hutong.scheduler.facts import PoolFacts
from hutong.scheduler.records import AcceleratorCatalog, SiteStatus
from hutong.scheduler.shapes import WHOLE_MILLI, Shape
from hutong.scheduler.supply import Supply
from hutong.scheduler.trial import Trial

ANY_MODEL = "any"

SITE_SILENT = "site_silent"
SITE_DRAINING = "site_draining"
NODE_DOWN = "node_down"
NODE_DRAINING = "node_draining"
DEADLINE = "deadline"
GROUPS = "groups"


class Ask:
    """One alternative of the shapes of a kind, and how fast it is on which chip.

    `shape` is any of them: only what they have alike is looked at.
    """

    def __init__(self, shape: Shape, alternative: int, facts: PoolFacts) -> None:
        self.shape = shape
        self.alternative = alternative
        self.chosen = shape.accelerators[alternative] if shape.accelerators else None
        self._facts = facts
        self._speeds: dict[str, int] = {}

    def speed_milli(self, columns: PoolColumns) -> int:
        """Speed on a pool, where the job's own estimate is for 1000."""
        model = columns.pool.accelerator
        speed = self._speeds.get(model)
        if speed is None:
            speed = _speed_milli(self.shape, self.alternative, model, self._facts.catalog)
            self._speeds[model] = speed
        return speed


KindFilter = Callable[[Ask, PoolFacts], Mask | None]
"""Which pools pass; None where a filter has nothing to say about a kind."""

SizeFilter = Callable[[Trial, Berth], bool]
"""Whether a trial passes on the berth where it is put."""

SizeFilters = list[tuple[int, SizeFilter]]
"""Filters of size with their positions in `FILTERS`."""


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


def node_size(trial: Trial, berth: Berth) -> bool:
    """An empty node holds at least one task."""
    return trial.per_node > 0


def gang_size(trial: Trial, berth: Berth) -> bool:
    """The empty pool holds the whole gang, within a place as large as the gang may span.

    An elastic gang has to fit at its smallest.
    """
    return trial.per_node * berth.nodes[trial.shape.within] >= trial.tasks_least


def link(trial: Trial, berth: Berth) -> bool:
    """Every input is at the site, or a link leads there from one of its replicas."""
    return trial.hauls.reach(berth.site)


def budget(trial: Trial, berth: Berth) -> bool:
    """What it is expected to cost is within its budget, as far as its duration is known.

    The price of the run and what bringing its inputs costs, which is known in any case.
    """
    cost = trial.hauls.to(berth.site).egress_microcny
    if trial.shape.basis != "none":
        cost += trial.tariff()[-1]
    return cost <= trial.shape.budget_microcny


KIND_FILTERS: tuple[tuple[str, KindFilter], ...] = (
    ("accelerator", accelerator),
    ("domestic", domestic),
    ("software", software),
    ("region", region),
    ("jurisdiction", jurisdiction),
    ("owner", owner),
    ("site", site),
    ("pool", pool),
    ("terms", terms),
)
SIZE_FILTERS: tuple[tuple[str, SizeFilter], ...] = (
    ("node_size", node_size),
    ("gang_size", gang_size),
    ("link", link),
    ("budget", budget),
)
FILTERS: tuple[tuple[str, KindFilter | SizeFilter], ...] = (*KIND_FILTERS, *SIZE_FILTERS)
"""The static filters by name, in the order in which they are asked."""

PASSED = len(FILTERS)

_SIZE_FILTERS: SizeFilters = [
    (position, passes) for position, (_, passes) in enumerate(SIZE_FILTERS, len(KIND_FILTERS))
]


def first_failed(ask: Ask, pools: PoolFacts) -> Ints:
    """For each pool the position in `FILTERS` of the first one of its kind's that it falls to.

    `PASSED` where it passes them all.
    """
    fell = np.full(len(pools), PASSED, np.int64)
    standing = _all(pools)
    for position, (_, passes) in enumerate(KIND_FILTERS):
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


def size_filters(trial: Trial) -> SizeFilters:
    """The filters of size that have something to say about a shape."""
    shape, needed = trial.shape, trial.hauls.needed
    if not needed and shape.budget_microcny <= 0:
        return _SIZE_FILTERS[:2]
    if shape.budget_microcny <= 0 or (shape.basis == "none" and not needed):
        return _SIZE_FILTERS[:3]
    return _SIZE_FILTERS


def falls_to(filters: SizeFilters, trial: Trial, berth: Berth) -> int:
    """The position of the first filter that a trial falls to on its berth, or `PASSED`."""
    for position, passes in filters:
        if not passes(trial, berth):
            return position
    return PASSED


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
