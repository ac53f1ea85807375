"""`hutong job`."""

from collections.abc import Sequence
from typing import Annotated

from cyclopts import Parameter

from hutong.cli import human, output, why
from hutong.cli.jobs import time_of
from hutong.cli.options import ANY_HUB, Hub, Json
from hutong.cli.refs import JobRef, resolve
from hutong.cli.table import Cell, Column
from hutong.client.client import Client
from hutong.model.errors import refuse
from hutong.model.job import JobSpec
from hutong.model.limits import LIST_ROWS
from hutong.model.resources import TaskNeeds
from hutong.wire.api import AttemptView, ElementView, JobDetail, JobView, StoryLine

# What a person can take in; --json has all.
SHOWN_ATTEMPTS = 20
SHOWN_LINES = 40


def job(
    job: str,
    /,
    *,
    elements: bool = False,
    limit: Annotated[int, Parameter(name=("--limit", "-n"), show_default=True)] = 50,
    json: Json = False,
    hub: Hub = ANY_HUB,
) -> int:
    """Show a job, its attempts and its story.

    Parameters
    ----------
    job
        Its id (`j12` or `12`), one element of an array (`j12[5]`), or a name only one job has.
    elements
        List the elements of an array instead; from `j12[5]` on, when one is named.
    limit
        How many elements at most.
    """
    with hub.connect() as client:
        wanted = resolve(client, job)
        if elements:
            return _list_elements(client, wanted, limit, json=json)
        detail = client.job(wanted.job)
        attempts = list(detail.attempts)
        if wanted.element is not None:
            if wanted.element >= detail.spec.elements:
                raise refuse("job.not_found", job=job)
            attempts = client.attempts(wanted.job, element=wanted.element)
    if json:
        output.document(detail if wanted.element is None else attempts)
        return 0
    now = human.now_ms()
    if wanted.element is None:
        _summary(detail.job, detail.spec, now)
        _asked_for(detail.spec)
    else:
        number = detail.spec.array.task_number(wanted.element) if detail.spec.array else 0
        output.line(f"{output.paint(f'{wanted.job}[{wanted.element}]', 'bold')}  number {number}")
    made = detail.job.attempts if wanted.element is None else len(attempts)
    _attempts(attempts, made, now)
    if wanted.element is None:
        _story(detail, now)
    return 0


def _list_elements(client: Client, first: JobRef, limit: int, *, json: bool) -> int:
    rows: list[ElementView] = []
    after = (first.element or 0) - 1
    while len(rows) < limit:
        page = client.elements(first.job, after=after, limit=min(LIST_ROWS, limit - len(rows)))
        rows.extend(page)
        if not page:
            break
        after = page[-1].element
    if json:
        output.document(rows)
    elif not rows:
        output.note("No elements.")
    else:
        _show_elements(rows)
    return 0


def _show_elements(rows: Sequence[ElementView]) -> None:
    columns = [
        Column("ELEMENT", right=True),
        Column("NUMBER", right=True),
        Column("STATE"),
        Column("TRIES", right=True),
        Column("END", least=8),
    ]
    cells: list[list[str | Cell]] = [
        [
            f"{row.element:,}",
            str(row.number),
            output.state(row.state),
            str(row.attempts),
            why.in_short(row.reason) if row.reason else "",
        ]
        for row in rows
    ]
    output.table(columns, cells)


def _summary(view: JobView, spec: JobSpec, now: int) -> None:
    colour = output.STATE_STYLES.get(view.state, "")
    title = f"{output.paint(view.id, 'bold')}  {output.paint(view.name, '')}"
    output.line(f"{title}  {output.paint(view.state, colour)}")
    verb = "waiting" if view.state == "queued" else "ran" if view.ended_ms else "running"
    where = f"{view.site} {view.accelerator}".strip()
    array = ""
    if spec.array and view.counts is not None:
        counts = view.counts
        array = (
            f"{view.elements:,} elements: {counts.queued:,} queued, {counts.live:,} live, "
            f"{counts.succeeded:,} succeeded, {counts.failed:,} failed, "
            f"{counts.cancelled:,} cancelled"
        )
    start = ""
    if view.state == "queued" and view.expected_start_ms:
        basis = f" (by {view.expected_basis})" if view.expected_basis else ""
        start = f"expected {human.until(view.expected_start_ms, now)}{basis}"
    output.fields(
        [
            ("tenant", f"{view.tenant}, {view.priority} priority"),
            ("time", f"{verb} {human.duration(time_of(view, now))}"),
            ("submitted", human.clock(view.submitted_ms, now)),
            ("where", where),
            ("array", array),
            ("start", start),
            ("cost", f"CNY {human.money(view.cost_microcny)}"),
            ("why", view.reason.sentence if view.reason else ""),
            *(("waits", reason.sentence) for reason in view.waiting),
        ]
    )


