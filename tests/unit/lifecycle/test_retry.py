"""The retry rules: each has a case that reaches it."""

import pytest

from hutong.lifecycle.elements import Tries
from hutong.lifecycle.retry import RULES, Case, Verdict, judge
from hutong.model.job import RetryPolicy
from hutong.model.limits import ATTEMPTS_PER_ELEMENT
from hutong.model.reasons import (
    CancelledByUser,
    Completed,
    EndedReason,
    ExitCode,
    LeaseExpired,
    Preempted,
    ProcessLost,
    TimeLimit,
)
from hutong.model.states import JobState

TWICE = RetryPolicy(user_count=2, machine_count=1, site_count=0, user_exit_codes=(75,))

CASES: dict[str, tuple[Case, Verdict]] = {
    "success": (
        Case(TWICE, Tries(1), Completed(), cancelling=True),
        Verdict("success", JobState.SUCCEEDED),
    ),
    "cancelled": (
        Case(TWICE, Tries(1), CancelledByUser("ann"), cancelling=False),
        Verdict("cancelled", JobState.CANCELLED),
    ),
    "cancelled while it failed": (
        Case(TWICE, Tries(1), ProcessLost(), cancelling=True),
        Verdict("cancelled", JobState.CANCELLED),
    ),
    "too many attempts": (
        Case(TWICE, Tries(ATTEMPTS_PER_ELEMENT), Preempted("j9"), cancelling=False),
        Verdict("too-many-attempts", JobState.FAILED),
    ),
    "exit code not listed": (
        Case(TWICE, Tries(1), ExitCode(1), cancelling=False),
        Verdict("exit-code-not-listed", JobState.FAILED),
    ),
    "time limit where exit codes are listed": (
        Case(TWICE, Tries(1), TimeLimit(5), cancelling=False),
        Verdict("exit-code-not-listed", JobState.FAILED),
    ),
    "user budget used up": (
        Case(TWICE, Tries(3, user=2), ExitCode(75), cancelling=False),
        Verdict("budget-used-up", JobState.FAILED),
    ),
    "machine budget used up": (
        Case(TWICE, Tries(2, machine=1), ProcessLost(), cancelling=False),
        Verdict("budget-used-up", JobState.FAILED),
    ),
    "site budget used up": (
        Case(TWICE, Tries(1), LeaseExpired("bj"), cancelling=False),
        Verdict("budget-used-up", JobState.FAILED),
    ),
    "listed exit code": (
        Case(TWICE, Tries(1), ExitCode(75), cancelling=False),
        Verdict("retry", None),
    ),
    "preempted costs nothing": (
        Case(RetryPolicy(0, 0, 0), Tries(9), Preempted("j9"), cancelling=False),
        Verdict("retry", None),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_case_is_judged_by_the_first_rule_that_speaks(name: str) -> None:
    case, verdict = CASES[name]
    assert judge(case) == verdict


def test_every_rule_is_reached_by_a_case() -> None:
    reached = {verdict.rule for _, verdict in CASES.values()}
    assert reached == {name for name, _ in RULES} | {"retry"}


def test_default_policy_never_repeats_what_the_user_code_did() -> None:
    reason: EndedReason = ExitCode(1)
    assert judge(Case(RetryPolicy(), Tries(1), reason, cancelling=False)).state is JobState.FAILED
