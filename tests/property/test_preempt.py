"""Evictions on random worlds: the least loss there is, only what is allowed and needed, and enough.

The reference tries every set of attempts, on one pool after the other.
"""

from itertools import combinations
from random import Random
from typing import Any

import msgspec
import pytest

from hutong.model.attempt import NodeShare
from hutong.model.ids import AttemptId, JobId, NodeId
from hutong.model.job import Level
from hutong.model.tenant import QuotaResource, QuotaRule
from hutong.scheduler.columns import PoolColumns
from hutong.scheduler.fit import Room, capacity
from hutong.scheduler.gang_layout import places
from hutong.scheduler.plan import Plan
from hutong.scheduler.preempt.loss import lost_ms
from hutong.scheduler.records import RunningAttempt
from hutong.scheduler.shapes import shape_of
from hutong.scheduler.supply import Running
from tests.unit.scheduler.worlds import HOUR_MS, MINUTE_MS, World, chips, spec_of, started

Loss = tuple[int, int, int]
"""Accelerator time, CPU time, attempts."""


def draw(seed: int) -> tuple[World, JobId]:
    """A small world that is rather full, and an urgent job."""
    random = Random(seed)
    world = World()
    world.now_ms = 100 * HOUR_MS
    size = random.choice([1, 2, 4])
    for at in range(random.choice([1, 1, 2])):
        nodes = random.randint(1, 4)
        racks = [f"r{random.randint(0, 1)}" for _ in range(nodes)]
        world.pool(f"s{at}/p", racks=racks, nodes=nodes, cpu=8, mem_gib=8, chips=size)
        for _ in range(random.randint(4, 14)):
            run_something(world, random, f"s{at}/p", nodes)
    alternatives = [chips(random.choice([0.5, 1, 1, 2, size]))] if random.random() < 0.8 else []
    fields: dict[str, Any] = {"within": random.choice([Level.SITE, Level.SITE, Level.RACK])}
    if random.random() < 0.1:
        fields["exclusive"] = True
    job = world.job(
        *alternatives, cpu=random.choice([0, 1, 4]), mem_gib=random.choice([0, 1, 4]),
        tasks=random.choice([1, 1, 2, 3, 4]), priority="urgent", **fields,
    )  # fmt: skip
    return world, job


