"""`hutong jobs`."""

import sys
import time
from collections.abc import Sequence
from typing import Annotated

import msgspec
from cyclopts import Parameter

from hutong.cli import human, output, why
from hutong.cli.options import ANY_HUB, Hub, Json
from hutong.cli.table import Cell, Column
from hutong.client.client import Client
from hutong.client.follow import TERMINAL
from hutong.model.errors import refuse
from hutong.model.limits import LIST_ROWS
from hutong.model.states import JobState
from hutong.wire.api import JobPage, JobView

WATCH_PAUSE_S = 1.0
LIVE = tuple(str(state) for state in JobState if state not in TERMINAL)


def jobs(
    *,
    all_: Annotated[bool, Parameter(name=("--all", "-a"))] = False,
    state: tuple[str, ...] = (),
    tenant: str = "",
    name: str = "",
    site: str = "",
    limit: Annotated[int, Parameter(name=("--limit", "-n"), show_default=True)] = 50,
    watch: Annotated[bool, Parameter(name=("--watch", "-w"))] = False,
    json: Json = False,
    hub: Hub = ANY_HUB,
) -> int:
    """List jobs.

    Those that have not ended, newest first.

    Parameters
    ----------
    all_
        Those that have ended as well.
    state
        Only jobs in these states; several with commas or by repeating it.
    tenant
        Only jobs of this tenant and those below it.
    name
        Only jobs of this name.
    site
        Only jobs at this site.
    limit
        How many at most.
    watch
        Show the list again as it changes, until Ctrl-C.
    """
    if limit < 1:
        problem = f"--limit cannot be {limit}: it counts jobs, from 1"
        raise refuse("cli.usage", problem=problem, command="jobs")
    states = _states(state, everything=all_)
    with hub.connect() as client:
        while True:
            page = _pages(client, limit, states, tenant=tenant, name=name, site=site)
            if json:
                (output.json_line if watch else output.document)(page)
            else:
                if watch:
                    _clear()
                _show(page, ended=all_ or bool(state))
            if not watch:
                return 0
            sys.stdout.flush()
            time.sleep(WATCH_PAUSE_S)


def _states(chosen: Sequence[str], *, everything: bool) -> tuple[str, ...]:
    states = tuple(word for words in chosen for word in words.split(",") if word)
    for word in states:
        if word not in tuple(JobState):
            known = ", ".join(JobState)
            problem = f"{word} is no state of a job; they are {known}"
            raise refuse("cli.usage", problem=problem, command="jobs")
    if states or everything:
        return states
    return LIVE


def _pages(
    client: Client, limit: int, states: tuple[str, ...], *, tenant: str, name: str, site: str
) -> JobPage:
    """Read as many pages as the limit needs."""
    rows: list[JobView] = []
    before = None
    while True:
        page = client.jobs(
            tenant=tenant, states=states, name=name, site=site, before=before,
            limit=max(1, min(LIST_ROWS, limit - len(rows))),
        )  # fmt: skip
        rows.extend(page.jobs)
        before = page.next
        if before is None or len(rows) >= limit:
            return msgspec.structs.replace(page, jobs=tuple(rows[:limit]), next=before)


def _show(page: JobPage, *, ended: bool) -> None:
    if not page.jobs:
        output.note("No jobs." if ended else "No live jobs; `hutong jobs --all` lists all.")
        return
    show_jobs(page.jobs)
    if page.next is not None:
        output.note(f"There are more; --limit {2 * len(page.jobs)} shows more of them.")


def show_jobs(views: Sequence[JobView]) -> None:
    """Print jobs as a table. The tenant is shown where there is more than one."""
    now = human.now_ms()
    tenants = len({view.tenant for view in views}) > 1
    chips = any(view.accelerator for view in views)
    columns = [
        Column("ID"),
        Column("NAME", least=10),
        *([Column("TENANT", least=8, spare=1)] if tenants else []),
        Column("STATE"),
        Column("SITE", least=7),
        *([Column("CHIP", least=6, spare=2)] if chips else []),
        Column("TIME", right=True),
        Column("CNY", right=True),
        Column("NOTE", least=18),
    ]
    rows: list[list[str | Cell]] = [
        [
            Cell(view.id, "bold"),
            view.name,
            *([view.tenant] if tenants else []),
            output.state(view.state),
            view.site or "-",
            *([view.accelerator or "-"] if chips else []),
            human.duration(time_of(view, now)),
            human.money(view.cost_microcny),
            _note(view, now),
        ]
        for view in views
    ]
    output.table(columns, rows)


def time_of(view: JobView, now: int) -> int:
    """How long it ran, runs, or has been waiting, in ms."""
    begin = view.started_ms if view.started_ms and view.state != "queued" else view.submitted_ms
    return (view.ended_ms or now) - begin


def _note(view: JobView, now: int) -> str:
    text = why.of_job(view)
    if view.state == "queued" and view.expected_start_ms:
        start = human.until(view.expected_start_ms, now)
        return f"{text}, {start}" if text else start
    return text


def _clear() -> None:
    if sys.stdout.isatty():
        sys.stdout.write("\x1b[H\x1b[2J")
