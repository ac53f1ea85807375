"""Shanghai AI Laboratory's Acme clusters: `trace_seren.csv` and `trace_kalos.csv` of 2023.

Columns: `job_id`, `user`, `node_num`, `gpu_num`, `cpu_num`, `type` (the kind of work), `state`,
`submit_time`, `start_time`, `end_time` (with their zone), `duration` and `queue` (in seconds), and
in Kalos `mem_per_pod_GB`. The chips are A100 of 80 GB. Source: Hu and others, NSDI 2024.
"""

from collections.abc import Iterator

from hutong.sim.trace.reading import Column, Reading, SortedJobs, TraceFile, TraceOptions
from hutong.sim.trace.slurm_table import COLUMNS, Trait, jobs
from hutong.sim.trace.tables import columns_at, header_has
from hutong.sim.workload import TraceJob, Workload, WorkloadInfo

NAME = "acme"
CHIP = "A100-80GB"
_COLUMNS = (
    *COLUMNS, Column("type", "text"), Column("mem_per_pod_GB", "number", empty=True),
)  # fmt: skip


def recognise(head: str, name: str) -> bool:
    """Whether a file's begin looks like this format."""
    return header_has(head, "job_id", "node_num", "gpu_num", "cpu_num", "type", "submit_time")


def open_file(file: TraceFile, options: TraceOptions) -> Workload:
    """Read the log, sort it by time and count times from its first job."""

    def parse(reading: Reading) -> Iterator[TraceJob]:
        with reading.rows() as rows:
            *at, kind, memory = columns_at(reading, rows, _COLUMNS, NAME)
            trait = Trait(kind=kind, memory_gb=memory)
            yield from jobs(reading, rows, tuple(at), trait, options.chip or CHIP)

    read = SortedJobs(file.reading(), parse, most=options.most_jobs)
    return Workload(WorkloadInfo(file.name, str(file.path), read.begin_ms), read)
