"""Each promise that a plan could break, on small random worlds, counted again from what was told.

Nothing here reads the scheduler's own accounts: nodes, chips and tenants are those of the reference
(`tests/reference`), which is told every change that the scheduler is told.
"""

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from hutong.model.classes import weaker_from
from hutong.model.ids import AttemptId, TenantId
from hutong.model.job import JobSpec
from hutong.model.reasons import WaitsForBetter
from hutong.model.supply import NodeCondition
from hutong.model.tenant import ancestors
from hutong.scheduler.cycle import run_cycle
from hutong.scheduler.plan import Placement, Plan
from hutong.scheduler.records import SiteStatus
from hutong.scheduler.shapes import shape_of
from tests.reference.nodes import Need, need_of, room_for
from tests.reference.quotas import Charge
from tests.reference.scheduler import Cycle
from tests.reference.ways import charge_of
from tests.reference.worlds import TwoWorlds, draw, play, shown

WORLDS = 150

Check = Callable[["Watched", Plan], None]


class Watched(TwoWorlds):
    """A world in which every plan is checked before it is applied, and what waits after it."""

    check: Check
    after: Callable[["Watched", Plan], None] | None = None

    def cycle(self) -> Plan:
        plan = run_cycle(self.both.fast.snapshot(self.now_ms), self.profile)
        type(self).check(self, plan)
        return plan

    def apply(self, plan: Plan) -> None:
        super().apply(plan)
        if self.after is not None:
            type(self).after(self, plan)  # type: ignore[misc]

    def spec(self, job: str) -> JobSpec:
        return self.both.slow.waiting[job].queued.spec  # type: ignore[index]

    def need(self, placement: Placement) -> Need:
        spec = self.spec(placement.job)
        return need_of(
            spec.needs.cpu_milli, spec.needs.memory_mib, placement.accelerator_milli,
            exclusive=spec.exclusive,
        )  # fmt: skip


def over_worlds(check: Check, after: Check | None = None) -> None:
    """Let random worlds happen under a check, and show the world in which it fails."""
    kind = type("Checked", (Watched,), {"check": check, "after": after})
    for seed in range(WORLDS):
        world = draw(random.Random(1_000_000 + seed))
        try:
            play(world, kind)
        except AssertionError as broken:
            pytest.fail(f"world {seed}:\n\n{shown(world)}\n{broken}")


def test_no_node_and_no_chip_is_given_out_twice() -> None:
    placed = Counter[str]()

    def check(world: Watched, plan: Plan) -> None:
        nodes = {name: node.copy() for name, node in world.both.slow.nodes.items()}
        for placement in plan.placements:
            need = world.need(placement)
            assert world.both.slow.statuses[placement.site] is SiteStatus.READY
            for share in placement.nodes:
                node = nodes[share.node]
                node.condition = world.both.slow.conditions[share.node]
                assert node.condition is NodeCondition.READY, share.node
                assert room_for(node, need, share.tasks) == share.tasks, (placement.job, share)
                owed = node.owed
                node.take(placement.job, need, share.tasks, 0)
                assert node.owed == owed
                placed[placement.job] += 1

    over_worlds(check)
    assert placed.total() > WORLDS


def test_a_gang_starts_whole_in_one_pool_of_one_site() -> None:
    def check(world: Watched, plan: Plan) -> None:
        homes = {
            node.id: node.pool
            for inventory in world.both.slow.inventories.values()
            for node in inventory.nodes
        }
        for placement in plan.placements:
            names = [share.node for share in placement.nodes]
            assert sum(share.tasks for share in placement.nodes) == world.spec(placement.job).tasks
            assert all(share.tasks > 0 for share in placement.nodes)
            assert len(set(names)) == len(names)
            assert {homes[name] for name in names} == {placement.pool}
            assert placement.pool.startswith(f"{placement.site}/")

    over_worlds(check)


def test_no_tenant_gets_beyond_its_hard_quota_or_that_of_one_above_it() -> None:
    refused = Counter[str]()

    def check(world: Watched, plan: Plan) -> None:
        cycle = Cycle(world.both.slow, world.now_ms, world.profile)
        added: list[Charge] = []
        for placement in plan.placements:
            spec, pools = world.spec(placement.job), {p.pool.id: p.pool for p in cycle.places}
            charged = charge_of(
                world.need(placement), spec.tasks, pools[placement.pool], len(placement.nodes)
            )
            added.append(Charge(spec.tenant, charged, placement.accelerator, placement.site))
        cycle.accounts.charges += added
        for tenant, known in world.both.slow.tenants.items():
            mine = [c for c in added if tenant in ancestors(TenantId(c.tenant))]
            held, quota = cycle.accounts.held(tenant), known.quota
            if quota.running_jobs is not None and mine:
                assert len(held) <= quota.running_jobs, tenant
            for name in ("cpu_milli", "memory_mib", "accelerator_milli"):
                limit = getattr(quota, name)
                if limit is not None and any(getattr(charge.amount, name) for charge in mine):
                    used = sum(getattr(charge.amount, name) for charge in held)
                    assert used <= limit, (tenant, name)
            for model, limit in quota.accelerator_milli_by_model.items():
                if any(c.amount.accelerator_milli for c in mine if c.model == model):
                    used = sum(c.amount.accelerator_milli for c in held if c.model == model)
                    assert used <= limit, (tenant, model)
        refused.update(r.code for d in plan.deferrals for r in d.reasons)

    over_worlds(check)
    assert refused["waiting.quota"] > 0


