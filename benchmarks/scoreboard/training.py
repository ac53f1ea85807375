"""Training clusters in rounds: what the rows about them have in common."""

import gc
import time
from typing import NamedTuple

import msgspec
import numpy as np

from hutong.scheduler.profile import PROFILES
from hutong.sim.outcome import Ending, Outcome
from hutong.sim.replay import replay
from hutong.sim.reports.report import ground_of, make_report
from hutong.sim.setup import Mode, Setup
from hutong.sim.workload import Workload
from hutong.sim.world import Costs, World

NO_SAMPLES_MS = 10**12
POLICIES = (("srpt", Mode.ORACLE), ("las", Mode.NONE), ("gittins", Mode.NONE))
"""The profiles of rounds. Those in the mode `none` are told nothing of run times."""


class Run(NamedTuple):
    """What came of one replay: mean completion in s, jobs a CPU second, and the outcome."""

    mean_s: float
    jobs_a_cpu_s: float
    outcome: Outcome


def keeping(world: World, restart_ms: int = 0) -> World:
    """A world whose jobs write their state down when stopped, and lose `restart_ms` a restart."""
    return msgspec.structs.replace(world, costs=Costs(restart_ms=restart_ms, keeps_work=True))


def play(world: World, workload: Workload, profile: str, mode: Mode) -> Run:
    """Play a workload to its end under a profile; every job has to come to its end."""
    gc.collect()
    begun = time.process_time()
    setup = Setup(world, workload, PROFILES[profile], mode, sample_ms=NO_SAMPLES_MS)
    outcome = replay(setup)
    seconds = time.process_time() - begun
    numbers = outcome.numbers
    left = int(np.count_nonzero(numbers["ending"] > Ending.CANCELLED))
    if left:
        raise AssertionError(f"{left} jobs of {workload.info.name} did not come to their end")
    completion_s = (numbers["end_ms"] - numbers["submit_ms"]) / 1000
    return Run(float(completion_s.mean()), len(completion_s) / seconds, outcome)


def fairness(world: World, outcome: Outcome) -> tuple[float, float]:
    """Finish-time fairness against a share of 1/n of the machines: its mean and its most."""
    rho = make_report(outcome, ground=ground_of(world)).fairness.share.figures
    return rho.mean, rho.most
