"""Gangs with groups, in parts at several sites, and of several sizes, as the hub runs them."""

import msgspec

from hutong.lifecycle import commands as do
from hutong.lifecycle import events as ev
from hutong.lifecycle.records import Attempt
from hutong.model.attempt import AttemptOrder, Observation
from hutong.model.ids import AttemptId, JobId
from hutong.model.job import Elastic, TaskGroup
from hutong.model.reasons import Completed, ExitCode, Fenced, PartEnded, Resized
from hutong.model.resources import TaskNeeds
from hutong.model.states import AttemptState
from tests.unit.lifecycle.hub_world import World, cores, running, spec

HOUR_MS = 3_600_000


def live(world: World, job: JobId) -> list[Attempt]:
    """The live attempts of a job, the first part first."""
    found = [a for a in world.machine.state.attempts.values() if a.job == job and a.is_live]
    return sorted(found, key=lambda attempt: attempt.part)


def two_sites() -> World:
    """Two sites of two nodes with four cores."""
    world = World()
    world.join("bj")
    world.join("tj")
    return world


def split(world: World, tasks: int = 3, **fields: object) -> tuple[JobId, list[AttemptOrder]]:
    """A gang of whole nodes that is placed in two parts, and their orders."""
    (job,) = world.submit(spec(tasks=tasks, needs=cores(4), split=True, **fields))
    world.cycle()
    orders = [order for site in ("bj", "tj") for order in world.report(site).start]
    assert len(orders) == 2
    return job, sorted(orders, key=lambda order: order.part)


def site_of(order: AttemptOrder) -> str:
    return order.pool.partition("/")[0]


def run(world: World, order: AttemptOrder) -> None:
    world.begin(order, site_of(order))


def end(world: World, order: AttemptOrder, reason: object = None) -> None:
    world.finish(order.attempt, reason, site_of(order))  # type: ignore[arg-type]


def test_an_order_carries_its_groups_and_their_ranks_come_first() -> None:
    world = World()
    world.join()
    head = TaskGroup("head", 1, TaskNeeds(cpu_milli=1_000, memory_mib=64))
    (job,) = world.submit(spec(tasks=2, needs=cores(3), groups=(head,)))
    world.cycle()
    (order,) = world.report().start
    assert [(share.group, share.tasks) for share in order.nodes] == [(1, 1), (0, 1), (0, 1)]
    assert order.groups[0].name == "head"
    assert order.groups[0].place.needs.cpu_milli == 1_000
    (attempt,) = live(world, job)
    assert attempt.held().cpu_milli == 7_000
    assert attempt.rate_microcny_per_hour == 7 * 3_600_000


def test_parts_of_a_gang_share_number_and_token_and_count_their_ranks_together() -> None:
    world = two_sites()
    _, (first, second) = split(world)
    assert first.attempt.endswith("-1")
    assert second.attempt == f"{first.attempt}.1"
    assert (first.number, first.token) == (second.number, second.token)
    assert [(o.part, o.parts, o.rank_first, o.gang_tasks) for o in (first, second)] == [
        (0, 2, 0, 3),
        (1, 2, 2, 3),
    ]
    assert site_of(first) != site_of(second)


def test_a_gang_in_parts_runs_when_its_last_part_does_and_succeeds_with_its_last() -> None:
    world = two_sites()
    job, (first, second) = split(world)
    run(world, first)
    assert world.state_of(job) == "placed"
    run(world, second)
    assert world.state_of(job) == "running"
    world.now_ms += 1_000
    end(world, first)
    assert world.state_of(job) == "running"
    end(world, second)
    assert world.state_of(job) == "succeeded"
    (usage,) = world.machine.state.meter.values()
    assert usage.attempts_count == 2


def test_the_first_part_that_fails_stops_the_others_and_decides() -> None:
    world = two_sites()
    job, (first, second) = split(world)
    run(world, first)
    run(world, second)
    end(world, second, ExitCode(7))
    (left,) = live(world, job)
    assert left.stop == PartEnded(second.attempt)
    assert world.state_of(job) == "running"
    end(world, first, Fenced())
    assert world.state_of(job) == "failed"
    (ended,) = world.events(ev.JobEnded)
    assert isinstance(ended, ev.JobEnded)
    assert ended.reason == ExitCode(7)


def test_a_part_that_is_lost_with_its_site_takes_the_others_back_into_the_queue() -> None:
    world = two_sites()
    job, (first, second) = split(world)
    run(world, first)
    run(world, second)
    lost, kept = site_of(second), site_of(first)
    for _ in range(80):
        world.after(4_000)
        world.report(kept)
    (left,) = live(world, job)
    assert left.stop == PartEnded(second.attempt)
    end(world, first, Fenced())
    assert world.state_of(job) == "queued"
    assert world.machine.state.jobs[job].elements.tries[0].site == 1
    world.join(lost)
    world.cycle()
    again = live(world, job)
    assert [attempt.number for attempt in again] == [2, 2]
    assert again[0].token > first.token


