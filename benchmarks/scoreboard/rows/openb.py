"""GPU allocation on openb's 1,523 nodes once as much has arrived as they have, mean of ten
shuffles, by the protocol of the published figures: pods come one after the other in a random
order, blown up to 130 % of the 6,212 GPUs by clones drawn at random, run for ever, and one that
fits nowhere waits. Up to 128 come a cycle; what is typical is learnt from those that came before.
Theirs are the means of `published_gpu_allocation.csv`, and the speed of FGD's own simulator.
"""

import csv
import gc
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

import msgspec
import numpy as np

from benchmarks.scoreboard.figure import Figure
from benchmarks.scoreboard.traces import needed
from hutong.scheduler import kernels
from hutong.scheduler.profile import PROFILES
from hutong.scheduler.warm import warm
from hutong.sim.outcome import Outcome
from hutong.sim.replay import replay
from hutong.sim.setup import Mode, Setup
from hutong.sim.trace import open_trace
from hutong.sim.trace.openb import STAYS_MS
from hutong.sim.trace.worlds import openb_world
from hutong.sim.workload import TraceJob, Workload, WorkloadInfo
from hutong.sim.world import World

SEEDS = range(42, 52)
INFLATED_MILLI = 1_300
A_CYCLE = 128
MANY_A_CYCLE = 1_000
THEIRS = {"FGD": "06-FGD", "BestFit": "05-BestFit"}
FGD_PLACEMENTS_PER_S = 5.5
PLACEMENTS_PER_S = 50_000
POINTS_ABOVE = 0.5


class Run(NamedTuple):
    """What came of one replay."""

    allocated: float
    placements: int
    cpu_s: float
    deciding_s: float


def figures(traces: Path) -> Iterator[Figure]:
    """Measure it."""
    folder = needed(traces / "openb")
    published = read_published(needed(folder / "published_gpu_allocation.csv"))
    world = openb_world(needed(folder / "openb_node_list_all_node.csv"))
    kernels.load()
    warm()
    above: list[float] = []
    for name in sorted({workload for workload, _ in published}):
        pods = read_pods(needed(folder / f"openb_pod_list_{name}.csv.gz"))
        theirs = {who: published[name, key] for who, key in THEIRS.items()}
        runs = [play(world, pods, seed, A_CYCLE) for seed in SEEDS]
        allocated = float(np.mean([run.allocated for run in runs]))
        above.append(allocated - theirs["FGD"])
        yield Figure(
            f"openb {name}: GPU allocation at 100 % arrived", allocated, "%", theirs["FGD"],
            theirs=theirs,
        )  # fmt: skip
    yield Figure("openb: mean above FGD", float(np.mean(above)), "points", POINTS_ABOVE)
    yield Figure("openb: least above FGD", min(above), "points", 0)
    yield from _speed(world, read_pods(folder / "openb_pod_list_default.csv.gz"))


def _speed(world: World, pods: Sequence[TraceJob]) -> Iterator[Figure]:
    runs = [play(world, pods, seed, MANY_A_CYCLE) for seed in SEEDS][1:]
    placements = sum(run.placements for run in runs)
    yield Figure(
        "openb default: placements a CPU second, 1,000 a cycle",
        placements / sum(run.cpu_s for run in runs), "/s", PLACEMENTS_PER_S,
        theirs={"FGD": FGD_PLACEMENTS_PER_S},
    )  # fmt: skip
    yield Figure(
        "openb default: the same, of deciding alone",
        placements / sum(run.deciding_s for run in runs), "/s",
    )  # fmt: skip
    yield Figure(
        "openb default: GPU allocation at 100 % arrived, 1,000 a cycle",
        float(np.mean([run.allocated for run in runs])), "%",
    )  # fmt: skip


def read_published(path: Path) -> dict[tuple[str, str], float]:
    """The mean allocation at 100 % arrived, by workload and policy."""
    found: dict[tuple[str, str], list[float]] = {}
    with path.open(newline="") as lines:
        for row in csv.DictReader(lines):
            key = row["workload"], row["policy"]
            found.setdefault(key, []).append(float(row["alloc_pct_at_100"]))
    return {key: float(np.mean(values)) for key, values in found.items()}


def read_pods(path: Path) -> list[TraceJob]:
    """The pods in the order of their names, all of one class and nobody's."""
    bare = [
        TraceJob(
            name=job.name, submit_ms=0, run_ms=STAYS_MS, cpu_milli=job.cpu_milli,
            memory_mib=job.memory_mib, accelerators=job.accelerators,
        )
        for job in open_trace(path).jobs
    ]  # fmt: skip
    return sorted(bare, key=lambda job: job.name)


def inflate(pods: Sequence[TraceJob], seed: int, target_milli: int, a_cycle: int) -> list[TraceJob]:
    """The pods shuffled, then cloned or left out at random until they want so much of GPUs.

    So many come at one instant, the next ones a millisecond later.
    """
    rng = Random(f"openb {seed}")
    order = list(pods)
    rng.shuffle(order)
    total = sum(map(gpu_milli, order))
    while total > target_milli:
        total -= gpu_milli(order.pop(rng.randrange(len(order))))
    while total < target_milli:
        order.append(pods[rng.randrange(len(pods))])
        total += gpu_milli(order[-1])
    return [
        msgspec.structs.replace(pod, name=f"{pod.name}-{at}", submit_ms=at // a_cycle)
        for at, pod in enumerate(order)
    ]


def gpu_milli(pod: TraceJob) -> int:
    """What it wants of GPUs, in thousandths."""
    return pod.accelerators[0].count_milli if pod.accelerators else 0


def play(world: World, pods: Sequence[TraceJob], seed: int, a_cycle: int) -> Run:
    """One shuffle."""
    capacity = sum(
        pool.node.accelerator_milli
        * sum(node.pool == pool.id for node in world.sites[0].inventory.nodes)
        for pool in world.sites[0].inventory.pools
    )
    jobs = inflate(pods, seed, capacity * INFLATED_MILLI // 1000, a_cycle)
    setup = Setup(
        world, Workload(WorkloadInfo("openb"), jobs), PROFILES["fragmentation"], Mode.NONE,
        until_ms=jobs[-1].submit_ms + 1,
    )  # fmt: skip
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    begun = time.process_time()
    outcome = replay(setup)
    spent = time.process_time() - begun
    facts = outcome.facts
    return Run(
        allocated_at(outcome, capacity), facts.placements, spent, facts.cpu_deciding_ms / 1000
    )


def allocated_at(outcome: Outcome, capacity_milli: int) -> float:
    """The GPUs allocated once as much had arrived as there is, in per cent of what there is."""
    wanted, start_ms = outcome.numbers["accelerator_milli"], outcome.numbers["start_ms"]
    arrived = np.cumsum(wanted)
    last = int(np.searchsorted(arrived, capacity_milli))
    return float(wanted[: last + 1][start_ms[: last + 1] >= 0].sum() * 100 / capacity_milli)
