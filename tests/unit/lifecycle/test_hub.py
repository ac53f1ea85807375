"""The hub's machine: jobs from hand-in to their end."""

import pytest

from hutong.catalog import load_catalog
from hutong.lifecycle import commands as do
from hutong.lifecycle import events as ev
from hutong.lifecycle.admission import Accepted
from hutong.model.attempt import Observation
from hutong.model.errors import HutongError
from hutong.model.ids import JobId
from hutong.model.job import Dependency, DependencyKind, RetryPolicy
from hutong.model.limits import CLOCK_SKEW_MS, LEASE_MARGIN_MS, LEASE_TTL_MS, SILENT_AFTER_MS
from hutong.model.reasons import (
    AwaitsJobs,
    CancelledByUser,
    Completed,
    ExitCode,
    LeaseExpired,
    NotBefore,
    ProcessLost,
    Signalled,
)
from hutong.model.states import AttemptState, JobState
from hutong.model.tenant import Quota, Tenant, Usage
from tests.unit.lifecycle.hub_world import (
    World,
    after_ok,
    array,
    cores,
    inventory,
    spec,
    tenant,
)


@pytest.fixture
def world() -> World:
    made = World()
    made.join()
    return made


def test_job_runs_from_hand_in_to_success_and_is_metered_to_the_millisecond(world: World) -> None:
    (job,) = world.submit(spec())
    world.cycle()
    (order,) = world.report().start
    assert order.job == job
    assert world.begin(order).start == ()
    world.now_ms += 5_000
    reply = world.finish(order.attempt)
    assert reply.settled == (order.attempt,)
    assert world.kinds(job) == ["JobAccepted", "JobEnded"]
    assert world.machine.state.jobs == {}
    assert world.machine.state.meter[tenant("default")] == Usage(1, 5_000, 5_000_000, 0, 5_000)


def test_order_is_sent_again_until_the_site_is_heard_to_know_it(world: World) -> None:
    world.submit(spec())
    world.cycle()
    first = world.report().start
    assert world.report().start == first
    world.begin(first[0])
    assert world.report().start == ()


def test_report_that_says_nothing_new_leaves_no_event(world: World) -> None:
    world.submit(spec())
    world.cycle()
    (order,) = world.report().start
    world.begin(order)
    before = len(world.entries)
    world.begin(order)
    world.report()
    assert len(world.entries) == before


def test_end_that_is_reported_twice_is_counted_once(world: World) -> None:
    world.submit(spec())
    world.cycle()
    (order,) = world.report().start
    world.begin(order)
    world.now_ms += 10
    world.finish(order.attempt)
    before = len(world.entries)
    assert world.finish(order.attempt).settled == (order.attempt,)
    assert len(world.entries) == before


def test_user_failure_is_final_unless_a_retry_was_asked_for(world: World) -> None:
    once, twice = world.submit(spec(), spec(retry=RetryPolicy(user_count=1)))
    world.cycle()
    orders = {order.job: order for order in world.report().start}
    world.finish(orders[once].attempt, ExitCode(3))
    assert world.state_of(once) == "failed"
    world.finish(orders[twice].attempt, ExitCode(3))
    assert world.state_of(twice) == "queued"
    world.cycle()
    (again,) = world.report().start
    assert (again.job, again.number) == (twice, 2)
    assert again.token > orders[twice].token
    world.finish(again.attempt, ExitCode(3))
    assert world.state_of(twice) == "failed"


def test_machine_failure_is_retried_at_its_place_in_the_queue(world: World) -> None:
    (job,) = world.submit(spec(needs=cores(4)))
    world.cycle()
    (order,) = world.report().start
    world.finish(order.attempt, ProcessLost())
    assert world.state_of(job) == "queued"
    (later,) = world.submit(spec(needs=cores(4)))
    world.join(nodes=1)
    world.cycle()
    (again,) = world.report().start
    assert again.job == job
    assert world.state_of(later) == "queued"


