"""What every store promises, tried on each implementation."""

import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from hutong.lifecycle.events import Entry, HubStarted
from hutong.model.errors import HutongError
from hutong.model.ids import AttemptId, JobId, TenantId
from hutong.model.states import JobState
from hutong.store.contract import Batch, JobQuery, Store, TokenRow
from tests.conformance.store_worlds import World
from tests.conformance.stores import IMPLEMENTATIONS, Place, everything


@pytest.fixture(params=IMPLEMENTATIONS, ids=lambda kind: kind.__name__)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    made: Place = request.param(tmp_path)
    return made


@pytest.fixture
def store(place: Place) -> Iterator[Store]:
    opened = place.store()
    opened.open()
    yield opened
    opened.close()


@pytest.fixture
def world() -> World:
    return World()


# The journal


def test_a_new_journal_is_empty(store: Store) -> None:
    assert everything(store) == {
        "position": 0,
        "entries": [],
        "jobs": [],
        "specs": [],
        "attempts": [],
        "elements": [],
        "usage": [],
        "counts": [],
        "stories": [],
        "tokens": [],
        "snapshot": None,
    }


def test_entries_come_back_in_order_without_gaps(store: Store, world: World) -> None:
    for count in (1, 3, 200, 7):
        store.append(world.accepted(count))
    entries = store.entries(0, 1_000)
    assert [entry.position for entry in entries] == list(range(1, 212))
    assert entries == world.entries
    assert store.position() == 211
    assert store.entries(208, 2) == world.entries[208:210]
    assert store.entries(211, 10) == []
    assert store.entries(0, 0) == []
    assert list(store.tail(100)) == world.entries[100:]


def test_every_kind_of_text_comes_back_as_it_was(store: Store, world: World) -> None:
    script = "echo '任务' \"quoted\" \\ \x00\x1f\x7f\u2028 🚀 it's; DROP TABLE jobs\n"
    job = world.accept(script=script, name="训练 'x'", key="k'\"%_\\")
    store.append(world.take())
    spec = store.spec(job)
    assert spec is not None
    assert spec.program.script == script
    assert store.jobs(JobQuery(name="训练 'x'")) == [world.jobs[job]]
    assert store.job_by_key(spec.tenant, "k'\"%_\\") == world.jobs[job]


@pytest.mark.parametrize("positions", [(2,), (1, 3), (1, 1), (0, 1)])
def test_a_batch_that_leaves_a_gap_is_refused_whole(
    store: Store, world: World, positions: tuple[int, ...]
) -> None:
    before = everything(store)
    batch = world.accepted(len(positions))
    for index, position in enumerate(positions):
        batch.entries[index] = msgspec.structs.replace(batch.entries[index], position=position)
    with pytest.raises(ValueError, match="entry"):
        store.append(batch)
    assert everything(store) == before


def test_a_batch_that_breaks_in_its_last_row_leaves_nothing(store: Store, world: World) -> None:
    store.append(world.accepted(3, tenant="acme"))
    before = everything(store)
    world.accept("beta/new", key="once")
    world.accept("beta/new", key="once")
    broken = world.take()
    with pytest.raises(ValueError, match=r"contradicts|belongs"):
        store.append(broken)
    assert everything(store) == before
    assert store.job_by_key(TenantId("beta/new"), "once") is None

    rows = list(broken.jobs.values())
    repaired = msgspec.structs.replace(rows[1], key="twice")
    store.append(Batch(broken.entries, {**broken.jobs, repaired.id: repaired}))
    assert [row.number for row in store.jobs(JobQuery(tenant=TenantId("beta")))] == [5, 4]


def test_no_room_refuses_the_batch_and_takes_it_when_there_is_room_again(
    place: Place, store: Store, world: World
) -> None:
    store.append(world.accepted(5, tenant="acme"))
    before = everything(store)
    batch = world.accepted(400, tenant="beta/fresh", key="")
    place.fill(store)
    for _ in range(3):
        with pytest.raises(HutongError) as refused:
            store.append(batch)
        assert refused.value.code == "store.unavailable"
        assert "full" in refused.value.message
        assert everything(store) == before
    place.make_room(store)
    store.append(batch)
    assert store.entries(0, 1_000) == world.entries


# Opening, the lease and the epoch


def test_everything_is_there_after_opening_again(place: Place, store: Store, world: World) -> None:
    a_life_of_jobs(store, world)
    store.put_token(TokenRow("aa" * 32, "laptop", "admin", "", 5))
    store.save_snapshot(3, b"three")
    before = everything(store)
    store.close()
    again = place.store()
    again.open()
    assert everything(again) == before
    again.append(world.accepted(1))
    assert again.position() == world.position
    again.close()
    store.open()
    assert store.position() == world.position


def test_only_one_store_may_be_open(place: Place, store: Store) -> None:
    second = place.store()
    with pytest.raises(HutongError) as refused:
        second.open()
    assert refused.value.code == "store.in_use"
    with pytest.raises(HutongError) as refused:
        store.open()
    assert refused.value.code == "store.in_use"
    store.close()
    second.open()
    second.close()


