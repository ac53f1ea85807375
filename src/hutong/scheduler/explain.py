"""Explanations, made of what deciding found out: candidates with their scores, reasons to wait."""

import msgspec

from hutong.model.job import Level
from hutong.model.reasons import (
    BehindOthers,
    BestCandidate,
    BestOfMany,
    Booked,
    BusyPools,
    NoPoolMatches,
    NoSites,
    OnlyCandidate,
    OverQuota,
    PlaceReason,
    WaitReason,
    WouldDelayReserved,
)
from hutong.scheduler.affinity import reason_of
from hutong.scheduler.allowance import Allowance
from hutong.scheduler.board import Board
from hutong.scheduler.estimate import UNKNOWN_MS, Outcome, Start, rough_start
from hutong.scheduler.look import Look
from hutong.scheduler.option import Option, objective_of
from hutong.scheduler.plan import Candidate
from hutong.scheduler.profile import Profile
from hutong.scheduler.reserve import Holder
from hutong.scheduler.yard import could_start, lacks_nodes, start_of


def explain_placement(
    look: Look, chosen: Option, board: Board, profile: Profile, *, brief: bool
) -> tuple[PlaceReason, tuple[Candidate, ...]]:
    """Why a job starts where it does, and the pool chosen, then the other ones, best first.

    In `brief` the pool chosen alone.
    """
    now_ms, tasks = board.now_ms, look.shape.tasks
    first = chosen.candidate(
        start_ms=now_ms, score=chosen.score, tasks_fitting=tasks, now_ms=now_ms
    )
    if len(look.options) == 1:
        return OnlyCandidate(), (first,)
    if brief:
        many = BestOfMany(objective_of(look.shape), len(look.options))
        return many, (first,)
    others = [
        candidate_now(look, option, board, profile)
        for option in look.options[: profile.candidates_count + 1]
        if option is not chosen
    ]
    others.sort(key=lambda other: (not other.start_ms, other.score, other.finish_ms, other.pool))
    candidates = (first, *others[: max(profile.candidates_count - 1, 0)])
    able = sum(candidate.tasks_fitting >= tasks for candidate in candidates)
    reason: PlaceReason = OnlyCandidate()
    if able > 1:
        reason = BestCandidate(objective_of(look.shape), able)
    return reason, candidates


def candidate_now(look: Look, option: Option, board: Board, profile: Profile) -> Candidate:
    """An option as it stands now: a start now where the gang fits, else a rough one."""
    tasks, fitting = look.shape.tasks, look.fits_now(option)
    start_ms = board.now_ms
    if fitting < tasks and is_sooner_started(option, board, tasks):
        return started_candidate(look, option, board, profile)
    if fitting < tasks:
        start_ms = board.first_guess(option, tasks, rough_start)
        if option.near is not None and not option.near.leaves_any():
            start_ms = UNKNOWN_MS
    score = option.score_at(max(start_ms - board.now_ms, 0), look.shape, profile)
    return option.candidate(
        start_ms=start_ms, score=score, tasks_fitting=fitting, now_ms=board.now_ms
    )


def waiting_outcome(
    look: Look, known: dict[int, Start], board: Board, profile: Profile,
    allowed: Allowance | None = None,
) -> Outcome:  # fmt: skip
    """The options of a job that waits, best by its own objective first.

    `known` holds, by position in the options, the starts that are known already; on no other does
    it start before its quotas, if `allowed` tells of them, are expected to let it.
    """
    found: list[tuple[bool, int, int, Start]] = []
    missing = [at for at, option in enumerate(look.options) if lacks_nodes(option)]
    for at, option in enumerate(look.options):
        if lacks_nodes(option) and at not in known:
            continue
        if at < profile.candidates_count + len(missing) or at in known:
            start = known.get(at) or rough_start(board, option, look.shape.tasks)
            if allowed is not None and at not in known:
                start = allowed.start(at, start)
            if option.near is not None and not option.near.leaves_any():
                start = Start(UNKNOWN_MS, "none")
            score = option.score_at(max(start.start_ms - board.now_ms, 0), look.shape, profile)
            found.append((not start.start_ms, score, at, start))
    found.sort()
    candidates = tuple(
        look.options[at].candidate(
            start_ms=start.start_ms,
            score=score,
            tasks_fitting=look.fits_now(look.options[at]),
            now_ms=board.now_ms,
        )
        for _, score, at, start in found[: profile.candidates_count]
    )
    left = max(profile.candidates_count - len(candidates), 1)
    candidates += tuple(
        started_candidate(
            look, look.options[at], board, profile, allowed=allowed is None or allowed.allows(at)
        )
        for at in missing[:left]
    )
    if not found:
        return Outcome(0, Start(UNKNOWN_MS, "none"), candidates)
    first = found[0]
    if allowed is not None and not allowed.usable:  # it takes the first room that quotas leave
        first = min(found, key=lambda each: (each[0], each[3].start_ms))
    at = next(iter(known), first[2])
    return Outcome(at, known.get(at) or first[3], candidates)


def is_sooner_started(option: Option, board: Board, tasks: int) -> bool:
    """Whether new nodes of an offer would be ready before those there are free."""
    if not could_start(option):
        return False
    start_ms = start_of(option, board.now_ms)[0]
    return lacks_nodes(option) or start_ms < rough_start(board, option, tasks).start_ms


def started_candidate(
    look: Look, option: Option, board: Board, profile: Profile, *, allowed: bool = True
) -> Candidate:
    """An option on an offer whose nodes would have to be started, if quotas and budget allow it."""
    start_ms, nodes, cost = start_of(option, board.now_ms)
    shared = max(option.tasks_per_node // look.shape.tasks, 1) if nodes == 1 else 1
    if not allowed or 0 < look.shape.budget_microcny < cost // shared:
        start_ms = UNKNOWN_MS
    score = option.score_at(max(start_ms - board.now_ms, 0), look.shape, profile)
    seen = option.candidate(start_ms=start_ms, score=score, tasks_fitting=0, now_ms=board.now_ms)
    return msgspec.structs.replace(seen, nodes_started=nodes, cost_microcny=cost)


def nowhere(look: Look, *, sites: bool) -> WaitReason:
    """Why a shape that no pool can run waits."""
    if not sites:
        return NoSites()
    story = look.match.story
    return NoPoolMatches(look.filtered, look.shape.wanted(), story.details(), *story.nearest())


def waits_for(
    look: Look, overs: list[OverQuota], held_by: Holder | None, *, ahead: int, outcome: Outcome
) -> tuple[WaitReason, ...]:
    """Why a shape that some pool could run waits: room, a reservation, others before it, quota.

    How much would fit is that of the candidates as the cycle leaves them: what was found out when
    the shape was last looked at may be long ago.
    """
    reasons: list[WaitReason] = []
    if held_by is not None and held_by.booking is not None:
        booking = held_by.booking
        reasons.append(Booked(booking.id, booking.kind.value, booking.start_ms, booking.end_ms))
    elif held_by is not None:
        reasons.append(WouldDelayReserved(held_by.job, held_by.start_ms))
    elif look.blocked and look.vicinity is not None and (bar := look.vicinity.bar(look.options)):
        reasons.append(reason_of(bar))
    elif look.blocked:
        shape = look.shape
        within = "" if shape.tasks == 1 or shape.within is Level.SITE else shape.within.value
        fitting = max([found.tasks_fitting for found in outcome.candidates], default=0)
        reasons.append(BusyPools(look.match.pools_count, shape.tasks, fitting, within))
    if ahead:
        reasons.append(BehindOthers(ahead))
    return (*reasons, *overs)
