"""The profile `fragmentation`: nodes are chosen by what they would leave for typical tasks."""

from random import Random
from typing import Any

import numpy as np
import pytest

from hutong.model.ids import PoolId
from hutong.model.job import Affinity
from hutong.scheduler.added import AddedShares
from hutong.scheduler.columns import Need, PoolColumns, need_of
from hutong.scheduler.fit import NO_MASK, vector_for
from hutong.scheduler.fragment import TYPICAL_MAX, FragmentIndex, Typical
from hutong.scheduler.kernels import layout
from hutong.scheduler.profile import PROFILES
from tests.unit.scheduler.worlds import (
    H100,
    ArraySpec,
    World,
    chips,
    nodes_of,
)

PROFILE = PROFILES["fragmentation"]


def fragment(
    cpu: int, mem: int, shares: int, left: list[int], typical: list[tuple[Need, int]]
) -> int:
    """What is left of chips that typical tasks could not use, straight from the definition."""
    lost = 0
    for need, count in typical:
        whole = sum(1 for one in left if one == 1000)
        fits = cpu >= need.cpu and mem >= need.mem and not (need.exclusive and shares)
        fits = fits and (whole >= need.chips if need.chips else max(left, default=0) >= need.milli)
        useless = [one for one in left if not fits or one < (1000 if need.chips else need.milli)]
        lost += count * sum(useless)
    return lost


