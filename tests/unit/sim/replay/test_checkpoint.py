"""A replay put aside goes on as if nothing had been."""

import random
from pathlib import Path

import msgspec
import numpy as np
import pytest

from hutong.model.errors import HutongError
from hutong.model.ids import NodeId, PoolId, SiteId
from hutong.model.job import DataInput, Terms
from hutong.model.resources import AcceleratorNeed
from hutong.scheduler.profile import PROFILES
from hutong.sim.outcome import Outcome
from hutong.sim.replay import Replay, replay
from hutong.sim.setup import Mode, Setup
from hutong.sim.workload import TraceJob
from hutong.sim.world import Costs, Curve, Mishap, MishapKind
from tests.unit.sim.replay.worlds import HOUR_MS, chip_job, job, offering, setup, site, world

PRIORITIES = ("urgent", "normal", "normal", "low")


def lively(seed: int, **more: object) -> Setup:
    """Fractions, gangs, evictions, mishaps, offers, inputs, prices and predictions."""
    draw = random.Random(f"lively {seed}")
    jobs: list[TraceJob] = []
    for at in range(80):
        milli = draw.choice((250, 500, 1000, 2000))
        jobs.append(
            chip_job(
                f"j{at}", 40 * at, draw.randrange(30, 900), tasks=draw.choice((1, 1, 2)),
                accelerators=(AcceleratorNeed("A100-80GB", milli),), cpu_milli=500,
                priority=draw.choice(PRIORITIES), tenant=f"t{at % 3}", user=f"u{at % 5}",
                checkpoint_ms=draw.choice((0, 60_000)), deadline_ms=draw.choice((0, 0, 2_000_000)),
                inputs=draw.choice(((), (DataInput(f"d{at % 4}", 900, ("shanghai",)),))),
            )
        )  # fmt: skip
    spot = msgspec.structs.replace(
        offering("spot", terms=Terms.SPOT),
        spot={PoolId("spot/p"): Curve((0, 900_000), (3, 0), 2_000_000)},
    )
    priced = msgspec.structs.replace(
        site("s0", nodes=3, chips=2),
        prices={PoolId("s0/p"): Curve((0, HOUR_MS // 4), (5, 9), HOUR_MS)},
    )
    mishaps = tuple(
        Mishap(700_000 * at, 100_000, MishapKind.NODE_DOWN, SiteId("s0"), NodeId(f"s0/n{at % 3}"))
        for at in range(1, 8)
    )
    where = world(
        priced, site("s1", nodes=2, chips=2, boot_ms=5_000), spot, offering("cloud"),
        costs=Costs(2_000, 5_000, 10_000), mishaps=mishaps,
    )  # fmt: skip
    profile = msgspec.structs.replace(PROFILES["fair"], commercial_after_ms=60_000)
    return setup(jobs, where, profile, **more)


def alike(one: Outcome, other: Outcome) -> None:
    assert one.names == other.names
    for name, values in one.numbers.items():
        assert values.tolist() == other.numbers[name].tolist(), name
    for name, label in one.labels.items():
        assert label.words == other.labels[name].words, name
        assert label.codes.tolist() == other.labels[name].codes.tolist(), name
    for name, values in one.samples.items():
        assert values.tolist() == other.samples[name].tolist(), name
    assert one.offers == other.offers
    assert one.facts.cycles == other.facts.cycles
    assert one.facts.belief == other.facts.belief


@pytest.mark.parametrize("more", [{}, {"mode": Mode.ORACLE}, {"predictor": "last-two"}])
def test_an_interrupted_run_has_the_outcome_of_an_uninterrupted_one(
    tmp_path: Path, more: dict[str, object]
) -> None:
    given = lively(1, **more)
    whole = replay(given)
    assert whole.numbers["preemptions"].sum() > 0
    assert whole.offers[0].started_count > 0
    path = tmp_path / "run"
    run = Replay(given)
    for until_ms in (0, 333_000, 900_000, 2_500_000, 4_000_000, 6_100_000):
        if until_ms:
            run.run(until_ms)
        run.save(path)
        run = Replay.load(path, given)
        run.validate()
    assert run.run()
    run.validate()
    alike(run.outcome(), whole)


def test_saving_changes_nothing_of_a_run(tmp_path: Path) -> None:
    given = lively(2)
    run = Replay(given)
    run.run(1_000_000)
    run.outcome()
    run.save(tmp_path / "run")
    assert run.run()
    alike(run.outcome(), replay(given))


def test_arrays_look_into_each_other_again(tmp_path: Path) -> None:
    given = lively(3)
    run = Replay(given)
    run.run(1_000_000)
    run.save(tmp_path / "run")
    again = Replay.load(tmp_path / "run", given)
    for columns in again.state.snapshot(again.now_ms).supply.order:
        if not columns.ids:
            continue
        assert np.shares_memory(columns.free_cpu, columns.node)
        assert np.shares_memory(columns.slots.end, columns.slots.table)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda body: body[:-40], "damaged"),
        (lambda body: body[:-1] + bytes([body[-1] ^ 1]), "damaged"),
        (lambda body: b"something else\n" + body, "no checkpoint"),
        (lambda body: b"", "no checkpoint"),
        (lambda body: body.replace(b"hutong-replay 1 ", b"hutong-replay 1 0.0.0+", 1), "version"),
    ],
)
def test_a_file_that_is_torn_or_of_another_version_is_refused(
    tmp_path: Path, change: object, problem: str
) -> None:
    given = setup([job("a", 0, 10)])
    path = tmp_path / "run"
    Replay(given).save(path)
    assert callable(change)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(HutongError, match=problem):
        Replay.load(path, given)


def test_a_file_of_another_setup_is_refused(tmp_path: Path) -> None:
    given = setup([job("a", 0, 10)])
    Replay(given).save(tmp_path / "run")
    with pytest.raises(HutongError, match="setup was another"):
        Replay.load(tmp_path / "run", msgspec.structs.replace(given, seed=2))
    with pytest.raises(HutongError, match="cannot be read"):
        Replay.load(tmp_path / "none", given)
