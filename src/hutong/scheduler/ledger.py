"""The accounts of one cycle: what each tenant holds as placements come, its share, its quota.

Theory of operation. A ledger reads the tenant tree and keeps what it changes in tallies of its own,
one a tenant that was charged or asked for and one for its own jobs, so that deciding leaves no
trace. They are rows of a table on which the kernels compute (see `kernels.turns`). What a tenant
used of late does not change within a cycle and is worked out once, with the first question.

The share is weighted dominant-resource fairness (Ghodsi et al., NSDI 2011) taken level by level:
the dominant share of a node is the largest of its shares of the hub's CPU, memory and
accelerators, divided by its weight, and at each level the child with the smallest goes first. Where
use is remembered, half of a share is what is held and half the average of what was held: a
placement counts at once, and who used much goes behind until that is forgotten.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from hutong.model.ids import TenantId
from hutong.model.reasons import OverQuota
from hutong.model.resources import Amount
from hutong.scheduler.claim import Claim
from hutong.scheduler.columns import Ints
from hutong.scheduler.kernels import layout
from hutong.scheduler.kernels.marks import Floats
from hutong.scheduler.quota import ACCELERATORS, CPU, MEMORY, TIME, Amounts, Rule, amounts_of
from hutong.scheduler.supply import Running
from hutong.scheduler.tenant_tree import Entity, Line, Tenants
from hutong.scheduler.use import Averages


class _Asked(NamedTuple):
    """What one claim wants of the rules that count it. It keeps the claim, so that no other gets
    its number.
    """

    claim: Claim
    caps: tuple[tuple[Rule, int, int], ...]
    parts: tuple[tuple[Rule, int], ...]


class Ledger:
    """See the module. `total` is what the hub has; `now_ms` the time, else the one last told."""

    def __init__(self, tenants: Tenants, total: Amount, now_ms: int | None = None) -> None:
        self._tenants = tenants
        self._now_ms = tenants.now_ms if now_ms is None else now_ms
        self._half_life_ms = tenants.half_life_ms
        self._per_cpu = 1 / total.cpu_milli if total.cpu_milli > 0 else 0.0
        self._per_mem = 1 / total.memory_mib if total.memory_mib > 0 else 0.0
        self._per_acc = 1 / total.accelerator_milli if total.accelerator_milli > 0 else 0.0
        part = 0.5 if self._half_life_ms > 0 else 1.0
        self._cpu, self._mem, self._acc = (
            self._per_cpu * part, self._per_mem * part, self._per_acc * part,
        )  # fmt: skip
        self.per: Floats = np.array(
            (self._cpu, self._mem, self._acc, self._per_cpu, self._per_mem, self._per_acc)
        )
        self._tallies: Floats = np.zeros((0, layout.TALLY_PLACES))
        self._up: Ints = np.zeros(0, np.int64)
        self._fresh: list[tuple[float, ...]] = []
        self._fresh_up: list[int] = []
        self._trees: dict[Entity, int] = {}
        self._owns: dict[Entity, int] = {}
        self._charged: dict[TenantId, Entity] = {}
        self._used: dict[Rule, int] = {}
        self._asked: dict[tuple[int, Entity], _Asked] = {}

    # Shares

    @property
    def tallies(self) -> Floats:
        """What is held, used and weighed, a row a tally, as `kernels.layout` has it."""
        self._write()
        return self._tallies

    @property
    def up(self) -> Ints:
        """The tally above each, -1 for none."""
        self._write()
        return self._up

    def charge(self, entity: Entity, claim: Claim) -> None:
        """Account one more attempt of a tenant."""
        tally = self.own_tally(entity)
        self.note_charged(entity)
        held = claim.held
        tallies, up = self.tallies, self.up
        while tally >= 0:
            row = tallies[tally]
            row[layout.HELD_CPU] += held.cpu_milli
            row[layout.HELD_MEM] += held.memory_mib
            row[layout.HELD_ACC] += held.accelerator_milli
            tally = int(up[tally])
        if entity.limits:
            self._count_rules(entity, claim)

    def note_charged(self, entity: Entity) -> None:
        """Account that something was charged to a tenant."""
        if entity.id not in self._charged:
            self._charged.update({above.id: above for above in entity.chain})

    def tree_tally(self, entity: Entity) -> int:
        """The tally of a tenant with all below it: what it is ordered by among its siblings."""
        tally = self._trees.get(entity)
        if tally is None:
            above = -1 if entity.parent is None else self.tree_tally(entity.parent)
            used = self._averages(entity)
            tally = self._trees[entity] = self._tally(entity.tree, used, entity.weight, above)
        return tally

    def own_tally(self, entity: Entity) -> int:
        """That of its own jobs, which stand beside its children at weight 1."""
        tally = self._owns.get(entity)
        if tally is None:
            above = self.tree_tally(entity)
            used = self._used_itself(entity)
            tally = self._owns[entity] = self._tally(entity.own, used, 1, above)
        return tally

    def share(self, entity: Entity) -> float:
        """The weighted dominant share by which a tenant, with all below it, is ordered."""
        return self._weighted(self.tree_tally(entity))

    def own_share(self, entity: Entity) -> float:
        """The same of a tenant's own jobs, which stand beside its children at weight 1."""
        return self._weighted(self.own_tally(entity))

    def share_milli(self, entity: Entity) -> int:
        """The weighted dominant share of what is held, in thousandths: what people are shown."""
        tally = self.tree_tally(entity)  # may make the tallies anew
        cpu, mem, acc, *_, weight = self.tallies[tally].tolist()
        held = max(cpu * self._per_cpu, mem * self._per_mem, acc * self._per_acc)
        return int(min(held / weight * 1000, layout.SHARE_MILLI_MAX))

    def use_milli(self, entity: Entity) -> int:
        """The weighted dominant share of the average of what was held, in thousandths."""
        used = self._averages(entity)
        most = max(used.cpu * self._per_cpu, used.mem * self._per_mem, used.acc * self._per_acc)
        return min(int(most / entity.weight * 1000), layout.SHARE_MILLI_MAX)

    def shares_milli(self) -> dict[str, int]:
        """The shares of every tenant that holds anything, by id in order."""
        held = {**self._tenants.holding, **self._charged}
        return {tenant: self.share_milli(held[tenant]) for tenant in sorted(held)}

    # Quotas

    def over_quota(self, entity: Entity, claim: Claim) -> OverQuota | None:
        """The first limit, then the first bound on borrowing, that one more attempt breaks.

        A tenant's own rules come before those above it.
        """
        asked = self._asked.get((id(claim), entity)) or self._ask(entity, claim)
        used = self._used
        for rule, wanted, cap in asked.caps:
            if used[rule] + wanted > cap:
                return rule.over(used[rule], wanted, cap, self._now_ms)
        return None

    def used(self, rule: Rule) -> int:
        """What counts of a rule, with what the cycle placed."""
        used = self._used.get(rule)
        if used is None:
            used = self._used[rule] = self._tenants.used(rule, self._now_ms)
        return used

    # What is lent, and who may take it back

    def entity(self, tenant: TenantId) -> Entity:
        """A tenant by its name."""
        return self._tenants.find(tenant)

    def owner(self, entity: Entity, claim: Claim) -> Entity | None:
        """The nearest of a tenant and those above it that has a guarantee of what an attempt asks
        for, and would be within it with the attempt; None where there is none.
        """
        amounts = amounts_of(claim)
        for rules in entity.counting(claim.model, claim.site, claim.region).guarantees:
            covering = _covering(rules, amounts)
            if covering and all(
                self.used(rule) + amounts[rule.counted] <= (rule.guaranteed or 0)
                for rule in covering
            ):
                return self._tenants.by_id[covering[0].tenant]
        return None

    def entitled(self, entity: Entity, claim: Claim) -> bool:
        """Whether an attempt would be within a guarantee, so that what is lent may be reclaimed."""
        return self.owner(entity, claim) is not None

    def reclaimable(self, owner: Entity, running: Running, beside: Sequence[Running] = ()) -> bool:
        """Whether an attempt may be stopped so that `owner` gets what it is guaranteed.

        Not one of the owner's own; and no tenant up to those that both have in common may fall
        below its guarantee, where the attempts `beside` are stopped as well.
        """
        entity = self._tenants.find(running.attempt.tenant)
        if owner in entity.chain:
            return False
        above = {level.id: True for level in owner.chain}
        amounts = _amounts_held(running)
        for rules in entity.counting(*self._tenants.place_of(running)).guarantees:
            if rules[0].tenant in above:
                return True
            for rule in _covering(rules, amounts):
                left = self.used(rule) - amounts[rule.counted]
                left -= sum([self._part(rule, other) for other in beside if other is not running])
                if left < (rule.guaranteed or 0):
                    return False
        return True

    def owes(self, owner: Entity, running: Running) -> bool:
        """Whether an attempt's tenants, up to those above `owner`, hold more than is guaranteed.

        Then some attempt of this kind may be `reclaimable`, if not this one.
        """
        entity = self._tenants.find(running.attempt.tenant)
        if owner in entity.chain:
            return False
        above = {level.id: True for level in owner.chain}
        amounts = _amounts_held(running)
        for rules in entity.counting(*self._tenants.place_of(running)).guarantees:
            if rules[0].tenant in above:
                return True
            if any(self.used(rule) <= (rule.guaranteed or 0) for rule in _covering(rules, amounts)):
                return False
        return True

    def borrows(self, running: Running) -> bool:
        """Whether no tenant of an attempt's chain that has a guarantee of its kind is within it."""
        entity = self._tenants.find(running.attempt.tenant)
        amounts = _amounts_held(running)
        return all(
            self.used(rule) > (rule.guaranteed or 0)
            for rules in entity.counting(*self._tenants.place_of(running)).guarantees
            for rule in _covering(rules, amounts)
        )

    def reclaim(self, running: Running) -> None:
        """Account that an attempt is to be stopped: what follows in the cycle counts without it."""
        entity = self._tenants.find(running.attempt.tenant)
        amounts = _amounts_held(running)
        for rule in entity.counting(*self._tenants.place_of(running)).every:
            if rule.counted < TIME:
                self._used[rule] = self.used(rule) - amounts[rule.counted]

    # How it is kept

    def _tally(self, line: Line, used: Averages, weight: int, above: int) -> int:
        """Begin a tally: what one tenant holds, and what its late use adds to its shares."""
        cpu = mem = acc = 0.0
        if self._half_life_ms > 0:
            cpu, mem, acc = used.cpu * self._cpu, used.mem * self._mem, used.acc * self._acc
        self._fresh.append((line.cpu, line.mem, line.acc, cpu, mem, acc, weight))
        self._fresh_up.append(above)
        return len(self._up) + len(self._fresh) - 1

    def _write(self) -> None:
        """Write the tallies that are new into the table."""
        if self._fresh:
            self._tallies = np.concatenate([self._tallies, np.array(self._fresh, np.float64)])
            self._up = np.concatenate([self._up, np.array(self._fresh_up, np.int64)])
            self._fresh, self._fresh_up = [], []

    def _weighted(self, tally: int) -> float:
        cpu, mem, acc, cpu_used, mem_used, acc_used, weight = self.tallies[tally].tolist()
        most = max(
            cpu * self._cpu + cpu_used, mem * self._mem + mem_used, acc * self._acc + acc_used
        )
        return float(most / weight)

    def _used_itself(self, entity: Entity) -> Averages:
        """The averages of what a tenant's own jobs held."""
        used = self._averages(entity)
        for child in entity.children:
            of_child = self._averages(child)
            used = Averages(
                max(used.cpu - of_child.cpu, 0.0),
                max(used.mem - of_child.mem, 0.0),
                max(used.acc - of_child.acc, 0.0),
            )
        return used

    def _averages(self, entity: Entity) -> Averages:
        if entity.use is None:
            return Averages()
        return entity.use.at(self._now_ms, self._half_life_ms)

    def _count_rules(self, entity: Entity, claim: Claim) -> None:
        asked = self._asked.get((id(claim), entity)) or self._ask(entity, claim)
        used = self._used
        for rule, wanted in asked.parts:
            used[rule] += wanted

    def _ask(self, entity: Entity, claim: Claim) -> _Asked:
        """Work out what a claim wants of each rule; it does so once a cycle."""
        rules = entity.counting(claim.model, claim.site, claim.region)
        amounts = amounts_of(claim)
        wants = {rule: rule.wanted(amounts, claim, self._now_ms) for rule in rules.every}
        parts = tuple([(rule, wanted) for rule, wanted in wants.items() if wanted > 0])
        for rule, _ in parts:
            self.used(rule)
        limits = [(rule, wants[rule], rule.limit) for rule in rules.limits]
        borrows = [(rule, wants[rule], rule.borrow_cap) for rule in rules.borrows]
        caps = [
            (rule, wanted, cap)
            for rule, wanted, cap in (*limits, *borrows)
            if wanted > 0 and cap is not None
        ]
        asked = self._asked[id(claim), entity] = _Asked(claim, tuple(caps), parts)
        return asked

    def _part(self, rule: Rule, running: Running) -> int:
        """What an attempt holds of a rule."""
        entity = self._tenants.find(running.attempt.tenant)
        if rule not in entity.counting(*self._tenants.place_of(running)).every:
            return 0
        return _amounts_held(running)[rule.counted]


def _covering(rules: Sequence[Rule], amounts: Amounts) -> list[Rule]:
    """The guarantees that an attempt falls under; none where they leave out what it is about.

    That is accelerators where it asks for any, else CPU or memory.
    """
    covering = [rule for rule in rules if amounts[rule.counted] > 0]
    about = (ACCELERATORS,) if amounts[ACCELERATORS] > 0 else (CPU, MEMORY)
    return covering if any(rule.counted in about for rule in covering) else []


def _amounts_held(running: Running) -> Amounts:
    held = running.held
    return held.cpu_milli, held.memory_mib, held.accelerator_milli, 1, 0, 0
