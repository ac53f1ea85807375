"""Agents as processes: killed at any moment, told to leave, started twice, started wrongly."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hutong.agent.main import main
from hutong.connectors.local import record
from hutong.model.ids import AttemptId
from hutong.model.job import Program
from hutong.model.reasons import Completed, Fenced
from hutong.model.states import AttemptState
from tests.conformance.connectors import SITE, order
from tests.unit.agent.fakehub import Hub, serving

TOKEN = "agent-secret"
Eventually = Callable[..., Any]


class Ground:
    """A site folder, its files, and the agents that come and go."""

    def __init__(self, folder: Path, url: str) -> None:
        self.root = folder / "site"
        self.url = url
        self.site_file = folder / "site.yaml"
        self.site_file.write_bytes(SITE)
        self.token_file = folder / "token"
        self.token_file.write_text(f"{TOKEN}\n")
        self.log = folder / "agent.log"
        self.agents: list[subprocess.Popen[bytes]] = []

    @property
    def arguments(self) -> list[str]:
        return [
            f"--hub={self.url}",
            f"--token-file={self.token_file}",
            f"--site={self.site_file}",
            f"--root={self.root}",
        ]

    def agent(self) -> subprocess.Popen[bytes]:
        """Start an agent."""
        with self.log.open("ab") as log:
            started = subprocess.Popen(
                [sys.executable, "-m", "hutong.agent", *self.arguments], stderr=log
            )
        self.agents.append(started)
        return started

    def live(self) -> list[str]:
        """Attempts without an end on disk."""
        folder = self.root / "attempts"
        names = os.listdir(folder) if folder.exists() else []
        records = {name: record.read(str(folder / name)) for name in names}
        return [name for name, known in records.items() if known and "end" not in known]


@pytest.fixture
def hub() -> Hub:
    return Hub()


@pytest.fixture
def ground(tmp_path: Path, hub: Hub, eventually: Eventually) -> Iterator[Ground]:
    with serving(hub, TOKEN) as url:
        made = Ground(tmp_path, url)
        yield made
        for attempt in made.live():
            hub.stop(AttemptId(attempt))
        if made.live():
            made.agent()
            eventually(lambda: not made.live(), what="the end of what ran")
        for agent in made.agents:
            with contextlib.suppress(ProcessLookupError):
                agent.terminate()
            agent.wait()


def test_agents_that_are_killed_at_any_moment_run_every_job_exactly_once(
    ground: Ground, hub: Hub, tmp_path: Path, eventually: Eventually
) -> None:
    ran, jobs = tmp_path / "ran", 80
    script = f"echo $HUTONG_ATTEMPT_ID >> {ran}; sleep 0.$(($SLURM_JOB_ID % 10)); echo done"
    orders = [order(which, program=Program(script=script)) for which in range(1, jobs + 1)]
    dice = random.Random(7)
    for part in range(8):
        hub.order(*orders[part * 10 : part * 10 + 10])
        agent = ground.agent()
        wanted = dice.randrange(len(hub.ends) + 1, part * 10 + 9)
        eventually(lambda wanted=wanted: len(hub.seen) >= wanted, what="reports")
        agent.kill()
        agent.wait()
    ground.agent()
    eventually(lambda: len(hub.ends) == jobs, what="all ends")
    assert sorted(ran.read_text().split()) == sorted(one.attempt for one in orders)
    assert {end.ended for end in hub.ends.values()} == {Completed()}
    assert hub.contradictions == []
    for end in hub.ends.values():
        slept_ms = int(str(end.attempt).split("-j")[1].split("-")[0]) % 10 * 100
        assert slept_ms <= end.ended_ms - end.started_ms
    eventually(lambda: all(hub.log(one.attempt) == b"done\n" for one in orders), what="all logs")
    eventually(lambda: not os.listdir(ground.root / "attempts"), what="a clean folder")


def test_told_to_leave_it_goes_within_a_second_and_what_runs_goes_on(
    ground: Ground, hub: Hub, eventually: Eventually
) -> None:
    hub.order(order(program=Program(argv=("sleep", "1000"))))
    agent = ground.agent()
    one = AttemptId("h0test-j1-1")
    eventually(
        lambda: one in hub.seen and hub.seen[one].state is AttemptState.RUNNING, what="the run"
    )
    began = time.monotonic()
    agent.send_signal(signal.SIGTERM)
    assert agent.wait() == 0
    assert time.monotonic() - began < 1.0
    assert ground.live() == [one]
    hub.stop(one)
    ground.agent()
    eventually(lambda: one in hub.ends, what="the end")
    assert hub.ends[one].ended == Fenced()
    assert hub.contradictions == []


def test_two_agents_never_drive_one_folder(
    ground: Ground, hub: Hub, eventually: Eventually
) -> None:
    first = ground.agent()
    eventually(lambda: hub.requests, what="the first agent")
    second = ground.agent()
    assert second.wait() == 1
    assert "another agent drives" in ground.log.read_text()
    assert first.poll() is None


def test_a_wrong_token_is_said_and_the_agent_stays(
    ground: Ground, hub: Hub, eventually: Eventually
) -> None:
    ground.token_file.write_text("wrong")
    agent = ground.agent()
    eventually(lambda: ground.log.exists() and "auth.unknown" in ground.log.read_text(), what="why")
    assert agent.poll() is None
    assert hub.requests == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda ground: ground.token_file.unlink(), "file.unreadable"),
        (lambda ground: ground.token_file.write_bytes(b"\xff\xfe"), "it is no text"),
        (lambda ground: ground.token_file.write_text(""), "auth.missing"),
        (lambda ground: ground.site_file.unlink(), "file.unreadable"),
        (lambda ground: ground.site_file.write_text("site: lab\nownr: x"), "line 2"),
        (lambda ground: setattr(ground, "url", "hub:8470"), "hub.unreachable"),
        (lambda ground: ground.root.write_text("a file"), "connector.refused"),
        (
            lambda ground: ground.site_file.write_bytes(SITE.replace(b"declared: true", b"")),
            "connector.refused",
        ),
    ],
    ids=["no-token", "binary-token", "empty-token", "no-site", "bad-site", "bad-url", "bad-root",
         "not-this-machine"],
)  # fmt: skip
def test_a_wrong_start_ends_with_a_clear_error(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[Ground], object],
    said: str,
) -> None:
    ground = Ground(tmp_path, "http://127.0.0.1:9")
    change(ground)
    assert main(ground.arguments) == 1
    text = capsys.readouterr().err
    assert said in text
    assert "hint: " in text
    assert "Traceback" not in text
