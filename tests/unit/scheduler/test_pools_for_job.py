"""How pools stand to a waiting job: every node is counted once, by what keeps it from helping."""

from hutong.model.calendar import Booking, BookingKind
from hutong.model.ids import SiteId, TenantId
from hutong.model.job import Affinity
from hutong.model.supply import NodeCondition
from hutong.scheduler.pool_standing import PoolStanding
from hutong.scheduler.pools_for_job import pools_for_job
from hutong.scheduler.shapes import shape_of
from tests.unit.scheduler.worlds import (
    ASCEND,
    HOUR_MS,
    SiteStatus,
    World,
    chips,
    spec_of,
)


def seen(world: World, *alternatives: object, **fields: object) -> dict[str, PoolStanding]:
    spec = spec_of(*alternatives, **fields)  # type: ignore[arg-type]
    snapshot = world.state.snapshot(world.now_ms)
    found, _ = pools_for_job(snapshot, world.profile, shape_of(spec), TenantId("default"))
    for place in found:
        assert sum(place.out.values()) + place.room == place.nodes
    return {place.pool: place for place in found}


def test_every_node_is_counted_by_what_keeps_it() -> None:
    world = World().pool("bj/gpu", nodes=6, chips=8).pool("tj/npu", nodes=3, chips=8, model=ASCEND)
    world.pool("lf/gpu", nodes=2, chips=8)
    world.status("lf", SiteStatus.SILENT)
    world.node("bj/gpu-0", NodeCondition.DOWN)
    world.node("bj/gpu-1", NodeCondition.DRAINING)
    world.runs("bj/gpu-2", chips=6, ends_in_ms=HOUR_MS)
    world.runs("bj/gpu-3", chips=6, ends_in_ms=HOUR_MS)
    found = seen(world, chips(4), tasks=4)
    assert found["bj/gpu"].out == {"node_down": 1, "node_draining": 1, "busy": 2}
    assert (found["bj/gpu"].room, found["bj/gpu"].tasks_fitting) == (2, 4)
    assert found["tj/npu"].out == {"accelerator": 3}
    assert found["lf/gpu"].out == {"site_silent": 2}
    assert list(found) == ["bj/gpu", "lf/gpu", "tj/npu"]


def test_a_node_that_a_booking_keeps_for_others_is_booked() -> None:
    world = World().pool("bj/gpu", nodes=2, chips=8)
    booked = Booking(
        "exam", BookingKind.RESERVATION, SiteId("bj"), world.now_ms, world.now_ms + HOUR_MS,
        tenants=(TenantId("school"),),
    )  # fmt: skip
    world.state.put_booking(booked)
    assert seen(world, chips(4))["bj/gpu"].out == {"booked": 2}


def test_no_more_tasks_fit_than_the_gang_has() -> None:
    world = World().pool("bj/gpu", nodes=4, chips=8)
    assert seen(world, chips(1), tasks=3)["bj/gpu"].tasks_fitting == 3


def test_a_deadline_that_has_gone_keeps_every_node() -> None:
    world = World().pool("bj/gpu", nodes=2, chips=8)
    found = seen(world, chips(1), deadline_ms=world.now_ms + 1, estimate_ms=HOUR_MS)
    assert found["bj/gpu"].out == {"deadline": 2}


def test_what_was_asked_is_told_for_each_filter() -> None:
    world = World().pool("bj/gpu", nodes=2, chips=8)
    spec = spec_of(chips(1, ASCEND))
    snapshot = world.state.snapshot(world.now_ms)
    _, details = pools_for_job(snapshot, world.profile, shape_of(spec), TenantId("default"))
    assert details == {"accelerator": f"{ASCEND} asked, pools have A100-80GB"}


def test_a_node_that_neighbours_forbid_is_counted_as_such() -> None:
    world = World().pool("bj/gpu", nodes=3, chips=8)
    world.runs("bj/gpu-0", labels={"app": "web"})
    world.runs("bj/gpu-1", chips=8)
    found = seen(world, chips(1), affinity=(Affinity((("app", "web"),), apart=True),))
    assert found["bj/gpu"].out == {"affinity": 1, "busy": 1}
    assert found["bj/gpu"].room == 1
