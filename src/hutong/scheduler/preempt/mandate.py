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

    def candidates(self, slots: Slots, among: Mask, now_ms: int) -> Rows:
        """Those slots that may be vacated; `among` says which are considered."""
        size = len(among)
        among = among & (slots.evictable[:size] <= now_ms)
        if self.debtors is None:
            return np.flatnonzero(among & self._weaker[slots.class_code[:size]])
        at = np.flatnonzero(among)
        weaker = self.is_weaker(slots, at)
        if not weaker.all():
            weaker |= self.debtors.by_slot(slots, at)
        return at[weaker]

    def is_weaker(self, slots: Slots, at: Rows) -> Mask:
        """Which of some slots are of a class that may be evicted."""
        weaker: Mask = self._weaker[slots.class_code[at]]
        return weaker

    @property
    def _weaker(self) -> Mask:
        """Which codes of classes may be evicted."""
        if self.weaker_rank is None:
            return np.zeros(len(self.ranks), np.bool_)
        return self.ranks >= self.weaker_rank
