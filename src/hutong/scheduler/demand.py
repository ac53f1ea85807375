"""The demand: waiting jobs in queues of one class and tenant, in the order in which they start.

Theory of operation. A queue holds the entries that could start now, sorted by what comes first
within a tenant, so that a cycle finds its head at once and never walks past jobs that cannot start.
Held entries, and those without an element left to start, are known by their job alone until they
can start again, and then return to their place.

A queue is a list of short sorted blocks: adding at the end and removing at the front, which is what
happens nearly always, touch one block; so do the rest. Beside its entries a block has the numbers
of their shapes as an array, so that a cycle passes over jobs of shapes that fit nowhere any more
without touching them one by one. Blocks know how many elements they hold.

Which entry comes first depends on the profile's order. The queues are sorted for one order at a
time, and again when a cycle asks for another.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterator

import msgspec
import numpy as np

from hutong.model.classes import ClassRule
from hutong.model.ids import JobId, TenantId
from hutong.model.reasons import WaitReason
from hutong.scheduler.columns import Ints
from hutong.scheduler.precedence import Precedence
from hutong.scheduler.records import QueuedJob
from hutong.scheduler.shapes import Shape, group_name, left_of, shape_of
from hutong.scheduler.tenants import Entity, Tenants

_BLOCK = 512

Place = tuple[int, int]
"""What sorts a queue: slack (what it is depends on the order), then age."""


class Entry(msgspec.Struct, gc=False):
    """One waiting job. `queue` and `shape` are numbers: an entry refers to nothing that refers
    back."""

    job: JobId
    seq: int
    slack: int
    queue: int
    shape: int
    available: int
    max_parallel: int
    held: WaitReason | None = None
    submitted_ms: int = 0
    served_ms: int = 0
    believed_ms: int = 0

    @property
    def eligible(self) -> bool:
        """Whether it could start as far as the job itself is concerned."""
        return self.available > 0 and self.held is None

    @property
    def place(self) -> Place:
        """Its place in its queue."""
        return self.slack, self.seq


def _place(entry: Entry) -> Place:
    return entry.slack, entry.seq


class Block:
    """Some entries in order, the numbers of their shapes, and how many elements they have."""

    __slots__ = ("elements", "entries", "shapes")

    def __init__(self, entries: list[Entry]) -> None:
        self.entries = entries
        self.shapes = array("i", [entry.shape for entry in entries])
        self.elements = sum([entry.available for entry in entries])


class Queue:
    """The entries of one class and tenant. See the module's theory of operation."""

    __slots__ = ("blocks", "elements", "entity", "groups", "index", "length", "members", "priority")

    def __init__(self, index: int, priority: str, entity: Entity) -> None:
        self.index = index
        self.priority = priority
        self.entity = entity
        self.blocks: list[Block] = []
        self.elements = 0
        self.length = 0
        self.members = 0
        self.groups: dict[int, Group] = {}

    def __iter__(self) -> Iterator[Entry]:
        for block in self.blocks:
            yield from block.entries

    def add(self, entry: Entry) -> None:
        """Put an entry in its place."""
        self.elements += entry.available
        self.length += 1
        blocks = self.blocks
        if not blocks:
            blocks.append(Block([entry]))
            return
        place = _place(entry)
        at = self._block_of(place)
        block = blocks[at]
        entries = block.entries
        if _place(entries[-1]) < place:
            if len(entries) >= _BLOCK:
                blocks.insert(at + 1, Block([entry]))
                return
            entries.append(entry)
            block.shapes.append(entry.shape)
        else:
            position = bisect_left(entries, place, key=_place)
            entries.insert(position, entry)
            block.shapes.insert(position, entry.shape)
        block.elements += entry.available
        if len(entries) > 2 * _BLOCK:
            blocks[at : at + 1] = [Block(entries[:_BLOCK]), Block(entries[_BLOCK:])]

    def remove(self, entry: Entry) -> None:
        """Take an entry out; it must be in."""
        place = _place(entry)
        at = self._block_of(place)
        block = self.blocks[at]
        entries = block.entries
        position = 0 if entries[0] is entry else bisect_left(entries, place, key=_place)
        while position == len(entries) or entries[position] is not entry:
            position += 1  # only where several entries share a place
            if position >= len(entries):
                at, position = at + 1, 0
                block = self.blocks[at]
                entries = block.entries
        del entries[position], block.shapes[position]
        block.elements -= entry.available
        self.elements -= entry.available
        self.length -= 1
        if not entries:
            del self.blocks[at]

    def resize(self, entry: Entry, available: int) -> None:
        """Change how many elements of an entry could start; both counts above zero."""
        block = self.blocks[self._block_of(_place(entry))]
        block.elements += available - entry.available
        self.elements += available - entry.available
        entry.available = available

    def before(self, entry: Entry) -> int:
        """How many elements of an entry's shape come before it."""
        place = _place(entry)
        found = 0
        for block in self.blocks:
            alike = np.flatnonzero(np.frombuffer(block.shapes, np.int32) == entry.shape)
            for position in alike.tolist():
                other = block.entries[position]
                if _place(other) >= place:
                    return found
                found += other.available
        return found

    def elements_before(self, entry: Entry) -> int:
        """How many elements of any shape come before an entry."""
        place = _place(entry)
        found = 0
        for block in self.blocks:
            if _place(block.entries[-1]) < place:
                found += block.elements
            else:
                found += sum([e.available for e in block.entries if _place(e) < place])
                break
        return found

    def elements_until(self, slack: int) -> int:
        """How many elements come before a new job with this slack."""
        found = 0
        for block in self.blocks:
            if block.entries[-1].slack <= slack:
                found += block.elements
            else:
                found += sum([e.available for e in block.entries if e.slack <= slack])
                break
        return found

    def with_entry(self, entry: Entry) -> "Queue":
        """A queue with one entry more, for a cycle's eyes alone; this one stays as it is."""
        other = Queue(self.index, self.priority, self.entity)
        other.blocks = list(self.blocks)
        other.length, other.elements = self.length, self.elements
        if other.blocks:
            at = self._block_of(_place(entry))
            other.blocks[at] = Block(list(other.blocks[at].entries))
        other.add(entry)
        return other

    def sort(self) -> None:
        """Put every entry in its place again."""
        entries = sorted(self, key=_place)
        starts = range(0, len(entries), _BLOCK)
        self.blocks = [Block(entries[start : start + _BLOCK]) for start in starts]

    def group(self, number: int, shape: Shape) -> "Group":
        """The queue's jobs of one shape, as plans name them."""
        found = self.groups.get(number)
        if found is None or found.shape is not shape:
            found = self.groups[number] = Group(self.priority, self.entity, shape)
        return found

    def _block_of(self, place: Place) -> int:
        """The block where a place is or belongs: the first one that ends at or after it."""
        blocks = self.blocks
        if _place(blocks[0].entries[-1]) >= place:
            return 0
        if _place(blocks[-1].entries[-1]) < place:
            return len(blocks) - 1
        return bisect_left(blocks, place, key=lambda block: _place(block.entries[-1]))


