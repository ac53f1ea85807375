"""Steps of service: attained service is told apart only by doublings, so that order seldom changes.

Step 0 ends at one minute, each further one at twice as much; the last has no end.
"""

from bisect import bisect_right

FIRST_MS = 60_000
STEPS = 26
ENDS_MS = tuple(FIRST_MS << step for step in range(STEPS - 1))
"""Where each step but the last ends: 1 minute to about 32 years."""


def step_of(service_ms: float) -> int:
    """The step that so much service lies in; an end belongs to the step after it."""
    return bisect_right(ENDS_MS, service_ms)


def end_ms(step: int) -> int:
    """Where a step ends; the last as if it were a doubling too."""
    return FIRST_MS << step
