"""Every key of hutong YAML: what it does, and what it says to a value it does not take."""

from typing import Any

import pytest

from hutong.client.formats import hutong as reader
from hutong.client.formats.hutong_gang import GROUP_KEYS
from hutong.client.formats.hutong_needs import RESOURCES_KEYS
from hutong.client.formats.hutong_place import INPUT_KEYS, PREFER_KEYS
from hutong.client.formats.nodes import Keys
from hutong.model.classes import BEST_EFFORT, URGENT
from hutong.model.ids import JobId
from hutong.model.job import (
    Affinity,
    ArraySpec,
    Commercial,
    Constraints,
    DataInput,
    Dependency,
    DependencyKind,
    DomesticRule,
    Elastic,
    JobSpec,
    Layout,
    Level,
    Objective,
    Preferences,
    Program,
    RetryPolicy,
    TaskGroup,
    Terms,
    Workload,
)
from hutong.model.resources import AcceleratorNeed, FrameworkNeed, TaskNeeds
from tests.unit.client.formats.support import (
    NOW_MS,
    hutong,
    one,
    parse,
    refusal,
    said,
    warned,
)


def job(*lines: str) -> JobSpec:
    return one(hutong(*lines))


def test_a_name_and_something_to_run_make_a_job() -> None:
    assert job() == JobSpec("train", Program(script="python train.py"), source="hutong")


def test_a_command_is_a_list_of_words() -> None:
    program = one("name: a\ncommand: [python, -c, 'print(1)', 10, 0.5, '']\n").program
    assert program == Program(argv=("python", "-c", "print(1)", "10", "0.5", ""))


A100S = ("A100-40GB", "A100-80GB", "A100-40GB-PCIe", "A100-80GB-PCIe")

