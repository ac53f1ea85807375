"""Slurm's own log: `sacct --parsable2` (or `--parsable`), the columns as its first line has them.

Read are `JobID`, `Submit`, `Start`, `Elapsed` or `ElapsedRaw`, `State`, and where there `ReqTRES`
or `AllocTRES`, `NNodes` or `AllocNodes`, `NCPUS` or `AllocCPUS` or `ReqCPUS`, `ReqMem`, `Timelimit`
or `TimelimitRaw` (minutes), `User`, `Account`, `Partition`, `QOS`, `JobName`. Steps of jobs
(`12.batch`) are left out, as are jobs that never began or go on. Times are those of the cluster's
zone, taken for UTC unless told. Source: Slurm's manual page of sacct.
"""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

from hutong.sim.trace import chips
from hutong.sim.trace.names import tenant_name
from hutong.sim.trace.reading import (
    MOST_COUNT,
    MOST_S,
    Reading,
    Rows,
    SortedJobs,
    TraceFile,
    TraceOptions,
    time_ms,
)
from hutong.sim.trace.tables import header_of, one_of
from hutong.sim.workload import TraceEnd, TraceJob, Workload, WorkloadInfo

NAME = "sacct"
Value = TypeVar("Value")
_READ: dict[str, tuple[str, ...]] = {
    "id": ("jobid",),
    "submit": ("submit",),
    "elapsed": ("elapsed", "elapsedraw"),
    "state": ("state",),
    "start": ("start",),
    "tres": ("reqtres", "alloctres"),
    "held": ("alloctres", "reqtres"),
    "nodes": ("nnodes", "allocnodes"),
    "cpus": ("ncpus", "alloccpus", "reqcpus"),
    "memory": ("reqmem",),
    "limit": ("timelimit", "timelimitraw"),
    "user": ("user",),
    "account": ("account",),
    "partition": ("partition",),
    "qos": ("qos",),
    "name": ("jobname",),
}
_NEEDED = ("id", "submit", "elapsed", "state")
_ENDS = {
    "COMPLETED": TraceEnd.SUCCEEDED,
    "CANCELLED": TraceEnd.CANCELLED,
    "PREEMPTED": TraceEnd.CANCELLED,
    "FAILED": TraceEnd.FAILED,
    "TIMEOUT": TraceEnd.FAILED,
    "NODE_FAIL": TraceEnd.FAILED,
    "OUT_OF_MEMORY": TraceEnd.FAILED,
    "BOOT_FAIL": TraceEnd.FAILED,
    "DEADLINE": TraceEnd.FAILED,
    "REVOKED": TraceEnd.CANCELLED,
    "LAUNCH_FAILED": TraceEnd.FAILED,
    "RECONFIG_FAIL": TraceEnd.FAILED,
}
_GO_ON = ("RUNNING", "PENDING", "REQUEUED", "RESIZING", "SUSPENDED", "COMPLETING", "CONFIGURING")
_ID = re.compile(r"(\d+)(_\d+|_\[.*\]|\+\d+)?(\..+)?")
_SPAN = re.compile(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)(?:\.(\d+))?")
_HOURS = re.compile(r"(\d+)-(\d+)(?::(\d+))?(?::(\d+))?")
_MEMORY = re.compile(r"(\d+(?:\.\d+)?)([KMGTP]?)([nc]?)")
_NO_TIME = ("", "Unknown", "None", "N/A")
_NO_LIMIT = ("", "UNLIMITED", "Partition_Limit", "INVALID")
_MIB = {"": 1.0, "K": 1 / 1024, "M": 1.0, "G": 1024.0, "T": 1024.0**2, "P": 1024.0**3}


class Tres(NamedTuple):
    """What a job asked for or held, in all: `chip` is the model as the cluster writes it."""

    cpus: int = 0
    memory_mib: int = 0
    nodes: int = 0
    chips: int = 0
    chip: str = ""


