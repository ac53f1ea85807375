"""Gangs that are not plain: with groups of unlike tasks, of several sizes, in parts at many sites.

Theory of operation. What such a gang does is made of looks at plain shapes. A gang with groups is
the gang itself, and for each further group a gang of its own at the same site. An elastic gang is
looked at in its smallest size; where that fits it grows to what fits. A gang that may be split is
looked at whole, and then as parts of it. So filters, prices, quotas, reservations and evictions
know nothing of all this: a group that waits waits as its plain shape does.

A gang starts whole: its pieces are found before the first of them is placed on the board.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec

from hutong.model.attempt import GroupPlace, NodeShare
from hutong.model.ids import JobId, PoolId, SiteId
from hutong.model.job import Constraints, Layout, Level, Preferences, TaskGroup
from hutong.model.reasons import BusyPools, OverQuota, WaitReason
from hutong.model.resources import Amount
from hutong.model.tenant import Quota, QuotaResource
from hutong.scheduler.claim import Claim
from hutong.scheduler.columns import PoolColumns, amount_of
from hutong.scheduler.demand import Group
from hutong.scheduler.estimate import Start
from hutong.scheduler.fit import Share
from hutong.scheduler.gang_layout import Laying, fitting, lay, laying_of
from hutong.scheduler.gang_room import room_beside
from hutong.scheduler.gang_split import Splits, may_split, whole_of
from hutong.scheduler.look import Look
from hutong.scheduler.match import Option
from hutong.scheduler.reserve import Found
from hutong.scheduler.shapes import WHOLE_MILLI, Shape, sized
from hutong.scheduler.supply import held_exclusively, worse
from hutong.scheduler.tenants import Entity

if TYPE_CHECKING:
    from hutong.scheduler.cycle import Cycle

Placed = tuple[Option, Sequence[Share]]
"""An option, and the rows of its pool that tasks go to."""


class Piece(NamedTuple):
    """One attempt of a gang: where the gang itself goes, or a part of it, and its groups."""

    option: Option
    shares: Sequence[Share]
    groups: tuple[Placed, ...] = ()
    part: int = 0
    parts: int = 1
    left_milli: int = 1000

    def nodes(self) -> tuple[NodeShare, ...]:
        """The nodes in the order of the ranks: the groups' first."""
        nodes = []
        for number, (option, shares) in enumerate((*self.groups, (self.option, self.shares)), 1):
            ids = option.columns.ids
            group = number if number <= len(self.groups) else 0
            nodes += [NodeShare(ids[row], tasks, group) for row, tasks in shares]
        return tuple(nodes)

    def places(self) -> tuple[GroupPlace, ...]:
        """What the groups were given."""
        return tuple(
            [
                GroupPlace(option.columns.pool.id, amount_of(option.need), option.model)
                for option, _ in self.groups
            ]
        )

    def claim(self) -> Claim:
        """What all of it is charged."""
        held = Amount()
        for option, shares in ((self.option, self.shares), *self.groups):
            held = held.plus(_held(option, shares))
        cost = self.option.cost_microcny + sum([option.cost_microcny for option, _ in self.groups])
        model = self.option.model or next((o.model for o, _ in self.groups if o.model), "")
        return self.option.claim._replace(held=held, model=model, cost_microcny=cost)

    def rate(self) -> int:
        """Price of an hour of all of it, micro-CNY."""
        return sum(
            [
                option.columns.pool.price.rate(_held(option, shares))
                for option, shares in ((self.option, self.shares), *self.groups)
            ]
        )


def _held(option: Option, shares: Sequence[Share]) -> Amount:
    if option.need.exclusive:
        return held_exclusively(option.columns, len(shares))
    return amount_of(option.need).times(sum([tasks for _, tasks in shares]))


def base(shape: Shape) -> Shape:
    """The shape that says whether a gang fits at all: an elastic one in its smallest size."""
    if shape.elastic is None:
        return shape
    return sized(shape, max(min(shape.elastic.tasks_min, shape.tasks), 1))


class Turn(Protocol):
    """Whose turn it is: a job, and its group."""

    @property
    def job(self) -> JobId:
        """The job."""

    @property
    def group(self) -> Group:
        """Its group."""


