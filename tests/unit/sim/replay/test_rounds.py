"""Rounds played to the end: optimal where theory says what is, and kept to its promises."""

import random
from typing import Any

import msgspec
import numpy as np
import pytest

from hutong.model.ids import TenantId
from hutong.model.resources import AcceleratorNeed
from hutong.model.tenant import Quota, QuotaResource, QuotaRule, Tenant
from hutong.scheduler.profile import PROFILES, Profile
from hutong.sim.outcome import Outcome
from hutong.sim.replay import Replay, replay
from hutong.sim.setup import Mode, Setup
from hutong.sim.workload import TraceJob
from hutong.sim.world import Costs, World
from tests.unit.sim.replay.worlds import chip_job, setup, site, world

CHIP = "A100-80GB"
KEEPS = Costs(keeps_work=True)
HOUR_S = 3_600


def rounds(order: str, **settings: Any) -> Profile:
    """A profile of rounds that cost nothing and may come at any time."""
    plain = {"round_ms": 1, "round_gain_milli": 0, "restart_ms": 0}
    return msgspec.structs.replace(PROFILES[order], **{**plain, **settings})


def machine(chips: int = 1, nodes: int = 1, costs: Costs = KEEPS, **more: Any) -> World:
    """A site of nodes with chips, where work is kept when it is stopped."""
    return world(site(nodes=nodes, chips=chips, cpus=64), costs=costs, **more)


def gang(name: str, submit_s: int, run_s: int, chips: int, **more: Any) -> TraceJob:
    """A job of several chips on one node."""
    needs = (AcceleratorNeed(CHIP, chips * 1000),)
    return chip_job(name, submit_s, run_s, accelerators=needs, **more)


def completions_s(outcome: Outcome) -> dict[str, int]:
    """How long each job took from being handed in to its end."""
    spans = (outcome.numbers["end_ms"] - outcome.numbers["submit_ms"]) // 1000
    return dict(zip(outcome.names, spans.tolist(), strict=True))


def played(
    jobs: list[TraceJob], order: str, where: World | None = None, mode: Mode = Mode.NONE,
    **settings: Any,
) -> Outcome:  # fmt: skip
    """What comes of jobs under an order."""
    return replay(setup(jobs, where or machine(), rounds(order, **settings), mode=mode))


def srpt_on_one_machine(jobs: list[tuple[int, int]]) -> int:
    """The sum of completion times that no schedule of one machine beats, second by second."""
    left = [run for _, run in jobs]
    total, now = 0, 0
    while any(left):
        ready = [at for at, (submit, _) in enumerate(jobs) if submit <= now and left[at]]
        now += 1
        if ready:
            best = min(ready, key=lambda at: (left[at], at))
            left[best] -= 1
            total += (now - jobs[best][0]) * (not left[best])
    return total


@pytest.mark.parametrize("seed", range(5))
def test_on_one_machine_srpt_is_optimal(seed: int) -> None:
    rng = random.Random(f"srpt {seed}")
    times = sorted(rng.sample(range(1, 600), 40))
    few = [(submit, rng.choice((1, 3, 10, 60))) for submit in times]
    jobs = [chip_job(f"j{at}", submit, run) for at, (submit, run) in enumerate(few)]
    found = completions_s(played(jobs, "srpt", mode=Mode.ORACLE))
    assert sum(found.values()) == srpt_on_one_machine(few)


def test_las_gives_the_one_who_had_less_the_machine_until_both_are_in_one_queue() -> None:
    jobs = [chip_job("old", 0, 3 * HOUR_S), chip_job("new", 2 * HOUR_S, 2 * HOUR_S)]
    assert completions_s(played(jobs, "las")) == {"old": 5 * HOUR_S, "new": 2 * HOUR_S}


def test_las_serves_the_background_once_the_foreground_is_as_old() -> None:
    jobs = [chip_job("old", 0, 2 * HOUR_S), chip_job("new", 2 * HOUR_S - 60, 10 * HOUR_S)]
    found = completions_s(played(jobs, "las"))
    # The new one has its first chip-hour, and then stays: both are in the second queue.
    assert found == {"old": 12 * HOUR_S, "new": 10 * HOUR_S}


def test_a_stop_costs_the_world_s_restart_and_no_work() -> None:
    costs = Costs(restart_ms=100_000, keeps_work=True)
    jobs = [chip_job("long", 0, HOUR_S), chip_job("short", 600, 60)]
    found = completions_s(played(jobs, "srpt", machine(costs=costs), Mode.ORACLE))
    assert found == {"long": HOUR_S + 60 + 100, "short": 60}


def bimodal(seed: int) -> list[TraceJob]:
    """Many short jobs and a few long ones, of which nobody says which is which."""
    rng = random.Random(f"bimodal {seed}")
    jobs = []
    for at in range(300):
        run_s = 20 * HOUR_S if rng.random() < 0.05 else 300
        jobs.append(chip_job(f"j{at}", at * 1_200, run_s, estimate_ms=None))
    return jobs


