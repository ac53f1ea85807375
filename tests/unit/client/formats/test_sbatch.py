"""What the other options of a batch script do, and which commands it may call."""

from typing import Any

import pytest

from hutong.client.formats import read_jobs, sbatch
from hutong.client.formats.sbatch_options import HONOURED
from hutong.model.classes import BEST_EFFORT, HIGH, LOW, URGENT
from hutong.model.ids import JobId
from hutong.model.job import (
    ArraySpec,
    Dependency,
    DependencyKind,
    Layout,
    Level,
    RetryPolicy,
)
from tests.unit.client.formats.support import NOW_MS, one, parse, refusal, said, script, warned

OK = DependencyKind.AFTER_OK

CASES: list[tuple[str, str, Any]] = [
    ("--job-name=x", "name", "x"),
    ("-A acme/vision", "tenant", "acme/vision"),
    ("--array=0-15:4%2", "array", ArraySpec(4, step=4, max_parallel=2)),
    ("-t 90", "time_limit_ms", 5_400_000),
    ("--time=1-12:30", "time_limit_ms", 131_400_000),
    ("--time=UNLIMITED", "time_limit_ms", 0),
    ("--begin=now+1hour", "not_before_ms", NOW_MS + 3_600_000),
    ("--deadline=now+2days", "deadline_ms", NOW_MS + 172_800_000),
    ("-D /data/run", "program.workdir", "/data/run"),
    ("-p bj-1/a100,cpu", "constraints.pools", ("bj-1/a100", "cpu")),
    ("-M bj-1,tj-2", "constraints.sites", ("bj-1", "tj-2")),
    ("-M all", "constraints.sites", ()),
    ("--qos=high", "priority", HIGH),
    ("-q URGENT", "priority", URGENT),
    ("--priority=low", "priority", LOW),
    ("--qos=besteffort", "priority", BEST_EFFORT),
    ("--qos=low --priority=low", "priority", LOW),
    ("--qos=night", "priority", "night"),
    ("-d afterok:j1", "depends_on", (Dependency(OK, JobId("j1")),)),
    (
        "--dependency=afterok:j1:prep,afterany:j2,afternotok:j3", "depends_on",
        (
            Dependency(OK, JobId("j1")), Dependency(OK, JobId("prep")),
            Dependency(DependencyKind.AFTER_ANY, JobId("j2")),
            Dependency(DependencyKind.AFTER_NOT_OK, JobId("j3")),
        ),
    ),
    ("--export=NONE", "program.env", {}),
    ("--export=A=b,C=", "program.env", {"A": "b", "C": ""}),
    ("--export=NONE,A=b=c", "program.env", {"A": "b=c"}),
    ("--exclusive", "exclusive", True),
    ("--requeue", "retry", RetryPolicy()),
    ("--no-requeue", "retry", RetryPolicy(machine_count=0, site_count=0)),
    ("--no-requeue", "preemptible", False),
    ("-t 10 --signal=B:TERM@120", "time_limit_ms", 480_000),
    ("-t 10 --signal=TERM", "grace_ms", 60_000),
    ("-t 10 --signal=SIGTERM@90", "grace_ms", 90_000),
    ("-t 10 --signal=15@30", "grace_ms", 30_000),
    ("--comment='a b' --wckey=k", "labels", {"comment": "a b", "wckey": "k"}),
    ("-i /dev/null", "program.env", {}),
    ("--ignore-pbs", "program.env", {}),
    ("--spread-job", "layout", Layout.SPREAD),
    ("--switches=1", "within", Level.RACK),
    ("--switches=1@0", "within", Level.SITE),
    ("--switches=2@10:00", "within", Level.SITE),
]  # fmt: skip


@pytest.mark.parametrize(("line", "field", "value"), CASES, ids=lambda part: str(part)[:40])
def test_an_option_sets_its_field(line: str, field: str, value: Any) -> None:
    found: Any = one(script(line))
    for name in field.split("."):
        found = getattr(found, name)
    assert found == value


def test_of_requeue_and_no_requeue_the_later_counts() -> None:
    assert one(script("--no-requeue", "--requeue")).preemptible
    assert not one(script("--requeue --no-requeue")).preemptible
    assert one(script("--requeue", "--no-requeue --requeue")).preemptible


def test_every_honoured_option_has_a_case() -> None:
    shape = {
        "cpus-per-gpu", "cpus-per-task", "gpus", "gpus-per-node", "gpus-per-task", "gres", "mem",
        "mem-per-cpu", "mem-per-gpu", "mincpus", "nodes", "ntasks", "ntasks-per-node",
    }  # fmt: skip
    letters = {option.letter: name for name, option in HONOURED.items() if option.letter}
    reached: set[str] = set()
    for line, _, _ in CASES:
        for word in line.split():
            if word.startswith("--"):
                reached.add(word[2:].partition("=")[0])
            elif word.startswith("-"):
                reached.add(letters[word[1]])
    assert reached | shape == set(HONOURED)
    assert shape.isdisjoint(sbatch._READINGS)


