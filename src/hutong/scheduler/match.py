"""Matching: for a shape the pools that could ever run it, scored and in order of preference.

A match depends on the shape, the supply and the profile alone, so it is kept until the supply
changes: what a cycle asks of it is a look-up.
"""

import numpy as np

from hutong.model.job import DomesticRule, Objective
from hutong.model.supply import MS_PER_HOUR, cost_microcny
from hutong.scheduler.claim import Claim
from hutong.scheduler.columns import PoolColumns, amount_of
from hutong.scheduler.facts import PoolFacts
from hutong.scheduler.filters import (
    FILTERS,
    PASSED,
    Ask,
    first_failed,
    latest_start_ms,
)
from hutong.scheduler.plan import Candidate
from hutong.scheduler.profile import Profile
from hutong.scheduler.records import AcceleratorCatalog
from hutong.scheduler.shapes import WHOLE_MILLI, Shape, held_by_groups, is_laid
from hutong.scheduler.supply import Supply, held_exclusively

_KEPT = 50_000
"""Matches kept before all are forgotten."""


class Option:
    """One way to run a shape: an alternative on a pool. `claim` is what the gang is charged there.

    `time_ms` is boot and run, `cost_microcny` of the whole gang; `score` is for a start now.
    """

    __slots__ = (
        "alternative", "basis", "boot_ms", "bound_ms", "claim", "columns", "cost_microcny",
        "domestic", "laid", "latest_ms", "layout", "model", "need", "nodes_needed", "rate",
        "run_ms", "score", "speed_milli", "tasks_per_node", "within",
    )  # fmt: skip

    def __init__(self, ask: Ask, columns: PoolColumns, facts: PoolFacts, profile: Profile) -> None:
        shape, need = ask.shape, ask.need
        self.columns = columns
        self.alternative = ask.alternative
        self.need = need
        self.model = columns.pool.accelerator if need.milli else ""
        self.speed_milli = ask.speed_milli(columns)
        self.boot_ms = max(columns.pool.boot_ms, 0)
        default_ms = profile.default_run_ms * WHOLE_MILLI // self.speed_milli
        self.run_ms = shape.run_ms(self.speed_milli, default_ms)
        self.bound_ms = shape.bound_ms(self.run_ms)
        self.basis = shape.basis
        self.rate = ask.rate(columns)
        self.cost_microcny = cost_microcny(self.rate, self.run_ms)
        self.latest_ms = latest_start_ms(shape, self.speed_milli, self.boot_ms)
        self.tasks_per_node = min(int(ask.tasks_per_node[columns.index]), shape.tasks)
        self.nodes_needed = -(-shape.tasks // self.tasks_per_node)
        self.domestic = False
        self.layout, self.within = shape.layout, shape.within
        self.laid = is_laid(shape)
        if shape.exclusive:
            held = held_exclusively(columns, self.nodes_needed)
        else:
            held = amount_of(need).times(shape.tasks)
        if shape.groups:
            held = held.plus(held_by_groups(shape))
        self.claim = Claim(
            held, self.model, columns.pool.site, facts.region_of(columns), self.run_ms,
            self.cost_microcny,
        )  # fmt: skip
        self.score = 0

    def score_at(self, wait_ms: int, shape: Shape, profile: Profile) -> int:
        """What the job's objective makes of a start after `wait_ms`; lower is better.

        Milliseconds for `time`, micro-CNY for `cost`; `balanced` counts time as money.
        """
        time_ms = wait_ms + self.boot_ms + self.run_ms
        if shape.objective is Objective.TIME:
            score = time_ms
        elif shape.objective is Objective.COST:
            score = self.cost_microcny
        else:
            weight = profile.cost_weight_milli
            value = time_ms * profile.hour_value_microcny // MS_PER_HOUR
            score = (weight * self.cost_microcny + (1000 - weight) * value) // 1000
        if self.domestic and shape.constraints.domestic is DomesticRule.PREFER:
            score = score * (1000 - profile.domestic_bonus_milli) // 1000
        return score

    def candidate(self, *, start_ms: int, score: int, tasks_fitting: int) -> Candidate:
        """This option as an explanation shows it."""
        return Candidate(
            pool=self.columns.pool.id, site=self.columns.pool.site, accelerator=self.model,
            accelerator_milli=self.need.milli, speed_milli=self.speed_milli, start_ms=start_ms,
            finish_ms=start_ms + self.boot_ms + self.run_ms if start_ms else 0,
            rate_microcny_per_hour=self.rate, cost_microcny=self.cost_microcny, score=score,
            tasks_fitting=tasks_fitting,
        )  # fmt: skip


class Match:
    """What the static filters leave of the supply for one shape: options, the best first.

    `fell[p]` is the position in `FILTERS` where pool `p` fell out, or `PASSED`; `filtered` counts
    nodes by the filter's name. `jobs_count` is how many such jobs the options hold when empty,
    over `pools_count` pools. `available` and `filtered_now` are the same less what takes no work
    at present, as of `available_at`; at growth `unfit_at` of the supply no option had room.
    """

    __slots__ = (
        "available", "available_at", "fell", "filtered", "filtered_now", "jobs_count", "options",
        "pools_count", "unfit_at", "unfit_count",
    )  # fmt: skip

    def __init__(self, shape: Shape, facts: PoolFacts, profile: Profile) -> None:
        self.options: list[Option] = []
        self.available: list[Option] = []
        self.filtered_now: dict[str, int] = {}
        self.available_at = -1
        self.unfit_at = -1
        self.unfit_count = 0
        self.fell = np.zeros(len(facts), np.int64)
        for alternative in range(max(len(shape.accelerators), 1)):
            ask = Ask(shape, alternative, facts)
            fell = first_failed(ask, facts)
            self.fell = np.maximum(self.fell, fell)
            for row in np.flatnonzero(fell == PASSED).tolist():
                option = Option(ask, facts.order[row], facts, profile)
                option.domestic = bool(facts.domestic[row]) and option.need.milli > 0
                option.score = option.score_at(0, shape, profile)
                self.options.append(option)
        self.options.sort(key=lambda option: _preference(option, shape))
        self.pools_count = len({option.columns.index for option in self.options})
        gangs = [len(o.columns.ids) * o.tasks_per_node // shape.tasks for o in self.options]
        self.jobs_count = sum(gangs)
        self.filtered: dict[str, int] = {}
        for position, (name, _) in enumerate(FILTERS):
            nodes = int(facts.nodes[self.fell == position].sum())
            if nodes:
                self.filtered[name] = nodes

    def note_available(self, options: list[Option], filtered: dict[str, int], at: int) -> None:
        """Keep which options take work at one state of the supply's availability."""
        self.available, self.filtered_now, self.available_at = options, filtered, at


class Matcher:
    """Keeps matches until the supply changes. Forgetting one changes no decision."""

    def __init__(self, supply: Supply, catalog: AcceleratorCatalog) -> None:
        self._supply = supply
        self._catalog = catalog
        self._version = -1
        self._profile = Profile()
        self._facts: PoolFacts | None = None
        self._matches: dict[Shape, Match] = {}

    def match(self, shape: Shape, profile: Profile) -> Match:
        """The pools that could ever run a shape, scored by a profile."""
        if self._version != self._supply.version or self._facts is None:
            self._version = self._supply.version
            self._facts = PoolFacts(self._supply, self._catalog)
            self._matches.clear()
        if profile is not self._profile and _weights(profile) != _weights(self._profile):
            self._matches.clear()
        self._profile = profile
        found = self._matches.get(shape)
        if found is None:
            if len(self._matches) >= _KEPT:
                self._matches.clear()
            found = self._matches[shape] = Match(shape, self._facts, profile)
        return found

    def forget(self) -> None:
        """Lose all matches; they are worked out again when asked for."""
        self._matches.clear()


def _weights(profile: Profile) -> tuple[int, int, int, int]:
    """The part of a profile that matches depend on."""
    return (
        profile.default_run_ms, profile.cost_weight_milli, profile.hour_value_microcny,
        profile.domestic_bonus_milli,
    )  # fmt: skip


def _preference(option: Option, shape: Shape) -> tuple[bool, int, bool, int, int, int, int, str]:
    """The order of options: jobs without chips keep off pools with chips, then the score.

    Ties go to domestic chips where they are preferred, the faster chip, the user's own order of
    alternatives, the smaller node, and at last the pool's id.
    """
    pool = option.columns.pool
    prefers = shape.constraints.domestic is DomesticRule.PREFER
    return (
        not option.need.milli and len(option.columns.caps) > 0,
        option.score,
        prefers and not option.domestic,
        -option.speed_milli,
        option.alternative,
        max(pool.node.accelerator_milli, 0),
        max(pool.node.cpu_milli, 0),
        pool.id,
    )
