"""Promises that a plan must keep, on random worlds that change between cycles."""

import os
import subprocess
import sys
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hutong.model.classes import DEFAULT_CLASSES, rank_of
from hutong.model.ids import AttemptId, JobId, TenantId
from hutong.model.reasons import NotBefore
from hutong.scheduler.plan import Placement, Plan
from hutong.scheduler.profile import PROFILES
from tests.unit.scheduler.worlds import (
    A100,
    ASCEND,
    H100,
    HOUR_MS,
    MINUTE_MS,
    ArraySpec,
    NodeCondition,
    SiteStatus,
    World,
    chips,
    profile,
)

MODELS = (A100, H100, ASCEND)
TENANTS = ("a", "a/x", "a/y", "b")

POOLS = st.fixed_dictionaries(
    {
        "nodes": st.integers(1, 5),
        "cpu": st.integers(1, 8),
        "mem_gib": st.integers(1, 8),
        "chips": st.sampled_from([0, 0.5, 1, 2, 4]),
        "model": st.sampled_from(MODELS),
        "rack_count": st.integers(1, 3),
    }
)
JOBS = st.fixed_dictionaries(
    {
        "alternatives": st.lists(
            st.tuples(st.sampled_from([0.25, 0.5, 0.75, 1, 2]), st.sampled_from((*MODELS, "any"))),
            max_size=2,
        ),
        "cpu": st.integers(0, 4),
        "mem_gib": st.integers(0, 4),
        "tasks": st.sampled_from([1, 1, 1, 2, 3, 6]),
        "tenant": st.sampled_from(TENANTS),
        "priority": st.sampled_from([rule.name for rule in DEFAULT_CLASSES]),
        "exclusive": st.sampled_from([False] * 5 + [True]),
        "estimate_ms": st.sampled_from([None, MINUTE_MS, 20 * MINUTE_MS, 3 * HOUR_MS]),
        "time_limit_ms": st.sampled_from([0, 30 * MINUTE_MS]),
        "preemptible": st.booleans(),
        "min_run_ms": st.sampled_from([0, 10 * MINUTE_MS]),
        "count": st.sampled_from([1, 1, 1, 3]),
        "deadline_in_ms": st.sampled_from([0, 0, 0, 2 * HOUR_MS]),
    }
)
QUOTAS = st.fixed_dictionaries(
    {
        "cpu_milli": st.none() | st.integers(0, 12_000),
        "accelerator_milli": st.none() | st.integers(0, 6_000),
        "running_jobs": st.none() | st.integers(0, 4),
    }
)
STEPS = st.sampled_from(
    ["cycle", "cycle", "end", "submit", "hold", "shrink", "down", "up", "silent", "back"]
)
WORLDS = st.fixed_dictionaries(
    {
        "pools": st.lists(POOLS, min_size=1, max_size=3),
        "jobs": st.lists(JOBS, min_size=1, max_size=14),
        "quota": st.dictionaries(st.sampled_from(TENANTS), QUOTAS, max_size=2),
        "steps": st.lists(st.tuples(STEPS, st.integers(0, 50)), max_size=12),
        "profile": st.sampled_from([*PROFILES, "conservative"]),
    }
)


