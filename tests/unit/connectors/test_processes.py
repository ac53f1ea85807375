"""Real processes under the supervisor: what they get, what they leave, and who dies when."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from hutong.connectors.local import processes
from hutong.connectors.local.connector import LocalConnector
from hutong.connectors.local.sitefile import parse_site_file
from hutong.model.errors import HutongError
from hutong.model.ids import AttemptId
from hutong.model.job import InlineFile, Program
from hutong.model.reasons import (
    CommandNotFound,
    Completed,
    ExitCode,
    Fenced,
    ProcessLost,
    Signalled,
    TimeLimit,
)
from hutong.model.states import AttemptState
from tests.conformance.connectors import (
    SITE,
    LocalRig,
    Watch,
    gang,
    hold,
    log_of,
    order,
)

pytestmark = pytest.mark.anyio

ONE = AttemptId("h0test-j1-1")
Eventually = Callable[..., Any]


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": request.param}


class Lab(LocalRig):
    """A local site whose folder and supervisor the test can look at."""

    @property
    def root(self) -> Path:
        return self._root

    def supervisor(self) -> int:
        return int((self._root / "supervisor.lock").read_text())

    async def run(self, watch: Watch, **program: object) -> str:
        """Run a program to its good end and give its output."""
        await self.connector.start(order(program=Program(**program)))
        end = await watch.ended(ONE)
        assert end.ended == Completed()
        return (await self.connector.read_log(ONE, 0, 0, 1 << 20)).decode()


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    made = Lab(tmp_path)
    await made.connector.open()
    await hold(made.connector)
    yield made
    await made.leave()


@pytest.fixture
async def watch(lab: Lab) -> AsyncIterator[Watch]:
    watching = Watch(lab.connector)
    yield watching
    watching.stop()


def is_there(pid: int) -> bool:
    """Say whether a process runs; a zombie does not."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def number_in(lab: Lab, word: str, attempt: AttemptId = ONE) -> int:
    """The number after a word in an attempt's log."""
    log = await log_of(lab.connector, attempt, f"{word} ".encode())
    while not log.partition(f"{word} ".encode())[2].partition(b"\n")[1]:
        log = await log_of(lab.connector, attempt, f"{word} ".encode())
    return int(log.partition(f"{word} ".encode())[2].split()[0])


# What a task gets


async def test_arguments_reach_the_program_as_they_are(lab: Lab, watch: Watch) -> None:
    awkward = ("a b", "$HOME", "*", "", "'\"", "训练", "-x")
    text = await lab.run(watch, argv=("python3", "-c", "import sys; print(sys.argv[1:])", *awkward))
    assert text == f"{list(awkward)}\n"


async def test_a_script_runs_by_its_interpreter(lab: Lab, watch: Watch) -> None:
    script = f"#!{sys.executable}\nimport os\nprint(os.environ['RANK'], os.getcwd())\n"
    text = await lab.run(watch, script=script)
    assert text == f"0 {lab.root}/attempts/{ONE}/work\n"


async def test_files_and_a_folder_of_the_jobs_own(lab: Lab, watch: Watch, tmp_path: Path) -> None:
    own = tmp_path / "data"
    own.mkdir()
    files = (InlineFile("in/put.txt", "text\n"),)
    text = await lab.run(watch, script="cat in/put.txt; pwd", files=files, workdir=str(own))
    assert text == f"text\n{own}\n"


async def test_setup_runs_first_and_once_per_task(lab: Lab, watch: Watch) -> None:
    program = Program(script="echo run $RANK", setup="echo setup $RANK")
    await lab.connector.start(order(nodes=gang(1, 1), program=program))
    assert (await watch.ended(ONE)).ended == Completed()
    logs = [await lab.connector.read_log(ONE, rank, 0, 100) for rank in (0, 1)]
    assert logs == [b"setup 0\nrun 0\n", b"setup 1\nrun 1\n"]


