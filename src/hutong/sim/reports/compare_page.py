"""A comparison as one page and as files."""

from collections.abc import Sequence
from pathlib import Path

from hutong.sim.reports import shown, svg
from hutong.sim.reports.compare import Comparison, Difference, Side, Unit, Verdict
from hutong.sim.reports.folder import write_whole
from hutong.sim.reports.page import TITLES
from hutong.sim.reports.paper import cards, frame, section, sentences, table

WORDS = {
    Verdict.SAME: "equal",
    Verdict.WITHIN: "within the spread",
    Verdict.BEYOND: "beyond the spread",
    Verdict.CLEAR: "clearly beyond the spread",
    Verdict.UNKNOWN: "spread unknown",
    Verdict.ABSENT: "no figure",
}


def quantity(value: float | None, unit: Unit) -> str:
    """A value in its unit."""
    if value is None:
        return "-"
    match unit:
        case Unit.MS:
            return shown.duration(value)
        case Unit.PART:
            return shown.percent(value)
        case Unit.MICROCNY:
            return shown.money(value)
        case Unit.MWH | Unit.MG:
            return shown.number(value / shown.MICRO)
        case Unit.RATIO | Unit.COUNT | Unit.HOURS:
            return shown.number(value)


def change(one: Difference) -> str:
    """The difference in its unit, with a sign."""
    if one.difference is None:
        return "-"
    words = quantity(one.difference, one.unit)
    return words if one.difference <= 0 or words == "0" else f"+{words}"


def relative(one: Difference) -> str:
    """The difference as a part of A, with a sign; `-` where A is nothing."""
    return "-" if one.relative is None else f"{one.relative * 100:+.1f}%"


def comparison_page(comparison: Comparison) -> str:
    """The page as text."""
    a, b = comparison.a, comparison.b
    beyond = [one for one in comparison.figures if one.beyond]
    better = [sum(one.favours == side for one in beyond) for side in ("A", "B")]
    lead = f'<p class="soft">{_side("A", a)}</p><p class="soft">{_side("B", b)}</p>'
    pairs = [
        ("figures beyond the spread", str(len(beyond))),
        (f"of them for A, {a.name}", str(better[0])),
        (f"of them for B, {b.name}", str(better[1])),
        ("pairs of seeds", str(comparison.pairs) if comparison.pairs else "-"),
    ]
    body = [
        cards(pairs),
        section("What to know", sentences((*comparison.notes, _method(comparison))), kind="wide"),
        '<div class="grid2">\n',
        _chart(comparison.figures),
        section("All figures", _table(comparison.figures), kind="wide long"),
        *(
            section(f"By {TITLES[label].lower()}", _table(found), kind="wide long")
            for label, found in comparison.groups.items()
        ),
        "</div>\n",
    ]
    return frame(f"{a.name} and {b.name}, compared", lead, body)


def write_comparison_html(path: Path, comparison: Comparison) -> None:
    """Write a comparison as one page. Raises `report.unwritable`."""
    page = comparison_page(comparison).encode()
    write_whole(path, lambda file: file.write(page))


def _method(comparison: Comparison) -> str:
    if not comparison.test:
        return "Whether any of it is more than the seeds' spread cannot be told."
    return (
        f"{comparison.test}: beyond the spread is p below 5 %, which one figure in twenty is by "
        "chance; clearly is after Holm's correction for all figures of a table."
    )


def _side(letter: str, side: Side) -> str:
    parts = (side.scenarios, side.workloads, side.profiles, side.modes)
    words = list(dict.fromkeys(", ".join(part) for part in parts if any(part)))
    runs = shown.counted(side.runs, "run")
    return svg.text(f"{letter}: {side.name} · {' · '.join(words)} · {runs}")


def _chart(figures: Sequence[Difference]) -> str:
    rows = []
    for one in figures:
        # What is equal, or many times as much, would leave no room for the rest.
        if one.relative is None or one.a is None or not one.difference or abs(one.relative) > 3:
            continue
        base = abs(one.a)
        style = ""
        if one.favours:
            style = "good" if one.favours == "B" else "bad"
        low, high = (
            None if end is None else max(min(end / base, 3.0), -3.0) for end in (one.low, one.high)
        )
        words = f"{relative(one)}, {WORDS[one.verdict]}"
        rows.append(svg.Interval(one.title, one.relative, low, high, words, style))
    note = (
        "B less A, as a part of A, with 95 % intervals. Green: B is better beyond the spread of "
        "seeds; red: worse; grey: within it, or not known. Differences of more than three times A "
        "are in the table alone."
    )
    chart = svg.intervals("Differences", rows, _sign)
    return section("How B differs", chart, note=note, kind="wide")


def _sign(part: float) -> str:
    return f"{part * 100:+.0f}%" if abs(part) >= 0.005 else "0%"


def _table(figures: Sequence[Difference]) -> str:
    rows: list[list[str | tuple[str, str]]] = [
        [
            one.title,
            quantity(one.a, one.unit),
            quantity(one.b, one.unit),
            change(one),
            relative(one),
            _interval(one),
            shown.chance(one.p),
            (WORDS[one.verdict], {"A": "bad", "B": "good"}.get(one.favours, "soft")),
        ]
        for one in figures
    ]
    return table(("", "A", "B", "B - A", "", "95 % interval", "p", "verdict"), rows)


def _interval(one: Difference) -> str:
    if one.low is None or one.high is None:
        return "-"
    return f"{quantity(one.low, one.unit)} to {quantity(one.high, one.unit)}"
