"""What the cases share: a folder of their own, a site that takes many small jobs, figures of a
process."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hutong.model.job import JobSpec, Program
from hutong.model.resources import TaskNeeds
from hutong.testing.fleet import Fleet

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


@contextmanager
def fleet() -> Iterator[Fleet]:
    """A hub in a folder that goes away afterwards."""
    folder = tempfile.TemporaryDirectory(prefix="hutong-bench-")
    with folder as name, Fleet(Path(name)) as made:
        made.start_hub()
        yield made


def site_text(name: str, *, cpus: int = 64, nodes: int = 1) -> str:
    """A site of CPU nodes; declared larger than the machine, so that the queue is what is tried."""
    return (
        f"site: {name}\nowner: bench\nregion: cn-beijing\njurisdiction: CN-BJ\n"
        f"pools:\n  - name: cpu\n    nodes: {nodes}\n    cpus: {cpus}\n    memory: 1024GiB\n"
        "    declared: true\n    price: {cpu_cny_per_hour: 0.1}\n"
    )


def true_job(number: int = 0) -> JobSpec:
    """A job that does nothing, at once."""
    needs = TaskNeeds(cpu_milli=1000, memory_mib=64)
    return JobSpec(name=f"true-{number}", program=Program(argv=("true",)), needs=needs)


def resident_mib(pid: int) -> float:
    """Resident memory of a process, in MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * PAGE / 1024 / 1024


def cpu_s(pid: int) -> float:
    """CPU seconds that a process has used, its ended children aside."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def tree(pid: int) -> list[int]:
    """A process and everything below it, whichever thread started it."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    children = [child for task in tasks for child in (task / "children").read_text().split()]
    return [pid, *(below for child in children for below in tree(int(child)))]
