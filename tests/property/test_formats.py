"""Whatever a job file holds, reading it gives jobs or an error of the catalogue; nothing else."""

import string
from pathlib import Path

import msgspec
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hutong.catalog import load_catalog
from hutong.client.formats import FORMATS, link_names, read_jobs, to_yaml
from hutong.client.formats.hutong import JOB_KEYS
from hutong.client.formats.kubernetes_keys import CONTAINER, POD, SPEC
from hutong.client.formats.sbatch_options import LETTERS, OPTIONS
from hutong.client.formats.shell import run_words
from hutong.client.formats.skypilot_keys import RESOURCES, TASK
from hutong.model import limits
from hutong.model.classes import DEFAULT_CLASSES
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
    DomesticRule,
    Elastic,
    InlineFile,
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
from hutong.model.validate import check_spec

CATALOG = load_catalog()
NOW_MS = 1_795_000_000_000
LOOSE = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])

# Values that parsers have stumbled over since there are parsers.
ODD = st.sampled_from(
    [
        None, True, False, 0, -1, 1, 2**31, 2**63, 10**40, 0.5, float("nan"), float("inf"), "",
        " ", "on", "no", "~", "null", "1e309", "0x10", "010", "1_000", "2:30", "-5", "+6h", "4+",
        "8GiB", "32x", "A100:8", "A100:0", "A100:-1", "A100:1.5", ":", "::", "..", "../x", "/etc",
        "a\x00b", "a\x1bb", "a\nb", "\u2028", "\ud7ff", "{}", "[]", "*x", "&a", "!!python/name:os",
        "2026-01-01", "2026-13-45T99:99:99Z", "9999-12-31T23:59:59+00:00", "0-99%10", "1,3,7",
        "100 CNY", "NaN", "j1", "afterok:j1", "1e3", "100m", "1Ki", "9" * 5000, "😀" * 300,
    ]
)  # fmt: skip


def structures(keys: list[str]) -> st.SearchStrategy[object]:
    """Mappings over known and unknown keys, holding odd values at any depth."""
    key = st.one_of(st.sampled_from(keys), st.text(max_size=8))
    return st.recursive(
        ODD,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(key, inner, max_size=5)
        ),
        max_leaves=12,
    )


def read(text: str, format: str | None = None) -> bool:
    """Say whether a text was read; anything but jobs or an error of the catalogue fails."""
    lines = text.count("\n") + 2
    try:
        parsed = read_jobs(
            text, "fuzz", format=format, now_ms=NOW_MS, attach=lambda _: b"x", catalog=CATALOG
        )
        link_names(parsed.jobs)
    except HutongError as refusal:
        error = refusal
    else:
        for job in parsed.jobs:
            check_spec(job)
        for warning in parsed.warnings:
            assert 1 <= warning.line <= lines
            assert warning.word
            assert warning.sentence
        return True
    assert error.body().message
    assert error.code.startswith("file.") or error.facts["field"] == "depends_on"
    assert 1 <= int(error.facts.get("line", 1)) <= lines
    return False


@LOOSE
@given(st.text(max_size=300), st.sampled_from([None, *FORMATS]))
@example("name: a\nrun: &a [*a]\n", "hutong")
@example("a: &a [" + "&b [" * 100, "hutong")
@example("#!/bin/sh\n#SBATCH -", "sbatch")
@example("#!/bin/sh\n#SBATCH --mem=" + "9" * 10_000, "sbatch")
def test_any_text_gives_jobs_or_an_error(text: str, format: str | None) -> None:
    assert read(text, format) in {True, False}


YAML_KEYS = {
    "hutong": [
        *JOB_KEYS.honoured,
        "cpus",
        "memory",
        "accelerators",
        "model",
        "count",
        "speed",
        "head",
        "name",
        "size",
        "at",
        "level",
        "required",
        "labels",
        "after",
        "terms",
        "cost",
        "sites",
    ],
    "skypilot": [*TASK.honoured, *TASK.refused, *RESOURCES.honoured, *RESOURCES.refused],
    "kubernetes": [*SPEC.honoured, *POD.honoured, *CONTAINER.honoured, "requests", "limits", "cpu"],
}


