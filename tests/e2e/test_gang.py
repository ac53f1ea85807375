"""Gangs of unlike tasks as a user runs them: a hub, a site, real processes that find each other."""

import time
from collections.abc import Iterator

import pytest

from hutong.client.client import Client
from hutong.model.job import JobSpec, Program, TaskGroup
from hutong.model.resources import AcceleratorNeed, TaskNeeds
from tests.e2e.cli_house import House, end_what_runs_in

SITE = """
site: lab
owner: Test Laboratory
region: cn-beijing
jurisdiction: CN-BJ
pools:
  - {name: cpu, nodes: [c1], cpus: 4, memory: 4GiB, declared: true}
  - {name: chips, nodes: 3, cpus: 4, memory: 4GiB, accelerator: A100-80GB, count: 2,
     declared: true}
"""

HEAD = """
import os, signal, socket, time
workers = int(os.environ["HUTONG_TASKS"]) - 1
server = socket.create_server((os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])))
heard = [server.accept()[0] for _ in range(workers)]
ranks = sorted(int(connection.recv(16)) for connection in heard)
print("head", os.environ["RANK"], os.environ["HUTONG_GROUP"], os.environ["HUTONG_POOL"])
print("heard", *ranks, flush=True)
signal.signal(signal.SIGTERM, lambda *_: (print("told to end", flush=True), os._exit(0)))
for connection in heard:
    connection.sendall(b"%d" % sum(ranks))
while True:
    time.sleep(60)
"""

WORKER = """
import os, socket, time
where = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
for _ in range(600):
    try:
        head = socket.create_connection(where)
        break
    except OSError:
        time.sleep(0.05)
head.sendall(os.environ["RANK"].encode())
print("sum", int(head.recv(16)), "chips", os.environ["HUTONG_ACCELERATOR_COUNT"])
print("of group", os.environ["HUTONG_GROUP_RANK"], "of", os.environ["HUTONG_GROUP_TASKS"])
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = House(tmp_path_factory.mktemp("gang"))
    (made.folder / "lab.yaml").write_text(SITE)
    made.start()
    try:
        yield made
    finally:
        if made.up is not None:
            made.stop()
        end_what_runs_in(made.data)


def ray(*, worker: str = WORKER, tasks: int = 3) -> JobSpec:
    """A head that serves for ever, and workers with a chip each that talk to it."""
    return JobSpec(
        name="cluster",
        program=Program(script=f"#!/usr/bin/env python3\n{worker}"),
        tasks=tasks,
        needs=TaskNeeds(1_000, 128, (AcceleratorNeed("A100-80GB", 2_000),)),
        groups=(
            TaskGroup(
                "head", 1, TaskNeeds(2_000, 256), Program(script=f"#!/usr/bin/env python3\n{HEAD}")
            ),
        ),
        grace_ms=5_000,
    )


def logs(client: Client, job: str, task: int) -> list[str]:
    """A task's log, once the agent has sent all of it."""
    for _ in range(200):
        lines = client.log(job, task=task).data.decode().splitlines()
        if len(lines) >= 2:
            return lines
        time.sleep(0.05)
    raise AssertionError(lines)


def test_a_head_and_its_workers_find_each_other_and_end_together(home: House) -> None:
    with home.client() as client:
        job = client.submit(ray()).job
        view = client.wait(job, timeout_ms=60_000)
        assert view.state == "succeeded", view.reason
        head = logs(client, job, 0)
        assert head[:2] == ["head 0 head cpu", "heard 1 2 3"]
        for rank in (1, 2, 3):
            lines = logs(client, job, rank)
            assert lines[0] == "sum 6 chips 2"
            assert lines[1] == f"of group {rank - 1} of 3"
        (attempt,) = client.job(job).attempts
        assert attempt.pool == "lab/chips"
        assert (attempt.nodes[0].group, attempt.nodes[0].node) == (1, "lab/c1")
        assert sum(share.tasks for share in attempt.nodes if not share.group) == 3


def test_nothing_is_left_of_a_head_when_its_gang_is_done(home: House) -> None:
    with home.client() as client:
        job = client.submit(ray(tasks=2)).job
        assert client.wait(job, timeout_ms=60_000).state == "succeeded"
        assert all(node.free == node.total for node in client.nodes())


def test_a_worker_that_fails_takes_the_head_with_it(home: House) -> None:
    with home.client() as client:
        job = client.submit(ray(worker="raise SystemExit(3)", tasks=2)).job
        view = client.wait(job, timeout_ms=60_000)
        assert view.state == "failed"
        assert view.reason is not None
        assert view.reason.code == "user.exit_code"
