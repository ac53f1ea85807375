"""Results on disk: what was written is read back equal, and a file is whole or absent."""

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from hutong.model.errors import HutongError
from hutong.sim.outcome import LABELS, NUMBERS, SAMPLES, Belief, OfferUse, Outcome
from hutong.sim.reports import folder
from hutong.sim.reports.report import make_report
from hutong.sim.reports.values import Ground, PoolSize
from tests.unit.sim.reports.worlds import fifo, outcome, ran

FILES = ["jobs.parquet", "report.html", "report.json", "run.json", "samples.parquet"]


def assert_equal(one: Outcome, other: Outcome) -> None:
    assert (one.facts, one.names, one.offers) == (other.facts, other.names, other.offers)
    for name in NUMBERS:
        assert np.array_equal(one.numbers[name], other.numbers[name])
        assert one.numbers[name].dtype == other.numbers[name].dtype
    for name in LABELS:
        assert one.labels[name].words == other.labels[name].words
        assert np.array_equal(one.labels[name].codes, other.labels[name].codes)
        assert one.labels[name].codes.dtype == other.labels[name].codes.dtype
    for name in SAMPLES:
        assert np.array_equal(one.samples[name], other.samples[name])


def names(path: Path) -> list[str]:
    return sorted(file.name for file in path.iterdir())


def test_a_result_is_read_back_equal(tmp_path: Path) -> None:
    result = fifo(jobs=150, belief=Belief("learnt", 3, 4, 5, 6))
    ground = Ground({"lab": 2}, {"north/h100": PoolSize(8000, 64_000)})
    report = make_report(result, ground=ground)
    folder.write_result(tmp_path / "a" / "b", result, report, notes={"command": "x"})
    assert names(tmp_path / "a" / "b") == FILES
    assert_equal(folder.read_result(tmp_path / "a" / "b"), result)
    assert folder.read_report(tmp_path / "a" / "b") == report
    run = folder.read_run(tmp_path / "a" / "b")
    assert (run.facts, run.ground, run.notes) == (result.facts, ground, {"command": "x"})
    assert make_report(folder.read_result(tmp_path / "a" / "b"), ground=run.ground) == report


@pytest.mark.parametrize(
    "result",
    [outcome(), outcome([ran(0, 0, 5, name="名字 \x1b[31m\n", user="")])],
    ids=["no", "odd"],
)
def test_a_run_without_jobs_and_odd_names_come_back_too(tmp_path: Path, result: Outcome) -> None:
    folder.write_result(tmp_path, result, make_report(result))
    assert_equal(folder.read_result(tmp_path), result)


def test_what_was_bought_of_providers_comes_back(tmp_path: Path) -> None:
    result = outcome([ran(0, 0, 5)], offers=[OfferUse("c/spot", 3, 7_200_000, 600_000, 9_000_000)])
    report = make_report(result)
    folder.write_result(tmp_path, result, report)
    assert_equal(folder.read_result(tmp_path), result)
    assert folder.read_report(tmp_path).offers == result.offers
    assert "Bought of providers" in (tmp_path / "report.html").read_text()


def test_other_programs_see_words_and_not_codes(tmp_path: Path) -> None:
    folder.write_outcome(tmp_path, fifo(jobs=20))
    seen = pl.scan_parquet(tmp_path / "jobs.parquet").group_by("site").len().collect()
    assert sorted(map(str, seen["site"].to_list())) == ["north", "south"]


def test_writing_again_replaces_every_file(tmp_path: Path) -> None:
    for jobs in (40, 20):
        result = fifo(jobs=jobs)
        folder.write_result(tmp_path, result, make_report(result))
    assert len(folder.read_result(tmp_path).names) == 20
    assert names(tmp_path) == FILES


def test_a_folder_never_holds_parts_of_two_runs(tmp_path: Path) -> None:
    old, new = fifo(jobs=9_000, seed=1), fifo(jobs=9_000, seed=2)
    folder.write_result(tmp_path, old, make_report(old))
    with small_files(250_000), pytest.raises(HutongError):
        folder.write_result(tmp_path, new, make_report(new))
    assert folder.read_run(tmp_path).facts.seed == 2
    with pytest.raises(HutongError, match=r"jobs\.parquet"):
        folder.read_result(tmp_path)


