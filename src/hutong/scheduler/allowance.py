"""What quotas leave a tenant's job of its options: which, and what is in the way of the others.

One piece for the cycle, the forecast and the preview, so that they say the same.
"""

from collections.abc import Sequence

from hutong.model.reasons import OverQuota
from hutong.scheduler.estimate import UNKNOWN_MS, Ending, Start, quota_start
from hutong.scheduler.ledger import Ledger
from hutong.scheduler.option import Option
from hutong.scheduler.supply import worse
from hutong.scheduler.tenant_tree import Entity


class Allowance:
    """The options of one job as quotas leave them.

    `usable` are those within quota, by position. `started` is what the cycle has placed by now.
    """

    __slots__ = ("_entity", "_now_ms", "_over", "_started", "_starts", "usable")

    def __init__(
        self, ledger: Ledger, entity: Entity, options: Sequence[Option], now_ms: int,
        started: Sequence[tuple[Entity, Ending]] = (),
    ) -> None:  # fmt: skip
        self._entity = entity
        self._now_ms = now_ms
        self._started = started
        self._over: dict[int, OverQuota] = {}
        self._starts: dict[OverQuota, Start] = {}
        for at, option in enumerate(options) if entity.limits else ():
            over = ledger.over_quota(entity, option.claim)
            if over is not None:
                self._over[at] = over
        self.usable = [at for at in range(len(options)) if at not in self._over]

    @property
    def overs(self) -> list[OverQuota]:
        """The quotas in the way, each once, as the first option that breaks it says."""
        found: dict[tuple[str, str], OverQuota] = {}
        for over in self._over.values():
            found.setdefault((over.tenant, over.resource), over)
        return list(found.values())

    def allows(self, at: int) -> bool:
        """Whether an option is within quota."""
        return at not in self._over

    def start(self, at: int, room: Start) -> Start:
        """When a job may start on an option that has room for it at a time: not before its quota
        is expected to let it.
        """
        over = self._over.get(at)
        if over is None:
            return room
        if over not in self._starts:
            owner = next(above for above in self._entity.limits if above.id == over.tenant)
            self._starts[over] = quota_start(owner, over, self._started, self._now_ms)
        let = self._starts[over]
        if UNKNOWN_MS in (let.start_ms, room.start_ms):
            return Start(UNKNOWN_MS, "none")
        if let.start_ms > room.start_ms:
            return Start(let.start_ms, worse(let.basis, room.basis))
        return Start(room.start_ms, worse(let.basis, room.basis))
