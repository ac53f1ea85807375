"""Reasons in a few words."""

from typing import Any, get_args, get_origin, get_type_hints

import msgspec
import pytest

from hutong.cli import why
from hutong.lifecycle.rows import ElementCounts
from hutong.model.reasons import ALL_REASONS, Reason
from hutong.wire.api import JobView, ReasonView

SAMPLES: dict[object, Any] = {int: 1, str: "name", bool: True}


def sample(kind: type[Reason]) -> Reason:
    """Make a reason with some fact of each type."""
    facts = {}
    for field in msgspec.structs.fields(kind):
        hint = get_type_hints(kind)[field.name]
        if get_origin(hint) is tuple:
            facts[field.name] = tuple(SAMPLES[each] for each in get_args(hint)[:1])
        elif get_origin(hint) is dict:
            facts[field.name] = {"name": 1}
        else:
            facts[field.name] = SAMPLES[hint]
    return kind(**facts)


@pytest.mark.parametrize("kind", ALL_REASONS, ids=lambda kind: kind.__name__)
def test_every_reason_has_its_few_words(kind: type[Reason]) -> None:
    view = ReasonView.of(sample(kind))
    assert view.code in why._SHORT
    assert len(why.in_short(view)) <= 24
    assert "{" not in why.in_short(view)


def test_no_words_are_kept_for_a_reason_that_is_gone() -> None:
    assert sorted(why._SHORT) == sorted(sample(kind).code for kind in ALL_REASONS)


def test_a_reason_of_a_newer_hub_shows_its_code() -> None:
    assert why.in_short(ReasonView("waiting.full_moon", "It is night.")) == "full moon"
    assert why.in_short(ReasonView("waiting.quota", "Facts are missing.")) == "quota"


def test_an_array_shows_how_far_it_is() -> None:
    counts = ElementCounts(queued=1, live=1, succeeded=6, failed=1, cancelled=1)
    view = JobView("j1", "a", "t", "running", "normal", 1, 10, 1, counts)
    assert why.of_job(view) == "8/10 done, 1 failed"
