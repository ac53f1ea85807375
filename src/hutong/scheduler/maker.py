"""Making options: what the options of one alternative share is worked out once.

A shape that is new may have options on hundreds of pools, so this is the hot part of matching.
"""

from hutong.model.job import DomesticRule
from hutong.model.resources import Amount
from hutong.model.supply import PriceBook, cost_microcny
from hutong.scheduler.ambient import LEVELS
from hutong.scheduler.claim import Claim
from hutong.scheduler.columns import PoolColumns
from hutong.scheduler.energy import NO_BURDEN
from hutong.scheduler.facts import PoolFacts
from hutong.scheduler.filters import Ask, latest_start_ms
from hutong.scheduler.option import Option, Weights
from hutong.scheduler.profile import Profile
from hutong.scheduler.shapes import WHOLE_MILLI, Shape, held_by_groups, is_laid
from hutong.scheduler.spot import risk_ms
from hutong.scheduler.supply import held_exclusively


class Maker:
    """Makes the options of one alternative of a shape. `level` is that of the ambient."""

    def __init__(self, ask: Ask, facts: PoolFacts, profile: Profile, level: int) -> None:
        shape = ask.shape
        self._ask = ask
        self._facts = facts
        self._default_run_ms = profile.default_run_ms
        self._weights = Weights(shape, profile)
        self._per_node: list[int] = ask.tasks_per_node.clip(max=shape.tasks).tolist()
        preferred = facts.preferred_milli(shape.preferences)
        bonus_milli = max(profile.preferred_bonus_milli, 0)
        self._preferred = [bonus_milli * part // 1000 for part in preferred]
        self._domestic_milli = _domestic_milli(shape, profile, level)
        self._times: dict[int, tuple[int, int, int]] = {}
        self._costs: dict[tuple[PriceBook, int], tuple[int, int]] = {}
        self._basis = shape.basis
        self._laid = is_laid(shape)
        self._held = ask.held.plus(held_by_groups(shape)) if shape.groups else ask.held

    def make(self, row: int) -> Option:
        """The option on the pool of a row."""
        ask, facts = self._ask, self._facts
        shape, need, columns = ask.shape, ask.need, facts.order[row]
        pool = columns.pool
        option = Option()
        option.near, option.vector, option.table_row = None, None, -1
        option.columns = columns
        option.alternative = ask.alternative
        option.need = need
        option.model = model = pool.accelerator if need.milli else ""
        option.speed_milli = speed = ask.speed_milli(columns)
        option.basis = self._basis
        option.layout, option.within, option.laid = shape.layout, shape.within, self._laid
        option.tasks_per_node = per_node = self._per_node[row]
        option.nodes_needed = nodes = -(-shape.tasks // per_node)
        run_ms, option.bound_ms, begin_ms = self._times.get(speed) or self._time(speed)
        option.run_ms = run_ms
        option.rate, option.cost_microcny = self._cost(columns, run_ms)
        option.haul = haul = ask.hauls.to(pool.site)
        option.boot_ms = boot_ms = facts.boots_ms[row]
        option.ready_ms = ready_ms = haul.transfer_ms + boot_ms
        option.span_ms = ready_ms + run_ms
        option.latest_ms = begin_ms - ready_ms
        option.risk_ms = risk_ms(columns.offer, run_ms, shape.checkpoint_ms)
        option.claim = Claim(
            self._held_on(columns, nodes) if shape.exclusive else self._held, model, pool.site,
            facts.regions[row], run_ms, option.cost_microcny,
        )  # fmt: skip
        meter = facts.meters[row]
        if meter is None:
            option.burden = NO_BURDEN
        else:
            drawn_mw = meter.draw_mw(need, tasks=shape.tasks, nodes=nodes)
            option.burden = meter.burden(drawn_mw, run_ms)
        option.domestic = domestic = need.milli > 0 and facts.domestics[row]
        option.preferred_milli = self._preferred[row]
        option.domestic_milli = self._domestic_milli if domestic else 0
        option.weigh(self._weights)
        return option

    def _held_on(self, columns: PoolColumns, nodes: int) -> Amount:
        """What a gang holds that has its nodes to itself."""
        held = held_exclusively(columns, nodes)
        return held.plus(held_by_groups(self._ask.shape)) if self._ask.shape.groups else held

    def _time(self, speed_milli: int) -> tuple[int, int, int]:
        """How long the run takes and can take at a speed, and when it begins at the latest."""
        shape = self._ask.shape
        run_ms = shape.run_ms(speed_milli, self._default_run_ms * WHOLE_MILLI // speed_milli)
        found = run_ms, shape.bound_ms(run_ms), latest_start_ms(shape, speed_milli)
        self._times[speed_milli] = found
        return found

    def _cost(self, columns: PoolColumns, run_ms: int) -> tuple[int, int]:
        """The price of an hour of the gang, and of its run."""
        if self._ask.shape.exclusive:
            rate = self._ask.rate(columns)
            return rate, cost_microcny(rate, run_ms)
        key = (columns.pool.price, run_ms)
        found = self._costs.get(key)
        if found is None:
            rate = self._ask.rate(columns)
            found = self._costs[key] = rate, cost_microcny(rate, run_ms)
        return found


def _domestic_milli(shape: Shape, profile: Profile, level: int) -> int:
    """What is taken off the score of a domestic pool: the user's wish goes before the target."""
    bonus = max(profile.domestic_bonus_milli, 0)
    match shape.constraints.domestic:
        case DomesticRule.PREFER:
            return bonus
        case DomesticRule.ANY:
            return bonus * level // LEVELS
        case DomesticRule.ONLY:
            return 0
