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

from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING

from hutong.model.classes import rank_of
from hutong.scheduler.calendar import BookedHold
from hutong.scheduler.fit import Share
from hutong.scheduler.look import Look
from hutong.scheduler.option import Option
from hutong.scheduler.plan import Preemption
from hutong.scheduler.preempt.loss import lost_ms
from hutong.scheduler.rounds.contest import Contest, Waiter, is_governed, like_of, weight_of
from hutong.scheduler.rounds.index import las_index, left_ms, next_queue_ms, next_step_ms
from hutong.scheduler.rounds.learn import Like
from hutong.scheduler.rounds.memory import RoundMemory
from hutong.scheduler.rounds.play import Play
from hutong.scheduler.rounds.rights import Rights, Turn, first
from hutong.scheduler.rounds.room import PoolRoom
from hutong.scheduler.rounds.steps import step_of

if TYPE_CHECKING:
    from hutong.scheduler.cycle import Cycle

HEADS = 1_000
"""So many waiting jobs of a class and tenant compete in a round, the first in the queue's order."""

ELEMENTS = 64
"""So many elements of an array do."""

SOON_MS = 1_000
"""Rounds for time's sake alone are at least so far apart."""


def run_round(cycle: "Cycle", memory: RoundMemory) -> None:
    """Start and stop whom a round says, and leave none of those it governs to the cycle."""
    Round(cycle, memory).run()


class Round:
    """One round of a cycle. See the module."""

    def __init__(self, cycle: "Cycle", memory: RoundMemory) -> None:
        self._cycle = cycle
        self._memory = memory
        self._profile = cycle.profile
        self._now_ms = cycle.now_ms
        self._rooms: dict[int, PoolRoom] = {}
        self._governed: dict[int, bool] = {}
        self._ranks: dict[str, int] = {}
        self._next_ms = 0

    def run(self) -> None:
        """See `run_round`."""
        cycle, memory = self._cycle, self._memory
        memory.admit()
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
                if known and taken < HEADS:
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
        estimate = contest.shape.run_ms(1000, self._profile.default_run_ms)
        served = contest.served_ms + worked
        return self._index(contest.like, served, left_ms(estimate, worked, served))

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

    def _options(self, waiter: Waiter) -> tuple[Look, Sequence[Option]]:
        """Where a waiting job could go as far as quotas allow, the best first."""
        cycle, entity = self._cycle, waiter.group.entity
        cycle.board.gate.let(entity.id)
        look = cycle.look(waiter.group.shape)
        options: Sequence[Option] = look.match.available
        if entity.limits:
            over = cycle.ledger.over_quota
            options = [option for option in options if not over(entity, option.claim)]
        return look, options

    def _room(self, index: int) -> PoolRoom:
        room = self._rooms.get(index)
        if room is None:
            columns = self._cycle.snapshot.supply.order[index]
            room = self._rooms[index] = PoolRoom(columns)
            for hold in self._cycle.board.lane(columns).holds:
                if isinstance(hold, BookedHold):
                    room.close(hold.rows)
        return room

    def _start(self, waiter: Waiter, option: Option, shares: Sequence[Share]) -> None:
        """Start somebody, unless the plan is full."""
        cycle, entity = self._cycle, waiter.group.entity
        if len(cycle.placements) >= self._profile.placements_count:
            cycle.truncated = True
        elif not entity.limits or not cycle.ledger.over_quota(entity, option.claim):
            cycle.board.gate.let(entity.id)
            cycle.start(waiter, cycle.look(waiter.group.shape), option, shares)

    def _fits_now(self, turns: Sequence[Turn]) -> bool:
        """Start all who wait where they all fit in what is free; else none."""
        found = []
        for turn in turns:
            waiter = turn.who
            assert isinstance(waiter, Waiter)
            _, options = self._options(waiter)
            tasks = waiter.group.shape.tasks
            for _ in range(waiter.elements):
                for option in options:
                    if option.speed_milli < options[0].speed_milli:
                        return False
                    room = self._room(option.columns.index)
                    shares = room.seats_now(option.need, tasks)
                    if shares:
                        room.take(option.need, shares, held=False)
                        found.append((waiter, option, shares))
                        break
                else:
                    return False
        for waiter, option, shares in found:
            self._start(waiter, option, shares)
        return True

    # Playing it through

    def _play(self, waiting: Sequence[Turn]) -> None:
        play = Play(self._room, self._profile.restart_ms, self._start)
        running = self._turns_of_running(play)
        play.go(self._in_order(running, waiting), lambda waiter: self._options(waiter)[1])
        for contest, job in play.stops.items():
            held = contest.running.held
            lost = lost_ms(contest.attempt, self._now_ms) * held.accelerator_milli
            self._cycle.preemptions.append(Preemption(contest.attempt.attempt, job, lost))
        if play.blocked and self._profile.order != "srpt":
            for contest in play.kept:
                self._come_back(self._now_ms + self._until_next_step(contest))

    def _turns_of_running(self, play: Play) -> list[Turn]:
        """Those who may be stopped: their turns as ones who run, and as ones who would move."""
        profile = self._profile
        stays = 1000 / (1000 + profile.round_gain_milli)
        for running in self._cycle.snapshot.supply.stopping.values():
            play.free(running.shares)
        turns = []
        for contest in self._memory.contests.values():
            if contest.running.stopping or not contest.is_accounted:
                continue
            movable_ms = contest.movable_ms(profile.round_ms)
            if movable_ms > self._now_ms:
                self._come_back(movable_ms)
                continue
            play.free(contest.running.shares)
            attempt = contest.attempt
            index, rank = self._index_running(contest), self._rank(attempt.priority)
            held = index * stays
            turns.append(Turn((1, 0, rank, held, 0, attempt.seq), held, contest))
            if contest.better:
                again = index + profile.restart_ms * contest.chips
                order = (1, 0, rank, again, 1, attempt.seq)
                turns.append(Turn(order, index, contest, moves=True))
        return turns

    def _in_order(self, running: Sequence[Turn], waiting: Sequence[Turn]) -> Sequence[Turn]:
        """All turns in order, those with rights first."""
        snapshot = self._cycle.snapshot
        turns = sorted([*running, *waiting], key=itemgetter(0))
        if not any(rule.guaranteed for e in snapshot.tenants.by_id.values() for rule in e.rules):
            return turns
        competing = [turn.who for turn in running if isinstance(turn.who, Contest)]
        rights = Rights(snapshot.tenants, self._cycle.ledger, [*dict.fromkeys(competing)])
        entitled: dict[Contest, bool] = {}
        found = []
        for turn in turns:
            who = turn.who
            if isinstance(who, Contest):
                if who not in entitled:
                    entitled[who] = rights.has(who, None)
                has = entitled[who]
            else:
                options = self._options(who)[1]
                has = rights.has(who, options[0] if options else None)
            found.append(first(turn) if has else turn)
        found.sort(key=itemgetter(0))
        return found

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
