"""The index: in what order jobs deserve to run. Less comes first.

All three are times a chip, in ms at speed 1000 times chips, so that they can be set against the
cost of stopping somebody. Dividing by chips is Smith's rule for gangs: who asks for half as much
for as long comes first.

`srpt` what is left of the work as the job or a predictor said (shortest remaining service first;
       optimal for the mean completion on one machine, Schrage 1968). Who outran what was said is
       expected to need as much again as it has had.
`las`  what was received so far, in few wide queues, first come first served within each (Tiresias,
       NSDI 2019): needs no run times. Foreground-background where jobs arrive one by one.
`gittins` what one end costs at best, from how long jobs of this kind have run (see `learn`).
"""

from hutong.scheduler.rounds.learn import Services
from hutong.scheduler.rounds.steps import ENDS_MS, step_of

INDEXES = ("srpt", "las", "gittins")

LAS_QUEUES_MS = (3_600_000, 14_400_000, 57_600_000, 230_400_000)
"""Where the queues of `las` end: 1, 4, 16 and 64 chip-hours."""


def left_ms(estimate_ms: int, done_ms: int, served_ms: int) -> int:
    """What is left of a job by its estimate, of which `done_ms` are done, in ms at speed 1000."""
    left = estimate_ms - done_ms
    return left if left > 0 else max(served_ms, 1)


def las_index(service_ms: float) -> float:
    """The end of the queue that so much service (chips times ms) is in."""
    for end in LAS_QUEUES_MS:
        if service_ms < end:
            return float(end)
    return float(LAS_QUEUES_MS[-1] * 4)


def next_step_ms(served_ms: float) -> float:
    """At which service the next step begins; infinite in the last."""
    step = step_of(served_ms)
    return float(ENDS_MS[step]) if step < len(ENDS_MS) else float("inf")


def next_queue_ms(service_ms: float) -> float:
    """The same of the queues of `las`."""
    return next((float(end) for end in LAS_QUEUES_MS if service_ms < end), float("inf"))


__all__ = ["INDEXES", "Services", "las_index", "left_ms", "next_queue_ms", "next_step_ms"]
