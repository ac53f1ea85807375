"""Tenants: nodes of the tree organisation -> department -> project."""

from enum import StrEnum

import msgspec

from hutong.model.ids import TenantId


class QuotaResource(StrEnum):
    """What a rule of a quota counts, and in what unit."""

    CPU = "cpu_milli"
    MEMORY = "memory_mib"
    ACCELERATORS = "accelerator_milli"
    JOBS = "running_jobs"
    ACCELERATOR_TIME = "accelerator_milli_ms"
    MONEY = "microcny"


class QuotaWindow(StrEnum):
    """The time over which accelerator time or money is counted: of the hub's calendar."""

    DAY = "day"
    MONTH = "month"


class QuotaRule(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of a quota, for a tenant and everything below it.

    Up to `guaranteed` its jobs have a right to what others borrow; beyond that it may borrow up to
    `borrow` of what lies idle (None is any amount); `limit` is never passed (None is none). A rule
    counts only what is held on chips of `model`, at `site` or in `region`, where these are given;
    with a `window` it counts what was used and what running attempts are expected to use in it.
    """

    resource: QuotaResource
    guaranteed: int | None = None
    borrow: int | None = None
    limit: int | None = None
    model: str = ""
    site: str = ""
    region: str = ""
    window: QuotaWindow | None = None


class Quota(msgspec.Struct, frozen=True):
    """Hard limits on what a tenant's live attempts hold together; None is no limit.

    `accelerator_milli_by_model` limits single chip models by the catalogue's name.
    `open_jobs` bounds the jobs handed in and not over, `running_jobs` the attempts that are live.
    """

    cpu_milli: int | None = None
    memory_mib: int | None = None
    accelerator_milli: int | None = None
    accelerator_milli_by_model: dict[str, int] = {}
    running_jobs: int | None = None
    open_jobs: int | None = None
    rules: tuple[QuotaRule, ...] = ()


class Loan(msgspec.Struct, frozen=True):
    """What one tenant lends or borrows, in the unit of the rule it belongs to."""

    tenant: str
    amount: int


class RuleStanding(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far one rule of a quota is used. `ends_ms` is when its window ends, 0 for none.

    Where it guarantees something and less is held, `lent_to` are those who hold more than they are
    guaranteed of the same; where more is held, `borrowed_from` are those who hold less.
    """

    rule: QuotaRule
    used: int
    ends_ms: int = 0
    lent_to: tuple[Loan, ...] = ()
    borrowed_from: tuple[Loan, ...] = ()


class TenantShare(msgspec.Struct, frozen=True):
    """A tenant and all below it: all in thousandths of the hub.

    `share_milli` is the weighted dominant share of what it holds, `use_milli` that of the decayed
    average of what it held. `entitled_milli` is its weight among its siblings', times the same of
    each tenant above it.
    """

    share_milli: int
    use_milli: int
    entitled_milli: int
    rules: tuple[RuleStanding, ...] = ()


def flat_rules(quota: Quota) -> list[QuotaRule]:
    """The rules that the flat fields of a quota stand for."""
    flat = (
        (QuotaResource.JOBS, quota.running_jobs),
        (QuotaResource.CPU, quota.cpu_milli),
        (QuotaResource.MEMORY, quota.memory_mib),
        (QuotaResource.ACCELERATORS, quota.accelerator_milli),
    )
    rules = [QuotaRule(resource, limit=limit) for resource, limit in flat if limit is not None]
    rules += [
        QuotaRule(QuotaResource.ACCELERATORS, limit=limit, model=model)
        for model, limit in quota.accelerator_milli_by_model.items()
    ]
    return rules


class Tenant(msgspec.Struct, frozen=True):
    """One node of the tenant tree. `weight` is its share beside its siblings, at least 1."""

    id: TenantId
    weight: int = 1
    quota: Quota = Quota()


class Usage(msgspec.Struct, frozen=True):
    """What a tenant used: sums over the intervals of attempts.

    `*_milli_ms` are thousandths of a unit times milliseconds.
    """

    attempts_count: int = 0
    duration_ms: int = 0
    cpu_milli_ms: int = 0
    accelerator_milli_ms: int = 0
    cost_microcny: int = 0

    def plus(self, other: "Usage", sign: int = 1) -> "Usage":
        """Add `sign` times another usage."""
        return Usage(
            self.attempts_count + sign * other.attempts_count,
            self.duration_ms + sign * other.duration_ms,
            self.cpu_milli_ms + sign * other.cpu_milli_ms,
            self.accelerator_milli_ms + sign * other.accelerator_milli_ms,
            self.cost_microcny + sign * other.cost_microcny,
        )


class Spent(msgspec.Struct):
    """Accelerator time and money that were metered."""

    accelerator_milli_ms: int = 0
    cost_microcny: int = 0


class WindowSums(msgspec.Struct):
    """What a tenant's own attempts used by day and by month, by the window's begin (Unix ms) and
    by the place: `SITE CHIP`, with nothing behind the space for no chip.
    """

    days: dict[int, dict[str, Spent]] = {}
    months: dict[int, dict[str, Spent]] = {}


def ancestors(tenant: TenantId) -> tuple[TenantId, ...]:
    """The tenant itself and every node above it, the nearest first."""
    levels = tenant.split("/")
    return tuple(TenantId("/".join(levels[:depth])) for depth in range(len(levels), 0, -1))
