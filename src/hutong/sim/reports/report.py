"""From an outcome to a report."""

from collections.abc import Mapping

import numpy as np

from hutong.sim.outcome import Ending, Ints, Outcome
from hutong.sim.reports import timeline
from hutong.sim.reports.charts import pool_loads, series_of, wait_curves
from hutong.sim.reports.fairness import fairness_of
from hutong.sim.reports.figures import figures, figures_of, rank
from hutong.sim.reports.groups import Ranks, groups_of, kept_deadlines
from hutong.sim.reports.jobs import MS_PER_H, Jobs, Window, jobs_of, window_of
from hutong.sim.reports.values import (
    Beliefs,
    Bill,
    Deadlines,
    Deciding,
    Ground,
    Machines,
    Moves,
    PoolSize,
    Report,
    Use,
)
from hutong.sim.world import World

_UNIT = 1000.0 * MS_PER_H


def ground_of(world: World) -> Ground:
    """What a report has to know of a world."""
    sizes: dict[str, PoolSize] = {}
    for site in world.sites:
        nodes: dict[str, int] = {}
        for node in site.inventory.nodes:
            nodes[node.pool] = nodes.get(node.pool, 0) + 1
        for offer in site.inventory.offers:
            nodes[offer.pool] = max(nodes.get(offer.pool, 0), offer.nodes_max)
        for pool in site.inventory.pools:
            count = nodes.get(pool.id, 0)
            sizes[pool.id] = PoolSize(
                pool.node.accelerator_milli * count, pool.node.cpu_milli * count
            )
    return Ground({tenant.id: tenant.weight for tenant in world.tenants}, sizes)


def make_report(
    outcome: Outcome,
    *,
    ground: Ground | None = None,
    alone: Mapping[str, Outcome] | None = None,
) -> Report:
    """Compute a report. `ground` knows the world, see `ground_of`; `alone` has for some tenants
    the outcome of a run of their jobs alone, on what they are entitled to."""
    ground = ground or Ground()
    window = window_of(outcome)
    jobs = jobs_of(outcome, window)
    ranks = Ranks(
        rank(jobs.wait_ms, jobs.began),
        rank(jobs.completion_ms, jobs.ended),
        rank(jobs.slowdown, jobs.ended),
    )
    machines = _machines(outcome, jobs, window)
    counting = machines.accelerators if jobs.accelerators else machines.cpus
    fairness = fairness_of(
        outcome, jobs, window, ready=counting.ready, weights=ground.weights, alone=alone
    )
    submit = outcome.numbers["submit_ms"]
    return Report(
        facts=outcome.facts,
        ground=ground,
        jobs=len(outcome.names),
        endings=_endings(outcome),
        begin_ms=window.begin_ms,
        end_ms=window.end_ms,
        makespan_ms=window.end_ms - window.begin_ms if len(outcome.names) else 0,
        wait_ms=figures(ranks.wait),
        completion_ms=figures(ranks.completion),
        bounded_slowdown=figures(ranks.slowdown),
        waiting_ms=figures_of((window.end_ms - submit).astype(np.float64), jobs.unstarted),
        machines=machines,
        fairness=fairness,
        bill=_bill(outcome),
        moves=_moves(outcome, jobs),
        deadlines=_deadlines(outcome, window),
        beliefs=_beliefs(outcome),
        deciding=_deciding(outcome),
        by=groups_of(outcome, jobs, ranks),
        series=series_of(outcome, window),
        wait_curves=wait_curves(outcome, jobs),
        pool_loads=pool_loads(outcome, jobs, window, ground),
        offers=outcome.offers,
        notes=_notes(outcome, jobs, window),
    )


def _endings(outcome: Outcome) -> dict[str, int]:
    counts = np.bincount(outcome.numbers["ending"], minlength=len(Ending))
    return {ending.name.lower(): int(counts[ending]) for ending in Ending if counts[ending]}


def _machines(outcome: Outcome, jobs: Jobs, window: Window) -> Machines:
    samples = outcome.samples
    times = samples["time_ms"]
    span = np.array([window.begin_ms, window.end_ms], dtype=np.float64)
    if not len(times) or window.end_ms <= window.begin_ms:
        return Machines()
    inside = _inside(times, window)

    def mean(levels: Ints) -> float:
        return float(timeline.means(times, levels, span)[0])

    def use(resource: str, lost: float) -> Use:
        ready, used = samples[f"ready_{resource}_milli"], samples[f"used_{resource}_milli"]
        waits = samples["waiting_jobs"] > 0
        known, held = mean(ready), mean(used)
        ready_waiting = mean(ready * waits)
        idle = mean(np.maximum(ready - used, 0) * waits)
        useful = max(held - lost / (window.end_ms - window.begin_ms), 0.0)
        return Use(
            ready=known / 1000,
            used=held / 1000,
            peak=int(used[inside].max()) / 1000,
            allocation=held / known if known else 0.0,
            utilisation=useful / known if known else 0.0,
            idle_while_waiting=idle / ready_waiting if ready_waiting else 0.0,
        )

    ready, used = samples["ready_accelerator_milli"], samples["used_accelerator_milli"]
    stranded = mean(samples["stranded_accelerator_milli"])
    known, free = mean(ready), mean(np.maximum(ready - used, 0))
    return Machines(
        accelerators=use("accelerator", float(jobs.lost_accelerator.sum())),
        cpus=use("cpu", float(jobs.lost_cpu.sum())),
        stranded=stranded / known if known else 0.0,
        fragmentation=stranded / free if free else 0.0,
        waiting_jobs=mean(samples["waiting_jobs"]),
        waiting_jobs_most=int(samples["waiting_jobs"][inside].max()),
        running_jobs=mean(samples["running_jobs"]),
        running_jobs_most=int(samples["running_jobs"][inside].max()),
        waiting_accelerators=mean(samples["waiting_accelerator_milli"]) / 1000,
    )


