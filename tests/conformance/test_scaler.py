"""What a connector promises that starts nodes of offers, the local one and its twin alike."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from hutong.connectors.contract import Ability, Scaler
from hutong.model.attempt import NodeShare
from hutong.model.ids import AttemptId, NodeId, PoolId
from hutong.model.reasons import SpotRevoked
from hutong.model.states import AttemptState
from hutong.model.supply import Inventory, NodeCondition
from hutong.testing.connector import Hold
from tests.conformance.connectors import (
    PATIENCE_S,
    SITE_WITH_OFFERS,
    LocalRig,
    MemoryRig,
    Rig,
    Watch,
    hold,
    order,
)

pytestmark = pytest.mark.anyio

BURST, NEVER, SPOT = PoolId("lab/burst"), PoolId("lab/never"), PoolId("lab/spot")
FIRST, SECOND, THIRD = (NodeId(f"lab/burst-h-{number}") for number in (1, 2, 3))
SPOT_NODE = NodeId("lab/spot-h-1")
ONE = AttemptId("h0test-j1-1")
READY, BOOTING, DOWN = NodeCondition.READY, NodeCondition.BOOTING, NodeCondition.DOWN


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["memory", "local"])
async def rig(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Rig]:
    made: Rig = (
        MemoryRig(SITE_WITH_OFFERS)
        if request.param == "memory"
        else LocalRig(tmp_path, SITE_WITH_OFFERS)
    )
    await made.connector.open()
    await hold(made.connector)
    yield made
    await made.leave()


def scaler(rig: Rig) -> Scaler:
    assert rig.connector.abilities()[Ability.SCALES] == ""
    return rig.connector  # type: ignore[return-value]


def offered(inventory: Inventory) -> dict[NodeId, NodeCondition]:
    """The nodes of offers, by name."""
    pools = {offer.pool for offer in inventory.offers}
    return {node.id: node.condition for node in inventory.nodes if node.pool in pools}


async def until(rig: Rig, told: Callable[[Inventory], bool]) -> Inventory:
    """The first inventory that is told and is as wanted."""
    async with asyncio.timeout(PATIENCE_S):
        async for inventory in scaler(rig).inventories():
            if told(inventory):
                return inventory
    raise AssertionError("the inventories ended")


async def test_offers_and_their_empty_pools_are_in_the_inventory(rig: Rig) -> None:
    inventory = await rig.connector.inventory()
    assert [offer.pool for offer in inventory.offers] == [BURST, NEVER, SPOT]
    assert {BURST, NEVER, SPOT} <= {pool.id for pool in inventory.pools}
    assert offered(inventory) == {}


async def test_a_node_boots_and_then_is_ready(rig: Rig) -> None:
    asked_ms = time.time_ns() // 1_000_000
    await scaler(rig).scale({BURST: (FIRST,)})
    inventory = await rig.connector.inventory()
    assert offered(inventory) == {FIRST: BOOTING}
    ready_ms = next(node.ready_ms for node in inventory.nodes if node.id == FIRST)
    assert asked_ms + 300 <= ready_ms <= time.time_ns() // 1_000_000 + 300
    await until(rig, lambda told: offered(told) == {FIRST: READY})


async def test_told_again_it_starts_nothing_again(rig: Rig) -> None:
    await scaler(rig).scale({NEVER: (NodeId("lab/never-h-1"),)})
    before = await rig.connector.inventory()
    await scaler(rig).scale({NEVER: (NodeId("lab/never-h-1"),)})
    assert await rig.connector.inventory() == before


async def test_a_crash_while_it_boots_neither_loses_nor_doubles_it(rig: Rig) -> None:
    wanted = {NEVER: (NodeId("lab/never-h-1"), NodeId("lab/never-h-2"))}
    await scaler(rig).scale(wanted)
    before = await rig.connector.inventory()
    await rig.crash()
    assert await rig.connector.inventory() == before
    await scaler(rig).scale(wanted)
    assert await rig.connector.inventory() == before


async def test_no_more_than_the_offer_has_are_started(rig: Rig) -> None:
    await scaler(rig).scale({BURST: (FIRST, SECOND, THIRD)})
    assert list(offered(await rig.connector.inventory())) == [FIRST, SECOND]


async def test_a_node_that_is_not_wanted_any_more_is_gone(rig: Rig) -> None:
    await scaler(rig).scale({BURST: (FIRST, SECOND)})
    await scaler(rig).scale({BURST: (SECOND,)})
    assert list(offered(await rig.connector.inventory())) == [SECOND]
    await scaler(rig).scale({})
    assert offered(await rig.connector.inventory()) == {}


async def test_names_that_cannot_be_are_left_alone(rig: Rig) -> None:
    await scaler(rig).scale({PoolId("lab/nowhere"): (FIRST,), PoolId("lab/chips"): (SECOND,)})
    assert offered(await rig.connector.inventory()) == {}


async def test_attempts_run_on_it(rig: Rig, watch: Watch) -> None:
    await scaler(rig).scale({BURST: (FIRST,)})
    await until(rig, lambda told: offered(told) == {FIRST: READY})
    there = order(pool=BURST, nodes=(NodeShare(FIRST, 1),))
    await rig.connector.start(rig.act(there, Hold()))
    await watch.running(ONE)
    await scaler(rig).scale({})
    assert (await watch.ended(ONE)).state is AttemptState.ENDED


async def test_a_spot_node_that_is_taken_back_says_so_and_stays_away(
    rig: Rig, watch: Watch
) -> None:
    await scaler(rig).scale({SPOT: (SPOT_NODE,)})
    await until(rig, lambda told: offered(told) == {SPOT_NODE: READY})
    await rig.connector.start(
        rig.act(order(pool=SPOT, nodes=(NodeShare(SPOT_NODE, 1),)), Hold(deaf=True))
    )
    rig.revoke(SPOT_NODE)
    assert (await watch.ended(ONE)).ended == SpotRevoked(SPOT_NODE)
    await until(rig, lambda told: offered(told) == {SPOT_NODE: DOWN})
    await rig.crash()
    await scaler(rig).scale({SPOT: (SPOT_NODE,)})
    assert offered(await rig.connector.inventory()) == {SPOT_NODE: DOWN}
    await scaler(rig).scale({SPOT: ()})
    assert offered(await rig.connector.inventory()) == {}


async def test_what_is_ordered_for_a_node_that_is_gone_ends_by_that(rig: Rig, watch: Watch) -> None:
    await scaler(rig).scale({SPOT: (SPOT_NODE,)})
    rig.revoke(SPOT_NODE)
    await until(rig, lambda told: offered(told) == {SPOT_NODE: DOWN})
    await rig.connector.start(rig.act(order(pool=SPOT, nodes=(NodeShare(SPOT_NODE, 1),)), Hold()))
    end = await watch.ended(ONE)
    assert (end.ended, end.started_ms) == (SpotRevoked(SPOT_NODE), 0)


@pytest.fixture
async def watch(rig: Rig) -> AsyncIterator[Watch]:
    watching = Watch(rig.connector)
    yield watching
    watching.stop()
