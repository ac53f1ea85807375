"""`hutong tenants` and `hutong tenant`."""

from typing import Annotated

import msgspec
from cyclopts import App, Parameter

from hutong.catalog import load_catalog
from hutong.cli import human, output
from hutong.cli.options import ANY_HUB, Hub, Json
from hutong.cli.table import Cell, Column
from hutong.client.formats import quota_words
from hutong.client.formats.words import BadWord
from hutong.model.errors import HutongError, refuse
from hutong.model.tenant import Loan, Quota, QuotaResource, RuleStanding
from hutong.wire.api import TenantRequest, TenantView

HOUR_MILLI_MS = 3_600_000 * 1000
Words = Annotated[tuple[str, ...], Parameter(negative_iterable="")]

tenant = App(name="tenant", help="Show a tenant, or set its weight and quota.", version_flags=())


def tenants(*, json: Json = False, hub: Hub = ANY_HUB) -> int:
    """List tenants, what is their due and what they use.

    DUE is a tenant's weight beside its siblings'. SHARE is its part of the hub's CPU, memory or
    chips, whichever is largest, divided by its weight; USED the same of what it held of late.
    """
    with hub.connect() as client:
        found = client.tenants()
    if json:
        output.document(found)
    elif not found:
        output.note("No tenant has handed in a job yet.")
    else:
        _list(found)
    return 0


@tenant.command
def show(name: str, /, *, json: Json = False, hub: Hub = ANY_HUB) -> int:
    """Show a tenant: its due, its use, and how far its quota is used.

    Parameters
    ----------
    name
        The tenant, such as `acme/vision`.
    """
    with hub.connect() as client:
        view = client.tenant(name)
    _answer(view, json=json)
    return 0


@tenant.command(name="set")
def set_(
    name: str,
    /,
    *,
    weight: int | None = None,
    guarantee: Words = (),
    borrow: Words = (),
    limit: Words = (),
    open_jobs: str = "",
    json: Json = False,
    hub: Hub = ANY_HUB,
) -> int:
    """Set a tenant's weight and quota, or make a tenant.

    What is not named stays as it is. A figure is `RESOURCE=AMOUNT`, where the resource is `cpus`,
    `memory`, `accelerators`, `jobs`, `accelerator-hours` or `cny`. The last two count over a day or
    a month: `cny=50000/month`. Behind an `@` stands what the figure is bound to:
    `accelerators=64@model=Ascend910B3,site=tianjin`. The amount `none` takes a figure away.

    Parameters
    ----------
    name
        The tenant, such as `acme/vision`.
    weight
        Its share beside its siblings: 2 gets twice what 1 gets.
    guarantee
        What it may take back when others have borrowed it; may be repeated.
    borrow
        How much it may hold beyond its guarantee; may be repeated.
    limit
        What it never passes; may be repeated.
    open_jobs
        How many jobs it may have that are not over, or `none`.
    """
    figures = {
        "guaranteed": _figures("--guarantee", guarantee),
        "borrow": _figures("--borrow", borrow),
        "limit": _figures("--limit", limit),
    }
    with hub.connect() as client:
        quota, before = Quota(), 1
        try:
            known = client.tenant(name)
            quota, before = known.quota, known.weight
        except HutongError as error:
            if error.code != "tenant.not_found":
                raise
        quota = quota_words.changed(quota, figures)
        if open_jobs:
            most = None if open_jobs == "none" else _whole("--open-jobs", open_jobs)
            quota = msgspec.structs.replace(quota, open_jobs=most)
        request = TenantRequest(before if weight is None else weight, quota)
        view = client.set_tenant(name, request)
    _answer(view, json=json)
    return 0


def _figures(option: str, given: tuple[str, ...]) -> list[quota_words.Figure]:
    found = []
    for word in given:
        try:
            found.append(quota_words.checked(quota_words.figure(word), load_catalog()))
        except BadWord as wrong:
            problem = f"{option} cannot be `{word}`: {wrong.problem}. {wrong.advice.rstrip('.')}"
            raise refuse("cli.usage", problem=problem, command="tenant set") from None
    return found


def _whole(option: str, word: str) -> int:
    if not word.isdecimal() or len(word) > 12:
        problem = f"{option} cannot be `{word}`: it is no whole number"
        raise refuse("cli.usage", problem=problem, command="tenant set")
    return int(word)


