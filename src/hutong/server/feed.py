"""The journal as a stream of events, as far as each reader may see it.

The newest entries are kept here as they become durable, so that many followers at the journal's
end cost one another nothing; whoever is further behind reads from the store.
"""

from collections import OrderedDict, deque
from collections.abc import Sequence
from itertools import islice

import msgspec

from hutong.lifecycle import events as ev
from hutong.model.ids import AttemptId, JobId, TenantId
from hutong.model.limits import EVENT_ROWS
from hutong.server.driver import Driver
from hutong.server.tokens import Principal
from hutong.store.story import job_of, jobs_of
from hutong.wire.api import EventView

KEPT_ENTRIES = 2_000
KEPT_TENANTS = 50_000
KINDS = tuple(kind.__name__ for kind in ev.AnyEvent.__args__)
"""The names of all kinds of event."""

_ENCODE = msgspec.json.Encoder().encode


class Feed:
    """Entries behind a position, and whose they are."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._kept: deque[ev.Entry] = deque(maxlen=KEPT_ENTRIES)
        self._tenants: OrderedDict[JobId, TenantId] = OrderedDict()

    def keep(self, entries: Sequence[ev.Entry]) -> None:
        """Take in what became durable."""
        if self._kept and entries and entries[0].position != self._kept[-1].position + 1:
            self._kept.clear()
        self._kept.extend(entries)
        for entry in entries:
            if isinstance(entry.event, ev.JobAccepted):
                self._remember(entry.event.job, entry.event.spec.tenant)

    async def behind(self, position: int) -> Sequence[ev.Entry]:
        """The next durable entries behind a position, at most `EVENT_ROWS`; empty at the end."""
        kept = self._kept
        if kept and kept[0].position <= position + 1:
            start = position + 1 - kept[0].position
            return list(islice(kept, start, start + EVENT_ROWS))
        return await self._driver.read(self._driver.store.entries, position, EVENT_ROWS)

    async def seen_by(self, principal: Principal, event: ev.AnyEvent) -> ev.AnyEvent | None:
        """The event as far as it is the caller's; None where nothing of it is."""
        if principal.tenant is None:
            return event
        match event:
            case ev.JobAccepted():
                return event if principal.sees(event.spec.tenant) else None
            case ev.TenantChanged():
                return event if principal.sees(event.tenant.id) else None
            case ev.PlanDecided():
                return await self._part_of_plan(principal, event)
            case _:
                pass
        for job in jobs_of(event):
            if not await self._sees_job(principal, job):
                return None
        return event

    async def _part_of_plan(
        self, principal: Principal, event: ev.PlanDecided
    ) -> ev.PlanDecided | None:
        placements = [
            line for line in event.placements if await self._sees_job(principal, line.job)
        ]
        preemptions = [
            line
            for line in event.preemptions
            if await self._sees_job(principal, job_of(AttemptId(line.attempt)))
        ]
        if not placements and not preemptions:
            return None
        return msgspec.structs.replace(
            event, placements=tuple(placements), preemptions=tuple(preemptions)
        )

    async def _sees_job(self, principal: Principal, job: JobId) -> bool:
        tenant = self._tenants.get(job)
        if tenant is None:
            row = await self._driver.read(self._driver.store.job, job)
            if row is None:
                return False
            tenant = row.tenant
            self._remember(job, tenant)
        return principal.sees(tenant)

    def _remember(self, job: JobId, tenant: TenantId) -> None:
        self._tenants[job] = tenant
        if len(self._tenants) > KEPT_TENANTS:
            self._tenants.popitem(last=False)


def encoded(entry: ev.Entry, event: ev.AnyEvent) -> bytes:
    """An entry in the event-stream format."""
    kind = type(event).__name__
    view = EventView(entry.position, entry.at_ms, entry.cause, kind, msgspec.Raw(_ENCODE(event)))
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (entry.position, kind.encode(), _ENCODE(view))
