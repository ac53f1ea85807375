"""Shapes: the part of a job's description that scheduling looks at, interned.

Jobs of one shape fit the same pools, run equally long there and are blocked together, so a cycle
looks at a shape once however many jobs have it.
"""

import zlib

import msgspec

from hutong.model.ids import TenantId
from hutong.model.job import (
    Affinity,
    Commercial,
    Constraints,
    DataInput,
    Elastic,
    JobSpec,
    Layout,
    Level,
    Objective,
    Preferences,
    TaskGroup,
    Workload,
)
from hutong.model.resources import AcceleratorNeed, Amount, FrameworkNeed

NEVER_MS = 2**62
"""Stands for a time that never comes."""

WHOLE_MILLI = 1000
"""One whole chip."""


class Shape(msgspec.Struct, frozen=True, gc=False):
    """What decides where and when a job can run. Fields mean what they mean in `JobSpec`.

    `budget_microcny` is the part of one element where the job is an array.
    """

    tasks: int
    cpu_milli: int
    memory_mib: int
    accelerators: tuple[AcceleratorNeed, ...]
    frameworks: tuple[FrameworkNeed, ...]
    constraints: Constraints
    objective: Objective
    estimate_ms: int | None
    time_limit_ms: int
    deadline_ms: int
    budget_microcny: int
    exclusive: bool
    preemptible: bool
    workload: Workload = Workload.TRAINING
    cost_weight_milli: int | None = None
    preferences: Preferences = Preferences()
    inputs: tuple[DataInput, ...] = ()
    groups: tuple[TaskGroup, ...] = ()
    elastic: Elastic | None = None
    layout: Layout = Layout.PACK
    within: Level = Level.SITE
    affinity: tuple[Affinity, ...] = ()
    commercial: Commercial = Commercial()
    split: bool = False
    checkpoint_ms: int = 0

    def run_ms(self, speed_milli: int, default_ms: int) -> int:
        """Expected duration at a speed: the estimate (never above the limit), else the limit.

        `default_ms` stands in where the job has neither.
        """
        estimate = self.estimate_ms
        if estimate is not None and estimate > 0:
            scaled = -(-estimate * WHOLE_MILLI // max(speed_milli, 1))
            return min(scaled, self.time_limit_ms) if self.time_limit_ms > 0 else scaled
        return self.time_limit_ms if self.time_limit_ms > 0 else max(default_ms, 1)

    def bound_ms(self, run_ms: int) -> int:
        """The longest it can run: its time limit, or what is expected where it has none."""
        return self.time_limit_ms if self.time_limit_ms > 0 else run_ms

    @property
    def basis(self) -> str:
        """What its expected end rests on."""
        if self.estimate_ms is not None and self.estimate_ms > 0:
            return "estimates"
        return "limits" if self.time_limit_ms > 0 else "none"

    @property
    def latest_start_ms(self) -> int:
        """The latest start that still meets the deadline by the job's own estimate."""
        if self.deadline_ms <= 0:
            return NEVER_MS
        return self.deadline_ms - max(self.estimate_ms or 0, 0)

    def wanted(self) -> str:
        """Say in a few words what it asks for."""
        chips = " or ".join(
            f"{need.count_milli / WHOLE_MILLI:g} {need.model}" for need in self.accelerators
        )
        each = f"{self.cpu_milli / 1000:g} CPU, {self.memory_mib} MiB"
        each = f"{each}, {chips}" if chips else each
        return each if self.tasks == 1 else f"{self.tasks} tasks of {each}"


def shape_of(spec: JobSpec, spent_microcny: int = 0, done_ms: int = 0) -> Shape:
    """Take the scheduling-relevant part of a job's description.

    `spent_microcny` is what earlier attempts cost: only the rest of the budget is left. They did
    `done_ms` of the work for good; who outran his estimate is taken to need as much again.
    """
    needs = spec.needs
    budget = spec.budget_microcny
    if budget > 0:
        budget = max((budget - max(spent_microcny, 0)) // max(spec.elements, 1), 1)
    return Shape(
        max(spec.tasks, 1), max(needs.cpu_milli, 0), max(needs.memory_mib, 0), needs.accelerators,
        spec.frameworks, spec.constraints, spec.objective, left_of(spec.estimate_ms, done_ms),
        spec.time_limit_ms, spec.deadline_ms, budget, spec.exclusive, spec.preemptible,
        spec.workload, spec.cost_weight_milli, spec.preferences, spec.inputs, _bare(spec.groups),
        spec.elastic, spec.layout, spec.within, spec.affinity, spec.commercial, spec.split,
        spec.checkpoint_ms,
    )  # fmt: skip


def left_of(estimate_ms: int | None, done_ms: int) -> int | None:
    """What is left of an estimated run. Who outran it is taken to need as much again."""
    if not estimate_ms or estimate_ms <= 0 or done_ms <= 0:
        return estimate_ms
    return estimate_ms - done_ms if estimate_ms > done_ms else done_ms


def _bare(groups: tuple[TaskGroup, ...]) -> tuple[TaskGroup, ...]:
    """Groups without what they run."""
    return tuple([TaskGroup(group.name, group.tasks, group.needs) for group in groups])


def group_name(priority: str, tenant: TenantId, shape: Shape) -> int:
    """A number below 2**52 that names a group alike on every hub, whatever it met before."""
    text = msgspec.json.encode((priority, tenant, shape))
    return (zlib.crc32(text) << 20) | (zlib.adler32(text) & 0xFFFFF)


def held_by_groups(shape: Shape) -> Amount:
    """What the further groups of a gang hold, on the first chips that each names."""
    held = Amount()
    for group in shape.groups:
        needs = group.needs
        milli = needs.accelerators[0].count_milli if needs.accelerators else 0
        held = held.plus(Amount(needs.cpu_milli, needs.memory_mib, milli).times(group.tasks))
    return held


def is_laid(shape: Shape) -> bool:
    """Whether it matters where the tasks of a gang lie, beyond that they are close together."""
    return shape.tasks > 1 and (shape.layout is not Layout.PACK or shape.within is not Level.SITE)


def is_plain(shape: Shape) -> bool:
    """Whether a gang of identical tasks goes to one pool whole, in one size only.

    And what it will hold there is known before its nodes are.
    """
    if shape.groups or shape.elastic is not None:
        return False
    spread = shape.exclusive and shape.layout is Layout.SPREAD
    return shape.tasks == 1 or not (shape.split or spread)


def sized(shape: Shape, tasks: int, left_milli: int = 1000) -> Shape:
    """The same gang in one size. Its run takes as much longer as it has fewer tasks.

    `left_milli` is what is left to do of the job's work, in thousandths.
    """
    estimate = shape.estimate_ms
    if estimate is not None and estimate > 0:
        estimate = max(-(-estimate * shape.tasks * left_milli // (tasks * 1000)), 1)
    return msgspec.structs.replace(shape, tasks=tasks, estimate_ms=estimate, elastic=None)
