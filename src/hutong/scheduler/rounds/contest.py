"""Who competes for room: attempts that run and may be stopped, and jobs that wait."""

from typing import NamedTuple

from hutong.model.ids import JobId, TenantId
from hutong.scheduler.demand import Entry, Group
from hutong.scheduler.option import Option
from hutong.scheduler.preempt.loss import began_ms, evictable_ms
from hutong.scheduler.records import RunningAttempt
from hutong.scheduler.rounds.learn import Like
from hutong.scheduler.shapes import Shape, is_laid, is_plain, shape_of
from hutong.scheduler.supply import Running


def is_governed(shape: Shape) -> bool:
    """Whether jobs of a shape are placed by rounds: plain gangs that lie as they may.

    The others are placed as ever, in the room that rounds leave.
    """
    return is_plain(shape) and not (shape.exclusive or shape.affinity or is_laid(shape))


class Contest:
    """One running attempt that competes again, with what does not change while it runs."""

    __slots__ = (
        "better", "chips", "like", "running", "served_ms", "shape", "speed_milli",
    )  # fmt: skip

    def __init__(self, running: Running) -> None:
        attempt = running.attempt
        assert attempt.contends is not None
        self.running = running
        self.shape = shape_of(attempt.contends, 0, attempt.done_ms)
        self.like = like_of(self.shape, attempt.tenant)
        self.chips = weight_of(self.like.chips_milli)
        self.speed_milli = max(attempt.speed_milli, 1)
        self.served_ms = attempt.served_ms
        self.better: list[Option] = []

    @property
    def attempt(self) -> RunningAttempt:
        """The attempt as it is known now."""
        return self.running.attempt

    def worked_ms(self, now_ms: int) -> int:
        """What this attempt has worked so far, in ms at speed 1000."""
        return max(now_ms - began_ms(self.attempt), 0) * self.speed_milli // 1000

    @property
    def is_accounted(self) -> bool:
        """Whether all its nodes are known and take work; else it stays where it is."""
        return all(
            share.columns is not None and bool(share.columns.ready[share.row])
            for share in self.running.shares
        )

    def movable_ms(self, round_ms: int) -> int:
        """From when on it may be stopped for another: a round, and what it is guaranteed."""
        attempt = self.attempt
        return max(evictable_ms(attempt, 0), began_ms(attempt) + round_ms)


class Waiter(NamedTuple):
    """One waiting job. It is a turn, as cycles have it: a job and its group."""

    entry: Entry
    group: Group
    elements: int

    @property
    def job(self) -> JobId:
        """The job."""
        return self.entry.job


def like_of(shape: Shape, tenant: TenantId) -> Like:
    """What a job is like, by the first chips that it names."""
    milli = shape.accelerators[0].count_milli if shape.accelerators else 0
    return Like(milli * shape.tasks, tenant)


def weight_of(chips_milli: int) -> float:
    """What a time counts a gang: its chips, or one for a gang without."""
    return chips_milli / 1000 if chips_milli else 1.0
