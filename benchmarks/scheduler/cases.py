"""The cases: what is built, what is run, and the bounds that the figures are held against."""

import gc
import sys
import time
from collections.abc import Callable

import msgspec
import numpy as np

from benchmarks.figure import Figure, Report, median
from benchmarks.scheduler.worlds import CHIPS, Recipe, World
from hutong.scheduler import kernels
from hutong.scheduler.profile import PROFILES

JOBS = 100_000
STEADY_CYCLES = 9


def mixed_few(report: Report) -> None:
    """100,000 mixed jobs through 10,000 nodes at 90 % load, a few dozen shapes."""
    _mixed(report, "few shapes", Recipe(), bound=200_000)


def mixed_random(report: Report) -> None:
    """The same where every job has its own CPU and memory."""
    _mixed(report, "random CPU and memory", Recipe(random_needs=True), bound=100_000)


def wide(report: Report) -> None:
    """The cost of a placement on 100,000 nodes beside that on 10,000, in pools of 10,000."""
    for name, random_needs in (("few shapes", False), ("random CPU and memory", True)):
        small = _flow(Recipe(random_needs=random_needs), JOBS // 4)
        large = _flow(Recipe(nodes=100_000, sites=10, random_needs=random_needs), JOBS // 2)
        ratio = _cost(large) / _cost(small)
        report.add(Figure(f"100,000 nodes over 10,000, {name}", ratio, "times", 2))


def steady(report: Report) -> None:
    """A million waiting jobs on 100,000 nodes: a cycle with 1,000 endings and 1,000 arrivals."""
    small, _ = _steady(report, 100_000)
    large, world = _steady(report, 1_000_000)
    report.add(Figure("steady cycle, 1,000,000 waiting jobs", large * 1000, "ms", 250))
    report.add(Figure("the same with 100,000 waiting jobs", small * 1000, "ms"))
    report.add(Figure("the first over the second", large / small, "times", 1.3))
    report.add(Figure("memory of that process", _rss_mib() / 1024, "GiB", 4))
    report.add(Figure("reading all node columns once", _floor_ms(world), "ms"))


def singles(report: Report) -> None:
    """3,000 jobs of one task, a chip or less, in one cycle on 1,200 nodes, from hand-in to end."""
    for name in ("fair", "fragmentation"):
        profile = msgspec.structs.replace(PROFILES[name], placements_count=1_000_000)
        world = World(Recipe(nodes=1_200, tenants=4, single=True), profile)
        _as_a_hub()
        found = []
        for _ in range(5):
            world.forget_figures()
            world.now_ms += 60_000
            world.submit(3_000)
            world.cycle()
            world.end(list(world.live))
            both = world.cycle_seconds + world.apply_seconds
            found.append((both / world.jobs_placed, world.cycle_seconds / world.jobs_placed))
        both, deciding = min(found)
        report.add(Figure(f"placements a CPU second, {name}", 1 / deciding, "/s"))
        report.add(Figure(f"the whole way of a job of one task, {name}", both * 1e6, "us"))


def small(report: Report) -> None:
    """A cycle with one ending and one arrival on 16 nodes, with compiled kernels and plain ones."""
    for name in ("compiled", "plain"):
        world = World(Recipe(nodes=16, tenants=3, single=True))
        world.submit(20)
        world.cycle()
        took = []
        for _ in range(300):
            world.end(list(world.live)[:1])
            world.submit(1)
            world.forget_figures()
            world.cycle()
            took.append(world.cycle_seconds)
        report.add(Figure(f"a cycle on 16 nodes, {name} kernels", median(took) * 1e6, "us"))
        kernels.unload()


def memory(report: Report) -> None:
    """What a node and a waiting job take, by building some more of them."""
    before = _rss_mib()
    world = World(Recipe(nodes=50_000, sites=25))
    nodes = _rss_mib()
    report.add(Figure("memory of a node", (nodes - before) * 2**20 / 50_000, "bytes"))
    world.submit(20_000)
    before = _rss_mib()
    world.submit(200_000)
    report.add(Figure("memory of a waiting job", (_rss_mib() - before) * 2**20 / 200_000, "bytes"))


def compiling(report: Report) -> None:
    """What compiling takes once, and what taking up compiled kernels takes a process."""
    import shutil
    import subprocess
    from pathlib import Path

    from hutong.scheduler import kernels

    command = [sys.executable, "-m", "hutong.scheduler.warm"]
    folder = Path(kernels.cache_dir())
    shutil.rmtree(folder, ignore_errors=True)
    for name, bound in (("compile on first use", 20), ("take up what is compiled", 0)):
        begun = time.monotonic()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        report.add(Figure(name, time.monotonic() - begun, "s", bound))


CASES: dict[str, Callable[[Report], None]] = {
    "compiling": compiling,
    "memory": memory,
    "singles": singles,
    "small": small,
    "mixed-few": mixed_few,
    "mixed-random": mixed_random,
    "wide": wide,
    "steady": steady,
}


def _mixed(report: Report, name: str, recipe: Recipe, *, bound: float) -> None:
    world = _flow(recipe, JOBS)
    deciding, carrying, jobs, tasks = world.calm_tenth()
    rate = tasks / deciding
    report.add(Figure(f"task placements a CPU second, {name}", rate, "/s", bound, "at least"))
    over_all = world.tasks_placed / world.cycle_seconds
    report.add(Figure("the same over the whole run", over_all, "/s"))
    report.add(Figure("jobs a CPU second", jobs / deciding, "/s"))
    report.add(Figure(f"deciding, a job of {tasks / jobs:.1f} tasks", deciding / jobs * 1e6, "us"))
    report.add(Figure("queue and accounts, a job from hand-in to end", carrying / jobs * 1e6, "us"))
    report.add(Figure("reading all node columns once", _floor_ms(world), "ms"))
    report.add(Figure("a cycle", world.cycle_seconds / world.cycles * 1000, "ms"))


def _flow(recipe: Recipe, jobs: int) -> World:
    """Let jobs flow through a world: each cycle a tenth of the chips is offered anew.

    The load goes from 80 % to 90 % and back; what does not fit waits for the next cycle.
    """
    gc.collect()
    world = World(recipe)
    _offer(world, 0.9)
    world.cycle()
    _as_a_hub()
    world.forget_figures()
    while world.jobs_placed < jobs:
        world.end_to(0.8)
        world.now_ms += 60_000
        _offer(world, 0.9)
        world.cycle()
    return world


def _cost(world: World) -> float:
    """CPU seconds of deciding a task."""
    deciding, _, _, tasks = world.calm_tenth()
    return deciding / tasks


def _offer(world: World, load: float) -> None:
    """Hand in jobs until what runs and waits would make this load."""
    missing = (load - world.load()) * world.recipe.nodes * CHIPS * 1000 - world.wanted_milli()
    while missing > 0:
        missing -= world.submit_one()


def _steady(report: Report, queued: int) -> tuple[float, World]:
    """The median CPU time of a steady cycle with its endings and arrivals."""
    gc.collect()
    world = World(Recipe(nodes=100_000, sites=50, tenants=400, shapes=10_000, models=5))
    world.submit(60_000)
    world.cycle()
    world.submit(max(queued - world.state.queued_count(), 0))
    world.cycle()
    _as_a_hub()
    took, parts = [], []
    for _ in range(STEADY_CYCLES):
        world.forget_figures()
        world.now_ms += 60_000
        world.end(world.some_live(1_000))
        world.submit(1_000)
        changes = world.apply_seconds
        world.cycle()
        took.append(changes + world.cycle_seconds)
        parts.append((changes, world.cycle_seconds, world.apply_seconds - changes))
    middle = sorted(range(len(took)), key=took.__getitem__)[len(took) // 2]
    changes, deciding, applying = (part * 1000 for part in parts[middle])
    report.note(
        f"  {queued:,} waiting: endings and arrivals {changes:.0f} ms, deciding {deciding:.0f} ms; "
        f"carrying out {world.jobs_placed} placements {applying:.0f} ms more"
    )
    return median(took), world


def _as_a_hub() -> None:
    """Let the collector of garbage do what it does in a hub."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _floor_ms(world: World) -> float:
    """CPU milliseconds of one pass over every column of every node: nothing can be cheaper."""
    columns = world.state.snapshot(world.now_ms).supply.order
    begun = time.process_time()
    for _ in range(10):
        for pool in columns:
            np.sum(pool.node)
            np.sum(pool.chips)
    return (time.process_time() - begun) * 100


def _rss_mib() -> float:
    gc.collect()
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096 / 2**20
