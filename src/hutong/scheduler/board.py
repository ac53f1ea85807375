"""The board: a cycle's own view of the supply, on which it plays out what it decides.

Theory of operation. A pool is read from the state's columns until the cycle first places something
on it; then the cycle has node columns of its own. What is decided in the cycle (placements,
reservations, evictions) changes the board alone. Room on the board only ever shrinks: placements
take, reservations bar, and what evictions free is at once reserved for whom they make room.
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from hutong.model.ids import JobId
from hutong.scheduler.added import AddedShares
from hutong.scheduler.arena import Arena, Ground
from hutong.scheduler.calendar import BookedHold, Calendar, Gate
from hutong.scheduler.columns import Ints, Mask, Need, PoolColumns, Rows
from hutong.scheduler.fit import (
    NO_MASK,
    Index,
    Reserved,
    Room,
    Share,
    capacity,
    pack,
    pack_rows,
)
from hutong.scheduler.fragment import Fragments
from hutong.scheduler.gang_layout import fitting
from hutong.scheduler.kernels import layout
from hutong.scheduler.match import Option
from hutong.scheduler.outlook import Outlook
from hutong.scheduler.reserve import Found, Hold, Holder, earliest, first_rows
from hutong.scheduler.shapes import NEVER_MS
from hutong.scheduler.supply import BASES, clamp_time
from hutong.scheduler.sweep import Sweep

IndexOf = Callable[[PoolColumns, Ground | None], Index]

_MEMO_MAX = 4_096
_NO_ROWS = np.zeros(0, np.int64)


class Lane:
    """One pool on the board. `closed_by` holder, if any, keeps the pool to itself."""

    __slots__ = (
        "_gate", "_ground", "_index", "_index_of", "_kept", "ahead", "closed_by", "columns",
        "evicted", "free", "free_version", "guesses", "holds", "live", "outlook", "owned", "rough",
        "trail",
    )  # fmt: skip

    def __init__(
        self, columns: PoolColumns, gate: Gate, ground: Ground | None, index_of: "IndexOf"
    ) -> None:
        self._gate = gate
        self._ground = ground
        self._kept: Reserved | None = None
        self.live = columns
        self.columns = columns
        self._index: Index | None = None
        self._index_of = index_of
        self.owned = False
        self.holds: list[Hold] = list(gate.holds_on(columns))
        self.evicted: Rows = _NO_ROWS
        self.outlook: Outlook | None = None
        self.rough: Outlook | None = None
        self.free = (0, 0, 0)
        self.free_version = -1
        self.ahead = [0, 0, 0]
        self.guesses: dict[tuple[Need, int, int], int] = {}
        self.closed_by: JobId | None = None
        self.trail: tuple[tuple[Need, int, int], ...] = ()

    @property
    def index(self) -> Index:
        """The index of the pool as the cycle leaves it so far."""
        return self._index or self.lay_out()

    def lay_out(self) -> Index:
        """Make the index, over columns of the cycle's own where it may place something."""
        if self._index is None:
            if self._ground is not None:
                self.columns = self._ground.copy_of(self.live)
            self._index = self._index_of(self.columns, self._ground)
        return self._index

    def own(self) -> Index:
        """The index, to place on."""
        index = self.index
        if not self.owned:
            assert self._ground is not None
            self._ground.pools[self.live.index, layout.POOL_PLACED] = self.owned = True
        return index

    def note_placed(self, count: int) -> None:
        """Account that so many shares were placed here since this was last told."""
        self.owned, self.outlook = True, None
        self.columns.version += count

    @property
    def is_free(self) -> bool:
        """Whether nothing is reserved or closed here."""
        return not self.holds and self.closed_by is None

    @property
    def reserved(self) -> Reserved | None:
        """What reservations of this cycle keep, and what bookings close to who is looked at."""
        closed = [
            hold.rows
            for hold in self.holds
            if isinstance(hold, BookedHold) and hold.start_ms < self._gate.until_ms
            if hold.concerns()
        ]
        if not closed:
            return self._kept
        both = Reserved(len(self.columns.ids)) if self._kept is None else self._kept.copy()
        both.closed[np.concatenate(closed)] = True
        return both

    def keep(self, found: Found, need: Need) -> None:
        """Account what a reservation keeps."""
        if self._kept is None:
            self._kept = Reserved(len(self.columns.ids))
        self._kept.add(found.rows, found.tasks, need)

    @property
    def pristine(self) -> bool:
        """Whether nothing was placed or evicted here in this cycle."""
        return not self.owned and not len(self.evicted)


