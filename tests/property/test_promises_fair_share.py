"""What the fair share promises, by exhaustion over small cases.

Dominant-resource fairness is strategy-proof, gives everybody at least an equal part of the supply,
leaves nobody envious and nothing idle (Ghodsi et al., NSDI 2011, section 3, for divisible tasks).
Every tenant here has more work than there is room, of tasks small enough beside the pool that
"divisible" holds, and all demands of a small grid are tried against all others, through the real
cycle. Where tasks do not divide the pool, the promises hold up to one task.
"""

from collections import Counter
from functools import cache
from itertools import product

import pytest

from hutong.scheduler.cycle import run_cycle
from tests.unit.scheduler.worlds import ArraySpec, World

Demand = tuple[int, int]
"""Cores and GiB of one task."""

POOL = (36, 36)
NINE = tuple(product((1, 2, 3), repeat=2))
FIVE: tuple[Demand, ...] = ((1, 1), (1, 2), (2, 1), (1, 3), (3, 1))
TWO_TENANTS = tuple(product(NINE, repeat=2))
THREE_TENANTS = tuple(product(FIVE, repeat=3))
LARGE: tuple[Demand, ...] = ((4, 1), (1, 4), (6, 6), (6, 1), (5, 5), (9, 3))


@cache
def tasks_of(
    demands: tuple[Demand, ...],
    pool: Demand = POOL,
    weights: tuple[int, ...] = (),
    names: tuple[str, ...] = (),
    sites: int = 1,
) -> tuple[int, ...]:
    """How many tasks each tenant gets in one cycle."""
    world = World()
    for site in range(sites):
        world.pool(f"s{site}/cpu", cpu=pool[0] // sites, mem_gib=pool[1] // sites)
    for at, (cpu, mem_gib) in enumerate(demands):
        name = names[at] if names else f"t{at}"
        if weights:
            world.tenant(name, weight=weights[at])
        world.job(cpu=cpu, mem_gib=mem_gib, tenant=name, array=ArraySpec(2 * max(pool)))
    plan = run_cycle(world.state.snapshot(world.now_ms), world.profile)
    counts = Counter(int(placement.job[1:]) - 1 for placement in plan.placements)
    return tuple(counts[at] for at in range(len(demands)))


def share(tasks: int, demand: Demand, pool: Demand = POOL) -> float:
    """The dominant share that tasks hold."""
    return max(tasks * need / size for need, size in zip(demand, pool, strict=True))


def useful(tasks: int, shape: Demand, demand: Demand) -> int:
    """How many tasks of `demand` run in what tasks of another shape hold."""
    return min(tasks * had // need for had, need in zip(shape, demand, strict=True))


def left_of(demands: tuple[Demand, ...], tasks: tuple[int, ...]) -> list[int]:
    return [
        size - sum(count * demand[at] for count, demand in zip(tasks, demands, strict=True))
        for at, size in enumerate(POOL)
    ]


def most_envy(demands: tuple[Demand, ...]) -> int:
    """By how many tasks a tenant would do better with what another one holds."""
    tasks = tasks_of(demands)
    return max(
        useful(tasks[other], demands[other], demand) - tasks[at]
        for at, demand in enumerate(demands)
        for other in range(len(demands))
    )


def most_won_by_lying(demands: tuple[Demand, ...], lies: tuple[Demand, ...]) -> int:
    """By how many useful tasks a tenant does better by asking for something else."""
    honest = tasks_of(demands)
    return max(
        useful(tasks_of((*demands[:at], lie, *demands[at + 1 :]))[at], lie, demand) - honest[at]
        for at, demand in enumerate(demands)
        for lie in lies
    )


def test_the_papers_example_gives_three_tasks_and_two() -> None:
    assert tasks_of(((1, 4), (3, 1)), (9, 18)) == (3, 2)


@pytest.mark.parametrize("cases", [TWO_TENANTS, THREE_TENANTS], ids=["two", "three"])
def test_nothing_that_somebody_could_use_stays_idle(cases: tuple[tuple[Demand, ...], ...]) -> None:
    for demands in cases:
        left = left_of(demands, tasks_of(demands))
        assert min(left) >= 0, demands
        for demand in demands:
            assert any(need > free for need, free in zip(demand, left, strict=True)), demands


@pytest.mark.parametrize("cases", [TWO_TENANTS, THREE_TENANTS], ids=["two", "three"])
def test_everybody_gets_at_least_what_an_equal_part_of_the_pool_would_run(
    cases: tuple[tuple[Demand, ...], ...],
) -> None:
    for demands in cases:
        for demand, tasks in zip(demands, tasks_of(demands), strict=True):
            alone = min(
                size // len(demands) // need for need, size in zip(demand, POOL, strict=True)
            )
            assert tasks >= alone, demands


def test_of_two_tenants_neither_envies_the_other() -> None:
    assert [demands for demands in TWO_TENANTS if most_envy(demands) > 0] == []


def test_of_three_tenants_nobody_envies_another_by_more_than_one_task() -> None:
    assert [demands for demands in THREE_TENANTS if most_envy(demands) > 1] == []


def test_no_lie_gives_one_of_two_tenants_more_useful_tasks() -> None:
    assert [d for d in TWO_TENANTS if most_won_by_lying(d, NINE) > 0] == []


def test_a_lie_of_tasks_that_do_not_divide_the_pool_wins_less_than_one_of_them() -> None:
    for demands in TWO_TENANTS:
        honest = tasks_of(demands)[0]
        for lie in LARGE:
            lied = tasks_of((lie, demands[1]))[0]
            assert useful(lied - 1, lie, demands[0]) <= honest, (demands, lie)


def test_no_lie_gives_one_of_three_tenants_more_useful_tasks() -> None:
    assert [d for d in THREE_TENANTS if most_won_by_lying(d, FIVE) > 0] == []


def test_where_tasks_do_not_divide_the_pool_a_lie_wins_at_most_one_task() -> None:
    pool = (18, 36)
    for demands in product(NINE, repeat=2):
        honest = tasks_of(demands, pool)[0]
        for lie in NINE:
            lied = tasks_of((lie, demands[1]), pool)[0]
            assert useful(lied, lie, demands[0]) <= honest + 1, (demands, lie)


@pytest.mark.parametrize("weights", [(2, 1), (1, 3), (5, 4)])
def test_a_tenants_part_is_at_least_its_weight_less_a_task(weights: tuple[int, int]) -> None:
    for demands in TWO_TENANTS:
        tasks = tasks_of(demands, weights=weights)
        for at, demand in enumerate(demands):
            entitled = weights[at] / sum(weights)
            assert share(tasks[at] + 1, demand) >= entitled, (demands, weights)


def test_projects_divide_their_departments_part_and_no_more() -> None:
    """Three projects of one department get together what the other department gets alone."""
    names = ("a/x", "a/y", "a/z", "b")
    for demand in NINE:
        *projects, alone = tasks_of((demand,) * 4, names=names)
        assert abs(sum(projects) - alone) <= 1, demand
        assert max(projects) - min(projects) <= 1, demand


def test_splitting_itself_over_projects_gives_a_department_nothing() -> None:
    for one, other in TWO_TENANTS:
        whole = tasks_of((one, other), names=("a", "b"))
        parts = tasks_of((one, one, one, other), names=("a/x", "a/y", "a/z", "b"))
        assert sum(parts[:3]) <= whole[0] + 1, (one, other)


def test_shares_are_of_all_sites_together() -> None:
    """The pool cut in two gives what it gives whole, up to what no longer fits at the cut."""
    for demands in TWO_TENANTS:
        whole, cut = tasks_of(demands), tasks_of(demands, sites=2)
        for at, demand in enumerate(demands):
            assert abs(share(whole[at], demand) - share(cut[at], demand)) <= 0.2, demands
