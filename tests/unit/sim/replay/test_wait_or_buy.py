"""The rule `worth` replayed: who waits for a cluster's own node and who runs on a bought one."""

import msgspec

from hutong.scheduler.profile import PROFILES
from hutong.sim.outcome import Outcome
from hutong.sim.replay.engine import Replay
from tests.unit.sim.replay.worlds import (
    HOUR_MS,
    SECOND_MS,
    chip_job,
    offering,
    setup,
    site,
    world,
)

WORTH = msgspec.structs.replace(
    PROFILES["easy"], commercial_rule="worth", hour_value_microcny=3_600_000,
    commercial_idle_ms=0, better_wait_ms=99 * HOUR_MS,
)  # fmt: skip
"""An hour is worth as much as an hour of a bought node costs."""


def played(*jobs: tuple[str, int, int]) -> Outcome:
    """Jobs of one chip: name, handed in at and run time in seconds. One node is there."""
    made = [
        chip_job(name, submit_s, run_s, cost_weight_milli=500) for name, submit_s, run_s in jobs
    ]
    run = Replay(setup(made, world(site(chips=1), offering(most=99, boot_ms=0)), WORTH))
    run.run()
    run.validate()
    return run.outcome()


def began(outcome: Outcome) -> dict[str, int]:
    """When each job began, in seconds."""
    return dict(
        zip(outcome.names, (outcome.numbers["start_ms"] // SECOND_MS).tolist(), strict=True)
    )


def test_short_jobs_are_bought_at_once_and_a_long_one_waits() -> None:
    outcome = played(
        ("first", 0, 7_200), ("long", 1, 10_800), ("short", 2, 600), ("late", 7_000, 60)
    )
    assert began(outcome) == {"first": 0, "long": 7_200, "short": 2, "late": 7_000}
    # Only the two short ones were bought: 660 s at 0.001 CNY a second.
    assert [use.cost_microcny for use in outcome.offers] == [660_000]


def test_a_long_job_in_front_leaves_the_node_that_was_bought_for_a_short_one() -> None:
    outcome = played(("first", 0, 7_200), ("long", 1, 10_800), ("short", 1, 600), ("other", 1, 600))
    assert began(outcome) == {"first": 0, "long": 7_200, "short": 1, "other": 1}
    assert sum(use.started_count for use in outcome.offers) == 2


def test_nobody_waits_longer_than_his_run_where_an_hour_costs_what_it_is_worth() -> None:
    jobs = [(f"j{at}", at * 60, 600 + 977 * at % 5_000) for at in range(40)]
    outcome = played(*jobs)
    numbers = outcome.numbers
    waits = numbers["start_ms"] - numbers["submit_ms"]
    assert (waits <= numbers["run_ms"] + SECOND_MS).all()
    assert (waits > 0).any()
    assert outcome.offers[0].started_count > 1
