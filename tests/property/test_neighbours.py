"""On any world no job starts where its neighbours forbid it, and none waits for them in vain."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hutong.model.job import Affinity, JobSpec, Layout, Level
from hutong.scheduler.records import RunningAttempt
from tests.unit.scheduler.worlds import HOUR_MS, MINUTE_MS, World, spec_of

RACKS = {"bj/cpu": ["s1.r1", "s1.r1", "s1.r2", "s2.r3"], "bj/more": ["s1.r2", "s2.r3"]}
APPS = ["web", "db"]

affinities = st.builds(
    Affinity,
    st.sampled_from(APPS).map(lambda app: (("app", app),)),
    st.sampled_from(list(Level)),
    st.booleans(),
    st.sampled_from([True, True, False]),
)
specs = st.builds(
    lambda app, **fields: spec_of(labels={"app": app} if app else {}, **fields),
    st.sampled_from(["", *APPS]),
    affinity=st.lists(affinities, max_size=2).map(tuple),
    tenant=st.sampled_from(["a", "a", "b"]),
    cpu=st.integers(1, 4),
    tasks=st.sampled_from([1, 1, 1, 2, 3]),
    layout=st.sampled_from(list(Layout)),
    priority=st.sampled_from(["normal", "normal", "urgent", "low"]),
    estimate_ms=st.integers(1, 60).map(lambda minutes: minutes * MINUTE_MS),
)


def place(node: str, level: Level) -> tuple[str, ...]:
    """The place of a level that a node of these worlds is in, by name."""
    pool, _, at = node.rpartition("-")
    site = pool.partition("/")[0]
    path = RACKS[pool][int(at)].split(".") if pool in RACKS else []
    match level:
        case Level.SITE:
            return (site,)
        case Level.SPINE if path:
            return (site, path[0])
        case Level.RACK if path:
            return (site, *path)
        case _:
            return (node,)


def holds(affinity: Affinity, spec: JobSpec, node: str, live: list[RunningAttempt]) -> bool:
    """Whether a node is as an affinity asks, beside what is live."""
    near = any(
        place(share.node, affinity.level) == place(node, affinity.level)
        for running in live
        if running.tenant == spec.tenant and set(affinity.labels) <= set(running.labels)
        for share in running.nodes
    )
    return near != affinity.apart


def large_enough(spec: JobSpec, nodes: list[str]) -> list[str]:
    """The nodes of the pools that hold the whole gang when they are empty."""
    each = 6_000 // spec.needs.cpu_milli
    pools = [node.rpartition("-")[0] for node in nodes]
    return [
        node for node, pool in zip(nodes, pools, strict=True)
        if pools.count(pool) * each >= spec.tasks
    ]  # fmt: skip


def allowed(spec: JobSpec, node: str, live: list[RunningAttempt]) -> bool:
    return all(holds(each, spec, node, live) for each in spec.affinity if each.required)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(specs, max_size=6), min_size=1, max_size=4))
def test_jobs_start_only_where_their_neighbours_let_them(rounds: list[list[Any]]) -> None:
    world = World()
    for pool, racks in RACKS.items():
        world.pool(pool, racks=racks, cpu=6)
    world.pool("tj/cpu", nodes=2, cpu=6)
    nodes = [f"{pool}-{at}" for pool, racks in RACKS.items() for at in range(len(racks))]
    nodes += ["tj/cpu-0", "tj/cpu-1"]
    for specs_now in rounds:
        for spec in specs_now:
            world.queue(spec)
        plan = world.cycle()
        moments = [list(world.live.values())]
        for placement in plan.placements:
            spec = world.jobs[placement.job][0].spec
            live = list(world.live.values())
            for share in placement.nodes:
                assert allowed(spec, share.node, live), (placement, spec.affinity)
            world.start(placement)
            moments.append(list(world.live.values()))
        for deferral in plan.deferrals:
            spec = world.jobs[deferral.head][0].spec
            codes = [reason.code for reason in deferral.reasons]
            # Its turn came at one of these moments.
            usable = large_enough(spec, nodes)
            left = [any(allowed(spec, node, live) for node in usable) for live in moments]
            if "waiting.affinity" in codes:
                assert not all(left), spec.affinity
            elif "waiting.busy" in codes:
                assert any(left), spec.affinity
        for held in plan.reservations:
            spec = world.jobs[held.job][0].spec
            on = [node for node in nodes if node.startswith(held.pool)]
            assert any(allowed(spec, node, live) for live in moments for node in on)
        world.state.validate()
        for preemption in plan.preemptions:
            world.stop(preemption.victim)
        world.pass_time(HOUR_MS // 3)
