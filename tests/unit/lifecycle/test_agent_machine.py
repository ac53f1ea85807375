"""The agent's machine: what it tells the hub, and what it starts."""

import msgspec
import pytest

from hutong.lifecycle import agent_machine
from hutong.lifecycle.agent_events import (
    Forget,
    HoldLease,
    InventoryChanged,
    Poked,
    Seen,
    SendSync,
    Start,
    StartRefused,
    Stop,
    SyncAnswered,
    SyncFailed,
    Tick,
)
from hutong.lifecycle.agent_machine import (
    RETRY_MOST_MS,
    SYNC_GAP_MS,
    SYNC_TIMEOUT_MS,
    AgentMachine,
)
from hutong.lifecycle.sync import SyncReply
from hutong.model.attempt import Observation
from hutong.model.reasons import Fenced, StartFailed
from hutong.model.states import AttemptState
from hutong.model.supply import Inventory
from tests.unit.lifecycle.agent_world import (
    EMPTY,
    SITE,
    TTL_MS,
    World,
    attempt,
    ended,
    joined,
    order,
    running,
)

# What it tells


def test_the_first_sync_is_full_and_describes_the_site() -> None:
    world = World(running(attempt(), 400), lease_until_ms=2_000_000)
    request = world.request
    assert (request.site, request.session, request.full) == (SITE.id, "session-1", True)
    assert request.observations == (running(attempt(), 400),)
    assert (request.description, request.inventory) == (SITE, EMPTY)


def test_nothing_is_sent_before_the_start() -> None:
    machine = AgentMachine(SITE, EMPTY, "session-1")
    assert machine.handle(Poked(), 5) == ()
    assert machine.wake_at_ms is None


def test_one_sync_is_under_way_and_the_next_has_all_that_changed() -> None:
    world = World()
    world.answer(start=(order(1), order(2)))
    world.tell(Tick(), after_ms=SYNC_GAP_MS)
    assert len(world.syncs) == 2
    world.tell(Seen((running(attempt(1)),)))
    world.tell(Seen((running(attempt(2)),)))
    world.tell(Seen((ended(attempt(1)),)))
    world.tell(Poked(), after_ms=SYNC_GAP_MS)
    assert len(world.syncs) == 2
    world.answer()
    assert len(world.syncs) == 3
    assert world.request.observations == (ended(attempt(1)), running(attempt(2)))
    assert not world.request.full


def test_changes_gather_for_a_moment_after_a_sync() -> None:
    world = joined(order(1), order(2))
    sent = len(world.syncs)
    world.tell(Seen((ended(attempt(1)),)), after_ms=1)
    assert len(world.syncs) == sent
    world.tell(Seen((ended(attempt(2)),)), after_ms=1)
    world.wait(SYNC_GAP_MS)
    assert world.request.observations == (ended(attempt(1)), ended(attempt(2)))


def test_what_was_told_is_not_told_again() -> None:
    world = joined(order())
    world.exchange()
    assert world.request.observations == ()


def test_a_change_while_a_sync_is_under_way_is_told_by_the_next() -> None:
    world = World()
    world.answer(start=(order(),))
    world.tell(Tick(), after_ms=SYNC_GAP_MS)
    assert world.request.observations[0].state is AttemptState.STARTING
    world.tell(Seen((running(attempt()),)), after_ms=SYNC_GAP_MS)
    world.answer()
    assert world.request.observations == (running(attempt()),)


def test_an_idle_site_beats_as_the_hub_asked() -> None:
    world = World()
    world.answer(heartbeat_ms=3_000)
    sent = len(world.syncs)
    world.wait(2_999)
    assert len(world.syncs) == sent
    world.wait(1)
    assert len(world.syncs) == sent + 1


def test_a_poke_is_followed_at_once() -> None:
    world = World()
    world.answer()
    effects = world.tell(Poked(), after_ms=SYNC_GAP_MS)
    assert [type(effect) for effect in effects] == [SendSync]


def test_more_orders_are_fetched_without_a_pause() -> None:
    world = World()
    assert isinstance(world.answer(more=True)[-1], SendSync)


