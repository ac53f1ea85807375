"""What is handed in, and when: jobs of a trace or of a generator, as frozen values.

Times are in ms from the begin of the workload. A workload is read as a stream: nothing here holds
all of it.
"""

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from hutong.model.classes import NORMAL
from hutong.model.job import DataInput
from hutong.model.resources import AcceleratorNeed


class TraceEnd(StrEnum):
    """How a job ended in the world that its trace was taken from."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class TraceJob(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One job: a gang of `tasks` identical tasks with what is known of it.

    `run_ms` is its true run time at speed 1000 (see `AcceleratorNeed.speed_milli`), without waits.
    `cpu_milli`, `memory_mib` and `accelerators` are per task. Where the world has a throughput
    table, `kind` names its row and `steps` (0 for none) is the work, which then decides the run
    time on each chip. `estimate_ms` is what the user said, `limit_ms` ends an attempt (0 for no
    limit), `deadline_ms` is from the begin of the workload (0 for none). `partition` names the part
    of the machines that it was handed in to: a queue, a virtual cluster, a partition. `waited_ms`
    is what it waited in its trace, -1 where that is not known. `after` names an earlier job, at
    whose end and `think_ms` later it is handed in, but not before `submit_ms`.
    """

    name: str
    submit_ms: int
    run_ms: int
    tasks: int = 1
    cpu_milli: int = 0
    memory_mib: int = 0
    accelerators: tuple[AcceleratorNeed, ...] = ()
    user: str = ""
    tenant: str = "default"
    priority: str = NORMAL
    partition: str = ""
    kind: str = ""
    steps: int = 0
    estimate_ms: int | None = None
    limit_ms: int = 0
    deadline_ms: int = 0
    waited_ms: int = -1
    ended: TraceEnd = TraceEnd.SUCCEEDED
    preemptible: bool = True
    checkpoint_ms: int = 0
    after: str = ""
    think_ms: int = 0
    inputs: tuple[DataInput, ...] = ()
    cost_weight_milli: int | None = None


class WorkloadInfo(msgspec.Struct, frozen=True):
    """What a trace says of itself.

    `begin_unix_ms` is the Unix time of the workload's begin, 0 where nobody knows. `processors`
    and `nodes` are those of the machine it ran on, 0 where it does not say. `source` is the file
    or the generator with its settings. `notes` are further lines of a header, by name.
    """

    name: str
    source: str = ""
    begin_unix_ms: int = 0
    processors: int = 0
    nodes: int = 0
    notes: dict[str, str] = {}


class Workload(msgspec.Struct, frozen=True):
    """Jobs in the order of `submit_ms`, with what is known of them together.

    `jobs` can be gone through again and gives the same each time.
    """

    info: WorkloadInfo
    jobs: Iterable[TraceJob]
