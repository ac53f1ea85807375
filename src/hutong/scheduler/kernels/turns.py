"""The order of a class: whose turn it is, down a tree of heaps.

`tree` has a row a node, with the places that `layout` names. The first nodes are the cursors, one a
queue; then come the tenants, each after all that is below it, and at last the root. The children of
a node lie in `heap` from its TREE_FIRST on, TREE_SIZE of them, the next one on top. A cursor's
TREE_FIRST is its next entry in `feed`, its TREE_SIZE how many entries of it are there.

A node with a tally has the weighted dominant share of what that holds in `share`, others have 0.
`tallies` has a row a tally: CPU, memory and accelerators, what late use adds to each of the three
shares, and the weight. `up` is the tally above, -1 for none; `per` gives the share that one unit of
each of the three is, first as it counts for the order, then as it is shown.
"""

from hutong.scheduler.kernels.layout import (
    FEED_SEQ,
    FEED_SLACK,
    HELD_ACC,
    HELD_CPU,
    HELD_MEM,
    TALLY_WEIGHT,
    TREE_FIRST,
    TREE_PARENT,
    TREE_RANK,
    TREE_SEQ,
    TREE_SIZE,
    TREE_SLACK,
    TREE_TALLY,
    USED_ACC,
    USED_CPU,
    USED_MEM,
)
from hutong.scheduler.kernels.marks import Floats, Ints, kernel


@kernel
def comes_first(tree: Ints, share: Floats, one: int, other: int) -> bool:
    """Whether a node's turn is before another's: the smaller share, then the earlier first job."""
    if share[one] != share[other]:
        return bool(share[one] < share[other])
    if tree[one, TREE_SLACK] != tree[other, TREE_SLACK]:
        return bool(tree[one, TREE_SLACK] < tree[other, TREE_SLACK])
    if tree[one, TREE_SEQ] != tree[other, TREE_SEQ]:
        return bool(tree[one, TREE_SEQ] < tree[other, TREE_SEQ])
    return bool(tree[one, TREE_RANK] < tree[other, TREE_RANK])


@kernel
def settle(tree: Ints, share: Floats, heap: Ints, node: int, at: int) -> None:
    """Let the child at a place of a node's heap sink to where it belongs."""
    first, size = tree[node, TREE_FIRST], tree[node, TREE_SIZE]
    entry = heap[first + at]
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        if child + 1 < size and comes_first(
            tree, share, heap[first + child + 1], heap[first + child]
        ):
            child += 1
        if not comes_first(tree, share, heap[first + child], entry):
            break
        heap[first + at] = heap[first + child]
        at = child
    heap[first + at] = entry


@kernel
def weigh(tree: Ints, share: Floats, tallies: Floats, per: Floats, node: int) -> None:
    """Work out the share of a node that has a tally."""
    tally = tree[node, TREE_TALLY]
    if tally >= 0:
        most = tallies[tally, HELD_CPU] * per[0] + tallies[tally, USED_CPU]
        most = max(most, tallies[tally, HELD_MEM] * per[1] + tallies[tally, USED_MEM])
        most = max(most, tallies[tally, HELD_ACC] * per[2] + tallies[tally, USED_ACC])
        share[node] = most / tallies[tally, TALLY_WEIGHT]


@kernel
def look_up(tree: Ints, feed: Ints, heap: Ints, node: int, cursors: int) -> None:
    """Note slack and age of the job whose turn comes first at a node that has some."""
    first = tree[node, TREE_FIRST]
    if node < cursors:
        tree[node, TREE_SLACK] = feed[first, FEED_SLACK]
        tree[node, TREE_SEQ] = feed[first, FEED_SEQ]
    else:
        tree[node, TREE_SLACK] = tree[heap[first], TREE_SLACK]
        tree[node, TREE_SEQ] = tree[heap[first], TREE_SEQ]


@kernel
def grow(
    tree: Ints, share: Floats, heap: Ints, feed: Ints, tallies: Floats, per: Floats,
    cursors: int,
) -> None:  # fmt: skip
    """Put every node that has something to start into the heap above it, the lowest first."""
    for node in range(tree.shape[0]):
        if tree[node, TREE_SIZE] == 0:
            continue
        if node >= cursors:
            for at in range(tree[node, TREE_SIZE] // 2 - 1, -1, -1):
                settle(tree, share, heap, node, at)
        look_up(tree, feed, heap, node, cursors)
        weigh(tree, share, tallies, per, node)
        above = tree[node, TREE_PARENT]
        if above >= 0:
            heap[tree[above, TREE_FIRST] + tree[above, TREE_SIZE]] = node
            tree[above, TREE_SIZE] += 1


@kernel
def renew(
    tree: Ints, share: Floats, heap: Ints, feed: Ints, tallies: Floats, per: Floats,
    cursor: int, cursors: int,
) -> None:  # fmt: skip
    """Account that the cursor whose turn it was moved on, or has nothing left, up to the root."""
    node = cursor
    while tree[node, TREE_PARENT] >= 0:
        above = tree[node, TREE_PARENT]
        first = tree[above, TREE_FIRST]
        if tree[node, TREE_SIZE] == 0:
            tree[above, TREE_SIZE] -= 1
            heap[first] = heap[first + tree[above, TREE_SIZE]]
        else:
            look_up(tree, feed, heap, node, cursors)
            weigh(tree, share, tallies, per, node)
        if tree[above, TREE_SIZE] > 1:
            settle(tree, share, heap, above, 0)
        node = above


@kernel
def whose_turn(tree: Ints, heap: Ints, cursors: int) -> int:
    """The cursor whose turn it is; -1 where nothing is left."""
    node = tree.shape[0] - 1
    while node >= cursors:
        if tree[node, TREE_SIZE] == 0:
            return -1
        node = int(heap[tree[node, TREE_FIRST]])
    return int(node)
