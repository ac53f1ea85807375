"""The profile `fragmentation`: nodes are chosen by what a placement spoils for typical tasks."""

from random import Random
from typing import Any

import numpy as np
import pytest

from hutong.model.ids import PoolId
from hutong.model.job import Affinity, Objective
from hutong.scheduler.added import AddedShares
from hutong.scheduler.arena import Arena, Ground
from hutong.scheduler.columns import Need, PoolColumns, need_of
from hutong.scheduler.fit import NO_MASK, vector_for
from hutong.scheduler.fragment import FragmentIndex, Fragments
from hutong.scheduler.kernels import fragments
from hutong.scheduler.profile import PROFILES
from hutong.scheduler.typical import Typical, part_of, wastes_of
from tests.unit.scheduler.worlds import (
    ASCEND,
    H100,
    ArraySpec,
    World,
    chips,
    nodes_of,
    placed,
    price,
)

PROFILE = PROFILES["fragmentation"]


def spoiled(cpu: int, mem: int, left: list[int], typical: Typical) -> int:
    """What is spoiled of a node, straight from the definition."""
    free, whole = sum(left), left.count(1_000)
    cpu_rate, mem_rate = typical.rates.tolist()
    fed = min(max(cpu, 0) * cpu_rate, max(mem, 0) * mem_rate) // fragments.ONE
    found = 5 * fragments.UNIT * max(free - fed, 0)
    found += 3 * sum(int(typical.wastes[one]) for one in left if one < 1_000)
    for kind_chips, kind_cpu, kind_mem, weight in typical.kinds.tolist()[:-1]:
        holds = whole >= kind_chips and cpu >= kind_cpu and mem >= kind_mem
        found += weight * (free - 1_000 * whole if holds else free)
    return found


def chosen(columns: PoolColumns, need: Need, tasks: int, typical: Typical) -> int:
    """The row that every look at every row gives; -1 for none."""
    best: tuple[Any, ...] | None = None
    for row in range(len(columns.ids)):
        cpu, mem = int(columns.free_cpu[row]), int(columns.free_mem[row])
        left, shares = columns.chips[row].tolist(), int(columns.shares[row])
        if not columns.ready[row] or columns.closed[row] or (need.exclusive and shares):
            continue
        if (need.cpu and cpu < need.cpu * tasks) or (need.mem and mem < need.mem * tasks):
            continue
        after, on_chip, held = list(left), 0, True
        for _ in range(tasks * (need.chips or 1) if need.milli else 0):
            least = 1_000 if need.chips else need.milli
            fitting = [(one, at) for at, one in enumerate(after) if one >= least]
            held = held and bool(fitting)
            if fitting:
                after[min(fitting)[1]] -= least
                on_chip = after[min(fitting)[1]]
        if not held:
            continue
        cpu_left, mem_left = cpu - need.cpu * tasks, mem - need.mem * tasks
        rise = -spoiled(cpu, mem, left, typical)
        if need.exclusive:
            rise += 5 * fragments.UNIT * sum(after)
            rise += 3 * sum(int(typical.wastes[one]) for one in after if one < 1_000)
            rise += typical.kinds.tolist()[-1][fragments.KIND_WEIGHT] * sum(after)
        else:
            rise += spoiled(cpu_left, mem_left, after, typical)
        tight = on_chip + cpu_left * part_of(columns.cpu_total) // fragments.ONE
        key = (rise, tight, row)
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


def given(rng: Random, cpu_total: int) -> Typical:
    """Something typical."""
    sizes = {size: rng.randint(1, 9) for size in rng.sample([100, 250, 333, 500, 750], 3)}
    kinds = [
        (rng.choice([2, 4]), rng.randint(0, 9_000), rng.randint(0, 9_000), rng.randint(0, 300))
        for _ in range(rng.randint(0, 3))
    ]
    kinds = [*sorted(kinds), (0, 0, 0, sum(kind[-1] for kind in kinds))]
    rates = (rng.randint(1, fragments.ONE), rng.randint(1, fragments.ONE))
    return Typical(
        np.array(rates, np.int64), wastes_of(sizes),
        np.array(kinds, np.int64).reshape(len(kinds), fragments.KIND_PLACES),
        np.array([(0, part_of(cpu_total))], np.int64),
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(60))
def test_the_chosen_node_is_the_one_that_a_look_at_all_of_them_gives(seed: int) -> None:
    rng = Random(seed)
    world = World().pool("bj/gpu", nodes=rng.randint(1, 7), cpu=16, mem_gib=32, chips=4)
    columns = world.state.snapshot(0).supply.pools[PoolId("bj/gpu")]
    typical, added = given(rng, columns.cpu_total), AddedShares(len(columns.caps))
    ground = Ground(Arena([columns]))
    columns = ground.copy_of(columns)
    index = FragmentIndex(columns, Fragments(ground, added, lambda: typical), ground)
    for _ in range(30):
        need, tasks = rng.choice(NEEDS), rng.choice([1, 1, 2])
        wanted = chosen(columns, need, tasks, typical)
        row = index.tightest(vector_for(need, tasks, 4, columns), NO_MASK)
        assert row == wanted, (need, tasks)
        if row >= 0:
            index.place(vector_for(need, tasks, 4, columns), [(row, tasks)], added, 0, 0)


