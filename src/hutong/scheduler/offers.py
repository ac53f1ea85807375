"""Offers: which nodes of providers a cycle has started for whom, and which go back.

Theory of operation. It is called once, after all groups had their turn, with those that are blocked
and could run on an offer, in their order (`Want`). Each job is put on paper on nodes that are there
or coming, those of the pool first on which it is expected to start; what is coming counts from the
moment it was asked for, before any site has told of it. Only jobs for which that is not enough, and
that would wait longer than they or the profile allow or miss their deadline, have nodes started, if
that makes them end sooner and the money is there. So the number of nodes follows from what waits
and not from what was asked before: the same need asks for the same nodes in cycle after cycle,
however long they take to boot, and other needs first use what is left on them.

Many small jobs share a node, and one room serves as many of them in turn as may wait that long.

A node on which nothing ran for a while goes back, unless a reservation or a job on paper needs it.
Reserved nodes go back once the operator drains them.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from hutong.model.ids import JobId, NodeId, PoolId
from hutong.model.job import Level, Terms
from hutong.model.reasons import NodesStarting
from hutong.model.supply import MS_PER_HOUR, cost_microcny
from hutong.scheduler.board import Board
from hutong.scheduler.columns import PoolColumns
from hutong.scheduler.estimate import UNKNOWN_MS, rough_start
from hutong.scheduler.look import Look
from hutong.scheduler.offer_nodes import OfferNodes
from hutong.scheduler.option import Option, cost_weight_milli
from hutong.scheduler.patience import worth_ms
from hutong.scheduler.plan import Deferral, Preemption, Scaling
from hutong.scheduler.profile import Profile
from hutong.scheduler.records import SiteStatus
from hutong.scheduler.shapes import NEVER_MS, Shape
from hutong.scheduler.spot import is_spot
from hutong.scheduler.spot_moves import MatchOf, Mover
from hutong.scheduler.spot_zones import has_none, pick
from hutong.scheduler.supply import Supply
from hutong.scheduler.tenants import Entity, Ledger
from hutong.scheduler.yard import Bin, Yard

LOOKED_AT = 2_000
"""So many waiting jobs are put on paper in a cycle at most; the next one goes on."""


class Want(NamedTuple):
    """Jobs of one group that are blocked, as `elements` from `job` on.

    The first is expected to start at `start_ms` on option `at` (0 where nobody can tell), each
    further one `spacing_ms` later. `usable` are the options that quotas leave, by position. The
    first has worked `served_ms` in earlier attempts.
    """

    group: int
    job: JobId
    entity: Entity
    look: Look
    usable: Sequence[int]
    at: int
    start_ms: int
    spacing_ms: int
    elements: int
    submitted_ms: int
    served_ms: int = 0


class Served(NamedTuple):
    """Where the first job of a group will run, on nodes that are coming or are now started."""

    pool: PoolId
    nodes: int
    ready_ms: int
    cost_microcny: int


class Verdict(NamedTuple):
    """What was decided: scalings, by group whom they serve, when to look again (0: never), and who
    moves to nodes that were started for it."""

    scalings: tuple[Scaling, ...] = ()
    served: tuple[tuple[int, Served], ...] = ()
    look_again_ms: int = 0
    moves: tuple[Preemption, ...] = ()


class Start(NamedTuple):
    """Nodes that could be started for one gang. `score` is the objective's; lower is better."""

    score: int
    position: int
    option: Option
    yard: Yard
    nodes: int
    ready_ms: int
    cost_microcny: int


def decide(
    wants: Sequence[Want], supply: Supply, board: Board, ledger: Ledger, profile: Profile,
    match: MatchOf,
) -> Verdict:  # fmt: skip
    """Which offers to scale. Charges the ledger for what it puts on paper."""
    if not supply.offers:
        return Verdict()
    desk = _Desk(supply, board, ledger, profile)
    return desk.decide(wants, match)


def has_offers(look: Look) -> bool:
    """Whether a shape could run on some offer."""
    return any(option.columns.offer is not None for option in look.options)


def tell(deferral: Deferral, served: Served | None) -> Deferral:
    """Say in a deferral that nodes are being started on which the group's first job will run."""
    if served is None:
        return deferral
    starting = NodesStarting(served.pool, served.nodes, served.ready_ms)
    start_ms, basis = deferral.start_ms, deferral.basis
    if start_ms == UNKNOWN_MS or served.ready_ms < start_ms:
        start_ms, basis = served.ready_ms, "estimates"
    return msgspec.structs.replace(
        deferral, reasons=(*deferral.reasons, starting), start_ms=start_ms, basis=basis
    )


