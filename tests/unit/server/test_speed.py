"""When a hub takes up the compiled kernels."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hutong.catalog import load_catalog
from hutong.scheduler import kernels, worth
from hutong.scheduler.state import SchedulerState
from hutong.server import speed
from tests.unit.scheduler.worlds import World


@pytest.fixture(autouse=True)
def plain() -> Iterator[None]:
    """As in a new process: tests of large hubs take up the compiled ones."""
    kernels.unload()
    yield
    kernels.unload()


async def considered(state: SchedulerState) -> speed.Speed:
    asked = speed.Speed()
    asked.consider(state)
    if asked._task is not None:
        await asked._task
    return asked


def test_a_small_hub_never_imports_the_compiler() -> None:
    asyncio.run(considered(World().pool("bj/gpu", nodes=3, chips=8).state))
    assert not kernels.is_loaded()


def test_a_large_supply_is_scheduled_by_compiled_kernels() -> None:
    world = World().pool("bj/gpu", nodes=worth.NODES, chips=8)
    job = world.job(cpu=1)
    before = world.cycle()
    asyncio.run(considered(world.state))
    assert kernels.is_loaded()
    assert "numba" in sys.modules
    after = world.cycle()
    assert after == before
    assert [placement.job for placement in after.placements] == [job]


def test_nothing_is_begun_twice_and_closing_leaves_nothing() -> None:
    world = World().pool("bj/gpu", nodes=worth.NODES, chips=8)

    async def twice() -> None:
        asked = speed.Speed()
        asked.consider(world.state)
        first = asked._task
        asked.consider(world.state)
        assert asked._task is first
        await asked.close()
        assert first is not None
        assert first.done()

    asyncio.run(twice())


def test_an_empty_state_asks_for_nothing() -> None:
    asyncio.run(considered(SchedulerState(load_catalog())))
    assert not kernels.is_loaded()


def test_what_is_half_compiled_is_not_taken_for_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernels, "cache_dir", lambda: str(tmp_path / "compiled-1"))
    assert not speed.is_compiled()
    speed.note_compiled()
    assert not speed.is_compiled()
    (tmp_path / "compiled-1").mkdir()
    (tmp_path / "compiled-1" / "nodes.tightest.nbi").touch()
    assert not speed.is_compiled()
    speed.note_compiled()
    assert speed.is_compiled()
