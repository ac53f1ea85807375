"""A round: the set that should run, and on which chips, chosen anew among those who run and wait.

Theory of operation. A round comes first in a cycle. Everybody it governs has an index (see `index`)
and is given a seat in its order, in a play of the room that would be there if all who may be
stopped had gone (see `play`): who runs keeps his place where that is still there, who waits goes to
the first of his options that holds him. Who loses his place is stopped for the one who gets it, who
can start at once starts, and who waits for others to go starts in a later round, for which nothing
need be remembered: the order then is the same.

Three rules keep it from going in circles. Who runs counts as worth more by `round_gain_milli` than
by his index. Nobody is stopped within `round_ms` of his begin, nor within his guaranteed time. And
to go on elsewhere takes `restart_ms` longer, which counts for all who were stopped before.

Those who run may move to a faster chip, when their turn comes as if they waited, where that saves
more than a restart. Tenants come first as far as they have guarantees (see `rights`).

Where all who wait fit in what is free and nobody could move up, nothing is played through.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING

from hutong.model.classes import rank_of
from hutong.scheduler.calendar import BookedHold
from hutong.scheduler.fit import Share
from hutong.scheduler.option import Option
from hutong.scheduler.plan import Preemption
from hutong.scheduler.preempt.loss import lost_ms
from hutong.scheduler.rounds.contest import (
    Contest,
    Seat,
    Waiter,
    is_governed,
    like_of,
    seat_of,
    weight_of,
)
from hutong.scheduler.rounds.index import las_index, left_ms, next_queue_ms, next_step_ms
from hutong.scheduler.rounds.learn import Like
from hutong.scheduler.rounds.memory import RoundMemory
from hutong.scheduler.rounds.play import Play
from hutong.scheduler.rounds.rights import Rights, Turn, first
from hutong.scheduler.rounds.room import Holders, PoolRoom, holds
from hutong.scheduler.rounds.steps import step_of

if TYPE_CHECKING:
    from hutong.scheduler.cycle import Cycle

HEADS = 1_000
"""So many waiting jobs of a class and tenant compete in a round, the first in the queue's order."""

ELEMENTS = 64
"""So many elements of an array do."""

SOON_MS = 1_000
"""Rounds for time's sake alone are at least so far apart."""


def run_round(cycle: "Cycle", memory: RoundMemory) -> bool:
    """Start and stop whom a round says, and leave none of those it governs to the cycle.

    Says whether that leaves nobody.
    """
    governing = Round(cycle, memory)
    governing.run()
    return governing.governs_all


