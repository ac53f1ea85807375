"""Fragmentation: what a placement spoils of a node's chips for the tasks that come next.

What is free of a node is worth less than it looks. `standing` adds up, in thousandths of a chip
and `UNIT` parts of them,

    5   times what starves: free beyond what the CPU and memory left would feed, at the rates at
        which typical tasks ask for them,
    3   times what gaps waste: of each partly used chip the part that typical fractions would not
        use in the end (`gap_wastes`),
    0.3 times what typical tasks of several chips could not use, each by its share of what is
        wanted, after Weng et al., "Beware of Fragmentation: Scheduling GPU-Sharing Workloads with
        Fragmentation Gradient Descent", USENIX ATC 2023,

and a task goes where it raises that least, which may be below zero. A chip that other tasks have no
choice but to use costs its pool's load on top. Of nodes that are alike in this the one is taken
with the least left on the chip and of its CPU.

`rates` say how many chips typical tasks have for their CPU and memory, in parts of `ONE`; `wastes`
has the waste of a gap of each size; `kinds` has a row a kind of task of several chips with the
places KIND_CPU to KIND_WEIGHT. `terms` has a row a pool: its load and the CPU of its nodes.

What tasks of one need raise by row is kept in a slot of `keys`, over the rows of all pools of an
arena. `done` says how far a slot follows the shares that were placed, `fresh` which pools it has,
`owners` whose it is. `stamps` mark rows that were seen, with the last mark behind them; `left` is
work space with what is left of each chip of one row. `Tables` are these, in this order.
"""

from hutong.scheduler.kernels.layout import (
    ADDED_POOL,
    ADDED_ROW,
    CPU,
    MEM,
    NEED_CHIPS,
    NEED_CPU,
    NEED_EXCLUSIVE,
    NEED_MEM,
    NEED_MILLI,
    NEED_TASKS,
    OPTION_GROUP,
    OPTION_NEED,
    OPTION_NODES,
    OPTION_OUT,
    OPTION_POOL,
    POOL_ASK,
    POOL_CHIPS,
    POOL_CHIPS_FIRST,
    POOL_FIRST,
    POOL_ROWS,
    POOL_WHERE_FIRST,
    WHOLE,
    WHOLE_MILLI,
)
from hutong.scheduler.kernels.marks import Codes, Ints, Mask, Small, kernel
from hutong.scheduler.kernels.nodes import fits

UNFIT = 2**62
"""Stands for the rise on a row that does not hold the tasks."""

UNIT = 1024
"""Parts of a thousandth of a chip in which all is counted."""

ONE_BITS = 20
ONE = 2**ONE_BITS
"""Stands for 1 in rates and probabilities."""

RATE_MAX = 2**24
CUT = 2**38
"""Rates and amounts are cut to these, so that their product stays in 64 bits."""

STARVES = 5 * UNIT
GAPS = 3
SEVERAL = 3 * UNIT // 10
DRAWS_BITS = 4
"""A gap is thought to get the best of 2**4 typical fractions that come next."""

TIES = 2048
"""Ties count up to this."""

KIND_CPU = 0
KIND_MEM = 1
KIND_CHIPS = 2
KIND_WEIGHT = 3
KIND_PLACES = 4

TERM_LOAD = 0
TERM_CPU = 1
TERMS = 2

NONE = -1
ASKS = -2

Tables = tuple[Ints, Ints, Ints, Ints, Ints, Ints, Mask, Ints, Ints, Ints]


