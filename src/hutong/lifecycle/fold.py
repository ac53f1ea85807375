"""The fold: how each event changes the hub's state and the scheduler's columns.

Theory of operation. `Fold.apply` is the only code that changes `HubState`; it decides nothing and
trusts its events, live and replayed alike, so the same journal always gives the same state. What
it derives (the scheduler's queue and columns, which jobs wait for the clock) is rebuilt from the
state by `rebuild`. Rows of the read tables that an event changed are gathered in `changed`.
"""

from collections.abc import Callable
from typing import Any

from hutong.lifecycle import events as ev
from hutong.lifecycle.changes import Changes
from hutong.lifecycle.elements import Elements
from hutong.lifecycle.records import Attempt, Job, SiteRecord
from hutong.lifecycle.rows import ElementRow
from hutong.lifecycle.state import HubState
from hutong.lifecycle.timers import Timers
from hutong.model.errors import refuse
from hutong.model.ids import AttemptId, JobId, SiteId, split_node
from hutong.model.limits import LEASE_TTL_MS
from hutong.model.reasons import ArrayLimit, AwaitsJobs, CancelledByUser, NotBefore, Preempted
from hutong.model.resources import Amount
from hutong.model.states import (
    ATTEMPT_MOVES,
    JOB_MOVES,
    TERMINAL_JOB_STATES,
    AttemptState,
    JobState,
)
from hutong.model.supply import NodeCondition
from hutong.model.tenant import Usage, ancestors
from hutong.scheduler.state import QueuedJob, RunningAttempt, SchedulerState, SiteStatus

_JOB_STATE_OF = {
    AttemptState.STAGING: JobState.STAGING,
    AttemptState.STARTING: JobState.STARTING,
    AttemptState.RUNNING: JobState.RUNNING,
}


