"""The bound of a linear programme over classes of machines and intervals of time, with HiGHS.

**The programme.** x[j, c, t] is the part of job j that is done on class c in interval t. For each
job the parts add up to 1; in an interval it holds machines for no longer than the interval; on a
class the areas of all jobs are no more than its capacity times the interval. F[j] is its flow time.

**Why it is a bound.** Any schedule gives such parts. Where it holds machines for longer than the
work takes (it was preempted and lost some), leave out the last of it. The job ends no earlier than

- its handing in plus all the time for which it holds machines, sum of span[j, c] x[j, c, t];
- half of its best time alone after the middle of its work (see `squashed`), and the middle is no
  earlier than the sum of x times the begin of the interval, or its handing in.

Both are constraints on F[j]. Gangs, nodes, starts anew and everything whole are left out. This is
the interval-indexed relaxation of Schulz and Skutella ("Scheduling unrelated machines by randomized
rounding", SIAM J. Discrete Math. 15, 2002), for jobs that may be preempted and moved, with
capacities by class and the begin of intervals in place of their middles.

A job's own intervals end a while after it was handed in. The part of it that it does later takes no
capacity in the programme and is taken to happen as early as that may be: another relaxation, so
that the programme stays small and its value stays a bound.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hutong.sim.bounds.demand import Demand, Floats

Ints = NDArray[np.int64]

JOBS_MOST = 5_000
"""More jobs than this are not put to the solver."""

_INTERVALS = 240
_TERMS_MOST = 100_000
_OPTIONS: dict[str, str | int | bool] = {
    "output_flag": False, "threads": 1, "solver": "ipm", "run_crossover": "off",
}  # fmt: skip
_REACHES = (25.0, 10.0, 2.5)
"""A job's intervals reach past its start by this times its best time alone and a mean flow time."""


class Grid(NamedTuple):
    """The edges of the intervals, how long a job's own reach, and its first and last one."""

    edges_s: Floats
    window_s: Floats
    first: Ints
    last: Ints

    @property
    def cells(self) -> int:
        """How many intervals there are."""
        return len(self.edges_s) - 1


class _Terms(NamedTuple):
    """One variable x each: job, class, interval, the row of the job in the interval."""

    job: Ints
    kind: Ints
    interval: Ints
    row: Ints
    rows: int


def lp_flow_s(
    demand: Demand, *, mean_flow_s: float = 0.0, intervals: int = _INTERVALS
) -> float | None:
    """A lower bound of the sum of flow times, in seconds; None where the solver gives none.

    `mean_flow_s` is what flow times are expected to be at least: jobs' intervals reach past it.
    """
    if not len(demand.submit_s):
        return 0.0
    grid = _grid(demand, max(mean_flow_s, float(demand.least_s.mean())), intervals)
    value = value_of(_programme(demand, grid, _terms(demand, grid)))
    return None if value is None else max(value, float(demand.least_s.sum()))


def _grid(demand: Demand, mean_flow_s: float, intervals: int) -> Grid:
    """As far as the number of variables allows, then as fine as it does."""
    grid = _cut(demand, mean_flow_s, intervals, _REACHES[0])
    for reach in _REACHES:
        grid = _cut(demand, mean_flow_s, intervals, reach)
        if _size(demand, grid) <= _TERMS_MOST:
            return grid
    while _size(demand, grid) > _TERMS_MOST and intervals > 8:
        intervals = intervals * 3 // 4
        grid = _cut(demand, mean_flow_s, intervals, _REACHES[-1])
    return grid


def _size(demand: Demand, grid: Grid) -> int:
    """How many variables x there are."""
    able = np.isfinite(demand.span_s).sum(axis=1)
    return int((able * (grid.last - grid.first + 1)).sum())


