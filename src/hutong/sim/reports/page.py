"""A report as one page: charts and tables, without scripts, loading nothing."""

from collections.abc import Callable, Sequence

from hutong.sim.reports import shown, svg
from hutong.sim.reports.jobs import MS_PER_H
from hutong.sim.reports.paper import cards, frame, section, sentences, table
from hutong.sim.reports.values import Figures, Group, PoolLoad, Report

ROWS_AT_MOST = 25
BARS_AT_MOST = 16
BLANK = ("0", "0%", "-")
TITLES = {
    "tenant": "Tenant", "user": "User", "priority": "Class", "kind": "Kind",
    "partition": "Partition", "site": "Site", "pool": "Pool", "accelerator": "Chip",
}  # fmt: skip
ORDER = ("priority", "tenant", "accelerator", "site", "pool", "partition", "kind", "user")


def report_page(report: Report) -> str:
    """The page as text."""
    body = [
        _cards(report),
        section("What to know", sentences(report.notes), kind="wide"),
        '<div class="grid2">\n',
        _waits(report),
        _machines(report),
        _queue(report),
        _loads(report),
        *_tenants(report),
        *_sites(report),
        _figures(report),
        _use(report),
        _moves(report),
        _more(report),
        _offers(report),
        *(_by(name, report.by[name]) for name in ORDER if name in report.by),
        "</div>\n",
    ]
    return frame(_title(report), _lead(report), body)


def _title(report: Report) -> str:
    facts = report.facts
    return facts.scenario or facts.workload or "A simulated run"


def _lead(report: Report) -> str:
    facts = report.facts
    words = [
        ("workload", facts.workload),
        ("profile", facts.profile),
        ("run times", facts.mode),
        ("seed", str(facts.seed)),
    ]
    parts = [f"{name} {svg.text(value)}" for name, value in words if value]
    return f'<p class="soft">{" · ".join(parts)}</p>'


def _cards(report: Report) -> str:
    use = (
        report.machines.accelerators if report.machines.accelerators.ready else report.machines.cpus
    )
    word = "chips" if report.machines.accelerators.ready else "CPUs"
    pairs = [
        ("jobs", shown.whole(report.jobs)),
        ("makespan", shown.duration(report.makespan_ms)),
        ("mean wait", _value(report.wait_ms, shown.duration, "mean")),
        ("p99 wait", _value(report.wait_ms, shown.duration, "p99")),
        ("mean completion", _value(report.completion_ms, shown.duration, "mean")),
        ("mean bounded slowdown", _value(report.bounded_slowdown, shown.number, "mean")),
        (f"of {shown.number(use.ready)} {word} allocated", shown.percent(use.allocation)),
        ("share error", shown.percent(report.fairness.share_error)),
        ("CNY", shown.money(report.bill.cost_microcny)),
        ("kWh", shown.energy(report.bill.energy_mwh)),
        ("kgCO2e", shown.carbon(report.bill.carbon_mg)),
        ("preemptions", shown.whole(report.moves.preemptions)),
    ]
    # What nobody charged, metered or moved needs no room.
    return cards([pair for pair in pairs if pair[1] != "0" or pair[0] == "jobs"])


def _value(figures: Figures, words: Callable[[float], str], part: str) -> str:
    return words(getattr(figures, part)) if figures.jobs else "-"


def _waits(report: Report) -> str:
    curves = report.wait_curves
    if not curves:
        return ""
    most = max(max(curve.waits_ms) for curve in curves)
    # A curve begins at the axis with those that waited no longer than a second.
    drawn = [
        svg.Line(curve.name, (*curve.waits_ms, most), (*curve.parts, curve.parts[-1]), step=True)
        for curve in curves
    ]
    y = svg.Axis(0, 1, (0, 0.25, 0.5, 0.75, 1), shown.percent)
    chart = svg.lines("Waits by class", drawn, svg.log_times(most), y)
    note = "Part of a class's jobs that waited at most so long. Jobs that never started count too."
    return section("Waits", chart, note=note)