class Gangs:
    """Finds room for the gangs of a cycle that are not plain."""

    def __init__(self, cycle: "Cycle") -> None:
        self._cycle = cycle
        self._board = cycle.board
        self._splits = Splits(cycle)
        self._overs: dict[int, OverQuota] = {}
        self._met: list[OverQuota] = []

    def seen(self, shape: Shape) -> Shape:
        """The shape that says whether a gang fits at all.

        Of an elastic one it is the smallest size; of one that only fits in parts its largest part.
        """
        if may_split(shape):
            whole = whole_of(shape, shape.tasks)
            if self._cycle.look(whole).match.options:
                return whole
            parts = self._splits.largest(shape)
            return whole_of(shape, parts[0][1]) if parts else whole
        return base(shape)

    def prune(self, look: Look) -> None:
        """Leave out the options at sites where a group of the gang could never run."""
        shape = look.shape
        if not shape.groups:
            return
        known: dict[SiteId, bool] = {}
        for option in look.options:
            site = option.columns.pool.site
            if site not in known:
                groups = self._group_shapes(shape, option)
                known[site] = all(self._cycle.look(group).options for group in groups)
        usable = [option for option in look.options if known[option.columns.pool.site]]
        if len(usable) < len(look.options):
            look.keep_options(usable)

    def place(self, turn: Turn, look: Look) -> bool:
        """Start the next job of a group where it fits best; says whether it fitted anywhere."""
        shape, entity = turn.group.shape, turn.group.entity
        self._met.clear()
        pieces: list[Piece] = []
        if not may_split(shape):
            pieces = self.find(shape, look, entity)
        else:
            if look.shape.tasks == shape.tasks:
                pieces = self.find(look.shape, look, entity)
            pieces = pieces or self._split(shape, entity)
        for piece in pieces:
            self.start(turn, look, shape, piece)
        if not pieces and self._met:
            self._overs[turn.group.name] = self._met[-1]
        return bool(pieces)

    def start(self, turn: Turn, look: Look, shape: Shape, piece: Piece) -> None:
        """Start a piece, explained by the look that its option is of."""
        tasks = sum([count for _, count in piece.shares])
        if piece.parts > 1:
            look = self._cycle.look(whole_of(shape, tasks))
        elif shape.elastic is not None:
            look = self._cycle.look(sized(shape, tasks))
        self._cycle.start(turn, look, piece.option, piece.shares, piece)

    def overs_of(self, group: Group) -> list[OverQuota]:
        """The quota that kept a gang of a group from starting where it would have had room."""
        over = self._overs.get(group.name)
        return [over] if over is not None else []

    def busy(self, group: Group, look: Look) -> tuple[WaitReason, ...]:
        """Why a gang waits one piece of which would fit: the others do not."""
        tasks = group.shape.tasks
        pools, fits_count = look.match.pools_count, look.fits_count
        if may_split(group.shape):
            pools, fits_count = self._splits.fits_now(group.shape)
        return (BusyPools(pools, tasks, min(fits_count, tasks - 1)),)

    def hold_rest(
        self, group: Group, look: Look, option: Option, job: JobId, start: Start
    ) -> Start:
        """Keep room for what of a gang goes elsewhere than the option; say when all can start."""
        if look.shape.tasks < group.shape.tasks and may_split(group.shape):
            return self._hold_parts(group.shape, look, option, job, start)
        for shape in self._group_shapes(look.shape, option):
            best: tuple[Found, Option] | None = None
            for other in self._cycle.look(shape).options:
                found = self._board.earliest(other, shape.tasks)
                if found is not None and (best is None or found.start_ms < best[0].start_ms):
                    best = found, other
            if best is not None:
                found, other = best
                start = _later(start, found)
                # Room only grows until then, so what is spare by then is no less.
                kept = found._replace(start_ms=start.start_ms)
                self._board.hold(other, shape.tasks, job, kept)
        return start

    # In parts

    def _split(self, shape: Shape, entity: Entity) -> list[Piece]:
        """The parts of a gang that no pool holds whole now; none where they do not fit either."""
        if any(_counts_jobs(limited.quota) for limited in entity.limits):
            return []  # each part counts as an attempt, and how many there are is not known before
        parts = self._splits.parts(shape)
        pieces = [
            Piece(option, shares, (), part, len(parts))
            for part, (option, shares) in enumerate(parts)
        ]
        if not pieces:
            return []
        claims = [piece.claim() for piece in pieces]
        cost = sum([claim.cost_microcny for claim in claims])
        if shape.budget_microcny and shape.basis != "none" and cost > shape.budget_microcny:
            return []
        # A rule may speak of one site, of one region or of all; what it wants of a part is no less.
        for claim in claims:
            near = [other for other in claims if other.region == claim.region]
            if self._over(entity, _together(claim, near)):
                return []
        return [] if self._over(entity, _together(claims[0], claims)) else pieces

    def _hold_parts(
        self, shape: Shape, look: Look, option: Option, job: JobId, start: Start
    ) -> Start:
        """Keep room for the other parts of a gang that only fits in parts."""
        left = shape.tasks - look.shape.tasks
        for other, most in self._splits.largest(shape):
            if not left or other.columns.pool.site == option.columns.pool.site:
                continue
            tasks = min(most, left)
            part = self._splits.sized(shape, other, tasks)
            found = self._board.earliest(part, tasks) if part is not None else None
            if part is None or found is None:
                continue
            start = _later(start, found)
            self._board.hold(part, tasks, job, found._replace(start_ms=start.start_ms))
            left -= tasks
        return start

    # One attempt

    def find(
        self, shape: Shape, look: Look, entity: Entity, pool: PoolId | None = None
    ) -> list[Piece]:
        """Where a gang goes now, in one piece; none where it does not fit, or not on the pool."""
        best: Piece | None = None
        for at in range(look.at, len(look.options)):
            fit = look.fitting(at)
            option = look.options[at]
            if pool is not None and option.columns.pool.id != pool:
                continue
            if fit.exhausted or self._over(entity, option.claim):
                continue
            if not fit.shares():
                look.note_exhausted(at)
                continue
            piece = self._piece(shape, option, entity, look.shape.tasks)
            if piece is None:
                fit.exhausted, fit.fits_count = True, look.shape.tasks
                look.note_exhausted(at)
            elif not self._over(entity, piece.claim()):
                if shape.elastic is None:
                    return [piece]
                if best is None or piece.option.score < best.option.score:
                    best = piece
        return [best] if best is not None else []

    def _over(self, entity: Entity, claim: Claim) -> bool:
        if not entity.limits:
            return False
        over = self._cycle.ledger.over_quota(entity, claim)
        if over is not None:
            self._met.append(over)
        return over is not None

    def _piece(self, shape: Shape, option: Option, entity: Entity, least: int) -> Piece | None:
        """All of a gang at one option's site, as large as fits; None where it does not fit."""
        for groups_first in (True, False):
            scratch: dict[int, PoolColumns] = {}
            groups: tuple[Placed, ...] | None = ()
            if groups_first:
                groups = self._groups(shape, option, scratch)
            main = self._main(shape, option, entity, least, scratch) if groups is not None else None
            if main is not None and not groups_first:
                groups = self._groups(shape, main[0], scratch)
            if main is not None and groups is not None:
                piece = Piece(*main, groups)
                return piece if self._within_budget(shape, piece) else None
            if not shape.groups:
                break
        return None

    def _main(
        self, shape: Shape, option: Option, entity: Entity, least: int,
        scratch: dict[int, PoolColumns],
    ) -> Placed | None:  # fmt: skip
        """The gang itself at an option's pool: as many tasks as fit, `least` at least."""
        how = laying_of(shape, option.near)
        lane = self._board.lane(option.columns)
        columns = scratch.get(option.columns.index, lane.columns)
        end_ms = self._board.now_ms + option.ready_ms + option.bound_ms
        beside = room_beside(lane, columns, option.need, shape.tasks, end_ms=end_ms, how=how)
        most = fitting(beside.by_row, shape.tasks, columns.domains, how)
        tasks = self._allowed(entity, option, least, most) if most >= least else 0
        if tasks < least:
            return None
        chosen = option
        if tasks > least:
            found = self._sized(shape, option, tasks)
            if found is None:
                tasks = least
            else:
                chosen = found
        shares = lay(beside.by_row, tasks, columns.domains, how)
        if not shares:
            return None
        if shape.groups:
            _take(scratch, columns, chosen, shares)
        return chosen, shares

    def _allowed(self, entity: Entity, option: Option, least: int, most: int) -> int:
        """How many tasks quotas leave, from `least` to `most`."""
        if least == most or not entity.limits:
            return most
        if option.need.exclusive:
            return least  # what whole nodes amount to is known once they are
        each = amount_of(option.need)
        low, high = least, most
        while low < high:
            middle = (low + high + 1) // 2
            if self._over(entity, option.claim._replace(held=each.times(middle))):
                high = middle - 1
            else:
                low = middle
        return low

    def _sized(self, shape: Shape, option: Option, tasks: int) -> Option | None:
        """The same option for another number of tasks."""
        for other in self._cycle.look(sized(shape, tasks)).options:
            if other.columns is option.columns and other.alternative == option.alternative:
                return other
        return None

    # Groups

    def _groups(
        self, shape: Shape, option: Option, scratch: dict[int, PoolColumns]
    ) -> tuple[Placed, ...] | None:
        """Where the further groups of a gang go at an option's site; None where one has no room."""
        found: list[Placed] = []
        for group in self._group_shapes(shape, option):
            placed = self._group(group, scratch)
            if placed is None:
                return None
            found.append(placed)
        return tuple(found)

    def _group(self, shape: Shape, scratch: dict[int, PoolColumns]) -> Placed | None:
        for option in self._cycle.look(shape).options:
            lane = self._board.lane(option.columns)
            columns = scratch.get(option.columns.index, lane.columns)
            end_ms = self._board.now_ms + option.ready_ms + option.bound_ms
            how = Laying(near=option.near)
            beside = room_beside(lane, columns, option.need, shape.tasks, end_ms=end_ms, how=how)
            shares = lay(beside.by_row, shape.tasks, columns.domains, how)
            if shares:
                _take(scratch, columns, option, shares)
                return option, shares
        return None

    def _group_shapes(self, shape: Shape, option: Option) -> list[Shape]:
        return [group_shape(shape, group, option) for group in shape.groups]

    def _within_budget(self, shape: Shape, piece: Piece) -> bool:
        if shape.budget_microcny <= 0 or shape.basis == "none":
            return True
        return piece.claim().cost_microcny <= shape.budget_microcny