class Fold:
    """State and columns, and the functions that apply events to them."""

    def __init__(self, state: HubState, scheduler: SchedulerState) -> None:
        self.state = state
        self.scheduler = scheduler
        self.timers = Timers()
        self.changes = Changes()
        self.clock_ms = 0
        self._handlers: dict[type, Callable[[Any, ev.Entry], None]] = {
            ev.HubCreated: self._hub_created,
            ev.HubStarted: self._hub_started,
            ev.TenantChanged: self._tenant_changed,
            ev.SiteDescribed: self._site_described,
            ev.InventoryChanged: self._inventory_changed,
            ev.SiteDrained: self._site_drained,
            ev.NodeDrained: self._node_drained,
            ev.SiteSilent: self._site_silent,
            ev.SiteReturned: self._site_returned,
            ev.JobAccepted: self._job_accepted,
            ev.CancelRequested: self._cancel_requested,
            ev.PlanDecided: self._plan_decided,
            ev.AttemptMoved: self._attempt_moved,
            ev.AttemptEnded: self._attempt_ended,
            ev.AttemptLost: self._attempt_lost,
            ev.AttemptSettled: self._attempt_settled,
            ev.JobRequeued: self._job_requeued,
            ev.ElementEnded: self._element_ended,
            ev.JobEnded: self._job_ended,
        }

    def apply(self, entry: ev.Entry) -> None:
        """Fold one entry in. Entries come in order, without gaps."""
        expected = self.state.position + 1
        assert entry.position == expected, f"entry {entry.position} where {expected} was due"
        self.clock_ms = max(self.clock_ms, entry.at_ms)
        self._handlers[type(entry.event)](entry.event, entry)
        self.state.position = entry.position

    # The hub, tenants, sites

    def _hub_created(self, event: ev.HubCreated, entry: ev.Entry) -> None:
        self.state.hub = event.hub

    def _hub_started(self, event: ev.HubStarted, entry: ev.Entry) -> None:
        for record in self.state.sites.values():
            record.heard_ms = entry.at_ms
            record.lease_until_ms = entry.at_ms + LEASE_TTL_MS
            record.session = ""

    def _tenant_changed(self, event: ev.TenantChanged, entry: ev.Entry) -> None:
        self.state.tenants[event.tenant.id] = event.tenant
        self.state.tenants_changed_ms[event.tenant.id] = entry.at_ms
        self.scheduler.put_tenant(event.tenant)

    def _site_described(self, event: ev.SiteDescribed, entry: ev.Entry) -> None:
        record = self.state.sites.get(event.site.id)
        if record is None:
            record = SiteRecord(event.site)
            self.state.sites[event.site.id] = record
        else:
            record.site = event.site
        self.scheduler.put_site(event.site)
        self.show_status(record)

    def _inventory_changed(self, event: ev.InventoryChanged, entry: ev.Entry) -> None:
        record = self.state.sites[event.site]
        record.inventory = event.inventory
        self.scheduler.put_inventory(event.site, event.inventory)
        for node in record.drained_nodes:
            self._show_node(record, node)

    def _site_drained(self, event: ev.SiteDrained, entry: ev.Entry) -> None:
        record = self.state.sites[event.site]
        record.draining = event.draining
        self.show_status(record)

    def _node_drained(self, event: ev.NodeDrained, entry: ev.Entry) -> None:
        record = self.state.sites[split_node(event.node)[0]]
        if event.draining:
            record.drained_nodes[event.node] = True
        else:
            record.drained_nodes.pop(event.node, None)
        self._show_node(record, event.node)

    def _site_silent(self, event: ev.SiteSilent, entry: ev.Entry) -> None:
        record = self.state.sites[event.site]
        record.silent = True
        self.show_status(record)

    def _site_returned(self, event: ev.SiteReturned, entry: ev.Entry) -> None:
        record = self.state.sites[event.site]
        record.silent = False
        self.show_status(record)

    def show_status(self, record: SiteRecord) -> None:
        """Tell the scheduler whether a site takes new work."""
        if record.silent:
            status = SiteStatus.SILENT
        elif record.draining:
            status = SiteStatus.DRAINING
        else:
            status = SiteStatus.READY
        self.scheduler.set_site_status(record.site.id, status)

    def _show_node(self, record: SiteRecord, name: str) -> None:
        for node in record.inventory.nodes:
            if node.id == name:
                draining = name in record.drained_nodes and node.condition is NodeCondition.READY
                condition = NodeCondition.DRAINING if draining else node.condition
                self.scheduler.set_node_condition(node.id, condition)

    # Jobs

    def _job_accepted(self, event: ev.JobAccepted, entry: ev.Entry) -> None:
        state, spec = self.state, event.spec
        job = Job(
            event.job,
            state.next_job,
            spec,
            entry.position,
            entry.at_ms,
            Elements(spec.elements),
            key=event.key,
            by=event.by,
        )
        state.next_job += 1
        state.jobs[job.id] = job
        if event.key:
            state.keys.setdefault(spec.tenant, {})[event.key] = job.id
        for dependency in spec.depends_on:
            other = state.jobs.get(dependency.job)
            if other is not None and other.state not in TERMINAL_JOB_STATES:
                job.waits_on[other.id] = True
                state.dependents.setdefault(other.id, []).append(job.id)
        for level in ancestors(spec.tenant):
            state.open_jobs[level] = state.open_jobs.get(level, 0) + 1
        self.enter_queue(job)
        self.timers.watch(job)
        self.changes.job(job)

    def enter_queue(self, job: Job) -> None:
        """Put a job into the scheduler's queue, at the place its number gives it."""
        queued = QueuedJob(job.id, job.number, job.spec, job.submitted_ms)
        self.scheduler.enqueue(queued, job.startable())
        if job.waits_on or job.spec.not_before_ms or job.spec.array:
            self.refresh(job)

    def refresh(self, job: Job) -> None:
        """Tell the scheduler what of a job could start now, and what holds it if nothing."""
        array = job.spec.array
        if job.waits_on:
            self.scheduler.hold(job.id, AwaitsJobs(tuple(job.waits_on)))
        elif job.spec.not_before_ms > self.clock_ms:
            self.scheduler.hold(job.id, NotBefore(job.spec.not_before_ms))
        elif array and 0 < array.max_parallel <= len(job.elements.live):
            self.scheduler.hold(job.id, ArrayLimit(array.max_parallel))
        else:
            self.scheduler.hold(job.id, None)
        self.scheduler.set_available(job.id, job.startable())

    def _cancel_requested(self, event: ev.CancelRequested, entry: ev.Entry) -> None:
        job = self.state.jobs[event.job]
        if event.element is not None:
            job.cancelled_elements[event.element] = event.by
            self._stop(job.elements.live.get(event.element), CancelledByUser(event.by))
        else:
            job.cancelled_by = event.by
            for attempt in job.elements.live.values():
                self._stop(attempt, CancelledByUser(event.by))
            if job.is_array:
                job.elements.end_all_queued(JobState.CANCELLED)
        job.note(entry.at_ms, f"{event.by} asked to cancel it")
        self.refresh(job)
        self.changes.job(job)

    def _stop(self, attempt_id: AttemptId | None, why: CancelledByUser | Preempted) -> None:
        attempt = self.state.attempts.get(attempt_id) if attempt_id else None
        if attempt is None or attempt.stop is not None or not attempt.is_live:
            return
        attempt.stop = why
        self._move_attempt(attempt, AttemptState.STOPPING)
        record = self.state.sites[attempt.site]
        record.stopping[attempt.id] = True
        record.unsent.pop(attempt.id, None)
        self._mark_stopping(attempt)
        self.changes.attempt(attempt)

    def _mark_stopping(self, attempt: Attempt) -> None:
        for_job = JobId(attempt.stop.by) if isinstance(attempt.stop, Preempted) else None
        self.scheduler.mark_stopping(attempt.id, for_job)

    def _job_requeued(self, event: ev.JobRequeued, entry: ev.Entry) -> None:
        job = self.state.jobs[event.job]
        element = event.element or 0
        tries = job.elements.tries[element]
        tries.count(event.reason.failure)
        job.elements.give_back(element)
        job.reason = event.reason
        self._show_array_state(job) if job.is_array else self._move_job(job, JobState.QUEUED)
        job.note(entry.at_ms, f"back in the queue: {event.reason.sentence()}")
        self.refresh(job)
        self.changes.job(job)

    def _element_ended(self, event: ev.ElementEnded, entry: ev.Entry) -> None:
        job = self.state.jobs[event.job]
        job.elements.end(event.element, event.state)
        job.cancelled_elements.pop(event.element, None)
        self._show_array_state(job)
        self.refresh(job)
        self.changes.job(job)
        self.changes.elements.append(
            ElementRow(job.id, event.element, event.state, entry.at_ms, event.reason)
        )

    def _job_ended(self, event: ev.JobEnded, entry: ev.Entry) -> None:
        state = self.state
        job = state.jobs[event.job]
        if job.is_array:
            job.elements.end_all_queued(event.state)
            job.state = event.state
        else:
            job.elements.end(0, event.state)
            self._move_job(job, event.state)
        job.reason = event.reason
        job.ended_ms = entry.at_ms
        for level in ancestors(job.spec.tenant):
            state.open_jobs[level] -= 1
        self.scheduler.dequeue(job.id)
        for other in job.waits_on:
            waiting = state.dependents.get(other, [])
            if job.id in waiting:
                waiting.remove(job.id)
        job.waits_on.clear()
        for waiting_id in state.dependents.pop(job.id, ()):
            waiting_job = state.jobs.get(waiting_id)
            if waiting_job is not None:
                waiting_job.waits_on.pop(job.id, None)
                self.refresh(waiting_job)
        self.changes.job(job)
        self._archive(job)

    def _show_array_state(self, job: Job) -> None:
        if job.state in TERMINAL_JOB_STATES:
            return
        if not job.elements.live:
            job.state = JobState.QUEUED
        else:
            job.state = JobState.RUNNING if job.started_ms else JobState.PLACED

    def _archive(self, job: Job) -> None:
        """A job that is over and settled leaves the memory; the store keeps its rows."""
        if job.state not in TERMINAL_JOB_STATES or job.unsettled:
            return
        del self.state.jobs[job.id]
        if job.key:
            keys = self.state.keys[job.spec.tenant]
            keys.pop(job.key, None)
            if not keys:
                del self.state.keys[job.spec.tenant]

    # Attempts

    def _plan_decided(self, event: ev.PlanDecided, entry: ev.Entry) -> None:
        self.state.cycle = event.cycle
        for placed in event.placements:
            self._place(placed, entry)
        for preempted in event.preemptions:
            self._stop(preempted.attempt, Preempted(preempted.by))

    def _place(self, placed: ev.AttemptPlaced, entry: ev.Entry) -> None:
        state = self.state
        job = state.jobs[placed.job]
        element = placed.element or 0
        job.elements.take(element, placed.attempt)
        state.next_token = max(state.next_token, placed.token + 1)
        attempt = Attempt(
            placed.attempt,
            job.id,
            element,
            job.is_array,
            job.spec.tenant,
            job.spec.priority,
            placed.number,
            placed.token,
            placed.site,
            placed.pool,
            placed.nodes,
            placed.needs,
            placed.accelerator,
            placed.rate_microcny_per_hour,
            entry.at_ms,
            placed.expected_end_ms,
            placed.reason,
            placed.explanation,
        )
        state.attempts[attempt.id] = attempt
        record = state.sites[attempt.site]
        record.attempts[attempt.id] = True
        record.unsent[attempt.id] = True
        job.unsettled += 1
        job.attempts += 1
        job.site, job.accelerator = placed.site, placed.accelerator
        self._show_array_state(job) if job.is_array else self._move_job(job, JobState.PLACED)
        self.run(attempt, job)
        self.refresh(job)
        self.changes.attempt(attempt)
        self.changes.job(job)

    def run(self, attempt: Attempt, job: Job) -> None:
        """Account a live attempt in the scheduler's columns."""
        self.scheduler.start(
            RunningAttempt(
                attempt=attempt.id,
                job=job.id,
                seq=job.number,
                tenant=attempt.tenant,
                priority=attempt.priority,
                site=attempt.site,
                pool=attempt.pool,
                nodes=attempt.nodes,
                needs=attempt.needs,
                started_ms=attempt.placed_ms,
                expected_end_ms=attempt.expected_end_ms,
                preemptible=job.spec.preemptible,
                min_run_ms=job.spec.min_run_ms,
                exclusive=job.spec.exclusive,
            )
        )

    def _attempt_moved(self, event: ev.AttemptMoved, entry: ev.Entry) -> None:
        attempt = self.state.attempts[event.attempt]
        job = self.state.jobs[attempt.job]
        attempt.known = True
        self.state.sites[attempt.site].unsent.pop(attempt.id, None)
        attempt.started_ms = attempt.started_ms or event.started_ms
        if event.started_ms and not job.started_ms:
            job.started_ms = event.started_ms
        if attempt.state is not AttemptState.STOPPING:
            self._move_attempt(attempt, event.state)
            if job.is_array:
                self._show_array_state(job)
            else:
                self._move_job(job, _JOB_STATE_OF[event.state])
        self.changes.attempt(attempt)
        self.changes.job(job)

    def _attempt_ended(self, event: ev.AttemptEnded, entry: ev.Entry) -> None:
        attempt = self.state.attempts[event.attempt]
        job = self.state.jobs[attempt.job]
        self._move_attempt(attempt, AttemptState.ENDED)
        attempt.started_ms = event.started_ms
        attempt.ended_ms = event.ended_ms
        attempt.reason = event.reason
        self.scheduler.release(attempt.id)
        if event.started_ms and not job.started_ms:
            job.started_ms = event.started_ms
        self._meter(attempt, job, attempt.usage(), attempt.cost_microcny())
        self._leave(attempt, job)
        self.changes.attempt(attempt)
        self.changes.job(job)

    def _attempt_lost(self, event: ev.AttemptLost, entry: ev.Entry) -> None:
        attempt = self.state.attempts[event.attempt]
        job = self.state.jobs[attempt.job]
        self._move_attempt(attempt, AttemptState.LOST)
        attempt.ended_ms = event.ended_ms
        attempt.reason = event.reason
        self.scheduler.release(attempt.id)
        record = self.state.sites[attempt.site]
        record.unsent.pop(attempt.id, None)
        record.stopping[attempt.id] = True
        self._meter(attempt, job, attempt.usage(), attempt.cost_microcny())
        self.changes.attempt(attempt)
        self.changes.job(job)

    def _attempt_settled(self, event: ev.AttemptSettled, entry: ev.Entry) -> None:
        attempt = self.state.attempts[event.attempt]
        job = self.state.jobs[attempt.job]
        before, cost_before = attempt.usage(), attempt.cost_microcny()
        attempt.started_ms = event.started_ms
        attempt.ended_ms = event.ended_ms
        after = attempt.usage().plus(before, -1)
        self._meter(attempt, job, after, attempt.cost_microcny() - cost_before)
        self._leave(attempt, job)
        self.changes.attempt(attempt)
        self.changes.job(job)
        self._archive(job)

    def _meter(self, attempt: Attempt, job: Job, usage: Usage, cost_microcny: int) -> None:
        before = self.state.meter.get(attempt.tenant, Usage())
        self.state.meter[attempt.tenant] = before.plus(usage)
        job.cost_microcny += cost_microcny

    def _leave(self, attempt: Attempt, job: Job) -> None:
        record = self.state.sites[attempt.site]
        record.attempts.pop(attempt.id, None)
        record.unsent.pop(attempt.id, None)
        record.stopping.pop(attempt.id, None)
        del self.state.attempts[attempt.id]
        job.unsettled -= 1

    # Moves

    def _move_job(self, job: Job, after: JobState) -> None:
        if job.state is after:
            return
        if after not in JOB_MOVES[job.state]:
            raise refuse(
                "lifecycle.invalid_transition",
                what=f"job {job.id}",
                before=job.state.value,
                after=after.value,
                story="; ".join(line for _, line in job.story),
            )
        job.state = after

    def _move_attempt(self, attempt: Attempt, after: AttemptState) -> None:
        if attempt.state is after:
            return
        if after not in ATTEMPT_MOVES[attempt.state]:
            raise refuse(
                "lifecycle.invalid_transition",
                what=f"attempt {attempt.id}",
                before=attempt.state.value,
                after=after.value,
                story=f"placed at {attempt.placed_ms} on {attempt.pool}",
            )
        attempt.state = after

    # Starting from a snapshot

    def rebuild(self) -> None:
        """Derive the scheduler's columns and the timers from the state, once after loading."""
        for tenant in self.state.tenants.values():
            self.scheduler.put_tenant(tenant)
        for record in self.state.sites.values():
            self.scheduler.put_site(record.site)
            self.scheduler.put_inventory(record.site.id, record.inventory)
            for node in record.drained_nodes:
                self._show_node(record, node)
            self.show_status(record)
        for job in self.state.jobs.values():
            if job.state in TERMINAL_JOB_STATES:
                continue
            self.enter_queue(job)
            self.timers.watch(job)
        for attempt in self.state.attempts.values():
            if attempt.is_live:
                self.run(attempt, self.state.jobs[attempt.job])
                if attempt.stop is not None:
                    self._mark_stopping(attempt)

    def held_by(self, site: SiteId) -> Amount:
        """What the live attempts of a site hold together."""
        held = Amount()
        for attempt_id in self.state.sites[site].attempts:
            attempt = self.state.attempts[attempt_id]
            if attempt.is_live:
                held = held.plus(attempt.held())
        return held

    def job(self, job: JobId) -> Job | None:
        """A job held here."""
        return self.state.jobs.get(job)
