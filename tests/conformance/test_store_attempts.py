"""What every store tells of attempts, elements, the meter and a job's story."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hutong.lifecycle.events import HubStarted, PlanDecided
from hutong.model.ids import AttemptId, TenantId
from hutong.model.states import JobState
from hutong.store.contract import Store, UsageQuery, UsageRow
from tests.conformance.store_worlds import RATE, World
from tests.conformance.stores import IMPLEMENTATIONS, Place


@pytest.fixture(params=IMPLEMENTATIONS, ids=lambda kind: kind.__name__)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    place: Place = request.param(tmp_path)
    opened = place.store()
    opened.open()
    yield opened
    opened.close()


@pytest.fixture
def world() -> World:
    return World()


def test_attempts_come_in_the_order_they_were_placed(store: Store, world: World) -> None:
    job, other = world.accept(), world.accept()
    ids: list[AttemptId] = []
    for round_ms in (10_000, 20_000, 30_000):
        (attempt, _) = world.place(job, other)
        ids.append(attempt)
        world.run(attempt, round_ms)
        world.end(attempt, round_ms + 5)
        world.requeue(attempt)
        store.append(world.take())
    assert [row.id for row in store.attempts(job)] == ids
    assert store.attempts(job, after=ids[0], limit=1) == [world.attempts[ids[1]]]
    assert store.attempts(job, after=ids[2]) == []
    assert store.attempts(job, after="abc123-j1-77") == []
    assert store.attempts(job, element=0) == []
    assert store.attempt(ids[1]) == world.attempts[ids[1]]
    assert store.attempt(AttemptId("abc123-j1-77")) is None


def test_attempts_of_an_array_are_found_by_element(store: Store, world: World) -> None:
    job = world.accept(elements=10)
    placed = [world.place(job, element=element)[0] for element in (4, 0, 4, 9)]
    store.append(world.take())
    assert [row.id for row in store.attempts(job)] == placed
    assert [row.id for row in store.attempts(job, after=placed[1])] == placed[2:]
    assert [row.id for row in store.attempts(job, element=4)] == [placed[0], placed[2]]
    assert [row.id for row in store.attempts(job, element=4, after=placed[0])] == [placed[2]]


def test_elements_page_in_their_order(store: Store, world: World) -> None:
    job = world.accept(elements=300)
    for element in (7, 0, 299, 3):
        world.end_element(job, element)
    store.append(world.take())
    world.end_element(job, 5)
    store.append(world.take())
    assert [row.element for row in store.elements(job)] == [0, 3, 5, 7, 299]
    assert [row.element for row in store.elements(job, after=3, limit=2)] == [5, 7]


def test_usage_sums_what_ended_and_nothing_else(store: Store, world: World) -> None:
    ran, lost, running, never = (world.accept("acme/vision") for _ in range(4))
    attempts = world.place(ran, lost, running, never, site="bj")
    for attempt in attempts[:3]:
        world.run(attempt, 10_000)
    world.end(attempts[0], 13_000)
    world.lose(attempts[1], 14_000)
    world.end(attempts[3], 99_000)
    store.append(world.take())

    def row(attempts: int, duration_ms: int, tenant: str = "acme/vision") -> UsageRow:
        cpu, chips = 8_000 * duration_ms, 2_000 * duration_ms
        cost = RATE * duration_ms // 3_600_000
        return UsageRow(
            TenantId(tenant), "bj", "ascend-910b", attempts, duration_ms, cpu, chips, cost
        )

    assert store.usage(UsageQuery()) == [row(2, 7_000)]
    assert store.usage(UsageQuery(tenant=TenantId("acme"))) == [row(2, 7_000)]
    assert store.usage(UsageQuery(tenant=TenantId("acme/vis"))) == []
    assert store.usage(UsageQuery(tenant=TenantId(""))) == []
    assert store.usage(UsageQuery(since_ms=13_000, until_ms=14_000)) == [row(1, 3_000)]
    assert store.usage(UsageQuery(since_ms=13_001, until_ms=14_000)) == []
    assert store.usage(UsageQuery(since_ms=14_000)) == [row(1, 4_000)]

    world.settle(attempts[1], 10_000, 20_000)
    store.append(world.take())
    assert store.usage(UsageQuery()) == [row(2, 13_000)]


def test_usage_does_not_overflow_on_a_year_of_the_largest_gangs(store: Store, world: World) -> None:
    year_ms = 366 * 24 * 3_600_000
    job = world.accept("acme")
    for _ in range(3):
        (attempt,) = world.place(job, tasks=4_096 * 256)
        world.run(attempt, 1)
        world.end(attempt, 1 + year_ms)
    store.append(world.take())
    (row,) = store.usage(UsageQuery())
    assert row.cpu_milli_ms == 3 * 4_000 * 4_096 * 256 * year_ms > 2**63
    assert row.accelerator_milli_ms == 3 * 1_000 * 4_096 * 256 * year_ms


# The story


def test_a_story_tells_all_of_one_job_and_only_that(store: Store, world: World) -> None:
    world.emit(HubStarted())
    job, other = world.accept(), world.accept()
    mine, _ = world.place(job, other)
    world.run(mine, 5)
    world.lose(mine, 9)
    world.requeue(mine)
    urgent = world.accept(name="urgent")
    (again,) = world.place(job)
    world.place(urgent, preempting=((again, urgent),))
    world.settle(mine, 5, 8)
    world.finish(job, JobState.CANCELLED)
    store.append(world.take())
    told = store.story(job)
    assert [type(event).__name__ for _, _, _, event in told] == [
        "JobAccepted",
        "PlanDecided",
        "AttemptMoved",
        "AttemptLost",
        "JobRequeued",
        "PlanDecided",
        "PlanDecided",
        "AttemptSettled",
        "JobEnded",
    ]
    for position, at_ms, cause, _ in told:
        entry = world.entries[position - 1]
        assert (entry.at_ms, entry.cause) == (at_ms, cause)
    plans = [event for _, _, _, event in told if isinstance(event, PlanDecided)]
    assert [[line.job for line in plan.placements] for plan in plans] == [[job], [job], []]
    assert [line.attempt for line in plans[2].preemptions] == [again]
    assert [type(event).__name__ for *_, event in store.story(urgent)] == [
        "JobAccepted",
        "PlanDecided",
    ]


def test_a_story_of_many_plans_pages(store: Store, world: World) -> None:
    job = world.accept(elements=400)
    for element in range(200):
        world.place(job, element=element)
    store.append(world.take())
    told = store.story(job)
    assert [position for position, *_ in told] == list(range(1, 202))
    assert store.story(job, after=150, limit=30) == told[150:180]
    assert store.story(job, limit=1) == told[:1]
