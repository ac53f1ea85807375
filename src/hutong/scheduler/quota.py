"""Rules of quotas, compiled: what each counts, how much of it is held, how much may be.

Theory of operation. The flat fields of a `Quota` are shorthand for rules; both become one list a
tenant. A rule has an account that changes with every attempt below its tenant that it counts.
Which rules of a tenant and of those above it count an attempt depends only on its chip, site and
region, and is looked up by these. Limits come before bounds on borrowing, a tenant's own rules
before those above it, and the first that one more attempt would break is the reason.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from hutong.model.ids import TenantId
from hutong.model.reasons import BorrowLimit, OverQuota, QuotaWindowFull
from hutong.model.tenant import Quota, QuotaResource, QuotaRule, QuotaWindow, flat_rules
from hutong.scheduler.claim import Claim
from hutong.scheduler.windows import Span, WindowAccount

if TYPE_CHECKING:
    from hutong.scheduler.supply import Running

HOUR_MS = 3_600_000

CPU, MEMORY, ACCELERATORS, JOBS, TIME, MONEY = range(6)
"""What rules count, as positions in `amounts`."""

_COUNTED = {
    QuotaResource.CPU: CPU,
    QuotaResource.MEMORY: MEMORY,
    QuotaResource.ACCELERATORS: ACCELERATORS,
    QuotaResource.JOBS: JOBS,
    QuotaResource.ACCELERATOR_TIME: TIME,
    QuotaResource.MONEY: MONEY,
}

Amounts = tuple[int, int, int, int, int, int]

Resolve = Callable[[str], Sequence[str]]
"""The canonical names of the chips that a name stands for; none where it is unknown."""


class Rule:
    """One rule of one tenant. `used` is what is held of it; `account` counts over a window."""

    __slots__ = (
        "account", "borrow_cap", "counted", "guaranteed", "limit", "models", "name", "of",
        "region", "site", "tenant", "used", "window",
    )  # fmt: skip

    def __init__(self, tenant: TenantId, of: QuotaRule, models: Sequence[str]) -> None:
        self.tenant = tenant
        self.of = of
        self.name = rule_name(of)
        self.counted = _COUNTED[of.resource]
        self.limit = of.limit
        self.guaranteed = of.guaranteed
        self.borrow_cap = None if of.borrow is None else (of.guaranteed or 0) + of.borrow
        self.models = dict.fromkeys(models, True)
        self.site = of.site
        self.region = of.region
        self.used = 0
        self.window = of.window or QuotaWindow.MONTH
        self.account: WindowAccount | None = None
        if self.counted >= TIME:
            self.account = WindowAccount(self.window, HOUR_MS if self.counted == MONEY else 1)

    def counts(self, model: str, site: str, region: str) -> bool:
        """Whether it counts what is held on a chip, at a site, in a region."""
        if self.models and model not in self.models:
            return False
        return self.site in ("", site) and self.region in ("", region)

    def clear(self) -> None:
        """Account nothing, so that all is counted anew."""
        self.used = 0
        if self.account is not None:
            self.account.clear()

    def change(self, running: "Running", sign: int) -> None:
        """Account that an attempt that it counts runs (1) or runs no more (-1)."""
        if self.account is None:
            self.used += sign * self.amount_of(running)
        elif sign < 0:
            self.account.close(running.number)
        else:
            self.account.open(running.number, self.span_of(running))

    def amount_of(self, running: "Running") -> int:
        """What an attempt holds of it; nothing of a rule over a window."""
        held = running.held
        amounts = (held.cpu_milli, held.memory_mib, held.accelerator_milli, 1, 0, 0)
        return amounts[self.counted]

    def span_of(self, running: "Running") -> Span:
        """What an attempt is expected to use of it over a window."""
        attempt = running.attempt
        rate = attempt.rate_microcny_per_hour
        if self.counted == TIME:
            rate = running.held.accelerator_milli
        return Span(rate, attempt.started_ms, attempt.expected_end_ms)

    def wanted(self, amounts: Amounts, claim: Claim, now_ms: int) -> int:
        """What one more attempt would use of it, of a window only what lies within."""
        amount = amounts[self.counted]
        if self.account is None or claim.run_ms <= 0:
            return amount
        within_ms = min(claim.run_ms, self.account.ends_ms(now_ms) - now_ms)
        return amount * max(within_ms, 0) // claim.run_ms

    def over(self, used: int, wanted: int, cap: int, now_ms: int) -> OverQuota:
        """Say that its limit, or what may be borrowed at most, is reached."""
        if self.account is not None:
            ends_ms = self.account.ends_ms(now_ms)
            return QuotaWindowFull(self.tenant, self.name, used, wanted, cap, ends_ms)
        kind = OverQuota if cap == self.limit else BorrowLimit
        return kind(self.tenant, self.name, used, wanted, cap)


class Counting(NamedTuple):
    """The rules that count an attempt: all, those with a limit, with a bound on borrowing, and
    with a guarantee by level, the nearest first.
    """

    every: tuple[Rule, ...]
    limits: tuple[Rule, ...]
    borrows: tuple[Rule, ...]
    guarantees: tuple[tuple[Rule, ...], ...]


def compile_rules(tenant: TenantId, quota: Quota, resolve: Resolve) -> tuple[Rule, ...]:
    """The rules of a tenant's quota, those of its flat fields first."""
    said = (*flat_rules(quota), *quota.rules)
    return tuple([Rule(tenant, rule, _models(rule.model, resolve)) for rule in said])


def counting(levels: Sequence[tuple[Rule, ...]], model: str, site: str, region: str) -> Counting:
    """Pick the rules that count an attempt; `levels` are rules by tenant, the nearest first."""
    matching = [[rule for rule in rules if rule.counts(model, site, region)] for rules in levels]
    every = [rule for rules in matching for rule in rules]
    guarantees = [
        tuple([rule for rule in rules if rule.guaranteed is not None]) for rules in matching
    ]
    return Counting(
        tuple(every),
        tuple([rule for rule in every if rule.limit is not None]),
        tuple([rule for rule in every if rule.borrow_cap is not None]),
        tuple([rules for rules in guarantees if rules]),
    )


def _models(name: str, resolve: Resolve) -> Sequence[str]:
    return (name, *resolve(name)) if name else ()


def rule_name(rule: QuotaRule) -> str:
    """What a rule counts, in a few words."""
    words = "running jobs" if rule.resource is QuotaResource.JOBS else rule.resource.value
    words += f" of {rule.model}" if rule.model else ""
    words += f" at {rule.site}" if rule.site else ""
    words += f" in {rule.region}" if rule.region else ""
    return f"{words} this {rule.window.value}" if rule.window else words


def amounts_of(claim: Claim) -> Amounts:
    """What one attempt would take of everything that rules count."""
    held = claim.held
    acc = held.accelerator_milli
    return held.cpu_milli, held.memory_mib, acc, 1, acc * claim.run_ms, claim.cost_microcny
