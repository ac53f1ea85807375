"""Affinity: which nodes a job may or would rather use for the jobs that run near them.

Theory of operation. `Labels` finds what runs of a tenant by its labels; the supply keeps it up to
date. A cycle has one `Neighbours`. For each affinity that a shape with affinities asks about it
counts once in which places such jobs run, and from then on what the cycle itself places. A place is
a node, a rack, a spine or a site, as in `gang_layout`: of the domains that a node names the
innermost is its rack and the next one out its spine; where only one is named it stands for both,
and where none is, the node is a place of its own. Places go by name, so pools may share a rack.

A gang is never its own neighbour, the elements of an array are neighbours of each other. What was
told to stop is a neighbour until it is gone.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from hutong.model.ids import NodeId, SiteId, TenantId
from hutong.model.job import Affinity, Level
from hutong.model.reasons import NeighboursBar
from hutong.scheduler.columns import Ints, Mask, PoolColumns, Rows
from hutong.scheduler.shapes import Shape

if TYPE_CHECKING:
    from hutong.scheduler.records import RunningAttempt
    from hutong.scheduler.supply import Running, Supply

Place = tuple[str, ...]
"""A place by name: its site, and below it the domains down to it, or the node."""

_NODE = "\x00node"
"""Marks the name of a node, which no domain's name is like."""


class Labels:
    """What runs, by tenant and label."""

    __slots__ = ("_running",)

    def __init__(self) -> None:
        self._running: dict[tuple[TenantId, str, str], dict[int, Running]] = {}

    def add(self, running: "Running") -> None:
        """Account an attempt under each of its labels."""
        attempt = running.attempt
        for name, value in attempt.labels:
            key = (attempt.tenant, name, value)
            self._running.setdefault(key, {})[running.number] = running

    def remove(self, running: "Running") -> None:
        """Account that an attempt is gone."""
        attempt = running.attempt
        for name, value in attempt.labels:
            key = (attempt.tenant, name, value)
            found = self._running.get(key, {})
            found.pop(running.number, None)
            if not found:
                self._running.pop(key, None)

    def carrying(
        self, tenant: TenantId, labels: tuple[tuple[str, str], ...]
    ) -> Iterator["Running"]:
        """What runs of a tenant with all of some labels."""
        buckets = [self._running.get((tenant, name, value), {}) for name, value in labels]
        if not buckets:
            return
        first = min(buckets, key=len)
        for number, running in first.items():
            if all(number in bucket for bucket in buckets):
                yield running


class _Near:
    """The places of one level where jobs with certain labels run, and those as rows of pools."""

    __slots__ = ("_masks", "_nodes", "_places", "level")

    def __init__(self, level: Level, nodes: Mapping[NodeId, tuple[PoolColumns, int]]) -> None:
        self.level = level
        self._nodes = nodes
        self._places: dict[Place, None] = {}
        self._masks: dict[int, tuple[PoolColumns, Mask]] = {}

    def add(self, columns: PoolColumns, rows: Iterable[int]) -> None:
        """Count jobs on some rows of a pool."""
        for row in rows:
            self.put(place_of(columns, row, self.level))

    def put(self, place: Place) -> None:
        """Count a job at a place."""
        if place not in self._places:
            self._places[place] = None
            for columns, mask in self._masks.values():
                self._show(columns, mask, place)

    def mask(self, columns: PoolColumns) -> Mask:
        """Which rows of a pool are in one of the places; not to be changed."""
        found = self._masks.get(columns.index)
        if found is None:
            found = columns, np.zeros(len(columns.ids), np.bool_)
            for place in self._places:
                self._show(*found, place)
            self._masks[columns.index] = found
        return found[1]

    def _show(self, columns: PoolColumns, mask: Mask, place: Place) -> None:
        if place[0] != columns.pool.site:
            return
        if self.level is Level.SITE:
            mask[:] = True
        elif len(place) == 3 and place[1] == _NODE:
            home, row = self._nodes.get(NodeId(place[2]), (None, 0))
            if home is not None and home.index == columns.index:
                mask[row] = True
        else:
            rows = _rows_by_place(columns, self.level).get(place)
            if rows is not None:
                mask[rows] = True


