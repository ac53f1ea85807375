"""What would happen to jobs, with nothing handed in, and by which profile that is decided."""

import asyncio
from typing import cast

from hutong.lifecycle.hub import HubMachine
from hutong.model import limits
from hutong.model.errors import refuse
from hutong.model.job import JobSpec
from hutong.model.validate import check_spec
from hutong.scheduler.plan import Candidate, Place, Preview
from hutong.scheduler.preview import preview
from hutong.server.endpoint import Answer, Call
from hutong.wire.api import BoundView, PlaceView, PlanReply, PlanRequest, PlanView, ReasonView


async def plan_jobs(call: Call) -> Answer:
    """Say where each job could run, when it would start and at what price."""
    specs = cast(PlanRequest, call.body).specs
    if len(specs) > limits.JOB_FILE_DOCUMENTS:
        raise refuse("limit.reached", what="A plan", limit=limits.JOB_FILE_DOCUMENTS)
    for spec in specs:
        check_spec(spec)
        if not call.principal.sees(spec.tenant):
            raise call.principal.forbidden(
                f"plan jobs of {spec.tenant}", f"member of {spec.tenant}"
            )
    driver = call.hub.driver
    views = []
    for spec in specs:
        machine, now_ms = driver.machine, driver.clock.now_ms()
        seen = preview(machine.scheduler.snapshot(now_ms), machine.profile, spec)
        views.append(_view(machine, spec, seen, now_ms))
        await asyncio.sleep(0)  # others have their turn between two looks
    await driver.durable()
    return Answer(PlanReply(tuple(views)))


async def show_profile(call: Call) -> Answer:
    """Give the profile that every cycle runs with."""
    return Answer(call.hub.driver.machine.profile)


def _view(machine: HubMachine, spec: JobSpec, seen: Preview, now_ms: int) -> PlanView:
    places = tuple(_place(machine, place, seen, now_ms) for place in seen.places)
    chosen = next((place for place in places if place.chosen), None)
    cost = chosen.cost_microcny if chosen else seen.cost_low_microcny or None
    return PlanView(
        spec.name,
        places,
        seen.starts_now,
        seen.jobs_ahead,
        _from_now(seen.start_ms, now_ms),
        cost,
        tuple(ReasonView.of(reason) for reason in seen.reasons),
        BoundView.of(seen.bound) if seen.bound is not None else None,
    )


def _place(machine: HubMachine, place: Place, seen: Preview, now_ms: int) -> PlaceView:
    record = machine.state.sites.get(place.site)
    region = record.site.region if record else ""
    found = place.candidate
    if found is None:
        accelerator = ""
        for pool in record.inventory.pools if record else ():
            if pool.id == place.pool:
                accelerator = pool.accelerator
        return PlaceView(
            place.site, place.pool, region, accelerator, out=place.fell_to, nodes=place.nodes_count
        )
    return _candidate(place, found, region, now_ms, chosen=place.pool == seen.pool)


def _candidate(
    place: Place, found: Candidate, region: str, now_ms: int, *, chosen: bool
) -> PlaceView:
    return PlaceView(
        place.site,
        place.pool,
        region,
        found.accelerator,
        chosen,
        "",
        _from_now(found.start_ms, now_ms),
        max(0, found.finish_ms - found.start_ms) if found.start_ms else None,
        found.rate_microcny_per_hour,
        found.cost_microcny,
        found.tasks_fitting,
        place.nodes_count,
        found,
    )


def _from_now(at_ms: int, now_ms: int) -> int | None:
    """A time as a distance from now; None where nobody can tell (0)."""
    return max(0, at_ms - now_ms) if at_ms else None
