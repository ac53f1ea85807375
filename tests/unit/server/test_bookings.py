"""Bookings over HTTP: who may, what comes back, and that jobs keep off."""

from hutong.wire.api import BookingView, ExplainReply
from tests.unit.server.world import Response, SiteAgent, World, job, on_hub

HOUR_MS = 3_600_000


def body(world: World, **fields: object) -> dict[str, object]:
    """Maintenance of all of bj, in an hour from now, for four."""
    now = world.clock.at_ms
    given = {
        "kind": "maintenance", "site": "bj", "start_ms": now + HOUR_MS,
        "end_ms": now + 5 * HOUR_MS,
    }  # fmt: skip
    return {**given, **fields}


async def put(world: World, path: str, content: object, token: str = "admin") -> Response:
    return await world.call("PUT", path, content, token=token)


async def show(world: World, path: str) -> Response:
    return await world.get(path)


async def delete(world: World, path: str, token: str = "admin") -> Response:
    return await world.call("DELETE", path, token=token)


@on_hub
async def test_a_booking_is_made_shown_changed_and_taken_back(world: World) -> None:
    await SiteAgent(world).join()
    made = (await put(world, "/v1/bookings/m1", body(world))).to(BookingView)
    assert (made.id, made.on, made.nodes) == ("m1", False, ())
    assert (await world.get("/v1/bookings")).to(list[BookingView]) == [made]
    changed = body(world, pool="bj/cpu", nodes_count=1, note="new cooling")
    view = (await put(world, "/v1/bookings/m1", changed)).to(BookingView)
    assert (len(view.nodes), view.note) == (1, "new cooling")
    assert (await world.get("/v1/bookings/m1")).to(BookingView) == view
    assert (await delete(world, "/v1/bookings/m1")).to(BookingView) == view
    assert (await world.get("/v1/bookings")).json() == []
    for call in (show, delete):
        assert (await call(world, "/v1/bookings/m1")).error.code == "booking.not_found"


@on_hub
async def test_what_is_refused_says_why(world: World) -> None:
    await SiteAgent(world).join()
    reservation = body(world, kind="reservation", tenants=["acme"], pool="bj/cpu", nodes_count=2)
    await put(world, "/v1/bookings/r1", reservation)
    refused = await put(world, "/v1/bookings/r2", reservation)
    assert refused.error.code == "booking.conflict"
    assert refused.error.facts["other"] == "r1"
    backwards = body(world, end_ms=1)
    assert (await put(world, "/v1/bookings/m1", backwards)).error.code == "booking.invalid"
    nowhere = body(world, site="sh")
    assert (await put(world, "/v1/bookings/m1", nowhere)).error.code == "site.not_found"


@on_hub
async def test_an_operator_books_the_own_site_and_a_member_sees_what_concerns(
    world: World,
) -> None:
    for site in ("bj", "tj"):
        await SiteAgent(world, site).join()
    world.token("op", "operator", "bj")
    world.token("ann", "member", "acme/vision")
    await put(world, "/v1/bookings/m1", body(world, site="tj"))
    for tenant in ("acme", "bolt"):
        wanted = body(
            world, kind="reservation", tenants=[tenant], pool="bj/cpu", nodes_count=1, note="x"
        )
        await put(world, f"/v1/bookings/{tenant}", wanted, token="op")
    assert (await put(world, "/v1/bookings/m2", body(world, site="tj"), token="op")).status == 403
    assert (await put(world, "/v1/bookings/m1", body(world), token="op")).status == 403
    assert (await delete(world, "/v1/bookings/m1", token="op")).status == 403
    views = (await world.get("/v1/bookings", token="ann")).to(list[BookingView])
    seen = {view.id: (view.tenants, view.note) for view in views}
    assert seen == {"m1": ((), ""), "acme": (("acme",), "x"), "bolt": ((), "")}


@on_hub
async def test_a_job_that_would_run_into_maintenance_waits_and_says_so(world: World) -> None:
    agent = SiteAgent(world)
    await agent.join()
    await put(world, "/v1/bookings/m1", body(world))
    long = await world.submit(job("long", time_limit_ms=2 * HOUR_MS))
    await world.submit(job("short", time_limit_ms=HOUR_MS // 2))
    assert len(await agent.start_all()) == 1
    told = (await world.get(f"/v1/jobs/{long}/explain")).to(ExplainReply)
    assert [reason.code for reason in told.reasons] == ["waiting.booked"]
    assert told.reasons[0].facts["booking"] == "m1"
