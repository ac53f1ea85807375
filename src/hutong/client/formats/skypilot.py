"""SkyPilot tasks: one YAML document each, several of them a pipeline that runs one by one.

A node of SkyPilot's is a task of a gang here, and SkyPilot's choice among clouds is the
scheduler's. What SkyPilot uploads (a `workdir`, buckets) does not exist here but for small files.
"""

import re
from fractions import Fraction

from hutong.client.formats import chips, words
from hutong.client.formats.attach import folder_files
from hutong.client.formats.draft import Draft, FileWarning, Place
from hutong.client.formats.hutong import read_labels
from hutong.client.formats.hutong_program import attached, read_env
from hutong.client.formats.nodes import Node, documents
from hutong.client.formats.skypilot_keys import (
    ALTERNATIVE,
    CLOUDS,
    MOUNT,
    RECOVERY,
    RESOURCES,
    TASK,
)
from hutong.client.formats.source import Source
from hutong.model import limits
from hutong.model.check_program import problem_of_relative_path
from hutong.model.ids import JobId, is_name
from hutong.model.job import Dependency, DependencyKind, InlineFile, JobSpec, Objective, Terms
from hutong.model.resources import AcceleratorNeed

KIND = "skypilot"

_MEMORY = re.compile(r"([0-9.]+)\s?(?:([KMGT])i?B?|B)?(\+?)", re.IGNORECASE)
_GIB = {"": 2**30, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}


def read(source: Source) -> tuple[list[JobSpec], list[FileWarning]]:
    """Read a task, or a pipeline of tasks in which each waits for the one before."""
    roots = documents(source)
    warnings: list[FileWarning] = []
    pipeline = ""
    if len(roots) > 1 and _is_header(roots[0]):
        pipeline = _header_name(roots.pop(0), source)
    jobs: list[JobSpec] = []
    names: dict[str, None] = {}
    for position, root in enumerate(roots, start=1):
        draft = Draft(source, KIND)
        fallback = pipeline or _stem(source.file)
        if len(roots) > 1:
            fallback = f"{fallback[: limits.NAME_CHARS - 8]}-{position}"
        _read_task(root, draft, fallback)
        name = draft.value("name", draft.source.base.get("name", ""))
        if len(roots) > 1 and name in names:
            place = draft.place("name") or Place(root.line, "name")
            name = f"{name[: limits.NAME_CHARS - 8]}-{position}"
            draft.put("name", name, place)
        if jobs:
            waits = (Dependency(DependencyKind.AFTER_OK, JobId(jobs[-1].name)),)
            draft.put("depends_on", waits, Place(root.line, "---"))
        names[name] = None
        jobs.append(draft.finish())
        warnings += draft.warnings
    return jobs, warnings


def _is_header(root: Node) -> bool:
    """Say whether a document only names the pipeline, as the first one may."""
    if not root.is_mapping:
        return False
    return all(key in {"name", "execution"} for key in root.entries())


def _header_name(root: Node, source: Source) -> str:
    fields = root.fields(TASK)
    if "execution" in fields:
        _check_execution(fields["execution"])
    return fields["name"].text() if "name" in fields else _stem(source.file)


def _check_execution(node: Node) -> None:
    if node.choice(("serial", "parallel")) == "parallel":
        raise node.unsupported(
            "execution: parallel", "tasks of a file run one after another",
            "Hand in the tasks as separate files.",
        )  # fmt: skip


def _stem(file: str) -> str:
    name = file.rpartition("/")[2].removesuffix(".yaml").removesuffix(".yml").strip()
    name = "".join(char if char.isprintable() else "?" for char in name)
    return name[: limits.NAME_CHARS].strip() or "task"


def _read_task(root: Node, draft: Draft, fallback: str) -> None:
    fields = root.fields(TASK, draft)
    if "name" in fields and not fields["name"].is_null:
        draft.put("name", fields["name"].text(), fields["name"].place)
    elif not draft.said("name"):
        draft.put("name", fallback, Place(root.line, "the name of the file"))
    if "execution" in fields:
        _check_execution(fields["execution"])
    if "run" not in fields or fields["run"].is_null:
        raise draft.source.syntax(root.line, "the task has nothing to run", "Give it a `run:`.")
    draft.put("program.script", fields["run"].text(), fields["run"].place)
    if "setup" in fields and not fields["setup"].is_null:
        draft.put("program.setup", fields["setup"].text(), fields["setup"].place)
    if "num_nodes" in fields:
        nodes = fields["num_nodes"]
        draft.put("tasks", nodes.whole(1, limits.GANG_TASKS), nodes.place)
    if "envs" in fields:
        _read_envs(fields["envs"], draft)
    if "workdir" in fields and not fields["workdir"].is_null:
        _read_workdir(fields["workdir"], draft)
    if "file_mounts" in fields and not fields["file_mounts"].is_null:
        _read_mounts(fields["file_mounts"], draft)
    if "resources" in fields and not fields["resources"].is_null:
        _read_resources(fields["resources"], draft)


