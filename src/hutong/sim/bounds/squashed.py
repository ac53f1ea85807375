"""Bounds of one fast machine: all capacity as a single resource that a job may use as a whole.

**Why these are bounds.** Give each class of machines a price q_c >= 0 for a unit of its capacity.
Whatever a schedule does, at no time is more in use than Q = sum of q_c times the class's capacity.
Job j needs an area, capacity times time, of at least A_j, the least of q_c times its area on class
c. So a single machine of speed Q that may split and pause jobs can do at any time the same part of
each job that the schedule does then, and ends each job no later than the schedule. What no schedule
of that one machine beats, no schedule beats; and that is known:

- the sum of completion times is least if the job with the least left goes first, SRPT (Schrage,
  "A proof of the optimality of the shortest remaining processing time discipline", Operations
  Research 16, 1968, with release times);
- the weighted sum of mean busy times, of the middle of a job's work as it were, is least if the job
  with the highest weight over size goes first, preempting (Goemans, "A supermodular relaxation for
  scheduling with release dates", IPCO 1996);
- no work handed in from time t on ends before t plus its area over Q.

**The mean-busy-time bound.** A job does no more than 1/p_j of itself in a second, p_j being its
time alone at best. So it ends at least p_j / 2 after the middle of its work, however that is
spread, and at least p_j after it was handed in. Hence for any weights w_j between 0 and 1 its flow
time is at least (1 - w_j) p_j + w_j (p_j / 2 + M_j - r_j), and the least sum of the w_j M_j is
known. The weights are found by subgradient steps; any give a bound, so the best one met is kept.
For equal machines and weights of 1 this is the bound of Eastman, Even and Isaacs (Management
Science 11, 1964).

Prices are chosen likewise: any are valid, and those that make the total area over Q largest are the
dual of the best division of all work among the classes.
"""

import heapq

import numpy as np
from numpy.typing import NDArray

from hutong.sim.bounds.compiled import fast
from hutong.sim.bounds.demand import Demand, Floats

Rows = NDArray[np.int64]

PRICE_STEPS = 200
WEIGHT_STEPS = 60


def groups_of(demand: Demand) -> list[tuple[Rows, Rows]]:
    """Jobs and classes that share nothing with others: for each group its jobs and its classes."""
    able = np.isfinite(demand.span_s)
    label = np.arange(able.shape[1])
    kinds = np.unique(able, axis=0)
    for _ in range(len(label)):
        for kind in kinds:
            label[kind] = label[kind].min()
    groups = []
    for name in np.unique(label):
        classes = np.flatnonzero(label == name)
        jobs = np.flatnonzero(able[:, classes].any(axis=1))
        if len(jobs):
            groups.append((jobs, classes))
    return groups


def prices_of(area: Floats, capacity: Floats) -> Floats:
    """Prices of classes that make the work large beside the capacity, which they make 1 in all.

    Steps by exponentiated gradient: a class on which more work falls than it has becomes dearer.
    """
    usable = capacity > 0
    weight = np.where(usable, 1.0, 0.0) / max(int(usable.sum()), 1)
    best, found = -1.0, weight
    scale = np.where(usable, capacity, 1.0)
    bounded = np.where(np.isfinite(area), area, 0.0) / scale
    able = np.isfinite(area) & usable
    for step in range(PRICE_STEPS):
        priced = np.where(able, weight * bounded, np.inf)
        chosen = priced.argmin(axis=1)
        load = np.bincount(
            chosen, weights=bounded[np.arange(len(chosen)), chosen], minlength=len(capacity)
        )
        total = float(priced.min(axis=1).sum())
        if total > best:
            best, found = total, weight
        most = float(load.max()) or 1.0
        weight = weight * np.exp(2.0 / (1 + step) ** 0.5 * load / most)
        weight = weight / weight.sum()
    prices: Floats = found / scale
    return prices


