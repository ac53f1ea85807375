"""Whole commands, as a person types them: help, a listing, a plan on a hub with 50 sites."""

import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from benchmarks.figure import Figure, Report, median
from benchmarks.world import fleet, true_job
from hutong.client.client import Client
from hutong.lifecycle.sync import SyncReply, SyncRequest
from hutong.model.ids import NodeId, PoolId, RegionId, SiteId
from hutong.model.limits import HEARTBEAT_MS
from hutong.model.resources import Amount
from hutong.model.supply import Inventory, Node, Pool, PriceBook, Site
from hutong.wire.api import TokenRequest

RUNS = 9
SITES = 50
CHIPS = ("A100-80GB", "H100-80GB", "Ascend910B3", "MLU370-X8", "DCU-K100-AI")
JOB = """name: plan-me
resources:
  cpus: 4
  memory: 16GiB
  accelerators: [{model: A100-80GB, count: 2}, {model: Ascend910B3, count: 2, speed: 0.9}]
tasks: 2
estimate: 2h
run: ./train.sh
"""


def run(report: Report) -> None:
    with fleet() as made, made.client() as client:
        list(client.submit_many([true_job(number) for number in range(200)]))
        env = {**os.environ, "HUTONG_URL": client.url, "HUTONG_TOKEN": client.address.token}
        report.add(Figure("hutong --help", _wall_ms(["--help"], env), "ms", 300))
        report.add(Figure("hutong jobs", _wall_ms(["jobs"], env), "ms", 300))
        job = Path(made.folder / "job.yaml")
        job.write_text(JOB)
        version = _wall_ms(["version"], env)
        with _fifty_sites(client):
            plan = _wall_ms(["plan", str(job)], env)
        report.add(Figure("the CLI's own start (hutong version)", version, "ms"))
        report.add(Figure("hutong plan FILE with 50 sites, beyond it", plan - version, "ms", 100))


def _wall_ms(words: list[str], env: dict[str, str]) -> float:
    command = [sys.executable, "-m", "hutong.cli.main", *words]
    times: list[float] = []
    for _ in range(RUNS + 1):
        began = time.perf_counter()
        subprocess.run(
            command, env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        times.append((time.perf_counter() - began) * 1000)
    return median(times[1:])


@contextmanager
def _fifty_sites(client: Client) -> Iterator[None]:
    """Sites of 100 nodes that speak the agents' protocol, and are heard until the block ends."""
    stopped = threading.Event()
    beats = [_join(client, number) for number in range(SITES)]

    def keep_heard() -> None:
        while not stopped.wait(HEARTBEAT_MS / 1000):
            for beat in beats:
                beat()

    thread = threading.Thread(target=keep_heard)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def _join(client: Client, number: int) -> Callable[[], None]:
    """Join a site as its agent would; gives what sends its next heartbeat."""
    site, chip = SiteId(f"s{number}"), CHIPS[number % len(CHIPS)]
    pool = Pool(
        PoolId(f"{site}/chips"),
        site,
        Amount(64_000, 512 * 1024, 8_000),
        chip,
        declared=True,
        price=PriceBook(accelerator_microcny_per_hour=4_000_000 + number * 100_000),
    )
    nodes = tuple(Node(NodeId(f"{site}/n{index}"), pool.id) for index in range(100))
    token = client.create_token(TokenRequest(site, "agent", site)).secret
    described = Site(site, "bench", RegionId("cn-beijing"), "CN-BJ")

    def sync(request: SyncRequest) -> SyncReply:
        post = urllib.request.Request(
            f"{client.url}/v1/agent/sync",
            data=msgspec.json.encode(request),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(post, timeout=10) as answer:
            return msgspec.json.decode(answer.read(), type=SyncReply)

    whole = SyncRequest(
        site, "bench", full=True, inventory=Inventory((pool,), nodes), description=described
    )
    heard = sync(whole).position
    sync(msgspec.structs.replace(whole, heard=heard))
    beat = SyncRequest(site, "bench", heard=heard)
    return lambda: _none(sync(beat))


def _none(reply: SyncReply) -> None:
    assert not reply.resync, reply