@pytest.mark.parametrize(("order", "dearer"), [("las", 1.25), ("gittins", 1.1)])
def test_without_any_run_time_short_jobs_do_not_wait_for_long_ones(
    order: str, dearer: float
) -> None:
    jobs = bimodal(1)
    where = machine(chips=4)
    knowing = completions_s(played(jobs, "srpt", where, Mode.ORACLE))
    found = completions_s(played(jobs, order, where))
    plain = completions_s(replay(setup(jobs, where, PROFILES["fifo"], mode=Mode.NONE)))
    assert sum(found.values()) < dearer * sum(knowing.values())
    assert sum(found.values()) < 0.5 * sum(plain.values())


def many(seed: int, *, tenants: int = 1, jobs: int = 120) -> list[TraceJob]:
    """Gangs of all sizes that keep two nodes busy."""
    rng = random.Random(f"gangs {seed}")
    made, at = [], 0
    for number in range(jobs):
        at += rng.randrange(1, 900)
        chips = rng.choice((1, 1, 2, 4, 8))
        run_s = round(rng.paretovariate(1.1) * 300)
        made.append(
            gang(f"j{number}", at, min(run_s, 20 * HOUR_S), chips, tenant=f"t{number % tenants}")
        )
    return made


@pytest.mark.parametrize("order", ["srpt", "las", "gittins"])
@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_is_stopped_no_node_holds_more_than_it_has(order: str, seed: int) -> None:
    costs = Costs(restart_ms=20_000, keeps_work=True, grace_ms=15_000)
    where = machine(chips=8, nodes=2, costs=costs)
    run = Replay(setup(many(seed), where, rounds(order, round_ms=60_000), mode=Mode.ORACLE))
    at_ms = 0
    while not run.run(until_ms=at_ms):
        run.validate()
        at_ms += 600_000
    outcome = run.outcome()
    assert (outcome.numbers["end_ms"] > 0).all()
    assert outcome.numbers["preemptions"].sum() > 0
    assert (outcome.samples["used_accelerator_milli"] <= 16_000).all()


@pytest.mark.parametrize("order", ["srpt", "las", "gittins"])
def test_the_same_setup_gives_the_same_outcome(order: str) -> None:
    def outcome() -> dict[str, list[int]]:
        found = played(many(3), order, machine(chips=8, nodes=2), Mode.ORACLE, round_ms=60_000)
        return {name: column.tolist() for name, column in found.numbers.items()}

    assert outcome() == outcome()


def guaranteed(name: str, chips: int) -> Tenant:
    """A tenant with a guarantee of chips."""
    rule = QuotaRule(QuotaResource.ACCELERATORS, guaranteed=chips * 1000)
    return Tenant(TenantId(name), quota=Quota(rules=(rule,)))


@pytest.mark.parametrize("order", ["srpt", "las"])
@pytest.mark.parametrize("seed", [4, 5, 6])
def test_pooled_with_guarantees_no_tenant_is_worse_off_than_alone(order: str, seed: int) -> None:
    jobs = [
        msgspec.structs.replace(one, accelerators=(AcceleratorNeed(CHIP, 1000),))
        for one in many(seed, tenants=2, jobs=160)
    ]
    both = machine(
        chips=2, nodes=2, tenants=(guaranteed("t0", 2), guaranteed("t1", 2)),
    )  # fmt: skip
    together = completions_s(played(jobs, order, both, Mode.ORACLE))
    for name in ("t0", "t1"):
        own = [one for one in jobs if one.tenant == name]
        alone = completions_s(played(own, order, machine(chips=2), Mode.ORACLE))
        assert sum([together[one.name] for one in own]) <= sum(alone.values()), name


def two_speeds(restart_s: int) -> Setup:
    """A slow and a fast chip: the second job runs on the slow one until the first has ended."""
    slow, fast = site("slow", chips=1, chip="V100-16GB"), site("fast", chips=1, chip="H100-80GB")
    needs = (AcceleratorNeed("V100-16GB", 1000, 1000), AcceleratorNeed("H100-80GB", 1000, 4000))
    jobs = [
        chip_job("first", 0, 4_000, accelerators=needs),
        chip_job("second", 1, 8_000, accelerators=needs),
    ]
    costs = Costs(restart_ms=restart_s * 1000, keeps_work=True)
    profile = rounds("srpt", restart_ms=restart_s * 1000, round_gain_milli=200)
    return setup(jobs, world(slow, fast, costs=costs), profile, mode=Mode.ORACLE)


def test_a_job_moves_to_the_fast_chip_once_that_is_free() -> None:
    found = completions_s(replay(two_speeds(restart_s=100)))
    assert found["first"] == 1_000
    # 999 s on the slow chip, a restart, and the other 7001 s of work at four times the speed.
    assert found["second"] == pytest.approx(999 + 100 + 7_001 / 4, abs=2)


def test_a_job_stays_where_moving_would_cost_more_than_it_saves() -> None:
    found = completions_s(replay(two_speeds(restart_s=6_000)))
    assert found == {"first": 1_000, "second": 8_000}


def test_nobody_is_stopped_sooner_than_his_round_or_his_guarantee() -> None:
    profile = rounds("srpt", round_ms=300_000)
    outcome = replay(setup(many(7), machine(chips=8, nodes=2), profile, mode=Mode.ORACLE))
    attempts, held = outcome.numbers["attempts"], outcome.numbers["held_ms"]
    stops = outcome.numbers["preemptions"]
    assert stops.sum() > 0
    assert bool(np.all(held[stops > 0] >= 300_000 * stops[stops > 0]))
    assert bool(np.all(attempts == stops + 1))
