"""What is kept of matches and sweeps as the supply changes is what would be worked out anew."""

from random import Random
from typing import Any

import msgspec
import numpy as np
import pytest

from hutong.model.supply import PriceBook
from hutong.scheduler import sweep as sweeps
from hutong.scheduler.board import Board
from hutong.scheduler.fit import vector_for
from hutong.scheduler.match import Match, Matcher
from hutong.scheduler.option import Option
from hutong.scheduler.profile import Profile
from hutong.scheduler.shapes import Shape
from tests.unit.scheduler.worlds import A100, ASCEND, CATALOG, H100, MINUTE_MS, World, chips

_TOLD = [
    name
    for name in Option.__slots__
    if name not in ("_weights", "columns", "near", "table_row", "vector")
]
_YUAN = 1_000_000


def put_pool(world: World, random: Random, at: int) -> None:
    """A pool of a random size, chip and price, in place of what was there."""
    world.pool(
        f"s{at}/p", nodes=random.randint(1, 4), chips=random.choice((0, 2, 8)),
        cpu=random.choice((8, 64)), model=random.choice((A100, ASCEND, H100)),
        price=PriceBook(random.choice((10, 20)) * _YUAN),
    )  # fmt: skip


def crowd(seed: int, jobs: int = 80) -> tuple[World, Random]:
    """Some pools, and jobs that mostly differ in their amounts."""
    random = Random(seed)
    world = World()
    for at in range(6):
        put_pool(world, random, at)
    for _ in range(jobs):
        fields: dict[str, Any] = {}
        if random.random() < 0.2:
            fields = {"budget_microcny": random.choice((1, 5, 500)) * _YUAN}
        if random.random() < 0.2:
            fields = {"sites": (f"s{random.randrange(7)}", "s1")}
        if random.random() < 0.2:
            fields = {"deadline_ms": 1000 * MINUTE_MS}
        models = random.sample((A100, ASCEND, "any"), random.randrange(3))
        world.job(
            *[chips(random.choice((0.5, 1, 2, 8)), model) for model in models],
            cpu=random.randint(1, 40), tasks=random.choice((1, 1, 4, 12)),
            estimate_ms=random.randint(1, 90) * MINUTE_MS, **fields,
        )  # fmt: skip
    return world, random


def told(match: Match) -> list[object]:
    """All that a match says."""
    options = [
        (option.columns.pool.id, [getattr(option, name) for name in _TOLD])
        for option in match.options
    ]
    return [
        options, list(match.filtered.items()), match.fell.tolist(), match.jobs_count,
        match.pools_count, match.story.details(), match.story.nearest(),
    ]  # fmt: skip


def shapes_of(world: World) -> list[Shape]:
    return world.state.snapshot(world.now_ms).demand.shapes.at


@pytest.mark.parametrize("seed", range(12))
def test_a_match_after_changes_is_what_it_would_be_made_anew(seed: int) -> None:
    world, random = crowd(seed)
    snapshot = world.state.snapshot(world.now_ms)
    for _ in range(4):
        for shape in random.sample(shapes_of(world), 60):
            snapshot.matcher.match(shape, world.profile)
        for _ in range(random.randint(1, 2)):
            put_pool(world, random, random.randrange(6))
        if random.random() < 0.2:
            world.site(f"s{random.randrange(6)}", region=random.choice(("beijing", "shanghai")))
        if random.random() < 0.2:
            put_pool(world, random, 6)
        fresh = Matcher(snapshot.supply, CATALOG)
        for shape in shapes_of(world):
            kept = snapshot.matcher.match(shape, world.profile)
            assert told(kept) == told(fresh.match(shape, world.profile)), shape


@pytest.mark.parametrize("seed", range(4))
def test_shapes_of_one_kind_are_matched_as_if_each_were_the_only_one(seed: int) -> None:
    world, _ = crowd(seed)
    snapshot = world.state.snapshot(world.now_ms)
    for shape in shapes_of(world):
        alone = Matcher(snapshot.supply, CATALOG).match(shape, world.profile)
        assert told(snapshot.matcher.match(shape, world.profile)) == told(alone), shape


