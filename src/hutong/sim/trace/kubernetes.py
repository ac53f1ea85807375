"""Kubernetes Jobs as `kubectl get jobs -A -o json` writes them: a List, an array, or one Job.

A Job is a gang of its `parallelism` Pods (no more than its `completions`) from `status.startTime`
to its completion time or the time at which it failed; one that goes on is left out. Chips are the
extended resources that the catalogue knows, of any vendor; where a resource stands for several
models, the Pod's node selector or the chip asked for decides, else any of them will do. The
namespace is the tenant, a Kueue queue the partition. Source: the API reference of batch/v1.
"""

import re
from collections.abc import Iterator
from functools import cache

import msgspec

from hutong.model.classes import DEFAULT_CLASSES, NORMAL
from hutong.model.resources import AcceleratorNeed
from hutong.sim.trace import chips, json_rows, source
from hutong.sim.trace.names import tenant_name
from hutong.sim.trace.reading import (
    MOST_COUNT,
    Reading,
    SortedJobs,
    TraceFile,
    TraceOptions,
    time_ms,
)
from hutong.sim.workload import TraceEnd, TraceJob, Workload, WorkloadInfo

NAME = "kubernetes"
QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
MODEL_LABELS = (
    "nvidia.com/gpu.product",
    "amd.com/gpu.product-name",
    "cloud.google.com/gke-accelerator",
    "k8s.amazonaws.com/accelerator",
    "accelerator",
    "gpu-model",
    "node.kubernetes.io/npu.chip.name",
)
"""Labels of nodes by which Pods ask for a chip's model."""

_QUANTITY = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(?:[eE]([+-]?\d+)|([numkMGTPE]i?|Ki)?)")
_FACTORS = {
    "n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15,
    "E": 1e18, "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50,
    "Ei": 2.0**60,
}  # fmt: skip


class _Resources(msgspec.Struct, frozen=True):
    requests: dict[str, str | int | float] = {}
    limits: dict[str, str | int | float] = {}


class _Container(msgspec.Struct, frozen=True):
    resources: _Resources = _Resources()


class _PodSpec(msgspec.Struct, frozen=True, rename="camel"):
    containers: list[_Container] = []
    node_selector: dict[str, str] = {}
    priority_class_name: str = ""


class _Template(msgspec.Struct, frozen=True):
    spec: _PodSpec = _PodSpec()


class _Spec(msgspec.Struct, frozen=True, rename="camel"):
    template: _Template
    parallelism: int | None = None
    completions: int | None = None
    active_deadline_seconds: int | None = None


