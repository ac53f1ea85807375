"""A result on disk: a folder with five files, each whole or absent.

    RESULT/run.json          what ran: the facts, the ground of the report, the file format
           jobs.parquet      a row a job: `name`, the numbers and the labels of the outcome
           samples.parquet   a row a sample
           report.json       the report as a value
           report.html       the same as a page

Each file is written beside its name and moved there, so a reader never sees half of one. They are
written in this order, the dear ones first. Where the disk fills, the others are written all the
same, and then the first that failed is named: a report may have room where the jobs have none, and
`run.json` with the two Parquet files is all that a report needs to be made again. Files of another
run that stood there go first, so that a folder never holds parts of two.
"""

import contextlib
import io
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, TypeVar

import msgspec
import numpy as np
import polars as pl

from hutong.model.errors import HutongError, refuse
from hutong.sim.outcome import LABELS, NUMBERS, SAMPLES, Facts, Label, OfferUse, Outcome
from hutong.sim.reports.page import report_page
from hutong.sim.reports.values import Ground, Report

FORMAT = "hutong-result/1"
RUN, JOBS, SAMPLED = "run.json", "jobs.parquet", "samples.parquet"
REPORT, PAGE = "report.json", "report.html"
FILES = (RUN, JOBS, SAMPLED, REPORT, PAGE)
T = TypeVar("T")


class RunFile(msgspec.Struct, frozen=True):
    """What `run.json` holds. `notes` are what the one who ran it wants kept beside it."""

    facts: Facts
    ground: Ground = Ground()
    offers: tuple[OfferUse, ...] = ()
    notes: dict[str, str] = {}
    format: str = FORMAT


def write_outcome(
    folder: Path,
    outcome: Outcome,
    *,
    ground: Ground | None = None,
    notes: dict[str, str] | None = None,
) -> None:
    """Write what a report can be made from: run.json and the two Parquet files.

    Raises `report.unwritable` with the first file that failed; the others are written.
    """
    _make(folder)
    for name in FILES:
        with contextlib.suppress(OSError):
            (folder / name).unlink()
    run = RunFile(outcome.facts, ground or Ground(), outcome.offers, notes or {})
    _each(
        lambda: write_json(folder / RUN, run),
        lambda: _write_frame(folder / JOBS, _jobs_frame(outcome)),
        lambda: _write_frame(folder / SAMPLED, pl.DataFrame(dict(outcome.samples))),
    )


def write_report(folder: Path, report: Report) -> None:
    """Write report.json and report.html. Raises `report.unwritable` as `write_outcome` does."""
    _make(folder)
    _each(
        lambda: write_json(folder / REPORT, report),
        lambda: write_html(folder / PAGE, report),
    )


def write_result(
    folder: Path, outcome: Outcome, report: Report, *, notes: dict[str, str] | None = None
) -> None:
    """Write all five files. Raises `report.unwritable` with the first that failed; the others are
    written."""
    _each(
        lambda: write_outcome(folder, outcome, ground=report.ground, notes=notes),
        lambda: write_report(folder, report),
    )


def is_whole(folder: Path) -> bool:
    """Whether all five files are there; where a disk was full some may be missing."""
    return all((folder / name).is_file() for name in FILES)


def write_html(path: Path, report: Report) -> None:
    """Write a report as one page that needs nothing else. Raises `report.unwritable`."""
    text = report_page(report)
    write_whole(path, lambda file: file.write(text.encode()))


