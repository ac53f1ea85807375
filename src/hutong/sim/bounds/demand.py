"""What a workload asks of a world, as columns: for each job and each class of machines its needs.

Where a job could run, and how fast there, is what the scheduler's own matching says of it, so that
a bound and a replay mean the same by "fits". Machines fall into classes by chip model; all CPUs
together are one more class, which only jobs without chips draw on.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hutong.catalog import Catalog, load_catalog
from hutong.model.supply import MS_PER_HOUR, Energy
from hutong.scheduler.energy import Meter
from hutong.scheduler.option import Option
from hutong.scheduler.profile import PROFILES
from hutong.scheduler.shapes import shape_of
from hutong.scheduler.state import SchedulerState
from hutong.sim.replay.told import Teller, Told
from hutong.sim.setup import Mode
from hutong.sim.workload import TraceJob, Workload
from hutong.sim.world import World

Floats = NDArray[np.float64]
CPU = "cpu"
_UG_PER_G = 1e6
_BEGIN_MS = 1_767_225_600_000


class Demand(NamedTuple):
    """Columns of the jobs that fit somewhere, in the order of handing in. Times are in seconds.

    `span_s[j, c]` is the least time for which job j holds machines when it runs on class c alone,
    inf where it cannot. `area[j, c]` is the least capacity times seconds that it then takes,
    `capacity[c]` what the class has: chips, or CPUs. `cost_microcny` and `carbon_g` are the least
    anywhere. `weak` are jobs that never fit, `follows` says that some job waits for another.
    """

    submit_s: Floats
    span_s: Floats
    area: Floats
    capacity: Floats
    classes: tuple[str, ...]
    cost_microcny: Floats
    carbon_g: Floats
    refused: int
    follows: bool

    @property
    def least_s(self) -> Floats:
        """Each job's time alone on the class that is best for it."""
        least: Floats = self.span_s.min(axis=1)
        return least


class _Way(NamedTuple):
    """One way to run jobs told alike: where, and its time over work."""

    column: int
    need: float
    up: int
    down: int
    rate_microcny_per_hour: int
    carbon_ug_per_ms: float


def demand_of(world: World, workload: Workload) -> Demand:
    """Work out what a workload asks of a world."""
    reader = _Reader(world)
    rows: list[tuple[float, ...]] = []
    refused, follows = 0, False
    width = len(reader.classes)
    for job in workload.jobs:
        follows = follows or bool(job.after)
        ways = reader.ways(job)
        if ways:
            rows.append(_row(job, ways, width, world.costs.start_ms))
        else:
            refused += 1
    table = np.array(rows, np.float64).reshape(len(rows), 3 + 2 * width)
    return Demand(
        table[:, 0], table[:, 3 : 3 + width], table[:, 3 + width :], reader.capacity(),
        tuple(reader.classes), table[:, 1], table[:, 2], refused, follows,
    )  # fmt: skip