@LOOSE
@given(st.data(), st.sampled_from(sorted(YAML_KEYS)))
def test_any_structure_gives_jobs_or_an_error(data: st.DataObject, format: str) -> None:
    keys = YAML_KEYS[format]
    job = data.draw(st.dictionaries(st.sampled_from(keys), structures(keys), max_size=6))
    job = {"name": "a", "run": "true", **job} if format != "kubernetes" else _kubernetes(job)
    assert read(yaml.safe_dump(job, allow_unicode=True, sort_keys=False), format) in {True, False}


def _kubernetes(parts: dict[str, object]) -> dict[str, object]:
    container = {key: parts[key] for key in CONTAINER.honoured if key in parts}
    pod = {key: parts[key] for key in POD.honoured if key in parts}
    spec = {key: parts[key] for key in SPEC.honoured if key in parts}
    pod = {"restartPolicy": "Never", "containers": [{"command": ["true"], **container}], **pod}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "a"},
        "spec": {"template": {"spec": pod}, **spec},
    }


@LOOSE
@given(
    st.lists(
        st.tuples(
            st.sampled_from([*(f"--{name}" for name in OPTIONS), *(f"-{key}" for key in LETTERS)]),
            st.sampled_from(["", " ", "="]),
            st.one_of(ODD.map(str), st.text(alphabet=string.printable, max_size=12)),
        ),
        max_size=4,
    ),
    st.text(alphabet="abc\"'`$(){}#\\<EOF \n;|&", max_size=60),
)
def test_any_directives_give_a_job_or_an_error(
    directives: list[tuple[str, str, str]], body: str
) -> None:
    lines = [f"#SBATCH {name}{gap}{value}" for name, gap, value in directives]
    assert read("\n".join(["#!/bin/bash", *lines, body]), "sbatch") in {True, False}


@LOOSE
@given(st.text(alphabet="srun abc\"'`$(){}#\\<EOF=\t\n;|&", max_size=200))
def test_every_word_of_a_script_lies_in_its_line(script: str) -> None:
    lines = script.split("\n")
    for word in run_words(script):
        assert 1 <= word.line <= len(lines)
        assert word.text in word.written


CORPUS = Path(__file__).parents[1] / "unit" / "client" / "formats" / "corpus"
FILES = [
    path.read_text(encoding="utf-8")
    for path in sorted(CORPUS.iterdir())
    if path.suffix != ".expected"
]


@LOOSE
@given(
    st.sampled_from(FILES),
    st.lists(
        st.tuples(
            st.integers(0, 5_000),
            st.integers(0, 20),
            st.one_of(ODD.map(str), st.text(alphabet="\n\t :-[]{}&*!|>'\"%@`#,?0aN", max_size=6)),
        ),
        min_size=1,
        max_size=4,
    ),
)
def test_a_real_file_with_a_slip_of_the_hand_gives_jobs_or_an_error(
    text: str, slips: list[tuple[int, int, str]]
) -> None:
    for place, cut, put in slips:
        place = place % (len(text) + 1)  # noqa: PLW2901
        text = text[:place] + put + text[place + cut :]
    assert read(text) in {True, False}


NAMES = st.text(
    alphabet=string.ascii_letters + string.digits + "-_. 京", min_size=1, max_size=20
).map(lambda text: text.strip() or "x")
TEXTS = st.text(
    alphabet=st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\t"), max_size=60
)
PATHS = st.lists(st.sampled_from(["a", "b.py", "conf", "x y"]), min_size=1, max_size=3).map(
    "/".join
)
SITES = st.lists(
    st.sampled_from(["beijing", "tianjin", "zjk-2", "hpc.edu"]), max_size=2, unique=True
)
MODELS = st.sampled_from([*CATALOG.accelerators, "any"])
COUNTS = st.one_of(st.integers(1, 999), st.integers(1, 1024).map(lambda count: count * 1000))


def unique_by_name(files: list[InlineFile]) -> tuple[InlineFile, ...]:
    kept: dict[str, InlineFile] = {}
    for file in files:
        if not any(
            file.name == name
            or file.name.startswith(f"{name}/")
            or name.startswith(f"{file.name}/")
            for name in kept
        ):
            kept[file.name] = file
    return tuple(kept.values())


