"""The nodes of one pool: what is free on each, and the index that finds the tightest.

`node` has one row a node and `need` says what is looked for, with the places that `layout` names;
`chips[row, c]` is what is left of chip `c` in thousandths.

The index sorts the rows that take work into classes. Class `whole * STEPS + step` of index 0 holds
the rows with so many whole chips and so many sixteenths of the pool's CPU free, class `p` of index
1 those whose PART lies in the p-th sixteenth of a chip. `where[index, row]` is a row's class, -1
for none; `count[index, class, block]` how many rows of a block of 64 neighbours are in a class,
with the sum in the last place. `where[NEXT]` and `where[BEFORE]` link the rows with the same number
of whole chips in rings; the ring of `w` begins at place `w` after the last row. So "the tightest"
is exact (fewest whole chips, then least CPU in sixteenths, then the first row) and is found without
looking at rows that are too full.

`codes[level, row]` are the topology domains, outermost level first; `held[level, code, w]` is how
many rows of a domain have `w` whole chips.

`allowed` is empty, or says for each row whether it may be taken.
"""

import numpy as np

from hutong.scheduler.kernels.layout import (
    ADDED_CPU,
    ADDED_EXCLUSIVE,
    ADDED_FRACTION,
    ADDED_MEM,
    ADDED_MILLI,
    ADDED_ROW,
    ADDED_TASKS,
    ADDED_WHOLE,
    BEFORE,
    BLOCK,
    CLOSED,
    CPU,
    DEBT,
    MEM,
    NEED_CHIPS,
    NEED_CPU,
    NEED_CPU_TOTAL,
    NEED_EXCLUSIVE,
    NEED_MEM,
    NEED_MILLI,
    NEED_PER_NODE,
    NEED_TASKS,
    NEXT,
    PART,
    READY,
    SHARES,
    STEPS,
    WHOLE,
    WHOLE_MILLI,
)
from hutong.scheduler.kernels.marks import Codes, Ints, Mask, Small, kernel


@kernel
def cpu_step(cpu: int, cpu_total: int) -> int:
    """Sixteenths of the pool's CPU that `cpu` is, from 0 to 16."""
    if cpu <= 0 or cpu_total <= 0:
        return 0
    if cpu >= cpu_total:
        return STEPS - 1
    return cpu * (STEPS - 1) // cpu_total


@kernel
def part_step(part: int) -> int:
    """Sixteenths of a chip, counted from 1; 0 for none."""
    if part <= 0:
        return 0
    return 1 + part * (STEPS - 1) // WHOLE_MILLI


@kernel
def enter(
    node: Ints, where: Codes, count: Codes, codes: Ints, held: Codes, row: int, cpu_total: int
) -> None:  # fmt: skip
    """Put a row into the classes that its columns say."""
    where[0, row] = -1
    where[1, row] = -1
    if node[row, READY] == 0 or node[row, CLOSED] > 0:
        return
    block = row // BLOCK
    last = count.shape[2] - 1
    tight = node[row, WHOLE] * STEPS + cpu_step(node[row, CPU], cpu_total)
    where[0, row] = tight
    count[0, tight, block] += 1
    count[0, tight, last] += 1
    part = part_step(node[row, PART])
    where[1, row] = part
    count[1, part, block] += 1
    count[1, part, last] += 1
    for level in range(codes.shape[0]):
        held[level, codes[level, row], node[row, WHOLE]] += 1
    head = node.shape[0] + node[row, WHOLE]
    where[NEXT, row] = where[NEXT, head]
    where[BEFORE, row] = head
    where[BEFORE, where[NEXT, head]] = row
    where[NEXT, head] = row


