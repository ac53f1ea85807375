"""Calling every kernel once, so that none is compiled while a hub waits for it.

`python -m hutong.scheduler.warm` compiles what is not compiled on this machine yet.
"""

import numpy as np

from hutong.model.ids import NodeId, PoolId, SiteId
from hutong.model.resources import Amount
from hutong.model.supply import Node, Pool
from hutong.scheduler.added import AddedShares
from hutong.scheduler.arena import Arena, Ground
from hutong.scheduler.columns import PoolColumns, need_of
from hutong.scheduler.fit import NO_MASK, Index, pack, vector_for
from hutong.scheduler.fragment import FragmentIndex, Fragments
from hutong.scheduler.kernels import fragments, layout, load
from hutong.scheduler.typical import Typical, wastes_of


def warm() -> None:
    """Call every kernel in use on a pool of two nodes."""
    pool = Pool(PoolId("warm/pool"), SiteId("warm"), Amount(8_000, 8_192, 2_000), "any")
    nodes = [Node(NodeId(f"warm/{at}"), pool.id, ("spine", "rack")) for at in range(2)]
    columns = PoolColumns(pool, nodes)
    need = need_of(1_000, 1_024, 1_000, exclusive=False)
    columns.take(0, need, 1)
    same = np.zeros(layout.SLOT_ROW, np.int64)
    columns.account(need, [0, 1, columns.slots.add()], np.zeros((0, 0), np.int16), same, 0)
    columns.release([0])
    index = Index(columns)
    vector = vector_for(need, 2, 1, columns)
    index.tightest(vector, NO_MASK)
    index.fitting(vector)
    index.gather(vector, NO_MASK)
    shares = index.spread(vector, 2, NO_MASK)
    index.place(vector, shares, AddedShares(2), 0, 0)
    index.sweep(
        vector.reshape(1, -1), np.zeros(1, np.int32), np.zeros(1, np.bool_), np.zeros(1, np.bool_)
    )
    typical = Typical(
        np.ones(2, np.int64), wastes_of({500: 1}), np.ones((1, fragments.KIND_PLACES), np.int64),
        np.zeros((1, fragments.TERMS), np.int64),
    )  # fmt: skip
    ground = Ground(Arena([columns]))
    spoiled = Fragments(ground, AddedShares(2), lambda: typical)
    FragmentIndex(ground.copy_of(columns), spoiled, ground).tightest(vector, NO_MASK)
    pack(np.ones(2, np.int64), 2, columns.domains)


if __name__ == "__main__":
    load()
    warm()
