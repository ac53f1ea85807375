"""A scheduler that is slow and obvious: the rules of docs/internals/scheduler.md, read aloud.

It exists to disagree. Every question is answered by looking at every job, pool and node again, with
loops over plain objects; it shares no code with `hutong.scheduler` but the values that go in and
come out. `tests/property/test_reference.py` runs both on the same random worlds.
"""

from collections.abc import Sequence
from typing import NamedTuple

from hutong.model.classes import ClassRule, rank_of
from hutong.model.ids import AttemptId, JobId
from hutong.model.resources import Amount
from hutong.scheduler.profile import Profile
from hutong.scheduler.records import RunningAttempt, SiteStatus
from hutong.scheduler.shapes import Shape
from tests.reference.evict import Ground, judge, shares_without
from tests.reference.holds import BASES, Found, Hold
from tests.reference.nodes import (
    Kept,
    Node,
    Shares,
    first_nodes,
    need_of,
    pack,
    room_for,
    tightness,
)
from tests.reference.order import Group, by_age, by_run, by_tree, groups_of
from tests.reference.quotas import Accounts, Averages, Charge
from tests.reference.told import Reference
from tests.reference.ways import (
    Place,
    Score,
    Way,
    basis,
    charge_of,
    latest_ms,
    nodes_out,
    score,
    ways_of,
)


class Decided(NamedTuple):
    """What was decided, in order, as far as the reference goes."""

    placements: list[tuple[str, str, tuple[tuple[str, int], ...], int]]
    reservations: list[tuple[str, str, int]]
    preemptions: list[tuple[str, str]]
    waits: dict[str, tuple[str, ...]]


def decide(
    world: Reference, now_ms: int, profile: Profile, told: Sequence[tuple[str, str]] = (),
    averages: Averages | None = None,
) -> Decided:  # fmt: skip
    """Run one cycle. `told` are victims with the jobs they go for (see `tests.reference.evict`);
    `averages` what tenants held of late, None where past use does not count.
    """
    return Cycle(world, now_ms, profile, told, averages).run()


