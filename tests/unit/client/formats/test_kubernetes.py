"""Every field of a Kubernetes Job: honoured, named in a warning, or refused with its line."""

from typing import Any

import pytest

from hutong.client.formats import kubernetes_keys as table
from hutong.model.classes import LOW, URGENT
from hutong.model.job import (
    Affinity,
    ArraySpec,
    Constraints,
    JobSpec,
    Level,
    Program,
    RetryPolicy,
)
from hutong.model.resources import AcceleratorNeed, FrameworkNeed, TaskNeeds
from tests.unit.client.formats.manifests import line_of, manifest, read, read_all, refused
from tests.unit.client.formats.support import one, parse, refusal, said, warned


def test_a_plain_job_has_the_defaults_of_kubernetes() -> None:
    assert read() == JobSpec(
        "pi",
        Program(argv=("python", "pi.py")),
        retry=RetryPolicy(user_count=6),
        grace_ms=30_000,
        source="kubernetes",
    )


DEMANDED = "requiredDuringSchedulingIgnoredDuringExecution"
WISHED = "preferredDuringSchedulingIgnoredDuringExecution"


def beside(key: str) -> dict[str, Any]:
    """A term that means pods with the label `app: train`, in places that a key tells apart."""
    return {"topologyKey": key, "labelSelector": {"matchLabels": {"app": "train"}}}


NPU = "huawei.com/Ascend310P"

