"""`hutong up`: its agents live and die with it, and what runs outlives them all."""

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hutong.client.client import Client
from tests.e2e.cli_house import House, agents_of, house


def test_it_ends_in_order_when_told_to(tmp_path: Path) -> None:
    with house(tmp_path, ("one", "two")) as made:
        assert len(agents_of(made.data)) == 2
        assert made.stop() == 0
        assert agents_of(made.data) == []


def test_ctrl_c_is_no_failure(tmp_path: Path) -> None:
    with house(tmp_path) as made:
        assert made.stop(signal.SIGINT) == 0


def test_an_agent_that_dies_is_started_again_and_told_of(
    tmp_path: Path, eventually: Callable[..., Any]
) -> None:
    with house(tmp_path) as made:
        (first,) = agents_of(made.data)
        os.kill(first, signal.SIGKILL)
        (second,) = eventually(
            lambda: [pid for pid in agents_of(made.data) if pid != first], what="another agent"
        )
        assert second != first
        assert made.run("submit", "--wait", "--", "true").code == 0
        assert (
            "The agent of lab ended with -9 and starts again"
            in (made.folder / "up.log").read_text()
        )


def test_its_agents_end_with_it_even_when_it_is_killed(
    tmp_path: Path, eventually: Callable[..., Any]
) -> None:
    with house(tmp_path) as made:
        assert made.stop(signal.SIGKILL) == -signal.SIGKILL
        eventually(lambda: not agents_of(made.data), what="the end of the agents")
        made.start()
        assert made.run("submit", "--wait", "--", "true").code == 0


def test_a_site_keeps_its_token_over_restarts(tmp_path: Path) -> None:
    with house(tmp_path) as made:
        token = (made.data / "agents" / "lab.token").read_text()
        assert os.stat(made.data / "agents" / "lab.token").st_mode & 0o077 == 0
        made.stop()
        made.start()
        assert (made.data / "agents" / "lab.token").read_text() == token
        made.stop()
        (made.data / "agents" / "lab.token").write_text("no token at all")
        made.start()
        assert (made.data / "agents" / "lab.token").read_text() not in ("no token at all", token)


def test_a_mistake_in_a_site_file_is_told_before_anything_starts(tmp_path: Path) -> None:
    made = House(tmp_path)
    (tmp_path / "lab.yaml").write_text("site: lab\npoolz: []\n")
    ran = made.run("up", "--port", "0", "--site", "lab.yaml")
    assert ran.code == 1
    assert ran.err.startswith("error[file.")
    assert not made.data.exists()


def test_two_files_of_one_site_are_refused(tmp_path: Path) -> None:
    made = House(tmp_path)
    ran = made.run("up", "--port", "0", "--site", "lab.yaml", "--site", "lab.yaml")
    assert ran.code == 2
    assert "both describe the site lab" in ran.err


def test_a_second_hub_on_the_same_data_is_refused(tmp_path: Path) -> None:
    with house(tmp_path) as made:
        ran = made.run("up", "--port", "0")
        assert ran.code == 1
        assert "error[store.in_use]" in ran.err
        assert made.run("submit", "--wait", "--", "true").code == 0


def test_a_log_is_followed_through_a_restart_without_losing_or_repeating_a_byte(
    tmp_path: Path, eventually: Callable[..., Any]
) -> None:
    with house(tmp_path) as made:
        script = "n=0; while [ $n -lt 40 ]; do echo line $n; n=$((n + 1)); sleep 0.1; done"
        job = made.run("submit", "--", "sh", "-c", script).lines[0]
        pieces: list[bytes] = []

        def follow(client: Client) -> None:
            pieces.extend(piece.data for piece in client.follow_log(job))

        with made.client() as client:
            reading = threading.Thread(target=follow, args=(client,))
            reading.start()
            eventually(lambda: pieces or _log_of(client, job), what="the first line")
            made.stop(signal.SIGKILL)
            time.sleep(0.3)
            made.start()
            assert client.wait(job).state == "succeeded"
            reading.join(60)
        assert not reading.is_alive()
        assert b"".join(pieces) == b"".join(b"line %d\n" % n for n in range(40))


def _log_of(client: Client, job: str) -> bool:
    from hutong.model.errors import HutongError

    try:
        return bool(client.log(job).data)
    except HutongError:
        return False
