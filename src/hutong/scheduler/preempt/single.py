"""Room for one more task: the node where making it loses least, exactly.

Nodes are looked at in the order of their bounds; the search ends when no bound left is below the
best that was found. On equal accelerator time the CPU time decides, then the number of attempts,
then the later start, then the node that comes first; of nodes whose bounds equal the best loss,
`TIES_MAX` are compared.
"""

from collections.abc import Iterator

import numpy as np

from hutong.scheduler.columns import Rows
from hutong.scheduler.preempt.node import Victim, cheapest, key_of
from hutong.scheduler.preempt.survey import Bounds, Survey
from hutong.scheduler.supply import Running

TIES_MAX = 16
ROWS_MAX = 1_024
"""Nodes looked at for one eviction. Only bounds far from the truth lead to so many."""
_FIRST = 32


def cheapest_single(
    survey: Survey, rows: Rows, running: dict[int, Running], ceiling: tuple[int, int] | None = None
) -> list[Victim]:
    """Who goes so that one of `rows` holds one more task; empty if none can.

    `rows` are positions in `survey.rows`. Nothing that loses more than `ceiling`, accelerator and
    CPU time, is looked for.
    """
    bounds = survey.bounds()
    best: list[Victim] = []
    key = (0, 0)
    most = ceiling
    ties = 0
    for looked, at in enumerate(in_order(Bounds(bounds.chips[rows], bounds.cpu[rows]))):
        bound = (bounds.chips[rows[at]], bounds.cpu[rows[at]])
        if most is not None and bound > most:
            break
        ties += bound == most
        if looked >= ROWS_MAX or ties > TIES_MAX:
            break
        row = int(survey.rows[rows[at]])
        wanted = int(survey.base[row]) + 1
        pieces = survey.pieces(row, running)
        pieces = cheapest(survey.node(row), pieces, wanted, survey.allows)
        if pieces and (not best or key_of(pieces) < key):
            best, key = [piece.victim for piece in pieces], key_of(pieces)
            most = _losses(best)
            ties = 0
    return best


def in_order(bounds: Bounds) -> Iterator[int]:
    """Positions by their bounds. The few smallest are found without sorting all."""
    chips, cpu = bounds
    if len(chips) <= 2 * _FIRST:
        yield from np.lexsort((cpu, chips)).tolist()
        return
    edge = np.partition(chips, _FIRST)[_FIRST]
    below = np.flatnonzero(chips < edge)
    yield from below[np.lexsort((cpu[below], chips[below]))].tolist()
    tied = np.flatnonzero(chips == edge)
    yield from tied[np.argsort(cpu[tied], kind="stable")].tolist()
    above = np.flatnonzero(chips > edge)
    yield from above[np.lexsort((cpu[above], chips[above]))].tolist()


def _losses(victims: list[Victim]) -> tuple[int, int]:
    return (
        sum([victim.lost_accelerator_milli_ms for victim in victims]),
        sum([victim.lost_cpu_milli_ms for victim in victims]),
    )
