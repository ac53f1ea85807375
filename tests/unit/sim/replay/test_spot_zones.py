"""A job with a deadline replayed over zones whose spot nodes come and go."""

import random
from pathlib import Path

import msgspec
import pytest

from hutong.model.ids import PoolId
from hutong.model.job import Terms
from hutong.scheduler.profile import PROFILES
from hutong.sim.outcome import Ending, Outcome
from hutong.sim.replay.engine import Replay, replay
from hutong.sim.setup import Setup
from hutong.sim.world import Curve, SimSite
from tests.unit.sim.replay.worlds import HOUR_MS, chip_job, offering, setup, world

MINUTE_MS = 60_000
MOVING = msgspec.structs.replace(
    PROFILES["fair"], commercial_after_ms=0, commercial_idle_ms=0, better_wait_ms=0,
    spot_retry_ms=10 * MINUTE_MS,
)  # fmt: skip


def zone(name: str, *points: tuple[int, int]) -> SimSite:
    """A site with one spot node, from each minute on as many as are said."""
    site = offering(name, most=1, boot_ms=12 * MINUTE_MS, terms=Terms.SPOT, price=3_000_000)
    curve = Curve(
        tuple(at * MINUTE_MS for at, _ in points), tuple(count for _, count in points)
    )  # fmt: skip
    return msgspec.structs.replace(site, spot={PoolId(f"{name}/p"): curve})


def played(*zones: SimSite, hours: int, within_min: int, **more: object) -> Setup:
    """A job of so many hours, with spot zones and sure nodes at ten CNY."""
    sure = offering("sure", most=1, boot_ms=12 * MINUTE_MS, price=10_000_000)
    job = chip_job(
        "train", 0, hours * 3600, deadline_ms=within_min * MINUTE_MS, checkpoint_ms=MINUTE_MS,
        cost_weight_milli=1000,
    )  # fmt: skip
    return setup([job], world(*zones, sure), MOVING, **more)


def in_time(outcome: Outcome, within_min: int) -> bool:
    ended = outcome.numbers["ending"][0] == Ending.SUCCEEDED
    return bool(ended and outcome.numbers["end_ms"][0] <= within_min * MINUTE_MS)


def hours_at(outcome: Outcome, pool: str) -> float:
    return sum(use.node_ms for use in outcome.offers if use.pool == pool) / HOUR_MS


def test_it_moves_to_the_zone_that_has_nodes() -> None:
    a = zone("a", (0, 1), (180, 0))
    b = zone("b", (0, 0), (120, 1))
    outcome = replay(played(a, b, hours=8, within_min=12 * 60))
    assert in_time(outcome, 12 * 60)
    assert hours_at(outcome, "a/p") == pytest.approx(3)
    assert hours_at(outcome, "b/p") > 5
    assert hours_at(outcome, "sure/p") == 0


def test_an_outage_is_bridged_on_sure_nodes_and_left_again() -> None:
    a = zone("a", (0, 1), (120, 0), (300, 1))
    outcome = replay(played(a, hours=10, within_min=12 * 60))
    assert in_time(outcome, 12 * 60)
    assert 1 < hours_at(outcome, "sure/p") < 4
    assert hours_at(outcome, "a/p") > 7
    assert outcome.numbers["preemptions"][0] == 1


def test_without_any_spot_node_it_is_done_on_sure_ones() -> None:
    outcome = replay(played(zone("a", (0, 0)), hours=5, within_min=6 * 60))
    assert in_time(outcome, 6 * 60)
    assert hours_at(outcome, "sure/p") > 5


def flickering(name: str, luck: random.Random) -> SimSite:
    """Nodes that come and go at random, for minutes or for hours."""
    at, points = 0, [(0, luck.randrange(2))]
    for _ in range(200):
        at += luck.choice((1, 7, 13, 30, 90, 400))
        points.append((at, 1 - points[-1][1]))
    return zone(name, *points)


@pytest.mark.parametrize("seed", range(30))
def test_no_deadline_is_missed_whatever_the_zones_do(seed: int) -> None:
    luck = random.Random(f"flicker {seed}")
    zones = [flickering(f"z{at}", luck) for at in range(luck.randrange(1, 4))]
    hours = luck.randrange(1, 12)
    within_min = hours * 60 + luck.choice((14, 40, 60, 120, 600))
    run = Replay(played(*zones, hours=hours, within_min=within_min))
    run.run()
    run.validate()
    assert in_time(run.outcome(), within_min), run.outcome().numbers


def test_a_run_put_aside_goes_on_with_the_same_moves(tmp_path: Path) -> None:
    luck = random.Random("aside")
    zones = [flickering(f"z{at}", luck) for at in range(3)]
    made = played(*zones, hours=10, within_min=14 * 60)
    whole = replay(made)
    run = Replay(made)
    run.run(5 * HOUR_MS)
    run.save(tmp_path / "aside")
    again = Replay.load(tmp_path / "aside", made)
    again.run()
    assert again.outcome().offers == whole.offers
    assert again.outcome().numbers["end_ms"].tolist() == whole.numbers["end_ms"].tolist()
