"""Alibaba's cluster-trace-gpu-v2023 (openb): pods on a shared cluster, and the cluster's nodes.

Pods: `name`, `cpu_milli`, `memory_mib`, `num_gpu`, `gpu_milli` (of each chip: 1000, or less where
`num_gpu` is 1), `gpu_spec` (models joined by `|`, empty for any), `qos`, `pod_phase`,
`creation_time`, `deletion_time`, `scheduled_time` in seconds. All but the first five may be
missing: such pods come a second apart and stay. Nodes: `sn`, `cpu_milli`, `memory_mib`, `gpu`,
`model`. Source: Weng and others, USENIX ATC 2023.
"""

from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path

from hutong.model.classes import LOW, NORMAL
from hutong.model.resources import AcceleratorNeed, Amount
from hutong.model.supply import Inventory
from hutong.sim.trace import chips
from hutong.sim.trace.node_list import NodeList
from hutong.sim.trace.reading import (
    MOST_COUNT,
    MOST_S,
    Column,
    Reading,
    SortedJobs,
    TraceFile,
    TraceOptions,
)
from hutong.sim.trace.tables import columns_at, header_has
from hutong.sim.workload import TraceEnd, TraceJob, Workload, WorkloadInfo

NAME = "openb"
STAYS_MS = 365 * 86_400_000
"""The run time of pods of which no end is known."""

APART_MS = 1000
_COLUMNS = (
    Column("name", "text"),
    Column("cpu_milli", most=MOST_COUNT),
    Column("memory_mib", most=MOST_COUNT),
    Column("num_gpu", most=MOST_COUNT),
    Column("gpu_milli", most=1000),
    Column("gpu_spec", "text", empty=True),
    Column("qos", "text", empty=True),
    Column("pod_phase", "text", empty=True),
    Column("creation_time", "number", empty=True),
    Column("deletion_time", "number", empty=True),
    Column("scheduled_time", "number", empty=True),
)
_NODE_COLUMNS = (
    Column("sn", "text"),
    Column("cpu_milli", most=MOST_COUNT),
    Column("memory_mib", most=MOST_COUNT),
    Column("gpu", most=MOST_COUNT),
    Column("model", "text"),
)
_ENDS = {"Failed": TraceEnd.FAILED, "Pending": TraceEnd.CANCELLED}
_CLASSES = {"BE": LOW}


def recognise(head: str, name: str) -> bool:
    """Whether a file's begin looks like this format."""
    return header_has(head, "name", "cpu_milli", "memory_mib", "num_gpu", "gpu_milli")


def open_file(file: TraceFile, options: TraceOptions) -> Workload:
    """Read the pods and sort them by their creation."""

    def parse(reading: Reading) -> Iterator[TraceJob]:
        return _Pods(reading).jobs()

    jobs = SortedJobs(file.reading(), parse, most=options.most_jobs)
    return Workload(WorkloadInfo(file.name, str(file.path)), jobs)


class _Pods:
    """One way through a list of pods."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._needs: dict[tuple[str, int], tuple[AcceleratorNeed, ...]] = {}

    def jobs(self) -> Iterator[TraceJob]:
        """Go through it."""
        reading = self._reading
        with reading.rows() as rows:
            # A column that the file does not have is at -1, where an empty one is put.
            pick = itemgetter(*columns_at(reading, rows, _COLUMNS, NAME))
            for number, row in enumerate(rows):
                try:
                    if len(row) != rows.width:
                        raise ValueError
                    job = self._job(pick((*row, "")), number, rows.line)
                except (ValueError, OverflowError):
                    rows.bad(row)
                    continue
                if job is not None:
                    yield job

    def _job(self, row: tuple[str, ...], number: int, line: int) -> TraceJob | None:
        name, cpu, memory, count, milli, spec, qos, phase, created, deleted, scheduled = row
        cpu_milli, memory_mib, chip_count = int(cpu), int(memory), int(count)
        chip_milli = int(milli) if chip_count == 1 else chip_count * 1000
        if created:
            submit_s, end_s = float(created), float(deleted)
            start_s = float(scheduled) if scheduled else submit_s
            submit_ms, run_ms = int(submit_s * 1000), int((end_s - start_s) * 1000) or 1
            waited_ms = int((start_s - submit_s) * 1000) if scheduled else -1
        else:
            submit_s, submit_ms, run_ms, waited_ms = 0, number * APART_MS, STAYS_MS, -1
        if not (
            0 <= cpu_milli <= MOST_COUNT and 0 <= memory_mib <= MOST_COUNT
            and 0 <= chip_milli <= MOST_COUNT and 0 <= submit_s <= MOST_S and run_ms > 0
            and int(milli) <= 1000
        ):  # fmt: skip
            raise ValueError
        key = (spec, chip_milli)
        needs = self._needs.get(key)
        if needs is None:
            needs = self._chips(spec, chip_milli, line)
            if needs is None:
                return None
            self._needs[key] = needs
        return TraceJob(
            name,
            submit_ms,
            run_ms,
            1,
            cpu_milli,
            memory_mib,
            needs,
            priority=_CLASSES.get(qos, NORMAL),
            partition="",
            waited_ms=waited_ms,
            ended=_ENDS.get(phase, TraceEnd.SUCCEEDED),
        )

    def _chips(self, spec: str, chip_milli: int, line: int) -> tuple[AcceleratorNeed, ...] | None:
        """The chips that a pod takes; None where the catalogue does not know one."""
        if not chip_milli:
            return ()
        models: dict[str, None] = {}
        for word in spec.split("|"):
            model = chips.model_of(word) if word else chips.ANY
            if model is None:
                self._reading.unknown_chip(line, word)
                return None
            models[model] = None
        return tuple(chips.need(model, chip_milli) for model in models)


def read_nodes(path: Path, site: str = "openb") -> Inventory:
    """A list of nodes as what a site has: a pool for each shape of node."""
    nodes = NodeList(site)
    reading = TraceFile(path).reading()
    with reading.rows() as rows:
        at = columns_at(reading, rows, _NODE_COLUMNS, "openb-nodes")
        for row in rows:
            try:
                if len(row) != rows.width:
                    raise ValueError
                name, cpu_milli, memory_mib, count = row[at[0]], *(int(row[i]) for i in at[1:4])
                word = row[at[4]]
                if min(cpu_milli, memory_mib, count) < 0 or (count > 0) != (word != ""):
                    raise ValueError
            except ValueError:
                rows.bad(row)
                continue
            if not nodes.add(name, word, Amount(cpu_milli, memory_mib, count * 1000)):
                reading.unknown_chip(rows.line, word)
    return nodes.inventory()
