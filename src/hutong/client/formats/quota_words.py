"""Rules of quotas as words: `accelerators=64@model=Ascend910B3,site=tianjin`, `cny=50000/month`.

A rule is a resource, an amount, for accelerator hours and money a window behind a slash, and behind
an `@` what it is bound to. The amount `none` takes a figure away.
"""

from typing import NamedTuple

import msgspec

from hutong.catalog.lookup import Catalog
from hutong.client.formats import chips, words
from hutong.client.formats.words import BadWord
from hutong.model.check_quota import rule_key
from hutong.model.tenant import Quota, QuotaResource, QuotaRule, QuotaWindow, flat_rules

HOUR_MS = 3_600_000
_LARGE = 10**12

RESOURCES = {
    "cpus": QuotaResource.CPU,
    "memory": QuotaResource.MEMORY,
    "accelerators": QuotaResource.ACCELERATORS,
    "jobs": QuotaResource.JOBS,
    "accelerator-hours": QuotaResource.ACCELERATOR_TIME,
    "cny": QuotaResource.MONEY,
}
_NAMES = {resource: name for name, resource in RESOURCES.items()}
_OVER_TIME = (QuotaResource.ACCELERATOR_TIME, QuotaResource.MONEY)
_BOUNDS = ("model", "site", "region")
_FIGURES = ("guaranteed", "borrow", "limit")

FORM = "Write for example `accelerators=64@model=Ascend910B3` or `cny=50000/month`."


class Figure(NamedTuple):
    """One figure of a rule: what it counts, and the amount in its unit; None takes it away."""

    rule: QuotaRule
    amount: int | None


def figure(word: str) -> Figure:
    """Read one figure. Raises `BadWord`."""
    what, _, bounds = word.partition("@")
    name, equals, size = what.partition("=")
    if not equals:
        raise BadWord("there is no `=`", FORM)
    resource = RESOURCES.get(name)
    if resource is None:
        like = words.nearest(name, RESOURCES)
        hint = f"Did you mean `{like}`? " if like else ""
        raise BadWord(
            f"`{name}` is nothing that quotas count", f"{hint}There is {words.listed(RESOURCES)}."
        )
    amount_word, window = _window(resource, name, size)
    amount = None if amount_word == "none" else _amount(resource, amount_word)
    found: dict[str, str] = {}
    for bound in bounds.split(",") if bounds else ():
        key, _, value = bound.partition("=")
        if key not in _BOUNDS or not value:
            raise BadWord(
                f"`{bound}` behind the `@` is not understood",
                "Write `model=NAME`, `site=NAME` or `region=NAME`, with commas between.",
            )
        found[key] = value
    if "@" in word and not found:
        raise BadWord("nothing stands behind the `@`", FORM)
    rule = QuotaRule(
        resource, model=found.get("model", ""), site=found.get("site", ""),
        region=found.get("region", ""), window=window,
    )  # fmt: skip
    return Figure(rule, amount)


def checked(said: Figure, catalog: Catalog) -> Figure:
    """Check the names in a figure, so that none counts nothing for a slip of the pen.

    A region gets its id; one that the catalogue lacks is the operator's own. Raises `BadWord` for a
    chip that it lacks, unless the figure is taken away.
    """
    rule = said.rule
    if rule.model and said.amount is not None:
        chips.models(catalog, rule.model)
    region = catalog.find_region(rule.region) if rule.region else None
    if region is None or said.amount is None:
        return said
    return Figure(msgspec.structs.replace(rule, region=region.id), said.amount)


def changed(quota: Quota, figures: dict[str, list[Figure]]) -> Quota:
    """A quota with figures put in; rules that say nothing any more are gone.

    `figures` are by the field of the rule: `guaranteed`, `borrow`, `limit`. Flat fields become the
    rules that they stand for; where both bound the same, the lower limit stays.
    """
    found = {rule_key(rule): rule for rule in quota.rules}
    for flat in flat_rules(quota):
        rule = found.get(rule_key(flat), flat)
        limits = [one.limit for one in (rule, flat) if one.limit is not None]
        found[rule_key(flat)] = msgspec.structs.replace(rule, limit=min(limits))
    for field, said in figures.items():
        for one in said:
            rule = found.get(rule_key(one.rule), one.rule)
            found[rule_key(rule)] = msgspec.structs.replace(rule, **{field: one.amount})
    kept = [
        rule for rule in found.values() if any(getattr(rule, name) is not None for name in _FIGURES)
    ]
    return Quota(open_jobs=quota.open_jobs, rules=tuple(kept))


def counted(rule: QuotaRule) -> str:
    """What a rule counts, as `figure` reads it without the amount."""
    bounds = [f"{name}={getattr(rule, name)}" for name in _BOUNDS if getattr(rule, name)]
    name = _NAMES[rule.resource] + (f"/{rule.window.value}" if rule.window else "")
    return f"{name}@{','.join(bounds)}" if bounds else name


def _window(resource: QuotaResource, name: str, size: str) -> tuple[str, QuotaWindow | None]:
    amount, slash, window = size.partition("/")
    if resource not in _OVER_TIME:
        if slash:
            raise BadWord(f"{name} are counted at one time, not over a {window}", FORM)
        return amount, None
    try:
        return amount, QuotaWindow(window)
    except ValueError:
        wanted = f"Write `{name}={amount or 100}/day` or `{name}={amount or 100}/month`."
        raise BadWord("the day or month that it counts over is missing", wanted) from None


def _amount(resource: QuotaResource, word: str) -> int:
    match resource:
        case QuotaResource.MEMORY:
            return 0 if word == "0" else words.size_mib(word, 2**40)
        case QuotaResource.JOBS:
            return words.whole(word, low=0, high=_LARGE)
        case QuotaResource.CPU:
            return _milli(word, "a number of CPUs such as 64")
        case QuotaResource.ACCELERATORS:
            return _milli(word, "a number of chips such as 64")
        case QuotaResource.ACCELERATOR_TIME:
            return _milli(word, "a number of chip-hours such as 1000") * HOUR_MS
        case QuotaResource.MONEY:
            return _milli(word, "a number of yuan such as 50000") * 1000


def _milli(word: str, wanted: str) -> int:
    if words.exact(word, wanted) == 0:
        return 0
    return words.milli(word, wanted=wanted, limit=_LARGE if "yuan" not in wanted else 10**9)
