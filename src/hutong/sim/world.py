"""The world that a workload is replayed in: sites, their prices and power, and what befalls them.

Times are in ms from the begin of the workload.
"""

from bisect import bisect_right
from enum import StrEnum

import msgspec

from hutong.model.calendar import Booking
from hutong.model.catalogue import Link
from hutong.model.ids import NodeId, PoolId, SiteId
from hutong.model.supply import Inventory, Site
from hutong.model.tenant import Tenant
from hutong.sim.throughput import ThroughputTable


class Curve(msgspec.Struct, frozen=True):
    """A quantity that changes at times: `values[i]` holds from `times_ms[i]` until the next.

    `times_ms` rises and begins with 0. With `period_ms` it begins again after so long.
    """

    times_ms: tuple[int, ...]
    values: tuple[int, ...]
    period_ms: int = 0

    def at(self, now_ms: int) -> int:
        """The value at a time."""
        if self.period_ms:
            now_ms %= self.period_ms
        return self.values[max(bisect_right(self.times_ms, now_ms) - 1, 0)]

    def next_change_ms(self, now_ms: int) -> int | None:
        """When it changes next after `now_ms`; None for never."""
        begin_ms = now_ms - now_ms % self.period_ms if self.period_ms else 0
        at = bisect_right(self.times_ms, now_ms - begin_ms)
        if at < len(self.times_ms):
            return begin_ms + self.times_ms[at]
        return begin_ms + self.period_ms if self.period_ms else None


class MishapKind(StrEnum):
    """What can befall the machines."""

    NODE_DOWN = "node-down"
    SITE_DOWN = "site-down"
    SITE_SILENT = "site-silent"
    LINK_DOWN = "link-down"
    SPOT_TAKEN = "spot-taken"

    @property
    def ends_work(self) -> bool:
        """Whether what runs there ends; behind a link that is down, or silent, it goes on."""
        return self in {MishapKind.NODE_DOWN, MishapKind.SITE_DOWN, MishapKind.SPOT_TAKEN}


class Mishap(msgspec.Struct, frozen=True):
    """Something that befalls a site from `at_ms` for `for_ms`.

    `node` names the node of NODE_DOWN and SPOT_TAKEN, `other` the region at a link's other end.
    """

    at_ms: int
    for_ms: int
    kind: MishapKind
    site: SiteId
    node: NodeId = NodeId("")
    other: str = ""


class SimSite(msgspec.Struct, frozen=True):
    """A site, with what changes there over time.

    `energy_price` is in micro-CNY a kWh, `carbon` in g a kWh; where given they replace those of
    `site.energy`. `prices` are of a chip-hour of a pool, in micro-CNY. `spot` says how many nodes
    of a spot pool its provider would run.
    """

    site: Site
    inventory: Inventory
    energy_price: Curve | None = None
    carbon: Curve | None = None
    prices: dict[PoolId, Curve] = {}
    spot: dict[PoolId, Curve] = {}


class Costs(msgspec.Struct, frozen=True):
    """What moving work costs.

    An attempt that goes on from a checkpoint takes `restart_ms` longer, any attempt `start_ms`
    before its work begins. `grace_ms` is the time between being told to stop and having stopped;
    with `keeps_work` the job writes down its state in that time, so that nothing is lost.
    """

    start_ms: int = 0
    restart_ms: int = 0
    grace_ms: int = 0
    keeps_work: bool = False


class World(msgspec.Struct, frozen=True):
    """Everything that does not depend on what is decided.

    `partitions` names the pools (`SITE/POOL`) that stand for a partition of the trace, or none
    where jobs of a partition may go anywhere. Jobs whose kind has a row in `throughput` run at the
    rates of that row.
    """

    name: str
    sites: tuple[SimSite, ...]
    tenants: tuple[Tenant, ...] = ()
    links: tuple[Link, ...] = ()
    bookings: tuple[Booking, ...] = ()
    mishaps: tuple[Mishap, ...] = ()
    costs: Costs = Costs()
    partitions: dict[str, tuple[str, ...]] = {}
    throughput: ThroughputTable | None = None
