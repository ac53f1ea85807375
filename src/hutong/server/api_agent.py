"""What agents call: syncs, the stream of pokes, logs."""

from collections.abc import AsyncIterator
from typing import cast

from hutong.lifecycle import commands as do
from hutong.lifecycle.sync import SyncRequest
from hutong.model.errors import refuse
from hutong.model.ids import SiteId, is_name
from hutong.model.limits import SITES
from hutong.model.supply import Inventory
from hutong.server.endpoint import Answer, Call, Streamed
from hutong.server.logs import LogName, log_name
from hutong.server.queries import AgentQuery, LogOffset
from hutong.server.streams import HEARTBEAT, StreamHandle, log_topic, poke_topic
from hutong.server.tokens import Scope

MOST_MICROCNY_PER_HOUR = 10_000_000_000
"""Ten thousand yuan an hour for a chip, a core or a GiB: times the largest gang it fits 64 bits."""

_POKE = b"event: poke\ndata: {}\n\n"


async def sync(call: Call) -> Answer:
    """Take an agent's report in, and answer what should be true at its site."""
    request = cast(SyncRequest, call.body)
    _check_site(call, request.site)
    driver = call.hub.driver
    if request.inventory is not None:
        _check_prices(request.site, request.inventory)
    sites = driver.machine.state.sites
    if request.description is not None and request.site not in sites and len(sites) >= SITES:
        raise refuse("limit.reached", what="The number of sites", limit=SITES)
    return Answer(await driver.submit(do.Report(request), call.cause))


async def stream_pokes(call: Call) -> Streamed:
    """A line each time the agent should sync at once."""
    site = cast(AgentQuery, call.query).site or call.principal.subject
    _check_site(call, site)
    if not is_name(site):
        raise refuse("site.not_found", site=site)
    handle = call.hub.streams.open(poke_topic(site))
    return Streamed(_pokes(handle), handle=handle)


async def take_log(call: Call) -> Answer:
    """Keep a piece of a task's log."""
    query = cast(LogOffset, call.query)
    task = call.params["task"]
    name = log_name(call.params["attempt"], int(task) if _is_small(task) else -1)
    _check_site(call, await _site_of(call, name))
    data = await call.stream.whole()
    hub = call.hub
    receipt = await hub.driver.read(hub.logs.write, name, query.offset, data)
    # Complete only if the last piece joined what was there.
    if query.complete and (receipt.full or receipt.size_bytes >= query.offset + len(data)):
        hub.logs.complete(name)
    hub.streams.wake(log_topic(name.attempt, name.task))
    return Answer(receipt)


def _check_site(call: Call, site: str) -> None:
    if call.principal.scope is Scope.AGENT and site != call.principal.subject:
        raise refuse("site.not_yours", mine=call.principal.subject, theirs=site)


def _is_small(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 6


async def _site_of(call: Call, name: LogName) -> SiteId:
    driver = call.hub.driver
    held = driver.machine.state.attempts.get(name.attempt) if driver.has_machine else None
    if held is not None:
        return held.site
    row = await driver.read(driver.store.attempt, name.attempt)
    if row is None:
        raise refuse("attempt.not_found", attempt=name.attempt)
    return row.site


def _check_prices(site: str, inventory: Inventory) -> None:
    books = [(pool.id, pool.price) for pool in inventory.pools]
    for pool, book in books + [(offer.pool, offer.price) for offer in inventory.offers]:
        highest = max(
            book.accelerator_microcny_per_hour,
            book.cpu_microcny_per_hour,
            book.memory_gib_microcny_per_hour,
        )
        if highest > MOST_MICROCNY_PER_HOUR:
            raise refuse(
                "site.invalid",
                site=site,
                problem=f"pool {pool} has a price above {MOST_MICROCNY_PER_HOUR} micro-CNY",
                advice="Prices are in millionths of a yuan an hour.",
            )


async def _pokes(handle: StreamHandle) -> AsyncIterator[bytes]:
    yield HEARTBEAT
    while True:
        woken = await handle.wait()
        if handle.closed:
            return
        yield _POKE if woken else HEARTBEAT
