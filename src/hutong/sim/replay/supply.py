"""The supply side of the world: sites, tenants, bookings, and what befalls the machines.

Theory of operation. What changes rarely goes through the hub's own fold, as the events that a
journal would have: so sites, offers and bookings mean here what they mean live. Jobs and attempts,
of which there are millions, are told to the scheduler's state directly (see `engine`); the fold
hears only of attempts at sites with offers, whose nodes it keeps account of.

A node or site may be down for several reasons at once; it is back when none is left. Providers
are in `provider`.
"""

from typing import Protocol

import msgspec

from hutong.catalog import Catalog
from hutong.lifecycle import events as ev
from hutong.lifecycle import offers
from hutong.lifecycle.bookings import look_at_bookings, put_booking
from hutong.lifecycle.commands import PutBooking
from hutong.lifecycle.fold import Fold
from hutong.lifecycle.records import Attempt
from hutong.lifecycle.scaling import carry_out
from hutong.lifecycle.state import HubState
from hutong.lifecycle.turn import Turn
from hutong.model.catalogue import Link
from hutong.model.ids import HubId, NodeId, PoolId, SiteId
from hutong.model.reasons import EndedReason, LeaseExpired, NodeGone, SpotRevoked
from hutong.model.supply import Energy, Inventory, Node, NodeCondition, Offer, Pool
from hutong.scheduler.plan import Placement, Plan
from hutong.scheduler.profile import Profile
from hutong.scheduler.state import SchedulerState
from hutong.sim.outcome import OfferUse
from hutong.sim.replay.due import (
    BookingTurns,
    CurveTurns,
    Due,
    Happening,
    MishapBegins,
    MishapEnds,
    NodeBooted,
    SpotTurns,
)
from hutong.sim.replay.provider import Provider
from hutong.sim.replay.running import SimJob
from hutong.sim.world import Mishap, MishapKind, SimSite, World

HUB = HubId("sim")
_BY_SHARES = "fair"


class Play(Protocol):
    """What the supply side asks of the engine."""

    now_ms: int

    def plan_for(self, at_ms: int, kind: Due, what: object) -> int:
        """Have something happen at a time."""

    def lose_at(self, site: SiteId, node: NodeId | None, reason: EndedReason) -> None:
        """What runs at a site, or on one node there, ends now."""

    def put_link(self, link: Link) -> None:
        """A link is another from now on."""

    def want_cycle(self) -> None:
        """A cycle could decide something new."""


