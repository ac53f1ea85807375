"""The play of a round: seats given in the order of the turns. See `round` for what it is for."""

from collections.abc import Callable, Iterable, Sequence

from hutong.model.ids import JobId
from hutong.scheduler.columns import Need
from hutong.scheduler.fit import Share
from hutong.scheduler.option import Option
from hutong.scheduler.rounds.contest import Contest, Waiter
from hutong.scheduler.rounds.rights import Turn
from hutong.scheduler.rounds.room import Cheapest, PoolRoom
from hutong.scheduler.share import Share as Held

Rooms = Callable[[int], PoolRoom]
Start = Callable[[Waiter, Option, Sequence[Share]], None]


class Play:
    """Who keeps a seat, who gets one and who loses his.

    `stops` are those who have to stop, each with the job for which: the one that gets the place,
    or its own where it moves. `blocked` says whether somebody who waits got no seat.
    """

    def __init__(self, rooms: Rooms, restart_ms: int, start: Start) -> None:
        self._rooms = rooms
        self._restart_ms = restart_ms
        self._start = start
        self._cheapest = Cheapest()
        self._taken_for: dict[tuple[int, int], JobId] = {}
        self.stops: dict[Contest, JobId] = {}
        self.kept: dict[Contest, bool] = {}
        self.blocked = False

    def free(self, shares: Iterable[Held]) -> None:
        """Count what somebody holds as free."""
        for share in shares:
            if share.columns is not None:
                room = self._rooms(share.columns.index)
                if room.columns.ready[share.row]:
                    room.free(share.need, ((share.row, share.node.tasks),))

    def go(self, turns: Sequence[Turn], options: Callable[[Waiter], Sequence[Option]]) -> None:
        """Give everybody his turn; `options` says where one who waits could go."""
        for turn in turns:
            if isinstance(turn.who, Contest) and not turn.moves:
                self._note(turn.who, turn.value)
        for turn in turns:
            who = turn.who
            if isinstance(who, Waiter):
                choices = options(who)
                for _ in range(who.elements):
                    if not self._seat(who, choices):
                        self.blocked = True
                        break
            elif turn.moves:
                self._move(who, turn.value)
            else:
                self._keep(who)

    def _note(self, contest: Contest, index: float) -> None:
        """Somebody holds his seat until his turn."""
        worth = contest.chips / max(index, 1.0)
        for share in contest.running.shares:
            if share.columns is not None:
                self._cheapest.note(
                    share.columns.index, share.row, worth, share.need, share.node.tasks
                )

    def _keep(self, contest: Contest) -> None:
        """Somebody who runs keeps his place, unless a better one got it."""
        seats = _seats(contest)
        gone = None
        for index, need, row, tasks in seats:
            self._cheapest.pass_turn(index, row)
            if gone is None and not self._rooms(index).holds(need, ((row, tasks),)):
                gone = self._taken_for.get((index, row))
                if gone is None:  # nobody took it: the node shrank, and others need what is left
                    continue
        if gone is not None:
            self.stops[contest] = gone
            return
        self.kept[contest] = True
        for index, need, row, tasks in seats:
            self._rooms(index).take(need, ((row, tasks),), held=True)

    def _move(self, contest: Contest, index: float) -> None:
        """Somebody moves to a faster chip if that saves more than it costs."""
        if contest in self.stops:
            self._find(contest.better, contest.shape.tasks, contest.attempt.job)
            return
        left = index / contest.chips
        worth_it = [
            option
            for option in contest.better
            if left * 1000 / contest.speed_milli - left * 1000 / max(option.speed_milli, 1)
            > self._restart_ms
        ]
        if worth_it and self._find(worth_it, contest.shape.tasks, contest.attempt.job):
            self.stops[contest] = contest.attempt.job
            del self.kept[contest]
            for index_of, need, row, tasks in _seats(contest):
                self._rooms(index_of).leave(need, ((row, tasks),))

    def _seat(self, waiter: Waiter, options: Sequence[Option]) -> bool:
        """Somebody who waits gets a seat, and starts where it is free now."""
        found = self._find(options, waiter.group.shape.tasks, waiter.job)
        if found is None:
            return False
        option, shares, now = found
        if now:
            self._start(waiter, option, shares)
        return True

    def _find(
        self, options: Sequence[Option], tasks: int, job: JobId
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
                    room.take(option.need, shares, held=False)
                    return option, shares, True
            best: tuple[float, Option, Sequence[Share]] | None = None
            for option in alike:
                room = self._rooms(option.columns.index)
                cost, shares = room.seats_after(option.need, tasks, self._cheapest)
                if shares and (best is None or cost < best[0]):
                    best = cost, option, shares
            if best is not None:
                _, option, shares = best
                index = option.columns.index
                self._rooms(index).take(option.need, shares, held=False)
                for row, _ in shares:
                    self._taken_for[index, row] = job
                return option, shares, False
        return None


def _seats(contest: Contest) -> list[tuple[int, Need, int, int]]:
    """Where somebody runs: pool, need, row and tasks."""
    return [
        (share.columns.index, share.need, share.row, share.node.tasks)
        for share in contest.running.shares
        if share.columns is not None
    ]
