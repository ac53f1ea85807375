"""Spreading a gang over nodes: as few and as inner topology domains as hold it whole.

A gang is spread over gathered rows (`nodes.gather`): `rows[i]` holds `tasks[i]` tasks.
`codes[level, row]` are the topology domains, outermost level first; `sums[level, code]` is work
space for what each domain holds, as wide as the level with the most domains.
"""

import numpy as np

from hutong.scheduler.kernels.marks import Ints, kernel


@kernel
def before(one: int, other: int, rows: Ints, tasks: Ints, codes: Ints, sums: Ints) -> bool:
    """Whether a gathered row comes before another where a gang is spread.

    Outer domains that hold more come first, then inner ones, then nodes that hold more.
    """
    for level in range(codes.shape[0]):
        x, y = codes[level, rows[one]], codes[level, rows[other]]
        if x != y:
            more = sums[level, x] - sums[level, y]
            return bool(more > 0 or (more == 0 and x < y))
    if tasks[one] != tasks[other]:
        return bool(tasks[one] > tasks[other])
    return bool(rows[one] < rows[other])


@kernel
def sink(
    heap: Ints, size: int, at: int, rows: Ints, tasks: Ints, codes: Ints, sums: Ints
) -> None:  # fmt: skip
    """Let an entry of a heap of gathered rows sink to its place."""
    entry = heap[at]
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        if child + 1 < size and before(heap[child + 1], heap[child], rows, tasks, codes, sums):
            child += 1
        if not before(heap[child], entry, rows, tasks, codes, sums):
            break
        heap[at] = heap[child]
        at = child
    heap[at] = entry


@kernel
def last_piece(heap: Ints, size: int, left: int, rows: Ints, tasks: Ints, codes: Ints) -> int:
    """Of the rows in the inner domain of the heap's top, the one that `left` tasks fill best."""
    inner = codes.shape[0] - 1
    best = heap[0]
    for at in range(size):
        other = heap[at]
        if tasks[other] < left:
            continue
        if inner >= 0 and codes[inner, rows[other]] != codes[inner, rows[heap[0]]]:
            continue
        if tasks[other] < tasks[best] or (tasks[other] == tasks[best] and rows[other] < rows[best]):
            best = other
    return int(best)


@kernel
def add_up(found: int, rows: Ints, tasks: Ints, codes: Ints, sums: Ints) -> None:
    """What each domain holds."""
    for level in range(codes.shape[0]):
        for code in range(sums.shape[1]):
            sums[level, code] = 0
        for at in range(found):
            sums[level, codes[level, rows[at]]] += tasks[at]


@kernel
def smallest(wanted: int, sums: Ints, level: int) -> int:
    """The domain of a level that holds the gang and holds least, the first of equals, or -1."""
    chosen = -1
    for code in range(sums.shape[1]):
        size = sums[level, code]
        if size >= wanted and (chosen < 0 or size < sums[level, chosen]):
            chosen = code
    return chosen


@kernel
def pack(
    rows: Ints, tasks: Ints, found: int, wanted: int, codes: Ints, sums: Ints, out: Ints
) -> int:  # fmt: skip
    """Choose rows for `wanted` tasks; `out` gets a row and its tasks by turns. Gives how many rows.

    Among the domains of the innermost level that has one large enough the one that holds least is
    taken; within it, inner domains and rows that hold most, and the last piece goes to the row of
    its inner domain where it leaves least. 0 where the gang does not fit.
    """
    together = 0
    for at in range(found):
        together += tasks[at]
    if together < wanted:
        return 0
    add_up(found, rows, tasks, codes, sums)
    level = codes.shape[0] - 1
    chosen = -1
    while level >= 0:
        chosen = smallest(wanted, sums, level)
        if chosen >= 0:
            break
        level -= 1
    heap = np.empty(found, np.int64)
    size = 0
    for at in range(found):
        if level < 0 or codes[level, rows[at]] == chosen:
            heap[size] = at
            size += 1
    for at in range(size // 2 - 1, -1, -1):
        sink(heap, size, at, rows, tasks, codes, sums)
    left = wanted
    taken = 0
    while left > 0:
        top = int(heap[0])
        if tasks[top] > left:
            top = last_piece(heap, size, left, rows, tasks, codes)
        share = min(int(tasks[top]), left)
        out[2 * taken] = rows[top]
        out[2 * taken + 1] = share
        taken += 1
        left -= share
        size -= 1
        heap[0] = heap[size]
        sink(heap, size, 0, rows, tasks, codes, sums)
    return taken
