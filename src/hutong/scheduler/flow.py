"""A flow: the stretches of a plan that a kernel decides by itself, between the decisions made here.

Theory of operation. Most steps of a cycle are alike: a plain job's turn comes, and it starts on the
first of its options that has room. `kernels.flow` takes such steps until something else comes up,
as often as not at the end of a class, and this module gives it what it needs to know: the order as
arrays (`order`), the options of the shapes that are looked at, and the ground of all pools
(`arena`). Then it makes placements of what was decided, and says whose turn it is. What that job
does is up to the cycle, in the words of `look`, `board` and `blocked`; afterwards the flow goes on.

Nothing is decided here that the cycle would not decide in the same way. It is asked about jobs that
are not plain, have affinities or inputs; about tenants with quotas; where reservations or bookings
lie on a pool; where a job might do better to wait, or is to be told of other pools; and about the
next job of every shape that has no room.
"""

from typing import TYPE_CHECKING

import numpy as np

from hutong.model.attempt import NodeShare
from hutong.scheduler.columns import Ints, Mask
from hutong.scheduler.demand import Shapes
from hutong.scheduler.fit import NO_MASK
from hutong.scheduler.fragment import NO_TABLES
from hutong.scheduler.kernels import active, layout
from hutong.scheduler.kernels.fragments import Tables
from hutong.scheduler.look import Look
from hutong.scheduler.option import Option
from hutong.scheduler.order import ClassOrder, Cursor, Passed
from hutong.scheduler.plan import Placement
from hutong.scheduler.shapes import is_plain

if TYPE_CHECKING:
    from hutong.scheduler.cycle import Cycle

EXPLAINED = 128
"""So many placements of a cycle are compared with the other pools, the first in the order."""

_FEW = 4
"""So few jobs are all looked at as a class begins."""

_LOOKED_AT = 64
"""So many shapes are looked at together at most, beside the next one."""


