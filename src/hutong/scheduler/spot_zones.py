"""Spot capacity at several sites for a job with a deadline: whose nodes are started for it.

Theory of operation. It is asked for a blocked job that writes checkpoints and has a deadline, where
there are sure offers and, better by its objective, others on spot terms. The rule of
`when.spot_deadline` names one offer to ask next, sure capacity, or nothing for now. Which offers
have nodes is only known by asking: one that refused a node or took one back counts as having none
until the profile's `spot_retry_ms` has passed, every other one as having some. So offers are asked
one after the other, those first whose nodes are expected to last longest, and what they answer is
seen in the next cycle.

The rule's steps are `spot_retry_ms`, so that a refusal has to come within that time. What a
revocation loses at most is counted as part of a cold start.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from hutong.model.ids import PoolId
from hutong.scheduler.option import Option
from hutong.scheduler.spot import is_spot, lost_ms
from hutong.scheduler.when.spot_deadline import (
    IDLE,
    SURE,
    SpotJob,
    Standing,
    kept_ms,
    next_place,
)
from hutong.scheduler.yard import Yard

if TYPE_CHECKING:
    from hutong.scheduler.offers import Want


class Pick(NamedTuple):
    """The options, by position, on whose offers nodes may be started now, and when to look again
    although nothing has changed (0: never)."""

    positions: Sequence[int]
    again_ms: int = 0


def has_none(yard: Yard, now_ms: int, retry_ms: int) -> bool:
    """Whether an offer on spot terms is thought to have no nodes, by what it answered of late."""
    none_ms = yard.account.past.none_ms
    return retry_ms > 0 and is_spot(yard.offer) and 0 < none_ms <= now_ms < none_ms + retry_ms


def pick(
    want: "Want", offered: Sequence[int], yards: Mapping[PoolId, Yard], now_ms: int, retry_ms: int
) -> Pick | None:
    """Whose nodes may be started for a group's next job; None where the rule says nothing."""
    look, shape = want.look, want.look.shape
    if retry_ms <= 0 or shape.deadline_ms <= 0 or shape.checkpoint_ms <= 0:
        return None
    ways = [(at, look.options[at], yards[look.options[at].columns.pool.id]) for at in offered]
    sure = [way for way in ways if not is_spot(way[2].offer)]
    if not sure:
        return None
    best = min(option.score for _, option, _ in sure)
    zones = [way for way in ways if is_spot(way[2].offer) and way[1].score < best]
    if not zones:
        return None
    left_ms = min(option.run_ms for _, option, _ in sure)
    cold = max(cold_ms(option, yard, shape.checkpoint_ms) for _, option, yard in ways)
    begin_ms = want.submitted_ms or now_ms
    job = SpotJob(begin_ms, shape.deadline_ms, left_ms + want.served_ms, cold, retry_ms)
    has = [
        yard.left >= option.nodes_needed and not has_none(yard, now_ms, retry_ms)
        for _, option, yard in zones
    ]
    lasts = [yard.account.past.lasts_ms(now_ms) for _, _, yard in zones]
    place = next_place(job, Standing(IDLE, left_ms), now_ms, has, lasts)
    if place == SURE:
        return Pick([at for at, _, _ in sure])
    if place == IDLE:
        due_ms = shape.deadline_ms - left_ms - kept_ms(job, left_ms) + 1
        again = [yard.account.past.none_ms + retry_ms for _, _, yard in zones]
        return Pick((), min([at for at in (due_ms, *again) if at > now_ms], default=0))
    return Pick([zones[place][0]])


def cold_ms(option: Option, yard: Yard, checkpoint_ms: int) -> int:
    """From the request for a node to work that was not done before."""
    lost = lost_ms(option.run_ms, checkpoint_ms) if is_spot(yard.offer) else 0
    return max(yard.offer.boot_ms, 1) + option.ready_ms + lost
