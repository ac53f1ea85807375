"""The command line against a real hub with a real site, as a user meets it."""

import json
import os
import pty
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hutong.cli.table import columns_of
from tests.e2e.cli_house import House, command, house

CHAIN = """\
name: prepare
run: echo 41 > "$HUTONG_SHARED/number"
env: {{HUTONG_SHARED: "{folder}"}}
---
name: train
run: echo $(( $(cat "$HUTONG_SHARED/number") + 1 ))
env: {{HUTONG_SHARED: "{folder}"}}
depends_on: {{afterok: prepare}}
"""
SBATCH = """\
#!/bin/bash
#SBATCH --job-name=classic
#SBATCH --ntasks=2
#SBATCH --mem=64M
#SBATCH --mail-type=END
echo "rank $SLURM_PROCID of $SLURM_NTASKS"
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("cli")) as made:
        yield made


def test_a_program_is_run_waited_for_shown_and_metered(home: House) -> None:
    ran = home.run("submit", "--wait", "--", "sh", "-c", "echo out; echo err >&2; sleep 0.2")
    assert ran.code == 0, ran.err
    (job,) = ran.lines
    assert ran.err.splitlines()[-1].endswith("succeeded")
    assert sorted(home.run("logs", job).lines) == ["err", "out"]
    shown = home.run("job", job)
    assert "lab/cpu" in shown.out
    assert "succeeded" in shown.lines[0]
    assert "lab/cpu" in home.run("explain", job).out
    usage = json.loads(home.run("usage", "--json").out)
    assert usage["total_cost_microcny"] > 0


def test_a_program_that_fails_gives_exit_code_one_and_says_why(home: House) -> None:
    ran = home.run("submit", "--wait", "--name", "bad", "--", "sh", "-c", "exit 7")
    assert ran.code == 1
    assert "failed: exit code 7" in ran.err
    assert re.search(r"bad +failed .*exit code 7", home.run("jobs", "--all").out)


def test_files_that_depend_on_each_other_run_in_order(home: House, tmp_path: Path) -> None:
    file = tmp_path / "chain.yaml"
    file.write_text(CHAIN.format(folder=tmp_path))
    ran = home.run("submit", "--wait", str(file))
    assert ran.code == 0, ran.err
    assert home.run("logs", ran.lines[1]).lines == ["42"]


def test_an_sbatch_script_runs_as_it_is_and_its_idle_lines_are_named(
    home: House, tmp_path: Path
) -> None:
    (tmp_path / "classic.sbatch").write_text(SBATCH)
    ran = home.run("submit", "--wait", str(tmp_path / "classic.sbatch"))
    assert ran.code == 0, ran.err
    assert "classic.sbatch:5: " in ran.err
    logs = [home.run("logs", ran.lines[0], "--task", str(task)).out for task in (0, 1)]
    assert "rank 0 of 2" in logs[0]
    assert home.run("logs", ran.lines[0], "--task", "9").code == 1


def test_an_array_is_listed_by_its_elements(home: House) -> None:
    ran = home.run(
        "submit", "--wait", "--array", "10-14:2", "--", "sh", "-c",
        "exit $((SLURM_ARRAY_TASK_ID / 14))",
    )  # fmt: skip
    assert ran.code == 1
    job = ran.lines[0]
    rows = json.loads(home.run("job", job, "--elements", "--json").out)
    assert [(row["number"], row["state"]) for row in rows] == [
        (10, "succeeded"), (12, "succeeded"), (14, "failed"),
    ]  # fmt: skip
    assert "number 14" in home.run("job", f"{job}[2]").out
    assert "3/3 done, 1 failed" in home.run("jobs", "--all", "--name", "sh").out


def test_the_same_key_hands_in_once(home: House) -> None:
    first = home.run("submit", "--key", "nightly", "--", "true")
    again = home.run("submit", "--key", "nightly", "--", "true")
    assert first.lines == again.lines
    assert "before with this key" in again.err
    other = home.run("submit", "--key", "nightly", "--", "false")
    assert other.code == 1
    assert "error[job.key_conflict]" in other.err


def test_a_chip_that_nobody_has_is_told_by_plan_submit_and_explain(home: House) -> None:
    planned = home.run("plan", "--accelerators", "GB200:4", "--", "true")
    assert planned.code == 1
    assert "no place could ever run it" in planned.out
    ran = home.run("submit", "--accelerators", "GB200:4", "--name", "dream", "--", "true")
    assert ran.code == 0
    assert "GB200" in home.run("explain", "dream").out
    assert "no pool can run it" in home.run("jobs").out
    ended = home.run("cancel", "dream")
    assert (ended.code, ended.lines) == (0, [f"{ran.lines[0]}  cancelled"])


def test_logs_follow_a_job_to_its_end(home: House) -> None:
    script = "for n in 1 2 3; do echo line $n; sleep 0.1; done"
    job = home.run("submit", "--", "sh", "-c", script).lines[0]
    assert home.run("logs", "-f", job).lines == ["line 1", "line 2", "line 3"]


def test_a_running_job_is_cancelled(home: House) -> None:
    with home.spawn("submit", "--wait", "--name", "long", "--", "sleep", "600") as waiting:
        assert waiting.stdout is not None
        job = waiting.stdout.readline().strip()
        assert home.run("cancel", job).code == 0
        _, err = waiting.communicate(timeout=60)
    assert waiting.returncode == 1
    assert "cancelled: by local" in err


def test_ctrl_c_stops_waiting_and_not_the_job(home: House) -> None:
    with home.spawn("submit", "--wait", "--name", "patient", "--", "sleep", "600") as waiting:
        assert waiting.stdout is not None
        job = waiting.stdout.readline().strip()
        waiting.send_signal(signal.SIGINT)
        _, err = waiting.communicate(timeout=60)
    assert waiting.returncode == 130
    assert "The jobs go on" in err
    assert "Traceback" not in err
    assert job in home.run("jobs").out
    home.run("cancel", job)


@pytest.mark.parametrize(
    "words",
    [("jobs", "--all"), ("sites",), ("nodes",), ("usage",), ("events",), ("token", "list"),
     ("doctor",)],
)  # fmt: skip
def test_listings_of_a_real_hub_fit_80_columns(home: House, words: tuple[str, ...]) -> None:
    ran = home.run(*words)
    assert ran.code == 0, ran.err
    assert ran.lines
    assert [line for line in ran.lines if columns_of(line) > 80] == []


@pytest.mark.parametrize(
    "words", [("jobs", "--all"), ("sites",), ("nodes",), ("usage",), ("token", "list"), ("doctor",)]
)
def test_listings_of_a_real_hub_are_one_json_document(home: House, words: tuple[str, ...]) -> None:
    assert json.loads(home.run(*words, "--json").out)


def test_doctor_finds_nothing_wrong(home: House) -> None:
    rows = json.loads(home.run("doctor", "--json").out)
    assert {row["outcome"] for row in rows} == {"ok"}
    assert {row["check"] for row in rows} >= {"address", "hub", "token", "clock", "sites", "disk"}


def test_events_follow_what_happens(home: House) -> None:
    with home.spawn("events", "--follow", "--json", "--kind", "JobAccepted", "-n", "1") as reading:
        with home.client() as client:
            for _ in range(200):
                # The stream may not stand yet: hand in until it has told of one.
                if reading.poll() is not None:
                    break
                home_job = client.submit(_quick()).job
                time.sleep(0.1)
        out, err = reading.communicate(timeout=60)
    assert reading.returncode == 0, err
    event = json.loads(out)
    assert event["kind"] == "JobAccepted"
    assert event["event"]["job"] <= home_job or len(event["event"]["job"]) < len(home_job)


def _quick():  # type: ignore[no-untyped-def]
    from hutong.model.job import JobSpec, Program

    return JobSpec("quick", Program(argv=("true",)))


def test_draining_is_seen_and_undone(home: House) -> None:
    assert home.run("drain", "lab").lines == ["lab  draining"]
    assert "draining" in home.run("sites").out
    assert home.run("drain", "lab", "--undo").lines == ["lab  ready"]
    assert home.run("drain", "nowhere").code == 1


def test_a_members_token_sees_its_own_tenant_alone(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = home.run("token", "create", "m", "--scope", "member", "--subject", "acme")
    with home.client() as client:
        monkeypatch.setenv("HUTONG_URL", client.url)
    monkeypatch.setenv("HUTONG_TOKEN", made.lines[0])
    assert "m: member of acme" in home.run("doctor").out
    assert json.loads(home.run("jobs", "--all", "--json").out)["jobs"] == []
    refused = home.run("submit", "--", "true")
    assert refused.code == 1
    assert "error[auth.forbidden]" in refused.err
    monkeypatch.setenv("HUTONG_TENANT", "acme/vision")
    taken = home.run("submit", "--wait", "--", "true")
    assert taken.code == 0, taken.err
    (row,) = json.loads(home.run("jobs", "--all", "--json").out)["jobs"]
    assert (row["id"], row["tenant"]) == (taken.lines[0], "acme/vision")


def test_a_terminal_gets_colours_and_its_own_width(home: House) -> None:
    env = {**home.env, "TERM": "xterm"}
    del env["NO_COLOR"], env["COLUMNS"]
    ours, theirs = pty.openpty()
    _resize(theirs, 60)
    with subprocess.Popen(command("sites"), env=env, stdin=theirs, stdout=theirs, stderr=theirs):
        os.close(theirs)
        said = b""
        while True:
            try:
                piece = os.read(ours, 4096)
            except OSError:
                break
            if not piece:
                break
            said += piece
    os.close(ours)
    text = said.decode()
    assert "\x1b[32mready\x1b[0m" in text
    plain = re.sub(r"\x1b\[[0-9]+m", "", text)
    assert max(map(columns_of, plain.splitlines())) <= 60


def _resize(terminal: int, columns: int) -> None:
    import fcntl
    import struct
    import termios

    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
