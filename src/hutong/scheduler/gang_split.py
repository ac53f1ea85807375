"""Gangs over several sites: as few parts as hold them, at sites as near to each other as may be.

Every part is one attempt at one pool of its site, on the same chips as the others. A gang is
divided only while no pool holds it whole.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from hutong.model.ids import SiteId
from hutong.model.job import Level
from hutong.scheduler.columns import Ints, Need, PoolColumns
from hutong.scheduler.gang_layout import fitting, lay, laying_of
from hutong.scheduler.gang_room import room_beside
from hutong.scheduler.match import Option
from hutong.scheduler.shapes import WHOLE_MILLI, Shape

if TYPE_CHECKING:
    from hutong.scheduler.cycle import Cycle

SITES_MAX = 64
"""Of more sites with room only those with most are looked at."""

Latency = Callable[[SiteId, SiteId], int]


class Room(NamedTuple):
    """What one site offers a gang: the pool that holds most of it, and how much that is."""

    site: SiteId
    option: Option
    by_row: Ints
    tasks: int


def may_split(shape: Shape) -> bool:
    """Whether a gang may lie at several sites."""
    plain = not shape.groups and shape.elastic is None and shape.within is Level.SITE
    return shape.split and shape.tasks > 1 and plain


def whole_of(shape: Shape, tasks: int) -> Shape:
    """A part of a gang as a gang of its own. It runs as long as the whole."""
    return msgspec.structs.replace(shape, tasks=tasks, split=False)


class Splits:
    """Divides gangs of one cycle."""

    def __init__(self, cycle: "Cycle") -> None:
        self._cycle = cycle
        self._board = cycle.board
        self._transfers = cycle.snapshot.matcher.transfers

    def parts(self, shape: Shape) -> list[tuple[Option, list[tuple[int, int]]]]:
        """Where the parts of a gang go now, the largest first; empty where they do not fit."""
        for rooms in self._rooms(shape):
            chosen = choose(rooms, shape.tasks, self._latency_us)
            if not chosen:
                continue
            placed = []
            left = shape.tasks
            for room in chosen:
                tasks = min(room.tasks, left)
                left -= tasks
                option = self.sized(shape, room.option, tasks)
                if option is None:
                    break
                how = laying_of(msgspec.structs.replace(shape, tasks=tasks), option.near)
                shares = lay(room.by_row, tasks, option.columns.domains, how)
                placed.append((option, shares))
            else:
                return placed
        return []

    def fits_now(self, shape: Shape) -> tuple[int, int]:
        """How many pools could run parts of a gang, and how many tasks fit now, reserved or not."""
        unit = self._cycle.look(whole_of(shape, 1))
        kinds: dict[tuple[int, str], dict[SiteId, int]] = {}
        for option in unit.options:
            sites = kinds.setdefault((option.alternative, option.model), {})
            fits = self._board.fits_now(option, shape.tasks)
            sites[option.columns.pool.site] = max(sites.get(option.columns.pool.site, 0), fits)
        held = [sum(sites.values()) for sites in kinds.values()]
        return unit.match.pools_count, max(held, default=0)

    def largest(self, shape: Shape) -> list[tuple[Option, int]]:
        """The largest part that each of several empty sites holds, until the gang is whole.

        Empty where all of them together do not hold it.
        """
        kinds: dict[tuple[int, str], dict[SiteId, tuple[Option, int]]] = {}
        for option in self._cycle.look(whole_of(shape, 1)).match.options:
            columns = option.columns
            tasks = per_node(columns, option.need, shape.tasks) * len(columns.ids)
            sites = kinds.setdefault((option.alternative, option.model), {})
            if tasks > sites.get(columns.pool.site, (option, 0))[1]:
                sites[columns.pool.site] = option, min(tasks, shape.tasks)
        for sites in kinds.values():
            found, left = [], shape.tasks
            for option, tasks in sorted(sites.values(), key=lambda room: -room[1]):
                found.append((option, min(tasks, left)))
                left -= found[-1][1]
                if not left:
                    return found
        return []

    def _latency_us(self, one: SiteId, other: SiteId) -> int:
        if one == other:
            return 0
        transfers = self._transfers
        return transfers.link(transfers.region_of(one), transfers.region_of(other)).latency_us

    def _rooms(self, shape: Shape) -> list[list[Room]]:
        """The room at each site, for each kind of chip that would do, in the order of options."""
        kinds: dict[tuple[int, str], dict[SiteId, Room]] = {}
        for option in self._cycle.look(whole_of(shape, 1)).options:
            columns, how = option.columns, laying_of(shape, option.near)
            lane = self._board.lane(columns)
            end_ms = self._board.now_ms + option.ready_ms + option.bound_ms
            beside = room_beside(
                lane, lane.columns, option.need, shape.tasks, end_ms=end_ms, how=how
            )
            tasks = fitting(beside.by_row, shape.tasks, columns.domains, how)
            rooms = kinds.setdefault((option.alternative, option.model), {})
            known = rooms.get(columns.pool.site)
            if tasks > 0 and (known is None or known.tasks < tasks):
                rooms[columns.pool.site] = Room(columns.pool.site, option, beside.by_row, tasks)
        return [
            sorted(rooms.values(), key=lambda room: -room.tasks)[:SITES_MAX]
            for rooms in kinds.values()
        ]

    def sized(self, shape: Shape, option: Option, tasks: int) -> Option | None:
        """An option's pool for so many tasks."""
        for other in self._cycle.look(whole_of(shape, tasks)).options:
            if other.columns is option.columns and other.alternative == option.alternative:
                return other
        return None


