"""The supply: sites, their pools as columns, and what runs where.

Theory of operation. `put_inventory` replaces a site's pools; what runs at the site is then
accounted again on the new rows, keeping its chips where they still exist. A share of a node that
no inventory names is accounted nowhere until the node (re)appears: that makes the order of
"attempts started" and "inventory known" free, after a restart for instance. While `restoring`, an
attempt that does not fit its node means that the node shrank before the restart. `version` changes
when pools change in a way that a filter could see, and only then; `availability` when sites or
nodes come and go; `growth` whenever something may fit that did not fit before.
"""

from collections.abc import Iterable

import msgspec
import numpy as np

from hutong.model.classes import ClassRule, rank_of
from hutong.model.ids import AttemptId, JobId, NodeId, PoolId, SiteId, TenantId
from hutong.model.resources import Amount
from hutong.model.supply import Inventory, Node, NodeCondition, Pool, Site
from hutong.scheduler.affinity import Labels
from hutong.scheduler.arena import Arena
from hutong.scheduler.columns import Ints, Need, PoolColumns, amount_of, need_of
from hutong.scheduler.kernels import layout
from hutong.scheduler.offer_nodes import OfferNodes, full_until
from hutong.scheduler.preempt import loss
from hutong.scheduler.records import RunningAttempt, SiteStatus
from hutong.scheduler.shapes import NEVER_MS
from hutong.scheduler.share import Share, chips_kept
from hutong.scheduler.wanted import Wanted
from hutong.scheduler.when.spot_past import SpotPast

BASES = ("limits", "estimates", "none")
"""What an expected end may rest on, the surest first."""

_POSITIONS = {basis: position for position, basis in enumerate(BASES)}
_NOWHERE: tuple[PoolColumns | None, int] = (None, -1)
_LOSS = slice(layout.SLOT_STARTED, layout.SLOT_WEIGHT_CPU + 1)


def worse(one: str, other: str) -> str:
    """The less sure of two bases."""
    return max(one, other, key=BASES.index)


class Running:
    """An attempt that holds capacity.

    `held` is what its tenant is charged: its tasks' needs, or whole nodes where it is exclusive.
    One that is `stopping` is gone by `gone_ms`, 0 where nobody knows.
    """

    __slots__ = ("attempt", "gone_ms", "held", "model", "need", "number", "shares", "stopping")

    def __init__(self, attempt: RunningAttempt, number: int) -> None:
        self.attempt = attempt
        self.number = number
        self.need = _need_of(attempt.needs, attempt)
        needs = [self.need, *[_need_of(group.needs, attempt) for group in attempt.groups]]
        self.shares = [Share(node, needs[node.group]) for node in attempt.nodes]
        self.stopping = attempt.stopping
        self.gone_ms = 0
        self.model = attempt.accelerator
        self.held = Amount()


