"""Errors, reasons, states, events and limits, from `hutong.model` and `hutong.lifecycle`."""

import string
import typing
from enum import StrEnum

import msgspec

from hutong.lifecycle import events
from hutong.lifecycle.commands import Stimulus
from hutong.lifecycle.retry import RULES
from hutong.model import limits, reasons, states
from hutong.model.classes import DEFAULT_CLASSES
from hutong.model.errors import CATALOGUE
from hutong.model.supply import NodeCondition
from hutong.scheduler.filters import FILTERS
from hutong.scheduler.pool_standing import STANDING
from scripts.reference import meanings
from scripts.reference.api_page import named_in_api
from scripts.reference.text import (
    code,
    doc,
    first_paragraph,
    link,
    listed,
    page,
    quantity,
    slug,
    table,
    type_name,
)

# Errors

GROUPS = {
    "request": "What was asked",
    "auth": "Who asks",
    "token": "Who asks",
    "job": "Jobs",
    "attempt": "Jobs",
    "log": "Jobs",
    "file": "Files handed in",
    "quota": "Quotas and limits",
    "limit": "Quotas and limits",
    "tenant": "Tenants",
    "site": "Sites",
    "booking": "Sites",
    "node": "Sites",
    "pool": "Sites",
    "store": "The store",
    "hub": "The hub",
    "lifecycle": "The hub",
    "connector": "Agents and connectors",
    "agent": "Agents and connectors",
    "config": "The command line",
    "cli": "The command line",
    "simulation": "The simulator",
    "predictor": "The simulator",
    "generate": "The simulator",
    "report": "The simulator",
}


def errors_page() -> str:
    by_group: dict[str, list[str]] = {}
    for error_code in CATALOGUE:
        by_group.setdefault(GROUPS.get(error_code.split(".", 1)[0], "Others"), []).append(
            error_code
        )
    parts = []
    for group, codes in by_group.items():
        parts.append(f"## {group}")
        parts.extend(_error(error_code) for error_code in codes)
    return page(
        "Errors",
        "An error has a code that never changes its meaning, a sentence made of facts, a hint, and "
        "an HTTP status. The API answers it as JSON; the command line writes the sentence and the "
        "hint to standard error and leaves with an exit code that is not 0.",
        '```json\n{"code": "job.not_found", "message": "There is no job j9.", '
        '"hint": "`hutong jobs --all` lists yours.", "facts": {"job": "j9"}}\n```',
        "A word in braces below stands for a fact.",
        *parts,
    )


def _error(error_code: str) -> str:
    kind = CATALOGUE[error_code]
    facts = list(dict.fromkeys([*_facts(kind.sentence), *_facts(kind.hint)]))
    lines = [
        f"### {code(error_code)}",
        "",
        f"HTTP {kind.status}. {kind.sentence}",
        "",
        f"*Hint:* {kind.hint}",
    ]
    if facts:
        lines += ["", f"*Facts:* {listed(facts)}"]
    return "\n".join(lines)


def _facts(text: str) -> list[str]:
    return [name for _, name, _, _ in string.Formatter().parse(text) if name]


# Reasons

EXAMPLES: dict[str, object] = {
    "pools": 3,
    "tasks": 16,
    "fitting_now": 12,
    "ahead": 4,
    "holder": "j41",
    "start_ms": 1_793_340_000_000,
    "limit": 8,
    "tenant": "acme/vision",
    "resource": "accelerators",
    "used": 8,
    "jobs": ("j41",),
    "filtered": {"accelerator": 120, "region": 8},
    "objective": "time",
    "candidates": 3,
    "exit_code": 1,
    "task": 0,
    "signal": 11,
    "limit_ms": 3_600_000,
    "by": "j57",
    "job": "j41",
    "kind": "afterok",
    "state": "failed",
    "deadline_ms": 1_793_340_000_000,
    "problem": "no space is left in its folder",
    "node": "tianjin/n3",
    "site": "tianjin",
    "pool": "tianjin/spot-a100",
    "nodes": 2,
    "ready_ms": 1_793_340_000_000,
    "labels": "app=train",
    "level": "rack",
    "apart": False,
    "tasks_before": 4,
    "tasks_after": 12,
    "attempt": "k3v9qa-j42-1",
    "ends_ms": 1_793_340_000_000,
    "attempts": 2,
    "gone_in_ms": 10_000,
    "same_class": 3,
    "not_preemptible": 1,
    "minimum_run": 0,
    "not_enough": 4,
}
# The same field means something else in these.
EXAMPLES_BY_REASON: dict[str, dict[str, object]] = {
    "user.start_failed": {"problem": "train.py does not exist"},
    "user.cancelled": {"by": "li@acme"},
    "waiting.cycle_full": {"limit": limits.PLAN_PLACEMENTS},
    "waiting.quota": {"wanted": 2},
    "waiting.borrow_limit": {"wanted": 2},
    "waiting.quota_window": {
        "resource": "accelerator-hours a month",
        "used": 9_970,
        "limit": 10_000,
        "wanted": 64,
    },
    "waiting.booked": {
        "booking": "exam-week",
        "kind": "reservation",
        "start_ms": 1_793_340_000_000,
        "end_ms": 1_793_426_400_000,
    },
    "waiting.no_pool": {"wanted": "8 GB200"},
    "waiting.better": {
        "pool": "tianjin/h100",
        "free_pool": "beijing/a100",
        "sooner_ms": 5_400_000,
        "cheaper_microcny": 12_500_000,
    },
    "waiting.cleaner": {"site": "beijing", "start_ms": 1_767_232_800_000, "saved_g": 640},
}


