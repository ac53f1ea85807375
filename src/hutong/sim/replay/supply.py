"""The supply side of the world: sites, tenants and bookings, told to the scheduler as a hub tells.

Theory of operation. What changes rarely goes through the hub's own fold, as the events that a
journal would have: so sites, offers and bookings mean here what they mean live. Jobs and attempts,
of which there are millions, are told to the scheduler's state directly (see `engine`).
"""

from hutong.lifecycle import events as ev
from hutong.lifecycle.fold import Fold
from hutong.lifecycle.state import HubState
from hutong.model.ids import HubId
from hutong.scheduler.profile import Profile
from hutong.scheduler.state import SchedulerState
from hutong.sim.world import World

HUB = HubId("sim")
_BY_SHARES = "fair"


class SupplySide:
    """The hub's state of sites, tenants and bookings, and nothing of jobs."""

    def __init__(
        self, world: World, state: SchedulerState, profile: Profile, begin_ms: int
    ) -> None:
        self._world = world
        self._begin_ms = begin_ms
        self.fold = Fold(HubState(), state)
        self.emit(ev.HubCreated(HUB), begin_ms)
        self.emit(ev.ProfileChanged(profile), begin_ms)
        for tenant in world.tenants:
            self.emit(ev.TenantChanged(tenant), begin_ms)
        for site in world.sites:
            self.emit(ev.SiteDescribed(site.site), begin_ms)
            self.emit(ev.InventoryChanged(site.site.id, site.inventory), begin_ms)
            self.emit(ev.SiteReturned(site.site.id), begin_ms)
        for link in world.links:
            state.put_link(link)
        if profile.order != _BY_SHARES:  # then nobody looks at what was used of late
            state.remember_use(None, {}, 0)

    def emit(self, event: ev.AnyEvent, at_ms: int) -> None:
        """Let something happen to the supply."""
        fold = self.fold
        fold.apply(ev.Entry(fold.state.position + 1, at_ms, "replay", event))
