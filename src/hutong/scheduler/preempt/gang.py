"""Room for several tasks: which attempts go over the nodes of a pool, shared ones counted once.

Theory of operation. Nodes that share a candidate (an attempt on several of them) belong together:
the nodes of a pool fall into parts that have nothing to do with each other. For each part it is
worked out what the cheapest way costs to gain one task, two tasks and so on: on a single node
exactly (see `node`), over a few candidates by trying all their sets, else step by step. Then the
cheapest mix of parts that gains enough is a knapsack, solved exactly while it is small.

Most parts never come into question. A bound from below for each node (its share of what attempts
on several nodes lose) says which: the cheapest nodes that gain enough give a first solution, and a
node is left out if even with the cheapest of the others beside it the solution would cost more.

Exact: for pools where no more than `ROWS_MAX` nodes are left in question, each part is a node or
has `PART_VICTIMS_MAX` candidates or fewer, and the knapsack takes no more than `KNAPSACK_MAX`
steps. Beyond, the answer is a good one whose victims are all needed.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from hutong.scheduler.columns import Ints, Rows
from hutong.scheduler.preempt.node import Node, Piece, Victim, cheapest, total_cost
from hutong.scheduler.preempt.survey import Floats, Survey
from hutong.scheduler.supply import Running

ROWS_MAX = 192
PART_VICTIMS_MAX = 12
KNAPSACK_MAX = 50_000
IMPROVEMENTS_MAX = 16
_MORE_ROWS = 8


class Way(NamedTuple):
    """One way for a part to gain tasks."""

    gain: int
    cost: int
    victims: tuple[Victim, ...]


class Ground:
    """The nodes of one place that may give room, with the candidates on them."""

    def __init__(self, survey: Survey, rows: Sequence[int], running: dict[int, Running]) -> None:
        self.tasks = survey.tasks
        self.allows = survey.allows
        self.nodes: dict[int, Node] = {row: survey.node(row) for row in rows}
        self.pieces: dict[int, dict[int, Piece]] = {}
        self.rows_of: dict[int, list[int]] = {}
        self.victims: dict[int, Victim] = {}
        self.base = {row: int(survey.base[row]) for row in rows}
        for row in rows:
            self.pieces[row] = {}
            for piece in survey.pieces(row, running):
                number = piece.victim.number
                self.pieces[row][number] = piece
                self.rows_of.setdefault(number, []).append(row)
                self.victims[number] = piece.victim

    def gain(self, victims: Sequence[int], rows: Sequence[int]) -> int:
        """How many more tasks some rows hold without some victims."""
        return sum([self.gain_on(row, victims) for row in rows])

    def gain_on(self, row: int, victims: Sequence[int]) -> int:
        """The same for one row."""
        pieces = self.pieces[row]
        gone = [pieces[number] for number in victims if number in pieces]
        return self.nodes[row].tasks(gone, self.tasks) - self.base[row]

    def rows_touched(self, victims: Sequence[int]) -> list[int]:
        """The rows where some victims give something back."""
        return list(dict.fromkeys([row for number in victims for row in self.rows_of[number]]))

    def parts(self) -> list[list[int]]:
        """Rows that share candidates, together; each part in the order of the rows."""
        part_of = {row: row for row in self.nodes}

        def find(row: int) -> int:
            while part_of[row] != row:
                part_of[row] = part_of[part_of[row]]
                row = part_of[row]
            return row

        for rows in self.rows_of.values():
            for row in rows[1:]:
                one, other = sorted((find(rows[0]), find(row)))
                part_of[other] = one
        parts: dict[int, list[int]] = {}
        for row in self.nodes:
            parts.setdefault(find(row), []).append(row)
        return list(parts.values())


def cheapest_gang(
    survey: Survey, rows: Rows, missing: int, running: dict[int, Running]
) -> list[Victim]:
    """Who goes so that `rows` (positions in `survey.rows`) hold `missing` more tasks together.

    Empty where that cannot be, or is not found.
    """
    gains = (survey.every - survey.base)[survey.rows[rows]]
    first, each = [prices[rows] for prices in survey.prices()]
    order = np.argsort(each, kind="stable")
    enough = int(np.searchsorted(np.cumsum(gains[order]), missing)) + 1
    few = order[: enough + _MORE_ROWS]
    best = _solve_on(survey, rows[few], missing, running)
    if len(few) == len(order):
        return best
    wide = order
    if best:
        upto = missing - gains[order]
        least = np.maximum(first, each)[order] + _fill(each[order], gains[order], upto)
        wide = order[least <= survey.spent(best) * (1 + 1e-9)]
    wide = wide[:ROWS_MAX]
    if len(np.setdiff1d(wide, few)):
        wider = _solve_on(survey, rows[wide], missing, running)
        if wider and (not best or total_cost(wider) < total_cost(best)):
            best = wider
    return best


def _fill(prices: Floats, gains: Ints, wanted: Ints) -> Floats:
    """What so many tasks cost at least, the cheapest first. Prices are for a task, in order."""
    upto = np.concatenate([[0], np.cumsum(gains)])
    spent = np.concatenate([[0.0], np.cumsum(prices * gains)])
    filled: Floats = np.interp(np.maximum(wanted, 0), upto, spent)
    return filled


def _solve_on(
    survey: Survey, rows: Rows, missing: int, running: dict[int, Running]
) -> list[Victim]:
    return solve(Ground(survey, survey.rows[rows].tolist(), running), missing)


def solve(ground: Ground, missing: int) -> list[Victim]:
    """The cheapest victims that gain enough, every one of them needed; empty if none are found."""
    if ground.gain(list(ground.victims), list(ground.nodes)) < missing:
        return []
    bound_together = any(victim.reclaimed for victim in ground.victims.values())
    if bound_together and len(ground.victims) <= PART_VICTIMS_MAX:
        ways = _all_ways(ground, list(ground.nodes), list(ground.victims))
        best = _pareto([way for way in ways if way.gain >= missing], missing)
        return _needed(ground, best[0].victims, missing) if best else []
    parts = [_ways(ground, part, missing) for part in ground.parts()]
    chosen = _mix([ways for ways in parts if ways], missing)
    if not ground.allows(chosen):
        chosen = _as_allowed(ground, parts, missing)
    return _needed(ground, chosen, missing)


# Ways of a part


def _ways(ground: Ground, rows: list[int], missing: int) -> list[Way]:
    """What it costs a part to gain one task, two tasks and so on, without what is never best."""
    numbers = list(dict.fromkeys([number for row in rows for number in ground.pieces[row]]))
    if len(rows) == 1:
        ways = _ways_of_node(ground, rows[0], missing)
    elif len(numbers) <= PART_VICTIMS_MAX:
        ways = _all_ways(ground, rows, numbers)
    else:
        ways = _ways_by_steps(ground, rows, numbers, missing)
    return _pareto(ways, missing)


def _ways_of_node(ground: Ground, row: int, missing: int) -> list[Way]:
    node, pieces = ground.nodes[row], list(ground.pieces[row].values())
    base, ways = ground.base[row], []
    most = ground.gain_on(row, list(ground.pieces[row]))
    for gain in range(1, min(most, missing) + 1):
        chosen = cheapest(node, pieces, base + gain, ground.allows)
        victims = tuple([piece.victim for piece in chosen])
        if victims:
            ways.append(Way(gain, total_cost(victims), victims))
    return ways


def _all_ways(ground: Ground, rows: list[int], numbers: list[int]) -> list[Way]:
    """Every set of the candidates."""
    ways = []
    for bits in range(1, 1 << len(numbers)):
        chosen = [number for at, number in enumerate(numbers) if bits >> at & 1]
        gain = ground.gain(chosen, rows)
        victims = tuple([ground.victims[number] for number in chosen])
        if gain > 0 and ground.allows(victims):
            ways.append(Way(gain, total_cost(victims), victims))
    return ways


def _ways_by_steps(
    ground: Ground, rows: list[int], numbers: list[int], missing: int
) -> list[Way]:  # fmt: skip
    """One row's next task after the other, whichever costs least for what is not chosen yet.

    Each step is a way. The last one leaves out what it does not need, and is tried again without
    each of its victims in turn.
    """
    chosen = _steps(ground, rows, [], missing, without=-1)
    ways = []
    for count in range(1, len(chosen)):
        victims = tuple([ground.victims[number] for step in chosen[:count] for number in step])
        gain = ground.gain([victim.number for victim in victims], rows)
        ways.append(Way(gain, total_cost(victims), victims))
    last = _needed_way(ground, chosen, missing, rows)
    for victim in last.victims[:IMPROVEMENTS_MAX]:
        kept = [other.number for other in last.victims if other.number != victim.number]
        other = _steps(ground, rows, kept, missing, without=victim.number)
        again = _needed_way(ground, [kept, *other], missing, rows)
        if again.gain >= last.gain and again.cost < last.cost:
            last = again
    return [*ways, last]


def _needed_way(ground: Ground, steps: list[list[int]], missing: int, rows: list[int]) -> Way:
    """The victims of some steps less those without whom as much, or enough, is gained."""
    numbers = list(dict.fromkeys([number for step in steps for number in step]))
    gain = min(ground.gain(numbers, rows), missing)
    needed = _needed(ground, [ground.victims[number] for number in numbers], gain)
    return Way(gain, total_cost(needed), tuple(needed))


def _steps(
    ground: Ground, rows: list[int], kept: list[int], missing: int, *, without: int
) -> list[list[int]]:
    """Who goes, step by step, until enough is gained or nothing more can be."""
    chosen = list(kept)
    gains = {row: ground.gain_on(row, chosen) for row in rows}
    open_rows = {row: _next_step(ground, row, chosen, without) for row in rows}
    steps: list[list[int]] = []
    while sum(gains.values()) < missing:
        found = [(cost, row, fresh) for row, (cost, fresh) in open_rows.items() if fresh]
        if not found:
            break
        fresh = min(found)[2]
        chosen += fresh
        steps.append(fresh)
        if not ground.allows([ground.victims[number] for number in chosen]):
            break
        for row in ground.rows_touched(fresh):
            gains[row] = ground.gain_on(row, chosen)
            open_rows[row] = _next_step(ground, row, chosen, without)
    return steps


def _next_step(ground: Ground, row: int, chosen: list[int], without: int) -> tuple[int, list[int]]:
    """What one more task on a row costs, an attempt on several rows shared among them."""
    known = ground.pieces[row]
    left = [number for number in known if number not in chosen and number != without]
    before = ground.gain_on(row, chosen)
    if ground.gain_on(row, [*chosen, *left]) <= before:
        return 0, []
    fresh: list[int] = []
    for number in sorted(left, key=lambda number: _share(ground, number)):
        fresh.append(number)
        if ground.gain_on(row, [*chosen, *fresh]) > before:
            break
    return sum([_share(ground, number) for number in fresh]), fresh


def _share(ground: Ground, number: int) -> int:
    return ground.victims[number].cost // len(ground.rows_of[number])


def _pareto(ways: list[Way], missing: int) -> list[Way]:
    """Ways that no other one beats: growing in gain and in cost. More than enough is enough."""
    best: dict[int, Way] = {}
    for way in ways:
        gain = min(way.gain, missing)
        if gain not in best or way.cost < best[gain].cost:
            best[gain] = Way(gain, way.cost, way.victims)
    kept: list[Way] = []
    for gain in sorted(best, reverse=True):
        if not kept or best[gain].cost < kept[-1].cost:
            kept.append(best[gain])
    return kept[::-1]


# The mix of parts


def _mix(parts: list[list[Way]], missing: int) -> list[Victim]:
    """One way or none of each part, together the cheapest that gain enough."""
    by_rate = _by_rate(parts, missing)
    steps = missing * sum([len(ways) for ways in parts])
    if by_rate[1] or steps > KNAPSACK_MAX:
        return by_rate[0]
    return _knapsack(parts, missing)


def _by_rate(parts: list[list[Way]], missing: int) -> tuple[list[Victim], bool]:
    """The cheapest for a task first, and whether that is certainly the best.

    It is where each part has ways of one rate that only fall, and the last one fits exactly.
    """
    singles = all(len(ways) == 1 for ways in parts)
    order = sorted(
        [(way.cost, way.gain, at, way) for at, ways in enumerate(parts) for way in ways],
        key=_RateKey,
    )
    taken: dict[int, Way] = {}
    gained, exact = 0, True
    for _, gain, at, way in order:
        if gained >= missing:
            break
        before = taken[at].gain if at in taken else 0
        if gain > before:
            taken[at] = way
            gained += gain - before
            exact = exact and gained <= missing
    victims = [victim for at in sorted(taken) for victim in taken[at].victims]
    return victims, singles and exact and gained == missing


class _RateKey:
    """Sorts by cost for a task, exactly, then by gain, the larger first, then by part."""

    __slots__ = ("at", "cost", "gain")

    def __init__(self, item: tuple[int, int, int, Way]) -> None:
        self.cost, self.gain, self.at = item[:3]

    def __lt__(self, other: "_RateKey") -> bool:
        one, two = self.cost * other.gain, other.cost * self.gain
        return (one, -self.gain, self.at) < (two, -other.gain, other.at)


def _knapsack(parts: list[list[Way]], missing: int) -> list[Victim]:
    """Exactly: by part, the cheapest for each number of tasks gained so far."""
    best: dict[int, tuple[int, tuple[Way, ...]]] = {0: (0, ())}
    for ways in parts:
        reached = dict(best)
        for gained, (cost, taken) in best.items():
            for way in ways:
                total = min(gained + way.gain, missing)
                known = reached.get(total)
                if known is None or cost + way.cost < known[0]:
                    reached[total] = (cost + way.cost, (*taken, way))
        best = reached
    return [victim for way in best[missing][1] for victim in way.victims]


def _as_allowed(ground: Ground, parts: list[list[Way]], missing: int) -> list[Victim]:
    """Ways in the order of what a task costs, as far as their victims may go together."""
    chosen: dict[int, Victim] = {}
    gained: dict[int, int] = {}
    order = [(way.cost, way.gain, at, way) for at, ways in enumerate(parts) for way in ways]
    for _, gain, at, way in sorted(order, key=_RateKey):
        if sum(gained.values()) >= missing:
            break
        more = {**chosen, **{victim.number: victim for victim in way.victims}}
        if gain > gained.get(at, 0) and ground.allows(list(more.values())):
            chosen, gained[at] = more, gain
    return list(chosen.values()) if sum(gained.values()) >= missing else []


def _needed(ground: Ground, victims: Sequence[Victim], missing: int) -> list[Victim]:
    """Leave out, the dearest first, every victim without whom enough is gained as well."""
    kept = {victim.number: victim for victim in sorted(victims, key=lambda v: v.order)}
    rows = ground.rows_touched(list(kept))
    for victim in sorted(victims, key=lambda victim: victim.order, reverse=True):
        fewer = [number for number in kept if number != victim.number]
        if ground.gain(fewer, rows) >= missing:
            del kept[victim.number]
    return list(kept.values())