class Flow:
    """What a cycle tells the kernel, and what it makes of the answers.

    With `asks_always` it only says whose turn it is.
    """

    def __init__(
        self, cycle: "Cycle", shapes: Shapes, passed: Passed, *, asks_always: bool
    ) -> None:
        ground = cycle.board.ground
        assert ground is not None
        self._cycle = cycle
        self._board = cycle.board
        self._ground = ground
        self._at = shapes.at
        self._passed = passed
        self._asks_always = asks_always
        self._space = ground.space
        self._shapes: Ints = np.zeros((len(shapes.at) + 1, layout.SHAPE_PLACES), np.int64)
        self._rows: Ints = np.zeros((64, layout.OPTION_PLACES), np.int64)
        self._options: list[Option] = []
        self._looks: dict[int, Look] = {}
        self._look_at: list[Look] = []
        self._tasks_most = 0
        self._laid_out: Mask = np.zeros(len(ground.pools), np.bool_)
        self.claims_changed = True
        """Whether something may have been reserved or closed since the last turn."""
        self.passed_more = False
        """Whether many shapes are passed over since then."""

    def begin(self, order: ClassOrder) -> None:
        """Look at the shapes of the first jobs where they are few, so that nothing stops for it."""
        if len(order.entries) <= _FEW:
            for number in dict.fromkeys([entry.shape for entry in order.entries]):
                if not self._shapes[number, layout.SHAPE_STATE] and not self._passed.flags[number]:
                    self._take_up(number)

    def turn(self, order: ClassOrder) -> Cursor | None:
        """Go on to the next job about which the cycle has to decide; None when nothing is left."""
        while True:
            if self.passed_more:
                self.passed_more = False
                order.feed_others(self._passed.array)
            if self.claims_changed:
                self.claims_changed = False
                for lane in self._board.lanes():
                    self._ground.pools[lane.live.index, layout.POOL_ASK] = not lane.is_free
            stop = self._go(order)
            if order.state[layout.STATE_PLACED]:
                self._make_placements(order)
            if stop == layout.STOP_DONE:
                return None
            if stop == layout.STOP_ASK:
                cursor = order.current()
                assert cursor is not None
                self._tell(cursor.shape)
                return cursor
            if stop == layout.STOP_CONSULT:
                self._consult(order)
            elif stop == layout.STOP_UNKNOWN:
                self._learn(order)
            elif stop == layout.STOP_FEED:
                order.refill(order.cursors[order.state[layout.STATE_CURSOR]])

    def note(self, shape: int) -> None:
        """Account what the cycle found out about a shape when it was asked."""
        look = self._looks.get(shape)
        if look is None:
            return
        place = self._shapes[shape]
        first = int(place[layout.SHAPE_FIRST])
        look.note_out(self._rows[first : first + len(look.options)])
        place[layout.SHAPE_NONE_BETTER] = look.none_better
        if look.blocked:
            place[layout.SHAPE_STATE] = layout.ASK_SHAPE

    def _go(self, order: ClassOrder) -> int:
        """Let the kernel decide as far as it can; gives why it stopped."""
        cycle, ground, space, added = self._cycle, self._ground, self._space, self._board.added
        ledger, arena, state = cycle.ledger, self._ground.arena, order.state
        added.make_room(self._tasks_most)
        state[layout.STATE_PLACED] = 0
        state[layout.STATE_ADDED] = added.size
        state[layout.STATE_LEFT] = 0 if self._asks_always else cycle.placements_left
        state[layout.STATE_TOLD] = EXPLAINED - len(cycle.placements)
        state[layout.STATE_BETTER] = cycle.may_wait
        state[layout.STATE_NOW] = cycle.now_ms
        return int(
            active().flow.flow(
                state, order.tree, order.share, order.heap, order.feed, self._passed.array,
                self._shapes, self._rows, ledger.tallies, ledger.up, ledger.per, ground.pools,
                ground.node, ground.chips, ground.where, ground.count, arena.codes, ground.held,
                arena.members, arena.starts, space.rows, space.tasks, space.sums, space.shares,
                added.table, added.chips, space.out, NO_MASK, self._tables(),
            )
        )  # fmt: skip

    def _tables(self) -> Tables:
        """What nodes are chosen by where that is not which is the tightest."""
        known = self._board.fragments
        return NO_TABLES if known is None else known.tables

    def _consult(self, order: ClassOrder) -> None:
        """Ask whether a job rather waits than to start where the kernel would start it.

        If it does not, it is said now how its pool compares with others, and the kernel goes on.
        """
        cycle, at = self._cycle, int(order.state[layout.STATE_OPTION])
        cursor = order.current()
        assert cursor is not None
        self._tell(cursor.shape)
        look, option = self._look_at[at], self._options[at]
        position = at - int(self._shapes[cursor.shape, layout.SHAPE_FIRST])
        if cycle.holds_back(cursor, look, position):
            self.claims_changed = True
            order.go_on(cursor)
        else:
            if len(cycle.placements) < EXPLAINED:
                share_milli = cycle.ledger.share_milli(cursor.queue.entity)
                cycle.tell(cursor.group, look, option, share_milli)
            order.state[layout.STATE_ALLOWED] = True
        self._shapes[cursor.shape, layout.SHAPE_NONE_BETTER] = look.none_better

    def _tell(self, shape: int) -> None:
        """Tell the look at a shape what was found out about its options."""
        look = self._looks.get(shape)
        if look is not None and not look.blocked:
            first = int(self._shapes[shape, layout.SHAPE_FIRST])
            rows = self._rows[first : first + len(look.options)]
            if rows[:, layout.OPTION_OUT].any():
                look.absorb(rows)

    def _learn(self, order: ClassOrder) -> None:
        """Look at the shape of the next job, and at others that are near if all seem to fit."""
        self._take_up(order.next_shape())
        if len(order.entries) > 1 and not self._cycle.passes_over:
            numbers = order.shapes_fed()
            known = self._shapes[numbers, layout.SHAPE_STATE] != layout.UNKNOWN
            for number in list(dict.fromkeys(numbers[~known].tolist()))[:_LOOKED_AT]:
                self._take_up(number)

    def _take_up(self, number: int) -> None:
        """Look at a shape, and list its options for the kernel if it can go by them."""
        shape, place = self._at[number], self._shapes[number]
        place[layout.SHAPE_STATE] = layout.ASK_SHAPE
        if shape.affinity or not is_plain(shape):
            return
        look = self._cycle.look_at(number)
        if look.blocked or look.match.varies or look.options[0].laid:
            return
        rows, first = look.rows(), len(self._options)
        self._looks[number] = look
        self._options += look.options
        self._look_at += [look] * len(look.options)
        if len(self._options) > len(self._rows):
            more = np.zeros((len(self._options), layout.OPTION_PLACES), np.int64)
            self._rows = np.concatenate([self._rows, more])
        self._rows[first : len(self._options)] = rows
        fragments = self._board.fragments
        if fragments is not None:
            for row in self._rows[first : len(self._options)]:
                row[layout.OPTION_NEED] = fragments.number(row)
        place[:] = layout.READY_SHAPE, first, len(rows), look.none_better
        self._tasks_most = max(self._tasks_most, shape.tasks)
        pools = rows[:, layout.OPTION_POOL]
        if not self._laid_out[pools].all():
            self._lay_out(look)

    def _lay_out(self, look: Look) -> None:
        """See that the pools that a shape could use lie on the ground, with their indexes."""
        for option in look.options:
            index = option.columns.index
            if not self._laid_out[index]:
                self._laid_out[index] = True
                lane = self._board.lane(option.columns)
                lane.lay_out()
                self._ground.pools[index, layout.POOL_ASK] = not lane.is_free

    def _make_placements(self, order: ClassOrder) -> None:
        """Make placements of what the kernel decided, and account for them."""
        cycle, added, state = self._cycle, self._board.added, order.state
        lines = self._space.out[: state[layout.STATE_PLACED]].tolist()
        before, added.size = added.size, int(state[layout.STATE_ADDED])
        table = added.table[before : added.size]
        rows = table[:, layout.ADDED_ROW].tolist()
        tasks = table[:, layout.ADDED_TASKS].tolist()
        placements, labels = cycle.placements, cycle.snapshot.demand.labels
        touched: dict[int, int] = {}
        chips = domestic = 0
        for fed, number, at, line, count, share_milli in lines:
            option, entry, cursor = self._options[at], order.entries[fed], order.cursors[number]
            first = line - before
            columns = option.columns
            ids = columns.ids
            if count == 1:
                nodes: tuple[NodeShare, ...] = (NodeShare(ids[rows[first]], tasks[first]),)
            else:
                last = first + count
                nodes = tuple(
                    map(NodeShare, [ids[row] for row in rows[first:last]], tasks[first:last])
                )
            group = cursor.group_of(entry)
            reason, explanation = cycle.tell(group, self._look_at[at], option, share_milli)
            placements.append(
                Placement(
                    entry.job, columns.pool.site, columns.pool.id, nodes, option.model,
                    option.need.milli, option.speed_milli, option.rate,
                    cycle.now_ms + option.span_ms, reason, explanation, option.basis,
                )
            )  # fmt: skip
            touched[columns.index] = touched.get(columns.index, 0) + count
            milli = option.claim.held.accelerator_milli
            chips += milli
            domestic += milli if option.domestic else 0
            if labels and entry.job in labels:
                cycle.note_neighbour(entry.job, group.entity, option, rows[first : first + count])
        cycle.ambient.add(chips, domestic)  # jobs with inputs are none of these
        for number in dict.fromkeys([line[1] for line in lines]):
            cycle.ledger.note_charged(order.cursors[number].queue.entity)
        order_of_pools = cycle.snapshot.supply.order
        for index, count in touched.items():
            self._board.lane(order_of_pools[index]).note_placed(count)
