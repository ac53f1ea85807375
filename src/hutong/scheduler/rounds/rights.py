"""Who has a right to run: of each tenant the best by index, up to what it is guaranteed.

Those come before all others, whatever their class or index: first those who run, so that nobody of
them is stopped for another tenant's job, then those who wait. So a tenant with a guarantee does at
least as well as with so many chips of its own, and what it does not use is lent.
"""

from collections.abc import Sequence
from typing import NamedTuple

from hutong.model.resources import Amount
from hutong.scheduler.ledger import Ledger
from hutong.scheduler.option import Option
from hutong.scheduler.quota import ACCELERATORS, CPU, MEMORY, Rule
from hutong.scheduler.rounds.contest import Contest, Waiter
from hutong.scheduler.tenants import Entity, Tenants

Order = tuple[int, int, int, float, int, int]


class Turn(NamedTuple):
    """When somebody has a turn: those with rights first, then by class, index, who runs, age.

    `value` is the index. Somebody who runs may have a second turn, in which he `moves`.
    """

    order: Order
    value: float
    who: Contest | Waiter
    moves: bool = False


class Rights:
    """What tenants are still guaranteed, as turns are gone through in the order of the index."""

    def __init__(self, tenants: Tenants, ledger: Ledger, competing: Sequence[Contest]) -> None:
        self._tenants = tenants
        self._ledger = ledger
        self._used: dict[Rule, int] = {}
        for contest in competing:
            entity = tenants.find(contest.attempt.tenant)
            if entity.limits:
                for rules in self._guarantees(entity, tenants.place_of(contest.running)):
                    for rule in rules:
                        held = _amount(rule, contest.running.held)
                        self._used[rule] = self._count(rule) - held

    def has(self, who: Contest | Waiter, option: Option | None) -> bool:
        """Whether somebody is within a guarantee; then it is used up by so much.

        `option` is where one who waits would go.
        """
        if isinstance(who, Contest):
            entity = self._tenants.find(who.attempt.tenant)
            place, held = self._tenants.place_of(who.running), who.running.held
        elif option is None:
            return False
        else:
            claim = option.claim
            entity = who.group.entity
            place, held = (claim.model, claim.site, claim.region), claim.held
        levels = self._guarantees(entity, place)
        for rules in levels:
            covering = _covering(rules, held)
            if covering and all(
                self._count(rule) + _amount(rule, held) <= (rule.guaranteed or 0)
                for rule in covering
            ):
                for rule in [rule for level in levels for rule in level]:
                    self._used[rule] = self._count(rule) + _amount(rule, held)
                return True
        return False

    def _count(self, rule: Rule) -> int:
        known = self._used.get(rule)
        return self._ledger.used(rule) if known is None else known

    def _guarantees(
        self, entity: Entity, place: tuple[str, str, str]
    ) -> tuple[tuple[Rule, ...], ...]:
        return entity.counting(*place).guarantees


def first(turn: Turn) -> Turn:
    """The same turn with a right."""
    _, _, rank, value, waited, seq = turn.order
    waits = int(isinstance(turn.who, Waiter) or turn.moves)
    return turn._replace(order=(0, waits, rank, value, waited, seq))


def _covering(rules: Sequence[Rule], held: Amount) -> list[Rule]:
    """The guarantees that somebody falls under: of accelerators where he holds any."""
    about = (ACCELERATORS,) if held.accelerator_milli else (CPU, MEMORY)
    covering = [rule for rule in rules if _amount(rule, held) > 0]
    return covering if any(rule.counted in about for rule in covering) else []


def _amount(rule: Rule, held: Amount) -> int:
    amounts = (held.cpu_milli, held.memory_mib, held.accelerator_milli, 1, 0, 0)
    return amounts[rule.counted]
