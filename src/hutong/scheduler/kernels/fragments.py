"""Fragmentation: how much of a node's free chips typical tasks could not use, and what raises it.

After Weng et al., "Beware of Fragmentation: Scheduling GPU-Sharing Workloads with Fragmentation
Gradient Descent", USENIX ATC 2023. For one typical task all that is free of a node's chips is a
fragment where the node does not hold the task; else the chips are on which too little is left for
it. The fragmentation of a node is the sum over the typical tasks, each by its weight. A task goes
where it raises that least, which may be below zero.

`typical` has a row a task, with the places of a need; `weights` say how many there are of each.
`left` is work space with what is left of each chip of one row.
"""

from hutong.scheduler.kernels.layout import (
    CPU,
    MEM,
    NEED_CHIPS,
    NEED_CPU,
    NEED_EXCLUSIVE,
    NEED_MEM,
    NEED_MILLI,
    NEED_TASKS,
    PART,
    SHARES,
    STEPS,
    WHOLE_MILLI,
)
from hutong.scheduler.kernels.marks import Codes, Ints, Mask, Small, kernel
from hutong.scheduler.kernels.nodes import fits, part_step

UNFIT = 2**62
"""Stands for the rise on a row that does not hold the tasks."""


@kernel
def fragmentation(
    cpu: int, mem: int, shares: int, closed: int, left: Ints, typical: Ints, weights: Ints
) -> int:  # fmt: skip
    """How much of what is left of a node's chips typical tasks could not use, by their weights.

    `shares` are the shares of attempts on it: tasks that want a node to themselves use none with
    any. Nobody uses one where `closed` is not 0.
    """
    total, whole, most = 0, 0, 0
    for chip in range(left.shape[0]):
        total += left[chip]
        most = max(most, left[chip])
        if left[chip] == WHOLE_MILLI:
            whole += 1
    found = 0
    for at in range(typical.shape[0]):
        milli, per_task = typical[at, NEED_MILLI], typical[at, NEED_CHIPS]
        alone = typical[at, NEED_EXCLUSIVE] > 0
        holds = (
            not (alone and shares > 0)
            and typical[at, NEED_CPU] <= max(cpu, 0)
            and typical[at, NEED_MEM] <= max(mem, 0)
        )
        if per_task > 0:
            milli = WHOLE_MILLI
            holds = holds and whole >= per_task
        else:
            holds = holds and most >= milli
        lost = total
        if holds:
            lost = 0
            for chip in range(left.shape[0]):
                if left[chip] < milli:
                    lost += left[chip]
        found += lost * weights[at]
    return int(found)


@kernel
def rise(
    node: Ints, chips: Small, need: Ints, typical: Ints, weights: Ints, left: Ints, row: int
) -> int:  # fmt: skip
    """By how much a row's fragmentation rises if all the tasks of a need go there.

    They take the chips that the accounts would give them (see `nodes.take`). Who has a node to
    himself leaves nothing of it to others.
    """
    for chip in range(left.shape[0]):
        left[chip] = chips[row, chip]
    cpu, mem, shares = node[row, CPU], node[row, MEM], node[row, SHARES]
    tasks, least = need[NEED_TASKS], need[NEED_MILLI]
    missing = tasks if least > 0 else 0
    if need[NEED_CHIPS] > 0:
        missing, least = need[NEED_CHIPS] * tasks, WHOLE_MILLI
    closed = 0
    before, found = 0, 0
    for turn in range(2):  # one call, so that it is compiled into this once
        before = found
        found = fragmentation(cpu, mem, shares, closed, left, typical, weights)
        if turn == 0:
            for _ in range(missing):
                best = -1
                for chip in range(left.shape[0]):
                    if left[chip] >= least and (best < 0 or left[chip] < left[best]):
                        best = chip
                if best >= 0:
                    left[best] -= least
            cpu -= need[NEED_CPU] * tasks
            mem -= need[NEED_MEM] * tasks
            shares += 1
            closed = need[NEED_EXCLUSIVE]
    return int(found - before)


@kernel
def note_rises(
    node: Ints, chips: Small, where: Codes, need: Ints, typical: Ints, weights: Ints, left: Ints,
    rows: Ints, rises: Ints,
) -> None:  # fmt: skip
    """Work out the rise on some rows; `UNFIT` where the tasks do not fit."""
    for at in range(rows.shape[0]):
        row = rows[at]
        rises[row] = UNFIT
        if where[0, row] >= 0 and fits(node, chips, need, row):
            rises[row] = rise(node, chips, need, typical, weights, left, row)


@kernel
def least(node: Ints, where: Codes, need: Ints, allowed: Mask, rises: Ints) -> int:
    """The row with the least rise, of equals the tightest, or -1 where none holds the tasks."""
    best = -1
    best_tight = 0
    fraction = need[NEED_MILLI] > 0 and need[NEED_CHIPS] == 0
    for row in range(rises.shape[0]):
        if rises[row] == UNFIT or (allowed.shape[0] > 0 and not allowed[row]):
            continue
        if best >= 0 and rises[row] > rises[best]:
            continue
        tight = int(where[0, row])
        if fraction:
            used = node[row, PART] >= need[NEED_MILLI]
            tight = part_step(node[row, PART]) if used else tight + STEPS + 1
        if best < 0 or rises[row] < rises[best] or tight < best_tight:
            best = row
            best_tight = tight
    return best