def _over_time(report: Report, title: str, curves: Sequence[svg.Line], note: str) -> str:
    most = max((max(curve.ys, default=0.0) for curve in curves), default=0.0)
    x = svg.times(report.series.edges_ms[0], report.series.edges_ms[-1])
    chart = svg.lines(title, curves, x, svg.linear(0, most, shown.tick))
    return section(title, chart, note=note)


def _machines(report: Report) -> str:
    series = report.series
    if not series.edges_ms:
        return ""
    xs = series.edges_ms[:-1]
    if any(series.ready_accelerators):
        word = "chips"
        levels = [("held", series.used_accelerators), ("ready", series.ready_accelerators)]
        levels += [("stranded", series.stranded_accelerators)]
    else:
        word, levels = "CPUs", [("held", series.used_cpus), ("ready", series.ready_cpus)]
    curves = [svg.Line(name, xs, ys, fill=name == "held") for name, ys in levels]
    return _over_time(report, f"Allocation over time ({word})", curves, "Means over equal steps.")


def _queue(report: Report) -> str:
    series = report.series
    if not series.edges_ms:
        return ""
    xs = series.edges_ms[:-1]
    curves = [
        svg.Line("waiting", xs, series.waiting_jobs, fill=True),
        svg.Line("running", xs, series.running_jobs),
    ]
    return _over_time(report, "Queue length over time (jobs)", curves, "Means over equal steps.")


def _loads(report: Report) -> str:
    if not report.pool_loads:
        return ""
    rows = [_load(load) for load in report.pool_loads]
    chart = svg.loads("Load by pool", rows, svg.times(report.begin_ms, report.end_ms))
    sized = all(load.size for load in report.pool_loads)
    note = "The denser, the fuller. " + (
        "Full is the whole pool."
        if sized
        else "Full is the pool, or its own peak where its size is unknown."
    )
    return section("Load by pool over time", chart, note=note)


def _load(load: PoolLoad) -> tuple[str, Sequence[float], str]:
    peak = max(load.held)
    full = load.size or peak
    cells = [value / full if full else 0.0 for value in load.held]
    unit = "CPUs" if load.cpus else "chips"
    size = f" of {shown.number(load.size)}" if load.size else ""
    return load.name, cells, f"{load.name}: at most {shown.number(peak)}{size} {unit}"


def _tenants(report: Report) -> list[str]:
    fairness = report.fairness
    if fairness.tenants_in_all < 2:
        return []
    tenants = fairness.tenants[:BARS_AT_MOST]
    rest = fairness.tenants_in_all - len(tenants)
    more = f" {rest:,} smaller tenants are not drawn." if rest else ""
    shares = svg.bars(
        "Shares by tenant",
        [svg.Bar(one.tenant, (one.got, one.deserved)) for one in tenants],
        ("got", "deserved by weight and demand"),
        shown.percent,
    )
    ended = [one for one in tenants if one.rho.jobs]
    rho = svg.bars(
        "Finish-time fairness by tenant",
        [svg.Bar(one.tenant, (one.rho.mean, one.rho.p99)) for one in ended],
        ("mean", "p99"),
        shown.number,
        mark=1.0,
    )
    alone = [one for one in tenants if one.alone]
    beside = svg.bars(
        "Mean wait here and alone",
        [
            svg.Bar(one.tenant, (one.alone.wait_ms, one.alone.wait_alone_ms))
            for one in alone
            if one.alone
        ],
        ("here", "alone"),
        shown.duration,
    )
    what = "accelerators" if fairness.resource == "accelerator" else "CPUs"
    error = f"Share error {shown.percent(fairness.share_error)}, Jain {fairness.jain:.3f}."
    return [
        section(f"Shares of {what} by tenant", shares, note=f"Parts of all held. {error}{more}"),
        section(
            "Finish-time fairness by tenant (rho)", rho,
            note="Completion here over completion on a fair share of the machines; above 1: worse.",
        ),
        section(
            "Each tenant against being alone (mean wait)", beside,
            note="Alone on what it is entitled to, the same jobs.",
        ),
    ]  # fmt: skip


