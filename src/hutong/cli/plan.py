"""`hutong plan`."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from hutong.cli import human, output
from hutong.cli.candidates import show_candidates
from hutong.cli.explain import show_bound
from hutong.cli.gather import NO_CHANGES, NO_COMMAND, Changes, Command, gather
from hutong.cli.options import ANY_HUB, Hub, Json
from hutong.cli.table import Cell, Column
from hutong.wire.api import PlaceView, PlanReply, PlanView

# Places that are shown of those that could run the job, and of those that could not.
SHOWN_PLACES = 20
SHOWN_OUT = 5


def plan(
    *files: Path,
    all_: Annotated[bool, Parameter(name=("--all", "-a"))] = False,
    json: Json = False,
    changes: Changes = NO_CHANGES,
    program: Command = NO_COMMAND,
    hub: Hub = ANY_HUB,
) -> int:
    """Say what would happen to job files; nothing is handed in.

    Shows where each job would start, when, and at what price, with every place considered.

    Parameters
    ----------
    files
        Job files, in any format that `hutong submit` takes; `-` is standard input.
    all_
        Show every place, those that could never run the job as well, and the parts of each score.
    """
    specs = gather("plan", files, changes, program)
    with hub.connect() as client:
        return show(client.plan(specs), json=json, everything=all_)


def show(reply: PlanReply, *, json: bool, everything: bool = False) -> int:
    """Print plans. Gives 1 when a job could never run as things stand."""
    if json:
        output.document(reply)
    else:
        for number, view in enumerate(reply.plans):
            if number:
                output.line()
            _show(view, everything=everything)
    return int(any(not _possible(view) for view in reply.plans))


def _possible(view: PlanView) -> bool:
    return any(not place.out for place in view.places)


def _show(view: PlanView, *, everything: bool) -> None:
    output.line(f"{output.paint(view.name, 'bold')}  {_verdict(view)}")
    for reason in view.reasons:
        output.sentence(reason.sentence)
    if view.bound is not None:
        show_bound(view.bound, human.now_ms(), [reason.code for reason in view.reasons])
    usable = sorted(
        (place for place in view.places if not place.out), key=lambda place: not place.chosen
    )
    out = [place for place in view.places if place.out]
    shown = [*usable, *out] if everything else [*usable[:SHOWN_PLACES], *out[:SHOWN_OUT]]
    if shown:
        _table(shown)
    for place in shown:
        _tell_start(place)
    candidates = [place.candidate for place in usable if place.candidate is not None]
    if everything and candidates:
        output.heading("CONSIDERED, BEST FIRST")
        show_candidates(candidates, human.now_ms())
    hidden = Counter(place.out or "cost or time" for place in view.places)
    hidden.subtract(place.out or "cost or time" for place in shown)
    if hidden.total():
        parts = [f"{count} by {name}" for name, count in hidden.items() if count]
        output.note(f"{human.counted(hidden.total(), 'place')} more ({', '.join(parts)}): --all")


def _verdict(view: PlanView) -> str:
    if not _possible(view):
        return output.paint("no place could ever run it", "red")
    chosen = next((place for place in view.places if place.chosen), None)
    where = f" at {chosen.pool}" if chosen else ""
    if view.starts_now:
        text = f"would start now{where}"
    elif view.start_ms is not None:
        text = f"would start in about {human.duration(view.start_ms)}{where}"
    else:
        text = "would wait; nobody can tell how long"
    if view.ahead:
        text += f", behind {human.counted(view.ahead, 'job')}"
    if view.cost_microcny is not None:
        text += f", for about CNY {human.money(view.cost_microcny)}"
    return output.paint(text, "green" if view.starts_now else "yellow")


def _tell_start(place: PlaceView) -> None:
    """Say what would have to be started at a provider, ready when, and at what price in all."""
    found = place.candidate
    if found is not None and found.nodes_started and place.start_ms is not None:
        output.sentence(
            f"Would start {found.nodes_started} x {place.pool}, ready in "
            f"{human.duration(place.start_ms)}, for CNY {human.money(found.cost_microcny)}."
        )


def _table(places: Sequence[PlaceView]) -> None:
    columns = [
        Column(""),
        Column("SITE", least=8),
        Column("POOL", least=6),
        Column("CHIP", least=6),
        Column("START", right=True),
        Column("RUN", right=True),
        Column("CNY/H", right=True),
        Column("CNY", right=True),
        Column("OUT BY", least=8),
    ]
    output.table(columns, [_row(place) for place in places])


def _row(place: PlaceView) -> list[str | Cell]:
    style = "dim" if place.out else "bold" if place.chosen else ""
    start = "?" if place.start_ms is None else "now"
    if place.start_ms is not None and place.start_ms >= 1_000:
        start = human.duration(place.start_ms)
    cost = "?" if place.cost_microcny is None else human.money(place.cost_microcny)
    run = "?" if place.run_ms is None else human.duration(place.run_ms)
    texts = [
        "*" if place.chosen else "",
        place.site,
        place.pool.removeprefix(f"{place.site}/"),
        place.accelerator or "-",
        "" if place.out else start,
        "" if place.out else run,
        human.money(place.rate_microcny_per_hour) if place.rate_microcny_per_hour else "",
        "" if place.out else cost,
        place.out,
    ]
    return [Cell(text, style) for text in texts]
