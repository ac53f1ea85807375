"""Writes a job as hutong YAML: what a job of another format means, in Hutong's own words.

Reading the text again gives the same job, whose `source` is then `hutong`.
"""

from datetime import UTC, datetime
from typing import Any

from hutong.client.formats.words import NEIGHBOUR_SETTINGS
from hutong.model.job import (
    Affinity,
    ArraySpec,
    Commercial,
    Constraints,
    DataInput,
    Dependency,
    DomesticRule,
    InlineFile,
    JobSpec,
    Level,
    Preferences,
    Program,
    RetryPolicy,
    TaskGroup,
)
from hutong.model.resources import AcceleratorNeed, TaskNeeds

RUNS = ("run", "command")
_UNITS = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1))


def to_yaml(spec: JobSpec) -> str:
    """Write a job; what it leaves at its default is left away."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Writes texts of several lines as blocks."""

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        style = "|" if "\n" in value.rstrip("\n") or value.endswith("\n") else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    written = yaml.dump(
        to_mapping(spec),
        Dumper=Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=False,
        width=100,
    )
    return str(written)


def to_mapping(spec: JobSpec) -> dict[str, Any]:
    """Give the keys of hutong YAML and their values for a job."""
    plain = JobSpec(spec.name, spec.program)
    job: dict[str, Any] = {"name": spec.name, **_program(spec.program)}
    if spec.tenant != plain.tenant:
        job["tenant"] = str(spec.tenant)
    if spec.priority != plain.priority:
        job["priority"] = spec.priority
    job |= _size(spec)
    if spec.needs != plain.needs:
        job["resources"] = _resources(spec.needs)
    if spec.frameworks:
        job["frameworks"] = [
            f"{need.name}>={need.at_least}" if need.at_least else need.name
            for need in spec.frameworks
        ]
    if spec.array is not None:
        job["array"] = _array(spec.array)
    job |= _times(spec, plain)
    if spec.objective is not plain.objective:
        job["objective"] = spec.objective.value
    if spec.constraints != plain.constraints:
        job["where"] = _where(spec.constraints)
    if spec.depends_on:
        job["depends_on"] = _depends_on(spec.depends_on)
    if spec.retry != plain.retry:
        job["retry"] = _retry(spec.retry)
    if not spec.preemptible:
        job["preemptible"] = False
    if spec.exclusive:
        job["exclusive"] = True
    if spec.labels:
        job["labels"] = dict(spec.labels)
    return job | _lie(spec, plain) | _wishes(spec, plain)


def _size(spec: JobSpec) -> dict[str, Any]:
    if spec.elastic is None:
        return {"tasks": spec.tasks} if spec.tasks != 1 else {}
    size: dict[str, Any] = {"tasks": f"{spec.elastic.tasks_min}..{spec.tasks}"}
    return {**size, "resize": True} if spec.elastic.resize else size


def _lie(spec: JobSpec, plain: JobSpec) -> dict[str, Any]:
    """What a gang is made of, and how its tasks lie."""
    job: dict[str, Any] = {}
    if spec.groups:
        job["groups"] = {group.name: _group(group, spec.program) for group in spec.groups}
    if spec.layout is not plain.layout:
        job["layout"] = spec.layout.value
    if spec.within is not plain.within:
        job["within"] = spec.within.value
    if spec.split:
        job["split"] = True
    for key, apart in (("near", False), ("apart", True)):
        entries = [_neighbours(entry) for entry in spec.affinity if entry.apart is apart]
        if entries:
            job[key] = entries if len(entries) > 1 else entries[0]
    return job


def _group(group: TaskGroup, common: Program) -> dict[str, Any]:
    keys: dict[str, Any] = {"tasks": group.tasks}
    resources = _resources(group.needs)
    if resources:
        keys["resources"] = resources
    if group.program is None:
        return keys
    own, jobs = _program(group.program), _program(common)
    keys |= {key: value for key, value in own.items() if key in RUNS or jobs.get(key) != value}
    empty: dict[str, Any] = {"setup": "", "env": {}, "files": [], "workdir": None}
    return keys | {key: empty[key] for key in jobs if key not in own and key in empty}


def _neighbours(entry: Affinity) -> dict[str, Any]:
    labels = dict(entry.labels)
    plain = not any(name in labels for name in NEIGHBOUR_SETTINGS)
    keys: dict[str, Any] = labels if plain else {"labels": labels}
    if entry.level is not Level.NODE:
        keys["level"] = entry.level.value
    if not entry.required:
        keys["required"] = False
    return keys


def _wishes(spec: JobSpec, plain: JobSpec) -> dict[str, Any]:
    """What a job is like, would rather have, reads and pays for."""
    job: dict[str, Any] = {}
    if spec.workload is not plain.workload:
        job["workload"] = spec.workload.value
    if spec.cost_weight_milli is not None:
        job["weigh"] = {"cost": f"{decimal(spec.cost_weight_milli * 100, 1000)}%"}
    if spec.preferences != plain.preferences:
        job["prefer"] = _prefer(spec.preferences)
    if spec.inputs:
        job["inputs"] = [_input(data) for data in spec.inputs]
    if spec.commercial != plain.commercial:
        job["commercial"] = _commercial(spec.commercial)
    return job


def _prefer(preferences: Preferences) -> dict[str, list[str]]:
    keys = ("regions", "jurisdictions", "sites", "owners")
    return {key: list(getattr(preferences, key)) for key in keys if getattr(preferences, key)}


