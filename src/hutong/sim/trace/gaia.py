"""GAIA's samples of Azure's and Alibaba's traces, for studies of carbon: CPU jobs of a year.

Columns: `arrival_time`, `length` and `cpus`. The file does not say whether times are hours (the
samples of 100,000) or seconds (those of 1,000): unless told, they are seconds where those of the
first 1,000 rows are all whole, else hours. Source: Hanafy and others, ASPLOS 2024.
"""

from collections.abc import Iterator
from itertools import islice

from hutong.sim.trace.reading import (
    MOST_COUNT,
    MOST_S,
    Column,
    Reading,
    TraceFile,
    TraceJobs,
    TraceOptions,
)
from hutong.sim.trace.tables import columns_at, header_of
from hutong.sim.workload import TraceJob, Workload, WorkloadInfo

NAME = "gaia"
LOOKED_AT = 1000
_COLUMNS = (
    Column("arrival_time", "number"),
    Column("length", "number"),
    Column("cpus", least=1, most=MOST_COUNT // 1000),
)
_UNIT_MS = {"s": 1000, "h": 3_600_000}


def recognise(head: str, name: str) -> bool:
    """Whether a file's begin looks like this format."""
    return header_of(head)[:3] == ["arrival_time", "length", "cpus"]


def open_file(file: TraceFile, options: TraceOptions) -> Workload:
    """Open a sample, which is in order of time."""
    unit = options.unit or _unit(file)

    def parse(reading: Reading) -> Iterator[TraceJob]:
        return _jobs(reading, _UNIT_MS[unit], sort=options.sort)

    jobs = TraceJobs(file.reading, parse, most=options.most_jobs, sort=options.sort)
    return Workload(WorkloadInfo(file.name, str(file.path), notes={"unit": unit}), jobs)


def _jobs(reading: Reading, unit_ms: int, *, sort: bool) -> Iterator[TraceJob]:
    previous_ms, most = 0, MOST_S * 1000 // unit_ms
    with reading.rows() as rows:
        at = columns_at(reading, rows, _COLUMNS, NAME)
        for number, row in enumerate(rows):
            try:
                if len(row) != rows.width:
                    raise ValueError
                arrival, length, cpus = float(row[at[0]]), float(row[at[1]]), int(row[at[2]])
                if not (0 <= arrival <= most and 0 <= length <= most and 0 < cpus <= MOST_COUNT):
                    raise ValueError
            except (ValueError, OverflowError):
                rows.bad(row)
                continue
            submit_ms = round(arrival * unit_ms)
            if submit_ms < previous_ms and not sort:
                reading.backwards(rows.line, "arrival_time", row[at[0]])
                continue
            previous_ms = submit_ms
            run_ms = round(length * unit_ms) or 1
            yield TraceJob(f"gaia-{number}", submit_ms, run_ms, cpu_milli=cpus * 1000)


def _unit(file: TraceFile) -> str:
    """The unit of times, told by the first rows; rows that cannot be read do not matter here."""
    reading = TraceFile(file.path, skip_bad=True).reading()
    with reading.rows() as rows:
        at = columns_at(reading, rows, _COLUMNS, NAME)
        for row in islice(rows, LOOKED_AT):
            try:
                if not (float(row[at[0]]).is_integer() and float(row[at[1]]).is_integer()):
                    return "h"
            except (ValueError, IndexError):
                continue
    return "s"
