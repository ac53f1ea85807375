"""What befalls a world: evictions, mishaps, prices, offers, links."""

import msgspec
import pytest

from hutong.model.calendar import Booking, BookingKind
from hutong.model.catalogue import Link
from hutong.model.classes import URGENT
from hutong.model.ids import NodeId, PoolId, SiteId, TenantId
from hutong.model.job import DataInput, Terms
from hutong.model.supply import Energy
from hutong.scheduler.profile import PROFILES
from hutong.sim.outcome import Ending, Outcome
from hutong.sim.replay import Replay, replay
from hutong.sim.setup import Mode, Setup
from hutong.sim.world import Costs, Curve, Mishap, MishapKind
from tests.unit.sim.replay.worlds import (
    EASY,
    HOUR_MS,
    chip_job,
    job,
    offering,
    setup,
    site,
    world,
)

FAIR = PROFILES["fair"]


def column(outcome: Outcome, name: str) -> list[int]:
    return outcome.numbers[name].tolist()


def checked(given: Setup) -> Outcome:
    run = Replay(given)
    at_ms = 0
    while not run.run(until_ms=(at_ms := at_ms + 10_000)) and at_ms < 400_000:
        run.validate()
    run.run()
    run.validate()
    return run.outcome()


# Evictions


@pytest.mark.parametrize(
    ("costs", "checkpoint_ms", "lost_ms", "end_ms"),
    [
        (Costs(), 0, 20_000, 130_000),
        (Costs(grace_ms=5_000), 0, 20_000, 135_000),
        (Costs(grace_ms=5_000, keeps_work=True), 0, 0, 115_000),
        (Costs(restart_ms=4_000), 15_000, 5_000, 119_000),
    ],
)
def test_an_eviction_loses_what_was_done_since_the_last_checkpoint(
    costs: Costs, checkpoint_ms: int, lost_ms: int, end_ms: int
) -> None:
    jobs = [
        job("a", 0, 100, cpus=4, priority="low", checkpoint_ms=checkpoint_ms),
        job("b", 20, 10, cpus=4, priority=URGENT),
    ]
    outcome = checked(setup(jobs, world(costs=costs), FAIR))
    assert column(outcome, "preemptions") == [1, 0]
    assert column(outcome, "attempts") == [2, 1]
    assert column(outcome, "lost_accelerator_milli_ms") == [lost_ms * 4000, 0]
    assert column(outcome, "start_ms") == [0, 20_000 + costs.grace_ms]
    assert column(outcome, "end_ms") == [end_ms, 30_000 + costs.grace_ms]


def test_an_oracle_knows_what_is_left_of_an_evicted_job() -> None:
    jobs = [
        job("a", 0, 100, cpus=4, priority="low", checkpoint_ms=1_000),
        job("b", 20, 10, cpus=4, priority=URGENT),
        job("c", 21, 5, cpus=4, priority="low"),
    ]
    run = Replay(setup(jobs, profile=FAIR, mode=Mode.ORACLE))
    run.run(until_ms=25_000)
    assert [one.told.spec.estimate_ms for one in run.jobs.values()] == [80_000, 10_000, 5_000]
    run.run()
    assert column(run.outcome(), "believed_ms") == [100_000, 10_000, 5_000]


def test_a_job_that_is_evicted_too_often_fails_as_it_would_live() -> None:
    jobs = [job("a", 0, 100, cpus=4, priority="low")]
    jobs += [job(f"u{at}", 10 + 20 * at, 5, cpus=4, priority=URGENT) for at in range(250)]
    outcome = replay(setup(jobs, profile=FAIR))
    assert column(outcome, "ending")[0] == Ending.FAILED
    assert column(outcome, "attempts")[0] == 200


# Mishaps


