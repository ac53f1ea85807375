"""Microsoft's Philly cluster as one table: jobs of ten virtual clusters in 2017.

Columns: `timestamp` (when it was handed in, in the cluster's zone, taken for UTC unless told),
`duration` in seconds, `num_gpus`, `gpu_time` and `cluster`, the virtual cluster. It is the form in
which S-Lab's Helios artifact keeps the trace of Jeon and others, USENIX ATC 2019. `philly_vc.csv`
beside it gives the nodes of each virtual cluster.
"""

from collections.abc import Iterator
from pathlib import Path

from hutong.sim.trace import chips
from hutong.sim.trace.names import tenant_name
from hutong.sim.trace.reading import (
    MOST_COUNT,
    MOST_S,
    Column,
    Reading,
    SortedJobs,
    TraceFile,
    TraceOptions,
    time_ms,
)
from hutong.sim.trace.tables import columns_at, header_has
from hutong.sim.workload import TraceJob, Workload, WorkloadInfo

NAME = "philly"
NODE_CHIPS = 8
_COLUMNS = (
    Column("timestamp", "time"),
    Column("duration", "number"),
    Column("num_gpus", most=MOST_COUNT),
    Column("cluster", "text"),
)
_VC_COLUMNS = (Column("vc", "text"), Column("node num", most=MOST_COUNT))


def recognise(head: str, name: str) -> bool:
    """Whether a file's begin looks like this format."""
    return header_has(head, "timestamp", "duration", "num_gpus", "cluster")


def open_file(file: TraceFile, options: TraceOptions) -> Workload:
    """Read the table, sort it by time and count times from its first job."""

    def parse(reading: Reading) -> Iterator[TraceJob]:
        return _jobs(reading, options)

    jobs = SortedJobs(file.reading(), parse, most=options.most_jobs)
    begin_ms = jobs.begin_ms - options.utc_offset_min * 60_000
    return Workload(WorkloadInfo(file.name, str(file.path), begin_ms), jobs)


def _jobs(reading: Reading, options: TraceOptions) -> Iterator[TraceJob]:
    model = options.chip or chips.ANY
    partitions: dict[str, tuple[str, str]] = {}
    with reading.rows() as rows:
        at = columns_at(reading, rows, _COLUMNS, NAME)
        when, how_long, chip_count, where = at
        for number, row in enumerate(rows, 1):
            try:
                if len(row) != rows.width:
                    raise ValueError
                submit_ms = time_ms(row[when])
                run_s, count, cluster = float(row[how_long]), int(row[chip_count]), row[where]
                if not (0 <= run_s <= MOST_S and 0 <= count <= MOST_COUNT):
                    raise ValueError
            except (ValueError, OverflowError):
                rows.bad(row)
                continue
            if cluster not in partitions:
                partitions[cluster] = (cluster, tenant_name(cluster))
            partition, tenant = partitions[cluster]
            tasks, each = chips.gang(count, NODE_CHIPS)
            yield TraceJob(
                f"philly-{number}",
                submit_ms,
                int(run_s * 1000) or 1,
                tasks,
                accelerators=chips.needs(model, each * 1000),
                tenant=tenant,
                partition=partition,
            )


def read_vcs(path: Path) -> dict[str, int]:
    """Nodes of each virtual cluster, from `philly_vc.csv` (`vc,node num`)."""
    nodes: dict[str, int] = {}
    reading = TraceFile(path).reading()
    with reading.rows() as rows:
        at = columns_at(reading, rows, _VC_COLUMNS, "philly-vc")
        for row in rows:
            try:
                if len(row) != rows.width:
                    raise ValueError
                name, count = row[at[0]], int(row[at[1]])
                if not 0 <= count <= MOST_COUNT:
                    raise ValueError
            except (ValueError, OverflowError):
                rows.bad(row)
                continue
            nodes[name] = count
    return nodes
