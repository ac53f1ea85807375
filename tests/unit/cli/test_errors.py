"""Whatever goes wrong ends in a sentence, a hint and an exit code."""

import os
import subprocess
import sys

import pytest

from hutong.cli import app
from hutong.model.errors import refuse
from hutong.wire import api
from tests.unit.cli.conftest import Cli
from tests.unit.client.fakehub import Answer, FakeHub, error


def test_the_hubs_refusal_is_shown_with_its_hint(hub: FakeHub, cli: Cli) -> None:
    hub.on("GET", "/v1/jobs/j9", error(404, "job.not_found", "There is no job j9.", "Look."))
    ran = cli("job", "j9")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "error[job.not_found]: There is no job j9.\nhint: Look.\n"


def test_a_refusal_cannot_move_the_cursor(hub: FakeHub, cli: Cli) -> None:
    hub.on("GET", "/v1/jobs/j9", error(404, "job.not_found", "\x1b[2Jgone\r\n", "\x07"))
    assert "\x1b" not in cli("job", "j9").err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("jbos",), 'did you mean "jobs"'),
        (("jobs", "--stat", "x"), "did you mean --state"),
        (("jobs", "extra"), "`extra` is more than this command takes"),
        (("jobs", "--limit", "many"), "many"),
        (("job",), "job"),
        (("logs", "j1", "--task", "-1"), "count from 0"),
        (("cancel",), "no job"),
        (("cancel", "j1", "j2", "--element", "1"), "j12[5]"),
        (("submit",), "no file"),
        (("token", "create", "x", "--scope", "king"), "king"),
        (("token", "create", "x", "--scope", "agent"), "--subject"),
        (("token", "create", "x", "--scope", "admin", "--subject", "s"), "no --subject"),
        (("token", "create", "x", "--scope", "admin", "--ttl", "soon"), "soon"),
    ],
)
def test_a_wrong_command_line_is_told_and_nothing_is_asked(
    hub: FakeHub, cli: Cli, words: tuple[str, ...], said: str
) -> None:
    ran = cli(*words)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error[cli.usage]: ")
    assert "hint: `hutong " in ran.err
    assert said.lower() in ran.err.lower()
    assert hub.seen == []


def test_a_failure_of_our_own_shows_no_stack(
    cli: Cli, hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hutong.client.client.Client.sites", lambda self: 1 / 0)
    ran = cli("sites")
    assert ran.code == 1
    assert "error[cli.internal]: This program failed: ZeroDivisionError" in ran.err
    assert "Traceback" not in ran.err
    monkeypatch.setenv("HUTONG_DEBUG", "1")
    assert "Traceback" in cli("sites").err


def test_ctrl_c_is_quiet(cli: Cli, hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(self: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("hutong.client.client.Client.sites", interrupted)
    ran = cli("sites")
    assert (ran.code, ran.out, ran.err) == (130, "", "")


def test_a_reader_that_leaves_is_no_error(hub: FakeHub) -> None:
    view = api.JobView("j1", "a" * 60, "t", "queued", "normal", 1, 1, 1)
    hub.on("GET", "/v1/jobs", api.JobPage((view,) * 5_000))
    ours, theirs = os.pipe()
    env = {**os.environ, "HUTONG_URL": hub.url}
    env.pop("PYTHONUNBUFFERED", None)  # it makes Python take a write cut short for a whole one
    done = subprocess.Popen(
        [sys.executable, "-m", "hutong.cli.main", "jobs", "--limit", "5000"],
        stdout=theirs, stderr=subprocess.PIPE, env=env,
    )  # fmt: skip
    os.close(theirs)
    os.read(ours, 10)
    os.close(ours)
    _, err = done.communicate(timeout=60)
    assert (done.returncode, err) == (141, b"")


def test_a_full_disk_is_told(hub: FakeHub) -> None:
    view = api.JobView("j1", "a", "t", "queued", "normal", 1, 1, 1)
    hub.on("GET", "/v1/jobs", api.JobPage((view,)))
    env = {**os.environ, "HUTONG_URL": hub.url}
    env.pop("PYTHONUNBUFFERED", None)
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "hutong.cli.main", "jobs"], stdout=full, stderr=subprocess.PIPE,
            text=True, env=env, check=False, timeout=60,
        )  # fmt: skip
    assert done.returncode == 1
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [("--help",), ("-h",), ("--version",), ()])
def test_help_and_version_are_no_errors(cli: Cli, words: tuple[str, ...]) -> None:
    ran = cli(*words)
    assert ran.code == 0
    assert ran.out
    assert ran.err == ""


@pytest.mark.parametrize("name", [row[0] for row in app.COMMANDS if "elsewhere" not in row[2]])
def test_every_command_has_help_that_fits(cli: Cli, name: str) -> None:
    ran = cli(name, "--help")
    assert ran.code == 0, ran.err
    assert "Usage: hutong" in ran.out
    assert [line for line in ran.lines if len(line) > 80] == []


def test_no_hub_named_anywhere_says_where_it_looked(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.delenv("HUTONG_URL")
    monkeypatch.chdir(str(tmp_path))
    ran = cli("jobs")
    assert ran.code == 1
    assert "error[hub.unknown]" in ran.err
    assert "hutong up" in ran.err


def test_a_hub_that_is_away_is_named(cli: Cli, hub: FakeHub) -> None:
    hub.on("GET", "/v1/sites", Answer(drop=True))
    ran = cli("sites")
    assert ran.code == 1
    assert f"error[hub.unreachable]: No hub answers at {hub.url}" in ran.err


def test_every_hint_of_a_command_names_one_that_exists() -> None:
    import re

    from hutong.model.errors import CATALOGUE

    names = {row[0] for row in app.COMMANDS} | {"{command}"}
    for kind in CATALOGUE.values():
        for named in re.findall(r"`hutong ([^ `]+)", kind.hint + kind.sentence):
            assert named in names, named
    assert refuse("hub.unknown").hint
