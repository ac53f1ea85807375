"""Google's cluster traces of 2019: `collection_events` and `instance_events`, CSV or JSON lines.

A job is a collection of the type JOB, from the event SUBMIT of its own over SCHEDULE to the event
that ends it; its gang are its instances, each with the most that any of them asked for. Times are
microseconds; 0 stands for before the trace and 2^63 - 1 for after it. CPU and memory are parts of
the largest machine, which is not published: it is taken for `MACHINE_CPU_MILLI` and
`MACHINE_MEMORY_MIB`. JSON has numbers or, as BigQuery writes them, strings. Source: Wilkes, Google
cluster-usage traces v3, 2020, and its `clusterdata_trace_format_v3.proto`.
"""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from hutong.model.classes import BEST_EFFORT, HIGH, LOW, NORMAL, URGENT
from hutong.model.errors import refuse
from hutong.sim.trace import json_rows, source
from hutong.sim.trace.names import tenant_name
from hutong.sim.trace.reading import MOST_COUNT, Reading, SortedJobs, TraceFile, TraceOptions
from hutong.sim.trace.tables import header_of
from hutong.sim.workload import TraceEnd, TraceJob, Workload, WorkloadInfo

NAME = "google"
MACHINE_CPU_MILLI, MACHINE_MEMORY_MIB = 96_000, 393_216
BEFORE_US, AFTER_US = 0, 2**63 - 1
SUBMIT, SCHEDULE = 0, 3
_EVENTS = (
    "SUBMIT", "QUEUE", "ENABLE", "SCHEDULE", "EVICT", "FAIL", "FINISH", "KILL", "LOST",
    "UPDATE_PENDING", "UPDATE_RUNNING",
)  # fmt: skip
_ENDS = {5: TraceEnd.FAILED, 6: TraceEnd.SUCCEEDED, 7: TraceEnd.CANCELLED, 8: TraceEnd.FAILED}
_PRIORITIES = ((360, URGENT), (120, HIGH), (116, NORMAL), (100, LOW))
_Number = int | float | str | None


class _Request(msgspec.Struct, frozen=True):
    cpus: _Number = None
    memory: _Number = None


class _Event(msgspec.Struct, frozen=True):
    """A row of either table."""

    time: _Number
    type: _Number
    collection_id: _Number
    collection_type: _Number = 0
    priority: _Number = 0
    user: str | None = ""
    collection_logical_name: str | None = ""
    start_after_collection_ids: list[_Number] | str | None = None
    instance_index: _Number = None
    resource_request: _Request | None = None


class _Collection(msgspec.Struct):
    """What the events say of a collection, gathered. Times in us, -1 for not known."""

    submit_us: int = -1
    start_us: int = -1
    end_us: int = -1
    ended: TraceEnd = TraceEnd.SUCCEEDED
    priority: int = 0
    user: str = ""
    name: str = ""
    after: str = ""
    is_job: bool = True
    line: int = 0
    tasks: int = 0
    cpus: float = 0.0
    memory: float = 0.0


def recognise(head: str, name: str) -> bool:
    """Whether a file's begin looks like the table of collections."""
    first = head.partition("\n")[0]
    if first.startswith("{"):
        return '"collection_id"' in first and '"instance_index"' not in first
    header = header_of(head)
    return {"time", "type", "collection_id"} <= set(header) and "instance_index" not in header


def open_file(file: TraceFile, options: TraceOptions) -> Workload:
    """Read both tables, sort the jobs by time and count times from the trace's begin."""
    path = Path(options.companion) if options.companion else _beside(file.path)

    def parse(reading: Reading) -> Iterator[TraceJob]:
        collections = _collections(reading)
        instances = Reading(path, skip_bad=reading.skip_bad)
        instances.skipped = reading.skipped
        _add_instances(instances, collections)
        return _jobs(reading, collections)

    read = SortedJobs(file.reading(), parse, most=options.most_jobs)
    notes = {"instances": str(path)}
    return Workload(WorkloadInfo(file.name, str(file.path), notes=notes), read)


def _collections(reading: Reading) -> dict[int, _Collection]:
    found: dict[int, _Collection] = {}
    for line, event in _events(reading):
        try:
            number, kind, when_us = _int(event.collection_id), _kind(event.type), _int(event.time)
            if when_us < 0:
                raise ValueError("it is negative")
            one = found.setdefault(number, _Collection(line=line))
            one.is_job = _int(event.collection_type or 0) == 0
            one.priority = _int(event.priority or 0)
            after = _after(event.start_after_collection_ids)
        except ValueError as error:
            reading.bad(line, "time, type or collection_id", str(event.time), str(error))
            continue
        one.user = event.user or one.user
        one.name = event.collection_logical_name or one.name
        one.after = after or one.after
        if when_us in (BEFORE_US, AFTER_US):
            continue
        if kind == SUBMIT and one.submit_us < 0:
            one.submit_us = when_us
        elif kind == SCHEDULE and one.start_us < 0:
            one.start_us = when_us
        elif kind in _ENDS:
            one.end_us, one.ended = when_us, _ENDS[kind]
    return found