async def test_a_setup_that_fails_is_the_end(lab: Lab, watch: Watch) -> None:
    program = Program(script="echo run", setup="exit 6")
    await lab.connector.start(order(program=program))
    assert (await watch.ended(ONE)).ended == ExitCode(6)
    assert await lab.connector.read_log(ONE, 0, 0, 100) == b""


async def test_the_agents_own_environment_stays_with_it(
    lab: Lab, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENT_SECRET", "s3cret")
    text = await lab.run(watch, argv=("env",))
    assert "s3cret" not in text
    assert "VIRTUAL_ENV" not in text
    assert f"HOME={os.environ['HOME']}\n" in text


async def test_a_task_has_nothing_of_the_supervisors(lab: Lab, watch: Watch) -> None:
    script = """#!/bin/sh
echo session $(($(cut -d ' ' -f 6 /proc/$$/stat) - $$)), input "$(cat)", umask $(umask)
grep -E 'SigBlk|SigIgn' /proc/self/status
ls /proc/self/fd
"""
    text = await lab.run(watch, script=script)
    session, blocked, ignored, *files = text.splitlines()
    umask = os.umask(0)
    os.umask(umask)
    assert session == f"session 0, input , umask {umask:04o}"
    assert int(blocked.split()[1], 16) == 0
    assert int(ignored.split()[1], 16) & 0x7FFF_FFFF == 0  # 32 and 33 are the C library's own
    assert files == [*"0123"]  # what ls opened itself is the last


async def test_a_gang_meets_at_its_master(lab: Lab, watch: Watch) -> None:
    script = """#!/usr/bin/env python3
import os, socket, time
address = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
if os.environ["RANK"] == "0":
    with socket.create_server(address) as server:
        for _ in range(int(os.environ["WORLD_SIZE"]) - 1):
            peer, _ = server.accept()
            print(peer.recv(10).decode())
else:
    while True:
        try:
            with socket.create_connection(address) as peer:
                peer.sendall(b"rank " + os.environ["RANK"].encode())
            break
        except ConnectionRefusedError:
            time.sleep(0.01)
"""
    await lab.connector.start(order(nodes=gang(1, 2), program=Program(script=script)))
    assert (await watch.ended(ONE)).ended == Completed()
    log = await lab.connector.read_log(ONE, 0, 0, 100)
    assert sorted(log.decode().splitlines()) == ["rank 1", "rank 2"]


# What cannot run


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (Program(argv=("no-such-command",)), "no-such-command: command not found"),
        (Program(argv=("/no/such/file",)), "/no/such/file: No such file"),
        (Program(argv=("/etc/passwd",)), "Permission denied"),
        (Program(argv=("/",)), "Permission denied"),
        (Program(script="#!/opt/python9\n"), "/opt/python9: No such file"),
        (Program(argv=("true",), workdir="/no/such/folder"), "/no/such/folder cannot be entered"),
        (Program(argv=("echo", "a\0b")), "null"),
        (Program(argv=("true",), env={"A=B": "x"}), "illegal environment variable name"),
        (Program(argv=("echo", "x" * 200_000)), "Argument list too long"),
    ],
    ids=["command", "path", "no-program", "folder", "interpreter", "workdir", "null", "variable",
         "too-long"],
)  # fmt: skip
async def test_what_cannot_be_run_is_told_in_words(
    lab: Lab, watch: Watch, program: Program, said: str
) -> None:
    await lab.connector.start(order(program=program))
    end = await watch.ended(ONE)
    assert isinstance(end.ended, CommandNotFound)
    assert said in end.ended.problem


async def test_half_a_character_is_refused(lab: Lab) -> None:
    for program in (Program(argv=("echo", "\ud800")), Program(script="echo \ud800")):
        with pytest.raises(HutongError, match=r"connector\.refused.*half of a character"):
            await lab.connector.start(order(program=program))


# What is left of a task


async def test_what_a_task_leaves_in_the_background_ends_with_it(lab: Lab, watch: Watch) -> None:
    script = "sleep 1000 & echo child $!\nsetsid sleep 1000 & echo stray $!\nexit 3"
    await lab.connector.start(order(program=Program(script=script)))
    assert (await watch.ended(ONE)).ended == ExitCode(3)
    assert not is_there(await number_in(lab, "child"))
    assert not is_there(await number_in(lab, "stray"))


