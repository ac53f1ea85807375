"""Deciding a stretch of a plan in one call: whose turn it is, where the job fits, what it takes.

What is here decides as `cycle` does for plain jobs on pools where nothing is reserved, and stops
wherever anything else comes up; then the cycle decides about that one job and comes back.

All pools lie side by side in the arrays of an arena: `pools` says where the columns of each begin,
which are those of `kernels.nodes` with `held` as `rooms`. Shapes that were looked at have their
options side by side in `options`, best first. `out` gets a row a placement, whose shares are rows
of `placed` and `freed`. `rows`, `tasks`, `sums` and `shares` are work space.
"""

from hutong.scheduler.kernels.fragments import ASKS, NONE, Tables, choose
from hutong.scheduler.kernels.gangs import pack, spread
from hutong.scheduler.kernels.layout import (
    ADDED_BASIS,
    ADDED_END,
    ADDED_POOL,
    ASK_SHAPE,
    BEFORE,
    FEED_LEFT,
    FEED_SHAPE,
    GOES_ON,
    HELD_ACC,
    HELD_CPU,
    HELD_MEM,
    NEED_CHIPS,
    NEED_TASKS,
    NEVER_MS,
    OPTION_ACC,
    OPTION_BASIS,
    OPTION_CPU,
    OPTION_EVEN,
    OPTION_FITS,
    OPTION_GROUP,
    OPTION_LASTING,
    OPTION_MEM,
    OPTION_NODES,
    OPTION_OUT,
    OPTION_POOL,
    OPTION_ROOMY,
    OPTION_SPAN,
    OUT_COUNT,
    OUT_CURSOR,
    OUT_FEED,
    OUT_FIRST,
    OUT_OPTION,
    OUT_SHARE_MILLI,
    POOL_ASK,
    POOL_BLOCKS,
    POOL_CHIPS,
    POOL_CHIPS_FIRST,
    POOL_CODES_FIRST,
    POOL_COUNT_FIRST,
    POOL_DOMAINS,
    POOL_FIRST,
    POOL_HELD_FIRST,
    POOL_LEVELS,
    POOL_PLACED,
    POOL_ROWS,
    POOL_STARTS_FIRST,
    POOL_WHERE_FIRST,
    SHAPE_COUNT,
    SHAPE_FIRST,
    SHAPE_NONE_BETTER,
    SHAPE_STATE,
    SHARE_MILLI_MAX,
    STATE_ADDED,
    STATE_ALLOWED,
    STATE_BETTER,
    STATE_CURSOR,
    STATE_CURSORS,
    STATE_LEFT,
    STATE_NOW,
    STATE_OPTION,
    STATE_PLACED,
    STATE_RENEW,
    STATE_TOLD,
    STEPS,
    STOP_ASK,
    STOP_CONSULT,
    STOP_DONE,
    STOP_FEED,
    STOP_SPACE,
    STOP_UNKNOWN,
    TALLY_WEIGHT,
    TREE_ASK,
    TREE_FIRST,
    TREE_MORE,
    TREE_OWN,
    TREE_SIZE,
    UNKNOWN,
)
from hutong.scheduler.kernels.marks import Codes, Floats, Ints, Mask, Small, kernel
from hutong.scheduler.kernels.nodes import fitting, gather, place_share, tightest
from hutong.scheduler.kernels.turns import renew, whose_turn


@kernel
def charge(tallies: Floats, up: Ints, own: int, option: Ints) -> None:
    """Account a placement for a tenant and all above it."""
    tally = own
    while tally >= 0:
        tallies[tally, HELD_CPU] += option[OPTION_CPU]
        tallies[tally, HELD_MEM] += option[OPTION_MEM]
        tallies[tally, HELD_ACC] += option[OPTION_ACC]
        tally = int(up[tally])


@kernel
def shown_share(tallies: Floats, per: Floats, tally: int) -> int:
    """The weighted dominant share of what a tally holds, in thousandths."""
    most = max(tallies[tally, HELD_CPU] * per[3], tallies[tally, HELD_MEM] * per[4])
    most = max(most, tallies[tally, HELD_ACC] * per[5])
    return int(min(most / tallies[tally, TALLY_WEIGHT] * 1000.0, float(SHARE_MILLI_MAX)))


@kernel
def moves_on(state: Ints, tree: Ints, feed: Ints) -> bool:
    """Go on behind the next job; says whether its queue has to feed more before."""
    cursor = state[STATE_CURSOR]
    at = tree[cursor, TREE_FIRST]
    feed[at, FEED_LEFT] -= 1
    if feed[at, FEED_LEFT] <= 0:
        tree[cursor, TREE_FIRST] += 1
        tree[cursor, TREE_SIZE] -= 1
    state[STATE_RENEW] = 1
    return bool(tree[cursor, TREE_SIZE] == 0 and tree[cursor, TREE_MORE] > 0)


