"""Carbon: a year of PAI's jobs over four zones, with a mean wait of at most 1, 6 and 24 hours.

The forecast is yesterday's curve. The saving is that over beginning at once, on average over the
zones; the figures say how much of the saving of the offline optimum is reached. `replay` is the
scheduler with the profile's `cleaner_mean_wait`; `rule` is `hutong.scheduler.when.cleaner_hour` by
itself. In each zone alone it stays below 90 %: there the optimum lets the few jobs that draw most
wait for weeks for the best hours of the year, for which it has to know weeks of weather.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np

from benchmarks.scoreboard.figure import Figure
from benchmarks.scoreboard.traces import needed
from hutong.model.ids import NodeId, PoolId, RegionId, SiteId
from hutong.model.resources import Amount
from hutong.model.supply import Energy, Inventory, Node, Pool, Site
from hutong.scheduler.profile import PROFILES
from hutong.sim.bounds.carbon import CarbonJobs, CarbonOptimum, Floats, optimum
from hutong.sim.bounds.carbon_play import play, year_of
from hutong.sim.outcome import Ending, Outcome
from hutong.sim.replay.engine import replay
from hutong.sim.setup import Mode, Setup
from hutong.sim.trace.curves import read_carbon
from hutong.sim.trace.gaia import open_file
from hutong.sim.trace.reading import TraceFile, TraceOptions
from hutong.sim.workload import TraceJob, Workload, WorkloadInfo
from hutong.sim.world import Curve, SimSite, World

WAITS_H = (1, 6, 24)
REPLAYED_H = (6,)
PART = 90.0
YEAR = 2021
HOURS = 365 * 24
HOUR_MS = 3_600_000
WATT_PER_CPU = 10
NODE_CPUS = 1000
NODES = 64
BEGIN_MS = 1_609_459_200_000
"""2021-01-01T00:00:00Z."""


def figures(traces: Path) -> Iterator[Figure]:
    """Parts of the optimum's saving, and mean waits."""
    jobs = jobs_of(traces)
    columns = columns_of(jobs)
    curves = curves_of(traces)
    whole = np.array(list(curves.values()))
    year = year_of(whole)
    for wait_h in WAITS_H:
        best = optimum(whole, columns, wait_h)
        played = play(year, columns, wait_h)
        name = f"{wait_h} h over 4 zones"
        yield Figure(f"{name}, saving, rule", part(best, played.carbon_g), "%", PART)
        yield Figure(f"{name}, mean wait, rule", played.wait_h, "h", wait_h, "at most")
        if wait_h in REPLAYED_H:
            grams, mean_h = replayed(jobs, curves, wait_h)
            yield Figure(f"{name}, saving, replay", part(best, grams), "%", PART)
            yield Figure(f"{name}, mean wait, replay", mean_h, "h", wait_h, "at most")
    for at, zone in enumerate(curves):
        alone = whole[at : at + 1]
        for wait_h in WAITS_H:
            best = optimum(alone, columns, wait_h)
            reached = part(best, play(year_of(alone), columns, wait_h).carbon_g)
            yield Figure(f"{wait_h} h in {zone} alone, saving, rule", reached, "%")


def part(best: CarbonOptimum, carbon_g: float) -> float:
    """How much of the optimum's saving is reached, in percent."""
    return 100 * (best.at_once_g - carbon_g) / (best.at_once_g - best.bound_g)


def jobs_of(traces: Path) -> list[TraceJob]:
    """The jobs of the year."""
    file = TraceFile(needed(traces / "gaia" / "pai-100k.csv.gz"))
    found = open_file(file, TraceOptions(unit="h")).jobs
    return [job for job in found if job.submit_ms < HOURS * HOUR_MS]


def columns_of(jobs: list[TraceJob]) -> CarbonJobs:
    """The same as the bound takes them."""
    return CarbonJobs(
        np.array([job.submit_ms / HOUR_MS for job in jobs]),
        np.array([job.run_ms / HOUR_MS for job in jobs]),
        np.array([job.cpu_milli * WATT_PER_CPU / 1e6 for job in jobs]),
    )


def curves_of(traces: Path) -> dict[str, Floats]:
    """The zones' intensities by hour, g a kWh."""
    found = {}
    for file in sorted(needed(traces / "carbon").glob(f"*_{YEAR}_hourly.csv*")):
        curve = read_carbon(file)
        hours = [curve.at(hour * HOUR_MS) for hour in range(HOURS)]
        found[file.name.split("_")[0]] = np.array(hours, np.float64)
    return found


def replayed(jobs: list[TraceJob], curves: dict[str, Floats], wait_h: int) -> tuple[float, float]:
    """Grams and the mean wait in hours of a year through the scheduler."""
    outcome = replay(setup_of(jobs, curves, wait_h))
    return grams_of(outcome, curves), mean_wait_h(outcome)


def grams_of(outcome: Outcome, curves: dict[str, Floats]) -> float:
    """What the runs caused where and when they were, by the curves as the bound has them."""
    numbers, sites = outcome.numbers, outcome.labels["site"]
    assert (numbers["ending"] == Ending.SUCCEEDED).all()
    total = 0.0
    for code, word in enumerate(sites.words):
        rows = np.flatnonzero(sites.codes == code)
        if not len(rows):
            continue
        longer = np.concatenate([curves[word], curves[word][: 40 * 24]])
        sums = np.concatenate([[0.0], np.cumsum(longer)])
        begin_h = numbers["start_ms"][rows] / HOUR_MS
        end_h = numbers["end_ms"][rows] / HOUR_MS
        runs = np.interp(end_h, np.arange(len(sums)), sums)
        runs -= np.interp(begin_h, np.arange(len(sums)), sums)
        total += float((runs * numbers["cpu_milli"][rows]).sum()) * WATT_PER_CPU / 1e6
    return total


def mean_wait_h(outcome: Outcome) -> float:
    """From handing in to the start, on average."""
    numbers = outcome.numbers
    return float((numbers["start_ms"] - numbers["submit_ms"]).mean()) / HOUR_MS


def setup_of(jobs: list[TraceJob], curves: dict[str, Floats], wait_h: int) -> Setup:
    """A year of the zones as sites with room for all."""
    profile = msgspec.structs.replace(
        PROFILES["easy"], name="cleaner", cleaner_mean_wait_ms=wait_h * HOUR_MS
    )
    sites = tuple(site_of(name, curve) for name, curve in curves.items())
    info = WorkloadInfo("pai", begin_unix_ms=BEGIN_MS)
    world = World("zones", sites)
    return Setup(world, Workload(info, jobs), profile, Mode.ORACLE, sample_ms=24 * HOUR_MS)


def site_of(name: str, curve: Floats) -> SimSite:
    """One zone, whose nodes draw so much for each CPU in use."""
    pool = Pool(
        PoolId(f"{name}/cpu"), SiteId(name), Amount(NODE_CPUS * 1000, 2**20, 0),
        node_watt=NODE_CPUS * WATT_PER_CPU,
    )  # fmt: skip
    nodes = tuple(Node(NodeId(f"{name}/n{at}"), pool.id) for at in range(NODES))
    site = Site(SiteId(name), "grid", RegionId("beijing"), "CN", energy=Energy())
    longer = np.concatenate([curve, curve[: 40 * 24]]).astype(int).tolist()
    kept = [at for at, grams in enumerate(longer) if not at or grams != longer[at - 1]]
    carbon = Curve(tuple(at * HOUR_MS for at in kept), tuple(longer[at] for at in kept))
    return SimSite(site, Inventory((pool,), nodes), carbon=carbon)
