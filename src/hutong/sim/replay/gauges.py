"""Gauges: what runs, waits and is there, counted as it changes, for the samples."""

import numpy as np

from hutong.scheduler.columns import PoolColumns
from hutong.scheduler.supply import Supply
from hutong.sim.replay.record import Samples
from hutong.sim.replay.running import SimJob


class Gauges:
    """The counts as they are now. A sample is taken of what held since the last change."""

    def __init__(self, supply: Supply, samples: Samples) -> None:
        self.samples = samples
        self.running = 0
        self.waiting = 0
        self.waiting_milli = 0
        self.used_milli = 0
        self.used_cpu = 0
        self._supply = supply
        self._since_ms = 0
        self._ready_at: tuple[int, int, int] = (-1, -1, -1)
        self._ready: tuple[int, int] = (0, 0)
        self._stranded: dict[str, tuple[PoolColumns, int, int]] = {}

    def wait(self, job: SimJob, sign: int) -> None:
        """A job waits from now on (1), or no longer (-1)."""
        self.waiting += sign
        self.waiting_milli += sign * job.told.chips_milli

    def hold(self, job: SimJob, sign: int) -> None:
        """An attempt holds its nodes from now on (1), or no longer (-1)."""
        self.running += sign
        self.used_milli += sign * job.tasks * job.milli
        self.used_cpu += sign * job.tasks * job.trace.cpu_milli

    def pass_to(self, now_ms: int) -> None:
        """Time goes on; what held until now is noted if a sample is due."""
        if now_ms > self._since_ms and now_ms >= self.samples.due_ms:
            self.samples.add(self.values(max(self.samples.due_ms, self._since_ms)))
        self._since_ms = now_ms

    def values(self, at_ms: int) -> tuple[int, ...]:
        """The counts as of a time, in the order of `SAMPLES`."""
        ready_milli, ready_cpu = self._ready_now()
        return (
            at_ms, self.running, self.waiting, self.waiting_milli, self.used_milli,
            ready_milli, self.used_cpu, ready_cpu, self._stranded_now(),
        )  # fmt: skip

    def _ready_now(self) -> tuple[int, int]:
        """Chips and CPU of nodes that are up."""
        supply = self._supply
        mark = (supply.version, supply.availability, len(supply.booting))
        if mark != self._ready_at:
            milli = cpu = 0
            for columns in supply.order:
                nodes = int(np.count_nonzero(columns.ready))
                milli += nodes * int(columns.caps.sum(dtype=np.int64))
                cpu += nodes * columns.cpu_total
            for node in supply.booting:
                columns, _ = supply.nodes[node]
                milli -= int(columns.caps.sum(dtype=np.int64))
                cpu -= columns.cpu_total
            self._ready_at, self._ready = mark, (milli, cpu)
        return self._ready

    def _stranded_now(self) -> int:
        """Chips that are free where CPU or memory for a chip's share is not, in thousandths."""
        total = 0
        for columns in self._supply.order:
            known = self._stranded.get(columns.pool.id)
            if known is None or known[0] is not columns or known[1] != columns.version:
                known = (columns, columns.version, _stranded(columns))
                self._stranded[columns.pool.id] = known
            total += known[2]
        return total


def _stranded(columns: PoolColumns) -> int:
    chips = int(columns.caps.sum(dtype=np.int64))
    if not chips or not (columns.cpu_total or columns.mem_total):
        return 0
    # A product is many times faster than a sum over so few columns, and exact below 2**24.
    by_row = columns.chips.astype(np.float32) @ np.ones(len(columns.caps), np.float32)
    rows = np.flatnonzero((by_row > 0) & columns.ready)
    free = by_row[rows].astype(np.int64)
    usable = free
    if columns.cpu_total > 0:
        usable = np.minimum(usable, columns.free_cpu[rows].clip(0) * chips // columns.cpu_total)
    if columns.mem_total > 0:
        usable = np.minimum(usable, columns.free_mem[rows].clip(0) * chips // columns.mem_total)
    return int((free - usable).sum())
