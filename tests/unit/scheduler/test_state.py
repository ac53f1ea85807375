"""The state follows what the lifecycle tells it, whatever the order, and answers why."""

import msgspec
import pytest

from hutong.model.classes import LOW, NORMAL
from hutong.model.ids import AttemptId, JobId, NodeId
from hutong.model.reasons import (
    ArrayLimit,
    AwaitsJobs,
    BehindOthers,
    BusyPools,
    CycleFull,
    NotBefore,
    NotConsidered,
)
from tests.unit.scheduler.worlds import (
    HOUR_MS,
    MINUTE_MS,
    ArraySpec,
    NodeCondition,
    SiteStatus,
    World,
    chips,
    codes,
    deferral_of,
    profile,
    spec_of,
    started,
)


def test_a_held_job_waits_for_its_reason_and_returns_to_its_place() -> None:
    world = World().pool("bj/cpu", cpu=1)
    first, second = world.job(), world.job()
    world.hold(first, AwaitsJobs(("j9",)))
    assert started(world.cycle()) == [second]
    assert world.why(first).reasons == (AwaitsJobs(("j9",)),)
    world.hold(first, NotBefore(5))
    assert world.why(first).reasons == (NotBefore(5),)
    world.hold(first, None)
    world.hold(first, None)
    assert started(world.cycle()) == [first]


def test_a_job_without_elements_left_keeps_its_entry_and_says_why() -> None:
    world = World().pool("bj/cpu", cpu=8)
    array = world.job(array=ArraySpec(10, max_parallel=3))
    world.state.set_available(array, 0)
    assert started(world.cycle()) == []
    assert world.why(array).reasons == (ArrayLimit(3),)
    assert (world.state.queued_count(), world.state.queued_elements()) == (1, 0)
    world.state.set_available(array, 2)
    assert started(world.cycle()) == [array, array]


def test_availability_changes_while_held_count_once_it_is_let_go() -> None:
    world = World().pool("bj/cpu", cpu=8)
    array = world.job(array=ArraySpec(4))
    world.hold(array, NotBefore(5))
    world.state.set_available(array, 0)
    world.state.set_available(array, 3)
    assert started(world.cycle()) == []
    world.hold(array, None)
    assert started(world.cycle()) == [array] * 3


def test_news_about_things_that_are_not_there_change_nothing() -> None:
    world = World().pool("bj/cpu")
    world.state.dequeue(JobId("j99"))
    world.state.hold(JobId("j99"), NotBefore(1))
    world.state.set_available(JobId("j99"), 3)
    world.state.release(AttemptId("hub-j99-1"))
    world.state.mark_stopping(AttemptId("hub-j99-1"))
    world.node("tj/none-0", NodeCondition.DOWN)
    world.status("nowhere", SiteStatus.SILENT)
    assert world.state.why(JobId("j99"), 0).reasons == (NotConsidered(),)
    world.state.validate()


def test_a_job_handed_in_again_replaces_the_first() -> None:
    world = World().pool("bj/cpu", cpu=8)
    job = world.job(cpu=8)
    world.state.enqueue(world.jobs[job][0], 1)
    assert world.state.queued_count() == 1
    assert started(world.step()) == [job]
    assert world.state.queued_count() == 0
    assert world.state.shapes_count() == 0


def test_an_attempt_started_again_is_accounted_once() -> None:
    world = World().pool("bj/cpu", cpu=8)
    attempt = world.runs("bj/cpu-0", cpu=3)
    world.state.start(world.live[attempt])
    world.state.validate()
    assert world.state.running_count() == 1
    assert world.state.tenant_share_milli("default") == 375


def test_why_gives_the_head_its_groups_reasons_and_the_others_their_position() -> None:
    world = World().pool("bj/gpu", chips=8)
    world.runs("bj/gpu-0", chips=8, ends_in_ms=10 * MINUTE_MS)
    array = world.job(chips(8), array=ArraySpec(5), estimate_ms=HOUR_MS)
    last = world.job(chips(8), estimate_ms=HOUR_MS)
    world.step()
    head, behind = world.why(array), world.why(last)
    assert head.reasons == (BusyPools(1, 1, 0),)
    assert head.start_ms == world.now_ms + 10 * MINUTE_MS
    assert behind.reasons == (BusyPools(1, 1, 0), BehindOthers(5))
    assert behind.head == last
    assert behind.start_ms == head.start_ms + 5 * HOUR_MS


