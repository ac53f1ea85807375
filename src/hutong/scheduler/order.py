"""The order in which a cycle looks at waiting jobs.

Classes one after the other; within a class the tenant tree from the top, at each level the child
with the smallest weighted dominant share; within a tenant the least deadline slack, then age. Each
placement raises the shares on its path, so that capacity is filled progressively, one job at a
time, as in the paper. Every level is a heap whose top is the path just taken, so a step costs a
logarithm a level. The heaps are arrays and the steps are kernels (`kernels.turns`).

Where shares tie, as they do while nobody holds anything, the child goes first whose own first job
does. A tenant that has jobs of its own and children with jobs stands beside its children, at
weight 1, with what its own jobs hold.

Jobs of shapes that fit nowhere any more are passed over. A queue feeds its next entries into the
arrays a few at a time, those of shapes passed over left out; what is passed over later is noticed
when its turn comes.
"""

from collections.abc import Iterator, Sequence
from itertools import tee

import numpy as np

from hutong.model.ids import JobId
from hutong.scheduler.columns import Ints, Mask
from hutong.scheduler.demand import Block, Entry, Group, Queue, Shapes
from hutong.scheduler.kernels import active, layout
from hutong.scheduler.kernels.marks import Floats
from hutong.scheduler.tenants import Entity, Ledger

_LOOK = 16
"""So many entries are looked at one by one before the rest of a block is looked at together."""

_NEAR = 2_048
"""So many of the entries fed last are looked at for shapes that nobody looked at yet."""

_MANY = 8
"""More queues than this feed together, rather than each when its turn comes."""

_FED = 4
"""So many entries a queue feeds first, and each time four times as many up to a block."""


class Passed:
    """The shapes that a cycle passes over, by number."""

    __slots__ = ("array", "flags")

    def __init__(self, shapes: Shapes) -> None:
        self.flags = bytearray(len(shapes) + 1)
        self.array: Mask = np.frombuffer(self.flags, np.bool_)

    def add(self, shape: int) -> None:
        """Pass over a shape from now on."""
        self.flags[shape] = 1

    def add_all(self, shapes: Mask) -> None:
        """Pass over more shapes from now on."""
        size = min(len(self.array), len(shapes))
        self.array[:size] |= shapes[:size]

    def count(self) -> int:
        """How many shapes are passed over."""
        return int(np.count_nonzero(self.array))

    def numbers(self) -> list[int]:
        """The shapes that are passed over."""
        return np.flatnonzero(self.array).tolist()

    def others(self, block: Block, start: int, own: "Passed | None", most: int) -> list[int]:
        """The first entries of a block from `start` on that are not passed over, up to `most`.

        Some of them, where there are any.
        """
        if most <= _LOOK:
            entries, flags = block.entries, self.flags
            others = own.flags if own is not None else flags
            size = len(entries)
            found = []
            for position in range(start, min(start + _LOOK, size)):
                shape = entries[position].shape
                if not flags[shape] and not others[shape]:
                    found.append(position)
                    if len(found) == most:
                        break
            start += _LOOK
            if found or start >= size:
                return found
        shapes = np.frombuffer(block.shapes, np.int32)[start:]
        passed = self.array[shapes]
        if own is not None:
            passed |= own.array[shapes]
        others_left: list[int] = (np.flatnonzero(~passed)[:most] + start).tolist()
        return others_left


