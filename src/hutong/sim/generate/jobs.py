"""What the generators of jobs share: a stream of blocks, and the jobs of a block."""

from collections.abc import Iterable, Iterator

from hutong.sim.generate.streams import Ints
from hutong.sim.workload import TraceJob, Workload, WorkloadInfo

COUNT = (1, 100_000_000)
"""The range of `jobs_count`."""


def workload(name: str, seed: int, jobs: Iterable[TraceJob], *, processors: int = 0) -> Workload:
    """A workload with what is known of a generated one."""
    info = WorkloadInfo(name, source=f"{name}, seed {seed}", processors=processors)
    return Workload(info, jobs)


def said(estimates_ms: Ints) -> Iterator[int | None]:
    """Estimates as jobs have them: None where nothing was said."""
    return (estimate_ms or None for estimate_ms in estimates_ms.tolist())


def limits(estimates_ms: Ints, runs_ms: Ints, *, ends: bool) -> list[int]:
    """Time limits: the estimates where `ends`, but none that would end a job before its run."""
    if not ends:
        return [0] * len(runs_ms)
    kept: list[int] = (estimates_ms * (estimates_ms >= runs_ms)).tolist()
    return kept
