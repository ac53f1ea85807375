"""Which pools could run a job, in what order they are asked, and what a run there costs."""

from typing import NamedTuple

from hutong.catalog import Catalog
from hutong.model.job import DomesticRule, JobSpec, Objective
from hutong.model.resources import Amount
from hutong.model.supply import MS_PER_HOUR, Pool, Site, cost_microcny
from hutong.scheduler.profile import Profile
from hutong.scheduler.records import SiteStatus
from hutong.scheduler.shapes import Shape
from tests.reference.nodes import Need, Node, need_of

NEVER_MS = 2**62
FILTERS = (
    "accelerator", "domestic", "software", "region", "jurisdiction", "owner", "site", "pool",
    "node_size", "gang_size", "budget",
)  # fmt: skip


class Place:
    """A pool as the reference sees it."""

    def __init__(self, pool: Pool, site: Site | None, status: SiteStatus) -> None:
        self.pool = pool
        self.site = site
        self.status = status
        self.nodes: list[Node] = []


class Way(NamedTuple):
    """One way to run a shape: an alternative of its chips on a pool."""

    place: Place
    alternative: int
    need: Need
    model: str
    speed_milli: int
    boot_ms: int
    run_ms: int
    bound_ms: int
    cost: int
    domestic: bool
    charged: Amount
    per_node: int

    def end_ms(self, start_ms: int) -> int:
        """When it is expected to end."""
        return start_ms + self.boot_ms + self.run_ms


def basis(shape: Shape) -> str:
    """What is known of a run's length."""
    if shape.estimate_ms:
        return "estimates"
    return "limits" if shape.time_limit_ms else "none"