class SupplySide:
    """The hub's state of sites, tenants and bookings, and what happens to them."""

    def __init__(
        self, world: World, state: SchedulerState, profile: Profile, *,
        begin_ms: int, catalog: Catalog,
    ) -> None:  # fmt: skip
        self._world = world
        self._state = state
        self._begin_ms = begin_ms
        self._catalog = catalog
        self._sites = {site.site.id: site for site in world.sites}
        self._down: dict[str, int] = {}
        self._mishaps = sorted(world.mishaps, key=lambda mishap: mishap.at_ms)
        self._struck = 0
        self.fold = Fold(HubState(), state)
        self.providers = {
            site.site.id: Provider(site) for site in world.sites if site.inventory.offers
        }
        self._emit(ev.HubCreated(HUB), begin_ms)
        self._emit(ev.ProfileChanged(profile), begin_ms)
        for tenant in world.tenants:
            self._emit(ev.TenantChanged(tenant), begin_ms)
        for site in world.sites:
            self._describe(site, begin_ms)
            self._emit(ev.InventoryChanged(site.site.id, self._inventory(site, begin_ms)), begin_ms)
            self._emit(ev.SiteReturned(site.site.id), begin_ms)
        for link in world.links:
            state.put_link(link)
        if profile.order != _BY_SHARES:  # then nobody looks at what was used of late
            state.remember_use(None, {}, 0)

    def plan(self, play: Play) -> None:
        """Say when what is known beforehand happens."""
        self._plan_mishap(play)
        for site in self._world.sites:
            self._plan_turn(play, site)
            for pool in site.spot:
                self._plan_spot(play, pool)
        for booking in self._world.bookings:
            moved = msgspec.structs.replace(
                booking,
                start_ms=booking.start_ms + self._begin_ms,
                end_ms=booking.end_ms + self._begin_ms,
            )
            put_booking(Turn(self.fold, self._begin_ms, "replay"), PutBooking(moved, "replay"))
            play.plan_for(moved.start_ms, Due.WORLD, BookingTurns())
            play.plan_for(moved.end_ms, Due.WORLD, BookingTurns())

    def happen(self, what: Happening, play: Play) -> None:
        """Something of the world happens."""
        match what:
            case MishapBegins(mishap):
                self._strike(mishap, play)
                play.plan_for(play.now_ms + mishap.for_ms, Due.WORLD, MishapEnds(mishap))
                self._plan_mishap(play)
            case MishapEnds(mishap):
                self._mend(mishap, play)
            case CurveTurns(site):
                self._turn(self._sites[site], play)
            case SpotTurns(pool):
                self._turn_spot(pool, play)
            case NodeBooted(site, node, given):
                if self.providers[site].boot(node, given=given):
                    self._renew(site, play)
            case BookingTurns():
                look_at_bookings(Turn(self.fold, play.now_ms, "replay"))
                play.want_cycle()
            case _:
                raise AssertionError(f"{what} is no matter of the supply")

    # Mishaps

    def _plan_mishap(self, play: Play) -> None:
        """Have the next one happen: there may be millions."""
        if self._struck < len(self._mishaps):
            mishap = self._mishaps[self._struck]
            self._struck += 1
            play.plan_for(self._begin_ms + mishap.at_ms, Due.WORLD, MishapBegins(mishap))

    def _strike(self, mishap: Mishap, play: Play) -> None:
        site = mishap.site
        match mishap.kind:
            case MishapKind.NODE_DOWN:
                self._node_down(mishap.site, mishap.node, NodeGone(mishap.node), play)
            case MishapKind.SPOT_TAKEN:
                self._take_spot(mishap, play)
            case MishapKind.SITE_DOWN:
                self._silence(site, play)
                play.lose_at(site, None, LeaseExpired(site))
            case MishapKind.SITE_SILENT:
                self._silence(site, play)
            case MishapKind.LINK_DOWN:
                self._cut(mishap, 1, play)
        play.want_cycle()

    def _mend(self, mishap: Mishap, play: Play) -> None:
        match mishap.kind:
            case MishapKind.NODE_DOWN | MishapKind.SPOT_TAKEN:
                if mishap.node and self._less(mishap.node):
                    self._show_node(mishap.site, mishap.node, play)
            case MishapKind.SITE_DOWN | MishapKind.SITE_SILENT:
                if self._less(mishap.site):
                    self._emit(ev.SiteReturned(mishap.site), play.now_ms)
            case MishapKind.LINK_DOWN:
                self._cut(mishap, -1, play)
        play.want_cycle()

    def _more(self, what: str) -> bool:
        """One reason more to be down; says whether it was up."""
        self._down[what] = self._down.get(what, 0) + 1
        return self._down[what] == 1

    def _less(self, what: str) -> bool:
        """One reason less; says whether it is up now."""
        left = self._down.get(what, 0) - 1
        if left > 0:
            self._down[what] = left
            return False
        return self._down.pop(what, None) is not None

    def _silence(self, site: SiteId, play: Play) -> None:
        if self._more(site):
            self._emit(ev.SiteSilent(site), play.now_ms)

    def _node_down(self, site: SiteId, node: NodeId, reason: EndedReason, play: Play) -> None:
        if self._more(node):
            play.lose_at(site, node, reason)
            self._show_node(site, node, play)

    def _take_spot(self, mishap: Mishap, play: Play) -> None:
        """A provider takes the node that is named, or the newest of its spot nodes."""
        provider, site = self.providers.get(mishap.site), mishap.site
        if mishap.node and (provider is None or not provider.has(mishap.node)):
            self._node_down(site, mishap.node, SpotRevoked(mishap.node), play)
            return
        node = mishap.node or (provider.newest_spot() if provider is not None else None)
        if provider is not None and node is not None:
            self._revoke(provider, site, node, play)
            self._renew(site, play)

    def _revoke(self, provider: Provider, site: SiteId, node: NodeId, play: Play) -> None:
        play.lose_at(site, node, SpotRevoked(node))
        provider.drop(node)

    def _show_node(self, site: SiteId, node: NodeId, play: Play) -> None:
        if site in self.providers:
            self._renew(site, play)
            return
        down = node in self._down
        known = next((one for one in self._sites[site].inventory.nodes if one.id == node), None)
        if known is not None:
            condition = NodeCondition.DOWN if down else known.condition
            self._state.set_node_condition(node, condition)

    def _cut(self, mishap: Mishap, more: int, play: Play) -> None:
        """A link drops or is back."""
        pair = self._pair(self._sites[mishap.site].site.region, mishap.other)
        name = "link " + " ".join(pair)
        turned = self._more(name) if more > 0 else self._less(name)
        if turned:
            said = {self._pair(link.a, link.b): link for link in self._world.links}
            link = said.get(pair) or self._catalog.link(*pair)
            if more > 0:
                link = msgspec.structs.replace(link, bandwidth_mbit_per_s=0)
            play.put_link(link)

    def _pair(self, *names: str) -> tuple[str, str]:
        """Two regions by the catalogue's names, in order."""
        found = [self._catalog.find_region(name) for name in names]
        a, b = sorted(
            one.id if one is not None else name for one, name in zip(found, names, strict=True)
        )
        return a, b

    # Curves

    def _plan_turn(self, play: Play, site: SimSite) -> None:
        curves = [site.energy_price, site.carbon, *site.prices.values()]
        since_ms = play.now_ms - self._begin_ms
        turns = [c.next_change_ms(since_ms) for c in curves if c is not None]
        known = [turn for turn in turns if turn is not None]
        if known:
            at_ms = self._begin_ms + min(known)
            play.plan_for(at_ms, Due.WORLD, CurveTurns(site.site.id))

    def _turn(self, site: SimSite, play: Play) -> None:
        self._describe(site, play.now_ms)
        if site.prices:
            self._renew(site.site.id, play)
        self._plan_turn(play, site)
        play.want_cycle()

    def _plan_spot(self, play: Play, pool: PoolId) -> None:
        curve = self._sites[_site_of(pool)].spot[pool]
        turn_ms = curve.next_change_ms(play.now_ms - self._begin_ms)
        if turn_ms is not None:
            play.plan_for(self._begin_ms + turn_ms, Due.WORLD, SpotTurns(pool))

    def _turn_spot(self, pool: PoolId, play: Play) -> None:
        site = _site_of(pool)
        provider = self.providers.get(site)
        if provider is not None:
            taken = provider.beyond(pool, play.now_ms - self._begin_ms)
            for node in taken:
                self._revoke(provider, site, node, play)
            if taken:
                self._renew(site, play)
        self._plan_spot(play, pool)

    def _describe(self, site: SimSite, now_ms: int) -> None:
        """Tell of a site with the price and the carbon of its power as they are."""
        told = site.site
        if site.energy_price is not None or site.carbon is not None:
            energy, since_ms = told.energy or Energy(), now_ms - self._begin_ms
            if site.energy_price is not None:
                price = site.energy_price.at(since_ms)
                energy = msgspec.structs.replace(energy, price_microcny_per_kwh=price)
            if site.carbon is not None:
                carbon = site.carbon.at(since_ms)
                energy = msgspec.structs.replace(energy, carbon_g_per_kwh=carbon)
            told = msgspec.structs.replace(told, energy=energy)
        self._emit(ev.SiteDescribed(told), now_ms)

    # Offers

    def carry_out(self, plan: Plan, play: Play) -> None:
        """Let what a plan says of offers happen, and the providers do their part."""
        turn = Turn(self.fold, play.now_ms, "replay")
        carry_out(turn, plan)
        for entry in turn.entries:
            if isinstance(entry.event, ev.OfferScaled):
                site = _site_of(entry.event.pool)
                provider = self.providers[site]
                since_ms = play.now_ms - self._begin_ms
                for booted_ms, node, given in provider.scale(entry.event, play.now_ms, since_ms):
                    play.plan_for(booted_ms, Due.WORLD, NodeBooted(site, node, given))
                self._renew(site, play)

    def note_start(self, job: SimJob, placement: Placement, now_ms: int) -> None:
        """An attempt holds nodes of a site with offers."""
        spec = job.told.spec
        attempt = Attempt(
            job.attempt, job.id, 0, False, spec.tenant, spec.priority, job.attempts, 0,  # noqa: FBT003
            placement.site, placement.pool, placement.nodes,
            job.told.amount(placement.accelerator_milli), placement.accelerator,
            placement.rate_microcny_per_hour, now_ms, placement.expected_end_ms,
            placement.reason, placement.explanation,
        )  # fmt: skip
        self.fold.state.attempts[job.attempt] = attempt
        self.fold.state.sites[placement.site].attempts[job.attempt] = True

    def note_end(self, job: SimJob, now_ms: int) -> None:
        """It is gone from them."""
        attempt = self.fold.state.attempts.pop(job.attempt)
        del self.fold.state.sites[attempt.site].attempts[job.attempt]
        offers.note_end(self.fold, attempt, now_ms)

    def uses(self, now_ms: int) -> tuple[OfferUse, ...]:
        """What was asked of providers so far, and what it cost."""
        found = []
        for site, provider in self.providers.items():
            record = self.fold.state.sites[site]
            for pool in provider.pools:
                one = offers.account(record, pool, now_ms)
                found.append(
                    OfferUse(
                        pool.id, one.started_count, one.node_ms, one.boot_ms, one.cost_microcny
                    )
                )
        return tuple(found)

    # Inside

    def _renew(self, site: SiteId, play: Play) -> None:
        """The site tells its inventory as it is now."""
        inventory = self._inventory(self._sites[site], play.now_ms)
        self._emit(ev.InventoryChanged(site, inventory), play.now_ms)
        play.want_cycle()

    def _inventory(self, site: SimSite, now_ms: int) -> Inventory:
        known = site.inventory
        provider = self.providers.get(site.site.id)
        nodes = [
            node if node.id not in self._down else _down(node) for node in known.nodes
        ] + (list(provider.nodes.values()) if provider is not None else [])  # fmt: skip
        if not site.prices:
            return Inventory(known.pools, tuple(nodes), known.offers)
        since_ms = now_ms - self._begin_ms
        prices = {pool: curve.at(since_ms) for pool, curve in site.prices.items()}
        return Inventory(
            tuple([_priced(pool, prices) for pool in known.pools]),
            tuple(nodes),
            tuple([_offered(offer, prices) for offer in known.offers]),
        )

    def _emit(self, event: ev.AnyEvent, at_ms: int) -> None:
        fold = self.fold
        fold.apply(ev.Entry(fold.state.position + 1, at_ms, "replay", event))
        fold.changes.clear()


def _site_of(pool: PoolId) -> SiteId:
    return SiteId(pool.partition("/")[0])


def _down(node: Node) -> Node:
    return msgspec.structs.replace(node, condition=NodeCondition.DOWN)


def _priced(pool: Pool, prices: dict[PoolId, int]) -> Pool:
    if pool.id not in prices:
        return pool
    price = msgspec.structs.replace(pool.price, accelerator_microcny_per_hour=prices[pool.id])
    return msgspec.structs.replace(pool, price=price)


def _offered(offer: Offer, prices: dict[PoolId, int]) -> Offer:
    if offer.pool not in prices:
        return offer
    price = msgspec.structs.replace(offer.price, accelerator_microcny_per_hour=prices[offer.pool])
    return msgspec.structs.replace(offer, price=price)
