"""Bounds: by when a blocked job of a class with a bound is placed, or what keeps it from that.

A bound is kept by stopping what is in the way: each victim is gone after its grace at the latest,
and then the room is there. So what can be promised is the last of those times. Where nobody may be
stopped it is said what protects whom.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from hutong.model.ids import JobId
from hutong.model.reasons import MakingRoom, NoRoomToMake, WaitReason
from hutong.scheduler.board import Board
from hutong.scheduler.columns import Ints, Mask
from hutong.scheduler.match import Option
from hutong.scheduler.plan import Bound, Deferral
from hutong.scheduler.reserve import Found
from hutong.scheduler.shapes import NEVER_MS
from hutong.scheduler.supply import Running

LOOK_AGAIN_MS = 1_000
"""Guaranteed times that end within one such step are looked at together."""


def promise(
    board: Board, option: Option, found: Found, *, job: JobId, by_ms: int,
    running: dict[int, Running],
) -> Bound:  # fmt: skip
    """The bound of a job for which room is being made, or which room comes to by itself."""
    now_ms = board.now_ms
    if found.start_ms > now_ms:
        promised_ms = found.start_ms if found.basis == "limits" else 0
        ready_ms = promised_ms + option.ready_ms if promised_ms else 0
        return Bound(job, by_ms, promised_ms, ready_ms)
    leaving = _leaving(board, option, found, running)
    gone_ms = vacated_ms(board, option, found, running)
    reason = MakingRoom(len(leaving), gone_ms - now_ms) if leaving else None
    return Bound(job, by_ms, gone_ms, gone_ms + option.ready_ms, reason)


def vacated_ms(board: Board, option: Option, found: Found, running: dict[int, Running]) -> int:
    """By when the room of a reservation is free: what stops is still there until it is gone."""
    if found.start_ms > board.now_ms:
        return found.start_ms
    leaving = _leaving(board, option, found, running)
    return max([_gone_ms(one, board.now_ms) for one in leaving], default=found.start_ms)


def waiting_for(deferral: Deferral, leaving: Sequence[Running], now_ms: int) -> Deferral:
    """Say in a deferral that attempts are being stopped for its job: it starts once they are gone,
    which may be sooner than said."""
    if not leaving:
        return deferral
    gone_ms = max([_gone_ms(one, now_ms) for one in leaving])
    start_ms, reasons = max(deferral.start_ms, gone_ms), deferral.reasons
    reasons = (*reasons, MakingRoom(len(leaving), gone_ms - now_ms))
    return msgspec.structs.replace(deferral, start_ms=start_ms, reasons=reasons)


def _leaving(
    board: Board, option: Option, found: Found, running: dict[int, Running]
) -> list[Running]:
    """What has to be gone from the rows of a reservation."""
    lane = board.lane(option.columns)
    slots = lane.live.slots
    stopping = slots.stopping[: slots.size].copy()
    stopping[lane.evicted] = True
    there = stopping & (slots.row[: slots.size] >= 0)
    at = np.flatnonzero(there)
    at = at[np.isin(slots.row[at], found.rows)]
    return [running[number] for number in dict.fromkeys(slots.attempt[at].tolist())]


def _gone_ms(running: Running, now_ms: int) -> int:
    """By when an attempt that stops, or is to, is gone."""
    if running.stopping:
        return max(running.gone_ms, now_ms)
    return now_ms + max(running.attempt.grace_ms, 0)


def next_free_ms(
    board: Board, options: Sequence[Option], weaker_rank: int | None, ranks: Ints
) -> int:  # fmt: skip
    """When the next guaranteed time of an attempt on the pools that a job could use is over.

    Of those of weaker classes, or where `weaker_rank` is None of all. 0 for never.
    """
    first = NEVER_MS
    for columns in {option.columns.index: option.columns for option in options}.values():
        slots, size = columns.slots, columns.slots.size
        at = np.flatnonzero((slots.row[:size] >= 0) & (slots.evictable[:size] > board.now_ms))
        if weaker_rank is not None:
            at = at[ranks[slots.class_code[at]] >= weaker_rank]
        first = min(first, int(slots.evictable[at].min(initial=NEVER_MS)))
    return -(-first // LOOK_AGAIN_MS) * LOOK_AGAIN_MS if first < NEVER_MS else 0


def protected(
    board: Board, options: Sequence[Option], weaker_rank: int | None, ranks: Ints
) -> WaitReason:
    """What protects the attempts on the pools that a job could use."""
    counts = [0, 0, 0, 0]
    pools = {option.columns.index: option for option in options}
    for option in pools.values():
        lane = board.lane(option.columns)
        slots, size = lane.live.slots, lane.live.slots.size
        there: Mask = (slots.row[:size] >= 0) & ~slots.stopping[:size]
        there[lane.evicted] = False
        if option.need.milli:
            there &= slots.milli[:size] > 0
        at = np.flatnonzero(there)
        strong = ranks[slots.class_code[at]] < (NEVER_MS if weaker_rank is None else weaker_rank)
        free_ms = slots.evictable[at]
        late = np.where(free_ms >= NEVER_MS, 1, np.where(free_ms > board.now_ms, 2, 3))
        kinds = np.where(strong, 0, late)
        for kind in range(len(counts)):
            counts[kind] += len(np.unique(slots.attempt[at[kinds == kind]]))
    return NoRoomToMake(*counts)
