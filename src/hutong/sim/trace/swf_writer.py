"""Workloads written in the Standard Workload Format, for programs that read nothing else.

A task counts as one processor for each CPU that it asks for, at least one, and a job without a
number for its name gets its place from 1. What the format has no column for (chips, memory of a
machine, deadlines) is left away; times are cut to whole seconds.
"""

from collections.abc import Iterator

from hutong.sim.workload import TraceEnd, TraceJob, Workload, WorkloadInfo

_STATUS = {TraceEnd.SUCCEEDED: 1, TraceEnd.FAILED: 0, TraceEnd.CANCELLED: 5}


class _Numbers(dict[str, int]):
    """Numbers for names: the one that a name ends in (`u12`) where it is free, else the next."""

    def __init__(self, prefix: str) -> None:
        super().__init__()
        self._prefix = prefix
        self._taken: dict[int, None] = {}

    def __missing__(self, name: str) -> int:
        own = name.removeprefix(self._prefix)
        number = int(own) if own.isascii() and own.isdigit() and len(own) < 10 else len(self) + 1
        while number in self._taken:
            number += 1
        self._taken[number] = None
        self[name] = number
        return number


def swf_lines(workload: Workload) -> Iterator[str]:
    """The lines of a log, each with its end, header first."""
    yield from _header(workload.info)
    names, users, groups, queues = (_Numbers(prefix) for prefix in ("", "u", "g", "q"))
    for job in workload.jobs:
        processors = job.tasks * max(-(-job.cpu_milli // 1000), 1)
        columns = (
            names[job.name],
            job.submit_ms // 1000,
            _seconds(job.waited_ms),
            job.run_ms // 1000,
            processors,
            -1,
            -1,
            processors,
            _seconds(job.estimate_ms),
            -1,
            _STATUS[job.ended],
            users[job.user] if job.user else -1,
            -1 if job.tenant == "default" else groups[job.tenant],
            -1,
            queues[job.partition] if job.partition else -1,
            -1,
            names[job.after] if job.after else -1,
            _think(job),
        )
        yield " ".join(map(str, columns)) + "\n"


def _header(info: WorkloadInfo) -> Iterator[str]:
    lines = {
        "Version": "2.2",
        "Computer": info.name,
        "UnixStartTime": str(info.begin_unix_ms // 1000) if info.begin_unix_ms else "",
        "MaxNodes": str(info.nodes) if info.nodes else "",
        "MaxProcs": str(info.processors) if info.processors else "",
    }
    for name, value in lines.items():
        if value:
            yield f"; {name}: {' '.join(value.split())}\n"


def _seconds(time_ms: int | None) -> int:
    return -1 if time_ms is None or time_ms < 0 else time_ms // 1000


def _think(job: TraceJob) -> int:
    return job.think_ms // 1000 if job.after else -1