def test_cancel_of_a_waiting_job_is_at_once_and_of_a_running_one_with_its_grace(
    world: World,
) -> None:
    waiting = world.submit(spec(needs=cores(64)))[0]
    runs = world.submit(spec(grace_ms=7_000))[0]
    world.cycle()
    (order,) = world.report().start
    world.begin(order)
    world.do(do.Cancel(waiting, "ann"))
    assert world.state_of(waiting) == "cancelled"
    world.do(do.Cancel(runs, "ann"))
    (stop,) = world.report().stop
    assert (stop.attempt, stop.grace_ms, stop.why) == (order.attempt, 7_000, "user.cancelled")
    world.finish(order.attempt, Signalled(15))
    assert world.state_of(runs) == "cancelled"
    ended = world.events(ev.AttemptEnded)[-1]
    assert isinstance(ended, ev.AttemptEnded)
    assert ended.reason == CancelledByUser("ann")
    with pytest.raises(HutongError, match=r"job\.not_found"):
        world.do(do.Cancel(runs, "ann"))


def test_job_that_succeeds_while_it_is_cancelled_has_succeeded(world: World) -> None:
    (job,) = world.submit(spec())
    world.cycle()
    (order,) = world.report().start
    world.begin(order)
    world.do(do.Cancel(job, "ann"))
    world.finish(order.attempt)
    assert world.state_of(job) == "succeeded"


def test_job_waits_for_the_jobs_it_depends_on_and_says_so(world: World) -> None:
    (first,) = world.submit(spec("first"))
    (second,) = world.submit(spec("second", depends_on=after_ok(first)))
    world.cycle()
    assert world.machine.why(second, world.now_ms).reasons == (AwaitsJobs((first,)),)
    (order,) = world.report().start
    world.finish(order.attempt)
    world.cycle()
    assert [order.job for order in world.report().start] == [second]


def test_dependency_that_can_never_be_satisfied_cancels_the_whole_chain(world: World) -> None:
    (first,) = world.submit(spec("first"))
    (second,) = world.submit(spec("second", depends_on=after_ok(first)))
    (third,) = world.submit(spec("third", depends_on=after_ok(second)))
    (other,) = world.submit(
        spec("other", depends_on=(Dependency(DependencyKind.AFTER_NOT_OK, first),))
    )
    world.cycle()
    (order,) = world.report().start
    world.finish(order.attempt, ExitCode(1))
    ended = {event.job: event for event in world.events(ev.JobEnded)}
    assert ended[second].state is JobState.CANCELLED
    assert ended[third].reason.sentence() == f"It needs afterok:{second}, and {second} cancelled."
    world.cycle()
    assert [order.job for order in world.report().start] == [other]


def test_dependency_on_a_job_long_over_is_judged_by_what_the_store_knows(world: World) -> None:
    known = {JobId("j900"): JobState.FAILED, JobId("j901"): JobState.SUCCEEDED}
    (bad,) = world.submit(spec(depends_on=after_ok(JobId("j900"))), known=known)
    (good,) = world.submit(spec(depends_on=after_ok(JobId("j901"))), known=known)
    assert world.state_of(bad) == "cancelled"
    assert world.state_of(good) == "queued"
    (refused,) = world.offer(spec(depends_on=after_ok(JobId("j902"))), known=known)
    assert isinstance(refused, HutongError)
    assert refused.code == "job.dependency_unknown"


def test_two_submissions_with_one_key_are_one_job(world: World) -> None:
    (first,) = world.submit(spec(), key="k")
    (again,) = world.offer(spec(), key="k")
    assert isinstance(again, Accepted)
    assert (again.job, again.repeated) == (first, True)
    (other,) = world.offer(spec("different"), key="k")
    assert isinstance(other, HutongError)
    assert other.code == "job.key_conflict"


def test_array_of_a_million_is_one_row_until_its_elements_run(world: World) -> None:
    (job,) = world.submit(spec(array=array(1_000_000, first=5, step=2, max_parallel=3)))
    world.cycle()
    orders = world.report().start
    assert [(order.array_element, order.array_number) for order in orders] == [
        (0, 5),
        (1, 7),
        (2, 9),
    ]
    assert len(world.machine.state.jobs) == 1
    world.finish(orders[1].attempt)
    world.cycle()
    assert [order.array_element for order in world.report().start if order.attempt not in {
        held.attempt for held in orders}] == [3]  # fmt: skip
    counts = world.machine.state.jobs[job].elements.counts()
    assert (counts.queued, counts.live, counts.succeeded) == (999_996, 3, 1)


def test_array_ends_as_the_worst_of_its_elements(world: World) -> None:
    (job,) = world.submit(spec(array=array(3)))
    world.cycle()
    orders = world.report().start
    world.finish(orders[0].attempt)
    world.finish(orders[1].attempt, ExitCode(9))
    assert world.state_of(job) in ("placed", "running")
    world.finish(orders[2].attempt)
    assert world.state_of(job) == "failed"


