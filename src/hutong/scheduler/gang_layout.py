"""Where in a pool the tasks of a gang lie: in which place, close together or far apart.

A place is what a gang may span at most (`within`): a node, a rack, a spine or the whole pool. Of
the domains that nodes name, the innermost is the rack and the next one out is the spine; where only
one is named it stands for both, and where none is, every node is a place of its own.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from hutong.model.job import Layout, Level
from hutong.scheduler.columns import Ints, Rows
from hutong.scheduler.fit import Share, pack
from hutong.scheduler.near import Near
from hutong.scheduler.shapes import Shape, is_laid

_PLACES_MAX = 64
"""Of more places than this that hold a gang, only the widest are compared."""


class Lies(Protocol):
    """Where tasks may lie. `laid` says whether it matters, beyond that they are close together."""

    @property
    def layout(self) -> Layout:
        """Close together, or far apart."""

    @property
    def within(self) -> Level:
        """The largest place that the gang may span."""

    @property
    def laid(self) -> bool:
        """Whether that asks for anything."""

    @property
    def near(self) -> Near | None:
        """Which nodes affinities leave, where there are some."""


class Laying(NamedTuple):
    """How the tasks of a shape are to lie."""

    layout: Layout = Layout.PACK
    within: Level = Level.SITE
    laid: bool = False
    near: Near | None = None


def laying_of(shape: Shape, near: Near | None = None) -> Laying:
    """How a shape's tasks are to lie."""
    return Laying(shape.layout, shape.within, is_laid(shape), near)


def places(domains: Sequence[Rows], within: Level, count: int) -> Rows:
    """The code of the place that each of `count` rows belongs to."""
    match within:
        case Level.SITE:
            return np.zeros(count, np.int64)
        case Level.SPINE if domains:
            return domains[-2] if len(domains) > 1 else domains[-1]
        case Level.RACK if domains:
            return domains[-1]
        case _:
            return np.arange(count, dtype=np.int64)


def most(by_row: Ints, tasks: int, within: Rows) -> int:
    """How many of a gang's tasks the best place holds. `within` are codes of places by row."""
    if not len(by_row):
        return 0
    sums = np.bincount(within, weights=np.minimum(by_row, tasks))
    return min(int(sums.max()), tasks)


def fitting(by_row: Ints, tasks: int, domains: tuple[Rows, ...], how: Lies) -> int:
    """How many of a gang's tasks fit as they are to lie, at most all."""
    if how.near is not None:
        by_row = how.near.allow(by_row)
    if not how.laid:
        return min(int(by_row.sum()), tasks)
    return most(by_row, tasks, places(domains, how.within, len(by_row)))


def lay(by_row: Ints, tasks: int, domains: tuple[Rows, ...], how: Lies) -> list[Share]:
    """Choose nodes for a gang inside one place. Empty where no place holds it whole.

    `by_row` is how many tasks each node holds and `domains` the codes of its domains by level,
    outermost first. `pack` takes the smallest domain that holds it (see `fit.pack`). `spread` puts
    as few tasks as possible on a node, and those on as many domains as possible. Where affinities
    prefer some nodes the gang goes to those if they hold it whole.
    """
    if how.near is None:
        return _lay(by_row, tasks, domains, how)
    for rows in how.near.rows_by_liking():
        shares = _lay(np.where(rows, by_row, 0), tasks, domains, how)
        if shares:
            return shares
    return []


def _lay(by_row: Ints, tasks: int, domains: tuple[Rows, ...], how: Lies) -> list[Share]:
    codes = places(domains, how.within, len(by_row))
    if tasks <= 0 or most(by_row, tasks, codes) < tasks:
        return []
    if how.layout is Layout.PACK:
        shares = pack(by_row, tasks, domains)
        if len({int(codes[row]) for row, _ in shares}) == 1:
            return shares
        return _pack_in_one(by_row, tasks, domains, codes)
    return _spread(by_row, tasks, domains, codes)


def _pack_in_one(by_row: Ints, tasks: int, domains: tuple[Rows, ...], codes: Rows) -> list[Share]:
    """Pack in the smallest place that holds it all."""
    sums = np.bincount(codes, weights=np.minimum(by_row, tasks))
    large = np.flatnonzero(sums >= tasks)
    chosen = large[np.argmin(sums[large])]
    return pack(np.where(codes == chosen, by_row, 0), tasks, domains)


def _spread(by_row: Ints, tasks: int, domains: tuple[Rows, ...], codes: Rows) -> list[Share]:
    """Spread over the place where a node gets the fewest tasks."""
    holds = np.minimum(by_row, tasks)
    sums = np.bincount(codes, weights=holds)
    wide = np.bincount(codes, weights=holds > 0)
    large = np.flatnonzero(sums >= tasks)
    if len(large) > _PLACES_MAX:
        large = large[np.argsort(-wide[large], kind="stable")[:_PLACES_MAX]]
    best: tuple[int, int, int] | None = None
    for place in large.tolist():
        inside = holds[codes == place]
        key = (_fewest_a_node(inside, tasks), -int(wide[place]), place)
        best = key if best is None or key < best else best
    assert best is not None
    cap, _, place = best
    rows = np.flatnonzero((codes == place) & (holds > 0))
    counts = np.minimum(holds[rows], cap - 1)
    left = tasks - int(counts.sum())
    more = np.flatnonzero(holds[rows] >= cap)
    turn = _in_turn(rows[more], holds, domains)
    counts[more[turn[:left]]] += 1
    taken = counts > 0
    rows, counts = rows[taken], counts[taken]
    order = np.lexsort([rows, *[level[rows] for level in reversed(domains)]])
    return list(zip(rows[order].tolist(), counts[order].tolist(), strict=True))


def _fewest_a_node(holds: Ints, tasks: int) -> int:
    """The least bound on the tasks of a node with which all tasks have room."""
    low, high = 1, int(holds.max())
    while low < high:
        middle = (low + high) // 2
        if int(np.minimum(holds, middle).sum()) >= tasks:
            high = middle
        else:
            low = middle + 1
    return low


def _in_turn(rows: Rows, holds: Ints, domains: tuple[Rows, ...]) -> Rows:
    """Positions in `rows` such that one after the other comes from the domain used least so far.

    Within a domain the nodes with most room come first.
    """
    first = np.lexsort([rows, -holds[rows]])
    rank = np.zeros(len(rows), np.int64)
    rank[first] = np.arange(len(rows))
    keys = []
    codes = rank
    for level in reversed(domains):
        # How many come before it in its domain: of nodes in a rack, then of racks in a spine.
        above = level[rows]
        _, at = np.unique(codes, return_index=True)
        order = at[np.lexsort([codes[at], above[at]])]
        starts = np.flatnonzero(np.diff(above[order], prepend=-1))
        before = np.arange(len(order)) - np.repeat(starts, np.diff(starts, append=len(order)))
        turn = np.zeros(int(codes.max(initial=0)) + 1, np.int64)
        turn[codes[order]] = before
        keys.append(turn[codes])
        codes = above
    keys.append(codes)
    return np.lexsort(keys[::-1])
