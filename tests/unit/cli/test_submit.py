"""Handing in: files, standard input, programs, what the command line changes, and waiting."""

import json
from pathlib import Path

import msgspec
import pytest

from hutong.wire import api
from tests.unit.cli.conftest import Cli
from tests.unit.client.fakehub import Answer, FakeHub, error, value

YAML = "name: {name}\nrun: |\n  echo hello\n"
SBATCH = "#!/bin/bash\n#SBATCH --job-name=old\n#SBATCH --mail-type=END\ntrue\n"


def bulk(*lines: api.BulkLine) -> Answer:
    return Answer(pieces=tuple(msgspec.json.encode(line) + b"\n" for line in lines))


def accepted(*jobs: str) -> Answer:
    return bulk(*(api.BulkLine(number, job) for number, job in enumerate(jobs, start=1)))


def sent(hub: FakeHub, number: int = 0) -> list[api.SubmitRequest]:
    """The jobs of the `number`-th request."""
    body = hub.asked("POST", "/v1/jobs/bulk")[number].body
    return [msgspec.json.decode(line, type=api.SubmitRequest) for line in body.splitlines()]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text(YAML.format(name=name))
    (tmp_path / "old.sbatch").write_text(SBATCH)
    return tmp_path


def test_files_are_handed_in_together_and_ids_come_in_their_order(
    hub: FakeHub, cli: Cli, folder: Path
) -> None:
    hub.on("POST", "/v1/jobs/bulk", accepted("j7", "j8", "j9"))
    ran = cli("submit", "two.yaml", "old.sbatch", "one.yaml")
    assert (ran.code, ran.lines) == (0, ["j7", "j8", "j9"])
    assert [request.spec.name for request in sent(hub)] == ["two", "old", "one"]
    assert len(hub.seen) == 1


def test_warnings_name_file_line_and_word(hub: FakeHub, cli: Cli, folder: Path) -> None:
    hub.on("POST", "/v1/jobs/bulk", accepted("j7"))
    ran = cli("submit", "old.sbatch")
    assert ran.lines == ["j7"]
    assert "warning: old.sbatch:3: `" in ran.err


def test_standard_input_is_a_file(hub: FakeHub, cli: Cli) -> None:
    hub.on("POST", "/v1/jobs/bulk", accepted("j7"))
    assert cli("submit", "-", stdin=YAML.format(name="piped").encode()).lines == ["j7"]
    assert sent(hub)[0].spec.name == "piped"


def test_an_error_of_standard_input_names_it(hub: FakeHub, cli: Cli) -> None:
    ran = cli("submit", "-", stdin=b"name: a\nrnu: x\n")
    assert ran.code == 1
    assert "error[file.unknown_key]: <stdin>, line 2" in ran.err
    assert "run" in ran.err
    assert hub.seen == []