PROGRAMS = st.builds(
    lambda argv, script, setup, env, files, workdir: Program(
        script=script if script.strip() else "",
        argv=() if script.strip() else argv,
        setup=setup if setup.strip() else "",
        env=env,
        files=unique_by_name(files),
        workdir=workdir,
    ),
    argv=st.lists(TEXTS, max_size=3).map(lambda rest: ("python", *rest)),
    script=TEXTS,
    setup=TEXTS,
    env=st.dictionaries(st.sampled_from(["A", "on", "NO", "_x1"]), TEXTS, max_size=3),
    files=st.lists(st.builds(InlineFile, PATHS, TEXTS, st.booleans()), max_size=3),
    workdir=st.sampled_from([None, "/", "/data/a b", "/srv/京"]),
)
NEEDS = st.builds(
    TaskNeeds,
    cpu_milli=st.integers(1, limits.TASK_CPU_MILLI),
    memory_mib=st.integers(1, limits.TASK_MEMORY_MIB),
    accelerators=st.lists(
        st.builds(
            AcceleratorNeed,
            MODELS,
            COUNTS,
            st.one_of(st.none(), st.integers(1, limits.SPEED_MILLI)),
        ),
        max_size=3,
        unique_by=lambda need: (need.model, need.count_milli),
    ).map(tuple),
)
DURATIONS = st.integers(0, limits.DURATION_MS)
LABELS = st.dictionaries(
    st.one_of(NAMES, st.sampled_from(["level", "labels", "required"])), NAMES, min_size=1,
    max_size=2,
)  # fmt: skip
GROUPS = st.lists(
    st.builds(
        TaskGroup, st.sampled_from(["head", "ps-1", "eval"]), st.integers(1, 8), NEEDS,
        st.one_of(st.none(), PROGRAMS),
    ),
    max_size=2, unique_by=lambda group: group.name,
).map(tuple)  # fmt: skip
AFFINITY = st.lists(
    st.builds(
        Affinity, LABELS.map(lambda labels: tuple(labels.items())), st.sampled_from(Level),
        st.booleans(), st.booleans(),
    ),
    max_size=3, unique_by=lambda entry: (tuple(sorted(entry.labels)), entry.level),
).map(lambda entries: tuple(sorted(entries, key=lambda entry: entry.apart)))  # fmt: skip
INPUTS = st.lists(
    st.builds(
        DataInput, NAMES, st.integers(1, limits.INPUT_MIB),
        st.lists(NAMES, max_size=2, unique=True).map(tuple),
    ),
    max_size=2, unique_by=lambda data: data.name,
).map(tuple)  # fmt: skip
COMMERCIAL = st.one_of(
    st.just(Commercial(allowed=False)),
    st.builds(
        Commercial, st.just(True), st.one_of(st.none(), DURATIONS),
        st.lists(st.sampled_from(Terms), max_size=3, unique=True).map(tuple),
    ),
)  # fmt: skip


def possible(spec: JobSpec, low: int, *, resize: bool) -> JobSpec:
    """The same job without what cannot be true together; elastic where it can be."""
    changes: dict[str, object] = {"tasks": min(spec.tasks, limits.GANG_TASKS - 16)}
    if spec.layout is Layout.SPREAD and spec.within is Level.NODE:
        changes["within"] = Level.SITE
    changes["split"] = spec.split and not spec.groups and spec.within is Level.SITE
    if low and not spec.groups:
        changes["elastic"] = Elastic(min(low, spec.tasks, limits.GANG_TASKS - 16), resize)
    return msgspec.structs.replace(spec, **changes)


