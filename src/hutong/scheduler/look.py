"""A look: what a cycle finds out about one shape, for every group that has it.

Options are tried in the order of preference. One that does not fit is exhausted for the rest of the
cycle, and once all are, the shape is blocked and not looked at again.
"""

from hutong.model.reasons import PlaceReason
from hutong.scheduler.board import Board, Fitting, NoRoom
from hutong.scheduler.columns import Ints
from hutong.scheduler.estimate import Outcome
from hutong.scheduler.facts import nodes_at_most
from hutong.scheduler.filters import DEADLINE, GROUPS, unavailable
from hutong.scheduler.gang_room import LaidFitting, NearFitting
from hutong.scheduler.kernels import layout
from hutong.scheduler.match import Match
from hutong.scheduler.option import Option, rows_of
from hutong.scheduler.plan import Candidate
from hutong.scheduler.records import SiteStatus
from hutong.scheduler.reserve import Holder
from hutong.scheduler.shapes import Shape
from hutong.scheduler.supply import Supply
from hutong.scheduler.vicinity import Vicinity

AnyFitting = Fitting | LaidFitting | NoRoom
NO_ROOM = NoRoom()
_FULL = {(0, 0): NO_ROOM, (0, 1): NoRoom(lasting=True)}


class Look:
    """One shape in one cycle. `options` are those that take work now, best first.

    Nobody does better to wait than to take option `none_better` (see `better`).
    """

    __slots__ = (
        "_board", "_fittings", "_growth", "_left", "at", "blocked", "blocked_groups", "filtered",
        "fits_count", "held_by", "match", "none_better", "options", "outcome", "shape", "told",
        "vicinity",
    )  # fmt: skip

    def __init__(
        self, shape: Shape, match: Match, supply: Supply, board: Board,
        vicinity: Vicinity | None = None,
    ) -> None:  # fmt: skip
        """`vicinity` is there for a shape with affinities."""
        self._board = board
        self.vicinity = vicinity
        self._growth = supply.growth
        self.shape = shape
        self.match = match
        if match.available_at != supply.availability:
            match.note_available(*_available(match, supply), supply.availability)
        self.options = match.available
        self.filtered = match.filtered_now
        if shape.deadline_ms > 0:
            self._drop_late(board.now_ms)
        if vicinity is not None:
            self.options = vicinity.options(self.options)
        self._fittings: list[AnyFitting | None] = [None] * len(self.options)
        self.at = 0
        self.none_better = -1
        self.fits_count = 0
        self.held_by: Holder | None = None
        self.blocked_groups = 0
        self._left = list(range(len(self.options)))
        self.told: tuple[Option, PlaceReason, tuple[Candidate, ...]] | None = None
        self.outcome: Outcome | None = None
        self.blocked = not self.options
        if self.options and match.unfit_at == supply.growth and shape.deadline_ms <= 0:
            self.blocked, self.fits_count = True, match.unfit_count

    def left(self) -> list[int]:
        """The positions of the options that may still have room, best first."""
        fittings = self._fittings
        self._left = [at for at in self._left if (f := fittings[at]) is None or not f.exhausted]
        return self._left

    def fitting(self, index: int) -> AnyFitting:
        """How an option fares."""
        found = self._fittings[index]
        if found is None:
            option = self.options[index]
            sweep = self._board.sweep
            if sweep is not None and sweep.is_out(self._board, option):
                self._fittings[index] = NO_ROOM
                return NO_ROOM
            found = self._fittings[index] = _fitting(self._board, option, self.shape.tasks)
        return found

    def note_exhausted(self, index: int) -> None:
        """Account that an option does not fit any more; with the last the shape is blocked."""
        fitting = self.fitting(index)
        self.fits_count = max(self.fits_count, fitting.fits_count)
        self.held_by = self.held_by or fitting.held_by
        self.settle()

    def settle(self) -> None:
        """See whether any option is left; with the last one the shape is blocked."""
        while self.at < len(self.options):
            known = self._fittings[self.at]
            if known is None or not known.exhausted:
                return
            self.at += 1
        self.blocked = True
        if all(known is not None and known.lasting for known in self._fittings):
            self.match.unfit_at, self.match.unfit_count = self._growth, self.fits_count

    def rows(self) -> Ints:
        """The options as the kernels take them."""
        if self.options is self.match.available:
            return self.match.rows
        return rows_of(self.options, self.shape.tasks)

    def absorb(self, rows: Ints) -> None:
        """Account which options a flow found out to have no room."""
        fittings = self._fittings
        found = rows[:, layout.OPTION_FITS : layout.OPTION_ROOMY].tolist()
        for at, (fits, out, lasting) in enumerate(found):
            if out and ((known := fittings[at]) is None or not known.exhausted):
                fittings[at] = _FULL.get((fits, lasting)) or NoRoom(fits, lasting=lasting)
                self.fits_count = max(self.fits_count, fits)
        self.settle()

    def note_out(self, rows: Ints) -> None:
        """Tell a flow which options have no room."""
        for at, known in enumerate(self._fittings):
            if known is not None and known.exhausted:
                rows[at, layout.OPTION_OUT] = 1

    def keep_options(self, options: list[Option]) -> None:
        """Go on with some of the options; before the first is tried."""
        left_out = sum([len(o.columns.ids) for o in self.options if o not in options])
        self.filtered = {**self.filtered, GROUPS: left_out}
        self.options = options
        self._fittings = [None] * len(options)
        self._left = list(range(len(options)))
        self.blocked = self.blocked or not options

    def fits_now(self, option: Option) -> int:
        """How many tasks of the gang an option's pool holds now, reservations apart."""
        return self._board.fits_now(option, self.shape.tasks)

    def _drop_late(self, now_ms: int) -> None:
        """Leave out options that can no longer meet the deadline."""
        late = [option for option in self.options if option.latest_ms < now_ms]
        if late:
            in_time = [option for option in self.options if option.latest_ms >= now_ms]
            pools = {option.columns.index for option in in_time}
            nodes = {
                o.columns.index: nodes_at_most(o.columns)
                for o in late
                if o.columns.index not in pools
            }
            self.options = in_time
            self.filtered = {**self.filtered, DEADLINE: sum(nodes.values())}


def _fitting(board: Board, option: Option, tasks: int) -> AnyFitting:
    if not option.laid:
        return Fitting(board, option, tasks)
    kind = LaidFitting if option.near is None else NearFitting
    return kind(board, option, tasks)


def _available(match: Match, supply: Supply) -> tuple[list[Option], dict[str, int]]:
    """The options that take work now, and the nodes that fell to each filter."""
    options: list[Option] = []
    filtered = dict(match.filtered)
    out: dict[int, dict[str, int]] = {}
    for option in match.options:
        columns = option.columns
        ready = supply.statuses.get(columns.pool.site) is SiteStatus.READY
        if ready and columns.ready_count >= option.nodes_needed:
            options.append(option)
            continue
        why = unavailable(supply, option.columns, option.nodes_needed)
        if why:
            out.setdefault(option.columns.index, why)
        else:
            options.append(option)
    for option in options:
        out.pop(option.columns.index, None)
    for counts in out.values():
        for name, count in counts.items():
            filtered[name] = filtered.get(name, 0) + count
    return options, filtered
