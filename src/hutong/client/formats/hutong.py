"""Hutong's own YAML: one job a document."""

from collections.abc import Callable

from hutong.client.formats import chips, times, words
from hutong.client.formats.draft import Draft, FileWarning
from hutong.client.formats.hutong_gang import (
    LAYOUTS,
    LEVELS,
    read_apart,
    read_groups,
    read_near,
    read_resize,
    read_tasks,
)
from hutong.client.formats.hutong_needs import read_array, read_resources
from hutong.client.formats.hutong_place import (
    read_commercial,
    read_inputs,
    read_prefer,
    read_weigh,
    read_where,
)
from hutong.client.formats.hutong_program import read_env, read_files, read_program
from hutong.client.formats.nodes import Keys, Node, documents
from hutong.client.formats.source import Source
from hutong.model import limits
from hutong.model.ids import JobId, TenantId, is_tenant
from hutong.model.job import (
    Dependency,
    DependencyKind,
    JobSpec,
    Layout,
    Level,
    Objective,
    Workload,
)

KIND = "hutong"

JOB_KEYS = Keys(
    (
        "name", "run", "command", "setup", "env", "files", "workdir", "tenant", "priority",
        "tasks", "resources", "frameworks", "array", "time_limit", "estimate", "deadline",
        "not_before", "budget", "objective", "where", "depends_on", "retry", "grace",
        "preemptible", "min_run", "exclusive", "labels", "workload", "weigh", "prefer", "inputs",
        "resize", "groups", "layout", "within", "near", "apart", "checkpoint", "commercial",
        "split",
    ),
    meant={
        "num_nodes": "`tasks`", "nodes": "`tasks`", "ntasks": "`tasks`", "replicas": "`tasks`",
        "envs": "`env`", "environment": "`env`", "script": "`run`", "commands": "`run`",
        "cmd": "`command`", "args": "part of `command`", "file_mounts": "`files`",
        "account": "`tenant`", "queue": "`tenant`", "qos": "`priority`",
        "cpus": "`resources: {cpus: ...}`", "cpu": "`resources: {cpus: ...}`",
        "memory": "`resources: {memory: ...}`", "mem": "`resources: {memory: ...}`",
        "accelerators": "`resources: {accelerators: ...}`",
        "gpus": "`resources: {accelerators: ...}`", "gpu": "`resources: {accelerators: ...}`",
        "time": "`time_limit`", "timeout": "`time_limit`", "begin": "`not_before`",
        "region": "`where: {regions: [...]}`", "regions": "`where: {regions: [...]}`",
        "site": "`where: {sites: [...]}`", "sites": "`where: {sites: [...]}`",
        "cluster": "`where: {sites: [...]}`", "partition": "`where: {pools: [...]}`",
        "pool": "`where: {pools: [...]}`", "domestic": "`where: {domestic: ...}`",
        "dependency": "`depends_on`", "dependencies": "`depends_on`", "needs": "`depends_on`",
        "preferences": "`prefer`", "data": "`inputs`", "datasets": "`inputs`",
        "elastic": "`tasks: 4..16`", "min_tasks": "`tasks: 4..16`", "roles": "`groups`",
        "head": "`groups: {head: ...}`", "affinity": "`near` or `apart`",
        "anti_affinity": "`apart`", "topology": "`within`", "switches": "`within`",
        "use_spot": "`commercial: {terms: [spot]}`", "spot": "`commercial: {terms: [spot]}`",
        "retries": "`retry`", "backoffLimit": "`retry`", "cost_cap": "`budget`",
    },
)  # fmt: skip
RETRY_KEYS = Keys(("user", "machine", "site", "exit_codes"))
DEPENDS_KEYS = Keys(tuple(kind.value for kind in DependencyKind))

_OBJECTIVES = tuple(objective.value for objective in Objective)
_WORKLOADS = tuple(workload.value for workload in Workload)


def read(source: Source) -> tuple[list[JobSpec], list[FileWarning]]:
    """Read every document of a hutong YAML file."""
    jobs: list[JobSpec] = []
    warnings: list[FileWarning] = []
    for root in documents(source):
        draft = Draft(source, KIND)
        _read_job(root, draft)
        jobs.append(draft.finish())
        warnings += draft.warnings
    return jobs, warnings


def _read_job(root: Node, draft: Draft) -> None:
    fields = root.fields(JOB_KEYS, draft)
    if "name" not in fields and not draft.said("name"):
        raise draft.source.syntax(
            root.line, "the job has no `name`", "Give it one, such as `name: train`."
        )
    read_program(root, fields, draft)
    for key, reading in _READINGS.items():
        if key in fields:
            reading(fields[key], draft)