def _cut(demand: Demand, mean_flow_s: float, intervals: int, reach: float) -> Grid:
    """Intervals that are shortest where jobs come and go."""
    least, submit = demand.least_s, demand.submit_s
    window = reach * (least + mean_flow_s)
    end = float((submit + window).max())
    busy = np.concatenate([submit, submit + least, submit + mean_flow_s])
    even = np.linspace(submit.min(), end, max(intervals // 4, 2))
    edges = np.quantile(busy, np.linspace(0, 1, max(intervals * 3 // 4, 2)))
    edges = np.unique(np.concatenate([even, edges]))
    first = np.searchsorted(edges, submit, side="right") - 1
    first = np.minimum(first, len(edges) - 2)
    last = np.searchsorted(edges, submit + window, side="right") - 1
    last = np.minimum(np.maximum(last, first), len(edges) - 2)
    return Grid(edges, window, first, last)


def _terms(demand: Demand, grid: Grid) -> _Terms:
    able = np.isfinite(demand.span_s) & (demand.capacity > 0)
    first = grid.first
    lengths = grid.last - first + 1
    row_job = np.repeat(np.arange(len(first)), lengths)
    starts = np.cumsum(lengths) - lengths
    row_interval = np.arange(len(row_job)) - np.repeat(starts - first, lengths)
    row, kind = np.nonzero(able[row_job])
    return _Terms(row_job[row], kind, row_interval[row], row, len(row_job))


class Programme(NamedTuple):
    """A linear programme: the least of cost times x, x from 0 to `most`, over rows of triplets."""

    cost: Floats
    most: Floats
    low: Floats
    high: Floats
    row: Ints
    column: Ints
    value: Floats


def _programme(demand: Demand, grid: Grid, terms: _Terms) -> Programme:
    """Columns: F of each job, its part done late, then the x.

    Rows: the parts of each job, the two of each flow time, times in intervals, capacities.
    """
    jobs = len(demand.submit_s)
    each, least = np.arange(jobs), demand.least_s
    begins, ends = grid.edges_s[terms.interval], grid.edges_s[terms.interval + 1]
    submit = demand.submit_s[terms.job]
    x = 2 * jobs + np.arange(len(terms.job))
    span, area = demand.span_s[terms.job, terms.kind], demand.area[terms.job, terms.kind]
    first_use = 3 * jobs + terms.rows
    use = first_use + terms.kind * grid.cells + terms.interval
    one = np.ones(jobs)
    entries = [
        (each, jobs + each, one), (terms.job, x, np.ones(len(x))),
        (jobs + each, each, one), (jobs + each, jobs + each, -least), (jobs + terms.job, x, -span),
        (2 * jobs + each, each, one), (2 * jobs + each, jobs + each, -_late_s(demand, grid)),
        (2 * jobs + terms.job, x, -np.maximum(begins - submit, 0.0)),
        (3 * jobs + terms.row, x, span), (use, x, area),
    ]  # fmt: skip
    lengths = np.zeros(terms.rows)
    lengths[terms.row] = ends - np.maximum(begins, submit)
    capacity = np.outer(demand.capacity, np.diff(grid.edges_s)).ravel()
    limits = np.concatenate([lengths, capacity])
    flow_most = 2 * (least + _late_s(demand, grid)) + grid.edges_s[-1] - grid.edges_s[0]
    return Programme(
        np.concatenate([one, np.zeros(jobs + len(x))]),
        np.concatenate([flow_most, np.ones(jobs + len(x))]),
        np.concatenate([one, np.zeros(jobs), least / 2, np.full(len(limits), -np.inf)]),
        np.concatenate([np.full(3 * jobs, np.inf), limits]),
        *(np.concatenate(part) for part in zip(*entries, strict=True)),
    )


def _late_s(demand: Demand, grid: Grid) -> Floats:
    """How long after its handing in the part of a job begins that is done past its intervals."""
    late: Floats = grid.edges_s[grid.last + 1] - demand.submit_s
    return np.maximum(late, 0.0)


def value_of(programme: Programme) -> float | None:
    """The value of the programme's dual at what the solver found, which is a bound in any case."""
    import highspy

    order = np.argsort(programme.column, kind="stable")
    counts = np.bincount(programme.column, minlength=len(programme.cost))
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = len(programme.cost), len(programme.low)
    lp.col_cost_ = programme.cost
    lp.col_lower_, lp.col_upper_ = np.zeros(len(programme.cost)), programme.most
    lp.row_lower_, lp.row_upper_ = programme.low, programme.high
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_ = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    lp.a_matrix_.index_ = programme.row[order].astype(np.int32)
    lp.a_matrix_.value_ = programme.value[order]
    make: Any = highspy.Highs  # it has no types
    solver = make()
    for name, chosen in _OPTIONS.items():
        solver.setOptionValue(name, chosen)
    solver.passModel(lp)
    solver.run()
    if not solver.getSolution().dual_valid:
        return None
    return _dual_value(programme, np.array(solver.getSolution().row_dual))


def _dual_value(programme: Programme, dual: Floats) -> float:
    """What these multipliers of the rows prove, whatever rounding did to them.

    A row with a lower limit takes a multiplier of at least 0, one with an upper limit at most 0. A
    column whose reduced cost is below 0 counts at its most.
    """
    below, above = np.isfinite(programme.low), np.isfinite(programme.high)
    dual = np.where(below, np.maximum(dual, 0), np.where(above, np.minimum(dual, 0), 0))
    reduced = programme.cost - np.bincount(
        programme.column, programme.value * dual[programme.row], minlength=len(programme.cost)
    )
    limit = np.where(below, programme.low, np.where(above, programme.high, 0.0))
    return float((limit * dual).sum() + (np.minimum(reduced, 0) * programme.most).sum())
