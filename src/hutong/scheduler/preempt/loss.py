"""What stopping an attempt would lose: what it holds times how long it ran since its checkpoint.

A run counts from its start, or from its placement until the start is known. A checkpoint that was
seen is believed to the millisecond. One that is only promised ("every half hour") is assumed at the
last whole interval, but no less than half an interval is lost then: where in the interval the job
is nobody knows, and a guess must not make a job look as if it cost nothing. A job that promises
nothing loses all since its start.
"""

from hutong.model.resources import Amount
from hutong.scheduler.columns import Ints, Slots
from hutong.scheduler.records import RunningAttempt
from hutong.scheduler.shapes import NEVER_MS

LOST_MS_MAX = 2**40
"""Runs longer than this (34 years) count as so long, which keeps products in 64 bits."""


def lost_ms(attempt: RunningAttempt, now_ms: int) -> int:
    """How much of its run an attempt would have to do again."""
    saved_ms, every_ms = attempt.checkpointed_ms, attempt.checkpoint_ms
    since_ms = max(began_ms(attempt), saved_ms) if saved_ms > 0 else began_ms(attempt)
    ran_ms = min(max(now_ms - since_ms, 0), LOST_MS_MAX)
    if saved_ms > 0 or every_ms <= 0 or ran_ms < every_ms:
        return ran_ms
    return max(ran_ms % every_ms, every_ms // 2)


def lost_by_slot_ms(slots: Slots, at: Ints, now_ms: int) -> Ints:
    """The same for some slots."""
    saved, every = slots.saved[at], slots.interval[at]
    ran: Ints = (now_ms - slots.started[at].clip(saved)).clip(0, LOST_MS_MAX)
    promised = (every > 0) & (saved <= 0) & (ran >= every)
    if promised.any():
        each = every[promised]
        ran[promised] = (ran[promised] % each).clip(each // 2)
    return ran


def began_ms(attempt: RunningAttempt) -> int:
    """Since when an attempt runs, as far as is known: else since when it holds its nodes."""
    return attempt.running_ms or attempt.started_ms


def evictable_ms(attempt: RunningAttempt, boot_ms: int) -> int:
    """From when on an attempt may be stopped: what it was guaranteed counts from its start.

    Until the start is known it is taken to come once the pool has booted. Part of a gang never may:
    with it the parts at other sites would end.
    """
    if not attempt.preemptible or attempt.parts > 1:
        return NEVER_MS
    began = attempt.running_ms or attempt.started_ms + boot_ms
    return began + attempt.min_run_ms if attempt.min_run_ms > 0 else attempt.started_ms


def places(attempt: RunningAttempt, held: Amount, boot_ms: int) -> tuple[int, ...]:
    """What an eviction asks of a slot, in the order of SLOT_STARTED to SLOT_WEIGHT_CPU."""
    return (
        _clamp(began_ms(attempt)), _clamp(evictable_ms(attempt, boot_ms)),
        _clamp(attempt.checkpointed_ms), _clamp(attempt.checkpoint_ms),
        held.accelerator_milli, held.cpu_milli,
    )  # fmt: skip


def _clamp(time_ms: int) -> int:
    return time_ms if 0 <= time_ms <= NEVER_MS else max(0, min(time_ms, NEVER_MS))
