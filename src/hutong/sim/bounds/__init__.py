"""What no schedule can be below, and what an all-knowing one would reach: to hold results against.

`bounds_of(world, workload)` computes the bounds that hold for any schedule, `beside` says what a
report's figures have left to win. `spot`, `carbon` and `cloud` compute the optima of the
scoreboard's rows about spot capacity, carbon and bought capacity; nothing that decides uses them.
"""

from hutong.sim.bounds.known import bounds_of, bounds_on
from hutong.sim.bounds.nouns import Beside, Bound, beside, tightest

__all__ = ["Beside", "Bound", "beside", "bounds_of", "bounds_on", "tightest"]
