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
places KIND_CHIPS to KIND_WEIGHT. `terms` has a row a pool: its load, and what part of the CPU of
a node one thousandth of a CPU is.

What tasks of one need raise by row is kept in a slot of `keys`, over the rows of all pools of an
arena, and `states` tell of these rows with the places STATE_FREE to STATE_SPOILED. `done` says how
far each slot follows the shares that were placed, `fresh` which pools it has, `owners` whose it is;
the last row of these is that of the states. `stamps` mark rows that were seen, with the last mark
behind them; `left` is work space for what is left of each chip of one row, `spots` for rows and
their pools. `Tables` are these, in this order.
"""

from hutong.scheduler.kernels.layout import (
    ADDED_POOL,
    ADDED_ROW,
    CLOSED,
    CPU,
    DEBT,
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
    PART,
    POOL_ASK,
    POOL_CHIPS,
    POOL_CHIPS_FIRST,
    POOL_FIRST,
    POOL_ROWS,
    READY,
    SHARES,
    WHOLE,
    WHOLE_MILLI,
)
from hutong.scheduler.kernels.marks import Ints, Mask, Small, kernel

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

KIND_CHIPS = 0
KIND_CPU = 1
KIND_MEM = 2
KIND_WEIGHT = 3
KIND_PLACES = 4

TERM_LOAD = 0
TERM_CPU = 1
TERMS = 2

NONE = -1
ASKS = -2

STATE_FREE = 0
STATE_WASTED = 1
STATE_SPOILED = 2
STATES = 3

Tables = tuple[Ints, Ints, Ints, Ints, Ints, Ints, Ints, Mask, Ints, Ints, Ints, Ints]


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
def able(kinds: Ints, cpu: int, mem: int, whole: int) -> int:
    """The weight of the typical tasks of several chips that a node holds.

    The kinds come with the fewest chips first; the last row is none, and has the sum of weights.
    """
    found = 0
    for at in range(kinds.shape[0] - 1):
        if kinds[at, KIND_CHIPS] > whole:
            break
        if kinds[at, KIND_CPU] <= cpu and kinds[at, KIND_MEM] <= mem:
            found += kinds[at, KIND_WEIGHT]
    return int(found)


@kernel
def standing(
    cpu: int, mem: int, free: int, whole: int, wasted: int, cpu_rate: int, mem_rate: int,
    unable: int,
) -> int:  # fmt: skip
    """What is spoiled of a node with so much CPU, memory and chips free; see the module.

    `wasted` is the waste of its gaps, `unable` the weight of all kinds of tasks of several chips.
    What the node's whole chips are worth to those that it holds is to be taken off (see `able`).
    """
    fed_by_cpu = min(max(cpu, 0), CUT) * cpu_rate
    fed = min(fed_by_cpu, min(max(mem, 0), CUT) * mem_rate) >> ONE_BITS
    return int(STARVES * max(free - fed, 0) + GAPS * wasted + unable * free)


@kernel
def note_states(count: int, pools: Ints, node: Ints, chips: Small, tables: Tables) -> None:
    """Note the states of the first rows in `spots`."""
    rates, wastes, kinds, _, _, states, _, _, _, _, _, spots = tables
    cpu_rate, mem_rate = rates[0], rates[1]
    unable = kinds[kinds.shape[0] - 1, KIND_WEIGHT]
    for spot in range(count):
        at, pool = spots[spot, 0], spots[spot, 1]
        wide = pools[pool, POOL_CHIPS]
        first = pools[pool, POOL_CHIPS_FIRST] + (at - pools[pool, POOL_FIRST]) * wide
        free, wasted = 0, 0
        for chip in range(first, first + wide):
            rest = int(chips[chip])
            if rest > 0:
                free += rest
                if rest < WHOLE_MILLI:
                    wasted += wastes[rest]
        cpu, mem, whole = node[at, CPU], node[at, MEM], node[at, WHOLE]
        spoiled = standing(cpu, mem, free, whole, wasted, cpu_rate, mem_rate, unable)
        if whole > 1:
            spoiled -= able(kinds, cpu, mem, whole) * whole * WHOLE_MILLI
        states[at, STATE_FREE] = free
        states[at, STATE_WASTED] = wasted
        states[at, STATE_SPOILED] = spoiled


@kernel
def note_keys(
    slot: int, count: int, need: Ints, pools: Ints, node: Ints, chips: Small, tables: Tables
) -> None:
    """Note in a slot what all the tasks of a need raise on the first rows in `spots`.

    With the ties below it; `UNFIT` where there is no room. They take the chips that the accounts
    would give them (see `nodes.take`). Who has a node to himself leaves nothing of it to others.
    """
    rates, wastes, kinds, terms, keys, states, _, _, _, _, left, spots = tables
    cpu_rate, mem_rate = rates[0], rates[1]
    unable = kinds[kinds.shape[0] - 1, KIND_WEIGHT]
    tasks, milli, per_task = need[NEED_TASKS], need[NEED_MILLI], need[NEED_CHIPS]
    cpu_taken, mem_taken = need[NEED_CPU] * tasks, need[NEED_MEM] * tasks
    alone, taken = need[NEED_EXCLUSIVE] > 0, per_task * tasks
    shared = milli > 0 and per_task == 0
    for spot in range(count):
        at, pool = spots[spot, 0], spots[spot, 1]
        wide, whole = pools[pool, POOL_CHIPS], node[at, WHOLE]
        keys[slot, at] = UNFIT
        if (
            whole < taken
            or (shared and whole == 0 and node[at, PART] < milli)
            or (cpu_taken > 0 and node[at, CPU] < cpu_taken)
            or (mem_taken > 0 and node[at, MEM] < mem_taken)
            or node[at, READY] == 0
            or node[at, CLOSED] > 0
            or (alone and node[at, SHARES] > 0)
            or (milli > 0 and node[at, DEBT] > 0)
        ):
            continue
        cpu, mem = node[at, CPU] - cpu_taken, node[at, MEM] - mem_taken
        risen, on_chip = 0, 0
        if wide > 0:
            free, wasted = states[at, STATE_FREE] - taken * WHOLE_MILLI, states[at, STATE_WASTED]
            whole -= taken
            if shared:
                first = pools[pool, POOL_CHIPS_FIRST] + (at - pools[pool, POOL_FIRST]) * wide
                for chip in range(wide):
                    left[chip] = chips[first + chip]
                missing = tasks
                while missing > 0:
                    best = -1
                    for chip in range(wide):
                        if left[chip] >= milli and (best < 0 or left[chip] < left[best]):
                            best = chip
                    if best < 0:
                        break
                    if left[best] == WHOLE_MILLI:
                        whole -= 1
                    else:
                        wasted -= wastes[left[best]]
                    on_chip = left[best] - milli
                    left[best] = on_chip
                    wasted += wastes[on_chip]
                    free -= milli
                    missing -= 1
                if missing > 0:
                    continue
            if alone:
                risen = standing(0, 0, free, 0, wasted, cpu_rate, mem_rate, unable)
            else:
                risen = standing(cpu, mem, free, whole, wasted, cpu_rate, mem_rate, unable)
                if whole > 1:
                    risen -= able(kinds, cpu, mem, whole) * whole * WHOLE_MILLI
            risen += terms[pool, TERM_LOAD] * milli * tasks - states[at, STATE_SPOILED]
        tight = on_chip + min(
            (min(max(cpu, 0), CUT) * terms[pool, TERM_CPU]) >> ONE_BITS, WHOLE_MILLI
        )
        keys[slot, at] = risen * TIES + tight


@kernel
def gather(
    slot: int, owner: int, pool: int, pools: Ints, placed: Ints, size: int, tables: Tables
) -> int:
    """Put into `spots` the rows of which a slot of an owner is to be told, and give how many.

    Those that changed until the first `size` shares of `placed`, and all of a pool that it does
    not have yet.
    """
    _, _, _, _, _, states, done, fresh, stamps, owners, _, spots = tables
    rows = states.shape[0]
    if owners[slot] != owner or size - done[slot] > rows:
        owners[slot] = owner
        for other in range(fresh.shape[1]):
            fresh[slot, other] = False
        done[slot] = size
    stamps[rows] += 1
    stamp = stamps[rows]
    count = 0
    for share in range(done[slot], size):
        other = placed[share, ADDED_POOL]
        at = pools[other, POOL_FIRST] + placed[share, ADDED_ROW]
        if stamps[at] != stamp and fresh[slot, other]:
            stamps[at] = stamp
            spots[count, 0] = at
            spots[count, 1] = other
            count += 1
    done[slot] = size
    if not fresh[slot, pool]:
        fresh[slot, pool] = True
        base = pools[pool, POOL_FIRST]
        for at in range(base, base + pools[pool, POOL_ROWS]):
            spots[count, 0] = at
            spots[count, 1] = pool
            count += 1
    return int(count)


@kernel
def renew(
    slot: int, pool: int, need: Ints, owner: int, pools: Ints, node: Ints, chips: Small,
    placed: Ints, size: int, tables: Tables,
) -> None:  # fmt: skip
    """Have in a slot what a need of an owner raises on a pool, as things are now."""
    last = tables[4].shape[0]
    note_states(gather(last, 0, pool, pools, placed, size, tables), pools, node, chips, tables)
    count = gather(slot, owner, pool, pools, placed, size, tables)
    note_keys(slot, count, need, pools, node, chips, tables)


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
    options: Ints, first: int, last: int, pools: Ints, node: Ints, chips: Small, placed: Ints,
    size: int, tables: Tables, shares: Ints,
) -> int:  # fmt: skip
    """The option among those alike to the first, before `last`, on which the least is raised.

    `shares` gets the row and the tasks. NONE where no node holds the gang, ASKS where something is
    reserved on one of the pools.
    """
    keys, done, fresh, owners = tables[4], tables[6], tables[7], tables[9]
    group = options[first, OPTION_GROUP]
    found, best = NONE, UNFIT
    for number in range(first, last):
        if options[number, OPTION_GROUP] != group:
            break
        if options[number, OPTION_OUT] or options[number, OPTION_NODES] > 1:
            continue
        pool, owner = options[number, OPTION_POOL], options[number, OPTION_NEED]
        if pools[pool, POOL_ASK]:
            return ASKS
        slot = owner % keys.shape[0]
        # Calls cost more than what they find out where there is nothing to do.
        if done[slot] < size or owners[slot] != owner or not fresh[slot, pool]:
            renew(slot, pool, options[number], owner, pools, node, chips, placed, size, tables)
        base = pools[pool, POOL_FIRST]
        for at in range(base, base + pools[pool, POOL_ROWS]):
            if keys[slot, at] < best:
                best = keys[slot, at]
                found = number
                shares[0] = at - base
    if found >= 0:
        shares[1] = options[found, NEED_TASKS]
    return int(found)