def test_after_a_failure_the_next_sync_is_full() -> None:
    world = joined(order(1), order(2))
    world.tell(Seen((ended(attempt(1)),)), after_ms=SYNC_GAP_MS)
    world.tell(SyncFailed(world.syncs[-1].number))
    world.wait(RETRY_MOST_MS)
    assert world.request.full
    assert world.request.description == SITE
    assert world.request.inventory == EMPTY
    assert world.request.observations == (ended(attempt(1)), running(attempt(2)))


def test_it_tries_again_fast_at_first_and_then_once_a_second_or_so() -> None:
    world = World()
    waits = []
    for _ in range(12):
        world.tell(SyncFailed(world.syncs[-1].number))
        at_ms = world.machine.wake_at_ms
        assert at_ms is not None
        waits.append(at_ms - world.now_ms)
        world.wait(waits[-1])
    assert waits[0] <= 63
    assert all(RETRY_MOST_MS * 3 // 4 <= wait <= RETRY_MOST_MS * 5 // 4 for wait in waits[5:])


def test_a_refused_sync_waits_as_long_as_the_driver_says() -> None:
    world = World()
    world.tell(SyncFailed(1, wait_ms=5_000))
    world.wait(4_999)
    assert len(world.syncs) == 1
    world.wait(1)
    assert len(world.syncs) == 2


def test_a_poke_ends_the_wait_after_a_failure() -> None:
    world = World()
    world.tell(SyncFailed(1, wait_ms=5_000))
    assert isinstance(world.tell(Poked())[-1], SendSync)


def test_an_answer_that_does_not_come_counts_as_lost() -> None:
    world = joined(order())
    world.tell(Poked(), after_ms=SYNC_GAP_MS)
    lost = world.syncs[-1].number
    world.wait(SYNC_TIMEOUT_MS + RETRY_MOST_MS)
    assert world.syncs[-1].number > lost
    assert world.request.full


def test_a_late_answer_is_ignored() -> None:
    world = World()
    world.tell(SyncFailed(1))
    world.wait(RETRY_MOST_MS)
    effects = world.tell(SyncAnswered(1, SyncReply(start=(order(),))))
    assert effects == ()
    assert world.machine.attempts == {}
    world.tell(SyncFailed(1))
    assert Start(order()) in world.answer(start=(order(),))


def test_a_hub_that_does_not_know_the_session_gets_a_full_sync() -> None:
    world = joined(order())
    world.exchange(resync=True)
    assert world.request.full
    assert world.request.observations == (running(attempt()),)


def test_a_changed_inventory_is_sent_with_the_next_sync() -> None:
    world = joined()
    changed = Inventory((), ())
    world.tell(InventoryChanged(changed), after_ms=SYNC_GAP_MS)
    assert world.request.inventory == changed
    assert world.request.description is None


def test_a_report_is_bounded_and_the_rest_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    world = joined(*(order(job) for job in range(1, 6)))
    monkeypatch.setattr(agent_machine, "SYNC_OBSERVATIONS", 3)
    world.tell(Seen(tuple(ended(attempt(job)) for job in range(1, 6))), after_ms=SYNC_GAP_MS)
    assert len(world.request.observations) == 3
    world.answer()
    world.wait(SYNC_GAP_MS)
    assert world.request.observations == (ended(attempt(4)), ended(attempt(5)))


def test_draining_is_known() -> None:
    world = World()
    world.answer(draining=True)
    assert world.machine.draining


# What it starts


def test_an_order_starts_once_however_often_it_comes() -> None:
    world = World()
    assert world.answer(start=(order(), order()))[-1] == Start(order())
    world.wait(SYNC_GAP_MS)
    world.answer(start=(order(),))
    world.tell(Seen((running(attempt()),)), after_ms=SYNC_GAP_MS)
    world.answer(start=(order(),))
    assert world.started() == [attempt()]


def test_a_lease_is_held_before_the_first_start() -> None:
    world = World()
    sent_ms = world.now_ms
    world.now_ms += 40
    hold, start = world.answer(start=(order(),))[:2]
    assert hold == HoldLease(sent_ms + TTL_MS, TTL_MS // 10)
    assert isinstance(start, Start)


def test_an_order_for_what_has_ended_is_answered_by_that_end() -> None:
    world = joined(order())
    world.tell(Seen((ended(attempt(), 3),)), after_ms=SYNC_GAP_MS)
    world.answer(start=(order(),))
    world.exchange()
    assert world.request.observations == (ended(attempt(), 3),)
    assert world.started() == [attempt()]


def test_an_order_for_what_was_forgotten_is_answered_by_its_end() -> None:
    world = joined(order())
    world.tell(Seen((ended(attempt(), 3),)), after_ms=SYNC_GAP_MS)
    assert world.answer(settled=(attempt(),)) == (Forget(attempt()),)
    world.exchange(start=(order(),))
    world.wait(SYNC_GAP_MS)
    assert world.request.observations == (ended(attempt(), 3),)
    assert world.started() == [attempt()]


def test_what_cannot_be_started_is_told_as_ended() -> None:
    world = World()
    world.answer(start=(order(),))
    reason = StartFailed("no such pool")
    world.tell(StartRefused(attempt(), reason, 777), after_ms=SYNC_GAP_MS)
    assert world.request.observations == (
        Observation(attempt(), AttemptState.ENDED, ended_ms=777, ended=reason),
    )


def test_what_was_told_as_ended_and_still_runs_is_stopped() -> None:
    world = World()
    world.answer(start=(order(),))
    world.tell(StartRefused(attempt(), StartFailed("timeout")))
    assert world.tell(Seen((running(attempt()),)))[0] == Stop(
        attempt(), 0, "it had been reported as ended"
    )
    world.wait(SYNC_GAP_MS)
    world.answer(settled=(attempt(),))
    assert Stop(attempt(), 0, "it had been reported as ended") in world.tell(
        Seen((running(attempt()),))
    )


def test_no_more_is_taken_than_a_report_can_name(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    monkeypatch.setattr(agent_machine, "SYNC_OBSERVATIONS", 2)
    world.answer(start=(order(1), order(2), order(3)))
    assert world.started() == [attempt(1), attempt(2)]


def test_a_newer_attempt_waits_until_the_older_one_is_gone() -> None:
    world = joined(order(1, 1))
    effects = world.exchange(start=(order(1, 2),))
    assert [type(effect) for effect in effects if not isinstance(effect, SendSync)] == [Stop]
    assert world.stopped() == [attempt(1, 1)]
    world.tell(Seen((ended(attempt(1, 1), 9),)), after_ms=SYNC_GAP_MS)
    world.exchange(start=(order(1, 2),))
    assert world.started() == [attempt(1, 1), attempt(1, 2)]


def test_an_older_attempt_than_the_one_that_runs_is_refused() -> None:
    world = joined(order(1, 2))
    world.exchange(start=(order(1, 1),))
    world.wait(SYNC_GAP_MS)
    assert world.request.observations[-1].ended == Fenced()
    assert world.started() == [attempt(1, 2)]


def test_of_two_attempts_of_a_job_found_at_the_start_the_newer_one_stays() -> None:
    world = World(running(attempt(1, 2)), running(attempt(1, 1)), lease_until_ms=9_000_000)
    assert world.stopped() == [attempt(1, 1)]
    world = World(running(attempt(1, 1)), running(attempt(1, 2)), lease_until_ms=9_000_000)
    assert world.stopped() == [attempt(1, 1)]


def test_a_later_checkpoint_is_told_and_an_older_one_is_not() -> None:
    world = joined(order())
    saved = msgspec.structs.replace(running(attempt()), checkpointed_ms=700)
    world.tell(Seen((saved,)), after_ms=SYNC_GAP_MS)
    assert world.request.observations == (saved,)
    world.answer()
    world.tell(Seen((msgspec.structs.replace(saved, checkpointed_ms=600),)), after_ms=SYNC_GAP_MS)
    assert world.machine.attempts[attempt()] == saved
    world.tell(Seen((ended(attempt()),)))
    assert world.machine.attempts[attempt()].checkpointed_ms == 700
