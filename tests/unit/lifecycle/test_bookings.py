"""Bookings in the hub's machine: what is refused, what is chosen, what survives a restart."""

from typing import Any

import pytest

from hutong.catalog import load_catalog
from hutong.lifecycle import commands as do
from hutong.lifecycle import events as ev
from hutong.lifecycle.commands import WantCycle
from hutong.lifecycle.hub import HubMachine
from hutong.model.calendar import Booking, BookingKind
from hutong.model.errors import HutongError
from hutong.model.ids import NodeId, PoolId, SiteId, TenantId
from hutong.model.resources import TaskNeeds
from tests.unit.lifecycle.hub_world import World, spec

HOUR_MS = 3_600_000
POOL = PoolId("bj/cpu")


def booking(world: World, name: str = "b1", **fields: Any) -> Booking:
    """Four hours of maintenance at bj from an hour from now on."""
    given: dict[str, object] = {
        "kind": BookingKind.MAINTENANCE, "site": SiteId("bj"),
        "start_ms": world.now_ms + HOUR_MS, "end_ms": world.now_ms + 5 * HOUR_MS, **fields,
    }  # fmt: skip
    return Booking(name, **given)  # type: ignore[arg-type]


def reservation(world: World, name: str = "b1", **fields: object) -> Booking:
    """The same for tenant acme."""
    kind = {"kind": BookingKind.RESERVATION, "tenants": (TenantId("acme"),)}
    return booking(world, name, **{**kind, **fields})


def put(world: World, wanted: Booking) -> Booking:
    """Book; it must be accepted."""
    answer = world.do(do.PutBooking(wanted, "ann")).answer
    assert isinstance(answer, Booking)
    return answer


def refused(world: World, wanted: Booking) -> str:
    """Book; it must be refused, with this code, and change nothing."""
    before = world.machine.dump()
    with pytest.raises(HutongError) as error:
        world.do(do.PutBooking(wanted, "ann"))
    assert world.machine.dump() == before
    return error.value.code


@pytest.fixture
def world() -> World:
    made = World()
    made.join("bj", nodes=4)
    return made


def test_a_booking_is_kept_and_wants_a_cycle(world: World) -> None:
    step = world.do(do.PutBooking(booking(world), "ann"))
    assert world.machine.state.bookings["b1"] == booking(world)
    assert WantCycle() in step.effects
    assert world.events(ev.BookingPut) == [ev.BookingPut(booking(world), "ann")]


def test_booking_the_same_again_changes_nothing(world: World) -> None:
    wanted = reservation(world, pool=POOL, nodes_count=2)
    first = put(world, wanted)
    world.now_ms += 1
    assert put(world, wanted) == first
    assert len(world.events(ev.BookingPut)) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"end_ms": 1}, {"start_ms": -2, "end_ms": -1}, {"nodes_count": 2}, {"nodes_count": -1},
        {"pool": POOL, "nodes_count": 5},
        {"start_ms": 0, "end_ms": 10**15}, {"note": "two\nlines"}, {"note": "x" * 501},
        {"tenants": (TenantId("acme"),)}, {"nodes": (NodeId("bj/n0"), NodeId("bj/n0"))},
        {"nodes": (NodeId("bj/n0"),), "nodes_count": 1, "pool": POOL},
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(world: World, fields: dict[str, Any]) -> None:
    assert refused(world, booking(world, **fields)) == "booking.invalid"


def test_a_name_that_is_none_is_refused(world: World) -> None:
    assert refused(world, booking(world, "No/Name")) == "booking.invalid"


def test_what_is_over_is_refused(world: World) -> None:
    past = booking(world, start_ms=world.now_ms - 2, end_ms=world.now_ms - 1)
    assert refused(world, past) == "booking.invalid"


def test_a_reservation_for_nobody_or_for_a_tenant_that_cannot_be_is_refused(world: World) -> None:
    assert refused(world, reservation(world, tenants=())) == "booking.invalid"
    assert refused(world, reservation(world, tenants=(TenantId("A b"),))) == "booking.invalid"


