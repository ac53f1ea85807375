"""Microsoft's Philly cluster as published: `cluster_job_log`, a JSON array with every attempt.

A job has `jobid`, `user`, `vc`, `status` (`Pass`, `Killed`, `Failed`), `submitted_time` and its
`attempts`, each with `start_time`, `end_time` and `detail`: the servers with their `gpus`. Its run
time is the sum of its attempts', its size that of the last attempt that tells it. Times name no
zone. Source: Jeon and others, USENIX ATC 2019.
"""

from collections.abc import Iterator

import msgspec

from hutong.sim.trace import chips, json_rows, source
from hutong.sim.trace.names import tenant_name
from hutong.sim.trace.reading import Reading, SortedJobs, TraceFile, TraceOptions, time_ms
from hutong.sim.workload import TraceEnd, TraceJob, Workload, WorkloadInfo

NAME = "philly-log"
_ENDS = {"Pass": TraceEnd.SUCCEEDED, "Killed": TraceEnd.CANCELLED, "Failed": TraceEnd.FAILED}
_NO_TIME = (None, "", "None")


class _Server(msgspec.Struct, frozen=True):
    ip: str
    gpus: list[str] = []


class _Attempt(msgspec.Struct, frozen=True):
    start_time: str | None = None
    end_time: str | None = None
    detail: list[_Server] = []


class _Job(msgspec.Struct, frozen=True):
    jobid: str
    vc: str
    status: str
    submitted_time: str | None
    user: str = ""
    attempts: list[_Attempt] = []


def recognise(head: str, name: str) -> bool:
    """Whether a file's begin looks like this format."""
    return head.lstrip().startswith("[") and '"jobid"' in head and '"vc"' in head


def open_file(file: TraceFile, options: TraceOptions) -> Workload:
    """Read the log, sort it by time and count times from its first job."""

    def parse(reading: Reading) -> Iterator[TraceJob]:
        return _jobs(reading, options.chip or chips.ANY)

    read = SortedJobs(file.reading(), parse, most=options.most_jobs)
    begin_ms = read.begin_ms - options.utc_offset_min * 60_000
    return Workload(WorkloadInfo(file.name, str(file.path), begin_ms), read)


def _jobs(reading: Reading, model: str) -> Iterator[TraceJob]:
    data = source.read_bytes(reading.path)
    rows = json_rows.array(reading.path, data, NAME)
    for job in rows.values(reading, _Job):
        if job.status not in _ENDS:
            reading.bad(rows.line, "status", job.status, f"it is none of {', '.join(_ENDS)}")
            continue
        try:
            made = _job(job, model)
        except ValueError as error:
            reading.bad(rows.line, "attempts", job.jobid, str(error))
            continue
        if isinstance(made, str):
            reading.leave_out(made, rows.line)
        else:
            yield made


def _job(job: _Job, model: str) -> TraceJob | str:
    """The job, or why it gives none. ValueError for times that cannot be."""
    times = [(item.start_time, item.end_time) for item in job.attempts]
    if not times or job.submitted_time in _NO_TIME:
        return "it never ran"
    if times[-1][1] in _NO_TIME:
        return "it had not ended"
    spans = [
        (time_ms(start), time_ms(end))
        for start, end in times
        if start and end and start not in _NO_TIME and end not in _NO_TIME
    ]
    sizes = [sum(len(server.gpus) for server in item.detail) for item in job.attempts]
    size = next((size for size in reversed(sizes) if size), 0)
    if not spans or not size:
        return "it never ran"
    if any(end < start for start, end in spans):
        raise ValueError("an attempt ends before it starts")
    submit_ms = time_ms(job.submitted_time or "")
    tasks, each = chips.gang(size)
    return TraceJob(
        job.jobid,
        submit_ms,
        sum(end - start for start, end in spans) or 1,
        tasks,
        accelerators=chips.needs(model, each * 1000),
        user=job.user,
        tenant=tenant_name(job.vc),
        partition=job.vc,
        waited_ms=max(spans[0][0] - submit_ms, 0),
        ended=_ENDS[job.status],
    )
