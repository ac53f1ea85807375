"""What a report reads off the columns of jobs: waits, completions, slowdowns, what was held.

Definitions, all in ms:

- wait: from handing in to the begin of the first attempt, of jobs that began;
- completion (JCT, response, flow time): from handing in to the end, of jobs that began and ended,
  however they ended;
- run: what its attempts held nodes, without work that was lost, so that a job is not excused by
  having to do its work twice;
- bounded slowdown: max(completion / max(run, 10 s), 1) (Feitelson, Rudolph, Schwiegelshohn,
  Sevcik and Wong, JSSPP 1997). For a job that was never stopped this is
  max((wait + run) / max(run, 10 s), 1), which is how simulators of Slurm-like queues have it.
"""

from typing import NamedTuple

import numpy as np

from hutong.sim.outcome import Ending, Ints, Outcome
from hutong.sim.reports.figures import Floats, Mask

BOUND_MS = 10_000
MS_PER_H = 3_600_000


class Jobs(NamedTuple):
    """Columns by job. `until_ms` is the end, or the end of the run for jobs that have none.

    `held_accelerator` and `held_cpu` are in milli-units times ms, `lost_*` the same of what was
    lost. `held` and `lost` are of chips for jobs that want chips, of CPUs for others.
    `accelerators` says that some job wants chips.
    """

    began: Mask
    ended: Mask
    refused: Mask
    unstarted: Mask
    wait_ms: Floats
    completion_ms: Floats
    run_ms: Floats
    slowdown: Floats
    until_ms: Ints
    held_accelerator: Floats
    held_cpu: Floats
    lost_accelerator: Floats
    lost_cpu: Floats
    held: Floats
    lost: Floats
    accelerators: bool


class Window(NamedTuple):
    """The time that means are taken over: from the first handing in to the last end, or to the
    end of the run where jobs were left. `over` says that none was."""

    begin_ms: int
    end_ms: int
    over: bool


def window_of(outcome: Outcome) -> Window:
    """The makespan's window. Without jobs it is that of the samples."""
    numbers, times = outcome.numbers, outcome.samples["time_ms"]
    last_ms = max(int(times[-1]) if len(times) else 0, outcome.facts.simulated_ms)
    if not len(numbers["submit_ms"]):
        return Window(int(times[0]) if len(times) else 0, last_ms, over=True)
    begin_ms, end_ms = int(numbers["submit_ms"].min()), int(numbers["end_ms"].max())
    over = not bool(_open(outcome).any())
    return Window(begin_ms, max(end_ms, begin_ms) if over else max(last_ms, end_ms, begin_ms), over)


def _open(outcome: Outcome) -> Mask:
    ending = outcome.numbers["ending"]
    still: Mask = (ending == Ending.WAITING) | (ending == Ending.RUNNING)
    return still


def jobs_of(outcome: Outcome, window: Window) -> Jobs:
    """Compute the columns."""
    numbers = outcome.numbers
    submit, start, end = numbers["submit_ms"], numbers["start_ms"], numbers["end_ms"]
    refused = numbers["ending"] == Ending.REFUSED
    began = (start >= 0) & ~refused
    ended = began & (end >= 0)
    held = numbers["held_ms"].astype(np.float64)
    chips = numbers["accelerator_milli"].astype(np.float64)
    cpus = numbers["cpu_milli"].astype(np.float64)
    lost = numbers["lost_accelerator_milli_ms"].astype(np.float64)
    with_chips = chips > 0
    need = np.where(with_chips, chips, cpus)
    lost_ms = np.divide(lost, need, out=np.zeros(len(lost)), where=need > 0)
    completion = (end - submit).astype(np.float64)
    return Jobs(
        began=began,
        ended=ended,
        refused=refused,
        unstarted=~began & ~refused & (numbers["ending"] == Ending.WAITING),
        wait_ms=(start - submit).astype(np.float64),
        completion_ms=completion,
        run_ms=held - lost_ms,
        slowdown=np.maximum(completion / np.maximum(held - lost_ms, BOUND_MS), 1.0),
        until_ms=np.where(end >= 0, end, max(window.end_ms, 0)),
        held_accelerator=held * chips,
        held_cpu=held * cpus,
        lost_accelerator=lost_ms * chips,
        lost_cpu=lost_ms * cpus,
        held=held * need,
        lost=lost,
        accelerators=bool(with_chips.any()),
    )