def test_many_needs_share_the_slots_of_a_table_that_is_as_large_as_it_may_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("hutong.scheduler.fragment._CELLS_MAX", 1)
    monkeypatch.setattr("hutong.scheduler.fragment._SLOTS_FIRST", 2)
    test_the_chosen_node_is_the_one_that_a_look_at_all_of_them_gives(7)
    monkeypatch.setattr("hutong.scheduler.fragment._CELLS_MAX", 35)
    test_the_chosen_node_is_the_one_that_a_look_at_all_of_them_gives(8)
    assert len(NEEDS) > 5


def test_a_half_chip_goes_where_pairs_of_chips_stay_usable() -> None:
    """Tightest takes the node with two chips left; with pairs typical it is the one with three that
    loses nothing by it."""
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


def test_without_chips_the_node_with_the_least_cpu_left_is_taken() -> None:
    world = World("fragmentation").pool("bj/cpu", nodes=3, cpu=16)
    world.runs("bj/cpu-1", cpu=4)
    world.job(cpu=1)
    assert list(nodes_of(world.step().placements[0])) == ["bj/cpu-1"]


def test_pools_that_are_alike_to_a_job_compete_by_what_would_be_spoiled() -> None:
    """The tightest rule takes the first pool, this one the gap of a half on the other."""
    for name, node in (("easy", "bj/a-0"), ("fragmentation", "tj/b-0")):
        world = World(name).pool("bj/a", chips=4).pool("tj/b", chips=4)
        world.runs("tj/b-0", chips=0.5)
        world.job(chips(0.5))
        assert list(nodes_of(world.step().placements[0])) == [node]


def test_a_cheaper_pool_is_taken_whatever_that_spoils() -> None:
    world = World("fragmentation").pool("bj/a", chips=4, price=price(1))
    world.pool("tj/b", chips=4, price=price(2))
    world.runs("tj/b-0", chips=0.5)
    world.job(chips(0.5), objective=Objective.COST)
    assert placed(world.step()) == [("j2", "bj/a")]


def test_chips_that_others_have_no_choice_but_to_use_are_kept_for_them() -> None:
    world = World("fragmentation").pool("bj/h", chips=4, model=H100)
    world.pool("tj/n", chips=4, model=ASCEND)
    anywhere = world.job(chips(1, "any"))
    bound = [world.job(chips(1, H100)) for _ in range(4)]
    plan = world.step()
    assert placed(plan) == [(anywhere, "tj/n"), *[(job, "bj/h") for job in bound]]


@pytest.mark.parametrize("seed", range(12))
def test_jobs_that_are_asked_about_one_by_one_go_where_a_flow_puts_them(seed: int) -> None:
    """A tenant with a quota is one whose jobs the flow leaves to the cycle."""
    plans = []
    for quota in (None, 10**6):
        rng = Random(seed)
        world = World("fragmentation").tenant(
            "t", **({"accelerator_milli": quota} if quota else {})
        )
        for at in range(3):
            world.pool(
                f"bj/p{at}", nodes=3, cpu=16 * (at + 1), chips=4, model=(H100, ASCEND)[at % 2]
            )
        for _ in range(40):
            model = rng.choice(["any", "any", H100])
            need = chips(rng.choice([0.25, 0.3, 0.5, 1, 2]), model)
            world.job(need, cpu=rng.choice([1, 2, 4]), tenant="t")
        plans.append([(p.job, p.nodes) for p in world.step().placements])
    assert plans[0] == plans[1]
    assert len(plans[0]) > 20


def test_neighbours_count_under_it_too() -> None:
    world = World(PROFILE).pool("bj/gpu", nodes=3, chips=4)
    world.runs("bj/gpu-0", chips=1, labels={"app": "web"})
    world.job(chips(1), affinity=(Affinity((("app", "web"),), apart=True),))
    assert list(nodes_of(world.step().placements[0])) != ["bj/gpu-0"]
