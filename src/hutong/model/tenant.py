"""Tenants: nodes of the tree organisation -> department -> project."""

import msgspec

from hutong.model.ids import TenantId
from hutong.model.resources import Amount


class Quota(msgspec.Struct, frozen=True):
    """Hard limits on what a tenant's live attempts hold together; None is no limit.

    `accelerator_milli_by_model` limits single chip models by the catalogue's name.
    `queued_jobs` and `running_jobs` are counts.
    """

    cpu_milli: int | None = None
    memory_mib: int | None = None
    accelerator_milli: int | None = None
    accelerator_milli_by_model: dict[str, int] = {}
    running_jobs: int | None = None
    queued_jobs: int | None = None


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
    held: Amount = Amount()
    cpu_milli_ms: int = 0
    accelerator_milli_ms: int = 0
    cost_microcny: int = 0


def ancestors(tenant: TenantId) -> tuple[TenantId, ...]:
    """The tenant itself and every node above it, the nearest first."""
    levels = tenant.split("/")
    return tuple(TenantId("/".join(levels[:depth])) for depth in range(len(levels), 0, -1))
