"""Checks of a gang: what its tasks need, its groups, its size, and how they lie."""

from hutong.model import limits
from hutong.model.check_program import check_program
from hutong.model.checks import (
    check_count,
    check_labels,
    check_name,
    check_once,
    check_range,
    invalid,
    size_bytes,
    too_long,
)
from hutong.model.ids import is_name
from hutong.model.job import Affinity, Elastic, JobSpec, Layout, Level, TaskGroup
from hutong.model.resources import AcceleratorNeed, TaskNeeds

RESERVED_GROUPS = ("tasks", "main", "job")
"""Names that mean a gang's other tasks, or all of it."""


def check_needs(needs: TaskNeeds, at: str = "needs") -> None:
    """Check what a task needs; errors name its fields below `at`."""
    check_range(f"{at}.cpu_milli", needs.cpu_milli, 1, limits.TASK_CPU_MILLI)
    check_range(f"{at}.memory_mib", needs.memory_mib, 1, limits.TASK_MEMORY_MIB)
    if not needs.accelerators:
        return
    if len(needs.accelerators) > limits.ALTERNATIVES:
        raise invalid(
            f"{at}.accelerators", len(needs.accelerators),
            f"{limits.ALTERNATIVES} alternatives are the limit", "Name the best ones.",
        )  # fmt: skip
    seen: dict[tuple[str, int], None] = {}
    for need in needs.accelerators:
        _check_accelerator(f"{at}.accelerators", need)
        if (need.model, need.count_milli) in seen:
            raise invalid(
                f"{at}.accelerators", need.model, "it is named twice",
                "Give each alternative once, the preferred one first.",
            )  # fmt: skip
        seen[need.model, need.count_milli] = None


def _check_accelerator(field: str, need: AcceleratorNeed) -> None:
    check_name(field, need.model)
    count = need.count_milli
    check_range(field, count, 1, limits.TASK_ACCELERATOR_MILLI)
    if count > 1000 and count % 1000:
        raise invalid(
            field, f"{count / 1000:g}", "only a share of one chip may be a fraction",
            "Ask for less than one chip or for whole ones.",
        )  # fmt: skip
    if need.speed_milli is not None:
        check_range(f"{field}.speed_milli", need.speed_milli, 1, limits.SPEED_MILLI)


def check_groups(spec: JobSpec) -> None:
    """Check the groups of a gang: names, sizes, needs and programs."""
    groups = spec.groups
    check_count("groups", len(groups), limits.GROUPS)
    total, size = spec.tasks, 0
    for group in groups:
        _check_group_name(group)
        check_range(f"groups.{group.name}.tasks", group.tasks, 1, limits.GANG_TASKS)
        check_needs(group.needs, f"groups.{group.name}.needs")
        if group.program is not None:
            size += check_program(group.program, f"groups.{group.name}.program")
        total += group.tasks
    check_once("groups", [group.name for group in groups])
    if total > limits.GANG_TASKS:
        raise invalid(
            "groups", total, f"a gang has at most {limits.GANG_TASKS} tasks in all",
            "Make it smaller, or hand in several jobs.",
        )  # fmt: skip
    if size:
        size += size_bytes(spec.program.script) + size_bytes(spec.program.setup)
        if size > limits.JOB_SPEC_BYTES:
            raise too_long("groups", "all programs", size, limits.JOB_SPEC_BYTES)


def _check_group_name(group: TaskGroup) -> None:
    if not is_name(group.name):
        raise invalid(
            "groups", group.name, "it is not a name",
            "Use lower-case letters, digits and `-`, such as `head`.",
        )  # fmt: skip
    if group.name in RESERVED_GROUPS:
        raise invalid(
            "groups", group.name, "this name means other tasks of the job",
            "Choose another one, such as `head`.",
        )  # fmt: skip


def check_elastic(spec: JobSpec, elastic: Elastic) -> None:
    """Check the smallest size of a gang that may be smaller than it asks for."""
    check_range("elastic.tasks_min", elastic.tasks_min, 1, limits.GANG_TASKS)
    if elastic.tasks_min > spec.tasks:
        raise invalid(
            "elastic.tasks_min", elastic.tasks_min, f"the job has {spec.tasks} task(s) at most",
            "Let the smallest size be no more than `tasks`.",
        )  # fmt: skip
    if spec.groups:
        raise invalid(
            "elastic", elastic.tasks_min, "a gang with groups has one size",
            "Leave away the range of `tasks`, or the groups.",
        )  # fmt: skip


def check_lie(spec: JobSpec) -> None:
    """Check that what is said about the places of a gang's tasks can be true together."""
    if spec.within is Level.NODE and spec.layout is Layout.SPREAD and spec.tasks > 1:
        raise invalid(
            "within", spec.within, "tasks that are spread do not lie on one node",
            "Leave one of the two away.",
        )  # fmt: skip
    if not spec.split:
        return
    if spec.within is not Level.SITE:
        raise invalid(
            "split", "true", f"the gang has to lie within one {spec.within}",
            "Leave one of the two away.",
        )  # fmt: skip
    if spec.groups:
        raise invalid(
            "split", "true", "the groups of a gang lie at one site", "Leave one of the two away."
        )


def check_affinity(affinity: tuple[Affinity, ...]) -> None:
    """Check what a job says about the jobs it stands beside."""
    check_count("affinity", len(affinity), limits.AFFINITIES)
    demanded: dict[tuple[object, ...], bool] = {}
    for entry in affinity:
        if not entry.labels:
            raise invalid(
                "affinity", entry.level, "it names no labels",
                "Say by their labels which jobs are meant.",
            )  # fmt: skip
        check_labels("affinity", entry.labels)
        check_once("affinity", [name for name, _ in entry.labels])
        if not entry.required:
            continue
        key = (tuple(sorted(entry.labels)), entry.level)
        if demanded.setdefault(key, entry.apart) != entry.apart:
            raise invalid(
                "affinity", entry.labels[0][0], "the job would be beside these jobs and apart",
                "Keep one of the two.",
            )  # fmt: skip
