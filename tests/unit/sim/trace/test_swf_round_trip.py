"""What is written in the Standard Workload Format reads back."""

from itertools import accumulate
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hutong.sim.trace import open_trace
from hutong.sim.trace.swf_writer import swf_lines
from hutong.sim.workload import TraceEnd, TraceJob, Workload, WorkloadInfo
from tests.unit.sim.trace.traces import BY_FORMAT, opened

SECONDS = st.integers(1, 10**7)


@st.composite
def workloads(draw: st.DrawFn) -> Workload:
    count = draw(st.integers(1, 12))
    submits = accumulate(draw(st.lists(st.integers(0, 10**5), min_size=count, max_size=count)))
    jobs = []
    for number, submit in enumerate(submits, 1):
        before = draw(st.integers(0, number - 1))
        jobs.append(
            TraceJob(
                str(number), submit * 1000, draw(SECONDS) * 1000, draw(st.integers(1, 64)), 1000,
                user=draw(st.sampled_from(["", "u0", "u3", "u12"])),
                tenant=draw(st.sampled_from(["default", "g0", "g7"])),
                partition=draw(st.sampled_from(["", "q0", "q4"])),
                estimate_ms=draw(st.none() | SECONDS.map(lambda s: s * 1000)),
                waited_ms=draw(st.just(-1) | SECONDS.map(lambda s: s * 1000)),
                ended=draw(st.sampled_from(list(TraceEnd))),
                after=str(before) if before else "",
                think_ms=draw(SECONDS) * 1000 if before else 0,
            )
        )  # fmt: skip
    info = WorkloadInfo("made", begin_unix_ms=draw(SECONDS) * 1000, processors=64, nodes=8)
    return Workload(info, jobs)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(workload=workloads())
def test_written_log_reads_back_as_the_same_jobs(tmp_path: Path, workload: Workload) -> None:
    path = tmp_path / "t.swf"
    path.write_text("".join(swf_lines(workload)))
    read = open_trace(path)
    assert list(read.jobs) == list(workload.jobs)
    kept = ("begin_unix_ms", "processors", "nodes")
    assert [getattr(read.info, name) for name in kept] == [
        getattr(workload.info, name) for name in kept
    ]


@pytest.mark.parametrize("sample", BY_FORMAT.values())
def test_trace_of_any_format_can_be_written_as_a_log(tmp_path: Path, sample: str) -> None:
    workload = opened(sample)
    path = tmp_path / "t.swf"
    path.write_text("".join(swf_lines(workload)))
    read = list(open_trace(path).jobs)
    assert [job.submit_ms for job in read] == [
        job.submit_ms // 1000 * 1000 for job in workload.jobs
    ]
    assert [bool(job.after) for job in read] == [bool(job.after) for job in workload.jobs]
