"""The in-memory twin's faults, for those who test with it."""

import pytest

from hutong.model.errors import HutongError
from hutong.testing.store import MemoryDisk, MemoryStore
from tests.conformance.store_worlds import World


def test_appends_fail_as_often_as_asked_and_lose_nothing() -> None:
    store, world = MemoryStore(), World()
    store.open()
    store.append(world.accepted(2))
    batch = world.accepted(3)
    store.fail_next(2, problem="input/output error")
    for _ in range(2):
        with pytest.raises(HutongError) as refused:
            store.append(batch)
        assert refused.value.code == "store.unavailable"
        assert "input/output error" in refused.value.message
        assert store.entries(0, 10) == world.entries[:2]
    store.append(batch)
    assert store.entries(0, 10) == world.entries


def test_a_crash_frees_the_lease_and_keeps_what_was_appended() -> None:
    disk, world = MemoryDisk(), World()
    first = MemoryStore(disk)
    first.open()
    first.append(world.accepted(4))
    first.crash()
    second = MemoryStore(disk)
    second.open()
    assert second.entries(0, 10) == world.entries
    with pytest.raises(HutongError) as refused:
        first.append(world.accepted(1))
    assert refused.value.code == "store.unavailable"
    assert second.position() == 4


def test_a_stale_store_that_closes_does_not_free_its_successors_lease() -> None:
    disk = MemoryDisk()
    stale = MemoryStore(disk)
    stale.open()
    disk.is_leased = False
    successor = MemoryStore(disk)
    successor.open()
    stale.close()
    with pytest.raises(HutongError) as refused:
        MemoryStore(disk).open()
    assert refused.value.code == "store.in_use"
