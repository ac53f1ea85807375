"""The scheduler decides what the slow and obvious reference decides, on small random worlds.

`HUTONG_REFERENCE_WORLDS=50000 HUTONG_REFERENCE_FIRST=10000` looks at more of them. A world in which
the two disagree is made as small as it can be and printed, in the words of the scenario files.
"""

import os
import random

import pytest

from tests.reference import scheduler as reference
from tests.reference.nodes import Need, Node
from tests.reference.worlds import Data, Disagreement, draw, play, shown, smallest

# Read before the tests' own home takes such variables away.
WORLDS = int(os.environ.get("HUTONG_REFERENCE_WORLDS", "2000"))
FIRST = int(os.environ.get("HUTONG_REFERENCE_FIRST", "0"))
BATCH = 100


def difference(world: Data) -> str:
    """In what the two disagree; empty where they do not."""
    try:
        play(world)
    except Disagreement as found:
        return str(found)
    return ""


def same_difference(world: Data, kind: str) -> bool:
    """Whether they disagree in the same thing; a world that makes no sense any more does not."""
    try:
        return difference(world).startswith(kind)
    except Exception:
        return False


def look_at(seed: int) -> str:
    """A world in which the two disagree, made small and with what they say; empty if they agree."""
    world = draw(random.Random(seed))
    found = difference(world)
    if not found:
        return ""
    kind = found.split("\n", maxsplit=1)[0]
    least = smallest(world, lambda smaller: same_difference(smaller, kind))
    return f"world {seed}, made small:\n\n{shown(least)}\n{difference(least)}"


@pytest.mark.parametrize("first", range(FIRST, FIRST + WORLDS, BATCH))
def test_the_scheduler_decides_what_the_reference_decides(first: int) -> None:
    for seed in range(first, min(first + BATCH, FIRST + WORLDS)):
        assert look_at(seed) == ""


def test_a_rule_read_differently_is_found_and_shown_in_a_few_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The net itself: with a reference that takes the emptiest node, a small world tells so."""

    def emptiest(node: Node, _: Need) -> tuple[int, int, int]:
        return 0, -node.whole, -node.cpu

    monkeypatch.setattr(reference, "tightness", emptiest)
    told = next(found for found in map(look_at, range(100)) if found)
    steps = told.partition("steps:")[2].partition("\n\n")[0]
    assert "placements" in told
    assert 2 <= steps.count("- ") <= 4, told
