"""The accounts of a pool: what attempts take of its nodes, kept by slot, and give back.

`table[place, slot]` and `marks[place, slot]` tell of a slot with the places that `layout` names,
`held[slot, c]` what it holds of chip `c` in thousandths. `slots` are numbers of slots.
"""

from hutong.scheduler.kernels.layout import (
    CLOSED,
    CPU,
    DEBT,
    MARK_BASIS,
    MARK_EXCLUSIVE,
    MARK_FRACTION,
    MARK_STOPPING,
    MEM,
    NEED_CHIPS,
    NEED_CPU,
    NEED_EXCLUSIVE,
    NEED_MEM,
    NEED_MILLI,
    SHARE_PLACES,
    SHARE_ROW,
    SHARE_SLOT,
    SHARE_TASKS,
    SHARES,
    SLOT_CPU,
    SLOT_MEM,
    SLOT_MILLI,
    SLOT_ROW,
    SLOT_WHOLE,
    WHOLE,
    WHOLE_MILLI,
)
from hutong.scheduler.kernels.marks import Ints, Small, Tiny, kernel
from hutong.scheduler.kernels.nodes import renew_chips, take


@kernel
def is_there(chips: Small, need: Ints, row: int, known: Small, at: int) -> bool:
    """Whether each chip that a share is known to hold is there, and has room for a task's part.

    Where several tasks hold a chip that shrank, less than nothing is left of it. A share that holds
    no chips is not there.
    """
    some = False
    part = need[NEED_MILLI] if need[NEED_CHIPS] == 0 else WHOLE_MILLI
    for chip in range(known.shape[1]):
        if known[at, chip] > 0:
            if chip >= chips.shape[1] or chips[row, chip] < part:
                return False
            some = True
    return some


@kernel
def retake(
    node: Ints, chips: Small, need: Ints, row: int, tasks: int, known: Small, held: Small,
    at: int, slot: int,
) -> int:  # fmt: skip
    """Account tasks that run on the chips of `known[at]`. The result counts whole chips."""
    node[row, CPU] -= need[NEED_CPU] * tasks
    node[row, MEM] -= need[NEED_MEM] * tasks
    node[row, SHARES] += 1
    if need[NEED_EXCLUSIVE]:
        node[row, CLOSED] += 1
    found = 0
    for chip in range(chips.shape[1]):
        part = int(known[at, chip]) if chip < known.shape[1] else 0
        chips[row, chip] -= part
        held[slot, chip] = part
        found += part
    node[row, DEBT] += need[NEED_MILLI] * tasks - found
    renew_chips(node, chips, row)
    return found // WHOLE_MILLI


@kernel
def account(
    node: Ints, chips: Small, need: Ints, shares: Ints, known: Small, same: Ints, basis: int,
    table: Ints, marks: Tiny, held: Small,
) -> None:  # fmt: skip
    """Take what shares with one need hold, and describe each in its slot.

    `shares` has SHARE_PLACES places a share; `same` is what the table says of all of them alike.
    `known` is empty, or has a row a share: the chips it keeps where they are still there.
    """
    for at in range(shares.shape[0] // SHARE_PLACES):
        row = shares[at * SHARE_PLACES + SHARE_ROW]
        tasks = shares[at * SHARE_PLACES + SHARE_TASKS]
        slot = shares[at * SHARE_PLACES + SHARE_SLOT]
        if known.shape[0] > 0 and is_there(chips, need, row, known, at):
            whole = retake(node, chips, need, row, tasks, known, held, at, slot)
        else:
            whole = take(node, chips, need, row, tasks, held, slot)
        for place in range(same.shape[0]):
            table[place, slot] = same[place]
        table[SLOT_ROW, slot] = row
        table[SLOT_CPU, slot] = need[NEED_CPU] * tasks
        table[SLOT_MEM, slot] = need[NEED_MEM] * tasks
        table[SLOT_MILLI, slot] = need[NEED_MILLI] * tasks
        table[SLOT_WHOLE, slot] = whole if need[NEED_CHIPS] > 0 else 0
        marks[MARK_BASIS, slot] = basis
        marks[MARK_STOPPING, slot] = 0
        marks[MARK_FRACTION, slot] = need[NEED_MILLI] > 0 and need[NEED_CHIPS] == 0
        marks[MARK_EXCLUSIVE, slot] = need[NEED_EXCLUSIVE] != 0


@kernel
def give(
    node: Ints, chips: Small, table: Ints, marks: Tiny, held: Small, slots: Ints
) -> None:  # fmt: skip
    """Give back to the nodes what some slots hold; the slots stay as they are."""
    for at in range(slots.shape[0]):
        slot = slots[at]
        row = table[SLOT_ROW, slot]
        node[row, CPU] += table[SLOT_CPU, slot]
        node[row, MEM] += table[SLOT_MEM, slot]
        node[row, SHARES] -= 1
        if marks[MARK_EXCLUSIVE, slot] != 0:
            node[row, CLOSED] -= 1
        milli = table[SLOT_MILLI, slot]
        if milli <= 0:
            continue
        found = 0
        for chip in range(chips.shape[1]):
            chips[row, chip] += held[slot, chip]
            found += held[slot, chip]
        if marks[MARK_FRACTION, slot] != 0:
            node[row, DEBT] -= milli - found
            renew_chips(node, chips, row)
        else:
            node[row, DEBT] -= milli - table[SLOT_WHOLE, slot] * WHOLE_MILLI
            node[row, WHOLE] += table[SLOT_WHOLE, slot]