HONOURED: list[tuple[str, str, Any]] = [
    ("setup: pip install x", "program.setup", "pip install x"),
    (
        "env: {A: b, N: 10, F: 0.50, G: 2.0e-5, H: 1e-4, I: -3, E: ''}", "program.env",
        {"A": "b", "N": "10", "F": "0.50", "G": "2.0e-5", "H": "1e-4", "I": "-3", "E": ""},
    ),
    ("workdir: /data/run", "program.workdir", "/data/run"),
    ("tenant: acme/vision/ocr", "tenant", "acme/vision/ocr"),
    ("priority: urgent", "priority", URGENT),
    ("priority: best-effort", "priority", BEST_EFFORT),
    ("tasks: 16", "tasks", 16),
    ("resources: {cpus: 4, memory: 8GiB}", "needs", TaskNeeds(4000, 8192)),
    ("resources: {cpus: '0.5'}", "needs.cpu_milli", 500),
    ("resources: {accelerators: T4}", "needs.accelerators", (AcceleratorNeed("T4", 1000),)),
    ("resources: {accelerators: 'T4:0.25'}", "needs.accelerators", (AcceleratorNeed("T4", 250),)),
    (
        "resources: {accelerators: 'A100:8'}", "needs.accelerators",
        tuple(AcceleratorNeed(name, 8000) for name in A100S),
    ),
    (
        "resources: {accelerators: ['A100-80GB:8', '910B3:4']}", "needs.accelerators",
        (AcceleratorNeed("A100-80GB", 8000), AcceleratorNeed("Ascend910B3", 4000)),
    ),
    (
        "resources: {accelerators: {910B3: 8, T4: {count: 2, speed: 0.25}, L4: }}",
        "needs.accelerators",
        (AcceleratorNeed("Ascend910B3", 8000), AcceleratorNeed("T4", 2000, 250),
         AcceleratorNeed("L4", 1000)),
    ),
    (
        "resources: {accelerators: [{model: H800, count: 8, speed: 1}, {model: any}]}",
        "needs.accelerators",
        (AcceleratorNeed("H800", 8000, 1000), AcceleratorNeed("any", 1000)),
    ),
    (
        "resources: {accelerators: {model: h20, count: 2}}", "needs.accelerators",
        (AcceleratorNeed("H20", 2000),),
    ),
    (
        "frameworks: ['torch>=2.1', cuda]", "frameworks",
        (FrameworkNeed("torch", "2.1"), FrameworkNeed("cuda")),
    ),
    ("frameworks: cann>=8.0", "frameworks", (FrameworkNeed("cann", "8.0"),)),
    ("array: 100", "array", ArraySpec(100)),
    ("array: 0-99%10", "array", ArraySpec(100, max_parallel=10)),
    ("array: '7'", "array", ArraySpec(1, first=7)),
    (
        "array: {count: 5, first: 10, step: 10, max_parallel: 2}", "array",
        ArraySpec(5, 10, 10, 2),
    ),
    ("array: {range: '1-9:2', max_parallel: 3}", "array", ArraySpec(5, 1, 2, 3)),
    ("time_limit: 2h30m", "time_limit_ms", 9_000_000),
    ("estimate: 45m", "estimate_ms", 2_700_000),
    ("deadline: 2026-11-22T20:00:00+08:00", "deadline_ms", NOW_MS + 4 * 3_600_000),
    ("deadline: +6h", "deadline_ms", NOW_MS + 6 * 3_600_000),
    ("not_before: '+30m'", "not_before_ms", NOW_MS + 1_800_000),
    ("budget: 120 CNY", "budget_microcny", 120_000_000),
    ("objective: cost", "objective", Objective.COST),
    ("objective: balanced", "objective", Objective.BALANCED),
    (
        ("where: {regions: [beijing, 天津], jurisdictions: CN-BJ, sites: bj-1, domestic: only, "
         "pools: [bj-1/a100, cpu], exclude_sites: tj-2, owners: [Tsinghua]}"),
        "constraints",
        Constraints(
            ("cn-beijing", "cn-tianjin"), ("CN-BJ",), ("bj-1",), ("bj-1/a100", "cpu"), ("tj-2",),
            ("Tsinghua",), DomesticRule.ONLY,
        ),
    ),
    (
        "depends_on: [prep, j42]", "depends_on",
        (Dependency(DependencyKind.AFTER_OK, JobId("prep")),
         Dependency(DependencyKind.AFTER_OK, JobId("j42"))),
    ),
    (
        "depends_on: {afterany: j1, afternotok: [j2]}", "depends_on",
        (Dependency(DependencyKind.AFTER_ANY, JobId("j1")),
         Dependency(DependencyKind.AFTER_NOT_OK, JobId("j2"))),
    ),
    ("retry: 2", "retry", RetryPolicy(user_count=2)),
    (
        "retry: {user: 2, machine: 1, site: 0, exit_codes: [137, 139]}", "retry",
        RetryPolicy(2, 1, 0, (137, 139)),
    ),
    ("grace: 2m", "grace_ms", 120_000),
    ("grace: 0s", "grace_ms", 0),
    ("preemptible: false", "preemptible", False),
    ("preemptible: no", "preemptible", False),
    ("min_run: 10m", "min_run_ms", 600_000),
    ("exclusive: true", "exclusive", True),
    ("labels: {team: vision, run: 7}", "labels", {"team": "vision", "run": "7"}),
    ("workload: inference", "workload", Workload.INFERENCE),
    ("weigh: {cost: 70%}", "cost_weight_milli", 700),
    ("weigh: {time: 87.5%}", "cost_weight_milli", 125),
    ("weigh: {cost: 0%, time: 100%}", "cost_weight_milli", 0),
    (
        "prefer: {regions: [beijing], jurisdictions: CN-BJ, sites: bj-1, owners: [Tsinghua]}",
        "preferences", Preferences(("cn-beijing",), ("CN-BJ",), ("Tsinghua",), ("bj-1",)),
    ),
    (
        "inputs: [{name: imagenet, size: 150GiB, at: [bj-1, cn-tianjin]}, {name: tok, size: 2GB}]",
        "inputs",
        (DataInput("imagenet", 153_600, ("bj-1", "cn-tianjin")), DataInput("tok", 1908)),
    ),
    ("tasks: 4..16", "elastic", Elastic(4)),
    ("tasks: 4..16", "tasks", 16),
    ("tasks: 4 .. 4", "elastic", Elastic(4)),
    ("resize: true\ntasks: 4..16", "elastic", Elastic(4, resize=True)),
    ("resize: false", "elastic", None),
    (
        "groups: {head: {resources: {cpus: 4}}, ps: {tasks: 2, command: [serve]}}", "groups",
        (TaskGroup("head", 1, TaskNeeds(4000)),
         TaskGroup("ps", 2, TaskNeeds(), Program(argv=("serve",)))),
    ),
    ("layout: spread", "layout", Layout.SPREAD),
    ("within: rack", "within", Level.RACK),
    ("near: {app: train}", "affinity", (Affinity((("app", "train"),)),)),
    (
        "near: [{app: train, level: rack, required: false}, {labels: {level: 3, a: ''}}]",
        "affinity",
        (Affinity((("app", "train"),), Level.RACK, required=False),
         Affinity((("level", "3"), ("a", "")))),
    ),
    (
        "apart: {app: serve, level: site}", "affinity",
        (Affinity((("app", "serve"),), Level.SITE, apart=True),),
    ),
    ("checkpoint: 10m", "checkpoint_ms", 600_000),
    ("commercial: never", "commercial", Commercial(allowed=False)),
    (
        "commercial: {after: 15m, terms: [spot, reserved]}", "commercial",
        Commercial(after_ms=900_000, terms=(Terms.SPOT, Terms.RESERVED)),
    ),
    ("commercial: {after: 0s, terms: on-demand}", "commercial.terms", (Terms.ON_DEMAND,)),
    ("split: true", "split", True),
]  # fmt: skip


