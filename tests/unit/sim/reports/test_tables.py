"""Tables in a terminal: 80 columns, nothing cut that is a number, nothing that moves the cursor."""

from io import StringIO

import pytest
from rich.cells import cell_len
from rich.console import Console

from hutong.sim.outcome import OfferUse
from hutong.sim.reports.compare import Comparison, compare
from hutong.sim.reports.report import make_report
from hutong.sim.reports.tables import print_comparison, print_report
from hutong.sim.reports.values import Report
from tests.unit.sim.reports.worlds import fifo, outcome, ran


def printed(value: Report | Comparison, *, width: int = 80) -> str:
    console = Console(file=StringIO(), width=width, color_system=None)
    if isinstance(value, Report):
        print_report(value, console)
    else:
        print_comparison(value, console)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_a_report_fits_80_columns_and_has_its_figures() -> None:
    tenants = ("acme/" + "very-long-department-name/" * 3 + "vision", "部门/" + "视觉" * 20, "lab")
    text = printed(make_report(fifo(tenants=tenants), alone={"lab": fifo(chips=64)}))
    assert max(cell_len(line.rstrip()) for line in text.splitlines()) <= 80
    for word in ("wait", "bounded slowdown", "rho, alone", "accelerators", "bill", "SHARES"):
        assert word in text
    assert "16m46s" in text
    assert "name/vision " in text


def test_what_was_bought_is_told_apart_from_what_jobs_paid() -> None:
    bought = [OfferUse("c/spot", 3, 7_200_000, 600_000, 9_000_000)]
    text = printed(make_report(outcome([ran(0, 0, 5, cost_microcny=4_000_000)], offers=bought)))
    assert "4.00 CNY, 0 kWh" in text
    assert "3 nodes for 2.00 hours, 9.00 CNY to providers" in text


def test_a_comparison_fits_80_columns_and_ends_with_its_verdict() -> None:
    sides = [[make_report(fifo(seed=seed, speed=v)) for seed in range(6)] for v in (1.0, 1.3)]
    text = printed(compare(*sides, name_a="old", name_b="new"))
    assert max(cell_len(line.rstrip()) for line in text.splitlines()) <= 80
    assert "Student's t, paired by seed" in text
    assert "B better" in text
    assert "better in B" in text.splitlines()[-3] + text.splitlines()[-2] + text.splitlines()[-1]


def test_one_run_a_side_says_that_the_spread_is_unknown() -> None:
    text = printed(compare([make_report(fifo())], [make_report(fifo(speed=2.0))]))
    assert "cannot be told" in text
    assert "unknown" in text
    assert "better" not in text


def test_an_empty_run_prints_what_there_is() -> None:
    text = printed(make_report(outcome()))
    assert "0 jobs" in text
    assert "There were no jobs." in text


@pytest.mark.parametrize("evil", ["\x1b[31mred\x07", "a\nb", "[bold]x[/bold]"])
def test_names_from_elsewhere_neither_move_the_cursor_nor_set_a_style(evil: str) -> None:
    rows = [ran(0, 0, 5, tenant=evil, priority=evil), ran(0, 0, 5, tenant="b", site=evil)]
    report = make_report(outcome(rows, scenario=evil))
    text = printed(report) + printed(compare([report], [report], name_a=evil, name_b="B"))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert evil.replace("\x1b", "?").replace("\x07", "?").replace("\n", "?") in text
