"""Energy: what a gang draws at a site, and what that costs in money and in carbon.

A site that declares nothing costs nothing. A chip draws what its pool declares, else the
catalogue's thermal design power; of the rest of a node a task counts the largest of its shares of
the node's CPU, memory and chips. The building's own draw (PUE) comes on top.
"""

from typing import NamedTuple

from hutong.model.supply import MS_PER_HOUR, Energy
from hutong.scheduler.columns import Need

_MW_PER_KW = 1_000_000
_MOST = 10**17
"""What a run's power may come to at most, whatever a site declares."""


class Burden(NamedTuple):
    """What the power of a run costs, the grams of CO2 it causes, and what it draws."""

    energy_microcny: int
    carbon_g: int
    drawn_mw: int = 0


NO_BURDEN = Burden(0, 0)


class Meter(NamedTuple):
    """What power costs at a pool, and what draws it there: one chip, and the rest of a node.

    `cpu_milli`, `memory_mib` and `chips_milli` are what one node has.
    """

    energy: Energy
    chip_watt: int
    node_watt: int
    cpu_milli: int
    memory_mib: int
    chips_milli: int

    def draw_mw(self, need: Need, *, tasks: int, nodes: int) -> int:
        """What a gang draws, the building's part included, in milliwatts."""
        drawn = need.milli * tasks * self.chip_watt
        if need.exclusive:
            drawn += 1000 * self.node_watt * nodes
        elif self.node_watt:
            drawn += self._share_milli(need) * tasks * self.node_watt
        return drawn * max(self.energy.pue_milli, 1000) // 1000

    def burden(self, drawn_mw: int, run_ms: int) -> Burden:
        """What drawing so much for so long costs, each rounded half up once."""
        whole = _MW_PER_KW * MS_PER_HOUR
        drawn = max(drawn_mw, 0) * run_ms * 2
        return Burden(
            min((drawn * max(self.energy.price_microcny_per_kwh, 0) + whole) // (2 * whole), _MOST),
            min((drawn * max(self.energy.carbon_g_per_kwh, 0) + whole) // (2 * whole), _MOST),
            max(drawn_mw, 0),
        )

    def _share_milli(self, need: Need) -> int:
        """The largest of a task's shares of a node, in thousandths, at most all of it."""
        share = need.cpu * 1000 // self.cpu_milli if self.cpu_milli > 0 else 0
        if self.memory_mib > 0:
            share = max(share, need.mem * 1000 // self.memory_mib)
        if self.chips_milli > 0:
            share = max(share, need.milli * 1000 // self.chips_milli)
        return min(share, 1000)
