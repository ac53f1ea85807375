"""Making room, through the whole machine: what is lost, who stops, and the place kept."""

import msgspec
import pytest

from hutong.catalog import load_catalog
from hutong.lifecycle import commands as do
from hutong.lifecycle import events as ev
from hutong.model.attempt import AttemptOrder
from hutong.model.ids import AttemptId, JobId
from hutong.model.job import JobSpec
from hutong.model.limits import CHECKPOINT_GAP_MS
from hutong.model.reasons import Completed, Fenced, Preempted, Reclaimed
from hutong.model.states import JobState
from hutong.model.tenant import Quota, QuotaResource, QuotaRule, Tenant
from tests.unit.lifecycle.hub_world import World, array, cores, running, spec, tenant

MINUTE_MS = 60_000


@pytest.fixture
def world() -> World:
    made = World()
    made.join(nodes=1)
    return made


def start(world: World, *specs: JobSpec) -> list[AttemptOrder]:
    """Hand jobs in and have the site run them."""
    world.submit(*specs)
    world.cycle()
    orders = world.report().start
    for order in orders:
        world.begin(order)
    return list(orders)


def pass_time(world: World, ms: int) -> None:
    """Time passes in which the site is heard."""
    world.now_ms += ms
    world.report()


def saved(world: World, order: AttemptOrder, at_ms: int) -> None:
    """The site saw the job write down its state."""
    known = world.machine.state.attempts[order.attempt]
    seen = running(order.attempt, known.started_ms)
    world.report("bj", msgspec.structs.replace(seen, checkpointed_ms=at_ms))


def checkpoints(world: World) -> list[int]:
    return [e.event.checkpointed_ms for e in world.entries
            if isinstance(e.event, ev.AttemptCheckpointed)]  # fmt: skip


def victims(world: World) -> list[AttemptId]:
    """Who was told to stop by the plans so far."""
    plans = [e.event for e in world.entries if isinstance(e.event, ev.PlanDecided)]
    return [line.attempt for plan in plans for line in plan.preemptions]


def urgent(**fields: object) -> JobSpec:
    return spec(priority="urgent", needs=cores(2), **fields)


# What would be lost


def test_a_checkpoint_makes_the_older_of_two_the_cheaper_victim(world: World) -> None:
    (old,) = start(world, spec(needs=cores(2)))
    pass_time(world, 10 * MINUTE_MS)
    (young,) = start(world, spec(needs=cores(2)))
    pass_time(world, 5 * MINUTE_MS)
    saved(world, old, world.now_ms - 1_000)
    world.submit(urgent())
    world.cycle()
    assert victims(world) == [old.attempt]
    assert young.attempt not in victims(world)


