"""Matching: for a shape the pools that could ever run it, scored and in order of preference.

A match depends on the shape, the supply and the profile, so it is kept until the supply changes:
what a cycle asks of it is a look-up. Where only some pools changed, only their options are made
anew. That of a shape with inputs, or of one for which the share of domestic chips decides, also
depends on the cycle's ambient; it is renewed when that part of the ambient moved which the match
looked at.
"""

from collections.abc import Container, Mapping

from hutong.model.job import DomesticRule
from hutong.scheduler.ambient import Ambient
from hutong.scheduler.columns import Ints
from hutong.scheduler.facts import PoolFacts
from hutong.scheduler.filters import FILTERS
from hutong.scheduler.kinds import Kind, kind_key
from hutong.scheduler.maker import Maker
from hutong.scheduler.option import Option, rows_of
from hutong.scheduler.profile import Profile
from hutong.scheduler.records import AcceleratorCatalog
from hutong.scheduler.shapes import Shape
from hutong.scheduler.spot import Way, is_spot, latest_on_spot_ms
from hutong.scheduler.story import Story
from hutong.scheduler.supply import Supply
from hutong.scheduler.sweep import Sweep
from hutong.scheduler.tenants import Tenants
from hutong.scheduler.transfer import Transfers
from hutong.scheduler.trial import NO_HAULS, Hauls

__all__ = ["Match", "Matcher", "Option"]

_KEPT = 50_000
"""Matches kept before all are forgotten."""

_KINDS_KEPT = 1_000
"""The same for kinds."""


