"""The agent between a site that is acted and a hub that is acted."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable

import msgspec
import pytest

from hutong.agent import driver
from hutong.agent.driver import Agent, boot_ms
from hutong.agent.hub import HubError
from hutong.connectors.local.sitefile import parse_site_file
from hutong.model.errors import refuse
from hutong.model.ids import AttemptId, NodeId, PoolId
from hutong.model.reasons import Completed, ExitCode, Fenced, StartFailed
from hutong.model.states import AttemptState
from hutong.model.supply import Inventory, NodeCondition
from hutong.testing.connector import Await, Exit, Hold, MemoryConnector, MemorySite, Print
from tests.conformance.connectors import PATIENCE_S, SITE, SITE_WITH_OFFERS, order
from tests.unit.agent.fakehub import Hub, HubInMemory

pytestmark = pytest.mark.anyio

ONE = AttemptId("h0test-j1-1")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class World:
    """A hub, a site, and the agent between them."""

    def __init__(self) -> None:
        file = parse_site_file(SITE, "lab")
        self.description = file.site
        self.site = MemorySite(file.inventory)
        self.hub = Hub()
        self.connector = MemoryConnector(self.site)
        self.client = HubInMemory(self.hub)
        self.agent: Agent | None = None
        self.task: asyncio.Task[None] | None = None
        self._sessions = 0

    def start(self) -> Agent:
        """Start an agent."""
        self._sessions += 1
        self.agent = Agent(
            self.description, self.connector, self.client.as_client, f"session-{self._sessions}"
        )
        self.task = asyncio.create_task(self.agent.run())
        return self.agent

    async def end(self) -> None:
        """End the agent; the site lives on."""
        assert self.task is not None
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def restart(self) -> Agent:
        """Have another agent take over."""
        await self.end()
        self.connector = MemoryConnector(self.site)
        self.client = HubInMemory(self.hub)
        return self.start()

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until a condition holds. Fails when the agent does."""
        assert self.task is not None
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                assert not self.task.done(), self.task
                await asyncio.sleep(0)

    async def ended(self, attempt: AttemptId = ONE) -> object:
        """The reason of an end that the hub heard."""
        await self.until(lambda: attempt in self.hub.ends)
        return self.hub.ends[attempt].ended

    async def running(self, attempt: AttemptId = ONE) -> None:
        """Wait until the hub heard that it runs."""
        await self.until(
            lambda: (
                attempt in self.hub.seen and self.hub.seen[attempt].state is AttemptState.RUNNING
            )
        )


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr(driver, "START_TRIES_S", (0.0, 0.0, 0.0))
    monkeypatch.setattr(driver, "AGAIN_S", 0.0)
    made = World()
    yield made
    await made.end()


async def test_a_site_joins_with_all_that_it_is(world: World) -> None:
    world.start()
    await world.until(lambda: world.hub.requests)
    first = world.hub.requests[0]
    assert first.full
    assert first.description == world.description
    assert first.inventory == world.site.inventory
    assert first.sent_ms > 1_600_000_000_000


async def test_an_order_runs_and_its_end_is_told_settled_and_forgotten(world: World) -> None:
    world.site.play = lambda _order, _rank: (Print(b"done\n"), Exit(0))
    world.hub.order(order())
    world.start()
    assert await world.ended() == Completed()
    await world.until(lambda: not world.site.runs)
    assert world.hub.log(ONE) == b"done\n"
    assert (ONE, 0) in world.hub.complete
    assert world.site.starts == {ONE: 1}


async def test_logs_are_with_the_hub_before_they_are_forgotten(world: World) -> None:
    world.hub.log_failures = [HubError("away")] * 2
    world.site.play = lambda _order, _rank: (Print(b"text"),)
    world.hub.order(order())
    world.start()
    await world.ended()
    await world.until(lambda: not world.site.runs)
    assert world.hub.log(ONE) == b"text"


