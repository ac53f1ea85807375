"""Starts worked out for whole columns of gangs agree with those worked out one by one."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hutong.model.ids import AttemptId, PoolId
from hutong.scheduler.board import Board
from hutong.scheduler.columns import PoolColumns, need_of
from hutong.scheduler.estimate import (
    Wants,
    lower_bound_ms,
    lower_bounds_ms,
    note_ahead,
    rough_start,
    rough_starts,
)
from hutong.scheduler.shapes import NEVER_MS
from hutong.scheduler.supply import BASES
from tests.unit.scheduler.worlds import HOUR_MS, MINUTE_MS, World


def options(columns: PoolColumns) -> list[tuple[Any, int]]:
    """Gangs of every size, small ones to such as take the pool many times over."""
    found = []
    for number in range(200):
        need = need_of(
            (number % 9) * 1000, (number % 5) * 2048, (number % 4) * 1000, exclusive=False
        )
        option = SimpleNamespace(
            columns=columns, need=need, run_ms=1 + number * MINUTE_MS, basis=BASES[number % 3]
        )
        found.append((option, 1 + number % 40))
    return found


@pytest.mark.parametrize("running", [0, 1, 12])
def test_columns_of_starts_are_those_worked_out_one_by_one(running: int) -> None:
    world = World().pool("bj/gpu", nodes=4, chips=8)
    for number in range(running):
        node = f"bj/gpu-{number % 4}"
        world.runs(node, chips=2, cpu=8, ends_in_ms=(1 + number % 5) * HOUR_MS)
    world.now_ms += 90 * MINUTE_MS
    columns = world.state.snapshot(0).supply.pools[PoolId("bj/gpu")]
    board = Board(world.now_ms)
    gangs = options(columns)
    note_ahead(board, *gangs[7])
    wants = Wants(
        np.array([option.need.cpu * tasks for option, tasks in gangs]),
        np.array([option.need.mem * tasks for option, tasks in gangs]),
        np.array([option.need.milli * tasks for option, tasks in gangs]),
        np.array([option.run_ms for option, _ in gangs]),
        np.array([BASES.index(option.basis) for option, _ in gangs]),
    )
    starts, bases = rough_starts(board, columns, wants)
    one_by_one = [rough_start(board, option, tasks) for option, tasks in gangs]
    assert starts.tolist() == [start.start_ms for start in one_by_one]
    assert [BASES[code] for code in bases] == [start.basis for start in one_by_one]
    bounds = [lower_bound_ms(board, option, tasks) for option, tasks in gangs]
    known = [NEVER_MS if bound is None else bound for bound in bounds]
    assert lower_bounds_ms(board, columns, wants).tolist() == known


def test_the_outlook_is_the_same_whether_sorted_anew_or_merged() -> None:
    world = World().pool("bj/gpu", nodes=4, chips=8)
    columns = world.state.snapshot(0).supply.pools[PoolId("bj/gpu")]
    live: list[AttemptId] = []
    for step in range(60):
        world.now_ms += 7 * MINUTE_MS
        if step % 3 == 2 and live:
            world.end(live.pop(step % len(live)))
        elif columns.whole[step % 4]:
            node = f"bj/gpu-{step % 4}"
            live.append(world.runs(node, chips=1, ends_in_ms=(step * 37 % 90) * MINUTE_MS))
        if step % 11 == 5 and live:
            world.state.mark_stopping(live[0])
        merged = Board(world.now_ms).outlook(columns)
        columns.memo.clear()
        anew = Board(world.now_ms).outlook(columns)
        assert merged.times.tolist() == anew.times.tolist()
        assert merged.freed_in_all() == anew.freed_in_all()
        assert sorted(merged.column("row")) == sorted(anew.column("row"))
