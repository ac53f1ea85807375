"""What differs between two sides of runs, and whether it is more than their seeds scatter.

Where both sides ran the same seeds, at least two, runs are compared pair by pair: a seed draws the
same jobs and faults on both sides, and what it does to both cancels out. Otherwise the sides are
compared by Welch's test, which needs two runs a side. With less nothing can be said of the spread.

A difference is `beyond` the spread at p below 5 %. Many figures are looked at, so one in twenty is
beyond it by chance; those that are so against all looks at their list together (Holm) are `clear`.
Whether more chips held is better depends on what was changed: allocation and utilisation favour
nobody; the makespan does.
"""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import NamedTuple

import msgspec

from hutong.model.errors import refuse
from hutong.sim.reports import student
from hutong.sim.reports.jobs import MS_PER_H
from hutong.sim.reports.values import Figures, Group, Report

LEVEL = 0.05
GROUPS_AT_MOST = 12
FORMAT = "hutong-comparison/1"


class Unit(StrEnum):
    """The unit of a figure."""

    MS = "ms"
    RATIO = "ratio"
    PART = "part"
    COUNT = "count"
    HOURS = "hours"
    MICROCNY = "microcny"
    MWH = "mwh"
    MG = "mg"


class Verdict(StrEnum):
    """What is to be made of a difference."""

    SAME = "same"
    """Equal on every seed."""
    WITHIN = "within"
    """No more than the seeds scatter."""
    BEYOND = "beyond"
    """More than the seeds scatter: p below 5 %."""
    CLEAR = "clear"
    """The same, even held against how many figures are looked at together."""
    UNKNOWN = "unknown"
    """Too few runs to tell the seeds' spread."""
    ABSENT = "absent"
    """A side has no such figure: nothing to take it from."""


class Difference(msgspec.Struct, frozen=True):
    """One figure on both sides: means over runs, B less A.

    `better` is `lower` or `higher`, or empty where neither is. `spread_*` are standard deviations
    over seeds. `low` and `high` bound the difference with 95 % confidence; they, `p` (two-sided)
    and `p_among_all` (after Holm) are None where nothing can be said.
    """

    name: str
    title: str
    unit: Unit
    better: str
    a: float | None
    b: float | None
    spread_a: float
    spread_b: float
    difference: float | None
    relative: float | None
    low: float | None
    high: float | None
    p: float | None
    p_among_all: float | None
    verdict: Verdict
    favours: str = ""

    @property
    def beyond(self) -> bool:
        """Whether it is more than the seeds scatter."""
        return self.verdict in {Verdict.BEYOND, Verdict.CLEAR}


class Side(msgspec.Struct, frozen=True):
    """What ran on a side. Several names where its runs differ in them."""

    name: str
    runs: int
    seeds: tuple[int, ...]
    scenarios: tuple[str, ...]
    workloads: tuple[str, ...]
    profiles: tuple[str, ...]
    modes: tuple[str, ...]
    jobs: int


class Comparison(msgspec.Struct, frozen=True):
    """All differences. `test` names how they were judged, `groups` has lists by label."""

    a: Side
    b: Side
    test: str
    pairs: int
    figures: tuple[Difference, ...]
    groups: dict[str, tuple[Difference, ...]]
    notes: tuple[str, ...] = ()
    format: str = FORMAT


class _Figure(NamedTuple):
    name: str
    title: str
    unit: Unit
    better: str
    get: Callable[[Report], float | None]


