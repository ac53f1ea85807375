"""Hutong's own YAML: one job a document."""

import re
from collections.abc import Callable

from hutong.client.formats import chips, times, words
from hutong.client.formats.attach import inline_file
from hutong.client.formats.draft import Draft, FileWarning
from hutong.client.formats.nodes import Keys, Node, documents
from hutong.client.formats.ranges import array_of_word
from hutong.client.formats.source import Source
from hutong.model import limits
from hutong.model.check_program import is_env_name, problem_of_relative_path
from hutong.model.ids import JobId, TenantId, is_name, is_tenant
from hutong.model.job import (
    ArraySpec,
    Dependency,
    DependencyKind,
    DomesticRule,
    InlineFile,
    JobSpec,
    Objective,
)
from hutong.model.resources import AcceleratorNeed

KIND = "hutong"

JOB_KEYS = Keys(
    (
        "name", "run", "command", "setup", "env", "files", "workdir", "tenant", "priority",
        "tasks", "resources", "frameworks", "array", "time_limit", "estimate", "deadline",
        "not_before", "budget", "objective", "where", "depends_on", "retry", "grace",
        "preemptible", "min_run", "exclusive", "labels",
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
        "retries": "`retry`", "backoffLimit": "`retry`", "cost_cap": "`budget`",
    },
)  # fmt: skip
RESOURCES_KEYS = Keys(
    ("cpus", "memory", "accelerators"),
    meant={"cpu": "`cpus`", "mem": "`memory`", "gpus": "`accelerators`", "gpu": "`accelerators`"},
)
ACCELERATOR_KEYS = Keys(("model", "count", "speed"))
ARRAY_KEYS = Keys(("count", "first", "step", "range", "max_parallel"))
WHERE_KEYS = Keys(
    ("regions", "jurisdictions", "sites", "pools", "exclude_sites", "owners", "domestic")
)
RETRY_KEYS = Keys(("user", "machine", "site", "exit_codes"))
DEPENDS_KEYS = Keys(tuple(kind.value for kind in DependencyKind))
FILE_KEYS = Keys(("path", "as", "content", "executable"))
NAMED_FILE_KEYS = Keys(("path", "content", "executable"))

_OBJECTIVES = tuple(objective.value for objective in Objective)
_DOMESTIC = tuple(rule.value for rule in DomesticRule)


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
    _read_program(root, fields, draft)
    for key, reading in _READINGS.items():
        if key in fields:
            reading(fields[key], draft)


# What it runs


def _read_program(root: Node, fields: dict[str, Node], draft: Draft) -> None:
    if "run" in fields and "command" in fields:
        raise fields["command"].unsupported(
            "command", "the job has a `run` as well", "Keep one of the two."
        )
    if "run" in fields:
        node = fields["run"]
        if node.is_list:
            raise node.bad("`run` is one script", "Write a block (`run: |`), or use `command`.")
        draft.put("program.script", node.text(), node.place)
    elif "command" in fields:
        node = fields["command"]
        if not node.is_list:
            raise node.bad(
                "`command` is a list of words, started without a shell",
                "Write `[python, train.py]`, or use `run` for a line of shell.",
            )
        argv = tuple(item.text(empty=True) for item in node.items())
        draft.put("program.argv", argv, node.place)
    elif not draft.said("program"):
        raise draft.source.syntax(
            root.line, "the job has nothing to run", "Give it a `run:` or a `command:`."
        )


def read_env(node: Node, draft: Draft) -> None:
    """Read a mapping of environment variables."""
    env: dict[str, str] = {}
    for name, value in node.entries().items():
        if not is_env_name(name):
            raise value.bad(
                f"a shell takes no variable `{name}`",
                "Use letters, digits and `_`, and no digit first.",
            )
        env[name] = value.text(empty=True)
        draft.mark(f"program.env.{name}", value.place)
    draft.put("program.env", env, node.place)


def _read_files(node: Node, draft: Draft) -> None:
    if node.is_mapping:
        files = [_named_file(name, value, draft) for name, value in node.entries().items()]
    else:
        files = [_listed_file(item, draft) for item in node.items()]
    draft.put("program.files", tuple(files), node.place)


