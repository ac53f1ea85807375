"""Meters: what an attempt cost, what it drew, and how much carbon that was, over its interval.

Prices and carbon that change are integrated: a curve's sum up to any time is known from its sums
over one period, so that nothing needs to be done when it changes.
"""

from bisect import bisect_right
from itertools import accumulate

from hutong.catalog import Catalog
from hutong.model.ids import PoolId
from hutong.model.resources import Amount
from hutong.model.supply import MS_PER_HOUR, Energy, Pool
from hutong.scheduler.columns import need_of
from hutong.scheduler.energy import Meter
from hutong.sim.replay.running import SimJob
from hutong.sim.world import Curve, SimSite, World


class CurveSum:
    """The sum of a curve's value over time."""

    def __init__(self, curve: Curve) -> None:
        self.curve = curve
        times = curve.times_ms
        steps = [
            value * (after - before)
            for value, before, after in zip(curve.values, times, times[1:], strict=False)
        ]
        self._sums = [0, *accumulate(steps)]
        if curve.period_ms:
            self._period = self._within(curve.period_ms)

    def between(self, start_ms: int, end_ms: int) -> int:
        """The sum from one time to another: value times ms."""
        return self._until(end_ms) - self._until(start_ms)

    def _until(self, at_ms: int) -> int:
        if not self.curve.period_ms:
            return self._within(at_ms)
        periods, rest_ms = divmod(at_ms, self.curve.period_ms)
        return periods * self._period + self._within(rest_ms)

    def _within(self, at_ms: int) -> int:
        at = max(bisect_right(self.curve.times_ms, at_ms) - 1, 0)
        return self._sums[at] + self.curve.values[at] * (at_ms - self.curve.times_ms[at])


class _PoolMeter:
    """What is asked for each attempt on one pool."""

    __slots__ = ("carbon", "carbon_g", "draws", "draws_any", "meter", "price")

    def __init__(self, site: SimSite, pool: Pool, watt: int) -> None:
        energy = site.site.energy or Energy()
        curve = site.prices.get(pool.id)
        self.price = CurveSum(curve) if curve is not None else None
        self.carbon = CurveSum(site.carbon) if site.carbon is not None else None
        self.carbon_g = energy.carbon_g_per_kwh
        node = pool.node
        self.meter = Meter(
            energy, max(pool.accelerator_watt or watt, 0), max(pool.node_watt, 0),
            max(node.cpu_milli, 0), max(node.memory_mib, 0), max(node.accelerator_milli, 0),
        )  # fmt: skip
        self.draws: dict[Amount, int] = {}
        self.draws_any = bool(self.meter.chip_watt or self.meter.node_watt)


class Meters:
    """The meters of all pools. Times are ms from the begin of the workload."""

    def __init__(self, world: World, catalog: Catalog) -> None:
        self._pools: dict[str, _PoolMeter] = {}
        for site in world.sites:
            for pool in site.inventory.pools:
                rows = catalog.find_accelerators(pool.accelerator) if pool.accelerator else ()
                watt = rows[0].tdp_watt if rows else 0
                self._pools[pool.id] = _PoolMeter(site, pool, watt or 0)

    def rate_parts(self, pool: PoolId, at_ms: int, chips_milli: int) -> int:
        """What of a rate the chips are, where their price changes; micro-CNY an hour."""
        price = self._pools[pool].price
        return price.curve.at(at_ms) * chips_milli // 1000 if price is not None else 0

    def bill(self, job: SimJob, start_ms: int, end_ms: int) -> None:
        """Add what an attempt cost and drew while its program ran."""
        known = self._pools[job.pool]
        if job.rate:
            total = (job.rate - job.rate_chips) * (end_ms - start_ms)
            if known.price is not None:
                chips_milli = job.tasks * job.milli
                total += known.price.between(start_ms, end_ms) * chips_milli // 1000
            job.cost_microcny += (2 * total + MS_PER_HOUR) // (2 * MS_PER_HOUR)
        if known.draws_any:
            energy_mwh, carbon_mg = self._power(known, job, start_ms, end_ms)
            job.energy_mwh += energy_mwh
            job.carbon_mg += carbon_mg

    def _power(
        self, known: "_PoolMeter", job: SimJob, start_ms: int, end_ms: int
    ) -> tuple[int, int]:
        """What a gang drew over an interval (mWh), and the carbon of that (mg)."""
        needs = job.told.amount(job.milli)
        each_mw = known.draws.get(needs)
        if each_mw is None:
            need = need_of(
                needs.cpu_milli, needs.memory_mib, needs.accelerator_milli, exclusive=False
            )
            each_mw = known.draws[needs] = known.meter.draw_mw(need, tasks=1, nodes=1)
        if not each_mw:
            return 0, 0
        drawn_mw = each_mw * job.tasks
        energy_mwh = drawn_mw * (end_ms - start_ms) // MS_PER_HOUR
        if known.carbon is not None:
            weighed = known.carbon.between(start_ms, end_ms) * drawn_mw // MS_PER_HOUR
        else:
            weighed = energy_mwh * known.carbon_g
        return energy_mwh, weighed // 1000
