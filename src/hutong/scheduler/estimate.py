"""Estimates of when a waiting job starts, where no reservation says so.

They go by a pool as a whole: when enough is expected to have ended for what waits before the job
and for itself, however it lies scattered. Beyond the last known end the pool is taken to turn over
once in the time the job itself runs. Honest, but rough.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from hutong.model.reasons import OverQuota, QuotaWindowFull
from hutong.scheduler.board import Board
from hutong.scheduler.claim import Claim
from hutong.scheduler.match import Option
from hutong.scheduler.plan import Candidate
from hutong.scheduler.quota import Rule, amounts_of
from hutong.scheduler.shapes import NEVER_MS
from hutong.scheduler.supply import BASES, Running, worse
from hutong.scheduler.tenants import Entity

UNKNOWN_MS = 0
"""Stands for a start that nobody can tell."""


class Start(NamedTuple):
    """An expected start and what it rests on; `UNKNOWN_MS` where nobody can tell."""

    start_ms: int
    basis: str


class Outcome(NamedTuple):
    """Where a waiting job is expected to start: the option by its position, and the candidates."""

    at: int
    start: Start
    candidates: tuple[Candidate, ...]


def rough_start(board: Board, option: Option, tasks: int) -> Start:
    """When an option's pool as a whole has room for what waits before a gang and for the gang."""
    columns = option.columns
    lane = board.lane(columns)
    outlook = board.rough_outlook(columns)
    free = board.free(columns)
    need = option.need
    wanted = (
        need.cpu * tasks + lane.ahead[0],
        need.mem * tasks + lane.ahead[1],
        need.milli * tasks + lane.ahead[2],
    )
    count = max(outlook.count_until(free, wanted), 1)
    if count <= len(outlook):
        end_ms = int(outlook.times[count - 1])
        return Start(max(board.now_ms, end_ms), outlook.basis_of(outlook.ended_by(end_ms)))
    last_ms = int(outlook.times[-1]) if len(outlook) else board.now_ms
    nodes = len(columns.ids)
    whole = (columns.cpu_total * nodes, columns.mem_total * nodes, int(columns.caps.sum()) * nodes)
    turns = 0
    freed = outlook.freed_in_all()
    for have, later, want, total in zip(free, freed, wanted, whole, strict=True):
        if want > 0:
            turns = max(turns, -(-(want - have - later) // max(total, 1)))
    start_ms = max(last_ms, board.now_ms) + turns * option.run_ms
    return Start(min(start_ms, NEVER_MS), worse(outlook.basis_of(len(outlook)), option.basis))


def lower_bound_ms(board: Board, option: Option, tasks: int) -> int | None:
    """Before this time a gang cannot fit an option's pool; None where it never will."""
    need, outlook = option.need, board.outlook(option.columns)
    wanted = (need.cpu * tasks, need.mem * tasks, need.milli * tasks)
    count = outlook.count_until(board.free(option.columns), wanted)
    if count > len(outlook):
        return None
    return max(board.now_ms, int(outlook.times[count - 1])) if count else board.now_ms


def note_ahead(board: Board, option: Option, tasks: int) -> None:
    """Count a waiting gang among those that come first on a pool."""
    ahead, need = board.lane(option.columns).ahead, option.need
    ahead[0] += need.cpu * tasks
    ahead[1] += need.mem * tasks
    ahead[2] += need.milli * tasks


def spacing_ms(option: Option, jobs_count: int) -> int:
    """How long after one job the next starts where `jobs_count` like it run at a time."""
    return max(option.run_ms // max(jobs_count, 1), 1)


class Ending(NamedTuple):
    """What a tenant is charged for one attempt, and when that is expected to end."""

    end_ms: int
    basis: str
    claim: Claim


def quota_start(
    entity: Entity, over: OverQuota, started: Sequence[tuple[Entity, Ending]], now_ms: int
) -> Start:
    """When enough of what a tenant holds is expected to end for one more attempt to be allowed.

    `started` is what this cycle has placed, for any tenant.
    """
    if over.wanted > over.limit:
        return Start(UNKNOWN_MS, BASES[-1])
    if isinstance(over, QuotaWindowFull):
        return Start(max(over.ends_ms, now_ms), BASES[0])
    rule = next(rule for rule in entity.rules if rule.name == over.resource)
    ends = [_ending(running, entity.regions) for running in _attempts_below(entity)]
    ends += [ending for owner, ending in started if entity in owner.chain]
    missing, basis = over.used + over.wanted - over.limit, BASES[0]
    for ending in sorted(ends, key=lambda ending: (ending.end_ms, ending.basis)):
        missing -= _part(ending.claim, rule)
        basis = worse(basis, ending.basis)
        if missing <= 0:
            return Start(max(ending.end_ms, now_ms), basis)
    return Start(UNKNOWN_MS, BASES[-1])


def _attempts_below(entity: Entity) -> list[Running]:
    found = list(entity.running.values())
    for child in entity.children:
        found += _attempts_below(child)
    return found


def _ending(running: Running, regions: Mapping[str, str]) -> Ending:
    attempt = running.attempt
    claim = Claim(running.held, running.model, attempt.site, regions.get(attempt.site, ""))
    return Ending(attempt.expected_end_ms, attempt.end_basis, claim)


def _part(claim: Claim, rule: Rule) -> int:
    """How much of what a rule counts an attempt gives back."""
    counted = rule.counts(claim.model, claim.site, claim.region)
    return amounts_of(claim)[rule.counted] if counted else 0
