"""`hutong usage`."""

from hutong.cli import human, output
from hutong.cli.moments import moment
from hutong.cli.options import ANY_HUB, Hub, Json
from hutong.cli.table import Cell, Column
from hutong.wire.api import UsageReply

HOUR_MILLI_MS = 3_600_000 * 1000


def usage(
    *,
    tenant: str = "",
    since: str = "",
    until: str = "",
    json: Json = False,
    hub: Hub = ANY_HUB,
) -> int:
    """Show what tenants used and what it cost.

    Attempts that run are counted up to now. Hours are those of CPUs and of chips.

    Parameters
    ----------
    tenant
        Only this tenant and those below it.
    since
        From when on: a date and time (`2026-12-31T18:00:00+08:00`), or how long ago (`7d`).
    until
        Up to when, in the same forms.
    """
    start = moment("--since", since, "usage") if since else None
    end = moment("--until", until, "usage") if until else None
    with hub.connect() as client:
        reply = client.usage(tenant=tenant, since_ms=start, until_ms=end)
    if json:
        output.document(reply)
    elif not reply.rows:
        output.note("No usage.")
    else:
        _show(reply)
    return 0


def _show(reply: UsageReply) -> None:
    columns = [
        Column("TENANT", least=8, tail=True),
        Column("SITE", least=8),
        Column("CHIP", least=6),
        Column("ATTEMPTS", right=True),
        Column("TIME", right=True),
        Column("CPU H", right=True),
        Column("CHIP H", right=True),
        Column("CNY", right=True),
    ]
    rows: list[list[str | Cell]] = [
        [
            row.tenant,
            row.site,
            row.accelerator or "-",
            f"{row.attempts + row.running_attempts:,}",
            human.duration(row.duration_ms),
            _hours(row.cpu_milli_ms),
            _hours(row.accelerator_milli_ms),
            human.money(row.cost_microcny + row.running_cost_microcny),
        ]
        for row in reply.rows
    ]
    sum_ = human.money(reply.total_cost_microcny)
    rows.append([Cell("total", "bold"), *[""] * 6, Cell(sum_, "bold")])
    output.table(columns, rows)


def _hours(milli_ms: int) -> str:
    if not milli_ms:
        return "-"
    hours = milli_ms / HOUR_MILLI_MS
    if hours >= 10:
        return f"{hours:,.1f}"
    return f"{hours:.3f}" if hours >= 0.001 else "<0.001"
