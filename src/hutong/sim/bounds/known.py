"""All bounds that a world and a workload have, without a schedule."""

import numpy as np

from hutong.sim.bounds import chips, squashed
from hutong.sim.bounds.demand import Demand, demand_of
from hutong.sim.bounds.nouns import (
    CARBON_G,
    COST_MICROCNY,
    MAKESPAN_S,
    MEAN_COMPLETION_S,
    MEAN_SLOWDOWN,
    MEAN_WAIT_S,
    Bound,
)
from hutong.sim.workload import Workload
from hutong.sim.world import World

SLOWDOWN_FROM_S = 10.0
"""Run times below this count as this in a bounded slowdown."""

_ALL_END = "of schedules in which every job that fits runs to its end"


def bounds_of(world: World, workload: Workload, *, with_lp: bool = True) -> tuple[Bound, ...]:
    """Lower bounds of what any schedule of this workload in this world can reach.

    Jobs that fit nowhere are left out, as reports leave them out. With `with_lp` False, or above
    `chips.JOBS_MOST` jobs, the linear programme is not solved.
    """
    return bounds_on(demand_of(world, workload), with_lp=with_lp)


def bounds_on(demand: Demand, *, with_lp: bool = True) -> tuple[Bound, ...]:
    """The same for a demand that is known already."""
    jobs = len(demand.submit_s)
    if not jobs:
        return ()
    found = [_isolated(demand), *_money(demand)]
    if not demand.follows:
        found += _queues(demand)
        if with_lp and jobs <= chips.JOBS_MOST:
            known = max(bound.value for bound in found if bound.figure == MEAN_COMPLETION_S)
            value = chips.lp_flow_s(demand, mean_flow_s=known)
            if value is not None:
                found.append(
                    _completion("chips-lp", value / jobs, "linear programme over chips and time")
                )
        found += _waits(demand, found)
    return tuple(found)


def _completion(name: str, value: float, method: str) -> Bound:
    return Bound(name, MEAN_COMPLETION_S, value, "s", method, _ALL_END)


def _isolated(demand: Demand) -> Bound:
    mean = float(demand.least_s.mean())
    return _completion("isolated", mean, "each job alone, on the chip that is best for it")


def _money(demand: Demand) -> list[Bound]:
    method = "each job where it is cheapest, at the least price there ever is"
    carbon = "each job where it is cleanest, in the cleanest hour there ever is"
    return [
        Bound("cheapest", COST_MICROCNY, float(demand.cost_microcny.sum()), "micro-CNY", method,
              _ALL_END),
        Bound("cleanest", CARBON_G, float(demand.carbon_g.sum()), "g", carbon, _ALL_END),
    ]  # fmt: skip


def _queues(demand: Demand) -> list[Bound]:
    """The bounds of one fast machine, summed over groups of classes that share no job."""
    least = demand.least_s
    flow = busy = slowdown = 0.0
    makespan = float((demand.submit_s + least).max())
    for rows, classes in squashed.groups_of(demand):
        sizes = squashed.sizes_of(demand.area[np.ix_(rows, classes)], demand.capacity[classes])
        submit, alone = demand.submit_s[rows], least[rows]
        bounded = np.maximum(alone, SLOWDOWN_FROM_S)
        flow += squashed.srpt_flow_s(submit, sizes)
        busy += squashed.busy_flow_s(submit, sizes, alone)
        slowdown += squashed.busy_sum(submit, sizes, alone, 1 / bounded, np.ones(len(rows)))
        makespan = max(makespan, squashed.makespan_s(submit, sizes))
    jobs = len(least)
    first = float(demand.submit_s.min())
    times = "mean busy times on one machine of all capacity"
    return [
        Bound("area", MAKESPAN_S, makespan - first, "s", "all later work over all capacity",
              _ALL_END),
        _completion("squashed-srpt", flow / jobs, "SRPT on one machine of all capacity"),
        _completion("busy-time", busy / jobs, times),
        Bound("busy-time", MEAN_SLOWDOWN, slowdown / jobs, "", times,
              f"{_ALL_END}, run times being those on the best chip"),
    ]  # fmt: skip


def _waits(demand: Demand, found: list[Bound]) -> list[Bound]:
    """Of mean waits, where every job takes the same time on any machine that it could use.

    Then the mean wait is the mean completion less the mean run time, unless jobs are preempted.
    """
    worst = np.where(np.isfinite(demand.span_s), demand.span_s, 0.0).max(axis=1)
    least = demand.least_s
    if not np.allclose(worst, least, rtol=1e-9):
        return []
    best = max(bound.value for bound in found if bound.figure == MEAN_COMPLETION_S)
    method = "the highest bound of completion less the run times"
    wait = best - float(least.mean())
    return [Bound("completion", MEAN_WAIT_S, wait, "s", method, f"{_ALL_END}, none preempted")]