def _listed_file(item: Node, draft: Draft) -> InlineFile:
    if not item.is_mapping:
        return attached(item, draft.source)
    fields = item.fields(FILE_KEYS, draft)
    if "as" in fields:
        return _file(item, fields, draft.source, name=_relative(fields["as"]))
    if "content" in fields and "path" not in fields:
        raise item.bad("it has no name", "Say its name by `as:`.")
    return _file(item, fields, draft.source, name=None)


def _named_file(name: str, value: Node, draft: Draft) -> InlineFile:
    problem = problem_of_relative_path(name)
    if problem:
        raise value.bad(f"`{name}` cannot be its name: {problem}", "Choose a path without `..`.")
    if not value.is_mapping:
        return attached(value, draft.source, name=name)
    return _file(value, value.fields(NAMED_FILE_KEYS, draft), draft.source, name=name)


def _file(at: Node, fields: dict[str, Node], source: Source, *, name: str | None) -> InlineFile:
    executable = fields["executable"].flag() if "executable" in fields else None
    if "path" in fields and "content" not in fields:
        return attached(fields["path"], source, name=name, executable=executable)
    if "content" not in fields or "path" in fields:
        raise at.bad("a file has either a `path` or a `content`", "Give it one of the two.")
    content = fields["content"].text(empty=True)
    if executable is None:
        executable = content.startswith("#!")
    return InlineFile(name or "", content, executable)


def attached(
    node: Node, source: Source, *, name: str | None = None, executable: bool | None = None
) -> InlineFile:
    """Read the file whose path a node holds."""
    path = node.text()
    try:
        return inline_file(source, path, name=name, executable=executable)
    except words.BadWord as error:
        raise node.bad(error.problem, error.advice) from None


def _relative(node: Node) -> str:
    path = node.text().removeprefix("./")
    problem = problem_of_relative_path(path)
    if problem:
        raise node.bad(problem, "Choose a path without `..` below the working directory.")
    return path


# What each task needs


def _read_resources(node: Node, draft: Draft) -> None:
    fields = node.fields(RESOURCES_KEYS, draft)
    if "cpus" in fields:
        cpus = fields["cpus"]
        draft.put("needs.cpu_milli", cpus.read(words.cpu_milli), cpus.place)
    if "memory" in fields:
        memory = fields["memory"]
        draft.put("needs.memory_mib", memory.read(words.memory_mib), memory.place)
    if "accelerators" in fields:
        accelerators = fields["accelerators"]
        draft.put("needs.accelerators", _accelerators(accelerators, draft), accelerators.place)


def _accelerators(node: Node, draft: Draft) -> tuple[AcceleratorNeed, ...]:
    if node.is_list:
        return _some(node, chips.joined(_accelerator(item, draft) for item in node.items()))
    if not node.is_mapping:
        return _accelerator(node, draft)
    entries = node.entries()
    if "model" in entries:
        return _accelerator(node, draft)
    return _some(
        node, chips.joined(_counted(name, value, draft) for name, value in entries.items())
    )


def _some(node: Node, needs: tuple[AcceleratorNeed, ...]) -> tuple[AcceleratorNeed, ...]:
    if not needs:
        raise node.bad("it is empty", "Leave the key away for a job without accelerators.")
    return needs


def _accelerator(node: Node, draft: Draft) -> tuple[AcceleratorNeed, ...]:
    catalog = draft.source.catalog
    if not node.is_mapping:
        return node.read(lambda word: chips.named_with_count(catalog, word))
    fields = node.fields(ACCELERATOR_KEYS, draft)
    if "model" not in fields:
        raise node.bad("it names no `model`", "Write `{model: A100-80GB, count: 8}`.")
    return fields["model"].read(
        lambda word: chips.alternatives(catalog, word, *_count_and_speed(fields))
    )


def _counted(name: str, value: Node, draft: Draft) -> tuple[AcceleratorNeed, ...]:
    count, speed = 1000, None
    if value.is_mapping:
        count, speed = _count_and_speed(value.fields(Keys(("count", "speed")), draft))
    elif not value.is_null:
        count = value.read(chips.count_milli)
    try:
        return chips.alternatives(draft.source.catalog, name, count, speed)
    except words.BadWord as error:
        raise value.unsupported(name, error.problem, error.advice) from None


