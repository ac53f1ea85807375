"""Yards: the nodes of one offer that run nothing, those that are coming, and those it could add.

Jobs are packed on them on paper, to find out how many more nodes are needed.
"""

from hutong.model.ids import NodeId
from hutong.model.supply import Offer, cost_microcny
from hutong.scheduler.columns import Need, PoolColumns
from hutong.scheduler.offer_nodes import OfferNodes
from hutong.scheduler.option import Option
from hutong.scheduler.shapes import WHOLE_MILLI

_PLENTY = 2**40


class Bin:
    """One node as it is filled on paper. `node` is None for one that is not there yet."""

    __slots__ = ("chips", "closed", "cpu", "mem", "node", "ready_ms", "used")

    def __init__(self, columns: PoolColumns, node: NodeId | None, ready_ms: int) -> None:
        self.node = node
        self.ready_ms = ready_ms
        self.cpu = columns.cpu_total
        self.mem = columns.mem_total
        self.chips: list[int] = columns.caps.tolist()
        self.used = False
        self.closed = False

    def holds(self, need: Need, most: int) -> int:
        """How many tasks it still holds, at most `most`."""
        if self.closed or (need.exclusive and self.used):
            return 0
        count = most
        if need.cpu > 0:
            count = min(count, self.cpu // need.cpu)
        if need.mem > 0:
            count = min(count, self.mem // need.mem)
        if need.chips:
            count = min(count, self.chips.count(WHOLE_MILLI) // need.chips)
        elif need.milli:
            count = min(count, sum([left // need.milli for left in self.chips]))
        return max(count, 0)

    def take(self, need: Need, tasks: int) -> None:
        """Put tasks on it."""
        self.used = True
        self.closed |= need.exclusive
        self.cpu -= need.cpu * tasks
        self.mem -= need.mem * tasks
        for _ in range(tasks * (need.chips or 1) if need.milli else 0):
            least = WHOLE_MILLI if need.chips else need.milli
            left, chip = min([(left, at) for at, left in enumerate(self.chips) if left >= least])
            self.chips[chip] = left - least


class Yard:
    """One offer. `bins` are its idle and coming nodes, `left` is how many more it would start."""

    __slots__ = ("account", "bins", "columns", "left", "new", "offer")

    def __init__(self, columns: PoolColumns, account: OfferNodes, bins: list[Bin]) -> None:
        self.columns = columns
        self.account = account
        self.offer: Offer = account.offer
        self.bins = bins
        self.left = max(0, self.offer.nodes_max - max(account.nodes_count, len(columns.ids)))
        self.new: list[Bin] = []

    def pack(self, need: Need, tasks: int, *, whole: bool) -> int:
        """Put a gang on nodes that are there or coming; gives when they are ready, 0 if too few.

        With `whole` it has to lie on one node.
        """
        return _pack([*self.bins, *self.new], need, tasks, whole=whole)

    def nodes_for(self, need: Need, tasks: int, *, whole: bool) -> int:
        """How many new nodes a gang takes by itself; more than there can be where none would do."""
        each = Bin(self.columns, None, 0).holds(need, tasks)
        if not each or (whole and each < tasks):
            return _PLENTY
        return -(-tasks // each)

    def start(self, need: Need, tasks: int, *, nodes: int, ready_ms: int) -> None:
        """Ask for new nodes, and put a gang on them."""
        added = [Bin(self.columns, None, ready_ms) for _ in range(nodes)]
        self.left -= nodes
        self.new += added
        for one in added:
            part = one.holds(need, tasks)
            one.take(need, part)
            tasks -= part


def _pack(bins: list[Bin], need: Need, tasks: int, *, whole: bool) -> int:
    held = [(one.holds(need, tasks), one) for one in bins]
    alone = [one for count, one in held if count >= tasks]
    if alone:
        one = min(alone, key=lambda one: (sum(one.chips), one.cpu))
        one.take(need, tasks)
        return one.ready_ms
    if whole or sum(count for count, _ in held) < tasks:
        return 0
    ready_ms = 0
    for count, one in sorted(held, key=lambda pair: (-pair[0], pair[1].ready_ms)):
        part = min(count, tasks)
        if part:
            one.take(need, part)
            ready_ms = max(ready_ms, one.ready_ms)
            tasks -= part
    return ready_ms


def could_start(option: Option) -> bool:
    """Whether an option's offer, if it is one, has nodes enough left for one gang."""
    offer = option.columns.offer
    return offer is not None and offer.nodes_max - len(option.columns.ids) >= option.nodes_needed


def lacks_nodes(option: Option) -> bool:
    """Whether an option is on an offer with fewer nodes than one gang takes."""
    columns = option.columns
    return columns.offer is not None and columns.ready_count < option.nodes_needed


def start_of(option: Option, now_ms: int) -> tuple[int, int, int]:
    """When a gang could start on new nodes of an offer, how many it takes, what they cost whole.

    The cost is the provider's, in micro-CNY, from the request to the expected end.
    """
    columns, offer = option.columns, option.columns.offer
    assert offer is not None, columns.pool.id
    rate = offer.price.rate(columns.pool.node) * option.nodes_needed
    cost = cost_microcny(rate, offer.boot_ms + option.span_ms + option.risk_ms)
    return now_ms + max(offer.boot_ms, 1), option.nodes_needed, cost
