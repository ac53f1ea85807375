"""Every limit of a handed-in job, from both sides."""

import time
from typing import Any

import msgspec
import pytest

from hutong.model import limits
from hutong.model.check_program import is_env_name, problem_of_relative_path
from hutong.model.errors import HutongError
from hutong.model.ids import JobId, TenantId
from hutong.model.job import (
    Affinity,
    ArraySpec,
    Commercial,
    Constraints,
    DataInput,
    Dependency,
    DependencyKind,
    Elastic,
    InlineFile,
    JobSpec,
    Layout,
    Level,
    Preferences,
    Program,
    RetryPolicy,
    TaskGroup,
    Terms,
)
from hutong.model.resources import AcceleratorNeed, FrameworkNeed, TaskNeeds
from hutong.model.validate import check_spec

PLAIN = JobSpec("train", Program(script="python train.py"))


def changed(**fields: Any) -> JobSpec:
    """A plain job with other fields; those of its program, needs and so on by their own names."""
    groups = {
        "program": Program,
        "needs": TaskNeeds,
        "constraints": Constraints,
        "retry": RetryPolicy,
    }
    for group, kind in groups.items():
        inner = {name: fields.pop(name) for name in kind.__struct_fields__ if name in fields}
        if inner:
            fields[group] = msgspec.structs.replace(getattr(PLAIN, group), **inner)
    return msgspec.structs.replace(PLAIN, **fields)


def argv(*words: str) -> dict[str, Any]:
    return {"script": "", "argv": words}


def waits(*jobs: str) -> tuple[Dependency, ...]:
    return tuple(Dependency(DependencyKind.AFTER_OK, JobId(job)) for job in jobs)


HEAD = TaskGroup("head", 1, TaskNeeds())
NEAR = Affinity((("app", "train"),), Level.RACK)
DATA = DataInput("imagenet", 150_000, ("bj", "tianjin"))


def sized(tasks: int, **fields: Any) -> dict[str, Any]:
    return {"tasks": tasks, **fields}


