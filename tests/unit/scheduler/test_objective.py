"""How an option is scored: one formula in one unit, its parts shown, its order exact."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hutong.model.ids import JobId
from hutong.model.job import DomesticRule, Objective, Preferences
from hutong.model.reasons import BestCandidate
from hutong.model.supply import Energy
from hutong.scheduler.columns import need_of
from hutong.scheduler.energy import Meter
from hutong.scheduler.option import BONUS_MAX_MILLI
from hutong.scheduler.plan import Candidate
from hutong.scheduler.records import QueuedJob
from hutong.scheduler.shapes import shape_of
from tests.unit.scheduler.worlds import (
    A100,
    ASCEND,
    H100,
    HOUR_MS,
    MINUTE_MS,
    ArraySpec,
    NodeCondition,
    World,
    chips,
    codes,
    deferral_of,
    price,
    profile,
    spec_of,
)

SPEEDS = st.integers(50, 4_000)
PRICES = st.integers(0, 40)
BOOTS = st.integers(0, 200_000)


def candidates(world: World) -> list[Candidate]:
    """The candidates of the one placement of a cycle, best first."""
    (placement,) = world.cycle().placements
    return list(placement.explanation.candidates)


@given(st.lists(st.tuples(SPEEDS, PRICES, BOOTS), min_size=2, max_size=5))
def test_weight_0_orders_by_finish_and_1000_by_cost_then_finish(
    pools: list[tuple[int, int, int]],
) -> None:
    for weight in (0, 1000):
        world = World(profile(candidates_count=10, hour_value_microcny=1))
        for at, (_, cny, boot_ms) in enumerate(pools):
            world.pool(f"s{at}/p", chips=1, model=f"m{at}", price=price(chip=cny), boot_ms=boot_ms)
        ways = [chips(1, f"m{at}", speed) for at, (speed, _, _) in enumerate(pools)]
        world.job(*ways, estimate_ms=HOUR_MS + 7, cost_weight_milli=weight)
        found = candidates(world)
        keys = [(c.cost_microcny, c.finish_ms) if weight else (c.finish_ms,) for c in found]
        assert keys == sorted(keys)
        assert len(found) == len(pools)


def test_the_score_of_a_candidate_is_the_formula_over_its_parts() -> None:
    world = World(profile(hour_value_microcny=20_000_000))
    world.pool("bj/h100", chips=8, model=H100, price=price(chip=24), boot_ms=6 * MINUTE_MS)
    world.job(chips(1, H100), estimate_ms=HOUR_MS, cost_weight_milli=300)
    (found,) = candidates(world)
    assert (found.wait_ms, found.boot_ms, found.run_ms) == (0, 6 * MINUTE_MS, HOUR_MS)
    # 30 % of 24 CNY and 70 % of an hour and six minutes at 20 CNY an hour
    assert found.score == 3 * 24_000_000 // 10 + 7 * 22_000_000 // 10


def test_a_jobs_own_weight_replaces_its_objective_and_is_named() -> None:
    world = World().pool("bj/h100", chips=8, model=H100, price=price(chip=20))
    world.pool("zjk/npu", chips=8, model=ASCEND, price=price(chip=4))
    ways = (chips(1, H100, 2_000), chips(1, ASCEND, 800))
    world.job(*ways, estimate_ms=HOUR_MS, objective=Objective.TIME, cost_weight_milli=900)
    (placement,) = world.cycle().placements
    assert placement.pool == "zjk/npu"
    assert placement.reason == BestCandidate("cost by 90 % and time by 10 %", 2)


def test_a_wait_counts_as_time_and_is_shown_as_a_part() -> None:
    world = World().pool("bj/gpu", chips=1)
    world.runs("bj/gpu-0", chips=1, ends_in_ms=30 * MINUTE_MS)
    job = world.job(chips(1), estimate_ms=HOUR_MS)
    (found,) = deferral_of(world.cycle(), job).explanation.candidates
    assert (found.wait_ms, found.run_ms) == (30 * MINUTE_MS, HOUR_MS)
    assert found.finish_ms == world.now_ms + 90 * MINUTE_MS
    assert found.score == 30_000_000


def test_what_a_job_prefers_is_taken_off_its_score_kind_by_kind() -> None:
    world = World(profile(preferred_bonus_milli=200))
    world.site("bj", region="cn-beijing", owner="city").pool("bj/gpu", chips=1)
    world.site("tj", region="cn-tianjin", owner="city").pool("tj/gpu", chips=1)
    wanted = Preferences(regions=("cn-tianjin",), owners=("city",))
    world.job(chips(1), estimate_ms=HOUR_MS, preferences=wanted)
    found = candidates(world)
    parts = [(c.pool, c.preferred_milli, c.score) for c in found]
    assert parts == [("tj/gpu", 200, 16_000_000), ("bj/gpu", 100, 18_000_000)]


def test_a_preference_never_keeps_a_job_from_running_elsewhere() -> None:
    world = World().site("bj").pool("bj/gpu", chips=1)
    job = world.job(chips(1), preferences=Preferences(sites=("tj",), regions=("nowhere",)))
    assert [p.job for p in world.cycle().placements] == [job]


def test_all_preferences_together_never_make_a_score_nothing() -> None:
    world = World(profile(preferred_bonus_milli=1000, domestic_bonus_milli=1000))
    world.pool("bj/npu", chips=1, model=ASCEND)
    world.job(
        chips(1, ASCEND), estimate_ms=HOUR_MS, domestic=DomesticRule.PREFER,
        preferences=Preferences(sites=("bj",)),
    )  # fmt: skip
    (found,) = candidates(world)
    assert found.score == 20_000_000 * (1000 - BONUS_MAX_MILLI) // 1000


# The operator's share of domestic chips


def two_kinds(**settings: int) -> World:
    """Foreign chips twice as fast as domestic ones, eight of each."""
    world = World(profile(domestic_bonus_milli=800, **settings))
    return world.pool("bj/a100", chips=8).pool("zjk/npu", chips=8, model=ASCEND)


EITHER = (chips(1, A100), chips(1, ASCEND, 500))


def test_below_its_target_domestic_chips_get_a_bonus_until_the_share_is_reached() -> None:
    world = two_kinds(domestic_target_milli=500)
    alike = (chips(1, A100), chips(1, ASCEND, 1_000))
    world.job(*alike, estimate_ms=HOUR_MS, array=ArraySpec(8))
    plan = world.cycle()
    assert [placement.pool for placement in plan.placements].count("zjk/npu") == 4
    assert plan.domestic_milli == 500


def test_the_bonus_grows_with_what_is_missing_so_that_slow_chips_stay_below_the_target() -> None:
    world = two_kinds(domestic_target_milli=500)
    world.job(*EITHER, estimate_ms=HOUR_MS, array=ArraySpec(8))
    plan = world.cycle()
    # half the speed takes a bonus of more than a half: eleven sixteenths of 0.8, at 18 % or less
    assert [placement.pool for placement in plan.placements].count("zjk/npu") == 2
    assert plan.domestic_milli == 250


def test_without_a_target_the_faster_chip_is_taken_and_the_share_still_told() -> None:
    world = two_kinds()
    world.runs("zjk/npu-0", chips=2)
    world.job(*EITHER, estimate_ms=HOUR_MS, array=ArraySpec(6))
    plan = world.cycle()
    assert {placement.pool for placement in plan.placements} == {"bj/a100"}
    assert plan.domestic_milli == 250


def test_the_share_of_a_hub_where_nothing_runs_is_nothing() -> None:
    assert two_kinds().cycle().domestic_milli == 0


def test_the_target_moves_no_job_that_takes_one_kind_alone() -> None:
    world = two_kinds(domestic_target_milli=1000)
    world.job(chips(1, A100), estimate_ms=HOUR_MS)
    (placement,) = world.cycle().placements
    assert placement.pool == "bj/a100"


def test_the_target_never_costs_a_job_its_deadline() -> None:
    world = two_kinds(domestic_target_milli=1000)
    deadline_ms = world.now_ms + 90 * MINUTE_MS
    world.job(*EITHER, estimate_ms=HOUR_MS, deadline_ms=deadline_ms)
    (placement,) = world.cycle().placements
    assert placement.pool == "bj/a100"


def test_a_job_that_prefers_domestic_chips_gets_the_whole_bonus_whatever_the_share() -> None:
    world = two_kinds(domestic_target_milli=10)
    world.runs("zjk/npu-0", chips=4)
    world.job(*EITHER, estimate_ms=HOUR_MS, domestic=DomesticRule.PREFER)
    (placement,) = world.cycle().placements
    assert placement.pool == "zjk/npu"
    assert placement.explanation.candidates[0].domestic_milli == 800


# Energy and carbon


def test_power_is_a_part_of_the_cost_where_a_site_declares_it() -> None:
    world = World(profile(energy_weight_milli=1000, carbon_microcny_per_kg=100_000))
    energy = Energy(price_microcny_per_kwh=500_000, carbon_g_per_kwh=600, pue_milli=1250)
    world.site("zjk", energy=energy).site("bj")
    world.pool("zjk/a100", chips=8, price=price(chip=10), accelerator_watt=400)
    world.pool("bj/a100", chips=8, price=price(chip=10))
    world.job(chips(8), estimate_ms=2 * HOUR_MS, objective=Objective.COST)
    green, coal = candidates(world)
    assert (green.pool, green.energy_microcny, green.carbon_g) == ("bj/a100", 0, 0)
    # 8 chips of 400 W for 2 h are 6.4 kWh, 8 with the building's part: 4 CNY and 4.8 kg
    assert (coal.energy_microcny, coal.carbon_g) == (4_000_000, 4_800)
    assert coal.score == 160_000_000 + 4_000_000 + 480_000
    assert coal.cost_microcny == green.cost_microcny == 160_000_000


def test_power_weighs_nothing_unless_the_profile_says_so() -> None:
    world = World().site("zjk", energy=Energy(500_000, 600, 1250))
    world.pool("zjk/a100", chips=8, price=price(chip=10))
    world.job(chips(1), estimate_ms=HOUR_MS, objective=Objective.COST)
    (found,) = candidates(world)
    assert found.score == found.cost_microcny == 10_000_000
    # the catalogue's 400 W, times the building's 1.25, at 0.50 CNY and 600 g
    assert (found.energy_microcny, found.carbon_g) == (250_000, 300)


@pytest.mark.parametrize(
    ("need", "tasks", "nodes", "drawn_mw"),
    [
        (need_of(0, 0, 2_000, exclusive=False), 3, 1, 3 * (2 * 300_000 + 250 * 800)),
        (need_of(16_000, 0, 1_000, exclusive=False), 1, 1, 300_000 + 500 * 800),
        (need_of(64_000, 0, 0, exclusive=False), 1, 1, 800_000),
        (need_of(1_000, 0, 8_000, exclusive=True), 2, 2, 2 * (8 * 300_000 + 800_000)),
    ],
)
def test_a_task_draws_its_chips_and_its_largest_share_of_the_rest(
    need: object, tasks: int, nodes: int, drawn_mw: int
) -> None:
    meter = Meter(Energy(), 300, 800, 32_000, 1_000, 8_000)
    assert meter.draw_mw(need, tasks=tasks, nodes=nodes) == drawn_mw  # type: ignore[arg-type]


def test_a_building_never_draws_less_than_its_machines() -> None:
    meter = Meter(Energy(pue_milli=-5), 300, 0, 1, 1, 1)
    assert meter.draw_mw(need_of(0, 0, 1_000, exclusive=False), tasks=1, nodes=1) == 300_000


# Budget


def test_a_budget_counts_what_is_expected_of_the_run_and_no_power() -> None:
    world = World(profile(energy_weight_milli=1000))
    world.site("bj", energy=Energy(9_000_000, 600, 1250)).pool(
        "bj/gpu", chips=8, price=price(chip=10)
    )
    job = world.job(chips(1), estimate_ms=HOUR_MS, budget_microcny=10_000_000)
    assert [placement.job for placement in world.cycle().placements] == [job]


def test_an_option_that_takes_no_work_at_present_is_named_without_a_nearest_miss() -> None:
    world = World().pool("bj/gpu", chips=8)
    world.node("bj/gpu-0", NodeCondition.DOWN)
    job = world.job(chips(1))
    deferral = deferral_of(world.cycle(), job)
    assert codes(deferral) == ["waiting.no_pool"]
    assert "Nearest" not in deferral.reasons[0].sentence()


def test_a_reservation_in_time_for_the_deadline_goes_before_a_cheaper_one_that_is_late() -> None:
    world = World().pool("bj/dear", chips=1, price=price(chip=50)).pool("zjk/cheap", chips=1)
    world.runs("bj/dear-0", chips=1, ends_in_ms=30 * MINUTE_MS)
    world.runs("zjk/cheap-0", chips=1, ends_in_ms=90 * MINUTE_MS)
    fields = {"estimate_ms": HOUR_MS, "objective": Objective.COST}
    for deadline_in_ms, pool in ((2 * HOUR_MS, "bj/dear"), (3 * HOUR_MS, "zjk/cheap")):
        job = world.job(chips(1), deadline_ms=world.now_ms + deadline_in_ms, **fields)
        assert [held.pool for held in world.cycle().reservations if held.job == job] == [pool]
        world.state.dequeue(job)


def test_what_earlier_attempts_cost_leaves_the_rest_of_the_budget() -> None:
    world = World().pool("bj/gpu", chips=8, price=price(chip=10))
    spec = spec_of(chips(1), estimate_ms=HOUR_MS, budget_microcny=25_000_000)
    for spent_microcny, starts in ((15_000_000, 1), (15_000_001, 0), (90_000_000, 0)):
        job = QueuedJob(JobId("j9"), 9, spec, world.now_ms, spent_microcny)
        world.state.enqueue(job, 1)
        assert len(world.cycle().placements) == starts


def test_a_job_without_a_budget_has_none_left_to_lose() -> None:
    assert shape_of(spec_of(), 5_000_000) == shape_of(spec_of())