BAD: list[tuple[str, str, str]] = [
    ("-A Acme", "--account", "an account is a tenant here"),
    ("--array=1,3,7", "--array", "not evenly spaced"),
    ("--array=0-9999999", "--array", "1000000 is the limit"),
    ("-t 2h", "--time", "none of Slurm's forms"),
    ("--begin=later", "--begin", "none of Slurm's forms"),
    ("--deadline=2026-02-30", "--deadline", "there is no such time"),
    ("-D run", "--chdir", "it is no absolute path"),
    ("-D /data/../etc", "--chdir", "it climbs out"),
    ("-p GPU_4", "--partition", "`GPU_4` is not the name of a pool"),
    ("-p a/b/c", "--partition", "`a/b/c` is not the name of a pool"),
    ("-M 'Site 1'", "--clusters", "`Site 1` is not the name of one"),
    ("--qos=go_ld", "--qos", "that names no priority class"),
    ("--priority=1000", "--priority", "that names no priority class"),
    ("--qos=high --priority=low", "--qos", "`--priority=low` is said as well"),
    ("-d singleton", "--dependency", "side by side"),
    ("-d afterok:j1?afterany:j2", "--dependency", "`?` (any of them) is not understood"),
    ("-d after:j1", "--dependency", "`after:j1` is not understood"),
    ("-d aftercorr:j1", "--dependency", "`aftercorr:j1` is not understood"),
    ("-d afterok", "--dependency", "`afterok` is not understood"),
    ("-d afterok:12345", "--dependency", "`12345` is the number of a Slurm job"),
    ("-d afterok:123_4", "--dependency", "`123_4` is the number of a Slurm job"),
    ("-d afterok:j1+5", "--dependency", "`j1+5` is no job"),
    ("-d afterok:", "--dependency", "`` is no job"),
    ("--export=ALL,HOME", "--export", "the value of HOME is not taken"),
    ("--export=A-B=c", "--export", "a shell takes no variable `A-B`"),
    ("--exclusive=user", "--exclusive", "only whole nodes are understood"),
    ("-t 10 --signal=USR1@60", "--signal", "only SIGTERM is sent"),
    ("-t 10 --signal=B:TERM@600", "--signal", "`--time` is not longer"),
    ("--signal=B:TERM@60", "--signal", "`--time` is not longer"),
    ("-t 1000 --signal=TERM@7200", "--signal", "not from 1 s to 1 h"),
    ("-t 10 --signal=@60", "--signal", "it is not a signal with a time"),
    ("-i data.txt", "--input", "nothing is fed to"),
    ("-J ''", "--job-name", "it is empty"),
    (f"-J {'x' * 129}", "--job-name", "128 is the limit"),
    (f"--comment={'x' * 300}", "--comment", "a label is one line"),
]


@pytest.mark.parametrize(("line", "key", "problem"), BAD, ids=lambda part: str(part)[:40])
def test_a_value_that_cannot_be_is_refused_with_its_line(line: str, key: str, problem: str) -> None:
    error = refusal(script("-n 1", line))
    assert said(error) == ("file.bad_value", 3, key)
    assert problem in error.message
    assert error.hint


def test_a_class_that_could_be_is_left_to_the_hub() -> None:
    assert "such as `normal`" in refusal(script("--qos=7")).hint
    assert one(script("--qos=normall")).priority == "normall"


def test_the_whole_script_is_what_runs_and_its_file_is_its_name() -> None:
    text = script("-c 2", body="echo hi\n# end")
    parsed = read_jobs(text, "dir/train model.sh")
    assert parsed.jobs[0].program.script == text
    assert (parsed.jobs[0].name, parsed.jobs[0].source) == ("train model.sh", "sbatch")
    assert read_jobs(text, "/").jobs[0].name == "sbatch"


def test_a_script_without_an_interpreter_is_refused() -> None:
    error = refusal("#SBATCH -n 1\ntrue\n", "sbatch")
    assert error.facts["line"] == 1
    assert "`#!/bin/bash`" in error.hint


def test_scripts_for_other_interpreters_run_too() -> None:
    job = one("#!/usr/bin/env python3\n#SBATCH -c 2\nprint('srun')\n")
    assert job.needs.cpu_milli == 2000


def test_the_environment_of_who_hands_in_is_said_not_to_be_taken() -> None:
    assert warned(parse(script("--export=ALL,A=b"))) == [(2, "--export=ALL,A=b")]
    assert not warned(parse(script("--export=NONE,A=b")))


@pytest.mark.parametrize("command", sbatch.NOT_ELSEWHERE)
def test_commands_of_slurm_are_refused_with_their_line(command: str) -> None:
    error = refusal(script("-n 1", body=f"cd /data\n{command} x"))
    assert said(error) == ("file.unsupported", 4, command)
    assert error.hint


def test_srun_is_answered_with_what_to_write_instead() -> None:
    error = refusal(script("-N 2", body="srun --mpi=pmix python train.py"))
    assert said(error) == ("file.unsupported", 3, "srun")
    assert "SLURM_PROCID" in error.hint


@pytest.mark.parametrize("command", sbatch.LAUNCHERS)
def test_a_launcher_runs_on_one_node_and_is_refused_on_several(command: str) -> None:
    assert one(script("-n 4", body=f"{command} -n 4 ./a.out")).needs.cpu_milli == 4000
    error = refusal(script("-N 2", body=f"{command} -n 4 ./a.out"))
    assert said(error) == ("file.unsupported", 3, command)


@pytest.mark.parametrize("command", [*sbatch.ONLY_ASK, "module"])
def test_commands_that_only_some_sites_have_are_warned_of(command: str) -> None:
    assert warned(parse(script(body=f"{command} load"))) == [(2, command)]


def test_files_beside_the_script_are_said_not_to_be_there() -> None:
    parsed = parse(script("-c 2", body="echo start\npython src/train.py --config conf.yaml"))
    assert warned(parsed) == [(4, "src/train.py")]
    assert "--chdir" in parsed.warnings[0].sentence
    assert not warned(parse(script("-D /data", body="python train.py")))
    assert not warned(parse(script(body="cd /data\npython train.py")))
    assert not warned(parse(script(body="python /data/train.py $HOME/x.py")))
