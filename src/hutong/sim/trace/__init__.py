"""Traces: readers of the formats in which workloads are published and logged, and their worlds."""

from hutong.sim.trace.reading import Skipped, SortedJobs, TraceJobs, TraceOptions
from hutong.sim.trace.registry import FORMATS, detect, open_trace
from hutong.sim.trace.worlds import world_of

__all__ = [
    "FORMATS",
    "Skipped",
    "SortedJobs",
    "TraceJobs",
    "TraceOptions",
    "detect",
    "open_trace",
    "world_of",
]