class _Meta(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    creation_timestamp: str
    namespace: str = "default"
    labels: dict[str, str] = {}


class _Condition(msgspec.Struct, frozen=True, rename="camel"):
    type: str
    status: str
    last_transition_time: str | None = None


class _Status(msgspec.Struct, frozen=True, rename="camel"):
    start_time: str | None = None
    completion_time: str | None = None
    conditions: list[_Condition] = []


class _Job(msgspec.Struct, frozen=True):
    metadata: _Meta
    spec: _Spec
    kind: str = "Job"
    status: _Status = _Status()


class _List(msgspec.Struct, frozen=True):
    kind: str
    items: msgspec.Raw = msgspec.Raw(b"[]")


def recognise(head: str, name: str) -> bool:
    """Whether a file's begin looks like this format."""
    text = head.lstrip()
    return text[:1] in ("{", "[") and '"apiVersion"' in head and '"kind"' in head


def open_file(file: TraceFile, options: TraceOptions) -> Workload:
    """Read the list, sort it by creation and count times from the first."""

    def parse(reading: Reading) -> Iterator[TraceJob]:
        return _jobs(reading, options)

    read = SortedJobs(file.reading(), parse, most=options.most_jobs)
    return Workload(WorkloadInfo(file.name, str(file.path), read.begin_ms), read)


def _jobs(reading: Reading, options: TraceOptions) -> Iterator[TraceJob]:
    data = source.read_bytes(reading.path)
    rows = _rows(reading, data)
    for job in rows.values(reading, _Job):
        if job.kind != "Job":
            reading.leave_out(f"it is a {job.kind}", rows.line)
            continue
        try:
            made = _job(job, options)
        except _UnknownChip as error:
            reading.unknown_chip(rows.line, str(error))
            continue
        except ValueError as error:
            reading.bad(rows.line, "Job", job.metadata.name, str(error))
            continue
        if isinstance(made, str):
            reading.leave_out(made, rows.line)
        else:
            yield made


def _rows(reading: Reading, data: bytes) -> json_rows.Rows:
    """The Jobs of a List, of an array, or the one Job that a file is."""
    if data.lstrip()[:1] == b"[":
        return json_rows.array(reading.path, data, NAME)
    try:
        whole = msgspec.json.decode(data, type=_List)
        raw = msgspec.json.decode(whole.items, type=list[msgspec.Raw])
    except msgspec.DecodeError as error:
        raise json_rows.malformed(reading.path, data, NAME, error) from error
    if whole.kind == "Job":
        raw = [msgspec.Raw(data.strip())]
    return json_rows.Rows(data, raw)


def _job(job: _Job, options: TraceOptions) -> TraceJob | str:
    """The job, or why it gives none. ValueError for what cannot be."""
    submit_ms = time_ms(job.metadata.creation_timestamp)
    if not job.status.start_time:
        return "it never ran"
    start_ms = time_ms(job.status.start_time)
    ended = _end(job.status)
    if ended is None:
        return "it had not ended"
    end_ms, how = ended
    if end_ms < start_ms:
        raise ValueError("it ends before it starts")
    spec = job.spec
    tasks = 1 if spec.parallelism is None else spec.parallelism
    if spec.completions is not None:
        tasks = min(tasks, spec.completions)
    if not 0 < tasks <= MOST_COUNT:
        return "it asks for no Pod"
    pod = spec.template.spec
    asked = _asked(pod)
    limit_s = spec.active_deadline_seconds
    known = {rule.name for rule in DEFAULT_CLASSES}
    return TraceJob(
        f"{job.metadata.namespace}/{job.metadata.name}",
        submit_ms,
        end_ms - start_ms or 1,
        tasks,
        round(asked.pop("cpu", 0) * 1000),
        round(asked.pop("memory", 0) / 2**20),
        _chips(asked, pod.node_selector, options.chip),
        tenant=tenant_name(job.metadata.namespace),
        priority=pod.priority_class_name if pod.priority_class_name in known else NORMAL,
        partition=job.metadata.labels.get(QUEUE_LABEL, ""),
        limit_ms=limit_s * 1000 if limit_s else 0,
        waited_ms=max(start_ms - submit_ms, 0),
        ended=how,
    )


def _end(status: _Status) -> tuple[int, TraceEnd] | None:
    """When and how a Job ended; None where it goes on."""
    for condition in status.conditions:
        when = condition.last_transition_time
        if condition.type == "Failed" and condition.status == "True" and when:
            return time_ms(when), TraceEnd.FAILED
    if status.completion_time:
        return time_ms(status.completion_time), TraceEnd.SUCCEEDED
    return None


def _asked(pod: _PodSpec) -> dict[str, float]:
    """What a Pod asks for: requests, and limits where there is no request, over its containers."""
    total: dict[str, float] = {}
    for container in pod.containers:
        resources = container.resources
        for name, text in {**resources.limits, **resources.requests}.items():
            total[name] = total.get(name, 0) + quantity(str(text))
    return total


def _chips(
    asked: dict[str, float], selector: dict[str, str], chip: str
) -> tuple[AcceleratorNeed, ...]:
    """The chips among the resources that a Pod asks for."""
    for name, count in asked.items():
        if count <= 0 or "/" not in name:
            continue
        models = _models(name)
        if not models:
            continue
        word = next((selector[label] for label in MODEL_LABELS if label in selector), "")
        if word and len(models) > 1:
            found = chips.model_of(word)
            if found is None:
                raise _UnknownChip(word)
            models = (found,)
        elif chip and len(models) > 1:
            models = (chip,)
        return tuple(chips.need(model, round(count * 1000)) for model in models)
    return ()


@cache
def _models(resource: str) -> tuple[str, ...]:
    """The models that a resource may stand for; nothing where it is not of chips.

    A resource that nobody knows, of a vendor whose chips the catalogue has, is an unknown chip.
    """
    catalog = chips.trace_catalog()
    found = catalog.accelerators_of_resource(resource)
    if not found:
        vendors = {row.k8s_resource.split("/")[0] for row in catalog.accelerators.values()}
        if resource.partition("/")[0] in vendors:
            raise _UnknownChip(resource)
    return tuple(row.name for row in found if row.vendor != "undisclosed")


def quantity(text: str) -> float:
    """A quantity of Kubernetes (`500m`, `16Gi`, `1e3`) as a number. Raises ValueError."""
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise ValueError(f"{text} is no quantity such as 500m or 16Gi")
    value = float(match[1])
    return value * 10 ** int(match[2]) if match[2] else value * _FACTORS[match[3] or ""]


class _UnknownChip(Exception):
    """A chip that the catalogue does not know, by the name it was asked for with."""
