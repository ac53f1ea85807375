"""Many runs as one table: a line a setting, with the spread of its seeds."""

from collections.abc import Callable, Sequence
from statistics import fmean, stdev

from rich.console import Console

from hutong.sim.reports import shown
from hutong.sim.reports.tables import table
from hutong.sim.reports.values import Report
from hutong.sim.runs.many import Played

HEAD = ("run", "seeds", "wait", "p99", "slowdown", "completion", "in use")


def print_runs(played: Sequence[Played], console: Console) -> None:
    """Print the means of what runs came to; behind `±` their standard deviation over seeds."""
    rows = []
    for label in dict.fromkeys(one.order.label for one in played):
        reports = [
            one.report for one in played if one.order.label == label and one.report is not None
        ]
        if reports:
            rows.append((label or "all", str(len(reports)), *_cells(reports)))
    table(console, HEAD, rows)


def _cells(reports: Sequence[Report]) -> list[str]:
    return [
        _spread([report.wait_ms.mean for report in reports], shown.duration),
        _spread([report.wait_ms.p99 for report in reports], shown.duration),
        _spread([report.bounded_slowdown.mean for report in reports], shown.number),
        _spread([report.completion_ms.mean for report in reports], shown.duration),
        _spread([_allocation(report) for report in reports], lambda part: f"{100 * part:.1f}%"),
    ]


def _allocation(report: Report) -> float:
    machines = report.machines
    use = machines.accelerators if machines.accelerators.ready else machines.cpus
    return use.allocation


def _spread(values: Sequence[float], words: Callable[[float], str]) -> str:
    mean = words(fmean(values))
    if len(values) == 1 or max(values) == min(values):
        return mean
    return f"{mean}±{words(stdev(values))}"