def test_a_part_that_completes_while_its_sister_fails_does_not_count() -> None:
    world = two_sites()
    job, (first, second) = split(world)
    run(world, first)
    run(world, second)
    end(world, first)
    end(world, second, ExitCode(1))
    assert world.state_of(job) == "failed"


def test_cancelling_a_gang_in_parts_stops_every_part() -> None:
    world = two_sites()
    job, orders = split(world)
    for order in orders:
        run(world, order)
    world.do(do.Cancel(job, "ann"))
    assert [attempt.state for attempt in live(world, job)] == [AttemptState.STOPPING] * 2
    for order in orders:
        end(world, order, Fenced())
    assert world.state_of(job) == "cancelled"


def test_a_hub_that_starts_again_knows_the_parts_that_live() -> None:
    world = two_sites()
    job, orders = split(world)
    run(world, orders[0])
    fresh = World.__new__(World)
    fresh.machine = type(world.machine)(world.machine.scheduler._matcher._catalog)
    for entry in world.entries:
        fresh.machine.replay(entry)
    fresh.machine.validate()
    assert fresh.machine.state.jobs[job].live_parts(0) == [o.attempt for o in orders]
    assert fresh.machine.dump() != b""


def elastic(world: World) -> tuple[JobId, AttemptId]:
    """A gang of two to four nodes of which two are free, two hours into its run."""
    (blocker,) = world.submit(spec("blocker", tasks=2, needs=cores(4), estimate_ms=99 * HOUR_MS))
    world.cycle()
    (first,) = world.report().start
    world.begin(first)
    (job,) = world.submit(
        spec(
            tasks=4, needs=cores(4), elastic=Elastic(1, resize=True), estimate_ms=10 * HOUR_MS,
            checkpoint_ms=60_000,
        )
    )  # fmt: skip
    world.cycle()
    (order,) = world.report().start
    assert order.tasks == 2
    world.begin(order)
    for _ in range(10):
        world.now_ms += HOUR_MS // 5
        world.report()
        world.after(0)
    world.finish(first.attempt)
    assert world.state_of(blocker) == "succeeded"
    return job, order.attempt


def test_a_gang_that_grows_ends_with_that_reason_and_goes_on_larger_at_no_cost() -> None:
    world = World()
    world.join(nodes=4)
    job, attempt = elastic(world)
    world.cycle()
    held = world.machine.state.attempts[attempt]
    assert held.stop == Resized(2, 4)
    assert (world.report().stop[0].attempt, world.report().stop[0].why) == (
        attempt, "preempted.resized",
    )  # fmt: skip
    other = world.submit(spec("other", needs=cores(4), priority="high"))[0]
    world.cycle()
    assert world.state_of(other) == "queued"
    world.finish(attempt, Fenced())
    assert world.state_of(job) == "queued"
    tries = world.machine.state.jobs[job].elements.tries[0]
    assert (tries.user, tries.machine, tries.site, tries.resized) == (0, 0, 0, 1)
    world.cycle()
    (again,) = live(world, job)
    assert again.tasks == 4
    assert again.left_milli < 1000
    assert world.machine.state.jobs[job].resume is None


def test_a_gang_that_is_done_while_it_is_to_be_resized_has_succeeded() -> None:
    world = World()
    world.join(nodes=4)
    job, attempt = elastic(world)
    world.cycle()
    world.finish(attempt, Completed())
    assert world.state_of(job) == "succeeded"
    world.machine.validate()


def test_how_a_gang_goes_on_survives_a_restart() -> None:
    world = World()
    world.join(nodes=4)
    job, _ = elastic(world)
    world.cycle()
    loaded = type(world.machine)(world.machine.scheduler._matcher._catalog)
    loaded.load(world.machine.dump())
    resume = loaded.state.jobs[job].resume
    assert resume is not None
    assert resume.tasks == 4
    assert msgspec.structs.asdict(resume)["pool"] == "bj/cpu"


def test_an_observation_of_a_part_is_of_that_part_alone() -> None:
    world = two_sites()
    job, (first, second) = split(world)
    world.report(site_of(second), running(second.attempt, world.now_ms))
    states = [attempt.state for attempt in live(world, job)]
    assert states == [AttemptState.PLACED, AttemptState.RUNNING]
    late = Observation(first.attempt, AttemptState.STARTING)
    world.report(site_of(first), late)
    assert world.state_of(job) == "starting"
