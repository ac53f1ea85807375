"""Spot V100 with a deadline: 48 hours of work within 52 to 92, spot at 0.3 of on demand.

Ours goes over seven zones, each a site of its own with spot nodes alone, and one that sells on
demand. `replay` is the scheduler with providers in the way: a node is had by asking for it, a
provider without any says so after a minute, and what was started is paid for, used or not. `rule`
is the rule of `hutong.scheduler.when.spot_deadline` by itself, which knows at each tick who has
nodes, for jobs that begin at every hour of the trace. Theirs are the two rules of the paper in one
zone, the mean over the zones; `by us` they are run anew. The bounds are the all-knowing optimum in
one zone.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from benchmarks.scoreboard.figure import Figure
from benchmarks.scoreboard.traces import needed
from hutong.model.ids import PoolId, RegionId, SiteId
from hutong.model.job import Terms
from hutong.model.resources import AcceleratorNeed, Amount
from hutong.model.supply import Inventory, Offer, Pool, PriceBook, Site
from hutong.scheduler.profile import PROFILES, Profile
from hutong.sim.bounds.spot import (
    MS_PER_HOUR,
    Availability,
    SpotTask,
    availability_of,
    optimum,
)
from hutong.sim.bounds.spot_play import greedy, hutong_policy, play_all, uniform_progress
from hutong.sim.outcome import Ending, Outcome
from hutong.sim.replay.engine import replay
from hutong.sim.setup import Mode, Setup
from hutong.sim.trace import source
from hutong.sim.workload import TraceJob, Workload, WorkloadInfo
from hutong.sim.world import Curve, SimSite, World

HOURS = {52: 0.523, 60: 0.482, 72: 0.440, 92: 0.404}
"""The deadline, and the all-knowing optimum in one zone as a part of the cost on demand."""
GREEDY = {52: 0.756, 60: 0.643, 72: 0.553, 92: 0.482}
UNIFORM = {52: 0.709, 60: 0.611, 72: 0.570, 92: 0.544}

STARTS = 28
STEP_MS = 10 * 60_000
CHIP = "V100-16GB"
ON_DEMAND_MICROCNY = 20_000_000
CHECKPOINT_MS = 60_000

PROFILE: Profile = msgspec.structs.replace(
    PROFILES["fair"], name="spot", commercial_after_ms=0, commercial_idle_ms=0, better_wait_ms=0,
    spot_retry_ms=STEP_MS,
)  # fmt: skip


def figures(traces: Path) -> Iterator[Figure]:
    """Costs as parts of those on demand; deadlines missed."""
    zones = zones_of(traces)
    each = [zones.one(zone) for zone in range(len(zones.names))]
    for hours, bound in HOURS.items():
        task = SpotTask(within_ms=hours * MS_PER_HOUR)
        done = [play_one(zones, start, task) for start in some_starts(zones, task)]
        mean = sum(cost for cost, _ in done) / len(done)
        ours = play_all(zones, task, hutong_policy, MS_PER_HOUR)
        name, unit = f"{hours} h", "of on demand"
        theirs = {"greedy": GREEDY[hours], "uniform progress": UNIFORM[hours]}
        yield Figure(f"{name}, cost, replay", mean, unit, bound, "at most", theirs)
        missed = sum(missed for _, missed in done)
        yield Figure(f"{name}, missed of {len(done)}, replay", missed, "jobs", 0, "at most")
        yield Figure(f"{name}, cost, rule", ours.cost, unit, bound, "at most", theirs)
        yield Figure(f"{name}, missed of {ours.jobs}, rule", ours.missed, "jobs", 0, "at most")
        yield Figure(f"{name}, cost, optimum over 7 zones", optimal(zones, task), unit)
        for rule, said in ((greedy, GREEDY), (uniform_progress, UNIFORM)):
            costs = [play_all(zone, task, rule, MS_PER_HOUR).cost for zone in each]
            peer = rule.__name__.replace("_", " ")
            again = sum(costs) / len(costs)
            yield Figure(f"{name}, cost, {peer} by us", again, unit, theirs={peer: said[hours]})


def optimal(zones: Availability, task: SpotTask) -> float:
    """The mean of the all-knowing optimum over the begins that are replayed."""
    starts = some_starts(zones, task)
    return sum(optimum(zones, start, task) for start in starts) / len(starts)


def zones_of(traces: Path) -> Availability:
    """The seven zones."""
    files = sorted(needed(traces / "spot").glob("aws-*_v100_1.json*"))
    return availability_of([(zone_name(file), source.read_bytes(file)) for file in files])


def zone_name(file: Path) -> str:
    """The zone that a file is of."""
    return file.name.split("_")[1]


def some_starts(zones: Availability, task: SpotTask, count: int = STARTS) -> list[int]:
    """Ticks at which jobs begin, evenly over the trace."""
    last = zones.up.shape[1] - zones.ticks_of(task)
    return [at * last // count for at in range(count)]


def play_one(zones: Availability, start: int, task: SpotTask) -> tuple[float, bool]:
    """Cost of one job as a part of its work's on demand, and whether its deadline was missed."""
    outcome = replay(setup_of(zones, start, task))
    paid = sum(use.cost_microcny for use in outcome.offers)
    whole = task.work_ms / MS_PER_HOUR * ON_DEMAND_MICROCNY
    return paid / whole, is_missed(outcome, task)


