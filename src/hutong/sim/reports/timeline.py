"""Levels over time: integrals of samples, and of what jobs held, in equal steps.

A level holds from one time to the next. Integrals are exact; a step's level is its integral over
its length.
"""

import numpy as np
from numpy.typing import NDArray

from hutong.sim.outcome import Ints

Floats = NDArray[np.float64]


def edges(begin_ms: int, end_ms: int, steps: int) -> Floats:
    """The edges of equal steps from begin to end; a window without length has none."""
    if end_ms <= begin_ms:
        return np.zeros(1)
    return np.linspace(begin_ms, end_ms, steps + 1)


def integral(times: Ints, levels: NDArray[np.number], at: Floats) -> Floats:
    """The integral of a step function from its begin to each of the times `at`.

    `times` rise; before the first the level is 0, after the last it stays.
    """
    if not len(times):
        return np.zeros(len(at))
    held = levels.astype(np.float64)
    sums = np.concatenate(([0.0], np.cumsum(held[:-1] * np.diff(times))))
    step = np.searchsorted(times, at, side="right") - 1
    known = np.maximum(step, 0)
    return np.where(step >= 0, sums[known] + held[known] * (at - times[known]), 0.0)


def means(times: Ints, levels: NDArray[np.number], steps: Floats) -> Floats:
    """The mean level in each step."""
    return np.diff(integral(times, levels, steps)) / np.diff(steps)


def held(
    groups: NDArray[np.integer], begins: Ints, ends: Ints, rates: Floats, steps: Floats, *, of: int
) -> Floats:
    """The mean level in each step, by group: an array of `of` rows and a column a step.

    Row i holds `rates[i]` of its group from `begins[i]` to `ends[i]`. Costs one pass over the rows,
    whatever the number of steps.
    """
    count = len(steps) - 1
    if count < 1:
        return np.zeros((of, 0))
    width = (steps[-1] - steps[0]) / count
    inside = np.zeros(of * count)
    after = np.zeros(of * count)
    for at, sign in ((begins, 1.0), (ends, -1.0)):
        time = np.clip(at.astype(np.float64), steps[0], steps[-1])
        step = np.minimum(((time - steps[0]) / width).astype(np.int64), count - 1)
        key = groups.astype(np.int64) * count + step
        # From its time to the end of its step it counts in part, in all later steps whole.
        part = (steps[step + 1] - time) / width
        inside += np.bincount(key, weights=sign * rates * part, minlength=of * count)
        after += np.bincount(key, weights=sign * rates, minlength=of * count)
    whole = np.cumsum(after.reshape(of, count), axis=1)
    whole = np.concatenate((np.zeros((of, 1)), whole[:, :-1]), axis=1)
    levels: Floats = inside.reshape(of, count) + whole
    # Sums of floats leave crumbs below nothing.
    return np.maximum(levels, 0.0)


def active(begins: Ints, ends: Ints) -> Floats:
    """How many others and itself were there on average while each row was, by time.

    A row that is there for no time counts itself alone.
    """
    lasts = ends > begins
    counts = np.ones(len(begins))
    first, last = begins[lasts], ends[lasts]
    if not len(first):
        return counts
    times = np.concatenate((first, last))
    order = np.argsort(times, kind="stable")
    times = times[order]
    level = np.cumsum(np.where(order < len(first), 1.0, -1.0))
    # The integral of how many there are, at each begin and end.
    sums = np.empty(len(times))
    sums[order] = np.concatenate(([0.0], np.cumsum(level[:-1] * np.diff(times))))
    counts[lasts] = (sums[len(first) :] - sums[: len(first)]) / (last - first)
    return counts
