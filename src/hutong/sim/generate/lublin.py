"""The workload model of Lublin and Feitelson, of rigid jobs on a parallel machine.

Uri Lublin and Dror Feitelson, "The workload on parallel supercomputers: modeling the
characteristics of rigid jobs", Journal of Parallel and Distributed Computing 63(11), 2003. The
numbers are those of that paper, as the model in the Parallel Workloads Archive has them, fitted to
the logs of SDSC Paragon, CTC and KTH.

Sizes: a share of jobs is serial, a share has a power of two as its size; the logarithm of a
parallel job's size is uniform in two stages, below and above a middle.
Run times: their logarithm (in seconds) is one of two gammas; the larger the job, the likelier the
second, of long ones. Beyond e^12 s it is drawn again.
Arrivals: the logarithm of the gap in the rush hours is a gamma. Each half hour of the day has a
weight, by another gamma, and time passes through it in the inverse ratio.
"""

from collections.abc import Iterator
from math import exp, lgamma, log, log2
from typing import ClassVar, NamedTuple

import numpy as np

from hutong.sim.generate.estimates import Estimates, Unsaid
from hutong.sim.generate.jobs import COUNT, limits, said, workload
from hutong.sim.generate.settings import Ranges, Settings
from hutong.sim.generate.streams import BLOCK, Floats, Ints, Stream, stream
from hutong.sim.workload import TraceJob, Workload

BUCKETS = 48
BUCKET_S = 1800
DAY_BUCKETS_FROM = 11
"""The day of the weights begins here and ends a day later."""

LONGEST_RUN = 12.0
LONGEST_GAP = 13.0
"""Logarithms of seconds, beyond which is drawn again."""


class Part(NamedTuple):
    """The numbers of the model for one kind of jobs.

    `low` is the log2 of the smallest parallel size, `below_top` and `middle_below` how far the
    largest lies below the machine's and the middle below the largest; a size is below the middle
    with chance `lower`. `short` and `long` are shape and scale of the gammas of run times, of which
    `short` has the chance `slope` times the size plus `base`. `gap` is the gamma of gaps, `day`
    that of the day's weights, and `rush` makes the gaps of the rush hours those of all hours.
    """

    name: str
    serial: float
    power_of_two: float
    low: float
    middle_below: float
    below_top: float
    lower: float
    short: tuple[float, float]
    long: tuple[float, float]
    slope: float
    base: float
    gap: tuple[float, float]
    day: tuple[float, float]
    rush: float


WHOLE = Part(
    "", 0.244, 0.576, 0.8, 2.5, 0.0, 0.86, (4.2, 0.94), (312, 0.03), -0.0054, 0.78,
    (10.2303, 0.4871), (8.1737, 3.9631), 1.0225,
)  # fmt: skip
BATCH = Part(
    "batch", 0.2927, 0.6686, 1.2, 2.0, 0.0, 0.875, (6.57, 0.823), (639.1, 0.0156), -0.003, 0.6986,
    (6.0415, 0.8531), (6.1271, 5.2740), 1.0519,
)  # fmt: skip
INTERACTIVE = Part(
    "interactive", 0.1541, 0.625, 1.0, 2.5, 1.5, 0.705, (3.8351, 0.6605), (7.073, 0.6856), -0.0118,
    0.9156, (6.5510, 0.6621), (8.9186, 3.6680), 0.9797,
)  # fmt: skip


class Lublin(Settings, frozen=True, tag="lublin"):
    """A machine of `processors`, a task for each of them that a job takes.

    With `interactive` batch and interactive jobs come side by side, each in its partition; else
    they are of one kind. Gaps are `gap_factor` times the model's: below 1 the load is higher.
    With `estimates_end_jobs` estimates are time limits too.
    """

    jobs_count: int = 10_000
    processors: int = 256
    interactive: bool = False
    gap_factor: float = 1.0
    estimates: Estimates = Unsaid()
    estimates_end_jobs: bool = False

    RANGES: ClassVar[Ranges] = {
        "jobs_count": COUNT,
        "processors": (16, 1 << 20),
        "gap_factor": (0.001, 1000),
    }


class _Jobs:
    """The jobs of the model; each time they are gone through they are drawn anew, and the same."""

    def __init__(self, settings: Lublin, seed: int) -> None:
        self._settings = settings
        self._seed = seed

    def __iter__(self) -> Iterator[TraceJob]:
        settings, done = self._settings, 0
        source = stream(self._seed, "estimates")
        for times, parts, sizes, runs in self._rows():
            runs_ms = runs * 1000
            estimates_ms = settings.estimates.draw(source, runs_ms)
            ends = limits(estimates_ms, runs_ms, ends=settings.estimates_end_jobs)
            columns = (times.tolist(), runs_ms.tolist(), sizes.tolist(), parts.tolist())
            for submit_ms, run_ms, tasks, part, estimate_ms, limit_ms in zip(
                *columns, said(estimates_ms), ends, strict=True
            ):
                done += 1
                yield TraceJob(
                    str(done), submit_ms, run_ms, tasks, 1000, estimate_ms=estimate_ms,
                    limit_ms=limit_ms, partition=("", "batch", "interactive")[part],
                )  # fmt: skip
                if done == settings.jobs_count:
                    return

    def _rows(self) -> Iterator[tuple[Ints, Ints, Ints, Ints]]:
        if not self._settings.interactive:
            yield from _of_part(WHOLE, 0, self._settings, self._seed)
            return
        batch = _of_part(BATCH, 1, self._settings, self._seed)
        interactive = _of_part(INTERACTIVE, 2, self._settings, self._seed)
        a, b = next(batch), next(interactive)
        while True:
            until = min(a[0][-1], b[0][-1])
            cut_a, cut_b = (int(np.searchsorted(rows[0], until, side="right")) for rows in (a, b))
            both = [np.concatenate((x[:cut_a], y[:cut_b])) for x, y in zip(a, b, strict=True)]
            order = np.argsort(both[0], kind="stable")
            yield both[0][order], both[1][order], both[2][order], both[3][order]
            a = _shifted(a, cut_a, batch)
            b = _shifted(b, cut_b, interactive)


