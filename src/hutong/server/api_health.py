"""Whether the hub lives, serves and what it measures; who the caller is; what the API is."""

from collections.abc import Iterator
from contextlib import suppress

from hutong.lifecycle.hub import HubMachine
from hutong.model.errors import HutongError
from hutong.server.endpoint import Answer, Call
from hutong.server.hub import Hub
from hutong.server.metrics import Gauge
from hutong.wire.api import HealthReply, WhoReply


async def is_alive(call: Call) -> Answer:
    """That the process answers, whatever the state of its store."""
    return Answer(_health(call.hub))


async def is_ready(call: Call) -> Answer:
    """That the hub can take jobs in. Raises why it cannot."""
    call.hub.driver.check_ready()
    return Answer(_health(call.hub))


async def show_health(call: Call) -> Answer:
    """Whether the hub serves, and where its journal stands."""
    health = _health(call.hub)
    with suppress(HutongError):  # a hub that cannot write says so in its status
        await call.hub.driver.durable()
    return Answer(health)


async def who_am_i(call: Call) -> Answer:
    """What the token may do."""
    who = call.principal
    return Answer(WhoReply(who.scope.value, who.subject, who.name))


async def show_metrics(call: Call) -> Answer:
    """The hub's metrics, for Prometheus."""
    hub = call.hub
    return Answer(hub.driver.metrics.text(lambda: _gauges(hub)))


async def show_openapi(call: Call) -> Answer:
    """This API, described."""
    from hutong.server.openapi import openapi_json

    return Answer(openapi_json())


def _health(hub: Hub) -> HealthReply:
    driver = hub.driver
    if not driver.has_machine:
        status = "starting" if driver.refusal and driver.refusal.code == "hub.starting" else "down"
        return HealthReply(status, "", hub.version, driver.durable_position)
    state = driver.machine.state
    ready = sum(1 for record in state.sites.values() if record.is_ready)
    running = sum(1 for attempt in state.attempts.values() if attempt.is_live)
    return HealthReply(
        "ok" if driver.ready else "read-only",
        state.hub,
        hub.version,
        driver.durable_position,
        driver.machine.scheduler.queued_count(),
        running,
        ready,
        len(state.sites),
    )


def _gauges(hub: Hub) -> Iterator[Gauge]:
    driver = hub.driver
    yield Gauge("hutong_ready", (), float(driver.ready))
    yield Gauge("hutong_journal_position", (), driver.durable_position)
    yield Gauge("hutong_streams", (), len(hub.streams))
    if driver.has_machine:
        yield from _machine_gauges(driver.machine, driver.clock.now_ms())


def _machine_gauges(machine: HubMachine, now_ms: int) -> Iterator[Gauge]:
    queued = {rule.name: 0 for rule in machine.profile.classes}
    queued.update(machine.scheduler.queued_by_class())
    for priority, count in queued.items():
        yield Gauge("hutong_queued", (priority,), count)
    for name, record in machine.state.sites.items():
        live = sum(1 for each in record.attempts if machine.state.attempts[each].is_live)
        yield Gauge("hutong_attempts_live", (name,), live)
        yield Gauge("hutong_site_ready", (name,), float(record.is_ready))
        silent_ms = max(0, now_ms - record.heard_ms)
        yield Gauge("hutong_site_silent_seconds", (name,), silent_ms / 1000)
