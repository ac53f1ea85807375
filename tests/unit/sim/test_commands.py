"""`hutong simulate`: scenarios from files, seeds, and what is said of a promise that is broken."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hutong.lifecycle import clock
from hutong.model.errors import HutongError
from hutong.sim.cli import main
from hutong.sim.machines.scenario import read_scenario

ROOT = Path(__file__).parents[3]
SCENARIOS = sorted((ROOT / "scenarios").glob("*.yaml"))
SITE = """
site: bj
owner: park
region: cn-beijing
jurisdiction: CN-BJ
pools:
  - {name: cpu, nodes: 2, cpus: 4, memory: 16GiB, price: {cpu_cny_per_hour: 1}}
"""
JOBS = """
name: first
tenant: lab
resources: {cpus: 4}
run: "true"
---
name: second
tenant: lab
depends_on: {afterok: [first]}
run: "true"
"""
GOOD = """
scenario: Two jobs
sites: [site.yaml]
jobs:
  - {file: jobs.yaml, run: 10m}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "site.yaml").write_text(SITE)
    (tmp_path / "jobs.yaml").write_text(JOBS)
    return tmp_path


def ran(folder: Path, text: str, capsys: pytest.CaptureFixture[str]) -> dict:
    (folder / "scenario.yaml").write_text(text)
    assert main(["run", str(folder / "scenario.yaml"), "--json"]) == 0
    return msgspec.json.decode(capsys.readouterr().out)


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_bundled_scenario_runs_to_its_end(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(path)]) == 0
    told = capsys.readouterr().out
    assert "TENANT" in told
    assert max(map(len, told.splitlines())) <= 80


def test_jobs_wait_run_and_are_paid_for_as_the_scenario_says(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    summary = ran(folder, GOOD, capsys)
    first, second = summary["jobs"]
    assert (first["state"], second["state"]) == ("succeeded", "succeeded")
    assert 595_000 <= second["wait_ms"] < 605_000, "it waits for the first one to end"
    assert first["cost_microcny"] == 4 * 1_000_000 // 6 + 1, "four cores for ten minutes"
    (lab,) = summary["tenants"]
    assert (lab["jobs"], lab["succeeded"]) == (2, 2)
    assert lab["cost_microcny"] == first["cost_microcny"] + second["cost_microcny"]


def test_scenario_gives_the_same_journal_each_time(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran(folder, GOOD, capsys) == ran(folder, GOOD, capsys)


def test_copies_come_one_after_the_other_and_fail_as_they_are_told_to(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = GOOD.replace("10m}", "1m, copies: 3, every: 1h, exits: [7]}")
    summary = ran(folder, more, capsys)
    states = [(job["name"], job["state"]) for job in summary["jobs"]]
    assert states == [("first", "failed"), ("second", "cancelled")] * 3
    assert summary["virtual_ms"] > 7_200_000


def test_fault_of_a_scenario_befalls_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    crash = "  - {at: 1m, kind: node-crash, site: bj, node: bj/cpu-1, for: 5m}\n"
    summary = ran(folder, f"{GOOD}faults:\n{crash}", capsys)
    assert summary["jobs"][0]["attempts"] == 2


@pytest.mark.parametrize(
    ("before", "after", "code", "line"),
    [
        ("sites: [site.yaml]", "sites: [gone.yaml]", "file.bad_value", 3),
        ("run: 10m", "run: ten", "file.bad_value", 5),
        ("run: 10m", "runs: 10m", "file.unknown_key", 5),
        ("scenario: Two jobs\n", "", "file.syntax", 2),
        ("jobs.yaml, run: 10m", "jobs.yaml", "file.bad_value", 5),
        ("run: 10m", "run: 10m, copies: 0", "file.bad_value", 5),
        ("jobs:\n", "faults: [{kind: flood}]\njobs:\n", "file.bad_value", 4),
        ("jobs:\n", "faults: [{kind: cut}]\njobs:\n", "file.bad_value", 4),
        ("jobs:\n", "tenants: [{name: A B}]\njobs:\n", "file.bad_value", 4),
        ("jobs:\n", "profile: hasty\njobs:\n", "file.bad_value", 4),
    ],
)
def test_scenario_that_is_wrong_is_refused_with_its_line(
    folder: Path, before: str, after: str, code: str, line: int
) -> None:
    path = folder / "scenario.yaml"
    assert before in GOOD
    path.write_text(GOOD.replace(before, after))
    with pytest.raises(HutongError) as caught:
        read_scenario(path)
    assert (caught.value.code, caught.value.facts["line"]) == (code, line)


def test_single_seed_is_told_in_a_line_and_traced_on_request(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["chaos", "--seed", "2"]) == 0
    assert capsys.readouterr().out.startswith("seed 2: ")
    assert main(["chaos", "--seed", "2", "--steps", "150", "--trace"]) == 0
    assert "hub    1 (c1) HubCreated" in capsys.readouterr().out


def test_trace_without_a_single_seed_is_a_mistake() -> None:
    with pytest.raises(HutongError) as caught:
        main(["chaos", "--trace"])
    assert caught.value.code == "cli.usage"


def test_broken_promise_is_told_with_its_story_and_the_command_that_repeats_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(clock, "LEASE_MARGIN_MS", -250_000)
    assert main(["chaos", "--seed", "6"]) == 1
    told = capsys.readouterr().err
    assert "error[simulation.violation]: Seed 6, step " in told
    assert "promise 2 (a lease is exclusive) is broken: " in told
    [hint] = [line for line in told.splitlines() if line.startswith("hint: ")]
    words = hint.partition("hutong simulate ")[2].split()
    assert "AttemptLost" in told, "the story says how it came to it"
    assert main(words) == 1, "the command shows it again"


def test_interrupt_ends_the_processes_and_tells_what_was_done(
    eventually: Callable[..., Any],
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "hutong.sim", "chaos", "--seeds", "5000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    workers = eventually(lambda: len(ids := children.read_text().split()) >= 2 and ids)
    os.killpg(process.pid, signal.SIGINT)
    told = process.communicate(timeout=60)[1]
    assert process.returncode == 130, told
    assert told.startswith("interrupted after "), told
    assert not any(Path(f"/proc/{worker}/exe").exists() for worker in workers)
