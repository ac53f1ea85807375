"""The agent's machine and nodes of offers: a level that is passed on when it changes."""

from hutong.lifecycle.agent_events import AgentEffect, Scale, SyncAnswered, SyncFailed
from hutong.lifecycle.sync import SyncReply
from hutong.model.ids import NodeId, PoolId
from tests.unit.lifecycle.agent_world import World

POOL = PoolId("bj/burst")
FIRST, SECOND = NodeId("bj/burst-1"), NodeId("bj/burst-2")
ONE: dict[PoolId, tuple[NodeId, ...]] = {POOL: (FIRST,)}
TWO: dict[PoolId, tuple[NodeId, ...]] = {POOL: (FIRST, SECOND)}


def scales(effects: tuple[AgentEffect, ...]) -> list[dict[PoolId, tuple[NodeId, ...]]]:
    return [effect.wanted for effect in effects if isinstance(effect, Scale)]


def test_what_is_wanted_is_passed_on_to_the_connector() -> None:
    assert scales(World().answer(wanted=ONE)) == [ONE]


def test_a_repeated_level_asks_for_nothing() -> None:
    world = World()
    world.answer(wanted=ONE)
    assert scales(world.exchange(wanted=ONE)) == []
    assert scales(world.exchange(wanted=TWO)) == [TWO]
    assert scales(world.exchange(wanted={POOL: ()})) == [{POOL: ()}]


def test_an_answer_that_says_nothing_of_offers_changes_nothing() -> None:
    world = World()
    world.answer(wanted=ONE)
    assert scales(world.exchange()) == []
    assert scales(world.exchange(wanted=ONE)) == []


def test_a_late_answer_is_ignored() -> None:
    world = World()
    late = world.syncs[-1].number
    world.tell(SyncFailed(late))
    world.wait(2_000)
    assert scales(world.tell(SyncAnswered(late, SyncReply(wanted=TWO)))) == []


def test_a_new_agent_passes_on_the_first_level_it_hears() -> None:
    World().answer(wanted=ONE)
    assert scales(World().answer(wanted=ONE)) == [ONE]
