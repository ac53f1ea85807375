"""What is typical: how tasks with chips are, as the nodes' fragmentation is reckoned by.

Theory of operation. Nobody tells which tasks will come, so those that are there stand for them. The
supply sums up what runs as it starts and ends (`wanted`); what waits is added once a cycle, and
only under a profile that asks for it. All are sums over tasks, so the order in which they came does
not matter. Until much has been seen the machines stand in: their own CPU and memory count like
tasks that would use up a small part of them and of their chips.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from hutong.scheduler.columns import Ints
from hutong.scheduler.demand import count_elements
from hutong.scheduler.kernels import active, fragments
from hutong.scheduler.shapes import WHOLE_MILLI
from hutong.scheduler.snapshot import Snapshot
from hutong.scheduler.wanted import Wanted

KINDS_MAX = 32
"""So many kinds of tasks of several chips, and sizes of fractions, are typical at most."""

SHAPES_MAX = 1_024
"""Of more shapes that wait only those count of which most tasks do."""

PRIOR_PARTS = 64
"""The machines count like tasks that fill this part of them."""

SIZE_PARTS = 256
"""How often fractions of a size come is told in such parts of all that come."""

LOAD_MAX = 64 * fragments.UNIT
"""More load makes no difference."""


class Typical(NamedTuple):
    """The tables of `kernels.fragments` that tell of tasks: see there."""

    rates: Ints
    wastes: Ints
    kinds: Ints
    terms: Ints


def typical_of(snapshot: Snapshot) -> Typical:
    """What is typical of all that runs and waits."""
    wanted = _add_waiting(snapshot, snapshot.supply.wanted)
    order = snapshot.supply.order
    caps = [int(columns.caps.sum()) * len(columns.ids) for columns in order]
    cpu, mem, milli = wanted.cpu, wanted.mem, wanted.milli
    for columns, cap in zip(order, caps, strict=True):
        if cap:
            cpu += columns.cpu_total * len(columns.ids) // PRIOR_PARTS
            mem += columns.mem_total * len(columns.ids) // PRIOR_PARTS
            milli += cap // PRIOR_PARTS
    terms = np.zeros((len(order), fragments.TERMS), np.int64)
    terms[:, fragments.TERM_CPU] = [part_of(columns.cpu_total) for columns in order]
    terms[:, fragments.TERM_LOAD] = _loads(snapshot, wanted, caps, max(milli, 1))
    return Typical(
        np.array((_rate(milli, cpu), _rate(milli, mem)), np.int64), wastes_of(wanted.sizes),
        _kinds(wanted, max(milli, 1)), terms,
    )  # fmt: skip


def part_of(amount: int) -> int:
    """Which part of an amount one of it is, in thousandths and parts of `ONE`."""
    return _rate(WHOLE_MILLI, amount)


def _add_waiting(snapshot: Snapshot, running: Wanted) -> Wanted:
    demand = snapshot.demand
    counts = np.zeros(len(demand.shapes), np.int64)
    for queue in demand.queues.values():
        count_elements(queue, counts)
    waiting = [
        (int(counts[number]) * demand.shapes.at[number].tasks, demand.shapes.at[number])
        for number in np.flatnonzero(counts).tolist()
    ]
    if len(waiting) > SHAPES_MAX:
        waiting.sort(key=lambda each: (-each[0], each[1].wanted(), repr(each[1])))
    wanted = running.copy()
    for tasks, shape in waiting[:SHAPES_MAX]:
        wanted.count_shape(shape, tasks // shape.tasks)
    return wanted


def _rate(milli: int, amount: int) -> int:
    """Chips for an amount, in thousandths and parts of `ONE`."""
    if amount <= 0:
        return fragments.RATE_MAX
    return int(min(milli * fragments.ONE // amount, fragments.RATE_MAX))


def wastes_of(counts: dict[int, int]) -> Ints:
    """What gaps waste where fractions come so often, by their size in thousandths of a chip."""
    total = sum(counts.values())
    parts = {size: -(-count * SIZE_PARTS // total) for size, count in counts.items()}
    often = sorted(parts, key=lambda size: (-parts[size], size))[:KINDS_MAX]
    return _wastes(tuple(sorted((size, parts[size]) for size in often)))


@lru_cache(maxsize=64)
def _wastes(parts: tuple[tuple[int, int], ...]) -> Ints:
    table = np.array(parts, np.int64).reshape(len(parts), 2)
    found = np.zeros(WHOLE_MILLI, np.int64)
    space = np.zeros((2, len(parts)), np.int64)
    active().fragments.gap_wastes(table[:, 0].copy(), table[:, 1].copy(), space[0], space[1], found)
    return found


def _kinds(wanted: Wanted, milli: int) -> Ints:
    """The kinds of tasks of several chips that take most of them, and a last row with their sum."""
    takes = {need: need.milli * tasks for need, tasks in wanted.several.items()}
    most = sorted(takes, key=lambda need: (-takes[need], need.chips, need.cpu, need.mem))
    rows = sorted(
        [
            (need.chips, need.cpu, need.mem, fragments.SEVERAL * takes[need] // milli)
            for need in most[:KINDS_MAX]
        ]
    )
    rows.append((0, 0, 0, sum([row[-1] for row in rows])))
    return np.array(rows, np.int64)


def _loads(snapshot: Snapshot, wanted: Wanted, caps: list[int], milli: int) -> list[int]:
    """How much of each pool is wanted by tasks that may not run on all, if all chips were wanted.

    In parts of `UNIT`. What such tasks want is spread over the pools that they may use.
    """
    loads, total = [0] * len(caps), sum(caps)
    facts = snapshot.matcher.facts
    for models, bound in sorted(wanted.bound.items()):
        pools = facts.with_models(models)
        able = sum([caps[pool] for pool in pools])
        if 0 < able < total:
            load = bound * fragments.UNIT * total // milli // able
            for pool in pools:
                loads[pool] = min(loads[pool] + load, LOAD_MAX)
    return loads
