"""What every connector promises (`hutong.connectors.contract`), the real one and its twin alike."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hutong.connectors.contract import Ability, Lease
from hutong.model.attempt import NodeShare
from hutong.model.errors import HutongError
from hutong.model.ids import AttemptId, NodeId, PoolId
from hutong.model.reasons import (
    CommandNotFound,
    Completed,
    ExitCode,
    Fenced,
    Signalled,
    TimeLimit,
)
from hutong.model.states import AttemptState
from hutong.testing.connector import Await, Die, Exit, Hold, Missing, Print, Save, boot_ms
from tests.conformance.connectors import (
    LocalRig,
    MemoryRig,
    Rig,
    Watch,
    gang,
    headed,
    hold,
    log_of,
    order,
)

pytestmark = pytest.mark.anyio

ONE = AttemptId("h0test-j1-1")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["memory", "local"])
async def rig(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Rig]:
    made: Rig = MemoryRig() if request.param == "memory" else LocalRig(tmp_path)
    await made.connector.open()
    await hold(made.connector)
    yield made
    await made.leave()


@pytest.fixture
async def watch(rig: Rig) -> AsyncIterator[Watch]:
    watching = Watch(rig.connector)
    yield watching
    watching.stop()


async def test_says_of_every_ability_whether_it_has_it(rig: Rig) -> None:
    abilities = rig.connector.abilities()
    assert set(abilities) == set(Ability)
    assert all(why == "" or why.endswith(".") for why in abilities.values())


async def test_inventory_names_pools_and_nodes_that_belong_together(rig: Rig) -> None:
    inventory = await rig.connector.inventory()
    assert {node.pool for node in inventory.nodes} == {pool.id for pool in inventory.pools}


async def test_an_attempt_runs_and_completes(rig: Rig, watch: Watch) -> None:
    before_ms = time.time_ns() // 1_000_000
    await rig.connector.start(rig.act(order(), Print(b"done\n")))
    end = await watch.ended(ONE)
    assert end.ended == Completed()
    rounding_ms = 1  # a site may count from its start by another clock
    assert before_ms <= end.started_ms <= end.ended_ms
    assert end.ended_ms <= time.time_ns() // 1_000_000 + rounding_ms
    assert await rig.connector.read_log(ONE, 0, 0, 100) == b"done\n"


async def test_a_run_is_seen_before_its_end(rig: Rig, watch: Watch) -> None:
    await rig.connector.start(rig.act(order(), Await("go")))
    running = await watch.running(ONE)
    assert running.started_ms > 0
    assert running in await rig.connector.scan()
    rig.release("go")
    assert (await watch.ended(ONE)).started_ms == running.started_ms


async def test_a_checkpoint_is_seen_while_it_runs_and_kept(rig: Rig, watch: Watch) -> None:
    await rig.connector.start(rig.act(order(), Save(), Await("go")))
    saved = await watch.saved(ONE)
    assert saved.state is AttemptState.RUNNING
    assert 0 < saved.started_ms - 1_000 <= saved.checkpointed_ms  # a disk's clock may tick slower
    assert saved.checkpointed_ms <= time.time_ns() // 1_000_000
    await rig.crash()
    (found,) = await rig.connector.scan()
    assert found.checkpointed_ms == saved.checkpointed_ms
    rig.release("go")


async def test_started_twice_it_runs_once(rig: Rig, watch: Watch) -> None:
    twice = rig.act(order(), Print(b"ran\n"), Await("go"))
    await rig.connector.start(twice)
    await rig.connector.start(twice)
    await watch.running(ONE)
    await rig.connector.start(twice)
    rig.release("go")
    await watch.ended(ONE)
    assert await rig.connector.read_log(ONE, 0, 0, 100) == b"ran\n"


async def test_ordered_again_after_its_end_it_tells_that_end(rig: Rig, watch: Watch) -> None:
    once = rig.act(order(), Print(b"ran\n"), Exit(4))
    await rig.connector.start(once)
    end = await watch.ended(ONE)
    watch.last.clear()
    await rig.connector.start(once)
    assert await watch.ended(ONE) == end
    assert await rig.connector.read_log(ONE, 0, 0, 100) == b"ran\n"


async def test_an_exit_code_is_told_with_its_task(rig: Rig, watch: Watch) -> None:
    await rig.connector.start(rig.act(order(nodes=gang(1, 1)), rank0=[Hold()], rank1=[Exit(3)]))
    assert (await watch.ended(ONE)).ended == ExitCode(3, task=1)


async def test_a_signal_is_told_with_its_task(rig: Rig, watch: Watch) -> None:
    await rig.connector.start(rig.act(order(), Die(9)))
    assert (await watch.ended(ONE)).ended == Signalled(9, task=0)


async def test_a_command_that_does_not_exist_is_the_users_fault(rig: Rig, watch: Watch) -> None:
    await rig.connector.start(rig.act(order(nodes=gang(2, 1)), Missing()))
    end = await watch.ended(ONE)
    assert isinstance(end.ended, CommandNotFound)
    assert end.started_ms == 0


async def test_every_task_of_a_gang_has_its_log(rig: Rig, watch: Watch) -> None:
    ranks = {f"rank{rank}": [Print(b"rank %d" % rank)] for rank in range(3)}
    await rig.connector.start(rig.act(order(nodes=gang(2, 1)), **ranks))
    assert (await watch.ended(ONE)).ended == Completed()
    assert await rig.connector.log_sizes(ONE) == (6, 6, 6)
    assert await rig.connector.read_log(ONE, 2, 0, 100) == b"rank 2"


async def test_a_gang_ends_when_one_of_it_fails(rig: Rig, watch: Watch) -> None:
    failing = order(nodes=gang(1, 2), grace_ms=100)
    acts = {"rank1": [Exit(5)], "rank2": [Hold(deaf=True)]}
    await rig.connector.start(rig.act(failing, Hold(), **acts))
    assert (await watch.ended(ONE)).ended == ExitCode(5, task=1)


async def test_a_gang_has_completed_when_its_own_tasks_have_whatever_its_head_does(
    rig: Rig, watch: Watch
) -> None:
    acted = rig.act(headed(), rank0=[Print(b"head"), Hold()], rank1=[Await("go")], rank2=[])
    await rig.connector.start(acted)
    await log_of(rig.connector, ONE, b"head")
    rig.release("go")
    assert (await watch.ended(ONE)).ended == Completed()


async def test_a_head_that_does_not_listen_is_ended_after_its_grace(rig: Rig, watch: Watch) -> None:
    acted = rig.act(headed(grace_ms=200), rank0=[Hold(deaf=True)], rank1=[], rank2=[])
    await rig.connector.start(acted)
    assert (await watch.ended(ONE)).ended == Completed()


async def test_a_head_that_is_done_leaves_the_gang_to_go_on(rig: Rig, watch: Watch) -> None:
    acted = rig.act(headed(), rank0=[], rank1=[Print(b"on"), Await("go")], rank2=[])
    await rig.connector.start(acted)
    await log_of(rig.connector, ONE, b"on", task=1)
    rig.release("go")
    assert (await watch.ended(ONE)).ended == Completed()


async def test_a_gang_ends_when_its_head_fails(rig: Rig, watch: Watch) -> None:
    acted = rig.act(headed(), rank0=[Exit(4)], rank1=[Hold()], rank2=[Hold()])
    await rig.connector.start(acted)
    assert (await watch.ended(ONE)).ended == ExitCode(4, task=0)


async def test_a_stopped_attempt_ends_as_fenced(rig: Rig, watch: Watch) -> None:
    await rig.connector.start(rig.act(order(), Hold()))
    await watch.running(ONE)
    await rig.connector.stop(ONE, 60_000, "no longer wanted")
    assert (await watch.ended(ONE)).ended == Fenced()


async def test_one_that_does_not_listen_is_ended_after_its_grace(rig: Rig, watch: Watch) -> None:
    await rig.connector.start(rig.act(order(), Print(b"up"), Hold(deaf=True)))
    await log_of(rig.connector, ONE, b"up")
    stopped_ms = time.time_ns() // 1_000_000
    await rig.connector.stop(ONE, 300, "no longer wanted")
    end = await watch.ended(ONE)
    assert end.ended == Fenced()
    assert end.ended_ms >= stopped_ms + 290


async def test_a_second_stop_only_shortens_the_grace(rig: Rig, watch: Watch) -> None:
    await rig.connector.start(rig.act(order(), Print(b"up"), Hold(deaf=True)))
    await log_of(rig.connector, ONE, b"up")
    await rig.connector.stop(ONE, 3_600_000, "no longer wanted")
    await rig.connector.stop(ONE, 0, "at once")
    await rig.connector.stop(ONE, 3_600_000, "no longer wanted")
    assert (await watch.ended(ONE)).ended == Fenced()


async def test_a_stop_takes_the_whole_gang(rig: Rig, watch: Watch) -> None:
    await rig.connector.start(rig.act(order(nodes=gang(2, 2)), Hold()))
    await watch.running(ONE)
    await rig.connector.stop(ONE, 10_000, "no longer wanted")
    assert (await watch.ended(ONE)).ended == Fenced()


async def test_what_was_stopped_before_it_came_never_starts(rig: Rig, watch: Watch) -> None:
    await rig.connector.stop(ONE, 1_000, "no longer wanted")
    assert (await watch.ended(ONE)).ended == Fenced()
    watch.last.clear()
    await rig.connector.start(rig.act(order(), Print(b"ran\n")))
    assert (await watch.ended(ONE)).ended == Fenced()
    assert await rig.connector.read_log(ONE, 0, 0, 100) == b""


async def test_a_stop_of_what_has_ended_changes_nothing(rig: Rig, watch: Watch) -> None:
    await rig.connector.start(rig.act(order(), Exit(2)))
    end = await watch.ended(ONE)
    watch.last.clear()
    await rig.connector.stop(ONE, 0, "late")
    assert await watch.ended(ONE) == end


async def test_the_time_limit_ends_it(rig: Rig, watch: Watch) -> None:
    await rig.connector.start(rig.act(order(time_limit_ms=200), Hold()))
    end = await watch.ended(ONE)
    assert end.ended == TimeLimit(200)
    assert end.ended_ms - end.started_ms >= 190


async def test_nothing_runs_beyond_the_lease(rig: Rig, watch: Watch) -> None:
    await rig.connector.start(rig.act(order(1), Hold()))
    await rig.connector.start(rig.act(order(2), Print(b"up"), Hold(deaf=True)))
    await watch.running(ONE)
    await log_of(rig.connector, AttemptId("h0test-j2-1"), b"up")
    await hold(rig.connector, ttl_ms=400, grace_ms=100)
    assert (await watch.ended(ONE)).ended == Fenced()
    assert (await watch.ended(AttemptId("h0test-j2-1"))).ended == Fenced()


async def test_a_longer_lease_lets_it_go_on(rig: Rig, watch: Watch) -> None:
    await hold(rig.connector, ttl_ms=300, grace_ms=0)
    await rig.connector.start(rig.act(order(time_limit_ms=600), Hold()))
    await hold(rig.connector)
    assert (await watch.ended(ONE)).ended == TimeLimit(600)


async def test_nothing_starts_without_a_lease(rig: Rig, watch: Watch) -> None:
    await rig.connector.hold_lease(Lease(boot_ms() - 1, 0))
    await rig.connector.start(rig.act(order(), Print(b"ran\n")))
    end = await watch.ended(ONE)
    assert end.ended == Fenced()
    assert end.started_ms == 0
    assert await rig.connector.read_log(ONE, 0, 0, 100) == b""


async def test_logs_come_as_bytes_from_any_place(rig: Rig, watch: Watch) -> None:
    text = "训练 épreuve\n".encode() + bytes(range(256))
    await rig.connector.start(rig.act(order(), Print(text)))
    await watch.ended(ONE)
    assert await rig.connector.log_sizes(ONE) == (len(text),)
    assert await rig.connector.read_log(ONE, 0, 0, 1_000_000) == text
    assert await rig.connector.read_log(ONE, 0, 5, 7) == text[5:12]
    assert await rig.connector.read_log(ONE, 0, len(text), 100) == b""
    assert await rig.connector.read_log(ONE, 1, 0, 100) == b""


async def test_logs_are_read_while_it_runs(rig: Rig, watch: Watch) -> None:
    await rig.connector.start(rig.act(order(), Print(b"one"), Await("go"), Print(b" two")))
    assert await log_of(rig.connector, ONE, b"one") == b"one"
    rig.release("go")
    await watch.ended(ONE)
    assert await rig.connector.read_log(ONE, 0, 3, 100) == b" two"


async def test_what_is_forgotten_is_not_found_again(rig: Rig, watch: Watch) -> None:
    await rig.connector.start(rig.act(order(), Print(b"text")))
    end = await watch.ended(ONE)
    assert end in await rig.connector.scan()
    await rig.connector.forget(ONE)
    assert await rig.connector.scan() == ()
    await rig.connector.forget(ONE)
    await rig.connector.forget(AttemptId("h0test-j99-1"))


async def test_after_a_crash_what_runs_is_found_and_driven(rig: Rig, watch: Watch) -> None:
    await rig.connector.start(rig.act(order(), Print(b"ran\n"), Hold()))
    running = await watch.running(ONE)
    await log_of(rig.connector, ONE, b"ran\n")
    await rig.crash()
    assert await rig.connector.scan() == (running,)
    again = Watch(rig.connector)
    await rig.connector.start(rig.act(order(), Print(b"ran\n"), Hold()))
    await rig.connector.stop(ONE, 10_000, "no longer wanted")
    end = await again.ended(ONE)
    again.stop()
    assert end.ended == Fenced()
    assert end.started_ms == running.started_ms
    assert await rig.connector.read_log(ONE, 0, 0, 100) == b"ran\n"


async def test_after_a_crash_an_end_that_nobody_heard_is_found(rig: Rig, watch: Watch) -> None:
    await rig.connector.start(rig.act(order(1), Await("go"), Exit(7)))
    await rig.connector.start(rig.act(order(2), Exit(8)))
    await watch.running(ONE)
    await watch.ended(AttemptId("h0test-j2-1"))
    await rig.crash()
    again = Watch(rig.connector)
    rig.release("go")
    assert (await again.ended(ONE)).ended == ExitCode(7)
    again.stop()
    await rig.crash()
    found = {seen.attempt: seen.ended for seen in await rig.connector.scan()}
    assert found == {ONE: ExitCode(7), AttemptId("h0test-j2-1"): ExitCode(8)}


async def test_after_a_crash_the_lease_is_still_held(rig: Rig, watch: Watch) -> None:
    lease = Lease(boot_ms() + 77_000, 1_234)
    await rig.connector.hold_lease(lease)
    await rig.connector.start(rig.act(order(), Hold()))
    await watch.running(ONE)
    await rig.crash()
    assert await rig.connector.held_lease() == lease


async def test_what_is_not_of_this_site_is_refused(rig: Rig) -> None:
    strange = order(pool=PoolId("lab/nowhere"), nodes=(NodeShare(NodeId("lab/nowhere-1"), 1),))
    with pytest.raises(HutongError, match=r"connector\.refused"):
        await rig.connector.start(rig.act(strange))
    assert await rig.connector.scan() == ()


async def test_many_attempts_end_each_with_its_own_code(rig: Rig, watch: Watch) -> None:
    for number in range(1, 41):
        await rig.connector.start(rig.act(order(number), Exit(number)))
    for number in range(1, 41):
        end = await watch.ended(AttemptId(f"h0test-j{number}-1"))
        assert end.ended == ExitCode(number)
    assert all(seen.state is AttemptState.ENDED for seen in await rig.connector.scan())
