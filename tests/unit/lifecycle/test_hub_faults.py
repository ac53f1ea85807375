"""What simulated runs found: messages that come late, and things that end at a bad moment."""

import pytest

from hutong.lifecycle import commands as do
from hutong.lifecycle import events as ev
from hutong.model.ids import HubId, NodeId
from hutong.model.tenant import Quota, Tenant
from tests.unit.lifecycle.hub_world import World, array, cores, inventory, running, spec, tenant


@pytest.fixture
def world() -> World:
    return World()


def test_full_report_that_was_long_under_way_does_not_end_what_started_since(world: World) -> None:
    world.join()
    before = world.machine.state.position
    [job] = world.submit(spec())
    world.cycle()
    [order] = world.report().start
    world.begin(order)
    world.report(full=True, session="s0", heard=before)
    assert world.machine.state.attempts[order.attempt].is_live
    assert world.state_of(job) == "running"
    world.report(full=True)
    assert order.attempt not in world.machine.state.attempts, "a list that heard of it does end it"


def test_stop_of_an_attempt_that_nobody_was_heard_to_know_waits_for_its_end(world: World) -> None:
    world.join()
    [job] = world.submit(spec())
    world.cycle()
    [order] = world.report().start
    world.do(do.Cancel(job, "ann"))
    reply = world.report(full=True)
    assert [stop.attempt for stop in reply.stop] == [order.attempt]
    assert world.state_of(job) == "placed", "the order may have been taken and not yet told of"
    world.finish(order.attempt)
    assert world.state_of(job) == "succeeded"


def test_inventory_of_a_sync_that_was_overtaken_does_not_replace_a_newer_one(world: World) -> None:
    world.join()
    world.report(inventory=inventory("bj", nodes=1), number=7)
    world.report(inventory=inventory("bj", nodes=3), number=6)
    assert len(world.machine.state.sites["bj"].inventory.nodes) == 1
    world.report(inventory=inventory("bj", nodes=1), number=7)
    assert len(world.events(ev.InventoryChanged)) == 2


def test_sync_that_was_sent_to_the_hub_before_this_one_is_not_taken_up(world: World) -> None:
    world.join()
    before = world.machine.state.position
    world.do(do.Start(HubId("abc123")))
    reply = world.report(full=True, heard=before, inventory=inventory("bj", nodes=3))
    assert reply.resync
    assert len(world.machine.state.sites["bj"].inventory.nodes) == 2
    reply = world.report(full=True, heard=reply.position, inventory=inventory("bj", nodes=3))
    assert not reply.resync
    assert len(world.machine.state.sites["bj"].inventory.nodes) == 3


def test_session_that_is_over_tells_of_ends_and_of_nothing_else(world: World) -> None:
    world.join()
    jobs = world.submit(spec(), spec())
    world.cycle()
    first, second = world.report().start
    world.report(full=True, session="s2")
    world.report("bj", running(first.attempt, world.now_ms), session="s1")
    assert not world.machine.state.attempts[first.attempt].known_at
    world.finish(second.attempt)
    assert world.state_of(jobs[1]) == "succeeded"
    assert world.machine.state.sites["bj"].session == "s2"


def test_new_session_is_asked_again_before_its_list_says_what_is_gone(world: World) -> None:
    world.join()
    world.submit(spec())
    world.cycle()
    [order] = world.report().start
    world.begin(order)
    hello = world.report(full=True, session="s2", heard=0)
    assert hello.resync
    assert world.machine.state.attempts[order.attempt].is_live
    world.report(full=True, session="s2", heard=hello.position)
    assert order.attempt not in world.machine.state.attempts


def test_position_of_a_journal_that_is_gone_counts_as_having_heard_nothing(world: World) -> None:
    world.join()
    world.submit(spec())
    world.cycle()
    [order] = world.report().start
    world.begin(order)
    assert world.report(full=True, session="s2", heard=1_000_000).resync
    assert world.machine.state.attempts[order.attempt].is_live


def test_array_whose_deadline_comes_while_elements_run_ends_with_the_last_of_them(
    world: World,
) -> None:
    world.join(nodes=1, cpus=1)
    deadline_ms = world.now_ms + 3_600_000
    [job] = world.submit(spec(array=array(3), estimate_ms=1_000, deadline_ms=deadline_ms))
    world.cycle()
    [order] = world.report().start
    world.begin(order)
    world.now_ms = deadline_ms + 1
    world.report()
    world.after(1)
    assert world.state_of(job) == "running"
    world.finish(order.attempt)
    assert world.state_of(job) == "cancelled"


def test_node_that_is_away_can_be_let_work_again(world: World) -> None:
    world.join()
    node = NodeId("bj/n1")
    world.do(do.DrainNode(node, draining=True))
    world.report(inventory=inventory("bj", nodes=1))
    world.do(do.DrainNode(node, draining=False))
    world.report(inventory=inventory("bj", nodes=2))
    assert not world.machine.state.sites["bj"].drained_nodes


def test_quota_lowered_below_what_is_held_keeps_every_invariant_when_the_clock_is_set_back(
    world: World,
) -> None:
    world.join(nodes=1, cpus=8)
    world.do(do.PutTenant(Tenant(tenant("org"), quota=Quota(cpu_milli=8_000))))
    world.submit(spec(tenant=tenant("org"), needs=cores(4)))
    world.cycle()
    world.now_ms -= 60_000
    world.do(do.Start(HubId("abc123")))
    world.do(do.PutTenant(Tenant(tenant("org"), quota=Quota(cpu_milli=2_000))))
    world.submit(spec(tenant=tenant("org")))
    world.cycle()
    assert len(world.machine.state.attempts) == 1
