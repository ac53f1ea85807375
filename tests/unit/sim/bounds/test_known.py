"""Bounds of any schedule, against the best schedule of small worlds found by trying all."""

import math
import random
from functools import cache
from itertools import product

import numpy as np
import pytest

from hutong.model.ids import NodeId, PoolId, RegionId, SiteId
from hutong.model.resources import AcceleratorNeed, Amount
from hutong.model.supply import Energy, Inventory, Node, Pool, PriceBook, Site
from hutong.sim.bounds import Bound, beside, bounds_of, bounds_on, tightest
from hutong.sim.bounds.chips import lp_flow_s
from hutong.sim.bounds.demand import Demand
from hutong.sim.bounds.squashed import busy_flow_s, makespan_s, srpt_flow_s
from hutong.sim.workload import TraceJob, Workload, WorkloadInfo
from hutong.sim.world import Costs, Curve, SimSite, World

A_HUNDREDTH = 1e-6


def demand(submit: list[float], spans: list[list[float]], needs: list[int], capacity: list[int]):
    span = np.array(spans, np.float64)
    area = span * np.array(needs, np.float64)[:, None]
    zero = np.zeros(len(submit))
    names = tuple(f"chip-{at}" for at in range(len(capacity)))
    return Demand(
        np.array(submit, np.float64), span, area, np.array(capacity, np.float64), names,
        zero, zero, 0, False,
    )  # fmt: skip


def drawn(seed: int) -> Demand:
    dice = random.Random(f"bounds {seed}")
    jobs, classes = dice.choice([2, 3, 3]), dice.choice([1, 1, 2])
    capacity = [dice.randint(1, 3) for _ in range(classes)]
    needs, spans = [], []
    for _ in range(jobs):
        needs.append(dice.randint(1, max(capacity)))
        row = [
            float(dice.randint(1, 4)) if needs[-1] <= capacity[at] and dice.random() < 0.8
            else math.inf
            for at in range(classes)
        ]  # fmt: skip
        if not any(map(math.isfinite, row)):
            row[capacity.index(max(capacity))] = float(dice.randint(1, 4))
        spans.append(row)
    return demand([float(dice.randint(0, 3)) for _ in range(jobs)], spans, needs, capacity)


def best_schedule(world: Demand) -> tuple[float, float]:
    """The least sum of flow times, and the earliest end of all, of schedules that decide each
    second: which jobs run, where. They may pause and move jobs."""
    jobs, classes = world.span_s.shape
    whole = math.lcm(*[int(span) for span in world.span_s.flat if math.isfinite(span)])
    needs = [
        [float(world.area[j, c] / world.span_s[j, c]) if math.isfinite(world.span_s[j, c])
         else math.inf for c in range(classes)]
        for j in range(jobs)
    ]  # fmt: skip

    @cache
    def least(now: int, left: tuple[int, ...]) -> tuple[float, float]:
        if not any(left):
            return 0.0, float(now)
        ready = [j for j in range(jobs) if left[j] and world.submit_s[j] <= now]
        flow = end = math.inf
        for places in product(range(-1, classes), repeat=len(ready)):
            used = [0.0] * classes
            after = list(left)
            for job, place in zip(ready, places, strict=True):
                if place >= 0:
                    used[place] += needs[job][place]
                    if math.isfinite(used[place]):
                        done = int(whole / world.span_s[job, place])
                        after[job] = max(after[job] - done, 0)
            if any(use > has for use, has in zip(used, world.capacity, strict=True)):
                continue
            if ready and tuple(after) == left:
                continue  # all idle helps nobody
            more, last = least(now + 1, tuple(after))
            flow = min(flow, more + len(ready))
            end = min(end, last)
        return flow, end

    flow, end = least(0, (whole,) * jobs)
    return flow, end - float(world.submit_s.min())


@pytest.mark.parametrize("seed", range(40))
def test_no_bound_exceeds_the_best_schedule_there_is(seed: int) -> None:
    world = drawn(seed)
    flow, end = best_schedule(world)
    best = {"mean_completion_s": flow / len(world.submit_s), "makespan_s": end}
    bounds = bounds_on(world)
    assert {bound.name for bound in bounds} >= {
        "isolated",
        "squashed-srpt",
        "busy-time",
        "chips-lp",
    }
    for bound in bounds:
        if bound.figure in best:
            assert bound.value <= best[bound.figure] + A_HUNDREDTH, bound


def test_on_one_chip_srpt_is_the_optimum_itself() -> None:
    world = demand([0, 1, 2], [[4], [2], [1]], [1, 1, 1], [1])
    flow, _end = best_schedule(world)
    assert srpt_flow_s(world.submit_s, world.span_s[:, 0]) == pytest.approx(flow)


def test_jobs_that_never_meet_are_bounded_by_their_own_run_times() -> None:
    world = demand([0, 100, 200], [[10], [20], [30]], [2, 2, 2], [2])
    mean = tightest(bounds_on(world))["mean_completion_s"]
    assert mean.value == pytest.approx(20)
    assert {round(b.value, 6) for b in bounds_on(world) if b.figure == "makespan_s"} == {230.0}


