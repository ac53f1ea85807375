"""Children are started again after longer and longer pauses, and ended by their own pids."""

import os
import threading
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from hutong.cli import children
from hutong.cli.children import Child, Children, _Running

SAY_AND_DIE = "import sys; sys.stderr.write('error: no luck\\nhint: try\\n'); sys.exit(3)"
STAY = """
import os, pathlib, sys, time
pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))
time.sleep(600)
"""


def child(tmp_path: Path, program: str, *words: str) -> Child:
    return Child("The agent of lab", ("-c", program, *words), tmp_path / "logs" / "lab.log")


def test_one_that_dies_young_waits_longer_each_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], eventually: Callable[..., Any]
) -> None:
    running = _Running(child(tmp_path, SAY_AND_DIE))
    now, starts = 0.0, []
    for _ in range(4):
        running.look(now)
        assert running._process is not None
        starts.append(now)
        eventually(lambda: running._process.poll() is not None, what="its death")
        running.look(now + 1)
        assert running._process is None
        now = running._next - 0.01
        running.look(now)
        assert running._process is None, "it starts before its pause is over"
        now = running._next
    assert [round(later - earlier) for earlier, later in pairwise(starts)] == [
        2, 3, 5,
    ]  # fmt: skip
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "The agent of lab ended with 3 and starts again in 1 s: error: no luck"


def test_one_that_lived_long_starts_again_at_once(
    tmp_path: Path, eventually: Callable[..., Any]
) -> None:
    running = _Running(child(tmp_path, SAY_AND_DIE))
    running._pause = 16.0
    running.look(0.0)
    assert running._process is not None
    eventually(lambda: running._process.poll() is not None, what="its death")
    running.look(children.GROWN_UP_S + 1)
    assert running._next == children.GROWN_UP_S + 1 + children.FIRST_PAUSE_S


def test_what_cannot_be_started_is_tried_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "logs").write_text("a file where the folder should be")
    running = _Running(child(tmp_path, SAY_AND_DIE))
    running.look(0.0)
    assert running._process is None
    assert running._next > 0
    assert "cannot be started (File exists)" in capsys.readouterr().err


def test_all_are_ended_when_the_end_is_asked_for(
    tmp_path: Path, eventually: Callable[..., Any]
) -> None:
    pids = [tmp_path / "one", tmp_path / "two"]
    made = [child(tmp_path, STAY, str(file)) for file in pids]
    keeper = Children()
    thread = threading.Thread(target=keeper.keep, args=(made,))
    thread.start()
    eventually(lambda: all(file.exists() and file.read_text() for file in pids), what="both")
    keeper.leave()
    thread.join(30)
    assert not thread.is_alive()
    for file in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(int(file.read_text()), 0)


def test_one_that_will_not_leave_is_killed(
    tmp_path: Path, eventually: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "GRACE_S", 0.1)
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + STAY
    file = tmp_path / "deaf"
    keeper = Children()
    thread = threading.Thread(target=keeper.keep, args=([child(tmp_path, deaf, str(file))],))
    thread.start()
    eventually(lambda: file.exists() and file.read_text(), what="the child")
    keeper.leave()
    thread.join(30)
    with pytest.raises(ProcessLookupError):
        os.kill(int(file.read_text()), 0)
