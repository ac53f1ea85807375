"""The least that a job with a deadline can cost on spot capacity, if all is known beforehand.

The world is cut into ticks: in each a zone has a node or has none. A node costs its price from the
tick in which it is asked for, a cold start included; in the last tick of a cold start what is left
of the tick is work. Sure capacity is always there. Costs are parts of what the work alone costs on
sure capacity.
"""

from collections.abc import Sequence
from math import gcd
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from hutong.sim.bounds.compiled import fast

Ticks = NDArray[np.int8]
MS_PER_HOUR = 3_600_000
_UNITS_MOST = 20_000


class SpotTask(NamedTuple):
    """A job: its work, the time from its begin to its deadline, a cold start, the price of spot."""

    work_ms: int = 48 * MS_PER_HOUR
    within_ms: int = 52 * MS_PER_HOUR
    cold_ms: int = 720_000
    spot_milli: int = 300


class Availability(NamedTuple):
    """Whether zones have a node: `up[zone, tick]`, ticks of `tick_ms`."""

    names: tuple[str, ...]
    tick_ms: int
    up: Ticks

    def one(self, zone: int) -> "Availability":
        """The same of one zone alone."""
        return Availability((self.names[zone],), self.tick_ms, self.up[zone : zone + 1])

    def ticks_of(self, task: SpotTask) -> int:
        """Whole ticks from a job's begin to its deadline."""
        return task.within_ms // self.tick_ms

    def starts(self, task: SpotTask, every_ms: int) -> list[int]:
        """The ticks at which a job may begin so that the trace reaches its deadline."""
        last = self.up.shape[1] - self.ticks_of(task)
        return list(range(0, last + 1, max(every_ms // self.tick_ms, 1)))


class _Metadata(msgspec.Struct, frozen=True):
    gap_seconds: int


class _File(msgspec.Struct, frozen=True):
    metadata: _Metadata
    data: list[int]


def availability_of(files: Sequence[tuple[str, bytes]]) -> Availability:
    """Traces of zones, as JSON with `metadata.gap_seconds` and `data` (nodes at each tick).

    They are cut to the shortest. Raises `msgspec.DecodeError` for anything else, `ValueError`
    where their ticks differ.
    """
    read = [msgspec.json.decode(content, type=_File) for _name, content in files]
    gaps = {one.metadata.gap_seconds for one in read}
    if len(gaps) != 1:
        raise ValueError("the traces of the zones have ticks of different length")
    length = min(len(one.data) for one in read)
    up = np.array([one.data[:length] for one in read]) > 0
    return Availability(
        tuple(name for name, _content in files), gaps.pop() * 1000, up.astype(np.int8)
    )


def without_cold_starts(zones: Availability, start: int, task: SpotTask) -> float:
    """The least cost if starting took no time: spot wherever there is any, the rest sure."""
    ticks = zones.ticks_of(task)
    up_ms = int(zones.up[:, start : start + ticks].max(axis=0).sum()) * zones.tick_ms
    on_spot = min(up_ms, task.work_ms)
    return (on_spot * task.spot_milli / 1000 + task.work_ms - on_spot) / task.work_ms


def optimum(zones: Availability, start: int, task: SpotTask) -> float:
    """The least cost of a job that begins at a tick, moving between zones as it likes.

    A shortest path over ticks, places and work left; a cold start that is broken off helps nobody,
    so that a start is one step to its end. Work is counted in units of which a tick has a whole
    number; where that would be too many, rounding is to the job's advantage.
    """
    unit = gcd(zones.tick_ms, task.cold_ms, task.work_ms)
    unit = max(unit, task.work_ms // _UNITS_MOST)
    tick = -(-zones.tick_ms // unit)
    ticks = zones.ticks_of(task)
    up = np.ascontiguousarray(zones.up[:, start : start + ticks])
    cost = fast(_shortest)(
        up, tick, task.cold_ms // unit, task.work_ms // unit, task.spot_milli / 1000
    )
    return float(cost) * zones.tick_ms / task.work_ms


def _shortest(up: Ticks, tick: int, cold: int, work: int, price: float) -> float:
    """The least ticks' worth of sure capacity; `cost[tick, place, left]`, backwards in time.

    Places: 0 nowhere, 1 sure capacity, 2 and above the zones. Only the layers that a cold start
    reaches over are kept.
    """
    zones, ticks = up.shape
    whole = cold // tick
    first = tick - (cold - whole * tick)
    layers = whole + 2
    cost = np.full((layers, zones + 2, work + 1), np.float32(1e18), dtype=np.float32)
    cost[:, :, 0] = 0
    ahead = np.zeros(zones, dtype=np.int64)
    for t in range(ticks - 1, -1, -1):
        here, after, started = t % layers, (t + 1) % layers, (t + whole + 1) % layers
        base = cost[here, 0]
        for left in range(1, work + 1):
            base[left] = cost[after, 0, left]
        for place in range(1, zones + 2):
            if place > 1:
                ahead[place - 2] = ahead[place - 2] + 1 if up[place - 2, t] else 0
            can = t + whole < ticks if place == 1 else ahead[place - 2] > whole
            if can:
                paid = np.float32((1.0 if place == 1 else price) * (whole + 1))
                for left in range(1, work + 1):
                    base[left] = min(base[left], paid + cost[started, place, max(left - first, 0)])
        for place in range(1, zones + 2):
            rate = np.float32(1.0 if place == 1 else price)
            can = place == 1 or up[place - 2, t] > 0
            for left in range(1, work + 1):
                best = base[left]
                if can:
                    best = min(best, rate + cost[after, place, max(left - tick, 0)])
                cost[here, place, left] = best
    return float(cost[0, 0, work])
