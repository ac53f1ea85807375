"""Pools are named with their site, or for any site that has one of the name."""

import pytest

from tests.unit.scheduler.worlds import World, chips


@pytest.mark.parametrize(
    ("pools", "expected"),
    [
        (("bj/gpu",), "bj/gpu"),
        (("tj/gpu",), "tj/gpu"),
        (("big",), "tj/big"),
        (("x", "tj/big"), "tj/big"),
    ],
)
def test_a_job_goes_to_a_pool_that_it_names(pools: tuple[str, ...], expected: str) -> None:
    world = World().site("bj").site("tj")
    for path in ("bj/gpu", "tj/gpu", "tj/big"):
        world.pool(path, chips=8)
    job = world.job(chips(1), pools=pools)
    (placement,) = world.cycle().placements
    assert (placement.job, placement.pool) == (job, expected)


def test_a_name_that_no_pool_has_matches_none() -> None:
    world = World().pool("bj/gpu", chips=8)
    world.job(chips(1), pools=("bj",))
    assert not world.cycle().placements
