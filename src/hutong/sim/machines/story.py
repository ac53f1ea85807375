"""What happened, in lines that a person reads: the trace of a run, and the story of one object."""

import re
from collections import deque
from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec

from hutong.lifecycle import events as ev
from hutong.sim.machines.script import Fault

KEPT = 20_000
"""Newest happenings that are kept for the story of a violation."""
STORY_LINES = 40
WIDTH = 220


class Happening(NamedTuple):
    """One thing that happened: at a step, in ms from the start, and what."""

    step: int
    at_ms: int
    what: object


class Chronicle:
    """The newest happenings; each goes to `tell` as well, if there is one."""

    def __init__(self, tell: Callable[[str], None] | None = None) -> None:
        self.newest: deque[Happening] = deque(maxlen=KEPT)
        self._tell = tell

    def note(self, step: int, at_ms: int, what: object) -> None:
        """Keep a happening."""
        happening = Happening(step, at_ms, what)
        self.newest.append(happening)
        if self._tell is not None:
            self._tell(line(happening))

    def story(self, about: str) -> list[str]:
        """The newest lines that name a job or one of its attempts; any where none is given."""
        lines: Iterable[str] = map(line, self.newest)
        if about:
            job = _job_of(about)
            named = re.compile(rf"(?<![0-9a-z]){re.escape(job)}(?![0-9a-z])")
            lines = (text for text in lines if named.search(text))
        return list(lines)[-STORY_LINES:]


def line(happening: Happening) -> str:
    """A happening in a line."""
    text = f"{happening.at_ms / 1000:10.3f} s  step {happening.step:<7} {describe(happening.what)}"
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 3]}..."


def describe(what: object) -> str:
    """What happened, in words and identifiers."""
    match what:
        case ev.Entry(position, _, cause, event):
            return f"hub    {position} ({cause}) {_event(event)}"
        case Fault():
            where = what.node or what.site
            lasting = f" for {what.for_ms / 1000:g} s" if what.for_ms else ""
            return f"fault  {what.kind.value} {where}".rstrip() + lasting
        case _:
            return str(what)


def _event(event: ev.AnyEvent) -> str:
    match event:
        case ev.PlanDecided():
            placed = [
                f"{placed.attempt} on {','.join(share.node for share in placed.nodes)}"
                for placed in event.placements
            ]
            evicted = [f"{line.attempt} for {line.by}" for line in event.preemptions]
            parts = ["places " + "; ".join(placed)] if placed else []
            if evicted:
                parts.append("evicts " + "; ".join(evicted))
            return f"PlanDecided {event.cycle}: {', '.join(parts)}"
        case ev.JobAccepted():
            return f"JobAccepted {event.job} {event.spec.name} of {event.spec.tenant}"
        case ev.AttemptEnded() | ev.AttemptLost() | ev.AttemptSettled():
            return f"{type(event).__name__} {event.attempt}: {event.reason.sentence()}"
        case ev.InventoryChanged():
            return f"InventoryChanged {event.site}: {len(event.inventory.nodes)} nodes"
        case _:
            fields = msgspec.to_builtins(event)
            fields.pop("kind", None)
            return f"{type(event).__name__} {' '.join(f'{k}={v}' for k, v in fields.items())}"


def _job_of(about: str) -> str:
    found = re.search(r"(?<![0-9a-z])j[1-9][0-9]*(?![0-9a-z])", about)
    return found.group() if found else about
