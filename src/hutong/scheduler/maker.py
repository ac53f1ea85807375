"""Making options: a shape is tried on the berths of its kind, and has an option where it passes."""

from collections.abc import Container

from hutong.model.job import DomesticRule
from hutong.model.resources import Amount
from hutong.scheduler.ambient import LEVELS
from hutong.scheduler.berth import Berth
from hutong.scheduler.claim import Claim
from hutong.scheduler.energy import NO_BURDEN
from hutong.scheduler.filters import PASSED, falls_to, size_filters
from hutong.scheduler.kinds import Kind
from hutong.scheduler.option import Option, Weights
from hutong.scheduler.profile import Profile
from hutong.scheduler.shapes import Shape, held_by_groups, is_laid
from hutong.scheduler.spot import risk_ms
from hutong.scheduler.supply import held_exclusively
from hutong.scheduler.trial import Hauls, Trial


class Maker:
    """Makes the options of a shape. `level` is that of the ambient.

    `fell` says of rows where no alternative has passed yet at which filter the last one fell.
    """

    __slots__ = (
        "_basis", "_before", "_domestic_milli", "_hauls", "_laid", "_profile", "_shape",
        "_weights", "fell",
    )  # fmt: skip

    def __init__(self, shape: Shape, hauls: Hauls, profile: Profile, level: int) -> None:
        self.fell: dict[int, int] = {}
        self._shape = shape
        self._hauls = hauls
        self._profile = profile
        self._weights = Weights(shape, profile)
        self._domestic_milli = _domestic_milli(shape, profile, level)
        self._basis = shape.basis
        self._laid = is_laid(shape)
        self._before: Option | None = None

    def make(self, kind: Kind, rows: Container[int] | None = None) -> list[Option]:
        """The options of all alternatives, in the order of the pools each, on all rows or some."""
        shape, made = self._shape, []
        passed: dict[int, None] = {}
        for alternative, all_berths in enumerate(kind.alternatives):
            berths = all_berths
            if rows is not None:
                berths = [berth for berth in all_berths if berth.row in rows]
            if not berths:
                continue
            trial = Trial(shape, alternative, self._hauls, self._profile.default_run_ms)
            held = trial.held.plus(held_by_groups(shape)) if shape.groups else trial.held
            filters = size_filters(trial)
            for berth in berths:
                trial.put(berth)
                fell = falls_to(filters, trial, berth)
                if fell == PASSED:
                    passed[berth.row] = None
                    made.append(self._option(trial, berth, held))
                else:
                    self.fell[berth.row] = max(fell, self.fell.get(berth.row, 0))
        if self.fell:
            self.fell = {row: fell for row, fell in self.fell.items() if row not in passed}
        return made

    def _option(self, trial: Trial, berth: Berth, held: Amount) -> Option:
        shape, need, columns = self._shape, trial.need, berth.columns
        option = Option()
        option.near, option.vector, option.table_row = None, None, -1
        option.columns = columns
        option.alternative = berth.alternative
        option.need = need
        option.model = model = berth.model
        option.speed_milli = berth.speed_milli
        option.basis = self._basis
        option.layout, option.within, option.laid = shape.layout, shape.within, self._laid
        option.tasks_per_node = per_node = trial.per_node
        option.nodes_needed = nodes = -(-shape.tasks // per_node)
        run_ms, option.bound_ms, begin_ms, option.rate, cost = trial.tariff()
        option.run_ms, option.cost_microcny = run_ms, cost
        option.haul = haul = self._hauls.to(berth.site)
        option.boot_ms = boot_ms = berth.boot_ms
        option.ready_ms = ready_ms = haul.transfer_ms + boot_ms
        option.span_ms = ready_ms + run_ms
        option.latest_ms = begin_ms - ready_ms
        option.risk_ms = 0
        if columns.offer is not None:
            option.risk_ms = risk_ms(columns.offer, run_ms, shape.checkpoint_ms)
        if shape.exclusive:
            held = held_exclusively(columns, nodes)
            held = held.plus(held_by_groups(shape)) if shape.groups else held
        option.claim = Claim(held, model, berth.site, berth.region, run_ms, cost)
        option.burden = NO_BURDEN
        if berth.meter is not None:
            drawn_mw = berth.meter.draw_mw(need, tasks=shape.tasks, nodes=nodes)
            option.burden = berth.meter.burden(drawn_mw, run_ms)
        option.domestic = berth.domestic
        option.preferred_milli = berth.preferred_milli
        option.domestic_milli = self._domestic_milli if berth.domestic else 0
        if self._before is None or not option.weigh_like(self._before):
            option.weigh(self._weights)
        self._before = option
        return option


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
