"""The least that has to be bought where a private cluster is too small.

A job runs on the cluster, or is bought whole and runs elsewhere at once; it is not interrupted.
Where nobody waits every job runs from its handing in to its end somewhere, so at any time at least
the demand above the cluster's size is bought.

Where jobs may wait by a bounded mean there is no such bound worth its name: waits are counted by
job and demand by area, so that a few jobs of the largest area may hold back nearly all of it for
hardly any mean wait. The fluid relaxation of that is 0 on the traces it was tried on.
"""

import numpy as np

from hutong.sim.bounds.demand import Floats


def bought_at_once_chip_h(submit_s: Floats, run_s: Floats, chips: Floats, capacity: float) -> float:
    """The least chip-hours to buy where nobody waits."""
    times = np.concatenate([submit_s, submit_s + run_s])
    order = np.argsort(times, kind="stable")
    demand = np.cumsum(np.concatenate([chips, -chips])[order])[:-1]
    spans = np.diff(times[order])
    return float((np.maximum(demand - capacity, 0) * spans).sum() / 3600)
