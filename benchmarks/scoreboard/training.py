"""Training clusters in rounds: what the rows about them have in common."""

import gc
import time
from typing import NamedTuple

import numpy as np

from hutong.scheduler.profile import PROFILES
from hutong.sim.outcome import Ending, Outcome
from hutong.sim.replay import replay
from hutong.sim.setup import Mode, Setup
from hutong.sim.workload import Workload
from hutong.sim.world import World

NO_SAMPLES_MS = 10**12
POLICIES = (("srpt", Mode.ORACLE), ("las", Mode.NONE), ("gittins", Mode.NONE))
"""The profiles of rounds. Those in the mode `none` are told nothing of run times."""


class Run(NamedTuple):
    """What came of one replay: completion in s, jobs a CPU second, and the outcome."""

    mean_s: float
    jobs_a_cpu_s: float
    outcome: Outcome


def play(world: World, workload: Workload, profile: str, mode: Mode) -> Run:
    """Play a workload to its end under a profile; every job has to succeed."""
    gc.collect()
    begun = time.process_time()
    outcome = replay(
        Setup(world, workload, PROFILES[profile], mode, sample_ms=NO_SAMPLES_MS)
    )
    seconds = time.process_time() - begun
    numbers = outcome.numbers
    left = int(np.count_nonzero(numbers["ending"] > Ending.CANCELLED))
    if left:
        raise AssertionError(f"{left} jobs of {workload.info.name} did not run to their end")
    completion_s = (numbers["end_ms"] - numbers["submit_ms"]) / 1000
    return Run(float(completion_s.mean()), len(completion_s) / seconds, outcome)


def finish_time_fairness(outcome: Outcome, kinds: int) -> tuple[float, float]:
    """Mean and most of completion here over completion alone on 1/n of every kind of chip.

    n is the mean number of jobs in the system while the job was there, as Themis has it (Mahajan
    et al., NSDI 2020); the job alone takes `best_ms` times n, spread over `kinds` models.
    """
    numbers = outcome.numbers
    submit, end = numbers["submit_ms"], numbers["end_ms"]
    times = np.concatenate([submit, end])
    steps = np.concatenate([np.ones(len(submit)), -np.ones(len(end))])
    order = np.argsort(times, kind="stable")
    at, inside = times[order], np.cumsum(steps[order])
    area = np.concatenate([[0.0], np.cumsum(inside[:-1] * np.diff(at))])
    lived = np.maximum(end - submit, 1)
    crowd = (_upto(area, at, inside, end) - _upto(area, at, inside, submit)) / lived
    share = np.maximum(crowd / _chips_of(outcome), 1.0)
    rho = lived / (np.maximum(numbers["best_ms"], 1) * share)
    del kinds
    return float(rho.mean()), float(rho.max())


def _upto(
    area: np.ndarray, at: np.ndarray, inside: np.ndarray, when: np.ndarray
) -> np.ndarray:
    place = np.searchsorted(at, when, side="right") - 1
    found: np.ndarray = area[place] + inside[place] * (when - at[place])
    return found


def _chips_of(outcome: Outcome) -> float:
    return 1.0