def compare(
    reports_a: Sequence[Report],
    reports_b: Sequence[Report],
    *,
    name_a: str = "A",
    name_b: str = "B",
) -> Comparison:
    """Compare two sides, each with a report a seed. Raises `report.no_runs` for an empty side."""
    for name, reports in ((name_a, reports_a), (name_b, reports_b)):
        if not reports:
            raise refuse("report.no_runs", side=name)
    pairing = _pairing(reports_a, reports_b)
    side_a, side_b = _side(name_a, reports_a), _side(name_b, reports_b)
    return Comparison(
        a=side_a,
        b=side_b,
        test=pairing.test,
        pairs=len(pairing.a) if pairing.test == student.PAIRED else 0,
        figures=_judged(_FIGURES, pairing),
        groups={
            label: _judged(_group_figures(label, pairing), pairing)
            for label in ("priority", "tenant", "accelerator", "site")
            if _group_figures(label, pairing)
        },
        notes=_notes(side_a, side_b, pairing),
    )


class _Pairing(NamedTuple):
    """The runs that are compared, in the same order where paired."""

    test: str
    a: Sequence[Report]
    b: Sequence[Report]
    left_out: int


def _pairing(reports_a: Sequence[Report], reports_b: Sequence[Report]) -> _Pairing:
    by_seed_a = {report.facts.seed: report for report in reports_a}
    by_seed_b = {report.facts.seed: report for report in reports_b}
    seeds = [seed for seed in by_seed_a if seed in by_seed_b]
    unique = len(by_seed_a) == len(reports_a) and len(by_seed_b) == len(reports_b)
    if unique and len(seeds) >= 2:
        paired_a = [by_seed_a[seed] for seed in seeds]
        paired_b = [by_seed_b[seed] for seed in seeds]
        left_out = len(reports_a) + len(reports_b) - 2 * len(seeds)
        return _Pairing(student.PAIRED, paired_a, paired_b, left_out)
    if min(len(reports_a), len(reports_b)) >= 2:
        return _Pairing(student.WELCH, reports_a, reports_b, 0)
    return _Pairing("", reports_a, reports_b, 0)


def _side(name: str, reports: Sequence[Report]) -> Side:
    facts = [report.facts for report in reports]
    return Side(
        name=name,
        runs=len(reports),
        seeds=tuple(fact.seed for fact in facts),
        scenarios=tuple(dict.fromkeys(fact.scenario for fact in facts)),
        workloads=tuple(dict.fromkeys(fact.workload for fact in facts)),
        profiles=tuple(dict.fromkeys(fact.profile for fact in facts)),
        modes=tuple(dict.fromkeys(fact.mode for fact in facts)),
        jobs=sum(report.jobs for report in reports),
    )


def _judged(catalogue: Sequence[_Figure], pairing: _Pairing) -> tuple[Difference, ...]:
    found = [_difference(figure, pairing) for figure in catalogue]
    found = [one for one in found if one.a is not None or one.b is not None]
    tested = [place for place, one in enumerate(found) if one.p is not None]
    adjusted = student.holm([found[place].p or 0.0 for place in tested])
    for place, p in zip(tested, adjusted, strict=True):
        one = found[place]
        verdict = one.verdict
        if verdict is Verdict.BEYOND and p < LEVEL:
            verdict = Verdict.CLEAR
        found[place] = msgspec.structs.replace(one, p_among_all=p, verdict=verdict)
    return tuple(found)


def _difference(figure: _Figure, pairing: _Pairing) -> Difference:
    got_a = [figure.get(report) for report in pairing.a]
    got_b = [figure.get(report) for report in pairing.b]
    a = [value for value in got_a if value is not None]
    b = [value for value in got_b if value is not None]
    whole = len(a) == len(got_a) and len(b) == len(got_b)
    mean_a, mean_b = (sum(side) / len(side) if side else None for side in (a, b))
    gap = relative = None
    if mean_a is not None and mean_b is not None:
        gap = mean_b - mean_a
        relative = gap / abs(mean_a) if mean_a else None
    test, verdict = _test(pairing.test if whole else "", a, b)
    if gap is None or not whole:
        verdict = Verdict.ABSENT
    favours = ""
    if gap and figure.better and verdict is Verdict.BEYOND:
        favours = "B" if (gap < 0) == (figure.better == "lower") else "A"
    return Difference(
        name=figure.name,
        title=figure.title,
        unit=figure.unit,
        better=figure.better,
        a=mean_a,
        b=mean_b,
        spread_a=student.deviation(a),
        spread_b=student.deviation(b),
        difference=gap,
        relative=relative,
        low=test.low if test else None,
        high=test.high if test else None,
        p=test.p if test else None,
        p_among_all=None,
        verdict=verdict,
        favours=favours,
    )


