"""The order in which a cycle looks at waiting jobs.

Classes one after the other; within a class the tenant tree from the top, at each level the child
with the smallest weighted dominant share; within a tenant the least deadline slack, then age. Each
placement raises the shares on its path, so that capacity is filled progressively, one job at a
time, as in the paper. Every level is a heap whose top is the path just taken, so a step costs a
logarithm a level.

Where shares tie, as they do while nobody holds anything, the child goes first whose own first job
does. A tenant that has jobs of its own and children with jobs stands beside its children, at
weight 1, with what its own jobs hold.

Jobs of shapes that fit nowhere any more are passed over. A queue notices when its turn comes.
"""

from collections.abc import Iterable, Iterator
from heapq import heapify, heappop, heapreplace
from itertools import tee

import numpy as np

from hutong.model.ids import JobId
from hutong.scheduler.columns import Mask
from hutong.scheduler.demand import Block, Entry, Group, Queue, Shapes
from hutong.scheduler.tenants import Entity, Ledger

_LOOK = 16
"""So many entries are looked at one by one before the rest of a block is looked at together."""


class Passed:
    """The shapes that a cycle passes over, by number."""

    __slots__ = ("_array", "flags")

    def __init__(self, shapes: Shapes) -> None:
        self.flags = bytearray(len(shapes) + 1)
        self._array: Mask = np.frombuffer(self.flags, np.bool_)

    def add(self, shape: int) -> None:
        """Pass over a shape from now on."""
        self.flags[shape] = 1

    def add_all(self, shapes: Mask) -> None:
        """Pass over more shapes from now on."""
        size = min(len(self._array), len(shapes))
        self._array[:size] |= shapes[:size]

    def count(self) -> int:
        """How many shapes are passed over."""
        return int(np.count_nonzero(self._array))

    def numbers(self) -> list[int]:
        """The shapes that are passed over."""
        return np.flatnonzero(self._array).tolist()

    def first_other(self, block: Block, start: int, own: "Passed | None") -> int:
        """The first entry of a block from `start` on that is not passed over, or its length."""
        entries = block.entries
        flags = self.flags
        others = own.flags if own is not None else flags
        size = len(entries)
        for position in range(start, min(start + _LOOK, size)):
            shape = entries[position].shape
            if not flags[shape] and not others[shape]:
                return position
        if start + _LOOK >= size:
            return size
        shapes = np.frombuffer(block.shapes, np.int32)[start + _LOOK :]
        passed = self._array[shapes]
        if own is not None:
            passed |= own._array[shapes]
        found = int(passed.argmin())
        return size if passed[found] else start + _LOOK + found


class Cursor:
    """A queue as a cycle works through it: the next entry, and how many elements are left of it.

    `passed` is shared by all cursors of the cycle; what this queue alone is done with is its own.
    """

    __slots__ = (
        "_at", "_block", "_group", "_left", "_own", "_passed", "_shapes", "entry", "queue",
    )  # fmt: skip

    def __init__(self, queue: Queue, shapes: Shapes, passed: Passed) -> None:
        self.queue = queue
        self._shapes = shapes
        self._passed = passed
        self._own: Passed | None = None
        self._block = 0
        self._at = 0
        self._left = 0
        self.entry: Entry | None = None
        self._group: Group | None = None
        self.settle()

    @property
    def stale(self) -> bool:
        """Whether the next entry has meanwhile become one to pass over."""
        entry = self.entry
        return entry is not None and bool(self._passed.flags[entry.shape])

    def settle(self) -> bool:
        """Go to the first entry from here on that is not passed over. Says whether there is one."""
        blocks = self.queue.blocks
        while self._block < len(blocks):
            block = blocks[self._block]
            at = self._passed.first_other(block, self._at, self._own)
            if at < len(block.entries):
                entry = block.entries[at]
                if entry is not self.entry:
                    self.entry, self._left, self._group = entry, entry.available, None
                self._at = at
                return True
            self._block, self._at = self._block + 1, 0
        self.entry = None
        return False

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
            shape = self.entry.shape
            self._group = self.queue.group(shape, self._shapes.at[shape])
        return self._group

    def advance(self) -> bool:
        """Go on after a placement. Says whether anything is left."""
        self._left -= 1
        if self._left > 0:
            return True
        self._at += 1
        return self.settle()

    def drop_shape(self) -> bool:
        """Be done with the shape of the next entry in this queue. Says whether anything is left."""
        assert self.entry is not None
        if self._own is None:
            self._own = Passed(self._shapes)
        self._own.add(self.entry.shape)
        return self.settle()

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


class _Leaf:
    """The queue of one tenant, or those of a whole class where order is by age alone."""

    __slots__ = ("entity", "heap", "id", "own")

    def __init__(self, entity: Entity | None, *, own: bool) -> None:
        self.entity = entity
        self.id = entity.id if entity else ""
        self.own = own
        self.heap: list[tuple[int, int, int, Cursor]] = []

    def share(self, ledger: Ledger) -> float:
        if self.entity is None:
            return 0.0
        return ledger.own_share(self.entity) if self.own else ledger.share(self.entity)

    def key(self, cursor: Cursor) -> tuple[int, int, int, Cursor]:
        entry = cursor.entry
        assert entry is not None
        return entry.slack, entry.seq, entry.queue, cursor

    def first(self) -> tuple[int, int]:
        """Slack and age of the job whose turn comes first here."""
        slack, seq, _, _ = self.heap[0]
        return slack, seq