def _read_envs(node: Node, draft: Draft) -> None:
    for value in node.entries().values():
        if value.is_null:
            raise value.bad(
                "SkyPilot would ask for it on the command line", "Give it a value in the file."
            )
    read_env(node, draft)


def _read_workdir(node: Node, draft: Draft) -> None:
    """Carry a small folder of text files; SkyPilot would upload one of any size."""
    if node.is_mapping:
        raise node.unsupported(
            node.path, "repositories are not fetched", "Fetch it by `git clone` in `setup`."
        )
    try:
        files = folder_files(draft.source, node.text())
    except words.BadWord as error:
        raise node.unsupported(f"workdir: {node.text()}", error.problem, error.advice) from None
    draft.put("program.files", files, node.place)


def _read_mounts(node: Node, draft: Draft) -> None:
    files: list[InlineFile] = []
    for target, value in node.entries().items():
        if value.is_mapping:
            value.fields(MOUNT, draft)
            raise value.unsupported(value.path, "it is no file", "Name a small file.")
        path = value.text()
        if "://" in path:
            raise value.unsupported(
                path,
                "nothing is fetched from outside",
                "Fetch it in `setup`, or keep it at the site; `inputs:` of a hutong YAML says how "
                "large it is, which nothing here can know.",
            )
        name = target.removeprefix("./")
        if name.startswith("~") or problem_of_relative_path(name):
            raise value.unsupported(
                target,
                "files travel into the job's own directory only",
                "Write a path below it, such as `conf/train.yaml`, and use that in `run`.",
            )
        files.append(attached(value, draft.source, name=name))
    mounted = dict.fromkeys(file.name for file in files)
    before = [file for file in draft.value("program.files", ()) if file.name not in mounted]
    draft.put("program.files", (*before, *files), node.place)


# Resources


def _read_resources(node: Node, draft: Draft) -> None:
    fields = node.fields(RESOURCES, draft)
    if "cpus" in fields and not fields["cpus"].is_null:
        draft.put("needs.cpu_milli", fields["cpus"].read(_cpu_milli), fields["cpus"].place)
    if "memory" in fields and not fields["memory"].is_null:
        memory = fields["memory"]
        cpu_milli = draft.value("needs.cpu_milli")
        mib = memory.read(lambda word: _memory_mib(word, cpu_milli))
        draft.put("needs.memory_mib", mib, memory.place)
    if "accelerators" in fields and not fields["accelerators"].is_null:
        accelerators = fields["accelerators"]
        draft.put("needs.accelerators", _accelerators(accelerators, draft), accelerators.place)
    _read_where(fields, draft)
    for key in ("any_of", "ordered"):
        if key in fields:
            _read_alternatives(fields, key, draft)
    # SkyPilot's default is `false`, so that saying it is saying nothing.
    if "use_spot" in fields and fields["use_spot"].flag():
        spot = fields["use_spot"]
        draft.put("preemptible", value=True, place=spot.place)
        draft.put("commercial.terms", (Terms.SPOT,), spot.place)
    for key in ("job_recovery", "spot_recovery"):
        if key in fields and not fields[key].is_null:
            _read_recovery(fields[key], draft)
    if "labels" in fields:
        read_labels(fields["labels"], draft)
    if "image_id" in fields and not fields["image_id"].is_null:
        _read_image(fields["image_id"], draft)
    _read_priority(fields, draft)


def _cpu_milli(word: str) -> int:
    """Read `8` or `8+`: at least as many are granted exactly."""
    return words.cpu_milli(word.removesuffix("+"))


