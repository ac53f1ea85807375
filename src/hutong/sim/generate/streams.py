"""Streams of random numbers: one seed, and a stream for each thing that is drawn.

What is drawn for one thing leaves the draws of all others alone, so that two workloads that differ
in their run times have the same arrivals. Streams are told apart by name, not by order. The numbers
are those of the numpy that the requirements pin.
"""

import numpy as np
from numpy.random import PCG64, Generator, SeedSequence  # noqa: TID251 - seeds become streams here
from numpy.typing import NDArray

Stream = Generator
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BLOCK = 8_192
"""So many jobs are drawn at a time."""


def stream(seed: int, name: str) -> Stream:
    """The stream of a seed and a name, always from its begin."""
    return Generator(PCG64(SeedSequence(abs(seed), spawn_key=(seed < 0, *name.encode()))))


def pick(source: Stream, weights: Floats, count: int) -> Ints:
    """Positions 0, 1, ... with chances in the ratio of the weights."""
    steps = np.cumsum(weights)
    found = np.searchsorted(steps, source.random(count) * steps[-1], side="right")
    last: Ints = np.minimum(found, len(weights) - 1)
    return last


def zipf_weights(count: int, exponent: float) -> Floats:
    """Weights of ranks: the n-th has 1 / n^exponent."""
    weights: Floats = np.arange(1, count + 1, dtype=np.float64) ** -exponent
    return weights


def whole_ms(times: Floats) -> Ints:
    """Durations in whole ms, at least 1."""
    whole: Ints = np.maximum(np.rint(times), 1).astype(np.int64)
    return whole
