import asyncio
import tempfile
import threading
from pathlib import Path
from typing import Any

import pytest

from hutong.lifecycle import commands as do
from hutong.lifecycle import events as ev
from hutong.lifecycle.hub import HubMachine
from hutong.model.errors import HutongError, refuse
from hutong.model.job import Dependency, DependencyKind
from hutong.model.tenant import Tenant
from hutong.server import driver as module
from hutong.server.driver import Driver
from hutong.store.contract import Batch
from hutong.testing.store import MemoryDisk, MemoryStore
from tests.unit.server.world import SITE, GatedStore, SiteAgent, World, job, on_hub


def play(scenario: Any, store: MemoryStore | None = None) -> None:
    async def run() -> None:
        async with World(store) as world:
            await scenario(world)

    asyncio.run(run())


def tenant(name: str) -> do.PutTenant:
    return do.PutTenant(Tenant(name))


async def ready(world: World) -> None:
    async def condition() -> bool:
        return world.driver.ready

    await world.eventually(condition)


def test_an_answer_waits_until_it_is_durable() -> None:
    store = GatedStore()

    async def scenario(world: World) -> None:
        store.gate.clear()
        answer = asyncio.create_task(world.driver.submit(tenant("acme"), "c"))
        for _ in range(20):
            await asyncio.sleep(0)
        assert not answer.done()
        store.gate.set()
        await answer
        assert store.entries(0, 100)[-1].event == ev.TenantChanged(Tenant("acme"))

    play(scenario, store)


def test_what_comes_while_one_append_runs_goes_into_the_next_together() -> None:
    store = GatedStore()

    async def scenario(world: World) -> None:
        store.gate.clear()
        answers = [
            asyncio.create_task(world.driver.submit(tenant(f"t{n}"), "c")) for n in range(50)
        ]
        for _ in range(20):
            await asyncio.sleep(0)
        answers += [
            asyncio.create_task(world.driver.submit(tenant(f"u{n}"), "c")) for n in range(50)
        ]
        await asyncio.sleep(0)
        before = len(store.batches)
        store.gate.set()
        await asyncio.gather(*answers)
        assert len(store.batches) - before <= 2
        assert sum(store.batches[before:]) == 100

    play(scenario, store)


def test_a_read_does_not_show_what_is_not_durable() -> None:
    store = GatedStore()

    async def scenario(world: World) -> None:
        await SiteAgent(world).join()
        store.gate.clear()
        drained = asyncio.create_task(world.post("/v1/sites/bj/drain", {"draining": True}))

        async def taken_in() -> bool:
            return world.driver.machine.state.sites[SITE].draining

        await world.eventually(taken_in)
        read = asyncio.create_task(world.get("/v1/sites"))
        for _ in range(20):
            await asyncio.sleep(0)
        assert not read.done()
        store.gate.set()
        assert (await read).json()[0]["status"] == "draining"
        await drained

    play(scenario, store)


def test_nothing_of_a_failed_append_is_left_and_the_hub_goes_on() -> None:
    store = GatedStore()

    async def scenario(world: World) -> None:
        first = await world.submit(job("before"))
        store.fail_next(1)
        refused = await world.post("/v1/jobs", {"spec": job("lost")})
        assert (refused.status, refused.error.code) == (503, "store.unavailable")
        await ready(world)
        listed = (await world.get("/v1/jobs")).json()["jobs"]
        assert [row["id"] for row in listed] == [first]
        assert await world.submit(job("after")) != first
        world.driver.machine.validate()

    play(scenario, store)


def test_all_who_wait_behind_a_failed_append_are_told() -> None:
    store = GatedStore()

    async def scenario(world: World) -> None:
        store.gate.clear()
        first = asyncio.create_task(world.driver.submit(tenant("a"), "c"))
        for _ in range(20):
            await asyncio.sleep(0)
        second = asyncio.create_task(world.driver.submit(tenant("b"), "c"))
        await asyncio.sleep(0)
        store.fail_next(1)
        store.gate.set()
        results = await asyncio.gather(first, second, return_exceptions=True)
        assert [getattr(result, "code", None) for result in results] == ["store.unavailable"] * 2
        await ready(world)
        assert not world.driver.machine.state.tenants

    play(scenario, store)


def test_while_the_disk_is_full_reads_are_answered_and_writes_refused() -> None:
    store = GatedStore()

    async def scenario(world: World) -> None:
        await world.submit(job("kept"))
        store.fail_next(1_000_000)
        refused = await world.post("/v1/jobs", {"spec": job("lost")})
        assert refused.error.code == "store.unavailable"

        async def readable() -> bool:
            return world.driver.has_machine

        await world.eventually(readable)
        assert (await world.get("/readyz", token="")).status == 503
        assert (await world.get("/healthz", token="")).json()["status"] == "read-only"
        assert len((await world.get("/v1/jobs")).json()["jobs"]) == 1
        assert (await world.get("/v1/sites")).status == 200
        again = await world.post("/v1/jobs", {"spec": job("lost")})
        assert "the disk is full" in again.error.message
        store.fail_next(0)
        await ready(world)
        assert (await world.get("/readyz", token="")).status == 200
        await world.submit(job("more"))

    play(scenario, store)