class Supply:
    """Sites, pools and nodes, with the accounts of what live attempts hold on them."""

    def __init__(self) -> None:
        self.sites: dict[SiteId, Site] = {}
        self.statuses: dict[SiteId, SiteStatus] = {}
        self.pools: dict[PoolId, PoolColumns] = {}
        self.order: list[PoolColumns] = []
        self.nodes: dict[NodeId, tuple[PoolColumns, int]] = {}
        self.running: dict[AttemptId, Running] = {}
        self.by_number: dict[int, Running] = {}
        self.resizable: dict[AttemptId, Running] = {}
        self.labels = Labels()
        self.wanted = Wanted()
        self.class_codes: dict[str, int] = {}
        self.tenant_codes: dict[TenantId, int] = {}
        self.stopping: dict[AttemptId, Running] = {}
        self.total = Amount()
        self.version = 0
        self.availability = 0
        self.growth = 0
        self.changes = 0
        self.restoring = True
        self._arena = Arena(())
        self._at_site: dict[SiteId, dict[AttemptId, Running]] = {}
        self.offers: dict[PoolId, OfferNodes] = {}
        self.booting: dict[NodeId, Running] = {}
        self._conditions: dict[NodeId, NodeCondition] = {}
        self._ready_ms: dict[NodeId, int] = {}
        self._inventories: dict[SiteId, Inventory] = {}
        self._numbers = 0

    def arena(self) -> Arena:
        """The columns of all pools side by side."""
        if self._arena.order is not self.order:
            self._arena = Arena(self.order)
        return self._arena

    def class_ranks(self, classes: tuple[ClassRule, ...]) -> Ints:
        """The rank of every class by its code, among `classes`."""
        return np.array([rank_of(name, classes) for name in self.class_codes] or [0], np.int64)

    # Sites, pools, nodes

    def put_site(self, site: Site) -> None:
        """Add a site, or replace its description. A new site is ready."""
        if self.sites.get(site.id) != site:
            self.sites[site.id] = site
            self.version += 1
        self.statuses.setdefault(site.id, SiteStatus.READY)

    def set_site_status(self, site: SiteId, status: SiteStatus) -> None:
        """Say whether new work may go to a site; a site nobody has described yet is noted."""
        if self.statuses.get(site) is not status:
            self.statuses[site] = status
            self._note_availability()

    def put_inventory(self, site: SiteId, inventory: Inventory) -> None:
        """Replace a site's pools and nodes; conditions come from the inventory."""
        known = self._inventories.get(site)
        self._inventories[site] = inventory
        if known is not None and _same_but_for_conditions(known, inventory):
            self._note_conditions(inventory)
            self._renew_boots(site)
            self._renew_conditions(site)
            return
        for columns in self._pools_of(site):
            del self.pools[columns.pool.id]
            for node in columns.ids:
                del self.nodes[node]
                self._conditions.pop(node, None)
                self.booting.pop(node, None)
        self._note_conditions(inventory)
        for pool, nodes in self._members(site, inventory):
            columns = self.pools[pool.id] = PoolColumns(pool, nodes)
            for row, node in enumerate(columns.ids):
                self.nodes[node] = (columns, row)
            self._renew_pool_conditions(columns)
        self._renumber()
        for running in self._at_site.get(site, {}).values():
            for share in running.shares:
                home = share.columns
                if home is not None and self.pools.get(home.pool.id) is not home:
                    share.detach()
            self._account(running)
        for columns in self._pools_of(site):
            columns.shrunk = _overdrawn(columns)
        self._renew_offers(site, inventory)
        if self._renew_boots(site):
            self._renew_conditions(site)

    def set_node_condition(self, node: NodeId, condition: NodeCondition) -> None:
        """Say whether new work may go to a node; a node nobody has named yet is noted."""
        before = self._condition(node)
        self._conditions[node] = condition
        if node in self.nodes:
            self._renew_boot(node)
            self._show_condition(node, before)

    def is_draining(self, node: NodeId) -> bool:
        """Whether an operator keeps new work away from a node."""
        return self._conditions.get(node) is NodeCondition.DRAINING

    def is_promised(self, job: JobId) -> bool:
        """Whether nodes of an offer were started for a job and have not been used yet."""
        return any(job in standing.promised for standing in self.offers.values())

    def put_nodes_of_offer(
        self,
        pool: PoolId,
        coming: dict[NodeId, int],
        idle_since: dict[NodeId, int],
        promised: dict[JobId, bool],
        past: SpotPast,
    ) -> None:
        """Say which nodes of an offer should exist. See `OfferNodes`."""
        standing = self.offers.get(pool)
        if standing is not None:
            standing.coming, standing.idle_since = coming, idle_since
            standing.promised, standing.past = promised, past

    # Attempts

    def start(self, attempt: RunningAttempt) -> Running:
        """Account what an attempt holds, and say what its tenant is to be charged."""
        running = Running(attempt, self._numbers)
        self._numbers += 1
        self.changes += 1
        self.renew_charge(running)
        self.running[attempt.attempt] = running
        self.by_number[running.number] = running
        if running.stopping:
            self.stopping[attempt.attempt] = running
        if attempt.resizable is not None:
            self.resizable[attempt.attempt] = running
        if attempt.labels:
            self.labels.add(running)
        self._at_site.setdefault(attempt.site, {})[attempt.attempt] = running
        for share in running.shares:
            if share.node.node in self.booting:  # it is not, if something runs there
                before = self._condition(share.node.node)
                self._give(self.booting.pop(share.node.node))
                self._show_condition(share.node.node, before)
        self._account(running)
        self._want(running, 1)
        return running

    def renew_charge(self, running: Running) -> None:
        """Work out again what an attempt's tenant is charged, from the pool as it is known now."""
        attempt = running.attempt
        columns = self.pools.get(attempt.pool)
        if not attempt.accelerator and columns is not None and attempt.needs.accelerator_milli > 0:
            running.model = columns.pool.accelerator
        if not attempt.groups and not running.need.exclusive:
            tasks = sum([share.node.tasks for share in running.shares])
            running.held = amount_of(running.need).times(tasks)
            return
        if running.need.exclusive and columns is None and running.held.cpu_milli:
            return
        held = Amount()
        for share in running.shares:
            group = share.node.group
            home = self.pools.get(attempt.groups[group - 1].pool) if group else columns
            if running.need.exclusive and home is not None:
                held = held.plus(held_exclusively(home, 1))
            else:
                held = held.plus(amount_of(share.need).times(share.node.tasks))
        running.held = held

    def charged_by_pool(self, site: SiteId) -> list[Running]:
        """Attempts at a site whose charge depends on what is known of their pool."""
        return [
            running
            for running in self._at_site.get(site, {}).values()
            if running.need.exclusive or (running.need.milli and not running.attempt.accelerator)
        ]

    def running_at(self, site: SiteId) -> Iterable[Running]:
        """What holds capacity at a site."""
        return self._at_site.get(site, {}).values()

    def release(self, attempt: AttemptId) -> Running | None:
        """Give back what an attempt held; None when it held nothing."""
        running = self.running.pop(attempt, None)
        if running is None:
            return None
        del self.by_number[running.number]
        self.stopping.pop(attempt, None)
        self.resizable.pop(attempt, None)
        if running.attempt.labels:
            self.labels.remove(running)
        self.growth += 1
        self.changes += 1
        del self._at_site[running.attempt.site][attempt]
        self._give(running)
        self._want(running, -1)
        return running

    def note_progress(self, attempt: AttemptId, running_ms: int, checkpointed_ms: int) -> None:
        """Say since when an attempt runs and when it last wrote down its state; 0 is not known."""
        running = self.running.get(attempt)
        if running is not None:
            running.attempt = msgspec.structs.replace(
                running.attempt, running_ms=running_ms, checkpointed_ms=checkpointed_ms
            )
            note_loss(running)

    def mark_stopping(self, attempt: AttemptId, gone_ms: int = 0) -> None:
        """Say that an attempt was told to stop: what it holds is about to come free.

        It is gone by `gone_ms` at the latest, 0 where nobody knows.
        """
        running = self.running.get(attempt)
        if running is None or running.stopping:
            return
        running.stopping = True
        running.gone_ms = gone_ms
        self.stopping[attempt] = running
        for share in running.shares:
            if share.columns is not None:
                share.columns.slots.stopping[share.slot] = True
                share.columns.version += 1

    # Inside

    def _want(self, running: Running, sign: int) -> None:
        """Account (1) or forget (-1) what an attempt's tasks want of chips."""
        for share in running.shares:
            if share.need.milli:
                self.wanted.count(share.need, sign * share.node.tasks, running.attempt.models)

    def _members(self, site: SiteId, inventory: Inventory) -> list[tuple[Pool, list[Node]]]:
        """The site's own pools with their nodes; a name that is taken goes to whom had it first."""
        pools: dict[PoolId, Pool] = {}
        for pool in inventory.pools:
            if pool.site == site and pool.id not in self.pools:
                pools.setdefault(pool.id, pool)
        homes: dict[NodeId, Node] = {}
        for node in inventory.nodes:
            if node.pool in pools and node.id not in self.nodes:
                homes.setdefault(node.id, node)
        members: dict[PoolId, list[Node]] = {pool: [] for pool in pools}
        for node in homes.values():
            members[node.pool].append(node)
        return [(pool, members[pool.id]) for pool in pools.values()]

    def _note_conditions(self, inventory: Inventory) -> None:
        for node in inventory.nodes:
            self._conditions[node.id] = node.condition
            if node.condition is NodeCondition.BOOTING:
                self._ready_ms[node.id] = node.ready_ms
            else:
                self._ready_ms.pop(node.id, None)

    def _condition(self, node: NodeId) -> NodeCondition:
        """A node's condition in its pool's columns: one that boots is ready, and full until then"""
        known = self._conditions.get(node, NodeCondition.READY)
        if known is not NodeCondition.BOOTING:
            return known
        return NodeCondition.READY if node in self.booting else NodeCondition.DOWN

    def _show_condition(self, node: NodeId, before: NodeCondition) -> None:
        columns, row = self.nodes[node]
        after = self._condition(node)
        if before is not after:
            columns.set_condition(row, before, after)
            self._note_availability()

    def _renew_boots(self, site: SiteId) -> bool:
        """Fill what boots; says whether anything does, or did."""
        nodes = [node for columns in self._pools_of(site) for node in columns.ids]
        touched = [node for node in nodes if node in self._ready_ms or node in self.booting]
        for node in touched:
            self._renew_boot(node)
        return bool(touched)

    def _renew_boot(self, node: NodeId) -> None:
        """Fill a node that boots until it is ready; one on which something runs does not boot."""
        columns, row = self.nodes[node]
        boots = self._conditions.get(node) is NodeCondition.BOOTING
        ready_ms = self._ready_ms.get(node, 0)
        held = self.booting.get(node)
        if held is not None and not (boots and held.attempt.expected_end_ms == ready_ms):
            self._give(self.booting.pop(node))
            self.growth += 1
        if boots and node not in self.booting and not columns.shares[row]:
            held = self.booting[node] = Running(full_until(node, columns.pool, ready_ms), -1)
            self._account(held)

    def _renew_offers(self, site: SiteId, inventory: Inventory) -> None:
        """Take the offers of a site as they are now; what was asked for stands."""
        offers = {offer.pool: offer for offer in inventory.offers}
        for columns in self._pools_of(site):
            pool = columns.pool.id
            columns.offer = offers.get(pool)
            if columns.offer is not None:
                self.offers.setdefault(pool, OfferNodes(columns.offer)).offer = columns.offer
        for pool in [pool for pool in self.offers if pool.partition("/")[0] == site]:
            if pool not in offers or pool not in self.pools:
                del self.offers[pool]

    def _give(self, running: Running) -> None:
        """Give back what is accounted of its shares."""
        columns: PoolColumns | None = None
        slots: list[int] = []
        for share in running.shares:
            if share.columns is not columns:
                if columns is not None:
                    columns.release(slots)
                columns, slots = share.columns, []
            slots.append(share.slot)
        if columns is not None:
            columns.release(slots)

    def _renumber(self) -> None:
        self.order = [self.pools[pool] for pool in sorted(self.pools)]
        total = Amount()
        for index, columns in enumerate(self.order):
            columns.index = index
            node = Amount(
                max(columns.cpu_total, 0), max(columns.mem_total, 0), int(columns.caps.sum())
            )
            total = total.plus(node.times(len(columns.ids)))
        self.total = total
        self.version += 1
        self.growth += 1

    def _renew_conditions(self, site: SiteId) -> None:
        for columns in self._pools_of(site):
            self._renew_pool_conditions(columns)

    def _renew_pool_conditions(self, columns: PoolColumns) -> None:
        columns.set_conditions([self._condition(node) for node in columns.ids])
        self._note_availability()

    def _note_availability(self) -> None:
        self.availability += 1
        self.growth += 1

    def _pools_of(self, site: SiteId) -> Iterable[PoolColumns]:
        return [columns for columns in self.order if columns.pool.site == site]

    def _account(self, running: Running) -> None:
        """Put the shares of an attempt on the rows that their nodes have now."""
        columns: PoolColumns | None = None
        need = running.need
        batch: list[Share] = []
        flat: list[int] = []
        for share in running.shares:
            home, row = self.nodes.get(share.node.node, _NOWHERE)
            if home is None or share.columns is home:
                continue
            if home is not columns or share.need is not need:
                if columns is not None:
                    self._fill(running, columns, batch, flat)
                columns, need, batch, flat = home, share.need, [], []
            share.columns = home
            share.row = row
            share.slot = slot = home.slots.add()
            batch.append(share)
            flat += (row, share.node.tasks, slot)
        if columns is not None:
            self._fill(running, columns, batch, flat)

    def _fill(
        self, running: Running, columns: PoolColumns, batch: list[Share], flat: list[int]
    ) -> None:
        """Account shares with one need on one pool; `flat` has SHARE_PLACES places of each."""
        attempt = running.attempt
        places = (
            clamp_time(attempt.expected_end_ms),
            self.class_codes.setdefault(attempt.priority, len(self.class_codes)),
            self.tenant_codes.setdefault(attempt.tenant, len(self.tenant_codes)),
            running.number,
            *loss.places(attempt, running.held, columns.pool.boot_ms),
        )
        columns.account(
            batch[0].need, flat, chips_kept(batch), np.array(places, np.int64),
            _POSITIONS.get(attempt.end_basis, len(BASES) - 1),
        )  # fmt: skip
        if running.stopping:
            columns.slots.stopping[[share.slot for share in batch]] = True
        if self.restoring:
            for share in batch:
                if _is_overdrawn(columns, share.row):
                    columns.shrunk[share.row] = True


