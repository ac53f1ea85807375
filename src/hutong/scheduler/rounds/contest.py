"""Who competes for room: attempts that run and may be stopped, and jobs that wait."""

from typing import NamedTuple

import numpy as np

from hutong.model.ids import JobId, TenantId
from hutong.scheduler.columns import Ints, Need
from hutong.scheduler.demand import Entry, Group
from hutong.scheduler.option import Option
from hutong.scheduler.preempt.loss import began_ms, evictable_ms
from hutong.scheduler.records import RunningAttempt
from hutong.scheduler.rounds.learn import Like
from hutong.scheduler.shapes import WHOLE_MILLI, Shape, is_laid, is_plain, shape_of
from hutong.scheduler.supply import Running


def is_governed(shape: Shape) -> bool:
    """Whether jobs of a shape are placed by rounds: plain gangs that lie as they may.

    The others are placed as ever, in the room that rounds leave.
    """
    return is_plain(shape) and not (shape.exclusive or shape.affinity or is_laid(shape))


class Seat(NamedTuple):
    """What somebody holds of one node.

    `amount` is CPU, memory, whole chips and thousandths of chips; `chips` the whole ones again.
    """

    pool: int
    row: int
    amount: Ints
    chips: int


class Contest:
    """One running attempt that competes again.

    `began_ms` is when it began, `free_ms` when its guaranteed time is over; `seats` is where it
    runs, empty where a node is unknown or takes no work: then it stays where it is. `better` are
    the faster options that it has.
    """

    __slots__ = (
        "attempt", "began_ms", "better", "chips", "free_ms", "like", "running", "seats",
        "served_ms", "shape", "speed_milli", "work_ms",
    )  # fmt: skip

    def __init__(self, running: Running, default_run_ms: int) -> None:
        attempt = running.attempt
        assert attempt.contends is not None
        self.running = running
        self.shape = shape_of(attempt.contends, 0, attempt.done_ms)
        self.like = like_of(self.shape, attempt.tenant)
        self.chips = weight_of(self.like.chips_milli)
        self.speed_milli = max(attempt.speed_milli, 1)
        self.served_ms = attempt.served_ms
        self.work_ms = self.shape.run_ms(1000, default_run_ms)
        self.better: list[Option] = []
        self.seats: tuple[Seat, ...] = ()
        self._read(attempt)

    def refresh(self) -> None:
        """See what is known of the attempt by now."""
        attempt = self.running.attempt
        if attempt is not self.attempt:
            self._read(attempt)

    def _read(self, attempt: RunningAttempt) -> None:
        self.attempt = attempt
        self.began_ms = began_ms(attempt)
        self.free_ms = evictable_ms(attempt, 0)

    def locate(self) -> None:
        """Find its seats on the nodes as they are known now."""
        seats = []
        for share in self.running.shares:
            columns = share.columns
            if columns is None or not columns.ready[share.row]:
                self.seats = ()
                return
            seats.append(seat_of(columns.index, share.row, share.need, share.node.tasks))
        self.seats = tuple(seats)

    def worked_ms(self, now_ms: int) -> int:
        """What this attempt has worked so far, in ms at speed 1000."""
        return max(now_ms - self.began_ms, 0) * self.speed_milli // 1000


class Waiter(NamedTuple):
    """One waiting job. It is a turn, as cycles have it: a job and its group."""

    entry: Entry
    group: Group
    elements: int

    @property
    def job(self) -> JobId:
        """The job."""
        return self.entry.job


def seat_of(pool: int, row: int, need: Need, tasks: int) -> Seat:
    """A seat for so many tasks."""
    return Seat(pool, row, amount_of(need) * tasks, need.chips * tasks)


def like_of(shape: Shape, tenant: TenantId) -> Like:
    """What a job is like, by the first chips that it names."""
    milli = shape.accelerators[0].count_milli if shape.accelerators else 0
    return Like(milli * shape.tasks, tenant)


def weight_of(chips_milli: int) -> float:
    """What a time counts a gang: its chips, or one for a gang without."""
    return chips_milli / 1000 if chips_milli else 1.0


_AMOUNTS: dict[Need, Ints] = {}
_AMOUNTS_KEPT = 10_000


def amount_of(need: Need) -> Ints:
    """What one task takes of a node; never to be written to."""
    found = _AMOUNTS.get(need)
    if found is None:
        if len(_AMOUNTS) >= _AMOUNTS_KEPT:
            _AMOUNTS.clear()
        milli = need.chips * WHOLE_MILLI or need.milli
        found = _AMOUNTS[need] = np.array((need.cpu, need.mem, need.chips, milli), np.int64)
    return found