def _read_frameworks(node: Node, draft: Draft) -> None:
    for item in node.items_or_one():
        need = item.read(words.framework)
        doubt = chips.doubt_about_framework(draft.source.catalog, need.name)
        if doubt:
            draft.warn(item.line, need.name, doubt)
        draft.put("frameworks", (*draft.value("frameworks", ()), need), item.place)


def _read_depends_on(node: Node, draft: Draft) -> None:
    groups = {"afterok": node} if not node.is_mapping else node.fields(DEPENDS_KEYS, draft)
    waits: list[Dependency] = []
    for kind, value in groups.items():
        waits += [
            Dependency(DependencyKind(kind), JobId(item.text())) for item in value.items_or_one()
        ]
    draft.put("depends_on", tuple(waits), node.place)


def _read_retry(node: Node, draft: Draft) -> None:
    if not node.is_mapping:
        draft.put("retry.user_count", node.whole(0, limits.RETRIES), node.place)
        return
    fields = node.fields(RETRY_KEYS, draft)
    for key in ("user", "machine", "site"):
        if key in fields:
            count = fields[key].whole(0, limits.RETRIES)
            draft.put(f"retry.{key}_count", count, fields[key].place)
    if "exit_codes" in fields:
        codes = tuple(item.whole(1, 255) for item in fields["exit_codes"].items_or_one())
        draft.put("retry.user_exit_codes", codes, fields["exit_codes"].place)


def _read_tenant(node: Node, draft: Draft) -> None:
    path = node.text()
    if not is_tenant(path):
        raise node.bad(
            "it is not a path of names",
            "Join names by `/`, such as `acme/vision`: lower-case letters, digits, `-` and `.`.",
        )
    draft.put("tenant", TenantId(path), node.place)


def read_labels(node: Node, draft: Draft) -> None:
    """Read a mapping of labels."""
    labels = {name: value.text(empty=True) for name, value in node.entries().items()}
    draft.put("labels", {**draft.value("labels", {}), **labels}, node.place)


def _put(field: str, reading: Callable[[Node], object]) -> Callable[[Node, Draft], None]:
    def read_field(node: Node, draft: Draft) -> None:
        draft.put(field, reading(node), node.place)

    return read_field


def _instant(field: str) -> Callable[[Node, Draft], None]:
    def read_field(node: Node, draft: Draft) -> None:
        now_ms = draft.source.now_ms
        draft.put(field, node.read(lambda word: times.instant_ms(word, now_ms)), node.place)

    return read_field


_READINGS: dict[str, Callable[[Node, Draft], None]] = {
    "name": _put("name", Node.text),
    "setup": _put("program.setup", Node.text),
    "env": read_env,
    "files": read_files,
    "workdir": _put("program.workdir", Node.text),
    "tenant": _read_tenant,
    "priority": _put("priority", lambda node: node.read(words.priority_class)),
    "tasks": read_tasks,
    "resources": read_resources,
    "frameworks": _read_frameworks,
    "array": read_array,
    "time_limit": _put("time_limit_ms", lambda node: node.read(times.duration_ms)),
    "estimate": _put("estimate_ms", lambda node: node.read(times.duration_ms)),
    "deadline": _instant("deadline_ms"),
    "not_before": _instant("not_before_ms"),
    "budget": _put("budget_microcny", lambda node: node.read(words.money_microcny)),
    "objective": _put("objective", lambda node: Objective(node.choice(_OBJECTIVES))),
    "where": read_where,
    "depends_on": _read_depends_on,
    "retry": _read_retry,
    "grace": _put("grace_ms", lambda node: node.read(times.grace_ms)),
    "preemptible": _put("preemptible", Node.flag),
    "min_run": _put("min_run_ms", lambda node: node.read(times.duration_or_zero_ms)),
    "exclusive": _put("exclusive", Node.flag),
    "labels": read_labels,
    "workload": _put("workload", lambda node: Workload(node.choice(_WORKLOADS))),
    "weigh": read_weigh,
    "prefer": read_prefer,
    "inputs": read_inputs,
    "resize": read_resize,
    "groups": read_groups,
    "layout": _put("layout", lambda node: Layout(node.choice(LAYOUTS))),
    "within": _put("within", lambda node: Level(node.choice(LEVELS))),
    "near": read_near,
    "apart": read_apart,
    "checkpoint": _put("checkpoint_ms", lambda node: node.read(times.duration_ms)),
    "commercial": read_commercial,
    "split": _put("split", Node.flag),
}