def group_shape(shape: Shape, group: TaskGroup, option: Option) -> Shape:
    """A further group of a gang as a gang of its own, beside where the gang itself runs.

    It runs as long as that does. What the job says of pools and software is about the gang itself,
    but for the software of groups with chips of their own.
    """
    needs = group.needs
    chips = tuple(
        [msgspec.structs.replace(need, speed_milli=WHOLE_MILLI) for need in needs.accelerators]
    )
    return msgspec.structs.replace(
        shape,
        tasks=group.tasks,
        cpu_milli=max(needs.cpu_milli, 0),
        memory_mib=max(needs.memory_mib, 0),
        accelerators=chips,
        frameworks=shape.frameworks if chips else (),
        constraints=Constraints(
            sites=(option.columns.pool.site,), domestic=shape.constraints.domestic
        ),
        estimate_ms=option.run_ms,
        deadline_ms=0,
        budget_microcny=0,
        preferences=Preferences(),
        inputs=(),
        groups=(),
        elastic=None,
        layout=Layout.PACK,
        within=Level.SITE,
        split=False,
    )


def _counts_jobs(quota: Quota) -> bool:
    """Whether a quota bounds how many attempts are live."""
    counted = any(rule.resource is QuotaResource.JOBS for rule in quota.rules)
    return quota.running_jobs is not None or counted


def _together(claim: Claim, others: Sequence[Claim]) -> Claim:
    """What some parts are charged together, at the place of one of them."""
    held, cost = Amount(), 0
    for other in others:
        held, cost = held.plus(other.held), cost + other.cost_microcny
    return claim._replace(held=held, cost_microcny=cost)


def _later(start: Start, found: Found) -> Start:
    return Start(max(start.start_ms, found.start_ms), worse(start.basis, found.basis))


def _take(
    scratch: dict[int, PoolColumns], columns: PoolColumns, option: Option, shares: Sequence[Share]
) -> None:
    """Account shares on columns of the gang's own, so that its next piece finds what is left."""
    if columns.index not in scratch:
        columns = scratch[columns.index] = columns.copy()
    for row, tasks in shares:
        columns.take(row, option.need, tasks)
