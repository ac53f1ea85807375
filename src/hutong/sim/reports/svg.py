"""Charts as SVG text, drawn by hand: lines, areas, bars, a map of loads, intervals.

Colours are variables of the page's style sheet (`--s0` to `--s7` for series, `--ink`, `--soft`,
`--grid`), so that a chart follows the page into the dark and onto paper. All text is escaped here.
Decision record 0022 says why no library draws them.
"""

import math
from collections.abc import Callable, Sequence
from html import escape
from typing import NamedTuple

from hutong.sim.reports import shown

WIDTH = 640
SERIES_COLOURS = 8
Words = Callable[[float], str]


class Line(NamedTuple):
    """A curve. `step` holds each y until the next x; `fill` shades what is below."""

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    step: bool = False
    fill: bool = False


class Bar(NamedTuple):
    """A row of a bar chart, with a value for each series; `title` says more on hovering."""

    name: str
    values: Sequence[float]
    title: str = ""


class Interval(NamedTuple):
    """A row of an interval chart: a point and how far it may be off, and how to draw it."""

    name: str
    value: float
    low: float | None
    high: float | None
    words: str
    style: str = ""


class Axis(NamedTuple):
    """An axis from `low` to `high` with its ticks; `log` for a logarithmic one."""

    low: float
    high: float
    ticks: Sequence[float]
    words: Words
    log: bool = False

    def at(self, value: float) -> float:
        """Where on the axis a value lies, from 0 to 1."""
        if self.log:
            value, low, high = (math.log(max(v, self.low)) for v in (value, self.low, self.high))
        else:
            low, high = self.low, self.high
        return min(max((value - low) / (high - low), 0.0), 1.0) if high > low else 0.0


def text(words: str) -> str:
    """Text from elsewhere, safe to stand in a page."""
    return escape(shown.printable(words))


def linear(low: float, high: float, words: Words, *, count: int = 5) -> Axis:
    """A linear axis over at least the range, with round ticks."""
    if high <= low:
        high = low + 1
    raw = (high - low) / count
    scale = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * scale for factor in (1, 2, 2.5, 5, 10) if factor * scale >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return Axis(
        first * step, last * step, [place * step for place in range(first, last + 1)], words
    )


_MS = (
    1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000,
    7_200_000, 10_800_000, 21_600_000, 43_200_000, 86_400_000, 172_800_000, 604_800_000,
    1_209_600_000, 2_592_000_000, 7_776_000_000, 31_536_000_000,
)  # fmt: skip


def times(low_ms: float, high_ms: float, *, count: int = 6) -> Axis:
    """A linear axis of times, with ticks at whole minutes, hours, days."""
    raw = max(high_ms - low_ms, 1) / count
    if raw < _MS[0]:
        return linear(low_ms, high_ms, shown.duration, count=count)
    step = next((step for step in _MS if step >= raw), math.ceil(raw / _MS[-1]) * _MS[-1])
    first, last = math.ceil(low_ms / step), math.floor(high_ms / step)
    return Axis(low_ms, high_ms, [place * step for place in range(first, last + 1)], shown.duration)


def log_times(high_ms: float) -> Axis:
    """A logarithmic axis of durations from a second up."""
    marks = [1_000, 10_000, 60_000, 600_000, 3_600_000, 21_600_000, 86_400_000, 604_800_000]
    marks += [2_592_000_000, 31_536_000_000, 315_360_000_000]
    high = next((mark for mark in marks[1:] if mark >= high_ms), marks[-1])
    return Axis(1_000, high, [mark for mark in marks if mark <= high], shown.duration, log=True)


