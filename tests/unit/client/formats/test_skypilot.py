"""Every key of a SkyPilot task: honoured, named in a warning, or refused with its line."""

from pathlib import Path
from typing import Any

import pytest

from hutong.client.formats import folder_reader, link_names, read_jobs
from hutong.client.formats import skypilot_keys as table
from hutong.model.classes import HIGH, NORMAL
from hutong.model.errors import HutongError
from hutong.model.ids import JobId
from hutong.model.job import (
    Dependency,
    DependencyKind,
    JobSpec,
    Objective,
    Program,
    RetryPolicy,
    Terms,
)
from hutong.model.resources import AcceleratorNeed
from tests.unit.client.formats.support import one, parse, refusal, said, warned


def task(*lines: str) -> str:
    return "\n".join(["name: t", "run: echo hi", *lines]) + "\n"


def resources(*lines: str) -> str:
    return task("resources:", *(f"  {line}" for line in lines))


def job(text: str) -> JobSpec:
    return one(text, "skypilot")


def refused(text: str) -> HutongError:
    return refusal(text, "skypilot")


def test_a_task_runs_its_script() -> None:
    assert job(task()) == JobSpec("t", Program(script="echo hi"), source="skypilot")


T4 = AcceleratorNeed("T4", 1000)

HONOURED: list[tuple[str, str, Any]] = [
    (task("num_nodes: 4"), "tasks", 4),
    (task("setup: pip install x"), "program.setup", "pip install x"),
    (task("setup:", "workdir:", "file_mounts:", "resources:"), "program.setup", ""),
    (task("envs: {A: b, N: 10}"), "program.env", {"A": "b", "N": "10"}),
    (task("execution: serial"), "tasks", 1),
    (resources("cpus: 8"), "needs.cpu_milli", 8000),
    (resources("cpus: 4+"), "needs.cpu_milli", 4000),
    (resources("cpus: '0.5+'"), "needs.cpu_milli", 500),
    (resources("memory: 32"), "needs.memory_mib", 32 * 1024),
    (resources("memory: 32+"), "needs.memory_mib", 32 * 1024),
    (resources("memory: 32GB"), "needs.memory_mib", 32 * 1024),
    (resources("memory: 512MB+"), "needs.memory_mib", 512),
    (resources("memory: 0.5"), "needs.memory_mib", 512),
    (resources("memory: 1TiB"), "needs.memory_mib", 1024**2),
    (resources("cpus: 8", "memory: 4x"), "needs.memory_mib", 32 * 1024),
    (resources("cpus: 8+", "memory: 4x+"), "needs.memory_mib", 32 * 1024),
    (resources("accelerators: T4"), "needs.accelerators", (T4,)),
    (resources("accelerators: T4:4"), "needs.accelerators", (AcceleratorNeed("T4", 4000),)),
    (resources("accelerators: T4:0.5"), "needs.accelerators", (AcceleratorNeed("T4", 500),)),
    (resources("accelerators: {T4: 4}"), "needs.accelerators", (AcceleratorNeed("T4", 4000),)),
    (
        resources("accelerators: [L4:2, T4:1]"), "needs.accelerators",
        (AcceleratorNeed("L4", 2000), T4),
    ),
    (resources("accelerators: [L4:2, T4:1]"), "objective", Objective.TIME),
    (
        resources("accelerators: {L4:2, T4:1}"), "needs.accelerators",
        (AcceleratorNeed("L4", 2000), T4),
    ),
    (resources("accelerators: {L4:2, T4:1}"), "objective", Objective.COST),
    (
        resources("any_of:", "  - accelerators: L4:2", "  - accelerators: T4"),
        "needs.accelerators", (AcceleratorNeed("L4", 2000), T4),
    ),
    (resources("any_of: [{accelerators: L4}, {accelerators: T4}]"), "objective", Objective.COST),
    (resources("ordered: [{accelerators: L4}, {accelerators: T4}]"), "objective", Objective.TIME),
    (
        resources("any_of: [{region: beijing}, {infra: '*/tianjin'}]"), "constraints.regions",
        ("cn-beijing", "cn-tianjin"),
    ),
    (resources("region: cn-beijing"), "constraints.regions", ("cn-beijing",)),
    (resources("infra: '*/beijing'"), "constraints.regions", ("cn-beijing",)),
    (resources("infra: '*'"), "constraints.regions", ()),
    (resources("infra: k8s/bj-1"), "constraints.sites", ("bj-1",)),
    (resources("infra: slurm/bj-1/a100"), "constraints.pools", ("bj-1/a100",)),
    (resources("infra: ssh/rack-2"), "constraints.sites", ("rack-2",)),
    (resources("infra:", "cloud:", "region:"), "constraints.sites", ()),
    (resources("cloud: kubernetes"), "constraints.sites", ()),
    (resources("use_spot: true"), "preemptible", True),
    (resources("use_spot: true"), "commercial.terms", (Terms.SPOT,)),
    (resources("use_spot: false"), "preemptible", True),
    (resources("use_spot: false"), "commercial.terms", ()),
    (
        resources("ordered: [{use_spot: true}, {use_spot: false}]"), "commercial.terms",
        (Terms.SPOT, Terms.ON_DEMAND),
    ),
    (
        resources("job_recovery: {max_restarts_on_errors: 3}"), "retry",
        RetryPolicy(user_count=3),
    ),
    (
        resources("job_recovery: {recover_on_exit_codes: [33, 34]}"), "retry",
        RetryPolicy(user_count=100, user_exit_codes=(33, 34)),
    ),
    (
        resources("spot_recovery: {recover_on_exit_codes: 33, max_restarts_on_errors: 0}"), "retry",
        RetryPolicy(user_count=100, user_exit_codes=(33,)),
    ),
    (resources("labels: {team: a}"), "labels", {"team": "a"}),
    (resources("image_id: docker:nvcr.io/x:1"), "labels", {"image": "nvcr.io/x:1"}),
    (resources("image_id:"), "labels", {}),
    (resources("priority: 0"), "priority", NORMAL),
    (resources("priority_class: high"), "priority", HIGH),
]  # fmt: skip