HONOURED: list[tuple[str, dict[str, Any], str, Any]] = [
    ("metadata", {"name": "a.b-c"}, "name", "a.b-c"),
    ("metadata", {"labels": {"app": "x", "a/b": ""}}, "labels", {"app": "x", "a/b": ""}),
    ("metadata", {"labels": {table.QUEUE_LABEL: "acme"}}, "tenant", "acme"),
    ("metadata", {"labels": {table.QUEUE_LABEL: "acme"}}, "labels", {}),
    ("metadata", {"labels": {table.PRIORITY_LABEL: "low"}}, "priority", LOW),
    ("spec", {"parallelism": 1}, "array", None),
    ("spec", {"completions": 1}, "array", None),
    ("spec", {"completions": 5}, "array", ArraySpec(5, max_parallel=1)),
    ("spec", {"completions": 5, "parallelism": 2}, "array", ArraySpec(5, max_parallel=2)),
    ("spec", {"completions": 5, "parallelism": 5}, "array", ArraySpec(5)),
    ("spec", {"completions": 5, "parallelism": 9}, "array", ArraySpec(5)),
    (
        "spec", {"completions": 8, "parallelism": 4, "completionMode": "Indexed"}, "array",
        ArraySpec(8, max_parallel=4),
    ),
    ("spec", {"completions": 1, "completionMode": "Indexed"}, "array", ArraySpec(1)),
    ("spec", {"completions": 2, "completionMode": "NonIndexed"}, "array.count", 2),
    ("spec", {"backoffLimit": 0}, "retry", RetryPolicy()),
    ("spec", {"backoffLimit": 2}, "retry", RetryPolicy(user_count=2)),
    ("spec", {"activeDeadlineSeconds": 90}, "time_limit_ms", 90_000),
    ("pod", {"activeDeadlineSeconds": 60}, "time_limit_ms", 60_000),
    ("spec", {"suspend": False}, "name", "pi"),
    ("template", {"metadata": {"labels": {"app": "x"}}}, "labels", {"app": "x"}),
    ("pod", {"restartPolicy": "OnFailure"}, "retry.user_count", 6),
    ("pod", {"terminationGracePeriodSeconds": 120}, "grace_ms", 120_000),
    ("pod", {"terminationGracePeriodSeconds": 0}, "grace_ms", 0),
    (
        "pod", {"nodeSelector": {"topology.kubernetes.io/region": "beijing"}}, "constraints",
        Constraints(regions=("cn-beijing",)),
    ),
    ("pod", {"priorityClassName": "urgent"}, "priority", URGENT),
    (
        "pod",
        {"affinity": {"podAffinity": {DEMANDED: [beside("kubernetes.io/hostname")]},
                      "podAntiAffinity": {WISHED: [
                          {"weight": 100, "podAffinityTerm": beside("topology.kubernetes.io/zone")},
                      ]}}},
        "affinity",
        (Affinity((("app", "train"),)),
         Affinity((("app", "train"),), Level.SITE, apart=True, required=False)),
    ),
    (
        "pod",
        {"affinity": {"podAffinity": {DEMANDED: [
            {"topologyKey": "topology.kubernetes.io/rack", "labelSelector": {"matchExpressions": [
                {"key": "tier", "operator": "In", "values": ["hot"]},
            ]}},
        ]}}},
        "affinity", (Affinity((("tier", "hot"),), Level.RACK),),
    ),
    (
        "pod",
        {"topologySpreadConstraints": [
            {"maxSkew": 1, "whenUnsatisfiable": "ScheduleAnyway",
             **beside("kubernetes.io/hostname")},
        ]},
        "affinity", (Affinity((("app", "train"),), apart=True, required=False),),
    ),
    (
        "container", {"command": ["sh"], "args": ["-c", "a\nb"]}, "program.argv",
        ("sh", "-c", "a\nb"),
    ),
    ("container", {"args": ["$(A)", "$$(A)", "$(B)"]}, "program.argv",
     ("python", "pi.py", "$(A)", "$(A)", "$(B)")),
    (
        "container", {"env": [{"name": "A", "value": "x"}, {"name": "B", "value": "$(A)y"}]},
        "program.env", {"A": "x", "B": "xy"},
    ),
    ("container", {"env": [{"name": "A"}]}, "program.env", {"A": ""}),
    ("container", {"env": [{"name": "A", "value": "$(B)"}]}, "program.env", {"A": "$(B)"}),
    (
        "container", {"env": [{"name": "A", "value": "x"}], "args": ["$(A)", "$$(A)"]},
        "program.argv", ("python", "pi.py", "x", "$(A)"),
    ),
    ("container", {"workingDir": "/data"}, "program.workdir", "/data"),
    ("container", {"image": "python:3.11"}, "labels", {"image": "python:3.11"}),
    (
        "container", {"resources": {"requests": {"cpu": "500m", "memory": "1Gi"}}}, "needs",
        TaskNeeds(500, 1024),
    ),
    (
        "container", {"resources": {"limits": {"cpu": 2, "memory": "128974848"}}}, "needs",
        TaskNeeds(2000, 123),
    ),
    (
        "container", {"resources": {"limits": {NPU: 8}}}, "needs.accelerators",
        (AcceleratorNeed("Ascend310P", 8000),),
    ),
    (
        "container", {"resources": {"requests": {NPU: "1"}, "limits": {NPU: "1"}}},
        "needs.accelerators", (AcceleratorNeed("Ascend310P", 1000),),
    ),
    (
        "container", {"resources": {"limits": {"huawei.com/Ascend910B3": 8}}}, "needs.accelerators",
        (AcceleratorNeed("Ascend910B3", 8000),),
    ),
    (
        "container", {"resources": {"limits": {"nvidia.com/gpu": 2}}}, "needs.accelerators",
        (AcceleratorNeed("any", 2000),),
    ),
    (
        "container", {"resources": {"limits": {"nvidia.com/gpu": 2}}}, "frameworks",
        (FrameworkNeed("cuda"),),
    ),
    ("container", {"resources": {"limits": {"nvidia.com/gpu": 0}}}, "needs.accelerators", ()),
    ("container", {"resources": None}, "needs", TaskNeeds()),
]  # fmt: skip


@pytest.mark.parametrize(
    ("part", "fields", "field", "value"), HONOURED, ids=lambda part: str(part)[:40]
)
def test_a_field_does_what_it_says(
    part: str, fields: dict[str, Any], field: str, value: Any
) -> None:
    found: Any = read(**{part: fields})
    for name in field.split("."):
        found = getattr(found, name)
    assert found == value


def test_every_honoured_field_has_a_case() -> None:
    reached = {(part, key) for part, fields, _, _ in HONOURED for key in fields}
    own = {("metadata", "generateName"), ("spec", "template"), ("pod", "containers"),
           ("container", "name")}  # fmt: skip
    for part, keys in (
        ("metadata", table.METADATA),
        ("spec", table.SPEC),
        ("pod", table.POD),
        ("container", table.CONTAINER),
    ):
        for key in keys.honoured:
            assert (part, key) in reached | own, (part, key)


