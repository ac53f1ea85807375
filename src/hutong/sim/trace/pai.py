"""Alibaba's PAI cluster of 2020: the table of tasks, and the short table of its simulator.

`pai_task_table.csv` (often without a header): `job_name`, `task_name`, `inst_num`, `status`,
`start_time`, `end_time` (seconds), `plan_cpu`, `plan_gpu` (in hundredths of one), `plan_mem` (GiB),
`gpu_type`, each an instance. A task (a role, such as `ps` or `worker`) is a gang of its instances;
the roles of a job are gangs of their own. `pai_job_table.csv` beside it gives when a job was handed
in and by whom; without it a task is handed in when it starts. `pai_machine_spec.csv` has the nodes.

The simulator's table has a header: `job_id`, `user`, `num_inst`, `num_gpu`, `num_cpu`,
`submit_time`, `duration` (seconds), and may have `gpu_type`. Source: Weng and others, NSDI 2022.
"""

from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path

from hutong.model.resources import Amount
from hutong.model.supply import Inventory
from hutong.sim.trace import chips
from hutong.sim.trace.names import tenant_name
from hutong.sim.trace.node_list import NodeList
from hutong.sim.trace.reading import (
    MOST_COUNT,
    MOST_S,
    Column,
    Reading,
    Rows,
    SortedJobs,
    TraceFile,
    TraceOptions,
)
from hutong.sim.trace.tables import columns_at, header_has, header_of
from hutong.sim.workload import TraceEnd, TraceJob, Workload, WorkloadInfo