class Match:
    """What the static filters leave of the supply for one shape: options, the best first.

    `filtered` counts nodes by the name of the filter they fell to. `jobs_count` is how many such
    jobs the options hold when empty, over `pools_count` pools. `available` and `filtered_now` are
    the same less what takes no work at present, as of `available_at`; at growth `unfit_at` of the
    supply no option had room. Where it `varies` it is worth what the ambient was at `stamp`.
    """

    __slots__ = (
        "_fell", "_hauls", "_kind", "_rows", "_shape", "_story", "_wavers", "available",
        "available_at",
        "filtered", "filtered_now", "jobs_count", "mark", "options", "pools_count", "stamp",
        "unfit_at", "unfit_count", "varies",
    )  # fmt: skip

    def __init__(self, shape: Shape, kind: Kind, profile: Profile, ambient: Ambient) -> None:
        self._hauls = Hauls(shape.inputs, ambient.underway) if shape.inputs else NO_HAULS
        self._shape = shape
        maker = Maker(shape, self._hauls, profile, ambient.level)
        made = maker.make(kind)
        if shape.deadline_ms > 0:
            _bound_spot(shape, made)
        self._take(kind, made, maker.fell)
        self._wavers = (
            profile.domestic_target_milli > 0
            and shape.constraints.domestic is DomesticRule.ANY
            and len({option.domestic for option in self.options}) > 1
        )
        self.varies = self._hauls.needed or self._wavers
        self.mark = self._marked(ambient)
        self.stamp = ambient.stamp

    def renew(self, kind: Kind, rows: Container[int], profile: Profile) -> bool:
        """Follow a change of some pools, the rest being as it was; says whether that was possible.

        `kind` is that of the pools as they are now. Not possible where options depend on another.
        """
        if self._shape.deadline_ms > 0 or self.varies or profile.domestic_target_milli > 0:
            return False
        maker = Maker(self._shape, self._hauls, profile, 0)
        made = maker.make(kind, rows)
        kept = [option for option in self.options if option.columns.index not in rows]
        fell = {row: at for row, at in self._fell.items() if row not in rows}
        self._take(kind, kept + made, fell | maker.fell)
        return True

    def _take(self, kind: Kind, options: list[Option], fell: dict[int, int]) -> None:
        """Hold these options, whatever was worked out from others."""
        shape, tails = self._shape, kind.facts.tails
        self.available: list[Option] = []
        self.filtered_now: dict[str, int] = {}
        self.available_at = -1
        self.unfit_at = -1
        self.unfit_count = 0
        self._kind = kind
        self._fell = fell
        self._story: Story | None = None
        self._rows: Ints | None = None
        if len(options) > 1:
            prefers = shape.constraints.domestic is DomesticRule.PREFER
            options.sort(
                key=lambda one: _preference(one, tails[one.columns.index], prefers=prefers)
            )
            _group(options, prefers=prefers)
        elif options:
            options[0].group = 0
        self.options = options
        self.pools_count = len({option.columns.index for option in options})
        gangs = [len(o.columns.ids) * o.tasks_per_node // shape.tasks for o in options]
        self.jobs_count = sum(gangs)
        self.filtered = kind.filtered
        if fell:
            self.filtered = {**kind.filtered, **_nodes_by_filter(fell, kind.facts)}

    @property
    def facts(self) -> PoolFacts:
        """The pools as it knows them."""
        return self._kind.facts

    @property
    def fell(self) -> Ints:
        """Where each pool fell out, as a position in `FILTERS`, or `PASSED`."""
        fell = self._kind.fell.copy()
        for row, position in self._fell.items():
            fell[row] = position
        return fell

    @property
    def story(self) -> Story:
        """Why pools fell out."""
        if self._story is None:
            self._story = Story(self._shape, self._kind.facts, self.fell)
        return self._story

    def holds(self, ambient: Ambient) -> bool:
        """Whether it is still true in an ambient."""
        if not self.varies or self.stamp == ambient.stamp:
            return True
        if self.mark != self._marked(ambient):
            return False
        self.stamp = ambient.stamp
        return True

    def note_available(self, options: list[Option], filtered: dict[str, int], at: int) -> None:
        """Keep which options take work at one state of the supply's availability."""
        self.available, self.filtered_now, self.available_at = options, filtered, at
        self._rows = None

    @property
    def rows(self) -> Ints:
        """The available options as the kernels take them: a row each (see `kernels.flow`)."""
        if self._rows is None:
            self._rows = rows_of(self.available, self._shape.tasks)
        return self._rows

    def _marked(self, ambient: Ambient) -> tuple[object, ...]:
        level = ambient.level if self._wavers else 0
        if not self._hauls.needed:
            return (level,)
        return (level, *ambient.underway.mark(self._hauls.watched))


class Matcher:
    """Keeps matches until the supply changes. Forgetting one changes no decision."""

    def __init__(self, supply: Supply, catalog: AcceleratorCatalog) -> None:
        self.transfers = Transfers(supply.sites, catalog)
        self._supply = supply
        self._catalog = catalog
        self.profile = Profile()
        self._facts: PoolFacts | None = None
        self._matches: dict[Shape, Match] = {}
        self._kinds: dict[tuple[object, ...], Kind] = {}
        self._domestic: dict[str, bool] = {}
        self.sweep = Sweep()

    def ambient(self, tenants: Tenants, profile: Profile) -> Ambient:
        """What a cycle starts from: the transfers, and the chips that tenants hold."""
        chips = domestic = 0
        for entity in tenants.holding.values():
            if entity.parent is None:
                for model, milli in entity.tree.models.items():
                    chips += milli
                    domestic += milli if self.is_domestic(model) else 0
        return Ambient(self.transfers, profile, chips_milli=chips, domestic_milli=domestic)

    def is_domestic(self, model: str) -> bool:
        """Whether a chip is a domestic one."""
        known = self._domestic.get(model)
        if known is None:
            rows = self._catalog.find_accelerators(model)
            known = self._domestic[model] = any(row.domestic for row in rows)
        return known

    def match(self, shape: Shape, profile: Profile, ambient: Ambient | None = None) -> Match:
        """The pools that could ever run a shape, scored by a profile, in a cycle's ambient.

        Without an ambient the transfers count as they are, and no target for domestic chips.
        """
        facts = self._renewed_facts()
        if profile is not self.profile and _weights(profile) != _weights(self.profile):
            self.forget()
        self.profile = profile
        found = self._matches.get(shape)
        if found is not None and found.facts is not facts:
            rows = facts.changed_since(found.facts.version)
            if rows is None or not found.renew(self._kind(shape), rows, profile):
                found = None
        if found is not None and (not found.varies or (ambient and found.holds(ambient))):
            return found
        if ambient is None:
            ambient = Ambient(self.transfers, Profile(), chips_milli=0, domestic_milli=0)
            if found is not None and found.holds(ambient):
                return found
        if len(self._matches) >= _KEPT:
            self._matches.clear()
        found = self._matches[shape] = Match(shape, self._kind(shape), profile, ambient)
        return found

    def changed_since(self, version: int) -> Mapping[int, None] | None:
        """The pools that changed since a version of the supply; None for all of them."""
        return self._renewed_facts().changed_since(version)

    @property
    def facts(self) -> PoolFacts:
        """What is known of the pools as they are now."""
        return self._renewed_facts()

    def forget(self) -> None:
        """Lose all matches; they are worked out again when asked for."""
        self._matches.clear()
        self._kinds.clear()

    def _renewed_facts(self) -> PoolFacts:
        """What is known of the pools as they are. What was not asked for since before goes."""
        known = self._facts
        if known is not None and known.version == self._supply.version:
            return known
        facts = self._facts = PoolFacts(self._supply, self._catalog, known)
        self._kinds.clear()
        self._matches = {
            shape: match for shape, match in self._matches.items() if match.facts is known
        }
        return facts

    def _kind(self, shape: Shape) -> Kind:
        """The kind of a shape, among the pools as they are."""
        key = kind_key(shape)
        kind = self._kinds.get(key)
        if kind is None:
            if len(self._kinds) >= _KINDS_KEPT:
                self._kinds.clear()
            kind = self._kinds[key] = Kind(shape, self._renewed_facts(), self.profile)
        return kind


def _bound_spot(shape: Shape, options: list[Option]) -> None:
    """Let a job with a deadline use spot nodes as long as sure ones can still make up for them."""
    ways = [Way(option.ready_ms, option.run_ms, option.columns.offer) for option in options]
    sure = [way for way in ways if way.offer is not None and not is_spot(way.offer)]
    for option, way in zip(options, ways, strict=True):
        if is_spot(way.offer):
            latest_ms = latest_on_spot_ms(shape.deadline_ms, way, sure, shape.checkpoint_ms)
            if latest_ms is not None:
                option.latest_ms = min(option.latest_ms, latest_ms)


def _weights(profile: Profile) -> tuple[int, ...]:
    """The part of a profile that matches depend on."""
    return (
        profile.default_run_ms, profile.cost_weight_milli, profile.hour_value_microcny,
        profile.preferred_bonus_milli, profile.domestic_bonus_milli, profile.domestic_target_milli,
        profile.energy_weight_milli, profile.carbon_microcny_per_kg,
    )  # fmt: skip


def _nodes_by_filter(fell: dict[int, int], facts: PoolFacts) -> dict[str, int]:
    """How many nodes fell to which filter, in the order of the filters; pools without are none."""
    nodes = dict.fromkeys(sorted(fell.values()), 0)
    for row, position in fell.items():
        nodes[position] += int(facts.nodes[row])
    return {FILTERS[position][0]: count for position, count in nodes.items() if count}


def _group(options: list[Option], *, prefers: bool) -> None:
    """Number the runs of sorted options of which only ties say which is the better one."""
    group, before = -1, None
    for option in options:
        worth = _worth(option, prefers=prefers)
        group += worth != before
        before, option.group = worth, group


def _worth(option: Option, *, prefers: bool) -> tuple[bool, int, bool]:
    return (
        not option.need.milli and len(option.columns.caps) > 0,
        option.score,
        prefers and not option.domestic,
    )


def _preference(
    option: Option, tail: tuple[int, int, str], *, prefers: bool
) -> tuple[bool, int, bool, int, int, tuple[int, int, str]]:
    """The order of options: jobs without chips keep off pools with chips, then the score.

    Ties go to domestic chips where they are preferred, the faster chip, the user's own order of
    alternatives, the smaller node, and at last the pool's id.
    """
    return (
        *_worth(option, prefers=prefers),
        -option.speed_milli,
        option.alternative,
        tail,
    )
