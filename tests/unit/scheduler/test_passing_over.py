"""What a cycle passes over together: the same plan as looking at each, and an answer for each."""

from random import Random

import pytest

from hutong.model.reasons import BehindOthers, BusyPools, NoPoolMatches, OverQuota
from hutong.scheduler import cycle as cycles
from hutong.scheduler.cycle import run_cycle
from hutong.scheduler.plan import Plan
from hutong.scheduler.profile import PROFILES
from tests.unit.scheduler.worlds import A100, ASCEND, HOUR_MS, MINUTE_MS, World, chips, profile


def crowded(seed: int) -> World:
    """Some pools that are nearly full, and jobs of many shapes for them."""
    random = Random(seed)
    world = World(profile(reservations_count=2))
    for at in range(3):
        model = random.choice((A100, ASCEND))
        racks = [f"s.r{node % 2}" for node in range(6)]
        world.pool(f"s{at}/p", nodes=6, chips=4, cpu=16, model=model, racks=racks)
        for node in range(6):
            if random.random() < 0.7:
                world.runs(
                    f"s{at}/p-{node}", chips=random.choice((1, 2, 4)), cpu=random.randint(1, 12),
                    ends_in_ms=random.randint(1, 60) * MINUTE_MS,
                )  # fmt: skip
    for _ in range(60):
        wanted = random.choice((0.25, 0.5, 1, 2, 3, 4))
        world.job(
            chips(wanted, random.choice((A100, ASCEND))),
            cpu=random.randint(0, 8),
            tasks=random.choice((1, 1, 2, 5)) if wanted >= 1 else 1,
            tenant=random.choice(("a", "a/x", "b")),
            estimate_ms=random.randint(1, 90) * MINUTE_MS,
        )
    return world


def decided(plan: Plan) -> list[tuple[object, ...]]:
    """What a plan decides, without what it tells."""
    starts = [(p.job, p.pool, p.nodes, p.expected_end_ms) for p in plan.placements]
    kept = [(r.job, r.pool, r.start_ms) for r in plan.reservations]
    return [*starts, *kept]


@pytest.mark.parametrize("seed", range(25))
def test_passing_over_decides_what_looking_at_each_job_does(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cycles, "DEFERRALS", 10_000)
    each = crowded(seed).cycle()
    monkeypatch.setattr(cycles, "DEFERRALS", 0)
    monkeypatch.setattr(cycles, "SWEEP_EVERY", 1)
    world = crowded(seed)
    together = world.cycle()
    assert decided(together) == decided(each)
    again = world.cycle()
    assert decided(again) == decided(each), "a sweep before the first look changes nothing"
    assert together.passed_over > 0


@pytest.mark.parametrize("seed", range(8))
def test_who_was_passed_over_is_told_why_and_when(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cycles, "DEFERRALS", 0)
    world = crowded(seed)
    plan = world.step()
    told = {deferral.head for deferral in plan.deferrals}
    entries = world.state.snapshot(world.now_ms).demand.entries
    waiting = [job for job in entries if job not in told]
    assert waiting
    for job in waiting:
        why = world.state.why(job, world.now_ms)
        assert why.reasons, job
        if isinstance(why.reasons[0], NoPoolMatches):
            assert not why.start_ms, job
            continue
        assert all(isinstance(r, BusyPools | BehindOthers | OverQuota) for r in why.reasons), job
        assert why.start_ms >= world.now_ms, job
        assert why.explanation.candidates, job


def test_of_two_passed_over_the_one_behind_starts_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cycles, "DEFERRALS", 0)
    world = World().pool("bj/gpu", nodes=1, chips=4)
    world.runs("bj/gpu-0", chips=4, ends_in_ms=HOUR_MS)
    jobs = [world.job(chips(4), estimate_ms=HOUR_MS) for _ in range(40)]
    world.step()
    starts = [world.state.why(job, world.now_ms).start_ms for job in jobs[2:]]
    assert starts == sorted(starts)
    assert starts[-1] > starts[0] + 20 * HOUR_MS


def test_shapes_that_fit_nowhere_are_looked_at_together(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World().pool("bj/gpu", nodes=2, chips=4)
    for node in range(2):
        world.runs(f"bj/gpu-{node}", chips=4)
    for at in range(400):
        world.job(chips(1), cpu=0.1 + at / 1_000)
    looks = []
    original = cycles.Cycle.look
    monkeypatch.setattr(
        cycles.Cycle, "look", lambda *words: looks.append(words[1]) or original(*words)
    )
    plan = world.cycle()
    assert plan.passed_over >= 400 - cycles.DEFERRALS
    assert len(looks) < 300


def test_a_full_plan_is_truncated_only_where_more_would_fit() -> None:
    world = World(profile(placements_count=1)).pool("bj/gpu", nodes=1, chips=4)
    first, second = world.job(chips(4)), world.job(chips(4), cpu=2)
    for _ in range(2):  # with cold memories, then with warm ones
        plan = world.cycle()
        assert [placement.job for placement in plan.placements] == [first]
        assert not plan.truncated
        assert [deferral.head for deferral in plan.deferrals] == [second]
    world.pool("bj/more", nodes=1, chips=4)
    assert world.cycle().truncated


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("name", ["fair", "easy", "quick", "conservative"])
def test_what_nobody_asks_about_is_decided_all_the_same(seed: int, name: str) -> None:
    world = crowded(seed)
    world.profile = PROFILES[name]
    snapshot = world.state.snapshot(world.now_ms)
    told = run_cycle(snapshot, world.profile)
    silent = run_cycle(snapshot, world.profile, explains=False)
    assert decided(silent) == decided(told)
    assert silent.preemptions == told.preemptions
    assert len(silent.deferrals) < len(told.deferrals)
