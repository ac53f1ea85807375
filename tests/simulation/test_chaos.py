"""Worlds and misfortune from seeds: every promise, after every step."""

from pathlib import Path

import pytest

from hutong.lifecycle import clock, report
from hutong.lifecycle.sync import SyncReply
from hutong.sim.machines.campaign import Broken, Result, run_seed, run_seeds

FRESH = range(1, 33)
SHARDS = 4
PLANTED = 6
"""A seed in whose world a hub that gives leases away too soon is found out."""


def remembered() -> list[int]:
    lines = Path(__file__).with_name("seeds.txt").read_text().splitlines()
    return [int(line.split()[0]) for line in lines if line and not line.startswith("#")]


def told(result: Result) -> str:
    return f"{result.promise}: {result.problem}" if isinstance(result, Broken) else ""


@pytest.mark.parametrize("shard", range(SHARDS))
def test_every_promise_holds_after_every_step_of_fresh_seeds(shard: int) -> None:
    broken = {seed: told(run_seed(seed)) for seed in FRESH[shard::SHARDS]}
    assert not any(broken.values()), broken


@pytest.mark.parametrize("seed", remembered())
def test_seed_of_a_fault_that_was_mended_stays_mended(seed: int) -> None:
    assert told(run_seed(seed)) == ""


def test_two_processes_with_other_hash_seeds_write_the_same_journal() -> None:
    results = list(run_seeds([3, 5], lanes=2, twice_every=1))
    assert sorted(result.seed for result in results) == [3, 5]
    assert [told(result) for result in results] == ["", ""]


def test_hub_that_gives_a_lease_away_too_soon_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "LEASE_MARGIN_MS", -250_000)
    result = run_seed(PLANTED)
    assert isinstance(result, Broken)
    assert result.promise == "promise 2 (a lease is exclusive)"
    assert result.story


def test_hub_that_never_sends_its_orders_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "_answer", lambda *_, **__: SyncReply())
    result = run_seed(1, most_steps=200_000)
    assert isinstance(result, Broken)
    assert result.promise.startswith("promise 7")