def test_of_one_attempt_a_checkpoint_a_minute_is_written_down(world: World) -> None:
    (order,) = start(world, spec())
    pass_time(world, MINUTE_MS)
    times = []
    for _ in range(10):
        pass_time(world, CHECKPOINT_GAP_MS // 4)
        times.append(world.now_ms - 5)
        saved(world, order, times[-1])
        saved(world, order, times[-1])
    assert checkpoints(world) == [times[0], times[4], times[8]]


def test_a_checkpoint_that_was_heard_late_is_not_taken_for_an_older_one(world: World) -> None:
    (order,) = start(world, spec())
    pass_time(world, 5 * MINUTE_MS)
    saved(world, order, world.now_ms - 1_000)
    pass_time(world, 5 * MINUTE_MS)
    saved(world, order, world.now_ms - 9 * MINUTE_MS)
    assert len(checkpoints(world)) == 1


def test_a_clock_that_is_ahead_makes_no_checkpoint_in_the_future(world: World) -> None:
    (order,) = start(world, spec())
    pass_time(world, 5 * MINUTE_MS)
    noted_ms = world.now_ms
    saved(world, order, world.now_ms + 20 * MINUTE_MS)
    pass_time(world, 2 * MINUTE_MS)
    attempt = world.machine.state.attempts[order.attempt]
    assert (attempt.saved_ms, attempt.checkpointed_ms) == (noted_ms, noted_ms + 20 * MINUTE_MS)
    saved(world, order, attempt.checkpointed_ms)
    assert len(checkpoints(world)) == 1


def test_an_observation_with_a_checkpoint_below_zero_is_refused(world: World) -> None:
    (order,) = start(world, spec())
    seen = msgspec.structs.replace(running(order.attempt, 5), checkpointed_ms=-1)
    with pytest.raises(Exception, match="below zero"):
        world.report("bj", seen)


def test_what_is_known_of_checkpoints_survives_a_restart(world: World) -> None:
    (old,) = start(world, spec(needs=cores(2)))
    pass_time(world, 10 * MINUTE_MS)
    start(world, spec(needs=cores(2)))
    pass_time(world, 5 * MINUTE_MS)
    saved(world, old, world.now_ms - 1_000)
    loaded = type(world.machine)(load_catalog())
    loaded.load(world.machine.dump())
    submission = do.Submit((do.Submission(urgent(), ""),), "ann")
    for machine in (world.machine, loaded):
        machine.handle(submission, world.now_ms)
        plan = machine.handle(do.RunCycle(), world.now_ms).answer
        assert [line.victim for line in plan.preemptions] == [old.attempt]  # type: ignore[attr-defined]


# The way back


def make_room(world: World, order: AttemptOrder) -> JobId:
    """An urgent job comes, and the site is asked to stop what runs."""
    (job,) = world.submit(urgent())
    world.cycle()
    assert [stop.attempt for stop in world.report().stop] == [order.attempt]
    return job


def test_a_victim_gets_its_grace_and_its_end_says_for_whom(world: World) -> None:
    (order,) = start(world, spec(needs=cores(4), grace_ms=7_000))
    pass_time(world, MINUTE_MS)
    (job,) = world.submit(urgent())
    world.cycle()
    (stop,) = world.report().stop
    assert (stop.attempt, stop.grace_ms, stop.why) == (order.attempt, 7_000, "preempted.for")
    world.finish(order.attempt, Fenced())
    (ended,) = world.events(ev.AttemptEnded)
    assert ended.reason == Preempted(job)  # type: ignore[union-attr]


def test_a_preempted_job_keeps_its_place_and_loses_no_retry(world: World) -> None:
    (order,) = start(world, spec(needs=cores(4)))
    pass_time(world, MINUTE_MS)
    job = make_room(world, order)
    (later,) = world.submit(spec(needs=cores(4)))
    world.finish(order.attempt, Fenced())
    assert world.state_of(order.job) == "queued"
    tries = world.machine.state.jobs[order.job].elements.tries[0]
    assert (tries.attempts, tries.user, tries.machine, tries.site) == (1, 0, 0, 0)
    world.cycle()
    (first,) = world.report().start
    assert first.job == job
    world.begin(first)
    world.finish(first.attempt)
    world.cycle()
    (again,) = world.report().start
    assert (again.job, again.number) == (order.job, 2)
    assert world.state_of(later) == "queued"


def test_an_element_of_an_array_keeps_its_place_too(world: World) -> None:
    world.submit(spec(needs=cores(2), array=array(3)))
    world.cycle()
    first, second = world.report().start
    world.begin(first)
    pass_time(world, MINUTE_MS)
    world.begin(second)
    pass_time(world, MINUTE_MS)
    world.submit(urgent())
    world.cycle()
    (stop,) = world.report().stop
    world.finish(stop.attempt, Fenced())
    world.cycle()
    (made,) = world.report().start
    world.begin(made)
    world.finish(made.attempt)
    world.cycle()
    (again,) = world.report().start
    evicted = first if stop.attempt == first.attempt else second
    assert (again.array_element, again.number) == (evicted.array_element, 2)


def test_a_victim_that_ends_by_itself_in_its_grace_is_not_preempted(world: World) -> None:
    (order,) = start(world, spec(needs=cores(4)))
    pass_time(world, MINUTE_MS)
    make_room(world, order)
    world.finish(order.attempt, Completed())
    assert world.state_of(order.job) == JobState.SUCCEEDED.value
    (ended,) = world.events(ev.AttemptEnded)
    assert ended.reason == Completed()  # type: ignore[union-attr]
    assert world.events(ev.JobRequeued) == []


def test_nobody_else_is_stopped_after_a_restart_while_room_is_being_made() -> None:
    world = World()
    world.join(nodes=2)
    start(world, spec(needs=cores(4)), spec(needs=cores(4)))
    pass_time(world, MINUTE_MS)
    world.submit(urgent())
    world.cycle()
    assert len(victims(world)) == 1
    loaded = type(world.machine)(load_catalog())
    loaded.load(world.machine.dump())
    for machine in (world.machine, loaded):
        plan = machine.handle(do.RunCycle(), world.now_ms).answer
        assert plan.preemptions == ()  # type: ignore[attr-defined]


def test_what_was_lent_is_taken_back_and_the_end_says_by_whom(world: World) -> None:
    rule = QuotaRule(QuotaResource.CPU, guaranteed=4_000)
    world.do(do.PutTenant(Tenant(tenant("owner"), quota=Quota(rules=(rule,)))))
    (order,) = start(world, spec(needs=cores(4), tenant=tenant("guest")))
    pass_time(world, MINUTE_MS)
    (job,) = world.submit(spec(needs=cores(2), tenant=tenant("owner")))
    world.cycle()
    (stop,) = world.report().stop
    assert (stop.attempt, stop.why) == (order.attempt, "preempted.reclaimed")
    world.finish(order.attempt, Fenced())
    (ended,) = world.events(ev.AttemptEnded)
    assert ended.reason == Reclaimed(job, "owner")  # type: ignore[union-attr]
    assert "owner" in ended.reason.sentence()  # type: ignore[union-attr]
    assert world.state_of(order.job) == "queued"
