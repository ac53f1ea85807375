"""Providers under misfortune: a need is answered once, whatever is lost, late, slow or killed."""

from random import Random

import pytest

from hutong.model.ids import NodeId, PoolId, RegionId, SiteId
from hutong.model.job import Commercial, JobSpec, Program, RetryPolicy, Terms
from hutong.model.resources import Amount, TaskNeeds
from hutong.model.states import JobState
from hutong.model.supply import Inventory, Node, Offer, Pool, Site
from hutong.sim.machines.script import (
    Behaviour,
    Fault,
    FaultKind,
    JobLine,
    Script,
    SiteLine,
    Weather,
)
from hutong.sim.machines.simulation import Simulation

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
BOOT_MS = 60_000
OWN, CLOUD = SiteId("own"), SiteId("cloud")
NODE = Amount(4_000, 8_192)


def site(name: SiteId, nodes: int, *offers: tuple[str, Terms, int]) -> SiteLine:
    """A site with a pool of its own, and offers of such nodes."""
    pool = Pool(PoolId(f"{name}/cpu"), name, NODE)
    members = tuple(Node(NodeId(f"{name}/n{number}"), pool.id) for number in range(nodes))
    pools = [pool] if nodes else []
    made = []
    for kind, terms, nodes_max in offers:
        offered = Pool(PoolId(f"{name}/{kind}"), name, NODE)
        pools.append(offered)
        made.append(Offer(offered.id, terms, nodes_max, BOOT_MS, offered.price))
    described = Site(name, "owner", RegionId("cn-beijing"), "CN-BJ")
    return SiteLine(described, Inventory(tuple(pools), members, tuple(made)))


def job(run_ms: int, at_ms: int = 0, **fields: object) -> JobLine:
    """A job of one node whose estimate is right."""
    fields.setdefault("estimate_ms", run_ms)
    spec = JobSpec(
        "job", Program(argv=("true",)), needs=TaskNeeds(4_000, 1_024),
        retry=RetryPolicy(machine_count=50, site_count=50), **fields,  # type: ignore[arg-type]
    )  # fmt: skip
    return JobLine(at_ms, spec, Behaviour(run_ms))


def run(
    jobs: list[JobLine], sites: list[SiteLine], faults: tuple[Fault, ...] = (), **fields: object
) -> Simulation:
    """Play it to its end; every promise is watched at every step."""
    script = Script(
        name="offers", seed=1, sites=tuple(sites), jobs=tuple(jobs), faults=faults,
        calm_at_ms=max((fault.at_ms + fault.for_ms for fault in faults), default=0),
        patience_ms=24 * HOUR_MS, **fields,  # type: ignore[arg-type]
    )  # fmt: skip
    simulation = Simulation(script)
    simulation.run()
    return simulation


def states(simulation: Simulation) -> list[JobState]:
    return [row.state for row in simulation.hub.disk.rows.jobs.values()]


def bad_weather(seed: int, kinds: tuple[FaultKind, ...]) -> tuple[Fault, ...]:
    """Twelve faults of these kinds within the first half hour."""
    random = Random(seed)
    faults = [
        Fault(
            random.randrange(30 * MINUTE_MS), random.choice(kinds),
            random.choice((1_000, 20_000, 5 * MINUTE_MS)), CLOUD,
        )
        for _ in range(12)
    ]  # fmt: skip
    return tuple(sorted(faults, key=lambda fault: fault.at_ms))


MESSAGES = (
    FaultKind.HUB_CRASH, FaultKind.HUB_STALL, FaultKind.AGENT_CRASH, FaultKind.AGENT_STALL,
    FaultKind.CUT, FaultKind.CUT_UP, FaultKind.CUT_DOWN, FaultKind.BOOT_SLOW,
)  # fmt: skip
ROUGH = Weather(lost_milli=200, late_milli=100, repeated_milli=100)


@pytest.mark.parametrize("seed", range(8))
def test_one_need_starts_its_nodes_once(seed: int) -> None:
    gang = job(20 * MINUTE_MS, tasks=2)
    simulation = run(
        [gang], [site(CLOUD, 0, ("burst", Terms.ON_DEMAND, 9))], bad_weather(seed, MESSAGES),
        weather=ROUGH,
    )  # fmt: skip
    assert states(simulation) == [JobState.SUCCEEDED]
    assert len(simulation.witness.nodes) == 2


@pytest.mark.parametrize("seed", range(8))
def test_everything_ends_whatever_befalls_the_provider(seed: int) -> None:
    kinds = (*MESSAGES, FaultKind.BOOT_FAILS, FaultKind.SPOT_REVOKED, FaultKind.SITE_REBOOT)
    jobs = [job(10 * MINUTE_MS, number * 20_000) for number in range(12)]
    jobs.append(job(10 * MINUTE_MS, tasks=3, commercial=Commercial(after_ms=0)))
    sites = [
        site(OWN, 1),
        site(CLOUD, 0, ("burst", Terms.ON_DEMAND, 3), ("spot", Terms.SPOT, 3)),
    ]
    simulation = run(jobs, sites, bad_weather(100 + seed, kinds), weather=ROUGH)
    assert states(simulation) == [JobState.SUCCEEDED] * 13


def test_a_failed_boot_is_made_up_for() -> None:
    fails = (Fault(0, FaultKind.BOOT_FAILS, MINUTE_MS, CLOUD),)
    simulation = run([job(MINUTE_MS)], [site(CLOUD, 0, ("burst", Terms.ON_DEMAND, 2))], fails)
    assert states(simulation) == [JobState.SUCCEEDED]
    assert len(simulation.witness.nodes) >= 2


def test_a_burst_is_started_and_goes_back() -> None:
    # Nine jobs of half an hour and one machine: the last ones would wait for four hours.
    jobs = [job(30 * MINUTE_MS) for _ in range(9)]
    late = [job(1_000, 3 * HOUR_MS)]
    simulation = run([*jobs, *late], [site(OWN, 1), site(CLOUD, 0, ("burst", Terms.ON_DEMAND, 20))])
    assert states(simulation) == [JobState.SUCCEEDED] * 10
    started = len(simulation.witness.nodes)
    assert 4 <= started <= 8
    kept = simulation.hub.machine.state.sites[CLOUD].offers[PoolId("cloud/burst")]
    assert (kept.nodes, kept.started_count) == ({}, started)
    assert kept.node_ms >= started * (30 * MINUTE_MS + BOOT_MS)


def test_a_job_on_spot_nodes_makes_its_deadline_through_revocations() -> None:
    revoked = tuple(
        Fault(minutes * MINUTE_MS, FaultKind.SPOT_REVOKED, 0, CLOUD) for minutes in (20, 45, 70)
    )
    deadline_ms = 1_767_225_600_000 + 100 * MINUTE_MS
    simulation = run(
        [job(30 * MINUTE_MS, deadline_ms=deadline_ms)],
        [site(CLOUD, 0, ("spot", Terms.SPOT, 2), ("sure", Terms.ON_DEMAND, 2))],
        revoked,
    )
    assert states(simulation) == [JobState.SUCCEEDED]
    (row,) = simulation.hub.disk.rows.jobs.values()
    assert row.ended_ms <= deadline_ms