def lines(label: str, curves: Sequence[Line], x: Axis, y: Axis, *, height: int = 260) -> str:
    """Curves over a common pair of axes, with a legend where there are several."""
    frame = _Frame(58, 12, WIDTH - 70, height - 44)
    parts = [_grid(frame, x, y)]
    for place, curve in enumerate(curves):
        points = [
            (frame.x(x.at(at)), frame.y(y.at(value)))
            for at, value in zip(curve.xs, curve.ys, strict=True)
        ]
        path = _path(points, step=curve.step)
        if not path:
            continue
        colour = f"var(--s{place % SERIES_COLOURS})"
        title = f"<title>{text(curve.name)}</title>"
        if curve.fill:
            floor = frame.top + frame.height
            area = f"{path}L{points[-1][0]:.1f},{floor}L{points[0][0]:.1f},{floor}Z"
            parts.append(f'<path d="{area}" fill="{colour}" fill-opacity=".25">{title}</path>')
        dash = "" if place < SERIES_COLOURS else ' stroke-dasharray="5 3"'
        parts.append(
            f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.8" '
            f'stroke-linejoin="round"{dash}>{title}</path>'
        )
    legend = _legend([curve.name for curve in curves]) if len(curves) > 1 else ""
    return legend + _svg(label, height, parts)


