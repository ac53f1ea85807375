"""The invariants of the hub's state, checked whole after each simulated step and test."""

from hutong.lifecycle.records import Attempt
from hutong.lifecycle.state import HubState
from hutong.lifecycle.use import check_windows
from hutong.model.ids import TenantId
from hutong.model.resources import Amount
from hutong.model.states import TERMINAL_JOB_STATES, AttemptState, JobState
from hutong.model.tenant import ancestors
from hutong.scheduler.state import SchedulerState

_QUOTAS = ("cpu_milli", "memory_mib", "accelerator_milli")


def check_hub(state: HubState, scheduler: SchedulerState) -> None:
    """Raise AssertionError with the facts where the state breaks an invariant."""
    _check_jobs(state)
    _check_attempts(state)
    _check_sites(state)
    _check_quotas(state)
    check_windows(state)
    scheduler.validate()
    booked = scheduler.bookings()
    assert booked == state.bookings, f"the calendar has {booked}, the state {state.bookings}"


def _check_jobs(state: HubState) -> None:
    for job in state.jobs.values():
        assert job.number < state.next_job, f"{job.id} is numbered beyond {state.next_job}"
        job.elements.validate()
        unsettled = sum(1 for held in state.attempts.values() if held.job == job.id)
        assert job.unsettled == unsettled, f"{job.id} counts {job.unsettled}, has {unsettled}"
        if job.state in TERMINAL_JOB_STATES:
            assert unsettled, f"{job.id} is {job.state} and settled, but still held"
            assert not job.elements.live, f"{job.id} is {job.state} with live elements"
            continue
        assert job.elements.ended() < job.elements.count, f"{job.id} is over, but {job.state}"
        if job.state is JobState.QUEUED:
            assert not job.elements.live, f"{job.id} is queued with live elements"
        else:
            assert job.elements.live, f"{job.id} is {job.state} without a live element"
        for element, attempt_id in job.elements.live.items():
            attempt = state.attempts.get(attempt_id)
            assert attempt is not None, f"{attempt_id} is gone, but {job.id} holds it"
            assert attempt.is_live, f"{attempt_id} is not live, but {job.id} holds it"
            assert attempt.element == element, f"{attempt_id} is of {attempt.element}"
        for element, parts in job.parts.items():
            assert job.elements.live.get(element) in parts, f"{job.id}[{element}] is not of {parts}"
            tokens = [state.attempts[part].token for part in parts]
            assert min(tokens) == max(tokens), f"{parts} are parts with the tokens {tokens}"
        for element in job.failed_part:
            assert element in job.parts, f"{job.id}[{element}] keeps a failure of no part"
        for other in job.waits_on:
            assert job.id in state.dependents.get(other, ()), f"{other} forgot {job.id}"
            assert other in state.jobs, f"{job.id} waits for {other}, which is gone"


def _check_attempts(state: HubState) -> None:
    tokens: dict[tuple[int, int], Attempt] = {}
    leads: dict[int, Attempt] = {}
    for attempt in state.attempts.values():
        assert attempt.token < state.next_token, f"{attempt.id} has token {attempt.token}"
        twin = tokens.setdefault((attempt.token, attempt.part), attempt)
        assert twin is attempt, f"{attempt.id} and {twin.id} share a token"
        lead = leads.setdefault(attempt.token, attempt)
        same = _gang_of(lead) == _gang_of(attempt)
        assert same, f"{attempt.id} and {lead.id} share a token and are no parts of one gang"
        part = f"{attempt.part} of {attempt.parts}"
        assert 0 <= attempt.part < attempt.parts, f"{attempt.id} is part {part}"
        job = state.jobs.get(attempt.job)
        assert job is not None, f"{attempt.id} has no job"
        if attempt.is_live:
            live = job.live_parts(attempt.element)
            assert attempt.id in live, f"{attempt.id} is live, but the job holds {live}"
            assert len(live) == 1 or attempt.parts > 1, f"{live} are live, but no parts of a gang"
        stopping = attempt.state is AttemptState.STOPPING
        assert not stopping or attempt.stop is not None, f"{attempt.id} stops without a cause"
        assert attempt.id in state.sites[attempt.site].attempts, f"{attempt.site} forgot it"


def _gang_of(attempt: Attempt) -> tuple[str, int, int, int]:
    return attempt.job, attempt.element, attempt.number, attempt.parts


def _check_sites(state: HubState) -> None:
    for record in state.sites.values():
        for attempt_id in (*record.attempts, *record.unsent, *record.stopping):
            attempt = state.attempts.get(attempt_id)
            assert attempt is not None, f"{record.site.id} lists {attempt_id}, which is gone"
            assert attempt.site == record.site.id, f"{attempt_id} is at {attempt.site}"
        for attempt_id in record.unsent:
            attempt = state.attempts[attempt_id]
            assert attempt.is_live, f"{attempt_id} is over and must not start"
            assert attempt.stop is None, f"{attempt_id} is to stop and must not start"
            assert not attempt.known_at, f"{attempt_id} is known and need not be sent"


def _check_quotas(state: HubState) -> None:
    held: dict[TenantId, Amount] = {}
    newest: dict[tuple[TenantId, str], int] = {}
    for attempt in state.attempts.values():
        if not attempt.is_live:
            continue
        mine = attempt.held()
        for level in ancestors(attempt.tenant):
            held[level] = held.get(level, Amount()).plus(mine)
            for name in _QUOTAS:
                if getattr(mine, name):
                    newest[level, name] = max(newest.get((level, name), 0), attempt.token)
    for tenant_id, amount in held.items():
        tenant = state.tenants.get(tenant_id)
        if tenant is None:
            continue
        for name in _QUOTAS:
            # A quota may be lowered below what is held: then nothing that takes of it is placed.
            if newest.get((tenant_id, name), 0) < state.tenants_changed[tenant_id]:
                continue
            limit, used = getattr(tenant.quota, name), getattr(amount, name)
            assert limit is None or used <= limit, f"{tenant_id} holds {used} {name} of {limit}"