def test_a_job_that_came_after_the_last_cycle_stands_at_the_end_of_its_group() -> None:
    world = World().pool("bj/gpu", chips=8)
    world.runs("bj/gpu-0", chips=8)
    world.job(chips(8))
    world.step()
    assert world.why(world.job(chips(8))).reasons == (BusyPools(1, 1, 0), BehindOthers(1))
    assert world.why(world.job(chips(4))).reasons == (NotConsidered(),)


def test_an_expected_start_never_lies_in_the_past() -> None:
    world = World().pool("bj/gpu", chips=8)
    world.runs("bj/gpu-0", chips=8, ends_in_ms=MINUTE_MS)
    job = world.job(chips(8))
    world.step()
    assert world.state.why(job, world.now_ms + HOUR_MS).start_ms == world.now_ms + HOUR_MS


def test_a_full_cycle_says_so_and_the_next_goes_on() -> None:
    world = World(profile(placements_count=2)).pool("bj/cpu", cpu=8)
    jobs = [world.job() for _ in range(3)]
    plan = world.step()
    assert started(plan) == jobs[:2]
    assert plan.truncated
    assert world.why(jobs[2]).reasons == (CycleFull(2),)
    assert started(world.step()) == jobs[2:]


def test_what_was_known_of_a_group_stands_while_full_cycles_do_not_come_to_it() -> None:
    world = World(profile(placements_count=1)).pool("bj/gpu", chips=1, cpu=8)
    world.runs("bj/gpu-0", chips=1, tenant="z")
    waits = world.job(chips(1), tenant="z")
    world.step()
    known = world.why(waits).reasons
    assert known == (BusyPools(1, 1, 0),)
    world.job(tenant="a", array=ArraySpec(2))
    assert world.step().truncated
    assert world.why(waits).reasons == known


def test_what_ran_before_the_inventory_was_known_is_accounted_when_it_comes() -> None:
    one, other = World(), World()
    one.pool("bj/gpu", nodes=2, chips=8)
    attempt = one.runs("bj/gpu-0", chips=3)
    other.state.start(one.live[attempt])
    other.state.validate()
    assert other.state.tenant_share_milli("default") == 0
    other.pool("bj/gpu", nodes=2, chips=8)
    for world in (one, other):
        world.job(chips(8), array=ArraySpec(2))
    assert len(one.cycle().placements) == len(other.cycle().placements) == 1


def test_a_node_that_shrank_under_running_work_takes_nothing_more() -> None:
    world = World().pool("bj/gpu", nodes=2, chips=8, cpu=8)
    attempt = world.runs("bj/gpu-0", chips=6, cpu=6)
    world.pool("bj/gpu", nodes=2, chips=4, cpu=4)
    world.state.validate()
    job = world.job(chips(1), array=ArraySpec(9))
    plan = world.step()
    assert [p.nodes[0].node for p in plan.placements] == ["bj/gpu-1"] * 4
    world.end(attempt)
    world.state.validate()
    assert started(world.cycle()) == [job] * 4


def test_chips_that_are_owed_on_a_shrunken_node_are_paid_before_anything_new() -> None:
    world = World().pool("bj/gpu", nodes=2, chips=8)
    goes = world.runs("bj/gpu-0", chips=4)
    stays = world.runs("bj/gpu-0", chips=4)
    world.pool("bj/gpu", nodes=2, chips=4)
    world.end(goes)
    world.job(chips(1), tasks=6)
    world.job(chips(2), array=ArraySpec(3))
    assert {n.node for p in world.cycle().placements for n in p.nodes} == {"bj/gpu-1"}
    world.end(stays)
    assert len(world.cycle().placements) == 2


def test_work_on_a_node_that_vanished_stays_its_tenants_and_is_accounted_when_it_returns() -> None:
    world = World().pool("bj/cpu", nodes=2, cpu=8).tenant("a", cpu_milli=8_000)
    attempt = world.runs("bj/cpu-1", cpu=8, tenant="a")
    world.pool("bj/cpu", nodes=1, cpu=8)
    world.job(tenant="a")
    assert started(world.cycle()) == []
    world.pool("bj/cpu", nodes=2, cpu=8)
    world.job(cpu=8, array=ArraySpec(2))
    assert len(started(world.cycle())) == 1
    world.end(attempt)
    assert len(started(world.cycle())) == 2


def test_a_pool_that_vanished_with_its_running_work_can_come_back() -> None:
    world = World().pool("bj/cpu", cpu=8).pool("bj/gpu", chips=8)
    world.runs("bj/gpu-0", chips=8)
    world.drop_pool("bj/gpu")
    world.state.validate()
    job = world.job(chips(1))
    assert codes(deferral_of(world.cycle(), job)) == ["waiting.no_pool"]
    world.pool("bj/gpu", chips=8)
    assert codes(deferral_of(world.cycle(), job)) == ["waiting.busy"]


