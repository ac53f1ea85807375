"""`hutong explain`."""

from collections.abc import Collection

from hutong.cli import human, output
from hutong.cli.candidates import show_candidates
from hutong.cli.options import ANY_HUB, Hub, Json
from hutong.cli.refs import resolve
from hutong.cli.table import Cell, Column
from hutong.client.follow import TERMINAL
from hutong.model.tenant import Loan, RuleStanding, TenantShare
from hutong.scheduler.pool_standing import PoolStanding
from hutong.wire.api import BoundView, ExplainReply, ReasonView

SHOWN_POOLS = 20
CLEARED_BY = {
    "AttemptEnded": "the end of what runs",
    "AttemptLost": "the end of what runs",
    "AttemptSettled": "the end of what runs",
    "JobEnded": "the end of a job",
    "InventoryChanged": "a change of the supply",
    "SiteReturned": "a change of the supply",
    "SiteDrained": "a change of the supply",
    "NodeDrained": "a change of the supply",
    "TenantChanged": "a change of the quota",
    "BookingEnded": "a change of the calendar",
    "BookingRemoved": "a change of the calendar",
    "BookingPut": "a change of the calendar",
    "PlanDecided": "the next plan",
}
"""What may clear a reason, in words for the kinds of events."""


def explain(job: str, /, *, json: Json = False, hub: Hub = ANY_HUB) -> int:
    """Say why a job waits, or why it is where it is.

    Parameters
    ----------
    job
        Its id (`j12` or `12`), one element of an array (`j12[5]`), or a name only one job has.
    """
    with hub.connect() as client:
        wanted = resolve(client, job)
        reply = client.explain(wanted.job, element=wanted.element)
    if json:
        output.document(reply)
    else:
        show(reply)
    return 0


def show(reply: ExplainReply) -> None:
    """Print an explanation."""
    now = human.now_ms()
    colour = output.STATE_STYLES.get(reply.state, "")
    output.line(f"{output.paint(reply.job, 'bold')}  {output.paint(reply.state, colour)}")
    for reason in reply.reasons:
        output.sentence(reason.sentence)
    if reply.state == "queued" and reply.reasons:
        output.sentence(f"Could be cleared by {_clearing(reply.reasons)}.")
    if reply.expected_start_ms and reply.state not in TERMINAL:
        basis = {
            "limits": ", going by the time limits of what runs",
            "estimates": ", going by the estimates of what runs",
        }.get(reply.expected_basis, "")
        output.sentence(f"Expected to start {human.until(reply.expected_start_ms, now)}{basis}.")
    if reply.bound is not None and reply.state == "queued":
        show_bound(reply.bound, now, [reason.code for reason in reply.reasons])
    if reply.reservation is not None:
        held = reply.reservation
        start = human.until(held.start_ms, now)
        output.sentence(f"Holds a reservation at {held.pool} for {held.tasks} task(s) {start}.")
    considered = reply.explanation.candidates if reply.explanation is not None else ()
    if reply.share is not None and considered:  # it waits for its turn, not for another supply
        _show_share(reply.tenant, reply.share)
    if considered:
        output.heading("CONSIDERED, BEST FIRST")
        show_candidates(considered, now)
    if reply.places:
        _show_pools(reply.places, reply.details)
    elif reply.explanation is not None and reply.explanation.filtered:
        output.heading("NODES THAT FELL OUT")
        rows = [[f"{count:,}", name] for name, count in reply.explanation.filtered.items()]
        output.table([Column("NODES", right=True), Column("BY", least=10)], rows, indent=2)


def show_bound(bound: BoundView, now: int, given: Collection[str]) -> None:
    """By when its class has it placed, and whether that is certain. `given` are reasons said."""
    due = f"by {human.clock(bound.by_ms, now)}"
    if not bound.promised_ms:
        told = "Nothing is certain yet"
    elif bound.promised_ms <= bound.by_ms:
        told = f"It will be, {human.until(bound.promised_ms, now)} at the latest"
    else:
        told = f"That cannot be kept: it will be {human.until(bound.promised_ms, now)}"
    output.sentence(f"Its class has it placed {due}. {told}.")
    if bound.reason is not None and bound.reason.code not in given:
        output.sentence(bound.reason.sentence)


def _clearing(reasons: tuple[ReasonView, ...]) -> str:
    kinds = [kind for reason in reasons for kind in reason.clears_on]
    words = list(dict.fromkeys(CLEARED_BY.get(kind, kind) for kind in kinds))
    return " or ".join(words) if words else "time alone"


def _show_share(tenant: str, share: TenantShare) -> None:
    held, used, due = (
        human.percent(milli) for milli in (share.share_milli, share.use_milli, share.entitled_milli)
    )
    output.sentence(f"{tenant} holds {held} of the hub, held {used} lately, and {due} is its due.")
    for rule in share.rules:
        if rule.borrowed_from:
            output.sentence(f"Of {_named(rule)} it borrows from {_tenants(rule.borrowed_from)}.")
        if rule.lent_to:
            output.sentence(f"Of {_named(rule)} it lends to {_tenants(rule.lent_to)}.")


def _named(rule: RuleStanding) -> str:
    asked = rule.rule
    named = [asked.resource.value.rsplit("_", 1)[0].replace("_", " ")]
    named += [word for word in (asked.model, asked.site, asked.region) if word]
    return " ".join(named)


def _tenants(loans: tuple[Loan, ...]) -> str:
    return human.listed([loan.tenant for loan in loans])


def _show_pools(places: tuple[PoolStanding, ...], details: dict[str, str]) -> None:
    output.heading("POOLS")
    columns = [
        Column("POOL", least=12, tail=True),
        Column("NODES", right=True),
        Column("ROOM", right=True),
        Column("FITS", right=True),
        Column("NODES OUT BY", least=12),
    ]
    output.table(columns, [_pool(place) for place in places[:SHOWN_POOLS]], indent=2)
    if len(places) > SHOWN_POOLS:
        output.line(f"  {len(places) - SHOWN_POOLS:,} more pools; --json has them all")
    if details:
        output.heading("WHAT WAS ASKED")
        for name, detail in details.items():
            output.sentence(detail, mark=f"{name}:")


def _pool(place: PoolStanding) -> list[str | Cell]:
    out = [f"{count:,} {name}" for name, count in place.out.items()]
    if place.startable:
        out.append(f"{place.startable:,} can be started")
    style = "bold" if place.tasks_fitting else "" if place.room else "dim"
    texts = [
        place.pool, f"{place.nodes:,}", f"{place.room:,}", f"{place.tasks_fitting:,}",
        ", ".join(out) or "-",
    ]  # fmt: skip
    return [Cell(text, style) for text in texts]