def test_a_program_needs_no_file(hub: FakeHub, cli: Cli) -> None:
    hub.on("POST", "/v1/jobs/bulk", accepted("j7"))
    ran = cli(
        "submit", "--cpus", "0.5", "--memory", "2GiB", "--accelerators", "any:2", "--tasks", "4",
        "--array", "1-9:2%3", "--time-limit", "90s", "--", "python", "x.py", "--epochs=3", "--json",
        "-h",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    spec = sent(hub)[0].spec
    assert spec.program.argv == ("python", "x.py", "--epochs=3", "--json", "-h")
    assert (spec.name, spec.source, spec.tasks, spec.time_limit_ms) == (
        "python",
        "command",
        4,
        90_000,
    )
    assert (spec.needs.cpu_milli, spec.needs.memory_mib) == (500, 2_048)
    assert [(need.model, need.count_milli) for need in spec.needs.accelerators] == [("any", 2_000)]
    assert spec.array is not None
    assert (spec.array.count, spec.array.step, spec.array.max_parallel) == (5, 2, 3)


def test_the_command_line_changes_what_it_names_and_nothing_else(
    hub: FakeHub, cli: Cli, folder: Path
) -> None:
    (folder / "extra.sh").write_text("#!/bin/sh\n")
    hub.on("POST", "/v1/jobs/bulk", accepted("j7"))
    ran = cli(
        "submit", "one.yaml", "--name", "new", "--tenant", "a/b", "--priority", "urgent", "--env",
        "A=1=2", "--env", "B=", "--file", "extra.sh:bin/run.sh",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    spec = sent(hub)[0].spec
    assert (spec.name, spec.tenant, spec.priority) == ("new", "a/b", "urgent")
    assert spec.program.env == {"A": "1=2", "B": ""}
    assert spec.program.script == "echo hello\n"
    (file,) = spec.program.files
    assert (file.name, file.content, file.executable) == ("bin/run.sh", "#!/bin/sh\n", True)


def test_the_tenant_of_the_environment_fills_in_for_a_silent_file(
    hub: FakeHub, cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUTONG_TENANT", "a/b")
    (folder / "own.yaml").write_text("tenant: c\n" + YAML.format(name="own"))
    hub.on("POST", "/v1/jobs/bulk", accepted("j7", "j8"))
    cli("submit", "one.yaml", "own.yaml")
    assert [request.spec.tenant for request in sent(hub)] == ["a/b", "c"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("one.yaml", "--name", "a b\n"), "name"),
        (("one.yaml", "--tenant", "Not A Tenant"), "tenant"),
        (("one.yaml", "--env", "1A=x"), "NAME=VALUE"),
        (("one.yaml", "--file", "gone.txt"), "no such file"),
        (("one.yaml", "--file", "one.yaml:../x"), "climbs out"),
        (("one.yaml", "--cpus", "2"), "behind `--`"),
        (("one.yaml", "two.yaml", "--name", "x"), "these are 2"),
        (("one.yaml", "--", "true"), "one or the other"),
        (("--cpus", "many", "--", "true"), "--cpus"),
        (("--accelerators", "NoSuchChip", "--", "true"), "no such accelerator"),
        (("--array", "9-1", "--", "true"), "backwards"),
        (("one.yaml", "--format", "pbs"), "pbs"),
        (("one.yaml", "--priority", "7"), "priority"),
        (("gone.yaml",), "no such file"),
        ((".",), "directory"),
        (("--",), "no program behind"),
    ],
)
def test_what_cannot_be_is_refused_before_the_hub_is_asked(
    hub: FakeHub, cli: Cli, folder: Path, words: tuple[str, ...], said: str
) -> None:
    ran = cli("submit", *words)
    assert ran.code in (1, 2)
    assert ran.out == ""
    assert ran.err.startswith("error[")
    assert said in ran.err
    assert hub.seen == []


def test_names_of_earlier_jobs_become_their_ids(hub: FakeHub, cli: Cli, folder: Path) -> None:
    (folder / "chain.yaml").write_text(
        "name: train\nrun: x\ndepends_on: {afterok: prepare}\n---\n"
        "name: evaluate\nrun: x\ndepends_on: {afterok: [train, j3]}\n"
    )
    (folder / "first.yaml").write_text(YAML.format(name="prepare"))
    hub.on("POST", "/v1/jobs/bulk", accepted("j7", "j8"), accepted("j9"), accepted("j10"))
    ran = cli("submit", "first.yaml", "chain.yaml", "one.yaml")
    assert ran.code == 0, ran.err
    assert ran.lines == ["j7", "j9", "j10", "j8"]
    assert [[r.spec.name for r in sent(hub, n)] for n in range(3)] == [
        ["prepare", "one"], ["train"], ["evaluate"],
    ]  # fmt: skip
    assert [d.job for d in sent(hub, 2)[0].spec.depends_on] == ["j9", "j3"]


def test_a_refused_job_takes_along_what_waits_for_it_and_nothing_else(
    hub: FakeHub, cli: Cli, folder: Path
) -> None:
    (folder / "after.yaml").write_text("depends_on: {afterok: one}\n" + YAML.format(name="after"))
    refused = api.BulkLine(1, code="quota.exceeded", message="Too much.", hint="Ask.")
    hub.on("POST", "/v1/jobs/bulk", bulk(refused, api.BulkLine(2, "j8")))
    ran = cli("submit", "one.yaml", "two.yaml", "after.yaml")
    assert (ran.code, ran.lines) == (1, ["j8"])
    assert "one was refused:\nerror[quota.exceeded]: Too much.\nhint: Ask.\n" in ran.err
    assert "after was refused:\nerror[job.dependency_unknown]" in ran.err


def test_one_key_covers_the_whole_call(hub: FakeHub, cli: Cli, folder: Path) -> None:
    hub.on(
        "POST", "/v1/jobs/bulk", bulk(api.BulkLine(1, "j7", repeated=True), api.BulkLine(2, "j8"))
    )
    ran = cli("submit", "one.yaml", "two.yaml", "--key", "tonight")
    assert [request.key for request in sent(hub)] == ["tonight-1", "tonight-2"]
    assert "j7 was handed in before" in ran.err
    cli("submit", "one.yaml", "two.yaml")
    keys = [request.key for request in sent(hub, 1)]
    assert len(set(keys)) == 2
    assert not any(key.startswith("tonight") for key in keys)


def test_a_single_job_has_the_key_itself(hub: FakeHub, cli: Cli, folder: Path) -> None:
    hub.on("POST", "/v1/jobs/bulk", accepted("j7"))
    cli("submit", "one.yaml", "--key", "tonight")
    assert sent(hub)[0].key == "tonight"


def test_what_was_accepted_is_told_even_if_the_hub_then_fails(
    hub: FakeHub, cli: Cli, folder: Path
) -> None:
    (folder / "after.yaml").write_text("depends_on: {afterok: one}\n" + YAML.format(name="after"))
    hub.on("POST", "/v1/jobs/bulk", accepted("j7"), error(500, "hub.internal"))
    ran = cli("submit", "one.yaml", "after.yaml")
    assert (ran.code, ran.lines) == (1, ["j7"])
    assert "error[hub.internal]" in ran.err


def view(number: int, state: str) -> api.JobView:
    return api.JobView(f"j{number}", "one", "t", state, "normal", 1, 1, 1, site="beijing")


@pytest.mark.parametrize(("end", "code"), [("succeeded", 0), ("failed", 1), ("cancelled", 1)])
def test_waiting_tells_the_states_and_ends_with_the_job(
    hub: FakeHub, cli: Cli, folder: Path, end: str, code: int
) -> None:
    hub.on("POST", "/v1/jobs/bulk", accepted("j7"))
    hub.on(
        "GET", "/v1/jobs", *(api.JobPage((view(7, state),)) for state in ("queued", "running", end))
    )
    ran = cli("submit", "one.yaml", "--wait")
    assert (ran.code, ran.lines) == (code, ["j7"])
    assert ran.err.splitlines() == [
        "j7  one  queued at beijing", "j7  one  running at beijing", f"j7  one  {end}",
    ]  # fmt: skip


def test_json_is_one_document_with_answers_and_ends(hub: FakeHub, cli: Cli, folder: Path) -> None:
    refused = api.BulkLine(2, code="quota.exceeded", message="Too much.")
    hub.on("POST", "/v1/jobs/bulk", bulk(api.BulkLine(1, "j7"), refused))
    hub.on("GET", "/v1/jobs", api.JobPage((view(7, "succeeded"),)))
    ran = cli("submit", "one.yaml", "two.yaml", "--json", "--wait")
    rows = json.loads(ran.out)
    assert ran.code == 1
    assert rows[0]["answer"] == {"name": "one", "job": "j7"}
    assert rows[0]["ended"]["state"] == "succeeded"
    assert rows[1]["answer"]["error"]["code"] == "quota.exceeded"


def test_dry_run_shows_the_plan_and_hands_in_nothing(hub: FakeHub, cli: Cli, folder: Path) -> None:
    place = api.PlaceView("beijing", "beijing/cpu", "cn-beijing", chosen=True, start_ms=0)
    hub.on(
        "POST", "/v1/plan", value(api.PlanReply((api.PlanView("one", (place,), starts_now=True),)))
    )
    ran = cli("submit", "one.yaml", "--dry-run")
    assert ran.code == 0
    assert "would start now at beijing/cpu" in ran.lines[0]
    assert [seen.path for seen in hub.seen] == ["/v1/plan"]