def test_fractions_stay_on_their_chips_when_another_pool_of_the_site_changes() -> None:
    world = World().pool("bj/gpu", chips=2)
    first = world.runs("bj/gpu-0", chips=0.6)
    world.runs("bj/gpu-0", chips=0.6)
    world.runs("bj/gpu-0", chips=0.3)
    world.end(first)
    small = world.job(chips(0.5), array=ArraySpec(2))
    assert started(world.cycle()) == [small]
    world.pool("bj/cpu")
    assert started(world.cycle()) == [small]


def test_an_inventory_that_changes_conditions_alone_keeps_everything_else() -> None:
    world = World().pool("bj/gpu", nodes=2, chips=8)
    world.runs("bj/gpu-0", chips=4)
    world.node("bj/gpu-1", NodeCondition.DOWN)
    job = world.job(chips(4), array=ArraySpec(3))
    assert started(world.cycle()) == [job]
    world.pool("bj/gpu", nodes=2, chips=8)
    assert started(world.cycle()) == [job] * 3


def test_two_sites_cannot_take_each_others_nodes() -> None:
    world = World().pool("bj/cpu", nodes=1, cpu=4)
    known = world.state.snapshot(0).supply.nodes[NodeId("bj/cpu-0")]
    stolen = world._pools["bj"]["bj/cpu"]
    world.site("tj")
    world._pools["tj"]["bj/cpu"] = stolen
    world._put_inventory("tj")
    assert world.state.snapshot(0).supply.nodes[NodeId("bj/cpu-0")] == known
    world.state.validate()


def test_queue_depth_is_told_by_class() -> None:
    world = World().pool("bj/cpu")
    world.job(array=ArraySpec(5))
    held = world.job(priority=LOW)
    world.job(priority=LOW)
    world.hold(held, NotBefore(1))
    depth = world.state.queued_by_class()
    assert (depth[NORMAL], depth[LOW]) == (5, 1)
    assert world.state.queued_elements() == 7


def test_names_of_groups_do_not_depend_on_what_a_hub_met_before() -> None:
    one, other = World().pool("bj/cpu", cpu=0), World().pool("bj/cpu", cpu=0)
    other.job(tenant="earlier")
    one.queue(spec_of(cpu=2), seq=7)
    other.queue(spec_of(cpu=2), seq=7)
    (mine,) = one.cycle().deferrals
    assert mine.group in [deferral.group for deferral in other.cycle().deferrals]
    assert mine.group < 2**52


@pytest.mark.parametrize("count", [1, 700, 3_000])
def test_a_queue_keeps_its_order_through_any_coming_and_going(count: int) -> None:
    world = World().pool("bj/cpu", cpu=count, mem_gib=count)
    jobs = [world.job() for _ in range(count)]
    for job in jobs[::2]:
        world.hold(job, NotBefore(1))
    world.state.validate()
    for job in reversed(jobs[::2]):
        world.hold(job, None)
    world.state.validate()
    for job in jobs[::3]:
        world.state.dequeue(job)
    world.state.validate()
    left = [job for at, job in enumerate(jobs) if at % 3]
    assert started(world.cycle()) == left[: min(len(left), 2_000)]


def test_jobs_that_share_a_number_are_kept_apart() -> None:
    world = World().pool("bj/cpu", cpu=4_000)
    jobs = [world.queue(spec_of(), seq=5) for _ in range(1_500)]
    for job in jobs[100:1_400]:
        world.state.dequeue(job)
        world.jobs.pop(job)
    world.state.validate()
    assert world.state.queued_count() == 200


def test_a_plan_survives_the_journals_codec() -> None:
    from hutong.scheduler.plan import Plan

    world = World().pool("bj/gpu", chips=8)
    world.job(chips(8), array=ArraySpec(2))
    plan = world.cycle()
    assert msgspec.json.decode(msgspec.json.encode(plan), type=Plan) == plan


def test_a_restored_node_may_be_overdrawn_but_no_new_attempt_may_overdraw_one() -> None:
    world = World().pool("bj/cpu", cpu=4)
    world.runs("bj/cpu-0", cpu=6)
    world.state.validate()
    world.pool("bj/cpu", cpu=8)
    world.cycle()
    world.runs("bj/cpu-0", cpu=6)
    with pytest.raises(AssertionError, match="oversubscribed"):
        world.state.validate()
