"""`hutong nodes`."""

from hutong.cli import human, output
from hutong.cli.options import ANY_HUB, Hub, Json
from hutong.cli.table import Cell, Column
from hutong.wire.api import NodeView


def nodes(*, site: str = "", pool: str = "", json: Json = False, hub: Hub = ANY_HUB) -> int:
    """List nodes and what is free on them.

    Chips marked `*` are declared: counted, but never seen as devices.

    Parameters
    ----------
    site
        Only nodes of this site.
    pool
        Only nodes of this pool (`SITE/POOL`).
    """
    with hub.connect() as client:
        found = client.nodes(site=site, pool=pool)
    if json:
        output.document(found)
    elif not found:
        output.note("No nodes.")
    else:
        _show(found)
    return 0


def _show(found: list[NodeView]) -> None:
    columns = [
        Column("NODE", least=12, tail=True),
        Column("POOL", least=8, spare=1),
        Column("STATE"),
        Column("CPU FREE", right=True),
        Column("GIB FREE", right=True),
        Column("CHIPS FREE", right=True),
        Column("CHIP", least=6),
    ]
    rows: list[list[str | Cell]] = [
        [
            Cell(node.id, "bold"),
            node.pool.removeprefix(f"{node.site}/"),
            output.state(node.condition),
            human.used_of(node.free.cpu_milli, node.total.cpu_milli),
            f"{human.gib(node.free.memory_mib)}/{human.gib(node.total.memory_mib)}",
            human.used_of(node.free.accelerator_milli, node.total.accelerator_milli),
            f"{node.accelerator}{'*' if node.declared else ''}" if node.accelerator else "-",
        ]
        for node in found
    ]
    output.table(columns, rows)
