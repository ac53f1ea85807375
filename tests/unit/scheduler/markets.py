"""Worlds with providers: a market plays the lifecycle's part and that of the sites' providers."""

from typing import Any

from hutong.model.ids import AttemptId, JobId, NodeId, PoolId, SiteId
from hutong.model.job import Commercial, Terms
from hutong.model.resources import Amount
from hutong.model.supply import Inventory, Node, NodeCondition, Offer, Pool, PriceBook
from hutong.scheduler.plan import Plan
from hutong.scheduler.profile import Profile
from hutong.scheduler.when.spot_past import UNSEEN, SpotPast
from tests.unit.scheduler.worlds import A100, World

AT_ONCE = Commercial(after_ms=0)
"""What a job says that waits for nobody."""


class Slot:
    """A node that a provider was asked for."""

    def __init__(self, asked_ms: int, ready_ms: int, job: JobId | None) -> None:
        self.asked_ms = asked_ms
        self.ready_ms = ready_ms
        self.told = False
        self.idle_ms = 0
        self.used = False
        self.condition = NodeCondition.BOOTING
        self.job = job


class Market(World):
    """A world whose sites have offers. `lag_ms` passes until a site tells of a node, and boots take
    `slow` times what the offer says."""

    def __init__(self, profile: Profile | str = "fair", *, lag_ms: int = 0, slow: int = 1) -> None:
        super().__init__(profile)
        self.offers: dict[PoolId, Offer] = {}
        self.slots: dict[PoolId, dict[NodeId, Slot]] = {}
        self.pasts: dict[PoolId, SpotPast] = {}
        self.started: list[int] = []
        """How many nodes each scaling started."""
        self._lag_ms = lag_ms
        self._slow = slow
        self._names = 0

    def offer(
        self, path: str, *, nodes_max: int = 4, boot_s: int = 60, cpu: float = 64,
        mem_gib: float = 512, chips: float = 0, model: str = A100, price: float = 0,
        terms: Terms = Terms.ON_DEMAND, revoked_milli_per_hour: int = 0, **fields: Any,
    ) -> "Market":  # fmt: skip
        """Add an offer to a site. `price` is CNY an hour for a chip, or for a CPU without chips."""
        site = SiteId(path.partition("/")[0])
        if site not in self._pools:
            self.site(site)
        each = round(price * 1_000_000)
        book = PriceBook(each) if chips else PriceBook(0, each)
        size = Amount(round(cpu * 1000), round(mem_gib * 1024), round(chips * 1000))
        pool = Pool(PoolId(path), site, size, model if chips else "", price=book, **fields)
        self.offers[pool.id] = Offer(
            pool.id, terms, nodes_max, boot_s * 1000, book, revoked_milli_per_hour
        )
        self.slots[pool.id] = {}
        self._pools[site][pool.id] = (pool, [])
        self._put_inventory(site)
        return self

    def count(self, path: str) -> int:
        """How many nodes of an offer should exist."""
        return len(self.slots[PoolId(path)])

    def ready(self, path: str) -> int:
        """How many of them are ready."""
        slots = self.slots[PoolId(path)].values()
        return sum(slot.condition is NodeCondition.READY for slot in slots)

    def revoke(self, path: str) -> None:
        """The provider takes the first node of an offer back, with what runs on it."""
        name = next(iter(self.slots[PoolId(path)]))
        for attempt, running in list(self.live.items()):
            if any(share.node == name for share in running.nodes):
                queued, _ = self.jobs[running.job]
                self.end(attempt)
                self.state.enqueue(queued, 1)
                self.jobs[running.job] = (queued, 1)
        del self.slots[PoolId(path)][name]
        past = self.pasts.get(PoolId(path), UNSEEN)
        self.pasts[PoolId(path)] = past.after(self.now_ms, held=False, lost=True)
        self._put_inventory(SiteId(path.partition("/")[0]))

    def _put_inventory(self, site: SiteId) -> None:
        pools = tuple(pool for pool, _ in self._pools[site].values())
        nodes = [node for _, members in self._pools[site].values() for node in members]
        offers = tuple(offer for pool, offer in self.offers.items() if pool.startswith(f"{site}/"))
        for offer in offers:
            for name, slot in self.slots[offer.pool].items():
                if slot.told:
                    nodes.append(Node(name, offer.pool, (), slot.condition, slot.ready_ms))
        self.state.put_inventory(site, Inventory(pools, tuple(nodes), offers))
        for offer in offers:
            self._show(offer.pool)

    def _show(self, pool: PoolId) -> None:
        slots = self.slots[pool]
        coming = {name: slot.asked_ms for name, slot in slots.items() if not slot.told}
        idle_since = {name: slot.idle_ms for name, slot in slots.items() if slot.told}
        promised = {slot.job: True for slot in slots.values() if slot.job and not slot.used}
        past = self.pasts.get(pool, UNSEEN).after(self.now_ms, held=bool(slots), lost=False)
        self.pasts[pool] = past
        self.state.put_nodes_of_offer(pool, coming, idle_since, promised, past)

    def apply(self, plan: Plan) -> None:
        for scaling in plan.scalings:
            slots, offer = self.slots[scaling.pool], self.offers[scaling.pool]
            for name in scaling.away:
                assert not any(s.node == name for r in self.live.values() for s in r.nodes)
                del slots[name]
            missing = scaling.nodes - len(slots)
            assert scaling.nodes <= offer.nodes_max, (scaling, offer.nodes_max)
            assert missing >= 0, scaling
            if missing:
                self.started.append(missing)
            for _ in range(missing):
                self._names += 1
                ready_ms = self.now_ms + offer.boot_ms
                slots[NodeId(f"{scaling.pool}-{self._names}")] = Slot(
                    self.now_ms, ready_ms, scaling.job
                )
            self._put_inventory(SiteId(scaling.pool.partition("/")[0]))
        super().apply(plan)

    def end(self, attempt: AttemptId) -> None:
        for share in self.live[attempt].nodes:
            for pool, slots in self.slots.items():
                if share.node in slots:
                    slots[share.node].idle_ms, slots[share.node].used = self.now_ms, True
                    self._show(pool)
        super().end(attempt)

    def pass_time(self, pass_ms: int) -> None:
        super().pass_time(pass_ms)
        self.tell()

    def tell(self) -> None:
        """Let every site say what its provider did meanwhile."""
        for pool, slots in self.slots.items():
            for slot in slots.values():
                slot.told = slot.told or self.now_ms >= slot.asked_ms + self._lag_ms
                boot_ms = self.offers[pool].boot_ms * self._slow
                if slot.condition is NodeCondition.BOOTING and (
                    self.now_ms >= slot.asked_ms + boot_ms + self._lag_ms
                ):
                    slot.condition, slot.idle_ms = NodeCondition.READY, self.now_ms
        for site in dict.fromkeys(SiteId(pool.partition("/")[0]) for pool in self.slots):
            self._put_inventory(site)
