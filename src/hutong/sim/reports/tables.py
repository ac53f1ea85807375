"""Reports and comparisons as tables in a terminal of 80 columns."""

from collections.abc import Callable, Sequence

from rich.cells import cell_len
from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from hutong.sim.reports import shown
from hutong.sim.reports.compare import Comparison, Difference, Side, Verdict
from hutong.sim.reports.compare_page import change, quantity, relative
from hutong.sim.reports.jobs import MS_PER_H
from hutong.sim.reports.page import TITLES
from hutong.sim.reports.values import Figures, Group, Report, Use

ROWS_AT_MOST = 12
GAP = 2
LABELS = ("priority", "tenant", "accelerator", "site")
_MARKS = {
    Verdict.SAME: ("equal", "dim"),
    Verdict.WITHIN: ("within spread", "dim"),
    Verdict.BEYOND: ("differs", "bold"),
    Verdict.CLEAR: ("differs *", "bold"),
    Verdict.UNKNOWN: ("unknown", "yellow"),
    Verdict.ABSENT: ("-", "dim"),
}
Cell = str | tuple[str, str]


def print_report(report: Report, console: Console, *, labels: Sequence[str] = LABELS) -> None:
    """Print a report; `labels` are those that jobs are shown by, where there are several."""
    facts = report.facts
    words = (facts.scenario, facts.workload, facts.profile, facts.mode, f"seed {facts.seed}")
    _line(console, " · ".join(dict.fromkeys(word for word in words if word)), "bold")
    jobs = shown.counted(report.jobs, "job")
    _line(console, f"{jobs}, makespan {shown.duration(report.makespan_ms)}: {_endings(report)}")
    for note in report.notes:
        _line(console, f"- {note}", "dim")
    if not report.jobs:
        return
    _figures(report, console)
    _machines(report, console)
    _facts(report, console)
    for label in labels:
        groups = report.by.get(label, ())
        if len(groups) > 1 or (groups and label == "priority"):
            _groups(label, groups, console)
    _tenants(report, console)


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Print a comparison: every figure, then the groups that differ."""
    for letter, side in (("A", comparison.a), ("B", comparison.b)):
        _line(console, f"{letter}  {_side(side)}", "bold")
    method = f"{comparison.test}, at 5 %" if comparison.test else "one run a side"
    pairs = f", {comparison.pairs} pairs" if comparison.pairs else ""
    _line(console, f"{method}{pairs}")
    for note in comparison.notes:
        _line(console, f"- {note}", "dim")
    _differences("FIGURE", comparison.figures, console)
    for label, found in comparison.groups.items():
        moved = [one for one in found if one.difference]
        if moved:
            _differences(TITLES[label].upper(), moved, console)
    beyond = [one for one in comparison.figures if one.beyond]
    console.print()
    if comparison.test:
        a, b = (sum(one.favours == side for one in beyond) for side in ("A", "B"))
        _line(
            console,
            f"{len(beyond)} of {len(comparison.figures)} figures differ by more than the seeds' "
            f"spread (p below 5 %): {b} better in B, {a} better in A. By chance one in twenty "
            "would; those with a * hold against all looks at their table together.",
        )
    else:
        _line(console, "Whether any of it is more than the seeds' spread cannot be told.")


def _figures(report: Report, console: Console) -> None:
    fairness = report.fairness
    rows: list[tuple[str, Figures, Callable[[float], str]]] = [
        ("wait", report.wait_ms, shown.duration),
        ("completion", report.completion_ms, shown.duration),
        ("bounded slowdown", report.bounded_slowdown, shown.number),
        ("waited, not started", report.waiting_ms, shown.duration),
        ("rho, fair share", fairness.share.figures, shown.number),
        ("rho, isolated", fairness.isolated.figures, shown.number),
    ]
    if fairness.alone:
        rows.append(("rho, alone", fairness.alone.figures, shown.number))
    if report.deadlines.late_ms.jobs:
        rows.append(("late", report.deadlines.late_ms, shown.duration))
    table(
        console,
        ("FIGURE", "MEAN", "P50", "P95", "P99", "MOST", "JOBS"),
        [
            [name, *_values(figures, words), shown.whole(figures.jobs)]
            for name, figures, words in rows
            if figures.jobs
        ],
    )


def _values(figures: Figures, words: Callable[[float], str]) -> list[str]:
    values = (figures.mean, figures.p50, figures.p95, figures.p99, figures.most)
    return [words(value) for value in values]


def _machines(report: Report, console: Console) -> None:
    machines = report.machines

    def row(name: str, use: Use) -> list[Cell]:
        parts = (use.allocation, use.utilisation, use.idle_while_waiting)
        units = (use.ready, use.used, use.peak)
        return [name, *map(shown.number, units), *map(shown.percent, parts)]

    rows = [
        row(name, use)
        for name, use in (("accelerators", machines.accelerators), ("CPUs", machines.cpus))
        if use.ready
    ]
    table(console, ("MACHINES", "READY", "HELD", "PEAK", "ALLOC", "UTIL", "IDLE, WAITED"), rows)


def _facts(report: Report, console: Console) -> None:
    machines, moves, deciding = report.machines, report.moves, report.deciding
    queue = (
        f"{shown.number(machines.waiting_jobs)} on average, {machines.waiting_jobs_most:,} at most"
    )
    stranded = (
        f"{shown.percent(machines.stranded)} of chips, "
        f"{shown.percent(machines.fragmentation)} of the free"
    )
    fair = f"share error {shown.percent(report.fairness.share_error)}, "
    fair += f"Jain {report.fairness.jain:.3f}"
    bill = (
        f"{shown.money(report.bill.cost_microcny)} CNY, "
        f"{shown.energy(report.bill.energy_mwh)} kWh, {shown.carbon(report.bill.carbon_mg)} kgCO2e"
    )
    moved = (
        f"{shown.counted(moves.preemptions, 'preemption')} of "
        f"{shown.counted(moves.preempted_jobs, 'job')}, {shown.percent(moves.lost)} of work lost"
    )
    cycles = (
        f"{deciding.cycles:,} cycles of {deciding.p50_us / 1000:.1f}ms (p50), "
        f"{deciding.p99_us / 1000:.1f}ms (p99); "
        f"{shown.number(deciding.jobs_per_cpu_s)} jobs a CPU second"
    )
    due, beliefs = report.deadlines, report.beliefs
    told = (
        f"{beliefs.source}, {shown.percent(beliefs.within_2x)} within a factor of two, "
        f"median told/true {beliefs.ratio.p50:.2f}"
    )
    pairs = [
        ("queue", queue if machines.accelerators.ready or machines.cpus.ready else ""),
        ("stranded", stranded if machines.accelerators.ready else ""),
        ("fairness", fair if report.fairness.tenants_in_all > 1 else ""),
        ("bill", bill),
        ("bought", _bought(report)),
        ("moves", moved),
        ("deadlines", f"{due.kept:,} of {due.jobs:,} kept" if due.jobs else ""),
        ("told", told if beliefs.told else ""),
        ("deciding", cycles if deciding.cycles else ""),
    ]
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, words in pairs:
        if words:
            grid.add_row(name, _text(words))
    console.print()
    console.print(grid)


def _bought(report: Report) -> str:
    if not report.offers:
        return ""
    hours = sum(offer.node_ms for offer in report.offers) / MS_PER_H
    nodes = sum(offer.started_count for offer in report.offers)
    paid = shown.money(sum(offer.cost_microcny for offer in report.offers))
    return (
        f"{shown.counted(nodes, 'node')} for {shown.number(hours)} hours, {paid} CNY to providers"
    )


def _groups(label: str, groups: Sequence[Group], console: Console) -> None:
    head = (TITLES[label].upper(), "JOBS", "WAIT", "P50", "P99", "COMPLETION", "SLOWDOWN", "CNY")
    rows = [
        [
            group.name,
            shown.whole(group.jobs),
            *(
                shown.duration(value) if group.wait_ms.jobs else "-"
                for value in (group.wait_ms.mean, group.wait_ms.p50, group.wait_ms.p99)
            ),
            shown.duration(group.completion_ms.mean) if group.completion_ms.jobs else "-",
            shown.number(group.bounded_slowdown.mean) if group.bounded_slowdown.jobs else "-",
            shown.money(group.bill.cost_microcny),
        ]
        for group in groups[:ROWS_AT_MOST]
    ]
    table(console, head, rows)
    _rest(console, len(groups) - len(rows))


def _tenants(report: Report, console: Console) -> None:
    fairness = report.fairness
    if fairness.tenants_in_all < 2:
        return
    alone = any(one.alone for one in fairness.tenants)
    head = ["SHARES", "ENTITLED", "GOT", "DESERVED", "TOO LITTLE", "RHO", "RHO P99"]
    rows = []
    for one in fairness.tenants[:ROWS_AT_MOST]:
        row = [one.tenant, *map(shown.percent, (one.entitled, one.got, one.deserved, one.under))]
        row += [shown.number(v) if one.rho.jobs else "-" for v in (one.rho.mean, one.rho.p99)]
        if alone:
            row.append(shown.number(one.alone.rho.mean) if one.alone else "-")
        rows.append(row)
    table(console, [*head, *(["ALONE"] if alone else [])], rows)
    _rest(console, fairness.tenants_in_all - len(rows))


def _differences(title: str, found: Sequence[Difference], console: Console) -> None:
    rows: list[list[Cell]] = []
    for one in found:
        words, style = _MARKS[one.verdict]
        if one.favours:
            star = " *" if one.verdict is Verdict.CLEAR else ""
            words = f"{one.favours} better{star}"
            style = "green" if one.favours == "B" else "red"
        values = (quantity(one.a, one.unit), quantity(one.b, one.unit))
        rows.append(
            [one.title, *values, change(one), relative(one), shown.chance(one.p), (words, style)]
        )
    table(console, (title, "A", "B", "B - A", "", "P", "VERDICT"), rows)


def table(console: Console, head: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
    """Print rows in columns; of the first column what is too long is cut."""
    if not rows:
        return
    drawn = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style="bold")
    widths = [
        max(cell_len(words) for words in (name, *(_words(row[place]) for row in rows)))
        for place, name in enumerate(head)
    ]
    # Only words give way where a line is short; a number that is cut is another number.
    room = console.width - sum(widths[1:]) - GAP * len(widths)
    widths[0] = max(min(widths[0], room), 8)
    for place, (name, width) in enumerate(zip(head, widths, strict=True)):
        justify: JustifyMethod = "right" if place else "left"
        drawn.add_column(
            name, justify=justify, no_wrap=True, overflow="ellipsis", width=width, min_width=width
        )
    for row in rows:
        first, *rest = row
        drawn.add_row(_text(_fit(first, widths[0])), *(_text(cell) for cell in rest))
    console.print()
    console.print(drawn)


def _fit(cell: Cell, width: int) -> Cell:
    """Cut a path at its front, because its end tells more; what is left to cut is cut behind."""
    words = _words(cell)
    if "/" not in words or cell_len(words) <= width:
        return cell
    while words and cell_len(words) >= width:
        words = words[1:]
    return f"…{words}" if isinstance(cell, str) else (f"…{words}", cell[1])


def _words(cell: Cell) -> str:
    return shown.printable(cell if isinstance(cell, str) else cell[0])


def _text(cell: Cell) -> Text:
    words, style = (cell, "") if isinstance(cell, str) else cell
    return Text(shown.printable(words), style=style)


def _line(console: Console, words: str, style: str = "") -> None:
    console.print(Text(shown.printable(words), style=style))


def _rest(console: Console, count: int) -> None:
    if count > 0:
        _line(console, f"and {count:,} more", "dim")


def _endings(report: Report) -> str:
    words = [f"{count:,} {name.replace('_', ' ')}" for name, count in report.endings.items()]
    return ", ".join(words) or "nothing ran"


def _side(side: Side) -> str:
    parts = (side.scenarios, side.workloads, side.profiles, side.modes)
    words = dict.fromkeys(", ".join(part) for part in parts if any(part))
    return f"{side.name} · {' · '.join(words)} · {shown.counted(side.runs, 'run')}"
