"""Runs that are kept: broken off and gone on with, many at once, and results that are there."""

from pathlib import Path

import msgspec
import pytest

from hutong.model.errors import HutongError
from hutong.sim.reports.folder import read_report, read_result
from hutong.sim.runs.many import play_away, play_kept, play_many
from hutong.sim.runs.one import CHECKPOINT, is_done, play
from hutong.sim.runs.order import Made, RunOrder, WorkloadOrder, WorldOrder

ORDER = RunOrder(
    "small",
    WorkloadOrder(made=Made("ai-jobs", {"jobs_count": 300})),
    WorldOrder(made=Made("made-world")),
)


def stop_after(calls: int) -> object:
    left = [calls]

    def watch(_simulated_ms: int, _over: int, _handed_in: int) -> None:
        left[0] -= 1
        if left[0] <= 0:
            raise KeyboardInterrupt

    return watch


def test_result_is_kept_and_not_made_again(tmp_path: Path) -> None:
    first = play(ORDER, tmp_path)
    assert is_done(ORDER, tmp_path)
    assert read_report(tmp_path) == first
    assert play(ORDER, tmp_path) == first  # the CPU times too: nothing was played


def test_run_that_was_broken_off_goes_on_to_the_same_outcome(tmp_path: Path) -> None:
    whole = play(ORDER, tmp_path / "whole")
    part = tmp_path / "part"
    with pytest.raises(KeyboardInterrupt):
        play(ORDER, part, watch=stop_after(1))  # type: ignore[arg-type]
    assert (part / CHECKPOINT).exists()
    assert not is_done(ORDER, part)
    so_far = read_report(part)
    assert not so_far.facts.finished
    again = play(ORDER, part)
    assert not (part / CHECKPOINT).exists()
    assert again.wait_ms == whole.wait_ms
    one, other = read_result(part), read_result(tmp_path / "whole")
    assert one.names == other.names
    for name, column in one.numbers.items():
        assert (column == other.numbers[name]).all(), name


def test_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        play(ORDER, tmp_path, watch=stop_after(1))  # type: ignore[arg-type]
    (tmp_path / "run.json").unlink()
    with pytest.raises(HutongError) as caught:
        play(msgspec.structs.replace(ORDER, seed=2), tmp_path)
    assert caught.value.code == "scenario.checkpoint"


def test_result_of_another_run_is_never_written_over(tmp_path: Path) -> None:
    play(ORDER, tmp_path)
    before = (tmp_path / "report.json").read_bytes()
    with pytest.raises(HutongError) as caught:
        play(msgspec.structs.replace(ORDER, seed=2), tmp_path)
    assert caught.value.code == "scenario.other_result"
    assert (tmp_path / "report.json").read_bytes() == before


def test_runs_over_processes_are_those_of_this_one(tmp_path: Path) -> None:
    orders = [msgspec.structs.replace(ORDER, seed=seed) for seed in (1, 2)]
    away = {one.order.seed: one for one in play_many(orders, tmp_path, workers=2)}
    for order in orders:
        here = play_kept(order, None).report
        there = away[order.seed].report
        assert here is not None
        assert there is not None
        assert here.wait_ms == there.wait_ms
        assert here.bill == there.bill
        assert is_done(order, tmp_path / order.folder)


def test_run_that_fails_is_told_and_does_not_end_the_others() -> None:
    bad = msgspec.structs.replace(ORDER, workload=WorkloadOrder(trace="/absent.swf"))
    played, outcome = play_away(bad)
    assert outcome is None
    assert played.failed is not None
    assert played.failed.code.startswith(("trace.", "file."))
    assert "/absent.swf" in played.failed.message