def example(kind: type[reasons.Reason]) -> reasons.Reason:
    """A reason with plausible facts."""
    own = EXAMPLES_BY_REASON.get(tag(kind), {})
    values = {}
    for field in msgspec.structs.fields(kind):
        if field.name in own or field.name in EXAMPLES:
            values[field.name] = own.get(field.name, EXAMPLES.get(field.name))
        elif field.required:
            raise ValueError(f"reason {tag(kind)}: give an example of its fact {field.name}")
    return kind(**values)


def tag(kind: type[msgspec.Struct]) -> str:
    """The code of a reason, or the kind of an event."""
    return str(kind.__struct_config__.tag)


def reasons_page() -> str:
    parts = ["## Why a job waits", "[The queue](../concepts/queue.md) says how it is ordered."]
    parts.extend(_reason(kind) for kind in typing.get_args(reasons.WaitReason))
    parts.append("## Why a placed job is where it is")
    parts.extend(_reason(kind) for kind in typing.get_args(reasons.PlaceReason))
    parts.append("## Why an attempt or a job ended")
    parts.append(
        "The class of failure decides whether and how it is tried again: see "
        "[states](states.md#classes-of-failure)."
    )
    parts.extend(_reason(kind) for kind in typing.get_args(reasons.EndedReason))
    return page(
        "Reasons",
        "Everything that happens to a job has a cause from this closed set. A reason has a code, "
        "its facts, the sentence it renders to, and the events that could clear it. `hutong "
        "explain` and the API show the same ones.",
        *parts,
        "## Filters",
        "Why a pool is not among the candidates. The first filter that a pool fails names it; "
        "[`waiting.no_pool`](#waitingno_pool), `hutong explain` and `hutong plan` count nodes by "
        "these names.",
        table(
            ("name", "a pool passes where"),
            ((code(name), first_paragraph(passes)) for name, passes in FILTERS),
        ),
        "What changes from minute to minute is asked afterwards:",
        table(
            ("name", "nodes are out because"),
            ((code(name), said) for name, said in meanings.AVAILABILITY.items()),
        ),
        "For a job that waits `hutong explain` also counts the nodes that could take a task of it "
        "at another time:",
        table(
            ("name", "nodes are out because"),
            ((code(name), said) for name, said in STANDING.items()),
        ),
    )


def _reason(kind: type[reasons.Reason]) -> str:
    shown = example(kind)
    lines = [
        f"### {code(tag(kind))}",
        "",
        doc(kind),
        "",
        f"> {shown.sentence()}",
        "",
        f"*Facts:* {_field_list(kind) or 'none'}",
    ]
    if isinstance(shown, reasons.EndReason):
        failure = shown.failure.value
        lines += ["", f"*Class of failure:* [`{failure}`](states.md#classes-of-failure)"]
    elif issubclass(kind, typing.get_args(reasons.WaitReason)):
        clears = ", ".join(link(name, f"events.md#{slug(name)}") for name in kind.clears_on)
        lines += ["", f"*Cleared by:* {clears or 'time alone'}"]
    return "\n".join(lines)


def _field_list(kind: type[msgspec.Struct]) -> str:
    hints = typing.get_type_hints(kind)
    return ", ".join(
        f"{code(field.name)} ({type_name(hints[field.name])})"
        for field in msgspec.structs.fields(kind)
    )


# States


