"""Whose turn it is: classes, then the tenant tree by shares, then slack, then age."""

from typing import Protocol

from hutong.model.classes import ClassRule, rank_of
from hutong.model.ids import JobId, TenantId
from hutong.scheduler.shapes import Shape, shape_of
from tests.reference.told import Reference
from tests.reference.ways import NEVER_MS, run_ms, slack_of


class Shares(Protocol):
    """Who knows what tenants hold."""

    def share(self, tenant: str, *, own: bool = False) -> float:
        """The weighted dominant share of a tenant with all below it, or of its `own` jobs."""


class Group:
    """The waiting jobs of one class, tenant and shape."""

    def __init__(self, rank: int, tenant: TenantId, shape: Shape) -> None:
        self.rank = rank
        self.tenant = tenant
        self.shape = shape
        self.jobs: list[tuple[int, JobId]] = []
        self.slack = NEVER_MS


def groups_of(world: Reference, classes: tuple[ClassRule, ...]) -> list[Group]:
    groups: dict[tuple[int, TenantId, Shape], Group] = {}
    for waiting in world.waiting.values():
        spec = waiting.queued.spec
        key = (rank_of(spec.priority, classes), spec.tenant, shape_of(spec))
        if waiting.held is None and waiting.available > 0:
            group = groups.setdefault(key, Group(*key))
            group.slack = slack_of(spec)
            group.jobs += [(waiting.queued.seq, waiting.queued.job)] * waiting.available
    for group in groups.values():
        group.jobs.sort()
    return list(groups.values())


def by_age(groups: list[Group], _: Shares) -> Group:
    return min(groups, key=lambda group: group.jobs[0])


def by_run(groups: list[Group], _: Shares) -> Group:
    """The shortest run first, where that is known; then age."""

    def run(group: Group) -> int:
        return run_ms(group.shape, 1000, NEVER_MS)

    return min(groups, key=lambda group: (run(group), group.jobs[0]))


def by_tree(groups: list[Group], shares: Shares) -> Group:
    """From the top of the tenant tree: at each level the child with the smallest share; on a tie
    the one whose first job comes first by slack and age, then the one of the smaller name.
    """
    return _first_below("", groups, shares)


def _first_below(tenant: str, groups: list[Group], shares: Shares) -> Group:
    below = f"{tenant}/" if tenant else ""
    children: dict[str, list[Group]] = {}
    for group in groups:
        child: str = group.tenant
        if child != tenant:
            child = below + child.removeprefix(below).split("/")[0]
        children.setdefault(child, []).append(group)
    ranked = []
    for child, members in children.items():
        if child == tenant or all(group.tenant == child for group in members):
            first = min(members, key=lambda group: (group.slack, group.jobs[0]))
        else:
            first = _first_below(child, members, shares)
        share = shares.share(child, own=child == tenant)
        ranked.append((share, first.slack, first.jobs[0], child, first))
    return min(ranked, key=lambda row: row[:4])[4]