class Neighbours:
    """Who runs near what, for one cycle: when it began, and what it placed itself."""

    def __init__(self, supply: "Supply") -> None:
        self._supply = supply
        self._near: dict[tuple[TenantId, tuple[tuple[str, str], ...], Level], _Near] = {}
        self._placed: list[
            tuple[TenantId, tuple[tuple[str, str], ...], PoolColumns, tuple[int, ...]]
        ] = []

    def placed(
        self, tenant: TenantId, labels: tuple[tuple[str, str], ...], columns: PoolColumns,
        rows: Iterable[int],
    ) -> None:  # fmt: skip
        """Account a placement of the cycle; one without labels is nobody's neighbour."""
        if not labels:
            return
        at = tuple(rows)
        self._placed.append((tenant, labels, columns, at))
        for (whose, wanted, _), near in self._near.items():
            if whose == tenant and _has_all(labels, wanted):
                near.add(columns, at)

    def allowed_rows(self, shape: Shape, tenant: TenantId, columns: PoolColumns) -> Mask | None:
        """The rows of a pool that the required affinities of a shape allow; None for all."""
        allowed: Mask | None = None
        for affinity in shape.affinity:
            if affinity.required:
                rows = self._meets(affinity, tenant, columns)
                allowed = rows if allowed is None else allowed & rows
        return allowed

    def preferred_rows(self, shape: Shape, tenant: TenantId, columns: PoolColumns) -> Ints | None:
        """How many of the affinities that a shape only prefers each row meets; None for no such."""
        counts: Ints | None = None
        for affinity in shape.affinity:
            if not affinity.required:
                met = self._meets(affinity, tenant, columns).astype(np.int64)
                counts = met if counts is None else counts + met
        return counts

    def barred_by(
        self, shape: Shape, tenant: TenantId, pools: Sequence[PoolColumns]
    ) -> Affinity | None:
        """The affinity that keeps a shape from every row of some pools; None where none does.

        It is the first that leaves no row of those that the ones before it leave.
        """
        left: list[Mask | None] = [None for _ in pools]
        for affinity in shape.affinity:
            if affinity.required:
                for at, columns in enumerate(pools):
                    rows, before = self._meets(affinity, tenant, columns), left[at]
                    left[at] = rows if before is None else rows & before
                if not any(rows is not None and rows.any() for rows in left):
                    return affinity
        return None

    def first_gone(self, affinity: Affinity, tenant: TenantId) -> "RunningAttempt | None":
        """Of the jobs that an affinity is about the one that is expected to end first."""
        found = self._supply.labels.carrying(tenant, affinity.labels)
        attempts = [running.attempt for running in found]
        return min(attempts, key=lambda attempt: attempt.expected_end_ms, default=None)

    def _meets(self, affinity: Affinity, tenant: TenantId, columns: PoolColumns) -> Mask:
        near = self._near_of(tenant, affinity.labels, affinity.level).mask(columns)
        return ~near if affinity.apart else near.copy()

    def _near_of(
        self, tenant: TenantId, labels: tuple[tuple[str, str], ...], level: Level
    ) -> _Near:
        key = (tenant, labels, level)
        near = self._near.get(key)
        if near is None:
            near = self._near[key] = _Near(level, self._supply.nodes)
            for running in self._supply.labels.carrying(tenant, labels):
                if level is Level.SITE:
                    near.put((running.attempt.site,))
                for share in running.shares:
                    if share.columns is not None:
                        near.add(share.columns, (share.row,))
            for whose, had, placed_on, rows in self._placed:
                if whose == tenant and _has_all(had, labels):
                    near.add(placed_on, rows)
        return near


def place_of(columns: PoolColumns, row: int, level: Level) -> Place:
    """The place of a level that a node is in."""
    site: SiteId = columns.pool.site
    path = columns.paths[row]
    match level:
        case Level.SITE:
            return (site,)
        case Level.SPINE if path:
            return (site, *(path[:-1] or path))
        case Level.RACK if path:
            return (site, *path)
        case _:
            return (site, _NODE, columns.ids[row])


def reason_of(affinity: Affinity) -> NeighboursBar:
    """Say which affinity is in the way."""
    labels = ", ".join(f"{name}={value}" for name, value in affinity.labels)
    return NeighboursBar(labels, affinity.level.value, affinity.apart)


def _has_all(labels: tuple[tuple[str, str], ...], wanted: tuple[tuple[str, str], ...]) -> bool:
    return bool(wanted) and all(label in labels for label in wanted)


def _rows_by_place(columns: PoolColumns, level: Level) -> dict[Place, Rows]:
    """The rows of each rack or spine of a pool, kept with the pool, whose nodes never move."""
    key = ("places", level)
    found: dict[Place, Rows] | None = columns.memo.get(key)
    if found is None:
        by_place: dict[Place, list[int]] = {}
        for row in range(len(columns.ids)):
            if columns.paths[row]:
                by_place.setdefault(place_of(columns, row, level), []).append(row)
        found = {place: np.array(rows, np.int64) for place, rows in by_place.items()}
        columns.memo[key] = found
    return found