def _count_and_speed(fields: dict[str, Node]) -> tuple[int, int | None]:
    count = fields["count"].read(chips.count_milli) if "count" in fields else 1000
    speed = fields["speed"].read(chips.speed_milli) if "speed" in fields else None
    return count, speed


def _read_frameworks(node: Node, draft: Draft) -> None:
    for item in node.items_or_one():
        need = item.read(words.framework)
        doubt = chips.doubt_about_framework(draft.source.catalog, need.name)
        if doubt:
            draft.warn(item.line, need.name, doubt)
        draft.put("frameworks", (*draft.value("frameworks", ()), need), item.place)


def _read_array(node: Node, draft: Draft) -> None:
    draft.put("array", _array(node, draft), node.place)


def _array(node: Node, draft: Draft) -> ArraySpec:
    if not node.is_mapping:
        if not node.is_quoted and re.fullmatch(r"[0-9]+", node.written):
            return ArraySpec(node.whole(1, limits.ARRAY_ELEMENTS))
        return node.read(array_of_word)
    fields = node.fields(ARRAY_KEYS, draft)
    if ("range" in fields) == ("count" in fields):
        raise node.bad("an array has either a `count` or a `range`", "Give it one of the two.")
    most = 0
    if "max_parallel" in fields:
        most = fields["max_parallel"].whole(1, limits.ARRAY_ELEMENTS)
    if "range" in fields:
        for key in ("first", "step"):
            if key in fields:
                raise fields[key].bad("the `range` says it already", "Write `range: 0-98:2`.")
        array = fields["range"].read(array_of_word)
        if array.max_parallel and most:
            raise fields["max_parallel"].bad("the `range` says it already", "Keep one of the two.")
        return ArraySpec(array.count, array.first, array.step, most or array.max_parallel)
    return ArraySpec(
        fields["count"].whole(1, limits.ARRAY_ELEMENTS),
        fields["first"].whole(0, limits.ARRAY_NUMBER) if "first" in fields else 0,
        fields["step"].whole(1, limits.ARRAY_NUMBER) if "step" in fields else 1,
        most,
    )


# When, where, and for whom


def _read_where(node: Node, draft: Draft) -> None:
    fields = node.fields(WHERE_KEYS, draft)
    for key, value in fields.items():
        if key == "domestic":
            draft.put("constraints.domestic", DomesticRule(value.choice(_DOMESTIC)), value.place)
            continue
        names = tuple(_place_name(key, item, draft) for item in value.items_or_one())
        draft.put(f"constraints.{key}", names, value.place)


def _place_name(key: str, item: Node, draft: Draft) -> str:
    name = item.text()
    if key == "regions":
        try:
            return chips.region(draft.source.catalog, name)
        except words.BadWord as error:
            # An operator may have regions of its own, which no catalogue lists.
            draft.warn(
                item.line, name, f"{error.problem[0].upper()}{error.problem[1:]}. {error.advice}"
            )
    elif key in {"sites", "exclude_sites"} and not is_name(name):
        raise item.bad("it is not the name of a site", "`hutong sites` lists their names.")
    return name


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
    "files": _read_files,
    "workdir": _put("program.workdir", Node.text),
    "tenant": _read_tenant,
    "priority": _put("priority", lambda node: node.read(words.priority_class)),
    "tasks": _put("tasks", lambda node: node.whole(1, limits.GANG_TASKS)),
    "resources": _read_resources,
    "frameworks": _read_frameworks,
    "array": _read_array,
    "time_limit": _put("time_limit_ms", lambda node: node.read(times.duration_ms)),
    "estimate": _put("estimate_ms", lambda node: node.read(times.duration_ms)),
    "deadline": _instant("deadline_ms"),
    "not_before": _instant("not_before_ms"),
    "budget": _put("budget_microcny", lambda node: node.read(words.money_microcny)),
    "objective": _put("objective", lambda node: Objective(node.choice(_OBJECTIVES))),
    "where": _read_where,
    "depends_on": _read_depends_on,
    "retry": _read_retry,
    "grace": _put("grace_ms", lambda node: node.read(times.grace_ms)),
    "preemptible": _put("preemptible", Node.flag),
    "min_run": _put("min_run_ms", lambda node: node.read(times.duration_or_zero_ms)),
    "exclusive": _put("exclusive", Node.flag),
    "labels": read_labels,
}