def _row(job: TraceJob, ways: list[_Way], width: int, start_ms: int) -> tuple[float, ...]:
    """Submission, cost, carbon, then spans and areas by class."""
    spans, areas = [np.inf] * width, [np.inf] * width
    cost = carbon = np.inf
    for way in ways:
        held_ms = start_ms + -(-job.run_ms * way.up // way.down)
        if job.limit_ms:
            held_ms = min(held_ms, job.limit_ms)
        spans[way.column] = min(spans[way.column], held_ms / 1000)
        areas[way.column] = min(areas[way.column], way.need * held_ms / 1000)
        cost = min(cost, way.rate_microcny_per_hour * held_ms / MS_PER_HOUR)
        carbon = min(carbon, way.carbon_ug_per_ms * held_ms / _UG_PER_G)
    return job.submit_ms / 1000, cost, carbon, *spans, *areas


class _Reader:
    """Asks the scheduler's matching, once for all jobs that are told alike."""

    def __init__(self, world: World) -> None:
        self._catalog = load_catalog()
        profile = PROFILES["fair"]
        self._state = SchedulerState(self._catalog)
        _tell(self._state, world)
        self._profile = profile
        self._teller = Teller(
            world, profile, Mode.NONE,
            begin_ms=_BEGIN_MS, state=self._state, catalog=self._catalog,
        )  # fmt: skip
        self._matcher = self._state.snapshot(_BEGIN_MS).matcher
        self._world = world
        pools = [pool for site in world.sites for pool in site.inventory.pools]
        names = dict.fromkeys(pool.accelerator for pool in pools if pool.accelerator)
        self.classes = {name: at for at, name in enumerate((*names, CPU))}
        self._meters = _meters(world, self._catalog)
        self._ways: dict[int, tuple[Told, list[_Way]]] = {}

    def capacity(self) -> Floats:
        """Chips of each class, and all CPUs, with every node that a provider would start."""
        found = np.zeros(len(self.classes))
        for site in self._world.sites:
            nodes: dict[str, int] = {}
            for node in site.inventory.nodes:
                nodes[node.pool] = nodes.get(node.pool, 0) + 1
            for offer in site.inventory.offers:
                nodes[offer.pool] = max(nodes.get(offer.pool, 0), offer.nodes_max)
            for pool in site.inventory.pools:
                count = nodes.get(pool.id, 0)
                found[self.classes[CPU]] += count * pool.node.cpu_milli / 1000
                if pool.accelerator:
                    chips = pool.node.accelerator_milli / 1000
                    found[self.classes[pool.accelerator]] += count * chips
        return found

    def ways(self, job: TraceJob) -> list[_Way]:
        """The ways to run a job; none where it never fits."""
        told = self._teller.tell(job, None)
        known = self._ways.get(id(told))
        if known is None or known[0] is not told:
            known = self._ways[id(told)] = told, self._find(told) if told.fits else []
        return known[1]

    def _find(self, told: Told) -> list[_Way]:
        shape = shape_of(told.spec)
        options = self._matcher.match(shape, self._profile).options
        return [self._way(told, option) for option in options]

    def _way(self, told: Told, option: Option) -> _Way:
        tasks, milli = told.spec.tasks, option.need.milli
        ratios = told.ratios
        up, down = 1000, option.speed_milli
        if ratios is not None:
            up, down = ratios.get(option.model, (up, down))
        meter, carbon_g = self._meters[option.columns.pool.id]
        # Shares of a node are counted task by task, as the replay's meters do.
        drawn_mw = meter.draw_mw(option.need, tasks=1, nodes=1) * tasks
        return _Way(
            self.classes[option.columns.pool.accelerator if milli else CPU],
            (milli or told.spec.needs.cpu_milli) * tasks / 1000, up, down,
            self._rate(option, tasks), drawn_mw * carbon_g / MS_PER_HOUR,
        )  # fmt: skip

    def _rate(self, option: Option, tasks: int) -> int:
        """The least that an hour costs, where the price of chips changes over time."""
        pool = option.columns.pool
        for site in self._world.sites:
            curve = site.prices.get(pool.id)
            if curve is not None:
                fixed = option.need.milli * pool.price.accelerator_microcny_per_hour * tasks // 1000
                least = option.need.milli * min(curve.values) * tasks // 1000
                return max(option.rate - fixed, 0) + least
        return option.rate


def _tell(state: SchedulerState, world: World) -> None:
    """Tell the scheduler of the machines, all of them there."""
    for tenant in world.tenants:
        state.put_tenant(tenant)
    for site in world.sites:
        state.put_site(site.site)
        state.put_inventory(site.site.id, site.inventory)
    for link in world.links:
        state.put_link(link)


def _meters(world: World, catalog: Catalog) -> Mapping[str, tuple[Meter, int]]:
    """A meter of each pool, and the least carbon intensity at its site."""
    found: dict[str, tuple[Meter, int]] = {}
    for site in world.sites:
        energy = site.site.energy or Energy()
        least = min(site.carbon.values) if site.carbon is not None else energy.carbon_g_per_kwh
        for pool in site.inventory.pools:
            rows = catalog.find_accelerators(pool.accelerator) if pool.accelerator else ()
            watt = pool.accelerator_watt or (rows[0].tdp_watt if rows else 0) or 0
            node = pool.node
            meter = Meter(
                energy, max(watt, 0), max(pool.node_watt, 0), max(node.cpu_milli, 0),
                max(node.memory_mib, 0), max(node.accelerator_milli, 0),
            )  # fmt: skip
            found[pool.id] = meter, least
    return found
