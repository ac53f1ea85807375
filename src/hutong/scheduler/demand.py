"""The demand: waiting jobs in groups of one class, tenant and shape.

Theory of operation. A group's queue holds the entries that could start now, in the order of
acceptance, so that a cycle that opens a group finds its head at once and never walks past jobs that
cannot start. Held entries, and those without an element left to start, are known by their job
alone until they can start again, and then return to their place.

A queue is a list of short sorted blocks: adding at the end and removing at the front, which is what
happens nearly always, touch one block; so do the rest. Blocks know how many elements they hold, so
that a job's position is a sum over blocks.
"""

from bisect import bisect_left
from collections.abc import Iterator

import msgspec

from hutong.model.classes import ClassRule, rank_of
from hutong.model.ids import JobId, TenantId
from hutong.model.reasons import WaitReason
from hutong.scheduler.records import QueuedJob
from hutong.scheduler.shapes import Shape, group_name, shape_of
from hutong.scheduler.tenants import Entity, Tenants

_BLOCK = 512


class Entry(msgspec.Struct, gc=False):
    """One waiting job. `group` is an index, so that entries refer to nothing that refers back."""

    job: JobId
    seq: int
    group: int
    available: int
    max_parallel: int
    held: WaitReason | None = None

    @property
    def eligible(self) -> bool:
        """Whether it could start as far as the job itself is concerned."""
        return self.available > 0 and self.held is None


class Block:
    """Some entries in order of acceptance, and how many elements they have together."""

    __slots__ = ("elements", "entries")

    def __init__(self, entries: list[Entry]) -> None:
        self.entries = entries
        self.elements = sum(entry.available for entry in entries)


def _seq(entry: Entry) -> int:
    return entry.seq


class EntryQueue:
    """Entries in the order of acceptance. See the module's theory of operation."""

    __slots__ = ("blocks", "elements", "length")

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.elements = 0
        self.length = 0

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
        at = self._block_of(entry.seq)
        block = blocks[at]
        entries = block.entries
        if entries[-1].seq < entry.seq:
            if len(entries) >= _BLOCK:
                blocks.insert(at + 1, Block([entry]))
                return
            entries.append(entry)
        else:
            entries.insert(bisect_left(entries, entry.seq, key=_seq), entry)
        block.elements += entry.available
        if len(entries) > 2 * _BLOCK:
            blocks[at : at + 1] = [Block(entries[:_BLOCK]), Block(entries[_BLOCK:])]

    def remove(self, entry: Entry) -> None:
        """Take an entry out; it must be in."""
        at = self._block_of(entry.seq)
        block = self.blocks[at]
        entries = block.entries
        position = 0 if entries[0] is entry else bisect_left(entries, entry.seq, key=_seq)
        while position == len(entries) or entries[position] is not entry:
            position += 1  # only where several entries share a number
            if position >= len(entries):
                at, position = at + 1, 0
                block = self.blocks[at]
                entries = block.entries
        del entries[position]
        block.elements -= entry.available
        self.elements -= entry.available
        self.length -= 1
        if not entries:
            del self.blocks[at]

    def resize(self, entry: Entry, available: int) -> None:
        """Change how many elements of an entry could start; both counts above zero."""
        block = self.blocks[self._block_of(entry.seq)]
        block.elements += available - entry.available
        self.elements += available - entry.available
        entry.available = available

    def elements_before(self, seq: int) -> int:
        """How many elements come before the place of `seq`."""
        if not self.blocks:
            return 0
        at = self._block_of(seq)
        before = sum(block.elements for block in self.blocks[:at])
        for entry in self.blocks[at].entries:
            if entry.seq >= seq:
                break
            before += entry.available
        return before

    def _block_of(self, seq: int) -> int:
        """The block where `seq` is or belongs: the first one that ends at or after it."""
        blocks = self.blocks
        if blocks[0].entries[-1].seq >= seq:
            return 0
        if blocks[-1].entries[-1].seq < seq:
            return len(blocks) - 1
        return bisect_left(blocks, seq, key=lambda block: block.entries[-1].seq)


class Group:
    """The jobs of one class, tenant and shape."""

    __slots__ = ("entity", "index", "name", "priority", "queue", "shape")

    def __init__(self, index: int, priority: str, entity: Entity, shape: Shape) -> None:
        self.index = index
        self.priority = priority
        self.entity = entity
        self.shape = shape
        self.name = group_name(priority, entity.id, shape)
        self.queue = EntryQueue()