def test_a_writer_that_was_taken_for_dead_writes_nothing_more(
    place: Place, store: Store, world: World
) -> None:
    store.append(world.accepted(2))
    place.take_lease_away()
    successor = place.store()
    successor.open()
    stale = world.accepted(1)
    writes = (
        lambda: store.append(stale),
        lambda: store.put_token(TokenRow("bb" * 32, "late", "admin", "", 1)),
        lambda: store.save_snapshot(1, b"late"),
    )
    for write in writes:
        with pytest.raises(HutongError) as refused:
            write()
        assert refused.value.code == "store.in_use"
    assert successor.position() == 2
    assert successor.tokens() == []
    assert successor.load_snapshot() is None
    successor.append(stale)
    with pytest.raises(HutongError):
        store.append(stale)
    assert successor.entries(0, 10) == world.entries
    successor.close()


def test_a_closed_store_says_so(store: Store, world: World) -> None:
    store.close()
    calls = (
        lambda: store.append(world.accepted(1)),
        store.position,
        lambda: store.entries(0, 1),
        lambda: store.job(JobId("j1")),
        lambda: store.jobs(JobQuery()),
        lambda: store.put_token(TokenRow("cc" * 32, "", "", "", 1)),
        lambda: store.save_snapshot(1, b""),
        store.load_snapshot,
    )
    for call in calls:
        with pytest.raises(HutongError) as refused:
            call()
        assert refused.value.code == "store.unavailable"


def test_readers_never_see_half_a_batch(store: Store) -> None:
    world = World()
    batches = [world.accepted(10) for _ in range(40)]
    problems: list[object] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            jobs = store.jobs(JobQuery(limit=1_000))
            later = store.entries(0, 1_000)
            if len(jobs) % 10 or len(later) % 10 or len(later) < len(jobs):
                problems.append((len(jobs), len(later)))

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        for batch in batches:
            store.append(batch)
    finally:
        done.set()
        for reader in readers:
            reader.join()
    assert problems == []
    assert store.position() == 400


# Jobs


def test_a_job_is_found_live_and_ended(store: Store, world: World) -> None:
    job = world.accept()
    store.append(world.take())
    assert store.job(job) == world.jobs[job]
    world.finish(job)
    store.append(world.take())
    found = store.job(job)
    assert found == world.jobs[job]
    assert found is not None
    assert found.state is JobState.SUCCEEDED
    spec = store.spec(job)
    assert spec is not None
    assert spec.name == "train"


@pytest.mark.parametrize("name", ["j99", "j0", "", "x", "j", "j1'; --", "j9999999999999999999"])
def test_what_is_no_job_is_not_found(store: Store, world: World, name: str) -> None:
    store.append(world.accepted(3))
    job = JobId(name)
    assert store.job(job) is None
    assert store.spec(job) is None
    assert store.attempts(job) == []
    assert store.elements(job) == []
    assert store.story(job) == []
    assert store.attempt(AttemptId(name)) is None


def test_listing_pages_from_new_to_old_without_gap_or_repeat(store: Store, world: World) -> None:
    store.append(world.accepted(25))
    numbers: list[int] = []
    before: int | None = None
    while page := store.jobs(JobQuery(before=before, limit=10)):
        assert len(page) <= 10
        numbers += [row.number for row in page]
        before = numbers[-1]
    assert numbers == list(range(25, 0, -1))


def test_listing_takes_a_tenant_with_all_below_it_and_nobody_else(
    store: Store, world: World
) -> None:
    tenants = ["acme", "acme/vision", "acme/vision/ocr", "acme-two", "acme.x", "acm", "beta/acme"]
    for tenant in tenants:
        world.accept(tenant)
    store.append(world.take())

    def names(tenant: str) -> list[str]:
        return sorted(row.tenant for row in store.jobs(JobQuery(tenant=TenantId(tenant))))

    assert names("acme") == ["acme", "acme/vision", "acme/vision/ocr"]
    assert names("acme/vision") == ["acme/vision", "acme/vision/ocr"]
    assert names("acme-two") == ["acme-two"]
    assert names("nobody") == names("") == names("acme/") == names("%") == []


def test_listing_filters_combine(store: Store, world: World) -> None:
    a_life_of_jobs(store, world)
    everyone = store.jobs(JobQuery(limit=1_000))
    queries = [
        JobQuery(tenant=tenant, states=states, name=name, site=site, before=before, limit=3)
        for tenant in (None, TenantId("acme"), TenantId("beta"))
        for states in ((), (JobState.QUEUED,), (JobState.RUNNING, JobState.SUCCEEDED))
        for name in (None, "train", "eval")
        for site in (None, "bj", "tj", "")
        for before in (None, 7)
    ]
    for query in queries:
        expected = [
            row
            for row in everyone
            if (query.tenant is None or f"{row.tenant}/".startswith(f"{query.tenant}/"))
            and (not query.states or row.state in query.states)
            and query.name in (None, row.name)
            and query.site in (None, row.site)
            and (query.before is None or row.number < query.before)
        ]
        assert store.jobs(query) == expected[:3], query