@pytest.mark.parametrize(("line", "field", "value"), HONOURED, ids=lambda part: str(part)[:40])
def test_a_key_sets_its_field(line: str, field: str, value: Any) -> None:
    found: Any = job(line)
    for name in field.split("."):
        found = getattr(found, name)
    assert found == value


def test_a_group_runs_what_the_job_runs_but_for_what_it_says_itself() -> None:
    (head, ps) = job(
        "env: {A: b}", "setup: prepare", "workdir: /data",
        "groups: {head: {run: start, env: {C: d}}, ps: {setup: '', workdir: , files: []}}",
    ).groups  # fmt: skip
    assert head.program == Program("start", setup="prepare", env={"C": "d"}, workdir="/data")
    assert ps.program == Program("python train.py", env={"A": "b"})


def test_a_group_is_refused_a_script_and_a_command() -> None:
    error = refusal(hutong("groups: {head: {run: a, command: [b]}}"))
    assert (error.code, error.facts["word"]) == ("file.unsupported", "groups.head.command")


def test_every_key_has_a_case() -> None:
    reached = {line.partition(":")[0] for line, _, _ in HONOURED}
    reached |= {"name", "run", "command", "files"}  # by tests of their own
    assert reached == set(reader.JOB_KEYS.honoured)


BAD: list[tuple[str, str, str]] = [
    ("workload: train", "workload", "it is none of the words it takes"),
    ("weigh: {cost: 0.7}", "weigh.cost", "the `%` is missing"),
    ("weigh: {cost: 170%}", "weigh.cost", "it is more than 100%"),
    ("weigh: {cost: 1.25%}", "weigh.cost", "finer than a tenth of a percent"),
    ("weigh: {cost: -1%}", "weigh.cost", "it is negative"),
    ("weigh: {cost: 70%, time: 40%}", "weigh", "not 100% together"),
    ("weigh: {}", "weigh", "it is empty"),
    ("objective: cost\nweigh: {cost: 70%}", "weigh", "the `objective` says it already"),
    ("prefer: {sites: Bad}", "prefer.sites", "it is not the name of a site"),
    ("inputs: {a: 1GiB}", "inputs", "a list is wanted"),
    ("inputs: [{name: a}]", "inputs[0]", "it has no `size`"),
    ("inputs: [{size: 1GiB}]", "inputs[0]", "it has no `name`"),
    ("inputs: [{name: a, size: 150}]", "inputs[0].size", "the unit is missing"),
    ("inputs: [{name: a, size: 2048TiB}]", "inputs[0].size", "the limit is 1024 TiB"),
    ("inputs: [{name: a, size: 1GiB}, {name: a, size: 1GiB}]", "inputs", "it is named twice"),
    ("tasks: 16..4", "tasks", "the range runs backwards"),
    ("tasks: 0..4", "tasks", "it is less than 1"),
    ("tasks: 4..", "tasks", "it is not a plain number"),
    ("tasks: 4-16", "tasks", "it is not a plain number"),
    ("resize: true", "resize", "the job has one size"),
    ("groups: [head]", "groups", "a mapping is wanted"),
    ("groups: {Head: {}}", "groups.Head", "cannot be its name"),
    ("groups: {tasks: {}}", "groups", "this name means other tasks of the job"),
    ("groups: {head: {tasks: 0}}", "groups.head.tasks", "it is less than 1"),
    ("groups: {head: {resources: {cpus: 0}}}", "groups.head.resources.cpus", "it is zero"),
    ("tasks: 2..4\ngroups: {head: {}}", "tasks", "a gang with groups has one size"),
    ("layout: wide", "layout", "it is none of the words it takes"),
    ("within: row", "within", "it is none of the words it takes"),
    ("layout: spread\ntasks: 2\nwithin: node", "within", "do not lie on one node"),
    ("near: {level: rack}", "near", "it names no labels"),
    ("near: {app: a, level: row}", "near.level", "it is none of the words it takes"),
    ("near: {app: a}\napart: {app: a}", "apart", "beside these jobs and apart"),
    ("checkpoint: 10", "checkpoint", "the unit is missing"),
    ("commercial: always", "commercial", "it is none of the words it takes"),
    ("commercial: {}", "commercial", "it is empty"),
    ("commercial: {terms: [cheap]}", "commercial.terms[0]", "it is none of the words it takes"),
    ("commercial: {terms: []}", "commercial.terms", "it is empty"),
    ("within: rack\nsplit: true", "split", "within one rack"),

    ("env: {A: true}", "env.A", "YAML reads this word as yes or no"),
    ("env: {A: on}", "env.A", "YAML reads this word as yes or no"),
    ("env: {A: }", "env.A", "it has no value"),
    ("env: {A: 0x10}", "env.A", "YAML reads it as a number that looks different"),
    ("env: {A: 010}", "env.A", "YAML reads it as a number that looks different"),
    ("env: {A: .inf}", "env.A", "YAML reads it as a number that looks different"),
    ("env: {A: 1_000}", "env.A", "YAML reads it as a number that looks different"),
    ("env: {A: 2:30}", "env.A", "YAML reads it as a number that looks different"),
    ("env: {A: [b]}", "env.A", "one value is wanted"),
    ("env: {A-B: c}", "env.A-B", "a shell takes no variable `A-B`"),
    ("env: [A=b]", "env", "a mapping is wanted"),
    ("setup: {a: b}", "setup", "one value is wanted"),
    ("setup: ''", "setup", "it is empty"),
    ("workdir: data", "workdir", "it is not an absolute path"),
    ("workdir: /data/../etc", "workdir", "it climbs out of the folder"),
    ("workdir: ~/run", "workdir", "it is not an absolute path"),
    ("tenant: Acme", "tenant", "it is not a path of names"),
    ("tenant: a//b", "tenant", "it is not a path of names"),
    ("priority: hi_gh", "priority", "that names no priority class"),
    ("priority: 5", "priority", "that names no priority class"),
    ("tasks: 0", "tasks", "it is less than 1"),
    ("tasks: -1", "tasks", "it is negative"),
    ("tasks: 1000000", "tasks", "the limit is 4096"),
    ("tasks: 99999999999999999999999999", "tasks", "the number is too large"),
    ("tasks: 1.5", "tasks", "it is not a whole number"),
    ("tasks: .nan", "tasks", "it is not a number"),
    ("tasks: two", "tasks", "it is not a plain number"),
    ("tasks: true", "tasks", "YAML reads this word as yes or no"),
    ("tasks: [1]", "tasks", "one value is wanted"),
    ("tasks: ", "tasks", "it has no value"),
    ("resources: {cpus: 0}", "resources.cpus", "it is zero"),
    ("resources: {cpus: -4}", "resources.cpus", "it is negative"),
    ("resources: {cpus: .inf}", "resources.cpus", "it is not a number"),
    ("resources: {cpus: 4+}", "resources.cpus", "it is not a plain number"),
    ("resources: {memory: 32}", "resources.memory", "the unit is missing"),
    ("resources: 4", "resources", "a mapping is wanted"),
    ("resources: {accelerators: A9000}", "resources.accelerators", "knows no such accelerator"),
    ("resources: {accelerators: 'T4:0'}", "resources.accelerators", "it is zero"),
    ("resources: {accelerators: 'T4:-1'}", "resources.accelerators", "it is negative"),
    ("resources: {accelerators: 'T4:1.5'}", "resources.accelerators", "only a share of one chip"),
    ("resources: {accelerators: 'T4:9999'}", "resources.accelerators", "the limit is 1024"),
    ("resources: {accelerators: ':8'}", "resources.accelerators", "the name of the chip is"),
    ("resources: {accelerators: []}", "resources.accelerators", "it is empty"),
    ("resources: {accelerators: {}}", "resources.accelerators", "it is empty"),
    ("resources: {accelerators: [{count: 8}]}", "resources.accelerators[0]", "it names no `model`"),
    (
        "resources: {accelerators: {T4: {speed: 0}}}", "resources.accelerators.T4.speed",
        "it is zero",
    ),
    ("frameworks: [torch==2]", "frameworks[0]", "only `>=` can be asked for"),
    ("frameworks: [torch, torch]", "frameworks[1]", "it is named twice"),
    ("array: 0", "array", "it is less than 1"),
    ("array: 2000000", "array", "the limit is 1000000"),
    ("array: 1,3,7", "array", "not evenly spaced"),
    ("array: {first: 1}", "array", "either a `count` or a `range`"),
    ("array: {count: 1, range: 0-1}", "array", "either a `count` or a `range`"),
    ("array: {range: 0-1, step: 2}", "array.step", "the `range` says it already"),
    ("array: {range: 0-9%2, max_parallel: 2}", "array.max_parallel", "the `range` says it already"),
    ("array: {count: 9, first: 2147483647}", "array", "the last number of an array is at most"),
    ("time_limit: 90", "time_limit", "the unit is missing"),
    ("time_limit: 2:30:00", "time_limit", "written with their letters"),
    ("estimate: 0s", "estimate", "it is zero"),
    ("deadline: 2026-12-31", "deadline", "it is not a point in time"),
    ("deadline: 2026-12-31T18:00:00", "deadline", "its offset from UTC is missing"),
    ("budget: 120", "budget", "the currency is missing"),
    ("objective: speed", "objective", "it is none of the words it takes"),
    ("where: {sites: [Beijing One]}", "where.sites[0]", "it is not the name of a site"),
    ("where: {pools: [a/b/c]}", "where.pools", "it is not the name of a pool"),
    ("where: {domestic: yes}", "where.domestic", "YAML reads this word as yes or no"),
    ("depends_on: ['']", "depends_on[0]", "it is empty"),
    ("retry: 101", "retry", "the limit is 100"),
    ("retry: {user: -1}", "retry.user", "it is negative"),
    ("retry: {user: 1, exit_codes: [0]}", "retry.exit_codes[0]", "it is less than 1"),
    ("retry: {exit_codes: [1]}", "retry.exit_codes", "no retry is asked for"),
    ("grace: 2h", "grace", "the limit is 1 hour"),
    ("preemptible: maybe", "preemptible", "it is neither true nor false"),
    ("preemptible: 1", "preemptible", "it is neither true nor false"),
    ("labels: {a: null}", "labels.a", "it has no value"),
    ("labels: {a: '" + "x" * 300 + "'}", "labels", "a label is one line"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "key", "problem"), BAD, ids=lambda part: str(part)[:40])
