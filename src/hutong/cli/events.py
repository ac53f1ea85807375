"""`hutong events`."""

import sys
from typing import Annotated

import msgspec
from cyclopts import Parameter

from hutong.cli import human, output
from hutong.cli.options import ANY_HUB, Hub, Json
from hutong.cli.table import cut, printable
from hutong.wire.api import EventView

# What is shown when nobody says from where.
LAST_EVENTS = 50
# The fields of events that say most, in the order in which they are shown.
TELLING = ("job", "attempt", "element", "site", "node", "tenant", "state", "cycle", "by")


def events(
    *,
    after: int | None = None,
    follow: Annotated[bool, Parameter(name=("--follow", "-f"))] = False,
    kind: str = "",
    limit: Annotated[int, Parameter(name=("--limit", "-n"))] = 0,
    json: Json = False,
    hub: Hub = ANY_HUB,
) -> int:
    """Show the hub's journal as it is written.

    With --json one event a line.

    Parameters
    ----------
    after
        Begin behind this position. Else with the last 50 positions.
    follow
        Go on with what comes, until Ctrl-C.
    kind
        Only events of this kind, such as JobEnded.
    limit
        Stop after this many.
    """
    with hub.connect() as client:
        start = max(0, client.health().position - LAST_EVENTS) if after is None else max(0, after)
        for event in client.events(after=start, kind=kind, follow=follow, limit=max(0, limit)):
            if json:
                output.json_line(event)
            else:
                _show(event)
    return 0


def _show(event: EventView) -> None:
    facts = msgspec.json.decode(event.event)
    told = []
    for name in TELLING if isinstance(facts, dict) else ():
        found = facts.get(name)
        if isinstance(found, dict):
            found = found.get("id")
        if isinstance(found, str | int) and not isinstance(found, bool):
            told.append(f"{name}={found}")
    if isinstance(facts, dict) and isinstance(facts.get("reason"), dict):
        told.append(str(facts["reason"].get("code", "")))
    if isinstance(facts, dict) and isinstance(facts.get("placements"), list):
        told.append(f"placements={len(facts['placements'])}")
    when = human.clock(event.at_ms, human.now_ms())
    text = printable(f"{event.position:>7}  {when}  {event.kind:<17} {' '.join(told)}")
    width = output.width_of(sys.stdout)
    output.line(cut(text, width) if width else text)
    sys.stdout.flush()