def _test(name: str, a: Sequence[float], b: Sequence[float]) -> tuple[student.Test | None, Verdict]:
    if not name or not a or not b:
        return None, Verdict.UNKNOWN
    if name == student.PAIRED and list(a) == list(b):
        return student.paired(a, b), Verdict.SAME
    test = student.paired(a, b) if name == student.PAIRED else student.welch(a, b)
    return test, Verdict.BEYOND if test.p < LEVEL else Verdict.WITHIN


def _notes(a: Side, b: Side, pairing: _Pairing) -> tuple[str, ...]:
    notes = []
    if a.workloads != b.workloads:
        notes.append(
            f"The sides ran different work ({', '.join(a.workloads)}; {', '.join(b.workloads)}): "
            "what differs need not come from what was decided."
        )
    notes += [
        f"The runs of {side.name} differ in more than their seed."
        for side in (a, b)
        if len(side.workloads) > 1 or len(side.profiles) > 1 or len(side.modes) > 1
    ]
    if a.modes != b.modes:
        notes.append(
            f"The sides were told different run times ({', '.join(a.modes)}; {', '.join(b.modes)})."
        )
    if not pairing.test:
        notes.append(
            "A side has a single run, so nothing can be said of the seeds' spread: repeat with "
            "more seeds before believing a difference."
        )
    elif pairing.test == student.PAIRED and len(pairing.a) < 5:
        notes.append(
            f"With {len(pairing.a)} seeds only large differences can be told from their spread."
        )
    if pairing.left_out:
        notes.append(f"{pairing.left_out} runs have a seed that the other side has not: left out.")
    return tuple(notes)


def _of(get: Callable[[Report], Figures], part: str) -> Callable[[Report], float | None]:
    def value(report: Report) -> float | None:
        figures = get(report)
        return float(getattr(figures, part)) if figures.jobs else None

    return value


def _spread(
    name: str, title: str, unit: Unit, get: Callable[[Report], Figures]
) -> tuple[_Figure, ...]:
    return tuple(
        _Figure(f"{name}_{part}", f"{title}, {word}", unit, "lower", _of(get, part))
        for part, word in (
            ("mean", "mean"), ("p50", "p50"), ("p95", "p95"), ("p99", "p99"), ("most", "most"),
        )
    )  # fmt: skip