class _Branch:
    """The children of one tenant, or of the root, that have something to start."""

    __slots__ = ("entity", "heap", "id")

    def __init__(self, entity: Entity | None) -> None:
        self.entity = entity
        self.id = entity.id if entity else ""
        self.heap: list[_Child] = []

    def share(self, ledger: Ledger) -> float:
        return ledger.share(self.entity) if self.entity is not None else 0.0

    def first(self) -> tuple[int, int]:
        """Slack and age of the job whose turn comes first here."""
        return self.heap[0][1]


_Child = tuple[float, tuple[int, int], str, _Leaf | _Branch]


def _child(node: _Leaf | _Branch, share: float) -> _Child:
    return share, node.first(), node.id, node


class ClassOrder:
    """The order within one priority class. Used as: `peek`, then `placed` or a drop, and again."""

    def __init__(self, cursors: Iterable[Cursor], ledger: Ledger, *, fair: bool) -> None:
        self._ledger = ledger
        self._root = _Branch(None)
        going = [cursor for cursor in cursors if cursor.entry is not None]
        leaves = _fair_leaves(going) if fair else _one_leaf(going)
        for leaf in leaves.values():
            heapify(leaf.heap)
        _link(self._root, leaves, ledger)
        self._path: list[_Branch] = []
        self._leaf: _Leaf | None = None

    def peek(self) -> Cursor | None:
        """The queue whose turn it is; None when nothing is left."""
        while (leaf := self._top()) is not None:
            self._leaf = leaf
            cursor = leaf.heap[0][3]
            if not cursor.stale:
                return cursor
            self._renew(cursor, left=cursor.settle(), charged=False)
        return None

    def _top(self) -> _Leaf | None:
        """The leaf whose turn it is, with the path to it kept."""
        branch = self._root
        self._path.clear()
        while branch.heap:
            self._path.append(branch)
            child = branch.heap[0][3]
            if isinstance(child, _Leaf):
                return child
            branch = child
        return None

    def placed(self, cursor: Cursor) -> None:
        """Account that the next job of the queue just peeked at was placed.

        The ledger is already charged.
        """
        self._renew(cursor, left=cursor.advance(), charged=True)

    def passed_over(self, cursor: Cursor) -> None:
        """Go on behind the next job of the queue just peeked at, which waits."""
        self._renew(cursor, left=cursor.advance(), charged=False)

    def drop_shape(self, cursor: Cursor) -> None:
        """Look no more at jobs like the next one of the queue just peeked at."""
        self._renew(cursor, left=cursor.drop_shape(), charged=False)

    def _renew(self, cursor: Cursor, *, left: bool, charged: bool) -> None:
        leaf = self._leaf
        assert leaf is not None
        assert leaf.heap[0][3] is cursor
        if left:
            heapreplace(leaf.heap, leaf.key(cursor))
        else:
            heappop(leaf.heap)
        self._renew_path(leaf, charged=charged)

    def _renew_path(self, leaf: _Leaf, *, charged: bool) -> None:
        child: _Leaf | _Branch = leaf
        for branch in reversed(self._path):
            if child.heap:
                share = child.share(self._ledger) if charged else branch.heap[0][0]
                heapreplace(branch.heap, _child(child, share))
            else:
                heappop(branch.heap)
            child = branch


def _one_leaf(cursors: Iterable[Cursor]) -> dict[str, _Leaf]:
    leaf = _Leaf(None, own=False)
    leaf.heap = [leaf.key(cursor) for cursor in cursors]
    return {"": leaf} if leaf.heap else {}


def _fair_leaves(cursors: Iterable[Cursor]) -> dict[str, _Leaf]:
    members: dict[str, list[Cursor]] = {}
    above: dict[str, Entity] = {}
    for cursor in cursors:
        entity = cursor.queue.entity
        members.setdefault(entity.id, []).append(cursor)
        for ancestor in entity.chain[1:]:
            above[ancestor.id] = ancestor
    leaves = {}
    for tenant, own in members.items():
        leaf = leaves[tenant] = _Leaf(own[0].queue.entity, own=tenant in above)
        leaf.heap = [leaf.key(cursor) for cursor in own]
    return leaves


def _link(root: _Branch, leaves: dict[str, _Leaf], ledger: Ledger) -> None:
    """Hang the leaves below branches for every tenant above them, and those below the root."""
    members: dict[str | None, list[_Leaf | _Branch]] = {}
    branches: dict[str, _Branch] = {}

    def hang(node: _Leaf | _Branch, parent: Entity | None) -> None:
        members.setdefault(parent.id if parent is not None else None, []).append(node)
        if parent is not None and parent.id not in branches:
            branches[parent.id] = _Branch(parent)
            hang(branches[parent.id], parent.parent)

    def build(branch: _Branch) -> None:
        for node in members.get(branch.entity.id if branch.entity is not None else None, ()):
            if isinstance(node, _Branch):
                build(node)
            branch.heap.append(_child(node, node.share(ledger)))
        heapify(branch.heap)

    for leaf in leaves.values():
        entity = leaf.entity
        hang(leaf, entity if entity is None or leaf.own else entity.parent)
    build(root)
