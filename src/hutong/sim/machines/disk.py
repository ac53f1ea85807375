"""The hub's disk: a journal of text lines, the rows that go with it, and the last two snapshots.

It stands in for the store (`hutong.store.contract`) where a whole hub lives in virtual time. What
it keeps is encoded as the real store encodes it, so that a journal read back is a journal decoded.
"""

import hashlib

from hutong.lifecycle.events import Entry
from hutong.lifecycle.rows import AttemptRow, ElementRow, JobRow
from hutong.model.ids import AttemptId, JobId, TenantId
from hutong.store.codec import ENTRIES, encoded
from hutong.store.contract import Batch


class Rows:
    """The read tables: the last row of each job and attempt, and the ended elements."""

    def __init__(self) -> None:
        self.jobs: dict[JobId, JobRow] = {}
        self.attempts: dict[AttemptId, AttemptRow] = {}
        self.elements: dict[tuple[JobId, int], ElementRow] = {}
        self.keys: dict[tuple[TenantId, str], JobId] = {}

    def take(self, batch: Batch) -> None:
        """Write the rows of a batch."""
        self.jobs.update(batch.jobs)
        self.attempts.update(batch.attempts)
        for element in batch.elements:
            self.elements[element.job, element.element] = element
        for job in batch.jobs.values():
            if job.key:
                self.keys[job.tenant, job.key] = job.id

    def copy(self) -> "Rows":
        """The tables as they are now, to write on without touching these."""
        other = Rows()
        other.jobs = dict(self.jobs)
        other.attempts = dict(self.attempts)
        other.elements = dict(self.elements)
        other.keys = dict(self.keys)
        return other


class Disk:
    """What outlives the hub's process. Writing a batch is all or nothing."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.rows = Rows()
        self.full = False
        self._digest = hashlib.sha256()
        self._snapshots: list[tuple[int, bytes]] = []

    @property
    def last_ms(self) -> int:
        """Time of the last entry (the hub's Unix ms); 0 in an empty journal."""
        return self.entry(self.position).at_ms if self.lines else 0

    @property
    def position(self) -> int:
        """Position of the last entry."""
        return len(self.lines)

    def append(self, batch: Batch) -> list[Entry]:
        """Write a batch; gives its entries as they will be read."""
        lines = [encoded(entry) for entry in batch.entries]
        for line in lines:
            self._digest.update(line.encode())
            self._digest.update(b"\n")
        self.lines.extend(lines)
        self.rows.take(batch)
        return decoded(lines)

    def entries(self, after: int) -> list[Entry]:
        """All entries behind a position."""
        return decoded(self.lines[after:])

    def entry(self, position: int) -> Entry:
        """The entry at a position."""
        return decoded([self.lines[position - 1]])[0]

    def digest(self) -> str:
        """SHA-256 of the journal, hex."""
        return self._digest.hexdigest()

    def save_snapshot(self, position: int, body: bytes) -> None:
        """Keep a snapshot beside the one before it."""
        assert position <= self.position, f"a snapshot at {position}, ahead of {self.position}"
        self._snapshots = [*self._snapshots[-1:], (position, body)]

    def load_snapshot(self) -> tuple[int, bytes] | None:
        """The newest snapshot that is whole."""
        for position, body in reversed(self._snapshots):
            if body:
                return position, body
        return None

    def tear_snapshot(self) -> None:
        """Make the newest snapshot unreadable; the store finds that out by its checksum."""
        if self._snapshots:
            self._snapshots[-1] = (self._snapshots[-1][0], b"")

    def drop_snapshots(self) -> None:
        """Lose them all."""
        self._snapshots.clear()


def decoded(lines: list[str]) -> list[Entry]:
    """Read lines of a journal."""
    return ENTRIES.decode("[" + ",".join(lines) + "]")
