"""The agent's machine: what it stops, when its lease ends, and that its promises always hold."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hutong.lifecycle.agent_events import (
    AgentEvent,
    Forget,
    HoldLease,
    Poked,
    Seen,
    StartRefused,
    Stop,
    SyncAnswered,
    SyncFailed,
    Tick,
)
from hutong.lifecycle.agent_machine import (
    RETRY_MOST_MS,
    SYNC_GAP_MS,
    TOMBSTONES,
)
from hutong.lifecycle.sync import SyncReply
from hutong.model.attempt import Observation, StopOrder
from hutong.model.errors import HutongError
from hutong.model.reasons import Completed, Fenced
from hutong.model.states import AttemptState
from tests.unit.lifecycle.agent_world import (
    TTL_MS,
    World,
    attempt,
    ended,
    joined,
    order,
    running,
)

# What it stops


def test_a_stop_is_passed_on_once_with_its_grace() -> None:
    world = joined(order())
    stop = StopOrder(attempt(), 7_000, "cancelled")
    assert world.exchange(stop=(stop, stop))[0] == Stop(attempt(), 7_000, "cancelled")
    world.exchange(stop=(stop,))
    assert world.stopped() == [attempt()]
    assert world.machine.attempts[attempt()].state is AttemptState.STOPPING


def test_a_stop_with_less_grace_hurries() -> None:
    world = joined(order())
    world.exchange(stop=(StopOrder(attempt(), 60_000, "drained"),))
    world.exchange(stop=(StopOrder(attempt(), 0, "cancelled"),))
    assert world.stopped() == [attempt(), attempt()]


def test_a_stop_for_what_is_not_known_is_settled_and_never_starts() -> None:
    world = World()
    world.answer(stop=(StopOrder(attempt(), 1_000, "cancelled"),))
    world.tell(Tick(), after_ms=SYNC_GAP_MS)
    assert world.request.observations == (
        Observation(attempt(), AttemptState.ENDED, ended=Fenced()),
    )
    world.answer(settled=(attempt(),))
    world.exchange(start=(order(),))
    assert world.started() == []


def test_a_stop_for_what_has_ended_tells_the_end_again() -> None:
    world = joined(order())
    world.tell(Seen((ended(attempt()),)), after_ms=SYNC_GAP_MS)
    world.answer()
    world.exchange(stop=(StopOrder(attempt(), 1_000, "cancelled"),))
    world.exchange()
    assert world.request.observations == (ended(attempt()),)
    assert world.stopped() == []


def test_ordered_and_stopped_in_one_answer_it_does_not_start() -> None:
    world = World()
    world.answer(start=(order(),), stop=(StopOrder(attempt(), 0, "cancelled"),))
    assert world.started() == []


def test_a_stopping_attempt_that_is_still_seen_to_run_stays_stopping() -> None:
    world = World()
    world.answer(start=(order(),))
    world.wait(SYNC_GAP_MS)
    world.answer(stop=(StopOrder(attempt(), 9_000, "cancelled"),))
    world.tell(Seen((running(attempt(), 444),)))
    assert world.machine.attempts[attempt()] == Observation(attempt(), AttemptState.STOPPING, 444)


def test_an_end_never_changes() -> None:
    world = joined(order())
    world.tell(Seen((ended(attempt(), 1),)))
    world.tell(Seen((ended(attempt(), 2), running(attempt()))))
    assert world.machine.attempts[attempt()] == ended(attempt(), 1)


def test_an_end_without_a_start_time_keeps_the_one_that_was_seen() -> None:
    world = joined(order())
    gone = Observation(attempt(), AttemptState.ENDED, 0, 900, Completed())
    world.tell(Seen((gone,)))
    assert world.machine.attempts[attempt()].started_ms == 500


def test_an_ended_attempt_is_told_until_it_is_settled() -> None:
    world = joined(order())
    world.tell(Seen((ended(attempt()),)), after_ms=SYNC_GAP_MS)
    world.tell(SyncFailed(world.syncs[-1].number))
    world.wait(RETRY_MOST_MS)
    world.answer()
    world.exchange(resync=True)
    assert world.request.observations == (ended(attempt()),)
    world.answer(settled=(attempt(),))
    world.exchange(resync=True)
    assert world.request.observations == ()


def test_what_still_runs_cannot_be_settled() -> None:
    world = joined(order())
    assert world.exchange(settled=(attempt(),)) == ()
    assert attempt() in world.machine.attempts


def test_what_a_site_cannot_say_is_ignored() -> None:
    world = joined(order())
    world.tell(Seen((Observation(attempt(), AttemptState.LOST),)))
    assert world.machine.attempts[attempt()] == running(attempt())


def test_what_was_forgotten_and_is_found_again_is_forgotten_again() -> None:
    world = joined(order())
    world.tell(Seen((ended(attempt()),)), after_ms=SYNC_GAP_MS)
    world.answer(settled=(attempt(),))
    assert world.tell(Seen((ended(attempt()),))) == (Forget(attempt()),)
    assert world.exchange(settled=(attempt(),)) == (Forget(attempt()),)


def test_the_memory_of_ends_is_bounded() -> None:
    world = World()
    world.answer()
    for job in range(1, TOMBSTONES + 10):
        world.machine.handle(Seen((ended(attempt(job)),)), world.now_ms)
    world.exchange(settled=tuple(attempt(job) for job in range(1, TOMBSTONES + 10)))
    world.machine.validate()
    world.exchange(start=(order(1), order(TOMBSTONES + 5)))
    assert world.started() == [attempt(1)]


# The lease


def test_everything_is_dead_when_the_lease_ends() -> None:
    world = World()
    sent_ms = world.now_ms
    world.answer(start=(order(1, grace_ms=60_000), order(2, grace_ms=100), order(3, grace_ms=0)))
    world.tell(Seen(tuple(running(attempt(job)) for job in (1, 2, 3))), after_ms=SYNC_GAP_MS)
    world.now_ms = sent_ms
    effects = world.wait(TTL_MS)
    stops = {effect.attempt: effect for effect in effects if isinstance(effect, Stop)}
    assert stops[attempt(1)].grace_ms == TTL_MS // 10
    assert stops[attempt(2)].grace_ms == 100
    assert stops[attempt(3)].grace_ms == 0
    assert {state.state for state in world.machine.attempts.values()} == {AttemptState.STOPPING}


def test_the_lease_counts_from_the_sending_not_from_the_answer() -> None:
    world = World()
    sent_ms = world.now_ms
    world.now_ms += 900
    world.answer()
    assert world.machine.lease_until_ms == sent_ms + TTL_MS


def test_an_answered_sync_keeps_everything_running() -> None:
    world = joined(order())
    for _ in range(10):
        world.wait(TTL_MS // 2)
        world.exchange()
    assert world.stopped() == []


def test_a_failed_sync_renews_nothing() -> None:
    world = joined(order())
    until_ms = world.machine.lease_until_ms
    world.tell(Poked(), after_ms=SYNC_GAP_MS)
    world.tell(SyncFailed(world.syncs[-1].number))
    assert world.machine.lease_until_ms == until_ms


def test_what_was_given_a_long_grace_is_hurried_when_the_lease_ends_before() -> None:
    world = joined(order())
    world.exchange(stop=(StopOrder(attempt(), 3_600_000, "drained"),))
    world.wait(TTL_MS)
    assert world.stopped() == [attempt(), attempt()]
    last = [effect for effect in world.done if isinstance(effect, Stop)][-1]
    assert last.grace_ms <= TTL_MS // 10


def test_what_was_stopped_for_the_lease_is_not_saved_by_a_late_answer() -> None:
    world = joined(order())
    world.wait(TTL_MS)
    world.exchange()
    assert world.machine.attempts[attempt()].state is AttemptState.STOPPING


def test_nothing_starts_on_a_lease_that_is_over_when_the_answer_comes() -> None:
    world = World()
    world.now_ms += 9_000
    world.answer(start=(order(),), lease_ttl_ms=9_500)
    assert world.started() == []


def test_after_a_restart_the_lease_that_was_held_goes_on() -> None:
    world = World(running(attempt()), lease_until_ms=1_030_000)
    world.wait(24_000)
    assert world.stopped() == []
    world.wait(6_000)
    assert world.stopped() == [attempt()]


def test_what_is_found_without_a_lease_is_ended() -> None:
    world = World(running(attempt()))
    assert world.first[0] == Stop(attempt(), 0, "its lease ran out")


def test_the_connector_hears_of_a_longer_lease_in_steps_and_of_a_shorter_one_at_once() -> None:
    world = World()
    world.answer()
    world.exchange()
    holds = [effect for effect in world.done if isinstance(effect, HoldLease)]
    assert len(holds) == 1
    world.wait(1_000)
    world.exchange()
    world.exchange(lease_ttl_ms=TTL_MS // 2)
    holds = [effect for effect in world.done if isinstance(effect, HoldLease)]
    assert len(holds) == 3
    assert holds[2].until_ms < holds[1].until_ms


# Its books


def test_a_story_tells_what_happened_with_the_times() -> None:
    world = joined(order())
    world.tell(Seen((ended(attempt(), 3),)), after_ms=SYNC_GAP_MS)
    world.answer(settled=(attempt(),))
    lines = [line.partition(" ")[2] for line in world.machine.story(attempt())]
    assert lines == [
        "ordered as job, token 1",
        "running",
        "Task 0 ended with exit code 3.",
        "settled",
    ]


def test_a_move_that_the_table_does_not_have_is_refused_with_the_story() -> None:
    world = joined(order())
    known = world.machine._known[attempt()]
    world.tell(Seen((ended(attempt()),)))
    with pytest.raises(HutongError, match=r"lifecycle\.invalid_transition") as refused:
        world.machine._move(known, running(attempt()))
    assert "ordered as job" in refused.value.hint


JOBS = st.integers(1, 3)
NUMBERS = st.integers(1, 2)
SEEN = st.builds(
    lambda job, number, kind: (
        ended(attempt(job, number))
        if kind is AttemptState.ENDED
        else Observation(attempt(job, number), kind, 500 if kind is AttemptState.RUNNING else 0)
    ),
    JOBS,
    NUMBERS,
    st.sampled_from(
        [AttemptState.STARTING, AttemptState.RUNNING, AttemptState.STOPPING, AttemptState.ENDED]
    ),
)
REPLIES = st.builds(
    SyncReply,
    start=st.lists(st.builds(order, JOBS, NUMBERS), max_size=3).map(tuple),
    stop=st.lists(
        st.builds(
            StopOrder, st.builds(attempt, JOBS, NUMBERS), st.integers(0, 20_000), st.just("told")
        ),
        max_size=2,
    ).map(tuple),
    settled=st.lists(st.builds(attempt, JOBS, NUMBERS), max_size=2).map(tuple),
    lease_ttl_ms=st.sampled_from([100, 5_000, TTL_MS]),
    heartbeat_ms=st.sampled_from([0, 2_000]),
    resync=st.booleans(),
    more=st.booleans(),
)
STEPS = st.lists(
    st.tuples(
        st.one_of(
            st.builds(Seen, st.lists(SEEN, max_size=3).map(tuple)),
            st.builds(SyncAnswered, st.integers(1, 30), REPLIES),
            st.builds(SyncFailed, st.integers(1, 30), st.sampled_from([0, 5_000])),
            st.just(Poked()),
            st.just(Tick()),
            st.builds(StartRefused, st.builds(attempt, JOBS, NUMBERS), st.just(Fenced())),
        ),
        st.sampled_from([0, 1, 10, 900, 6_000, 61_000]),
        st.booleans(),
    ),
    max_size=40,
)


@given(found=st.lists(SEEN, max_size=3, unique_by=lambda seen: seen.attempt), steps=STEPS)
def test_whatever_comes_in_whatever_order_its_promises_hold(
    found: list[Observation], steps: list[tuple[AgentEvent, int, bool]]
) -> None:
    world = World(*found, lease_until_ms=1_050_000)
    for step, after_ms, is_late in steps:
        event = step
        if isinstance(step, SyncAnswered | SyncFailed) and not is_late:
            event = msgspec.structs.replace(step, number=world.syncs[-1].number)
        world.tell(event, after_ms)
        wake_at_ms = world.machine.wake_at_ms
        assert wake_at_ms is not None
        live = [seen.attempt for seen in world.machine.attempts.values() if seen.ended is None]
        if world.now_ms >= world.machine.lease_until_ms:
            assert all(who in world.stopped() for who in live), "no lease, so all were stopped"
    starts = world.started()
    assert len(starts) == len(set(starts)), "no attempt was started twice"
    assert not set(starts) & {seen.attempt for seen in found}, "nor one that was found"
    full = [sync.request for sync in world.syncs if sync.request.full]
    assert all(request.inventory is not None for request in full)
    numbers = [sync.number for sync in world.syncs]
    assert numbers == sorted(set(numbers)), "each sync has a number of its own"
