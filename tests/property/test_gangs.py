"""Where a gang lies, on random pools: whole, inside its place, and as it asked."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hutong.model.job import Layout, Level
from hutong.scheduler.gang_layout import Laying, lay, most, places

ROOMS = st.lists(st.integers(0, 6), min_size=1, max_size=24)


def domains_of(depth: int, count: int, width: int) -> tuple[np.ndarray, ...]:
    """Levels of domains, each inside the one above it, outermost first."""
    return tuple(np.arange(count) // width ** (depth - level) for level in range(depth))


@given(
    ROOMS, st.integers(1, 40), st.integers(0, 3), st.integers(1, 4),
    st.sampled_from(Layout), st.sampled_from(Level),
)  # fmt: skip
def test_a_gang_lies_whole_in_one_place_exactly_where_one_holds_it(
    room: list[int], tasks: int, depth: int, width: int, layout: Layout, within: Level
) -> None:
    by_row = np.array(room, np.int64)
    domains = domains_of(depth, len(room), width)
    codes = places(domains, within, len(room))
    shares = lay(by_row, tasks, domains, Laying(layout, within, laid=True))
    held = [sum(r for r, code in zip(room, codes, strict=True) if code == one) for one in codes]
    assert bool(shares) == (max(held) >= tasks) == (most(by_row, tasks, codes) == tasks)
    assert sum(count for _, count in shares) == (tasks if shares else 0)
    assert all(0 < count <= room[row] for row, count in shares)
    assert len({row for row, _ in shares}) == len(shares)
    assert len({int(codes[row]) for row, _ in shares}) <= 1


@given(ROOMS, st.integers(1, 40), st.integers(0, 3), st.integers(1, 4))
def test_no_other_layout_puts_fewer_tasks_on_the_fullest_node_than_spread(
    room: list[int], tasks: int, depth: int, width: int
) -> None:
    by_row = np.array(room, np.int64)
    domains = domains_of(depth, len(room), width)
    shares = lay(by_row, tasks, domains, Laying(Layout.SPREAD, Level.SITE, laid=True))
    if not shares:
        return
    fullest = max(count for _, count in shares)
    assert sum(min(r, fullest - 1) for r in room) < tasks
    if depth and fullest == 1:
        inner = domains[-1]
        used = len({int(inner[row]) for row, _ in shares})
        offered = len({int(inner[row]) for row, r in enumerate(room) if r})
        assert used == min(tasks, offered)