def test_one_element_of_an_array_is_cancelled_waiting_or_running(world: World) -> None:
    (job,) = world.submit(spec(array=array(4, max_parallel=1)))
    world.cycle()
    (order,) = world.report().start
    world.begin(order)
    world.do(do.Cancel(job, "ann", 2))
    world.do(do.Cancel(job, "ann", 0))
    assert [stop.attempt for stop in world.report().stop] == [order.attempt]
    world.finish(order.attempt, Signalled(15))
    world.cycle()
    (following,) = world.report().start
    assert following.array_element == 1
    world.finish(following.attempt)
    world.cycle()
    (last,) = world.report().start
    assert last.array_element == 3
    world.finish(last.attempt)
    assert world.state_of(job) == "cancelled"


def test_silent_site_gets_no_new_work_and_its_attempts_are_lost_when_the_lease_ends(
    world: World,
) -> None:
    (job,) = world.submit(spec())
    world.cycle()
    (order,) = world.report().start
    world.begin(order)
    started_ms = world.now_ms
    world.after(SILENT_AFTER_MS + 1)
    assert world.kinds().count("SiteSilent") == 1
    world.after(LEASE_TTL_MS + LEASE_MARGIN_MS - SILENT_AFTER_MS)
    lost = world.events(ev.AttemptLost)[-1]
    assert isinstance(lost, ev.AttemptLost)
    assert lost.reason == LeaseExpired("bj")
    assert lost.ended_ms == started_ms
    assert world.state_of(job) == "queued"
    world.cycle()
    assert world.state_of(job) == "queued"
    world.join("tj")
    world.cycle()
    (again,) = world.report("tj").start
    assert (again.job, again.number) == (job, 2)


def test_lost_attempt_is_settled_when_its_site_comes_back(world: World) -> None:
    (job,) = world.submit(spec())
    world.cycle()
    (order,) = world.report().start
    world.begin(order)
    started_ms = world.now_ms
    world.after(LEASE_TTL_MS + LEASE_MARGIN_MS + 1)
    world.join("tj")
    world.cycle()
    (again,) = world.report("tj").start
    world.finish(again.attempt, site="tj")
    assert world.machine.state.jobs[job].state is JobState.SUCCEEDED
    world.now_ms += 60_000
    reply = world.report("bj", full=True, session="s2")
    assert reply.stop == ()
    assert world.machine.state.jobs == {}
    assert world.kinds().count("AttemptSettled") == 1
    assert world.machine.state.meter[tenant("default")].duration_ms == 0
    assert started_ms


def test_zombie_that_a_returning_site_still_runs_is_stopped_and_metered_as_it_really_ran(
    world: World,
) -> None:
    world.submit(spec())
    world.cycle()
    (order,) = world.report().start
    world.begin(order)
    started_ms = world.now_ms
    world.after(LEASE_TTL_MS + LEASE_MARGIN_MS + 1)
    from tests.unit.lifecycle.hub_world import running

    reply = world.report("bj", running(order.attempt, started_ms), full=True, session="s2")
    assert [stop.attempt for stop in reply.stop] == [order.attempt]
    world.now_ms = started_ms + 400_000
    world.finish(order.attempt, Signalled(9))
    assert world.machine.state.meter[tenant("default")].duration_ms == 400_000


def test_full_report_that_leaves_a_known_attempt_out_means_it_is_gone(world: World) -> None:
    (job,) = world.submit(spec())
    world.cycle()
    (order,) = world.report().start
    world.begin(order)
    world.report(full=True, session="s2")
    ended = world.events(ev.AttemptEnded)[-1]
    assert isinstance(ended, ev.AttemptEnded)
    assert ended.reason == ProcessLost()
    assert world.state_of(job) == "queued"


def test_agent_of_an_unknown_session_is_asked_to_say_everything(world: World) -> None:
    assert world.report(session="s9").resync
    assert not world.report(session="s9", full=True).resync


def test_attempt_that_nobody_knows_is_stopped_and_its_end_forgotten(world: World) -> None:
    from hutong.model.ids import AttemptId
    from tests.unit.lifecycle.hub_world import running

    stranger = AttemptId("zzz999-j1-1")
    assert [stop.attempt for stop in world.report("bj", running(stranger, 5)).stop] == [stranger]
    assert world.finish(stranger).settled == (stranger,)