def _memory_mib(word: str, cpu_milli: int | None) -> int:
    """Read `32`, `32+`, `32GB` (GiB, as SkyPilot counts) or `4x`, times the CPUs."""
    wanted = "an amount in GiB such as 32, 32+ or 32GB"
    bare = word.removesuffix("+")
    if bare.endswith("x"):
        if cpu_milli is None:
            raise words.BadWord("no `cpus` are said that it could multiply", f"Write {wanted}.")
        per_cpu = words.exact(bare.removesuffix("x"), wanted)
        return words.mib_of_bytes(per_cpu * Fraction(cpu_milli, 1000) * 2**30, wanted)
    match = _MEMORY.fullmatch(word)
    if match is None:
        words.exact(word, wanted)
        raise words.BadWord("it is not an amount of memory", f"Write {wanted}.")
    unit = _GIB[(match[2] or "").lower()]
    if match[2] is None and word.rstrip("+ ").lower().endswith("b"):
        unit = 1
    return words.mib_of_bytes(words.exact(match[1], wanted) * unit, wanted)


def _accelerators(node: Node, draft: Draft) -> tuple[AcceleratorNeed, ...]:
    catalog = draft.source.catalog
    if node.is_list:
        found = [item.read(lambda word: _chips(draft, word)) for item in node.items()]
        return _some(node, chips.joined(found))
    if not node.is_mapping:
        return node.read(lambda word: _chips(draft, word))
    groups: list[tuple[AcceleratorNeed, ...]] = []
    entries = node.entries()
    for name, value in entries.items():
        try:
            if value.is_null:
                groups.append(chips.named_with_count(catalog, name))
            elif ":" in name:
                raise value.bad("the number is in its name already", "Write it once.")
            else:
                count = value.read(chips.count_milli)
                groups.append(chips.alternatives(catalog, name, count))
        except words.BadWord as error:
            raise value.unsupported(name, error.problem, error.advice) from None
    if len(entries) > 1:
        _prefer_cheap(node, draft)
    return _some(node, chips.joined(groups))


def _chips(draft: Draft, word: str) -> tuple[AcceleratorNeed, ...]:
    return chips.named_with_count(draft.source.catalog, word)


def _some(node: Node, needs: tuple[AcceleratorNeed, ...]) -> tuple[AcceleratorNeed, ...]:
    if not needs:
        raise node.bad("it is empty", "Leave the key away for a task without accelerators.")
    return needs


def _prefer_cheap(node: Node, draft: Draft) -> None:
    """Among alternatives without an order SkyPilot takes the cheapest."""
    if not draft.said("objective"):
        draft.put("objective", Objective.COST, node.place)


def _read_where(fields: dict[str, Node], draft: Draft) -> None:
    if "infra" in fields and not fields["infra"].is_null:
        for key in ("cloud", "region"):
            if key in fields and not fields[key].is_null:
                raise fields[key].bad("`infra` says it already", "Keep one of the two.")
        _read_infra(fields["infra"], draft)
        return
    if "cloud" in fields and not fields["cloud"].is_null:
        _check_cloud(fields["cloud"], fields["cloud"].text())
    if "region" in fields and not fields["region"].is_null:
        _put_region(fields["region"], fields["region"].text(), draft)


def _read_infra(node: Node, draft: Draft) -> None:
    """Read `CLOUD/REGION`, `*/REGION`, `k8s/CONTEXT` or `slurm/CLUSTER/PARTITION`."""
    cloud, *parts = node.text().split("/")
    kind = cloud.lower()
    if kind in {"k8s", "kubernetes", "slurm", "ssh"}:
        if not parts:
            draft.warn(node.line, node.path, "Any site will do; say `where:` in a hutong YAML.")
        elif not all(is_name(part) for part in parts) or len(parts) > 1 + (kind == "slurm"):
            raise node.bad(
                "it does not name a site", "Write for example `k8s/SITE` or `slurm/SITE/POOL`."
            )
        elif len(parts) == 1:
            draft.put("constraints.sites", (parts[0],), node.place)
        else:
            draft.put("constraints.pools", ("/".join(parts),), node.place)
        return
    if kind != "*":
        _check_cloud(node, cloud)
    if len(parts) > 1 and parts[1] != "*":
        raise node.unsupported(
            node.text(), "zones inside a region are not known here", "Say the region only."
        )
    if parts and parts[0] != "*":
        _put_region(node, parts[0], draft)


def _check_cloud(node: Node, cloud: str) -> None:
    kind = cloud.lower()
    if kind in {"k8s", "kubernetes", "slurm", "ssh", "*"}:
        return
    problem = "no site is in that cloud" if kind in CLOUDS else "it is no cloud that is known here"
    raise node.unsupported(
        f"{node.path}: {node.written}", problem, "Leave it away: the hub chooses among its sites."
    )


