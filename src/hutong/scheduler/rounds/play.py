"""The play of a round: seats given in the order of the turns. See `round` for what it is for."""

from collections.abc import Callable, Sequence

from hutong.model.ids import JobId
from hutong.scheduler.fit import Share
from hutong.scheduler.option import Option
from hutong.scheduler.rounds.contest import Contest, Waiter
from hutong.scheduler.rounds.rights import Turn
from hutong.scheduler.rounds.room import PoolRoom

Rooms = Callable[[int], PoolRoom]
Start = Callable[[Waiter, Option, Sequence[Share]], None]


class Play:
    """Who gets a seat, and who loses his for it; all others keep theirs.

    `stops` are those who have to stop, each with the job for which: the one that gets the place,
    or its own where it moves. `blocked` says whether somebody who waits got no seat.
    """

    def __init__(
        self, rooms: Rooms, restart_ms: int, values: dict[Contest, float], start: Start
    ) -> None:
        """`values` are the indexes of those who compete."""
        self._rooms = rooms
        self._restart_ms = restart_ms
        self._values = values
        self._start = start
        self.stops: dict[Contest, JobId] = {}
        self.blocked = False

    def go(
        self, turns: Sequence[tuple[int, Turn]], options: Callable[[Waiter], Sequence[Option]]
    ) -> None:
        """Give everybody who wants a seat his turn, each with how many of those who run come
        before him; `options` says where one who waits could go.
        """
        for position, turn in turns:
            who = turn.who
            if isinstance(who, Contest):
                self._move(who, turn.value, position)
                continue
            choices = options(who)
            for _ in range(who.elements):
                if not self._seat(who, choices, position):
                    self.blocked = True
                    break

    def _move(self, contest: Contest, value: float, position: int) -> None:
        """Somebody moves to a faster chip if that saves more than it costs."""
        tasks, job = contest.shape.tasks, contest.attempt.job
        if contest in self.stops:
            self._find(contest.better, tasks, job, position)
            return
        left = value / contest.chips * 1000
        most = left / contest.speed_milli - self._restart_ms
        better = [option for option in contest.better if left / option.speed_milli < most]
        if better and self._find(better, tasks, job, position):
            self._stop(contest, job)
            for seat in contest.seats:
                self._rooms(seat.pool).failed.clear()

    def _seat(self, waiter: Waiter, options: Sequence[Option], position: int) -> bool:
        """Somebody who waits gets a seat, and starts where it is free now."""
        found = self._find(options, waiter.group.shape.tasks, waiter.job, position)
        if found is None:
            return False
        option, shares, now = found
        if now:
            self._start(waiter, option, shares)
        return True

    def _find(
        self, options: Sequence[Option], tasks: int, job: JobId, position: int
    ) -> tuple[Option, Sequence[Share], bool] | None:
        """A seat on the fastest chips that have one: free now, else where it costs least."""
        at = 0
        while at < len(options):
            end = at + 1
            while end < len(options) and options[end].speed_milli == options[at].speed_milli:
                end += 1
            alike = options[at:end]
            at = end
            for option in alike:
                room = self._rooms(option.columns.index)
                shares = room.seats_now(option.need, tasks)
                if shares:
                    room.take(option.need, shares)
                    return option, shares, True
            best: tuple[float, Option, Sequence[Share]] | None = None
            for option in alike:
                room = self._rooms(option.columns.index)
                cost, shares = room.seats_then(option.need, tasks, position, self._worth)
                if shares and (best is None or cost < best[0]):
                    best = cost, option, shares
            if best is not None:
                _, option, shares = best
                self._clear(option, shares, job, position)
                return option, shares, False
        return None

    def _clear(self, option: Option, shares: Sequence[Share], job: JobId, position: int) -> None:
        """Take a seat for a job, from those who hold it."""
        room = self._rooms(option.columns.index)
        for share in shares:
            for contest in room.in_the_way(option.need, share, position):
                if contest not in self.stops:
                    self._stop(contest, job)
            room.take(option.need, (share,))

    def _stop(self, contest: Contest, job: JobId) -> None:
        self.stops[contest] = job
        for seat in contest.seats:
            room = self._rooms(seat.pool)
            room.free(seat)
            room.holders.leave(contest)

    def _worth(self, contest: Contest) -> float:
        """What it is worth that somebody runs: how soon it leads to an end."""
        return contest.chips / max(self._values[contest], 1.0)