def is_missed(outcome: Outcome, task: SpotTask) -> bool:
    """Whether the job did not end, or too late."""
    end_ms = int(outcome.numbers["end_ms"][0])
    ended = int(outcome.numbers["ending"][0]) == Ending.SUCCEEDED
    return not ended or end_ms > task.within_ms


def setup_of(zones: Availability, start: int, task: SpotTask) -> Setup:
    """One job handed in at a tick of the trace, and all zones from there on."""
    job = TraceJob(
        "train", 0, task.work_ms, accelerators=(AcceleratorNeed(CHIP, 1000),),
        estimate_ms=task.work_ms, deadline_ms=task.within_ms, checkpoint_ms=CHECKPOINT_MS,
        cost_weight_milli=1000,
    )  # fmt: skip
    spot = ON_DEMAND_MICROCNY * task.spot_milli // 1000
    sites = [
        site_of(name, Terms.SPOT, spot, task.cold_ms, curve_of(zones, zone, start))
        for zone, name in enumerate(zones.names)
    ]
    sites.append(site_of("sure", Terms.ON_DEMAND, ON_DEMAND_MICROCNY, task.cold_ms))
    world = World("zones", tuple(sites))
    workload = Workload(WorkloadInfo("one job"), [job])
    return Setup(world, workload, PROFILE, Mode.ESTIMATE)


def site_of(
    name: str, terms: Terms, price: int, boot_ms: int, curve: Curve | None = None
) -> SimSite:
    """One zone, or the one that sells on demand."""
    pool = Pool(
        PoolId(f"{name}/v100"), SiteId(name), Amount(8_000, 0, 1000), CHIP, price=PriceBook(price)
    )
    offer = Offer(pool.id, terms, 1, boot_ms, PriceBook(price))
    site = Site(SiteId(name), "cloud", RegionId("beijing"), "US", kind="cloud")
    spot = {pool.id: curve} if curve is not None else {}
    return SimSite(site, Inventory((pool,), (), (offer,)), spot=spot)


def curve_of(zones: Availability, zone: int, start: int) -> Curve:
    """How many nodes a zone has from a tick on."""
    counts = zones.up[zone, start:].tolist()
    kept = [at for at, count in enumerate(counts) if not at or count != counts[at - 1]]
    return Curve(tuple(at * zones.tick_ms for at in kept), tuple(counts[at] for at in kept))
