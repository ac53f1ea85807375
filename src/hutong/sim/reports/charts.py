"""The parts of a report that are drawn: series over time, waits by class, loads of pools."""

import numpy as np

from hutong.sim.outcome import Outcome
from hutong.sim.reports import timeline
from hutong.sim.reports.figures import Floats
from hutong.sim.reports.groups import OTHERS, fold
from hutong.sim.reports.jobs import Jobs, Window
from hutong.sim.reports.values import Ground, PoolLoad, Series, WaitCurve

SERIES_STEPS = 300
LOAD_STEPS = 120
POOLS_AT_MOST = 40
CLASSES_AT_MOST = 8
# Finer towards the tail, where waits differ most.
PARTS = (*(part / 100 for part in range(1, 96)), *(0.95 + part / 1000 for part in range(1, 51)))


def series_of(outcome: Outcome, window: Window) -> Series:
    """The samples as means over equal steps of the window."""
    samples = outcome.samples
    steps = timeline.edges(window.begin_ms, window.end_ms, SERIES_STEPS)
    if len(steps) < 2 or not len(samples["time_ms"]):
        return Series()

    def level(column: str, unit: float = 1.0) -> tuple[float, ...]:
        found = timeline.means(samples["time_ms"], samples[column], steps) / unit
        return tuple(np.round(found, 3).tolist())

    return Series(
        edges_ms=tuple(round(edge) for edge in steps.tolist()),
        waiting_jobs=level("waiting_jobs"),
        running_jobs=level("running_jobs"),
        used_accelerators=level("used_accelerator_milli", 1000),
        ready_accelerators=level("ready_accelerator_milli", 1000),
        stranded_accelerators=level("stranded_accelerator_milli", 1000),
        waiting_accelerators=level("waiting_accelerator_milli", 1000),
        used_cpus=level("used_cpu_milli", 1000),
        ready_cpus=level("ready_cpu_milli", 1000),
    )


def wait_curves(outcome: Outcome, jobs: Jobs) -> tuple[WaitCurve, ...]:
    """The distribution of waits of the largest classes, and of all jobs."""
    able = ~jobs.refused
    found = [_curve("all jobs", jobs.wait_ms[jobs.began], int(able.sum()))]
    classes = fold(outcome.labels["priority"], most=CLASSES_AT_MOST)
    if len(classes.names) > 1:
        for place, name in enumerate(classes.names):
            mine = classes.codes == place
            waits = jobs.wait_ms[mine & jobs.began]
            found.append(_curve(name, waits, int((mine & able).sum())))
    return tuple(curve for curve in found if curve.waits_ms)


def _curve(name: str, waits: Floats, jobs: int) -> WaitCurve:
    if not len(waits):
        return WaitCurve(name, jobs, (), ())
    ordered = np.sort(waits)
    count = len(ordered)
    places = np.maximum(np.ceil(np.array(PARTS) * count - 1e-9).astype(np.int64) - 1, 0)
    places = np.unique(np.concatenate(([0], places, [count - 1])))
    parts = (places + 1) / jobs
    return WaitCurve(
        name, jobs, tuple(np.round(parts, 6).tolist()), tuple(ordered[places].tolist())
    )


def pool_loads(
    outcome: Outcome, jobs: Jobs, window: Window, ground: Ground
) -> tuple[PoolLoad, ...]:
    """What jobs held of the pools of their last attempts, the most used pools first."""
    steps = timeline.edges(window.begin_ms, window.end_ms, LOAD_STEPS)
    if len(steps) < 2:
        return ()
    pools = fold(outcome.labels["pool"], most=max(len(outcome.names), 1))
    count = len(pools.names)
    begin = np.where(jobs.began, outcome.numbers["start_ms"], jobs.until_ms)
    spans = (jobs.until_ms - begin).astype(np.float64)
    works = []
    for held in (jobs.held_accelerator, jobs.held_cpu):
        rate = np.divide(held, spans, out=np.zeros(len(held)), where=spans > 0)
        works.append((np.bincount(pools.codes, weights=held, minlength=count), rate))
    (chip_work, chip_rate), (cpu_work, cpu_rate) = works
    cpus = chip_work == 0
    rate = np.where(cpus[pools.codes], cpu_rate, chip_rate)
    levels = timeline.held(pools.codes, begin, jobs.until_ms, rate, steps, of=count) / 1000
    order = np.argsort(-np.where(cpus, cpu_work * 1e-6, chip_work), kind="stable")
    loads = []
    for place in order[:POOLS_AT_MOST]:
        name = pools.names[place]
        if name == OTHERS or not (chip_work[place] or cpu_work[place]):
            continue
        size = ground.pools.get(name)
        units = 0 if size is None else size.cpu_milli if cpus[place] else size.accelerator_milli
        shown = tuple(np.round(levels[place], 3).tolist())
        loads.append(PoolLoad(name, bool(cpus[place]), units / 1000, shown))
    return tuple(loads)
