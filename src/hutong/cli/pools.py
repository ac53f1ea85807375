"""`hutong pools`."""

from hutong.cli import human, output
from hutong.cli.options import ANY_HUB, Hub, Json
from hutong.cli.table import Cell, Column
from hutong.wire.api import OfferView, PoolView


def pools(*, site: str = "", json: Json = False, hub: Hub = ANY_HUB) -> int:
    """List pools, their prices, and what providers offer.

    USED counts chips, or CPUs where a pool has none; CNY/H is the price of an hour of a whole node.
    Of a pool that is an offer, NODES are those that are ready and those that boot, of those that
    its provider would start, and SPENT is what it took for all of them so far.

    Parameters
    ----------
    site
        Only pools of this site.
    """
    with hub.connect() as client:
        found = client.pools(site=site)
    if json:
        output.document(found)
    elif not found:
        output.note("No pools.")
    else:
        _show(found)
    return 0


def _show(found: list[PoolView]) -> None:
    offers = [pool.offer for pool in found if pool.offer is not None]
    columns = [
        Column("POOL", least=12, tail=True),
        Column("CHIP", least=6, spare=1),
        Column("NODES", right=True),
        Column("USED", right=True),
        Column("CNY/H", right=True),
    ]
    if offers:
        columns += [
            Column("TERMS"),
            Column("BOOT", right=True),
            Column("SPENT", right=True),
        ]
    rows = [_row(pool, offers=bool(offers)) for pool in found]
    output.table(columns, rows)


def _row(pool: PoolView, *, offers: bool) -> list[str | Cell]:
    chip = f"{pool.accelerator}{'*' if pool.declared else ''}" if pool.accelerator else "-"
    row: list[str | Cell] = [
        Cell(pool.id, "bold"),
        chip,
        _nodes(pool),
        _used(pool),
        human.money(pool.price.rate(pool.node)),
    ]
    return [*row, *_offer(pool.offer)] if offers else row


def _nodes(pool: PoolView) -> str:
    if pool.offer is None:
        return f"{pool.nodes:,}"
    ready = pool.offer.wanted - pool.offer.booting
    booting = f"+{pool.offer.booting:,}" if pool.offer.booting else ""
    return f"{ready:,}{booting}/{pool.offer.nodes_max:,}"


def _used(pool: PoolView) -> str:
    """Chips that are held, or CPUs where a pool has no chips."""
    if pool.accelerator:
        return human.used_of(pool.used.accelerator_milli, pool.total.accelerator_milli)
    return human.used_of(pool.used.cpu_milli, pool.total.cpu_milli)


def _offer(offer: OfferView | None) -> list[str]:
    if offer is None:
        return ["", "", ""]
    return [offer.terms, human.duration(offer.boot_ms), human.money(offer.cost_microcny)]
