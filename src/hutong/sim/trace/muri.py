"""Muri's traces: training jobs on GPUs, cut from Philly and given models by their authors.

Columns: `job_id`, `num_gpu`, `submit_time`, `duration` (both in ms), `model_name`, `iterations`.
The `duration` is the iterations times the `iteration_time` in ms on so many GPUs. The columns of
interleaving (`resource_time_*`), `interval` and `priority` are not read. Source: Zhao and others,
SIGCOMM 2022.
"""

from collections.abc import Iterator

from hutong.sim.trace import chips
from hutong.sim.trace.reading import (
    MOST_COUNT,
    MOST_MS,
    Column,
    Reading,
    TraceFile,
    TraceJobs,
    TraceOptions,
)
from hutong.sim.trace.tables import columns_at, header_has
from hutong.sim.workload import TraceJob, Workload, WorkloadInfo

NAME = "muri"
_COLUMNS = (
    Column("job_id", "text"),
    Column("num_gpu", least=1, most=MOST_COUNT),
    Column("submit_time", most=MOST_MS),
    Column("duration", most=MOST_MS),
    Column("model_name", "text"),
    Column("iterations", most=MOST_MS),
)


def recognise(head: str, name: str) -> bool:
    """Whether a file's begin looks like this format."""
    return header_has(head, "job_id", "num_gpu", "submit_time", "iterations", "model_name")


def open_file(file: TraceFile, options: TraceOptions) -> Workload:
    """Open the table, which is in order of time."""

    def parse(reading: Reading) -> Iterator[TraceJob]:
        return _jobs(reading, options)

    jobs = TraceJobs(file.reading, parse, most=options.most_jobs, sort=options.sort)
    return Workload(WorkloadInfo(file.name, str(file.path)), jobs)


def _jobs(reading: Reading, options: TraceOptions) -> Iterator[TraceJob]:
    previous_ms, model = 0, options.chip or chips.ANY
    with reading.rows() as rows:
        at = columns_at(reading, rows, _COLUMNS, NAME)
        for row in rows:
            try:
                if len(row) != rows.width:
                    raise ValueError
                name, count, submit, duration, kind, iterations = [row[i] for i in at]
                submit_ms, run_ms, steps = int(submit), int(duration), int(iterations)
                tasks, each = chips.gang(int(count))
                if not (
                    0 <= submit_ms <= MOST_MS and 0 <= run_ms <= MOST_MS
                    and 0 <= steps <= MOST_MS and each > 0 and tasks <= MOST_COUNT
                ):  # fmt: skip
                    raise ValueError
            except (ValueError, OverflowError):
                rows.bad(row)
                continue
            if submit_ms < previous_ms and not options.sort:
                reading.backwards(rows.line, "submit_time", submit)
                continue
            previous_ms = submit_ms
            yield TraceJob(
                name,
                submit_ms,
                run_ms or 1,
                tasks,
                accelerators=chips.needs(model, each * 1000),
                kind=kind,
                steps=steps,
            )
