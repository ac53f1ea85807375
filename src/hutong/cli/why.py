"""A reason in a few words, for the last column of a table; the sentence is `hutong explain`'s."""

from collections.abc import Callable, Mapping

from hutong.model.reasons.waiting import QUOTA_UNITS
from hutong.wire.api import JobView, ReasonView

Facts = Mapping[str, object]


def _quota(facts: Facts) -> str:
    unit, _, rest = str(facts["resource"]).partition(" ")
    return f"quota: {QUOTA_UNITS.get(unit, (1, unit))[1]} {rest}".rstrip()


_SHORT: dict[str, Callable[[Facts], str]] = {
    "waiting.not_considered": lambda _: "not looked at yet",
    "waiting.busy": lambda _: "busy",
    "waiting.turn": lambda facts: f"{facts['ahead']} ahead",
    "waiting.reserved": lambda facts: f"after {facts['holder']}",
    "waiting.cycle_full": lambda _: "next cycle",
    "waiting.quota": _quota,
    "waiting.borrow_limit": _quota,
    "waiting.quota_window": _quota,
    "waiting.dependency": lambda facts: f"needs {_first(facts['jobs'])}",
    "waiting.not_before": lambda _: "not yet due",
    "waiting.booked": lambda facts: f"booked: {facts['booking']}",
    "waiting.affinity": lambda facts: "keeps apart" if facts["apart"] else "wants neighbours",
    "waiting.better": lambda facts: f"waits for {facts['pool']}",
    "waiting.cleaner": lambda _: "waits for cleaner power",
    "waiting.array_limit": lambda facts: f"{facts['limit']} at once",
    "waiting.no_sites": lambda _: "no sites",
    "waiting.no_pool": lambda _: "no pool can run it",
    "waiting.starting": lambda facts: f"{facts['nodes']} node(s) start",
    "waiting.making_room": lambda facts: f"stops {facts['attempts']}",
    "waiting.protected": lambda _: "none may be stopped",
    "placed.best": lambda facts: f"best of {facts['candidates']}",
    "placed.best_of_many": lambda facts: f"best of {facts['pools']}",
    "placed.only": lambda _: "only one",
    "ended.completed": lambda _: "",
    "user.exit_code": lambda facts: f"exit code {facts['exit_code']}",
    "user.signal": lambda facts: f"signal {facts['signal']}",
    "user.time_limit": lambda _: "time limit",
    "user.cancelled": lambda facts: f"by {facts['by']}",
    "user.dependency": lambda facts: f"{facts['job']} {facts['state']}",
    "user.deadline": lambda _: "deadline passed",
    "user.start_failed": lambda _: "cannot be run",
    "preempted.for": lambda facts: f"for {facts['by']}",
    "preempted.spot": lambda _: "spot node taken back",
    "preempted.reclaimed": lambda facts: f"reclaimed for {facts['tenant']}",
    "preempted.resized": lambda facts: f"now {facts['tasks_after']} task(s)",
    "preempted.part_ended": lambda _: "another part ended",
    "machine.start_failed": lambda _: "site cannot start it",
    "machine.lost": lambda _: "processes vanished",
    "machine.node_gone": lambda facts: f"node {facts['node']} gone",
    "site.lease_expired": lambda facts: f"{facts['site']} silent",
    "site.fenced": lambda _: "lease ran out",
}


def in_short(reason: ReasonView) -> str:
    """A reason in a few words; the end of its code where a newer hub sends one unknown here."""
    short = _SHORT.get(reason.code)
    try:
        if short is not None:
            return short(reason.facts)
    except KeyError:
        pass
    return reason.code.rpartition(".")[2].replace("_", " ")


def of_job(job: JobView) -> str:
    """Why a job waits or how it ended; how far it is, for an array."""
    parts = []
    if job.counts is not None and job.elements > 1:
        done = job.counts.succeeded + job.counts.failed + job.counts.cancelled
        parts.append(f"{done:,}/{job.elements:,} done")
        if job.counts.failed:
            parts.append(f"{job.counts.failed:,} failed")
    if job.waiting:
        parts.append(in_short(job.waiting[0]))
    elif job.reason is not None:
        parts.append(in_short(job.reason))
    return ", ".join(part for part in parts if part)


def _first(jobs: object) -> str:
    if not isinstance(jobs, list) or not jobs:
        return "others"
    return str(jobs[0]) if len(jobs) == 1 else f"{jobs[0]} +{len(jobs) - 1}"