@kernel
def gap_wastes(sizes: Ints, counts: Ints, values: Ints, shares: Ints, wastes: Ints) -> None:
    """What is lost in the end of a gap of each size, where fractions of some sizes come.

    There are `counts` of each of the `sizes`. A gap in which none of them fits is lost. Else it
    gets of the next 2**DRAWS_BITS that come the one after which least is lost, and is lost where
    none of those fits. `values` and `shares` are work space as long as `sizes`.
    """
    total = 0
    for at in range(sizes.shape[0]):
        total += counts[at]
    wastes[0] = 0
    for gap in range(1, wastes.shape[0]):
        fitting = 0
        for at in range(sizes.shape[0]):
            if sizes[at] > gap or counts[at] == 0:
                continue
            value, share = wastes[gap - sizes[at]], counts[at] * ONE // total
            place = fitting
            while place > 0 and values[place - 1] > value:
                values[place] = values[place - 1]
                shares[place] = shares[place - 1]
                place -= 1
            values[place] = value
            shares[place] = share
            fitting += 1
        worse, none, found = ONE, ONE, 0
        for at in range(fitting):
            worse -= shares[at]
            all_worse = worse
            for _ in range(DRAWS_BITS):
                all_worse = (all_worse * all_worse) >> ONE_BITS
            found += values[at] * (none - all_worse)
            none = all_worse
        found += gap * UNIT * none
        wastes[gap] = found >> ONE_BITS


@kernel
def standing(
    cpu: int, mem: int, free: int, whole: int, wasted: int, rates: Ints, kinds: Ints
) -> int:  # fmt: skip
    """What is spoiled of a node with so much CPU, memory and chips free; see the module.

    `wasted` is the waste of its gaps.
    """
    cpu, mem = max(cpu, 0), max(mem, 0)
    fed = min(min(cpu, CUT) * rates[0], min(mem, CUT) * rates[1]) >> ONE_BITS
    found = STARVES * max(free - fed, 0) + GAPS * wasted
    for at in range(kinds.shape[0]):
        lost = free
        if (
            kinds[at, KIND_CHIPS] <= whole
            and kinds[at, KIND_CPU] <= cpu
            and kinds[at, KIND_MEM] <= mem
        ):
            lost -= whole * WHOLE_MILLI
        found += kinds[at, KIND_WEIGHT] * lost
    return int(found)


@kernel
def key_of(
    node: Ints, chips: Small, where: Codes, need: Ints, row: int, term: Ints, rates: Ints,
    wastes: Ints, kinds: Ints, left: Ints,
) -> int:  # fmt: skip
    """What all the tasks of a need raise on a row, with the ties below it; `UNFIT` for no room.

    They take the chips that the accounts would give them (see `nodes.take`). Who has a node to
    himself leaves nothing of it to others.
    """
    if where[row] < 0 or not fits(node, chips, need, row):
        return UNFIT
    free, wasted = 0, 0
    for chip in range(chips.shape[1]):
        rest = max(int(chips[row, chip]), 0)
        left[chip] = rest
        free += rest
        if rest < WHOLE_MILLI:
            wasted += wastes[rest]
    cpu, mem, whole = int(node[row, CPU]), int(node[row, MEM]), int(node[row, WHOLE])
    tasks, milli, per_task = need[NEED_TASKS], need[NEED_MILLI], need[NEED_CHIPS]
    risen, on_chip = 0, 0
    if chips.shape[1] > 0:
        risen = -standing(cpu, mem, free, whole, wasted, rates, kinds)
    cpu -= need[NEED_CPU] * tasks
    mem -= need[NEED_MEM] * tasks
    if per_task > 0:
        free -= per_task * tasks * WHOLE_MILLI
        whole -= per_task * tasks
    elif milli > 0:
        for _ in range(tasks):
            best = -1
            for chip in range(chips.shape[1]):
                if left[chip] >= milli and (best < 0 or left[chip] < left[best]):
                    best = chip
            if left[best] == WHOLE_MILLI:
                whole -= 1
            else:
                wasted -= wastes[left[best]]
            left[best] -= milli
            wasted += wastes[left[best]]
            free -= milli
            on_chip = int(left[best])
    if chips.shape[1] > 0:
        if need[NEED_EXCLUSIVE]:
            cpu, mem, whole = 0, 0, 0
        risen += standing(cpu, mem, free, whole, wasted, rates, kinds)
        risen += term[TERM_LOAD] * milli * tasks
    tight = on_chip
    if term[TERM_CPU] > 0:
        tight += max(min(cpu, term[TERM_CPU]), 0) * WHOLE_MILLI // term[TERM_CPU]
    return int(risen * TIES + tight)