def _input(data: DataInput) -> dict[str, Any]:
    keys: dict[str, Any] = {"name": data.name, "size": _size_mib(data.size_mib)}
    return {**keys, "at": list(data.replicas)} if data.replicas else keys


def _commercial(commercial: Commercial) -> str | dict[str, Any]:
    if not commercial.allowed:
        return "never"
    keys: dict[str, Any] = {}
    if commercial.after_ms is not None:
        keys["after"] = duration(commercial.after_ms)
    if commercial.terms:
        keys["terms"] = [terms.value for terms in commercial.terms]
    return keys


def duration(total_ms: int) -> str:
    """Write a duration: `2h30m`."""
    parts = []
    for unit, length_ms in _UNITS:
        count, total_ms = divmod(total_ms, length_ms)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def decimal(number: int, scale: int) -> str:
    """Write a number of thousandths or millionths: `0.25`."""
    whole, rest = divmod(number, scale)
    digits = len(str(scale)) - 1
    return f"{whole}.{rest:0{digits}}".rstrip("0").rstrip(".")


def _number(number_milli: int) -> int | float:
    """Write thousandths; three decimals are exact in what YAML writes of a float."""
    whole, rest = divmod(number_milli, 1000)
    return float(decimal(number_milli, 1000)) if rest else whole


def _program(program: Program) -> dict[str, Any]:
    job: dict[str, Any] = {}
    if program.script:
        job["run"] = program.script
    else:
        job["command"] = list(program.argv)
    if program.setup:
        job["setup"] = program.setup
    if program.env:
        job["env"] = dict(program.env)
    if program.files:
        job["files"] = [_file(file) for file in program.files]
    if program.workdir is not None:
        job["workdir"] = program.workdir
    return job


def _file(file: InlineFile) -> dict[str, Any]:
    entry: dict[str, Any] = {"as": file.name, "content": file.content}
    if file.executable != file.content.startswith("#!"):
        entry["executable"] = file.executable
    return entry


def _resources(needs: TaskNeeds) -> dict[str, Any]:
    plain = TaskNeeds()
    resources: dict[str, Any] = {}
    if needs.cpu_milli != plain.cpu_milli:
        resources["cpus"] = _number(needs.cpu_milli)
    if needs.memory_mib != plain.memory_mib:
        resources["memory"] = _size_mib(needs.memory_mib)
    if needs.accelerators:
        resources["accelerators"] = [_accelerator(need) for need in needs.accelerators]
    return resources


def _size_mib(size_mib: int) -> str:
    gib, rest = divmod(size_mib, 1024)
    return f"{size_mib}MiB" if rest else f"{gib}GiB"


def _accelerator(need: AcceleratorNeed) -> str | dict[str, Any]:
    count = _number(need.count_milli)
    if need.speed_milli is None:
        return f"{need.model}:{count}"
    return {"model": need.model, "count": count, "speed": _number(need.speed_milli)}


def _array(array: ArraySpec) -> dict[str, int]:
    keys = {"count": array.count}
    if array.first:
        keys["first"] = array.first
    if array.step != 1:
        keys["step"] = array.step
    if array.max_parallel:
        keys["max_parallel"] = array.max_parallel
    return keys


def _times(spec: JobSpec, plain: JobSpec) -> dict[str, str]:
    times: dict[str, str] = {}
    if spec.time_limit_ms:
        times["time_limit"] = duration(spec.time_limit_ms)
    if spec.estimate_ms is not None:
        times["estimate"] = duration(spec.estimate_ms)
    if spec.deadline_ms:
        times["deadline"] = _instant(spec.deadline_ms)
    if spec.not_before_ms:
        times["not_before"] = _instant(spec.not_before_ms)
    if spec.budget_microcny:
        times["budget"] = f"{decimal(spec.budget_microcny, 1_000_000)} CNY"
    if spec.grace_ms != plain.grace_ms:
        times["grace"] = duration(spec.grace_ms)
    if spec.min_run_ms:
        times["min_run"] = duration(spec.min_run_ms)
    if spec.checkpoint_ms:
        times["checkpoint"] = duration(spec.checkpoint_ms)
    return times


def _instant(moment_ms: int) -> str:
    seconds, rest_ms = divmod(moment_ms, 1000)
    moment = datetime.fromtimestamp(seconds, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{moment}.{rest_ms:03}Z" if rest_ms else f"{moment}Z"


def _where(constraints: Constraints) -> dict[str, Any]:
    where: dict[str, Any] = {}
    for key in ("regions", "jurisdictions", "sites", "pools", "exclude_sites", "owners"):
        words = getattr(constraints, key)
        if words:
            where[key] = list(words)
    if constraints.domestic is not DomesticRule.ANY:
        where["domestic"] = constraints.domestic.value
    return where


def _depends_on(dependencies: tuple[Dependency, ...]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for dependency in dependencies:
        groups.setdefault(dependency.kind.value, []).append(str(dependency.job))
    return groups


def _retry(retry: RetryPolicy) -> dict[str, Any]:
    plain = RetryPolicy()
    keys: dict[str, Any] = {}
    if retry.user_count != plain.user_count:
        keys["user"] = retry.user_count
    if retry.machine_count != plain.machine_count:
        keys["machine"] = retry.machine_count
    if retry.site_count != plain.site_count:
        keys["site"] = retry.site_count
    if retry.user_exit_codes:
        keys["exit_codes"] = list(retry.user_exit_codes)
    return keys
