"""Preemption: which attempts make room for a job that may ask for it, at the least loss.

Whole attempts, on one site, that may be stopped and have had their guaranteed time; the job itself
goes to one pool of it. For one more task the choice is exact over all nodes of all pools
(`single`), for a gang as far as `gang` says. What stops already counts as gone, and what earlier
reservations keep as taken. Whoever turns out not to be needed is spared.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from hutong.scheduler import gang_layout
from hutong.scheduler.board import Board
from hutong.scheduler.columns import Ints, Rows
from hutong.scheduler.fit import pack
from hutong.scheduler.match import Option
from hutong.scheduler.preempt.gang import cheapest_gang
from hutong.scheduler.preempt.mandate import Debtors, Mandate
from hutong.scheduler.preempt.node import Victim, total_cost
from hutong.scheduler.preempt.single import cheapest_single
from hutong.scheduler.preempt.survey import Survey
from hutong.scheduler.reserve import Found, found
from hutong.scheduler.supply import Running

PLACES_MAX = 16
"""Of more places that could hold a gang which may not span them, the most promising are tried."""


class Eviction(NamedTuple):
    """Who has to stop for one pool, their slots there, and the reservation that this makes.

    `owner` is the tenant that takes back what was lent, if any of them is `reclaimed`.
    """

    option: Option
    victims: tuple[Victim, ...]
    slots: Rows
    found: Found
    owner: str = ""

    @property
    def loss(self) -> int:
        """What decides between pools: accelerator time, CPU time, number of attempts."""
        return total_cost(self.victims)

    @property
    def grace_ms(self) -> int:
        """When the last of them is gone at the latest."""
        return max([victim.running.attempt.grace_ms for victim in self.victims], default=0)


def cheapest_eviction(
    board: Board, options: list[Option], tasks: int, *,
    weaker_rank: int | None, ranks: Ints, running: dict[int, Running],
    debtors: Callable[[Option], Debtors | None] | None = None,
) -> Eviction | None:  # fmt: skip
    """The eviction that loses least over the pools a job could use; None where none makes room.

    Victims are of ranks from `weaker_rank` on (None: of none); `ranks` are those of the codes of
    classes. What was borrowed from the job's tenant, as `debtors` tell of each option, may go
    whatever its class. Ties go to the option that the job prefers.
    """
    best: Eviction | None = None
    for option in options:
        if board.lane(option.columns).closed_by is not None:
            continue
        mandate = Mandate(weaker_rank, ranks, debtors(option) if debtors is not None else None)
        if mandate.weaker_rank is None and mandate.debtors is None:
            continue
        survey = Survey(board, option, tasks, mandate)
        if not len(survey.rows):
            continue
        eviction = _eviction(survey, _victims(survey, running))
        if eviction is not None and (best is None or eviction.loss < best.loss):
            best = eviction
    return best


def _victims(survey: Survey, running: dict[int, Running]) -> list[Victim]:
    """Who goes at the least loss on one pool; empty if nothing makes room."""
    option, tasks = survey.option, survey.tasks
    if not option.laid:
        rows = np.arange(len(survey.rows))
        return _on(survey, rows, tasks - int(survey.base.sum()), running)
    codes = gang_layout.places(option.columns.domains, option.within, len(survey.base))
    before = np.bincount(codes, weights=survey.base)
    after = np.bincount(codes, weights=survey.every)
    if bool((before >= tasks).any()):
        return []
    able = np.flatnonzero(after >= tasks)
    best: list[Victim] = []
    for place in able[np.argsort(-before[able], kind="stable")][:PLACES_MAX].tolist():
        rows = np.flatnonzero(codes[survey.rows] == place)
        victims = _on(survey, rows, tasks - int(before[place]), running)
        if victims and (not best or total_cost(victims) < total_cost(best)):
            best = victims
    return best


def _on(survey: Survey, rows: Rows, missing: int, running: dict[int, Running]) -> list[Victim]:
    """Who goes so that some rows (positions in `survey.rows`) hold so many more tasks."""
    gains = (survey.every - survey.base)[survey.rows[rows]]
    if missing <= 0 or int(gains.sum()) < missing:
        return []
    if missing == 1:
        return cheapest_single(survey, rows, running)
    return cheapest_gang(survey, rows, missing, running)


def _eviction(survey: Survey, victims: list[Victim]) -> Eviction | None:
    """Put an eviction together with the reservation that it makes; None if nobody has to go."""
    if not victims:
        return None
    option = survey.option
    shares = [share for victim in victims for share in survey.shares(victim.running)]
    slots = np.array([share.slot for share in shares], np.int64)
    room = survey.room_after(slots)
    by_row = survey.capacity(room)
    if option.laid:
        placed = gang_layout.lay(by_row, survey.tasks, option.columns.domains, option)
    else:
        placed = pack(by_row, survey.tasks, option.columns.domains)
    if not placed:
        return None
    ready = found(room, placed, survey.reserved, start_ms=survey.now_ms, basis="limits")
    debtors = survey.mandate.debtors
    return Eviction(option, tuple(victims), slots, ready, debtors.owner if debtors else "")
