"""`kill -9` of a writer: what was answered is there, and nothing is there by half."""

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hutong.lifecycle.events import JobAccepted
from hutong.model.errors import HutongError
from hutong.store.contract import JobQuery
from hutong.store.sqlite import SqliteStore
from tests.unit.store.writer import BATCH

ROOT = Path(__file__).parents[3]


def start_writer(path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.unit.store.writer", str(path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_every_answered_batch_outlives_kill_9_and_no_half_batch_does(tmp_path: Path) -> None:
    path = tmp_path / "hub.db"
    moments = random.Random(20_240_229)
    for _ in range(6):
        with start_writer(path) as writer:
            assert writer.stdout is not None
            told = [writer.stdout.readline() for _ in range(moments.randrange(1, 150))]
            # A little more work of ours, so that the blow falls anywhere in the writer's commit.
            sum(range(moments.randrange(20_000)))
            writer.send_signal(signal.SIGKILL)
            told += writer.stdout.readlines()
        answered = int(told[-1])
        store = SqliteStore(path)
        store.open()
        position = store.position()
        assert position in (answered, answered + BATCH)
        entries = store.entries(0, position + 10)
        assert [entry.position for entry in entries] == list(range(1, position + 1))
        jobs = store.jobs(JobQuery(limit=position + 10))
        accepted = [entry.event.job for entry in entries if isinstance(entry.event, JobAccepted)]
        assert [row.id for row in reversed(jobs)] == accepted
        found = store.jobs_by_keys([(row.tenant, row.key) for row in jobs])
        assert len(found) == position
        store.close()


def test_the_kernel_gives_the_lease_of_a_killed_hub_to_the_next(tmp_path: Path) -> None:
    path = tmp_path / "hub.db"
    second = SqliteStore(path)
    with start_writer(path) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        with pytest.raises(HutongError) as refused:
            second.open()
        assert refused.value.code == "store.in_use"
        writer.send_signal(signal.SIGKILL)
    second.open()
    assert second.position() >= BATCH
    second.close()
