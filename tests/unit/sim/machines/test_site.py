"""The modelled site keeps to what is asked of a real connector."""

from random import Random

import pytest

from hutong.model.attempt import AttemptOrder, NodeShare, Observation
from hutong.model.errors import HutongError
from hutong.model.ids import AttemptId, JobId, NodeId, PoolId, RegionId, SiteId, TenantId
from hutong.model.job import Program
from hutong.model.reasons import Completed, Fenced, NodeGone, ProcessLost, TimeLimit
from hutong.model.resources import Amount
from hutong.model.states import AttemptState
from hutong.model.supply import Inventory, Node, NodeCondition, Pool, Site
from hutong.sim.machines.loop import Loop
from hutong.sim.machines.script import SiteLine, SiteModel
from hutong.sim.machines.site import ModelSite, Run

POOL = Pool(PoolId("bj/cpu"), SiteId("bj"), Amount(4_000, 8_192))
NODES = tuple(Node(NodeId(f"bj/n{number}"), POOL.id) for number in (1, 2))


class Book:
    """Writes down what truly happened."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, AttemptId]] = []

    def taken(self, _site: ModelSite, run: Run) -> None:
        self.lines.append(("taken", run.order.attempt))

    def began(self, _site: ModelSite, run: Run) -> None:
        self.lines.append(("began", run.order.attempt))

    def over(self, _site: ModelSite, run: Run) -> None:
        self.lines.append(("over", run.order.attempt))

    def node_started(self, _site: ModelSite, node: Node, beside: int) -> None:
        self.lines.append((f"started beside {beside}", AttemptId(node.id)))


class World:
    """A site of two nodes whose programs run 100 s and take 30 s to leave."""

    def __init__(self) -> None:
        self.loop = Loop(1_000_000)
        self.book = Book()
        line = SiteLine(
            Site(SiteId("bj"), "owner", RegionId("cn-beijing"), "CN-BJ"),
            Inventory((POOL,), NODES),
            drift_ppm=10_000,
        )
        self.site = ModelSite(
            self.loop,
            Random(1),
            line,
            SiteModel(start_ms=(10, 10), notice_ms=(1, 1)),
            ledger=self.book,
            nature=lambda order: (100_000, 0, 30_000),
        )
        self.site.agent = self
        self.seen: list[Observation] = []
        self.problems: list[str] = []
        self.site.hold_lease(1_000_000, 10_000)

    def saw(self, observations: tuple[Observation, ...]) -> None:
        self.seen.extend(observations)

    def inventory_changed(self, inventory: Inventory) -> None:
        self.inventory = inventory

    def start(self, attempt: str = "abc123-j1-1", *, alive: bool = True, **fields: int) -> None:
        order = AttemptOrder(
            AttemptId(attempt),
            JobId("j1"),
            1,
            TenantId("org"),
            "job",
            POOL.id,
            (NodeShare(NODES[0].id, 1),),
            Program(argv=("true",)),
            Amount(1_000, 256),
            **fields,  # type: ignore[arg-type]
        )

        def done(problem: HutongError | None) -> None:
            self.problems.append(problem.code if problem else "")

        self.site.start(order, lambda: alive, done)

    def until(self, after_ms: int) -> None:
        end_ms = self.loop.now_ms + after_ms
        self.loop.at(end_ms, lambda: None)
        while self.loop.now_ms < end_ms and self.loop.step():
            pass

    @property
    def run(self) -> Run:
        (run,) = self.site.runs.values()
        return run


@pytest.fixture
def world() -> World:
    return World()


def test_attempt_runs_once_however_often_it_is_started(world: World) -> None:
    world.start()
    world.start()
    world.until(200_000)
    world.start()
    world.until(1_000)
    assert [what for what, _ in world.book.lines] == ["taken", "began", "over"]
    assert world.run.reason == Completed()
    assert world.run.ended_ms - world.run.started_ms == 101_000, (
        "by a clock that is a hundredth fast"
    )


def test_time_limit_ends_it(world: World) -> None:
    world.start(time_limit_ms=20_000)
    world.until(60_000)
    assert world.run.reason == TimeLimit(20_000)


def test_stop_waits_for_the_grace_and_no_longer(world: World) -> None:
    world.start()
    world.until(1_000)
    world.site.stop(world.run.order.attempt, 5_000)
    world.until(4_000)
    assert world.run.is_live
    world.until(2_000)
    assert world.run.reason == Fenced()


def test_stop_overtakes_a_start_that_is_under_way(world: World) -> None:
    world.start()
    world.site.stop(AttemptId("abc123-j1-1"), 0)
    world.until(1_000)
    assert world.site.runs == {}
    assert [seen.ended for seen in world.seen] == [Fenced()]


def test_start_dies_with_the_process_that_called(world: World) -> None:
    world.start(alive=False)
    world.until(1_000)
    assert world.site.runs == {}
    assert world.problems == []


def test_supervisors_end_everything_with_the_lease_though_no_agent_lives(world: World) -> None:
    world.site.agent = None
    world.site.hold_lease(60_000, 10_000)
    world.start(grace_ms=4_000)
    world.until(55_000)
    assert world.run.is_live
    world.until(5_000)
    assert world.run.reason == Fenced()
    assert world.site.clock.boot_ms(world.run.over_true_ms) <= 60_000
    world.start("abc123-j2-1")
    world.until(1_000)
    assert world.problems[-1] == "connector.failed", "without a lease nothing starts"


def test_longer_lease_lets_it_run_on(world: World) -> None:
    world.site.hold_lease(60_000, 10_000)
    world.start()
    world.until(30_000)
    world.site.hold_lease(300_000, 10_000)
    world.until(90_000)
    assert world.run.reason == Completed()


def test_node_that_crashes_takes_its_attempts_with_it_and_is_back_later(world: World) -> None:
    world.start()
    world.until(1_000)
    world.site.crash_node(NODES[0].id, 10_000)
    assert world.run.reason == NodeGone(NODES[0].id)
    assert world.inventory.nodes[0].condition is NodeCondition.DOWN
    world.start("abc123-j2-1")
    world.until(11_000)
    assert world.problems[-1] == "connector.refused"
    assert world.inventory.nodes == NODES


def test_reboot_keeps_the_records_and_ends_the_lease(world: World) -> None:
    world.start()
    world.until(1_000)
    world.site.reboot()
    (seen,) = world.site.scan()
    assert (seen.state, seen.ended) == (AttemptState.ENDED, ProcessLost())
    assert world.site.lease_until_ms == 0
    world.site.forget(seen.attempt)
    assert world.site.scan() == ()


def test_checkpoints_are_seen_as_often_as_a_real_site_tells_them(world: World) -> None:
    world.start(checkpoint_ms=10_000)
    world.until(99_000)
    told = list(dict.fromkeys(seen.checkpointed_ms for seen in world.seen if seen.checkpointed_ms))
    assert len(told) == 2
    assert told[1] - told[0] >= 65_000
    assert world.run.saved_ms - told[1] >= 10_000, "later ones are not told of yet"
