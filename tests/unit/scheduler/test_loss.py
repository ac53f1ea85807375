"""What stopping an attempt would lose, and from when on it may be stopped."""

import msgspec
import numpy as np
import pytest

from hutong.scheduler.preempt.loss import evictable_ms, lost_by_slot_ms, lost_ms
from hutong.scheduler.records import RunningAttempt
from hutong.scheduler.shapes import NEVER_MS
from tests.unit.scheduler.worlds import HOUR_MS, MINUTE_MS, World


def running(**fields: object) -> tuple[World, RunningAttempt]:
    """An attempt that was placed one hour ago."""
    world = World().pool("bj/gpu", chips=8)
    attempt = world.runs("bj/gpu-0", chips=8, ends_in_ms=9 * HOUR_MS)
    changed = msgspec.structs.replace(world.live[attempt], **fields)
    world.state.start(changed)
    world.now_ms += HOUR_MS
    return world, changed


START_MS = HOUR_MS  # worlds begin at one hour


@pytest.mark.parametrize(
    ("fields", "lost"),
    [
        ({}, HOUR_MS),
        ({"running_ms": START_MS + 10 * MINUTE_MS}, 50 * MINUTE_MS),
        ({"checkpointed_ms": START_MS + 55 * MINUTE_MS}, 5 * MINUTE_MS),
        ({"checkpointed_ms": START_MS - 1}, HOUR_MS),
        ({"checkpointed_ms": START_MS + 2 * HOUR_MS}, 0),
        ({"checkpoint_ms": 2 * HOUR_MS}, HOUR_MS),
        ({"checkpoint_ms": 40 * MINUTE_MS}, 20 * MINUTE_MS),
        ({"checkpoint_ms": 25 * MINUTE_MS}, 12 * MINUTE_MS + MINUTE_MS // 2),
        ({"checkpoint_ms": 35 * MINUTE_MS}, 25 * MINUTE_MS),
        ({"checkpoint_ms": MINUTE_MS}, MINUTE_MS // 2),
        ({"checkpoint_ms": MINUTE_MS, "checkpointed_ms": START_MS + MINUTE_MS}, 59 * MINUTE_MS),
    ],
)
def test_what_is_lost(fields: dict[str, object], lost: int) -> None:
    world, attempt = running(**fields)
    assert lost_ms(attempt, world.now_ms) == lost
    slots = world.state.snapshot(world.now_ms).supply.pools["bj/gpu"].slots  # type: ignore[index]
    at = slots.live()
    assert lost_by_slot_ms(slots, at, world.now_ms).tolist() == [lost]
    assert slots.weight[at].tolist() == [8_000]


@pytest.mark.parametrize(
    ("fields", "from_ms"),
    [
        ({}, START_MS),
        ({"preemptible": False}, NEVER_MS),
        ({"parts": 2}, NEVER_MS),
        ({"min_run_ms": MINUTE_MS}, START_MS + 30_000 + MINUTE_MS),
        ({"min_run_ms": MINUTE_MS, "running_ms": START_MS + HOUR_MS}, START_MS + 61 * MINUTE_MS),
        ({"running_ms": START_MS + HOUR_MS}, START_MS),
    ],
)
def test_from_when_on_it_may_be_stopped(fields: dict[str, object], from_ms: int) -> None:
    _, attempt = running(**fields)
    assert evictable_ms(attempt, 30_000) == from_ms


def test_news_of_progress_reach_the_columns() -> None:
    world, attempt = running(min_run_ms=MINUTE_MS)
    world.state.note_progress(attempt.attempt, START_MS + 9, START_MS + 99)
    slots = world.state.snapshot(world.now_ms).supply.pools["bj/gpu"].slots  # type: ignore[index]
    at = int(slots.live()[0])
    told = (slots.started[at], slots.saved[at], slots.evictable[at])
    assert told == (START_MS + 9, START_MS + 99, START_MS + 9 + MINUTE_MS)
    assert np.count_nonzero(slots.stopping) == 0
