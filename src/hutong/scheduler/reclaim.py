"""Reclaiming: what a tenant lent, taken back for its own jobs.

A job whose tenant would stay within its guarantee has a right to what others hold beyond theirs.
It may have such attempts stopped whatever their class, as far as they may be stopped and have had
their guaranteed time, the least loss first. No tenant falls below its own guarantee by it: what is
being stopped already, and what was chosen earlier in the cycle, counts as gone; and what jobs wait
for while room is being made for them counts as theirs.
"""

from collections.abc import Sequence

import numpy as np

from hutong.model.ids import TenantId
from hutong.scheduler.claim import Claim
from hutong.scheduler.columns import Mask, Rows, Slots
from hutong.scheduler.ledger import Ledger
from hutong.scheduler.match import Option
from hutong.scheduler.supply import Running, Supply
from hutong.scheduler.tenant_tree import Entity


class Reclaims:
    """What one cycle takes back."""

    def __init__(self, ledger: Ledger, supply: Supply) -> None:
        self._ledger = ledger
        self._supply = supply
        self._leaving: list[Running] = list(supply.stopping.values())
        self._promised: dict[TenantId, list[Claim]] = {}

    def debtors(self, entity: Entity, option: Option) -> "Borrowers | None":
        """From whom a tenant's job may take an option's room back; None where it has no right to.

        Each job that waits for room being made is within the guarantee only with those before it.
        """
        if not entity.limits:
            return None
        owner = self._ledger.owner(entity, option.claim)
        if owner is None:
            return None
        promised = self._promised.get(owner.id, [])
        if promised:
            together = _together([option.claim, *promised])
            if self._ledger.owner(entity, together) is not owner:
                return None
        return Borrowers(self._ledger, self._supply, owner, self._leaving)

    def promise(self, entity: Entity, claim: Claim) -> None:
        """Account a job for which room is being made."""
        for above in entity.chain:
            self._promised.setdefault(above.id, []).append(claim)

    def leave(self, running: Running) -> None:
        """Account an attempt that is to be stopped."""
        self._leaving.append(running)


class Borrowers:
    """Who holds more than is guaranteed, of what `owner` lent."""

    def __init__(
        self, ledger: Ledger, supply: Supply, owner: Entity, leaving: Sequence[Running]
    ) -> None:
        self.owner = owner.id
        self._ledger = ledger
        self._supply = supply
        self._entity = owner
        self._leaving = leaving

    def by_slot(self, slots: Slots, at: Rows) -> Mask:
        """Which of some slots belong to tenants that owe something.

        Asked once for each tenant, with and without accelerators: which chip and which site an
        attempt holds is that of its pool.
        """
        kinds = slots.tenant_code[at] * 2 + (slots.milli[at] > 0)
        count = 2 * len(self._supply.tenant_codes)
        first = np.full(count, -1, np.int64)
        first[kinds[::-1]] = at[::-1]
        owes = np.zeros(count, np.bool_)
        for kind in np.flatnonzero(first >= 0).tolist():
            running = self._supply.by_number[int(slots.attempt[first[kind]])]
            owes[kind] = self._ledger.owes(self._entity, running)
        found: Mask = owes[kinds]
        return found

    def allows(self, attempts: Sequence[Running]) -> bool:
        """Whether no tenant falls below its guarantee without these attempts."""
        beside = [*attempts, *self._leaving]
        reclaimable = self._ledger.reclaimable
        return all(reclaimable(self._entity, running, beside) for running in attempts)


def _together(claims: Sequence[Claim]) -> Claim:
    """What some attempts of one kind would hold together."""
    held = claims[0].held
    for claim in claims[1:]:
        held = held.plus(claim.held)
    return claims[0]._replace(held=held)