def test_many_equal_jobs_at_once_come_near_to_the_optimum() -> None:
    jobs = 64
    world = demand([0.0] * jobs, [[10.0]] * jobs, [1] * jobs, [4])
    optimum = sum(10.0 * (1 + at // 4) for at in range(jobs))
    squashed = srpt_flow_s(world.submit_s, world.area[:, 0] / 4)
    busy = busy_flow_s(world.submit_s, world.area[:, 0] / 4, world.least_s)
    assert squashed < busy <= optimum
    assert busy == pytest.approx(optimum)  # that of Eastman, Even and Isaacs is exact here
    assert makespan_s(world.submit_s, world.area[:, 0] / 4) == pytest.approx(160)


def test_the_programme_sees_that_the_fast_chip_is_wanted_by_all() -> None:
    jobs = 12
    world = demand([0.0] * jobs, [[10.0, 40.0]] * jobs, [1] * jobs, [1, 1])
    value = lp_flow_s(world)
    assert value is not None
    assert value / jobs > 2 * world.least_s.mean()
    # one schedule: ten jobs after each other on the fast chip, two on the slow one
    assert value <= sum(10.0 * n for n in range(1, 11)) + 40 + 80


def test_without_a_conflict_the_programme_says_what_each_takes_alone() -> None:
    world = demand([0.0, 5.0], [[10.0, 20.0], [30.0, 12.0]], [1, 1], [1, 1])
    assert lp_flow_s(world) == pytest.approx(22.0)


def a_world(*, energy: Energy | None = None, carbon: Curve | None = None) -> World:
    site = SiteId("s")
    node = Amount(8000, 65_536, 2000)
    price = PriceBook(accelerator_microcny_per_hour=3_600_000)
    pools = (
        Pool(PoolId("s/fast"), site, node, "A100-80GB-SXM", price=price, accelerator_watt=400),
        Pool(PoolId("s/cpu"), site, Amount(8000, 65_536)),
    )
    nodes = tuple(Node(NodeId(f"{pool.id}-{n}"), pool.id) for pool in pools for n in range(2))
    place = Site(site, "o", RegionId("cn-beijing"), "CN-BJ", energy=energy)
    sim = SimSite(place, Inventory(pools, nodes), carbon=carbon)
    return World("w", (sim,), costs=Costs(start_ms=1000))


def chip_job(name: str, submit_ms: int, run_ms: int, chips: int) -> TraceJob:
    needs = (AcceleratorNeed("A100-80GB-SXM", 1000, 1000),)
    return TraceJob(
        name, submit_ms, run_ms, tasks=chips, cpu_milli=1000, memory_mib=1024, accelerators=needs
    )


def workload(*jobs: TraceJob) -> Workload:
    return Workload(WorkloadInfo("t"), jobs)


def test_a_world_s_bounds_count_starts_prices_and_carbon() -> None:
    energy = Energy(carbon_g_per_kwh=900)
    curve = Curve((0, 3_600_000), (500, 100), period_ms=7_200_000)
    jobs = workload(chip_job("a", 0, 9_000, 2), chip_job("b", 0, 9_000, 4))
    found = {bound.name: bound for bound in bounds_of(a_world(energy=energy, carbon=curve), jobs)}
    assert found["isolated"].value == pytest.approx(10.0)
    # 6 chips for 10 s at 1,000 micro-CNY a chip-second
    assert found["cheapest"].value == pytest.approx(60_000)
    # 6 chips of 400 W for 10 s at 100 g a kWh
    assert found["cleanest"].value == pytest.approx(6 * 0.4 * 10 / 3600 * 100)
    assert found["area"].value == pytest.approx(15.0)


def test_a_job_that_fits_nowhere_counts_for_nothing() -> None:
    jobs = workload(chip_job("a", 0, 9_000, 2), chip_job("too-large", 0, 9_000, 5))
    mean = tightest(bounds_of(a_world(), jobs))["mean_completion_s"]
    assert mean.value == pytest.approx(10.0)
    assert bounds_of(a_world(), workload(chip_job("too-large", 0, 9_000, 5))) == ()


def test_jobs_that_wait_for_others_have_no_bound_of_a_queue() -> None:
    first = chip_job("a", 0, 9_000, 4)
    after = TraceJob("b", 0, 9_000, cpu_milli=1000, memory_mib=64, after="a", think_ms=5)
    names = {bound.name for bound in bounds_of(a_world(), workload(first, after))}
    assert names == {"isolated", "cheapest", "cleanest"}


def test_jobs_on_chips_and_jobs_on_cpus_are_bounded_apart() -> None:
    many = [TraceJob(f"c{n}", 0, 9_000, cpu_milli=8000, memory_mib=64) for n in range(8)]
    jobs = workload(chip_job("a", 0, 9_000, 4), *many)
    mean = tightest(bounds_of(a_world(), jobs))["mean_completion_s"]
    # four nodes hold four of the eight at a time; the job with chips is not in their way
    assert mean.value == pytest.approx((10 + 4 * 10 + 4 * 20) / 9)


def test_a_figure_below_its_bound_is_told_apart() -> None:
    bounds = [
        Bound("low", "mean_completion_s", 50.0, "s", "m"),
        Bound("high", "mean_completion_s", 80.0, "s", "m"),
    ]
    good, bad = (beside({"mean_completion_s": value, "other": 1}, bounds)[0] for value in (100, 79))
    assert (good.bound.name, good.left_percent, good.holds) == ("high", pytest.approx(20), True)
    assert not bad.holds
