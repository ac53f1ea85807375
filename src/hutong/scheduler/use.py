"""What a tenant used of late: an average of what it held that forgets at a rate.

Theory of operation. `average(t) = average(t0) * f + held * (1 - f)` with `f = 2 ** -((t - t0) / H)`
while it holds the same, so a tenant that always held the same has that as its average, and what it
held one half-life H ago counts half. The record is rolled forward when what is held changes, with
the time of the event, and otherwise only read: reading changes nothing, so that a fold of the same
events gives the same record, bit by bit. A clock that steps back takes no time away: the record
goes on from the earlier time.
"""

from typing import NamedTuple

import msgspec


class Averages(NamedTuple):
    """Averages of CPU (thousandths), memory (MiB) and accelerators (thousandths)."""

    cpu: float = 0.0
    mem: float = 0.0
    acc: float = 0.0


class Use(msgspec.Struct):
    """One tenant and all below it: averages as of `at_ms`, and what it holds since then."""

    at_ms: int = 0
    cpu: float = 0.0
    mem: float = 0.0
    acc: float = 0.0
    held_cpu: int = 0
    held_mem: int = 0
    held_acc: int = 0

    def at(self, now_ms: int, half_life_ms: int) -> Averages:
        """The averages at a time; at an earlier time than the record's they are the record's."""
        if now_ms <= self.at_ms or half_life_ms <= 0:
            return Averages(self.cpu, self.mem, self.acc)
        old = 2.0 ** ((self.at_ms - now_ms) / half_life_ms)
        new = 1.0 - old
        return Averages(
            self.cpu * old + self.held_cpu * new,
            self.mem * old + self.held_mem * new,
            self.acc * old + self.held_acc * new,
        )

    def roll(self, now_ms: int, half_life_ms: int) -> None:
        """Bring the record to a time."""
        if now_ms > self.at_ms and half_life_ms > 0:
            old = 2.0 ** ((self.at_ms - now_ms) / half_life_ms)
            new = 1.0 - old
            self.cpu = self.cpu * old + self.held_cpu * new
            self.mem = self.mem * old + self.held_mem * new
            self.acc = self.acc * old + self.held_acc * new
        self.at_ms = now_ms