async def test_many_orders_run_each_once(world: World) -> None:
    world.site.play = lambda order, _rank: (Exit(int(order.job[1:]) % 3),)
    world.hub.order(*(order(which) for which in range(1, 201)))
    world.start()
    for which in range(1, 201):
        reason = await world.ended(AttemptId(f"h0test-j{which}-1"))
        assert reason == (ExitCode(which % 3) if which % 3 else Completed())
    assert set(world.site.starts.values()) == {1}
    assert world.hub.contradictions == []


async def test_a_lease_is_held_before_anything_starts(world: World) -> None:
    world.site.play = lambda _order, _rank: (Hold(),)
    world.hub.order(order())
    agent = world.start()
    await world.running()
    assert world.site.lease.until_ms > boot_ms() + 30_000
    assert world.site.lease.until_ms <= agent.machine.lease_until_ms


async def test_a_stop_reaches_the_site(world: World) -> None:
    world.site.play = lambda _order, _rank: (Hold(),)
    world.hub.order(order())
    world.start()
    await world.running()
    world.hub.stop(ONE)
    assert await world.ended() == Fenced()


async def test_a_stop_is_tried_until_it_works(world: World) -> None:
    world.site.play = lambda _order, _rank: (Hold(),)
    world.hub.order(order())
    world.start()
    await world.running()
    world.site.failures = [refuse("connector.failed", action="scancel", problem="timeout")] * 5
    world.hub.stop(ONE)
    assert await world.ended() == Fenced()


async def test_a_start_that_fails_at_first_runs_once_in_the_end(world: World) -> None:
    world.site.failures = [refuse("connector.failed", action="sbatch", problem="timeout")] * 2
    world.hub.order(order())
    world.start()
    assert await world.ended() == Completed()
    assert world.site.starts == {ONE: 1}


async def test_a_start_that_goes_on_failing_ends_and_never_runs(world: World) -> None:
    failed = refuse("connector.failed", action="sbatch", problem="no slurmctld")
    world.site.failures = [failed] * 6
    world.hub.order(order())
    world.start()
    reason = await world.ended()
    assert reason == StartFailed("The site failed at sbatch: no slurmctld.")
    assert world.site.starts == {}


async def test_what_a_site_refuses_is_told_at_once(world: World) -> None:
    world.hub.order(msgspec.structs.replace(order(), pool=PoolId("lab/gone")))
    world.start()
    reason = await world.ended()
    assert reason == StartFailed("The site cannot run this: there is no pool lab/gone.")
    assert world.site.starts == {}


