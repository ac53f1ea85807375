"""Kubernetes `batch/v1` Jobs: one container, its command, what it asks for, how often it runs.

A Job of one pod is a job; one of several completions is an array, each element on its own, as
Kubernetes has it. Defaults are those of Kubernetes where it has one: six retries, thirty seconds
between SIGTERM and SIGKILL.
"""

import re

from hutong.client.formats import chips, words
from hutong.client.formats.draft import Draft, FileWarning, Place
from hutong.client.formats.kubernetes_affinity import read_affinity, read_spread
from hutong.client.formats.kubernetes_container import read_container
from hutong.client.formats.kubernetes_keys import (
    CHIP_LABEL,
    HARMLESS_SELECTORS,
    JOB,
    METADATA,
    POD,
    PRIORITY_LABEL,
    QUEUE_LABEL,
    REGION_LABELS,
    SPEC,
    TEMPLATE,
    TEMPLATE_METADATA,
)
from hutong.client.formats.nodes import Node, documents
from hutong.client.formats.source import Source
from hutong.model import limits
from hutong.model.ids import TenantId, is_tenant
from hutong.model.job import ArraySpec, JobSpec

KIND = "kubernetes"
BACKOFF_LIMIT = 6
GRACE_S = 30

_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_OTHER_KINDS = {
    "CronJob": "jobs are not repeated by the clock",
    "Deployment": "services without an end are no jobs",
    "List": "a list of objects is not taken apart",
    "Pod": "a Pod has no retries and no completions",
}


def read(source: Source) -> tuple[list[JobSpec], list[FileWarning]]:
    """Read every Job of a file; an object of another kind is refused."""
    jobs: list[JobSpec] = []
    warnings: list[FileWarning] = []
    for root in documents(source):
        draft = Draft(source, KIND)
        _read_job(root, draft)
        jobs.append(draft.finish())
        warnings += draft.warnings
    return jobs, warnings


def _read_job(root: Node, draft: Draft) -> None:
    entries = root.entries()
    for key in ("apiVersion", "kind"):
        if key not in entries:
            raise draft.source.syntax(
                root.line, f"the object has no `{key}`", "Begin with `apiVersion: batch/v1`."
            )
    kind, version = entries["kind"], entries["apiVersion"]
    if kind.text() != "Job":
        problem = _OTHER_KINDS.get(kind.text(), "it is another kind of object")
        raise kind.unsupported(f"kind: {kind.text()}", problem, "Hand in objects with `kind: Job`.")
    if version.text() != "batch/v1":
        raise version.unsupported(
            f"apiVersion: {version.text()}",
            "it is another kind of Job",
            "Hand in Jobs of `batch/v1`.",
        )
    fields = root.fields(JOB, draft)
    for key in ("metadata", "spec"):
        if key not in fields:
            raise draft.source.syntax(root.line, f"the Job has no `{key}`", "Give it one.")
    _read_metadata(fields["metadata"], draft)
    spec = fields["spec"].fields(SPEC, draft)
    if "template" not in spec:
        raise draft.source.syntax(
            fields["spec"].line, "the Job's spec has no `template`", "Give it one."
        )
    indexed = _read_completions(spec, draft)
    _read_pod(spec, draft, indexed=indexed)


def _read_metadata(node: Node, draft: Draft) -> None:
    fields = node.fields(METADATA, draft)
    named = fields.get("name") or fields.get("generateName")
    if named is None and not draft.said("name"):
        raise draft.source.syntax(node.line, "the Job has no `name`", "Give it one.")
    if named is not None:
        name = named.quoted_text()
        if "name" not in fields:
            name = name.rstrip("-.")
        if _NAME.fullmatch(name) is None:
            raise named.bad(
                "Kubernetes takes no such name",
                "Use lower-case letters, digits, `-` and `.`, and a letter or digit at the ends.",
            )
        draft.put("name", name, named.place)
    if "labels" in fields:
        _read_labels(fields["labels"], draft)


def _read_labels(node: Node, draft: Draft) -> None:
    labels: dict[str, str] = {}
    for name, value in node.entries().items():
        text = value.quoted_text(empty=True)
        if name == QUEUE_LABEL:
            if not is_tenant(text):
                raise value.bad(
                    "a queue is a tenant here, and this is no tenant's name",
                    "Use lower-case letters, digits, `-` and `.`.",
                )
            draft.put("tenant", TenantId(text), value.place)
        elif name == PRIORITY_LABEL:
            _put_priority(value, draft)
        else:
            labels[name] = text
            draft.mark("labels", node.place)
    if labels:
        draft.put("labels", {**labels, **draft.value("labels", {})}, node.place)


def _put_priority(node: Node, draft: Draft) -> None:
    draft.put("priority", node.read(words.priority_class), node.place)


def _read_completions(spec: dict[str, Node], draft: Draft) -> bool:
    """Read how many pods run how often; say whether each has an index."""
    indexed = False
    if "completionMode" in spec:
        indexed = spec["completionMode"].choice(("NonIndexed", "Indexed")) == "Indexed"
    parallelism = _count(spec, "parallelism")
    completions = _count(spec, "completions")
    if completions is None:
        if indexed:
            raise spec["completionMode"].bad("`completions` are not said", "Say how many.")
        if parallelism is not None and parallelism > 1:
            raise spec["parallelism"].unsupported(
                "parallelism", "pods that share one queue of work end each other's job",
                "Say `completions` as well, or a gang in hutong YAML: `tasks:`.",
            )  # fmt: skip
        return False
    if completions > 1 or indexed:
        at_once = parallelism or 1
        most = at_once if at_once < completions else 0
        place = spec["completions"].place
        draft.put("array", ArraySpec(completions, max_parallel=most), place)
    return indexed