class Group:
    """The jobs of one class, tenant and shape. Its name is the same on every hub."""

    __slots__ = ("_name", "entity", "priority", "shape")

    def __init__(self, priority: str, entity: Entity, shape: Shape) -> None:
        self.priority = priority
        self.entity = entity
        self.shape = shape
        self._name = -1

    @property
    def name(self) -> int:
        """A number that stands for the group."""
        if self._name < 0:
            self._name = group_name(self.priority, self.entity.id, self.shape)
        return self._name


class Shapes:
    """The shapes of waiting jobs by number. A number is used again once no job has its shape."""

    def __init__(self) -> None:
        self.numbers: dict[Shape, int] = {}
        self.at: list[Shape] = []
        self._members: list[int] = []
        self._unused: list[int] = []

    def __len__(self) -> int:
        return len(self.at)

    def enter(self, shape: Shape) -> int:
        """Count one job more of a shape, and number it."""
        number = self.numbers.get(shape)
        if number is None:
            if self._unused:
                number = self._unused.pop()
                self.at[number] = shape
            else:
                number = len(self.at)
                self.at.append(shape)
                self._members.append(0)
            self.numbers[shape] = number
        self._members[number] += 1
        return number

    def imagine(self, shape: Shape) -> tuple["Shapes", int]:
        """The shapes with one more, for a cycle's eyes alone, and its number."""
        number = self.numbers.get(shape)
        if number is not None:
            return self, number
        other = Shapes()
        other.at = [*self.at, shape]
        return other, len(self.at)

    def leave(self, number: int) -> None:
        """Count one job less of a shape."""
        self._members[number] -= 1
        if not self._members[number]:
            del self.numbers[self.at[number]]
            self._unused.append(number)


