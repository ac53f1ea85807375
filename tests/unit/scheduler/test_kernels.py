"""The kernels give the same compiled as plain, on random pools: results and what they write."""

import sys
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import numpy as np
import pytest

from hutong.model.ids import NodeId, PoolId, SiteId
from hutong.model.resources import Amount
from hutong.model.supply import Node, NodeCondition, Pool
from hutong.scheduler import kernels
from hutong.scheduler.added import AddedShares
from hutong.scheduler.arena import Arena, Ground
from hutong.scheduler.columns import Need, PoolColumns, need_of
from hutong.scheduler.fit import NO_MASK, Index, pack_rows, vector_for
from hutong.scheduler.fragment import FragmentIndex, Fragments
from hutong.scheduler.kernels import layout
from hutong.scheduler.typical import Typical, part_of, wastes_of

Kind = Callable[[PoolColumns, AddedShares], Index]

NEEDS = [
    need_of(cpu, mem, milli, exclusive=alone)
    for cpu, mem, milli, alone in [
        (1_000, 1_024, 0, False), (0, 0, 0, False), (500, 512, 250, False), (0, 0, 400, False),
        (2_000, 0, 1_000, False), (1_000, 4_096, 2_000, False), (4_000, 1_024, 4_000, False),
        (1_000, 1_024, 1_000, True), (100, 100, 750, True),
    ]
]  # fmt: skip
CONDITIONS = [*[NodeCondition.READY] * 6, NodeCondition.DRAINING, NodeCondition.DOWN]


@pytest.fixture(autouse=True)
def plain_afterwards() -> Iterator[None]:
    yield
    kernels.unload()


def pool(rng: Random) -> PoolColumns:
    """A pool of up to 90 nodes, some with domains of two levels."""
    count, chips = rng.choice([1, 3, 20, 70, 90]), rng.choice([0, 2_500, 4_000, 8_000])
    racks = rng.choice([0, 2, 5])
    nodes = [
        Node(
            NodeId(f"n{at}"), PoolId("p/p"), (f"s{at % 2}", f"r{at % racks}") if racks else (),
            rng.choice(CONDITIONS),
        )
        for at in range(count)
    ]  # fmt: skip
    size = Amount(rng.choice([8_000, 16_000]), 16_384, chips)
    return PoolColumns(Pool(PoolId("p/p"), SiteId("p"), size, "any"), nodes)


def vector(rng: Random, columns: PoolColumns, need: Need) -> Any:
    return vector_for(need, rng.choice([1, 1, 2, 3, 9]), rng.choice([1, 2, 8]), columns)


def history(seed: int, kind: Kind) -> list[Any]:
    """All that the kernels in use say in a random history of one pool."""
    rng = Random(seed)
    columns = pool(rng)
    for _ in range(rng.randint(0, 30)):
        columns.take(rng.randrange(len(columns.ids)), rng.choice(NEEDS), rng.choice([1, 1, 2]))
    added = AddedShares(len(columns.caps))
    index = kind(columns, added)
    columns = index.columns
    said: list[Any] = []
    for _ in range(25):
        need = rng.choice(NEEDS)
        wanted = vector(rng, columns, need)
        mask = np.array([rng.random() < 0.6 for _ in columns.ids], np.bool_)
        allowed = rng.choice([NO_MASK, mask])
        tasks = int(wanted[layout.NEED_TASKS])
        row = index.tightest(wanted, allowed)
        rows, holds = index.gather(wanted, allowed)
        rows, holds = rows.copy(), holds.copy()
        spread = index.spread(wanted, tasks, allowed) if need.chips else []
        together = int(holds.sum()) >= tasks
        packed = pack_rows(rows, holds, tasks, columns.codes) if together else []
        said += [row, rows.tolist(), holds.tolist(), index.fitting(wanted), spread, packed]
        shares = [(row, tasks)] if row >= 0 else spread or packed
        if shares:
            index.place(wanted, shares, added, seed, 1)
        needs = np.array([vector(rng, columns, rng.choice(NEEDS)) for _ in range(6)])
        numbers = np.array([0, 1, 2, -1, 1, 3], np.int32)
        maybe, out = np.zeros(4, np.bool_), np.zeros(6, np.bool_)
        index.sweep(needs, numbers, maybe, out)
        said += [maybe.tolist(), out.tolist()]
    said += [columns.node.tolist(), columns.chips.tolist()]
    said += [index._where.tolist(), index._count.tolist(), index._held.tolist()]
    return [*said, added.table.tolist(), added.chips.tolist()]


def tightest(columns: PoolColumns, added: AddedShares) -> Index:
    del added
    return Index(columns)


def by_fragments(columns: PoolColumns, added: AddedShares) -> Index:
    several = [(2, 1_000, 4_096, 300), (4, 4_000, 1_024, 90), (0, 0, 0, 390)]
    typical = Typical(
        np.array((70_000, 900_000), np.int64), wastes_of({250: 3, 400: 5}),
        np.array(several, np.int64), np.array([(17, part_of(columns.cpu_total))], np.int64),
    )  # fmt: skip
    ground = Ground(Arena([columns]))
    spoiled = Fragments(ground, added, lambda: typical)
    return FragmentIndex(ground.copy_of(columns), spoiled, ground)


@pytest.mark.parametrize("kind", [tightest, by_fragments])
def test_compiled_kernels_say_and_write_what_plain_ones_do(kind: Kind) -> None:
    assert not kernels.is_loaded()
    seeds = range(80)
    plain = [history(seed, kind) for seed in seeds]
    kernels.load()
    assert kernels.is_loaded()
    for seed in seeds:
        assert history(seed, kind) == plain[seed], seed
    assert sum(said[0] >= 0 for said in plain) > 20


def test_every_kernel_is_there_plain_and_compiled() -> None:
    plain = kernels.active()
    kernels.load()
    compiled = kernels.active()
    for name in ("nodes", "gangs", "accounts", "fragments", "turns", "flow"):
        one, other = getattr(plain, name), getattr(compiled, name)
        assert [n for n in vars(one) if not n.startswith("_")] == [
            n for n in vars(other) if not n.startswith("_")
        ]
        assert one is not other
    assert plain is not compiled
    assert sys.modules["hutong.scheduler.kernels.nodes"] is plain.nodes