class _Desk:
    def __init__(self, supply: Supply, board: Board, ledger: Ledger, profile: Profile) -> None:
        self._supply = supply
        self._board = board
        self._ledger = ledger
        self._profile = profile
        self._now_ms = board.now_ms
        self._left = LOOKED_AT
        self._again_ms = 0
        self._served: dict[int, Served] = {}
        self._for: dict[PoolId, JobId] = {}
        self._yards: dict[PoolId, Yard] = {}
        for pool, account in supply.offers.items():
            columns = supply.pools.get(pool)
            ready = columns and supply.statuses.get(columns.pool.site) is SiteStatus.READY
            if columns is not None and ready:
                self._yards[pool] = Yard(columns, account, self._bins(columns, account))

    def decide(self, wants: Sequence[Want], match: MatchOf) -> Verdict:
        for want in wants:
            if self._left > 0 and not want.look.shape.groups:
                self._serve(want)
        moves = self._move(match) if self._profile.spot_retry_ms else ()
        scalings = []
        for pool, yard in self._yards.items():
            nodes = yard.account.nodes_count
            if yard.new:
                scalings.append(Scaling(pool, nodes + len(yard.new), self._for[pool]))
            elif away := self._away(yard):
                scalings.append(Scaling(pool, nodes - len(away), None, tuple(away)))
        return Verdict(tuple(scalings), tuple(self._served.items()), self._again_ms, moves)

    def _move(self, match: MatchOf) -> tuple[Preemption, ...]:
        """Start spot nodes for those on sure ones that should go back, and let them go there."""
        mover = Mover(
            self._supply, self._yards, self._ledger, match, now_ms=self._now_ms,
            retry_ms=self._profile.spot_retry_ms,
        )  # fmt: skip
        found = mover.decide()
        for pool, job in found.asked:
            self._for.setdefault(pool, job)
        self._look_again(found.again_ms)
        return found.preemptions

    def _look_again(self, at_ms: int) -> None:
        if at_ms > self._now_ms:
            self._again_ms = min(self._again_ms or at_ms, at_ms)

    # What is there

    def _bins(self, columns: PoolColumns, account: OfferNodes) -> list[Bin]:
        """Nodes of an offer that nobody uses: idle, booting, or asked for."""
        now = self._board.lane(columns).columns
        bins = []
        for row, node in enumerate(columns.ids):
            if node not in account.idle_since or not columns.ready[row]:
                continue
            held = self._supply.booting.get(node)
            if held is not None:
                ready_ms = max(held.attempt.expected_end_ms, self._now_ms + 1)
                bins.append(Bin(columns, node, ready_ms))
            elif not now.shares[row]:
                bins.append(Bin(columns, node, self._now_ms))
        boot_ms = account.offer.boot_ms
        for node, asked_ms in account.coming.items():
            bins.append(Bin(columns, node, max(asked_ms + boot_ms, self._now_ms + 1)))
        return bins

    # What is wanted

    def _serve(self, want: Want) -> None:
        """Put a group's jobs on what is there or coming, and start nodes for those that may.

        Those that are pressed come first: that they are shows that the others are served.
        """
        look = want.look
        offered = [at for at in want.usable if look.options[at].columns.pool.id in self._yards]
        if self._profile.commercial_rule == "worth":
            want = self._for_owned(want)
        bound_ms = self._bound_ms(want, offered)
        if bound_ms < NEVER_MS:
            self._look_again(want.submitted_ms + bound_ms + 1)
        offered.sort(key=lambda at: at != want.at)
        jobs = min(want.elements, self._left)
        pressed = self._pressed(want, jobs, bound_ms)
        calm = jobs - pressed
        for at in offered:
            pressed -= self._on_paper(want, at, pressed, bound_ms, head=not calm)
        if calm and want.at in offered:
            self._on_paper(want, want.at, calm, bound_ms, head=True)
        while pressed > 0:
            last_ms = want.start_ms + (calm + pressed - 1) * want.spacing_ms
            start = self._best_start(want, offered, last_ms if want.start_ms else 0)
            if start is None:
                return
            pressed -= self._start(want, start, pressed, bound_ms, head=not calm)

    def _bound_ms(self, want: Want, offered: Sequence[int]) -> int:
        """How long a job may wait, from when it was handed in, before nodes are started for it."""
        after_ms = want.look.shape.commercial.after_ms
        if after_ms is not None:
            return after_ms
        if self._profile.commercial_rule == "worth":
            return self._worth_ms(want, offered)
        return self._profile.commercial_after_ms

    def _for_owned(self, want: Want) -> Want:
        """What a job waits for, if that is on an offer, as if it waited for an owned pool.

        Waiting for a node of an offer saves nothing that could be weighed against another one.
        """
        options = want.look.options
        if options[want.at].columns.offer is None:
            return want
        at = next((at for at in want.usable if options[at].columns.offer is None), want.at)
        start = rough_start(self._board, options[at], want.look.shape.tasks)
        return want._replace(at=at, start_ms=start.start_ms)

    def _worth_ms(self, want: Want, offered: Sequence[int]) -> int:
        """The wait that is worth as much as the cheapest nodes that could be started."""
        look = want.look
        shape, waits = look.shape, look.options[want.at]
        costs = []
        for at in offered:
            option = look.options[at]
            yard = self._yards[option.columns.pool.id]
            nodes = yard.nodes_for(option.need, _tasks(shape, option, yard), whole=_whole(option))
            if nodes <= yard.offer.nodes_max:
                shared_by = _sharing(shape, option, want.elements)
                costs.append(self._cost(option, yard, nodes) // shared_by)
        if not costs:
            return NEVER_MS
        return worth_ms(min(costs), waits, self._profile)

    def _pressed(self, want: Want, jobs: int, bound_ms: int) -> int:
        """How many of the jobs, the last ones, would wait too long or miss their deadline."""
        if not want.start_ms:
            return jobs
        allowed_ms = want.submitted_ms + bound_ms
        latest_ms = want.look.options[want.at].latest_ms
        last_ms = min(allowed_ms, latest_ms)
        if self._profile.commercial_rule != "worth":
            return _after(want, jobs, last_ms)
        # The others of the group may have come later: each is held to its own time once it is
        # the first. Until then it is pressed only if it would be, had it come now.
        others = _after(want, jobs, min(self._now_ms + bound_ms, latest_ms))
        return max(others, int(want.start_ms > last_ms))

    def _turns(self, option: Option, bound_ms: int) -> int:
        """How many jobs may use one room in turn without any of them waiting too long."""
        offer = option.columns.offer
        boot_ms = offer.boot_ms if offer is not None else 0
        latest_ms = min(bound_ms, max(option.latest_ms - self._now_ms, 0))
        return 1 + max(0, latest_ms - boot_ms) // max(option.span_ms, 1)

    def _on_paper(self, want: Want, at: int, jobs: int, bound_ms: int, *, head: bool) -> int:
        """Put jobs on nodes that are there or coming; says how many found room.

        `head` says that the first of the group is among them.
        """
        option = want.look.options[at]
        yard = self._yards[option.columns.pool.id]
        turns = self._turns(option, bound_ms)
        tasks = _tasks(want.look.shape, option, yard)
        found = 0
        while found < jobs and not self._ledger.over_quota(want.entity, option.claim):
            ready_ms = yard.pack(option.need, tasks, whole=_whole(option))
            if not ready_ms:
                break
            self._ledger.charge(want.entity, option.claim)
            if head and ready_ms > self._now_ms and want.group not in self._served:
                nodes = yard.nodes_for(option.need, tasks, whole=_whole(option))
                cost = self._cost(option, yard, nodes)
                self._served[want.group] = Served(yard.columns.pool.id, nodes, ready_ms, cost)
            found += turns
        self._left -= min(found, jobs)
        return min(found, jobs)

    # What is started

    def _best_start(self, want: Want, offered: Sequence[int], last_ms: int) -> Start | None:
        """The best nodes to start for a job that is else expected to start at `last_ms`."""
        starts = []
        for at in self._allowed(want, offered):
            start = self._could_start(want, at, last_ms)
            if start is not None:
                starts.append(start)
        return min(starts, default=None, key=lambda start: start[:2])

    def _allowed(self, want: Want, offered: Sequence[int]) -> Sequence[int]:
        """The options whose offers are asked: of spot ones with nodes, as far as is known."""
        retry_ms = self._profile.spot_retry_ms
        if not retry_ms:
            return offered
        found = pick(want, offered, self._yards, self._now_ms, retry_ms)
        if found is not None:
            self._look_again(found.again_ms)
            return found.positions
        left = []
        for at in offered:
            yard = self._yards[want.look.options[at].columns.pool.id]
            if has_none(yard, self._now_ms, retry_ms):
                self._look_again(yard.account.past.none_ms + retry_ms)
            else:
                left.append(at)
        return left

    def _could_start(self, want: Want, at: int, last_ms: int) -> Start | None:
        """Nodes of one option's offer for one gang, unless something speaks against them."""
        look, option = want.look, want.look.options[at]
        shape, yard = look.shape, self._yards[option.columns.pool.id]
        nodes = yard.nodes_for(option.need, _tasks(shape, option, yard), whole=_whole(option))
        ready_ms = self._now_ms + max(yard.offer.boot_ms, 1)
        finish_ms = ready_ms + option.span_ms + option.risk_ms
        if nodes > yard.left or ready_ms > option.latest_ms:
            return None
        other = look.options[want.at]
        in_time = 0 < last_ms <= other.latest_ms
        if in_time and finish_ms >= last_ms + other.span_ms + other.risk_ms:
            return None
        if is_spot(yard.offer) and not self._is_safe(want, option):
            return None
        cost = self._cost(option, yard, nodes)
        if 0 < shape.budget_microcny < cost // _sharing(shape, option, want.elements):
            return None
        if self._ledger.over_quota(want.entity, option.claim):
            return None
        score = _score(shape, self._profile, finish_ms - self._now_ms, cost)
        return Start(score, at, option, yard, nodes, ready_ms, cost)

    def _is_safe(self, want: Want, spot: Option) -> bool:
        """Whether sure nodes could take over from a spot node, where there is a deadline."""
        if want.look.shape.deadline_ms <= 0:
            return True
        sure = [
            (option, yard)
            for option in want.look.match.options
            if (yard := self._yards.get(option.columns.pool.id)) and not is_spot(yard.offer)
        ]
        return not sure or any(
            yard.left + len(yard.bins) >= option.nodes_needed for option, yard in sure
        )

    def _cost(self, option: Option, yard: Yard, nodes: int) -> int:
        """What the provider takes for whole nodes, from the request to the expected end."""
        rate = yard.offer.price.rate(yard.columns.pool.node) * nodes
        return cost_microcny(rate, yard.offer.boot_ms + option.span_ms + option.risk_ms)

    def _start(self, want: Want, start: Start, jobs: int, bound_ms: int, *, head: bool) -> int:
        """Start nodes for one gang, and put on them what else of the group finds room there."""
        shape, option, yard = want.look.shape, start.option, start.yard
        tasks = _tasks(shape, option, yard)
        yard.start(option.need, tasks, nodes=start.nodes, ready_ms=start.ready_ms)
        self._ledger.charge(want.entity, option.claim)
        pool = yard.columns.pool.id
        self._for.setdefault(pool, want.job)
        if head:
            served = Served(pool, start.nodes, start.ready_ms, start.cost_microcny)
            self._served.setdefault(want.group, served)
        found = min(self._turns(option, bound_ms), jobs)
        self._left -= found
        rest = self._on_paper(want, start.position, jobs - found, bound_ms, head=False)
        return found + rest

    # What goes back

    def _away(self, yard: Yard) -> list[NodeId]:
        """Nodes that were idle for long enough and are needed by nobody."""
        lane, account = self._board.lane(yard.columns), yard.account
        kept = {row: True for hold in lane.holds for row in hold.rows.tolist()}
        needed = {one.node: True for one in yard.bins if one.used}
        away = []
        for row, node in enumerate(yard.columns.ids):
            if node not in account.idle_since or node in self._supply.booting:
                continue
            if lane.columns.shares[row] or row in kept or node in needed:
                continue
            drained = self._supply.is_draining(node)
            if yard.offer.terms is Terms.RESERVED and not drained:
                continue
            due_ms = account.idle_since[node] + self._profile.commercial_idle_ms
            if drained or due_ms <= self._now_ms:
                away.append(node)
            else:
                self._look_again(due_ms)
        return away


def _after(want: Want, jobs: int, last_ms: int) -> int:
    """How many of a group's jobs, the last ones, are expected to start after a time."""
    if want.start_ms > last_ms:
        return jobs
    return max(0, jobs - (last_ms - want.start_ms) // max(want.spacing_ms, 1) - 1)


def _tasks(shape: Shape, option: Option, yard: Yard) -> int:
    """The tasks of a gang for which nodes are looked for: an elastic one takes what can be had."""
    if shape.elastic is None:
        return shape.tasks
    most = option.tasks_per_node * yard.offer.nodes_max
    return max(min(shape.tasks, most), shape.elastic.tasks_min)


def _sharing(shape: Shape, option: Option, jobs: int) -> int:
    """How many of the jobs share the cost of the nodes that one of them takes."""
    if option.nodes_needed > 1:
        return 1
    each = Bin(option.columns, None, 0).holds(option.need, shape.tasks * jobs)
    return max(1, each // shape.tasks)


def _whole(option: Option) -> bool:
    return option.within is Level.NODE


def _score(shape: Shape, profile: Profile, time_ms: int, cost: int) -> int:
    weight = cost_weight_milli(shape, profile)
    time = (1000 - weight) * max(profile.hour_value_microcny, 1) * time_ms
    return weight * cost * MS_PER_HOUR + time