def _list(found: list[TenantView]) -> None:
    columns = [
        Column("TENANT", least=12, tail=True),
        Column("WEIGHT", right=True, spare=1),
        Column("DUE", right=True),
        Column("SHARE", right=True),
        Column("USED", right=True),
        Column("CPUS", right=True),
        Column("CHIPS", right=True),
        Column("RUN", right=True),
        Column("WAIT", right=True),
    ]
    rows: list[list[str | Cell]] = [
        [
            Cell(view.id, "bold"),
            f"{view.weight:,}",
            _percent(view.entitled_milli),
            _percent(view.share_milli),
            _percent(view.use_milli),
            human.count(view.held.cpu_milli) if view.held.cpu_milli else "-",
            human.count(view.held.accelerator_milli) if view.held.accelerator_milli else "-",
            f"{sum(view.jobs.get(state, 0) for state in _UNDER_WAY):,}",
            f"{view.jobs.get('queued', 0):,}",
        ]
        for view in found
    ]
    output.table(columns, rows)


_UNDER_WAY = ("placed", "staging", "starting", "running")


def _answer(view: TenantView, *, json: bool) -> None:
    if json:
        output.document(view)
        return
    output.line(output.paint(view.id, "bold"))
    output.fields(
        [
            ("weight", f"{view.weight:,}, due {_percent(view.entitled_milli)} of the hub"),
            ("share", f"{_percent(view.share_milli)} held, {_percent(view.use_milli)} of late"),
            ("holds", _held(view)),
            ("jobs", ", ".join(f"{count:,} {state}" for state, count in view.jobs.items())),
        ]
    )
    for title, amount in _flat(view.quota):
        output.fields([(title, amount)])
    if view.rules:
        _rules(view.rules)


def _held(view: TenantView) -> str:
    held = view.held
    words = [f"{human.count(held.cpu_milli)} CPUs", human.memory(held.memory_mib)]
    if held.accelerator_milli:
        words.append(f"{human.count(held.accelerator_milli)} chips")
    return ", ".join(words) if held.cpu_milli or held.accelerator_milli else "nothing"


def _flat(quota: Quota) -> list[tuple[str, str]]:
    """What the rules do not tell."""
    return [("open jobs", f"{quota.open_jobs:,} at most")] if quota.open_jobs is not None else []


def _rules(rules: tuple[RuleStanding, ...]) -> None:
    columns = [
        Column("QUOTA", least=20),
        Column("USED", right=True),
        Column("GUARANTEED", right=True),
        Column("BORROW", right=True),
        Column("LIMIT", right=True),
        Column("UNTIL", spare=1),
    ]
    now = human.now_ms()
    rows: list[list[str | Cell]] = [
        [
            quota_words.counted(one.rule),
            _amount(one.rule.resource, one.used),
            _or_dash(one.rule.resource, one.rule.guaranteed),
            _or_dash(one.rule.resource, one.rule.borrow),
            _or_dash(one.rule.resource, one.rule.limit),
            human.clock(one.ends_ms, now) if one.ends_ms else "",
        ]
        for one in rules
    ]
    output.line()
    output.table(columns, rows)
    for one in rules:
        what = quota_words.counted(one.rule)
        if one.lent_to:
            output.sentence(f"Of its {what} others hold: {_loans(one, one.lent_to)}.")
        if one.borrowed_from:
            output.sentence(
                f"Beyond its {what} it holds what is due to {_loans(one, one.borrowed_from)}."
            )


def _loans(one: RuleStanding, loans: tuple[Loan, ...]) -> str:
    return ", ".join(f"{loan.tenant} {_amount(one.rule.resource, loan.amount)}" for loan in loans)


def _or_dash(resource: QuotaResource, amount: int | None) -> str:
    return "-" if amount is None else _amount(resource, amount)


def _amount(resource: QuotaResource, amount: int) -> str:
    match resource:
        case QuotaResource.MEMORY:
            return human.memory(amount)
        case QuotaResource.MONEY:
            return human.money(amount)
        case QuotaResource.JOBS:
            return f"{amount:,}"
        case QuotaResource.ACCELERATOR_TIME:
            return f"{amount / HOUR_MILLI_MS:,.1f} h"
        case QuotaResource.CPU | QuotaResource.ACCELERATORS:
            return human.count(amount)


def _percent(milli: int) -> str:
    return f"{milli / 10:.1f}%"