@pytest.mark.parametrize(("text", "field", "value"), HONOURED, ids=lambda part: str(part)[20:70])
def test_a_key_sets_its_field(text: str, field: str, value: Any) -> None:
    found: Any = job(text)
    for name in field.split("."):
        found = getattr(found, name)
    assert found == value


def test_every_honoured_key_has_a_case() -> None:
    everything = "\n".join(text for text, _, _ in HONOURED)
    for key in (*table.TASK.honoured, *table.RESOURCES.honoured, *table.RECOVERY.honoured):
        if key != "strategy":  # by a test of its own
            assert f"{key}:" in everything, key


@pytest.mark.parametrize("key", sorted(table.TASK.refused))
def test_each_refused_key_of_a_task_is_refused_by_its_word(key: str) -> None:
    error = refused(task(f"{key}: {{a: b}}"))
    assert said(error) == ("file.unsupported", 3, key)
    assert table.TASK.refused[key][0] in error.message
    assert error.hint


@pytest.mark.parametrize("key", sorted(table.RESOURCES.refused))
def test_each_refused_resource_is_refused_by_its_word(key: str) -> None:
    error = refused(resources("cpus: 4", f"{key}: x"))
    assert said(error) == ("file.unsupported", 5, f"resources.{key}")
    assert error.hint


@pytest.mark.parametrize("key", sorted(table.RESOURCES.unneeded))
def test_each_unneeded_resource_is_named_in_a_warning(key: str) -> None:
    assert warned(parse(resources("cpus: 4", f"{key}: 100"), "skypilot")) == [
        (5, f"resources.{key}")
    ]


