"""Whether the demonstration went as it must: sentences, and what speaks against each."""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from hutong.cli.demo.workload import ARRAY, CHAIN, JOBS, RETRIED, UNPLACEABLE, URGENT
from hutong.client.client import Client
from hutong.model.supply import cost_microcny
from hutong.wire.api import AttemptView, ExplainReply, JobDetail


class Outcome(NamedTuple):
    """What was found out about the jobs once they had ended."""

    jobs: dict[str, JobDetail]
    attempts: dict[str, list[AttemptView]]
    explained: dict[str, ExplainReply]
    logs: dict[str, str]
    usage_microcny: int


def gather(client: Client, ids: dict[str, str]) -> Outcome:
    """Ask the hub for everything the checks and the summary look at."""
    jobs = {name: client.job(job) for name, job in ids.items()}
    attempts = {name: client.attempts(job, limit=1_000) for name, job in ids.items()}
    logs = {}
    for name, job in ids.items():
        element = 0 if jobs[name].job.elements > 1 else None
        if attempts[name]:
            logs[name] = client.log(job, element=element).data.decode(errors="replace")
    explained = {name: client.explain(ids[name]) for name in (UNPLACEABLE, URGENT)}
    return Outcome(jobs, attempts, explained, logs, client.usage().total_cost_microcny)


def check(outcome: Outcome) -> Iterator[tuple[str, str]]:
    """Give each check as (sentence, what speaks against it; empty if it holds)."""
    for sentence, found in _checks(outcome):
        yield sentence, "" if found is True else str(found)


def _checks(outcome: Outcome) -> Iterator[tuple[str, bool | str]]:
    for name, expected in JOBS.items():
        view = outcome.jobs[name].job
        tried = len([held for held in outcome.attempts[name] if not _preempted(held)])
        found = f"it is {view.state} after {tried} attempt(s)"
        holds = view.state == expected.state and tried == expected.attempts
        yield f"{name} is {expected.state} after {expected.attempts} attempt(s)", holds or found
        if expected.log:
            log = outcome.logs.get(name, "")
            yield (
                f"the log of {name} says `{expected.log}`",
                expected.log in log or repr(log[-200:]),
            )
    yield from _order(outcome)
    yield from _reasons(outcome)
    yield "the bill is the sum of all attempts at their price", _bill(outcome)


def _preempted(attempt: AttemptView) -> bool:
    """An urgent job may have taken its place; that costs the job none of its tries."""
    return attempt.reason is not None and attempt.reason.code == "preempted.for"


def _order(outcome: Outcome) -> Iterator[tuple[str, bool | str]]:
    for before, after in pairwise(CHAIN):
        ended, started = outcome.jobs[before].job.ended_ms, outcome.jobs[after].job.started_ms
        in_order = 0 < ended <= started
        yield f"{after} started after {before} had ended", in_order or f"{ended}, {started}"
    urgent = outcome.jobs[URGENT].job
    last = max((held.started_ms for held in outcome.attempts[ARRAY]), default=0)
    later = outcome.jobs[ARRAY].job.submitted_ms < urgent.submitted_ms
    overtook = later and 0 < urgent.started_ms < last
    yield (
        f"{URGENT} was handed in after {ARRAY} and started before the rest of it",
        overtook or f"it started at {urgent.started_ms}, the last of {ARRAY} at {last}",
    )
    chips = {held.accelerator for held in outcome.attempts[ARRAY]}
    yield f"{ARRAY} ran on chips of two kinds or more", len(chips) > 1 or f"only {chips}"
    gang = outcome.jobs["allreduce"].attempts
    tasks = sum(share.tasks for held in gang for share in held.nodes)
    yield "allreduce ran as one gang of two tasks", tasks == 2 or f"{tasks} tasks"


def _reasons(outcome: Outcome) -> Iterator[tuple[str, bool | str]]:
    codes = [reason.code for reason in outcome.explained[UNPLACEABLE].reasons]
    yield f"{UNPLACEABLE} says that no pool can run it", codes == ["waiting.no_pool"] or f"{codes}"
    explanation = outcome.explained[URGENT].explanation
    seen = len(explanation.candidates) if explanation else 0
    yield f"{URGENT} says which places were considered", seen > 0 or "it says none"
    first = min(outcome.attempts[RETRIED], key=lambda held: held.number, default=None)
    code = first.reason.code if first and first.reason else "nothing"
    yield f"{RETRIED} says why it was tried again", code == "user.exit_code" or code


def _bill(outcome: Outcome) -> bool | str:
    total = 0
    for held in (one for attempts in outcome.attempts.values() for one in attempts):
        ran_ms = held.ended_ms - held.started_ms if held.started_ms else 0
        cost = cost_microcny(held.rate_microcny_per_hour, ran_ms)
        if cost != held.cost_microcny:
            return f"{held.id} cost {held.cost_microcny}, its interval makes {cost}"
        total += cost
    return total == outcome.usage_microcny or f"{outcome.usage_microcny}, not {total}"