class PoolFence:
    """What reservations forbid gangs with `tasks` tasks on a node that run until `end_ms`."""

    __slots__ = ("_end_ms", "_lane", "_need", "_tasks", "barred_by")

    def __init__(self, lane: Lane, need: Need, tasks: int, end_ms: int) -> None:
        self._lane = lane
        self._need = need
        self._tasks = tasks
        self._end_ms = end_ms
        self.barred_by: Holder | None = None

    def barred_rows(self) -> Rows:
        """The rows that may not take the tasks."""
        barred = [_NO_ROWS]
        for hold in self._lane.holds:
            if self._end_ms > hold.start_ms:
                rows = hold.rows[hold.left(self._need, self._tasks) < self._tasks]
                if len(rows):
                    self.barred_by = self.barred_by or hold.holder
                    barred.append(rows)
        return np.concatenate(barred)

    def bars(self, row: int) -> bool:
        """Whether one row may not."""
        for hold in self._lane.holds:
            if self._end_ms > hold.start_ms and hold.bars(row, self._need, self._tasks):
                self.barred_by = self.barred_by or hold.holder
                return True
        return False


class Fitting:
    """How one option of a shape fares in a cycle, until it is exhausted.

    A gang that fits one node goes to the tightest such; else it is spread over the pool.
    `fits_count` is how many tasks of a gang fitted at last, `held_by` the reservation without
    which it would have fitted. It is `lasting` where the pool was too full before the cycle began.
    """

    __slots__ = (
        "_allowed", "_end_ms", "_fence", "_in_order", "_lane", "_need", "_option", "_roomy",
        "_tasks", "exhausted", "fits_count", "held_by", "lasting",
    )  # fmt: skip

    def __init__(self, board: "Board", option: Option, tasks: int) -> None:
        lane = board.lane(option.columns)
        self._in_order = board.in_order
        self._lane = lane
        self._option = option
        self._tasks = tasks
        self._end_ms = board.now_ms + option.ready_ms + option.bound_ms
        self._need = gang_vector(option, tasks)
        self._allowed: Mask = NO_MASK
        self._fence: PoolFence | None = None
        self.exhausted = False
        self.lasting = False
        self.fits_count = 0
        self._roomy = False
        self.held_by: Holder | None = None

    def shares(self) -> Sequence[Share]:
        """Where the gang goes now; empty once it does not fit, and then for the whole cycle."""
        option, lane = self._option, self._lane
        if lane.closed_by is not None:
            by_row = capacity(Room(lane.columns), option.need, self._tasks)
            if int(by_row.sum()) >= self._tasks:
                self.held_by = Holder(lane.closed_by, 0)
        elif self._in_order:
            shares = self._first()
            if shares:
                return shares
        else:
            if option.nodes_needed == 1:
                row = self._row()
                if row >= 0:
                    return ((row, self._tasks),)
            if self._tasks > 1:
                shares = self._spread()
                if shares:
                    return shares
        self.exhausted = True
        return ()

    def _first(self) -> Sequence[Share]:
        """The first nodes that hold the gang: the ones that a reservation for it would be on."""
        option, lane, tasks = self._option, self._lane, self._tasks
        by_row = capacity(Room(lane.columns), option.need, tasks)
        self.fits_count = min(int(by_row.sum()), tasks)
        if self.fits_count < tasks:
            self.lasting = not lane.owned
            return ()
        for hold in lane.holds:
            if self._end_ms > hold.start_ms:
                by_row[hold.rows] = np.minimum(by_row[hold.rows], hold.left(option.need, tasks))
                if int(by_row.sum()) < tasks:
                    self.held_by = hold.holder
                    return ()
        return first_rows(by_row, tasks, option.columns.domains)

    def _row(self) -> int:
        """The tightest node that holds the whole gang, or -1."""
        lane = self._lane
        key = (self._option.need, self._tasks)
        if lane.live.memo.get(key) == lane.live.growth:
            self.lasting = True
            return -1
        row = lane.index.tightest(self._need, self._allowed)
        if row < 0 and not len(self._allowed):
            if not lane.owned:
                self.lasting = True
                remember(lane.live, key, lane.live.growth)
            return -1
        while row >= 0 and lane.holds and self._is_barred(row):
            row = lane.index.tightest(self._need, self._allowed)
        if row < 0 and self._fence is not None and lane.index.tightest(self._need, NO_MASK) >= 0:
            self.held_by = self._fence.barred_by
        return row

    def _is_barred(self, row: int) -> bool:
        """Whether a reservation forbids a row; then it is not asked for again."""
        if self._fence is None:
            self._fence = PoolFence(self._lane, self._option.need, self._tasks, self._end_ms)
        if not self._fence.bars(row):
            return False
        if not len(self._allowed):
            self._allowed = np.ones(len(self._lane.columns.ids), np.bool_)
            self._allowed[self._fence.barred_rows()] = False
        self._allowed[row] = False
        return True

    def _spread(self) -> Sequence[Share]:
        """Nodes for a gang that no single node holds."""
        option, lane, need, tasks = self._option, self._lane, self._option.need, self._tasks
        key = (need, tasks, "gang")
        if (known := lane.live.memo.get(key)) is not None and known[0] == lane.live.growth:
            self.lasting, self.fits_count = True, known[1]
            return ()
        index = lane.index
        held = [hold for hold in lane.holds if self._end_ms > hold.start_ms]
        whole = bool(need.chips) and not held
        if whole and self._roomy:  # it fitted last time
            shares = index.spread(self._need, tasks, NO_MASK)
            if shares:
                return shares
        # What bars a node to the whole gang may leave room for a part of it: no mask here.
        self.fits_count = index.fitting(self._need)
        self._roomy = self.fits_count >= tasks
        if self.fits_count < tasks:
            self.lasting = not lane.owned
            if self.lasting:
                remember(lane.live, key, (lane.live.growth, self.fits_count))
            return ()
        self.lasting = False
        if whole:
            shares = index.spread(self._need, tasks, NO_MASK)
            if shares:
                return shares
        rows, holds = index.gather(self._need, NO_MASK)
        if not held:
            return pack_rows(rows, holds, tasks, lane.live.codes)
        by_row = np.zeros(len(lane.columns.ids), np.int64)
        by_row[rows] = holds
        for hold in held:
            by_row[hold.rows] = np.minimum(by_row[hold.rows], hold.left(need, tasks))
            if int(by_row.sum()) < tasks:
                self.held_by = hold.holder
                return ()
        return pack(by_row, tasks, option.columns.domains)