class Demand:
    """Every waiting job by its id, and the groups with something to start by class."""

    def __init__(self, tenants: Tenants) -> None:
        self._tenants = tenants
        self.entries: dict[JobId, Entry] = {}
        self.groups: dict[int, Group] = {}
        self.active: dict[str, dict[int, Group]] = {}
        self.elements = 0
        self._members: dict[int, int] = {}
        self._index: dict[tuple[str, str, Shape], int] = {}
        self._names: dict[int, int] = {}
        self._next = 0

    def add(self, job: QueuedJob, available: int) -> None:
        """Add a waiting job; it replaces one of the same id."""
        if job.job in self.entries:
            self.drop(job.job)
        spec = job.spec
        group = self._group(spec.priority, spec.tenant, shape_of(spec))
        parallel = spec.array.max_parallel if spec.array else 0
        entry = Entry(job.job, job.seq, group.index, max(available, 0), parallel)
        self.entries[job.job] = entry
        self._members[group.index] += 1
        self.elements += entry.available
        if available > 0:
            self._enter(entry, group)

    def drop(self, job: JobId) -> None:
        """Forget a waiting job; nothing happens when it is not there."""
        entry = self.entries.pop(job, None)
        if entry is None:
            return
        if entry.eligible:
            self._leave(entry)
        self.elements -= entry.available
        self._members[entry.group] -= 1
        if not self._members[entry.group]:
            self._forget(self.groups[entry.group])

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
            self.groups[entry.group].queue.resize(entry, available)
        elif available:
            entry.available = available
            self._enter(entry, self.groups[entry.group])
        elif entry.available:
            self._leave(entry)
            entry.available = 0

    def hold(self, job: JobId, reason: WaitReason | None) -> None:
        """Keep a job from starting, or let it again; unknown jobs are ignored."""
        entry = self.entries.get(job)
        if entry is None:
            return
        before = entry.eligible
        if before and reason is not None:
            self._leave(entry)
        entry.held = reason
        if entry.eligible and not before:
            self._enter(entry, self.groups[entry.group])

    def find_group(self, priority: str, tenant: TenantId, shape: Shape) -> Group | None:
        """The group that a job of this class, tenant and shape belongs to, if there is one."""
        index = self._index.get((priority, tenant, shape))
        return self.groups[index] if index is not None else None

    def by_rank(self, classes: tuple[ClassRule, ...]) -> list[list[Group]]:
        """The groups with something to start, by the rank of their class; unknown classes last."""
        ranked: list[list[Group]] = [[] for _ in range(len(classes) + 1)]
        for priority, groups in self.active.items():
            ranked[rank_of(priority, classes)].extend(groups.values())
        return ranked

    def validate(self) -> None:
        """Raise AssertionError with facts unless counters and orders are right."""
        eligible: dict[int, int] = {}
        for entry in self.entries.values():
            eligible[entry.group] = eligible.get(entry.group, 0) + entry.eligible
        for group in self.groups.values():
            queue = list(group.queue)
            wanted = eligible.get(group.index, 0)
            assert len(queue) == group.queue.length == wanted, (group.name, len(queue), wanted)
            assert [e.seq for e in queue] == sorted(e.seq for e in queue), group.name
            assert group.queue.elements == sum(e.available for e in queue), group.name
            assert (group.index in self.active[group.priority]) == bool(queue), group.name
            assert all(self.entries[e.job] is e and e.eligible for e in queue), group.name
            for block in group.queue.blocks:
                assert block.entries, group.name
                assert block.elements == sum(e.available for e in block.entries), group.name
        total = sum(entry.available for entry in self.entries.values())
        assert self.elements == total, (self.elements, total)

    def _group(self, priority: str, tenant: TenantId, shape: Shape) -> Group:
        key = (priority, tenant, shape)
        index = self._index.get(key)
        if index is not None:
            return self.groups[index]
        entity = self._tenants.find(tenant)
        group = Group(self._next, priority, entity, shape)
        self._next += 1
        while group.name in self._names:
            group.name += 1
        self._names[group.name] = group.index
        self._index[key] = group.index
        self.groups[group.index] = group
        self.active.setdefault(priority, {})
        self._members[group.index] = 0
        return group

    def _forget(self, group: Group) -> None:
        del self.groups[group.index], self._members[group.index], self._names[group.name]
        del self._index[(group.priority, group.entity.id, group.shape)]

    def _enter(self, entry: Entry, group: Group) -> None:
        group.queue.add(entry)
        if group.queue.length == 1:
            self.active[group.priority][group.index] = group

    def _leave(self, entry: Entry) -> None:
        group = self.groups[entry.group]
        group.queue.remove(entry)
        if not group.queue.length:
            del self.active[group.priority][group.index]
