"""Jobs that ended a moment ago.

A submission that names an idempotency key or a dependency looks in the store for jobs that the
machine no longer holds. A job that leaves the machine between that look and the submission would
be found in neither place; it is found here.
"""

from collections import deque

from hutong.lifecycle.rows import JobRow
from hutong.model.ids import JobId, TenantId
from hutong.model.states import JobState

KEEP_MS = 10_000
"""Longer than a look into the store is given (`LOOK_MS`)."""

LOOK_MS = 8_000


class JustEnded:
    """Final states by job, and jobs by key, of the last `KEEP_MS`."""

    def __init__(self) -> None:
        self._order: deque[tuple[int, JobRow]] = deque()
        self._jobs: dict[JobId, JobRow] = {}
        self._keys: dict[tuple[TenantId, str], JobId] = {}

    def note(self, rows: dict[JobId, JobRow], now_ms: int) -> None:
        """Take in the rows that a step changed."""
        for row in rows.values():
            if row.ended_ms:
                self._order.append((now_ms, row))
                self._jobs[row.id] = row
                if row.key:
                    self._keys[row.tenant, row.key] = row.id
        while self._order and self._order[0][0] < now_ms - KEEP_MS:
            _, row = self._order.popleft()
            if self._jobs.get(row.id) is row:
                del self._jobs[row.id]
                self._keys.pop((row.tenant, row.key), None)

    def state(self, job: JobId) -> tuple[TenantId, JobState] | None:
        """Tenant and final state of a job that ended a moment ago."""
        row = self._jobs.get(job)
        return (row.tenant, row.state) if row else None

    @property
    def has_keys(self) -> bool:
        """Say whether any job with a key ended a moment ago."""
        return bool(self._keys)

    def has_key(self, tenant: TenantId, key: str) -> bool:
        """Say whether a job of this key ended a moment ago."""
        return (tenant, key) in self._keys