class Cycle:
    """One cycle over copies of what the reference was told."""

    def __init__(
        self, world: Reference, now_ms: int, profile: Profile,
        told: Sequence[tuple[str, str]] = (), averages: Averages | None = None,
    ) -> None:  # fmt: skip
        self.world = world
        self.told = told
        self.now_ms = now_ms
        self.profile = profile
        self.places = _places(world)
        total = Amount()
        for place in self.places:
            for _ in place.nodes:
                total = total.plus(place.pool.node)
        charges = [Charge(a.tenant, *_charged(world, a), a.site) for a in world.running.values()]
        self.accounts = Accounts(world, total, charges, averages)
        self.ends = {a.attempt: self._expected_end(a) for a in world.running.values()}
        self.bases = {a.attempt: a.end_basis for a in world.running.values()}
        self.held_back = 0
        self.holds: dict[str, list[Hold]] = {place.pool.id: [] for place in self.places}
        self.closed: dict[str, str] = {}
        self.failed: dict[tuple[Shape, int], str] = {}
        self.blocked: dict[Shape, int] = {}
        self.classes_left = 0
        self.reserved_ranks: list[int] = []
        self.deferred: list[Group] = []
        self.decided = Decided([], [], [], {})

    def run(self) -> Decided:
        classes = self.profile.classes
        groups = groups_of(self.world, classes)
        order = {"fair": by_tree, "sjf": by_run}.get(self.profile.order, by_age)
        for rank in range(len(classes) + 1):
            left = [group for group in groups if group.rank == rank]
            self.classes_left = len({group.rank for group in groups if group.rank > rank})
            while left:
                group = order(left, self.accounts)
                if self._place(group):
                    group.jobs.pop(0)
                elif not self._block(group):
                    group.jobs.clear()
                if not group.jobs:
                    left.remove(group)
        return self.decided

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
        if self.profile.backfill == "conservative":
            for hold in holds if sum(room for _, room in rooms) >= tasks else ():
                rooms = [(node, min(room, hold.leaves(node, way, tasks))) for node, room in rooms]
                holder = holder or hold.job
            return first_nodes(rooms, tasks), holder
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
        by_chips = None
        if way.need.chips and not holds:
            by_chips = [(node, chips_room(node, way)) for node in way.place.nodes]
        return pack(rooms, tasks, by_chips), holder

    def _gathers(self, way: Way, rooms: list[tuple[Node, int]], tasks: int) -> bool:
        return sum(room for _, room in rooms) >= tasks

    def _place(self, group: Group) -> bool:
        for at, way in enumerate(self.ways(group.shape)):
            if (group.shape, at) in self.failed or self.accounts.over_quota(group.tenant, way):
                continue
            shares, holder = self.fit(way, group.shape.tasks)
            if shares:
                better = self._better(group, at)
                if better is None:
                    self._start(group, way, shares)
                else:
                    self._hold_back(group, *better)
                return True
            self.failed[group.shape, at] = holder
        return False

    def _better(self, group: Group, at: int) -> tuple[Way, Found] | None:
        """The better way that the group's next job waits for although way `at` has room, if any."""
        shape, ways, profile = group.shape, self.ways(group.shape), self.profile
        jobs_kept = self.held_back < profile.reservations_count // 2 and self._may_reserve(group)
        rule = profile.classes[group.rank] if group.rank < len(profile.classes) else None
        if not jobs_kept or profile.backfill == "none" or (rule is not None and rule.bound_ms):
            return None
        asked_ms = self.world.waiting[group.jobs[0][1]].queued.submitted_ms
        now = score(ways[at], shape, 0, profile)
        best: tuple[tuple[Score, int, int], Way, Found] | None = None
        for position, way in enumerate(ways[:at]):
            if (shape, position) not in self.failed:
                continue
            if self.accounts.over_quota(group.tenant, way):
                continue
            found = self.earliest(way, shape.tasks)
            if found is None or self._basis(way, found.start_ms) == "none":
                continue
            last_ms = min(asked_ms + profile.better_wait_ms, latest_ms(way, shape))
            then = score(way, shape, found.start_ms - self.now_ms, profile)
            if self.now_ms < found.start_ms <= last_ms and then < now:
                key = (then, found.start_ms, position)
                if best is None or key < best[0]:
                    best = key, way, found
        return best[1:] if best else None

    def _hold_back(self, group: Group, way: Way, found: Found) -> None:
        self._hold(group, list(group.jobs), way, found)
        self.held_back += 1
        self.decided.waits[group.jobs[0][1]] = ("waiting.better",)

    def _basis(self, way: Way, start_ms: int) -> str:
        """The weakest of what the ends rest on that are expected by a start."""
        held = {h.attempt for node in way.place.nodes for h in node.held}
        ended = [self.bases[AttemptId(a)] for a in held if self.ends[AttemptId(a)] <= start_ms]
        holds = self.holds[way.place.pool.id]
        ended += [hold.basis for hold in holds if hold.end_ms <= start_ms]
        return max(ended, key=BASES.index, default=BASES[0])

    def _start(self, group: Group, way: Way, shares: Shares) -> None:
        (_, job), end_ms = group.jobs[0], way.end_ms(self.now_ms)
        name = f"new {len(self.decided.placements)}"
        stays = self.now_ms + way.boot_ms + way.bound_ms
        self.ends[AttemptId(name)] = end_ms
        self.bases[AttemptId(name)] = basis(group.shape)
        for node, tasks in shares:
            node.take(name, way.need, tasks, end_ms)
            for hold in self.holds[way.place.pool.id]:
                if stays > hold.start_ms:
                    hold.take(node, way, tasks)
        site = way.place.pool.site
        self.accounts.charges.append(Charge(group.tenant, way.charged, way.model, site))
        where = tuple((str(node.id), tasks) for node, tasks in shares)
        self.decided.placements.append((job, way.place.pool.id, where, end_ms))

    # Those that cannot go on

    def _block(self, group: Group) -> bool:
        """Make or keep room, and say why the group waits; says whether its next job has a turn.

        That is so in conservative backfill alone, where each job in its turn gets a reservation.
        """
        jobs, before = list(group.jobs), len(self.decided.reservations)
        if group not in self.deferred:
            self.deferred.append(group)
            self._explain(group, jobs)
        else:
            ways = self.ways(group.shape)
            usable = [
                at for at, w in enumerate(ways) if not self.accounts.over_quota(group.tenant, w)
            ]
            self._reserve(group, jobs, ways, usable)
        reserved = len(self.decided.reservations) == before + 1
        if self.profile.backfill == "conservative" and reserved:
            group.jobs.pop(0)
            return True
        return False

    def _explain(self, group: Group, jobs: list[tuple[int, JobId]]) -> None:
        shape, (_, head) = group.shape, jobs[0]
        ways = self.ways(shape)
        if not ways:
            sites = bool(self.world.sites)
            self.decided.waits[head] = ("waiting.no_pool" if sites else "waiting.no_sites",)
            return
        over = [self.accounts.over_quota(group.tenant, way) for way in ways]
        usable = [at for at, code in enumerate(over) if not code]
        reasons = [code for code in dict.fromkeys(over) if code]
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
            self._claim(group, jobs, ways, usable)
        self.decided.waits[head] = tuple(sorted(reasons))

    def _claim(
        self, group: Group, jobs: list[tuple[int, JobId]], ways: list[Way], usable: list[int]
    ) -> None:
        """Make room or keep room for the group's next jobs."""
        weaker = weaker_from(self.profile.classes, group.rank)
        if self.profile.preemption and weaker is not None:
            made = self._make_room(group, jobs, [ways[at] for at in usable], weaker)
            if made:
                return
        if self.profile.backfill == "none":
            for at in usable:
                self.closed.setdefault(ways[at].place.pool.id, jobs[0][1])
            return
        self._reserve(group, jobs, ways, usable)

    def _reserve(
        self, group: Group, jobs: list[tuple[int, JobId]], ways: list[Way], usable: list[int]
    ) -> None:
        if self._may_reserve(group):
            best = self._best_start(group.shape, [ways[at] for at in usable])
            if best is not None:
                self._hold(group, jobs, *best)

    def _may_reserve(self, group: Group) -> bool:
        """One reservation is left for each class still to come, once this class has had its own."""
        left = self.profile.reservations_count - len(self.decided.reservations)
        return left > (self.classes_left if group.rank in self.reserved_ranks else 0)

    def _hold(self, group: Group, jobs: list[tuple[int, JobId]], way: Way, found: Found) -> None:
        (_, job), pool = jobs.pop(0), way.place.pool.id
        hold = Hold(job, way, found.start_ms, found.shares)
        hold.basis = self._basis(way, found.start_ms)
        for node, tasks in found.shares:
            kept, room = found.kept.get(node.id, []), found.rooms[node.id]
            hold.spare[node.id] = [
                room.cpu - way.need.cpu * tasks - sum(k.need.cpu * k.tasks for k in kept),
                room.mem - way.need.mem * tasks - sum(k.need.mem * k.tasks for k in kept),
                room.whole - way.need.kept * tasks - sum(k.need.kept * k.tasks for k in kept),
            ]
        for other in self.holds[pool]:
            if hold.start_ms <= other.start_ms < hold.end_ms:
                for node, tasks in found.shares:
                    other.take(node, way, tasks)
        self.holds[pool].append(hold)
        self.reserved_ranks.append(group.rank)
        self.decided.reservations.append((job, pool, found.start_ms))

    def _best_start(self, shape: Shape, ways: list[Way]) -> tuple[Way, Found] | None:
        """The way whose earliest start the objective likes best; ties to the earlier, then to the
        one that the job prefers.
        """
        best: tuple[tuple[bool, Score, int, int], Way, Found] | None = None
        for at, way in enumerate(ways):
            found = self.earliest(way, shape.tasks)
            if found is None:
                continue
            wait_ms = found.start_ms - self.now_ms
            late = found.start_ms > latest_ms(way, shape)
            key = (late, score(way, shape, wait_ms, self.profile), found.start_ms, at)
            if best is None or key < best[0]:
                best = key, way, found
        return best[1:] if best else None

    def earliest(self, way: Way, tasks: int) -> Found | None:
        """The first moment at which a gang fits, with every reservation kept while it would stay.

        It can only come when something ends, or when a reservation comes to be out of the way.
        """
        place, holds = way.place, self.holds[way.place.pool.id]
        ends = {h.attempt: self.ends[AttemptId(h.attempt)] for n in place.nodes for h in n.held}
        stay_ms = way.boot_ms + way.bound_ms
        moments = {self.now_ms, *ends.values()}
        for hold in holds:
            moments |= {hold.start_ms, hold.start_ms - stay_ms, hold.end_ms}
        for time_ms in sorted(moment for moment in moments if moment >= self.now_ms):
            gone = [attempt for attempt, end in ends.items() if end <= time_ms]
            found = self._fit_at(way, tasks, gone, time_ms)
            if found is not None:
                return found
        return None

    def _fit_at(self, way: Way, tasks: int, gone: list[str], time_ms: int) -> Found | None:
        """Where a gang goes at a time beside the reservations that hold then, or begin later while
        it would still be there.
        """
        kept: dict[str, list[Kept]] = {}
        later: list[Hold] = []
        for hold in self.holds[way.place.pool.id]:
            if time_ms < hold.start_ms < time_ms + way.boot_ms + way.bound_ms:
                later.append(hold)
            if hold.start_ms <= time_ms < hold.end_ms:
                for node_id, count in hold.tasks.items():
                    kept.setdefault(node_id, []).append(Kept(hold.need, count))
        rooms = [node.after(gone) for node in way.place.nodes]
        fitting = []
        for node in rooms:
            room = room_for(node, way.need, tasks, kept.get(node.id, ()))
            fitting.append((node, min([room, *(hold.leaves(node, way, tasks) for hold in later)])))
        choose = first_nodes if self.profile.backfill == "conservative" else pack
        shares = choose(fitting, tasks)
        by_id = {str(node.id): node for node in rooms}
        return Found(time_ms, shares, by_id, kept) if shares else None

    def _make_room(
        self, group: Group, jobs: list[tuple[int, JobId]], ways: list[Way], weaker: int
    ) -> bool:
        """Claim what is being vacated, job by job, and evict where that is not enough; says whether
        the first job has room.
        """
        made = False
        while self._may_reserve(group) and jobs:
            best = self._best_start(group.shape, ways)
            if best is None or best[1].start_ms > self.now_ms:
                if jobs[0][1] in self.world.making_room.values():
                    break
                best = self._evict(jobs[0][1], group.shape.tasks, ways, weaker)
                if best is None:
                    break
            self._hold(group, jobs, *best)
            made = True
        return made

    def _evict(
        self, job: str, tasks: int, ways: list[Way], weaker: int
    ) -> tuple[Way, Found] | None:
        stopped = [victim for victim, _ in self.decided.preemptions]
        told = [victim for victim, by in self.told if by == job and victim not in stopped]
        running = {
            str(name): (attempt, _charged(self.world, attempt)[0])
            for name, attempt in self.world.running.items()
        }
        stopping = [n for n, (attempt, _) in running.items() if attempt.stopping or n in stopped]
        kept: dict[str, list[Kept]] = {}
        for hold in (hold for holds in self.holds.values() for hold in holds):
            for node_id, count in hold.tasks.items():
                kept.setdefault(node_id, []).append(Kept(hold.need, count))
        ground = Ground(running, stopping, kept, self.now_ms)
        judged = judge(ground, ways, tasks, told=told, weaker=weaker, profile=self.profile)
        if judged is None:
            return None
        way, victims = judged
        self.decided.preemptions.extend((victim, job) for victim in victims)
        self.ends.update({AttemptId(victim): self.now_ms for victim in victims})
        by_id = {str(n.id): n.after([*stopping, *victims], paid=True) for n in way.place.nodes}
        shares = shares_without(ground, way, tasks, victims)
        return way, Found(self.now_ms, shares, by_id, kept)

    def _expected_end(self, attempt: RunningAttempt) -> int:
        """What stops is as good as gone; who is late is given a minute, or an eighth of the time
        by which it is late.
        """
        late_ms = self.now_ms - attempt.expected_end_ms
        if attempt.stopping:
            return self.now_ms
        return self.now_ms + max(60_000, late_ms // 8) if late_ms >= 0 else attempt.expected_end_ms


def chips_room(node: Node, way: Way) -> int:
    """How many tasks a node would take if only whole chips counted."""
    taken = not node.ready or any(held.need.exclusive for held in node.held)
    return 0 if taken else min(node.whole // way.need.chips, way.per_node)


def weaker_from(classes: tuple[ClassRule, ...], rank: int) -> int | None:
    """The rank from which on a class may evict, after its own; None where it evicts nobody."""
    if rank >= len(classes) or not classes[rank].evicts_from:
        return None
    return max(rank_of(classes[rank].evicts_from, classes), rank + 1)


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
