"""Whether an attempt that did not succeed is tried again: an ordered list of named rules.

The first rule that speaks decides. A rule sees what the job asked for, what it has used up, and
why the attempt ended.
"""

from collections.abc import Callable
from typing import NamedTuple

from hutong.lifecycle.elements import Tries
from hutong.model.job import RetryPolicy
from hutong.model.limits import ATTEMPTS_PER_ELEMENT
from hutong.model.reasons import EndedReason, ExitCode
from hutong.model.states import FailureClass, JobState


class Case(NamedTuple):
    """What the rules look at. `tries` holds the failures before this one."""

    policy: RetryPolicy
    tries: Tries
    reason: EndedReason
    cancelling: bool


class Verdict(NamedTuple):
    """Requeue, or end in `state`; `rule` names the rule that said so."""

    rule: str
    state: JobState | None


def _success(case: Case) -> JobState | None:
    return JobState.SUCCEEDED if case.reason.failure is FailureClass.NONE else None


def _cancelled(case: Case) -> JobState | None:
    if case.cancelling or case.reason.failure is FailureClass.CANCELLED:
        return JobState.CANCELLED
    return None


def _too_many_attempts(case: Case) -> JobState | None:
    attempts = case.tries.attempts - case.tries.resized
    return JobState.FAILED if attempts >= ATTEMPTS_PER_ELEMENT else None


def _exit_code_not_listed(case: Case) -> JobState | None:
    codes = case.policy.user_exit_codes
    if case.reason.failure is not FailureClass.USER or not codes:
        return None
    listed = isinstance(case.reason, ExitCode) and case.reason.exit_code in codes
    return None if listed else JobState.FAILED


def _budget_used_up(case: Case) -> JobState | None:
    match case.reason.failure:
        case FailureClass.USER:
            budget = case.policy.user_count
        case FailureClass.MACHINE:
            budget = case.policy.machine_count
        case FailureClass.SITE:
            budget = case.policy.site_count
        case _:
            return None
    return JobState.FAILED if case.tries.failures(case.reason.failure) >= budget else None


RULES: tuple[tuple[str, Callable[[Case], JobState | None]], ...] = (
    ("success", _success),
    ("cancelled", _cancelled),
    ("too-many-attempts", _too_many_attempts),
    ("exit-code-not-listed", _exit_code_not_listed),
    ("budget-used-up", _budget_used_up),
)


def judge(case: Case) -> Verdict:
    """Decide what becomes of a job (or element) whose attempt ended."""
    for name, rule in RULES:
        state = rule(case)
        if state is not None:
            return Verdict(name, state)
    return Verdict("retry", None)
