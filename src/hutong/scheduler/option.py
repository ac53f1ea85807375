"""Options: one way to run a shape, with every part of what it costs and how long it takes.

The score of an option is one formula in one unit, micro-CNY. Time until the expected finish is
valued at the profile's price of an hour, and the objective's weight `w` divides between the two:

    score = (w * cost + (1000 - w) * finish * hour value) * (1000 - bonus) / 1000 / 1000
    cost = price * (run + risk) + egress + weighed energy + weighed carbon
    finish = wait + transfer + boot + run + risk

It is kept as an exact integer, unrounded, with the finish below it, so that weight 0 orders by the
finish alone, weight 1000 by the cost alone, and equal scores go to the earlier finish.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from hutong.model.job import Layout, Level, Objective
from hutong.model.resources import Amount
from hutong.model.supply import MS_PER_HOUR, cost_microcny
from hutong.scheduler.claim import Claim
from hutong.scheduler.columns import Ints, Need, PoolColumns
from hutong.scheduler.energy import Burden
from hutong.scheduler.kernels import layout
from hutong.scheduler.plan import Candidate
from hutong.scheduler.profile import Profile
from hutong.scheduler.shapes import NEVER_MS, Shape
from hutong.scheduler.supply import BASES
from hutong.scheduler.transfer import Haul

if TYPE_CHECKING:
    from hutong.scheduler.near import Near

BONUS_MAX_MILLI = 900
"""No preference takes more than this off a score."""

_FINISH_BITS = 80
_UNIT = 1000 * 1000 * MS_PER_HOUR


class Weights:
    """How one shape weighs time against cost, under one profile."""

    __slots__ = ("carbon_microcny_per_kg", "cost_milli", "energy_milli", "hour_microcny")

    def __init__(self, shape: Shape, profile: Profile) -> None:
        self.cost_milli = cost_weight_milli(shape, profile)
        # An hour worth nothing would leave the order of finishes to chance.
        self.hour_microcny = max(profile.hour_value_microcny, 1)
        self.energy_milli = max(profile.energy_weight_milli, 0)
        self.carbon_microcny_per_kg = max(profile.carbon_microcny_per_kg, 0)


def cost_weight_milli(shape: Shape, profile: Profile) -> int:
    """The weight of cost against time, 0 to 1000: the job's own, else its objective's."""
    weight = shape.cost_weight_milli
    if weight is None:
        match shape.objective:
            case Objective.TIME:
                weight = 0
            case Objective.COST:
                weight = 1000
            case Objective.BALANCED:
                weight = profile.cost_weight_milli
    return min(max(weight, 0), 1000)


def objective_of(shape: Shape) -> str:
    """What a job's placement makes small, in words."""
    weight = shape.cost_weight_milli
    if weight is None:
        return shape.objective.value
    return f"cost by {weight / 10:g} % and time by {100 - weight / 10:g} %"