def test_drained_site_and_node_get_no_new_work_and_then_do_again(world: World) -> None:
    world.do(do.DrainSite(inventory("bj").pools[0].site, draining=True))
    (job,) = world.submit(spec())
    world.cycle()
    assert world.report().start == ()
    world.do(do.DrainSite(inventory("bj").pools[0].site, draining=False))
    for node in inventory("bj").nodes:
        world.do(do.DrainNode(node.id, draining=True))
    world.cycle()
    assert world.report().start == ()
    world.do(do.DrainNode(inventory("bj").nodes[0].id, draining=False))
    world.cycle()
    assert [order.job for order in world.report().start] == [job]


def test_job_with_an_earliest_start_waits_for_the_clock(world: World) -> None:
    (job,) = world.submit(spec(not_before_ms=world.now_ms + 1_000))
    world.cycle()
    (reason,) = world.machine.why(job, world.now_ms).reasons
    assert isinstance(reason, NotBefore)
    world.after(1_000)
    world.cycle()
    assert [order.job for order in world.report().start] == [job]


def test_deadline_that_passes_in_the_queue_cancels_the_job(world: World) -> None:
    (job,) = world.submit(spec(deadline_ms=world.now_ms + 1_000, needs=cores(64)))
    world.after(1_000)
    assert world.state_of(job) == "cancelled"


def test_quota_on_open_jobs_refuses_at_the_door(world: World) -> None:
    world.do(do.PutTenant(Tenant(tenant("acme"), quota=Quota(open_jobs=1))))
    world.submit(spec(tenant=tenant("acme/vision")))
    (refused,) = world.offer(spec(tenant=tenant("acme")))
    assert isinstance(refused, HutongError)
    assert refused.code == "quota.exceeded"


def test_hard_quota_holds_attempts_back(world: World) -> None:
    world.do(do.PutTenant(Tenant(tenant("acme"), quota=Quota(cpu_milli=1_000))))
    world.submit(spec(tenant=tenant("acme")), spec(tenant=tenant("acme")))
    world.cycle()
    assert len(world.report().start) == 1


def test_replayed_journal_and_snapshot_give_the_same_state(world: World) -> None:
    jobs = world.submit(spec(), spec(array=array(5)), spec(depends_on=()), spec(needs=cores(64)))
    world.cycle()
    orders = world.report().start
    world.begin(orders[0])
    world.finish(orders[1].attempt, ExitCode(1))
    world.do(do.Cancel(jobs[3], "ann"))
    machine = type(world.machine)(load_catalog())
    for entry in world.entries:
        machine.replay(entry)
    machine.validate()
    heard = world.machine.state.sites
    for site, record in machine.state.sites.items():
        record.heard_ms = heard[site].heard_ms
        record.lease_until_ms = heard[site].lease_until_ms
        record.session = heard[site].session
    assert machine.dump() == world.machine.dump()
    loaded = type(world.machine)(load_catalog())
    loaded.load(world.machine.dump())
    loaded.validate()
    assert loaded.dump() == world.machine.dump()


def test_refused_report_changes_nothing(world: World) -> None:
    bad = inventory("tj")
    before = world.machine.dump()
    with pytest.raises(HutongError, match=r"site\.invalid"):
        world.report("bj", inventory=bad)
    assert world.machine.dump() == before


def test_site_whose_clock_makes_no_sense_cannot_make_a_bill_of_years(world: World) -> None:
    world.submit(spec())
    world.cycle()
    (order,) = world.report().start
    placed_ms = world.now_ms
    world.now_ms += 1_000
    world.report("bj", Observation(order.attempt, AttemptState.ENDED, 1, 2**42, Completed()))
    ended = world.events(ev.AttemptEnded)[-1]
    assert isinstance(ended, ev.AttemptEnded)
    assert ended.started_ms == placed_ms - CLOCK_SKEW_MS
    assert ended.ended_ms == world.now_ms + CLOCK_SKEW_MS


def test_story_tells_what_happened_to_a_job_in_order(world: World) -> None:
    (job,) = world.submit(spec())
    world.cycle()
    (order,) = world.report().start
    world.finish(order.attempt, ProcessLost())
    assert [line for _, line in world.machine.story(job)] == [
        "accepted",
        f"placed on bj/cpu as {order.attempt}",
        f"{order.attempt} ended: Its processes vanished without an exit status.",
        "back in the queue: Its processes vanished without an exit status.",
    ]