@pytest.mark.parametrize(
    ("part", "key"),
    [
        *(("spec", key) for key in sorted(table.SPEC.refused)),
        *(("pod", key) for key in sorted(table.POD.refused)),
        *(("container", key) for key in sorted(table.CONTAINER.refused)),
    ],
)
def test_each_refused_field_is_refused_by_its_word(part: str, key: str) -> None:
    text = manifest(**{part: {key: {"a": "b"}}})
    error = refusal(text)
    code, line, word = said(error)
    assert code == "file.unsupported"
    assert line == line_of(text, f"{key}:")
    assert word.endswith(key)
    assert error.hint


@pytest.mark.parametrize(
    ("part", "key"),
    [
        *(("job", key) for key in sorted(table.JOB.unneeded)),
        *(("metadata", key) for key in sorted(table.METADATA.unneeded)),
        *(("spec", key) for key in sorted(table.SPEC.unneeded)),
        *(("pod", key) for key in sorted(table.POD.unneeded)),
        *(("container", key) for key in sorted(table.CONTAINER.unneeded)),
    ],
)
def test_each_unneeded_field_is_named_in_a_warning(part: str, key: str) -> None:
    text = manifest(**{part: {key: {"a": "b"}}})
    ((line, word),) = warned(parse(text))
    assert line == line_of(text, f"{key}:")
    assert word.endswith(key)


