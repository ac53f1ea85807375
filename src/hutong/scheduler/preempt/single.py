"""Room for one more task: the node where making it loses least, exactly.

Nodes are looked at in the order of their bounds; the search ends when no bound left is below the
best that was found. Accelerator time decides, then CPU time, the number of attempts, the later
start, the node that comes first; of nodes whose bounds equal the best loss, `TIES_MAX` are
compared.
"""

from collections.abc import Iterator

import numpy as np

from hutong.scheduler.columns import Rows
from hutong.scheduler.preempt.node import Victim, cheapest, key_of
from hutong.scheduler.preempt.survey import Floats, Survey
from hutong.scheduler.supply import Running

TIES_MAX = 16
ROWS_MAX = 1_024
"""Nodes looked at for one eviction. Only bounds far from the truth lead to so many."""
_FIRST = 32


def cheapest_single(survey: Survey, rows: Rows, running: dict[int, Running]) -> list[Victim]:
    """Who goes so that one of `rows` (positions in `survey.rows`) holds one more task.

    Empty if none can.
    """
    bounds = survey.bounds()[rows]
    best: list[Victim] = []
    key = (0, 0)
    most = np.inf
    ties = 0
    for looked, at in enumerate(in_order(bounds)):
        ties += bool(bounds[at] == most)
        if bounds[at] > most or ties > TIES_MAX or looked >= ROWS_MAX:
            break
        row = int(survey.rows[rows[at]])
        wanted = int(survey.base[row]) + 1
        pieces = survey.pieces(row, running)
        pieces = cheapest(survey.node(row), pieces, wanted, survey.allows)
        if pieces and (not best or key_of(pieces) < key):
            best, key = [piece.victim for piece in pieces], key_of(pieces)
            spent = survey.spent(best)
            ties = ties if spent == most else 0
            most = spent
    return best


def in_order(bounds: Floats) -> Iterator[int]:
    """Positions by their bounds, then by position. The few smallest come without a sort of all."""
    if len(bounds) <= 2 * _FIRST:
        yield from np.argsort(bounds, kind="stable").tolist()
        return
    edge = np.partition(bounds, _FIRST)[_FIRST]
    below = np.flatnonzero(bounds < edge)
    yield from below[np.argsort(bounds[below], kind="stable")].tolist()
    yield from np.flatnonzero(bounds == edge).tolist()
    above = np.flatnonzero(bounds > edge)
    yield from above[np.argsort(bounds[above], kind="stable")].tolist()