class Cursor:
    """A queue as a cycle works through it, in the steps of an order.

    What is said of the next job is true while the order says that it is this queue's turn.
    """

    __slots__ = (
        "_at", "_block", "_first", "_group", "_left", "_most", "_own", "_passed", "_positions",
        "_shapes", "entry", "number", "queue",
    )  # fmt: skip

    def __init__(self, queue: Queue, shapes: Shapes, passed: Passed) -> None:
        self.queue = queue
        self.number = -1
        self._shapes = shapes
        self._passed = passed
        self._own: Passed | None = None
        self._block = 0
        self._at = 0
        self._left = 0
        self._most = _FED
        self._first = 0
        self._positions: list[int] = []
        self.entry: Entry | None = None
        self._group: Group | None = None

    def next_entries(self, first: int) -> list[Entry]:
        """The next entries to feed, of which the first gets a place in the feed.

        They begin behind the last one fed, or where the cursor was set.
        """
        blocks = self.queue.blocks
        while self._block < len(blocks):
            block = blocks[self._block]
            found = self._passed.others(block, self._at, self._own, self._most)
            if found:
                self._first, self._positions = first, found
                self._at = found[-1] + 1
                self._most = min(4 * self._most, len(block.entries))
                return [block.entries[at] for at in found]
            self._block, self._at = self._block + 1, 0
        return []

    @property
    def has_more(self) -> bool:
        """Whether entries are left behind those fed; they may all have to be passed over."""
        blocks, block = self.queue.blocks, self._block
        return block + 1 < len(blocks) or (
            block < len(blocks) and self._at < len(blocks[block].entries)
        )

    def set_to(self, fed: int, entry: Entry, left: int) -> None:
        """Stand at an entry fed, of which so many elements are left."""
        if entry is not self.entry:
            self.entry, self._group = entry, None
        self._left = left
        self._at = self._positions[fed - self._first]

    def keep(self, fed: int, first: int, kept: list[int]) -> None:
        """Keep some of the entries fed, counted from `fed` on, as those from `first` on."""
        self._positions = [self._positions[fed + at - self._first] for at in kept]
        self._first = first

    def go_behind(self) -> None:
        """Go on behind the last entry fed."""
        self._at = self._positions[-1] + 1

    @property
    def job(self) -> JobId:
        """The next job; asked only while there is one."""
        assert self.entry is not None
        return self.entry.job

    @property
    def shape(self) -> int:
        """The number of the next job's shape."""
        assert self.entry is not None
        return self.entry.shape

    @property
    def group(self) -> Group:
        """The group of the next job."""
        if self._group is None:
            assert self.entry is not None
            self._group = self.group_of(self.entry)
        return self._group

    def group_of(self, entry: Entry) -> Group:
        """The group of one of the queue's jobs."""
        return self.queue.group(entry.shape, self._shapes.at[entry.shape])

    def drop_shape(self) -> None:
        """Be done with the shape of the next entry in this queue."""
        assert self.entry is not None
        if self._own is None:
            self._own = Passed(self._shapes)
        self._own.add(self.entry.shape)

    def head(self) -> "Head":
        """The next entry with those of its shape behind it."""
        assert self.entry is not None
        return Head(self.group, self.entry, self._left, self._alike())

    def _alike(self) -> Iterator[Entry]:
        """The entries of the next entry's shape after it."""
        assert self.entry is not None
        shape, start = self.entry.shape, self._at + 1
        for block in self.queue.blocks[self._block :]:
            alike = np.flatnonzero(np.frombuffer(block.shapes, np.int32)[start:] == shape)
            for position in alike.tolist():
                yield block.entries[start + position]
            start = 0


class Head:
    """The first jobs of one shape in a queue: what a blocked group claims room for."""

    __slots__ = ("_alike", "_left", "entry", "group")

    def __init__(self, group: Group, entry: Entry, left: int, alike: Iterator[Entry]) -> None:
        self.group = group
        self.entry = entry
        self._left = left
        self._alike = alike

    @property
    def job(self) -> JobId:
        """The job that is first now."""
        return self.entry.job

    @property
    def seq(self) -> int:
        """Its place by age."""
        return self.entry.seq

    def count(self, most: int) -> int:
        """How many elements there are from here on, counted up to `most`."""
        self._alike, ahead = tee(self._alike)
        found = self._left
        for entry in ahead:
            if found >= most:
                break
            found += entry.available
        return min(found, most)

    def skip(self) -> bool:
        """Go on to the next job, or element of it. Says whether there is one."""
        self._left -= 1
        if self._left > 0:
            return True
        entry = next(self._alike, None)
        if entry is None:
            return False
        self.entry, self._left = entry, entry.available
        return True