@kernel
def find(
    node: Ints, chips: Small, where: Codes, count: Codes, codes: Ints, rooms: Codes, members: Ints,
    starts: Ints, option: Ints, anywhere: Mask, rows: Ints, tasks: Ints, sums: Ints, shares: Ints,
) -> int:  # fmt: skip
    """Where an option's gang goes on its pool, a row and its tasks by turns; gives how many rows.

    0 where it does not fit; then OPTION_FITS gets how many of its tasks fit, where that was asked.
    """
    wanted = option[NEED_TASKS]
    if option[OPTION_NODES] == 1:
        row = tightest(node, chips, where, count, option, anywhere)
        if row >= 0:
            shares[0] = row
            shares[1] = wanted
            return 1
    if wanted <= 1:
        option[OPTION_FITS] = 0
        return 0
    if option[OPTION_ROOMY] == 0:
        option[OPTION_FITS] = fitting(node, chips, where, option)
        if option[OPTION_FITS] < wanted:
            return 0
        option[OPTION_ROOMY] = 1  # next time a domain is looked for first
    if option[NEED_CHIPS] > 0 and codes.shape[0] > 0:
        found = spread(
            node, chips, where, codes, rooms, members, starts, option, anywhere, rows, tasks,
            sums, shares,
        )  # fmt: skip
        if found > 0:
            return found
    gathered = gather(node, chips, where, option, anywhere, rows, tasks)
    fits = 0
    for at in range(gathered):
        fits += tasks[at]
    option[OPTION_FITS] = fits
    return pack(rows, tasks, gathered, int(wanted), codes, sums, shares)


@kernel
def try_pool(
    option: Ints, pool: Ints, all_nodes: Ints, all_chips: Small, all_where: Codes,
    all_count: Codes, all_codes: Ints, all_rooms: Codes, all_members: Ints, all_starts: Ints,
    rows: Ints, tasks: Ints, sums: Ints, shares: Ints, placed: Ints, freed: Small, anywhere: Mask,
    line: int, known: int, takes: int,
) -> int:  # fmt: skip
    """Find where an option's gang goes on its pool, and take that where it `takes` it.

    Where that is `known`, `shares` has so many rows. Gives how many shares it has; from row `line`
    on `placed` and `freed` get them.
    """
    size, wide = pool[POOL_ROWS], pool[POOL_CHIPS]
    base = pool[POOL_FIRST]
    node = all_nodes[base : base + size]
    base = pool[POOL_CHIPS_FIRST]
    chips = all_chips[base : base + size * wide].reshape((size, wide))
    base, length = pool[POOL_WHERE_FIRST], size + wide + 1
    where = all_where[base : base + (BEFORE + 1) * length].reshape((BEFORE + 1, length))
    base, length = pool[POOL_COUNT_FIRST], pool[POOL_BLOCKS] + 1
    classes = (wide + 1) * STEPS
    count = all_count[base : base + 2 * classes * length].reshape((2, classes, length))
    levels, domains = pool[POOL_LEVELS], pool[POOL_DOMAINS]
    base = pool[POOL_HELD_FIRST]
    length = levels * domains * (wide + 1)
    rooms = all_rooms[base : base + length].reshape((levels, domains, wide + 1))
    base = pool[POOL_CODES_FIRST]
    codes = all_codes[base : base + levels * size].reshape((levels, size))
    members = all_members[base : base + levels * size].reshape((levels, size))
    base = pool[POOL_STARTS_FIRST]
    length = levels * (domains + 1)
    starts = all_starts[base : base + length].reshape((levels, domains + 1))
    space = sums[:length].reshape((levels, domains + 1))
    found = known
    if found == 0:
        found = find(
            node, chips, where, count, codes, rooms, members, starts, option, anywhere, rows,
            tasks, space, shares,
        )  # fmt: skip
    for piece in range(found * takes):
        placed[line + piece, ADDED_POOL] = option[OPTION_POOL]
        place_share(
            node, chips, where, count, codes, rooms, option, shares[2 * piece],
            shares[2 * piece + 1], placed, freed, line + piece,
        )  # fmt: skip
    return found


@kernel
def next_turn(
    state: Ints, tree: Ints, share: Floats, heap: Ints, feed: Ints, passed: Mask, shapes: Ints,
    tallies: Floats, per: Floats,
) -> int:  # fmt: skip
    """Go to the job whose turn it is; 0 if its shape is one to go by, else why to stop."""
    cursors = state[STATE_CURSORS]
    while True:
        if state[STATE_RENEW]:
            state[STATE_RENEW] = 0
            renew(tree, share, heap, feed, tallies, per, state[STATE_CURSOR], cursors)
        cursor = whose_turn(tree, heap, cursors)
        state[STATE_CURSOR] = cursor
        if cursor < 0:
            return STOP_DONE
        at = tree[cursor, TREE_FIRST]
        shape = feed[at, FEED_SHAPE]
        if not passed[shape]:
            known = shapes[shape, SHAPE_STATE]
            if known == ASK_SHAPE or tree[cursor, TREE_ASK] or state[STATE_LEFT] <= 0:
                return STOP_ASK
            return STOP_UNKNOWN if known == UNKNOWN else GOES_ON
        feed[at, FEED_LEFT] = 0
        if moves_on(state, tree, feed):
            return STOP_FEED


