"""What changes with time beside a workload: spot capacity and the carbon of a grid, as curves.

Spot availability is SkyPilot's: JSON with `metadata.gap_seconds` and `data`, how many instances
could be had at each tick. Carbon is Electricity Maps': a CSV of hours with `Datetime (UTC)` and
`Carbon Intensity gCO₂eq/kWh (direct)` (or `(LCA)`).
"""

from pathlib import Path

import msgspec

from hutong.model.errors import refuse
from hutong.sim.trace import json_rows, source
from hutong.sim.trace.reading import MOST_COUNT, Column, TraceFile, time_ms
from hutong.sim.trace.tables import columns_at
from hutong.sim.world import Curve

TIME = "Datetime (UTC)"
DIRECT, LIFE_CYCLE = "direct", "LCA"
_MOST_GAP_S = 86_400 * 366
_MOST_G = 10_000


class _Meta(msgspec.Struct, frozen=True):
    gap_seconds: float


class _Spot(msgspec.Struct, frozen=True):
    metadata: _Meta
    data: list[int]


def read_spot(path: Path | str, *, nodes: int = 0) -> Curve:
    """How many spot nodes a provider would run, in steps from the trace's begin.

    With `nodes` a trace that only says yes or no (1 or 0) stands for so many.
    """
    path = Path(path)
    data = source.read_bytes(path)
    try:
        spot = msgspec.json.decode(data, type=_Spot)
    except msgspec.DecodeError as error:
        raise json_rows.malformed(path, data, "spot", error) from error
    gap_s = spot.metadata.gap_seconds
    if not 0 < gap_s <= _MOST_GAP_S or not spot.data:
        problem = f"the ticks are {gap_s} s apart and {len(spot.data)} in number"
        raise refuse("trace.malformed", file=str(path), format="spot", problem=problem)
    bad = next((at for at, count in enumerate(spot.data) if not 0 <= count <= MOST_COUNT), None)
    if bad is not None:
        problem = f"tick {bad} has {spot.data[bad]} instances"
        raise refuse("trace.malformed", file=str(path), format="spot", problem=problem)
    counts = [min(count, 1) * nodes for count in spot.data] if nodes else spot.data
    return _steps([(round(at * gap_s * 1000), count) for at, count in enumerate(counts)])


def read_carbon(
    path: Path | str, *, column: str = DIRECT, begin_unix_ms: int | None = None
) -> Curve:
    """Grams of CO2 a kWh, hour by hour, from the first hour, or from a Unix time within it.

    Hours before `begin_unix_ms` are left out, the one in which it lies begins the curve.
    """
    path = Path(path)
    name = f"Carbon Intensity gCO₂eq/kWh ({column})"
    columns = (Column(TIME, "time"), Column(name, "number", most=_MOST_G))
    points: list[tuple[int, int]] = []
    reading = TraceFile(path).reading()
    with reading.rows(quoted=True) as rows:
        at = columns_at(reading, rows, columns, "carbon")
        for row in rows:
            try:
                if len(row) != rows.width:
                    raise ValueError
                when_ms, grams = time_ms(row[at[0]]), float(row[at[1]])
                if not 0 <= grams <= _MOST_G:
                    raise ValueError
            except (ValueError, OverflowError):
                rows.bad(row)
                continue
            if points and when_ms <= points[-1][0]:
                reading.backwards(rows.line, TIME, row[at[0]])
                continue
            points.append((when_ms, round(grams)))
    if not points:
        raise refuse("trace.empty", file=str(path), skipped=0)
    first_ms = points[0][0] if begin_unix_ms is None else begin_unix_ms
    before = max((at for at, point in enumerate(points) if point[0] <= first_ms), default=None)
    if before is None or first_ms > points[-1][0] + 3_600_000:
        problem = f"the time {first_ms} ms lies outside of it"
        raise refuse("trace.malformed", file=str(path), format="carbon", problem=problem)
    return _steps([(max(when - first_ms, 0), grams) for when, grams in points[before:]])


def _steps(points: list[tuple[int, int]]) -> Curve:
    """A curve of the points at which the value is another than before."""
    kept = [point for at, point in enumerate(points) if at == 0 or point[1] != points[at - 1][1]]
    return Curve(tuple(when for when, _ in kept), tuple(value for _, value in kept))