def test_options_on_pools_that_did_not_change_are_kept() -> None:
    world = World().pool("a/p", chips=8).pool("b/p", chips=8)
    world.job(chips(1))
    (shape,) = shapes_of(world)
    matcher = world.state.snapshot(world.now_ms).matcher
    before = {str(o.columns.pool.id): o for o in matcher.match(shape, world.profile).options}
    world.pool("a/p", nodes=2, chips=8)
    after = {str(o.columns.pool.id): o for o in matcher.match(shape, world.profile).options}
    assert after["b/p"] is before["b/p"]
    assert after["a/p"] is not before["a/p"]
    assert len(after["a/p"].columns.ids) == 2


def swept(world: World, matcher: Matcher, board: Board, profile: Profile) -> list[int]:
    """The shapes that a sweep names."""
    snapshot = world.state.snapshot(world.now_ms)
    shapes = snapshot.demand.shapes
    found = matcher.sweep.blocked(board, snapshot.supply, shapes, matcher, profile)
    return np.flatnonzero(found).tolist()


@pytest.mark.parametrize("seed", range(12))
def test_a_sweep_after_changes_names_what_a_first_one_would(seed: int) -> None:
    world, random = crowd(seed)
    snapshot, jobs = world.state.snapshot(world.now_ms), list(world.jobs)
    named = 0
    for _ in range(5):
        matcher = snapshot.matcher
        found = swept(world, matcher, Board(world.now_ms), world.profile)
        fresh = Matcher(snapshot.supply, CATALOG)
        assert found == swept(world, fresh, Board(world.now_ms), world.profile)
        named += len(found)
        put_pool(world, random, random.randrange(6))
        for job in random.sample(jobs, 5):
            world.state.dequeue(job)
            jobs.remove(job)
        world.job(chips(1), cpu=random.randint(1, 40))
    assert named


def test_sweeps_of_a_cycle_take_up_ever_more_new_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World().pool("a/p", chips=8, cpu=8)
    world.runs("a/p-0", chips=8, cpu=8)
    for cpu in range(1, 8):
        world.job(chips(1), cpu=cpu)
    monkeypatch.setattr(sweeps, "TAKEN_MAX", 2)
    matcher, board = world.state.snapshot(world.now_ms).matcher, Board(world.now_ms)
    counts = [len(swept(world, matcher, board, world.profile)) for _ in range(3)]
    assert counts == [2, 6, 7]
    later = Board(world.now_ms + 1)
    assert len(swept(world, matcher, later, world.profile)) == 7, "what was taken up is kept"


def test_a_number_that_is_used_again_is_open_until_its_shape_is_taken_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World().pool("a/p", chips=8, cpu=8)
    world.runs("a/p-0", chips=8, cpu=8)
    old = world.job(chips(1), cpu=1)
    matcher = world.state.snapshot(world.now_ms).matcher
    assert swept(world, matcher, Board(world.now_ms), world.profile) == [0]
    world.state.dequeue(old)
    world.job(chips(1), cpu=2)
    monkeypatch.setattr(sweeps, "TAKEN_MAX", 0)
    assert swept(world, matcher, Board(world.now_ms), world.profile) == []


def test_an_option_gives_its_need_as_the_kernels_take_it() -> None:
    world = World().pool("a/p", nodes=2, chips=8, cpu=64)
    world.job(chips(2), cpu=3, tasks=5)
    (shape,) = shapes_of(world)
    (option,) = world.state.snapshot(world.now_ms).matcher.match(shape, world.profile).options
    vector = vector_for(option.need, 5, option.tasks_per_node, option.columns)
    assert option.places(5) == tuple(vector.tolist())


def test_a_change_of_weights_makes_all_anew() -> None:
    world = World().pool("a/p", chips=8, price=PriceBook(_YUAN)).pool("b/p", chips=8)
    world.job(chips(1), estimate_ms=MINUTE_MS)
    (shape,) = shapes_of(world)
    matcher = world.state.snapshot(world.now_ms).matcher
    other = msgspec.structs.replace(world.profile, hour_value_microcny=1)
    matcher.match(shape, world.profile)
    fresh = Matcher(world.state.snapshot(world.now_ms).supply, CATALOG)
    assert told(matcher.match(shape, other)) == told(fresh.match(shape, other))
