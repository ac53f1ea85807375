"""Spot capacity: what a revocation is expected to cost, and how late a deadline lets a job use it.

A revocation loses the work since the last checkpoint, and all of it where a job writes none. By a
revocation rate of `r` an hour a run of `t` hours is expected to lose `r * t` times that; it counts
as time and as money.

With a deadline a job may use spot capacity as long as sure capacity (on demand or reserved) could
still make the deadline if the node were taken back at the worst moment. That moment is either the
first one, when all of the work is still to be done, or the last one, when what is lost has to be
done again; what lies between grows evenly from one to the other. So the latest placement on spot is
the earlier of two times, counted back from the deadline by boot and work on sure capacity; past it
the job goes to sure capacity alone. That a deadline can be kept beside revocations by holding back
time for sure capacity to do what is left is shown by Wu et al., "Can't Be Late", NSDI 2024; they
move a running job at that time, here it is not begun on spot where it would have to be moved.
"""

from typing import NamedTuple

from hutong.model.job import Terms
from hutong.model.supply import MS_PER_HOUR, Offer
from hutong.scheduler.shapes import NEVER_MS


class Way(NamedTuple):
    """One way to run a job: the time until its first task runs, its work, and on which offer."""

    before_ms: int
    run_ms: int
    offer: Offer | None


def is_spot(offer: Offer | None) -> bool:
    """Say whether nodes may be taken back."""
    return offer is not None and offer.terms is Terms.SPOT


def lost_ms(run_ms: int, checkpoint_ms: int) -> int:
    """The most work that one revocation loses."""
    return min(run_ms, checkpoint_ms) if checkpoint_ms > 0 else run_ms


def risk_ms(offer: Offer | None, run_ms: int, checkpoint_ms: int) -> int:
    """The work that a run is expected to lose to revocations."""
    if offer is None or offer.terms is not Terms.SPOT:
        return 0
    lost = offer.revoked_milli_per_hour * run_ms * lost_ms(run_ms, checkpoint_ms)
    return min(lost // (1000 * MS_PER_HOUR), NEVER_MS)


def latest_on_spot_ms(
    deadline_ms: int, spot: Way, sure: list[Way], checkpoint_ms: int
) -> int | None:
    """The latest placement on spot that some sure way can still make good; None without any.

    `sure` are ways on offers that are not spot. Their boot is that of a node started anew.
    """
    times = [_latest(deadline_ms, spot, way, checkpoint_ms) for way in sure]
    return max(times, default=None)


def _latest(deadline_ms: int, spot: Way, way: Way, checkpoint_ms: int) -> int:
    boot_ms = way.before_ms + (way.offer.boot_ms if way.offer is not None else 0)
    lost = lost_ms(spot.run_ms, checkpoint_ms)
    again_ms = -(-lost * way.run_ms // max(spot.run_ms, 1))
    at_once = deadline_ms - boot_ms - way.run_ms
    at_the_end = deadline_ms - boot_ms - again_ms - spot.before_ms - spot.run_ms
    return min(at_once, at_the_end)
