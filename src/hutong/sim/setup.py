"""A run as data: which world, workload and profile, and what the scheduler is told of run times."""

from enum import StrEnum

import msgspec

from hutong.scheduler.profile import PROFILES, Profile
from hutong.sim.workload import Workload
from hutong.sim.world import World


class Mode(StrEnum):
    """What the scheduler is told of a job's run time."""

    ORACLE = "oracle"
    """The truth."""
    ESTIMATE = "estimate"
    """What the user said, or what a predictor learnt from the past."""
    NONE = "none"
    """Nothing: for policies that do not look at it. Jobs that need the same are then alike."""


class Setup(msgspec.Struct, frozen=True):
    """Everything that decides how a replay comes out.

    `predictor` names one of `hutong.sim.predict` for the mode `estimate`; empty takes what users
    said. What users said stays what ends go by, and a prediction decides about places in the queue
    (`quick`, `sjf`); of a job of which nobody said anything it is the estimate. `cycle_ms` is the
    time between two cycles at least: 0 lets one run at every instant at which something happened,
    as the rules of queueing papers have it. Times of `sample_ms` lie between two samples at least.
    The run ends at `until_ms` at the latest (0 for no end).
    """

    world: World
    workload: Workload
    profile: Profile = PROFILES["fair"]
    mode: Mode = Mode.ESTIMATE
    predictor: str = ""
    seed: int = 1
    cycle_ms: int = 0
    sample_ms: int = 60_000
    until_ms: int = 0
    name: str = ""
