"""How every pool stands to a waiting job: which of its nodes fell to what, and how much fits now.

Worked out when somebody asks, from the state as it is then; a cycle does not need it. Each node is
counted once: by the filter that its pool fell to, else by why it takes no work, by the booking that
keeps it, or as busy; where affinities forbid it, as that.
"""

import numpy as np

from hutong.model.ids import TenantId
from hutong.scheduler.affinity import Neighbours
from hutong.scheduler.columns import Mask, PoolColumns
from hutong.scheduler.filters import (
    DEADLINE,
    FILTERS,
    NODE_DOWN,
    NODE_DRAINING,
    PASSED,
    SITE_DRAINING,
    SITE_SILENT,
)
from hutong.scheduler.fit import Room, capacity
from hutong.scheduler.match import Match
from hutong.scheduler.option import Option
from hutong.scheduler.pool_standing import AFFINITY, BOOKED, BOOTING, BUSY, PoolStanding
from hutong.scheduler.profile import Profile
from hutong.scheduler.records import SiteStatus
from hutong.scheduler.shapes import Shape
from hutong.scheduler.snapshot import Snapshot


def pools_for_job(
    snapshot: Snapshot, profile: Profile, shape: Shape, tenant: TenantId
) -> tuple[tuple[PoolStanding, ...], dict[str, str]]:
    """Every pool, those with most room first; and for each filter what was asked of it."""
    match = snapshot.matcher.match(shape, profile)
    options: dict[int, list[Option]] = {}
    for option in match.options:
        options.setdefault(option.columns.index, []).append(option)
    found = [
        _standing(snapshot, match, columns, options.get(columns.index, []), shape, tenant)
        for columns in snapshot.supply.order
    ]
    found.sort(key=lambda one: (not one.tasks_fitting, -one.room, bool(_fell(one)), one.pool))
    return tuple(found), match.story.details()


def _fell(standing: PoolStanding) -> str:
    names = dict.fromkeys(name for name, _ in FILTERS)
    return next((name for name in standing.out if name in names), "")


def _standing(
    snapshot: Snapshot, match: Match, columns: PoolColumns, options: list[Option], shape: Shape,
    tenant: TenantId,
) -> PoolStanding:  # fmt: skip
    pool, nodes = columns.pool, len(columns.ids)
    fell = int(match.fell[columns.index])
    if fell < PASSED:
        return PoolStanding(pool.id, pool.site, nodes, {FILTERS[fell][0]: nodes})
    startable = max(columns.offer.nodes_max - nodes, 0) if columns.offer is not None else 0
    why = _of_site(snapshot, columns)
    in_time = [option for option in options if option.latest_ms >= snapshot.now_ms]
    if not in_time:
        why = why or DEADLINE
    if why:
        return PoolStanding(pool.id, pool.site, nodes, {why: nodes}, startable=startable)
    out = {NODE_DOWN: columns.down, NODE_DRAINING: columns.draining}
    out[BOOTING] = nodes - int(columns.ready.sum()) - columns.down - columns.draining
    free, booked = columns.ready.copy(), np.zeros(nodes, np.bool_)
    holds = np.zeros(nodes, np.int64)
    near = Neighbours(snapshot.supply).allowed_rows(shape, tenant, columns)
    unwelcome = np.zeros(nodes, np.bool_) if near is None else ~near & free
    for option in in_time:
        end_ms = snapshot.now_ms + option.ready_ms + option.bound_ms
        barred = _barred(snapshot, columns, tenant, end_ms)
        booked |= barred
        by_row = capacity(Room(columns), option.need, shape.tasks)
        by_row[barred | unwelcome] = 0
        holds = np.maximum(holds, by_row)
    roomy = holds > 0
    out[AFFINITY] = int(unwelcome.sum())
    free &= ~unwelcome & ~roomy
    out[BOOKED] = int((booked & free).sum())
    out[BUSY] = int((~booked & free).sum())
    return PoolStanding(
        pool.id, pool.site, nodes, {name: count for name, count in out.items() if count > 0},
        int(roomy.sum()), min(int(holds.sum()), shape.tasks), startable,
    )  # fmt: skip


def _of_site(snapshot: Snapshot, columns: PoolColumns) -> str:
    match snapshot.supply.statuses.get(columns.pool.site, SiteStatus.SILENT):
        case SiteStatus.SILENT:
            return SITE_SILENT
        case SiteStatus.DRAINING:
            return SITE_DRAINING
        case SiteStatus.READY:
            return ""


def _barred(snapshot: Snapshot, columns: PoolColumns, tenant: TenantId, end_ms: int) -> Mask:
    mask = np.zeros(len(columns.ids), np.bool_)
    mask[snapshot.calendar.barred(columns, tenant, snapshot.now_ms, end_ms)] = True
    return mask