def test_an_append_that_failed_but_was_stored_is_found() -> None:
    class Doubtful(GatedStore):
        lies = 0

        def append(self, batch: Batch) -> None:
            super().append(batch)
            if self.lies:
                self.lies -= 1
                raise refuse("store.unavailable", problem="nobody knows")

    store = Doubtful()

    async def scenario(world: World) -> None:
        store.lies = 2  # the submission, and the start behind it
        refused = await world.post("/v1/jobs", {"spec": job("kept"), "key": "k"})
        assert refused.status == 503
        await ready(world)
        again = await world.post("/v1/jobs", {"spec": job("kept"), "key": "k"})
        assert again.json() == {"job": "j1", "repeated": True}

    play(scenario, store)


def test_a_fault_within_a_step_costs_that_request_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario(world: World) -> None:
        first = await world.submit(job("before"))

        def faulty(self: HubMachine, stimulus: do.Stimulus, now_ms: int, cause: str) -> do.Step:
            self.state.next_job += 41  # a step half done
            raise ZeroDivisionError

        with monkeypatch.context() as patch:
            patch.setattr(HubMachine, "handle", faulty)
            answer = await world.post("/v1/jobs", {"spec": job("bad")})
        assert (answer.status, answer.error.code) == (500, "hub.internal")
        assert answer.error.facts["cause"] == answer.headers[b"x-hutong-cause"].decode()
        await ready(world)
        assert (first, await world.submit(job("after"))) == ("j1", "j2")

    play(scenario)


def test_a_hub_whose_store_was_taken_over_stops() -> None:
    disk = MemoryDisk()
    store = GatedStore(disk)

    async def scenario(world: World) -> None:
        stopped = asyncio.Event()
        world.driver.on_fenced = stopped.set
        disk.is_leased = False
        other = MemoryStore(disk)
        other.open()
        refused = await world.post("/v1/jobs", {"spec": job("late")})
        assert refused.error.code == "store.in_use"
        assert stopped.is_set()
        assert not world.driver.ready

    play(scenario, store)


def test_a_new_hub_goes_on_where_the_last_one_was_killed() -> None:
    disk = MemoryDisk()

    async def first(world: World) -> None:
        await world.__aenter__()
        await SiteAgent(world).join()
        await world.submit(job("one"), "k")
        world.store.crash()
        world.driver._readers.shutdown()
        world.driver._writer.shutdown()
        for task in world.driver._tasks:
            task.cancel()
        await asyncio.gather(*world.driver._tasks, return_exceptions=True)

    async def second(world: World) -> None:
        assert await world.submit(job("one"), "k") == "j1"
        assert await world.submit(job("two")) == "j2"
        assert (await world.get("/v1/health")).json()["sites"] == 1

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(first(World(MemoryStore(disk), Path(folder))))
    play(second, MemoryStore(disk))


def test_a_clean_stop_leaves_a_snapshot_that_the_next_start_rests_on() -> None:
    disk = MemoryDisk()

    async def first(world: World) -> None:
        await world.submit(job("one"))

    play(first, MemoryStore(disk))
    (position,) = disk.snapshots
    assert position == len(disk.entries)
    reads: list[int] = []

    class Counting(MemoryStore):
        def tail(self, after: int) -> Any:
            reads.append(after)
            return super().tail(after)

    async def second(world: World) -> None:
        assert reads == [position]
        assert list(world.driver.machine.state.jobs) == ["j1"]

    play(second, Counting(disk))


def test_a_snapshot_nobody_can_read_costs_only_time() -> None:
    disk = MemoryDisk()

    async def first(world: World) -> None:
        await world.submit(job("one"))

    play(first, MemoryStore(disk))
    disk.snapshots = dict.fromkeys(disk.snapshots, b"\x80 from another version")

    async def second(world: World) -> None:
        assert list(world.driver.machine.state.jobs) == ["j1"]

    play(second, MemoryStore(disk))


def test_a_journal_with_a_gap_is_not_started_from() -> None:
    disk = MemoryDisk()

    async def first(world: World) -> None:
        await world.submit(job("one"))

    play(first, MemoryStore(disk))
    disk.snapshots.clear()
    del disk.entries[1]
    with pytest.raises(HutongError, match=r"store\.damaged"):
        play(first, MemoryStore(disk))


def test_a_snapshot_is_written_after_so_many_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SNAPSHOT_ENTRIES", 5)
    disk = MemoryDisk()

    async def scenario(world: World) -> None:
        for number in range(6):
            await world.submit(job(f"n{number}"))

        async def written() -> bool:
            return bool(disk.snapshots)

        await world.eventually(written)
        assert len(disk.entries) >= max(disk.snapshots) >= 5

    play(scenario, MemoryStore(disk))