def states_page() -> str:
    meanings.meaning_of(states.JobState, meanings.JOB_STATES, "states of jobs")
    meanings.meaning_of(states.AttemptState, meanings.ATTEMPT_STATES, "states of attempts")
    meanings.meaning_of(states.FailureClass, meanings.FAILURES, "classes of failure")
    meanings.meaning_of(NodeCondition, meanings.NODE_CONDITIONS, "conditions of nodes")
    names = {rule.name for rule in DEFAULT_CLASSES}
    assert names == set(meanings.PRIORITIES), "say what each priority class means"
    return page(
        "States",
        "The tables of moves below are the program's own: a move that is not in them is refused "
        "with [`lifecycle.invalid_transition`](errors.md#lifecycleinvalid_transition).",
        "## Jobs",
        doc(states.JobState),
        _diagram(states.JOB_MOVES, states.JobState.QUEUED),
        _moves(states.JOB_MOVES, meanings.JOB_STATES),
        "An array is `queued` while none of its elements is placed, and shows how many elements "
        "are where.",
        "## Attempts",
        doc(states.AttemptState),
        _diagram(states.ATTEMPT_MOVES, states.AttemptState.PLACED),
        _moves(states.ATTEMPT_MOVES, meanings.ATTEMPT_STATES),
        "## Classes of failure",
        first_paragraph(states.FailureClass),
        table(
            ("class", "meaning", "tried again (job file's key, default)"),
            ((code(name), *said) for name, said in meanings.FAILURES.items()),
        ),
        "The rules are looked at in this order, and the first that speaks decides: "
        + listed(name for name, _ in RULES)
        + "; if none does, the job goes back to its place in the queue.",
        "## Nodes",
        table(
            ("condition", "meaning"),
            ((code(k), v) for k, v in meanings.NODE_CONDITIONS.items()),
        ),
        "## Priority classes",
        table(("class", "meaning"), ((code(k), v) for k, v in meanings.PRIORITIES.items())),
    )


def _moves(
    moves: typing.Mapping[typing.Any, tuple[StrEnum, ...]], said: typing.Mapping[str, str]
) -> str:
    return table(
        ("state", "meaning", "next"),
        ((code(state), said[state], listed(after) or "final") for state, after in moves.items()),
    )


def _diagram(moves: typing.Mapping[typing.Any, tuple[StrEnum, ...]], first: StrEnum) -> str:
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {first}"]
    for state, after in moves.items():
        lines.extend(f"    {state} --> {target}" for target in after)
        if not after:
            lines.append(f"    {state} --> [*]")
    return "\n".join([*lines, "```"])


# Events


def events_page() -> str:
    kinds = typing.get_args(events.AnyEvent)
    return page(
        "Events",
        "The journal holds these events and nothing else; state is what they add up to. `GET "
        "/v1/events` and `hutong events` give them from any position on. A kind is never given "
        "another meaning; fields and kinds are only added.",
        "Beside its own fields each entry has a `position` (from 1, without gaps), `at_ms` (Unix "
        "time) and a `cause`: the id of the request, report or tick that led to it.",
        "What leads to events are stimuli, which are not stored: "
        + listed(kind.__name__ for kind in typing.get_args(Stimulus))
        + ".",
        *(_event(kind) for kind in kinds),
        "## Parts of events",
        *(_part(kind) for kind in (events.AttemptPlaced, events.AttemptPreempted)),
    )


def _event(kind: type[msgspec.Struct]) -> str:
    cleared = [
        link(tag(reason), f"reasons.md#{slug(tag(reason))}")
        for reason in reasons.ALL_REASONS
        if tag(kind) in reason.clears_on
    ]
    may = f"\n\n*May clear:* {', '.join(cleared)}" if cleared else ""
    return f"## {code(tag(kind))}\n\n{doc(kind)}\n\n{_fields(kind)}{may}"


def _part(kind: type[msgspec.Struct]) -> str:
    return f"### {code(kind.__name__)}\n\n{doc(kind)}\n\n{_fields(kind)}"


def _fields(kind: type[msgspec.Struct]) -> str:
    hints = typing.get_type_hints(kind)
    rows = [
        (
            code(field.encode_name),
            type_name(hints[field.name], named_in_api),
            "" if field.required else "yes",
        )
        for field in msgspec.structs.fields(kind)
    ]
    return table(("field", "type", "may be absent"), rows) if rows else "It has no fields."


# Limits


def limit_names() -> list[str]:
    """Every limit by its name in the program."""
    helpers = ("KIB", "MIB")
    return [name for name in vars(limits) if name.isupper() and name not in helpers]


def limits_page() -> str:
    meanings.meaning_of(limit_names(), meanings.LIMITS, "limits")
    return page(
        "Limits",
        "Everything has a limit. Reaching one is an error with a code "
        "([`limit.reached`](errors.md#limitreached), "
        "[`request.too_large`](errors.md#requesttoo_large), "
        "[`job.invalid`](errors.md#jobinvalid)), never a slow death. They are constants of "
        "`hutong.model.limits`; the unit is the last word of the name.",
        table(
            ("name", "value", "what it bounds"),
            (
                (code(name), quantity(name, getattr(limits, name)), meanings.LIMITS[name])
                for name in limit_names()
            ),
        ),
    )