async def test_a_daemon_that_hides_ends_with_its_attempt(lab: Lab, watch: Watch) -> None:
    script = "env -i setsid sh -c 'echo stray $$; exec sleep 1000' & sleep 1000"
    await lab.connector.start(order(program=Program(script=script)))
    stray = await number_in(lab, "stray")
    await lab.connector.stop(ONE, 200, "no longer wanted")
    await watch.ended(ONE)
    assert not is_there(stray)


async def test_a_stopped_tasks_children_get_the_grace_too(lab: Lab, watch: Watch) -> None:
    # The shell dies of SIGTERM at once; its child wants to save its work first.
    child = "trap 'sleep 0.1; echo saved; exit' TERM; echo up; while :; do sleep 0.01; done"
    script = f"sh -c {child!r} & wait"
    await lab.connector.start(order(program=Program(script=script)))
    await log_of(lab.connector, ONE, b"up")
    await lab.connector.stop(ONE, 20_000, "no longer wanted")
    assert (await watch.ended(ONE)).ended == Fenced()
    assert b"saved" in await lab.connector.read_log(ONE, 0, 0, 100)


async def test_one_that_stops_well_when_asked_has_still_not_completed(
    lab: Lab, watch: Watch
) -> None:
    script = "trap 'exit 0' TERM; echo up; while :; do sleep 0.01; done"
    await lab.connector.start(order(program=Program(script=script)))
    await log_of(lab.connector, ONE, b"up")
    await lab.connector.stop(ONE, 20_000, "no longer wanted")
    assert (await watch.ended(ONE)).ended == Fenced()


async def test_what_one_task_leaves_does_not_wait_for_the_others(
    lab: Lab, watch: Watch, eventually: Eventually
) -> None:
    script = "test $RANK = 1 && exec sleep 1000; sleep 1000 & echo child $!"
    await lab.connector.start(order(nodes=gang(1, 1), program=Program(script=script)))
    child = await number_in(lab, "child")
    await asyncio.to_thread(eventually, lambda: not is_there(child), what="the child's end")
    assert (await watch.running(ONE)).started_ms > 0


async def test_the_first_cause_of_an_end_stays(lab: Lab, watch: Watch) -> None:
    script = "trap 'echo told' TERM; while :; do sleep 0.01; done"
    limited = order(time_limit_ms=100, grace_ms=60_000, program=Program(script=script))
    await lab.connector.start(limited)
    await log_of(lab.connector, ONE, b"told")
    await lab.connector.stop(ONE, 0, "no longer wanted")
    assert (await watch.ended(ONE)).ended == TimeLimit(100)


async def test_a_kill_from_outside_is_a_signal(lab: Lab, watch: Watch) -> None:
    await lab.connector.start(order(program=Program(script="echo pid $$; exec sleep 1000")))
    os.kill(await number_in(lab, "pid"), signal.SIGKILL)
    assert (await watch.ended(ONE)).ended == Signalled(9)


async def test_a_log_beyond_its_limit_does_not_fill_the_disk(
    lab: Lab, watch: Watch, monkeypatch: pytest.MonkeyPatch, eventually: Eventually
) -> None:
    monkeypatch.setattr("hutong.connectors.local.connector.LOG_BYTES_PER_TASK", 1_000)
    script = "i=0; while :; do i=$((i+1)); echo line $i; done"
    await lab.connector.start(order(program=Program(script=script)))
    log = lab.root / "attempts" / ONE / "task-0.log"
    longest = [2_000]

    def is_cut_back() -> bool:
        size = log.stat().st_size if log.exists() else 0
        longest.append(max(size, longest[-1]))
        return size < longest[-1] > 2_000

    await asyncio.to_thread(eventually, is_cut_back, what="a log that is cut back")
    assert log.read_bytes()[:1_000].startswith(b"line 1\nline 2\n")