@pytest.mark.parametrize(
    ("parts", "word", "problem"),
    [
        ({"job": {"kind": "CronJob"}}, "kind: CronJob", "not repeated by the clock"),
        ({"job": {"kind": "Deployment"}}, "kind: Deployment", "services without an end"),
        ({"job": {"kind": "ConfigMap"}}, "kind: ConfigMap", "another kind of object"),
        (
            {"job": {"apiVersion": "batch.volcano.sh/v1alpha1"}},
            "apiVersion: batch.volcano.sh/v1alpha1", "another kind of Job",
        ),
        ({"spec": {"parallelism": 3}}, "parallelism", "one queue of work"),
        ({"spec": {"suspend": True}}, "suspend: true", "held back by hand"),
        ({"pod": {"containers": []}}, "containers", "there are 0"),
        (
            {"pod": {"containers": [{"command": ["a"]}, {"command": ["b"]}]}}, "containers",
            "there are 2",
        ),
        ({"pod": {"nodeSelector": {"disk": "ssd"}}}, "disk", "not chosen by this label"),
        (
            {"pod": {"nodeSelector": {"kubernetes.io/arch": "arm64"}}}, "kubernetes.io/arch",
            "not chosen by this label",
        ),
        (
            {"container": {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {}}}]}},
            "spec.template.spec.containers[0].env[0].valueFrom", "reads no secrets",
        ),
        (
            {"container": {"resources": {"limits": {"example.com/fpga": 1}}}}, "example.com/fpga",
            "counts no such resource",
        ),
        (
            {"container": {"resources": {"limits": {"nvidia.com/gpumem": 1000}}}},
            "nvidia.com/gpumem", "counts no such resource",
        ),
        (
            {"container": {"resources": {"limits": {"hugepages-2Mi": "4Mi"}}}}, "hugepages-2Mi",
            "counts no such resource",
        ),
        (
            {"container": {"resources": {"limits": {"nvidia.com/gpu": 1, NPU: 1}}}}, NPU,
            "a task takes one kind of chip",
        ),
        (
            {"container": {"resources": {"claims": [{"name": "x"}]}}},
            "spec.template.spec.containers[0].resources.claims", "chips are counted by resources",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_honoured_is_refused_by_its_word(
    parts: dict[str, dict[str, Any]], word: str, problem: str
) -> None:
    error = refused(**parts)
    assert (error.code, error.facts["word"]) == ("file.unsupported", word)
    assert problem in error.message
    assert error.hint


@pytest.mark.parametrize(
    ("parts", "key", "problem"),
    [
        ({"metadata": {"name": "Pi"}}, "metadata.name", "Kubernetes takes no such name"),
        ({"metadata": {"name": 5}}, "metadata.name", "text is wanted, not a number"),
        ({"metadata": {"name": True}}, "metadata.name", "YAML reads this word as yes or no"),
        ({"metadata": {"labels": {"a": 1}}}, "metadata.labels.a", "text is wanted"),
        (
            {"metadata": {"labels": {table.QUEUE_LABEL: "A_B"}}},
            f"metadata.labels.{table.QUEUE_LABEL}", "a queue is a tenant here",
        ),
        (
            {"metadata": {"labels": {table.PRIORITY_LABEL: "Gold"}}},
            f"metadata.labels.{table.PRIORITY_LABEL}", "names no priority class",
        ),
        ({"spec": {"completions": 0}}, "spec.completions", "it is less than 1"),
        ({"spec": {"completions": 2_000_000}}, "spec.completions", "the limit is 1000000"),
        ({"spec": {"parallelism": 0}}, "spec.parallelism", "it is less than 1"),
        ({"spec": {"completionMode": "Indexed"}}, "spec.completionMode", "are not said"),
        ({"spec": {"completionMode": "indexed"}}, "spec.completionMode", "none of the words"),
        ({"spec": {"backoffLimit": -1}}, "spec.backoffLimit", "it is negative"),
        ({"spec": {"activeDeadlineSeconds": 0}}, "spec.activeDeadlineSeconds", "less than 1"),
        ({"pod": {"restartPolicy": "Always"}}, "spec.template.spec.restartPolicy", "none of the"),
        (
            {"pod": {"terminationGracePeriodSeconds": 7200}},
            "spec.template.spec.terminationGracePeriodSeconds", "the limit is 3600",
        ),
        (
            {"pod": {"nodeSelector": {"topology.kubernetes.io/region": "us-east-1"}}},
            "spec.template.spec.nodeSelector.topology.kubernetes.io/region", "no such region",
        ),
        (
            {"pod": {"nodeSelector": {table.CHIP_LABEL: "NVIDIA-L4"}}},
            f"spec.template.spec.nodeSelector.{table.CHIP_LABEL}", "asks for no chips",
        ),
        (
            {"pod": {"priorityClassName": "System"}},
            "spec.template.spec.priorityClassName", "names no priority class",
        ),
        (
            {"container": {"command": None}}, "spec.template.spec.containers[0]",
            "without a `command` the image's own would run",
        ),
        (
            {"container": {"command": []}}, "spec.template.spec.containers[0].command",
            "it is empty",
        ),
        (
            {"container": {"command": ["a", 5]}}, "spec.template.spec.containers[0].command[1]",
            "text is wanted, not a number",
        ),
        (
            {"container": {"env": [{"name": "A", "value": 5}]}},
            "spec.template.spec.containers[0].env[0].value", "text is wanted, not a number",
        ),
        (
            {"container": {"env": [{"name": "A-B", "value": "x"}]}},
            "spec.template.spec.containers[0].env[0].name", "a shell takes no such variable",
        ),
        (
            {"container": {"env": [{"value": "x"}]}},
            "spec.template.spec.containers[0].env[0]", "it has no `name`",
        ),
        (
            {"container": {"workingDir": "data"}},
            "spec.template.spec.containers[0].workingDir", "not an absolute path",
        ),
        (
            {"container": {"resources": {"limits": {"cpu": "2x"}}}},
            "spec.template.spec.containers[0].resources.limits.cpu", "not a quantity",
        ),
        (
            {"container": {"resources": {"limits": {"cpu": "-2"}}}},
            "spec.template.spec.containers[0].resources.limits.cpu", "it is negative",
        ),
        (
            {"container": {"resources": {"limits": {"cpu": 0}}}},
            "spec.template.spec.containers[0].resources.limits.cpu", "it is zero",
        ),
        (
            {"container": {"resources": {"limits": {"memory": "1e99"}}}},
            "spec.template.spec.containers[0].resources.limits.memory", "the limit is 64 TiB",
        ),
        (
            {"container": {"resources": {"limits": {NPU: "500m"}}}},
            f"spec.template.spec.containers[0].resources.limits.{NPU}", "not a whole number",
        ),
        (
            {"container": {"resources": {"requests": {"cpu": 4}, "limits": {"cpu": 2}}}},
            "spec.template.spec.containers[0].resources.requests.cpu", "its limit is only 2",
        ),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_is_refused_with_its_key(
    parts: dict[str, dict[str, Any]], key: str, problem: str
) -> None:
    error = refused(**parts)
    assert (error.code, error.facts["key"]) == ("file.bad_value", key)
    assert problem in error.message
    assert error.hint


@pytest.mark.parametrize(
    ("parts", "key", "advice"),
    [
        ({"spec": {"backofLimit": 1}}, "spec.backofLimit", "Did you mean `backoffLimit`?"),
        ({"pod": {"restartPolicies": "x"}}, "restartPolicies", "Did you mean `restartPolicy`?"),
        ({"container": {"commands": []}}, "commands", "Did you mean `command`?"),
        ({"job": {"specs": {}}}, "specs", "Did you mean `spec`?"),
        ({"template": {"specs": {}}}, "specs", "Did you mean `spec`?"),
        (
            {"container": {"resources": {"limit": {}}}}, "limit", "Did you mean `limits`?",
        ),
    ],
)  # fmt: skip
def test_an_unknown_field_is_answered_with_the_nearest(
    parts: dict[str, dict[str, Any]], key: str, advice: str
) -> None:
    error = refused(**parts)
    assert error.code == "file.unknown_key"
    assert str(error.facts["key"]).endswith(key)
    assert advice in error.hint


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("kind: Job\n", 1, "the object has no `apiVersion`"),
        ("apiVersion: batch/v1\n", 1, "the object has no `kind`"),
        ("apiVersion: batch/v1\nkind: Job\n", 1, "the Job has no `metadata`"),
        ("apiVersion: batch/v1\nkind: Job\nmetadata: {name: a}\n", 1, "the Job has no `spec`"),
        (
            "apiVersion: batch/v1\nkind: Job\nmetadata: {labels: {}}\nspec: {}\n", 3,
            "the Job has no `name`",
        ),
        (
            "apiVersion: batch/v1\nkind: Job\nmetadata: {name: a}\nspec: {backoffLimit: 1}\n", 4,
            "the Job's spec has no `template`",
        ),
        (
            "apiVersion: batch/v1\nkind: Job\nmetadata: {name: a}\nspec: {template: {}}\n", 4,
            "the template has no `spec`",
        ),
    ],
)  # fmt: skip
def test_what_a_job_must_have_is_asked_for(text: str, line: int, problem: str) -> None:
    error = refusal(text)
    assert error.message == f"job, line {line}: {problem}."
    assert error.hint


def test_a_restart_policy_is_asked_for_as_kubernetes_does() -> None:
    text = manifest().replace("      restartPolicy: Never\n", "")
    assert "it has no `restartPolicy`" in refusal(text).message


def test_a_generated_name_loses_its_dash() -> None:
    text = manifest().replace("name: pi", "generateName: pi-")
    assert one(text).name == "pi"


def test_a_suspended_job_with_a_queue_waits_like_any_other() -> None:
    parsed = read_all(metadata={"labels": {table.QUEUE_LABEL: "acme"}}, spec={"suspend": True})
    ((_, word),) = warned(parsed)
    assert word == "suspend"


def test_a_limit_over_all_attempts_is_said_to_be_one_of_each() -> None:
    ((_, word),) = warned(read_all(spec={"activeDeadlineSeconds": 60}))
    assert word == "spec.activeDeadlineSeconds"
    assert not warned(read_all(spec={"activeDeadlineSeconds": 60, "backoffLimit": 0}))


def test_the_shorter_of_two_limits_counts() -> None:
    both = read(spec={"activeDeadlineSeconds": 60}, pod={"activeDeadlineSeconds": 30})
    assert both.time_limit_ms == 30_000


def test_storage_on_a_node_is_not_counted_and_linux_is_everywhere() -> None:
    parsed = read_all(
        pod={"nodeSelector": {"kubernetes.io/os": "linux"}},
        container={"resources": {"limits": {"ephemeral-storage": "1Gi"}}},
    )
    assert {word for _, word in warned(parsed)} == {"kubernetes.io/os", "ephemeral-storage"}


def test_several_jobs_of_a_file_stand_side_by_side_and_json_is_read() -> None:
    parsed = parse(manifest() + "---\n" + manifest(metadata={"name": "other"}))
    assert [job.name for job in parsed.jobs] == ["pi", "other"]
    assert not parsed.jobs[1].depends_on
    text = (
        '{"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "pi"}, "spec": {"template":'
        ' {"spec": {"restartPolicy": "Never", "containers": [{"command": ["true"]}]}}}}'
    )
    assert one(text).program.argv == ("true",)


def test_an_object_of_another_kind_beside_a_job_is_refused() -> None:
    text = manifest() + "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n"
    error = refusal(text)
    assert said(error) == ("file.unsupported", line_of(text, "ConfigMap"), "kind: ConfigMap")