def write_json(path: Path, value: object) -> None:
    """Write a value as JSON, indented. Raises `report.unwritable`."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"
    write_whole(path, lambda file: file.write(text))


def write_whole(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a file beside its name and move it there, or leave no trace of it.

    Raises `report.unwritable` with the path and what the system says.
    """
    part = ""
    try:
        descriptor, part = tempfile.mkstemp(
            prefix=f".{path.name}.", suffix=".part", dir=path.parent
        )
        with os.fdopen(descriptor, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(part, 0o644)
        os.replace(part, path)
    except OSError as error:
        raise refuse("report.unwritable", path=str(path), problem=_words(error)) from error
    finally:
        # Also where somebody interrupts: nothing half-written stays.
        if part:
            with contextlib.suppress(OSError):
                os.unlink(part)


def read_run(folder: Path) -> RunFile:
    """Read `run.json`. Raises `report.unreadable`."""
    return _read_json(folder / RUN, RunFile)


def read_report(folder: Path) -> Report:
    """Read `report.json`. Raises `report.unreadable`."""
    return _read_json(folder / REPORT, Report)


def read_result(folder: Path) -> Outcome:
    """Read an outcome back, equal to the one written. Raises `report.unreadable` with the file."""
    run = read_run(folder)
    jobs = _read_frame(folder / JOBS, ("name", *NUMBERS, *LABELS))
    samples = _read_frame(folder / SAMPLED, SAMPLES)
    return Outcome(
        facts=run.facts,
        names=tuple(jobs["name"].to_list()),
        numbers={name: _ints(folder / JOBS, jobs[name]) for name in NUMBERS},
        labels={name: _label(folder / JOBS, jobs[name]) for name in LABELS},
        samples={name: _ints(folder / SAMPLED, samples[name]) for name in SAMPLES},
        offers=run.offers,
    )


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise refuse("report.unwritable", path=str(folder), problem=_words(error)) from error


def _each(*writes: Callable[[], None]) -> None:
    """Write every file that can be; then raise the first error."""
    failed: HutongError | None = None
    for write in writes:
        try:
            write()
        except HutongError as error:
            failed = failed or error
    if failed is not None:
        raise failed


def _write_frame(path: Path, frame: pl.DataFrame) -> None:
    # By way of memory, so that a full disk is the system's own error and not one of a format.
    packed = io.BytesIO()
    frame.write_parquet(packed)
    write_whole(path, lambda file: file.write(packed.getbuffer()))


def _jobs_frame(outcome: Outcome) -> pl.DataFrame:
    columns = [pl.Series("name", outcome.names, dtype=pl.String)]
    columns += [pl.Series(name, outcome.numbers[name]) for name in NUMBERS]
    for name in LABELS:
        label = outcome.labels[name]
        # As an enumeration a column keeps its words in their order, and other readers see text.
        words = pl.Series(name, label.words, dtype=pl.Enum(label.words))
        columns.append(words.gather(label.codes))
    return pl.DataFrame(columns)


def _read_frame(path: Path, wanted: tuple[str, ...]) -> pl.DataFrame:
    try:
        frame = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise refuse("report.unreadable", path=str(path), problem=_words(error)) from error
    missing = [name for name in wanted if name not in frame.columns]
    if missing:
        raise refuse(
            "report.unreadable", path=str(path), problem=f"it has no column {', '.join(missing)}"
        )
    return frame


def _ints(path: Path, column: pl.Series) -> np.ndarray:
    if not column.dtype.is_integer() or column.null_count():
        problem = f"its column {column.name} is not of whole numbers"
        raise refuse("report.unreadable", path=str(path), problem=problem)
    return column.cast(pl.Int64).to_numpy().copy()


def _label(path: Path, column: pl.Series) -> Label:
    if column.null_count() or not isinstance(column.dtype, pl.Enum):
        problem = f"its column {column.name} is not of words"
        raise refuse("report.unreadable", path=str(path), problem=problem)
    codes = column.to_physical().cast(pl.Int32).to_numpy().copy()
    return Label(codes, tuple(column.dtype.categories.to_list()))


def _read_json(path: Path, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except OSError as error:
        raise refuse("report.unreadable", path=str(path), problem=_words(error)) from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise refuse("report.unreadable", path=str(path), problem=str(error)) from error


def _words(error: Exception) -> str:
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    first = next((line.strip() for line in said.splitlines() if line.strip()), "")
    return first or type(error).__name__
