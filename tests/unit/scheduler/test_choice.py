"""Which pool and chip a job gets: its objective, speeds, preferences, and how that is explained."""

from hutong.model.job import DomesticRule, Objective
from hutong.model.reasons import BestCandidate, OnlyCandidate
from tests.unit.scheduler.worlds import (
    A100,
    ASCEND,
    CATALOG,
    H100,
    HOUR_MS,
    MINUTE_MS,
    ArraySpec,
    World,
    chips,
    placed,
    price,
    profile,
)


def three_sites() -> World:
    """H100 at 20 CNY an hour, A100 at 10, Ascend at 4."""
    world = World().pool("bj/h100", chips=8, model=H100, price=price(chip=20))
    world.pool("tj/a100", chips=8, model=A100, price=price(chip=10))
    return world.pool("zjk/npu", chips=8, model=ASCEND, price=price(chip=4))


ANY_OF_THREE = (chips(1, A100), chips(1, H100, 2_000), chips(1, ASCEND, 800))


def test_time_takes_the_chip_that_finishes_first() -> None:
    world = three_sites()
    world.job(*ANY_OF_THREE, estimate_ms=HOUR_MS)
    (placement,) = world.cycle().placements
    assert (placement.pool, placement.speed_milli) == ("bj/h100", 2_000)
    assert placement.expected_end_ms == world.now_ms + HOUR_MS // 2
    assert placement.rate_microcny_per_hour == 20_000_000


def test_cost_takes_the_chip_on_which_the_whole_run_is_cheapest() -> None:
    world = three_sites()
    world.job(*ANY_OF_THREE, estimate_ms=HOUR_MS, objective=Objective.COST)
    (placement,) = world.cycle().placements
    assert placement.pool == "zjk/npu"
    candidates = placement.explanation.candidates
    assert [(c.pool, c.cost_microcny) for c in candidates] == [
        ("zjk/npu", 5_000_000),
        ("bj/h100", 10_000_000),
        ("tj/a100", 10_000_000),
    ]


def test_balanced_weighs_an_hour_against_money_as_the_profile_says() -> None:
    for hour_value, pool in ((1_000_000, "zjk/npu"), (100_000_000, "bj/h100")):
        world = three_sites()
        world.profile = profile(hour_value_microcny=hour_value)
        world.job(*ANY_OF_THREE, estimate_ms=HOUR_MS, objective=Objective.BALANCED)
        assert [p.pool for p in world.cycle().placements] == [pool]


def test_a_long_boot_counts_as_time() -> None:
    world = World().pool("bj/gpu", chips=8, boot_ms=10 * MINUTE_MS).pool("tj/gpu", chips=8)
    world.job(chips(1), estimate_ms=MINUTE_MS)
    (placement,) = world.cycle().placements
    assert placement.pool == "tj/gpu"


def test_speed_comes_from_the_catalogue_relative_to_the_first_alternative() -> None:
    world = three_sites()
    relative = CATALOG.relative_speed_milli(H100, A100)
    assert relative is not None
    world.job(chips(1, A100), chips(1, H100), estimate_ms=HOUR_MS)
    (placement,) = world.cycle().placements
    assert (placement.pool, placement.speed_milli) == ("bj/h100", relative)


def test_twice_the_chips_are_twice_as_fast() -> None:
    world = World().pool("tj/a100", chips=8)
    world.job(chips(1), chips(2), estimate_ms=HOUR_MS)
    (placement,) = world.cycle().placements
    assert (placement.accelerator_milli, placement.speed_milli) == (2_000, 2_000)


def test_a_catalogue_speed_builds_on_the_speed_the_job_gives_its_first_alternative() -> None:
    world = World().pool("bj/h100", chips=8, model=H100)
    relative = CATALOG.relative_speed_milli(H100, A100)
    assert relative is not None
    world.job(chips(1, A100, 500), chips(1, H100), estimate_ms=HOUR_MS)
    (placement,) = world.cycle().placements
    assert placement.speed_milli == relative // 2


def test_preferred_domestic_chips_win_unless_they_are_far_slower() -> None:
    for speed, pool in ((900, "zjk/npu"), (500, "tj/a100")):
        world = three_sites()
        world.job(
            chips(1, A100), chips(1, ASCEND, speed),
            estimate_ms=HOUR_MS, domestic=DomesticRule.PREFER,
        )  # fmt: skip
        assert [p.pool for p in world.cycle().placements] == [pool]


def test_ties_go_to_the_smaller_node_and_then_to_the_pools_name() -> None:
    world = World().pool("bj/large", chips=8).pool("tj/b", chips=4).pool("tj/a", chips=4)
    world.job(chips(4), array=ArraySpec(3))
    assert [pool for _, pool in placed(world.cycle())] == ["tj/a", "tj/b", "bj/large"]


def test_the_next_best_pool_is_used_when_the_best_is_full() -> None:
    world = three_sites()
    world.runs("bj/h100-0", chips=8)
    world.job(*ANY_OF_THREE, estimate_ms=HOUR_MS)
    (placement,) = world.cycle().placements
    assert placement.pool == "tj/a100"
    fitting = {c.pool: c.tasks_fitting for c in placement.explanation.candidates}
    assert fitting == {"tj/a100": 1, "zjk/npu": 1, "bj/h100": 0}
    starts = {c.pool: c.start_ms for c in placement.explanation.candidates}
    assert starts["bj/h100"] == world.now_ms + HOUR_MS


def test_the_reason_says_among_how_many_it_was_best() -> None:
    world = three_sites()
    world.job(*ANY_OF_THREE, estimate_ms=HOUR_MS)
    world.job(chips(1, H100))
    first, second = world.cycle().placements
    assert first.reason == BestCandidate("time", 3)
    assert second.reason == OnlyCandidate()
    assert second.explanation.filtered == {"accelerator": 2}


def test_one_explanation_is_shared_by_the_placements_of_a_group() -> None:
    world = three_sites()
    world.job(chips(1, A100), array=ArraySpec(5))
    placements = world.cycle().placements
    assert len({id(placement.explanation) for placement in placements}) == 1


def test_an_estimate_is_capped_by_the_time_limit() -> None:
    world = three_sites()
    world.job(chips(1, A100), estimate_ms=10 * HOUR_MS, time_limit_ms=HOUR_MS)
    (placement,) = world.cycle().placements
    assert placement.expected_end_ms == world.now_ms + HOUR_MS
    assert placement.end_basis == "estimates"


def test_without_estimate_or_limit_the_profile_stands_in() -> None:
    world = three_sites()
    world.profile = profile(default_run_ms=7 * MINUTE_MS)
    world.job(chips(1, A100))
    world.job(chips(1, A100), time_limit_ms=MINUTE_MS)
    ends = [(p.expected_end_ms - world.now_ms, p.end_basis) for p in world.cycle().placements]
    assert ends == [(7 * MINUTE_MS, "none"), (MINUTE_MS, "limits")]


def test_the_share_in_an_explanation_is_the_tenants_at_that_moment() -> None:
    world = World().pool("bj/gpu", chips=8, cpu=64)
    world.runs("bj/gpu-0", chips=2, tenant="a")
    world.job(chips(1), tenant="a")
    (placement,) = world.cycle().placements
    assert placement.explanation.fair_share_milli == 250