MOST: list[dict[str, Any]] = [
    {"name": "n" * limits.NAME_CHARS},
    {"name": "模型 训练 #1"},
    {"script": "x" * limits.SCRIPT_BYTES},
    {"setup": "x" * limits.SCRIPT_BYTES},
    {"script": "a\tb\n"},
    argv(*(["a"] * limits.ARGV_ENTRIES)),
    argv("sh", "-c", "a\n\tb", ""),
    {"env": {f"V{number}": "x" for number in range(limits.ENV_ENTRIES)}},
    {"env": {"A": "x" * (limits.ENV_BYTES - 3)}},
    {"env": {"_a1": "", "b": "x\ny"}},
    {"files": tuple(InlineFile(f"f{number}", "") for number in range(limits.INLINE_FILES))},
    {"files": (InlineFile("a/b c/d.py", "x" * limits.INLINE_FILE_BYTES),)},
    {"files": (InlineFile("a", "\r\n\x1b"), InlineFile("ab/a", ""))},
    {"workdir": "/"},
    {"workdir": "/data/a b/京"},
    {"workdir": "/data/"},
    {"tenant": TenantId("a/b.c/d-e/f/g/h/i/j")},
    {"tasks": limits.GANG_TASKS},
    {"cpu_milli": 1, "memory_mib": 1},
    {"cpu_milli": limits.TASK_CPU_MILLI, "memory_mib": limits.TASK_MEMORY_MIB},
    {"accelerators": (AcceleratorNeed("T4", 1), AcceleratorNeed("T4", 2000))},
    {"accelerators": (AcceleratorNeed("any", limits.TASK_ACCELERATOR_MILLI, limits.SPEED_MILLI),)},
    {"accelerators": tuple(AcceleratorNeed(f"m{n}", 1000) for n in range(limits.ALTERNATIVES))},
    {"frameworks": tuple(FrameworkNeed(f"f{number}") for number in range(limits.FRAMEWORKS))},
    {"frameworks": (FrameworkNeed("torch", "2.1.0"),)},
    {"array": ArraySpec(limits.ARRAY_ELEMENTS)},
    {"array": ArraySpec(1, limits.ARRAY_NUMBER)},
    {"array": ArraySpec(2, 1, limits.ARRAY_NUMBER - 1, limits.ARRAY_ELEMENTS)},
    {"sites": ("a",), "exclude_sites": ("b",), "pools": ("a/b", "c"), "owners": ("Tianjin U.",)},
    {"regions": tuple(f"r{number}" for number in range(limits.CONSTRAINT_WORDS))},
    {"depends_on": waits(*(f"j{number}" for number in range(1, limits.DEPENDENCIES + 1)))},
    {"depends_on": waits("prep")},
    {"user_count": limits.RETRIES, "machine_count": 0, "site_count": 0},
    {"user_count": 1, "user_exit_codes": tuple(range(1, 256))},
    {"estimate_ms": 1, "time_limit_ms": limits.DURATION_MS, "min_run_ms": limits.DURATION_MS},
    {"deadline_ms": limits.UNIX_TIME_MS, "not_before_ms": limits.UNIX_TIME_MS - 1},
    {"not_before_ms": limits.UNIX_TIME_MS},
    {"grace_ms": 0},
    {"grace_ms": limits.GRACE_MS},
    {"budget_microcny": limits.MONEY_MICROCNY},
    {"labels": {f"l{number}": "" for number in range(limits.LABELS)}},
    {"labels": {"a" * limits.LABEL_CHARS: "v" * limits.LABEL_CHARS}},
    {"source": "sbatch"},
    {"priority": "gold-2"},
    {"cost_weight_milli": 0},
    {"cost_weight_milli": 1000},
    {"preferences": Preferences(("bj",), ("cn",), ("Tianjin U.",), ("tianjin",))},
    {"inputs": tuple(DataInput(f"d{n}", limits.INPUT_MIB) for n in range(limits.INPUTS))},
    {"inputs": (DATA,)},
    {"groups": tuple(TaskGroup(f"g{n}", 1, TaskNeeds()) for n in range(limits.GROUPS))},
    sized(limits.GANG_TASKS - 1, groups=(HEAD,)),
    {"groups": (TaskGroup("ps", 2, TaskNeeds(), Program(argv=("serve",))),)},
    sized(4, elastic=Elastic(4)),
    sized(limits.GANG_TASKS, elastic=Elastic(1, resize=True)),
    {"affinity": tuple(Affinity(((f"a{n}", ""),)) for n in range(limits.AFFINITIES))},
    {"affinity": (NEAR, msgspec.structs.replace(NEAR, apart=True, required=False))},
    {"affinity": (NEAR, msgspec.structs.replace(NEAR, apart=True, level=Level.NODE))},
    {"layout": Layout.SPREAD, "within": Level.NODE},
    sized(8, layout=Layout.SPREAD, within=Level.RACK),
    {"checkpoint_ms": limits.DURATION_MS},
    {"commercial": Commercial(allowed=False)},
    {"commercial": Commercial(after_ms=0, terms=tuple(Terms))},
    {"split": True, "layout": Layout.SPREAD},
]


@pytest.mark.parametrize("fields", MOST, ids=lambda fields: next(iter(fields)))
def test_a_job_at_its_limits_is_taken(fields: dict[str, Any]) -> None:
    check_spec(changed(**fields))
    with pytest.raises(HutongError):
        check_spec(changed(**{**fields, "name": ""}))


def many(count: int) -> tuple[str, ...]:
    return tuple(f"a{number}" for number in range(count))