PLAIN_SPECS = st.builds(
    JobSpec,
    name=NAMES,
    program=PROGRAMS,
    tenant=st.sampled_from([TenantId("default"), TenantId("acme/vision")]),
    tasks=st.integers(1, limits.GANG_TASKS),
    needs=NEEDS,
    frameworks=st.lists(
        st.builds(FrameworkNeed, st.sampled_from(["torch", "cuda"]), st.sampled_from(["", "2.1"])),
        max_size=2,
        unique_by=lambda need: need.name,
    ).map(tuple),
    array=st.one_of(
        st.none(),
        st.builds(
            ArraySpec, st.integers(1, 1000), st.integers(0, 1000), st.integers(1, 1000),
            st.integers(0, 1000),
        ),
    ),
    priority=st.sampled_from([rule.name for rule in DEFAULT_CLASSES] + ["night"]),
    constraints=st.builds(
        Constraints,
        regions=st.sampled_from([(), ("cn-beijing",), ("cn-tianjin", "our-own")]),
        jurisdictions=st.sampled_from([(), ("CN-BJ",)]),
        sites=SITES.map(tuple),
        pools=st.sampled_from([(), ("beijing/a100", "gpu")]),
        owners=st.sampled_from([(), ("Tianjin Univ.",)]),
        domestic=st.sampled_from(DomesticRule),
    ),
    objective=st.sampled_from(Objective),
    depends_on=st.lists(
        st.builds(
            Dependency, st.sampled_from(DependencyKind), st.sampled_from(["j1", "prep"]).map(JobId)
        ),
        max_size=3,
    ).map(lambda waits: tuple(sorted(waits, key=lambda wait: wait.kind))),
    retry=st.builds(
        lambda user, machine, site, codes: RetryPolicy(user, machine, site, codes if user else ()),
        st.integers(0, 100),
        st.integers(0, 100),
        st.integers(0, 100),
        st.lists(st.integers(1, 255), max_size=3, unique=True).map(tuple),
    ),
    estimate_ms=st.one_of(st.none(), st.integers(1, limits.DURATION_MS)),
    time_limit_ms=DURATIONS,
    deadline_ms=st.one_of(st.just(0), st.integers(NOW_MS, limits.UNIX_TIME_MS)),
    not_before_ms=st.integers(0, NOW_MS - 1),
    budget_microcny=st.integers(0, limits.MONEY_MICROCNY),
    grace_ms=st.integers(0, limits.GRACE_MS),
    preemptible=st.booleans(),
    min_run_ms=DURATIONS,
    exclusive=st.booleans(),
    labels=st.dictionaries(NAMES, NAMES, max_size=2),
    source=st.just("hutong"),
    workload=st.sampled_from(Workload),
    cost_weight_milli=st.one_of(st.none(), st.integers(0, 1000)),
    preferences=st.builds(
        Preferences,
        regions=st.sampled_from([(), ("cn-beijing", "our-own")]),
        jurisdictions=st.sampled_from([(), ("CN-BJ",)]),
        owners=st.sampled_from([(), ("Tianjin Univ.",)]),
    ),
    inputs=INPUTS,
    groups=GROUPS,
    layout=st.sampled_from(Layout),
    within=st.sampled_from(Level),
    affinity=AFFINITY,
    checkpoint_ms=DURATIONS,
    commercial=COMMERCIAL,
    split=st.booleans(),
)  # fmt: skip
SPECS = st.builds(
    lambda spec, low, resize: possible(spec, low, resize=resize),
    # An objective beside a weight says the same thing twice, which a file may not.
    PLAIN_SPECS.map(
        lambda spec: spec if spec.cost_weight_milli is None
        else msgspec.structs.replace(spec, objective=Objective.TIME)
    ),
    st.integers(0, 20),
    st.booleans(),
)  # fmt: skip


@LOOSE
@given(SPECS)
def test_a_job_written_as_yaml_reads_as_the_same_job(spec: JobSpec) -> None:
    spec = msgspec.structs.replace(
        spec, depends_on=tuple(wait for wait in spec.depends_on if wait.job != spec.name)
    )
    check_spec(spec)
    parsed = read_jobs(to_yaml(spec), "written.yaml", format="hutong", catalog=CATALOG)
    assert parsed.jobs == (spec,)


@LOOSE
@given(st.lists(SPECS, min_size=1, max_size=3))
def test_several_documents_read_as_several_jobs(specs: list[JobSpec]) -> None:
    specs = [msgspec.structs.replace(spec, depends_on=()) for spec in specs]
    text = "---\n".join(to_yaml(spec) for spec in specs)
    parsed = read_jobs(text, "written.yaml", format="hutong", catalog=CATALOG)
    assert parsed.jobs == tuple(specs)


def test_the_fuzzers_reach_files_that_are_read() -> None:
    assert read("name: a\nrun: true\n", "hutong") is False
    assert read("name: a\nrun: 'true'\n", "hutong") is True
    assert read("#!/bin/sh\n#SBATCH -n 2\ntrue\n") is True
