"""`hutong explain`."""

from hutong.cli import human, output
from hutong.cli.options import ANY_HUB, Hub, Json
from hutong.cli.refs import resolve
from hutong.cli.table import Cell, Column
from hutong.client.follow import TERMINAL
from hutong.scheduler.plan import Candidate, Explanation
from hutong.wire.api import ExplainReply


def explain(job: str, /, *, json: Json = False, hub: Hub = ANY_HUB) -> int:
    """Say why a job waits, or why it is where it is.

    Parameters
    ----------
    job
        Its id (`j12` or `12`), one element of an array (`j12[5]`), or a name only one job has.
    """
    with hub.connect() as client:
        wanted = resolve(client, job)
        reply = client.explain(wanted.job, element=wanted.element)
    if json:
        output.document(reply)
    else:
        show(reply)
    return 0


def show(reply: ExplainReply) -> None:
    """Print an explanation."""
    now = human.now_ms()
    colour = output.STATE_STYLES.get(reply.state, "")
    output.line(f"{output.paint(reply.job, 'bold')}  {output.paint(reply.state, colour)}")
    for reason in reply.reasons:
        output.sentence(reason.sentence)
    if reply.expected_start_ms and reply.state not in TERMINAL:
        basis = {
            "limits": ", going by the time limits of what runs",
            "estimates": ", going by the estimates of what runs",
        }.get(reply.expected_basis, "")
        output.sentence(f"Expected to start {human.until(reply.expected_start_ms, now)}{basis}.")
    if reply.reservation is not None:
        held = reply.reservation
        start = human.until(held.start_ms, now)
        output.sentence(f"Holds a reservation at {held.pool} for {held.tasks} task(s) {start}.")
    if reply.explanation is not None:
        _considered(reply.explanation, now)


def _considered(explanation: Explanation, now: int) -> None:
    if explanation.candidates:
        output.heading("CONSIDERED, BEST FIRST")
        show_candidates(explanation.candidates, now)
    if explanation.filtered:
        output.heading("NODES THAT FELL OUT")
        rows = [[f"{count:,}", name] for name, count in explanation.filtered.items()]
        output.table([Column("NODES", right=True), Column("BY", least=10)], rows, indent=2)


def show_candidates(candidates: tuple[Candidate, ...], now: int) -> None:
    """Print the pools that were compared."""
    columns = [
        Column("POOL", least=12, tail=True),
        Column("CHIP", least=6),
        Column("FITS", right=True),
        Column("START", right=True),
        Column("RUN", right=True),
        Column("CNY/H", right=True),
        Column("CNY", right=True),
        Column("SCORE", right=True),
    ]
    rows: list[list[str | Cell]] = [
        [
            item.pool,
            item.accelerator or "-",
            str(item.tasks_fitting),
            human.until(item.start_ms, now).removeprefix("in "),
            human.duration(max(0, item.finish_ms - item.start_ms)),
            human.money(item.rate_microcny_per_hour),
            human.money(item.cost_microcny),
            _score(item.score),
        ]
        for item in candidates
    ]
    output.table(columns, rows, indent=2)


def _score(score: int) -> str:
    """A score has no unit and only its order matters, so three digits will do."""
    return f"{score:,}" if abs(score) < 100_000 else f"{score:.2e}".replace("e+", "e")
