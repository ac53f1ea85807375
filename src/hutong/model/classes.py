"""Priority classes: the operator's own list, the most urgent first."""

import msgspec

from hutong.model.ids import is_name


class ClassRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One class of the queue. Its place in the list is its rank.

    Its jobs may evict attempts of the class `evicts_from` and of all after it; empty is nobody.
    `bound_ms` is the time within which one of its jobs is placed or told why not; 0 is no bound.
    """

    name: str
    evicts_from: str = ""
    bound_ms: int = 0


URGENT = "urgent"
HIGH = "high"
NORMAL = "normal"
LOW = "low"
BEST_EFFORT = "best-effort"

DEFAULT_CLASSES = (
    ClassRule(URGENT, evicts_from=HIGH, bound_ms=60_000),
    ClassRule(HIGH, evicts_from=LOW),
    ClassRule(NORMAL),
    ClassRule(LOW),
    ClassRule(BEST_EFFORT),
)


def rank_of(name: str, classes: tuple[ClassRule, ...]) -> int:
    """Position from 0 (most urgent); a class that is not in the list comes after all of it."""
    for rank, rule in enumerate(classes):
        if rule.name == name:
            return rank
    return len(classes)


def bound_of(name: str, classes: tuple[ClassRule, ...]) -> int:
    """Within how many milliseconds a job of a class is placed or told why not; 0 is no bound."""
    return next((max(rule.bound_ms, 0) for rule in classes if rule.name == name), 0)


def weaker_from(name: str, classes: tuple[ClassRule, ...]) -> int | None:
    """The rank from which on a class may evict, always after its own; None where it may not."""
    for rank, rule in enumerate(classes):
        if rule.name == name:
            return max(rank_of(rule.evicts_from, classes), rank + 1) if rule.evicts_from else None
    return None


def is_class(text: str) -> bool:
    """Say whether `text` may name a class: a name, and no number."""
    return is_name(text) and not text.isdigit()
