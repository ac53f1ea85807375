"""A scheduler that is slow and obvious: the rules of docs/internals/scheduler.md, read aloud.

It exists to disagree. Every question is answered by looking at every job, pool and node again, with
loops over plain objects; it shares no code with `hutong.scheduler` but the values that go in and
come out. `tests/property/test_reference.py` runs both on the same random worlds.
"""

from typing import NamedTuple

import msgspec

from hutong.catalog import Catalog
from hutong.model.classes import ClassRule, rank_of
from hutong.model.ids import AttemptId, JobId, NodeId, SiteId, TenantId
from hutong.model.resources import Amount
from hutong.model.supply import Inventory, NodeCondition, Site
from hutong.model.tenant import Tenant, ancestors
from hutong.scheduler.plan import Plan
from hutong.scheduler.profile import Profile
from hutong.scheduler.records import QueuedJob, RunningAttempt, SiteStatus
from hutong.scheduler.shapes import Shape, shape_of
from tests.reference.nodes import Held, Kept, Node, Shares, need_of, pack, room_for, tightness
from tests.reference.ways import (
    NEVER_MS,
    Place,
    Way,
    charge_of,
    latest_ms,
    nodes_out,
    score,
    slack_of,
    ways_of,
)


class Waiting:
    """A waiting job, and how many of its elements could start."""

    def __init__(self, job: QueuedJob, available: int) -> None:
        self.queued = job
        self.available = available
        self.held: object = None


class Decided(NamedTuple):
    """What was decided, in order, as far as the reference goes."""

    placements: list[tuple[str, str, tuple[tuple[str, int], ...], int]]
    reservations: list[tuple[str, str, int]]
    preemptions: list[tuple[str, str]]
    waits: dict[str, tuple[str, ...]]


