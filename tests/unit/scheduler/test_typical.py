"""What is typical of the tasks that run and wait, and what gaps and nodes are worth by it."""

from random import Random

import numpy as np

from hutong.model.resources import Amount
from hutong.scheduler.columns import need_of
from hutong.scheduler.kernels import fragments
from hutong.scheduler.kernels.fragments import ONE, SEVERAL, STARVES, UNIT, able, standing
from hutong.scheduler.typical import KINDS_MAX, typical_of, wastes_of
from hutong.scheduler.wanted import Wanted
from tests.unit.scheduler.worlds import A100, ASCEND, H100, ArraySpec, World, chips

PLENTY = fragments.RATE_MAX


def test_a_gap_in_which_no_typical_fraction_fits_is_lost_and_others_to_their_rest() -> None:
    wastes = wastes_of({500: 7})
    assert [wastes[gap] // UNIT for gap in (0, 1, 499, 500, 700, 999)] == [0, 1, 499, 0, 200, 499]


def test_without_fractions_every_gap_is_lost() -> None:
    assert wastes_of({}).tolist() == [gap * UNIT for gap in range(1_000)]


def test_a_gap_gets_the_best_of_the_next_sixteen_fractions() -> None:
    """Of 300 and 500, as frequent, a gap of 500 gets a 500 unless all sixteen are 300: (1/2)**16
    of ONE is 16. Then 200 are lost, in which nothing fits."""
    wastes = wastes_of({300: 5, 500: 5})
    assert wastes[200] == 200 * UNIT
    assert wastes[300] == 300 * UNIT * 16 // ONE
    assert wastes[500] == 200 * UNIT * 16 // ONE
    assert wastes[800] == (wastes[300] * (ONE - 16) + wastes[500] * 16) // ONE


def test_rare_fractions_count_for_less() -> None:
    """One of 256 tasks is a 300: that none of sixteen is one is (255/256)**16, four squarings."""
    wastes = wastes_of({300: 1, 500: 255})
    none = ONE * 255 // 256
    for _ in range(4):
        none = none * none // ONE
    assert wastes[300] == 300 * UNIT * none // ONE
    assert 270 * UNIT < wastes[300] < 300 * UNIT


def test_chips_beyond_what_cpu_or_memory_would_feed_starve() -> None:
    """At a chip for 4 CPUs and for 8 GiB, 8 CPUs feed two of four chips, 8 GiB one."""
    rates = ONE // 4, ONE * 1_000 // 8_192
    assert standing(8_000, 2**30, 4_000, 4, 0, *rates, 0) == 2_000 * STARVES
    assert standing(8_000, 8_192, 4_000, 4, 0, *rates, 0) == 3_000 * STARVES
    assert standing(16_000, 2**30, 4_000, 4, 0, *rates, 0) == 0
    assert standing(-5, 2**30, 4_000, 4, 0, *rates, 0) == 4_000 * STARVES


def test_what_is_free_counts_by_the_weight_of_tasks_of_several_chips() -> None:
    """And what whole chips are worth to those that the node holds is taken off: four chips are not
    there, and pairs want 4 CPUs."""
    kinds = np.array([(2, 4_000, 0, 100), (4, 4_000, 0, 10), (0, 0, 0, 110)], np.int64)
    assert standing(8_000, 2**30, 2_600, 2, 0, PLENTY, PLENTY, 110) == 110 * 2_600
    assert able(kinds, 8_000, 0, 2) == 100
    assert able(kinds, 3_999, 0, 2) == 0
    assert able(kinds, 4_000, 0, 5) == 110


def test_gaps_and_starving_chips_of_one_node_add_up() -> None:
    found = standing(4_000, 2**30, 1_500, 1, 321, ONE // 4, PLENTY, 7)
    assert found == 500 * STARVES + 3 * 321 + 7 * 1_500


def test_what_runs_and_what_waits_is_typical_each_task_counted() -> None:
    world = World("fragmentation").pool("bj/gpu", nodes=64, cpu=64, mem_gib=512, chips=8)
    world.runs("bj/gpu-0", chips=2, tasks=3, cpu=4, mem_gib=16)
    world.runs("bj/gpu-1", chips=0.25, cpu=2, mem_gib=4)
    world.runs("bj/gpu-2", cpu=9)
    world.job(chips(0.5), cpu=1, mem_gib=1, array=ArraySpec(3))
    world.job(chips(4), cpu=8, mem_gib=8, tasks=2)
    world.job(cpu=50)
    typical = typical_of(world.state.snapshot(world.now_ms))
    # A 64th of the machines is one node: 64 CPU, 512 GiB, 8 chips.
    milli = 8_000 + 6_000 + 250 + 1_500 + 8_000
    cpu, mem = 1_000 * (64 + 12 + 2 + 3 + 16), 1_024 * (512 + 48 + 4 + 3 + 16)
    assert typical.rates.tolist() == [milli * ONE // cpu, milli * ONE // mem]
    weights = [SEVERAL * taken // milli for taken in (8_000, 6_000)]
    assert typical.kinds.tolist() == [
        [2, 4_000, 16_384, weights[1]], [4, 8_000, 8_192, weights[0]], [0, 0, 0, sum(weights)],
    ]  # fmt: skip
    assert typical.wastes.tolist() == wastes_of({250: 1, 500: 3}).tolist()
    assert typical.terms.tolist() == [[0, 1_000 * ONE // 64_000]]


def test_until_something_is_seen_the_machines_stand_in() -> None:
    world = World("fragmentation").pool("bj/gpu", nodes=64, cpu=64, mem_gib=512, chips=8)
    world.pool("bj/cpu", nodes=900, cpu=96)
    typical = typical_of(world.state.snapshot(world.now_ms))
    assert typical.rates.tolist() == [8_000 * ONE // 64_000, 8_000 * ONE // (512 * 1_024)]
    assert typical.kinds.tolist() == [[0, 0, 0, 0]]


def test_only_the_kinds_that_take_most_are_typical() -> None:
    world = World("fragmentation").pool("bj/gpu", nodes=2, chips=8)
    for at in range(40):
        world.job(chips(2), cpu=1 + at, array=ArraySpec(1 + at))
    typical = typical_of(world.state.snapshot(world.now_ms))
    cpus = typical.kinds[:-1, fragments.KIND_CPU].tolist()
    assert cpus == [1_000 * at for at in range(41 - KINDS_MAX, 41)]


def test_chips_that_some_tasks_have_no_choice_but_to_use_bear_a_load() -> None:
    """Half of what is wanted must be H100, which are half of the chips that it may use."""
    world = World("fragmentation").pool("bj/a100", nodes=2, chips=8)
    world.pool("tj/h100", chips=8, model=H100).pool("tj/npu", chips=8, model=ASCEND)
    world.job(chips(8, H100))
    world.job(chips(1, A100), chips(1, H100), chips(1, ASCEND), array=ArraySpec(3))
    world.job(chips(1, "any"), array=ArraySpec(4))
    world.job(chips(1, ASCEND), chips(1, A100))
    typical = typical_of(world.state.snapshot(world.now_ms))
    milli = 16_000 + 32_000 // 64
    either = 1_000 * UNIT * 32_000 // milli // 24_000
    loads = typical.terms[:, fragments.TERM_LOAD].tolist()
    assert loads == [either, 8_000 * UNIT * 32_000 // milli // 8_000, either]


def test_the_sums_of_what_runs_do_not_depend_on_what_came_and_went() -> None:
    rng = Random(5)
    world = World("fragmentation").pool("bj/gpu", nodes=9, chips=8)
    live = []
    for at in range(40):
        kind = rng.choice([0, 0.25, 0.5, 1, 2])
        live.append(world.runs(f"bj/gpu-{at % 9}", chips=kind, cpu=rng.randint(0, 3)))
    rng.shuffle(live)
    for attempt in live:
        world.end(attempt)
    wanted = world.state.snapshot(world.now_ms).supply.wanted
    assert (wanted.cpu, wanted.mem, wanted.milli) == (0, 0, 0)
    assert (wanted.sizes, wanted.several, wanted.bound) == ({}, {}, {})


def test_a_copy_of_the_sums_changes_on_its_own() -> None:
    wanted = Wanted()
    wanted.count(need_of(1_000, 10, 500, exclusive=False), 2, (A100,))
    other = wanted.copy()
    other.count(need_of(1_000, 10, 500, exclusive=False), -2, (A100,))
    other.count(need_of(1_000, 10, 2_000, exclusive=False), 1, ())
    assert Amount(wanted.cpu, wanted.mem, wanted.milli) == Amount(2_000, 20, 1_000)
    assert wanted.sizes == {500: 2}
    assert wanted.bound == {(A100,): 1_000}
    assert (other.sizes, other.bound, list(other.several.values())) == ({}, {}, [1])
