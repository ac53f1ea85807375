"""What quotas leave of a job's options is said once, and the same by a cycle and by a forecast."""

from hutong.model.ids import TenantId
from hutong.model.reasons import OverQuota
from hutong.model.tenant import QuotaResource, QuotaRule
from hutong.scheduler.allowance import Allowance
from hutong.scheduler.estimate import Start
from hutong.scheduler.forecast import Forecast
from hutong.scheduler.look import Board, Look
from hutong.scheduler.shapes import shape_of
from hutong.scheduler.tenants import Ledger
from tests.unit.scheduler.worlds import HOUR_MS, MINUTE_MS, World, chips, spec_of

LIMIT = QuotaRule(QuotaResource.ACCELERATORS, limit=4000)
AT_BJ = QuotaRule(QuotaResource.ACCELERATORS, limit=2000, site="bj")


def made(*rules: QuotaRule) -> World:
    world = World().pool("bj/gpu", chips=8).pool("tj/gpu", chips=8)
    world.tenant("acme", rules=rules)
    world.runs("bj/gpu-0", chips=2, ends_in_ms=20 * MINUTE_MS, tenant="acme")
    return world


def allowance(world: World, count: int) -> Allowance:
    snapshot = world.state.snapshot(world.now_ms)
    shape = shape_of(spec_of(chips(count), tenant="acme"))
    board = Board(world.now_ms, snapshot.calendar)
    look = Look(shape, snapshot.matcher.match(shape, world.profile), snapshot.supply, board)
    entity = snapshot.tenants.find(TenantId("acme"))
    return Allowance(
        Ledger(snapshot.tenants, snapshot.supply.total), entity, look.options, world.now_ms
    )


def test_a_quota_that_bars_several_options_is_named_once() -> None:
    found = allowance(made(LIMIT), 3)
    assert found.usable == []
    assert [(over.tenant, over.resource) for over in found.overs] == [("acme", "accelerator_milli")]


def test_options_that_no_quota_bars_are_left() -> None:
    found = allowance(made(AT_BJ), 1)
    assert found.usable == [1]
    assert (found.allows(0), found.allows(1)) == (False, True)
    now = Start(made().now_ms, "limits")
    assert found.start(1, now) == now
    assert found.start(0, now) == Start(now.start_ms + 20 * MINUTE_MS, "estimates")


def test_a_forecast_names_a_quota_as_a_cycle_does() -> None:
    world = made(LIMIT)
    job = world.job(chips(3), tenant="acme", estimate_ms=HOUR_MS)
    world.step()
    told = world.why(job)
    snapshot = world.state.snapshot(world.now_ms)
    forecast = Forecast(snapshot, world.profile).why(snapshot.demand.entries[job])
    assert [type(reason) for reason in told.reasons] == [OverQuota]
    assert forecast.reasons == told.reasons
    assert (forecast.start_ms, forecast.basis) == (told.start_ms, told.basis)
