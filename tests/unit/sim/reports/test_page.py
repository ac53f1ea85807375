"""Pages: whole by themselves, safe against names from elsewhere, drawn for odd runs too."""

import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from hutong.sim.outcome import Ending, Outcome
from hutong.sim.reports import shown, svg
from hutong.sim.reports.compare import compare
from hutong.sim.reports.compare_page import comparison_page, write_comparison_html
from hutong.sim.reports.folder import write_html
from hutong.sim.reports.page import report_page
from hutong.sim.reports.report import make_report
from tests.unit.sim.reports.worlds import fifo, outcome, ran

EVIL = "<script>alert(1)</script>\"'&<img src=https://evil.example/x>"
VOID = {"meta", "link", "br", "img"}


class Checked(HTMLParser):
    """What a page holds, and whether its tags close in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: dict[str, int] = {}
        self.addresses: list[str] = []
        self.text: list[str] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] = self.tags.get(tag, 0) + 1
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href"}]
        assert not any(name.startswith("on") for name, _ in attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] = self.tags.get(tag, 0) + 1

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def odd() -> dict[str, Outcome]:
    cpu = [ran(0, 0, 10_000, accelerator_milli=0, cpu_milli=1000, pool="a/b", site="a")]
    refused = [{"accelerator_milli": 1000, "ending": Ending.REFUSED}]
    return {
        "empty": outcome(),
        "one instant": outcome([ran(5, 5, 5)]),
        "cpu only": outcome(cpu),
        "nothing started": outcome([{"ending": Ending.WAITING}], simulated_ms=1000),
        "refused": outcome(refused),
        "no scenario": outcome([ran(0, 0, 5)], scenario="", workload=""),
        "a year": outcome([ran(0, 0, 31_536_000_000, site="a", pool="a/b", tenant="x")]),
    }


@pytest.mark.parametrize("name", odd())
def test_odd_runs_have_a_page_whose_tags_close(name: str) -> None:
    found = Checked(report_page(make_report(odd()[name])))
    assert found.tags["h1"] == 1


def test_a_page_loads_nothing_and_runs_nothing() -> None:
    page = report_page(make_report(fifo(), alone={"lab": fifo(chips=64)}))
    found = Checked(page)
    assert found.addresses == ["data:,"]
    assert "script" not in found.tags
    assert not re.search(r"https?:|//[a-z]|@import|url\(", page)
    assert "default-src 'none'" in page


def test_every_chart_is_there_and_well_formed() -> None:
    page = report_page(make_report(fifo(), alone={"lab": fifo(chips=64)}))
    charts = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    labels = [ElementTree.fromstring(chart).get("aria-label") for chart in charts]
    assert labels == [
        "Waits by class", "Allocation over time (chips)", "Queue length over time (jobs)",
        "Load by pool", "Shares by tenant", "Finish-time fairness by tenant",
        "Mean wait here and alone", "Cost by site (CNY)", "Energy by site (kWh)",
        "Carbon by site (kgCO2e)",
    ]  # fmt: skip
    assert not re.search(r"\bnan\b|\binf\b", "".join(charts))


def test_a_page_follows_the_dark_and_prints_light() -> None:
    page = report_page(make_report(fifo(jobs=20)))
    assert "@media screen and (prefers-color-scheme:dark)" in page
    assert "@media print" in page


def test_names_from_elsewhere_stay_text() -> None:
    words = dict.fromkeys(("tenant", "user", "site", "pool", "kind", "partition"), EVIL)
    rows = [ran(0, 9, 50_000, name=EVIL, priority=EVIL, **words), ran(0, 0, 5, tenant="b")]
    result = outcome(rows, scenario=EVIL, workload=EVIL, profile=EVIL, mode=EVIL)
    report = make_report(result)
    for page in (
        report_page(report),
        comparison_page(compare([report], [report], name_a=EVIL, name_b="B")),
    ):
        found = Checked(page)
        assert "script" not in found.tags
        assert "img" not in found.tags
        assert any(EVIL in text for text in found.text)
    for chart in re.findall(r"<svg.*?</svg>", report_page(report), re.DOTALL):
        assert ElementTree.fromstring(chart).tag == "svg"


def test_a_comparison_has_its_page(tmp_path: Path) -> None:
    reports = [[make_report(fifo(seed=seed, speed=v)) for seed in (1, 2, 3)] for v in (1.0, 1.3)]
    write_comparison_html(tmp_path / "c.html", compare(*reports, name_a="old", name_b="new"))
    found = Checked((tmp_path / "c.html").read_text())
    text = " ".join(found.text)
    assert "old and new, compared" in text
    assert "paired by seed" in text
    assert found.tags["circle"] > 10


def test_the_page_is_written_in_utf_8(tmp_path: Path) -> None:
    report = make_report(outcome([ran(0, 0, 5, tenant="视觉组"), ran(0, 0, 5)]))
    write_html(tmp_path / "p.html", report)
    assert "视觉组" in (tmp_path / "p.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 16, [0, 5, 10, 15, 20]), (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]), (0, 0, [0, 0.2])],
)
def test_axes_have_round_ticks_that_cover_the_range(
    low: float, high: float, expected: list[float]
) -> None:
    axis = svg.linear(low, high, shown.tick)
    assert list(axis.ticks)[: len(expected)] == pytest.approx(expected)
    assert axis.high >= high


def test_axes_of_time_have_ticks_at_whole_units() -> None:
    ticks = svg.times(0, 5 * 3_600_000 + 17).ticks
    assert [shown.duration(tick) for tick in ticks] == ["0", "1h", "2h", "3h", "4h", "5h"]
    assert 3 <= len(svg.times(0, 90 * 86_400_000).ticks) <= 8
    assert 3 <= len(svg.times(0, 9 * 31_536_000_000).ticks) <= 8


@pytest.mark.parametrize(
    ("ms", "words"),
    [(0, "0"), (0.2, "0"), (850, "850ms"), (999.7, "1s"), (3_200, "3.2s"), (59_999, "1m"),
     (133_000, "2m13s"), (-133_000, "-2m13s"), (11_100_000, "3h5m"), (1_036_800_000, "12d")],
)  # fmt: skip
def test_durations_have_two_units_at_most(ms: float, words: str) -> None:
    assert shown.duration(ms) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [(0, "0"), (0.0002, "<0.001"), (0.0132, "0.013"), (1.254, "1.25"), (9.996, "10.0"),
     (17.72, "17.7"), (99.96, "100"), (999.4, "999"), (1234, "1,234"), (12_300_000, "12.3M")],
)  # fmt: skip
def test_numbers_have_the_digits_that_count(value: float, words: str) -> None:
    assert shown.number(value) == words