def _sites(report: Report) -> list[str]:
    groups = report.by.get("site", ())[:BARS_AT_MOST]
    made = []
    for title, column, words in (
        ("Cost by site (CNY)", "cost_microcny", shown.money),
        ("Energy by site (kWh)", "energy_mwh", shown.energy),
        ("Carbon by site (kgCO2e)", "carbon_mg", shown.carbon),
    ):
        rows = [svg.Bar(group.name, (float(getattr(group.bill, column)),)) for group in groups]
        if any(row.values[0] for row in rows):
            made.append(section(title, svg.bars(title, rows, ("sum",), words)))
    return made


def _figures(report: Report) -> str:
    fairness = report.fairness
    rows = [
        _row("wait", report.wait_ms, shown.duration),
        _row("completion", report.completion_ms, shown.duration),
        _row("bounded slowdown (10 s)", report.bounded_slowdown, shown.number),
        _row("waited so far, not started", report.waiting_ms, shown.duration),
        _row("rho against a fair share", fairness.share.figures, shown.number),
        _row("rho against the isolated run time", fairness.isolated.figures, shown.number),
    ]
    if fairness.alone:
        rows.append(_row("rho against being alone", fairness.alone.figures, shown.number))
    if report.deadlines.late_ms.jobs:
        rows.append(_row("late", report.deadlines.late_ms, shown.duration))
    rows = [row for row in rows if row[1] != "0"]
    head = ("", "jobs", "left out", "mean", "p50", "p95", "p99", "most")
    note = "Percentiles by nearest rank: each is the value of some job."
    return section("Figures", table(head, rows), note=note, kind="wide")


def _row(name: str, figures: Figures, words: Callable[[float], str]) -> list[str]:
    values = (figures.mean, figures.p50, figures.p95, figures.p99, figures.most)
    counts = [shown.whole(figures.jobs), shown.whole(figures.left_out)]
    return [name, *counts, *(words(value) for value in values)]


def _use(report: Report) -> str:
    machines = report.machines

    uses = [
        (name, use)
        for name, use in (("accelerators", machines.accelerators), ("CPUs", machines.cpus))
        if use.ready
    ]
    quantities: tuple[tuple[str, str, Callable[[float], str]], ...] = (
        ("ready", "ready", shown.number),
        ("held", "used", shown.number),
        ("held at most", "peak", shown.number),
        ("allocation", "allocation", shown.percent),
        ("utilisation", "utilisation", shown.percent),
        ("idle while a job waits", "idle_while_waiting", shown.percent),
    )
    rows = [
        [title, *(words(getattr(use, field)) for _, use in uses)]
        for title, field, words in quantities
        if uses
    ]
    head = ("", *(name for name, _ in uses))
    stranded = (
        f"Stranded: {shown.percent(machines.stranded)} of accelerators, "
        f"{shown.percent(machines.fragmentation)} of the free ones. "
    )
    note = (stranded if machines.accelerators.ready else "") + (
        f"Waiting jobs: {shown.number(machines.waiting_jobs)} on average, "
        f"{machines.waiting_jobs_most:,} at most."
    )
    return section("Machines", table(head, rows), note=note)