class Round:
    """One round of a cycle. See the module."""

    def __init__(self, cycle: "Cycle", memory: RoundMemory) -> None:
        self._cycle = cycle
        self._memory = memory
        self._profile = cycle.profile
        self._now_ms = cycle.now_ms
        self._rooms: dict[int, PoolRoom] = {}
        self._held: dict[int, list[tuple[int, Contest, Seat]]] = {}
        self._leaving: dict[int, list[Seat]] = {}
        self._governed: dict[int, bool] = {}
        self._ranks: dict[str, int] = {}
        self._next_ms = 0
        self.governs_all = True

    def run(self) -> None:
        """See `run_round`."""
        cycle, memory = self._cycle, self._memory
        memory.admit(self._profile.default_run_ms)
        turns = [self._turn_of_waiter(waiter) for waiter in self._waiting()]
        cycle.pass_shapes([number for number, yes in self._governed.items() if yes])
        self._look_up()
        if not turns and not memory.upward:
            return
        turns.sort(key=itemgetter(0))
        if memory.upward or cycle.snapshot.supply.stopping or not self._fits_now(turns):
            self._rooms.clear()
            self._play(turns)
        cycle.look_again(self._next_ms)

    # Who competes

    def _waiting(self) -> Iterator[Waiter]:
        """The waiting jobs that the round governs, in no order yet."""
        demand, governed = self._cycle.snapshot.demand, self._governed
        shapes = demand.shapes
        for queue in demand.queues.values():
            taken = 0
            for entry in queue:
                known = governed.get(entry.shape)
                if known is None:
                    known = governed[entry.shape] = is_governed(shapes.at[entry.shape])
                if not known:
                    self.governs_all = False
                elif taken < HEADS:
                    taken += 1
                    group = queue.group(entry.shape, shapes.at[entry.shape])
                    yield Waiter(entry, group, min(entry.available, ELEMENTS))

    def _turn_of_waiter(self, waiter: Waiter) -> Turn:
        index = self._index_waiting(waiter)
        rank = self._rank(waiter.group.priority)
        return Turn((1, 0, rank, index, 1, waiter.entry.seq), index, waiter)

    def _rank(self, priority: str) -> int:
        rank = self._ranks.get(priority)
        if rank is None:
            rank = self._ranks[priority] = rank_of(priority, self._profile.classes)
        return rank

    def _look_up(self) -> None:
        """Find out whom a faster chip would take, where that is not known yet."""
        cycle, memory = self._cycle, self._memory
        supply = cycle.snapshot.supply
        seen = (supply.version, supply.availability)
        if memory.seen != seen:
            memory.seen = seen
            memory.fresh = dict(memory.contests)
            memory.upward.clear()
        least = 1000 + self._profile.round_gain_milli
        for name, contest in memory.fresh.items():
            contest.locate()
            cycle.board.gate.let(contest.attempt.tenant)
            own, slowest = contest.attempt.pool, contest.speed_milli * least
            contest.better = [
                option
                for option in cycle.look(contest.shape).match.options
                if option.speed_milli * 1000 >= slowest and option.columns.pool.id != own
            ]
            if contest.better:
                memory.upward[name] = contest
        memory.fresh.clear()

    # Indexes

    def _index_waiting(self, waiter: Waiter) -> float:
        shape = waiter.group.shape
        like = like_of(shape, waiter.group.entity.id)
        served = self._memory.served_ms.get(waiter.job, 0)
        index = self._index(like, served, shape.run_ms(1000, self._profile.default_run_ms))
        if served:
            index += self._profile.restart_ms * weight_of(like.chips_milli)
        return index

    def _index_running(self, contest: Contest) -> float:
        worked = contest.worked_ms(self._now_ms)
        served = contest.served_ms + worked
        return self._index(contest.like, served, left_ms(contest.work_ms, worked, served))

    def _index(self, like: Like, served_ms: int, left: int) -> float:
        """The index of a job: a time, times its chips."""
        chips = weight_of(like.chips_milli)
        match self._profile.order:
            case "gittins":
                times = self._memory.services.times(like, self._underway())
                return times[step_of(served_ms)] * chips
            case "las":
                return las_index(served_ms * chips)
            case _:
                return left * chips

    def _underway(self) -> Iterator[tuple[Like, float]]:
        """The service of those who have not ended."""
        for contest in self._memory.contests.values():
            yield contest.like, contest.served_ms + contest.worked_ms(self._now_ms)
        demand = self._cycle.snapshot.demand
        for job, served in self._memory.served_ms.items():
            entry = demand.entries.get(job)
            if entry is not None:
                group = demand.group_of(entry)
                yield like_of(group.shape, group.entity.id), served

    # Room

    def _options(self, waiter: Waiter) -> Sequence[Option]:
        """Where a waiting job could go as far as quotas allow, the best first."""
        cycle, entity = self._cycle, waiter.group.entity
        cycle.board.gate.let(entity.id)
        options: Sequence[Option] = cycle.look(waiter.group.shape).match.available
        if entity.limits:
            over = cycle.ledger.over_quota
            options = [option for option in options if not over(entity, option.claim)]
        return options

    def _room(self, index: int) -> PoolRoom:
        room = self._rooms.get(index)
        if room is None:
            columns = self._cycle.snapshot.supply.order[index]
            holders = Holders(self._held.get(index, ()))
            room = self._rooms[index] = PoolRoom(columns, holders)
            for seat in self._leaving.get(index, ()):
                room.free(seat)
            for hold in self._cycle.board.lane(columns).holds:
                if isinstance(hold, BookedHold):
                    room.close(hold.rows)
        return room

    def _start(self, waiter: Waiter, option: Option, shares: Sequence[Share]) -> None:
        """Start somebody, unless the plan is full."""
        cycle, entity = self._cycle, waiter.group.entity
        if len(cycle.placements) >= self._profile.placements_count:
            cycle.truncated = True
        elif not holds(cycle.board.lane(option.columns).columns, option.need, shares):
            if cycle.placements:  # one of them took it: the next cycle knows what is left
                self._come_back(self._now_ms + 1)
        elif not entity.limits or not cycle.ledger.over_quota(entity, option.claim):
            cycle.board.gate.let(entity.id)
            cycle.start(waiter, cycle.look(waiter.group.shape), option, shares)

    def _fits_now(self, turns: Sequence[Turn]) -> bool:
        """Start all who wait where they all fit in what is free; else none."""
        found = []
        for turn in turns:
            waiter = turn.who
            assert isinstance(waiter, Waiter)
            options = self._options(waiter)
            tasks = waiter.group.shape.tasks
            for _ in range(waiter.elements):
                for option in options:
                    if option.speed_milli < options[0].speed_milli:
                        return False
                    room = self._room(option.columns.index)
                    shares = room.seats_now(option.need, tasks)
                    if shares:
                        room.take(option.need, shares)
                        found.append((waiter, option, shares))
                        break
                else:
                    return False
        for waiter, option, shares in found:
            self._start(waiter, option, shares)
        return True

    # Playing it through

    def _play(self, waiting: Sequence[Turn]) -> None:
        profile, now_ms = self._profile, self._now_ms
        running = self._turns_of_running()
        staying, wanting = self._in_order(running, waiting)
        values = {}
        for position, turn in enumerate(staying):
            contest = turn.who
            assert isinstance(contest, Contest)
            values[contest] = turn.value
            for seat in contest.seats:
                self._held.setdefault(seat.pool, []).append((position, contest, seat))
        self._note_leaving()
        orders = [turn.order for turn in staying]
        turns = [(bisect_left(orders, turn.order), turn) for turn in wanting]
        play = Play(self._room, profile.restart_ms, values, self._start)
        play.go(turns, self._options)
        for contest, job in play.stops.items():
            lost = lost_ms(contest.attempt, now_ms) * contest.running.held.accelerator_milli
            self._cycle.preemptions.append(Preemption(contest.attempt.attempt, job, lost))
        if play.blocked and profile.order != "srpt":
            for contest in values:
                if contest not in play.stops:
                    self._come_back(now_ms + self._until_next_step(contest))

    def _turns_of_running(self) -> list[Turn]:
        """Those who may be stopped: their turns as ones who run, and as ones who would move."""
        profile, now_ms = self._profile, self._now_ms
        stays = 1000 / (1000 + profile.round_gain_milli)
        turns = []
        for contest in self._memory.contests.values():
            contest.refresh()
            if contest.running.stopping or not contest.seats:
                continue
            movable_ms = max(contest.free_ms, contest.began_ms + profile.round_ms)
            if movable_ms > now_ms:
                self._come_back(movable_ms)
                continue
            attempt = contest.attempt
            value, rank = self._index_running(contest), self._rank(attempt.priority)
            held = value * stays
            turns.append(Turn((1, 0, rank, held, 0, attempt.seq), held, contest))
            if contest.better:
                again = value + profile.restart_ms * contest.chips
                order = (1, 0, rank, again, 1, attempt.seq)
                turns.append(Turn(order, value, contest, moves=True))
        return turns

    def _note_leaving(self) -> None:
        """What stops already counts as room."""
        for running in self._cycle.snapshot.supply.stopping.values():
            for share in running.shares:
                if share.columns is not None:
                    seat = seat_of(share.columns.index, share.row, share.need, share.node.tasks)
                    self._leaving.setdefault(seat.pool, []).append(seat)

    def _in_order(
        self, running: list[Turn], waiting: Sequence[Turn]
    ) -> tuple[list[Turn], list[Turn]]:
        """Those who stay where they are and those who want a seat, in order, rights first."""
        snapshot = self._cycle.snapshot
        tenants = snapshot.tenants
        if any(rule.guaranteed for e in tenants.by_id.values() for rule in e.rules):
            return self._with_rights(running, waiting)
        staying = [turn for turn in running if not turn.moves]
        staying.sort(key=itemgetter(0))
        wanting = [*waiting, *[turn for turn in running if turn.moves]]
        wanting.sort(key=itemgetter(0))
        return staying, wanting

    def _with_rights(
        self, running: list[Turn], waiting: Sequence[Turn]
    ) -> tuple[list[Turn], list[Turn]]:
        """The same where tenants have guarantees."""
        competing = [t.who for t in running if isinstance(t.who, Contest) and not t.moves]
        rights = Rights(self._cycle.snapshot.tenants, self._cycle.ledger, competing)
        entitled: dict[Contest, bool] = {}
        staying: list[Turn] = []
        wanting: list[Turn] = []
        for turn in sorted([*running, *waiting], key=itemgetter(0)):
            who = turn.who
            if isinstance(who, Contest):
                if who not in entitled:
                    entitled[who] = rights.has(who, None)
                has = entitled[who]
            else:
                options = self._options(who)
                has = rights.has(who, options[0] if options else None)
            kept = isinstance(who, Contest) and not turn.moves
            (staying if kept else wanting).append(first(turn) if has else turn)
        staying.sort(key=itemgetter(0))
        wanting.sort(key=itemgetter(0))
        return staying, wanting

    def _until_next_step(self, contest: Contest) -> int:
        """When its index changes next, if it runs on."""
        served = contest.served_ms + contest.worked_ms(self._now_ms)
        if self._profile.order == "las":
            wait = next_queue_ms(served * contest.chips) / contest.chips - served
        else:
            wait = next_step_ms(served) - served
        return int(wait * 1000 / contest.speed_milli) + 1 if wait < 2**50 else 0

    def _come_back(self, at_ms: int) -> None:
        """Have the next round come at a time at the latest."""
        if at_ms > self._now_ms:
            at_ms = max(at_ms, self._now_ms + SOON_MS)
            self._next_ms = min(self._next_ms, at_ms) if self._next_ms else at_ms
