"""Whatever a hub writes, the store on disk and its in-memory twin tell the same of it."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hutong.lifecycle.rows import AttemptRow
from hutong.model.errors import HutongError
from hutong.model.ids import TenantId
from hutong.model.states import FINAL_ATTEMPT_STATES, AttemptState, JobState
from hutong.store.contract import Batch, JobQuery, TokenRow, UsageQuery, UsageRow
from hutong.store.sqlite import SqliteStore
from hutong.testing.store import MemoryStore
from tests.conformance.store_worlds import World
from tests.conformance.stores import everything, writer_of

TENANTS = ("acme", "acme/vision", "acme/vision/ocr", "acme-2", "beta")
SITES = ("bj", "tj", "zjk")

# Each step is a number of what to do and numbers to choose with, so that a failure shrinks well.
steps = st.lists(
    st.tuples(st.integers(0, 12), st.integers(0, 40), st.integers(0, 5_000)), max_size=60
)
queries = st.builds(
    JobQuery,
    tenant=st.none() | st.sampled_from(TENANTS).map(TenantId),
    states=st.lists(st.sampled_from(JobState), max_size=3, unique=True).map(tuple),
    name=st.none() | st.sampled_from(["train", "eval", "other"]),
    site=st.none() | st.sampled_from(SITES),
    before=st.none() | st.integers(0, 40),
    limit=st.integers(0, 20),
)
windows = st.builds(
    UsageQuery,
    tenant=st.none() | st.sampled_from(TENANTS).map(TenantId),
    since_ms=st.integers(0, 6_000),
    until_ms=st.integers(0, 12_000),
)


def live(world: World, which: int) -> list[AttemptRow]:
    """One live attempt, or none."""
    held = [row for row in world.attempts.values() if row.state not in FINAL_ATTEMPT_STATES]
    return [held[which % len(held)]] if held else []


def do(world: World, what: int, which: int, how: int) -> None:
    """One thing that happens in a hub, as far as it can."""
    jobs = list(world.jobs.values())
    job = jobs[which % len(jobs)] if jobs else None
    element = how % 9 if job is not None and job.elements > 1 else None
    lost = [row for row in world.attempts.values() if row.state is AttemptState.LOST]
    if what <= 2 or job is None:
        name, key = ("train", "eval")[which % 2], f"key-{world.position}" if how % 2 else ""
        world.accept(TENANTS[how % 5], name=name, key=key, elements=9 if which % 5 == 0 else 0)
    elif what <= 4:
        world.place(
            job.id, site=SITES[how % 3], accelerator=("", "gpu")[which % 2], element=element
        )
    elif what <= 6:
        for row in live(world, which):
            world.run(row.id, 1 + how)
    elif what == 7:
        for row in live(world, which):
            world.end(row.id, row.started_ms + how - 100)
            world.requeue(row.id)
    elif what == 8:
        for row in live(world, which):
            world.lose(row.id, row.started_ms + how)
    elif what == 9:
        for row in lost[:1]:
            world.settle(row.id, 1 + how // 2, how)
    elif what == 10:
        world.end_element(job.id, how % 9)
    elif what == 11:
        for row in live(world, which):
            world.place(job.id, element=element, preempting=((row.id, job.id),))
    else:
        world.finish(job.id, (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)[how % 3])


def usage_by_hand(world: World, query: UsageQuery) -> list[UsageRow]:
    """The meter, attempt by attempt."""
    sums: dict[tuple[str, str, str], list[int]] = {}
    for row in world.attempts.values():
        over = row.state in (AttemptState.ENDED, AttemptState.LOST)
        ran_ms = row.ended_ms - row.started_ms if row.started_ms else 0
        below = query.tenant is None or f"{row.tenant}/".startswith(f"{query.tenant}/")
        if not (over and below and ran_ms > 0 and query.since_ms <= row.ended_ms < query.until_ms):
            continue
        tasks = sum(share.tasks for share in row.nodes)
        group = sums.setdefault((row.tenant, row.site, row.accelerator), [0, 0, 0, 0, 0])
        group[0] += 1
        group[1] += ran_ms
        group[2] += ran_ms * tasks * row.needs.cpu_milli
        group[3] += ran_ms * tasks * row.needs.accelerator_milli
        group[4] += row.cost_microcny
    return [UsageRow(TenantId(key[0]), *key[1:], *sums[key]) for key in sorted(sums)]


@settings(max_examples=60)
@given(
    batches=st.lists(steps, max_size=8),
    asked=st.lists(queries, min_size=1, max_size=6),
    summed=st.lists(windows, min_size=1, max_size=4),
    reopen_after=st.integers(0, 8),
    refused_at=st.integers(0, 8),
)
def test_both_stores_tell_the_same_of_any_life_of_a_hub(
    batches: list[list[tuple[int, int, int]]],
    asked: list[JobQuery],
    summed: list[UsageQuery],
    reopen_after: int,
    refused_at: int,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        disk, twin = SqliteStore(Path(folder) / "hub.db"), MemoryStore()
        disk.open()
        twin.open()
        world = World()
        for number, batch in enumerate(batches):
            for what, which, how in batch:
                do(world, what, which, how)
            written = world.take()
            if number == refused_at and written.entries:
                refuse_once(disk, twin, written)
            disk.append(written)
            twin.append(written)
            if number % 3 == 0 and world.position:
                for store in (disk, twin):
                    store.save_snapshot(world.position, f"at {world.position}".encode())
                    store.put_token(TokenRow(f"{number:064x}", "n", "admin", "", number))
            if number == reopen_after:
                disk.close()
                disk.open()
        try:
            assert everything(disk) == everything(twin)
            for query in asked:
                assert disk.jobs(query) == twin.jobs(query)
            for window in summed:
                assert disk.usage(window) == twin.usage(window) == usage_by_hand(world, window)
            assert disk.entries(0, 10_000) == world.entries
            keys = [(row.tenant, row.key) for row in world.jobs.values()]
            assert disk.jobs_by_keys(keys) == twin.jobs_by_keys(keys)
            for attempt in world.attempts:
                assert disk.attempt(attempt) == twin.attempt(attempt) == world.attempts[attempt]
        finally:
            disk.close()


def refuse_once(disk: SqliteStore, twin: MemoryStore, batch: Batch) -> None:
    """Both stores fail in the same place; what they hold must not change."""
    before = everything(twin)
    writer_of(disk).execute("PRAGMA query_only = ON")
    twin.fail_next()
    for store in (disk, twin):
        with pytest.raises(HutongError) as refused:
            store.append(batch)
        assert refused.value.code == "store.unavailable"
        assert everything(store) == before
    writer_of(disk).execute("PRAGMA query_only = OFF")
