"""One node under eviction: what it holds once some attempts are gone, and who best goes.

`cheapest` is exact: it walks through the choices of victims, the cheapest first, and leaves a
branch once a bound shows that it cannot be better. The bound: what is still missing of a resource
costs no less than at the best rate (loss for an amount) that a victim not yet decided on offers.
Of two victims, one of which costs no more and gives back as much of everything, the other is not
taken without it. A node with so many victims that `STEPS_MAX` does not do gets the best that was
found by then.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from hutong.model.ids import AttemptId
from hutong.scheduler.columns import Need
from hutong.scheduler.shapes import WHOLE_MILLI
from hutong.scheduler.supply import Running

STEPS_MAX = 4_000
"""Choices looked at for one node: more than enough for 16 victims, as a rule for 32."""

COST_CPU_BITS = 24
COST_CHIP_BITS = 104
"""A cost is one number: accelerator time, below it CPU time, below it the number of attempts."""


def cost_of(accelerator_milli_ms: int, cpu_milli_ms: int, attempts: int) -> int:
    """Losses as one number that sorts by accelerator time, CPU time, number of attempts."""
    return (accelerator_milli_ms << COST_CHIP_BITS) + (cpu_milli_ms << COST_CPU_BITS) + attempts


class Victim(NamedTuple):
    """An attempt that may be stopped, and what is lost: what it holds times what it did in vain.

    `began_ms` decides between equal losses: who began last goes first. What is `reclaimed` goes
    only as far as its tenants have borrowed.
    """

    running: Running
    lost_accelerator_milli_ms: int
    lost_cpu_milli_ms: int
    began_ms: int
    reclaimed: bool = False

    @property
    def attempt(self) -> AttemptId:
        """Its id."""
        return self.running.attempt.attempt

    @property
    def number(self) -> int:
        """Its number in the supply."""
        return self.running.number

    @property
    def cost(self) -> int:
        """Its loss as one number."""
        return cost_of(self.lost_accelerator_milli_ms, self.lost_cpu_milli_ms, 1)

    @property
    def order(self) -> tuple[int, int, str]:
        """The order in which victims are taken where all else is equal."""
        return self.cost, -self.began_ms, self.attempt


def total_cost(victims: Sequence[Victim]) -> int:
    """What some victims lose together, as one number."""
    return sum([victim.cost for victim in victims])


class Piece(NamedTuple):
    """What one victim gives back on one node. `chips` is by chip; `whole` counts whole ones.

    `is_shared` says that a chip is held in part.
    """

    victim: Victim
    cpu: int
    mem: int
    chips: tuple[int, ...]
    whole: int
    shares: int
    closed: int
    debt: int
    is_shared: bool

    def and_(self, other: "Piece") -> "Piece":
        """This and another piece of the same victim on the same node."""
        return Piece(
            self.victim, self.cpu + other.cpu, self.mem + other.mem,
            tuple([a + b for a, b in zip(self.chips, other.chips, strict=True)]),
            self.whole + other.whole, self.shares + other.shares, self.closed + other.closed,
            self.debt + other.debt, self.is_shared or other.is_shared,
        )  # fmt: skip


class Node(NamedTuple):
    """What is free on one node, with what is stopping gone and what is reserved taken off.

    `whole` counts wholly free chips and `kept_whole` those that reservations keep, `closed` is
    above 0 where an exclusive attempt or reservation has it, `shares` counts what runs there,
    reservations included.
    """

    need: Need
    cpu: int
    mem: int
    chips: tuple[int, ...]
    whole: int
    kept_whole: int
    shares: int
    closed: int
    debt: int

    def tasks(self, gone: Sequence[Piece], most: int) -> int:
        """How many tasks it holds once some pieces are gone, at most `most`."""
        need = self.need
        if self.closed - sum([piece.closed for piece in gone]) > 0:
            return 0
        if need.exclusive and self.shares - sum([piece.shares for piece in gone]) > 0:
            return 0
        tasks = most
        if need.cpu > 0:
            tasks = min(tasks, (self.cpu + sum([piece.cpu for piece in gone])) // need.cpu)
        if need.mem > 0:
            tasks = min(tasks, (self.mem + sum([piece.mem for piece in gone])) // need.mem)
        if need.milli > 0 and tasks > 0:
            if self.debt - sum([piece.debt for piece in gone]) > 0:
                return 0
            tasks = min(tasks, self._by_chips(gone))
        return max(tasks, 0)

    def _by_chips(self, gone: Sequence[Piece]) -> int:
        need, chips = self.need, self.chips
        if need.chips and not any(piece.is_shared for piece in gone):
            whole = self.whole + sum([piece.whole for piece in gone])
            return (whole - self.kept_whole) // need.chips
        if gone:
            columns = zip(chips, *[piece.chips for piece in gone], strict=True)
            chips = tuple([sum(column) for column in columns])
        if need.chips:
            return (chips.count(WHOLE_MILLI) - self.kept_whole) // need.chips
        fractions = sum([chip // need.milli for chip in chips if chip > 0])
        return fractions - self.kept_whole * (WHOLE_MILLI // need.milli)

    def missing(self, tasks: int) -> tuple[int, int, int]:
        """CPU, memory and thousandths of chips that are missing for so many tasks, at least.

        No more than that is missing only where it does not lie scattered.
        """
        need = self.need
        cpu = need.cpu * tasks - self.cpu if need.cpu > 0 else 0
        mem = need.mem * tasks - self.mem if need.mem > 0 else 0
        milli = 0
        if need.milli > 0:
            free = sum([chip for chip in self.chips if chip > 0])
            milli = need.milli * tasks + self.kept_whole * need.milli - free
            if need.chips:
                milli = need.milli * tasks + self.kept_whole * WHOLE_MILLI - free
            elif tasks == 1 and not self.kept_whole:
                milli = max(milli, need.milli - max(self.chips, default=0))
        return cpu, mem, milli


Allows = Callable[[Sequence[Victim]], bool]
"""Says of victims together whether they may go; fewer of them always may where more do."""


def anybody(_victims: Sequence[Victim]) -> bool:
    """All may go."""
    return True


def cheapest(
    node: Node, pieces: Sequence[Piece], tasks: int, allows: Allows = anybody
) -> list[Piece]:
    """The pieces that cost least among those that make a node hold `tasks` tasks; empty if none do.

    Of sets that cost the same it is one whose earliest start is as late as can be.
    """
    if node.tasks(pieces, tasks) < tasks:
        return []
    needed = thinned(node, pieces, tasks)
    if len(needed) == len(pieces):
        return needed if allows([piece.victim for piece in needed]) else []
    return _Search(node, pieces, tasks, allows).run(needed)


def thinned(node: Node, pieces: Sequence[Piece], tasks: int) -> list[Piece]:
    """Leave out, the dearest first, every piece without which the node holds `tasks` as well."""
    kept = list(pieces)
    for piece in sorted(pieces, key=lambda piece: piece.victim.order, reverse=True):
        fewer = [other for other in kept if other is not piece]
        if node.tasks(fewer, tasks) >= tasks:
            kept = fewer
    return kept


Rate = tuple[int, int]
"""A cost and the amount that it gives back."""


Amounts = tuple[int, int, int]
"""CPU, memory, thousandths of chips."""


class _Search:
    """Walks through the choices of victims on one node, depth first."""

    def __init__(self, node: Node, pieces: Sequence[Piece], tasks: int, allows: Allows) -> None:
        self._node = node
        self._tasks = tasks
        self._allows = allows
        self._pieces = sorted(pieces, key=lambda piece: piece.victim.order)
        self._amounts = [(piece.cpu, piece.mem, sum(piece.chips)) for piece in self._pieces]
        self._costs = [piece.victim.cost for piece in self._pieces]
        self._missing = node.missing(tasks)
        self._rates = [self._best_rates(resource) for resource in range(3)]
        self._covers = self._all_covers()
        self._best: list[Piece] = []
        self._key = (2**200, 0)
        self._steps = 0

    def run(self, first: list[Piece]) -> list[Piece]:
        """The cheapest choice; `first` is some choice to begin with."""
        self._take(first)
        self._walk(0, [], 0, (0, 0, 0), skipped=0)
        return self._best

    def _walk(
        self, at: int, chosen: list[Piece], cost: int, given: Amounts, *, skipped: int
    ) -> None:
        """Decide on the pieces from `at` on. `skipped` has a bit for each one left out."""
        self._steps += 1
        if self._node.tasks(chosen, self._tasks) >= self._tasks:
            self._take(chosen)
            return
        if at == len(self._pieces) or self._steps > STEPS_MAX:
            return
        if self._bound(at, chosen, cost, given) >= self._key:
            return
        if self._node.tasks([*chosen, *self._pieces[at:]], self._tasks) < self._tasks:
            return
        if not self._covers[at] & skipped and self._may_take(chosen, self._pieces[at]):
            cpu, mem, milli = self._amounts[at]
            more = (given[0] + cpu, given[1] + mem, given[2] + milli)
            chosen.append(self._pieces[at])
            self._walk(at + 1, chosen, cost + self._costs[at], more, skipped=skipped)
            chosen.pop()
        self._walk(at + 1, chosen, cost, given, skipped=skipped | 1 << at)

    def _take(self, chosen: list[Piece]) -> None:
        """Keep a choice if it is the best so far."""
        key = key_of(chosen)
        if key < self._key and self._allows([piece.victim for piece in chosen]):
            self._best, self._key = list(chosen), key

    def _may_take(self, chosen: list[Piece], piece: Piece) -> bool:
        if not piece.victim.reclaimed:
            return True
        return self._allows([other.victim for other in (*chosen, piece)])

    def _bound(self, at: int, chosen: list[Piece], cost: int, given: Amounts) -> tuple[int, int]:
        """No choice that goes on from here, where something is missing, sorts before this."""
        more = self._costs[at]
        for wanted, have, rates in zip(self._missing, given, self._rates, strict=True):
            rate = rates[at]
            if wanted > have and rate is not None:
                more = max(more, -(-(wanted - have) * rate[0] // rate[1]))
        return cost + more, -min([piece.victim.began_ms for piece in chosen], default=2**63)

    def _best_rates(self, resource: int) -> list[Rate | None]:
        """For each position the best rate that the pieces from there on offer for a resource."""
        rates: list[Rate | None] = [None] * (len(self._pieces) + 1)
        for at in range(len(self._pieces) - 1, -1, -1):
            cost, amount = self._costs[at], self._amounts[at][resource]
            best = rates[at + 1]
            if amount > 0 and (best is None or cost * best[1] < best[0] * amount):
                best = (cost, amount)
            rates[at] = best
        return rates

    def _all_covers(self) -> list[int]:
        """For each piece the earlier ones that give back as much of everything, as bits."""
        covers = []
        for at, piece in enumerate(self._pieces):
            earlier = [self._is_covered(piece, other) for other in self._pieces[:at]]
            covers.append(sum([1 << other for other, found in enumerate(earlier) if found]))
        return covers

    def _is_covered(self, piece: Piece, other: Piece) -> bool:
        """Whether another piece gives back no less of anything, wherever its chips lie."""
        if piece.victim.reclaimed or other.victim.reclaimed:
            return False
        if other.cpu < piece.cpu or other.mem < piece.mem or other.debt < piece.debt:
            return False
        if other.shares < piece.shares or other.closed < piece.closed:
            return False
        if not piece.is_shared and not other.is_shared:
            return other.whole >= piece.whole
        return all(a >= b for a, b in zip(other.chips, piece.chips, strict=True))


def key_of(pieces: Sequence[Piece]) -> tuple[int, int]:
    """What choices are compared by: what they cost, then the earliest start among them."""
    cost = sum([piece.victim.cost for piece in pieces])
    return cost, -min([piece.victim.began_ms for piece in pieces], default=0)
