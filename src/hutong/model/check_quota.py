"""Checks of a tenant's quota, the same for client and hub."""

from hutong.model import limits
from hutong.model.ids import is_name
from hutong.model.tenant import Quota, QuotaResource, QuotaRule

AMOUNT_MAX = 2**62

_HELD = (QuotaResource.CPU, QuotaResource.MEMORY, QuotaResource.ACCELERATORS)
_OVER_TIME = (QuotaResource.ACCELERATOR_TIME, QuotaResource.MONEY)
_MODELS = limits.ALTERNATIVES * 16


def problem_of_quota(quota: Quota) -> str:
    """Say what is wrong with a quota, in words that go on after the tenant's name; empty if all is
    right.
    """
    amounts = {
        "cpu_milli": quota.cpu_milli,
        "memory_mib": quota.memory_mib,
        "accelerator_milli": quota.accelerator_milli,
        "running_jobs": quota.running_jobs,
        "open_jobs": quota.open_jobs,
        **quota.accelerator_milli_by_model,
    }
    if len(quota.accelerator_milli_by_model) > _MODELS:
        return f"its quota names more than {_MODELS} chip models"
    if not all(_is_word(model) for model in quota.accelerator_milli_by_model):
        return "its quota names a chip model that cannot be one"
    for name, amount in amounts.items():
        if amount is not None and not 0 <= amount <= AMOUNT_MAX:
            return f"its quota of {name} is below zero or too large"
    if len(quota.rules) > limits.QUOTA_RULES:
        return f"its quota has more than {limits.QUOTA_RULES} rules"
    known: dict[tuple[object, ...], bool] = {}
    for rule in quota.rules:
        problem = _problem_of_rule(rule)
        if problem:
            return f"the rule of its quota for {rule.resource.value} {problem}"
        if rule_key(rule) in known:
            return f"its quota has two rules for the same {rule.resource.value}"
        known[rule_key(rule)] = True
    return ""


def rule_key(rule: QuotaRule) -> tuple[object, ...]:
    """What a rule counts; no two rules of a quota count the same."""
    return rule.resource, rule.model, rule.site, rule.region, rule.window


def _problem_of_rule(rule: QuotaRule) -> str:
    amounts = (rule.guaranteed, rule.borrow, rule.limit)
    said = [amount for amount in amounts if amount is not None]
    if not said:
        return "says neither a guarantee nor what may be borrowed nor a limit"
    if not all(0 <= amount <= AMOUNT_MAX for amount in said):
        return "has an amount below zero or too large"
    if rule.resource not in _HELD and (rule.guaranteed is not None or rule.borrow is not None):
        return "can have a limit only: CPU, memory and accelerators are guaranteed and lent"
    if rule.resource in _OVER_TIME and rule.window is None:
        return "has no window: it counts over a `day` or a `month`"
    if rule.resource not in _OVER_TIME and rule.window is not None:
        return "has a window, though it counts what is held at one time"
    if rule.model and not _is_word(rule.model):
        return "names a chip model that cannot be one"
    if rule.site and not is_name(rule.site):
        return "names a site that cannot be one"
    if rule.region and not _is_word(rule.region):
        return "names a region that cannot be one"
    return ""


def _is_word(text: str) -> bool:
    return 0 < len(text) <= limits.NAME_CHARS and text.isprintable()
