"""Elastic gangs as a user runs them: a hub, a site, and real processes that start at other sizes.

The program is a training that goes on where it was: it writes down its step, and reads it again.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hutong.client.client import Client
from hutong.model.job import Elastic, JobSpec, Program
from hutong.model.resources import AcceleratorNeed, TaskNeeds
from hutong.testing.fleet import Fleet
from hutong.wire.api import AttemptView

PATIENCE_S = 60.0
SITE = """
site: lab
owner: Test Laboratory
region: cn-beijing
jurisdiction: CN-BJ
pools:
  - {name: chips, nodes: 2, cpus: 8, memory: 8GiB, accelerator: A100-80GB, count: 2,
     declared: true}
"""
PROFILE = """
name: nimble
grow_after: 1s
"""
TRAINING = """#!/usr/bin/env python3
import os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
rank, tasks = int(os.environ["HUTONG_TASK_RANK"]), int(os.environ["HUTONG_TASKS"])
kept = os.path.join(os.environ["HUTONG_DATA_DIR"], os.environ["HUTONG_JOB_ID"] + ".step")
step = int(open(kept).read()) if os.path.exists(kept) else 0
print("rank", rank, "of", tasks, "from", step, flush=True)
while True:
    step += 1
    if rank == 0:
        with open(kept + ".new", "w") as out:
            out.write(str(step))
        os.replace(kept + ".new", kept)
        open(os.environ["HUTONG_CHECKPOINT_FILE"], "w").close()
    time.sleep(0.05)
"""


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    profile = tmp_path / "nimble.yaml"
    profile.write_text(PROFILE)
    with Fleet(tmp_path / "fleet", profile=str(profile)) as made:
        made.start_hub()
        made.add_site("lab", SITE)
        made.start_agent("lab")
        yield made


def training() -> JobSpec:
    return JobSpec(
        name="training", program=Program(script=TRAINING), tasks=4,
        elastic=Elastic(1, resize=True),
        needs=TaskNeeds(1_000, 128, (AcceleratorNeed("A100-80GB", 1_000),)),
        estimate_ms=3_600_000, checkpoint_ms=1_000, grace_ms=2_000,
    )  # fmt: skip


def taker(name: str, *, tasks: int, priority: str) -> JobSpec:
    """A gang of whole nodes that does nothing for as long as it is let."""
    return JobSpec(
        name=name, program=Program(argv=("sleep", "600")), tasks=tasks, priority=priority,
        needs=TaskNeeds(1_000, 128, (AcceleratorNeed("A100-80GB", 2_000),)),
        estimate_ms=600_000, grace_ms=1_000,
    )  # fmt: skip


def wait(what: str, done: Callable[[], bool]) -> None:
    give_up = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < give_up, f"waited in vain for {what}"
        time.sleep(0.02)


def sizes(client: Client, job: str) -> list[int]:
    """How many tasks each attempt of a job has had."""
    return [tasks_of(attempt) for attempt in client.job(job).attempts]


def tasks_of(attempt: AttemptView) -> int:
    return sum(share.tasks for share in attempt.nodes)


def state_of(client: Client, job: str) -> str:
    return client.job(job).job.state


def first_line(client: Client, job: str, attempt: int) -> list[str]:
    """What the first task of an attempt says when it begins."""

    def told() -> list[str]:
        return client.log(job, attempt=attempt).data.decode().split("\n")[0].split()

    wait(f"attempt {attempt} to say something", lambda: len(told()) == 6)
    return told()


@pytest.mark.timeout(240)
def test_a_gang_grows_when_room_comes_and_shrinks_when_it_is_wanted(fleet: Fleet) -> None:
    with fleet.client() as client:
        other = client.submit(taker("other", tasks=1, priority="normal")).job
        wait("the other job to run", lambda: state_of(client, other) == "running")
        job = client.submit(training()).job
        wait("the gang to run", lambda: state_of(client, job) == "running")
        assert sizes(client, job) == [2]
        client.cancel(other)
        wait("the gang to grow", lambda: sizes(client, job) == [2, 4])
        assert first_line(client, job, 1) == ["rank", "0", "of", "2", "from", "0"]
        assert first_line(client, job, 2)[:4] == ["rank", "0", "of", "4"]
        urgent = client.submit(taker("urgent", tasks=1, priority="urgent")).job
        wait("the urgent job to run", lambda: state_of(client, urgent) == "running")
        wait("the gang to shrink", lambda: sizes(client, job) == [2, 4, 2])
        steps = [int(first_line(client, job, number)[5]) for number in (1, 2, 3)]
        assert 0 == steps[0] < steps[1] < steps[2]
        grown, shrunk, _ = client.job(job).attempts
        for attempt, after in ((grown, 4), (shrunk, 2)):
            assert attempt.reason is not None
            assert attempt.reason.code == "preempted.resized"
            assert attempt.reason.facts["tasks_after"] == after
        told = [line.sentence for line in client.job(job).story]
        assert any(f"so that {urgent} can start, to go on with 2 task(s)" in line for line in told)
        client.cancel(urgent)
        wait("the gang to grow again", lambda: sizes(client, job) == [2, 4, 2, 4])
        assert client.job(job).job.state in ("placed", "starting", "running")


@pytest.mark.timeout(240)
def test_a_hub_killed_while_a_gang_is_resized_goes_on_with_it(fleet: Fleet) -> None:
    with fleet.client() as client:
        other = client.submit(taker("other", tasks=1, priority="normal")).job
        wait("the other job to run", lambda: state_of(client, other) == "running")
        job = client.submit(training()).job
        wait("the gang to run", lambda: state_of(client, job) == "running")
        client.cancel(other)
        wait("the gang to be stopped", lambda: _was_resized(client, job))
    fleet.kill_hub()
    fleet.start_hub()
    with fleet.client() as client:
        wait("the gang to grow", lambda: sizes(client, job) == [2, 4])
        assert first_line(client, job, 2)[:4] == ["rank", "0", "of", "4"]


def _was_resized(client: Client, job: str) -> bool:
    return any("to go on with 4 task(s)" in line.sentence for line in client.job(job).story)