def test_a_value_that_cannot_be_is_refused_with_its_line(line: str, key: str, problem: str) -> None:
    error = refusal(hutong("# a comment", line), "hutong")
    assert problem in error.message
    assert error.hint
    code, number, word = said(error)
    assert code == "file.bad_value"
    assert number == 4 + (line.count("\n") if key != "tasks" else 0)
    assert word == key or key.startswith(word)


def test_an_unknown_chip_is_answered_with_the_nearest_ones() -> None:
    error = refusal(hutong("resources:", "  accelerators: {A100-90GB: 8}"))
    assert said(error) == ("file.unsupported", 4, "A100-90GB")
    assert "`A100-80GB`" in error.hint


@pytest.mark.parametrize(
    ("line", "key", "advice"),
    [
        ("prority: high", "prority", "Did you mean `priority`?"),
        ("num_nodes: 2", "num_nodes", "Here it is `tasks`."),
        ("gpus: 8", "gpus", "Here it is `resources: {accelerators: ...}`."),
        ("resources: {cpu: 4}", "resources.cpu", "Here it is `cpus`."),
        ("resources: {acelerators: T4}", "resources.acelerators", "Did you mean `accelerators`?"),
        ("where: {region: bj}", "where.region", "Did you mean `regions`?"),
        ("retry: {users: 2}", "retry.users", "Did you mean `user`?"),
        ("depends_on: {after: j1}", "depends_on.after", "Did you mean `afterok`?"),
        ("array: {counts: 3}", "array.counts", "Did you mean `count`?"),
        ("xyzzy: 1", "xyzzy", "Known here: name, run, command"),
        ("resources: {accelerators: {T4: {cnt: 1}}}", "resources.accelerators.T4.cnt", "count"),
        ("resources: {accelerators: [{model: T4, amount: 1}]}", "amount", "Did you mean `count`?"),
    ],
)
def test_an_unknown_key_is_answered_with_the_nearest_one(line: str, key: str, advice: str) -> None:
    error = refusal(hutong(line), "hutong")
    assert error.code == "file.unknown_key"
    assert error.facts["line"] == 3
    assert str(error.facts["key"]).endswith(key)
    assert advice in error.hint


