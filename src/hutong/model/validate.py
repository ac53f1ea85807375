"""Checks of a handed-in job against the limits, the same for client and hub.

Pure and quick: it runs for each of 100,000 jobs of a bulk submission, so that what a plain job
leaves at its default costs an identity test. It checks form and size only; whether a chip, a
region, a class or a tenant exists is for those who know them.
"""

import re

from hutong.model import limits
from hutong.model.check_gang import (
    check_affinity,
    check_elastic,
    check_groups,
    check_lie,
    check_needs,
)
from hutong.model.check_place import (
    check_commercial,
    check_constraints,
    check_inputs,
    check_preferences,
)
from hutong.model.check_program import check_program
from hutong.model.checks import check_count, check_labels, check_name, check_range, invalid
from hutong.model.classes import is_class
from hutong.model.ids import is_job, is_tenant
from hutong.model.job import ArraySpec, JobSpec, Program, RetryPolicy
from hutong.model.resources import FrameworkNeed

_FRAMEWORK = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_VERSION = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9}){0,5}")

# msgspec gives every job the same object for a default, so that an identity test knows it.
_PLAIN = JobSpec("plain", Program())


def check_spec(spec: JobSpec) -> None:
    """Raise `job.invalid` for the first field of `spec` that breaks a limit or makes no sense.

    A dependency may still hold the name of an earlier job of the same submission.
    """
    check_name("name", spec.name)
    check_program(spec.program)
    tenant = spec.tenant
    if tenant != "default" and not is_tenant(tenant):
        raise invalid(
            "tenant", tenant, "it is not a path of names",
            "Join one to eight names by `/`; a name has lower-case letters, digits, `-` and `.`.",
        )  # fmt: skip
    check_range("tasks", spec.tasks, 1, limits.GANG_TASKS)
    check_needs(spec.needs)
    if spec.frameworks:
        _check_frameworks(spec.frameworks)
    if spec.array is not None:
        _check_array(spec.array)
    if spec.priority is not _PLAIN.priority and not is_class(spec.priority):
        raise invalid(
            "priority", spec.priority, "it is not the name of a priority class",
            "A class has lower-case letters, digits, `-` and `.`, such as `normal`.",
        )  # fmt: skip
    _check_places(spec)
    _check_gang(spec)
    if spec.depends_on:
        _check_dependencies(spec)
    if spec.retry is not _PLAIN.retry:
        _check_retry(spec.retry)
    _check_times(spec)
    check_range("budget_microcny", spec.budget_microcny, 0, limits.MONEY_MICROCNY)
    if spec.cost_weight_milli is not None:
        check_range("cost_weight_milli", spec.cost_weight_milli, 0, 1000)
    if spec.labels:
        check_labels("labels", spec.labels.items())
    if spec.source != "api":
        check_name("source", spec.source)


def _check_places(spec: JobSpec) -> None:
    if spec.constraints is not _PLAIN.constraints:
        check_constraints(spec.constraints)
    if spec.preferences is not _PLAIN.preferences:
        check_preferences(spec.preferences, spec.constraints)
    if spec.inputs:
        check_inputs(spec.inputs)
    if spec.commercial is not _PLAIN.commercial:
        check_commercial(spec.commercial)


def _check_gang(spec: JobSpec) -> None:
    if spec.groups:
        check_groups(spec)
    if spec.elastic is not None:
        check_elastic(spec, spec.elastic)
    if spec.split or spec.within is not _PLAIN.within:
        check_lie(spec)
    if spec.affinity:
        check_affinity(spec.affinity)


def _check_frameworks(frameworks: tuple[FrameworkNeed, ...]) -> None:
    check_count("frameworks", len(frameworks), limits.FRAMEWORKS)
    seen: dict[str, None] = {}
    for need in frameworks:
        if _FRAMEWORK.fullmatch(need.name) is None:
            raise invalid(
                "frameworks", need.name, "it is not the name of a framework or stack",
                "Write for example `torch` or `cuda`.",
            )  # fmt: skip
        if need.at_least and _VERSION.fullmatch(need.at_least) is None:
            raise invalid(
                "frameworks", need.at_least, "it is not a version", "Write for example `2.1`."
            )
        if need.name in seen:
            raise invalid("frameworks", need.name, "it is named twice", "Name it once.")
        seen[need.name] = None


def _check_array(array: ArraySpec) -> None:
    check_range("array.count", array.count, 1, limits.ARRAY_ELEMENTS)
    check_range("array.first", array.first, 0, limits.ARRAY_NUMBER)
    check_range("array.step", array.step, 1, limits.ARRAY_NUMBER)
    check_range("array.max_parallel", array.max_parallel, 0, limits.ARRAY_ELEMENTS)
    last = array.task_number(array.count - 1)
    if last > limits.ARRAY_NUMBER:
        raise invalid(
            "array", last, f"the last number of an array is at most {limits.ARRAY_NUMBER}",
            "Choose a smaller step.",
        )  # fmt: skip


def _check_dependencies(spec: JobSpec) -> None:
    check_count("depends_on", len(spec.depends_on), limits.DEPENDENCIES)
    for dependency in spec.depends_on:
        if not is_job(dependency.job):
            check_name("depends_on", dependency.job)
        if dependency.job == spec.name and not is_job(dependency.job):
            raise invalid(
                "depends_on", dependency.job, "a job cannot wait for itself",
                "Name an earlier job.",
            )  # fmt: skip


def _check_retry(retry: RetryPolicy) -> None:
    check_range("retry.user_count", retry.user_count, 0, limits.RETRIES)
    check_range("retry.machine_count", retry.machine_count, 0, limits.RETRIES)
    check_range("retry.site_count", retry.site_count, 0, limits.RETRIES)
    codes = retry.user_exit_codes
    check_count("retry.user_exit_codes", len(codes), 255)
    for code in codes:
        check_range("retry.user_exit_codes", code, 1, 255)
    if codes and not retry.user_count:
        raise invalid(
            "retry.user_exit_codes", codes[0], "no retry is asked for",
            "Say how many retries these exit codes may cost.",
        )  # fmt: skip


def _check_times(spec: JobSpec) -> None:
    if spec.estimate_ms is not None:
        check_range("estimate_ms", spec.estimate_ms, 1, limits.DURATION_MS)
    check_range("time_limit_ms", spec.time_limit_ms, 0, limits.DURATION_MS)
    check_range("deadline_ms", spec.deadline_ms, 0, limits.UNIX_TIME_MS)
    check_range("not_before_ms", spec.not_before_ms, 0, limits.UNIX_TIME_MS)
    check_range("grace_ms", spec.grace_ms, 0, limits.GRACE_MS)
    check_range("min_run_ms", spec.min_run_ms, 0, limits.DURATION_MS)
    check_range("checkpoint_ms", spec.checkpoint_ms, 0, limits.DURATION_MS)
    if 0 < spec.deadline_ms <= spec.not_before_ms:
        raise invalid(
            "deadline_ms", spec.deadline_ms, "the job may not start before then",
            "Let it start earlier or end later.",
        )  # fmt: skip
