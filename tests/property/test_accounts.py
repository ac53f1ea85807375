"""The accounts of nodes add up whatever starts, ends and changes, with plain and compiled kernels.

Random attempts are started on nodes whether they fit or not, as they are after a restart, while
inventories come that lack nodes, chips or CPU. The state counts all of it again after every step.
"""

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from hutong.model.attempt import GroupPlace, NodeShare
from hutong.model.ids import AttemptId, JobId, NodeId, PoolId, RegionId, SiteId, TenantId
from hutong.model.resources import Amount
from hutong.model.supply import Inventory, Node, NodeCondition, Pool, Site
from hutong.scheduler import kernels
from hutong.scheduler.columns import PoolColumns
from hutong.scheduler.state import RunningAttempt, SchedulerState
from hutong.scheduler.supply import Supply
from tests.unit.scheduler.worlds import A100, CATALOG, H100

SITE = SiteId("bj")
POOLS = (PoolId("bj/gpu"), PoolId("bj/cpu"))
NODES = 6
STEPS = 60
SEEDS = range(25)
NEEDS = (0, 0, 125, 400, 500, 1000, 1000, 2000, 3000)

Accounts = list[tuple[Any, ...]]


@pytest.fixture
def compiled() -> Iterator[None]:
    kernels.load()
    yield
    kernels.unload()


class Play:
    """One random history of a site with two pools."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.state = SchedulerState(CATALOG)
        self.state.put_site(Site(SITE, "bj", RegionId("beijing"), "CN"))
        self.live: list[AttemptId] = []
        self.seq = 0
        self.supply = self.state.snapshot(0).supply
        self.supply.restoring = True  # attempts go where they do not fit, as after a restart
        self.inventory()

    def step(self) -> None:
        match self.random.choice(("start",) * 5 + ("end",) * 3 + ("inventory", "stop", "progress")):
            case "start":
                self.start()
            case "end" if self.live:
                self.state.release(self.live.pop(self.random.randrange(len(self.live))))
            case "inventory":
                before = chips_by_share(self.supply)
                self.inventory()
                check_chips_kept(before, self.supply)
            case "stop" if self.live:
                self.state.mark_stopping(self.random.choice(self.live))
            case "progress" if self.live:
                self.state.note_progress(self.random.choice(self.live), self.seq, self.seq // 2)
        self.state.validate()

    def start(self) -> None:
        draw = self.random
        self.seq += 1
        attempt = AttemptId(f"a{self.seq}")
        groups = (GroupPlace(draw.choice(POOLS), self.needs()),) if draw.random() < 0.3 else ()
        shares = [
            NodeShare(self.node(draw.choice(POOLS), draw.randrange(NODES)), draw.randint(1, 3),
                      draw.randint(0, len(groups)))
            for _ in range(draw.randint(1, 5))
        ]  # fmt: skip
        self.state.start(
            RunningAttempt(
                attempt, JobId(f"j{self.seq}"), self.seq, TenantId(f"t{draw.randrange(3)}"),
                draw.choice(("normal", "high", "low")), SITE, draw.choice(POOLS), tuple(shares),
                self.needs(), draw.randrange(10**6), draw.randrange(10**7),
                preemptible=draw.random() < 0.7, min_run_ms=draw.choice((0, 1000)),
                exclusive=draw.random() < 0.1, stopping=draw.random() < 0.1,
                end_basis=draw.choice(("limits", "estimates", "none", "unheard of")), groups=groups,
                checkpoint_ms=draw.choice((0, 5000)),
            )
        )  # fmt: skip
        self.live.append(attempt)

    def needs(self) -> Amount:
        return Amount(
            self.random.randrange(3000), self.random.randrange(3000), self.random.choice(NEEDS)
        )

    def inventory(self) -> None:
        draw = self.random
        pools, nodes = [], []
        for at, pool in enumerate(POOLS):
            if draw.random() < 0.1:
                continue
            milli = 0 if at else draw.choice((2500, 4000, 4000, 8000))
            capacity = Amount(draw.choice((8_000, 16_000)), 65_536, milli)
            pools.append(Pool(pool, SITE, capacity, "" if at else draw.choice((A100, H100))))
            for number in range(NODES):
                if draw.random() < 0.85:
                    condition = draw.choice(
                        (NodeCondition.READY, NodeCondition.READY, NodeCondition.BOOTING)
                    )
                    nodes.append(Node(self.node(pool, number), pool, condition=condition))
        self.state.put_inventory(SITE, Inventory(tuple(pools), tuple(nodes)))

    def node(self, pool: PoolId, number: int) -> NodeId:
        return NodeId(f"{pool}-{number}")


Chips = dict[tuple[AttemptId, int], tuple[NodeId, list[int]]]


def chips_by_share(supply: Supply) -> Chips:
    """What each share holds of which chips, on the nodes that owe nothing."""
    return {
        (attempt, at): (share.node.node, share.columns.slots.chips[share.slot].tolist())
        for attempt, running in supply.running.items()
        for at, share in enumerate(running.shares)
        if share.columns is not None and not share.columns.debt[share.row]
    }


def check_chips_kept(before: Chips, supply: Supply) -> None:
    """Where the node is still there and had room for all, each keeps the chips that still exist."""
    after = chips_by_share(supply)
    for share, (node, held) in before.items():
        if share in after and len(after[share][1]) >= len(held):
            _, now = after[share]
            assert now[: len(held)] == held, (share, node)


def accounts(columns: PoolColumns) -> tuple[Any, ...]:
    slots = columns.slots
    live = slots.live()
    return (
        columns.node.tolist(), columns.chips.tolist(), columns.shrunk.tolist(), live.tolist(),
        slots.table[:, live].tolist(), slots.marks[:, live].tolist(), slots.chips[live].tolist(),
    )  # fmt: skip


def played(seed: int) -> list[Accounts]:
    """The accounts after every step of a history."""
    play = Play(seed)
    found = []
    for _ in range(STEPS):
        play.step()
        found.append([accounts(columns) for columns in play.supply.order])
    for attempt in play.live:
        play.state.release(attempt)
    play.state.validate()
    for columns in play.supply.order:
        booting = [row for node, row in rows(columns) if node in play.supply.booting]
        assert sorted(columns.slots.row[columns.slots.live()].tolist()) == booting
    return found


def rows(columns: PoolColumns) -> list[tuple[NodeId, int]]:
    return [(node, row) for row, node in enumerate(columns.ids)]


@pytest.fixture(scope="module")
def plain() -> list[list[Accounts]]:
    return [played(seed) for seed in SEEDS]


def test_accounts_add_up_whatever_starts_ends_and_changes(plain: list[list[Accounts]]) -> None:
    assert any(pool[6] for history in plain for step in history for pool in step)


@pytest.mark.usefixtures("compiled")
def test_compiled_kernels_keep_the_same_accounts(plain: list[list[Accounts]]) -> None:
    assert kernels.is_loaded()
    for seed in SEEDS:
        assert played(seed) == plain[seed]