def _put_region(node: Node, name: str, draft: Draft) -> None:
    try:
        region = chips.region(draft.source.catalog, name)
    except words.BadWord as error:
        raise node.unsupported(
            f"{node.path}: {node.written}", error.problem, error.advice
        ) from None
    draft.put("constraints.regions", (region,), node.place)


def _read_alternatives(fields: dict[str, Node], key: str, draft: Draft) -> None:
    """Read alternatives that differ in their chips alone, or in their regions alone."""
    node = fields[key]
    if {"any_of", "ordered"} <= fields.keys():
        raise node.bad("both `any_of` and `ordered` are said", "Keep one of the two.")
    groups: list[tuple[AcceleratorNeed, ...]] = []
    regions: list[str] = []
    terms: list[Terms] = []
    kinds: dict[str, None] = {}
    for item in node.items():
        if not item.is_mapping:
            raise item.bad("an alternative is a mapping", "Write `- accelerators: H100:8`.")
        one = Draft(draft.source, KIND)
        members = item.fields(ALTERNATIVE, draft)
        if "accelerators" in members:
            groups.append(_accelerators(members["accelerators"], one))
        _read_where(members, one)
        if one.value("constraints.sites") or one.value("constraints.pools"):
            raise item.unsupported(
                item.path,
                "alternatives may name regions, not sites",
                "Name the site once, outside.",
            )
        regions += one.value("constraints.regions", ())
        if "use_spot" in members:
            terms.append(Terms.SPOT if members["use_spot"].flag() else Terms.ON_DEMAND)
        kinds[",".join(sorted({"infra": "region"}.get(member, member) for member in members))] = (
            None
        )
    if len(kinds) != 1 or next(iter(kinds)) not in {"accelerators", "region", "use_spot"}:
        raise node.unsupported(
            node.path,
            "alternatives may differ in their accelerators, in their regions, or in `use_spot`",
            "Hand in one of them, or write the constraints in a hutong YAML.",
        )  # fmt: skip
    for field, values in (
        ("needs.accelerators", groups),
        ("constraints.regions", regions),
    ):
        if values and draft.place(field) is not None:
            raise node.bad("it is said outside as well", "Say it in the alternatives only.")
    if groups:
        draft.put("needs.accelerators", chips.joined(groups), node.place)
    if regions:
        draft.put("constraints.regions", tuple(dict.fromkeys(regions)), node.place)
    if terms:
        draft.put("commercial.terms", tuple(dict.fromkeys(terms)), node.place)
    if key == "any_of":
        _prefer_cheap(node, draft)


def _read_recovery(node: Node, draft: Draft) -> None:
    if not node.is_mapping:
        _warn_of_strategy(node, draft)
        return
    fields = node.fields(RECOVERY, draft)
    if "strategy" in fields and not fields["strategy"].is_null:
        _warn_of_strategy(fields["strategy"], draft)
    count = 0
    if "max_restarts_on_errors" in fields:
        restarts = fields["max_restarts_on_errors"]
        count = restarts.whole(0, limits.RETRIES)
        draft.put("retry.user_count", count, restarts.place)
    if "recover_on_exit_codes" in fields:
        codes = fields["recover_on_exit_codes"]
        if count:
            raise codes.unsupported(
                codes.path, "retries are counted once for all exit codes",
                "Keep it or `max_restarts_on_errors`.",
            )  # fmt: skip
        numbers = tuple(item.whole(1, 255) for item in codes.items_or_one())
        draft.put("retry.user_exit_codes", numbers, codes.place)
        draft.put("retry.user_count", limits.RETRIES, codes.place)


def _warn_of_strategy(node: Node, draft: Draft) -> None:
    draft.warn(
        node.line, node.text(), "The scheduler chooses the site of a new attempt from all of them."
    )


def _read_image(node: Node, draft: Draft) -> None:
    image = node.text() if not node.is_mapping else ""
    if not image.startswith("docker:"):
        raise node.unsupported(
            node.path,
            "images of machines belong to one cloud",
            "Leave it away, or say `docker:...`.",
        )
    draft.keep_image(image.removeprefix("docker:"), node.place)


def _read_priority(fields: dict[str, Node], draft: Draft) -> None:
    if "priority" in fields and fields["priority"].whole_signed(-1000, 1000) != 0:
        raise fields["priority"].bad(
            "priority is a class here, not a number",
            "Leave it away, or write `priority: high` in a hutong YAML.",
        )
    if "priority_class" in fields:
        node = fields["priority_class"]
        draft.put("priority", node.read(words.priority_class), node.place)