class Demand:
    """Every waiting job by its id, and the queues by class and tenant."""

    def __init__(self, tenants: Tenants) -> None:
        self._tenants = tenants
        self.entries: dict[JobId, Entry] = {}
        self.shapes = Shapes()
        self.queues: dict[int, Queue] = {}
        self.elements = 0
        self.precedence = Precedence()
        self.passed_over: dict[int, Shape] = {}
        """Shapes that the last cycle passed over, by number."""
        self.asked: dict[JobId, int] = {}
        """When a job could first start, where that is not when it was handed in."""
        self.labels: dict[JobId, tuple[tuple[str, str], ...]] = {}
        """The labels of the waiting jobs that have some, in the order of their names."""
        self._label_sets: dict[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]] = {}
        self._numbers: dict[tuple[str, str], int] = {}
        self._next = 0

    def add(self, job: QueuedJob, available: int) -> None:
        """Add a waiting job; it replaces one of the same id."""
        if job.job in self.entries:
            self.drop(job.job)
        spec = job.spec
        queue = self._queue(spec.priority, spec.tenant)
        shape = shape_of(spec, job.spent_microcny, job.done_ms)
        number = self.shapes.enter(shape)
        parallel = spec.array.max_parallel if spec.array else 0
        entry = Entry(
            job.job, job.seq, 0, queue.index, number, max(available, 0), parallel,
            submitted_ms=job.submitted_ms, served_ms=job.served_ms,
            believed_ms=left_of(job.believed_ms, job.done_ms) or 0,
        )  # fmt: skip
        entry.slack = self._slack_of(entry)
        self.entries[job.job] = entry
        if spec.labels:
            labels = tuple(sorted(spec.labels.items()))
            self.labels[job.job] = self._label_sets.setdefault(labels, labels)
        queue.members += 1
        self.elements += entry.available
        if available > 0:
            queue.add(entry)

    def drop(self, job: JobId) -> None:
        """Forget a waiting job; nothing happens when it is not there."""
        entry = self.entries.pop(job, None)
        if entry is None:
            return
        queue = self.queues[entry.queue]
        if entry.eligible:
            queue.remove(entry)
        self.elements -= entry.available
        if self.labels.pop(job, None) and not self.labels:
            self._label_sets.clear()
        self.shapes.leave(entry.shape)
        queue.members -= 1
        if not queue.members:
            del self.queues[queue.index], self._numbers[queue.priority, queue.entity.id]

    def set_available(self, job: JobId, available: int) -> None:
        """Say how many elements of a waiting job could start now; unknown jobs are ignored."""
        entry = self.entries.get(job)
        if entry is None or entry.available == available:
            return
        available = max(available, 0)
        self.elements += available - entry.available
        if entry.held is not None:
            entry.available = available
        elif available and entry.available:
            self.queues[entry.queue].resize(entry, available)
        elif available:
            entry.available = available
            self.queues[entry.queue].add(entry)
        elif entry.available:
            self.queues[entry.queue].remove(entry)
            entry.available = 0

    def hold(self, job: JobId, reason: WaitReason | None) -> None:
        """Keep a job from starting, or let it again; unknown jobs are ignored."""
        entry = self.entries.get(job)
        if entry is None:
            return
        before = entry.eligible
        if before and reason is not None:
            self.queues[entry.queue].remove(entry)
        entry.held = reason
        if entry.eligible and not before:
            self.queues[entry.queue].add(entry)

    def find_queue(self, priority: str, tenant: TenantId) -> Queue | None:
        """The queue of a class and tenant, if anything waits there."""
        number = self._numbers.get((priority, tenant))
        return self.queues[number] if number is not None else None

    def group_of(self, entry: Entry) -> Group:
        """The group that an entry belongs to."""
        return self.queues[entry.queue].group(entry.shape, self.shapes.at[entry.shape])

    def by_rank(self, classes: tuple[ClassRule, ...]) -> list[list[Queue]]:
        """The queues with something to start, by the rank of their class; unknown classes last."""
        ranked: list[list[Queue]] = [[] for _ in range(len(classes) + 1)]
        ranks = {rule.name: rank for rank, rule in reversed(list(enumerate(classes)))}
        for queue in self.queues.values():
            if queue.length:
                ranked[ranks.get(queue.priority, len(classes))].append(queue)
        return ranked

    def sort_for(self, precedence: Precedence) -> None:
        """Have the queues in the order of a profile."""
        if precedence == self.precedence:
            return
        self.precedence = precedence
        for entry in self.entries.values():
            entry.slack = self._slack_of(entry)
        for queue in self.queues.values():
            queue.sort()

    def validate(self) -> None:
        """Raise AssertionError with facts unless counters and orders are right."""
        eligible: dict[int, int] = {}
        members: dict[int, int] = {}
        for entry in self.entries.values():
            eligible[entry.queue] = eligible.get(entry.queue, 0) + entry.eligible
            members[entry.queue] = members.get(entry.queue, 0) + 1
            assert entry.slack == self._slack_of(entry), entry.job
        assert members == {queue.index: queue.members for queue in self.queues.values()}
        for queue in self.queues.values():
            name = (queue.priority, queue.entity.id)
            entries = list(queue)
            wanted = eligible.get(queue.index, 0)
            assert len(entries) == queue.length == wanted, (name, len(entries), wanted)
            assert entries == sorted(entries, key=_place), name
            assert queue.elements == sum(e.available for e in entries), name
            assert all(self.entries[e.job] is e and e.eligible for e in entries), name
            for block in queue.blocks:
                assert block.entries, name
                assert block.elements == sum(e.available for e in block.entries), name
                assert list(block.shapes) == [e.shape for e in block.entries], name
        total = sum(entry.available for entry in self.entries.values())
        assert self.elements == total, (self.elements, total)
        assert all(job in self.entries for job in self.labels), "labels of jobs that are gone"
        for shape, number in self.shapes.numbers.items():
            assert self.shapes.at[number] == shape, number

    def _slack_of(self, entry: Entry) -> int:
        return self.precedence.slack_of(
            self.shapes.at[entry.shape], submitted_ms=entry.submitted_ms,
            served_ms=entry.served_ms, believed_ms=entry.believed_ms,
        )  # fmt: skip

    def _queue(self, priority: str, tenant: TenantId) -> Queue:
        number = self._numbers.get((priority, tenant))
        if number is not None:
            return self.queues[number]
        queue = self.queues[self._next] = Queue(self._next, priority, self._tenants.find(tenant))
        self._numbers[priority, tenant] = self._next
        self._next += 1
        return queue


def count_elements(queue: Queue, counts: Ints) -> None:
    """Add the elements of a queue to `counts` by their shapes."""
    for block in queue.blocks:
        shapes = np.frombuffer(block.shapes, np.int32)
        if block.elements == len(block.entries):
            counts += np.bincount(shapes, minlength=len(counts))
        else:
            np.add.at(counts, shapes, [entry.available for entry in block.entries])