class Reference:
    """The world as it was told, change by change. `decide` looks at all of it."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.sites: dict[SiteId, Site] = {}
        self.statuses: dict[SiteId, SiteStatus] = {}
        self.inventories: dict[SiteId, Inventory] = {}
        self.conditions: dict[NodeId, NodeCondition] = {}
        self.tenants: dict[TenantId, Tenant] = {}
        self.waiting: dict[JobId, Waiting] = {}
        self.running: dict[AttemptId, RunningAttempt] = {}
        self.nodes: dict[NodeId, Node] = {}
        self.making_room: dict[AttemptId, JobId] = {}

    def put_site(self, site: Site) -> None:
        self.sites[site.id] = site
        self.statuses.setdefault(site.id, SiteStatus.READY)

    def set_site_status(self, site: SiteId, status: SiteStatus) -> None:
        self.statuses[site] = status

    def put_inventory(self, site: SiteId, inventory: Inventory) -> None:
        """What runs keeps its chips where they still exist, and else takes others."""
        known = self.inventories.get(site)
        self.inventories[site] = inventory
        self.conditions.update({node.id: node.condition for node in inventory.nodes})
        if known is not None and _bare(known) == _bare(inventory):
            return
        before = self.nodes
        pools = {pool.id: pool for pool in inventory.pools}
        self.nodes = {n: node for n, node in before.items() if not n.startswith(f"{site}/")}
        for row in inventory.nodes:
            self.nodes[row.id] = Node(row, pools[row.pool])
        for attempt in self.running.values():
            for share in attempt.nodes if attempt.site == site else ():
                old, new = before.get(share.node), self.nodes.get(share.node)
                held = [h for h in (old.held if old else ()) if h.attempt == attempt.attempt]
                if new is not None and held and held[0].parts and _still_there(held[0], new):
                    new.put(held[0])
                elif new is not None:
                    self._take(attempt, new, share.tasks)

    def set_node_condition(self, node: NodeId, condition: NodeCondition) -> None:
        self.conditions[node] = condition

    def put_tenant(self, tenant: Tenant) -> None:
        self.tenants[tenant.id] = tenant

    def enqueue(self, job: QueuedJob, available: int) -> None:
        self.waiting[job.job] = Waiting(job, available)

    def set_available(self, job: JobId, available: int) -> None:
        if job in self.waiting:
            self.waiting[job].available = available

    def hold(self, job: JobId, reason: object) -> None:
        if job in self.waiting:
            self.waiting[job].held = reason

    def dequeue(self, job: JobId) -> None:
        self.waiting.pop(job, None)

    def start(self, attempt: RunningAttempt) -> None:
        self.release(attempt.attempt)
        self.running[attempt.attempt] = attempt
        for share in attempt.nodes:
            if share.node in self.nodes:
                self._take(attempt, self.nodes[share.node], share.tasks)

    def release(self, attempt: AttemptId) -> None:
        self.running.pop(attempt, None)
        self.making_room.pop(attempt, None)
        for node in self.nodes.values():
            node.give(attempt)

    def mark_stopping(self, attempt: AttemptId) -> None:
        if attempt in self.running:
            self.running[attempt] = msgspec.structs.replace(self.running[attempt], stopping=True)

    def remember(self, plan: Plan) -> None:
        for stopped in plan.preemptions:
            if stopped.victim in self.running:
                self.making_room.setdefault(stopped.victim, stopped.job)

    def decide(self, now_ms: int, profile: Profile) -> Decided:
        """Run one cycle."""
        return Cycle(self, now_ms, profile).run()

    def _take(self, attempt: RunningAttempt, node: Node, tasks: int) -> None:
        needs = attempt.needs
        need = need_of(
            needs.cpu_milli, needs.memory_mib, needs.accelerator_milli, exclusive=attempt.exclusive
        )
        node.take(attempt.attempt, need, tasks, attempt.expected_end_ms)


class Hold:
    """A reservation: from `start_ms` until its holder is expected to be gone, on some nodes.

    `spare` is what is left beside it on each of its nodes at its start: CPU, memory, whole chips.
    """

    def __init__(self, job: str, way: Way, start_ms: int, shares: Shares) -> None:
        self.job = job
        self.need = way.need
        self.start_ms = start_ms
        self.end_ms = way.end_ms(start_ms)
        self.tasks = {node.id: tasks for node, tasks in shares}
        self.spare: dict[str, list[int]] = {}

    def leaves(self, node: Node, way: Way, most: int) -> int:
        """How many tasks that stay past the start a node may take."""
        need = way.need
        if node.id not in self.tasks:
            return most
        if self.need.exclusive or need.exclusive:
            return 0
        each = (need.cpu, need.mem, need.kept)
        tasks = [left // one for left, one in zip(self.spare[node.id], each, strict=True) if one]
        return max(min([most, *tasks]), 0)


class Group:
    """The waiting jobs of one class, tenant and shape."""

    def __init__(self, rank: int, tenant: TenantId, shape: Shape) -> None:
        self.rank = rank
        self.tenant = tenant
        self.shape = shape
        self.jobs: list[tuple[int, JobId]] = []
        self.slack = NEVER_MS


class Found(NamedTuple):
    """Where and when a gang fits first."""

    start_ms: int
    shares: Shares
    rooms: dict[str, Node]
    kept: dict[str, list[Kept]]


class Cycle:
    """One cycle over copies of what the reference was told."""

    def __init__(self, world: Reference, now_ms: int, profile: Profile) -> None:
        self.world = world
        self.now_ms = now_ms
        self.profile = profile
        self.places = _places(world)
        self.total = Amount()
        for place in self.places:
            for _ in place.nodes:
                self.total = self.total.plus(place.pool.node)
        self.charges = [(a.tenant, *_charged(world, a)) for a in world.running.values()]
        self.ends = {a.attempt: self._expected_end(a) for a in world.running.values()}
        self.holds: dict[str, list[Hold]] = {place.pool.id: [] for place in self.places}
        self.closed: dict[str, str] = {}
        self.failed: dict[tuple[Shape, int], str] = {}
        self.blocked: dict[Shape, int] = {}
        self.evicted: list[str] = []
        self.decided = Decided([], [], [], {})

    def run(self) -> Decided:
        classes = self.profile.classes
        groups = _groups(self.world, classes)
        order = _by_tree if self.profile.order == "fair" else _by_age
        for rank in range(len(classes) + 1):
            left = [group for group in groups if group.rank == rank]
            while left:
                group = order(left, self)
                if not self._place(group):
                    left.remove(group)
                    self._block(group)
                elif not group.jobs:
                    left.remove(group)
        return self.decided

    # Who holds how much

    def held(self, tenant: str, *, own: bool = False) -> list[tuple[Amount, str]]:
        """What a tenant holds, with everything below it unless `own`."""
        return [
            (amount, model)
            for holder, amount, model in self.charges
            if holder == tenant or (not own and holder.startswith(f"{tenant}/"))
        ]

    def share(self, tenant: str, *, own: bool = False) -> float:
        """The dominant share, weighted; what a tenant's own jobs hold stands at weight 1.

        Shares are doubles: an amount times one over the total of all nodes, by the weight.
        """
        amounts = [amount for amount, _ in self.held(tenant, own=own)]
        shares = [
            sum(getattr(amount, name) for amount in amounts) * (1 / getattr(self.total, name))
            for name in ("cpu_milli", "memory_mib", "accelerator_milli")
            if getattr(self.total, name) > 0
        ]
        known = self.world.tenants.get(TenantId(tenant))
        weight = known.weight if known and not own else 1
        return max(shares, default=0.0) / max(weight, 1)

    def over_quota(self, tenant: TenantId, way: Way) -> bool:
        """Whether one more attempt breaks a limit of the tenant or of one above it."""
        for above in ancestors(tenant):
            known = self.world.tenants.get(above)
            if known is None:
                continue
            quota, held = known.quota, self.held(above)
            limits = [(quota.running_jobs, len(held), 1)]
            for name in ("cpu_milli", "memory_mib", "accelerator_milli"):
                used = sum(getattr(amount, name) for amount, _ in held)
                limits.append((getattr(quota, name), used, getattr(way.charged, name)))
            of_model = sum(a.accelerator_milli for a, model in held if model == way.model)
            by_model = quota.accelerator_milli_by_model.get(way.model) if way.model else None
            limits.append((by_model, of_model, way.charged.accelerator_milli))
            if any(
                limit is not None and wanted > 0 and used + wanted > limit
                for limit, used, wanted in limits
            ):
                return True
        return False

    # Where a job could go now

    def ways(self, shape: Shape) -> list[Way]:
        """The ways that take work now and can meet the deadline, the best first."""
        ways, _ = ways_of(shape, self.places, self.world.catalog, self.profile)
        return [
            way
            for way in ways
            if not nodes_out(way.place, way, shape.tasks) and latest_ms(way, shape) >= self.now_ms
        ]

    def fit(self, way: Way, tasks: int) -> tuple[Shares, str]:
        """The nodes that a gang takes now; or none, and the job that they are kept for, if any."""
        pool = way.place.pool.id
        stays = self.now_ms + way.boot_ms + way.bound_ms
        holds = [hold for hold in self.holds[pool] if stays > hold.start_ms]
        rooms = [(node, room_for(node, way.need, tasks)) for node in way.place.nodes]
        holder = ""
        if pool in self.closed:
            holder = self.closed[pool] if self._gathers(way, rooms, tasks) else ""
            return [], holder
        if way.per_node >= tasks:
            fitting = [node for node, room in rooms if room >= tasks]
            free = [n for n in fitting if all(h.leaves(n, way, tasks) >= tasks for h in holds)]
            if free:
                return [(min(free, key=lambda node: tightness(node, way.need)), tasks)], ""
            holder = holds[0].job if fitting else ""
        if tasks == 1:
            return [], holder
        if sum(room for _, room in rooms) < tasks:
            return [], holder
        for hold in holds:
            rooms = [(node, min(room, hold.leaves(node, way, tasks))) for node, room in rooms]
            holder = holder or hold.job
        return pack(rooms, tasks), holder

    def _gathers(self, way: Way, rooms: list[tuple[Node, int]], tasks: int) -> bool:
        return sum(room for _, room in rooms) >= tasks

    def _place(self, group: Group) -> bool:
        for at, way in enumerate(self.ways(group.shape)):
            if (group.shape, at) in self.failed or self.over_quota(group.tenant, way):
                continue
            shares, holder = self.fit(way, group.shape.tasks)
            if shares:
                self._start(group, way, shares)
                return True
            self.failed[group.shape, at] = holder
        return False

    def _start(self, group: Group, way: Way, shares: Shares) -> None:
        (_, job), end_ms = group.jobs.pop(0), way.end_ms(self.now_ms)
        name = f"new {len(self.decided.placements)}"
        stays = self.now_ms + way.boot_ms + way.bound_ms
        self.ends[AttemptId(name)] = end_ms
        for node, tasks in shares:
            node.take(name, way.need, tasks, end_ms)
            for hold in self.holds[way.place.pool.id]:
                if stays > hold.start_ms and node.id in hold.spare:
                    each = (way.need.cpu, way.need.mem, way.need.kept)
                    before = hold.spare[node.id]
                    hold.spare[node.id] = [b - tasks * e for b, e in zip(before, each, strict=True)]
        self.charges.append((group.tenant, way.charged, way.model))
        where = tuple((str(node.id), tasks) for node, tasks in shares)
        self.decided.placements.append((job, way.place.pool.id, where, end_ms))

    # Those that cannot go on

    def _block(self, group: Group) -> None:
        shape, (_, head) = group.shape, group.jobs[0]
        ways = self.ways(shape)
        if not ways:
            sites = bool(self.world.sites)
            self.decided.waits[head] = ("waiting.no_pool" if sites else "waiting.no_sites",)
            return
        usable = [at for at, way in enumerate(ways) if not self.over_quota(group.tenant, way)]
        reasons = ["waiting.quota"] if len(usable) < len(ways) else []
        if usable:
            ahead = self.blocked.get(shape, 0)
            kept = [self.failed[shape, at] for at in range(len(ways)) if (shape, at) in self.failed]
            if ahead:
                reasons.append("waiting.turn")
            if any(kept):
                reasons.append("waiting.reserved")
            elif len(kept) == len(ways):
                reasons.append("waiting.busy")
            self.blocked[shape] = ahead + 1
            self._claim(group, ways, usable)
        self.decided.waits[head] = tuple(sorted(reasons))

    def _claim(self, group: Group, ways: list[Way], usable: list[int]) -> None:
        """Make room or keep room for the group's next jobs."""
        if self.profile.preemption and group.shape and self._make_room(group, ways, usable):
            return
        if self.profile.backfill == "none":
            for at in usable:
                self.closed.setdefault(ways[at].place.pool.id, group.jobs[0][1])
            return
        while len(self.decided.reservations) < self.profile.reservations_count and group.jobs:
            best = self._best_start(group.shape, ways, usable)
            if best is None:
                return
            self._hold(group, ways[best[0]], best[1])
            if self.profile.backfill != "conservative":
                return

    def _hold(self, group: Group, way: Way, found: Found) -> None:
        (_, job), pool = group.jobs.pop(0), way.place.pool.id
        hold = Hold(job, way, found.start_ms, found.shares)
        for node, tasks in found.shares:
            kept, room = found.kept.get(node.id, []), found.rooms[node.id]
            hold.spare[node.id] = [
                room.cpu - way.need.cpu * tasks - sum(k.need.cpu * k.tasks for k in kept),
                room.mem - way.need.mem * tasks - sum(k.need.mem * k.tasks for k in kept),
                room.whole - way.need.kept * tasks - sum(k.need.kept * k.tasks for k in kept),
            ]
        self.holds[pool].append(hold)
        self.decided.reservations.append((job, pool, found.start_ms))

    def _best_start(
        self, shape: Shape, ways: list[Way], usable: list[int]
    ) -> tuple[int, Found] | None:
        """The way whose earliest start the objective likes best; ties to the earlier, then to the
        one that the job prefers.
        """
        best: tuple[tuple[int, int, int], Found] | None = None
        for at in usable:
            found = self.earliest(ways[at], shape.tasks)
            if found is None:
                continue
            wait_ms = found.start_ms - self.now_ms
            key = (score(ways[at], shape, wait_ms, self.profile), found.start_ms, at)
            if best is None or key < best[0]:
                best = key, found
        return (best[0][2], best[1]) if best else None

    def earliest(self, way: Way, tasks: int) -> Found | None:
        """The first moment at which a gang fits, now or when something has ended.

        Reservations count as taken from now until their holders are expected to be gone.
        """
        place, holds = way.place, self.holds[way.place.pool.id]
        ends = {h.attempt: self.ends[AttemptId(h.attempt)] for n in place.nodes for h in n.held}
        later = sorted({*ends.values(), *(hold.end_ms for hold in holds)})
        for moment in (None, *later):
            time_ms = self.now_ms if moment is None else moment
            gone = [a for a, end in ends.items() if moment is not None and end <= moment]
            found = self._fit_after(way, tasks, gone, time_ms)
            if found is not None:
                return found
        return None

    def _fit_after(self, way: Way, tasks: int, gone: list[str], time_ms: int) -> Found | None:
        kept: dict[str, list[Kept]] = {}
        for hold in self.holds[way.place.pool.id]:
            for node_id, count in hold.tasks.items() if hold.end_ms > time_ms else ():
                kept.setdefault(node_id, []).append(Kept(hold.need, count))
        rooms = [node.after(gone) for node in way.place.nodes]
        fitting = [(n, room_for(n, way.need, tasks, kept.get(n.id, ()))) for n in rooms]
        shares = pack(fitting, tasks)
        by_id = {str(node.id): node for node in rooms}
        return Found(max(time_ms, self.now_ms), shares, by_id, kept) if shares else None

    def _make_room(self, group: Group, ways: list[Way], usable: list[int]) -> bool:
        return False

    def _expected_end(self, attempt: RunningAttempt) -> int:
        """What stops is as good as gone; who is late is given a minute, or an eighth of the time
        by which it is late.
        """
        late_ms = self.now_ms - attempt.expected_end_ms
        if attempt.stopping:
            return self.now_ms
        return self.now_ms + max(60_000, late_ms // 8) if late_ms >= 0 else attempt.expected_end_ms


def _by_age(groups: list[Group], _: Cycle) -> Group:
    return min(groups, key=lambda group: group.jobs[0])


def _by_tree(groups: list[Group], cycle: Cycle) -> Group:
    """From the top of the tenant tree: at each level the child with the smallest share; on a tie
    the one whose first job comes first by slack and age, then the one of the smaller name.
    """
    return _first_below("", groups, cycle)


def _first_below(tenant: str, groups: list[Group], cycle: Cycle) -> Group:
    below = f"{tenant}/" if tenant else ""
    children: dict[str, list[Group]] = {}
    for group in groups:
        child = group.tenant
        if child != tenant:
            child = TenantId(below + child.removeprefix(below).split("/")[0])
        children.setdefault(child, []).append(group)
    ranked = []
    for child, members in children.items():
        if child == tenant or all(group.tenant == child for group in members):
            first = min(members, key=lambda group: (group.slack, group.jobs[0]))
        else:
            first = _first_below(child, members, cycle)
        share = cycle.share(child, own=child == tenant)
        ranked.append((share, first.slack, first.jobs[0], child, first))
    return min(ranked, key=lambda row: row[:4])[4]


def _groups(world: Reference, classes: tuple[ClassRule, ...]) -> list[Group]:
    groups: dict[tuple[int, TenantId, Shape], Group] = {}
    for waiting in world.waiting.values():
        spec = waiting.queued.spec
        key = (rank_of(spec.priority, classes), spec.tenant, shape_of(spec))
        if waiting.held is None and waiting.available > 0:
            group = groups.setdefault(key, Group(*key))
            group.slack = slack_of(spec)
            group.jobs += [(waiting.queued.seq, waiting.queued.job)] * waiting.available
    for group in groups.values():
        group.jobs.sort()
    return list(groups.values())


def _places(world: Reference) -> list[Place]:
    places = {}
    for site, inventory in world.inventories.items():
        for pool in inventory.pools:
            status = world.statuses.get(site, SiteStatus.SILENT)
            places[pool.id] = Place(pool, world.sites.get(site), status)
        for row in inventory.nodes:
            node = world.nodes[row.id].copy()
            node.condition = world.conditions[row.id]
            places[row.pool].nodes.append(node)
    return [places[pool] for pool in sorted(places)]


def _charged(world: Reference, attempt: RunningAttempt) -> tuple[Amount, str]:
    pool = next(p for p in world.inventories[attempt.site].pools if p.id == attempt.pool)
    needs = attempt.needs
    need = need_of(
        needs.cpu_milli, needs.memory_mib, needs.accelerator_milli, exclusive=attempt.exclusive
    )
    tasks = sum(share.tasks for share in attempt.nodes)
    model = attempt.accelerator or (pool.accelerator if need.milli else "")
    return charge_of(need, tasks, pool, len(attempt.nodes)), model


def _still_there(held: Held, node: Node) -> bool:
    chips = node.chips
    return all(chip < len(chips) and chips[chip] >= milli for chip, milli in held.parts)


def _bare(inventory: Inventory) -> object:
    return inventory.pools, [(node.id, node.pool, node.domains) for node in inventory.nodes]