NAME, SIMULATOR = "pai", "pai-simulator"
JOB_TABLE = "pai_job_table.csv"
STATES = ("Terminated", "Failed", "Running", "Waiting")
_TASKS = (
    Column("job_name", "text"),
    Column("task_name", "text"),
    Column("inst_num", "number", most=MOST_COUNT, empty=True),
    Column("status", "word", words=STATES),
    Column("start_time", "number", empty=True),
    Column("end_time", "number", empty=True),
    Column("plan_cpu", "number", most=MOST_COUNT, empty=True),
    Column("plan_mem", "number", most=MOST_COUNT, empty=True),
    Column("plan_gpu", "number", most=MOST_COUNT, empty=True),
    Column("gpu_type", "text", empty=True),
)
_JOBS = (
    Column("job_name", "text"),
    Column("inst_id", "text"),
    Column("user", "text"),
    Column("status", "text"),
    Column("start_time", "number", empty=True),
    Column("end_time", "text"),
)
_SHORT = (
    Column("job_id", "text"),
    Column("user", "text", empty=True),
    Column("num_inst", "number", most=MOST_COUNT, empty=True),
    Column("num_gpu", "number", most=MOST_COUNT, empty=True),
    Column("num_cpu", "number", most=MOST_COUNT, empty=True),
    Column("submit_time", "number", empty=True),
    Column("duration", "number"),
    Column("gpu_type", "text", empty=True),
)
_MACHINES = (
    Column("machine", "text"),
    Column("gpu_type", "text"),
    Column("cap_cpu", "number", most=MOST_COUNT // 1000),
    Column("cap_mem", "number", most=MOST_COUNT),
    Column("cap_gpu", "number", most=MOST_COUNT // 1000, empty=True),
)
_NO_CHIP = ("", "CPU")
Owners = dict[str, tuple[float, str]]
"""When a job was handed in (s) and by whom, by its name."""


def recognise(head: str, name: str) -> bool:
    """Whether a file's begin looks like the table of tasks."""
    row = header_of(head)
    if row == [column.name for column in _TASKS]:
        return True
    return len(row) == 10 and row[3] in STATES and "task_table" in name


def recognise_short(head: str, name: str) -> bool:
    """Whether a file's begin looks like the simulator's table."""
    return header_has(head, "job_id", "num_gpu", "num_cpu", "submit_time", "duration")


def open_file(file: TraceFile, options: TraceOptions) -> Workload:
    """Read the table of tasks with that of jobs, sort them and count from the first."""
    path = Path(options.companion) if options.companion else _beside(file.path)
    owners = _owners(TraceFile(path, file.skip_bad)) if path is not None else {}

    def parse(reading: Reading) -> Iterator[TraceJob]:
        return _Tasks(reading, options, owners).jobs()

    jobs = SortedJobs(file.reading(), parse, most=options.most_jobs)
    notes = {"jobs": str(path)} if path is not None else {}
    # Dates are moved, but the weekday and the time of day are right, read as time at UTC+8.
    return Workload(WorkloadInfo(file.name, str(file.path), jobs.begin_ms, notes=notes), jobs)


def open_short(file: TraceFile, options: TraceOptions) -> Workload:
    """Read the simulator's table and sort it by time."""

    def parse(reading: Reading) -> Iterator[TraceJob]:
        return _Short(reading, options).jobs()

    jobs = SortedJobs(file.reading(), parse, most=options.most_jobs)
    return Workload(WorkloadInfo(file.name, str(file.path)), jobs)


class _Tasks:
    """One way through the table of tasks."""

    def __init__(self, reading: Reading, options: TraceOptions, owners: Owners) -> None:
        self._reading = reading
        self._options = options
        self._owners = owners
        self._tenants: dict[str, str] = {}

    def jobs(self) -> Iterator[TraceJob]:
        """Go through it."""
        with self._reading.rows() as rows:
            rows.expect(_TASKS, range(len(_TASKS)), len(_TASKS))
            for row in rows:
                if rows.line == 1 and row[:1] == ["job_name"]:
                    continue
                try:
                    if len(row) != rows.width or row[3] not in STATES:
                        raise ValueError
                    job = self._job(row, rows.line)
                except (ValueError, OverflowError):
                    rows.bad(row)
                    continue
                if job is not None:
                    yield job

    def _job(self, row: list[str], line: int) -> TraceJob | None:
        job, task, instances, status, start, end, cpu, memory, gpu, chip = row
        if not start or not end or status not in ("Terminated", "Failed"):
            self._reading.leave_out("it had not ended", line)
            return None
        start_s, end_s = float(start), float(end)
        submit_s, user = self._owners.get(job, (start_s, ""))
        tasks = int(float(instances)) if instances else 1
        chip_milli = _chip_milli(float(gpu) * 10) if gpu else 0
        cpu_milli = int(float(cpu) * 10) if cpu else 0
        memory_mib = int(float(memory) * 1024) if memory else 0
        if not (
            0 <= submit_s <= MOST_S and 0 <= start_s <= end_s <= MOST_S
            and 0 < tasks <= MOST_COUNT and 0 <= chip_milli <= MOST_COUNT
            and 0 <= cpu_milli <= MOST_COUNT and 0 <= memory_mib <= MOST_COUNT
        ):  # fmt: skip
            raise ValueError
        model = _model(self._reading, line, chip, chip_milli, self._options)
        if model is None:
            return None
        if user not in self._tenants:
            self._tenants[user] = tenant_name(user)
        return TraceJob(
            f"{job}/{task}",
            int(min(submit_s, start_s) * 1000),
            int((end_s - start_s) * 1000) or 1,
            tasks,
            cpu_milli,
            memory_mib,
            chips.needs(model, chip_milli),
            user,
            self._tenants[user],
            kind=task,
            waited_ms=max(int((start_s - submit_s) * 1000), 0) if user else -1,
            ended=TraceEnd.SUCCEEDED if status == "Terminated" else TraceEnd.FAILED,
        )


class _Short:
    """One way through the simulator's table."""

    def __init__(self, reading: Reading, options: TraceOptions) -> None:
        self._reading = reading
        self._options = options

    def jobs(self) -> Iterator[TraceJob]:
        """Go through it."""
        reading = self._reading
        with reading.rows() as rows:
            pick = itemgetter(*columns_at(reading, rows, _SHORT, SIMULATOR))
            for row in rows:
                try:
                    if len(row) != rows.width:
                        raise ValueError
                    job = self._job(pick((*row, "")), rows)
                except (ValueError, OverflowError):
                    rows.bad(row)
                    continue
                if job is not None:
                    yield job

    def _job(self, row: tuple[str, ...], rows: Rows) -> TraceJob | None:
        name, user, instances, gpu, cpu, submit, duration, chip = row
        submit_s, run_s = float(submit) if submit else 0.0, float(duration)
        tasks = int(float(instances)) if instances else 1
        chip_milli = _chip_milli(float(gpu) * 1000) if gpu else 0
        cpu_milli = int(float(cpu) * 1000) if cpu else 0
        if not (
            0 <= submit_s <= MOST_S and 0 <= run_s <= MOST_S and 0 < tasks <= MOST_COUNT
            and 0 <= chip_milli <= MOST_COUNT and 0 <= cpu_milli <= MOST_COUNT
        ):  # fmt: skip
            raise ValueError
        model = _model(self._reading, rows.line, chip, chip_milli, self._options)
        if model is None:
            return None
        return TraceJob(
            name,
            int(submit_s * 1000),
            int(run_s * 1000) or 1,
            tasks,
            cpu_milli,
            accelerators=chips.needs(model, chip_milli),
            user=user,
            tenant=tenant_name(user),
        )


def read_nodes(path: Path, site: str = "pai") -> Inventory:
    """`pai_machine_spec.csv`: `machine`, `gpu_type`, `cap_cpu`, `cap_mem` (GiB), `cap_gpu`."""
    nodes = NodeList(site)
    reading = TraceFile(path).reading()
    with reading.rows() as rows:
        rows.expect(_MACHINES, range(len(_MACHINES)), len(_MACHINES))
        for row in rows:
            if rows.line == 1 and row[:1] == ["machine"]:
                continue
            try:
                if len(row) != rows.width:
                    raise ValueError
                name, chip = row[0], "" if row[1] in _NO_CHIP else row[1]
                cpus, memory, count = (int(float(text or 0)) for text in row[2:])
                if min(cpus, memory, count) < 0 or (count > 0) != (chip != ""):
                    raise ValueError
            except (ValueError, OverflowError):
                rows.bad(row)
                continue
            if not nodes.add(name, chip, Amount(cpus * 1000, memory * 1024, count * 1000)):
                reading.unknown_chip(rows.line, chip)
    return nodes.inventory()


def _owners(file: TraceFile) -> Owners:
    owners: Owners = {}
    reading = file.reading()
    with reading.rows() as rows:
        rows.expect(_JOBS, range(len(_JOBS)), len(_JOBS))
        for row in rows:
            if rows.line == 1 and row[:1] == ["job_name"]:
                continue
            try:
                if len(row) != rows.width:
                    raise ValueError
                start_s = float(row[4]) if row[4] else -1.0
                if not -1 <= start_s <= MOST_S:
                    raise ValueError
            except ValueError:
                rows.bad(row)
                continue
            if start_s >= 0:
                owners[row[0]] = (start_s, row[2])
    return owners


def _chip_milli(milli: float) -> int:
    """Thousandths of a chip; above one only whole chips can be had, so that the rest is up."""
    whole = round(milli)
    return whole if whole <= 1000 else -(-whole // 1000) * 1000


def _model(
    reading: Reading, line: int, chip: str, chip_milli: int, options: TraceOptions
) -> str | None:
    """The chip's model; None for one that the catalogue does not know."""
    if chip in _NO_CHIP or not chip_milli:
        return options.chip or chips.ANY
    model = chips.model_of(chip)
    if model is None:
        reading.unknown_chip(line, chip)
    return model


def _beside(path: Path) -> Path | None:
    names = (JOB_TABLE, f"{JOB_TABLE}.gz")
    return next((path.with_name(name) for name in names if path.with_name(name).is_file()), None)
