"""What came of a replay: columns of jobs, samples over time, and facts of the run.

Columns are numpy arrays of one length; text is kept as codes into a table, so that a million jobs
fit. Times are in ms from the begin of the workload; -1 stands for never.
"""

from enum import IntEnum

import msgspec
import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


class Ending(IntEnum):
    """What became of a job, as the column `ending` has it."""

    SUCCEEDED = 0
    FAILED = 1
    CANCELLED = 2
    TIMED_OUT = 3
    REFUSED = 4
    """No pool of the world could ever hold it."""
    WAITING = 5
    """It had not started when the run ended."""
    RUNNING = 6


NUMBERS = (
    "submit_ms",  # handed in
    "start_ms",  # its first attempt began to hold nodes
    "end_ms",  # it ended for good
    "run_ms",  # its true work at speed 1000
    "best_ms",  # its run time alone, on the chip of this world that is best for it
    "believed_ms",  # the run time at speed 1000 that the scheduler was told; -1 for none
    "held_ms",  # its attempts held nodes, in sum
    "tasks",
    "cpu_milli",  # all tasks together
    "memory_mib",
    "accelerator_milli",
    "attempts",
    "preemptions",
    "lost_accelerator_milli_ms",  # work done and lost: milli-chips times ms (CPU-only: milli-CPU)
    "cost_microcny",
    "energy_mwh",  # thousandths of a watt-hour
    "carbon_mg",
    "deadline_ms",  # 0 for none
    "ending",
)
"""The whole-number columns of `Outcome.numbers`, one row a job, in the order of handing in."""

LABELS = ("tenant", "user", "priority", "kind", "partition", "site", "pool", "accelerator")
"""The text columns of `Outcome.labels`; site, pool and chip are those of the last attempt."""

SAMPLES = (
    "time_ms",
    "running_jobs",
    "waiting_jobs",
    "waiting_accelerator_milli",
    "used_accelerator_milli",
    "ready_accelerator_milli",  # on nodes that are up
    "used_cpu_milli",
    "ready_cpu_milli",
    "stranded_accelerator_milli",  # free, but on nodes without CPU or memory for a chip's share
)
"""The columns of `Outcome.samples`: the state from one time to the next."""


class Label(msgspec.Struct, frozen=True):
    """A text column: `words[codes[row]]`."""

    codes: NDArray[np.int32]
    words: tuple[str, ...]

    def at(self, row: int) -> str:
        """The text of a row."""
        return self.words[int(self.codes[row])]


class Belief(msgspec.Struct, frozen=True):
    """How good the run times were that the scheduler was told, over the jobs that ended.

    `within_2x_milli` thousandths of them were right within a factor of two; `median_milli` is the
    median of told over true.
    """

    source: str
    told: int = 0
    within_2x_milli: int = 0
    median_milli: int = 0
    mean_error_ms: int = 0


class Facts(msgspec.Struct, frozen=True):
    """How a run was made and what it took. CPU times are of the process.

    `mode` is `oracle`, `estimate` or `none`. `decide_us` are percentiles of a cycle's CPU time
    (p50, p95, p99, most), in microseconds.
    """

    scenario: str
    workload: str
    profile: str
    mode: str
    seed: int
    begin_unix_ms: int = 0
    jobs: int = 0
    cycles: int = 0
    placements: int = 0
    cpu_ms: int = 0
    cpu_deciding_ms: int = 0
    decide_us: tuple[int, int, int, int] = (0, 0, 0, 0)
    simulated_ms: int = 0
    finished: bool = True
    belief: Belief | None = None


class OfferUse(msgspec.Struct, frozen=True):
    """What was asked of a provider: nodes of one pool, from the request to their end.

    `boot_ms` of `node_ms` passed until they were ready. `cost_microcny` is what the provider took.
    """

    pool: str
    started_count: int
    node_ms: int
    boot_ms: int
    cost_microcny: int


class Outcome(msgspec.Struct, frozen=True):
    """A replay's result. See `NUMBERS`, `LABELS` and `SAMPLES` for what the columns mean."""

    facts: Facts
    names: tuple[str, ...]
    numbers: dict[str, Ints]
    labels: dict[str, Label]
    samples: dict[str, Ints]
    offers: tuple[OfferUse, ...] = ()