def per_node(columns: PoolColumns, need: Need, most: int) -> int:
    """How many tasks an empty node of a pool holds."""
    tasks = most
    if need.cpu > 0:
        tasks = min(tasks, columns.cpu_total // need.cpu)
    if need.mem > 0:
        tasks = min(tasks, columns.mem_total // need.mem)
    if need.chips:
        tasks = min(tasks, int((columns.caps == WHOLE_MILLI).sum()) // need.chips)
    elif need.milli:
        tasks = min(tasks, int((columns.caps // need.milli).sum()))
    return max(tasks, 0)


def choose(rooms: list[Room], tasks: int, latency: Latency) -> list[Room]:
    """As few sites as hold a gang, those nearest to each other; `rooms` are the largest first.

    From each site in turn, the next nearest is added as long as what is left can still be held by
    the others in as few parts. Empty where all of them together do not hold it.
    """
    fewest, held = 0, 0
    for room in rooms:
        held += room.tasks
        fewest += 1
        if held >= tasks:
            break
    if held < tasks:
        return []
    best: tuple[int, list[Room]] | None = None
    for first in rooms:
        chosen = [first]
        while sum(room.tasks for room in chosen) < tasks and len(chosen) < fewest:
            following = _nearest(rooms, chosen, fewest, tasks, latency)
            if following is None:
                break
            chosen.append(following)
        if sum(room.tasks for room in chosen) < tasks:
            continue
        chosen.sort(key=lambda room: -room.tasks)
        apart = sum(latency(one.site, other.site) for one in chosen for other in chosen)
        if best is None or apart < best[0]:
            best = apart, chosen
    return best[1] if best is not None else []


def _nearest(
    rooms: list[Room], chosen: list[Room], fewest: int, tasks: int, latency: Latency
) -> Room | None:
    """The site nearest to those chosen with which so few parts are still enough."""
    taken = {room.site: True for room in chosen}
    others = [room for room in rooms if room.site not in taken]
    held = sum(room.tasks for room in chosen)
    best: tuple[int, int, Room] | None = None
    for at, room in enumerate(others):
        beyond = [other.tasks for other in others if other is not room]
        if held + room.tasks + sum(beyond[: fewest - len(chosen) - 1]) < tasks:
            continue
        apart = sum(latency(room.site, other.site) for other in chosen)
        if best is None or (apart, at) < best[:2]:
            best = apart, at, room
    return best[2] if best is not None else None
