"""The fold: how each event changes the hub's state and the scheduler's columns.

Theory of operation. `Fold.apply` is the only code that changes `HubState`; it decides nothing and
trusts its events, live and replayed alike, so the same journal always gives the same state. What
it derives (the scheduler's queue and columns, which jobs wait for the clock) is rebuilt from the
state by `rebuild`. Rows of the read tables that an event changed are gathered in `changes`.
"""

from collections.abc import Callable
from typing import Any

from hutong.lifecycle import events as ev
from hutong.lifecycle import fold_attempts, fold_bookings, fold_jobs, fold_sites, offers
from hutong.lifecycle.ground import Ground
from hutong.lifecycle.state import HubState
from hutong.lifecycle.use import lend_records, profile_changed
from hutong.model.states import TERMINAL_JOB_STATES
from hutong.scheduler.state import SchedulerState

HANDLERS: dict[type, Callable[[Ground, Any, ev.Entry], None]] = {
    ev.HubCreated: fold_sites.hub_created,
    ev.HubStarted: fold_sites.hub_started,
    ev.ProfileChanged: profile_changed,
    ev.TenantChanged: fold_sites.tenant_changed,
    ev.SiteDescribed: fold_sites.site_described,
    ev.InventoryChanged: fold_sites.inventory_changed,
    ev.SiteDrained: fold_sites.site_drained,
    ev.NodeDrained: fold_sites.node_drained,
    ev.SiteSilent: fold_sites.site_silent,
    ev.SiteReturned: fold_sites.site_returned,
    ev.JobAccepted: fold_jobs.job_accepted,
    ev.CancelRequested: fold_jobs.cancel_requested,
    ev.PartFailed: fold_attempts.part_failed,
    ev.JobRequeued: fold_jobs.job_requeued,
    ev.ElementEnded: fold_jobs.element_ended,
    ev.JobEnded: fold_jobs.job_ended,
    ev.PlanDecided: fold_attempts.plan_decided,
    ev.OfferScaled: offers.offer_scaled,
    ev.AttemptMoved: fold_attempts.attempt_moved,
    ev.AttemptCheckpointed: fold_attempts.attempt_checkpointed,
    ev.AttemptEnded: fold_attempts.attempt_ended,
    ev.AttemptLost: fold_attempts.attempt_lost,
    ev.AttemptSettled: fold_attempts.attempt_settled,
    ev.BookingPut: fold_bookings.booking_put,
    ev.BookingRemoved: fold_bookings.booking_gone,
    ev.BookingEnded: fold_bookings.booking_gone,
}


class Fold(Ground):
    """State and columns, with events applied to them."""

    def __init__(self, state: HubState, scheduler: SchedulerState) -> None:
        super().__init__(state, scheduler)
        lend_records(self)

    def apply(self, entry: ev.Entry) -> None:
        """Fold one entry in. Entries come in order, without gaps."""
        expected = self.state.position + 1
        assert entry.position == expected, f"entry {entry.position} where {expected} was due"
        self.clock_ms = max(self.clock_ms, entry.at_ms)
        self.scheduler.tell_time(entry.at_ms)
        HANDLERS[type(entry.event)](self, entry.event, entry)
        self.state.position = entry.position

    def rebuild(self) -> None:
        """Derive the scheduler's columns and the timers from the state, once after loading."""
        state, scheduler = self.state, self.scheduler
        scheduler.remember_use(None, {}, 0)
        for tenant in state.tenants.values():
            scheduler.put_tenant(tenant)
        for record in state.sites.values():
            scheduler.put_site(record.site)
            scheduler.put_inventory(record.site.id, record.inventory)
            for node in record.drained_nodes:
                self.show_node(record, node)
            offers.show_all(self, record)
            self.show_status(record)
        for name, sites in state.replicas.items():
            for site in sites:
                scheduler.note_replica(name, site)
        for booking in state.bookings.values():
            scheduler.put_booking(booking)
            self.timers.watch_booking(booking)
        for job in state.jobs.values():
            if job.state in TERMINAL_JOB_STATES:
                continue
            self.enter_queue(job)
            if job.resume is not None:
                self.show_resumption(job)
            self.timers.watch(job)
        for attempt in state.attempts.values():
            if attempt.is_live:
                self.run(attempt, state.jobs[attempt.job])
                if attempt.stop is not None:
                    self.mark_stopping(attempt)
        lend_records(self)