class Option:
    """One way to run a shape: an alternative on a pool. `claim` is what the gang is charged there.

    `ready_ms` passes between the placement and the first task (transfer and boot), `span_ms` until
    the expected end; `bound_ms` is the longest the run itself can take, `risk_ms` the work that it
    is expected to lose to revocations. `cost_microcny` is the price of the whole gang's run;
    egress, energy and carbon stand beside it. `latest_ms` is the latest placement that meets the
    deadline. `score` is for a start now; options of one `group` are equally good by it. `near` is
    there where affinities decide about nodes.
    """

    __slots__ = (
        "_cost", "_kept_milli", "_weights", "alternative", "basis", "boot_ms", "bound_ms", "burden",
        "claim", "columns", "cost_microcny", "domestic", "domestic_milli", "group", "haul", "laid",
        "latest_ms", "layout", "model", "near", "need", "nodes_needed", "preferred_milli", "rate",
        "ready_ms", "risk_ms", "run_ms", "score", "span_ms", "speed_milli", "table_row",
        "tasks_per_node", "vector", "within",
    )  # fmt: skip

    _cost: int
    _kept_milli: int
    _weights: Weights
    score: int
    columns: PoolColumns
    need: Need
    claim: Claim
    alternative: int
    model: str
    speed_milli: int
    basis: str
    rate: int
    cost_microcny: int
    risk_ms: int
    tasks_per_node: int
    nodes_needed: int
    domestic: bool
    group: int
    laid: bool
    layout: Layout
    within: Level
    boot_ms: int
    run_ms: int
    bound_ms: int
    ready_ms: int
    span_ms: int
    latest_ms: int
    haul: Haul
    burden: Burden
    preferred_milli: int
    domestic_milli: int
    near: "Near | None"
    vector: Ints | None
    table_row: int

    def weigh_like(self, other: "Option") -> bool:
        """Take over the score of another one if all that it is made of is the same."""
        if (
            self.cost_microcny != other.cost_microcny or self.span_ms != other.span_ms
            or self.haul is not other.haul or self.burden is not other.burden
            or self.risk_ms != other.risk_ms or self.rate != other.rate
            or self.preferred_milli != other.preferred_milli
            or self.domestic_milli != other.domestic_milli
        ):  # fmt: skip
            return False
        self._cost, self._weights = other._cost, other._weights
        self._kept_milli, self.score = other._kept_milli, other.score
        return True

    def weigh(self, weights: Weights) -> None:
        """Work out its score from its parts; all but the score are there."""
        haul, burden = self.haul, self.burden
        cost = self.cost_microcny + haul.egress_microcny
        if burden.energy_microcny or burden.carbon_g:
            cost += burden.energy_microcny * weights.energy_milli // 1000
            cost += burden.carbon_g * weights.carbon_microcny_per_kg // 1000
        if self.risk_ms:
            cost += cost_microcny(self.rate, self.risk_ms)
        self._cost = cost
        self._weights = weights
        bonus = self.preferred_milli + self.domestic_milli
        self._kept_milli = 1000 - (min(BONUS_MAX_MILLI, bonus))
        self.score = self._score(0)

    def beside(self, near: "Near", preferred_milli: int) -> "Option":
        """The same for a tenant whose jobs' neighbours matter; so much more is taken off."""
        other = Option()
        for name in self.__slots__:
            setattr(other, name, getattr(self, name))
        other.near, other.laid, other.table_row = near, True, -1
        other.preferred_milli += preferred_milli
        other.weigh(self._weights)
        return other

    def places(self, tasks: int) -> tuple[int, ...]:
        """The need of a gang of so many tasks as the kernels take it (see `kernels.layout`)."""
        need = self.need
        return (
            need.cpu, need.mem, need.chips, need.milli, tasks, int(need.exclusive),
            min(tasks, self.tasks_per_node), self.columns.cpu_total,
        )  # fmt: skip

    def score_at(self, wait_ms: int, shape: Shape, profile: Profile) -> int:
        """What the job's objective makes of a start after `wait_ms`; lower is better.

        An exact number far beyond 64 bits; `shown_score` gives it in micro-CNY.
        """
        return self._score(wait_ms)

    def cost(self) -> int:
        """What its run costs by all that counts as cost, in micro-CNY."""
        return self._cost

    def candidate(
        self, *, start_ms: int, score: int, tasks_fitting: int, now_ms: int = 0
    ) -> Candidate:
        """This option as an explanation shows it."""
        pool, haul, burden = self.columns.pool, self.haul, self.burden
        return Candidate(
            pool.id, pool.site, self.model, self.need.milli, self.speed_milli, start_ms,
            start_ms + self.span_ms if start_ms else 0, self.rate, self.cost_microcny,
            shown_score(score), tasks_fitting,
            max(start_ms - now_ms, 0) if start_ms and now_ms else 0,
            haul.transfer_ms, self.boot_ms, self.run_ms, haul.egress_microcny,
            burden.energy_microcny, burden.carbon_g, self.preferred_milli, self.domestic_milli,
        )  # fmt: skip

    def _score(self, wait_ms: int) -> int:
        weights, kept = self._weights, self._kept_milli
        weight = weights.cost_milli
        finish = (wait_ms + self.span_ms + self.risk_ms) * kept
        exact = (1000 - weight) * weights.hour_microcny * finish
        if weight:
            exact += weight * MS_PER_HOUR * self._cost * kept
        return (exact << _FINISH_BITS) + finish


def rows_of(options: Sequence[Option], tasks: int) -> Ints:
    """What the kernels go by, a row an option of a gang: its need, and what a start here means.

    See OPTION_POOL to OPTION_EVEN in `kernels.layout`.
    """
    flat: list[int] = []
    need: Need | None = None
    held: Amount | None = None
    least = options[0].score if options else 0
    takes: tuple[int, ...] = ()
    claims: tuple[int, ...] = ()
    for option in options:
        if option.need is not need:
            need = option.need
            takes = (need.cpu, need.mem, need.chips, need.milli, tasks, int(need.exclusive))
        if option.claim.held is not held:
            held = option.claim.held
            most = NEVER_MS
            claims = (
                BASES.index(option.basis), min(held.cpu_milli, most), min(held.memory_mib, most),
                min(held.accelerator_milli, most), 0, 0, 0, 0,
            )  # fmt: skip
        columns, per_node, score = option.columns, option.tasks_per_node, option.score
        flat += takes
        flat += (
            min(per_node, tasks), columns.cpu_total, columns.index,
            option.nodes_needed, min(option.span_ms, NEVER_MS),
        )  # fmt: skip
        flat += claims
        flat += (option.group, 0, score <= least)
        least = min(least, score)
    return np.array(flat, np.int64).reshape(len(options), layout.OPTION_PLACES)


def shown_score(score: int) -> int:
    """A score in micro-CNY, rounded down, as far as 64 bits go."""
    return min((score >> _FINISH_BITS) // _UNIT, 2**63 - 1)
