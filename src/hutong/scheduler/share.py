"""An attempt's share of one node, and where it is accounted."""

from collections.abc import Sequence

import numpy as np

from hutong.model.attempt import NodeShare
from hutong.scheduler.columns import Need, PoolColumns, Small

_NONE_KEPT: Small = np.zeros((0, 0), np.int16)


class Share:
    """An attempt's share of one node, and the slot it is accounted in, if in any.

    `kept` is what it held of its chips when it was last accounted, while it is nowhere.
    """

    __slots__ = ("columns", "kept", "need", "node", "row", "slot")

    def __init__(self, node: NodeShare, need: Need) -> None:
        self.node = node
        self.need = need
        self.columns: PoolColumns | None = None
        self.row = -1
        self.slot = -1
        self.kept: Small | None = None

    def detach(self) -> None:
        """Forget the slot, but not which chips it held."""
        if self.columns is not None and self.need.milli:
            self.kept = self.columns.slots.chips[self.slot].copy()
        self.columns, self.row, self.slot = None, -1, -1


def chips_kept(batch: Sequence[Share]) -> Small:
    """The chips that shares keep, a row each; no rows where none keeps any."""
    kept = [share.kept for share in batch if share.kept is not None]
    if not kept:
        return _NONE_KEPT
    known = np.zeros((len(batch), max(map(len, kept))), np.int16)
    for at, share in enumerate(batch):
        if share.kept is not None:
            known[at, : len(share.kept)] = share.kept
            share.kept = None
    return known