def chosen(columns: PoolColumns, need: Need, tasks: int, typical: list[tuple[Need, int]]) -> int:
    """The row that every look at every row gives; -1 for none."""
    best: tuple[Any, ...] | None = None
    for row in range(len(columns.ids)):
        cpu, mem = int(columns.free_cpu[row]), int(columns.free_mem[row])
        left, shares = columns.chips[row].tolist(), int(columns.shares[row])
        if not columns.ready[row] or columns.closed[row] or (need.exclusive and shares):
            continue
        if (need.cpu and cpu < need.cpu * tasks) or (need.mem and mem < need.mem * tasks):
            continue
        after = list(left)
        held = True
        for _ in range(tasks * (need.chips or 1) if need.milli else 0):
            least = 1000 if need.chips else need.milli
            fitting = [(one, at) for at, one in enumerate(after) if one >= least]
            held = held and bool(fitting)
            if fitting:
                after[min(fitting)[1]] -= least
        if not held:
            continue
        before = fragment(cpu, mem, shares, left, typical)
        if need.exclusive:
            then = sum(after) * sum(count for _, count in typical)
        else:
            cpu_left, mem_left = cpu - need.cpu * tasks, mem - need.mem * tasks
            then = fragment(cpu_left, mem_left, shares + 1, after, typical)
        used = [one for one in left if one < 1000]
        step = max(min(cpu * 16 // columns.cpu_total, 16), 0)
        tight: tuple[int, ...] = (1, left.count(1000), step)
        if need.milli and not need.chips and max(used, default=0) >= need.milli:
            tight = (0, max(used) * 16 // 1000, 0)
        key = (then - before, tight, row)
        best = key if best is None or key < best else best
    return best[2] if best is not None else -1


NEEDS = [
    need_of(cpu, 1_024 * mem, milli, exclusive=alone)
    for cpu, mem, milli, alone in [
        (1_000, 1, 250, False), (2_000, 4, 500, False), (500, 1, 1_000, False),
        (4_000, 8, 2_000, False), (8_000, 8, 4_000, False), (3_000, 2, 0, False),
        (0, 0, 750, False), (1_000, 1, 1_000, True),
    ]
]  # fmt: skip


class Given(Typical):
    """What a test says is typical."""

    def __init__(self, kinds: list[tuple[Need, int]]) -> None:
        self._given = kinds

    def on(self, columns: PoolColumns) -> Any:
        needs = np.zeros((len(self._given), layout.NEED_PLACES), np.int64)
        for row, (need, _) in zip(needs, self._given, strict=True):
            row[:4] = need.cpu, need.mem, need.chips, need.milli
            row[layout.NEED_EXCLUSIVE] = need.exclusive
        return needs, np.array([count for _, count in self._given], np.int64)


@pytest.mark.parametrize("seed", range(60))
def test_the_chosen_node_is_the_one_that_a_look_at_all_of_them_gives(seed: int) -> None:
    rng = Random(seed)
    world = World().pool("bj/gpu", nodes=rng.randint(1, 7), cpu=16, mem_gib=32, chips=4)
    columns = world.state.snapshot(0).supply.pools[PoolId("bj/gpu")].copy()
    typical = [(need, rng.randint(1, 50)) for need in rng.sample(NEEDS, rng.randint(0, 5))]
    typical = [(need, count) for need, count in typical if need.milli]
    index = FragmentIndex(columns, Given(typical))
    added = AddedShares(len(columns.caps))
    for _ in range(30):
        need, tasks = rng.choice(NEEDS), rng.choice([1, 1, 2])
        wanted = chosen(columns, need, tasks, typical)
        row = index.tightest(vector_for(need, tasks, 4, columns), NO_MASK)
        assert row == wanted, (need, tasks)
        if row >= 0:
            index.place(vector_for(need, tasks, 4, columns), [(row, tasks)], added, 0, 0)


def test_a_half_chip_goes_where_pairs_of_chips_stay_usable() -> None:
    """Tightest takes the node with one chip left; with pairs typical it would be the same, but of
    two nodes with three and two free chips it is the one with three that loses nothing."""
    for name, node in (("easy", "bj/gpu-1"), ("fragmentation", "bj/gpu-0")):
        world = World(name).pool("bj/gpu", nodes=2, chips=4)
        world.runs("bj/gpu-0", chips=1)
        world.runs("bj/gpu-1", chips=2)
        half = world.job(chips(0.5))
        world.job(chips(2), array=ArraySpec(9))
        plan = world.step()
        assert plan.placements[0].job == half
        assert list(nodes_of(plan.placements[0])) == [node]


def test_cpu_work_keeps_off_nodes_whose_chips_would_be_stranded() -> None:
    world = World("fragmentation").pool("bj/gpu", nodes=2, cpu=16, chips=4)
    world.runs("bj/gpu-0", cpu=8, chips=1)
    world.runs("bj/gpu-1", cpu=2, chips=4)
    world.job(cpu=8)
    world.job(chips(1), cpu=2, array=ArraySpec(3))
    plan = world.step()
    assert list(nodes_of(plan.placements[0])) == ["bj/gpu-1"]


def test_without_anything_typical_the_tightest_node_is_taken() -> None:
    world = World("fragmentation").pool("bj/gpu", nodes=3, chips=4)
    world.runs("bj/gpu-1", cpu=4)
    world.job(cpu=1)
    assert list(nodes_of(world.step().placements[0])) == ["bj/gpu-1"]


def test_what_is_typical_is_what_waits_and_runs_on_the_pool_each_task_counted() -> None:
    world = World(PROFILE).pool("bj/gpu", nodes=2, chips=8).pool("tj/gpu", chips=8, model=H100)
    world.runs("bj/gpu-0", chips=2, tasks=3, cpu=1)
    world.job(chips(1), tasks=4, array=ArraySpec(2))
    world.job(chips(0.5, H100))
    world.job(cpu=4)
    snapshot = world.state.snapshot(world.now_ms)
    typical = Typical(snapshot, PROFILE)
    found = {}
    for columns in snapshot.supply.order:
        needs, counts = typical.on(columns)
        milli = needs[:, layout.NEED_MILLI].tolist()
        found[columns.pool.id] = dict(zip(milli, counts.tolist(), strict=True))
    assert found == {"bj/gpu": {1000: 8, 2000: 3}, "tj/gpu": {500: 1}}


def test_only_the_most_frequent_tasks_are_typical() -> None:
    world = World(PROFILE).pool("bj/gpu", nodes=2, chips=8)
    for at in range(40):
        world.job(chips(1), cpu=1 + at, array=ArraySpec(1 + at))
    snapshot = world.state.snapshot(world.now_ms)
    needs, counts = Typical(snapshot, PROFILE).on(snapshot.supply.order[0])
    assert len(needs) == TYPICAL_MAX
    assert counts.tolist() == list(range(40, 40 - TYPICAL_MAX, -1))


def test_neighbours_count_under_it_too() -> None:
    world = World(PROFILE).pool("bj/gpu", nodes=3, chips=4)
    world.runs("bj/gpu-0", chips=1, labels={"app": "web"})
    world.job(chips(1), affinity=(Affinity((("app", "web"),), apart=True),))
    assert list(nodes_of(world.step().placements[0])) != ["bj/gpu-0"]