_Rows = tuple[Ints, Ints, Ints, Ints]


def lublin(settings: Lublin, seed: int) -> Workload:
    """Jobs by the model."""
    jobs = _Jobs(settings, seed)
    return workload("lublin", seed, jobs, processors=settings.processors)


def _shifted(rows: _Rows, count: int, more: Iterator[_Rows]) -> _Rows:
    if count == len(rows[0]):
        return next(more)
    return rows[0][count:], rows[1][count:], rows[2][count:], rows[3][count:]


def _of_part(part: Part, number: int, settings: Lublin, seed: int) -> Iterator[_Rows]:
    """Blocks of submit times in ms, the part's number, sizes, and run times in seconds."""
    arrivals, kinds, runs = (
        stream(seed, f"{part.name} {what}") for what in ("arrivals", "sizes", "runs")
    )
    for times in _arrivals(part, arrivals):
        count = len(times)
        sizes = draw_sizes(part, log2(settings.processors), kinds, count)
        submit_ms = np.floor(times * 1000 * settings.gap_factor).astype(np.int64)
        yield submit_ms, np.full(count, number), sizes, draw_runs(part, sizes, runs)


def draw_sizes(part: Part, top: float, source: Stream, count: int) -> Ints:
    """Processors of `count` jobs on a machine of 2^top."""
    high = top - part.below_top
    middle = high - part.middle_below
    kind, stage, where = source.random((3, count))
    lower = part.low + where * (middle - part.low)
    upper = middle + where * (high - middle)
    logs = np.where(stage <= part.lower, lower, upper)
    logs = np.where(kind <= part.serial + part.power_of_two, np.floor(logs + 0.5), logs)
    logs = np.where(kind <= part.serial, 0.0, logs)
    sizes = np.floor(np.exp2(logs) + 0.5).astype(np.int64)
    bounded: Ints = np.minimum(sizes, int(2**top))
    return bounded


def draw_runs(part: Part, sizes: Ints, source: Stream) -> Ints:
    """Run times in seconds of jobs of these sizes, at least one."""
    chances = np.clip(part.slope * sizes + part.base, 0.0, 1.0)
    logs = np.full(len(sizes), np.inf)
    while len(left := np.flatnonzero(logs > LONGEST_RUN)):
        short = source.random(len(left)) <= chances[left]
        shape = np.where(short, part.short[0], part.long[0])
        scale = np.where(short, part.short[1], part.long[1])
        logs[left] = source.gamma(shape, scale)
    runs_s: Ints = np.maximum(np.exp(logs).astype(np.int64), 1)
    return runs_s


def _arrivals(part: Part, source: Stream) -> Iterator[Floats]:
    """Submit times in seconds from midnight on.

    A gap is worth points; a half hour of the day costs its weight, so that more jobs fall into one
    that costs more. As points add up, arrivals are where the cumulated cost reaches their sum.
    """
    weights = day_weights(part)
    cost = np.concatenate(([0.0], np.cumsum(weights)))
    shape, scale = part.gap[0] * part.rush, part.gap[1]
    points = 0.0
    while True:
        logs = source.gamma(shape, scale, BLOCK)
        while len(above := np.flatnonzero(logs > LONGEST_GAP)):
            logs[above] = source.gamma(shape, scale, len(above))
        sums = points + np.cumsum(np.exp(logs)) / BUCKET_S
        points = float(sums[-1])
        days = sums // cost[-1]
        at = np.interp(sums - days * cost[-1], cost, np.arange(BUCKETS + 1))
        yield (days * BUCKETS + at) * BUCKET_S


def day_weights(part: Part) -> Floats:
    """Weights of the 48 half hours from midnight on, with a mean of 1."""
    weights = np.zeros(BUCKETS)
    for bucket in range(DAY_BUCKETS_FROM, DAY_BUCKETS_FROM + BUCKETS):
        share = gamma_cdf(bucket + 0.5, *part.day) - gamma_cdf(bucket - 0.5, *part.day)
        weights[(bucket - 1) % BUCKETS] = share
    normed: Floats = weights / weights.mean()
    return normed


def gamma_cdf(value: float, shape: float, scale: float) -> float:
    """The distribution function of a gamma, by its series; for values of a few dozen scales."""
    x = value / scale
    if x <= 0:
        return 0.0
    term = total = 1.0
    count = 1
    while term > total * 1e-15:
        term *= x / (shape + count)
        total += term
        count += 1
    return total * exp(shape * log(x) - x - lgamma(shape + 1))