def _count(spec: dict[str, Node], key: str) -> int | None:
    if key not in spec or spec[key].is_null:
        return None
    return spec[key].whole(1, limits.ARRAY_ELEMENTS)


def _read_pod(spec: dict[str, Node], draft: Draft, *, indexed: bool) -> None:
    template = spec["template"].fields(TEMPLATE, draft)
    if "metadata" in template and not template["metadata"].is_null:
        metadata = template["metadata"].fields(TEMPLATE_METADATA, draft)
        if "labels" in metadata:
            _read_labels(metadata["labels"], draft)
    if "spec" not in template:
        raise draft.source.syntax(
            spec["template"].line, "the template has no `spec`", "Give it one."
        )
    pod = template["spec"].fields(POD, draft)
    _read_retries(spec, pod, template["spec"], draft)
    _read_limit(spec, pod, draft)
    grace = pod.get("terminationGracePeriodSeconds")
    grace_s = GRACE_S if grace is None else grace.whole(0, limits.GRACE_MS // 1000)
    draft.put("grace_ms", grace_s * 1000, (grace or template["spec"]).place)
    if "priorityClassName" in pod:
        _put_priority(pod["priorityClassName"], draft)
    if "suspend" in spec and spec["suspend"].flag():
        if not draft.said("tenant"):
            raise spec["suspend"].unsupported(
                "suspend: true", "a job cannot be held back by hand", "Leave the field away."
            )
        draft.warn(
            spec["suspend"].line,
            "suspend",
            "Every job waits for its turn; nothing has to resume it.",
        )
    containers = pod["containers"].items() if "containers" in pod else []
    if len(containers) != 1:
        raise pod.get("containers", template["spec"]).unsupported(
            "containers", f"one container runs, and there are {len(containers)}",
            "Put the work into one container, or hand in several jobs.",
        )  # fmt: skip
    read_container(containers[0], draft, indexed=indexed)
    if "nodeSelector" in pod:
        _read_selector(pod["nodeSelector"], draft)
    if "affinity" in pod and not pod["affinity"].is_null:
        read_affinity(pod["affinity"], draft)
    if "topologySpreadConstraints" in pod and not pod["topologySpreadConstraints"].is_null:
        read_spread(pod["topologySpreadConstraints"], draft)


def _read_retries(spec: dict[str, Node], pod: dict[str, Node], at: Node, draft: Draft) -> None:
    if "restartPolicy" not in pod:
        raise at.bad("it has no `restartPolicy`", "Say `restartPolicy: Never`.")
    pod["restartPolicy"].choice(("Never", "OnFailure"))
    limit = spec.get("backoffLimit")
    if limit is None:
        draft.put("retry.user_count", BACKOFF_LIMIT, Place(at.line, "backoffLimit"))
    else:
        draft.put("retry.user_count", limit.whole(0, limits.RETRIES), limit.place)


def _read_limit(spec: dict[str, Node], pod: dict[str, Node], draft: Draft) -> None:
    """Read the time limit: the Job's, or the pod's own where that is shorter."""
    found = [fields["activeDeadlineSeconds"] for fields in (spec, pod)
             if "activeDeadlineSeconds" in fields]  # fmt: skip
    if not found:
        return
    seconds = [node.whole(1, limits.DURATION_MS // 1000) for node in found]
    node = found[seconds.index(min(seconds))]
    draft.put("time_limit_ms", min(seconds) * 1000, node.place)
    if "activeDeadlineSeconds" in spec and draft.value("retry.user_count"):
        at = spec["activeDeadlineSeconds"]
        draft.warn(
            at.line,
            at.path,
            "It limits each attempt here; Kubernetes counts all attempts together.",
        )


def _read_selector(node: Node, draft: Draft) -> None:
    for label, value in node.entries().items():
        text = value.quoted_text()
        if label in REGION_LABELS:
            try:
                region = chips.region(draft.source.catalog, text)
            except words.BadWord as error:
                raise value.bad(error.problem, error.advice) from None
            draft.put("constraints.regions", (region,), value.place)
        elif label == CHIP_LABEL:
            _narrow_chips(value, text, draft)
        elif HARMLESS_SELECTORS.get(label) == text:
            draft.warn(value.line, label, "Every site has such nodes.")
        else:
            raise value.unsupported(
                label, "nodes are not chosen by this label",
                f"Known here: {REGION_LABELS[0]} and {CHIP_LABEL}.",
            )  # fmt: skip


def _narrow_chips(node: Node, name: str, draft: Draft) -> None:
    """Take the named model where the container asks for chips of its vendor."""
    needs = draft.value("needs.accelerators", ())
    if not needs:
        raise node.bad("the container asks for no chips", "Say `nvidia.com/gpu` in its limits.")
    try:
        named = chips.alternatives(draft.source.catalog, name, needs[0].count_milli)
    except words.BadWord as error:
        raise node.bad(error.problem, error.advice) from None
    place = draft.place("needs.accelerators") or node.place
    draft.put("needs.accelerators", named, place)