def note_loss(running: Running) -> None:
    """Renew what evictions ask of an attempt wherever it is accounted."""
    for share in running.shares:
        if share.columns is not None:
            places = loss.places(running.attempt, running.held, share.columns.pool.boot_ms)
            share.columns.slots.table[_LOSS, share.slot] = places


def _need_of(needs: Amount, attempt: RunningAttempt) -> Need:
    return need_of(
        needs.cpu_milli, needs.memory_mib, needs.accelerator_milli, exclusive=attempt.exclusive
    )


def clamp_time(time_ms: int) -> int:
    """Cut a time to what the columns hold."""
    return max(0, min(time_ms, NEVER_MS))


def held_exclusively(columns: PoolColumns, nodes: int) -> Amount:
    """What holding whole nodes of a pool amounts to."""
    node = Amount(max(columns.cpu_total, 0), max(columns.mem_total, 0), int(columns.caps.sum()))
    return node.times(nodes)


def _overdrawn(columns: PoolColumns) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return (columns.free_cpu < 0) | (columns.free_mem < 0) | (columns.debt > 0)


def _is_overdrawn(columns: PoolColumns, row: int) -> bool:
    return bool(columns.free_cpu[row] < 0 or columns.free_mem[row] < 0 or columns.debt[row] > 0)


def _same_but_for_conditions(one: Inventory, other: Inventory) -> bool:
    if one.pools != other.pools or one.offers != other.offers:
        return False
    if len(one.nodes) != len(other.nodes):
        return False
    return all(
        a.id == b.id and a.pool == b.pool and a.domains == b.domains
        for a, b in zip(one.nodes, other.nodes, strict=True)
    )