def test_work_on_a_node_that_goes_down_is_done_again() -> None:
    mishap = Mishap(30_000, 50_000, MishapKind.NODE_DOWN, SiteId("s0"), NodeId("s0/n0"))
    outcome = checked(setup([job("a", 0, 40)], world(mishaps=(mishap,))))
    assert column(outcome, "end_ms") == [120_000]
    assert column(outcome, "lost_accelerator_milli_ms") == [30_000 * 1000]
    assert column(outcome, "preemptions") == [0]
    assert column(outcome, "held_ms") == [70_000]


def test_a_job_fails_once_machines_have_failed_it_too_often() -> None:
    mishaps = [
        Mishap(10_000 * at, 1_000, MishapKind.NODE_DOWN, SiteId("s0"), NodeId("s0/n0"))
        for at in range(1, 9)
    ]
    outcome = checked(setup([job("a", 0, 60)], world(mishaps=tuple(mishaps))))
    assert column(outcome, "ending") == [Ending.FAILED]
    assert column(outcome, "attempts") == [4]


def test_two_mishaps_of_one_node_overlap() -> None:
    node = NodeId("s0/n0")
    mishaps = (
        Mishap(1_000, 20_000, MishapKind.NODE_DOWN, SiteId("s0"), node),
        Mishap(11_000, 30_000, MishapKind.NODE_DOWN, SiteId("s0"), node),
    )
    outcome = checked(setup([job("a", 5, 10)], world(mishaps=mishaps)))
    assert column(outcome, "start_ms") == [41_000]


def test_a_site_that_is_silent_takes_no_new_work_and_goes_on() -> None:
    mishap = Mishap(5_000, 50_000, MishapKind.SITE_SILENT, SiteId("s0"))
    outcome = checked(setup([job("a", 0, 20), job("b", 10, 5)], world(mishaps=(mishap,))))
    assert column(outcome, "end_ms") == [20_000, 60_000]


def test_a_site_that_is_down_ends_what_runs_there() -> None:
    mishap = Mishap(5_000, 50_000, MishapKind.SITE_DOWN, SiteId("s0"))
    where = world(site("s0"), site("s1", cpus=1), mishaps=(mishap,))
    outcome = checked(setup([job("a", 0, 20, cpus=4), job("b", 10, 5)], where))
    assert column(outcome, "end_ms") == [75_000, 15_000]
    assert column(outcome, "lost_accelerator_milli_ms") == [5_000 * 4000, 0]


def test_a_booking_keeps_others_out_while_it_lasts() -> None:
    booking = Booking(
        "quiet", BookingKind.MAINTENANCE, SiteId("s0"), 10_000, 60_000, PoolId("s0/p")
    )
    jobs = [job("a", 0, 8), job("b", 1, 20), job("c", 15, 5, tenant=TenantId("t"))]
    outcome = checked(setup(jobs, world(bookings=(booking,))))
    assert column(outcome, "start_ms") == [0, 60_000, 60_000]


# Prices and power


def test_a_job_pays_the_price_of_each_hour() -> None:
    curve = Curve((0, HOUR_MS), (1_000_000, 3_000_000))
    priced = msgspec.structs.replace(site(cpus=0, chips=2), prices={PoolId("s0/p"): curve})
    outcome = replay(setup([chip_job("a", 0, 7_200)], world(priced)))
    assert column(outcome, "cost_microcny") == [4_000_000]


def test_a_job_draws_power_at_the_carbon_of_each_hour() -> None:
    clean = site(cpus=0, chips=2, energy=Energy(0, 500, 1_500))
    pool = msgspec.structs.replace(clean.inventory.pools[0], accelerator_watt=400)
    inventory = msgspec.structs.replace(clean.inventory, pools=(pool,))
    clean = msgspec.structs.replace(clean, inventory=inventory)
    outcome = replay(setup([chip_job("a", 0, 7_200)], world(clean)))
    assert column(outcome, "energy_mwh") == [1_200_000]
    assert column(outcome, "carbon_mg") == [600_000]
    tide = Curve((0, HOUR_MS), (500, 100), period_ms=2 * HOUR_MS)
    outcome = replay(
        setup([chip_job("a", 0, 7_200)], world(msgspec.structs.replace(clean, carbon=tide)))
    )
    assert column(outcome, "carbon_mg") == [360_000]