BEYOND: list[tuple[dict[str, Any], str, str]] = [
    ({"name": ""}, "name", "it is empty"),
    ({"name": "  "}, "name", "it is empty"),
    ({"name": " a"}, "name", "begins or ends with a space"),
    ({"name": "n" * 129}, "name", "128 is the limit"),
    ({"name": "a\nb"}, "name", "a control character"),
    ({"name": "a\0"}, "name", "a control character"),
    ({"name": "\ud800"}, "name", "a control character"),
    ({"script": ""}, "program", "there is nothing to run"),
    ({"script": " \n"}, "program", "there is nothing to run"),
    ({"script": "a", "argv": ("b",)}, "program", "both a script and a command"),
    ({"script": "a\0"}, "program.script", "U+0000"),
    ({"script": "a\r\n"}, "program.script", "U+000D"),
    ({"script": "\ud800"}, "program.script", "U+D800"),
    ({"script": "x" * (limits.SCRIPT_BYTES + 1)}, "program.script", "262144 is the limit"),
    ({"script": "京" * 90_000}, "program.script", "it has 270000 bytes"),
    ({"setup": "\x1b"}, "program.setup", "U+001B"),
    ({"setup": "x" * (limits.SCRIPT_BYTES + 1)}, "program.setup", "262144 is the limit"),
    (argv(""), "program.argv", "its first word names no program"),
    (argv(*(["a"] * 1025)), "program.argv", "1024 is the limit"),
    (argv("a", "b\0"), "program.argv", "U+0000"),
    (argv("a", "\x9b"), "program.argv", "U+009B"),
    ({"env": {"": "x"}}, "program.env", "no variable of this name"),
    ({"env": {"1A": "x"}}, "program.env", "no variable of this name"),
    ({"env": {"A B": "x"}}, "program.env", "no variable of this name"),
    ({"env": {"A=": "x"}}, "program.env", "no variable of this name"),
    ({"env": {"Ä": "x"}}, "program.env", "no variable of this name"),
    ({"env": {"A\n": "x"}}, "program.env", "no variable of this name"),
    ({"env": {"A": "\0"}}, "program.env.A", "U+0000"),
    ({"env": {f"V{n}": "" for n in range(257)}}, "program.env", "256 variables are the limit"),
    ({"env": {"A": "x" * limits.ENV_BYTES}}, "program.env", "65536 is the limit"),
    ({"files": tuple(InlineFile(name, "") for name in many(65))}, "program.files", "64 files"),
    ({"files": (InlineFile("", ""),)}, "program.files", "not a relative path"),
    ({"files": (InlineFile("/etc/x", ""),)}, "program.files", "not a relative path"),
    ({"files": (InlineFile("../x", ""),)}, "program.files", "climbs out"),
    ({"files": (InlineFile("a/../../x", ""),)}, "program.files", "climbs out"),
    ({"files": (InlineFile("a//b", ""),)}, "program.files", "an empty part"),
    ({"files": (InlineFile("./a", ""),)}, "program.files", "an empty part or a `.`"),
    ({"files": (InlineFile("a\nb", ""),)}, "program.files", "control character or a backslash"),
    ({"files": (InlineFile("a\\b", ""),)}, "program.files", "control character or a backslash"),
    ({"files": (InlineFile("x" * 256, ""),)}, "program.files", "longer than 255 bytes"),
    ({"files": (InlineFile("x/" * 600 + "x", ""),)}, "program.files", "longer than 1024"),
    ({"files": (InlineFile("a", ""), InlineFile("a", ""))}, "program.files", "two files"),
    ({"files": (InlineFile("a/b", ""), InlineFile("a", ""))}, "program.files", "file and a folder"),
    ({"files": (InlineFile("a", "\0"),)}, "program.files", "is not text"),
    ({"files": (InlineFile("a", "x" * 524_289),)}, "program.files", "524288 is the limit"),
    (
        {"files": tuple(InlineFile(name, "x" * 500_000) for name in many(3))}, "program",
        "1048576 is the limit",
    ),
    ({"workdir": ""}, "program.workdir", "not an absolute path"),
    ({"workdir": "data"}, "program.workdir", "not an absolute path"),
    ({"workdir": "/a/../b"}, "program.workdir", "climbs out"),
    ({"workdir": "/a\0"}, "program.workdir", "control character"),
    ({"workdir": "/" + "a" * 1025}, "program.workdir", "longer than 1024"),
    ({"tenant": ""}, "tenant", "not a path of names"),
    ({"tenant": "A"}, "tenant", "not a path of names"),
    ({"tenant": "a/../b"}, "tenant", "not a path of names"),
    ({"tenant": "/".join("abcdefghi")}, "tenant", "not a path of names"),
    ({"tasks": 0}, "tasks", "it is less than 1"),
    ({"tasks": 1_000_000}, "tasks", "the limit is 4096"),
    ({"cpu_milli": 0}, "needs.cpu_milli", "it is less than 1"),
    ({"cpu_milli": -1}, "needs.cpu_milli", "it is less than 1"),
    ({"cpu_milli": limits.TASK_CPU_MILLI + 1}, "needs.cpu_milli", "the limit is"),
    ({"memory_mib": 0}, "needs.memory_mib", "it is less than 1"),
    ({"memory_mib": 2**63}, "needs.memory_mib", "the limit is"),
    (
        {"accelerators": tuple(AcceleratorNeed(name, 1000) for name in many(17))},
        "needs.accelerators", "16 alternatives are the limit",
    ),
    ({"accelerators": (AcceleratorNeed("", 1000),)}, "needs.accelerators", "it is empty"),
    ({"accelerators": (AcceleratorNeed("T4", 0),)}, "needs.accelerators", "less than 1"),
    ({"accelerators": (AcceleratorNeed("T4", 1500),)}, "needs.accelerators", "share of one chip"),
    ({"accelerators": (AcceleratorNeed("T4", 2**40),)}, "needs.accelerators", "the limit is"),
    (
        {"accelerators": (AcceleratorNeed("T4", 1), AcceleratorNeed("T4", 1, 500))},
        "needs.accelerators", "named twice",
    ),
    (
        {"accelerators": (AcceleratorNeed("T4", 1000, 0),)}, "needs.accelerators.speed_milli",
        "less than 1",
    ),
    (
        {"accelerators": (AcceleratorNeed("T4", 1000, 10**7),)}, "needs.accelerators.speed_milli",
        "the limit is",
    ),
    ({"frameworks": (FrameworkNeed("Torch"),)}, "frameworks", "not the name of a framework"),
    ({"frameworks": (FrameworkNeed("torch", ">2"),)}, "frameworks", "not a version"),
    ({"frameworks": (FrameworkNeed("a"), FrameworkNeed("a"))}, "frameworks", "named twice"),
    ({"frameworks": tuple(FrameworkNeed(n) for n in many(33))}, "frameworks", "32 entries"),
    ({"array": ArraySpec(0)}, "array.count", "less than 1"),
    ({"array": ArraySpec(1_000_001)}, "array.count", "the limit is 1000000"),
    ({"array": ArraySpec(1, -1)}, "array.first", "it is negative"),
    ({"array": ArraySpec(1, 0, 0)}, "array.step", "less than 1"),
    ({"array": ArraySpec(1, 0, 1, -1)}, "array.max_parallel", "it is negative"),
    ({"array": ArraySpec(2, 0, 2**31)}, "array.step", "the limit is"),
    ({"array": ArraySpec(3, 0, 2**30)}, "array", "last number of an array"),
    ({"regions": ("",)}, "constraints.regions", "it is empty"),
    ({"regions": many(257)}, "constraints.regions", "256 entries"),
    ({"jurisdictions": ("a\n",)}, "constraints.jurisdictions", "a control character"),
    ({"owners": (" a",)}, "constraints.owners", "begins or ends"),
    ({"sites": ("A",)}, "constraints.sites", "not the name of a site"),
    ({"sites": many(257)}, "constraints.sites", "256 entries"),
    ({"exclude_sites": ("a/b",)}, "constraints.exclude_sites", "not the name of a site"),
    ({"sites": ("a",), "exclude_sites": ("a",)}, "constraints.sites", "excluded as well"),
    ({"pools": ("a/b/c",)}, "constraints.pools", "not the name of a pool"),
    ({"pools": ("A",)}, "constraints.pools", "not the name of a pool"),
    ({"pools": many(257)}, "constraints.pools", "256 entries"),
    ({"depends_on": waits(*many(257))}, "depends_on", "256 entries"),
    ({"depends_on": waits("")}, "depends_on", "it is empty"),
    ({"depends_on": waits("train")}, "depends_on", "cannot wait for itself"),
    ({"user_count": -1}, "retry.user_count", "it is negative"),
    ({"machine_count": 101}, "retry.machine_count", "the limit is 100"),
    ({"site_count": 101}, "retry.site_count", "the limit is 100"),
    ({"user_count": 1, "user_exit_codes": (0,)}, "retry.user_exit_codes", "less than 1"),
    ({"user_count": 1, "user_exit_codes": (256,)}, "retry.user_exit_codes", "the limit is 255"),
    ({"user_count": 1, "user_exit_codes": (1,) * 256}, "retry.user_exit_codes", "255 entries"),
    ({"user_exit_codes": (1,)}, "retry.user_exit_codes", "no retry is asked for"),
    ({"estimate_ms": 0}, "estimate_ms", "less than 1"),
    ({"estimate_ms": limits.DURATION_MS + 1}, "estimate_ms", "the limit is"),
    ({"time_limit_ms": -1}, "time_limit_ms", "it is negative"),
    ({"min_run_ms": -1}, "min_run_ms", "it is negative"),
    ({"deadline_ms": limits.UNIX_TIME_MS + 1}, "deadline_ms", "the limit is"),
    ({"not_before_ms": -1}, "not_before_ms", "it is negative"),
    ({"deadline_ms": 5, "not_before_ms": 5}, "deadline_ms", "may not start before then"),
    ({"grace_ms": limits.GRACE_MS + 1}, "grace_ms", "the limit is"),
    ({"budget_microcny": -1}, "budget_microcny", "it is negative"),
    ({"budget_microcny": 10**16}, "budget_microcny", "the limit is"),
    ({"labels": dict.fromkeys(many(33), "")}, "labels", "32 entries"),
    ({"labels": {" ": "x"}}, "labels", "a label is one line"),
    ({"labels": {"a": "x\n"}}, "labels", "a label is one line"),
    ({"labels": {"a": "x" * 257}}, "labels", "a label is one line"),
    ({"source": ""}, "source", "it is empty"),
    ({"priority": ""}, "priority", "not the name of a priority class"),
    ({"priority": "Gold"}, "priority", "not the name of a priority class"),
    ({"priority": "100"}, "priority", "not the name of a priority class"),
    ({"cost_weight_milli": -1}, "cost_weight_milli", "it is negative"),
    ({"cost_weight_milli": 1001}, "cost_weight_milli", "the limit is 1000"),
    ({"preferences": Preferences(regions=("",))}, "preferences.regions", "it is empty"),
    ({"preferences": Preferences(jurisdictions=(" a",))}, "preferences.jurisdictions", "a space"),
    ({"preferences": Preferences(owners=many(257))}, "preferences.owners", "256 entries"),
    ({"preferences": Preferences(sites=("A",))}, "preferences.sites", "not the name of a site"),
    (
        {"exclude_sites": ("a",), "preferences": Preferences(sites=("a",))}, "preferences.sites",
        "it is excluded",
    ),
    ({"inputs": tuple(DataInput(name, 1) for name in many(65))}, "inputs", "64 entries"),
    ({"inputs": (DataInput("", 1),)}, "inputs", "it is empty"),
    ({"inputs": (DataInput("d", 0),)}, "inputs.d.size_mib", "it is less than 1"),
    ({"inputs": (DataInput("d", 2**31),)}, "inputs.d.size_mib", "the limit is"),
    ({"inputs": (DataInput("d", 1, ("",)),)}, "inputs.d.replicas", "it is empty"),
    ({"inputs": (DataInput("d", 1, ("a", "a")),)}, "inputs.d.replicas", "named twice"),
    ({"inputs": (DataInput("d", 1, many(257)),)}, "inputs.d.replicas", "256 entries"),
    ({"inputs": (DATA, DATA)}, "inputs", "named twice"),
    ({"groups": (TaskGroup("Head", 1, TaskNeeds()),)}, "groups", "it is not a name"),
    ({"groups": (TaskGroup("tasks", 1, TaskNeeds()),)}, "groups", "means other tasks"),
    ({"groups": (HEAD, HEAD)}, "groups", "named twice"),
    ({"groups": (TaskGroup("ps", 0, TaskNeeds()),)}, "groups.ps.tasks", "it is less than 1"),
    ({"groups": (TaskGroup("ps", 1, TaskNeeds(0)),)}, "groups.ps.needs.cpu_milli", "less than 1"),
    (
        {"groups": (TaskGroup("ps", 1, TaskNeeds(1, 1, (AcceleratorNeed("T4", 0),))),)},
        "groups.ps.needs.accelerators", "it is less than 1",
    ),
    (
        {"groups": (TaskGroup("ps", 1, TaskNeeds(), Program()),)}, "groups.ps.program",
        "there is nothing to run",
    ),
    (
        {"groups": (TaskGroup("ps", 1, TaskNeeds(), Program(argv=("a", "b\0"))),)},
        "groups.ps.program.argv", "U+0000",
    ),
    (
        {"groups": tuple(TaskGroup(name, 1, TaskNeeds()) for name in many(17))}, "groups",
        "16 entries",
    ),
    (sized(limits.GANG_TASKS, groups=(HEAD,)), "groups", "at most 4096 tasks in all"),
    (
        {"groups": tuple(TaskGroup(name, 1, TaskNeeds(), Program(script="x" * 250_000))
                         for name in many(5))},
        "groups", "1048576 is the limit",
    ),
    (sized(4, elastic=Elastic(0)), "elastic.tasks_min", "it is less than 1"),
    (sized(4, elastic=Elastic(5)), "elastic.tasks_min", "has 4 task(s) at most"),
    (sized(4, elastic=Elastic(2), groups=(HEAD,)), "elastic", "groups has one size"),
    (sized(2, layout=Layout.SPREAD, within=Level.NODE), "within", "do not lie on one node"),
    ({"split": True, "within": Level.RACK}, "split", "within one rack"),
    ({"split": True, "groups": (HEAD,)}, "split", "lie at one site"),
    ({"affinity": (Affinity(()),)}, "affinity", "it names no labels"),
    ({"affinity": (Affinity((("", "x"),)),)}, "affinity", "a label is one line"),
    ({"affinity": (Affinity((("a", "x"), ("a", "y"))),)}, "affinity", "named twice"),
    ({"affinity": tuple(Affinity(((n, ""),)) for n in many(17))}, "affinity", "16 entries"),
    (
        {"affinity": (NEAR, msgspec.structs.replace(NEAR, apart=True))}, "affinity",
        "beside these jobs and apart",
    ),
    ({"checkpoint_ms": -1}, "checkpoint_ms", "it is negative"),
    ({"commercial": Commercial(after_ms=-1)}, "commercial.after_ms", "it is negative"),
    (
        {"commercial": Commercial(terms=(Terms.SPOT, Terms.SPOT))}, "commercial.terms",
        "named twice",
    ),
    (
        {"commercial": Commercial(allowed=False, terms=(Terms.SPOT,))}, "commercial",
        "when and on what terms",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "field", "problem"),
    BEYOND,
    ids=[f"{field}-{n}" for n, (_, field, _) in enumerate(BEYOND)],
)
def test_a_job_beyond_a_limit_is_refused_with_the_field(
    fields: dict[str, Any], field: str, problem: str
) -> None:
    with pytest.raises(HutongError) as caught:
        check_spec(changed(**fields))
    error = caught.value
    assert (error.code, error.facts["field"]) == ("job.invalid", field)
    assert problem in error.message
    assert error.hint
    assert error.status == 422