@kernel
def note_pool(
    slot: int, pool: int, row: int, need: Ints, pools: Ints, all_nodes: Ints, all_chips: Small,
    all_where: Codes, tables: Tables,
) -> None:  # fmt: skip
    """Note in a slot what a need raises on a row of a pool, or on all for a row of -1."""
    rates, wastes, kinds, terms, keys, _, _, _, _, left = tables
    place = pools[pool]
    size, wide = place[POOL_ROWS], place[POOL_CHIPS]
    base, first = place[POOL_FIRST], place[POOL_CHIPS_FIRST]
    node = all_nodes[base : base + size]
    chips = all_chips[first : first + size * wide].reshape((size, wide))
    where = all_where[place[POOL_WHERE_FIRST] :]
    if row >= 0:
        keys[slot, base + row] = key_of(
            node, chips, where, need, row, terms[pool], rates, wastes, kinds, left
        )
        return
    for each in range(size):
        keys[slot, base + each] = key_of(
            node, chips, where, need, each, terms[pool], rates, wastes, kinds, left
        )


@kernel
def follow(
    slot: int, need: Ints, owner: int, pools: Ints, all_nodes: Ints, all_chips: Small,
    all_where: Codes, placed: Ints, size: int, tables: Tables,
) -> None:  # fmt: skip
    """Bring a slot of an owner up to the first `size` shares of `placed`."""
    _, _, _, _, _, done, fresh, stamps, owners, _ = tables
    rows = stamps.shape[0] - 1
    if owners[slot] != owner or size - done[slot] > rows:
        owners[slot] = owner
        for pool in range(fresh.shape[1]):
            fresh[slot, pool] = False
        done[slot] = size
        return
    stamps[rows] += 1
    stamp = stamps[rows]
    for back in range(size - done[slot]):
        share = size - 1 - back
        pool, row = placed[share, ADDED_POOL], placed[share, ADDED_ROW]
        at = pools[pool, POOL_FIRST] + row
        if fresh[slot, pool] and stamps[at] != stamp:
            stamps[at] = stamp
            note_pool(slot, pool, row, need, pools, all_nodes, all_chips, all_where, tables)
    done[slot] = size


@kernel
def least(keys: Ints, base: int, size: int, allowed: Mask) -> int:
    """The row with the least key of `size` rows from `base` on, or -1 where none holds the tasks.

    `allowed` is empty, or says for each row whether it may be taken.
    """
    best, found = UNFIT, -1
    for row in range(size):
        key = keys[base + row]
        if key < best and (allowed.shape[0] == 0 or allowed[row]):
            best, found = key, row
    return found


@kernel
def choose(
    options: Ints, first: int, last: int, pools: Ints, all_nodes: Ints, all_chips: Small,
    all_where: Codes, placed: Ints, size: int, tables: Tables, anywhere: Mask, shares: Ints,
) -> int:  # fmt: skip
    """The option among those alike to the first, before `last`, on which the least is raised.

    `shares` gets the row and the tasks. NONE where no node holds the gang, ASKS where something is
    reserved on one of the pools.
    """
    keys, fresh = tables[4], tables[6]
    group = options[first, OPTION_GROUP]
    found, best = NONE, UNFIT
    for number in range(first, last):
        option = options[number]
        if option[OPTION_GROUP] != group:
            break
        if option[OPTION_OUT] or option[OPTION_NODES] > 1:
            continue
        pool = option[OPTION_POOL]
        if pools[pool, POOL_ASK]:
            return ASKS
        slot = option[OPTION_NEED] % keys.shape[0]
        follow(
            slot, option, option[OPTION_NEED], pools, all_nodes, all_chips, all_where, placed,
            size, tables,
        )  # fmt: skip
        if not fresh[slot, pool]:
            fresh[slot, pool] = True
            note_pool(slot, pool, -1, option, pools, all_nodes, all_chips, all_where, tables)
        base = pools[pool, POOL_FIRST]
        row = least(keys[slot], base, pools[pool, POOL_ROWS], anywhere)
        if row >= 0 and keys[slot, base + row] < best:
            found, best = number, keys[slot, base + row]
            shares[0] = row
            shares[1] = option[NEED_TASKS]
    return int(found)