@contextmanager
def small_files(most_bytes: int) -> Iterator[None]:
    """Let the system refuse to write a file beyond a size, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_what_was_written_before_the_disk_was_full_is_kept(tmp_path: Path) -> None:
    result = fifo(jobs=100)
    report = make_report(result)
    folder.write_result(tmp_path, result, report)
    sizes = {name: (tmp_path / name).stat().st_size for name in FILES}
    room = max(sizes[name] for name in ("run.json", "jobs.parquet", "samples.parquet"))
    assert room < sizes["report.json"]
    with small_files(room), pytest.raises(HutongError) as caught:
        folder.write_result(tmp_path, result, report)
    assert caught.value.code == "report.unwritable"
    assert caught.value.facts["path"] == str(tmp_path / "report.json")
    assert caught.value.facts["problem"] == os.strerror(errno.EFBIG)
    assert names(tmp_path) == ["jobs.parquet", "run.json", "samples.parquet"]
    assert not folder.is_whole(tmp_path)
    assert_equal(folder.read_result(tmp_path), result)
    folder.write_report(tmp_path, report)
    assert folder.is_whole(tmp_path)


def test_columns_that_do_not_fit_leave_no_half_of_them_and_the_report_is_there(
    tmp_path: Path,
) -> None:
    result = fifo(jobs=9_000)
    report = make_report(result)
    with small_files(250_000), pytest.raises(HutongError) as caught:
        folder.write_result(tmp_path, result, report)
    assert caught.value.facts == {
        "path": str(tmp_path / "jobs.parquet"), "problem": os.strerror(errno.EFBIG),
    }  # fmt: skip
    assert names(tmp_path) == [name for name in FILES if name != "jobs.parquet"]
    assert folder.read_report(tmp_path) == report


def test_an_interrupt_in_the_middle_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("old")

    def interrupted(file: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        folder.write_whole(path, interrupted)
    assert (names(tmp_path), path.read_text()) == (["report.json"], "old")


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("x")
    with pytest.raises(HutongError) as caught:
        folder.write_outcome(tmp_path / "taken", fifo(jobs=5))
    assert caught.value.code == "report.unwritable"
    assert str(caught.value.facts["path"]).endswith("taken")


def test_what_is_no_result_is_refused_with_the_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(HutongError) as caught:
        folder.read_result(tmp_path)
    assert caught.value.code == "report.unreadable"
    assert caught.value.facts["path"] == str(tmp_path / "run.json")


def test_a_file_that_was_cut_is_refused(tmp_path: Path) -> None:
    result = fifo(jobs=50)
    folder.write_result(tmp_path, result, make_report(result))
    for name in ("jobs.parquet", "report.json", "run.json"):
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: len(whole) // 2])
        with pytest.raises(HutongError) as caught:
            folder.read_report(tmp_path) if name == "report.json" else folder.read_result(tmp_path)
        assert caught.value.code == "report.unreadable"
        assert caught.value.facts["path"] == str(tmp_path / name)
        (tmp_path / name).write_bytes(whole)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pl.lit("x").alias("run_ms"), "run_ms is not of whole numbers"),
        (pl.lit(None, dtype=pl.Int64).alias("end_ms"), "end_ms is not of whole numbers"),
        (pl.lit(3).alias("tenant"), "tenant is not of words"),
    ],
)
def test_a_column_of_another_kind_is_refused(
    tmp_path: Path, column: pl.Expr, expected: str
) -> None:
    folder.write_outcome(tmp_path, fifo(jobs=5))
    path = tmp_path / "jobs.parquet"
    pl.read_parquet(path).with_columns(column).write_parquet(path)
    with pytest.raises(HutongError, match=expected):
        folder.read_result(tmp_path)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    folder.write_outcome(tmp_path, fifo(jobs=5))
    path = tmp_path / "samples.parquet"
    pl.read_parquet(path).drop("ready_cpu_milli").write_parquet(path)
    with pytest.raises(HutongError, match="no column ready_cpu_milli"):
        folder.read_result(tmp_path)