class ClassOrder:
    """The order within one priority class.

    Used as: `turn`, then `placed` or a drop, and again. In between a flow may go on by itself.
    """

    def __init__(self, cursors: Sequence[Cursor], ledger: Ledger, *, fair: bool) -> None:
        self._ledger = ledger
        self.feed: Ints = np.zeros((_FED * max(len(cursors), 16), layout.FEED_PLACES), np.int64)
        self.entries: list[Entry] = []
        self.cursors: list[Cursor] = []
        fed: list[Entry] = []
        places: list[Fed] = []
        for cursor in cursors:
            entries = cursor.next_entries(len(fed))
            if entries:
                cursor.number = len(places)
                self.cursors.append(cursor)
                places.append((len(fed), len(entries), cursor.has_more))
                fed += entries
        self._feed(fed)
        self.tree = (_fair_tree if fair else _flat_tree)(self.cursors, places, ledger)
        self.heap: Ints = np.zeros(len(self.tree), np.int64)
        self.share: Floats = np.zeros(len(self.tree))
        self.state: Ints = np.zeros(layout.STATE_PLACES, np.int64)
        self.state[layout.STATE_CURSORS] = len(self.cursors)
        self._grow()

    def ask_about(self, queue: Queue) -> None:
        """Have no flow decide about a queue's jobs."""
        for cursor in self.cursors:
            if cursor.queue is queue:
                self.tree[cursor.number, layout.TREE_ASK] = True

    def current(self) -> Cursor | None:
        """The queue whose turn it is by the arrays; None when nothing is left."""
        number = int(self.state[layout.STATE_CURSOR])
        if number < 0:
            return None
        cursor = self.cursors[number]
        fed = int(self.tree[number, layout.TREE_FIRST])
        cursor.set_to(fed, self.entries[fed], int(self.feed[fed, layout.FEED_LEFT]))
        return cursor

    def next_shape(self) -> int:
        """The number of the shape of the job whose turn it is."""
        fed = self.tree[self.state[layout.STATE_CURSOR], layout.TREE_FIRST]
        return int(self.feed[fed, layout.FEED_SHAPE])

    def shapes_fed(self) -> Ints:
        """The numbers of the shapes of jobs that were fed and did not have their turn, the last."""
        feed = self.feed[max(len(self.entries) - _NEAR, 0) : len(self.entries)]
        shapes: Ints = feed[feed[:, layout.FEED_LEFT] > 0, layout.FEED_SHAPE]
        return shapes

    def feed_others(self, passed: Mask) -> None:
        """Feed more of each queue whose entries fed are all passed over by now, where many are."""
        queues = self.tree[: len(self.cursors)]
        shapes = self.feed[: len(self.entries), layout.FEED_SHAPE]
        others = np.concatenate([[0], np.cumsum(~passed[shapes])])
        first, size = queues[:, layout.TREE_FIRST], queues[:, layout.TREE_SIZE]
        stale = np.flatnonzero((size > 0) & (others[first + size] == others[first])).tolist()
        if len(stale) > _MANY:
            for number in stale:
                self.refill(self.cursors[number])
            self._grow()

    def refill(self, cursor: Cursor) -> None:
        """Feed more of a queue, all that it fed is done with."""
        cursor.go_behind()
        self._refill(cursor)

    def go_on(self, cursor: Cursor) -> None:
        """Go on behind the next job of the queue whose turn it is, placed or not.

        Where it was placed the ledger is already charged.
        """
        place = self.tree[cursor.number]
        fed = int(place[layout.TREE_FIRST])
        self.feed[fed, layout.FEED_LEFT] -= 1
        if self.feed[fed, layout.FEED_LEFT] <= 0:
            if place[layout.TREE_SIZE] > 1:
                place[layout.TREE_FIRST] += 1
                place[layout.TREE_SIZE] -= 1
            else:
                self.refill(cursor)
        self.state[layout.STATE_RENEW] = 1

    def drop_shape(self, cursor: Cursor) -> None:
        """Look no more at jobs like the next one of the queue whose turn it is."""
        cursor.drop_shape()
        place = self.tree[cursor.number]
        fed, size = int(place[layout.TREE_FIRST]), int(place[layout.TREE_SIZE])
        left = self.feed[fed : fed + size, layout.FEED_SHAPE] != cursor.shape
        if not left.any():
            self.refill(cursor)
        elif left[1:].all():
            place[layout.TREE_FIRST], place[layout.TREE_SIZE] = fed + 1, size - 1
        else:
            # What is left moves to the end of what was fed.
            kept = np.flatnonzero(left)
            first = fed + size - len(kept)
            self.feed[first : fed + size] = self.feed[fed + kept]
            self.entries[first : fed + size] = [self.entries[fed + at] for at in kept.tolist()]
            cursor.keep(fed, first, kept.tolist())
            place[layout.TREE_FIRST], place[layout.TREE_SIZE] = first, len(kept)
        self.state[layout.STATE_RENEW] = 1

    def _refill(self, cursor: Cursor) -> None:
        first = len(self.entries)
        entries = cursor.next_entries(first)
        self._feed(entries)
        self._set(cursor.number, first, len(entries), more=cursor.has_more)

    def _grow(self) -> None:
        """Make all heaps anew."""
        ledger, count = self._ledger, len(self.cursors)
        self.state[layout.STATE_RENEW] = False
        self.tree[count:, layout.TREE_SIZE] = 0
        active().turns.grow(
            self.tree, self.share, self.heap, self.feed, ledger.tallies, ledger.per, count
        )

    def _set(self, number: int, first: int, count: int, *, more: bool) -> None:
        place = self.tree[number]
        place[layout.TREE_FIRST], place[layout.TREE_SIZE] = first, count
        place[layout.TREE_MORE] = more

    def _feed(self, entries: list[Entry]) -> None:
        first = len(self.entries)
        self.entries += entries
        if len(self.entries) > len(self.feed):
            more = np.zeros((len(self.entries), layout.FEED_PLACES), np.int64)
            self.feed = np.concatenate([self.feed, more])
        if entries:
            self.feed[first : len(self.entries)] = [
                (entry.slack, entry.seq, entry.shape, entry.available) for entry in entries
            ]