def test_every_translation_of_a_foreign_key_names_a_key_that_exists() -> None:
    for keys in (reader.JOB_KEYS, RESOURCES_KEYS, PREFER_KEYS, INPUT_KEYS, GROUP_KEYS):
        assert isinstance(keys, Keys)
        for stranger, meant in keys.meant.items():
            assert stranger not in keys.honoured
            word = meant.split("`")[1].split(":")[0]
            assert word in (*keys.honoured, "where"), meant


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("run: a\n", 1, "the job has no `name`"),
        ("# c\nname: a\n", 2, "the job has nothing to run"),
        ("name: a\nrun: b\n---\nrun: c\n", 4, "the job has no `name`"),
        ("name: on\nrun: b\n", 1, "YAML reads this word as yes or no"),
        ("name: [a]\nrun: b\n", 1, "one value is wanted"),
        ("name: ''\nrun: b\n", 1, "it is empty"),
        ("name: ' a'\nrun: b\n", 1, "it begins or ends with a space"),
        (f"name: {'a' * 129}\nrun: b\n", 1, "128 is the limit"),
        ('name: "a\\u0007"\nrun: b\n', 1, "it holds a control character"),
        ("name: a\nrun: true\n", 2, "YAML reads this word as yes or no"),
        ("name: a\nrun: [a, b]\n", 2, "`run` is one script"),
        ("name: a\nrun: b\ncommand: [c]\n", 3, "there is a `run` as well"),
        ("name: a\ncommand: echo b\n", 2, "`command` is a list of words"),
        ("name: a\ncommand: []\n", 2, "there is nothing to run"),
        ("name: a\ncommand: [on]\n", 2, "YAML reads this word as yes or no"),
        ('name: a\ncommand: ["", x]\n', 2, "its first word names no program"),
        ('name: a\nrun: "b\\0c"\n', 2, "it holds the control character U+0000"),
        ('name: a\nrun: b\nenv: {A: "\\e"}\n', 3, "it holds the control character U+001B"),
        ('name: a\ncommand: [b, "\\0"]\n', 2, "it holds the control character U+0000"),
    ],
)
def test_what_a_job_must_have_is_asked_for(text: str, line: int, problem: str) -> None:
    error = refusal(text, "hutong")
    assert problem in error.message
    assert error.facts.get("line", line) == line


