"""What a run came to beside what no schedule could beat."""

from rich.console import Console

from hutong.sim.bounds import Beside, beside, bounds_of
from hutong.sim.bounds.nouns import (
    CARBON_G,
    COST_MICROCNY,
    MAKESPAN_S,
    MEAN_COMPLETION_S,
    MEAN_SLOWDOWN,
    MEAN_WAIT_S,
)
from hutong.sim.reports import shown
from hutong.sim.reports.tables import table
from hutong.sim.reports.values import Report
from hutong.sim.runs.build import build
from hutong.sim.runs.order import RunOrder

NAMES = {
    MEAN_COMPLETION_S: "mean completion",
    MEAN_WAIT_S: "mean wait",
    MEAN_SLOWDOWN: "mean bounded slowdown",
    MAKESPAN_S: "makespan",
    COST_MICROCNY: "cost (CNY)",
    CARBON_G: "carbon (kg)",
}


def figures_of(report: Report) -> dict[str, float]:
    """The figures of a report that have bounds, in the bounds' units."""
    figures = {
        MEAN_COMPLETION_S: report.completion_ms.mean / 1000,
        MEAN_WAIT_S: report.wait_ms.mean / 1000,
        MEAN_SLOWDOWN: report.bounded_slowdown.mean,
        MAKESPAN_S: report.makespan_ms / 1000,
    }
    if report.bill.cost_microcny:
        figures[COST_MICROCNY] = report.bill.cost_microcny
    if report.bill.carbon_mg:
        figures[CARBON_G] = report.bill.carbon_mg / 1000
    return figures


def held_against(order: RunOrder, report: Report) -> tuple[Beside, ...]:
    """Each figure of a run with the highest bound for it."""
    setup = build(order)
    return beside(figures_of(report), bounds_of(setup.world, setup.workload))


def print_bounds(order: RunOrder, report: Report, console: Console) -> None:
    """Print what is left to win."""
    rows = [
        (NAMES[one.figure], _words(one.figure, one.value), _words(one.figure, one.bound.value),
         f"{one.left_percent:.1f}%", one.bound.name)
        for one in held_against(order, report)
    ]  # fmt: skip
    table(console, ("no schedule beats", "here", "bound", "left to win", "by"), rows)


def _words(figure: str, value: float) -> str:
    if figure.endswith("_s"):
        return shown.duration(value * 1000)
    if figure == COST_MICROCNY:
        return shown.number(value / 1e6)
    return shown.number(value / 1000 if figure == CARBON_G else value)