def run_something(world: World, random: Random, pool: str, nodes: int) -> None:
    """An attempt on one node or some, where there is room for it."""
    columns = world.state.snapshot(world.now_ms).supply.pools[pool]
    count = random.choice([0, 0.25, 0.5, 1, 1, 2, 4])
    spec = spec_of(
        cpu=random.choice([0, 1, 2, 4]), mem_gib=random.choice([0, 1, 2]),
        priority=random.choice(["high", "normal", "low", "normal", "best-effort", "urgent", "low"]),
        preemptible=random.random() < 0.85, min_run_ms=random.choice([0, 0, 30 * MINUTE_MS]),
        exclusive=random.random() < 0.05, checkpoint_ms=random.choice([0, 0, 20 * MINUTE_MS]),
    )  # fmt: skip
    chosen = random.sample(range(nodes), random.choice([1, 1, 1, min(2, nodes), min(3, nodes)]))
    shares = tuple(NodeShare(NodeId(f"{pool}-{row}"), 1) for row in sorted(chosen))
    for row in chosen:
        held = sorted(columns.chips[row].tolist(), reverse=True)
        whole = sum(chip == 1000 for chip in held)
        if (count >= 1 and whole < count) or (0 < count < 1 and held[0] < count * 1000):
            return
        if columns.free_cpu[row] < spec.needs.cpu_milli or columns.closed[row]:
            return
        if columns.free_mem[row] < spec.needs.memory_mib or (
            spec.exclusive and columns.shares[row]
        ):
            return
    ran_ms = random.choice([0, 1, 5, 10, 20, 45, 90, 300]) * MINUTE_MS
    saved_ms = random.choice([0, 0, 0, ran_ms // 2])
    world.now_ms -= ran_ms
    attempt = world.run(
        JobId(f"r{len(world.live)}"), pool, shares, spec=spec, chips_milli=round(count * 1000),
        expected_end_ms=world.now_ms + ran_ms + HOUR_MS,
    )  # fmt: skip
    world.now_ms += ran_ms
    if saved_ms:
        world.state.note_progress(attempt, 0, world.now_ms - saved_ms)
        world.live[attempt] = msgspec.structs.replace(
            world.live[attempt], checkpointed_ms=world.now_ms - saved_ms
        )


# The reference


def may_go(world: World, attempt: RunningAttempt) -> bool:
    """Whether an urgent job may have an attempt stopped."""
    ran_ms = world.now_ms - attempt.started_ms
    return attempt.priority != "urgent" and attempt.preemptible and ran_ms >= attempt.min_run_ms


def loss_of(world: World, running: list[Running]) -> Loss:
    ran = [(one.held, lost_ms(one.attempt, world.now_ms)) for one in running]
    return (
        sum(held.accelerator_milli * ms for held, ms in ran),
        sum(held.cpu_milli * ms for held, ms in ran),
        len(running),
    )


def fits_without(world: World, job: JobId, pool: PoolColumns, gone: list[Running]) -> bool:
    """Whether a job fits a pool once some attempts are gone."""
    spec = world.jobs[job][0].spec
    columns = pool.copy()
    for running in gone:
        columns.give([share.slot for share in running.shares if share.columns is pool])
    snapshot = world.state.snapshot(world.now_ms)
    for option in snapshot.matcher.match(shape_of(spec), world.profile).options:
        if option.columns is pool:
            by_row = capacity(Room(columns), option.need, spec.tasks)
            codes = places(pool.domains, spec.within, len(by_row))
            if any(by_row[codes == code].sum() >= spec.tasks for code in dict.fromkeys(codes)):
                return True
    return False


def least_loss(world: World, job: JobId) -> Loss | None:
    """The least loss with which room can be made for a job at all."""
    supply = world.state.snapshot(world.now_ms).supply
    best: Loss | None = None
    for pool in supply.order:
        able = [
            running for running in supply.running.values()
            if may_go(world, running.attempt) and any(s.columns is pool for s in running.shares)
        ]  # fmt: skip
        for count in range(1, len(able) + 1):
            for gone in combinations(able, count):
                loss = loss_of(world, list(gone))
                if (best is None or loss < best) and fits_without(world, job, pool, list(gone)):
                    best = loss
    return best


def chosen(world: World, plan: Plan) -> list[Running]:
    supply = world.state.snapshot(world.now_ms).supply
    return [supply.running[AttemptId(line.victim)] for line in plan.preemptions]


@pytest.mark.parametrize("batch", range(20))
def test_no_set_of_attempts_would_lose_less(batch: int) -> None:
    evictions = 0
    for seed in range(batch * 150, batch * 150 + 150):
        world, job = draw(seed)
        plan = world.cycle()
        if started(plan):
            continue
        gone = chosen(world, plan)
        assert (loss_of(world, gone) if gone else None) == least_loss(world, job), seed
        evictions += bool(gone)
        if gone:
            check(world, job, plan, gone)
    assert evictions > 20


def check(world: World, job: JobId, plan: Plan, gone: list[Running]) -> None:
    """Victims may go, are on one site and all needed; what they free is enough next time."""
    supply = world.state.snapshot(world.now_ms).supply
    assert all(may_go(world, running.attempt) for running in gone)
    assert len({running.attempt.site for running in gone}) == 1
    (held,) = [line for line in plan.reservations if line.job == job]
    pool = supply.pools[held.pool]
    for victim in gone:
        fewer = [running for running in gone if running is not victim]
        assert not fits_without(world, job, pool, fewer)
    again = msgspec.json.encode(world.cycle())
    assert again == msgspec.json.encode(plan)
    world.apply(plan)
    assert world.cycle().preemptions == ()
    for running in gone:
        world.end(running.attempt.attempt)
    assert job in started(world.cycle())


# What was lent


GUARANTEED = {"a": 6_000, "b": 2_000, "c": 0}


def draw_lent(seed: int) -> tuple[World, JobId]:
    """A full pool of three tenants, and a job of the one that has lent."""
    random = Random(seed)
    world = World().pool("s0/p", nodes=2, chips=4)
    world.now_ms = 100 * HOUR_MS
    for tenant, milli in GUARANTEED.items():
        rule = QuotaRule(QuotaResource.ACCELERATORS, guaranteed=milli)
        world.tenant(tenant, rules=(rule,))
    for node in (0, 1):
        left = 4
        while left:
            held = min(left, random.choice([1, 1, 2, 3]))
            left -= held
            ran_ms = random.randint(1, 90) * MINUTE_MS
            world.now_ms -= ran_ms
            world.runs(
                f"s0/p-{node}", chips=held, tenant=random.choice(["a", "b", "b", "c"]),
                ends_in_ms=ran_ms + HOUR_MS, preemptible=random.random() < 0.9,
                priority=random.choice(["normal", "urgent"]),
            )  # fmt: skip
            world.now_ms += ran_ms
    job = world.job(
        chips(random.choice([1, 2, 3])), tenant="a", tasks=random.choice([1, 1, 2]), priority="low"
    )
    return world, job


def held_by(world: World, tenant: str, gone: list[Running]) -> int:
    """Thousandths of chips that a tenant holds without some attempts."""
    supply = world.state.snapshot(world.now_ms).supply
    return sum(
        running.held.accelerator_milli
        for running in supply.running.values()
        if running.attempt.tenant == tenant and running not in gone
    )


def keeps_guarantees(world: World, gone: list[Running]) -> bool:
    tenants = {str(running.attempt.tenant) for running in gone}
    return all(held_by(world, tenant, gone) >= GUARANTEED[tenant] for tenant in sorted(tenants))


def least_lent(world: World, job: JobId) -> Loss | None:
    """The least loss of others' attempts that makes room and leaves each its guarantee."""
    supply = world.state.snapshot(world.now_ms).supply
    (pool,) = supply.order
    others = [
        running for running in supply.running.values()
        if running.attempt.tenant != "a" and running.attempt.preemptible
    ]  # fmt: skip
    best: Loss | None = None
    for count in range(1, len(others) + 1):
        for gone in combinations(others, count):
            loss = loss_of(world, list(gone))
            better = best is None or loss < best
            if better and keeps_guarantees(world, list(gone)):
                best = loss if fits_without(world, job, pool, list(gone)) else best
    return best


def test_what_is_reclaimed_loses_least_and_leaves_everybody_the_guarantee() -> None:
    evictions = 0
    for seed in range(1_500):
        world, job = draw_lent(seed)
        spec = world.jobs[job][0].spec
        wanted = spec.needs.accelerators[0].count_milli * spec.tasks
        plan = world.cycle()
        if started(plan):
            continue
        gone = chosen(world, plan)
        entitled = held_by(world, "a", []) + wanted <= GUARANTEED["a"]
        best = least_lent(world, job) if entitled else None
        assert (loss_of(world, gone) if gone else None) == best, seed
        assert all(line.tenant == "a" for line in plan.preemptions)
        evictions += bool(gone)
    assert evictions > 200