def test_every_field_of_a_job_can_be_refused() -> None:
    fields = {field.partition(".")[0] for _, field, _ in BEYOND}
    # The types of these leave no doubt; a layout is refused with what it contradicts.
    unbounded = {"objective", "preemptible", "exclusive", "workload", "layout"}
    assert fields | unbounded == set(JobSpec.__struct_fields__)


def test_what_is_shown_of_a_value_is_short_and_printable() -> None:
    with pytest.raises(HutongError) as caught:
        check_spec(changed(script="\x1b" + "x" * 10_000))
    assert len(str(caught.value.facts["value"])) <= 200
    assert "\x1b" not in caught.value.message


def test_names_of_variables_are_those_of_a_shell() -> None:
    assert is_env_name("_A1")
    assert not is_env_name("A-B")
    assert not is_env_name("A\n")


def test_a_plain_relative_path_has_no_problem() -> None:
    assert problem_of_relative_path("conf/train.yaml") == ""
    assert problem_of_relative_path("..x/y..") == ""


def test_a_plain_job_is_checked_in_a_few_microseconds() -> None:
    # The bound is a ratio inside one run: building the same job again costs about as much.
    def build() -> JobSpec:
        return JobSpec("train", Program(script="python train.py"), labels={"a": "b"}, tasks=2)

    def seconds(action: Any) -> float:
        best = 1.0
        for _ in range(5):
            start = time.process_time()
            for _ in range(2_000):
                action()
            best = min(best, time.process_time() - start)
        return best

    assert seconds(lambda: check_spec(PLAIN)) < 25 * seconds(build)
