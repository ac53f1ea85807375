"""Spreading a gang over nodes: as few and as inner topology domains as hold it whole.

A gang is spread over gathered rows (`nodes.gather`): `rows[i]` holds `tasks[i]` tasks.
`codes[level, row]` are the topology domains, outermost level first; `sums[level, code]` is work
space for what each domain holds, as wide as the level with the most domains.
"""

import numpy as np

from hutong.scheduler.kernels.layout import NEED_CHIPS, NEED_PER_NODE, NEED_TASKS, STEPS
from hutong.scheduler.kernels.marks import Codes, Ints, Mask, Small, kernel
from hutong.scheduler.kernels.nodes import holds


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
        for at in range(found):
            sums[level, codes[level, rows[at]]] = 0
        for at in range(found):
            sums[level, codes[level, rows[at]]] += tasks[at]


@kernel
def choose(
    rows: Ints, tasks: Ints, found: int, wanted: int, codes: Ints, sums: Ints, out: Ints
) -> int:  # fmt: skip
    """Choose rows for `wanted` tasks, which the gathered rows hold together.

    Outer domains, inner domains and rows that hold most come first; the last piece goes to the row
    of its inner domain where it leaves least. `out` gets a row and its tasks by turns; gives how
    many rows.
    """
    add_up(found, rows, tasks, codes, sums)
    heap = np.empty(found, np.int64)
    for at in range(found):
        heap[at] = at
    for at in range(found // 2 - 1, -1, -1):
        sink(heap, found, at, rows, tasks, codes, sums)
    size = found
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


@kernel
def pack(
    rows: Ints, tasks: Ints, found: int, wanted: int, codes: Ints, sums: Ints, out: Ints
) -> int:  # fmt: skip
    """Spread a gang over the smallest topology domain that holds it, as far as rows are known.

    Of the domains of the innermost level that has one large enough, that which holds least is
    taken, the first of equals; the whole pool where none does. 0 where the gang does not fit.
    """
    together = 0
    for at in range(found):
        together += tasks[at]
    if together < wanted:
        return 0
    for level in range(codes.shape[0] - 1, -1, -1):
        add_up(found, rows, tasks, codes, sums)
        chosen = -1
        for at in range(found):
            code = int(codes[level, rows[at]])
            size = sums[level, code]
            if size >= wanted and (
                chosen < 0
                or size < sums[level, chosen]
                or (size == sums[level, chosen] and code < chosen)
            ):
                chosen = code
        if chosen >= 0:
            inside = 0
            for at in range(found):
                if codes[level, rows[at]] == chosen:
                    rows[inside] = rows[at]
                    tasks[inside] = tasks[at]
                    inside += 1
            return choose(rows, tasks, inside, wanted, codes, sums, out)
    return choose(rows, tasks, found, wanted, codes, sums, out)


@kernel
def note_rooms(held: Codes, level: int, need: Ints, starts: Ints, sums: Ints) -> None:
    """No more tasks than `sums[level, code]` fit each domain of a level, by whole chips alone.

    -1 where the level has no such domain.
    """
    chips, most = need[NEED_CHIPS], need[NEED_PER_NODE]
    by_whole = np.empty(held.shape[2], np.int64)
    for whole in range(chips, held.shape[2]):
        by_whole[whole] = min(whole // chips, most)
    for code in range(held.shape[1]):
        found = 0
        for whole in range(chips, held.shape[2]):
            found += held[level, code, whole] * by_whole[whole]
        sums[level, code] = found if starts[level, code] < starts[level, code + 1] else -1


@kernel
def gather_in(
    node: Ints, chips: Small, where: Codes, need: Ints, allowed: Mask, members: Ints,
    first: int, last: int, rows: Ints, tasks: Ints,
) -> int:  # fmt: skip
    """Of the rows `members[first:last]` those that hold a task, and how many each holds."""
    least = need[NEED_CHIPS] * STEPS
    found = 0
    for at in range(first, last):
        row = members[at]
        if where[0, row] >= least and (allowed.shape[0] == 0 or allowed[row]):
            held = holds(node, chips, need, row)
            if held > 0:
                rows[found] = row
                tasks[found] = held
                found += 1
    return found


@kernel
def spread(
    node: Ints, chips: Small, where: Codes, codes: Ints, held: Codes, members: Ints, starts: Ints,
    need: Ints, allowed: Mask, rows: Ints, tasks: Ints, sums: Ints, out: Ints,
) -> int:  # fmt: skip
    """Spread a gang that takes whole chips over the smallest topology domain that holds it.

    Domains are tried from the innermost level outwards and within a level from the one with the
    least room by whole chips, the first of equals. `members[level]` are the rows by domain, those
    of domain `d` from `starts[level, d]` on. Gives how many rows; 0 where no domain holds the gang.
    """
    wanted = int(need[NEED_TASKS])
    for level in range(codes.shape[0] - 1, -1, -1):
        note_rooms(held, level, need, starts, sums)
        size, code = 0, -1
        while True:
            best, chosen = 0, -1
            for other in range(starts.shape[1] - 1):
                room = int(sums[level, other])
                if room < wanted or room < size or (room == size and other <= code):
                    continue
                if chosen < 0 or room < best:
                    best, chosen = room, other
            if chosen < 0:
                break
            size, code = best, chosen
            found = gather_in(
                node, chips, where, need, allowed, members[level],
                starts[level, code], starts[level, code + 1], rows, tasks,
            )  # fmt: skip
            together = 0
            for at in range(found):
                together += tasks[at]
            if together >= wanted:
                return choose(rows, tasks, found, wanted, codes, sums, out)
    return 0