@pytest.mark.parametrize(
    ("text", "line", "word", "problem"),
    [
        (task("workdir: {url: 'https://x/y.git'}"), 3, "workdir", "repositories are not fetched"),
        (task("workdir: ."), 3, "workdir: .", "no folders can be read here"),
        (task("workdir: ~/code"), 3, "workdir: ~/code", "no folders can be read here"),
        (task("file_mounts:", "  /data: s3://b"), 4, "s3://b", "nothing is fetched from outside"),
        (task("file_mounts:", "  /x: ./a"), 4, "/x", "into the job's own directory only"),
        (task("file_mounts:", "  ~/x: ./a"), 4, "~/x", "into the job's own directory only"),
        (
            task("file_mounts:", "  d: {source: s3://b, mode: MOUNT}"), 4,
            "file_mounts.d.source", "nothing is fetched from object stores yet",
        ),
        (resources("infra: aws"), 4, "resources.infra: aws", "no site is in that cloud"),
        (resources("infra: aws/us-east-1"), 4, "resources.infra: aws/us-east-1", "no site is"),
        (resources("cloud: gcp"), 4, "resources.cloud: gcp", "no site is in that cloud"),
        (resources("cloud: mycloud"), 4, "resources.cloud: mycloud", "it is no cloud that is"),
        (resources("infra: '*/beijing/zone-a'"), 4, "*/beijing/zone-a", "zones inside a region"),
        (resources("region: us-east-1"), 4, "resources.region: us-east-1", "no such region"),
        (resources("image_id: ami-123"), 4, "resources.image_id", "images of machines"),
        (resources("image_id: {us-east-1: ami-1}"), 4, "resources.image_id", "images of machines"),
        (resources("accelerators: {V9000:8}"), 4, "V9000:8", "knows no such accelerator"),
        (resources("accelerators: {V9000: 8}"), 4, "V9000", "knows no such accelerator"),
        (
            resources("any_of: [{accelerators: T4, region: beijing}]"), 4, "resources.any_of",
            "in their accelerators, in their regions, or in `use_spot`",
        ),
        (
            resources("any_of: [{accelerators: T4}, {region: beijing}]"), 4, "resources.any_of",
            "alternatives may differ",
        ),
        (resources("any_of: [{infra: k8s/a}]"), 4, "resources.any_of[0]", "not sites"),
        (
            resources("job_recovery: {max_restarts_on_errors: 1, recover_on_exit_codes: [3]}"), 4,
            "resources.job_recovery.recover_on_exit_codes", "counted once for all exit codes",
        ),
        ("name: p\nexecution: parallel\n---\nrun: a\n", 2, "execution: parallel", "one after"),
    ],
)  # fmt: skip
def test_what_cannot_be_honoured_is_refused_by_its_word(
    text: str, line: int, word: str, problem: str
) -> None:
    error = refused(text)
    assert said(error) == ("file.unsupported", line, word)
    assert problem in error.message
    assert error.hint


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        (task("num_nodes: 0"), 3, "it is less than 1"),
        (task("num_nodes: many"), 3, "it is not a plain number"),
        (task("envs: {A: }"), 3, "SkyPilot would ask for it on the command line"),
        (task("envs: {A: true}"), 3, "YAML reads this word as yes or no"),
        (task("file_mounts: {a: b}"), 3, "no files can be read here"),
        (resources("cpus: 0"), 4, "it is zero"),
        (resources("cpus: -4+"), 4, "it is negative"),
        (resources("memory: 0"), 4, "it is zero"),
        (resources("memory: lots"), 4, "it is not a plain number"),
        (resources("memory: 4x"), 4, "no `cpus` are said"),
        (resources("memory: 100000000"), 4, "the limit is 64 TiB"),
        (resources("accelerators: T4:-1"), 4, "it is negative"),
        (resources("accelerators: []"), 4, "it is empty"),
        (resources("accelerators: {T4:1: 2}"), 4, "the number is in its name already"),
        (resources("infra: k8s/UPPER"), 4, "it does not name a site"),
        (resources("infra: k8s/a/b"), 4, "it does not name a site"),
        (resources("infra: k8s/a", "region: beijing"), 5, "`infra` says it already"),
        (resources("accelerators: T4", "any_of: [{accelerators: L4}]"), 5, "said outside as well"),
        (resources("any_of: [T4]"), 4, "an alternative is a mapping"),
        (
            resources("any_of: [{accelerators: T4}]", "ordered: []"),
            4,
            "both `any_of` and `ordered`",
        ),
        (resources("priority: 500"), 4, "priority is a class here, not a number"),
        (resources("priority: -500"), 4, "priority is a class here, not a number"),
        (resources("priority_class: Gold"), 4, "that names no priority class"),
        (resources("use_spot: maybe"), 4, "it is neither true nor false"),
        (resources("job_recovery: {max_restarts_on_errors: 1000}"), 4, "the limit is 100"),
        (resources("labels: {a: [b]}"), 4, "one value is wanted"),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_its_line(
    text: str, line: int, problem: str
) -> None:
    error = refused(text)
    assert error.code == "file.bad_value"
    assert error.facts["line"] == line
    assert problem in error.message


@pytest.mark.parametrize(
    ("text", "key", "advice"),
    [
        (task("num_node: 2"), "num_node", "Did you mean `num_nodes`?"),
        (task("env: {}"), "env", "Here it is `envs`."),
        (resources("acelerators: T4"), "resources.acelerators", "Did you mean `accelerators`?"),
        (resources("gpus: 2"), "resources.gpus", "Here it is `accelerators`."),
        (resources("any_of: [{cpus: 2}]"), "resources.any_of[0].cpus", ""),
        (resources("job_recovery: {max_restart: 2}"), "resources.job_recovery.max_restart", "Did"),
    ],
)
def test_an_unknown_key_is_answered_with_the_nearest(text: str, key: str, advice: str) -> None:
    error = refused(text)
    assert said(error)[0] == "file.unknown_key"
    assert said(error)[2] == key
    assert advice in error.hint