@kernel
def note(
    state: Ints, tree: Ints, options: Ints, tallies: Floats, up: Ints, per: Floats, placed: Ints,
    out: Ints, found: int,
) -> None:  # fmt: skip
    """Note that the next job starts as STATE_OPTION, on `found` shares, and charge its tenant."""
    cursor, best, first = state[STATE_CURSOR], state[STATE_OPTION], state[STATE_ADDED]
    for piece in range(first, first + found):
        placed[piece, ADDED_END] = min(state[STATE_NOW] + options[best, OPTION_SPAN], NEVER_MS)
        placed[piece, ADDED_BASIS] = options[best, OPTION_BASIS]
    own = tree[cursor, TREE_OWN]
    line = state[STATE_PLACED]
    out[line, OUT_FEED] = tree[cursor, TREE_FIRST]
    out[line, OUT_CURSOR] = cursor
    out[line, OUT_OPTION] = best
    out[line, OUT_FIRST] = first
    out[line, OUT_COUNT] = found
    out[line, OUT_SHARE_MILLI] = shown_share(tallies, per, up[own])
    charge(tallies, up, own, options[best])
    state[STATE_ALLOWED] = 0
    state[STATE_ADDED] += found
    state[STATE_PLACED] += 1
    state[STATE_LEFT] -= 1
    state[STATE_TOLD] -= 1


@kernel
def flow(
    state: Ints, tree: Ints, share: Floats, heap: Ints, feed: Ints, passed: Mask, shapes: Ints,
    options: Ints, tallies: Floats, up: Ints, per: Floats, pools: Ints,
    all_nodes: Ints, all_chips: Small, all_where: Codes, all_count: Codes, all_codes: Ints,
    all_rooms: Codes, all_members: Ints, all_starts: Ints, rows: Ints, tasks: Ints, sums: Ints,
    shares: Ints, placed: Ints, freed: Small, out: Ints, anywhere: Mask, tables: Tables,
) -> int:  # fmt: skip
    """Go on until a stop; says why. `state` names the cursor and keeps the counts."""
    by_fragments = tables[4].shape[0] > 0
    while True:
        why = next_turn(state, tree, share, heap, feed, passed, shapes, tallies, per)
        if why != GOES_ON:
            return why
        shape = feed[tree[state[STATE_CURSOR], TREE_FIRST], FEED_SHAPE]
        first, count_options = shapes[shape, SHAPE_FIRST], shapes[shape, SHAPE_COUNT]
        tells = count_options > 1 and state[STATE_TOLD] > 0
        found = 0
        group, choice = -1, NONE
        for number in range(first, first + count_options):
            option = options[number]
            if option[OPTION_OUT] or (choice >= 0 and choice != number):
                continue
            if by_fragments and choice < 0 and option[OPTION_GROUP] != group:
                group = option[OPTION_GROUP]
                choice = choose(
                    options, number, first + count_options, pools, all_nodes, all_chips, placed,
                    state[STATE_ADDED], tables, shares,
                )  # fmt: skip
                if choice == ASKS:
                    return STOP_ASK
                if choice > number:
                    continue
            pool = pools[option[OPTION_POOL]]
            if pool[POOL_ASK]:
                return STOP_ASK
            line = state[STATE_ADDED]
            if line + option[NEED_TASKS] > placed.shape[0] or state[STATE_PLACED] >= out.shape[0]:
                return STOP_SPACE
            waits = option[OPTION_EVEN] == 0 and (
                shapes[shape, SHAPE_NONE_BETTER] != number - first
            )
            asks = tells or (waits and state[STATE_BETTER] > 0)
            takes = 1 if state[STATE_ALLOWED] > 0 or not asks else 0
            found = try_pool(
                option, pool, all_nodes, all_chips, all_where, all_count, all_codes, all_rooms,
                all_members, all_starts, rows, tasks, sums, shares, placed, freed, anywhere, line,
                1 if choice >= 0 else 0, takes,
            )  # fmt: skip
            if found > 0:
                state[STATE_OPTION] = number
                if takes == 0:
                    return STOP_CONSULT
                pool[POOL_PLACED] += found
                break
            option[OPTION_OUT] = 1
            option[OPTION_LASTING] = pool[POOL_PLACED] == 0
        if found == 0:
            shapes[shape, SHAPE_STATE] = ASK_SHAPE
            return STOP_ASK
        note(state, tree, options, tallies, up, per, placed, out, found)
        if moves_on(state, tree, feed):
            return STOP_FEED