def _each(needs: TaskNeeds) -> str:
    """What one task gets, in a few words."""
    chips = " or ".join(
        f"{human.count(need.count_milli)} {need.model}" for need in needs.accelerators
    )
    size = f"{human.count(needs.cpu_milli)} CPU, {human.memory(needs.memory_mib)}"
    return f"{size}, {chips}" if chips else size


def _asked_for(spec: JobSpec) -> None:
    needs = spec.needs
    tasks = f"{spec.tasks} x " if spec.tasks > 1 else ""
    if spec.elastic is not None:
        tasks = f"{spec.elastic.tasks_min} to {tasks or '1 x '}"
    groups = [f"{group.name}: {group.tasks} x {_each(group.needs)}" for group in spec.groups]
    limits = [
        f"time limit {human.duration(spec.time_limit_ms)}" if spec.time_limit_ms else "",
        f"estimate {human.duration(spec.estimate_ms)}" if spec.estimate_ms is not None else "",
        f"at most CNY {human.money(spec.budget_microcny)}" if spec.budget_microcny else "",
    ]
    program = " ".join(spec.program.argv) or next(
        (line for line in spec.program.script.splitlines() if line and not line.startswith("#")), ""
    )
    output.fields(
        [
            ("needs", f"{tasks}{_each(needs)}"),
            ("groups", "; ".join(groups)),
            ("limits", ", ".join(filter(None, limits))),
            ("after", ", ".join(f"{item.kind}:{item.job}" for item in spec.depends_on)),
            ("runs", program[:200]),
            ("from", spec.source),
        ]
    )  # fmt: skip


def _attempts(attempts: Sequence[AttemptView], made: int, now: int) -> None:
    if not attempts:
        return
    output.heading("ATTEMPTS")
    arrays = any(attempt.element is not None for attempt in attempts)
    columns = [
        *([Column("ELEMENT", right=True)] if arrays else []),
        Column("NO", right=True),
        Column("STATE"),
        Column("POOL", least=10, tail=True),
        Column("CHIP", least=6),
        Column("START"),
        Column("TIME", right=True),
        Column("CNY", right=True),
        Column("END", least=8),
    ]
    rows: list[list[str | Cell]] = [
        [
            *([str(attempt.element)] if arrays else []),
            str(attempt.number),
            output.state(attempt.state),
            attempt.pool,
            attempt.accelerator or "-",
            human.clock(attempt.started_ms or attempt.placed_ms, now),
            _ran(attempt, now),
            human.money(attempt.cost_microcny),
            why.in_short(attempt.reason) if attempt.reason else "",
        ]
        for attempt in attempts[-SHOWN_ATTEMPTS:]
    ]
    output.table(columns, rows)
    if made > len(rows):
        output.note(f"{human.counted(made - len(rows), 'attempt')} not shown; --json has more.")


def _ran(attempt: AttemptView, now: int) -> str:
    if not attempt.started_ms:
        return "-"
    return human.duration((attempt.ended_ms or now) - attempt.started_ms)


def _story(detail: JobDetail, now: int) -> None:
    story = detail.story
    if not story:
        return
    output.heading("STORY")
    if len(story) > SHOWN_LINES:
        output.note(f"{len(story) - SHOWN_LINES} earlier lines not shown; --json has all.")
    for told in story[-SHOWN_LINES:]:
        _told(told, now)


def _told(told: StoryLine, now: int) -> None:
    output.sentence(told.sentence, mark=human.clock(told.at_ms, now), indent=0)
