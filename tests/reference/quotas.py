"""Who holds how much: shares, and what quotas allow."""

from typing import NamedTuple

from hutong.model.ids import SiteId, TenantId
from hutong.model.resources import Amount
from hutong.model.tenant import Quota, QuotaResource, QuotaRule, ancestors
from tests.reference.told import Reference
from tests.reference.ways import Way

Averages = dict[str, tuple[float, float, float]]
"""CPU, memory and accelerators that tenants held on average of late, in the units of `Amount`."""


class Charge(NamedTuple):
    """What one attempt holds of its tenant's quotas: of which chip, and where."""

    tenant: str
    amount: Amount
    model: str
    site: str


class Accounts:
    """What tenants hold as a cycle goes on, of a hub that has `total`."""

    def __init__(
        self, world: Reference, total: Amount, charges: list[Charge], averages: Averages | None
    ) -> None:
        self.world = world
        self.total = total
        self.charges = charges
        self.averages = averages

    def held(self, tenant: str, *, own: bool = False) -> list[Charge]:
        """What a tenant holds, with everything below it unless `own`."""
        return [
            charge
            for charge in self.charges
            if charge.tenant == tenant or (not own and charge.tenant.startswith(f"{tenant}/"))
        ]

    def share(self, tenant: str, *, own: bool = False) -> float:
        """The dominant share, weighted; what a tenant's own jobs hold stands at weight 1.

        Where past use counts, half of a share is what is held and half the average of what was.
        Shares are doubles: an amount times one over the total of all nodes, by the weight.
        """
        part = 1.0 if self.averages is None else 0.5
        shares = []
        for at, name in enumerate(("cpu_milli", "memory_mib", "accelerator_milli")):
            total = getattr(self.total, name)
            if total > 0:
                each = 1 / total * part
                held = sum(getattr(charge.amount, name) for charge in self.held(tenant, own=own))
                shares.append(held * each + self.average(tenant, own=own)[at] * each)
        known = self.world.tenants.get(TenantId(tenant))
        weight = known.weight if known and not own else 1
        return max(shares, default=0.0) / max(weight, 1)

    def average(self, tenant: str, *, own: bool) -> list[float]:
        """What a tenant held on average of late; of its own jobs, less what is its children's."""
        averages = self.averages or {}
        found = list(averages.get(tenant, (0.0, 0.0, 0.0)))
        for child, used in averages.items() if own else ():
            if child.rpartition("/")[0] == tenant:
                found = [max(one - other, 0.0) for one, other in zip(found, used, strict=True)]
        return found

    def over_quota(self, tenant: TenantId, way: Way) -> str:
        """The limit, else the bound on borrowing, that one more attempt breaks; empty for none."""
        broken = {"limit": "waiting.quota", "borrow": "waiting.borrow_limit"}
        for kind, code in broken.items():
            for above in ancestors(tenant):
                known = self.world.tenants.get(above)
                for rule in quota_rules(known.quota) if known else ():
                    most = most_of(rule, kind)
                    if most is None or not self.counts(rule, way.model, way.place.pool.site):
                        continue
                    wanted = amount_of(rule, way.charged)
                    used = sum(
                        amount_of(rule, charge.amount)
                        for charge in self.held(above)
                        if self.counts(rule, charge.model, charge.site)
                    )
                    if wanted > 0 and used + wanted > most:
                        return code
        return ""

    def counts(self, rule: QuotaRule, model: str, site: str) -> bool:
        """Whether a rule counts what is held on a chip at a site."""
        rows = self.world.catalog.find_accelerators(rule.model) if rule.model else ()
        models = (rule.model, *(row.name for row in rows))
        region = self.world.sites[SiteId(site)].region
        return (
            (not rule.model or model in models)
            and rule.site in ("", site)
            and rule.region in ("", region)
        )


def quota_rules(quota: Quota) -> list[QuotaRule]:
    """All rules of a tenant: its plain limits, then what it says rule by rule."""
    plain = [
        (QuotaResource.JOBS, quota.running_jobs, ""),
        (QuotaResource.CPU, quota.cpu_milli, ""),
        (QuotaResource.MEMORY, quota.memory_mib, ""),
        (QuotaResource.ACCELERATORS, quota.accelerator_milli, ""),
    ]
    for model, limit in quota.accelerator_milli_by_model.items():
        plain.append((QuotaResource.ACCELERATORS, limit, model))
    rules = [QuotaRule(what, limit=limit, model=model) for what, limit, model in plain]
    return [*rules, *quota.rules]


def most_of(rule: QuotaRule, kind: str) -> int | None:
    """The limit of a rule, or the guarantee and what may be borrowed beyond it; None for none."""
    if kind == "limit":
        return rule.limit
    return None if rule.borrow is None else (rule.guaranteed or 0) + rule.borrow


def amount_of(rule: QuotaRule, amount: Amount) -> int:
    """What an attempt takes of what a rule counts."""
    match rule.resource:
        case QuotaResource.CPU:
            return amount.cpu_milli
        case QuotaResource.MEMORY:
            return amount.memory_mib
        case QuotaResource.ACCELERATORS:
            return amount.accelerator_milli
        case _:
            return 1