def recognise(head: str, name: str) -> bool:
    """Whether a file's begin looks like this format."""
    header = [word.lower() for word in header_of(head, "|")]
    return "jobid" in header and "state" in header and "submit" in header


def open_file(file: TraceFile, options: TraceOptions) -> Workload:
    """Read the log, sort it by time and count times from its first job."""

    def parse(reading: Reading) -> Iterator[TraceJob]:
        return _Log(reading, options).jobs()

    read = SortedJobs(file.reading(), parse, most=options.most_jobs)
    begin_ms = read.begin_ms - options.utc_offset_min * 60_000
    return Workload(WorkloadInfo(file.name, str(file.path), begin_ms), read)


class _Log:
    """One way through a log."""

    def __init__(self, reading: Reading, options: TraceOptions) -> None:
        self._reading = reading
        self._options = options
        self._tres: dict[str, Tres] = {}
        self._tenants: dict[str, str] = {}
        self._seen: dict[str, int] = {}

    def jobs(self) -> Iterator[TraceJob]:
        """Go through it."""
        reading = self._reading
        with reading.rows("|") as rows:
            at = one_of(reading, rows, _READ, _NEEDED, NAME)
            for row in rows:
                if len(row) != rows.width:
                    rows.bad(row)
                    continue
                fields = {name: row[position] for name, position in at.items()}
                try:
                    job = self._job(fields, rows)
                except _Bad as error:
                    reading.bad(rows.line, error.column, error.value, error.problem)
                    continue
                if job is not None:
                    yield job

    def _job(self, row: dict[str, str], rows: Rows) -> TraceJob | None:
        match = _ID.fullmatch(row["id"])
        if match is None:
            raise _Bad("JobID", row["id"], "it is no job's number")
        state = row["state"].split(" ", 1)[0].rstrip("+")
        if why := self._why_not(match, state, row):
            self._reading.leave_out(why, rows.line)
            return None
        submit_ms = _read("Submit", row["submit"], time_ms)
        run_ms = _read("Elapsed", row["elapsed"], span_ms)
        started = row.get("start", "")
        start_ms = _read("Start", started, time_ms) if started not in _NO_TIME else -1
        if start_ms < 0 and run_ms == 0:
            self._reading.leave_out("it never ran", rows.line)
            return None
        asked = self._asked(row)
        models = chips.models_of(asked.chip or self._options.chip or chips.ANY)
        if asked.chips and not models:
            self._reading.unknown_chip(rows.line, asked.chip)
            return None
        tasks = asked.nodes
        each, over = divmod(asked.chips, tasks)
        if over:
            tasks, each = chips.gang(asked.chips)
        owner = row.get("account") or row.get("user", "")
        if owner not in self._tenants:
            self._tenants[owner] = tenant_name(owner)
        limit = row.get("limit", "")
        limit_ms = _read("Timelimit", limit, limit_span_ms) if limit not in _NO_LIMIT else None
        return TraceJob(
            self._unique(row["id"]),
            submit_ms,
            run_ms or 1,
            tasks,
            -(-asked.cpus * 1000 // tasks),
            -(-asked.memory_mib // tasks),
            chips.any_of(models, each * 1000),
            row.get("user", ""),
            self._tenants[owner],
            partition=row.get("partition", ""),
            kind=row.get("name", ""),
            estimate_ms=limit_ms,
            waited_ms=max(start_ms - submit_ms, 0) if start_ms >= 0 else -1,
            ended=_ENDS[state],
        )

    def _why_not(self, job: re.Match[str], state: str, row: dict[str, str]) -> str:
        """Why a sound row gives no job; empty where it gives one."""
        if job[3]:
            return "a step of a job"
        if state in _GO_ON or (job[2] or "").startswith("_["):
            return "it had not ended"
        if state not in _ENDS:
            raise _Bad("State", row["state"], f"it is none of {', '.join((*_ENDS, *_GO_ON))}")
        return "it never ran" if row["submit"] in _NO_TIME else ""

    def _asked(self, row: dict[str, str]) -> Tres:
        """What a job is replayed with: what it asked for, else what it held."""
        asked = self._parsed(row.get("tres", "") or row.get("held", ""))
        held = self._parsed(row.get("held", ""))
        nodes = _count("NNodes", row.get("nodes", "")) or asked.nodes or held.nodes or 1
        cpus = asked.cpus or held.cpus or _count("NCPUS", row.get("cpus", ""))
        memory = asked.memory_mib or _read(
            "ReqMem", row.get("memory", ""), lambda text: memory_mib(text, nodes, cpus)
        )
        return Tres(cpus, memory, nodes, asked.chips or held.chips, asked.chip or held.chip)

    def _parsed(self, text: str) -> Tres:
        found = self._tres.get(text)
        if found is None:
            found = self._tres[text] = _read("TRES", text, parse_tres)
        return found

    def _unique(self, name: str) -> str:
        """A job that was requeued has rows of one number."""
        count = self._seen[name] = self._seen.get(name, 0) + 1
        return name if count == 1 else f"{name}#{count}"


class _Bad(Exception):
    """A column that cannot be read."""

    def __init__(self, column: str, value: str, problem: str) -> None:
        super().__init__(problem)
        self.column = column
        self.value = value
        self.problem = problem


def span_ms(text: str) -> int:
    """A span of time: `[[days-]hours:]minutes:seconds`, or whole seconds. Raises ValueError."""
    if text.isdigit():
        return _bounded(int(text) * 1000)
    match = _SPAN.fullmatch(text)
    if match is None:
        raise ValueError("it is no span of time such as 1-02:03:04")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups()[:4])
    millis = int(match[5][:3].ljust(3, "0")) if match[5] else 0
    return _bounded((((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000 + millis)


def limit_span_ms(text: str) -> int:
    """A time limit: a span, `days-hours`, or whole minutes. Raises ValueError."""
    if text.isdigit():
        return _bounded(int(text) * 60_000)
    match = _HOURS.fullmatch(text)
    if match is not None:
        days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
        return _bounded((((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000)
    return span_ms(text)


def memory_mib(text: str, nodes: int = 1, cpus: int = 1) -> int:
    """Memory of a whole job: `64G`, or older `4Gn` for each node, `2Gc` for each CPU."""
    if text in ("", "0", "?"):
        return 0
    match = _MEMORY.fullmatch(text)
    if match is None:
        raise ValueError("it is no amount of memory such as 64G")
    times = {"n": nodes, "c": cpus, "": 1}[match[3]]
    return int(float(match[1]) * _MIB[match[2]] * times)


def parse_tres(text: str) -> Tres:
    """Trackable resources: `cpu=8,mem=64G,node=1,gres/gpu=4,gres/gpu:a100=4`."""
    cpus = memory = nodes = count = named = 0
    chip = ""
    for part in text.split(",") if text else ():
        name, equals, value = part.partition("=")
        if not equals:
            raise ValueError("it is no list such as cpu=8,mem=64G,node=1")
        if name == "cpu":
            cpus = _whole(value)
        elif name == "mem":
            memory = memory_mib(value)
        elif name == "node":
            nodes = _whole(value)
        elif name.startswith("gres/"):
            kind, _, model = name.removeprefix("gres/").partition(":")
            if kind not in chips.GRES:
                continue
            if model:
                named, chip = named + _whole(value), model
            else:
                count = max(count, _whole(value))
    return Tres(cpus, memory, nodes, max(count, named), chip)


def _read(column: str, text: str, read: Callable[[str], Value]) -> Value:
    try:
        return read(text)
    except ValueError as error:
        raise _Bad(column, text, str(error)) from error


def _count(column: str, text: str) -> int:
    return _read(column, text, _whole) if text else 0


def _whole(text: str) -> int:
    value = int(float(text))
    if not 0 <= value <= MOST_COUNT:
        raise ValueError("it is no count")
    return value


def _bounded(span: int) -> int:
    if span > MOST_S * 1000:
        raise ValueError("it is longer than three hundred years")
    return span