# Offers


EAGER = msgspec.structs.replace(FAIR, commercial_after_ms=0, commercial_idle_ms=30_000)


def test_nodes_of_an_offer_are_started_billed_and_given_back() -> None:
    outcome = checked(setup([chip_job("a", 0, 100)], world(offering()), EAGER))
    assert column(outcome, "start_ms") == [60_000]
    assert column(outcome, "end_ms") == [160_000]
    (use,) = outcome.offers
    assert use.started_count == 1
    assert use.boot_ms == 60_000
    assert 160_000 <= use.node_ms <= 200_000
    assert use.cost_microcny == pytest.approx(3_600_000 * use.node_ms / HOUR_MS, abs=2)


def test_a_spot_node_that_is_taken_back_costs_no_retry() -> None:
    mishap = Mishap(100_000, 10_000, MishapKind.SPOT_TAKEN, SiteId("cloud"))
    where = world(offering(terms=Terms.SPOT), mishaps=(mishap,))
    outcome = checked(setup([chip_job("a", 0, 100)], where, EAGER))
    assert column(outcome, "lost_accelerator_milli_ms") == [40_000 * 1000]
    assert column(outcome, "ending") == [Ending.SUCCEEDED]
    assert outcome.offers[0].started_count == 2


def test_a_provider_runs_no_more_spot_nodes_than_it_has() -> None:
    curve = Curve((0, 90_000, 400_000), (2, 1, 2))
    where = world(
        msgspec.structs.replace(offering(terms=Terms.SPOT), spot={PoolId("cloud/p"): curve})
    )
    jobs = [chip_job("a", 0, 100), chip_job("b", 0, 100)]
    outcome = checked(setup(jobs, where, EAGER))
    assert column(outcome, "start_ms") == [60_000, 60_000]
    lost = column(outcome, "lost_accelerator_milli_ms")
    assert sorted(lost) == [0, 30_000 * 1000]
    assert max(outcome.samples["ready_accelerator_milli"].tolist()) <= 2000
    assert column(outcome, "ending") == [Ending.SUCCEEDED] * 2


# Links


def test_inputs_share_a_link_and_come_before_the_work() -> None:
    link = Link(
        a="beijing", b="shanghai", bandwidth_mbit_per_s=8, latency_us=0, price_microcny_per_gb=0,
        declared=True, derived=False, source="",
    )  # fmt: skip
    where = world(site("s0"), links=(link,))
    inputs = [(DataInput(name, 10, ("shanghai",)),) for name in ("x", "y")]
    alone = checked(setup([job("a", 0, 5, inputs=inputs[0])], where))
    assert column(alone, "end_ms")[0] == pytest.approx(15_486, abs=2)
    both = checked(setup([job("a", 0, 5, inputs=i) for i in inputs], where))
    assert column(both, "end_ms")[0] == pytest.approx(25_972, abs=4)
    drop = Mishap(2_000, 30_000, MishapKind.LINK_DOWN, SiteId("s0"), other="shanghai")
    cut = checked(
        setup([job("a", 0, 5, inputs=inputs[0])], msgspec.structs.replace(where, mishaps=(drop,)))
    )
    assert column(cut, "end_ms")[0] == pytest.approx(45_486, abs=2)


def test_an_input_that_came_once_is_there_for_the_next() -> None:
    item = (DataInput("x", 10, ("shanghai",)),)
    jobs = [job("a", 0, 5, inputs=item, cpus=4), job("b", 1, 5, inputs=item, cpus=4)]
    outcome = checked(setup(jobs, profile=EASY))
    held = column(outcome, "held_ms")
    assert held[0] > 5_000
    assert held[1] == 5_000
