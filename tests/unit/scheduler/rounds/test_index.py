"""The index: what is left, what was received."""

from hutong.scheduler.rounds.index import (
    LAS_QUEUES_MS,
    las_index,
    left_ms,
    next_queue_ms,
    next_step_ms,
)
from hutong.scheduler.rounds.steps import FIRST_MS

HOUR_MS = 3_600_000


def test_what_is_left_is_the_estimate_without_what_is_done() -> None:
    assert left_ms(100, 30, 40) == 70


def test_who_outran_his_estimate_needs_as_much_again_as_he_had() -> None:
    assert left_ms(100, 100, 130) == 130
    assert left_ms(100, 250, 250) == 250
    assert left_ms(0, 0, 0) == 1


def test_las_tells_service_apart_by_queue_alone() -> None:
    assert las_index(0) == las_index(HOUR_MS - 1) == HOUR_MS
    assert las_index(HOUR_MS) == 4 * HOUR_MS
    assert las_index(64 * HOUR_MS) == las_index(10**15) == 256 * HOUR_MS
    assert [las_index(end) for end in LAS_QUEUES_MS] == [4 * end for end in LAS_QUEUES_MS]


def test_the_next_queue_and_step_are_where_the_index_changes() -> None:
    assert next_queue_ms(HOUR_MS - 1) == HOUR_MS
    assert next_queue_ms(HOUR_MS) == 4 * HOUR_MS
    assert next_queue_ms(10**15) == float("inf")
    assert next_step_ms(0) == FIRST_MS
    assert next_step_ms(FIRST_MS) == 2 * FIRST_MS
    assert next_step_ms(10**18) == float("inf")