# Who dies when


async def test_a_killed_supervisor_is_replaced_and_its_tasks_are_ended_and_lost(
    lab: Lab, watch: Watch
) -> None:
    script = "echo pid $$; sleep 1000 & setsid sleep 1000 & sleep 1000"
    await lab.connector.start(order(1, program=Program(script=script)))
    await lab.connector.start(order(2, program=Program(argv=("true",))))
    await watch.ended(AttemptId("h0test-j2-1"))
    pid = await number_in(lab, "pid")
    killed = lab.supervisor()
    os.kill(killed, signal.SIGKILL)
    end = await watch.ended(ONE)
    assert end.ended == ProcessLost()
    assert end.ended_ms >= end.started_ms > 0
    assert not is_there(pid)
    assert not list(processes.all_owned(str(lab.root / "attempts")))
    await lab.connector.start(order(3, program=Program(argv=("true",))))
    assert (await watch.ended(AttemptId("h0test-j3-1"))).ended == Completed()
    assert lab.supervisor() != killed
    found = {seen.attempt: seen.ended for seen in await lab.connector.scan()}
    assert found[AttemptId("h0test-j2-1")] == Completed()


async def test_orders_given_while_no_supervisor_is_there_are_not_lost(
    lab: Lab, watch: Watch
) -> None:
    os.kill(lab.supervisor(), signal.SIGKILL)
    for which in range(1, 6):
        await lab.connector.start(order(which, program=Program(argv=("true",))))
    await lab.connector.stop(AttemptId("h0test-j9-1"), 0, "no longer wanted")
    for which in range(1, 6):
        assert (await watch.ended(AttemptId(f"h0test-j{which}-1"))).ended == Completed()
    assert (await watch.ended(AttemptId("h0test-j9-1"))).ended == Fenced()


async def test_a_supervisor_that_is_told_to_go_loses_what_it_has(lab: Lab, watch: Watch) -> None:
    await lab.connector.start(order(program=Program(argv=("sleep", "1000"))))
    await watch.running(ONE)
    os.kill(lab.supervisor(), signal.SIGTERM)
    assert (await watch.ended(ONE)).ended == ProcessLost()


async def test_the_lease_is_kept_while_no_agent_is_there(
    lab: Lab, watch: Watch, eventually: Eventually
) -> None:
    await lab.connector.start(order(program=Program(script="echo pid $$; exec sleep 1000")))
    pid = await number_in(lab, "pid")
    await hold(lab.connector, ttl_ms=300, grace_ms=100)
    await lab.connector.close()
    await asyncio.to_thread(eventually, lambda: not is_there(pid), what="the end of the lease")
    lab.connector = LocalConnector(parse_site_file(SITE, "lab"), lab.root)
    await lab.connector.open()
    again = Watch(lab.connector)
    (seen,) = await lab.connector.scan()
    if seen.state is not AttemptState.ENDED:
        seen = await again.ended(ONE)
    assert seen.ended == Fenced()
    again.stop()


async def test_a_supervisor_leaves_when_nobody_needs_it(
    tmp_path: Path, eventually: Eventually
) -> None:
    lab = Lab(tmp_path)
    await lab.connector.open()
    await hold(lab.connector)
    watch = Watch(lab.connector)
    await lab.connector.start(lab.act(order(), *[]))
    await watch.ended(ONE)
    pid = lab.supervisor()
    assert is_there(pid)
    await lab.connector.close()
    await asyncio.to_thread(eventually, lambda: not is_there(pid), what="the supervisor's end")
    watch.stop()


async def test_two_connectors_share_one_supervisor(lab: Lab, watch: Watch) -> None:
    pid = lab.supervisor()
    await lab.crash()
    assert lab.supervisor() == pid


async def test_a_site_folder_may_have_a_long_path(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    lab = Lab(deep)
    await lab.connector.open()
    await hold(lab.connector)
    watch = Watch(lab.connector)
    assert await lab.run(watch, argv=("echo", "hi")) == "hi\n"
    watch.stop()
    await lab.leave()