def test_deadline_and_start_must_agree() -> None:
    error = refusal(hutong("not_before: +6h", "deadline: +2h"))
    assert said(error) == ("file.bad_value", 4, "deadline")
    assert "the job may not start before then" in error.message


def test_a_site_cannot_be_wanted_and_excluded() -> None:
    error = refusal(hutong("where:", "  sites: [a]", "  exclude_sites: [a]"))
    assert said(error) == ("file.bad_value", 4, "where.sites")


def test_regions_and_frameworks_of_nobody_are_warned_of() -> None:
    parsed = parse(hutong("where: {regions: [bejing]}", "frameworks: [pytorch]"))
    assert warned(parsed) == [(3, "bejing"), (4, "pytorch")]
    assert "`cn-beijing`" in parsed.warnings[0].sentence
    assert "Did you mean `torch`?" in parsed.warnings[1].sentence


def test_an_accelerator_with_the_default_cpu_and_memory_is_warned_of() -> None:
    assert warned(parse(hutong("resources: {accelerators: T4}"))) == [(3, "resources.accelerators")]
    assert not warned(parse(hutong("resources: {accelerators: T4, cpus: 4, memory: 8GiB}")))
    (warning,) = parse(hutong("resources: {accelerators: T4, cpus: 4}")).warnings
    assert "each task gets 256 MiB of memory" in warning.sentence


def test_too_many_alternatives_are_refused() -> None:
    many = ", ".join(f"'T4:{count}'" for count in range(1, 18))
    error = refusal(hutong(f"resources: {{accelerators: [{many}]}}"))
    assert "16 alternatives are the limit" in error.message
