"""SenseTime's Helios clusters: `cluster_log.csv`, all jobs of half a year of 2020.

Columns: `job_id`, `user`, `vc`, `gpu_num`, `cpu_num`, `node_num`, `state`, `submit_time`,
`start_time`, `end_time`, `duration` and `queue` (both in seconds). Times name no zone.
`cluster_gpu_number.csv` beside it gives the GPUs of each virtual cluster, a row a day. Source: Hu
and others, SC 2021.
"""

from collections.abc import Iterator
from pathlib import Path

from hutong.sim.trace import chips
from hutong.sim.trace.reading import (
    MOST_COUNT,
    Column,
    Reading,
    SortedJobs,
    TraceFile,
    TraceOptions,
)
from hutong.sim.trace.slurm_table import COLUMNS, Trait, jobs
from hutong.sim.trace.tables import columns_at, header_has
from hutong.sim.workload import TraceJob, Workload, WorkloadInfo

NAME = "helios"
NODE_CHIPS = 8
_COLUMNS = (*COLUMNS, Column("vc", "text"))


def recognise(head: str, name: str) -> bool:
    """Whether a file's begin looks like this format."""
    return header_has(head, "job_id", "vc", "gpu_num", "cpu_num", "node_num", "submit_time")


def open_file(file: TraceFile, options: TraceOptions) -> Workload:
    """Read the log, sort it by time and count times from its first job."""

    def parse(reading: Reading) -> Iterator[TraceJob]:
        with reading.rows() as rows:
            *at, vc = columns_at(reading, rows, _COLUMNS, NAME)
            trait = Trait(partition=vc)
            yield from jobs(reading, rows, tuple(at), trait, options.chip or chips.ANY)

    read = SortedJobs(file.reading(), parse, most=options.most_jobs)
    begin_ms = read.begin_ms - options.utc_offset_min * 60_000
    return Workload(WorkloadInfo(file.name, str(file.path), begin_ms), read)


def read_vcs(path: Path) -> dict[str, int]:
    """Nodes of 8 chips of each virtual cluster: the most that it had on any day."""
    most: dict[str, int] = {}
    reading = TraceFile(path).reading()
    with reading.rows() as rows:
        header = [name.strip() for name in next(rows, ())]
        columns = [
            Column(name, "text" if name == "date" else "int", most=MOST_COUNT) for name in header
        ]
        rows.expect(columns, range(len(columns)), len(columns))
        for row in rows:
            try:
                if len(row) != rows.width:
                    raise ValueError
                counts = {
                    name: int(text)
                    for name, text in zip(header, row, strict=True)
                    if name not in ("date", "total")
                }
                if min(counts.values(), default=0) < 0:
                    raise ValueError
            except ValueError:
                rows.bad(row)
                continue
            for name, count in counts.items():
                most[name] = max(most.get(name, 0), count)
    return {name: -(-count // NODE_CHIPS) for name, count in most.items()}
