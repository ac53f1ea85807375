"""What time alone brings about: silent sites, leases that run out, deadlines, earliest starts."""

from hutong.lifecycle import events as ev
from hutong.lifecycle.bookings import look_at_bookings
from hutong.lifecycle.records import SiteRecord
from hutong.lifecycle.scaling import look_again
from hutong.lifecycle.settle import end_job, settle_attempt
from hutong.lifecycle.turn import Turn
from hutong.model.limits import LEASE_MARGIN_MS, SILENT_AFTER_MS
from hutong.model.reasons import DeadlinePassed, LeaseExpired
from hutong.model.states import TERMINAL_JOB_STATES, JobState


def tick(turn: Turn) -> None:
    """Bring about what is due."""
    turn.fold.clock_ms = max(turn.fold.clock_ms, turn.now_ms)
    for record in list(turn.state.sites.values()):
        if not record.silent and turn.now_ms - record.heard_ms > SILENT_AFTER_MS:
            turn.emit(ev.SiteSilent(record.site.id))
        if turn.now_ms > record.lease_until_ms + LEASE_MARGIN_MS:
            _lose_attempts(turn, record)
    look_again(turn)
    for job_id in turn.fold.timers.opened(turn.now_ms):
        job = turn.state.jobs.get(job_id)
        if job is not None and job.state not in TERMINAL_JOB_STATES:
            turn.fold.refresh(job)
            turn.want_cycle()
    look_at_bookings(turn)
    for job_id in turn.fold.timers.past_deadline(turn.now_ms):
        job = turn.state.jobs.get(job_id)
        if job is None or job.state in TERMINAL_JOB_STATES or job.elements.live:
            continue
        end_job(turn, job, JobState.CANCELLED, DeadlinePassed(job.spec.deadline_ms))


def _lose_attempts(turn: Turn, record: SiteRecord) -> None:
    """The site must have ended them by now, or never got them: they may run elsewhere."""
    for attempt_id in list(record.attempts):
        attempt = turn.state.attempts[attempt_id]
        if not attempt.is_live:
            continue
        reason = attempt.stop or LeaseExpired(record.site.id)
        ended_ms = max(attempt.started_ms, record.heard_ms) if attempt.started_ms else 0
        turn.emit(ev.AttemptLost(attempt.id, reason, ended_ms))
        settle_attempt(turn, attempt, reason)
