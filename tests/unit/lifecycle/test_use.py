"""What tenants used: averages and sums by day and month, folded from the journal; the profile."""

from random import Random

import msgspec
import pytest

from hutong.catalog import load_catalog
from hutong.lifecycle import commands as do
from hutong.lifecycle import events as ev
from hutong.lifecycle.hub import HubMachine
from hutong.lifecycle.state import encode_state
from hutong.model.classes import ClassRule
from hutong.model.errors import HutongError
from hutong.model.ids import HubId, TenantId
from hutong.model.tenant import Quota, QuotaResource, QuotaRule, QuotaWindow, Tenant
from hutong.model.window import window_of
from hutong.scheduler.profile import PROFILES, Profile
from tests.unit.lifecycle.hub_world import World, spec

HOUR_MS = 3_600_000
A = TenantId("a")
NIGHT = Profile(name="own", classes=(ClassRule("day"), ClassRule("night")), share_half_life_ms=9)


def restored(world: World) -> HubMachine:
    machine = HubMachine(load_catalog())
    machine.load(world.machine.dump())
    return machine


def replayed(world: World) -> HubMachine:
    machine = HubMachine(load_catalog())
    for entry in world.entries:
        machine.replay(entry)
    return machine


def restart(world: World, profile: Profile) -> None:
    machine = HubMachine(load_catalog(), profile)
    for entry in world.entries:
        machine.replay(entry)
    world.machine = machine
    world.do(do.Start(HubId("abc123")))


def run_one(world: World, run_ms: int, tenant: str = "a") -> None:
    """Hand a job in, let it run, and end it."""
    world.submit(spec(tenant=TenantId(tenant)))
    world.cycle()
    (order,) = world.report().start
    world.begin(order)
    world.now_ms += run_ms
    world.finish(order.attempt)


# The profile in force


def test_a_hub_that_starts_with_its_old_profile_says_nothing() -> None:
    world = World()
    assert world.events(ev.ProfileChanged) == []
    restart(world, PROFILES["fair"])
    assert world.events(ev.ProfileChanged) == []


def test_another_profile_is_a_fact_of_the_journal_from_the_start_on() -> None:
    world = World()
    restart(world, NIGHT)
    assert world.events(ev.ProfileChanged) == [ev.ProfileChanged(NIGHT)]
    assert replayed(world).profile == NIGHT
    assert restored(world).profile == NIGHT
    restart(world, NIGHT)
    assert len(world.events(ev.ProfileChanged)) == 1


def test_a_class_that_the_hub_does_not_have_is_refused_with_those_it_has() -> None:
    world = World()
    restart(world, NIGHT)
    world.submit(spec(priority="night"))
    (error,) = world.offer(spec())
    assert isinstance(error, HutongError)
    assert (error.code, error.facts["field"]) == ("job.invalid", "priority")
    assert error.hint == "It has day, night."


def test_jobs_of_a_class_that_is_gone_come_last() -> None:
    world = World()
    world.join(nodes=1, cpus=1)
    old = world.submit(spec(priority="urgent"))[0]
    restart(world, NIGHT)
    world.join(nodes=1, cpus=1)
    new = world.submit(spec(priority="night"))[0]
    world.cycle()
    assert (world.state_of(new), world.state_of(old)) == ("placed", "queued")


# Averages


def test_averages_survive_a_restart_to_the_last_bit() -> None:
    world = World()
    world.join()
    random = Random(1)
    for _ in range(12):
        run_one(world, random.randrange(HOUR_MS), random.choice(("a", "a/x", "b")))
    world.submit(spec(tenant=A))
    world.cycle()
    other = restored(world)
    for machine in (other, replayed(world)):
        assert machine.state.use == world.machine.state.use
        assert machine.state.windows == world.machine.state.windows
    now_ms = world.now_ms + 12_345
    for stimulus in (do.Submit((do.Submission(spec(tenant=A)),), "ann"), do.RunCycle()):
        steps = [one.handle(stimulus, now_ms, "x") for one in (world.machine, other)]
        assert steps[0].entries == steps[1].entries
    assert encode_state(other.state) == encode_state(world.machine.state)
    shares = [one.scheduler.tenant_share(A, now_ms) for one in (world.machine, other)]
    assert shares[0] == shares[1]
    assert shares[0].use_milli > 0


def test_use_is_an_average_over_the_half_life_of_the_profile() -> None:
    world = World()
    restart(world, msgspec.structs.replace(PROFILES["fair"], share_half_life_ms=HOUR_MS))
    world.join(nodes=1, cpus=1)
    run_one(world, HOUR_MS)
    assert world.machine.state.use[A].cpu == pytest.approx(500)


# Windows


def test_the_months_of_a_tenant_are_its_meter_whatever_they_are_split_by() -> None:
    world = World()
    world.join()
    random = Random(7)
    for _ in range(30):
        run_one(world, random.randrange(1, 60 * 24 * HOUR_MS), random.choice(("a", "a/x", "b")))
    state = world.machine.state
    assert len(state.windows[A].months) > 3
    for tenant, meter in state.meter.items():
        spent = [s for month in state.windows[tenant].months.values() for s in month.values()]
        assert sum(one.cost_microcny for one in spent) == meter.cost_microcny


def test_an_attempt_across_the_end_of_a_day_is_split_there() -> None:
    world = World()
    world.join()
    midnight_ms = window_of(QuotaWindow.DAY, world.now_ms)[1]
    world.now_ms = midnight_ms - HOUR_MS
    run_one(world, 3 * HOUR_MS)
    days = world.machine.state.windows[A].days
    assert {begin: spent["bj "].cost_microcny for begin, spent in days.items()} == {
        midnight_ms - 24 * HOUR_MS: HOUR_MS,
        midnight_ms: 2 * HOUR_MS,
    }


def test_days_are_forgotten_and_months_are_not() -> None:
    world = World()
    world.join()
    run_one(world, HOUR_MS)
    world.now_ms += 100 * 24 * HOUR_MS
    world.join()
    run_one(world, HOUR_MS)
    sums = world.machine.state.windows[A]
    assert (len(sums.days), len(sums.months)) == (1, 2)


def test_a_lost_attempt_that_is_settled_corrects_its_windows() -> None:
    world = World()
    world.join()
    world.submit(spec(tenant=A))
    world.cycle()
    (order,) = world.report().start
    world.begin(order)
    world.report()
    world.after(HOUR_MS)
    assert world.events(ev.AttemptLost)
    before = encode_state(world.machine.state)
    world.finish(order.attempt)
    assert world.events(ev.AttemptSettled)
    assert encode_state(world.machine.state) != before
    (month,) = world.machine.state.windows[A].months.values()
    assert month["bj "].cost_microcny == HOUR_MS


def test_money_of_a_day_bounds_what_starts_and_the_next_day_brings_more() -> None:
    world = World()
    world.join()
    line = QuotaRule(QuotaResource.MONEY, limit=2 * HOUR_MS, window=QuotaWindow.DAY)
    world.do(do.PutTenant(Tenant(A, quota=Quota(rules=(line,)))))
    world.now_ms = window_of(QuotaWindow.DAY, world.now_ms)[0] + HOUR_MS
    run_one(world, 2 * HOUR_MS)
    job = world.submit(spec(tenant=A))[0]
    world.cycle()
    assert world.state_of(job) == "queued"
    world.now_ms = window_of(QuotaWindow.DAY, world.now_ms)[1]
    world.join()
    world.cycle()
    assert world.state_of(job) == "placed"