def build(drawn: dict[str, Any]) -> World:
    """A world of what was drawn, with half of its jobs handed in."""
    name = drawn["profile"]
    world = World(PROFILES[name] if name in PROFILES else profile(backfill=name))
    for at, pool in enumerate(drawn["pools"]):
        put_pool(world, at, pool)
    for tenant, quota in drawn["quota"].items():
        world.tenant(tenant, weight=1 + len(tenant), **quota)
    for job in drawn["jobs"][: len(drawn["jobs"]) // 2 + 1]:
        submit(world, job)
    return world


def put_pool(world: World, at: int, pool: dict[str, Any]) -> None:
    fields = dict(pool)
    racks = fields.pop("rack_count")
    domains = [f"s.r{node % racks}" for node in range(fields["nodes"])]
    world.pool(f"s{at}/p", racks=domains, **fields)


def submit(world: World, job: dict[str, Any]) -> JobId:
    fields = dict(job)
    alternatives = [chips(count, model) for count, model in fields.pop("alternatives")]
    count, deadline = fields.pop("count"), fields.pop("deadline_in_ms")
    if count > 1:
        fields["array"] = ArraySpec(count)
    if deadline:
        fields["deadline_ms"] = world.now_ms + deadline
    return world.job(*alternatives, **fields)


def take(world: World, step: str, number: int, drawn: dict[str, Any]) -> None:
    """Let one thing happen."""
    live = list(world.live)
    site = f"s{number % len(drawn['pools'])}"
    pool = drawn["pools"][number % len(drawn["pools"])]
    match step:
        case "cycle":
            check_step(world)
        case "end" if live:
            world.end(live[number % len(live)])
        case "submit":
            submit(world, drawn["jobs"][number % len(drawn["jobs"])])
        case "hold" if world.jobs:
            job = list(world.jobs)[number % len(world.jobs)]
            world.hold(job, NotBefore(1) if number % 2 else None)
        case "shrink":
            put_pool(world, number % len(drawn["pools"]), {**pool, "cpu": 1 + number % 8})
        case "down":
            world.node(f"{site}/p-{number % pool['nodes']}", NodeCondition.DOWN)
        case "up":
            world.node(f"{site}/p-{number % pool['nodes']}", NodeCondition.READY)
        case "silent":
            world.status(site, SiteStatus.SILENT)
        case "back":
            world.status(site, SiteStatus.READY)
    world.now_ms += number * MINUTE_MS
    world.state.validate()


def check_step(world: World) -> Plan:
    """Run a cycle, check its plan against the world before it, apply it."""
    before = fingerprint(world)
    plan = world.cycle()
    assert fingerprint(world) == before
    assert msgspec.json.encode(world.cycle()) == msgspec.json.encode(plan)
    forget(world)
    assert msgspec.json.encode(world.cycle()) == msgspec.json.encode(plan)
    check_places(world, plan)
    check_quotas(world, plan)
    check_evictions(world, plan)
    waiting = check_order_of_elements(world, plan)
    world.apply(plan)
    for job in waiting:
        check_reason(world, job)
    return plan


def forget(world: World) -> None:
    """Lose everything that cycles have kept for later ones."""
    snapshot = world.state.snapshot(world.now_ms)
    snapshot.matcher.forget()
    for columns in snapshot.supply.order:
        columns.memo.clear()


def fingerprint(world: World) -> Any:
    """Everything of the state that a cycle could have changed."""
    snapshot = world.state.snapshot(world.now_ms)
    pools = [
        (c.free_cpu.tolist(), c.free_mem.tolist(), c.chips.tolist(), c.whole.tolist(),
         c.shares.tolist(), c.closed.tolist(), c.debt.tolist(), c.version)
        for c in snapshot.supply.order
    ]  # fmt: skip
    queue = [
        (queue.priority, queue.entity.id, sorted((e.seq, e.job, e.available) for e in queue))
        for queue in snapshot.demand.queues.values()
    ]
    held = {
        tenant: (e.own.cpu, e.tree.cpu, e.tree.acc, e.tree.jobs, dict(e.tree.models))
        for tenant, e in snapshot.tenants.by_id.items()
    }
    return pools, queue, held, list(snapshot.supply.running)


def check_places(world: World, plan: Plan) -> None:
    """Gangs are whole, on ready nodes of one pool, and no node is given more than it has free."""
    supply = world.state.snapshot(0).supply
    left: dict[str, list[int]] = {}
    free_chips: dict[str, list[int]] = {}
    for placement in plan.placements:
        spec = world.jobs[placement.job][0].spec
        columns = supply.pools[placement.pool]
        assert placement.site == columns.pool.site
        assert supply.statuses[placement.site] is SiteStatus.READY
        assert sum(share.tasks for share in placement.nodes) == spec.tasks
        for share in placement.nodes:
            home, row = supply.nodes[share.node]
            assert home is columns
            assert columns.ready[row]
            assert not columns.closed[row]
            node = left.setdefault(
                share.node, [int(columns.free_cpu[row]), int(columns.free_mem[row])]
            )
            node[0] -= spec.needs.cpu_milli * share.tasks
            node[1] -= spec.needs.memory_mib * share.tasks
            assert spec.needs.cpu_milli == 0 or node[0] >= 0, placement
            assert spec.needs.memory_mib == 0 or node[1] >= 0, placement
            if placement.accelerator_milli:
                chip = free_chips.setdefault(share.node, columns.chips[row].tolist())
                take_chips(chip, placement, share.tasks)
            if spec.exclusive:
                assert columns.shares[row] == 0
    alone = [s.node for p in plan.placements for s in p.nodes if exclusive(world, p)]
    every = [s.node for p in plan.placements for s in p.nodes]
    assert all(every.count(node) == 1 for node in alone)


def exclusive(world: World, placement: Placement) -> bool:
    return world.jobs[placement.job][0].spec.exclusive


def take_chips(free: list[int], placement: Placement, tasks: int) -> None:
    """Take chips as an agent would: whole ones, or each fraction from one chip."""
    milli = placement.accelerator_milli
    for _ in range(tasks):
        for _ in range(max(milli // 1000, 1)):
            wanted = min(milli, 1000)
            room = [(left, at) for at, left in enumerate(free) if left >= wanted]
            assert room, placement
            left, at = min(room)
            free[at] = left - wanted


def check_quotas(world: World, plan: Plan) -> None:
    """No tenant holds more than its quota because of what a plan places."""
    tenants = world.state.snapshot(0).tenants
    for tenant, entity in tenants.by_id.items():
        mine = [
            p for p in plan.placements
            if (world.jobs[p.job][0].spec.tenant + "/").startswith(tenant + "/")
        ]  # fmt: skip
        if not mine:
            continue
        cpu = entity.tree.cpu + sum(held_cpu(world, p) for p in mine)
        chips_milli = entity.tree.acc + sum(held_chips(world, p) for p in mine)
        quota = entity.quota
        if quota.running_jobs is not None:
            assert entity.tree.jobs + len(mine) <= quota.running_jobs
        if quota.cpu_milli is not None and any(held_cpu(world, p) for p in mine):
            assert cpu <= quota.cpu_milli
        if quota.accelerator_milli is not None and any(held_chips(world, p) for p in mine):
            assert chips_milli <= quota.accelerator_milli


def held_cpu(world: World, placement: Placement) -> int:
    if exclusive(world, placement):
        columns = world.state.snapshot(0).supply.pools[placement.pool]
        return columns.cpu_total * len(placement.nodes)
    spec = world.jobs[placement.job][0].spec
    return spec.needs.cpu_milli * spec.tasks


def held_chips(world: World, placement: Placement) -> int:
    if exclusive(world, placement):
        columns = world.state.snapshot(0).supply.pools[placement.pool]
        return int(columns.caps.sum()) * len(placement.nodes)
    return placement.accelerator_milli * world.jobs[placement.job][0].spec.tasks


def check_evictions(world: World, plan: Plan) -> None:
    """Victims are of lower classes, may be evicted, are named once, and on one site a job."""
    names = [preemption.victim for preemption in plan.preemptions]
    assert len(set(names)) == len(names)
    sites: dict[JobId, set[str]] = {}
    for preemption in plan.preemptions:
        victim = world.live[AttemptId(preemption.victim)]
        head = world.jobs[preemption.job][0].spec
        ranks = [rank_of(each.priority, DEFAULT_CLASSES) for each in (victim, head)]
        assert ranks[0] > ranks[1]
        assert victim.preemptible
        assert world.now_ms - victim.started_ms >= victim.min_run_ms
        sites.setdefault(preemption.job, set()).add(victim.pool)
    assert all(len(pools) == 1 for pools in sites.values())


def check_order_of_elements(world: World, plan: Plan) -> list[JobId]:
    """No job places more elements than it has; says which jobs go on waiting."""
    demand = world.state.snapshot(0).demand
    started: dict[str, int] = {}
    for placement in plan.placements:
        started[placement.job] = started.get(placement.job, 0) + 1
    for job, count in started.items():
        entry = demand.entries[JobId(job)]
        assert entry.held is None
        assert count <= entry.available
    return [j for j, entry in demand.entries.items() if entry.available > started.get(j, 0)]


def check_reason(world: World, job: JobId) -> None:
    """A waiting job has a reason that renders, and an expected start that is not past."""
    deferral = world.why(job)
    assert deferral.head == job
    assert deferral.reasons
    assert all(reason.sentence() for reason in deferral.reasons)
    assert [reason.code for reason in deferral.reasons] != ["waiting.not_considered"]
    assert deferral.start_ms == 0 or deferral.start_ms >= world.now_ms
    assert deferral.basis in ("limits", "estimates", "none")
    codes = [reason.code for reason in deferral.reasons]
    if all(code in ("waiting.busy", "waiting.reserved", "waiting.turn") for code in codes):
        assert deferral.start_ms, (job, deferral)


@settings(max_examples=150)
@given(WORLDS)
def test_plans_keep_every_promise_while_the_world_changes(drawn: dict[str, Any]) -> None:
    world = build(drawn)
    check_step(world)
    for step, number in drawn["steps"]:
        take(world, step, number, drawn)
    check_step(world)


@settings(max_examples=40)
@given(WORLDS)
def test_the_order_in_which_supply_and_attempts_are_told_changes_no_plan(
    drawn: dict[str, Any],
) -> None:
    world = build(drawn)
    world.step()
    other = World(world.profile)
    for attempt in world.live.values():
        other.state.start(attempt)
    for tenant in reversed(TENANTS):
        if tenant in drawn["quota"]:
            other.tenant(tenant, weight=1 + len(tenant), **drawn["quota"][tenant])
    for at in reversed(range(len(drawn["pools"]))):
        put_pool(other, at, drawn["pools"][at])
    for job, (queued, left) in reversed(world.jobs.items()):
        if job in world.state.snapshot(0).demand.entries:
            other.state.enqueue(queued, left)
    if not has_fractions(world):
        assert msgspec.json.encode(other.cycle()) == msgspec.json.encode(world.cycle())


def has_fractions(world: World) -> bool:
    """Whether chips are shared: then which chip a task got depends on what came and went."""
    return any(a.needs.accelerator_milli % 1000 > 0 for a in world.live.values())


@settings(max_examples=60)
@given(WORLDS)
def test_a_preview_agrees_with_the_cycle_that_would_follow(drawn: dict[str, Any]) -> None:
    world = build(drawn)
    world.step(pass_ms=MINUTE_MS)
    fields = {**drawn["jobs"][-1], "count": 1, "deadline_in_ms": 0}
    alternatives = [chips(count, model) for count, model in fields.pop("alternatives")]
    del fields["count"], fields["deadline_in_ms"]
    seen = world.preview(*alternatives, **fields)
    job = world.job(*alternatives, **fields)
    plan = world.cycle()
    started = [placement for placement in plan.placements if placement.job == job]
    assert seen.starts_now == bool(started)
    if started:
        assert seen.pool == started[0].pool


PROGRAM = """
import sys
from tests.property.test_scheduler import plans_of_sample
sys.stdout.buffer.write(plans_of_sample(int(sys.argv[1])))
"""


def plans_of_sample(sample: int) -> bytes:
    """The plans of a world with a bit of everything, as bytes."""
    drawn: dict[str, Any] = {
        "pools": [
            {"nodes": 4, "cpu": 8, "mem_gib": 8, "chips": 4, "model": MODELS[(at + sample) % 3],
             "rack_count": 2}
            for at in range(3)
        ],
        "jobs": [
            {"alternatives": [(0.5 + (at % 3) / 2, MODELS[at % 3]), (1, "any")][: at % 3],
             "cpu": 1 + at % 3, "mem_gib": 1, "tasks": 1 + at % 4, "tenant": TENANTS[at % 4],
             "priority": DEFAULT_CLASSES[(at * 7 + sample) % 5].name, "exclusive": at % 9 == 8,
             "estimate_ms": [None, MINUTE_MS, HOUR_MS][at % 3], "time_limit_ms": 0,
             "preemptible": True, "min_run_ms": 0, "count": 1 + 2 * (at % 2), "deadline_in_ms": 0}
            for at in range(30)
        ],
        "quota": {"a": {"cpu_milli": 20_000}},
        "steps": [("cycle", 1), ("submit", 3), ("end", 2), ("cycle", 40), ("down", 5)],
        "profile": "fair",
    }  # fmt: skip
    world = build(drawn)
    for step, number in drawn["steps"]:
        take(world, step, number, drawn)
    return msgspec.json.encode([world.step(pass_ms=10 * MINUTE_MS) for _ in range(3)])


@pytest.mark.parametrize("sample", range(3))
def test_plans_are_the_same_bytes_under_two_hash_seeds(sample: int) -> None:
    plans = [plans_of_sample(sample)]
    for seed in ("0", "12345"):
        ran = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(sample)],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": "."},
            capture_output=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr.decode()
        plans.append(ran.stdout)
    assert plans[0] == plans[1] == plans[2]
    assert b'"placed.' in plans[0]


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 8), st.integers(1, 50)), max_size=8),
    st.lists(st.tuples(st.integers(1, 8), st.integers(1, 90)), min_size=1, max_size=12),
    st.integers(2, 8),
    st.integers(1, 4),
)
def test_backfill_never_delays_the_reserved_head(
    running: list[tuple[int, int, int]], later: list[tuple[int, int]], size: int, tasks: int
) -> None:
    """With time limits that hold, the head starts at its first reservation or before."""
    world = World("easy").pool("bj/gpu", nodes=4, chips=8)
    for node, held, minutes in running:
        supply = world.state.snapshot(0).supply.pools["bj/gpu"]
        if supply.whole[node] >= held:
            world.runs(f"bj/gpu-{node}", chips=held, ends_in_ms=minutes * MINUTE_MS)
    head = world.job(chips(size), tasks=tasks, time_limit_ms=HOUR_MS)
    for held, minutes in later:
        world.job(chips(held), time_limit_ms=minutes * MINUTE_MS)
    promised = None
    for _ in range(60):
        plan = world.step()
        if any(placement.job == head for placement in plan.placements):
            assert promised is None or world.now_ms <= promised
            return
        (start,) = [r.start_ms for r in plan.reservations if r.job == head]
        assert promised is None or start <= promised
        promised = start
        world.pass_time(MINUTE_MS)
    raise AssertionError("the head never started")


def test_a_tenant_is_known_by_its_path() -> None:
    world = World().pool("bj/cpu")
    world.job(tenant=TenantId("a/x"))
    assert list(world.state.snapshot(0).tenants.by_id) == ["a", "a/x"]