def test_a_task_needs_something_to_run() -> None:
    for text in ("name: t\nsetup: a\n", "name: t\nrun:\n"):
        assert refused(text).message == "job, line 1: the task has nothing to run."


def test_a_recovery_strategy_is_warned_of() -> None:
    for line in ("job_recovery: FAILOVER", "job_recovery: {strategy: FAILOVER}"):
        assert warned(parse(resources(line), "skypilot")) == [(4, "FAILOVER")]


def test_an_image_and_an_unnamed_cluster_are_warned_of() -> None:
    assert warned(parse(resources("image_id: docker:x"), "skypilot")) == [(4, "x")]
    assert warned(parse(resources("infra: k8s"), "skypilot")) == [(4, "resources.infra")]


# Pipelines


def test_tasks_of_a_pipeline_wait_for_each_other() -> None:
    parsed = parse(
        "name: flow\n---\nname: a\nrun: x\n---\nrun: y\n---\nname: a\nrun: z\n", "skypilot"
    )
    assert [job.name for job in parsed.jobs] == ["a", "flow-2", "a-3"]
    assert [job.depends_on for job in parsed.jobs] == [
        (),
        (Dependency(DependencyKind.AFTER_OK, JobId("a")),),
        (Dependency(DependencyKind.AFTER_OK, JobId("flow-2")),),
    ]
    assert link_names(parsed.jobs) == ({}, {"a": 0}, {"flow-2": 1})


def test_a_task_without_a_name_has_the_files() -> None:
    assert read_jobs("num_nodes: 1\nrun: a\n", "dir/fine-tune.yaml").jobs[0].name == "fine-tune"
    two = read_jobs("num_nodes: 1\nrun: a\n---\nrun: b\n", "x.yml").jobs
    assert [job.name for job in two] == ["x-1", "x-2"]


# Files


def test_small_files_are_mounted_below_the_working_directory(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("x: 1\n")
    text = task("file_mounts: {conf/a.yaml: ./a.yaml}")
    (found,) = read_jobs(text, "t", format="skypilot", attach=folder_reader(tmp_path)).jobs
    assert [(file.name, file.content) for file in found.program.files] == [
        ("conf/a.yaml", "x: 1\n")
    ]


def test_a_small_folder_travels_as_the_workdir(tmp_path: Path) -> None:
    code = tmp_path / "code"
    (code / "pkg").mkdir(parents=True)
    (code / ".git").mkdir()
    (code / ".git" / "config").write_text("secret")
    (code / "train.py").write_text("print()\n")
    (code / "pkg" / "run.sh").write_text("echo\n")
    (code / "pkg" / "run.sh").chmod(0o755)
    for workdir in ("code", "./code/"):
        text = task(f"workdir: {workdir}")
        (found,) = read_jobs(text, "t", format="skypilot", attach=folder_reader(tmp_path)).jobs
        assert [(file.name, file.executable) for file in found.program.files] == [
            ("pkg/run.sh", True),
            ("train.py", False),
        ]
    mounted = task("workdir: code", "file_mounts: {train.py: code/pkg/run.sh}")
    (found,) = read_jobs(mounted, "t", format="skypilot", attach=folder_reader(tmp_path)).jobs
    assert [file.content for file in found.program.files] == ["echo\n", "echo\n"]


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda code: (code / ".gitignore").write_text("*.pt"), ".gitignore leaves out"),
        (lambda code: (code / "big").write_bytes(b"a" * 600_000), "larger than 512 KiB"),
        (lambda code: (code / "data.bin").write_bytes(b"\xff"), "not UTF-8 text"),
        (lambda code: (code / "link").symlink_to("/etc/passwd"), "it is a symbolic link"),
        (
            lambda code: [(code / f"f{number}").write_text("") for number in range(70)],
            "more than 64 files",
        ),
    ],
)
def test_a_folder_that_cannot_travel_whole_is_refused(
    tmp_path: Path, make: Any, problem: str
) -> None:
    (tmp_path / "code").mkdir()
    make(tmp_path / "code")
    with pytest.raises(HutongError) as caught:
        read_jobs(task("workdir: code"), "t", format="skypilot", attach=folder_reader(tmp_path))
    assert said(caught.value) == ("file.unsupported", 3, "workdir: code")
    assert problem in caught.value.message


@pytest.mark.parametrize("path", ["..", "../x", "/etc", "nothing", "file"])
def test_a_workdir_outside_or_missing_is_refused(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HutongError) as caught:
        read_jobs(task(f"workdir: {path}"), "t", format="skypilot", attach=folder_reader(tmp_path))
    assert said(caught.value) == ("file.unsupported", 3, f"workdir: {path}")
