"""The hand-made traces beside this file, and how tests change and read them."""

import gzip
from collections.abc import Sequence
from pathlib import Path

import pytest

from hutong.model.errors import HutongError
from hutong.sim.trace import Skipped, TraceOptions, open_trace
from hutong.sim.workload import TraceJob, Workload

FOLDER = Path(__file__).parent / "samples"
BY_FORMAT = {
    "acme": "acme_kalos.csv",
    "gaia": "gaia_hours.csv",
    "gavel": "gavel.trace",
    "google": "collection_events.csv",
    "helios": "helios.csv",
    "kubernetes": "kubernetes.json",
    "muri": "muri.csv",
    "openb": "openb_pods.csv",
    "pai": "pai_task_table.csv",
    "pai-simulator": "pai_simulator.csv",
    "philly": "philly.csv",
    "philly-log": "philly_log.json",
    "sacct": "sacct.txt",
    "swf": "small.swf",
}

FORMAT_OF = {
    **{sample: name for name, sample in BY_FORMAT.items()},
    "collection_events.json": "google",
}


def text_of(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def opened(name: str, *, skip_bad: bool = False, **options: object) -> Workload:
    return open_trace(FOLDER / name, skip_bad=skip_bad, options=TraceOptions(**options))


def jobs_of(workload: Workload) -> dict[str, TraceJob]:
    return {job.name: job for job in workload.jobs}


def skipped(workload: Workload) -> Skipped:
    return workload.jobs.skipped


def written(folder: Path, name: str, lines: Sequence[str]) -> Path:
    """A trace of some lines; with `.gz` behind its name it is compressed."""
    path = folder / name
    text = "\n".join(lines) + "\n"
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, encoding="utf-8")
    return path


def refusal(path: Path, format: str = "auto", **options: object) -> HutongError:
    """The error that reading a trace to its end comes to."""
    with pytest.raises(HutongError) as caught:
        list(open_trace(path, format, options=TraceOptions(**options)).jobs)
    return caught.value
