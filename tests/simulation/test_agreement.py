"""The replay beside the machines: one small world without faults, played by both."""

from random import Random

import pytest

from hutong.model.job import JobSpec, Program
from hutong.model.resources import AcceleratorNeed, TaskNeeds
from hutong.model.states import JobState
from hutong.scheduler.profile import PROFILES
from hutong.sim.machines.script import Behaviour, JobLine, Script, SiteLine, SiteModel, Weather
from hutong.sim.machines.simulation import Simulation
from hutong.sim.replay import replay
from hutong.sim.workload import TraceJob
from tests.unit.sim.replay.worlds import setup, site, world

SECOND_MS = 1_000
SITES = (
    site("s0", nodes=2, cpus=8, chips=4), site("s1", nodes=3, cpus=8, chips=2, price=7),
    site("s2", nodes=2, cpus=16),
)  # fmt: skip


def some_jobs(seed: int, profile: str) -> list[TraceJob]:
    """Jobs of which no two come or end at nearly the same time: latencies decide nothing."""
    draw = Random(f"agreement {seed}")
    jobs = []
    for at in range(40):
        chips = draw.choice((0, 500, 1000, 2000))
        run_ms = 60_000 * draw.randrange(2, 25) + 1_009 * at
        jobs.append(
            TraceJob(
                f"j{at}", 60_000 + at * 61_357, run_ms,
                tasks=draw.choice((1, 1, 2, 3)), cpu_milli=draw.choice((500, 1000, 4000)),
                accelerators=(AcceleratorNeed("A100-80GB", chips),) if chips else (),
                priority=draw.choice(("normal", "normal", "low")), tenant=f"t{at % 3}",
                estimate_ms=run_ms + 60_000 * draw.randrange(3),
                preemptible=profile == "fair",
            )
        )  # fmt: skip
    return jobs


def together(begun: list[tuple[int, str, str]], *, within_ms: int) -> list[list[tuple[str, str]]]:
    """Jobs with their pools in the order of their starts; those that start together in theirs."""
    groups: list[list[tuple[str, str]]] = []
    before_ms = -(10**12)
    for at_ms, name, pool in sorted(begun):
        if at_ms - before_ms > within_ms:
            groups.append([])
        groups[-1].append((name, pool))
        before_ms = at_ms
    return [sorted(group) for group in groups]


def by_the_machines(jobs: list[TraceJob], profile: str) -> list[list[tuple[str, str]]]:
    lines = [
        JobLine(
            job.submit_ms,
            JobSpec(
                job.name, Program(argv=("run",)), tenant=job.tenant, tasks=job.tasks,
                needs=TaskNeeds(job.cpu_milli, 0, job.accelerators), priority=job.priority,
                estimate_ms=job.estimate_ms, preemptible=job.preemptible,
            ),
            Behaviour(job.run_ms),
        )
        for job in jobs
    ]  # fmt: skip
    script = Script(
        name="agreement", seed=1, sites=tuple(SiteLine(s.site, s.inventory) for s in SITES),
        jobs=tuple(lines), profile=profile, weather=Weather(latency_ms=(1, 2)),
        site_model=SiteModel(start_ms=(1, 2), notice_ms=(0, 1)), patience_ms=10**8,
    )  # fmt: skip
    simulation = Simulation(script)
    simulation.run()
    rows = simulation.hub.disk.rows
    names = {job: row.name for job, row in rows.jobs.items()}
    assert all(row.state is JobState.SUCCEEDED for row in rows.jobs.values())
    begun = [(row.started_ms, names[row.job], row.pool) for row in rows.attempts.values()]
    return together(begun, within_ms=500)


def by_replay(jobs: list[TraceJob], profile: str) -> list[list[tuple[str, str]]]:
    outcome = replay(setup(jobs, world(*SITES), PROFILES[profile]))
    assert outcome.numbers["attempts"].tolist() == [1] * len(jobs)
    pools = [outcome.labels["pool"].at(row) for row in range(len(jobs))]
    starts = outcome.numbers["start_ms"].tolist()
    return together(list(zip(starts, outcome.names, pools, strict=True)), within_ms=0)


@pytest.mark.parametrize("profile", ["fifo", "easy", "sjf", "fair"])
def test_machines_and_replay_start_the_same_jobs_in_one_order_on_the_same_pools(
    profile: str,
) -> None:
    jobs = some_jobs(1, profile)
    machines, replayed = by_the_machines(jobs, profile), by_replay(jobs, profile)
    assert sum(len(group) for group in machines) == len(jobs)
    assert len(machines) < len(jobs)
    assert machines == replayed
