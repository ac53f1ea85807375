"""Energy: what a gang draws at a site, and what that costs in money and in carbon.

A site that declares nothing costs nothing. A chip draws what its pool declares, else the
catalogue's thermal design power; of the rest of a node a task counts the largest of its shares of
the node's CPU, memory and chips. The building's own draw (PUE) comes on top.
"""

from typing import NamedTuple

from hutong.model.supply import MS_PER_HOUR, Energy
from hutong.scheduler.columns import Need, PoolColumns

_MW_PER_KW = 1_000_000


class Burden(NamedTuple):
    """What the power of a run costs, and the grams of CO2 it causes."""

    energy_microcny: int
    carbon_g: int


NO_BURDEN = Burden(0, 0)


class Meter(NamedTuple):
    """What power costs at a pool, and what draws it there: one chip, and the rest of a node."""

    energy: Energy
    chip_watt: int
    node_watt: int

    def draw_mw(self, columns: PoolColumns, need: Need, *, tasks: int, nodes: int) -> int:
        """What a gang draws, the building's part included, in milliwatts."""
        drawn = need.milli * tasks * self.chip_watt
        if need.exclusive:
            drawn += 1000 * self.node_watt * nodes
        else:
            drawn += _share_milli(columns, need) * tasks * self.node_watt
        return drawn * max(self.energy.pue_milli, 1000) // 1000

    def burden(self, drawn_mw: int, run_ms: int) -> Burden:
        """What drawing so much for so long costs, each rounded half up once."""
        whole = _MW_PER_KW * MS_PER_HOUR
        drawn = max(drawn_mw, 0) * run_ms * 2
        return Burden(
            (drawn * max(self.energy.price_microcny_per_kwh, 0) + whole) // (2 * whole),
            (drawn * max(self.energy.carbon_g_per_kwh, 0) + whole) // (2 * whole),
        )


def _share_milli(columns: PoolColumns, need: Need) -> int:
    """The largest of a task's shares of a node, in thousandths, at most all of it."""
    parts = (
        (need.cpu, columns.cpu_total),
        (need.mem, columns.mem_total),
        (need.milli, int(columns.caps.sum())),
    )
    shares = [wanted * 1000 // whole for wanted, whole in parts if whole > 0]
    return min(max(shares, default=0), 1000)