def test_victims_are_whole_may_be_evicted_and_lie_on_one_site_for_each_job() -> None:
    evicted = Counter[str]()

    def check(world: Watched, plan: Plan) -> None:
        sites: dict[str, set[str]] = {}
        victims = [preemption.victim for preemption in plan.preemptions]
        assert len(set(victims)) == len(victims)
        for preemption in plan.preemptions:
            attempt = world.both.slow.running[AttemptId(preemption.victim)]
            rank = weaker_from(world.spec(preemption.job).priority, world.profile.classes)
            names = [rule.name for rule in world.profile.classes]
            assert rank is not None
            assert names.index(attempt.priority) >= rank
            assert attempt.preemptible
            assert not attempt.stopping
            assert world.now_ms - attempt.started_ms >= attempt.min_run_ms
            sites.setdefault(preemption.job, set()).add(attempt.site)
            evicted[preemption.victim] += 1
        # Each element of an array has room made for it by itself, wherever that loses least.
        alone = [names for job, names in sites.items() if world.spec(job).array is None]
        assert all(len(names) == 1 for names in alone), sites
        kept = {(r.job, r.start_ms) for r in plan.reservations}
        assert all((job, world.now_ms) in kept for job in sites), "room made for nobody"

    over_worlds(check)
    assert evicted


def test_every_waiting_job_says_why_and_when_or_that_nobody_can_tell() -> None:
    seen = Counter[str]()

    def check(world: Watched, plan: Plan) -> None:
        reserved: dict[str, int] = {}
        for reservation in plan.reservations:
            reserved.setdefault(reservation.job, reservation.start_ms)
        for deferral in plan.deferrals:
            held_ms = reserved.get(deferral.head, deferral.start_ms)
            if held_ms <= world.now_ms:  # room that is being vacated is held from now on
                assert deferral.start_ms >= held_ms
            else:
                assert deferral.start_ms == held_ms

    def after(world: Watched, plan: Plan) -> None:
        for job, waiting in world.both.slow.waiting.items():
            if not waiting.available:
                continue
            why = world.why(job)
            assert why.reasons, job
            assert all(reason.sentence().endswith(".") for reason in why.reasons)
            codes = [reason.code for reason in why.reasons]
            assert codes != ["waiting.not_considered"], job
            assert why.start_ms == 0 or why.start_ms >= world.now_ms, (job, why)
            assert why.basis in ("limits", "estimates", "none")
            assert why.start_ms or why.basis == "none", (job, why)
            if not {"waiting.no_pool", "waiting.quota", "waiting.borrow_limit"} & set(codes):
                assert why.start_ms, (job, why)
                assert why.explanation.candidates, job
            seen.update(codes)

    over_worlds(check, after)
    assert {"waiting.busy", "waiting.quota", "waiting.no_pool", "waiting.turn"} <= set(seen)


def test_every_placed_job_says_why_it_is_there_with_its_own_place_first() -> None:
    def check(world: Watched, plan: Plan) -> None:
        for placement in plan.placements:
            assert placement.reason.sentence().endswith(".")
            first, *others = placement.explanation.candidates
            assert (first.pool, first.site) == (placement.pool, placement.site)
            assert first.accelerator == placement.accelerator
            assert first.accelerator_milli == placement.accelerator_milli
            assert first.speed_milli == placement.speed_milli
            assert first.tasks_fitting == world.spec(placement.job).tasks
            assert first.start_ms == world.now_ms
            assert first.finish_ms == placement.expected_end_ms
            assert first.rate_microcny_per_hour == placement.rate_microcny_per_hour
            assert len(others) < world.profile.candidates_count

    over_worlds(check)


def test_no_job_is_overtaken_by_a_later_equal_one_of_its_tenant_unless_it_does_better() -> None:
    def check(world: Watched, plan: Plan) -> None:
        placed = Counter[str](placement.job for placement in plan.placements)
        # What room is kept for on a pool that it likes better lets others have what is free now.
        for deferral in plan.deferrals:
            if any(isinstance(reason, WaitsForBetter) for reason in deferral.reasons):
                kept = [held.job for held in plan.reservations if held.job == deferral.head]
                assert kept
                placed.update(kept)
        queues: dict[Any, list[tuple[int, str, int]]] = {}
        for job, waiting in world.both.slow.waiting.items():
            spec = waiting.queued.spec
            if waiting.held is None and waiting.available:
                key = (spec.priority, spec.tenant, shape_of(spec))
                row = (waiting.queued.seq, job, waiting.available)
                queues.setdefault(key, []).append(row)
        for queue in queues.values():
            queue.sort()
            short = [job for _, job, available in queue if placed[job] < available]
            for earlier in short[:1]:
                at = [job for _, job, _ in queue].index(earlier)
                assert not any(placed[job] for _, job, _ in queue[at + 1 :]), earlier

    over_worlds(check)


def test_a_job_reserves_once_and_only_while_it_waits() -> None:
    def check(world: Watched, plan: Plan) -> None:
        placed = Counter(placement.job for placement in plan.placements)
        reserved = Counter(reservation.job for reservation in plan.reservations)
        assert reserved.total() <= world.profile.reservations_count
        for job, count in reserved.items():
            assert count + placed[job] <= world.both.slow.waiting[job].available  # type: ignore[index]
        assert all(r.start_ms >= world.now_ms for r in plan.reservations)

    over_worlds(check)