def sizes_of(area: Floats, capacity: Floats) -> Floats:
    """Each job's time on the one machine that all classes make together, in seconds."""
    prices = prices_of(area, capacity)
    priced = np.where(np.isfinite(area), area, 0.0) * prices
    sizes: Floats = np.where(np.isfinite(area) & (capacity > 0), priced, np.inf).min(axis=1)
    return sizes


def makespan_s(submit_s: Floats, sizes_s: Floats) -> float:
    """When all work can be done at the earliest: no later work ends before its area allows."""
    order = np.argsort(submit_s, kind="stable")
    later = np.cumsum(sizes_s[order][::-1])[::-1]
    return float((submit_s[order] + later).max())


def srpt_flow_s(submit_s: Floats, sizes_s: Floats) -> float:
    """The least sum of flow times on one machine that may pause jobs."""
    order = np.argsort(submit_s, kind="stable")
    return float(fast(_srpt)(submit_s[order], sizes_s[order]))


def _srpt(submit_s: Floats, sizes_s: Floats) -> float:
    """Shortest remaining time first; jobs in the order of `submit_s`."""
    count = len(submit_s)
    heap = [(0.0, 0.0)]
    heap.pop()
    now, flow, at = 0.0, 0.0, 0
    while at < count or len(heap) > 0:
        if len(heap) == 0:
            now = max(now, submit_s[at])
        while at < count and submit_s[at] <= now:
            heapq.heappush(heap, (sizes_s[at], submit_s[at]))
            at += 1
        left, since = heapq.heappop(heap)
        until = submit_s[at] if at < count else np.inf
        if now + left <= until:
            now += left
            flow += now - since
        else:
            heapq.heappush(heap, (left - (until - now), since))
            now = until
    return flow


def busy_flow_s(submit_s: Floats, sizes_s: Floats, least_s: Floats) -> float:
    """The mean-busy-time bound of the sum of flow times. See the module."""
    return busy_sum(submit_s, sizes_s, least_s, np.ones(len(least_s)), least_s)


def busy_sum(
    submit_s: Floats, sizes_s: Floats, least_s: Floats, each: Floats, floor: Floats
) -> float:
    """The same of a sum of flow times, `each` weighed, of which none is below its `floor`."""
    order = np.argsort(submit_s, kind="stable")
    submit, size, least = submit_s[order], sizes_s[order], least_s[order]
    each, floor = each[order], floor[order]
    weight = np.ones(len(submit))
    best = float(floor.sum())
    middle = np.zeros(len(submit))
    for step in range(WEIGHT_STEPS):
        fast(_middles)(submit, size, weight * each, middle)
        gain = each * (middle - submit + least / 2) - floor  # of a weight of 1 over one of 0
        best = max(best, float(floor.sum() + (weight * gain).sum()))
        stride = 1.0 / (1 + step) ** 0.5
        relative = np.clip(gain / np.maximum(floor, 1e-9), -1, 1)
        weight = np.clip(weight + stride * relative, 0.0, 1.0)
    return best


def _middles(submit: Floats, size: Floats, weight: Floats, middle: Floats) -> None:
    """Fill in each job's mean busy time where the highest weight over size goes first."""
    count = len(submit)
    heap = [(0.0, 0)]
    heap.pop()
    left = size.copy()
    now, at = 0.0, 0
    for job in range(count):
        middle[job] = 0.0
    while at < count or len(heap) > 0:
        if len(heap) == 0:
            now = max(now, submit[at])
        while at < count and submit[at] <= now:
            if size[at] <= 0.0:
                middle[at] = submit[at]
            else:
                heapq.heappush(heap, (-weight[at] / size[at], at))
            at += 1
        if len(heap) == 0:
            continue
        job = heap[0][1]
        until = submit[at] if at < count else np.inf
        span = min(left[job], until - now)
        middle[job] += span / size[job] * (now + span / 2)
        now += span
        left[job] -= span
        if left[job] <= size[job] * 1e-12:
            heapq.heappop(heap)
