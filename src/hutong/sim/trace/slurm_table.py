"""What the logs of Helios and Acme have in common: a row a job of a Slurm cluster, as CSV."""

from collections.abc import Iterator
from typing import NamedTuple

from hutong.sim.trace import chips
from hutong.sim.trace.names import tenant_name
from hutong.sim.trace.reading import MOST_COUNT, MOST_S, Column, Reading, Rows, time_ms
from hutong.sim.workload import TraceEnd, TraceJob

STATES = (
    "COMPLETED", "CANCELLED", "FAILED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED",
    "BOOT_FAIL", "DEADLINE", "SUSPENDED", "RUNNING", "PENDING", "REQUEUED",
)  # fmt: skip
_GO_ON = ("SUSPENDED", "RUNNING", "PENDING", "REQUEUED")
COLUMNS = (
    Column("job_id", "text"),
    Column("user", "text"),
    Column("gpu_num", "number", most=MOST_COUNT),
    Column("cpu_num", "number", most=MOST_COUNT // 1000),
    Column("node_num", "number", most=MOST_COUNT),
    Column("state", "word", words=STATES),
    Column("submit_time", "time"),
    Column("start_time", "time", empty=True),
    Column("duration", "number", empty=True),
)
ENDS = {"COMPLETED": TraceEnd.SUCCEEDED, "CANCELLED": TraceEnd.CANCELLED}


class Trait(NamedTuple):
    """Where one of the logs has what the other lacks: positions of columns, -1 for none."""

    partition: int = -1
    kind: int = -1
    memory_gb: int = -1


def jobs(
    reading: Reading, rows: Rows, at: tuple[int, ...], trait: Trait, model: str
) -> Iterator[TraceJob]:
    """Go through the rows behind the header; `at` are the positions of `COLUMNS`."""
    tenants: dict[str, str] = {}
    for row in rows:
        try:
            if len(row) != rows.width:
                raise ValueError
            name, user, gpus, cpus, nodes, state, submit, start, run = [row[i] for i in at]
            submit_ms = time_ms(submit)
            if state not in STATES:
                raise ValueError
            if not start or not run or state in _GO_ON:
                why = "it had not ended" if state in _GO_ON else "it never ran"
                reading.leave_out(why, rows.line)
                continue
            start_ms, run_s, count = time_ms(start), float(run), int(float(gpus))
            cpu_count, node_count = float(cpus), max(int(float(nodes)), 1)
            if not (
                0 <= run_s <= MOST_S and 0 <= count <= MOST_COUNT
                and 0 <= cpu_count <= MOST_COUNT and node_count <= MOST_COUNT
            ):  # fmt: skip
                raise ValueError
        except (ValueError, OverflowError):
            rows.bad(row)
            continue
        tasks, each = (
            (node_count, count // node_count) if count % node_count == 0 else chips.gang(count)
        )
        partition = row[trait.partition] if trait.partition >= 0 else ""
        owner = partition or user
        if owner not in tenants:
            tenants[owner] = tenant_name(owner)
        yield TraceJob(
            name,
            submit_ms,
            int(run_s * 1000) or 1,
            tasks,
            -int(-cpu_count * 1000 // tasks),
            _memory_mib(row, trait),
            chips.needs(model, each * 1000),
            user,
            tenants[owner],
            partition=partition,
            kind=row[trait.kind] if trait.kind >= 0 else "",
            waited_ms=max(start_ms - submit_ms, 0),
            ended=ENDS.get(state, TraceEnd.FAILED),
        )


def _memory_mib(row: list[str], trait: Trait) -> int:
    text = row[trait.memory_gb] if trait.memory_gb >= 0 else ""
    return int(float(text) * 1024) if text else 0
