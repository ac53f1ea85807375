"""Whom a job may have stopped: attempts of weaker classes, and what others have borrowed.

Nobody is stopped who may not be, or before the time that was guaranteed. What is borrowed is taken
back for a tenant that stays within its guarantee, from tenants that hold more than theirs and only
as far as they do.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from hutong.model.ids import TenantId
from hutong.scheduler.columns import Ints, Mask, Rows, Slots
from hutong.scheduler.supply import Running


class Debtors(Protocol):
    """Who has borrowed what `owner` may ask back for a job of its own or below it."""

    owner: TenantId

    def by_slot(self, slots: Slots, at: Rows) -> Mask:
        """Which of some slots belong to tenants that have borrowed."""

    def allows(self, attempts: Sequence[Running]) -> bool:
        """Whether every tenant keeps its guarantee without these attempts."""


class Mandate(NamedTuple):
    """Whom one job may have stopped.

    `weaker_rank` is the rank from which on classes are weaker, None where the job's class evicts
    nobody; `ranks` are those of the codes of classes. `debtors` is None where nothing is reclaimed.
    """

    weaker_rank: int | None
    ranks: Ints
    debtors: Debtors | None = None

    def candidates(self, slots: Slots, at: Rows, now_ms: int) -> Rows:
        """Those of some slots that may be vacated."""
        at = at[slots.evictable[at] <= now_ms]
        weaker = self.is_weaker(slots, at)
        if self.debtors is not None and not weaker.all():
            weaker |= self.debtors.by_slot(slots, at)
        return at[weaker]

    def is_weaker(self, slots: Slots, at: Rows) -> Mask:
        """Which of some slots are of a class that may be evicted."""
        if self.weaker_rank is None:
            return np.zeros(len(at), np.bool_)
        weaker: Mask = self.ranks[slots.class_code[at]] >= self.weaker_rank
        return weaker