def _add_instances(reading: Reading, collections: dict[int, _Collection]) -> None:
    for line, event in _events(reading):
        try:
            one = collections.get(_int(event.collection_id))
            if one is None:
                continue
            index = _int(event.instance_index)
            request = event.resource_request or _Request()
            cpus, memory = _part(request.cpus), _part(request.memory)
            if not 0 <= index < MOST_COUNT:
                raise ValueError(f"the index {index} cannot be")
        except ValueError as error:
            reading.bad(line, "instance_index or resource_request", "", str(error))
            continue
        one.tasks = max(one.tasks, index + 1)
        one.cpus = max(one.cpus, cpus)
        one.memory = max(one.memory, memory)


def _jobs(reading: Reading, collections: dict[int, _Collection]) -> Iterator[TraceJob]:
    for number, one in collections.items():
        if why := _why_not(one):
            reading.leave_out(why, one.line)
            continue
        if not one.submit_us <= one.start_us <= one.end_us:
            reading.bad(one.line, "time", str(number), "it starts or ends before it came")
            continue
        yield TraceJob(
            str(number),
            one.submit_us // 1000,
            (one.end_us - one.start_us) // 1000 or 1,
            one.tasks,
            round(one.cpus * MACHINE_CPU_MILLI),
            round(one.memory * MACHINE_MEMORY_MIB),
            user=one.user,
            tenant=tenant_name(one.user),
            priority=next(
                (name for least, name in _PRIORITIES if one.priority >= least), BEST_EFFORT
            ),
            kind=one.name,
            waited_ms=(one.start_us - one.submit_us) // 1000,
            ended=one.ended,
            after=one.after if _is_before(one.after, one, collections) else "",
        )


def _why_not(one: _Collection) -> str:
    """Why a collection gives no job; empty where it gives one."""
    if not one.is_job:
        return "it is an alloc set"
    if one.submit_us < 0:
        return "it came before the trace begins"
    if one.start_us < 0:
        return "it never ran"
    if one.end_us < 0:
        return "it had not ended"
    return "" if one.tasks else "it has no instance"


def _is_before(after: str, one: _Collection, collections: dict[int, _Collection]) -> bool:
    """Whether the collection that one waits for is a job of the trace that came before it."""
    other = collections.get(int(after)) if after else None
    return other is not None and not _why_not(other) and other.submit_us <= one.submit_us


def _events(reading: Reading) -> Iterator[tuple[int, _Event]]:
    if source.read_head(reading.path).lstrip().startswith("{"):
        return _json_events(reading)
    return _csv_events(reading)


def _json_events(reading: Reading) -> Iterator[tuple[int, _Event]]:
    decode = msgspec.json.Decoder(_Event).decode
    with reading.lines() as lines:
        for number, line in enumerate(lines, 1):
            reading.line = number
            if not line.strip():
                continue
            try:
                event = decode(line)
            except msgspec.DecodeError as error:
                if "truncated" in str(error) and not line.endswith("\n") and not reading.skip_bad:
                    raise source.cut(reading.path, number - 1, error) from error
                column, problem = json_rows.told(error)
                reading.bad(number, column, " ".join(line[:120].split()), problem)
                continue
            yield number, event


def _csv_events(reading: Reading) -> Iterator[tuple[int, _Event]]:
    with reading.rows(quoted=True) as rows:
        header = [name.strip() for name in next(rows, ())]
        wanted = [name for name in ("time", "type", "collection_id") if name not in header]
        if wanted:
            raise refuse(
                "trace.columns", file=str(reading.path), columns=", ".join(wanted), format=NAME
            )
        rows.expect((), (), len(header))
        at = {name: position for position, name in enumerate(header)}
        for row in rows:
            if len(row) != rows.width:
                rows.bad(row)
                continue
            yield rows.line, _event(row, at)


def _event(row: list[str], at: Mapping[str, int]) -> _Event:
    def cell(*names: str) -> str | None:
        return next((row[at[name]] or None for name in names if name in at), None)

    return _Event(
        cell("time"),
        cell("type"),
        cell("collection_id"),
        cell("collection_type"),
        cell("priority"),
        cell("user"),
        cell("collection_logical_name"),
        cell("start_after_collection_ids"),
        cell("instance_index"),
        _Request(
            cell("resource_request.cpus", "resource_request_cpus"),
            cell("resource_request.memory", "resource_request_memory"),
        ),
    )


def _after(ids: list[_Number] | str | None) -> str:
    """The one collection that has to end first; nothing where there is none, or several."""
    several = next(csv.reader([ids.strip("[]")]), []) if isinstance(ids, str) else ids or []
    return str(_int(several[0])) if len(several) == 1 else ""


def _kind(value: _Number) -> int:
    if isinstance(value, str) and value in _EVENTS:
        return _EVENTS.index(value)
    if value in ("JOB", "ALLOC_SET"):
        return ("JOB", "ALLOC_SET").index(str(value))
    kind = _int(value)
    if not 0 <= kind < len(_EVENTS):
        raise ValueError(f"there is no event {value}")
    return kind


def _int(value: _Number) -> int:
    if value is None:
        raise ValueError("it is missing")
    try:
        return int(value)
    except ValueError:
        raise ValueError(f"{value} is no whole number") from None


def _part(value: _Number) -> float:
    part = float(value or 0)
    if not 0 <= part <= 1000:
        raise ValueError(f"{value} is no part of a machine")
    return part


def _beside(path: Path) -> Path:
    beside = path.with_name(path.name.replace("collection_events", "instance_events"))
    if beside != path and beside.is_file():
        return beside
    raise refuse(
        "trace.companion",
        file=str(path), what="the table instance_events",
        advice="The trace's option `companion` names it.",
    )  # fmt: skip