def bars(
    label: str,
    rows: Sequence[Bar],
    series: Sequence[str],
    words: Words,
    *,
    mark: float | None = None,
) -> str:
    """Horizontal bars, a group a row; `mark` draws a line at a value that matters."""  # fmt: skip
    if not rows:
        return ""
    thick = 15 if len(series) == 1 else 13
    each = thick * len(series) + 10
    left, right = 150, 70
    width, height = WIDTH - left - right, each * len(rows) + 8
    most = max([*(value for row in rows for value in row.values), mark or 0.0]) or 1.0
    parts = []
    for place, row in enumerate(rows):
        top = place * each + 6
        middle = top + thick * len(series) / 2 + 4
        parts.append(
            f'<text x="{left - 8}" y="{middle:.0f}" text-anchor="end">{text(_cut(row.name, 20))}'
            f"<title>{text(row.title or row.name)}</title></text>"
        )
        for order, value in enumerate(row.values):
            long = max(value, 0.0) / most * width
            y = top + order * thick
            parts.append(
                f'<rect x="{left}" y="{y}" width="{max(long, 0.5):.1f}" height="{thick - 2}" '
                f'rx="2" fill="var(--s{order})">'
                f"<title>{text(row.name)}: {text(words(value))}</title></rect>"
                f'<text class="v" x="{left + long + 5:.1f}" y="{y + thick - 3}">'
                f"{text(words(value))}</text>"
            )
    if mark is not None:
        x = left + mark / most * width
        parts.append(f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{height}"/>')
    legend = _legend(series) if len(series) > 1 else ""
    return legend + _svg(label, height, parts)


def loads(label: str, rows: Sequence[tuple[str, Sequence[float], str]], x: Axis) -> str:
    """A row of cells a pool, each as dense as its part of one; with a title for the row."""
    if not rows:
        return ""
    left, each = 150, 18
    frame = _Frame(left, 4, WIDTH - left - 14, each * len(rows))
    parts = []
    for place, (name, cells, title) in enumerate(rows):
        top = frame.top + place * each
        parts.append(
            f'<text x="{left - 8}" y="{top + 12}" text-anchor="end">{text(_cut(name, 20))}'
            f"<title>{text(title)}</title></text>"
            f'<rect class="bed" x="{left}" y="{top + 1}" width="{frame.width}" '
            f'height="{each - 3}"/>'
        )
        for first, last, level in _runs(cells):
            begin = left + frame.width * first / len(cells)
            wide = frame.width * (last - first) / len(cells)
            parts.append(
                f'<rect x="{begin:.1f}" y="{top + 1}" width="{wide + 0.3:.1f}" height="{each - 3}" '
                f'fill="var(--s0)" fill-opacity="{level:.2f}">'
                f"<title>{text(name)}: {shown.percent(level)}</title></rect>"
            )
    bottom = frame.top + frame.height
    for tick in x.ticks:
        at = frame.x(x.at(tick))
        parts.append(
            f'<text x="{at:.1f}" y="{bottom + 15}" text-anchor="middle">'
            f"{text(x.words(tick))}</text>"
        )
    return _svg(label, bottom + 22, parts)


def intervals(label: str, rows: Sequence[Interval], words: Words) -> str:
    """A point and its interval a row, about a line at 0."""
    if not rows:
        return ""
    left, right, each = 170, 16, 22
    width = WIDTH - left - right
    ends = [value for row in rows for value in (row.value, row.low, row.high) if value is not None]
    axis = linear(min([*ends, 0.0]), max([*ends, 0.0]), words, count=6)
    bottom = each * len(rows) + 6
    parts = []
    for tick in axis.ticks:
        x = left + width * axis.at(tick)
        kind = "mark" if abs(tick) < 1e-12 else "grid"
        parts.append(
            f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{bottom}"/>'
            f'<text x="{x:.1f}" y="{bottom + 14}" text-anchor="middle">{text(words(tick))}</text>'
        )
    for place, row in enumerate(rows):
        y = place * each + 14
        x = left + width * axis.at(row.value)
        title = f"<title>{text(row.name)}: {text(row.words)}</title>"
        parts.append(
            f'<text x="{left - 8}" y="{y + 4}" text-anchor="end">{text(_cut(row.name, 26))}</text>'
        )
        if row.low is not None and row.high is not None:
            first, last = (left + width * axis.at(end) for end in (row.low, row.high))
            parts.append(
                f'<line class="span {row.style}" x1="{first:.1f}" x2="{last:.1f}" y1="{y}" '
                f'y2="{y}">'
                f"{title}</line>"
            )
        parts.append(f'<circle class="{row.style}" cx="{x:.1f}" cy="{y}" r="4">{title}</circle>')
    return _svg(label, bottom + 20, parts)


class _Frame(NamedTuple):
    left: float
    top: float
    width: float
    height: float

    def x(self, part: float) -> float:
        return self.left + part * self.width

    def y(self, part: float) -> float:
        return self.top + (1 - part) * self.height


def _grid(frame: _Frame, x: Axis, y: Axis) -> str:
    parts = []
    floor = frame.top + frame.height
    for tick in y.ticks:
        at = frame.y(y.at(tick))
        parts.append(
            f'<line class="grid" x1="{frame.left}" x2="{frame.left + frame.width}" y1="{at:.1f}" '
            f'y2="{at:.1f}"/><text x="{frame.left - 7}" y="{at + 4:.1f}" text-anchor="end">'
            f"{text(y.words(tick))}</text>"
        )
    for tick in x.ticks:
        at = frame.x(x.at(tick))
        parts.append(
            f'<line class="grid" x1="{at:.1f}" x2="{at:.1f}" y1="{floor}" y2="{floor + 4}"/>'
            f'<text x="{at:.1f}" y="{floor + 18}" text-anchor="middle">{text(x.words(tick))}</text>'
        )
    return "".join(parts)


def _path(points: Sequence[tuple[float, float]], *, step: bool) -> str:
    if not points:
        return ""
    path, last = f"M{points[0][0]:.1f},{points[0][1]:.1f}", points[0][1]
    for x, y in points[1:]:
        path += f"H{x:.1f}V{y:.1f}" if step and y != last else f"L{x:.1f},{y:.1f}"
        last = y
    return path


def _runs(cells: Sequence[float]) -> list[tuple[int, int, float]]:
    """Cells of the same level, in hundredths, as one; empty cells are left out."""
    runs: list[tuple[int, int, float]] = []
    for place, cell in enumerate(cells):
        level = round(min(max(cell, 0.0), 1.0), 2)
        if runs and runs[-1][1] == place and runs[-1][2] == level:
            runs[-1] = (runs[-1][0], place + 1, level)
        elif level:
            runs.append((place, place + 1, level))
    return runs


def _legend(names: Sequence[str]) -> str:
    items = "".join(
        f'<span><i style="background:var(--s{place % SERIES_COLOURS})"></i>{text(name)}</span>'
        for place, name in enumerate(names)
    )
    return f'<p class="legend">{items}</p>'


def _svg(label: str, height: float, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{text(label)}">'
        f"{''.join(parts)}</svg>"
    )


def _cut(words: str, size: int) -> str:
    """Shorten a name; of a path the end tells more."""
    if len(words) <= size:
        return words
    return f"…{words[1 - size :]}" if "/" in words else f"{words[: size - 1]}…"
