"""`hutong sites`."""

from hutong.cli import human, output
from hutong.cli.options import ANY_HUB, Hub, Json
from hutong.cli.table import Cell, Column
from hutong.wire.api import SiteView


def sites(*, json: Json = False, hub: Hub = ANY_HUB) -> int:
    """List the sites that joined.

    USED columns show what attempts hold of what the site has; OFFERS how many nodes were started at
    providers, of those that they would start.
    """
    with hub.connect() as client:
        found = client.sites()
    if json:
        output.document(found)
    elif not found:
        output.note("No site has joined yet; `hutong agent --help` shows how one does.")
    else:
        _show(found)
    return 0


def _show(found: list[SiteView]) -> None:
    now = human.now_ms()
    offers = any(site.offer_nodes_max for site in found)
    columns = [
        Column("SITE", least=12),
        Column("STATUS"),
        Column("HEARD", right=True),
        Column("REGION", least=7, spare=1),
        Column("OWNER", least=6, spare=2),
        Column("NODES", right=True),
        *([Column("OFFERS", right=True)] if offers else []),
        Column("RUNS", right=True),
        Column("CPU USED", right=True),
        Column("CHIPS USED", right=True),
    ]
    rows: list[list[str | Cell]] = [
        [
            Cell(site.id, "bold"),
            output.state(site.status),
            human.duration(now - site.seen_ms) if site.seen_ms else "-",
            site.region,
            site.owner,
            f"{site.nodes:,}",
            *([_offers(site)] if offers else []),
            f"{site.live_attempts:,}",
            human.used_of(site.used.cpu_milli, site.total.cpu_milli),
            human.used_of(site.used.accelerator_milli, site.total.accelerator_milli),
        ]
        for site in found
    ]
    output.table(columns, rows)


def _offers(site: SiteView) -> str:
    return f"{site.offer_nodes:,}/{site.offer_nodes_max:,}" if site.offer_nodes_max else "-"
