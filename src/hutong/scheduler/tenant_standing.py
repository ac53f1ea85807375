"""How a tenant stands: what is its due, what it holds, what it used, and who borrows from whom."""

from collections.abc import Container

import msgspec

from hutong.model.ids import TenantId
from hutong.model.tenant import Loan, QuotaRule, RuleStanding, TenantShare
from hutong.scheduler.demand import Demand
from hutong.scheduler.ledger import Ledger
from hutong.scheduler.quota import Rule
from hutong.scheduler.tenant_tree import Entity, Tenants

BORROWERS = 20
"""How many tenants a standing names at most, those with the largest part first."""


def share_of(
    tenants: Tenants, ledger: Ledger, entity: Entity, waiting: Container[TenantId]
) -> TenantShare:
    """How a tenant stands, its quota apart. `waiting` are the tenants with jobs that wait."""
    due_milli = entitled_milli(tenants, entity, waiting)
    return TenantShare(ledger.share_milli(entity), ledger.use_milli(entity), due_milli)


def tenant_standing(
    tenants: Tenants, ledger: Ledger, entity: Entity, waiting: Container[TenantId], now_ms: int
) -> TenantShare:
    """How a tenant stands."""
    rules = tuple([_of_rule(tenants, ledger, rule, now_ms) for rule in entity.rules])
    return msgspec.structs.replace(share_of(tenants, ledger, entity, waiting), rules=rules)


def waiting_tenants(demand: Demand) -> dict[TenantId, bool]:
    """The tenants that have jobs which could start, themselves or below them."""
    queues = [queue for queue in demand.queues.values() if queue.elements]
    return {above.id: True for queue in queues for above in queue.entity.chain}


def entitled_milli(tenants: Tenants, entity: Entity, waiting: Container[TenantId]) -> int:
    """Weight over the sum of the weights of all siblings, multiplied down the tree, in thousandths.

    Every tenant counts that was made, has run something, or waits.
    """
    due = 1.0
    for level in entity.chain:
        siblings = level.parent.children if level.parent is not None else tenants.roots
        others = [
            one
            for one in siblings
            if one.made or one.use is not None or one.tree.jobs or one.id in waiting
        ]
        weights = sum([one.weight for one in others if one is not level])
        due *= level.weight / (weights + level.weight)
    return int(due * 1000)


def _of_rule(tenants: Tenants, ledger: Ledger, rule: Rule, now_ms: int) -> RuleStanding:
    used = ledger.used(rule)
    ends_ms = rule.account.ends_ms(now_ms) if rule.account is not None else 0
    lent: list[Loan] = []
    borrowed: list[Loan] = []
    if rule.guaranteed is not None and used < rule.guaranteed:
        lent = [Loan(name, over) for name, over in _gaps(tenants, ledger, rule) if over > 0]
    elif rule.guaranteed is not None and used > rule.guaranteed:
        borrowed = [Loan(name, -over) for name, over in _gaps(tenants, ledger, rule) if over < 0]
    return RuleStanding(rule.of, used, ends_ms, _largest(lent), _largest(borrowed))


def _gaps(tenants: Tenants, ledger: Ledger, rule: Rule) -> list[tuple[str, int]]:
    """By how much others hold more (or less, below 0) than they are guaranteed of the same.

    Those that have no such guarantee, nor anybody above or below them, hold all of it beyond.
    """
    found: list[tuple[str, int]] = []
    bound: dict[str, bool] = {}
    mine = tenants.by_id[rule.tenant]
    for entity in tenants.by_id.values():
        for other in entity.rules:
            if other.guaranteed is not None and _same(other.of, rule.of):
                bound.update({above.id: True for above in entity.chain})
                if entity not in mine.chain and mine not in entity.chain:
                    found.append((entity.id, ledger.used(other) - other.guaranteed))
    for entity in tenants.holding.values():
        if entity.id in bound or any(above.id in bound for above in entity.chain):
            continue
        if entity.parent is None or entity.parent.id in bound:
            held = sum(
                rule.amount_of(running)
                for below in entity.below()
                for running in below.running.values()
                if rule.counts(*tenants.place_of(running))
            )
            found.append((entity.id, held))
    return found


def _same(one: QuotaRule, other: QuotaRule) -> bool:
    mine = (one.resource, one.model, one.site, one.region)
    return mine == (other.resource, other.model, other.site, other.region)


def _largest(parts: list[Loan]) -> tuple[Loan, ...]:
    return tuple(sorted(parts, key=lambda part: (-part.amount, part.tenant))[:BORROWERS])
