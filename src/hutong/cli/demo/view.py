"""What the demonstration shows: a live table while jobs run, and a summary once they have ended."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Literal

from hutong.cli import human, output
from hutong.cli.demo.check import Outcome
from hutong.cli.demo.workload import UNPLACEABLE, URGENT
from hutong.cli.output import STATE_STYLES, colour_on
from hutong.cli.table import Cell, Column
from hutong.lifecycle.rows import ElementCounts
from hutong.wire.api import ExplainReply, JobView

if TYPE_CHECKING:
    from rich.table import Table

Draw = Callable[[list[JobView]], None]


@contextlib.contextmanager
def live_table() -> Iterator[Draw]:
    """Give what draws the jobs: a table that stays in place on a terminal, else a line a change."""
    if not sys.stdout.isatty():
        yield _Lines().draw
        return
    from rich.console import Console
    from rich.live import Live

    console = Console(no_color=not colour_on(sys.stdout))
    with Live(console=console, refresh_per_second=10, transient=True) as live:
        yield lambda views: live.update(_rich_table(views))


class _Lines:
    """One line for each change of a job."""

    def __init__(self) -> None:
        self._shown: dict[str, str] = {}

    def draw(self, views: list[JobView]) -> None:
        for view in views:
            text = f"{view.state}{f' at {view.site}' if view.site else ''}{_progress(view)}"
            if self._shown.get(view.id) != text:
                self._shown[view.id] = text
                output.line(f"  {view.id:<4} {view.name:<16} {text}")
                sys.stdout.flush()


def _rich_table(views: list[JobView]) -> "Table":
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    widths = {"JOB": 4, "NAME": 15, "TENANT": 0, "STATE": 15, "SITE": 11, "WAITED": 6}
    for title, least in widths.items():
        right = title == "WAITED"
        justify: Literal["left", "right"] = "right" if right else "left"
        table.add_column(title, no_wrap=True, min_width=least or None, justify=justify)
    now = human.now_ms()
    for view in views:
        style = STATE_STYLES.get(view.state, "")
        waited = (view.started_ms or view.ended_ms or now) - view.submitted_ms
        state = f"{view.state}{_progress(view)}"
        table.add_row(
            view.id, view.name, view.tenant,
            f"[{style}]{state}[/{style}]" if style else state, view.site or "-",
            human.duration(waited),
        )  # fmt: skip
    return table


def _progress(view: JobView) -> str:
    counts: ElementCounts | None = view.counts if view.elements > 1 else None
    if counts is None:
        return ""
    ended = counts.succeeded + counts.failed + counts.cancelled
    return f" {ended}/{view.elements}"


def summary(outcome: Outcome) -> None:
    """Print what ran where, how long it waited and what it cost, and two decisions explained."""
    output.heading("What ran where")
    columns = [
        Column("JOB"), Column("NAME"), Column("STATE"), Column("TRY", right=True),
        Column("SITE"), Column("CHIP", 6), Column("WAIT", right=True), Column("RUN", right=True),
        Column("CNY", right=True),
    ]  # fmt: skip
    rows: list[list[str | Cell]] = []
    for name, detail in outcome.jobs.items():
        view, attempts = detail.job, outcome.attempts[name]
        wait = view.started_ms - view.submitted_ms if view.started_ms else 0
        ran = sum(held.ended_ms - held.started_ms for held in attempts if held.started_ms)
        rows.append([
            view.id, name, output.state(view.state), str(len(attempts)),
            _one_or_many([held.site for held in attempts], "sites"),
            _one_or_many([held.accelerator or "cpu" for held in attempts], "kinds"),
            human.duration(wait) if attempts else "-", human.duration(ran) if attempts else "-",
            human.money(view.cost_microcny),
        ])  # fmt: skip
    output.table(columns, rows)
    _by_tenant(outcome)
    _decision(f"Why {UNPLACEABLE} waits", outcome.explained[UNPLACEABLE])
    _decision(f"Why {URGENT} went where it did", outcome.explained[URGENT])


def _one_or_many(names: list[str], word: str) -> str:
    distinct = sorted(dict.fromkeys(names))
    if len(distinct) > 1:
        return f"{len(distinct)} {word}"
    return distinct[0] if distinct else "-"


def _by_tenant(outcome: Outcome) -> None:
    sums: dict[str, list[int]] = {}
    for name, detail in outcome.jobs.items():
        row = sums.setdefault(detail.job.tenant, [0, 0, 0])
        row[0] += 1
        row[1] += len(outcome.attempts[name])
        row[2] += detail.job.cost_microcny
    output.heading("What it cost")
    columns = [
        Column("TENANT"), Column("JOBS", right=True), Column("TRIES", right=True),
        Column("CNY", right=True),
    ]  # fmt: skip
    total = human.money(outcome.usage_microcny)
    rows = [
        [tenant, str(jobs), str(tries), human.money(cost)]
        for tenant, (jobs, tries, cost) in sorted(sums.items())
    ]
    output.table(columns, [*rows, ["all", "", "", total]])


def _decision(title: str, reply: ExplainReply) -> None:
    output.heading(title)
    for reason in reply.reasons:
        output.sentence(f"{reason.sentence} ({reason.code})")
    explanation = reply.explanation
    if explanation is None or not explanation.candidates:
        return
    columns = [
        Column("POOL"), Column("CHIP"), Column("SPEED", right=True), Column("RUN", right=True),
        Column("CNY/H", right=True), Column("CNY", right=True), Column("SCORE", right=True),
    ]  # fmt: skip
    output.table(columns, [
        [
            candidate.pool, candidate.accelerator or "cpu", f"{candidate.speed_milli / 1000:g}x",
            human.duration(candidate.finish_ms - candidate.start_ms),
            human.money(candidate.rate_microcny_per_hour), human.money(candidate.cost_microcny),
            str(candidate.score),
        ]
        for candidate in explanation.candidates
    ], indent=2)  # fmt: skip
