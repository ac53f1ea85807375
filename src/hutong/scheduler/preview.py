"""A preview: what would happen to a job that was handed in now. Nothing is handed in.

It runs a cycle with the job at the end of its group, so that the answer is what the next cycle
would do, quotas, reservations and evictions included.
"""

from collections.abc import Iterator
from itertools import chain

import msgspec

from hutong.model.ids import JobId, PoolId
from hutong.model.job import JobSpec
from hutong.scheduler.cycle import Cycle
from hutong.scheduler.demand import Entry, Group
from hutong.scheduler.filters import DEADLINE, FILTERS, PASSED, unavailable
from hutong.scheduler.look import Look
from hutong.scheduler.order import Cursor
from hutong.scheduler.plan import Candidate, Deferral, Place, Placement, Preview
from hutong.scheduler.profile import Profile
from hutong.scheduler.shapes import Shape, shape_of
from hutong.scheduler.snapshot import Snapshot

PREVIEWED = JobId("j0")
"""The id that the job has in a preview; no real job has it."""

_LAST = 2**62


def preview(snapshot: Snapshot, profile: Profile, spec: JobSpec) -> Preview:
    """Say where a job could run, at what price, and where and when it is expected to start.

    Where the plan of a cycle would be full before the job's turn, it starts in a later one, and
    the start is an estimate.
    """
    wide = msgspec.structs.replace(profile, candidates_count=_LAST)
    entry = Entry(PREVIEWED, _LAST, -1, spec.elements, 0)
    group, entries = _group(snapshot, spec, entry)
    cycle = Cycle(snapshot, profile)
    cycle.run(Cursor(group, entries), instead_of=group)
    shape = group.shape
    look = cycle.look(shape)
    placed = next((p for p in cycle.placements if p.job == PREVIEWED), None)
    deferral = next((d for d in cycle.deferrals if d.group == group.name), None)
    places = _places(snapshot, look, cycle, wide)
    costs = [place.candidate.cost_microcny for place in places if place.candidate is not None]
    ahead = _ahead(snapshot, group, entry)
    start_ms, basis, pool = _start(snapshot, placed, deferral, ahead_in_group=_before(group))
    return Preview(
        places=places,
        starts_now=placed is not None,
        start_ms=start_ms,
        basis=basis,
        pool=pool,
        cost_low_microcny=min(costs, default=0),
        cost_high_microcny=max(costs, default=0),
        jobs_ahead=ahead,
        reasons=deferral.reasons if placed is None and deferral is not None else (),
    )