Fed = tuple[int, int, bool]
"""Where the entries that a queue fed begin, how many they are, and whether there may be more."""


def _flat_tree(cursors: Sequence[Cursor], fed: Sequence[Fed], ledger: Ledger) -> Ints:
    """All queues below the root, by slack and age alone."""
    root = len(cursors)
    rows = [_queue(cursor, part, root, ledger) for cursor, part in zip(cursors, fed, strict=True)]
    rows.append(_node(0, -1, -1))
    return np.array(rows, np.int64)


def _queue(cursor: Cursor, fed: Fed, parent: int, ledger: Ledger) -> list[int]:
    """A queue as a row of the tree, in the order of TREE_SLACK to TREE_OWN."""
    entity, (first, size, more) = cursor.queue.entity, fed
    own = ledger.own_tally(entity)
    return [0, 0, cursor.queue.index, parent, -1, first, size, more, bool(entity.limits), own]


def _node(rank: int, parent: int, tally: int) -> list[int]:
    """A tenant, or the root, as a row of the tree."""
    return [0, 0, rank, parent, tally, 0, 0, 0, 0, 0]


def _fair_tree(cursors: Sequence[Cursor], fed: Sequence[Fed], ledger: Ledger) -> Ints:
    """The queues below their tenants, those below theirs, and all below the root.

    A tenant with jobs and with children that have some is twice there: with its own jobs it stands
    beside its children.
    """
    count = len(cursors)
    tenants: dict[Entity, int] = {}
    for cursor in cursors:
        tenants.setdefault(cursor.queue.entity, count + len(tenants))
    above = {level: 0 for tenant in tenants for level in tenant.chain[1:]}
    # The lowest first, so that each node comes after those below it; the root comes last.
    branches = sorted(above, key=lambda entity: -len(entity.chain))
    above = {entity: at for at, entity in enumerate(branches, count + len(tenants))}
    root = count + len(tenants) + len(branches)
    ids = sorted({entity.id: None for entity in (*tenants, *branches)})
    ranks = {tenant: rank for rank, tenant in enumerate(ids)}
    rows = [
        _queue(cursor, part, tenants[cursor.queue.entity], ledger)
        for cursor, part in zip(cursors, fed, strict=True)
    ]
    for entity in tenants:
        own = entity in above
        parent = entity if own else entity.parent
        tally = ledger.own_tally(entity) if own else ledger.tree_tally(entity)
        rows.append(_node(ranks[entity.id], above[parent] if parent else root, tally))
    for entity in branches:
        parent, tally = entity.parent, ledger.tree_tally(entity)
        rows.append(_node(ranks[entity.id], above[parent] if parent else root, tally))
    rows.append(_node(0, -1, -1))
    children = [0] * len(rows)
    for row in rows[:-1]:
        children[row[layout.TREE_PARENT]] += 1
    first = 0
    for row, size in zip(rows[count:], children[count:], strict=True):
        row[layout.TREE_FIRST] = first
        first += size
    return np.array(rows, np.int64)