class NoRoom:
    """The fitting of an option that a sweep or a flow found to have no room."""

    __slots__ = ("fits_count", "lasting")
    exhausted = True
    held_by: Holder | None = None

    def __init__(self, fits_count: int = 0, *, lasting: bool | int = False) -> None:
        self.fits_count = fits_count
        self.lasting = bool(lasting)

    def shares(self) -> Sequence[Share]:
        """Nowhere."""
        return ()


class Board:
    """Every pool as the cycle leaves it so far.

    With `in_order` jobs take the first nodes that hold them rather than the tightest. Without an
    `arena` it is only to be looked at.
    """

    def __init__(
        self, now_ms: int, calendar: Calendar | None = None, *, arena: Arena | None = None,
        in_order: bool = False,
    ) -> None:  # fmt: skip
        self.now_ms = now_ms
        self.gate = Gate(calendar or Calendar(), now_ms)
        self.in_order = in_order
        self.ground = arena.take_ground() if arena is not None else None
        self.added = AddedShares(arena.chips_wide if arena is not None else 0)
        self._lanes: dict[int, Lane] = {}
        self.sweep: Sweep | None = None
        self.fragments: Fragments | None = None
        """There where nodes are chosen by what a placement spoils."""

    def lane(self, columns: PoolColumns) -> Lane:
        """The lane of one of the state's pools."""
        lane = self._lanes.get(columns.index)
        if lane is None:
            index_of = Index if self.fragments is None else self.fragments.index
            lane = Lane(columns, self.gate, self.ground, index_of)
            self._lanes[columns.index] = lane
        return lane

    def leave(self) -> None:
        """Be done: it is neither placed on nor looked at any more."""
        if self.ground is not None:
            self.ground.arena.leave_ground(self.ground)
            self.ground = None
            self._lanes.clear()

    def lanes(self) -> Iterable[Lane]:
        """The pools that the cycle looked at."""
        return self._lanes.values()

    def key(self, option: Option, shares: Sequence[Share]) -> int | None:
        """What a gang spoils on a node, less being better; None where that does not count."""
        if self.fragments is None or option.laid or len(shares) > 1:
            return None
        row, tasks = shares[0]
        return self.fragments.key(gang_vector(option, tasks), option.columns.index, row)

    def first_guess(
        self, option: Option, tasks: int, guess: Callable[["Board", Option, int], tuple[int, str]]
    ) -> int:  # fmt: skip
        """When a gang is expected to start on a pool, as guessed when a cycle first asked."""
        guesses = self.lane(option.columns).guesses
        key = (option.need, tasks, option.run_ms)
        known = guesses.get(key)
        if known is None:
            known = guesses[key] = guess(self, option, tasks)[0]
        return known

    def fits_now(self, option: Option, tasks: int) -> int:
        """How many tasks of a gang an option's pool holds now, reservations apart, at most all."""
        lane = self.lane(option.columns)
        if not option.laid:
            return lane.index.fitting(gang_vector(option, tasks))
        key = (option.need, tasks, option.within)
        kept = not lane.owned and option.near is None
        known = lane.live.memo.get(key) if kept else None
        if known is not None and known[0] == lane.live.version:
            return int(known[1])
        by_row = capacity(Room(lane.columns), option.need, tasks)
        fits = fitting(by_row, tasks, lane.columns.domains, option)
        if kept:
            remember(lane.live, key, (lane.live.version, fits))
        return fits

    def place(self, option: Option, shares: Sequence[Share]) -> None:
        """Take room for a gang that starts now."""
        lane, need, now_ms = self.lane(option.columns), option.need, self.now_ms
        end_ms = clamp_time(now_ms + option.span_ms)
        bound_ms = now_ms + option.ready_ms + option.bound_ms
        basis = BASES.index(option.basis)
        vector = option.vector
        if vector is None:
            vector = gang_vector(option, 1)
        lane.own().place(vector, shares, self.added, end_ms, basis)
        for hold in lane.holds:
            if bound_ms > hold.start_ms:
                for row, tasks in shares:
                    hold.use(row, need, tasks)
        lane.outlook = None

    def evict(self, columns: PoolColumns, slots: Rows) -> None:
        """Count some slots as stopping: what they hold is about to come free."""
        lane = self.lane(columns)
        lane.evicted = np.concatenate([lane.evicted, slots])
        lane.outlook = None

    def hold(self, option: Option, tasks: int, holder: JobId, found: Found) -> None:
        """Keep the room of a reservation."""
        lane = self.lane(option.columns)
        hold = Hold(holder, found, option.need, run_ms=option.span_ms)
        hold.make_room(lane.holds)
        lane.holds.append(hold)
        lane.keep(found, option.need)
        lane.trail = (*lane.trail, (option.need, tasks, option.span_ms))

    def outlook(self, columns: PoolColumns) -> Outlook:
        """What will be given back on a pool, what was started in this cycle included."""
        lane = self.lane(columns)
        if lane.outlook is None:
            lane.outlook = self._kept_outlook(lane)
        return lane.outlook

    def rough_outlook(self, columns: PoolColumns) -> Outlook:
        """The same as it was when a cycle first asked, for estimates alone."""
        lane = self.lane(columns)
        if lane.rough is None:
            lane.rough = self.outlook(columns)
        return lane.rough

    def free(self, columns: PoolColumns) -> tuple[int, int, int]:
        """CPU, memory and thousandths of chips that are free on a pool's ready nodes together."""
        lane = self.lane(columns)
        if lane.free_version != lane.columns.version:
            lane.free_version = lane.columns.version
            lane.free = lane.columns.free_together()
        return lane.free

    def earliest(self, option: Option, tasks: int, until_ms: int = NEVER_MS) -> Found | None:
        """When a gang first fits an option's pool beside what is reserved; asked up to a time."""
        lane = self.lane(option.columns)
        outlook = self.outlook(option.columns)
        stay_ms = option.ready_ms + option.bound_ms
        laid = (option.within, option.layout)
        key = (lane.trail, option.need, tasks, stay_ms, laid, self.gate.key)
        memo = lane.live.memo
        lasting = lane.pristine and outlook.valid_until_ms > self.now_ms and option.near is None
        if lasting and (known := memo.get(key)) is not None and known[0] == lane.live.version:
            found: Found | None = known[1]
            return found
        found = earliest(
            lane.columns, outlook, option.need, tasks,
            holds=lane.holds, free=self.free(option.columns), now_ms=self.now_ms, stay_ms=stay_ms,
            in_order=self.in_order, how=option if option.laid else None, until_ms=until_ms,
        )  # fmt: skip
        lasting &= until_ms == NEVER_MS if found is None else found.start_ms > self.now_ms
        if lasting:
            remember(lane.live, key, (lane.live.version, found))
        return found

    def _kept_outlook(self, lane: Lane) -> Outlook:
        if not lane.pristine:
            added = self.added.on(lane.live)
            return Outlook(lane.live, self.now_ms, added, lane.evicted)
        kept: Outlook | None = lane.live.memo.get("outlook")
        if (
            kept is not None
            and kept.version == lane.live.version
            and kept.valid_until_ms > self.now_ms
        ):
            return kept
        kept = Outlook(lane.live, self.now_ms, None, None)
        remember(lane.live, "outlook", kept)
        return kept


def gang_vector(option: Option, tasks: int) -> Ints:
    """The need of a gang as the kernels take it, kept with the option."""
    known = option.vector
    if known is None or known[layout.NEED_TASKS] != tasks:
        known = np.array(option.places(tasks), np.int64)
        option.vector = known
    return known


def remember(columns: PoolColumns, key: object, value: object) -> None:
    """Keep something worked out about a pool; all is forgotten when it grows too much."""
    if len(columns.memo) >= _MEMO_MAX:
        columns.memo.clear()
    columns.memo[key] = value
