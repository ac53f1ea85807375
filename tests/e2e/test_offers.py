"""A real hub, a real agent and a provider played by this machine: a burst comes and goes."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hutong.client.client import Client
from hutong.model.job import Commercial, JobSpec, Program
from hutong.model.resources import TaskNeeds
from hutong.testing.fleet import Fleet
from hutong.wire.api import OfferView, PoolView

JOBS = 8
PATIENCE_S = 60.0
SITE = """
site: lab
owner: test
region: cn-beijing
jurisdiction: CN-BJ
pools:
  - {name: own, nodes: 1, cpus: 1, memory: 1GiB, declared: true}
offers:
  - name: burst
    nodes_max: 3
    cpus: 2
    memory: 2GiB
    boot_s: 1.5
    price: {cpu_cny_per_hour: 36}
"""
PROFILE = """
name: hasty
commercial_after: 1s
commercial_idle: 2s
"""


def job(number: int) -> JobSpec:
    return JobSpec(
        name=f"job-{number}", program=Program(argv=("sleep", "1")), needs=TaskNeeds(1000, 64),
        estimate_ms=1_000, commercial=Commercial(after_ms=0),
    )  # fmt: skip


def burst(client: Client) -> tuple[PoolView, OfferView]:
    pool = next(pool for pool in client.pools() if pool.id == "lab/burst")
    assert pool.offer is not None
    return pool, pool.offer


def wait(what: str, done: Callable[[], bool]) -> None:
    give_up = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < give_up, f"waited in vain for {what}"
        time.sleep(0.02)


@pytest.mark.timeout(180)
def test_nodes_boot_for_jobs_that_do_not_fit_and_go_back_when_they_are_idle(
    tmp_path: Path,
) -> None:
    profile = tmp_path / "profile.yaml"
    profile.write_text(PROFILE)
    with Fleet(tmp_path, profile=str(profile)) as fleet:
        fleet.start_hub()
        fleet.add_site("lab", SITE)
        fleet.start_agent("lab")
        with fleet.client() as client:
            assert burst(client)[0].nodes == 0
            names = [client.submit(job(number)).job for number in range(JOBS)]
            wait("nodes to boot", lambda: burst(client)[1].booting > 0)
            # Killed while they boot: nothing is lost or doubled by it.
            fleet.kill_agent("lab")
            fleet.kill_hub()
            fleet.start_hub()
            fleet.start_agent("lab")
        with fleet.client() as client:
            wait("the jobs to end", lambda: all(_is_over(client, name) for name in names))
            views = [client.job(name).job for name in names]
            assert {view.state for view in views} == {"succeeded"}
            pools = {attempt.pool for name in names for attempt in client.job(name).attempts}
            assert "lab/burst" in pools
            wait("the nodes to go back", lambda: burst(client)[0].nodes == 0)
            pool, offer = burst(client)
            assert 0 < offer.started_count <= 3
            assert (offer.wanted, offer.booting, pool.nodes) == (0, 0, 0)
            # Two cores at 36 CNY an hour: 20 micro-CNY a millisecond.
            assert offer.node_ms >= offer.node_boot_ms >= 1_400 * offer.started_count
            assert abs(offer.cost_microcny - 20 * offer.node_ms) <= 3 * offer.started_count


def _is_over(client: Client, name: str) -> bool:
    return client.job(name).job.state in ("succeeded", "failed", "cancelled")