def _moves(report: Report) -> str:
    moves, due, deciding = report.moves, report.deadlines, report.deciding
    rows = [(name.replace("_", " "), shown.whole(count)) for name, count in report.endings.items()]
    rows += [
        ("attempts", shown.whole(moves.attempts)),
        ("preemptions", f"{moves.preemptions:,} of {shown.counted(moves.preempted_jobs, 'job')}"),
        ("work lost", shown.percent(moves.lost)),
        ("chip hours held", shown.number(moves.held_accelerator_h)),
        ("CPU hours held", shown.number(moves.held_cpu_h)),
    ]
    if due.jobs:
        kept = f"{due.kept:,} of {due.jobs:,}"
        rows += [("deadlines kept", kept + (f" ({due.open:,} open)" if due.open else ""))]
    if deciding.cycles:
        rows += [
            ("cycles", shown.whole(deciding.cycles)),
            ("cycle, CPU time p50 / p99 / most", _cycle(report)),
            ("jobs a CPU second", shown.number(deciding.jobs_per_cpu_s)),
        ]
    return section("Jobs, moves and deciding", table(("", ""), rows))


def _cycle(report: Report) -> str:
    deciding = report.deciding
    times = (deciding.p50_us, deciding.p99_us, deciding.most_us)
    return " / ".join(f"{time / 1000:.1f}" for time in times) + " ms"


def _more(report: Report) -> str:
    beliefs = report.beliefs
    if not beliefs.told:
        return ""
    rows = [
        ("from", beliefs.source or "-"),
        ("jobs told of", f"{beliefs.told:,} of {beliefs.told + beliefs.untold:,}"),
        ("right within a factor of two", shown.percent(beliefs.within_2x)),
        ("told too little", shown.percent(beliefs.under)),
        ("told over true, p50 / p95", f"{beliefs.ratio.p50:.2f} / {beliefs.ratio.p95:.2f}"),
        (
            "error, mean / p50",
            f"{shown.duration(beliefs.error_ms.mean)} / {shown.duration(beliefs.error_ms.p50)}",
        ),
    ]
    return section("What the scheduler was told of run times", table(("", ""), rows))


def _offers(report: Report) -> str:
    rows = [
        [
            offer.pool,
            shown.whole(offer.started_count),
            shown.number(offer.node_ms / MS_PER_H),
            shown.percent(offer.boot_ms / offer.node_ms if offer.node_ms else 0.0),
            shown.money(offer.cost_microcny),
        ]
        for offer in report.offers[:ROWS_AT_MOST]
    ]
    head = ("Pool", "nodes", "node hours", "booting", "CNY to the provider")
    return section("Bought of providers", table(head, rows))


def _by(label: str, groups: Sequence[Group]) -> str:
    head = (
        TITLES[label], "jobs", "wait, mean", "p50", "p99", "completion", "slowdown", "chip h",
        "CPU h", "CNY", "kWh", "kgCO2e", "preempted", "lost", "deadlines",
    )  # fmt: skip
    rows = [
        [
            f"{group.name} ({group.folded:,} of them)" if group.folded else group.name,
            shown.whole(group.jobs),
            *(_value(group.wait_ms, shown.duration, part) for part in ("mean", "p50", "p99")),
            _value(group.completion_ms, shown.duration, "mean"),
            _value(group.bounded_slowdown, shown.number, "mean"),
            shown.number(group.held_accelerator_h),
            shown.number(group.held_cpu_h),
            shown.money(group.bill.cost_microcny),
            shown.energy(group.bill.energy_mwh),
            shown.carbon(group.bill.carbon_mg),
            shown.whole(group.preemptions),
            shown.percent(group.lost),
            f"{group.deadlines_kept:,}/{group.deadlines:,}" if group.deadlines else "-",
        ]
        for group in groups[:ROWS_AT_MOST]
    ]
    rest = len(groups) - len(rows)
    note = f"{rest:,} more are in report.json." if rest else ""
    told = [
        place
        for place in range(len(head))
        if place < 2 or any(row[place] not in BLANK for row in rows)
    ]
    content = table([head[at] for at in told], [[row[at] for at in told] for row in rows])
    return section(
        f"By {TITLES[label].lower()}",
        content,
        note=note,
        kind="wide long" if len(rows) > 12 else "wide",
    )
