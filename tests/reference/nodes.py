"""The reference scheduler's nodes: plain objects that know what is held on them, and nothing else.

Nothing is kept that can be counted: what is free is worked out from what is held, each time.
"""

from collections.abc import Sequence
from typing import NamedTuple

from hutong.model.supply import Node as NodeRow
from hutong.model.supply import NodeCondition, Pool

WHOLE = 1_000


class Need(NamedTuple):
    """What one task takes; `milli` is in thousandths of a chip."""

    cpu: int
    mem: int
    milli: int
    exclusive: bool

    @property
    def chips(self) -> int:
        """Whole chips, 0 for none or for a fraction."""
        return self.milli // WHOLE

    @property
    def kept(self) -> int:
        """Whole chips that a reservation keeps for one task: a fraction might need a fresh one."""
        return self.chips or (1 if self.milli else 0)


def need_of(cpu: int, mem: int, milli: int, *, exclusive: bool) -> Need:
    """Above one chip there are only whole chips."""
    if milli > WHOLE:
        milli = -(-milli // WHOLE) * WHOLE
    return Need(max(cpu, 0), max(mem, 0), max(milli, 0), exclusive)


class Held(NamedTuple):
    """Tasks that hold part of a node: `parts` are (chip, thousandths)."""

    attempt: str
    need: Need
    tasks: int
    parts: tuple[tuple[int, int], ...]
    end_ms: int

    @property
    def owed(self) -> int:
        """Thousandths of chips that no chip of the node could give."""
        return self.need.milli * self.tasks - sum(milli for _, milli in self.parts)


class Kept(NamedTuple):
    """Tasks for which a reservation keeps part of a node."""

    need: Need
    tasks: int


class Node:
    """One node: its size, and what is held on it."""

    def __init__(self, row: NodeRow, pool: Pool) -> None:
        whole, rest = divmod(max(pool.node.accelerator_milli, 0), WHOLE)
        self.id = row.id
        self.domains = row.domains
        self.condition = row.condition
        self.cpu_size, self.mem_size = pool.node.cpu_milli, pool.node.memory_mib
        self.caps = [WHOLE] * whole + ([rest] if rest else [])
        self.held: list[Held] = []
        self.owed = 0

    def copy(self) -> "Node":
        """The same node; what is held on the copy changes alone."""
        other: Node = object.__new__(Node)
        other.__dict__.update(self.__dict__)
        other.held = list(self.held)
        return other

    def take(self, attempt: str, need: Need, tasks: int, end_ms: int) -> Held:
        """Hold something: the first free whole chips, or for each fraction the used chip with the
        least room that still takes it. What no chip can give is owed.
        """
        chips = self.chips
        parts: list[tuple[int, int]] = []
        for _ in range(tasks * need.chips if need.chips else tasks if need.milli else 0):
            wanted = WHOLE if need.chips else need.milli
            fitting = [(left, chip) for chip, left in enumerate(chips) if left >= wanted]
            if fitting:
                left, chip = min(fitting)
                chips[chip] = left - wanted
                parts.append((chip, wanted))
        return self.put(Held(attempt, need, tasks, tuple(parts), end_ms))

    def put(self, held: Held) -> Held:
        """Hold something on known chips."""
        self.held.append(held)
        self.owed += held.owed
        return held

    def give(self, attempt: str) -> None:
        """What an attempt held is free again, and its debt is paid."""
        self.owed -= sum(held.owed for held in self.held if held.attempt == attempt)
        self.held = [held for held in self.held if held.attempt != attempt]

    def after(self, gone: Sequence[str], *, paid: bool = False) -> "Node":
        """The node as it would be without some attempts; what they owe is still owed, unless it is
        `paid`.
        """
        other = self.copy()
        if paid:
            other.owed -= sum(held.owed for held in self.held if held.attempt in gone)
        other.held = [held for held in self.held if held.attempt not in gone]
        return other

    @property
    def ready(self) -> bool:
        """Whether it takes new work."""
        return self.condition is NodeCondition.READY

    @property
    def cpu(self) -> int:
        """Free CPU; below zero when the node shrank."""
        return self.cpu_size - sum(held.need.cpu * held.tasks for held in self.held)

    @property
    def mem(self) -> int:
        """Free memory."""
        return self.mem_size - sum(held.need.mem * held.tasks for held in self.held)

    @property
    def chips(self) -> list[int]:
        """What is left of each chip."""
        left = list(self.caps)
        for held in self.held:
            for chip, milli in held.parts:
                left[chip] -= milli
        return left

    @property
    def whole(self) -> int:
        """Chips that are wholly free."""
        return self.chips.count(WHOLE)


def room_for(node: Node, need: Need, most: int, kept: Sequence[Kept] = ()) -> int:
    """How many tasks a node takes, at most `most`, beside what reservations keep of it."""
    if not node.ready or any(held.need.exclusive for held in node.held):
        return 0
    if any(other.need.exclusive for other in kept):
        return 0
    if need.exclusive and (node.held or kept):
        return 0
    tasks = [most]
    if need.cpu:
        tasks.append((node.cpu - sum(k.need.cpu * k.tasks for k in kept)) // need.cpu)
    if need.mem:
        tasks.append((node.mem - sum(k.need.mem * k.tasks for k in kept)) // need.mem)
    if need.milli:
        if node.owed:
            return 0
        fresh = sum(k.need.kept * k.tasks for k in kept)
        if need.chips:
            tasks.append((node.whole - fresh) // need.chips)
        else:
            fractions = sum(max(left, 0) // need.milli for left in node.chips)
            tasks.append(fractions - fresh * (WHOLE // need.milli))
    return max(min(tasks), 0)


def tightness(node: Node, need: Need) -> tuple[int, int, int]:
    """Orders nodes that have room, the tightest first; of equal ones the first in the inventory.

    A fraction goes first where a used chip has room for it, on the node whose roomiest used chip
    has least. Otherwise the fewest whole chips left count, then CPU in sixteenths of a node's.
    """
    used = max([left for left in node.chips if left < WHOLE], default=0)
    if need.milli and not need.chips and used >= need.milli:
        return 0, used * 16 // WHOLE, 0
    sixteenths = max(min(node.cpu * 16 // node.cpu_size, 16), 0) if node.cpu_size > 0 else 0
    return 1, node.whole, sixteenths


Shares = list[tuple[Node, int]]


def place(node: Node, level: int) -> tuple[str, ...]:
    """The domain a node lies in, named by the path to it; deeper than its own it is alone."""
    if len(node.domains) >= level:
        return node.domains[:level]
    return (*node.domains, "", node.id)


def sizes_of(tasks_on: list[tuple[Node, int]], level: int) -> dict[tuple[str, ...], int]:
    """How many tasks each domain of a level takes."""
    sums: dict[tuple[str, ...], int] = {}
    for node, count in tasks_on:
        sums[place(node, level)] = sums.get(place(node, level), 0) + count
    return sums


def first_nodes(tasks_on: list[tuple[Node, int]], tasks: int) -> Shares:
    """The first nodes that take a gang: one, else of the first inner domain that is large enough,
    else of all.
    """
    usable = [(node, count) for node, count in tasks_on if count > 0]
    if sum(count for _, count in usable) < tasks:
        return []
    for node, count in usable:
        if count >= tasks:
            return [(node, tasks)]
    for level in range(max(len(node.domains) for node, _ in tasks_on), 0, -1):
        large = [name for name, held in sizes_of(usable, level).items() if held >= tasks]
        if large:
            usable = [(node, count) for node, count in usable if place(node, level) == min(large)]
            break
    shares: Shares = []
    for node, count in usable:
        if tasks > 0:
            shares.append((node, min(count, tasks)))
            tasks -= count
    return shares


def pack(
    tasks_on: list[tuple[Node, int]], tasks: int, by: list[tuple[Node, int]] | None = None
) -> Shares:
    """Nodes for a gang, given how many of its tasks each node takes; empty where it does not fit.

    One node that takes it all, the first such. Else the smallest domain of the innermost level that
    has one large enough, where size goes `by` other figures if there are any; in it the inner
    domains that take most, then the nodes that take most; the last piece goes where it leaves
    least, in the innermost domain where it would have gone.
    """
    usable = [(node, count) for node, count in tasks_on if count > 0]
    for node, count in usable:
        if count >= tasks:
            return [(node, tasks)]
    if sum(count for _, count in usable) < tasks:
        return []
    depth = max(len(node.domains) for node, _ in tasks_on)
    for level in range(depth, 0, -1):
        sizes = sizes_of(by or usable, level)
        large = [name for name, held in sizes_of(usable, level).items() if held >= tasks]
        if large:
            chosen = min(large, key=lambda name: (sizes[name], name))
            usable = [(node, count) for node, count in usable if place(node, level) == chosen]
            break
    inside = {level: sizes_of(usable, level) for level in range(1, depth + 1)}

    def rank(item: tuple[Node, int]) -> list[tuple[int, tuple[str, ...]]]:
        node, count = item
        levels = [(-inside[at][place(node, at)], place(node, at)) for at in range(1, depth + 1)]
        return [*levels, (-count, ())]

    usable.sort(key=rank)
    shares: Shares = []
    while usable:
        node, count = usable[0]
        if count < tasks:
            shares.append(usable.pop(0))
            tasks -= count
            continue
        home = place(node, depth)
        near = [item for item in usable if item[1] >= tasks and place(item[0], depth) == home]
        return [*shares, (min(near, key=lambda item: item[1])[0], tasks)]
    return []
