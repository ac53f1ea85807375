"""The order in which a cycle looks at waiting jobs.

Classes one after the other; within a class the tenant tree from the top, at each level the child
with the smallest weighted dominant share; within a tenant the least deadline slack, then age. Each
placement raises the shares on its path, so that capacity is filled progressively, one job at a
time, as in the paper. Every level is a heap whose top is the path just taken, so a step costs a
logarithm a level.

Where shares tie, as they do while nobody holds anything, the child goes first whose own first job
does. A tenant that has jobs of its own and children with jobs stands beside its children, at
weight 1, with what its own jobs hold.
"""

from collections.abc import Iterable, Iterator
from heapq import heapify, heappop, heapreplace

from hutong.model.ids import JobId
from hutong.scheduler.demand import Entry, Group
from hutong.scheduler.tenants import Entity, Ledger


class Cursor:
    """A group as a cycle works through it: its next job, and how many elements are left of that."""

    __slots__ = ("_entries", "_entry", "_left", "group", "placed_count")

    def __init__(self, group: Group, entries: Iterable[Entry]) -> None:
        self.group = group
        self.placed_count = 0
        self._entries: Iterator[Entry] = iter(entries)
        self._entry: Entry | None = next(self._entries, None)
        self._left = self._entry.available if self._entry else 0

    @property
    def job(self) -> JobId:
        """The next job to start; asked only while there is one."""
        assert self._entry is not None, self.group.name
        return self._entry.job

    @property
    def seq(self) -> int:
        """The place of the next job; asked only while there is one."""
        assert self._entry is not None, self.group.name
        return self._entry.seq

    def advance(self) -> bool:
        """Go on after a placement. Says whether anything is left."""
        self.placed_count += 1
        return self._step()

    def skip(self) -> bool:
        """Go on without a placement. Says whether anything is left."""
        return self._step()

    def _step(self) -> bool:
        self._left -= 1
        if self._left > 0:
            return True
        self._entry = next(self._entries, None)
        self._left = self._entry.available if self._entry else 0
        return self._entry is not None


class _Leaf:
    """The groups of one tenant, or of a whole class where order is by age alone."""

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
        group = cursor.group
        slack = group.shape.latest_start_ms if self.entity is not None else 0
        return slack, cursor.seq, group.name, cursor

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
    """The order within one priority class. Used as: `peek`, then `placed` or `remove`, again."""

    def __init__(self, cursors: Iterable[Cursor], ledger: Ledger, *, fair: bool) -> None:
        self._ledger = ledger
        self._root = _Branch(None)
        leaves = _fair_leaves(cursors) if fair else _one_leaf(cursors)
        for leaf in leaves.values():
            heapify(leaf.heap)
        _link(self._root, leaves, ledger)
        self._path: list[_Branch] = []
        self._leaf: _Leaf | None = None

    def peek(self) -> Cursor | None:
        """The group whose turn it is; None when nothing is left."""
        branch = self._root
        path = self._path
        path.clear()
        while branch.heap:
            path.append(branch)
            child = branch.heap[0][3]
            if isinstance(child, _Leaf):
                self._leaf = child
                return child.heap[0][3]
            branch = child
        return None

    def placed(self, cursor: Cursor) -> None:
        """Account that the group just peeked at placed one job; the ledger is already charged."""
        leaf = self._leaf
        assert leaf is not None
        assert leaf.heap[0][3] is cursor
        if cursor.advance():
            heapreplace(leaf.heap, leaf.key(cursor))
        else:
            heappop(leaf.heap)
        self._renew_path(leaf, charged=True)

    def remove(self, cursor: Cursor) -> None:
        """Look at the group just peeked at no more."""
        leaf = self._leaf
        assert leaf is not None
        assert leaf.heap[0][3] is cursor
        heappop(leaf.heap)
        self._renew_path(leaf, charged=False)

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
    groups: dict[str, list[Cursor]] = {}
    above: dict[str, Entity] = {}
    for cursor in cursors:
        entity = cursor.group.entity
        groups.setdefault(entity.id, []).append(cursor)
        for ancestor in entity.chain[1:]:
            above[ancestor.id] = ancestor
    leaves = {}
    for tenant, members in groups.items():
        leaf = leaves[tenant] = _Leaf(members[0].group.entity, own=tenant in above)
        leaf.heap = [leaf.key(cursor) for cursor in members]
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