def run_ms(shape: Shape, speed_milli: int, default_ms: int) -> int:
    """How long a run is expected to take: the estimate at this speed, never above the limit."""
    if shape.estimate_ms:
        scaled = -(-shape.estimate_ms * 1000 // speed_milli)
        return min(scaled, shape.time_limit_ms) if shape.time_limit_ms else scaled
    return shape.time_limit_ms or default_ms


def whole_nodes(pool: Pool, count: int) -> Amount:
    """What holding whole nodes amounts to."""
    return pool.node.times(count)


def charge_of(need: Need, tasks: int, pool: Pool, nodes: int) -> Amount:
    """What a tenant is charged for tasks on some nodes."""
    if need.exclusive:
        return whole_nodes(pool, nodes)
    return Amount(need.cpu, need.mem, need.milli).times(tasks)


Score = tuple[int, int]
"""What an objective makes of a way, then its finish: of equal scores the earlier finish wins."""


def score(way: Way, shape: Shape, wait_ms: int, profile: Profile) -> Score:
    """What the job's objective makes of a start after a wait; lower is better, in exact numbers.

    Cost and time to the finish, weighed; time is worth the profile's price of an hour. What the job
    prefers has its score lowered by a bonus.
    """
    weight = {Objective.TIME: 0, Objective.COST: 1000}.get(
        shape.objective, profile.cost_weight_milli
    )
    kept = 1000
    if way.domestic and shape.constraints.domestic is DomesticRule.PREFER:
        kept -= profile.domestic_bonus_milli
    finish = way.end_ms(wait_ms) * kept
    value = (1000 - weight) * profile.hour_value_microcny * finish
    return value + weight * MS_PER_HOUR * way.cost * kept, finish


def ways_of(
    shape: Shape, places: list[Place], catalog: Catalog, profile: Profile
) -> tuple[list[Way], dict[str, int]]:
    """The ways to run a shape, the best first, and the nodes that fell to each filter.

    A pool's nodes are counted under the filter at which the alternative that got furthest fell.
    """
    ways: list[Way] = []
    filtered: dict[str, int] = {}
    for place in places:
        furthest = -1
        for alternative in range(max(len(shape.accelerators), 1)):
            fell, way = try_place(shape, alternative, place, catalog, profile)
            furthest = max(furthest, fell)
            if fell == len(FILTERS):
                ways.append(way)
        if furthest < len(FILTERS) and place.nodes:
            name = FILTERS[furthest]
            filtered[name] = filtered.get(name, 0) + len(place.nodes)
    ways.sort(key=lambda way: _preference(way, shape, profile))
    return ways, filtered


def try_place(
    shape: Shape, alternative: int, place: Place, catalog: Catalog, profile: Profile
) -> tuple[int, Way]:
    """The position of the first filter that a pool fails, and the way it would be."""
    pool, site, where = place.pool, place.site, shape.constraints
    chosen = shape.accelerators[alternative] if shape.accelerators else None
    known = catalog.find_accelerators(pool.accelerator)
    allowed: tuple[str, ...] = ()
    if chosen is not None:
        rows = catalog.find_accelerators(chosen.model)
        allowed = (chosen.model, *(row.name for row in rows))
    need = need_of(
        shape.cpu_milli, shape.memory_mib, max(chosen.count_milli, 1) if chosen else 0,
        exclusive=shape.exclusive,
    )  # fmt: skip
    is_domestic = any(row.domestic for row in known)
    per_node = tasks_on_empty(pool, need)
    capped = min(per_node, shape.tasks)
    speed = speed_milli(shape, alternative, pool.accelerator, catalog)
    length = run_ms(shape, speed, max(profile.default_run_ms * 1000 // speed, 1))
    count = -(-shape.tasks // max(capped, 1))
    charged = charge_of(need, shape.tasks, pool, count)
    rate = pool.price.rate(charged)
    cost = cost_microcny(rate, length)
    has_chips = pool.node.accelerator_milli > 0
    passes = (
        chosen is None or (has_chips and (chosen.model == "any" or pool.accelerator in allowed)),
        chosen is None or where.domestic is not DomesticRule.ONLY or is_domestic,
        all(carries(pool, need_.name, need_.at_least) for need_ in shape.frameworks),
        not where.regions or (site is not None and site.region in where.regions),
        not where.jurisdictions or (site is not None and site.jurisdiction in where.jurisdictions),
        not where.owners or (site is not None and site.owner in where.owners),
        (not where.sites or pool.site in where.sites) and pool.site not in where.exclude_sites,
        not where.pools or pool.id in where.pools or pool.id.split("/")[1] in where.pools,
        per_node > 0,
        capped * len(place.nodes) >= shape.tasks,
        not shape.budget_microcny or basis(shape) == "none" or cost <= shape.budget_microcny,
    )
    fell = passes.index(False) if False in passes else len(FILTERS)
    limit = shape.time_limit_ms or length
    way = Way(
        place, alternative, need, pool.accelerator if need.milli else "", speed, pool.boot_ms,
        length, limit, cost, is_domestic and need.milli > 0, charged, capped,
    )  # fmt: skip
    return fell, way


def tasks_on_empty(pool: Pool, need: Need) -> int:
    """How many tasks an empty node holds."""
    caps, tasks = pool.node.accelerator_milli, [2**50]
    if need.cpu:
        tasks.append(pool.node.cpu_milli // need.cpu)
    if need.mem:
        tasks.append(pool.node.memory_mib // need.mem)
    if need.chips:
        tasks.append(caps // 1000 // need.chips)
    elif need.milli:
        tasks.append(caps // 1000 * (1000 // need.milli) + caps % 1000 // need.milli)
    return max(min(tasks), 0)


def speed_milli(shape: Shape, alternative: int, model: str, catalog: Catalog) -> int:
    """Speed of an alternative: what the job says, or the catalogue's beside its first one."""
    if not shape.accelerators:
        return 1000
    chosen, first = shape.accelerators[alternative], shape.accelerators[0]
    if chosen.speed_milli:
        return chosen.speed_milli
    base = first.speed_milli or 1000
    if first.model == "any":
        return base
    relative = catalog.relative_speed_milli(model, first.model) or 1000
    return max((base * relative // 1000) * chosen.count_milli // first.count_milli, 1)


def carries(pool: Pool, name: str, at_least: str) -> bool:
    """Whether nodes carry a framework; versions are numbers with dots here."""

    def numbers(text: str) -> list[int]:
        return [int(part) for part in text.split(".") if part]

    return any(
        item.name == name and numbers(item.version) >= numbers(at_least) for item in pool.software
    )


def nodes_out(place: Place, way: Way, tasks: int) -> dict[str, int]:
    """Nodes that take no work for the time being, by why; empty where enough take work."""
    if place.status is not SiteStatus.READY:
        return {f"site_{place.status.value}": len(place.nodes)}
    if sum(node.ready for node in place.nodes) >= -(-tasks // way.per_node):
        return {}
    return {
        f"node_{condition.value}": count
        for condition in dict.fromkeys(node.condition for node in place.nodes)
        if (count := sum(node.condition is condition for node in place.nodes))
        and condition.value != "ready"
    }


def latest_ms(way: Way, shape: Shape) -> int:
    """The latest start that still meets the deadline, as far as the length is known."""
    if not shape.deadline_ms:
        return NEVER_MS
    known = run_ms(shape, way.speed_milli, 0) if basis(shape) == "estimates" else 0
    return shape.deadline_ms - way.boot_ms - known


def slack_of(spec: JobSpec) -> int:
    """The latest start by the job's own estimate; the order of jobs within a tenant."""
    return spec.deadline_ms - (spec.estimate_ms or 0) if spec.deadline_ms else NEVER_MS


def _preference(way: Way, shape: Shape, profile: Profile) -> tuple[object, ...]:
    """Without chips, off the pools with chips. Then the score; ties go to the domestic chip where
    it is preferred, the faster, the user's order, the smaller node, the pool's id.
    """
    pool = way.place.pool
    prefers = shape.constraints.domestic is DomesticRule.PREFER
    return (
        not way.need.milli and pool.node.accelerator_milli > 0,
        score(way, shape, 0, profile),
        prefers and not way.domestic,
        -way.speed_milli,
        way.alternative,
        pool.node.accelerator_milli,
        pool.node.cpu_milli,
        pool.id,
    )