_FIGURES: tuple[_Figure, ...] = (
    *_spread("wait_ms", "wait", Unit.MS, lambda r: r.wait_ms),
    *_spread("completion_ms", "completion", Unit.MS, lambda r: r.completion_ms),
    *_spread("bounded_slowdown", "bounded slowdown", Unit.RATIO, lambda r: r.bounded_slowdown),
    _Figure("makespan_ms", "makespan", Unit.MS, "lower", lambda r: float(r.makespan_ms)),
    _Figure(
        "succeeded", "jobs succeeded", Unit.COUNT, "higher",
        lambda r: float(r.endings.get("succeeded", 0)),
    ),
    _Figure(
        "accelerator_allocation", "accelerators allocated", Unit.PART, "",
        lambda r: r.machines.accelerators.allocation if r.machines.accelerators.ready else None,
    ),
    _Figure(
        "accelerator_utilisation", "accelerators utilised", Unit.PART, "",
        lambda r: r.machines.accelerators.utilisation if r.machines.accelerators.ready else None,
    ),
    _Figure(
        "cpu_allocation", "CPUs allocated", Unit.PART, "",
        lambda r: r.machines.cpus.allocation if r.machines.cpus.ready else None,
    ),
    _Figure(
        "stranded", "accelerators stranded", Unit.PART, "lower",
        lambda r: r.machines.stranded if r.machines.accelerators.ready else None,
    ),
    _Figure("waiting_jobs", "queue length", Unit.COUNT, "lower", lambda r: r.machines.waiting_jobs),
    _Figure("rho_share_mean", "rho (1/n), mean", Unit.RATIO, "lower",
            _of(lambda r: r.fairness.share.figures, "mean")),
    _Figure("rho_share_most", "rho (1/n), most", Unit.RATIO, "lower",
            _of(lambda r: r.fairness.share.figures, "most")),
    _Figure("rho_alone_mean", "rho (alone), mean", Unit.RATIO, "lower",
            _of(lambda r: r.fairness.alone.figures if r.fairness.alone else Figures(), "mean")),
    _Figure("share_error", "share error", Unit.PART, "lower", lambda r: r.fairness.share_error),
    _Figure("jain", "Jain's index", Unit.RATIO, "higher", lambda r: r.fairness.jain),
    _Figure("cost_microcny", "cost (CNY)", Unit.MICROCNY, "lower",
            lambda r: float(r.bill.cost_microcny)),
    _Figure("bought_h", "node hours bought", Unit.HOURS, "lower",
            lambda r: sum(offer.node_ms for offer in r.offers) / MS_PER_H if r.offers else None),
    _Figure("bought_microcny", "paid to providers", Unit.MICROCNY, "lower",
            lambda r: float(sum(o.cost_microcny for o in r.offers)) if r.offers else None),
    _Figure("energy_mwh", "energy (kWh)", Unit.MWH, "lower", lambda r: float(r.bill.energy_mwh)),
    _Figure("carbon_mg", "carbon (kgCO2e)", Unit.MG, "lower", lambda r: float(r.bill.carbon_mg)),
    _Figure("preemptions", "preemptions", Unit.COUNT, "lower",
            lambda r: float(r.moves.preemptions)),
    _Figure("lost", "work lost", Unit.PART, "lower", lambda r: r.moves.lost),
    _Figure("deadlines_kept", "deadlines kept", Unit.PART, "higher",
            lambda r: r.deadlines.kept / r.deadlines.jobs if r.deadlines.jobs else None),
)  # fmt: skip


def _group_figures(label: str, pairing: _Pairing) -> tuple[_Figure, ...]:
    """Mean and p99 wait and mean slowdown of the groups that every run has, the largest first."""
    runs = [*pairing.a, *pairing.b]
    names = [group.name for group in runs[0].by.get(label, ())]
    every = [dict.fromkeys(group.name for group in run.by.get(label, ())) for run in runs]
    shared = [name for name in names if all(name in groups for groups in every)]
    if len(shared) < 2:
        return ()
    found: list[_Figure] = []
    for name in shared[:GROUPS_AT_MOST]:
        get = _group_of(label, name)
        found += [
            _Figure(f"{name}:wait_ms_mean", f"{name}: wait, mean", Unit.MS, "lower",
                    _of(_waits(get), "mean")),
            _Figure(f"{name}:wait_ms_p99", f"{name}: wait, p99", Unit.MS, "lower",
                    _of(_waits(get), "p99")),
            _Figure(f"{name}:bounded_slowdown_mean", f"{name}: slowdown, mean", Unit.RATIO, "lower",
                    _of(_slowdowns(get), "mean")),
        ]  # fmt: skip
    return tuple(found)


def _group_of(label: str, name: str) -> Callable[[Report], Group]:
    return lambda report: next(group for group in report.by[label] if group.name == name)


def _waits(get: Callable[[Report], Group]) -> Callable[[Report], Figures]:
    return lambda report: get(report).wait_ms


def _slowdowns(get: Callable[[Report], Group]) -> Callable[[Report], Figures]:
    return lambda report: get(report).bounded_slowdown