@kernel
def leave(where: Codes, count: Codes, codes: Ints, held: Codes, row: int) -> None:
    """Take a row out of its classes."""
    block = row // BLOCK
    last = count.shape[2] - 1
    tight, part = where[0, row], where[1, row]
    if tight < 0:
        return
    count[0, tight, block] -= 1
    count[0, tight, last] -= 1
    count[1, part, block] -= 1
    count[1, part, last] -= 1
    for level in range(codes.shape[0]):
        held[level, codes[level, row], tight // STEPS] -= 1
    where[NEXT, where[BEFORE, row]] = where[NEXT, row]
    where[BEFORE, where[NEXT, row]] = where[BEFORE, row]


@kernel
def build(
    node: Ints, where: Codes, count: Codes, codes: Ints, held: Codes, cpu_total: int
) -> None:  # fmt: skip
    """Put every row into its classes; `count` and `held` are all zeros before."""
    for head in range(node.shape[0], where.shape[1]):
        where[NEXT, head] = head
        where[BEFORE, head] = head
    for row in range(node.shape[0]):
        enter(node, where, count, codes, held, row, cpu_total)


@kernel
def fractions_on(chips: Small, row: int, milli: int, most: int) -> int:
    """How many fractions of `milli` the chips of a row hold, at most `most`."""
    found = 0
    for chip in range(chips.shape[1]):
        left = chips[row, chip]
        if left >= milli:
            found += left // milli
            if found >= most:
                return most
    return found


@kernel
def fits(node: Ints, chips: Small, need: Ints, row: int) -> bool:
    """Whether a row that takes work holds all the tasks."""
    tasks = need[NEED_TASKS]
    cpu, mem, milli = need[NEED_CPU], need[NEED_MEM], need[NEED_MILLI]
    if (cpu > 0 and node[row, CPU] < cpu * tasks) or (mem > 0 and node[row, MEM] < mem * tasks):
        return False
    if need[NEED_EXCLUSIVE] and node[row, SHARES] > 0:
        return False
    if milli == 0:
        return True
    if node[row, DEBT] > 0:
        return False
    if need[NEED_CHIPS] > 0:
        return bool(node[row, WHOLE] >= need[NEED_CHIPS] * tasks)
    if tasks == 1:
        return bool(node[row, PART] >= milli or node[row, WHOLE] > 0)
    return bool(fractions_on(chips, row, milli, tasks) >= tasks)


@kernel
def first_of(
    node: Ints, chips: Small, where: Codes, count: Codes, need: Ints, allowed: Mask,
    index: int, wanted: int,
) -> int:  # fmt: skip
    """The first row of a class that holds all the tasks, or -1."""
    rows = node.shape[0]
    for block in range(count.shape[2] - 1):
        left = count[index, wanted, block]
        row = block * BLOCK
        while left > 0 and row < rows:
            if where[index, row] == wanted:
                left -= 1
                if (allowed.shape[0] == 0 or allowed[row]) and fits(node, chips, need, row):
                    return row
            row += 1
    return -1


@kernel
def tightest(
    node: Ints, chips: Small, where: Codes, count: Codes, need: Ints, allowed: Mask
) -> int:
    """The tightest row that holds all the tasks, or -1.

    Fractions go first where a used chip has room for one, on the rows where that is least in
    sixteenths; then where a whole chip is free.
    """
    last = count.shape[2] - 1
    tasks = need[NEED_TASKS]
    first = need[NEED_CHIPS] * tasks
    if need[NEED_MILLI] > 0 and first == 0:
        for part in range(part_step(need[NEED_MILLI]), STEPS):
            if count[1, part, last] > 0:
                row = first_of(node, chips, where, count, need, allowed, 1, part)
                if row >= 0:
                    return row
        first = 1
    least = cpu_step(need[NEED_CPU] * tasks, need[NEED_CPU_TOTAL])
    for whole in range(first, count.shape[1] // STEPS):
        for step in range(least, STEPS):
            wanted = whole * STEPS + step
            if count[0, wanted, last] > 0:
                row = first_of(node, chips, where, count, need, allowed, 0, wanted)
                if row >= 0:
                    return row
    return -1


@kernel
def renew_chips(node: Ints, chips: Small, row: int) -> None:
    """Work out again how many chips of a row are wholly free and the most room on the others."""
    whole = 0
    part = 0
    for chip in range(chips.shape[1]):
        left = int(chips[row, chip])
        if left == WHOLE_MILLI:
            whole += 1
        elif left > part:
            part = left
    node[row, WHOLE] = whole
    node[row, PART] = part


@kernel
def take(
    node: Ints, chips: Small, need: Ints, row: int, tasks: int, held: Small, at: int
) -> int:  # fmt: skip
    """Account `tasks` tasks on a row; `held[at]` gets what they hold, in thousandths by chip.

    Whole chips are the first free ones, a fraction goes to the used chip with the least room for
    it. What no chip can hold becomes debt; nothing is refused here. The result counts the parts.
    """
    milli, per_task = need[NEED_MILLI], need[NEED_CHIPS]
    node[row, CPU] -= need[NEED_CPU] * tasks
    node[row, MEM] -= need[NEED_MEM] * tasks
    node[row, SHARES] += 1
    if need[NEED_EXCLUSIVE]:
        node[row, CLOSED] += 1
    for chip in range(held.shape[1]):
        held[at, chip] = 0
    if milli <= 0:
        return 0
    found = 0
    if per_task > 0:
        missing = per_task * tasks
        for chip in range(chips.shape[1]):
            if found == missing:
                break
            if chips[row, chip] == WHOLE_MILLI:
                chips[row, chip] = 0
                held[at, chip] = WHOLE_MILLI
                found += 1
        node[row, WHOLE] -= found
        node[row, DEBT] += (missing - found) * WHOLE_MILLI
        return found
    for _ in range(tasks):
        best = -1
        for chip in range(chips.shape[1]):
            if chips[row, chip] >= milli and (best < 0 or chips[row, chip] < chips[row, best]):
                best = chip
        if best < 0:
            break
        chips[row, best] -= milli
        held[at, best] += milli
        found += 1
    node[row, DEBT] += (tasks - found) * milli
    renew_chips(node, chips, row)
    return found


@kernel
def place_share(
    node: Ints, chips: Small, where: Codes, count: Codes, codes: Ints, held: Codes, need: Ints,
    row: int, tasks: int, placed: Ints, freed: Small, at: int,
) -> None:  # fmt: skip
    """Take what one share of a gang holds, and keep the index.

    Row `at` of `placed` and `freed` gets what the share will give back: columns as `layout` names
    them, and chips.
    """
    leave(where, count, codes, held, row)
    found = take(node, chips, need, row, tasks, freed, at)
    enter(node, where, count, codes, held, row, need[NEED_CPU_TOTAL])
    placed[at, ADDED_ROW] = row
    placed[at, ADDED_TASKS] = tasks
    placed[at, ADDED_CPU] = need[NEED_CPU] * tasks
    placed[at, ADDED_MEM] = need[NEED_MEM] * tasks
    placed[at, ADDED_MILLI] = need[NEED_MILLI] * tasks
    placed[at, ADDED_WHOLE] = found if need[NEED_CHIPS] > 0 else 0
    placed[at, ADDED_FRACTION] = need[NEED_MILLI] > 0 and need[NEED_CHIPS] == 0
    placed[at, ADDED_EXCLUSIVE] = need[NEED_EXCLUSIVE]


@kernel
def place(
    node: Ints, chips: Small, where: Codes, count: Codes, codes: Ints, held: Codes, need: Ints,
    shares: Ints, placed: Ints, freed: Small, first: int,
) -> None:  # fmt: skip
    """Take what shares of a gang hold (a row and its tasks by turns), and keep the index.

    From their row `first` on `placed` and `freed` get what each share will give back.
    """
    for share in range(shares.shape[0] // 2):
        place_share(
            node, chips, where, count, codes, held, need, shares[2 * share], shares[2 * share + 1],
            placed, freed, first + share,
        )  # fmt: skip


@kernel
def holds(node: Ints, chips: Small, need: Ints, row: int) -> int:
    """How many tasks a row that takes work holds, at most what an empty node does."""
    if need[NEED_EXCLUSIVE] and node[row, SHARES] > 0:
        return 0
    cpu, mem, milli = need[NEED_CPU], need[NEED_MEM], need[NEED_MILLI]
    found = need[NEED_PER_NODE]
    if cpu > 0 and node[row, CPU] < cpu * found:
        found = node[row, CPU] // cpu
    if mem > 0 and node[row, MEM] < mem * found:
        found = node[row, MEM] // mem
    if milli > 0:
        if node[row, DEBT] > 0:
            return 0
        if need[NEED_CHIPS] == 0:
            return fractions_on(chips, row, milli, max(int(found), 0))
        if node[row, WHOLE] < need[NEED_CHIPS] * found:
            found = node[row, WHOLE] // need[NEED_CHIPS]
    return max(int(found), 0)


@kernel
def bound(by_whole: Ints, need: Ints) -> int:
    """No more tasks fit than this where `by_whole[w]` rows have `w` whole chips."""
    chips, most = need[NEED_CHIPS], need[NEED_PER_NODE]
    found = 0
    for whole in range(chips, by_whole.shape[0]):
        found += by_whole[whole] * (min(whole // chips, most) if chips > 0 else most)
    return min(int(found), int(need[NEED_TASKS]))


@kernel
def gather(
    node: Ints, chips: Small, where: Codes, need: Ints, allowed: Mask, rows: Ints, tasks: Ints
) -> int:  # fmt: skip
    """The rows that hold a task, and how many each holds; gives how many rows. In no order."""
    found = 0
    for head in range(node.shape[0] + need[NEED_CHIPS], where.shape[1]):
        row = where[NEXT, head]
        while row != head:
            if allowed.shape[0] == 0 or allowed[row]:
                held = holds(node, chips, need, row)
                if held > 0:
                    rows[found] = row
                    tasks[found] = held
                    found += 1
            row = where[NEXT, row]
    return found


@kernel
def fitting(node: Ints, chips: Small, where: Codes, need: Ints) -> int:
    """How many tasks of a gang the rows hold together, at most all."""
    found = 0
    for head in range(node.shape[0] + need[NEED_CHIPS], where.shape[1]):
        row = where[NEXT, head]
        while row != head:
            found += holds(node, chips, need, row)
            if found >= need[NEED_TASKS]:
                return int(need[NEED_TASKS])
            row = where[NEXT, row]
    return found


@kernel
def sweep(
    node: Ints, chips: Small, where: Codes, count: Codes, needs: Ints, numbers: Codes, maybe: Mask,
    out: Mask,
) -> None:  # fmt: skip
    """Set `maybe` at the number of every need that may fit, and `out` at those that surely do not.

    A need of whose number it is known already that it may fit somewhere is not looked at.
    """
    anywhere = np.zeros(0, np.bool_)
    last = count.shape[2] - 1
    by_whole = np.zeros(count.shape[1] // STEPS, np.int64)
    for wanted in range(count.shape[1]):
        by_whole[wanted // STEPS] += count[0, wanted, last]
    for at in range(needs.shape[0]):
        number = numbers[at]
        if number < 0 or maybe[number]:
            continue
        need = needs[at]
        if need[NEED_TASKS] > 1:
            found = bound(by_whole, need) >= need[NEED_TASKS]
            found = found and fitting(node, chips, where, need) >= need[NEED_TASKS]
        else:
            found = tightest(node, chips, where, count, need, anywhere) >= 0
        maybe[number] = found
        out[at] = not found