def test_listing_over_very_many_tenants_is_complete(store: Store, world: World) -> None:
    for number in range(700):
        world.accept(f"city/company-{number}")
    store.append(world.take())
    for query in (
        JobQuery(tenant=TenantId("city"), limit=650),
        JobQuery(tenant=TenantId("city"), states=(JobState.QUEUED,), limit=650),
    ):
        assert [row.number for row in store.jobs(query)] == list(range(700, 50, -1))


def test_counts_follow_the_states(store: Store, world: World) -> None:
    store.append(world.accepted(3, tenant="acme"))
    job = world.accept("beta")
    store.append(world.take())
    world.finish(job, JobState.FAILED)
    world.finish(JobId("j1"))
    store.append(world.take())
    assert store.count_jobs() == {
        ("acme", JobState.QUEUED): 2,
        ("acme", JobState.SUCCEEDED): 1,
        ("beta", JobState.FAILED): 1,
    }


def test_a_key_belongs_to_its_tenant(store: Store, world: World) -> None:
    first = world.accept("acme", key="run-1")
    other = world.accept("acme/vision", key="run-1")
    world.accept("acme")
    world.accept("acme")
    store.append(world.take())
    acme, vision = TenantId("acme"), TenantId("acme/vision")
    assert store.job_by_key(acme, "run-1") == world.jobs[first]
    assert store.job_by_key(vision, "run-1") == world.jobs[other]
    assert store.job_by_key(acme, "run-2") is None
    assert store.job_by_key(acme, "") is None
    assert store.job_by_key(TenantId("beta"), "run-1") is None
    wanted = [(acme, "run-1"), (vision, "run-1"), (vision, "run-9"), (TenantId("no"), "run-1")]
    found = store.jobs_by_keys(wanted)
    assert {key: row.id for key, row in found.items()} == {
        (acme, "run-1"): first,
        (vision, "run-1"): other,
    }
    assert store.jobs_by_keys([]) == {}


def test_a_thousand_keys_are_looked_up_at_once(store: Store, world: World) -> None:
    for number in range(1_000):
        world.accept(f"t{number % 7}", key=f"key-{number}")
    store.append(world.take())
    wanted = [(TenantId(f"t{number % 7}"), f"key-{number}") for number in range(1_500)]
    assert len(store.jobs_by_keys(wanted)) == 1_000


# Snapshots and tokens


def test_the_newest_snapshot_is_loaded_and_large_ones_fit(store: Store, world: World) -> None:
    store.append(world.accepted(9))
    for position in (2, 5, 5, 9):
        store.save_snapshot(position, bytes([position]) * 3_000_000)
        assert store.load_snapshot() == (position, bytes([position]) * 3_000_000)
    store.save_snapshot(9, b"")
    assert store.load_snapshot() == (9, b"")


@pytest.mark.parametrize("position", [0, -1, 4])
def test_a_snapshot_needs_its_place_in_the_journal(
    store: Store, world: World, position: int
) -> None:
    store.append(world.accepted(3))
    with pytest.raises(ValueError, match="no entry"):
        store.save_snapshot(position, b"x")
    assert store.load_snapshot() is None


def test_a_torn_snapshot_gives_way_to_the_one_before(
    place: Place, store: Store, world: World
) -> None:
    store.append(world.accepted(9))
    for position in (2, 5, 9):
        store.save_snapshot(position, f"state at {position}".encode())
    torn = place.tear_newest_snapshot()
    assert store.load_snapshot() == ((5, b"state at 5") if torn else (9, b"state at 9"))
    store.save_snapshot(9, b"state at 9, again")
    assert store.load_snapshot() == (9, b"state at 9, again")


def test_a_token_is_put_and_revoked(store: Store) -> None:
    first = TokenRow("aa" * 32, "laptop", "member", "acme", 10)
    second = TokenRow("bb" * 32, "site", "agent", "bj", 9, expires_ms=99)
    store.put_token(first)
    store.put_token(second)
    assert store.tokens() == [second, first]
    revoked = msgspec.structs.replace(first, revoked_ms=12)
    store.put_token(revoked)
    assert store.tokens() == [second, revoked]
    assert store.position() == 0


def a_life_of_jobs(store: Store, world: World) -> None:
    """Twelve jobs of three tenants in every state, over several batches."""
    jobs = [
        world.accept(
            ("acme", "acme/vision", "beta")[number % 3], name=("train", "eval")[number % 2]
        )
        for number in range(12)
    ]
    store.append(world.take())
    attempts = [*world.place(*jobs[:5], site="bj"), *world.place(*jobs[5:8], site="tj")]
    store.append(world.take())
    for number, attempt in enumerate(attempts[:6]):
        world.run(attempt, 1_000 + number)
        if number % 2:
            world.end(attempt, 5_000)
            world.finish(world.attempts[attempt].job)
    store.append(world.take())
    store.append(Batch([Entry(world.position + 1, world.now_ms, "tick", HubStarted())]))
    world.position += 1