def test_unknown_places_are_refused(world: World) -> None:
    assert refused(world, booking(world, site=SiteId("tj"))) == "site.not_found"
    assert refused(world, booking(world, pool=PoolId("bj/gpu"))) == "pool.not_found"
    assert refused(world, booking(world, nodes=(NodeId("bj/n9"),))) == "node.not_found"


def test_a_count_takes_the_nodes_that_are_free_first_and_keeps_them(world: World) -> None:
    world.submit(spec(needs=TaskNeeds(4_000, 1_024, ()), time_limit_ms=HOUR_MS))
    world.cycle()
    (attempt,) = world.machine.state.attempts.values()
    busy = attempt.nodes[0].node
    chosen = put(world, reservation(world, pool=POOL, nodes_count=3)).nodes
    assert len(chosen) == 3
    assert busy not in chosen
    longer = reservation(world, pool=POOL, nodes_count=2, end_ms=world.now_ms + 9 * HOUR_MS)
    assert put(world, longer).nodes == chosen[:2]


def test_two_reservations_do_not_share_nodes_while_both_last(world: World) -> None:
    first = put(world, reservation(world, "b1", pool=POOL, nodes_count=3))
    assert refused(world, reservation(world, "b2", pool=POOL, nodes_count=2)) == "booking.conflict"
    assert refused(world, reservation(world, "b2", nodes=first.nodes[:1])) == "booking.conflict"
    assert refused(world, reservation(world, "b2")) == "booking.conflict"
    one = put(world, reservation(world, "b2", pool=POOL, nodes_count=1))
    assert one.nodes[0] not in first.nodes
    later = reservation(
        world, "b3", pool=POOL, nodes_count=4,
        start_ms=first.end_ms, end_ms=first.end_ms + HOUR_MS,
    )  # fmt: skip
    assert len(put(world, later).nodes) == 4


def test_maintenance_may_overlap_with_everything(world: World) -> None:
    put(world, reservation(world, "b1", pool=POOL, nodes_count=3))
    put(world, booking(world, "m1"))
    put(world, booking(world, "m2", pool=POOL, nodes_count=4))
    assert list(world.machine.state.bookings) == ["b1", "m1", "m2"]


def test_a_booking_that_is_over_leaves_the_calendar_and_stays_in_the_journal(world: World) -> None:
    put(world, booking(world))
    world.after(HOUR_MS - 1)
    assert WantCycle() not in world.do(do.Tick()).effects
    world.now_ms += 1
    assert WantCycle() in world.do(do.Tick()).effects
    assert "b1" in world.machine.state.bookings
    world.now_ms += 4 * HOUR_MS
    assert WantCycle() in world.do(do.Tick()).effects
    assert world.machine.state.bookings == {}
    assert world.events(ev.BookingEnded) == [ev.BookingEnded("b1")]


def test_a_booking_that_was_put_off_does_not_end_at_its_old_time(world: World) -> None:
    put(world, booking(world))
    put(world, booking(world, end_ms=world.now_ms + 9 * HOUR_MS))
    world.after(6 * HOUR_MS)
    assert "b1" in world.machine.state.bookings
    world.after(3 * HOUR_MS)
    assert world.machine.state.bookings == {}


def test_a_booking_is_taken_back(world: World) -> None:
    put(world, booking(world))
    world.do(do.RemoveBooking("b1", "ann"))
    assert world.machine.state.bookings == {}
    with pytest.raises(HutongError, match=r"booking\.not_found"):
        world.do(do.RemoveBooking("b1", "ann"))


def test_a_hub_that_starts_again_has_the_same_calendar(world: World) -> None:
    put(world, reservation(world, "b1", pool=POOL, nodes_count=3))
    put(world, booking(world, "m1"))
    loaded = HubMachine(load_catalog())
    loaded.load(world.machine.dump())
    replayed = HubMachine(load_catalog())
    for entry in world.entries:
        replayed.replay(entry)
    for machine in (loaded, replayed):
        machine.validate()
        assert machine.state.bookings == world.machine.state.bookings
        calendar = machine.scheduler.snapshot(world.now_ms).calendar
        assert calendar.bookings == machine.state.bookings