def test_time_never_goes_back_not_even_over_a_restart() -> None:
    disk = MemoryDisk()

    async def first(world: World) -> None:
        world.clock.at_ms += 1_000_000
        await world.submit(job("one"))
        world.clock.at_ms -= 900_000
        await world.submit(job("two"))

    async def second(world: World) -> None:
        await world.submit(job("three"))

    play(first, MemoryStore(disk))
    play(second, MemoryStore(disk))
    times = [entry.at_ms for entry in disk.entries]
    assert times == sorted(times)


@on_hub
async def test_one_key_sent_at_once_many_times_makes_one_job(world: World) -> None:
    body = {"spec": job("one"), "key": "k"}
    answers = await asyncio.gather(*(world.post("/v1/jobs", body) for _ in range(20)))
    assert {answer.json()["job"] for answer in answers} == {"j1"}
    assert sorted(answer.status for answer in answers) == [200] * 19 + [201]


@on_hub
async def test_one_key_makes_one_job_even_where_it_ends_at_once(world: World) -> None:
    """A job whose dependency can never be met leaves the machine in the step that accepts it."""
    first = await world.submit(job("first"))
    await world.post(f"/v1/jobs/{first}/cancel", {})
    broken = job("second", depends_on=(Dependency(DependencyKind.AFTER_OK, first),))
    body = {"spec": broken, "key": "k"}
    answers = await asyncio.gather(*(world.post("/v1/jobs", body) for _ in range(20)))
    assert {answer.json()["job"] for answer in answers} == {"j2"}


@on_hub
async def test_a_dependency_may_have_ended_long_ago(world: World) -> None:
    agent = SiteAgent(world)
    await agent.join()
    first = await world.submit(job("first"))
    (attempt,) = await agent.start_all()
    await agent.finish(attempt)
    assert first not in world.driver.machine.state.jobs
    world.clock.at_ms += 60_000
    behind = job("behind", depends_on=(Dependency(DependencyKind.AFTER_OK, first),))
    second = await world.submit(behind)
    await world.cycle()
    assert (await world.get(f"/v1/jobs/{second}")).json()["job"]["state"] == "placed"


def test_a_dependency_may_end_while_the_store_is_looked_at() -> None:
    class Slow(GatedStore):
        def jobs_by_keys(self, keys: Any) -> Any:
            assert self.gate.wait(30)
            return super().jobs_by_keys(keys)

    store = Slow()

    async def scenario(world: World) -> None:
        first = await world.submit(job("first"))
        behind = job("behind", depends_on=(Dependency(DependencyKind.AFTER_ANY, first),))
        looking = threading.Event()
        look = store.jobs_by_keys
        store.gate.clear()
        store.jobs_by_keys = lambda keys: (looking.set(), look(keys))[1]
        answer = asyncio.create_task(world.post("/v1/jobs", {"spec": behind, "key": "k"}))
        await asyncio.to_thread(looking.wait, 30)
        world.driver.handle(do.Cancel(first, "test"), "c")
        assert first not in world.driver.machine.state.jobs
        store.gate.set()
        assert (await answer).json() == {"job": "j2"}

    play(scenario, store)


def test_a_refusal_waits_until_what_it_rests_on_is_durable() -> None:
    store = GatedStore()

    async def scenario(world: World) -> None:
        first = await world.submit(job("first"))
        store.gate.clear()
        world.driver.handle(do.Cancel(first, "test"), "c")
        refused = asyncio.create_task(world.driver.submit(do.Cancel(first, "test"), "c"))
        for _ in range(50):
            await asyncio.sleep(0)
        assert not refused.done()
        store.gate.set()
        with pytest.raises(HutongError, match=r"job\.not_found"):
            await refused

    play(scenario, store)


def test_a_snapshot_waits_until_what_it_holds_is_durable() -> None:
    disk = MemoryDisk()
    store = GatedStore(disk)

    async def scenario(world: World) -> None:
        store.gate.clear()
        world.driver.handle(tenant("acme"), "c")
        position = world.driver.machine.state.position
        snapshot = asyncio.create_task(world.driver._snapshot())
        for _ in range(50):
            await asyncio.sleep(0)
        assert not disk.snapshots
        store.gate.set()
        await snapshot
        assert list(disk.snapshots) == [position]

    play(scenario, store)


@on_hub
async def test_a_cycle_follows_a_submission_by_itself(world: World) -> None:
    agent = SiteAgent(world)
    await agent.join()
    name = await world.submit(job("one"))

    async def placed() -> bool:
        return bool((await world.get(f"/v1/jobs/{name}/attempts")).json())

    assert await world.eventually(placed)


@on_hub
async def test_causes_are_never_given_twice(world: World) -> None:
    causes = [world.driver.new_cause("r") for _ in range(100)]
    other = Driver(MemoryStore(), world.hub.driver.machine.scheduler._matcher, None)
    causes += [other.new_cause("r") for _ in range(100)]
    assert len(set(causes)) == 200