async def test_a_bug_in_a_connector_costs_one_attempt_and_not_the_site(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = world.site.start

    def buggy(which: object) -> None:
        if which == order(1):
            raise KeyError("oops")
        start(order(2))

    monkeypatch.setattr(world.site, "start", buggy)
    world.hub.order(order(1), order(2))
    world.start()
    assert await world.ended() == StartFailed("KeyError: 'oops'")
    assert await world.ended(AttemptId("h0test-j2-1")) == Completed()


async def test_a_poke_brings_an_order_long_before_the_next_heartbeat(world: World) -> None:
    world.start()
    await world.until(lambda: world.hub.requests)
    world.hub.order(order())
    assert await world.ended() == Completed()


async def test_a_hub_that_is_away_for_a_while_is_told_all_when_it_is_back(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    world.site.play = lambda _order, _rank: (Await("go"), Exit(3))
    world.hub.order(order())
    world.start()
    await world.running()
    world.hub.failures = [HubError("connection refused")] * 3
    world.site.release("go")
    assert await world.ended() == ExitCode(3)
    await world.until(lambda: "answers again" in caplog.text)
    assert caplog.text.count("connection refused") == 1
    assert world.hub.requests[-1].full or any(request.full for request in world.hub.requests[1:])


async def test_a_refused_token_is_said_clearly_and_tried_slowly(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.hub.failures = [HubError("auth.unknown: The token is unknown. Ask.", 401)]
    agent = world.start()
    await world.until(lambda: "auth.unknown" in caplog.text)
    wake_at_ms = agent.machine.wake_at_ms
    assert wake_at_ms is not None
    assert wake_at_ms > boot_ms() + 3_000


async def test_a_new_agent_goes_on_where_the_one_before_left(world: World) -> None:
    world.site.play = lambda _order, _rank: (Print(b"one "), Await("go"), Print(b"two"))
    world.hub.order(order())
    world.start()
    await world.running()
    await world.until(lambda: world.hub.log(ONE) == b"one ")
    await world.restart()
    await world.until(lambda: world.hub.session == "session-2")
    world.site.release("go")
    assert await world.ended() == Completed()
    await world.until(lambda: world.hub.log(ONE) == b"one two")
    assert world.site.starts == {ONE: 1}


async def test_an_end_that_no_agent_saw_is_told_by_the_next(world: World) -> None:
    world.site.play = lambda _order, _rank: (Await("go"), Print(b"last words"), Exit(4))
    world.hub.order(order())
    world.start()
    await world.running()
    await world.end()
    world.site.release("go")
    await world.restart()
    assert await world.ended() == ExitCode(4)
    await world.until(lambda: world.hub.log(ONE) == b"last words")
    await world.until(lambda: not world.site.runs)


async def test_a_hub_that_forgot_the_session_is_told_all_again(world: World) -> None:
    world.site.play = lambda _order, _rank: (Hold(),)
    world.hub.order(order())
    world.start()
    await world.running()
    world.hub.session, world.hub.seen = "", {}
    await world.until(lambda: world.hub.session == "session-1" and ONE in world.hub.seen)
    assert world.site.starts == {ONE: 1}


async def test_a_changed_inventory_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "INVENTORY_S", 0.0)
    world.start()
    await world.until(lambda: world.hub.requests)
    changed = Inventory(world.site.inventory.pools, world.site.inventory.nodes[:1])
    world.site.inventory = changed
    await world.until(lambda: world.hub.requests[-1].inventory == changed)
    assert not world.hub.requests[-1].full


async def test_nodes_that_the_hub_wants_are_started_and_told(world: World) -> None:
    node = NodeId("lab/burst-h-1")
    world.site.inventory = parse_site_file(SITE_WITH_OFFERS, "lab").inventory
    world.hub.nodes = {PoolId("lab/burst"): (node,)}
    world.start()
    await world.until(lambda: _told(world, node) is NodeCondition.BOOTING)
    await world.until(lambda: _told(world, node) is NodeCondition.READY)
    world.hub.nodes = {}
    await world.until(lambda: node not in world.site.offered)
    assert _told(world, node) in (NodeCondition.READY, None)


async def test_a_provider_that_fails_is_asked_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver, "AGAIN_S", 0.0)
    node = NodeId("lab/burst-h-1")
    world.site.inventory = parse_site_file(SITE_WITH_OFFERS, "lab").inventory
    problem = refuse("connector.failed", action="scaling", problem="the provider is away")
    world.site.failures = [problem] * 3
    world.hub.nodes = {PoolId("lab/burst"): (node,)}
    world.start()
    await world.until(lambda: node in world.site.offered)
    assert world.site.failures == []


def _told(world: World, name: NodeId) -> NodeCondition | None:
    told = [request.inventory for request in world.hub.requests if request.inventory is not None]
    found = [node.condition for node in told[-1].nodes if node.id == name] if told else []
    return found[0] if found else None


async def test_leaving_leaves_what_runs(world: World) -> None:
    world.site.play = lambda _order, _rank: (Hold(),)
    world.hub.order(order())
    world.start()
    await world.running()
    await world.end()
    assert world.site.runs[ONE].is_live
    assert world.client.closed


async def test_a_connector_that_cannot_be_opened_ends_the_agent(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused() -> None:
        raise refuse("connector.refused", problem="no sbatch here", advice="Install Slurm.")

    monkeypatch.setattr(world.connector, "open", refused)
    world.start()
    assert world.task is not None
    with pytest.raises(Exception, match="no sbatch here"):
        await world.task
