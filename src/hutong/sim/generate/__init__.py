"""Generators of workloads, worlds, mishaps and curves, all from one seed.

A generator is named in `GENERATORS` and takes typed settings. What is drawn for one thing comes
from a stream of its own (`streams`), so that changing one setting leaves all else as it was.
"""

from hutong.sim.generate.registry import (
    CURVES,
    GENERATORS,
    MISHAPS,
    WORKLOADS,
    WORLDS,
    make_curve,
    make_mishaps,
    make_workload,
    make_world,
)

__all__ = [
    "CURVES",
    "GENERATORS",
    "MISHAPS",
    "WORKLOADS",
    "WORLDS",
    "make_curve",
    "make_mishaps",
    "make_workload",
    "make_world",
]