def _inside(times: Ints, window: Window) -> slice:
    """The samples whose state held in the window; at least one."""
    first = max(int(np.searchsorted(times, window.begin_ms, side="right")) - 1, 0)
    last = int(np.searchsorted(times, window.end_ms, side="left"))
    return slice(first, max(last, first + 1))


def _bill(outcome: Outcome) -> Bill:
    numbers = outcome.numbers
    sums = (int(numbers[name].sum()) for name in ("cost_microcny", "energy_mwh", "carbon_mg"))
    return Bill(*sums)


def _moves(outcome: Outcome, jobs: Jobs) -> Moves:
    numbers = outcome.numbers
    chips, cpus = float(jobs.held_accelerator.sum()), float(jobs.held_cpu.sum())
    lost_chips, lost_cpus = float(jobs.lost_accelerator.sum()), float(jobs.lost_cpu.sum())
    held, lost = float(jobs.held.sum()), float(jobs.lost.sum())
    return Moves(
        attempts=int(numbers["attempts"].sum()),
        preemptions=int(numbers["preemptions"].sum()),
        preempted_jobs=int((numbers["preemptions"] > 0).sum()),
        held_accelerator_h=chips / _UNIT,
        lost_accelerator_h=lost_chips / _UNIT,
        held_cpu_h=cpus / _UNIT,
        lost_cpu_h=lost_cpus / _UNIT,
        lost=lost / held if held else 0.0,
    )


def _deadlines(outcome: Outcome, window: Window) -> Deadlines:
    numbers = outcome.numbers
    due, end, ending = numbers["deadline_ms"], numbers["end_ms"], numbers["ending"]
    asked = due > 0
    kept = kept_deadlines(outcome)
    unfinished = (ending == Ending.WAITING) | (ending == Ending.RUNNING)
    still = asked & unfinished & (due >= window.end_ms)
    late = asked & (ending == Ending.SUCCEEDED) & (end > due)
    count, met, left = int(asked.sum()), int(kept.sum()), int(still.sum())
    figures_late = figures_of((end - due)[late].astype(np.float64), np.ones(int(late.sum()), bool))
    return Deadlines(count, met, count - met - left, left, figures_late)


def _beliefs(outcome: Outcome) -> Beliefs:
    numbers = outcome.numbers
    told = numbers["believed_ms"].astype(np.float64)
    true = numbers["run_ms"].astype(np.float64)
    succeeded = numbers["ending"] == Ending.SUCCEEDED
    counted = succeeded & (told >= 0)
    source = outcome.facts.belief.source if outcome.facts.belief else outcome.facts.mode
    count = int(counted.sum())
    if not count:
        return Beliefs(source=source, untold=int(succeeded.sum()))
    # A run of no time, or one believed to take none, counts as one millisecond.
    ratio = np.maximum(told, 1.0) / np.maximum(true, 1.0)
    right = counted & (ratio >= 0.5) & (ratio <= 2.0)
    return Beliefs(
        source=source,
        told=count,
        untold=int(succeeded.sum()) - count,
        within_2x=int(right.sum()) / count,
        under=int((counted & (told < true)).sum()) / count,
        ratio=figures_of(ratio[succeeded], counted[succeeded]),
        error_ms=figures_of(np.abs(told - true)[succeeded], counted[succeeded]),
    )


def _deciding(outcome: Outcome) -> Deciding:
    facts = outcome.facts
    p50_us, p95_us, p99_us, most_us = facts.decide_us
    return Deciding(
        cycles=facts.cycles,
        placements=facts.placements,
        p50_us=p50_us,
        p95_us=p95_us,
        p99_us=p99_us,
        most_us=most_us,
        cpu_deciding_ms=facts.cpu_deciding_ms,
        cpu_ms=facts.cpu_ms,
        jobs_per_cpu_s=len(outcome.names) * 1000 / facts.cpu_ms if facts.cpu_ms else 0.0,
    )


def _notes(outcome: Outcome, jobs: Jobs, window: Window) -> tuple[str, ...]:
    notes = []
    ending = outcome.numbers["ending"]
    counts = {
        "had not started when the run ended: they are left out of waits and completions, and what "
        "they waited so far is given apart": int(jobs.unstarted.sum()),
        "still ran when the run ended: they are left out of completions and slowdowns": int(
            (ending == Ending.RUNNING).sum()
        ),
        "fit no pool of this world and were refused: they are left out of all means": int(
            jobs.refused.sum()
        ),
        "ended without ever starting: they are left out of waits and completions": int(
            (~jobs.began & ~jobs.refused & ~jobs.unstarted & (ending != Ending.RUNNING)).sum()
        ),
    }
    notes += [f"{count:,} of {len(ending):,} jobs {why}." for why, count in counts.items() if count]
    if not outcome.facts.finished:
        notes.append("The run was stopped before its end; this is what came of it so far.")
    if not len(ending):
        notes.append("There were no jobs.")
    elif not jobs.accelerators:
        notes.append("No job wants accelerators: shares and fairness are those of CPUs.")
    elif bool((outcome.numbers["accelerator_milli"] == 0).any()):
        count = int((outcome.numbers["accelerator_milli"] == 0).sum())
        notes.append(f"{count:,} jobs want no accelerators and do not count in tenants' shares.")
    if len(ending) and not len(outcome.samples["time_ms"]):
        notes.append("There are no samples over time: nothing is known of how full machines were.")
    if len(ending) and window.over and window.end_ms == window.begin_ms:
        notes.append("All happened at one instant: there is no time to take means over.")
    return tuple(notes)
